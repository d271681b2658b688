//! Replies of other shapes than RFC 6749's: which of them is a token, and whose words are shown.
#![cfg(unix)]

use crate::support;

use serde_json::Value;
use support::{Reply, Sandbox, Server};

/// What `get` makes of a reply.
fn got(status: u16, kind: &str, body: &str, more: &str) -> support::Run {
    let server = Server::always(Reply::new(status, kind, body));
    Sandbox::with_client(&server, &format!("store = \"none\"\n{more}")).run(["get", "p"])
}

const JSON: &str = "application/json";

#[test]
fn a_pointer_that_leads_nowhere_gives_way_to_the_next_and_to_the_usual_place() {
    let more = "response = { access_token = [\"/none\", \"/data/t\"], error = \"/failure/code\" }";
    got(200, JSON, r#"{"data":{"t":"at"}}"#, more).ok("at\n");
    got(200, JSON, r#"{"data":{"t":"at"},"error":"nope"}"#, more).fails(5, "nope (HTTP 200)");
}

#[test]
fn only_a_false_ok_is_a_no_where_the_profile_says_nothing_of_it() {
    got(200, JSON, r#"{"ok":1,"access_token":"at"}"#, "").ok("at\n");
    got(200, JSON, r#"{"ok":true,"access_token":"at"}"#, "").ok("at\n");
    got(200, JSON, r#"{"ok":false,"access_token":"at"}"#, "").fails(5, "HTTP 200");
    for error in [r#"{"x":1}"#, "7", "true"] {
        let body = format!(r#"{{"error":{error},"access_token":"at"}}"#);
        got(200, JSON, &body, "").fails(5, "error (HTTP 200)");
    }
}

#[test]
fn a_server_s_words_are_found_where_others_put_them() {
    for (status, body, words) in [
        (
            400,
            r#"{"errors":[{"errorType":"invalid_client","message":"Not known: x"}],"success":false}"#,
            "invalid_client: Not known: x (HTTP 400)",
        ),
        (404, r#"{"message":"Not here"}"#, "HTTP 404: Not here"),
        (
            400,
            r#"{"error":{"code":190,"type":"OAuthException","message":"Said"}}"#,
            "OAuthException: Said (HTTP 400)",
        ),
        (200, r#"{"access_token":""}"#, "the access_token is empty"),
    ] {
        got(status, JSON, body, "").fails(5, words);
    }
}

#[test]
fn a_page_is_no_form_and_a_mark_of_byte_order_is_no_letter() {
    got(200, "text/html", "access_token=at&x=1", "").fails(6, "without a token (text/html)");
    got(200, "text/plain", "<p>access_token=at&access_token=at", "").fails(6, "without a token");
    got(200, "text/plain", "access_token=at&x=1", "").ok("at\n");
    got(200, "text/plain", "\u{feff}access_token=at", "").ok("at\n");
    got(200, JSON, "\u{feff}{\"access_token\":\"at\"}", "").ok("at\n");
}

#[test]
fn a_refresh_token_that_is_none_leaves_the_old_one() {
    let server = Server::granting(r#"{"access_token":"at","refresh_token":"a\tb"}"#);
    let sandbox = Sandbox::with_grant(&server, "");
    for _ in 0..2 {
        let said =
            "not taken from the reply: the refresh_token holds characters that none may have";
        sandbox.run(["get", "p", "--force"]).ok_with("at\n", said);
    }
    for request in server.requests() {
        assert_eq!(request.form()["refresh_token"], "rt-1");
    }
}

#[test]
fn a_refresh_token_may_have_a_space_in_it() {
    let server = Server::start(|request| match request.form()["refresh_token"].as_str() {
        "rt 1" => Reply::json(200, r#"{"access_token":"at","refresh_token":" r t~2 "}"#),
        " r t~2 " => Reply::json(200, r#"{"access_token":"at-2"}"#),
        _ => Reply::error("invalid_grant"),
    });
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.import(r#"{"refresh_token":"rt 1"}"#);
    sandbox.run(["get", "p"]).ok("at\n");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    // Alone it could be a message as well.
    let run = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt 1");
    run.fails(2, "one with a space in it is taken from JSON");
}

#[test]
fn a_code_may_have_a_space_in_it() {
    use support::issuer::{behave, tokens};
    use support::login::{Login, arrive, profile, redirect};
    let server = Server::start(|request| match request.path.as_str() {
        "/token" if request.form()["code"] != "c 1~" => Reply::error("invalid_grant"),
        "/token" => tokens(&Value::Null),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    for space in ["%20", "+"] {
        let mut login = Login::start(&sandbox, &[]);
        let address = redirect(&login.address(), "");
        arrive(&address.replace("code=c-1", &format!("code=c{space}1~")));
        login.wait().ok_with("", "logged in to p");
    }
}

#[test]
fn a_pause_that_no_server_means_is_not_kept() {
    for (interval, kept) in [(100_000, false), (0, false), (600, true)] {
        let body = format!(r#"{{"error":"slow_down","interval":{interval}}}"#);
        let server = Server::always(Reply::json(400, body));
        let sandbox = Sandbox::with_grant(&server, "");
        let run = sandbox.run(["get", "p", "--timeout", "300ms"]);
        run.fails(6, "slow_down");
        let known = sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(known["not_before"] != Value::Null, kept, "{interval}");
    }
}
