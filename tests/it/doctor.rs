//! `tokctl doctor`: what it finds, what it says to do, and that it gives nothing away.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::issuer::{behave, metadata};
use support::profiles::{SECRET, client_at};
use support::report::{about, finds, no_problem};
use support::sandbox::files;
use support::{Desk, Reply, Sandbox, Server, TlsServer};

/// `doctor p`.
const P: [&str; 2] = ["doctor", "p"];

#[test]
fn a_profile_that_works_is_examined_down_to_its_server() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let run = sandbox.run(P);
    no_problem(&run);
    for (name, words) in [
        (
            "tokctl",
            concat!("ok       tokctl: ", env!("CARGO_PKG_VERSION"), ", linux"),
        ),
        ("environment", "XDG_STATE_HOME=/"),
        ("configuration", "config.toml, 1 profile, yours, mode 0600"),
        ("state directory", "can be written, and has locks"),
        ("kernel keyring", ""),
        ("lock", "free"),
        ("store", "encrypted-file: /"),
        ("store", "written, read back and erased"),
        ("client secret", "from environment variable P_SECRET"),
        ("grant", "client_credentials, good for "),
        ("discovery", "none: the endpoints are set by hand"),
        ("proxy", "is reached directly: no proxy is set"),
        ("tls", "none: http on loopback"),
        ("clock", "the server does not tell its own"),
        ("git", "no profile has hosts"),
    ] {
        assert!(about(&run, name).contains(words), "{words:?} in {run:?}");
    }
    let host = format!("server {}", server.address());
    assert!(about(&run, &host).contains("answers (HTTP 401) within "));
}

#[test]
fn without_a_profile_there_is_no_request_and_no_program_that_gives_a_secret() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let text = client_at(&server.url("/token"), "");
    let secret = "{ command = [\"touch\", \"run-by-doctor\"] }";
    sandbox.config(&text.replace("{ env = \"P_SECRET\" }", secret));
    let run = sandbox.run(["doctor"]);
    no_problem(&run);
    assert!(about(&run, "server").contains("not asked: that takes a profile"));
    assert_eq!(server.hits(), 0);
    assert!(!sandbox.home().join("run-by-doctor").exists());
    assert!(run.elapsed < Duration::from_secs(3), "{run:?}");
}

#[test]
fn an_examination_leaves_everything_as_it_was() {
    let server = Server::tokens(3600);
    let fresh = Sandbox::with_client(&server, "");
    let used = Sandbox::with_grant(&server, "");
    used.run(["get", "p"]).ok("at-1\n");
    for sandbox in [&fresh, &used] {
        let contents = || {
            let all = files(sandbox.home()).into_iter();
            all.map(|path| (fs::read(&path).expect("ours"), path))
                .collect::<Vec<_>>()
        };
        let before = contents();
        no_problem(&sandbox.run(["doctor"]));
        no_problem(&sandbox.run(["doctor", "p", "--offline"]));
        assert_eq!(contents(), before);
    }
    let before = server.hits();
    no_problem(&used.run(P));
    let asked = &server.requests()[before..];
    assert!(
        asked.iter().all(|request| request.method == "GET"),
        "a refresh token is not spent"
    );
    let run = fresh.run(["doctor", "p", "--offline"]);
    assert!(about(&run, "store").contains("its key file is made when something is first stored"));
}

