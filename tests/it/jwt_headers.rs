//! The header of what a client signs: which key it is, by what the key's file and the profile say of it.
#![cfg(unix)]

use crate::support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use support::keys::{EcKey, pem};
use support::{Run, Sandbox, Server};

/// Asks for a token as a client with this key.
fn asked(server: &Server, key: &str, more: &str) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("key", key);
    sandbox.write("certificate", pem("CERTIFICATE", b"a certificate"));
    sandbox.config(&format!(
        "[profile.p]\ntoken_endpoint = \"{}\"\nclient_id = \"id\"\nclient_key = {{ file = \"~/key\" }}\n\
         store = \"none\"\n{more}\n",
        server.url("/token")
    ));
    sandbox.run(["get", "p"])
}

/// The header of the last assertion, whose signature is the key's.
#[track_caller]
fn header(server: &Server, key: &EcKey) -> Value {
    let form = server.requests().pop().expect("a request").form();
    key.verified(&form["client_assertion"]).0
}

#[test]
fn a_jwk_says_its_id_and_the_profile_s_counts_for_more() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    for (members, more, id) in [
        (json!({}), "", Value::Null),
        (json!({"kid": "k-1"}), "", json!("k-1")),
        (
            json!({"kid": "k-1"}),
            "client_key_id = \"k-2\"",
            json!("k-2"),
        ),
    ] {
        let run = asked(&server, &key.jwk(&members).to_string(), more);
        run.ok(&run.stdout);
        assert_eq!(header(&server, &key)["kid"], id, "{members} {more}");
    }
}

#[test]
fn a_jwk_s_algorithm_must_be_one_of_its_key_where_the_profile_names_none() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    let wrong = key.jwk(&json!({"alg": "ES384"})).to_string();
    asked(&server, &wrong, "").fails(3, "it cannot sign with \"ES384\", only with ES256");
    let run = asked(&server, &wrong, "signing_alg = \"ES256\"");
    run.ok(&run.stdout);
    assert_eq!(header(&server, &key)["alg"], "ES256");
    // As some programs write base64, though RFC 7518 has none at the end.
    let mut padded = key.jwk(&json!({"alg": "ES256"}));
    for name in ["d", "x", "y"] {
        padded[name] = json!(format!("{}=", padded[name].as_str().expect("a text")));
    }
    let run = asked(&server, &padded.to_string(), "");
    run.ok(&run.stdout);
}

#[test]
fn a_certificate_is_named_by_its_thumbprint_and_else_by_nothing() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"a certificate"));
    for (more, named) in [
        ("client_certificate = \"~/certificate\"", json!(thumbprint)),
        ("", Value::Null),
    ] {
        let run = asked(&server, &key.pem, more);
        run.ok(&run.stdout);
        assert_eq!(header(&server, &key)["x5t#S256"], named, "{more}");
    }
}

#[test]
fn an_assertion_that_a_server_repeats_is_not_shown() {
    let (key, server) = (
        EcKey::new(),
        Server::start(|request| {
            let said = format!("{} is not good", request.form()["client_assertion"]);
            let body = json!({"error": "invalid_client", "error_description": said});
            support::Reply::json(401, body.to_string())
        }),
    );
    let run = asked(&server, &key.pem, "");
    run.fails(
        5,
        "invalid_client: [not shown: it repeats a secret of the request] (HTTP 401)",
    );
}
