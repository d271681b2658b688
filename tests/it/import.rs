//! `tokctl import`: what is a token response, what is a refresh token, and what is neither.
#![cfg(unix)]

use crate::support;

use support::profiles::grant_at;
use support::{Sandbox, Server};

fn import(sandbox: &Sandbox, text: &str) -> support::Run {
    sandbox.run_with_stdin(["import", "p"], text)
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
        import(&sandbox, text).ok_with("", stored);
        if text.contains("at-0") {
            sandbox.run(["get", "p"]).ok("at-0\n");
        }
    }
}

#[test]
fn what_a_pipeline_gone_wrong_prints_takes_no_refresh_token_s_place() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "");
    import(&sandbox, "rt-1").ok_with("", "stored a refresh token");
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
    sandbox.run(["get", "p", "--force"]).ok("at-1\n");
    let sent = server.requests().pop().expect("a request").form();
    assert_eq!(sent["refresh_token"], "rt-1");
}
