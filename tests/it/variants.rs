//! Tokens for another scope, audience or resource than the profile's own: what is refused to one is not
//! refused to the others, and what came is compared with what was asked for.
#![cfg(unix)]

use std::thread;

use serde_json::{Value, json};

use crate::support::profiles::{client_at, grant_at};
use crate::support::{Reply, Request, Run, Sandbox, Server};

const CONSENT: &str = r#"{"error":"invalid_grant","suberror":"consent_required","error_description":"AADSTS65001: no consent"}"#;

/// Gives the profile's own token, and refuses what lies beyond it.
fn consents_to_its_own(request: &Request) -> Reply {
    let form = request.form();
    let beyond = ["scope", "audience", "resource"];
    if beyond.iter().any(|name| form.contains_key(*name)) {
        return Reply::json(400, CONSENT);
    }
    Reply::json(
        200,
        r#"{"access_token":"own","refresh_token":"rt-2","expires_in":3600}"#,
    )
}

#[test]
fn consent_for_another_scope_is_missed_by_that_scope_alone() {
    thread::scope(|scope| {
        for (flag, remedy) in [
            ("--scope=admin", "run: tokctl login p --scope +admin"),
            ("--audience=https://other.example", "run: tokctl login p"),
            ("--resource=https://api.example", "run: tokctl login p"),
        ] {
            scope.spawn(move || {
                let server = Server::start(consents_to_its_own);
                let sandbox = Sandbox::with_grant(&server, "");
                sandbox.run(["get", "p"]).ok("own\n");
                for hits in [2, 2] {
                    let run = sandbox.run(["get", "p", flag]);
                    run.fails(4, remedy).fails(4, "AADSTS65001");
                    assert_eq!(server.hits(), hits, "remembered: {flag}");
                }
                let run = sandbox.run(["get", "p", flag, "--force"]);
                run.fails(4, "the grant lives");
                assert_eq!(server.hits(), 3, "asked once by who insists: {flag}");
                // The profile's own token, and another variant, are as before.
                sandbox.run(["get", "p", "--force"]).ok("own\n");
                sandbox.run(["refresh", "p"]).ok_with("", "renewed");
                let known = sandbox.run(["status", "p", "--json"]).json();
                assert_eq!(known["state"], "good", "{known}");
                sandbox.run(["get", "p", flag]).fails(4, remedy);
                assert_eq!(server.hits(), 5, "{flag}");
                // A new grant may cover it.
                sandbox.import("rt-new");
                sandbox.run(["get", "p", flag]).fails(4, remedy);
                assert_eq!(server.hits(), 6, "{flag}");
            });
        }
    });
}

#[test]
fn the_end_of_a_refresh_token_counts_for_all_variants() {
    let server = Server::always(Reply::error("invalid_grant"));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox
        .run(["get", "p", "--scope=admin"])
        .fails(4, "your grant for p ended");
    sandbox.run(["get", "p"]).fails(4, "your grant for p ended");
    assert_eq!(server.hits(), 1);
}

/// Grants this, whatever it is asked for.
fn granting(scope: &'static str) -> Server {
    Server::start(move |_| {
        let body = json!({"access_token": "at", "expires_in": 3600, "scope": scope});
        Reply::json(200, body.to_string())
    })
}

#[track_caller]
fn warns(run: &Run, words: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (0, "at\n"), "{run:?}");
    assert_eq!(run.stderr.lines().count(), words.len(), "{run:?}");
    for words in words {
        assert!(run.stderr.contains(words), "{words:?}: {run:?}");
    }
}

