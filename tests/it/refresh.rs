//! Renewing with a refresh token: what a reply means for it, and when a grant has ended.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use support::profiles::grant_at;
use support::{Reply, Request, Sandbox, Server};

const PLAIN: &str = "store = \"plaintext\"";

/// The refresh token of each request so far.
fn sent(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let tokens = requests
        .iter()
        .map(|request| request.form()["refresh_token"].clone());
    tokens.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn paths_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let server = Server::granting(r#"{"access_token":"at-1","expires_in":60}"#);
    let mut sandbox = Sandbox::new();
    let directory = sandbox.home().join(OsStr::from_bytes(b"caf\xe9"));
    let secret = "client_secret = { file = \"secret\" }";
    let config = grant_at(&server.url("/token"), &format!("{PLAIN}\n{secret}"));
    let config = config.replace("client_secret = { env = \"P_SECRET\" }\n", "");
    sandbox.write(directory.join("config.toml"), config);
    sandbox.write(directory.join("secret"), "s-1\n");
    sandbox
        .env("TOKCTL_CONFIG", directory.join("config.toml"))
        .env("TOKCTL_STATE_DIR", directory.join("state"));
    let run = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    assert_eq!(run.code, 0, "{run:?}");
    sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(sent(&server), ["rt-1"]);
}

#[test]
fn a_reply_without_a_new_refresh_token_keeps_the_old_one() {
    for (member, next) in [
        ("", "rt-1"),
        (r#","refresh_token":null"#, "rt-1"),
        (r#","refresh_token":"""#, "rt-1"),
        (r#","refresh_token":5"#, "rt-1"),
        (r#","refresh_token":false"#, "rt-1"),
        (r#","refresh_token":["rt-2"]"#, "rt-1"),
        (r#","refresh_token":{}"#, "rt-1"),
        (r#","refresh_token":"a\nb""#, "rt-1"),
        (r#","refresh_token":"rt-1""#, "rt-1"),
        (r#","refresh_token":"rt-2""#, "rt-2"),
        (
            r#","refresh_token":"rt-2","refresh_token_expires_in":0"#,
            "rt-2",
        ),
        (
            r#","refresh_token":"rt-2","expires_at":"never","scope":5"#,
            "rt-2",
        ),
    ] {
        let body = format!(r#"{{"access_token":"at","expires_in":60{member}}}"#);
        let server = Server::granting(&body);
        let sandbox = Sandbox::with_grant(&server, "");
        for _ in 0..2 {
            let run = sandbox.run(["get", "p", "--force"]);
            assert_eq!((run.code, run.stdout.as_str()), (0, "at\n"), "{run:?}");
            // What is there and not taken is said.
            let strange = [":5", ":false", ":[", ":{", "\\n"]
                .iter()
                .any(|part| member.contains(part));
            let said = run
                .stderr
                .contains("not taken from the reply: the refresh_token ");
            assert_eq!(said, strange && next == "rt-1", "{member}: {run:?}");
        }
        assert_eq!(sent(&server), ["rt-1", next], "{member}");
    }
}

#[test]
fn a_new_refresh_token_is_kept_though_the_access_token_beside_it_cannot_be_used() {
    for access in ["null", "5", r#""""#, r#""a\nb""#, r#""a b""#, "[]"] {
        let body = format!(r#"{{"access_token":{access},"refresh_token":"rt-2"}}"#);
        let server = Server::granting(&body);
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox.run(["get", "p"]).fails(5, "access_token");
        sandbox.run(["get", "p"]).fails(5, "access_token");
        assert_eq!(sent(&server), ["rt-1", "rt-2"], "{access}");
    }
    let server = Server::granting(r#"{"refresh_token":"rt-2","expires_in":60}"#);
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(5, "access_token is absent");
    sandbox.run(["get", "p"]).fails(5, "profile \"p\"");
    assert_eq!(sent(&server), ["rt-1", "rt-2"]);
}

#[test]
fn a_strange_lifetime_never_costs_the_rotated_refresh_token() {
    for expires in ["-1", "1e999", "NaN", "\"never\"", "0", "[]"] {
        let body = format!(
            r#"{{"access_token":"at","expires_in":{expires},"refresh_token":"rt-2","x":"\ud800"}}"#
        );
        let server = Server::granting(&body);
        let sandbox = Sandbox::with_grant(&server, "");
        for _ in 0..2 {
            let run = sandbox.run(["get", "p", "--force"]);
            assert_eq!(
                (run.code, run.stdout.as_str()),
                (0, "at\n"),
                "{expires}: {run:?}"
            );
        }
        assert_eq!(sent(&server), ["rt-1", "rt-2"], "{expires}");
    }
}

#[test]
fn a_refresh_names_the_scope_only_where_it_is_asked_for() {
    let server = Server::tokens(3600);
    let more = "scope = \"a b\"\naudience = \"aud\"\n\
                token_params = { x = 1, refresh_token = { y = 2 }, client_credentials = { z = 3 } }";
    let sandbox = Sandbox::with_grant(&server, more);
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p", "--scope=a"]).ok("at-2\n");
    let more = format!("{more}\nsend_scope_on_refresh = true");
    sandbox.config(&grant_at(&server.url("/token"), &more));
    sandbox.run(["get", "p", "--force"]).ok("at-3\n");
    let forms: Vec<_> = server.requests().iter().map(Request::form).collect();
    let scopes: Vec<_> = forms
        .iter()
        .map(|form| form.get("scope").map(String::as_str))
        .collect();
    assert_eq!(scopes, [None, Some("a"), Some("a b")]);
    for form in &forms {
        let named = ["x", "y", "audience", "client_id"].map(|name| form[name].as_str());
        assert_eq!(named, ["1", "2", "aud", "id"]);
        assert!(!form.contains_key("z") && !form.contains_key("client_secret"));
    }
}

#[test]
fn a_grant_that_has_ended_is_exit_4_and_asked_about_once() {
    for (status, error) in [
        (400, "invalid_grant"),
        (401, "invalid_grant"),
        (403, "invalid_grant"),
        (200, "bad_refresh_token"),
    ] {
        let body = format!(r#"{{"error":"{error}","error_description":"was revoked"}}"#);
        let server = Server::always(Reply::json(status, body));
        let sandbox = Sandbox::with_grant(&server, PLAIN);
        let stored = fs::read(sandbox.record()).expect("a record");
        let run = sandbox.run(["get", "p"]);
        run.fails(4, "tokctl: hint: run: tokctl login p")
            .fails(4, "was revoked");
        for flag in ["-q", "--min-ttl=1h"] {
            let run = sandbox.run(["get", "p", flag]);
            run.fails(4, "tokctl: hint: run: tokctl login p");
        }
        assert_eq!(server.hits(), 1, "{status} {error}");
        // Who insists gets one request.
        let run = sandbox.run(["get", "p", "--force"]);
        run.fails(4, "tokctl: hint: run: tokctl login p");
        assert_eq!(server.hits(), 2, "{status} {error}");
        assert_eq!(fs::read(sandbox.record()).expect("a record"), stored);
        // What was said of one refresh token is not said of the next.
        sandbox.import("rt-new");
        sandbox.run(["get", "p"]).fails(4, "login p");
        assert_eq!(sent(&server), ["rt-1", "rt-1", "rt-new"]);
    }
}

#[test]
fn only_a_refusal_of_the_grant_itself_ends_it() {
    let rows = [
        (Reply::json(503, r#"{"error":"invalid_grant"}"#), 6),
        (Reply::json(429, r#"{"error":"invalid_grant"}"#), 6),
        (Reply::json(408, r#"{"error":"invalid_grant"}"#), 6),
        (Reply::json(400, r#"{"error":"invalid_request"}"#), 5),
        (Reply::json(401, r#"{"error":"invalid_client"}"#), 5),
        (Reply::json(400, r#"{"error":"INVALID_GRANT"}"#), 5),
        (Reply::json(403, "<h1>invalid_grant</h1>"), 6),
        (Reply::json(400, r#"{"message":"invalid_grant"}"#), 5),
    ];
    thread::scope(|scope| {
        for (reply, code) in rows {
            scope.spawn(move || {
                let server = Server::always(reply);
                let sandbox = Sandbox::with_grant(&server, "");
                for _ in 0..2 {
                    let before = server.hits();
                    let run = sandbox.run(["get", "p", "--timeout=1s"]);
                    run.fails(code, "profile \"p\"");
                    assert!(server.hits() > before, "it is asked again");
                }
            });
        }
    });
}

/// A record file as another writer of the same profile would leave it.
fn record_of_another(server: &Server, imported: &str) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), PLAIN));
    // Two imports: its generation is beyond that of the first.
    (0..2).for_each(|_| sandbox.import(imported));
    let record = sandbox.record();
    (sandbox, record)
}

#[test]
fn a_refusal_of_a_token_that_somebody_else_has_replaced_ends_nothing() {
    for (imported, token, hits) in [
        (
            r#"{"access_token":"theirs","refresh_token":"rt-other","expires_in":3600}"#,
            "theirs",
            1,
        ),
        // Without an access token at hand, theirs is used to get one.
        ("rt-other", "at", 2),
    ] {
        let swap: &'static Mutex<Option<(PathBuf, PathBuf)>> = Box::leak(Box::default());
        let server = Server::start(move |request| {
            if request.form()["refresh_token"] == "rt-other" {
                return Reply::json(200, r#"{"access_token":"at","expires_in":3600}"#);
            }
            let swap = swap.lock().expect("no panic");
            let (from, to) = swap.as_ref().expect("set before the request");
            fs::copy(from, to).expect("the record can be replaced");
            Reply::error("invalid_grant")
        });
        let (_other, record) = record_of_another(&server, imported);
        let sandbox = Sandbox::with_grant(&server, PLAIN);
        *swap.lock().expect("no panic") = Some((record, sandbox.record()));
        sandbox.run(["get", "p"]).ok(&format!("{token}\n"));
        assert_eq!(server.hits(), hits);
        sandbox.run(["get", "p"]).ok(&format!("{token}\n"));
        assert_eq!(server.hits(), hits, "and it is kept");
    }
}

#[test]
fn a_lost_reply_is_asked_for_once_more_with_the_same_refresh_token() {
    let mut quickest = Duration::MAX;
    for lost in [Reply::none(), Reply::raw("HTTP/1.1 200 OK\r\ncont")] {
        let asked: &'static Mutex<Vec<Instant>> = Box::leak(Box::default());
        let server = Server::start(move |_| {
            let mut asked = asked.lock().expect("no panic");
            asked.push(Instant::now());
            match asked.len() {
                1 => lost.clone(),
                _ => Reply::json(200, r#"{"access_token":"at","refresh_token":"rt-2"}"#),
            }
        });
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox.run(["get", "p"]).ok("at\n");
        assert_eq!(sent(&server), ["rt-1", "rt-1"]);
        sandbox.run(["get", "p", "--force"]).ok("at\n");
        assert_eq!(sent(&server).pop().as_deref(), Some("rt-2"));
        let asked = asked.lock().expect("no panic");
        quickest = quickest.min(asked[1] - asked[0]);
    }
    // A server that is still at work on the first request has a lock on the token.
    assert!(quickest >= Duration::from_secs(2), "too soon: {quickest:?}");
    let server = Server::always(Reply::none());
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(6, "profile \"p\"");
    assert_eq!(sent(&server), ["rt-1", "rt-1"], "and never more often");
}

#[test]
fn a_home_whose_name_is_no_utf_8_is_a_home_like_others() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::tokens(600);
    for (variable, file) in [
        ("HOME", ".config/tokctl/config.toml"),
        ("TOKCTL_CONFIG", "c.toml"),
    ] {
        let mut sandbox = Sandbox::new();
        let odd = sandbox.home().join(std::ffi::OsStr::from_bytes(b"h\xf6me"));
        let text = grant_at(
            &server.url("/token"),
            "client_secret = { file = \"~/secret\" }",
        );
        sandbox.write(odd.join(file), text);
        sandbox.write(odd.join("secret"), "s");
        sandbox.write("secret", "s");
        let value = if variable == "HOME" {
            odd.clone()
        } else {
            odd.join(file)
        };
        sandbox.env(variable, value);
        sandbox.env("XDG_CONFIG_HOME", "").env("XDG_STATE_HOME", "");
        sandbox.import(&format!("rt-{}", server.hits() + 1));
        let run = sandbox.run(["get", "p"]);
        assert!(run.code == 0 && run.stdout.starts_with("at-"), "{run:?}");
        assert_eq!(run.stderr, "");
        assert_eq!(sandbox.run(["exec", "p", "--", "true"]).code, 0);
    }
}