/// `env VARIABLE=VALUE`, `file` with a whole configuration, or `key` for one more in a profile with
/// client credentials; then the exit code, the thing, what is said of it, and in its hint.
const TROUBLES: &str = r#"
    key  hosst = []             => 3 profile p | unknown key "hosst" |
    file [profile.p             => 3 configuration | config.toml:1: |
    file [profile.q]            => 3 profile | no profile "p" in | the only profile is "q"; run: tokctl doctor q; to set up another one, run: tokctl add p
    env  P_SECRET=              => 3 client secret | variable P_SECRET: it is not set |
    env  P_SECRET= x y          => 0 client secret | begins or ends with a blank | copied badly
    env  P_SECRET="xyzzy"       => 0 client secret | stands in quotes | copied badly
    env  TOKCTL_TOKEN_P=t       => 0 environment | TOKCTL_TOKEN_P is set | unset TOKCTL_TOKEN_P
    env  SSL_CERT_FILE=/nowhere => 0 environment | SSL_CERT_FILE /nowhere: no such file | PEM
    key  store = "keyring"      => 7 store | the keyring cannot be used: no session bus | encrypted-file
    key  store = "plaintext"    => 0 store | plaintext: / | is safer
    key  store = "none"         => 0 store | none: nothing is kept |
    key  ca_file = "nowhere"    => 0 tls | none: http on loopback |
    key  client_secret = "lit"  => 0 profile p | stands in the configuration file | tokctl secret set p
    key  client_secret = { keyring = true } => 3 client secret | no client secret in the store | tokctl secret set p
    key  client_secret = { command = ["false"] } => 3 client secret | command "false": it ended with |
    key  token_endpoint = "http://127.0.0.1:1/" => 6 server 127.0.0.1:1 | no connection to 127.0.0.1:1 | run: tokctl add p --change --token-endpoint
    key  grant = "refresh_token" => 4 grant | nobody has logged in | run: tokctl login p
    key  grant = "device_code"   => 3 login | with a code on any device |
"#;

#[test]
fn each_trouble_has_its_line_its_remedy_and_its_exit_code() {
    let server = Server::tokens(3600);
    for row in TROUBLES.lines().filter(|row| !row.trim().is_empty()) {
        let (set_up, found) = row.split_once(" => ").expect("a row");
        let (kind, what) = set_up.trim().split_once(' ').expect("a kind");
        let what = what.trim_start();
        let mut sandbox = Sandbox::with_client(&server, "");
        match kind {
            "env" => {
                let (name, value) = what.split_once('=').expect("a variable");
                sandbox.env(name, value);
            }
            "file" => drop(sandbox.write("config/tokctl/config.toml", what)),
            _ => {
                let key = what.split(' ').next().unwrap_or_default();
                let usual = client_at(&server.url("/token"), "");
                let others = usual
                    .lines()
                    .filter(|line| !line.starts_with(&format!("{key} =")));
                sandbox.config(&format!(
                    "{}\n{what}\n",
                    others.collect::<Vec<_>>().join("\n")
                ));
            }
        }
        let run = sandbox.run(P);
        let (code, found) = found.split_once(' ').expect("an exit code");
        let [name, words, hint] = &found.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        finds(&run, name, words, hint, code.parse().expect("a number"));
    }
}

#[test]
fn a_host_that_two_profiles_claim_is_told() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "hosts = [\"https://git.example\"]");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    let other = "[profile.q]\ntoken_endpoint = \"https://q.example/t\"\nclient_id = \"q\"\n";
    let hosts = "hosts = [\"https://Git.example:443\", \"https://git.example\"]\n";
    sandbox.config(&format!("{text}\n{other}"));
    assert!(
        !sandbox
            .run(["doctor"])
            .stdout
            .contains("hosts of the profiles")
    );
    sandbox.config(&format!("{text}\n{other}{hosts}"));
    let words = "https://git.example is in hosts of the profiles p, q";
    finds(
        &sandbox.run(["doctor"]),
        "hosts",
        words,
        "let one of them",
        0,
    );
}