#[test]
fn what_came_for_another_scope_is_compared_both_ways() {
    let server = granting("offline read");
    let sandbox = Sandbox::with_grant(&server, "");
    let less =
        "the server did not grant admin; to consent to it, run: tokctl login p --scope +admin";
    let more = "the token can do more than was asked for: read";
    warns(&sandbox.run(["get", "p", "--scope=admin"]), &[less, more]);
    sandbox.run(["get", "p", "--scope=admin", "-q"]).ok("at\n");
    assert_eq!(server.hits(), 1, "the second one is stored");
    let known: Value = sandbox
        .run(["get", "p", "--scope=admin", "--json", "-q"])
        .json();
    assert_eq!(known["scope"], "offline read", "{known}");
    warns(&sandbox.run(["get", "p", "--scope=read"]), &[]);
    let server = granting("read write");
    sandbox.config(&grant_at(&server.url("/token"), "scope = \"write\""));
    sandbox.import("rt-1");
    let more = "the token can do more than was asked for: write";
    warns(&sandbox.run(["get", "p", "--scope=read"]), &[more]);
    // The profile's own scope was told with its login.
    warns(&sandbox.run(["get", "p"]), &[]);
}

#[test]
fn a_client_is_told_what_it_may_not_have() {
    let server = granting("read");
    let mut sandbox = Sandbox::new();
    sandbox
        .env("P_SECRET", "s")
        .config(&client_at(&server.url("/token"), ""));
    let less =
        "the server did not grant admin; the client's settings at the server say which scopes";
    let more = "the token can do more than was asked for: read";
    warns(&sandbox.run(["get", "p", "--scope=admin"]), &[less, more]);
}

#[test]
fn an_id_token_that_never_comes_costs_one_request() {
    let server = Server::start(|_| {
        Reply::json(
            200,
            r#"{"access_token":"at","refresh_token":"rt-2","expires_in":3600}"#,
        )
    });
    let sandbox = Sandbox::with_grant(&server, "");
    for _ in 0..3 {
        let run = sandbox.run(["get", "p", "--token=id"]);
        run.fails(5, "it sent no id_token");
        assert_eq!(server.hits(), 1);
    }
    // What it cost is not lost, and who insists asks once.
    sandbox.run(["get", "p"]).ok("at\n");
    assert_eq!(server.hits(), 1);
    sandbox
        .run(["get", "p", "--token=id", "--force"])
        .fails(5, "it sent no id_token");
    assert_eq!(server.hits(), 2);
    let without = Sandbox::new();
    without.config(&grant_at(&server.url("/token"), ""));
    without.import(r#"{"access_token":"at","expires_in":3600}"#);
    without.run(["get", "p", "--token=id"]).fails(
        4,
        "there is no id token that is good, and no refresh token that brings one",
    );
}

#[test]
fn a_scope_beyond_the_grant_names_the_login_that_asks_for_it() {
    let server = Server::always(Reply::error("invalid_scope"));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox
        .run(["get", "p", "--scope=admin"])
        .fails(5, "to consent to it, run: tokctl login p --scope +admin");
    sandbox.run(["get", "p"]).fails(
        5,
        "this server wants one; run: tokctl add p --change --scope SCOPE",
    );
}

#[test]
fn a_grant_that_a_refresh_for_less_has_narrowed_is_told() {
    // In the manner of django-oauth-toolkit.
    let granted = std::sync::Mutex::new("read write".to_owned());
    let server = Server::start(move |request| {
        let mut granted = granted.lock().expect("no panic");
        if let Some(asked) = request.form().get("scope") {
            granted.clone_from(asked);
        }
        let body = json!({"access_token": "at", "refresh_token": "rt-2", "expires_in": 3600, "scope": *granted});
        Reply::json(200, body.to_string())
    });
    let sandbox = Sandbox::with_grant(&server, "");
    warns(&sandbox.run(["get", "p"]), &[]);
    warns(&sandbox.run(["get", "p", "--scope=read"]), &[]);
    let less =
        "the server grants less than before: without write; to have it again, run: tokctl login p";
    warns(&sandbox.run(["get", "p", "--force"]), &[less]);
    warns(&sandbox.run(["get", "p", "--force"]), &[]);
}
