//! `tokctl status`: what it shows is the token of the profile itself, whatever else was asked for.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::grants::{credentials, renewable};
use support::{Reply, Sandbox, Server};

/// A server whose tokens live as many seconds as their scope says.
fn server() -> Server {
    Server::start(|request| {
        let form = request.form();
        let scope = form.get("scope").map_or("3000", String::as_str);
        let life: i64 = scope.parse().expect("seconds");
        let granted = json!({
            "access_token": format!("at-{scope}"), "expires_in": life, "scope": scope,
            "refresh_token": "rt",
        });
        Reply::json(200, granted.to_string())
    })
}

/// The scope, and whether the token lives about so many seconds.
#[track_caller]
fn shows(sandbox: &Sandbox, scope: &Value, life: i64) {
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["scope"], *scope, "{status}");
    let left = status["expires_in"].as_i64().expect("seconds");
    assert!((life - 60..=life).contains(&left), "{status}");
    assert_eq!(status["state"], "good", "{status}");
}

#[test]
fn another_scope_s_token_is_not_shown_as_the_profile_s_own() {
    let server = server();
    for store in ["plaintext", "encrypted-file"] {
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"\nscope = \"3000\"");
        let own = json!("3000");
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), &more));
        sandbox.run(["get", "p"]).ok("at-3000\n");
        shows(&sandbox, &own, 3000);
        sandbox.run(["get", "p", "--scope", "500"]).ok("at-500\n");
        shows(&sandbox, &own, 3000);
        // The same by the other way.
        sandbox
            .run(["get", "p", "--scope", "3000", "--force"])
            .ok("at-3000\n");
        shows(&sandbox, &own, 3000);

        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), &more));
        sandbox.import("rt-1");
        sandbox.run(["get", "p"]).ok("at-3000\n");
        sandbox.run(["get", "p", "--scope", "500"]).ok("at-500\n");
        shows(&sandbox, &own, 3000);
    }
}

#[test]
fn only_another_scope_s_token_is_none_of_the_profile_s_own() {
    let server = server();
    let sandbox = Sandbox::new();
    let more = "store = \"plaintext\"\nscope = \"3000\"\naccess_cache = \"none\"";
    sandbox.config(&credentials(&server.url("/token"), more));
    sandbox.run(["get", "p", "--scope", "500"]).ok("at-500\n");
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["state"], "fetched when asked for", "{status}");
    assert_eq!(status["expires_in"], Value::Null, "{status}");
    sandbox
        .run(["logout", "p", "--no-revoke"])
        .ok_with("", "p: erased here");
}

#[test]
#[ignore = "needs a kernel keyring: tests/run has it"]
fn the_kernel_s_own_token_is_shown_whatever_came_after_it() {
    let server = server();
    let sandbox = Sandbox::new();
    let more = "store = \"auto\"\nscope = \"3000\"";
    sandbox.config(&credentials(&server.url("/token"), more));
    sandbox.run(["get", "p"]).ok("at-3000\n");
    sandbox.run(["get", "p", "--scope", "500"]).ok("at-500\n");
    shows(&sandbox, &json!("3000"), 3000);
    sandbox.run(["logout", "p"]).ok_with("", "p: erased here");
    sandbox
        .run(["logout", "p"])
        .ok_with("", "p: nothing was stored");
}
