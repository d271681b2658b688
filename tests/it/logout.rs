//! `tokctl logout`: the server is told, and nobody gets a token of what is here in any case.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::issuer::{metadata, tokens};
use support::login::{arrive, log_in, profile, redirect};
use support::profiles::grant_at;
use support::sandbox::files;
use support::{Desk, Login, OidcProvider, Reply, Sandbox, Server, http};

/// A server that answers `/revoke` like this.
fn server(revoke: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/.well-known/openid-configuration" => Reply::json(200, metadata(request, "").to_string()),
        "/token" => tokens(&Value::Null),
        "/revoke" => revoke(),
        _ => Reply::json(404, "{}"),
    })
}

fn logged_in(server: &Server) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().ok_with("", "logged in to p");
    sandbox
}

/// Nothing is left that `get` could print, nor a record.
#[track_caller]
fn is_gone(sandbox: &Sandbox) {
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    let state = sandbox.state_dir().join("tokctl");
    for folder in ["records", "plaintext", "spool"] {
        let left = files(&state.join(folder));
        let left: Vec<_> = left
            .iter()
            .filter(|file| holds(file, "refresh-1"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&status["state"], &status["account"]),
        (&json!("login needed"), &Value::Null)
    );
}

fn holds(file: &std::path::Path, text: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|content| content.contains(text))
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn both_tokens_are_dead_at_the_server_afterwards() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = "store = \"plaintext\"\nscope = \"openid api:read\"";
    sandbox.config(&profile(provider.url(), "pkce", more));
    log_in(&sandbox, &[]);
    let files = files(&sandbox.state_dir().join("tokctl/plaintext"));
    let record = fs::read_to_string(&files[0]).expect("a record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    let refresh = record["refresh"]
        .as_str()
        .expect("a refresh token")
        .to_owned();
    let access = sandbox.run(["get", "p"]).stdout.trim_end().to_owned();
    let active = |token: &str| {
        let form = [("token", token), ("client_id", "pkce")];
        let url = format!("{}/token/introspection", provider.url());
        http::post_form(&url, &form).json()["active"].clone()
    };
    assert_eq!(
        (active(&refresh), active(&access)),
        (json!(true), json!(true))
    );
    sandbox
        .run(["logout", "p"])
        .ok_with("", "p: revoked at the server, and erased here");
    assert_eq!(
        (active(&refresh), active(&access)),
        (json!(false), json!(false))
    );
    assert_eq!(provider.echo(&access).status, 401);
    is_gone(&sandbox);
    sandbox
        .run(["logout", "p"])
        .ok_with("", "nothing was stored");
    log_in(&sandbox, &[]);
    assert_eq!(sandbox.run(["get", "p"]).code, 0);
}

#[test]
fn the_refresh_token_is_revoked_before_the_access_token() {
    let server = server(|| Reply::json(200, ""));
    let sandbox = logged_in(&server);
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revoked at the server, and erased here");
    let requests = server.requests().into_iter();
    let forms: Vec<_> = requests
        .filter(|r| r.path == "/revoke")
        .map(|r| r.form())
        .collect();
    let told: Vec<_> = forms
        .iter()
        .map(|form| {
            (
                form["token"].as_str(),
                form["token_type_hint"].as_str(),
                form["client_id"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("refresh-1", "refresh_token", "c"),
            ("access-1", "access_token", "c")
        ]
    );
    is_gone(&sandbox);
}

#[test]
fn a_server_s_word_is_believed_only_where_it_is_one() {
    for (answer, code, why) in [
        (
            Reply::json(200, ""),
            0,
            "p: revoked at the server, and erased here",
        ),
        (
            Reply::new(200, "text/html", ""),
            0,
            "p: revoked at the server",
        ),
        (Reply::json(204, ""), 0, "p: revoked at the server"),
        (
            Reply::json(200, r#"{"result":"thanks"}"#),
            0,
            "p: revoked at the server",
        ),
        (
            Reply::json(
                200,
                r#"{"error":"invalid_token","error_description":"Invalid token"}"#,
            ),
            0,
            "p: revoked at the server",
        ),
        (
            Reply::json(200, r#"{"error":"token_not_found"}"#),
            0,
            "p: revoked at the server",
        ),
        (Reply::json(503, "{}"), 6, "503"),
        (
            Reply::error("unsupported_token_type"),
            5,
            "unsupported_token_type",
        ),
        (Reply::error("invalid_client"), 5, "invalid_client"),
        (Reply::error("invalid_grant"), 5, "invalid_grant"),
        (
            Reply::json(200, r#"{"error":"invalid_auth"}"#),
            5,
            "invalid_auth",
        ),
        (Reply::json(200, r#"{"ok":false}"#), 5, "HTTP 200"),
        (Reply::new(200, "text/html", "<h1>ok</h1>"), 6, "HTTP 200"),
        (
            Reply::json(302, "").header("location", "https://a.example/"),
            6,
            "302",
        ),
        (Reply::none(), 6, "127.0.0.1"),
    ] {
        let server = server(move || answer.clone());
        let sandbox = logged_in(&server);
        let run = sandbox.run(["logout", "p", "-q"]);
        if code == 0 {
            run.ok("");
            sandbox
                .run(["logout", "p"])
                .ok_with("", "nothing was stored");
        } else {
            let told = "logged out here, and not revoked at the server: ";
            run.fails(code, told).fails(code, why);
            // It is tried again, and says the same, until it is given up.
            sandbox.run(["logout", "p"]).fails(code, told);
            let status = sandbox.run(["status", "p", "--json"]).json();
            assert_eq!(status["unrevoked"], 1, "{why}");
            sandbox
                .run(["logout", "p", "--no-revoke"])
                .ok_with("", "p: erased here");
            sandbox
                .run(["logout", "p"])
                .ok_with("", "nothing was stored");
        }
        is_gone(&sandbox);
    }
}

#[test]
fn a_revocation_that_hangs_is_given_up_and_the_token_out_of_reach() {
    let server = server(|| Reply::json(200, "").after(Duration::from_secs(50)));
    let sandbox = logged_in(&server);
    let run = sandbox.run(["logout", "p"]);
    run.fails(6, "logged out here, and not revoked at the server: ");
    assert!(run.elapsed < Duration::from_secs(15), "{run:?}");
    is_gone(&sandbox);
}

#[test]
fn an_impatient_person_s_ctrl_c_leaves_no_token_here() {
    let server = server(|| Reply::json(200, "").after(Duration::from_secs(20)));
    let sandbox = logged_in(&server);
    let logout = sandbox.start(["logout", "p"]);
    while server.hits_of("/revoke") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    logout.signal(Signal::SIGINT);
    let run = logout.wait();
    assert_ne!(run.code, 0, "{run:?}");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
}

#[test]
fn without_an_address_for_it_the_token_is_erased_all_the_same() {
    let server = Server::start(|_| tokens(&Value::Null));
    let sandbox = Sandbox::new();
    let (authorize, token) = (server.url("/authorize"), server.url("/token"));
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n"
    ));
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().ok_with("", "logged in to p");
    let run = sandbox.run(["logout", "p", "--quiet"]);
    run.ok_with("", "erased here; not revoked at the server")
        .ok_with("", "revocation_endpoint");
    is_gone(&sandbox);
}

#[test]
fn no_revoke_makes_no_request() {
    let server = server(|| Reply::json(200, ""));
    let sandbox = logged_in(&server);
    let hits = server.hits();
    let run = sandbox.run(["logout", "p", "--no-revoke"]);
    run.ok_with("", "p: erased here; not revoked at the server");
    assert_eq!(server.hits(), hits);
    is_gone(&sandbox);
}

#[test]
fn all_profiles_are_logged_out_and_the_worst_failure_counts() {
    let server = server(|| Reply::json(200, ""));
    let sandbox = logged_in(&server);
    let good = profile(&server.url(""), "c", "");
    let other = good.replace("profile.p", "profile.q");
    // The keyring is absent (7); the last one's configuration is wrong (3).
    let locked = other
        .replace("profile.q", "profile.a")
        .replace("encrypted-file", "keyring");
    let wrong = "[profile.z]\nclient_id = \"c\"\ngrant = \"nonsense\"\n";
    sandbox.config(&format!("{locked}{good}{other}{wrong}"));
    let run = sandbox.run(["logout", "--all"]);
    run.fails(7, "p: revoked at the server, and erased here");
    run.fails(7, "q: nothing was stored");
    run.fails(7, "nonsense");
    assert_eq!(
        run.stderr.matches("nonsense").count(),
        1,
        "told once: {}",
        run.stderr
    );
    is_gone(&sandbox);
}

#[test]
fn a_variable_that_is_used_first_is_named() {
    let server = server(|| Reply::json(200, ""));
    let mut sandbox = logged_in(&server);
    sandbox.env("TOKCTL_TOKEN_P", "t");
    sandbox
        .run(["logout", "p"])
        .ok_with("", "TOKCTL_TOKEN_P is still set");
}

#[test]
fn what_is_not_named_is_wrong_usage() {
    let sandbox = Sandbox::new();
    sandbox.config("");
    sandbox.run(["logout"]).fails(2, "PROFILE");
    sandbox.run(["logout", "p", "--all"]).fails(2, "--all");
    sandbox.run(["logout", "nobody"]).fails(3, "nobody");
}

#[test]
fn what_a_killed_writer_left_of_a_grant_goes_too() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "store = \"plaintext\"");
    let record = sandbox.record();
    let name = record
        .file_name()
        .expect("a record's name")
        .to_string_lossy();
    let left = |of: &str| record.with_file_name(format!(".tmp-{of}-a1B2c3"));
    for of in [&*name, "another"] {
        std::fs::write(left(of), "rt-1").expect("the directory is ours");
    }
    let run = sandbox.run(["logout", "p", "--no-revoke"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert!(!record.exists() && !left(&name).exists());
    // Another profile's may be at work.
    assert!(left("another").exists());
}

#[test]
fn a_profile_that_was_never_stored_anywhere_needs_no_keyring() {
    let sandbox = Sandbox::new();
    let auto = profile("http://127.0.0.1:9", "c", "store = \"auto\"");
    let secret = "client_secret = { keyring = true }\ngrant = \"client_credentials\"\n";
    let kept = auto.replace("profile.p", "profile.q");
    sandbox.config(&format!("{auto}{kept}{secret}"));
    let run = sandbox.run(["logout", "--all"]);
    run.ok_with("", "p: nothing was stored")
        .ok_with("", "q: nothing was stored");
    // One that says where its tokens are may have some there.
    sandbox.config(&auto.replace("auto", "keyring"));
    let run = sandbox.run(["logout", "--all"]);
    run.fails(7, "the keyring cannot be used: no session bus");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_that_is_locked_may_hold_something_of_a_profile_that_nothing_is_known_of() {
    let config = profile("http://127.0.0.1:9", "c", "store = \"auto\"");
    let mut desk = Desk::open(&config);
    desk.lock();
    let run = desk.sandbox.run(["logout", "--all"]);
    run.fails(7, "the keyring is locked");
}

#[test]
fn where_the_store_cannot_be_used_no_cached_token_is_found_any_more() {
    let server = Server::tokens(3600);
    let more = "store_key = { file = \"key\" }\naccess_cache = \"kernel\"";
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), more));
    let key = sandbox.write("config/tokctl/key", "a passphrase\n");
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    std::fs::remove_file(&key).expect("it is there");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let run = sandbox.run(["logout", "p", "--no-revoke"]);
    assert!(run.code != 0 && run.stderr.contains("key"), "{run:?}");
    let run = sandbox.run(["get", "p", "--offline"]);
    assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
}
