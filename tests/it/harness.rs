//! The harness itself: what the other tests take for granted.
#![cfg(unix)]

use crate::support;

use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::oidc::lost_reply;
use support::sandbox::files;
use support::{GnomeKeyring, OidcProvider, Reply, Running, Sandbox, Server, SessionBus, http};

fn shell(sandbox: &Sandbox, script: &str) -> Running {
    Running::start(sandbox.program("sh", ["-c", script]), None)
}

#[test]
fn a_sandbox_shows_its_commands_only_its_own_environment() {
    let mut sandbox = Sandbox::new();
    sandbox
        .env("TOKCTL_TOKEN_X", "1")
        .env("TOKCTL_TOKEN_X", "2");
    let run = shell(
        &sandbox,
        "env | cut -d= -f1 | grep -v -e _ -e PWD | sort; echo $TOKCTL_TOKEN_X",
    )
    .wait();
    run.ok("HOME\nPATH\n2\n");
    let run = shell(&sandbox, "echo $DBUS_SESSION_BUS_ADDRESS; pwd").wait();
    run.ok(&format!("\n{}\n", sandbox.home().display()));
}

#[test]
fn a_sandbox_writes_private_files_and_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    sandbox.config("# first, and longer\n").config("# second\n");
    let run = shell(
        &sandbox,
        "stat -c '%a %n' config config/tokctl config/tokctl/* run state; cat config/tokctl/*",
    );
    let modes =
        "700 config\n700 config/tokctl\n600 config/tokctl/config.toml\n700 run\n700 state\n";
    run.wait().ok(&format!("{modes}# second\n"));
    assert_eq!(files(sandbox.home()), [sandbox.config_file()]);
    let home = sandbox.home().to_owned();
    drop(sandbox);
    assert!(!home.exists());
}

#[test]
fn a_run_tells_stdout_stderr_and_code_apart() {
    let sandbox = Sandbox::new();
    shell(&sandbox, "echo out; echo some words >&2")
        .wait()
        .ok_with("out\n", "me word");
    shell(&sandbox, "echo out; echo some words >&2; exit 4")
        .wait()
        .ends(4, "out\n", "some");
    shell(&sandbox, "echo some words >&2; exit 4")
        .wait()
        .fails(4, "words");
    shell(&sandbox, "kill -9 $$").wait().ends_by_signal(9);
    let cat = Running::start(sandbox.program("cat", ["-"]), Some(b"through".to_vec()));
    cat.wait().ok("through");
}

#[test]
#[should_panic(expected = "wanted: exit 0, stdout \"a\", no stderr")]
fn a_run_that_differs_fails_the_test() {
    shell(&Sandbox::new(), "printf b").wait().ok("a");
}

#[test]
#[should_panic(expected = "-- stderr\nunexpected\n")]
fn a_word_on_stderr_fails_a_run_that_should_be_silent() {
    shell(&Sandbox::new(), "printf a; echo unexpected >&2")
        .wait()
        .ok("a");
}

#[test]
fn a_server_records_what_it_is_asked() {
    let server =
        Server::start(|request| Reply::json(201, request.form()["a"].clone()).header("x-y", "z"));
    let response = http::post_form(
        &server.url("/token?q=1%202"),
        &[("a", "p@:ss%41+w rd&x=ü"), ("b", "")],
    );
    assert_eq!((response.status, response.header("X-Y")), (201, Some("z")));
    assert_eq!(response.body, "p@:ss%41+w rd&x=ü");
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/token")
    );
    assert_eq!(request.parameters()["q"], "1 2");
    assert_eq!(
        request.header("Content-Type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        (server.hits(), server.hits_of("/token"), server.hits_of("/")),
        (1, 1, 0)
    );
}

#[test]
fn a_server_knows_how_many_it_served_at_once() {
    let server = Server::start(|_| Reply::json(200, "{}").after(Duration::from_millis(200)));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| http::get(&server.url("/")));
        }
    });
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!((server.hits(), server.max_in_flight()), (3, 3));
    http::get(&server.url("/"));
    assert_eq!((server.hits(), server.max_in_flight()), (4, 3));
}

#[test]
#[should_panic(expected = "not an HTTP reply: \"\"")]
fn a_server_can_lose_its_reply() {
    let server = Server::start(|_| Reply::none());
    http::get(&server.url("/"));
}

#[test]
#[should_panic(expected = "not an HTTP reply: \"nonsense\"")]
fn a_server_can_say_anything() {
    let server = Server::start(|_| Reply::raw("nonsense"));
    http::get(&server.url("/"));
}

