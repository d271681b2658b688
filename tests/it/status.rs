//! `tokctl status` in a pipe: how a profile stands, and until when.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::{Reply, Run, Sandbox, Server};

/// The columns of a profile's row.
#[track_caller]
fn row(run: &Run, profile: &str) -> Vec<String> {
    let line = run.stdout.lines().find(|line| line.starts_with(profile));
    let cells = line.unwrap_or_else(|| panic!("{run:?}")).split("  ");
    let cells = cells.map(|cell| cell.trim().to_owned());
    cells.filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn a_token_s_end_is_told_in_two_units_and_then_that_it_has_ended() {
    let server = Server::start(|request| {
        let left = if request.form().contains_key("audience") {
            1
        } else {
            9030
        };
        let body = json!({"access_token": "a", "refresh_token": "r", "expires_in": left});
        Reply::json(200, body.to_string())
    });
    let long = Sandbox::with_grant(&server, "");
    long.run(["get", "p"]).ok("a\n");
    let run = long.run(["status"]);
    let found = row(&run, "p ");
    assert_eq!(found[1], "good");
    assert_eq!(found[2], "in 2h 30m");
    let short = Sandbox::with_grant(&server, "audience = \"x\"");
    short.run(["get", "p"]).ok("a\n");
    short.notes_age(2);
    let run = short.run(["status"]);
    let found = row(&run, "p ");
    assert_eq!(found[1..3], ["renewed when asked for", "ended"]);
    let known = short.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&known["expires_in"], &known["refreshable"]),
        (&json!(0), &json!(true))
    );
}

#[test]
fn a_grant_that_has_ended_needs_a_login_whatever_is_stored() {
    let server = Server::always(Reply::error("invalid_grant"));
    let sandbox = Sandbox::with_grant(&server, "");
    assert_eq!(
        row(&sandbox.run(["status"]), "p ")[1],
        "renewed when asked for"
    );
    sandbox.run(["get", "p"]).fails(4, "invalid_grant");
    assert_eq!(row(&sandbox.run(["status"]), "p ")[1], "login needed");
}

#[test]
fn a_token_of_the_environment_is_told_as_such() {
    let mut sandbox = Sandbox::with_grant(&Server::tokens(60), "");
    for (state, source) in [
        ("renewed when asked for", "store"),
        ("from the environment", "environment"),
    ] {
        let known = sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(
            (&known["state"], &known["source"]),
            (&json!(state), &json!(source))
        );
        sandbox.env("TOKCTL_TOKEN_P", "t");
    }
}

#[test]
fn a_server_s_pause_is_told_until_it_is_over() {
    let server = Server::always(Reply::json(429, "{}").header("retry-after", "3"));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p", "--timeout", "100ms"]);
    let pause = || sandbox.run(["status", "p", "--json"]).json()["not_before"].clone();
    assert!(pause().is_string());
    sandbox.notes_age(4);
    assert_eq!(pause(), Value::Null);
}
