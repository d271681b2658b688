//! What a login believes: `iss` in the redirect, the claims of an id token.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::account::{now, sandbox_for};
use support::issuer::{behave, jwt, metadata, origin, tokens};
use support::login::{arrive, profile, redirect};
use support::{Account, Login, Reply, Run, Sandbox, Server};

#[test]
fn good_id_tokens_are_taken_and_name_the_account() {
    let at = Account::new();
    for changes in [
        json!({}),
        json!({"aud": ["c"]}),
        json!({"aud": ["c", "d"], "azp": "c"}),
        json!({"exp": now() - 30, "iat": now() + 30}),
        json!({"iat": 1_700_000_000.5}),
        json!({"exp": i64::MAX}),
        json!({"exp": 1e300}),
        json!({"sub": "x".repeat(255)}),
    ] {
        let run = at.log_in(&changes);
        run.ok_with("", "logged in to p as a@b.example");
    }
    let status = at.sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["account"], "a@b.example");
    at.log_in(&json!({"email": null}))
        .ok_with("", "logged in to p as s-1");
    let words = "\u{1b}[31mx\n\u{202e}y";
    let run = at.log_in(&json!({"email": words}));
    assert_eq!(run.code, 0);
    assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{run:?}");
}

#[test]
fn bad_id_tokens_are_refused_and_nothing_is_stored() {
    let at = Account::new();
    for changes in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"aud": "d"}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": ["c", "d"]}),
        json!({"aud": ["c", "d"], "azp": "d"}),
        json!({"azp": "d"}),
        json!({"exp": now() - 3600}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"iat": now() + 3600}),
        json!({"iat": null}),
        json!({"nonce": "other"}),
        json!({"nonce": null}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "x".repeat(256)}),
    ] {
        let run = at.log_in(&changes);
        assert_eq!(run.code, 5, "{changes}: {run:?}");
        run.fails(5, "id token");
        at.sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    }
}

/// A login whose server sends this for an id token.
fn login_with(id_token: &Value, more: &str) -> (Sandbox, Run) {
    let members = json!({ "id_token": id_token });
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => tokens(&members),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", more));
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    (sandbox, login.wait())
}

/// A token in five parts, as an encrypted one is (RFC 7516).
const ENCRYPTED: &str = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhHQ00ifQ.a2V5.aXY.dGV4dA.dGFn";

#[test]
fn an_id_token_that_was_asked_for_and_is_no_jwt_ends_the_login() {
    for garbage in [
        "x",
        "a.b.c",
        "a b",
        "e30.e30",
        "e30.W10.c2ln",
        "..",
        "e30.e30.e30.e30.e30",
    ] {
        let (sandbox, run) = login_with(&json!(garbage), "scope = \"openid\"");
        run.fails(
            5,
            "the id token is not good: it is no JWT; nothing is stored",
        );
        sandbox.run(["get", "p"]).fails(4, "tokctl login p");
        // Who has not asked for one has use for the rest.
        let (sandbox, run) = login_with(&json!(garbage), "scope = \"api\"");
        run.ok_with("", "the id token is left out: it is no JWT");
        sandbox.run(["get", "p"]).ok("access-1\n");
    }
}

#[test]
fn an_id_token_that_is_none_or_cannot_be_opened_does_not_cost_the_login() {
    let missing = "the server sent no id token, though the scope openid asks for one";
    for (id_token, words) in [
        (
            json!(7),
            "not taken from the reply: the id_token is a number, not a string",
        ),
        (
            json!({}),
            "not taken from the reply: the id_token is an object, not a string",
        ),
        (json!(null), missing),
        (json!(""), missing),
        (
            json!(ENCRYPTED),
            "the id token is left out: it is encrypted",
        ),
    ] {
        let (sandbox, run) = login_with(&id_token, "scope = \"openid\"");
        run.ok_with("", words);
        sandbox.run(["get", "p"]).ok("access-1\n");
        let run = sandbox.run(["get", "p", "--token", "id"]);
        assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    }
    let (_, run) = login_with(&json!(null), "scope = \"api\"");
    assert!(!run.stderr.contains("id token"), "{run:?}");
}

#[test]
fn an_id_token_ends_by_its_own_time() {
    let at = Account::new();
    // Within the skew for a login, and yet expired.
    at.log_in(&json!({"exp": now() - 30}))
        .ok_with("", "logged in");
    at.sandbox.run(["get", "p"]).ok("access-1\n");
    let hits = at.server.hits_of("/token");
    let fresh = json!({
        "iss": at.server.url(""), "aud": "c", "sub": "s-1", "exp": now() + 600, "iat": now(),
    });
    *at.members.lock().expect("no panic") = json!({ "id_token": jwt(&fresh) });
    let run = at.sandbox.run(["get", "p", "--token", "id"]);
    run.ok(&format!("{}\n", jwt(&fresh)));
    assert_eq!(
        at.server.hits_of("/token"),
        hits + 1,
        "renewed for the id token"
    );
    at.sandbox
        .run(["get", "p", "--token", "id"])
        .ok(&format!("{}\n", jwt(&fresh)));
    assert_eq!(at.server.hits_of("/token"), hits + 1);
}

#[test]
fn a_redirect_of_another_issuer_is_refused() {
    let at = Account::new();
    let mut login = Login::start(&at.sandbox, &[]);
    let page = arrive(&redirect(
        &login.address(),
        "&iss=https%3A%2F%2Fevil.example",
    ));
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    login.wait().fails(5, "evil.example");
    assert_eq!(at.server.hits_of("/token"), 0, "the code is not sent");
    // Also where it brings an error: that may be forged too.
    let mut login = Login::start(&at.sandbox, &[]);
    let address = redirect(&login.address(), "&iss=https%3A%2F%2Fevil.example");
    arrive(&address.replace("code=c-1", "error=access_denied"));
    let run = login.wait();
    run.fails(5, "evil.example");
}

#[test]
fn a_redirect_without_an_issuer_is_refused_where_the_server_announces_one() {
    let server = Server::start(|request| match request.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            let mut value = metadata(request, "");
            value["authorization_response_iss_parameter_supported"] = json!(true);
            Reply::json(200, value.to_string())
        }
        _ => behave(request).unwrap_or_else(|| Reply::json(404, origin(request))),
    });
    let sandbox = sandbox_for(&server, "");
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().fails(5, "iss");
    assert_eq!(server.hits_of("/token"), 0);
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    arrive(&redirect(&url, &format!("&iss={}", server.url(""))));
    login.wait().ok_with("", "logged in to p");
}