#[test]
fn a_spent_refresh_token_revokes_its_family() {
    let server = Server::tokens(60);
    let token = |refresh_token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        http::post_form(&server.url("/token"), &form)
    };
    let credentials = http::post_form(
        &server.url("/token"),
        &[("grant_type", "client_credentials")],
    );
    assert_eq!(
        credentials.json(),
        json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 60})
    );
    let renewed = token("rt-1").json();
    assert_eq!(
        (&renewed["access_token"], &renewed["refresh_token"]),
        (&json!("at-2"), &json!("rt-2"))
    );
    assert_eq!(
        token("never-issued").json(),
        json!({"error": "invalid_grant"})
    );
    assert_eq!(token("rt-2").json()["refresh_token"], "rt-3");
    for spent_or_revoked in ["rt-1", "rt-3"] {
        assert_eq!(
            token(spent_or_revoked).json(),
            json!({"error": "invalid_grant"})
        );
    }
    let mut browser = http::Browser::default();
    let answer = browser.request(
        "GET",
        &server.url("/me"),
        &[("authorization", "Bearer at-3")],
        "",
    );
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer error="invalid_token""#)
    );
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn the_provider_issues_and_rotates_refresh_tokens() {
    let provider = OidcProvider::start(&[]);
    let first = provider.refresh_token("pkce");
    let renew = |token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "pkce"),
            ("refresh_token", token),
        ];
        provider.token(&form)
    };
    let tokens = renew(&first).json();
    assert_ne!(tokens["refresh_token"], json!(first));
    let access_token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(provider.echo(access_token).status, 200);
    assert_eq!(renew(&first).json()["error"], "invalid_grant");
    assert_eq!(provider.echo(access_token).status, 401);
    let renewals = &provider.stats()["clients"]["pkce"]["refresh_token"];
    assert_eq!((&renewals["hits"], &renewals["ok"]), (&json!(2), &json!(1)));
    assert_eq!(provider.token_hits(), 3);
    assert_eq!(provider.log(2)[0]["url"], "/token");
    for client in ["pkce-offline", "pkce-confidential", "code-web"] {
        provider.refresh_token(client);
    }
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn the_provider_fails_on_order() {
    let provider = OidcProvider::start(&["--prefix", "/t1"]);
    let ask = |id: &str, secret: &str| {
        let grant = ("grant_type", "client_credentials");
        provider.token(&[grant, ("client_id", id), ("client_secret", secret)])
    };
    provider.fault(&json!({"status": 503, "headers": {"retry-after": "1"}}));
    let response = ask("cc-post", "cc-post-secret");
    assert_eq!(
        (response.status, response.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(ask("cc-post", "cc-post-secret").status, 200);
    provider.fault(&lost_reply("client_credentials"));
    let lost = thread::scope(|scope| {
        scope
            .spawn(|| ask("cc-post", "cc-post-secret").status)
            .join()
    });
    assert!(lost.is_err(), "the reply is lost: {lost:?}");
    assert_eq!(provider.token_hits(), 3);
    provider.reset_stats();
    assert_eq!(provider.token_hits(), 0);
}

#[test]
#[ignore = "needs node, npm packages, openssl and curl: tests/run installs them"]
fn the_provider_speaks_tls() {
    let provider = OidcProvider::start_tls("expired", &["--prefix", "/t1"]);
    assert!(provider.url().starts_with("https://127.0.0.1:"));
    assert!(OidcProvider::ca_file().exists());
    let token = provider.refresh_token("pkce");
    provider.revoke_client("pkce");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "pkce"),
        ("refresh_token", &token),
    ];
    assert_eq!(provider.token(&form).json()["error"], "invalid_grant");
}

#[test]
#[ignore = "needs dbus-daemon and secret-tool: tests/run installs them"]
fn a_bus_without_a_keyring_has_no_secrets() {
    let sandbox = Sandbox::new();
    let bus = SessionBus::start(&sandbox.runtime_dir());
    assert!(!bus.has_secrets());
    assert_eq!(
        bus.secret_tool(&["store", "--label=x", "a", "b"], "secret"),
        None
    );
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_keeps_a_secret_and_locks_it() {
    let sandbox = Sandbox::new();
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let mut keyring = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    let stored = bus.secret_tool(&["store", "--label=x", "a", "b"], "secret");
    assert_eq!(stored.as_deref(), Some(""));
    let lookup = || bus.secret_tool(&["lookup", "a", "b"], "");
    assert_eq!(lookup().as_deref(), Some("secret"));
    keyring.lock(&bus);
    assert_eq!(lookup(), None);

    drop(keyring);
    let locked = GnomeKeyring::start(&bus, sandbox.home(), None);
    assert_eq!(lookup(), None);
    drop(locked);
    let _open = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    assert_eq!(lookup().as_deref(), Some("secret"));
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_without_a_password_is_open_after_a_restart() {
    let sandbox = Sandbox::new();
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let keyring = GnomeKeyring::start(&bus, sandbox.home(), Some(""));
    assert!(
        bus.secret_tool(&["store", "--label=x", "a", "b"], "secret")
            .is_some()
    );
    drop(keyring);
    let _again = GnomeKeyring::start(&bus, sandbox.home(), Some(""));
    assert_eq!(
        bus.secret_tool(&["lookup", "a", "b"], "").as_deref(),
        Some("secret")
    );
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_stopped_keyring_answers_when_it_goes_on() {
    let sandbox = Sandbox::new();
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let keyring = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    bus.secret_tool(&["store", "--label=x", "a", "b"], "secret");
    keyring.stop_signal();
    thread::scope(|scope| {
        let lookup = scope.spawn(|| bus.secret_tool(&["lookup", "a", "b"], ""));
        thread::sleep(Duration::from_millis(300));
        assert!(!lookup.is_finished(), "a stopped daemon answers nothing");
        keyring.cont();
        assert_eq!(
            lookup.join().expect("secret-tool runs").as_deref(),
            Some("secret")
        );
    });
}

#[test]
fn what_is_missing_for_the_tests_is_told_and_not_installed() {
    let sandbox = Sandbox::new();
    let programs = sandbox.home().join("programs");
    std::fs::create_dir(&programs).expect("the home can be written");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for directory in std::env::split_paths(&path) {
        let all = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for program in all.filter(|program| program.file_name() != "jq") {
            // The first one of a name counts.
            let _ = symlink(program.path(), programs.join(program.file_name()));
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run");
    let mut command = sandbox.program(script, ["--check"]);
    command.env("PATH", &programs);
    let run = Running::start(command, None).wait();
    let missing = run
        .stdout
        .lines()
        .find(|line| line.starts_with("apt-get install "));
    let told = missing.is_some_and(|line| line.split(' ').any(|word| word == "jq"));
    assert!(told && run.code == 1, "{run:?}");
}