#[test]
fn files_in_others_hands_are_told() {
    let server = Server::tokens(3600);
    let open = |path: &Path, mode: u32| {
        let mode = Permissions::from_mode(mode);
        File::open(path)
            .and_then(|file| file.set_permissions(mode))
            .expect("ours");
    };
    let sandbox = Sandbox::with_client(&server, "");
    for (mode, words, code) in [
        (0o660, "can be written by others (mode 0660)", 0),
        (0o666, "can be written by everybody (mode 0666)", 3),
    ] {
        open(&sandbox.config_file(), mode);
        finds(&sandbox.run(P), "configuration", words, "chmod go-w", code);
    }
    open(&sandbox.config_file(), 0o600);
    let directory = sandbox.config_dir().join("tokctl");
    open(&directory, 0o777);
    finds(
        &sandbox.run(P),
        "configuration",
        "can be written by others (mode 0777)",
        "chmod go-w",
        0,
    );

    let sandbox = Sandbox::with_client(&server, "");
    symlink(sandbox.home(), sandbox.state_dir().join("tokctl")).expect("a link");
    let words = "it is not a directory of its own but a link";
    finds(
        &sandbox.run(P),
        "state directory",
        words,
        "TOKCTL_STATE_DIR",
        7,
    );

    let sandbox = Sandbox::with_client(&server, "");
    assert_eq!(sandbox.run(["get", "p"]).code, 0);
    open(&sandbox.state_dir().join("tokctl"), 0o777);
    finds(
        &sandbox.run(P),
        "state directory",
        "others can write it",
        "chmod 700",
        7,
    );
}

#[test]
fn a_redirect_s_port_that_is_taken_and_a_proxy_that_is_none_are_told() {
    let server = Server::tokens(3600);
    let endpoint = server.url("/token");
    let mut sandbox = Sandbox::new();
    let login = format!(
        "[profile.p]\ntoken_endpoint = \"{endpoint}\"\nauthorization_endpoint = \"{endpoint}\"\nclient_id = \"c\"\n\
         grant = \"authorization_code\"\nstore = \"none\"\nredirect_uri = \"http://127.0.0.1:1234/cb\"\n"
    );
    let port = server.address().port().to_string();
    sandbox.config(&login.replace("1234", &port));
    let words = format!("cannot listen on 127.0.0.1:{port}");
    let found = about(&sandbox.run(P), "login");
    assert!(
        found.starts_with("problem ") && found.contains(&words),
        "{found}"
    );

    sandbox.config(&client_at("https://a.example/token", "store = \"none\""));
    sandbox
        .env("P_SECRET", SECRET)
        .env("https_proxy", "http://u:canary@[");
    finds(&sandbox.run(P), "proxy", "is not a proxy's address", "", 3);
    let run = sandbox.run(P);
    let environment = about(&run, "environment");
    let shown = "https_proxy=http://[ (with a user name that is not shown)";
    assert!(environment.contains(shown), "{environment}");
    assert!(!run.stdout.contains("canary"), "{run:?}");
}

#[test]
fn of_several_problems_the_exit_code_is_that_of_the_one_to_mend_first() {
    let sandbox = Sandbox::new();
    let text = client_at("http://127.0.0.1:1/token", "");
    sandbox.config(&text);
    let run = sandbox.run(P);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.stderr, "tokctl: 2 problems were found\n");
    assert!(
        about(&run, "client secret").contains("problem ")
            && about(&run, "server 127.0.0.1:1").contains("problem ")
    );
}

