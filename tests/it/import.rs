//! `tokctl import`: what is a token response, what is a refresh token, and what is neither.
#![cfg(unix)]

use crate::support;

use support::profiles::grant_at;
use support::{Reply, Sandbox, Server};

fn import(sandbox: &Sandbox, text: &str) -> support::Run {
    sandbox.run_with_stdin(["import", "p"], text)
}

fn untried(sandbox: &Sandbox, text: &str) -> support::Run {
    sandbox.run_with_stdin(["import", "p", "--no-try"], text)
}

#[test]
fn a_token_response_comes_as_json_or_as_a_form_and_a_refresh_token_alone() {
    for (text, stored) in [
        ("rt-1\n", "stored a refresh token for p"),
        ("12345", "stored a refresh token for p"),
        (
            "{\"access_token\":\"at-0\",\"refresh_token\":\"rt-1\"}",
            "stored a refresh token and an access token for p",
        ),
        (
            "access_token=at-0&token_type=bearer&refresh_token=rt-1\n",
            "stored a refresh token and an access token for p",
        ),
        (
            "{\"access_token\":\"at-0\"}",
            "stored an access token, which cannot be renewed for p",
        ),
    ] {
        let server = Server::tokens(3600);
        let sandbox = Sandbox::new();
        sandbox.config(&grant_at(&server.url("/token"), ""));
        untried(&sandbox, text).ok_with("", stored);
        assert_eq!(server.hits(), 0, "{text}");
        if text.contains("at-0") {
            sandbox.run(["get", "p"]).ok("at-0\n");
        }
    }
}

#[test]
fn what_a_pipeline_gone_wrong_prints_takes_no_refresh_token_s_place() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "");
    untried(&sandbox, "rt-1").ok_with("", "stored a refresh token");
    let long = "x".repeat(40_000);
    for (text, why) in [
        ("null\n", "JSON, but no token response (jq -r"),
        ("\"rt-2\"", "JSON, but no token response (jq -r"),
        ("[]", "JSON, but no token response"),
        (
            "{\"error\":\"x\"}",
            "without a usable access_token or refresh_token",
        ),
        ("error=x&access_token=", "without a usable access_token"),
        (
            "two words",
            "neither a JSON token response nor a refresh token",
        ),
        (&long, "longer than any refresh token"),
        ("", "empty"),
        (
            "{\"access_token\":\"at-0\"}",
            "stdin has no refresh token, and would take the place of one",
        ),
    ] {
        import(&sandbox, text).fails(2, why);
    }
    // One that could be one, and is none.
    import(&sandbox, "oops").fails(2, "there is a grant already");
    sandbox.run(["get", "p", "--force"]).ok("at-1\n");
    let sent = server.requests().pop().expect("a request").form();
    assert_eq!(sent["refresh_token"], "rt-1");
}

#[test]
fn a_refresh_token_is_tried_and_what_comes_for_it_is_stored() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), ""));
    import(&sandbox, "rt-1").ok_with(
        "",
        "stored a refresh token and an access token for p, tried at the server",
    );
    assert_eq!(server.hits(), 1);
    sandbox.run(["get", "p"]).ok("at-1\n");
    // The one that was brought is spent: the next comes of the one that came for it.
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    let sent = server.requests().pop().expect("a request").form();
    assert_eq!(sent["refresh_token"], "rt-2");
}

#[test]
fn what_the_server_does_not_take_replaces_nothing() {
    for (answer, code, why) in [
        (Reply::error("invalid_grant"), 5, "invalid_grant"),
        (Reply::error("invalid_client"), 5, "invalid_client"),
        (Reply::json(500, "{}"), 6, "500"),
        (
            Reply::new(200, "text/html", "<h1>log in</h1>"),
            6,
            "HTTP 200",
        ),
        (
            Reply::json(200, r#"{"error":"invalid_grant"}"#),
            5,
            "invalid_grant",
        ),
    ] {
        let taken = Server::tokens(3600);
        let sandbox = Sandbox::with_grant(&taken, "");
        let config = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
        let refusing = Server::always(answer);
        sandbox.config(&config.replace(&taken.url(""), &refusing.url("")));
        // Of another token_endpoint, and all the same in nobody's way.
        let run = sandbox.run_with_stdin(["import", "p", "--force"], "oops");
        run.fails(code, why).fails(code, "; nothing is replaced");
        sandbox.config(&config);
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
}

#[test]
fn a_server_that_is_away_costs_nothing() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "");
    let config = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&config.replace(&server.url(""), "http://127.0.0.1:9"));
    let run = sandbox.run_with_stdin(["import", "p", "--force"], "rt-9");
    run.fails(6, "; nothing is replaced").fails(6, "--no-try");
    sandbox.config(&config);
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn a_grant_that_may_be_in_use_is_replaced_only_by_force_and_one_that_has_ended_without() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "");
    import(&sandbox, "rt-other").fails(
        2,
        "there is a grant already, which has not ended as far as is known",
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    // A spent one ends the family there.
    sandbox.import("rt-1");
    sandbox.run(["get", "p", "--force"]).fails(4, "ended");
    untried(&sandbox, "rt-other").ok_with("", "stored a refresh token for p");
}

#[test]
fn an_access_token_alone_is_not_tried() {
    let server = Server::always(Reply::json(500, "{}"));
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), ""));
    import(&sandbox, "{\"access_token\":\"at-0\"}")
        .ok_with("", "stored an access token, which cannot be renewed");
    assert_eq!(server.hits(), 0);
    sandbox.run(["get", "p"]).ok("at-0\n");
}
