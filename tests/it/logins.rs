//! One login after another in one profile: nothing of the old one is given out under the new.
#![cfg(unix)]

use crate::support;

use support::grants::{credentials, renewable};
use support::{Reply, Sandbox, Server};

/// Names the login that a refresh token belongs to, and the scope, in each token that it gives.
fn accounts() -> Server {
    Server::start(|request| {
        let form = request.form();
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        let account = of("refresh_token");
        let token = format!("at-{account}-{}", of("scope"));
        Reply::json(
            200,
            format!(r#"{{"access_token":"{token}","expires_in":600}}"#),
        )
    })
}

fn sandbox(server: &Server, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let more = format!("store = \"encrypted-file\"\n{more}");
    sandbox.config(&renewable(&server.url("/token"), &more));
    sandbox
}

#[test]
fn a_new_import_ends_the_tokens_of_the_old_one() {
    for more in ["", "access_cache = \"none\""] {
        for new in [
            "bob",
            r#"{"access_token":"given","refresh_token":"bob","expires_in":600}"#,
        ] {
            let server = accounts();
            let sandbox = sandbox(&server, more);
            sandbox.import("alice");
            let get = |scope: &str| sandbox.run(["get", "p", "--scope", scope]);
            sandbox.run(["get", "p"]).ok("at-alice-\n");
            get("x").ok("at-alice-x\n");
            sandbox.import(new);
            let first = sandbox.run(["get", "p"]);
            first.ok(if new == "bob" { "at-bob-\n" } else { "given\n" });
            get("x").ok("at-bob-x\n");
            sandbox.run(["get", "p", "--force"]).ok("at-bob-\n");
        }
    }
}

#[test]
fn a_logout_ends_every_variant() {
    let server = accounts();
    let sandbox = sandbox(&server, "");
    sandbox.import("alice");
    let scopes: Vec<_> = (0..20).map(|n| format!("s{n}")).collect();
    for scope in &scopes {
        let run = sandbox.run(["get", "p", "--scope", scope]);
        run.ok(&format!("at-alice-{scope}\n"));
    }
    sandbox.run(["logout", "p"]).ok_with("", "erased here");
    for scope in &scopes {
        let run = sandbox.run(["get", "p", "--scope", scope]);
        run.fails(4, "tokctl login p");
    }
}

#[test]
fn another_client_or_server_gets_no_token_of_the_first() {
    let (one, two) = (accounts(), accounts());
    let sandbox = sandbox(&one, "");
    sandbox.import("alice");
    sandbox.run(["get", "p"]).ok("at-alice-\n");
    let elsewhere = renewable(&two.url("/token"), "store = \"encrypted-file\"");
    sandbox.config(&elsewhere);
    sandbox
        .run(["get", "p"])
        .fails(4, "belongs to another client_id, token_endpoint or grant");
    assert_eq!(two.hits(), 0, "no refresh token goes to another server");
    sandbox.import("bob");
    sandbox.run(["get", "p"]).ok("at-bob-\n");
    let client = credentials(&two.url("/token"), "store = \"encrypted-file\"");
    sandbox.config(&client);
    sandbox.run(["get", "p"]).ok("at--\n");
    sandbox.config(&elsewhere);
    assert_ne!(sandbox.run(["get", "p"]).stdout, "at--\n");
}