#[test]
fn the_issuer_is_asked_and_compared_with_the_profile() {
    let at = |server: &Server, path: &str, more: &str| {
        let mut sandbox = Sandbox::new();
        let issuer = server.url(path);
        sandbox.env("P_SECRET", SECRET).config(&format!(
            "[profile.p]\nissuer = \"{issuer}\"\nclient_id = \"c\"\ngrant = \"client_credentials\"\n\
             client_secret = {{ env = \"P_SECRET\" }}\nstore = \"none\"\n{more}"
        ));
        sandbox.run(P)
    };
    let good = Server::start(|request| behave(request).unwrap_or_else(|| Reply::json(404, "{}")));
    let run = at(&good, "", "");
    no_problem(&run);
    let found = about(&run, "discovery");
    assert!(
        found.contains("is who it says; endpoints: token, authorization, device, revocation"),
        "{found}"
    );
    let run = at(&good, "/", "");
    assert!(
        run.code == 5
            && about(&run, "discovery")
                .contains("run: tokctl add p --change --issuer http://127.0.0.1:"),
        "{run:?}"
    );

    let picky = Server::start(|request| {
        let mut all = metadata(request, "");
        all["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        all["scopes_supported"] = json!(["read"]);
        match request.method.as_str() {
            "POST" => support::issuer::tokens(&Value::Null),
            _ => Reply::json(200, all.to_string()),
        }
    });
    let run = at(&picky, "", "");
    finds(
        &run,
        "client_auth",
        "takes no client secret, so that it is not sent",
        "set client_auth = \"private_key_jwt\"",
        3,
    );
    // Whoever runs the server may know better than its metadata.
    let by_hand = "client_auth = \"client_secret_basic\"\nscope = [\"read\", \"wriet\"]";
    let run = at(&picky, "", by_hand);
    no_problem(&run);
    let auth = about(&run, "client_auth");
    assert!(
        auth.contains("client_secret_basic is used, and the server lists private_key_jwt"),
        "{auth}"
    );
    let scope = about(&run, "scope");
    assert!(
        scope.contains("does not list wriet\n") && scope.contains("check the spelling"),
        "{scope}"
    );

    let run = at(&good, "/none", "");
    assert!(
        run.code == 5 && about(&run, "discovery").contains("HTTP 404"),
        "{run:?}"
    );
    let told = |request: &support::Request| {
        request.header("authorization").is_some() && request.path != "/token"
    };
    assert!(
        !good.requests().iter().any(told),
        "the secret goes to the token endpoint alone"
    );
}

#[test]
fn this_machine_s_clock_is_compared_with_the_server_s() {
    for (offset, status, words) in [
        (0_i64, "ok", "within 10 s of the server's"),
        (-90, "warning", "90 s ahead of the server's"),
        (
            3600,
            "warning",
            "60 min behind the server's; a login with an id token is refused",
        ),
    ] {
        let server = Server::start(move |_| {
            let now = SystemTime::now();
            let theirs = match u64::try_from(offset) {
                Ok(more) => now + Duration::from_secs(more),
                Err(_) => now - Duration::from_secs(offset.unsigned_abs()),
            };
            let token = r#"{"access_token":"a","expires_in":60}"#;
            Reply::json(200, token).header("date", &httpdate::fmt_http_date(theirs))
        });
        let run = Sandbox::with_client(&server, "").run(P);
        no_problem(&run);
        let found = about(&run, "clock");
        // The second may change on the way.
        let near = words.replace("90 s", "89 s").replace("60 min", "59 min");
        assert!(
            found.starts_with(status) && (found.contains(words) || found.contains(&near)),
            "{found}"
        );
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let server = Server::always(Reply::json(200, "{}").after(Duration::from_secs(30)));
    let run = Sandbox::with_client(&server, "").run(P);
    let name = format!("server {}", server.address());
    assert!(
        run.code == 6 && about(&run, &name).contains("in time"),
        "{run:?}"
    );
    assert!(run.elapsed < Duration::from_secs(12), "{:?}", run.elapsed);
}

#[test]
fn a_lock_that_is_held_is_told_with_its_holder() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let locks = files(&sandbox.state_dir().join("tokctl/locks"));
    let lock = File::options()
        .write(true)
        .open(&locks[0])
        .expect("a lock file");
    lock.lock().expect("nobody holds it");
    let run = sandbox.run(P);
    no_problem(&run);
    let found = about(&run, "lock");
    let holder = format!(
        "a renewal is under way in process {}, which runs for ",
        std::process::id()
    );
    assert!(found.contains(&holder), "{found}");
    drop(lock);
    assert!(about(&sandbox.run(P), "lock").contains("free"));
}

#[test]
fn helpers_that_would_keep_a_token_are_told_with_the_way_to_bar_them() {
    let server = Server::tokens(3600);
    let hosts = "hosts = [\"https://git.example\", \"https://hub.example:5000\"]";
    let sandbox = Sandbox::with_client(&server, hosts);
    no_problem(&sandbox.run(["doctor"]));
    sandbox.write(
        ".gitconfig",
        "[credential]\nhelper = store --file ~/secret-file\n[credential \"https://git.example\"]\nhelper = cache\n\
         helper = !tokctl helper git p\n[credential \"https://other.example\"]\nhelper = osxkeychain\n",
    );
    sandbox.write(
        ".docker/config.json",
        r#"{"auths":{"hub.example:5000":{"auth":"ZG9ja2VyLWNhbmFyeQ=="}},"credHelpers":{"hub.example:5000":"tokctl"}}"#,
    );
    for args in [&["doctor"][..], &P] {
        let run = sandbox.run(args);
        no_problem(&run);
        let git = about(&run, "git");
        assert!(
            git.contains("the helper store (") && git.contains("in clear text"),
            "{git}"
        );
        assert!(
            git.contains("the helper cache (") && git.contains(".gitconfig)"),
            "{git}"
        );
        assert!(
            !git.contains("osxkeychain") && !git.contains("secret-file"),
            "{git}"
        );
        assert!(
            git.contains("--add credential.https://git.example.helper '!tokctl helper git p'"),
            "{git}"
        );
        let docker = about(&run, "docker");
        assert!(
            docker.contains("holds a login for hub.example:5000 in clear text"),
            "{docker}"
        );
        assert!(docker.contains("asks tokctl for 1 of"), "{docker}");
    }
    // With git's own way to begin anew, nothing is left to say.
    sandbox.write(
        ".gitconfig",
        "[credential]\nhelper = store\n[credential \"https://git.example\"]\nhelper =\nhelper = !tokctl helper git p\n",
    );
    let git = about(&sandbox.run(["doctor"]), "git");
    assert!(git.contains("no other helper"), "{git}");
}

#[test]
fn json_has_the_same_findings_and_a_code_for_each_problem() {
    let sandbox = Sandbox::new();
    sandbox.config(&client_at("http://127.0.0.1:1/token", ""));
    let run = sandbox.run(["doctor", "p", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let error: Value = serde_json::from_str(&run.stderr).expect("JSON");
    assert_eq!(
        (run.code, &report["exit_code"], &error["exit_code"]),
        (3, &json!(3), &json!(3))
    );
    assert_eq!(
        (&report["problems"], &report["warnings"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    let checks = report["checks"].as_array().expect("a list");
    let secret = checks
        .iter()
        .find(|check| check["name"] == "client secret")
        .expect("it is there");
    assert_eq!(
        (&secret["status"], &secret["code"]),
        (&json!("problem"), &json!("no_secret"))
    );
    let lines = sandbox.run(P).stdout;
    for check in checks {
        let detail = check["detail"].as_str().expect("a text");
        assert!(lines.contains(detail), "{detail} in {lines}");
    }
}

#[test]
fn no_line_gives_a_secret_away() {
    let secrets = [
        SECRET,
        "access-canary",
        "refresh-canary",
        "proxy-canary",
        "proxy%2Dcanary",
        "git-canary",
        "docker-canary",
        "ZG9ja2VyLWNhbmFyeQ==",
        "literal-canary",
        "key-canary",
        "token-canary",
    ];
    let grant =
        r#"{"access_token":"access-canary","refresh_token":"refresh-canary","expires_in":9}"#;
    // It gives back what it has been given, wherever a server can.
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => Reply::json(200, grant),
        _ => Reply::json(302, grant)
            .header("location", "https://access-canary/?refresh-canary")
            .header("date", SECRET),
    });
    let hosts = "hosts = [\"https://git.example\"]";
    let mut sandbox = Sandbox::with_grant(
        &server,
        &format!("client_secret = {{ env = 'X' }}\n{hosts}"),
    );
    sandbox.env("X", SECRET).import("refresh-canary");
    sandbox.run(["get", "p"]).ok("access-canary\n");
    let config = fs::read_to_string(sandbox.config_file()).expect("ours");
    sandbox.config(&format!(
        "{config}\n[profile.q]\ntoken_endpoint = \"https://u:literal-canary@a.example/t\"\nclient_id = \"c\"\n\
         [profile.r]\ntoken_endpoint = \"https://a.example/t\"\nclient_id = \"c\"\nclient_secret = \"literal-canary\"\n\
         [profile.\"s\\u001b[2J\"]\n"
    ));
    sandbox.write(
        ".gitconfig",
        "[credential \"https://u:git-canary@git.example\"]\nhelper = !f() { echo password=git-canary; }; f\n\
         helper = GIT=git-canary x\nhelper = !tokctl helper git\n",
    );
    sandbox.write(
        ".docker/config.json",
        r#"{"auths":{"git.example":{"auth":"ZG9ja2VyLWNhbmFyeQ=="}}}"#,
    );
    for name in ["https_proxy", "http_proxy", "all_proxy", "HTTPS_PROXY"] {
        sandbox.env(name, "http://u:proxy%2Dcanary@127.0.0.1:1");
    }
    sandbox
        .env("no_proxy", "proxy-canary")
        .env("TOKCTL_STORE_KEY", "key-canary");
    sandbox
        .env("TOKCTL_TOKEN_Q", "token-canary")
        .env("BROWSER", "x --password=key-canary");
    for profile in [None, Some("p"), Some("q"), Some("r"), Some("s\u{1b}[2J")] {
        for flags in [&[][..], &["--json"], &["-vv"], &["-q", "--json"]] {
            let mut args = vec!["doctor"];
            args.extend(profile);
            args.extend(flags);
            let run = sandbox.run(&args);
            assert!(run.stdout.len() > 200, "{run:?}");
            for text in [&run.stdout, &run.stderr] {
                let found = secrets.iter().find(|secret| text.contains(**secret));
                assert_eq!(found, None, "{args:?}: {text}");
                assert!(!text.contains('\u{1b}'), "{args:?}: {text}");
            }
        }
    }
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn who_vouches_for_the_server_is_told_and_what_to_do_where_nobody_does() {
    let server = TlsServer::start(|_| support::issuer::tokens(&Value::Null));
    let text = |more: &str| client_at(&server.url("/token"), more);
    let name = format!("server {}", server.address());
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", SECRET).config(&text(""));
    let run = sandbox.run(P);
    let found = about(&run, &name);
    assert!(
        run.code == 6
            && found.contains("not trusted here")
            && found.contains("run: tokctl add p --change --ca-file FILE"),
        "{run:?}"
    );

    sandbox.config(&text(&format!(
        "ca_file = \"{}\"",
        server.ca_file().display()
    )));
    let run = sandbox.run(P);
    no_problem(&run);
    let found = about(&run, "tls");
    assert!(found.contains("is good, by ca_file /"), "{found}");

    sandbox.config(&text("")).write("x", "");
    sandbox.env("SSL_CERT_FILE", server.ca_file());
    let run = sandbox.run(P);
    no_problem(&run);
    assert!(about(&run, "tls").contains("by SSL_CERT_FILE"), "{run:?}");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn the_keyring_is_tried_with_an_entry_that_does_not_stay() {
    let server = Server::tokens(3600);
    let text = support::grants::credentials(&server.url("/token"), "");
    let mut desk = Desk::open(&text);
    for args in [&["doctor"][..], &P] {
        let run = desk.sandbox.run(args);
        no_problem(&run);
        let name = if args.len() == 1 { "keyring" } else { "store" };
        let found = about(&run, name);
        assert!(
            found.contains("Secret Service") && found.contains("written, read back and erased"),
            "{found}"
        );
    }
    assert_eq!((desk.items("probe/doctor"), desk.items("probe/p")), (0, 0));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.lock();
    for args in [&["doctor"][..], &P] {
        let run = desk.sandbox.run(args);
        assert!(
            run.code == 7 && run.stdout.contains("the keyring is locked"),
            "{run:?}"
        );
        assert!(run.stdout.contains("hint: unlock the keyring"), "{run:?}");
    }
    desk.keyring().stop_signal();
    let run = desk.sandbox.run(["doctor"]);
    assert!(
        run.code == 7 && run.stdout.contains("did not answer in time"),
        "{run:?}"
    );
    assert!(run.elapsed < Duration::from_secs(9), "{:?}", run.elapsed);
}

/// Whole profiles that `get` refuses for what they lack, with the thing that the doctor names.
const REFUSED: &[(&str, &str)] = &[
    (
        "client_auth = \"client_secret_basic\"",
        "client authentication",
    ),
    (
        "client_auth = \"client_secret_post\"",
        "client authentication",
    ),
    (
        "client_auth = \"client_secret_jwt\"",
        "client authentication",
    ),
    ("client_auth = \"private_key_jwt\"", "client authentication"),
    ("client_auth = \"tls_client_auth\"", "client authentication"),
    ("client_certificate = \"nowhere\"", "client certificate"),
    ("grant = \"jwt_bearer\"", "client authentication"),
    ("grant = \"token_exchange\"", "subject token"),
    (
        "grant = \"token_exchange\"\nsubject_token = { file = \"nowhere\" }",
        "subject token",
    ),
    (
        "grant = \"token_exchange\"\nsubject_token = { file = \"two\" }",
        "subject token",
    ),
    (
        "grant = \"token_exchange\"\nsubject_token = { profile = \"nobody\" }",
        "subject token",
    ),
    (
        "grant = \"token_exchange\"\nsubject_token = { profile = \"p\" }",
        "subject token",
    ),
];

#[test]
fn what_get_refuses_is_a_problem_in_the_same_words() {
    let server = Server::tokens(3600);
    for (more, name) in REFUSED {
        let sandbox = Sandbox::new();
        let head = format!(
            "token_endpoint = \"{}\"\nclient_id = \"c\"",
            server.url("/token")
        );
        sandbox.config(&format!("[profile.p]\n{head}\nstore = \"none\"\n{more}\n"));
        sandbox.write("config/tokctl/two", "subject-canary\nlines");
        let got = sandbox.run(["get", "p"]);
        got.fails(3, "tokctl: ");
        let words = got.stderr.lines().next().expect("a line");
        let words = words.trim_start_matches("tokctl: profile \"p\": ");
        let run = sandbox.run(P);
        let found = about(&run, name);
        assert!(found.starts_with("problem "), "{more}: {found}");
        assert!(
            found.contains(words.trim_start_matches("tokctl: ")),
            "{words:?} is not in {found}"
        );
        assert_eq!(run.code, 3, "{more}: {run:?}");
        assert!(
            !found.contains("public client") && !run.stdout.contains("canary"),
            "{run:?}"
        );
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.form().is_empty())
    );
}

#[test]
fn each_grant_is_called_by_its_name() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(
        &server,
        "grant = \"token_exchange\"\nsubject_token = { file = \"subject\" }",
    );
    sandbox.write("config/tokctl/subject", "subject-canary");
    let run = sandbox.run(P);
    no_problem(&run);
    assert!(about(&run, "grant").contains("token_exchange: a token is fetched"));
    assert!(about(&run, "subject token").contains("ok       subject token: from file /"));
    assert!(!run.stdout.contains("canary"), "{run:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_no_good_file_too() {
    let sandbox = Sandbox::new();
    for text in [
        "[profile.p\n",
        "[profile.p]\nclient_id = 1 2\n",
        "[profil.p]\n",
    ] {
        sandbox.config(text);
        for args in [&["doctor"][..], &P] {
            let run = sandbox.run(args);
            let found = about(&run, "configuration");
            assert_eq!(run.code, 3, "{run:?}");
            assert!(
                found.starts_with("problem ") && !found.contains("ok "),
                "{run:?}"
            );
            assert_eq!(run.stdout.matches("config.toml:").count(), 1, "{run:?}");
        }
    }
}
