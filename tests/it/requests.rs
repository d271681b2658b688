//! What stands in a request: who the client is, and each parameter once.
#![cfg(unix)]

use crate::support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use support::issuer::tokens;
use support::login::{arrive, redirect};
use support::profiles::client_at;
use support::{Login, Reply, Request, Sandbox, Server};

/// Half of what a form encodes.
const HARD: &str = "a%+b:c d";

fn behave(request: &Request) -> Reply {
    match request.path.as_str() {
        "/device" => Reply::json(
            200,
            r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a.example/d","interval":1}"#,
        ),
        _ => tokens(&Value::Null),
    }
}

/// A profile `p` with every endpoint, and with a secret that is hard to send.
fn sandbox(server: &Server, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let text = client_at(&server.url("/token"), more);
    sandbox.env("P_SECRET", HARD).config(&format!(
        "{text}authorization_endpoint = \"{}\"\ndevice_authorization_endpoint = \"{}\"\n",
        server.url("/authorize"),
        server.url("/device")
    ));
    sandbox
}

/// How many parameters of this name the last request had.
fn count(server: &Server, name: &str) -> usize {
    let body = server.requests().pop().expect("a request").body;
    let pairs = form_urlencoded::parse(&body);
    pairs.filter(|(known, _)| known == name).count()
}

#[test]
fn id_and_secret_are_encoded_for_the_header_but_where_the_server_wants_them_raw() {
    let own = "grant = \"client_credentials\"\nclient_auth = ";
    let server = Server::start(behave);
    for (auth, pair) in [
        ("client_secret_basic", "id:a%25%2Bb%3Ac%20d".to_owned()),
        ("client_secret_basic_raw", format!("id:{HARD}")),
    ] {
        let sandbox = sandbox(&server, &format!("{own}\"{auth}\""));
        sandbox.run(["get", "p"]).ok("access-1\n");
        let request = server.requests().pop().expect("a request");
        let header = format!("Basic {}", STANDARD.encode(pair));
        assert_eq!(request.header("authorization"), Some(header.as_str()));
        let form = request.form();
        assert!(
            !form.contains_key("client_id") && !form.contains_key("client_secret"),
            "{form:?}"
        );
    }
    let raw = sandbox(&server, &format!("{own}\"client_secret_basic_raw\""));
    let text = std::fs::read_to_string(raw.config_file()).expect("it is there");
    raw.config(&text.replace("\"id\"", "\"i:d\""));
    raw.run(["get", "p"]).fails(
        3,
        "client_secret_basic_raw cannot send a client_id with a colon",
    );
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_device_request_names_the_client_in_its_body_too() {
    for auth in [
        "client_secret_basic",
        "client_secret_basic_raw",
        "client_secret_post",
    ] {
        let server = Server::start(behave);
        let more = format!("grant = \"device_code\"\nclient_auth = \"{auth}\"");
        let sandbox = sandbox(&server, &more);
        Login::of(sandbox.command(["login", "p"]))
            .wait()
            .ok_with("", "logged in to p");
        let asked = &server.requests()[0];
        assert_eq!(asked.path, "/device");
        assert_eq!(asked.form()["client_id"], "id", "{auth}");
        let basic = auth.starts_with("client_secret_basic");
        assert_eq!(asked.header("authorization").is_some(), basic, "{auth}");
    }
}

#[test]
fn a_redirect_uri_is_named_once_with_a_code_and_by_no_other_grant() {
    let server = Server::start(behave);
    let more =
        "redirect_uri = \"http://127.0.0.1/cb\"\nsend_redirect_uri_on_refresh = true\ngrant = ";
    for (grant, wanted) in [("client_credentials", 0), ("authorization_code", 1)] {
        let sandbox = sandbox(&server, &format!("{more}\"{grant}\""));
        if wanted == 1 {
            let mut login = Login::start(&sandbox, &[]);
            assert_eq!(arrive(&redirect(&login.address(), "")).status, 200);
            login.wait().ok_with("", "logged in to p");
            assert_eq!(count(&server, "redirect_uri"), wanted, "{grant}");
        }
        sandbox.run(["get", "p", "--force"]).ok("access-1\n");
        assert_eq!(count(&server, "redirect_uri"), wanted, "{grant}");
    }
}
