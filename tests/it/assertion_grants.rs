//! Grants whose proof is a token: signed by the profile itself, or given to it.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::keys::EcKey;
use support::{OidcProvider, Reply, Request, Sandbox, Server};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A profile `p` that signs with a key in a file.
fn signing(token_endpoint: &str, key: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("key", key);
    let store = if more.contains("store =") {
        ""
    } else {
        "store = \"none\"\n"
    };
    sandbox.config(&format!(
        "[profile.p]\ntoken_endpoint = \"{token_endpoint}\"\ngrant = \"jwt_bearer\"\n\
         client_key = {{ file = \"~/key\" }}\n{store}{more}\n"
    ));
    sandbox
}

fn last(server: &Server) -> BTreeMap<String, String> {
    server.requests().pop().expect("a request").form()
}

/// The claims without the three that differ each time.
fn claims(key: &EcKey, form: &BTreeMap<String, String>) -> Value {
    let mut claims = key.verified(&form["assertion"]).1;
    let members = claims.as_object_mut().expect("an object");
    for own in ["iat", "exp", "jti"] {
        assert!(members.remove(own).is_some(), "{own}");
    }
    claims
}

/// The file of a service account, as Google's console gives it.
fn account(key: &EcKey, token_uri: &str) -> String {
    json!({
        "type": "service_account",
        "project_id": "x",
        "private_key_id": "key-1",
        "private_key": key.pem,
        "client_email": "robot@x.iam.example",
        "client_id": "1234",
        "token_uri": token_uri,
    })
    .to_string()
}

#[test]
fn the_claims_are_those_that_are_set_and_else_what_they_mean() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    let endpoint = server.url("/token");
    let plain = json!({"iss": "c", "sub": "c", "aud": endpoint});
    for (more, claimed, scope) in [
        ("client_id = \"c\"", plain.clone(), None),
        ("client_id = \"c\"\nscope = \"a b\"", plain, Some("a b")),
        (
            "client_id = \"c\"\nassertion = { sub = \"alice\", scope = true }\nscope = [\"a\", \"b\"]",
            json!({"iss": "c", "sub": "alice", "aud": endpoint, "scope": "a b"}),
            None,
        ),
        (
            "assertion = { iss = \"i\", aud = \"https://other\", n = 5, on = true, l = [\"x\"], t = { u = \"v\" } }",
            json!({"iss": "i", "sub": "i", "aud": "https://other", "n": 5, "on": true, "l": ["x"], "t": {"u": "v"}}),
            None,
        ),
        (
            "issuer = \"https://sso.example\"\nassertion = { iss = \"i\", scope = \"own\" }\nscope = \"a\"",
            json!({"iss": "i", "sub": "i", "aud": "https://sso.example", "scope": "own"}),
            None,
        ),
    ] {
        let sandbox = signing(&endpoint, &key.pem, more);
        let run = sandbox.run(["get", "p"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{more}");
        let form = last(&server);
        assert_eq!(form["grant_type"], JWT_BEARER);
        assert_eq!(claims(&key, &form), claimed, "{more}");
        assert_eq!(form.get("scope").map(String::as_str), scope, "{more}");
        let id = more.contains("client_id").then_some("c");
        assert_eq!(form.get("client_id").map(String::as_str), id);
        assert!(!form.contains_key("client_assertion"), "{form:?}");
    }
    let sandbox = signing(&endpoint, &key.pem, "");
    sandbox
        .run(["get", "p"])
        .fails(3, "profile \"p\": nobody is named as the issuer")
        .fails(3, "hint: set assertion = { iss = ");
}

#[test]
fn a_service_account_s_file_is_enough() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    let sandbox = Sandbox::new();
    sandbox.write("robot.json", account(&key, "https://google.example/token"));
    let config = format!(
        "[profile.p]\npreset = \"google-service-account\"\nclient_key = {{ file = \"~/robot.json\" }}\n\
         token_endpoint = \"{}\"\nscope = [\"https://a/read\", \"https://a/write\"]\nstore = \"none\"\n",
        server.url("/token")
    );
    sandbox.config(&config);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let form = last(&server);
    let names: Vec<&str> = form.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["assertion", "grant_type"],
        "no client and no scope beside it"
    );
    let (header, _) = key.verified(&form["assertion"]);
    assert_eq!(header["kid"], "key-1");
    let plain = json!({
        "iss": "robot@x.iam.example",
        "aud": "https://google.example/token",
        "scope": "https://a/read https://a/write",
    });
    assert_eq!(claims(&key, &form), plain);

    sandbox
        .run(["get", "p", "--scope", "https://a/read"])
        .ok("at-2\n");
    assert_eq!(claims(&key, &last(&server))["scope"], "https://a/read");
    sandbox.config(&format!(
        "{config}assertion = {{ sub = \"alice@x.example\" }}\n"
    ));
    sandbox.run(["get", "p"]).ok("at-3\n");
    let delegated = claims(&key, &last(&server));
    assert_eq!(delegated["sub"], "alice@x.example");
    assert_eq!(
        delegated["scope"], plain["scope"],
        "the preset's claims stay"
    );
    // Whose file it is speaks; without a scope there is none to claim.
    let unscoped = config.replace(
        "scope = [\"https://a/read\", \"https://a/write\"]",
        "client_id = \"c\"",
    );
    sandbox.config(&unscoped);
    sandbox.run(["get", "p"]).ok("at-4\n");
    let mut unscoped = plain;
    drop(
        unscoped
            .as_object_mut()
            .map(|claims| claims.remove("scope")),
    );
    assert_eq!(claims(&key, &last(&server)), unscoped);
}

#[test]
fn another_file_of_google_s_is_told_apart() {
    let server = Server::tokens(60);
    let key = EcKey::new();
    let whole = account(&key, "x");
    for (file, words) in [
        (
            whole.replace("service_account", "authorized_user"),
            "not a service account's key",
        ),
        (
            "{\"installed\":{\"client_id\":\"c\"}}".to_owned(),
            "not a service account's key",
        ),
        (
            whole.replace("client_email", "email"),
            "without client_email",
        ),
        (
            whole.replace("BEGIN PRIVATE", "BEGIN"),
            "no private key in PEM form",
        ),
    ] {
        let sandbox = signing(&server.url("/token"), &file, "");
        let run = sandbox.run(["get", "p", "-vv"]);
        run.fails(3, "profile \"p\": client_key, file ")
            .fails(3, words)
            .fails(3, "hint: ");
        for line in key.lines() {
            assert!(!run.stderr.contains(line), "{}", run.stderr);
        }
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn it_is_cached_and_renewed_without_a_person() {
    let (key, server) = (EcKey::new(), Server::tokens(3600));
    let more = "store = \"encrypted-file\"\naccess_cache = \"none\"\nassertion = { iss = \"i\" }";
    let sandbox = signing(&server.url("/token"), &key.pem, more);
    for _ in 0..3 {
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    let ids: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| key.verified(&request.form()["assertion"]).1["jti"].clone())
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&status["grant"], &status["client_id"]),
        (&json!("jwt_bearer"), &Value::Null)
    );
    sandbox
        .run(["login", "p"])
        .fails(3, "grant jwt_bearer needs no login");
    // Another key or subject is somebody else.
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    for (from, to, token) in [
        ("iss = \"i\"", "iss = \"i\", sub = \"s\"", "at-3\n"),
        ("~/key", "~/key2", "at-4\n"),
    ] {
        sandbox.write("key2", &key.pem);
        sandbox.config(&text.replace(from, to));
        sandbox.run(["get", "p"]).ok(token);
    }
}

#[test]
fn an_assertion_that_is_refused_ends_with_5_and_is_not_repeated() {
    let key = EcKey::new();
    let server = Server::start(|request: &Request| {
        let said = format!("bad {}", request.form()["assertion"]);
        let body = json!({"error": "invalid_grant", "error_description": said});
        Reply::json(400, body.to_string())
    });
    let sandbox = signing(&server.url("/token"), &key.pem, "client_id = \"c\"");
    for flags in ["-vv", "--json"] {
        let run = sandbox.run(["get", "p", flags]);
        run.fails(5, "invalid_grant")
            .fails(5, "check client_key, the assertion's iss, sub and aud");
        let assertion = last(&server)["assertion"].clone();
        let signature = assertion.rsplit('.').next().expect("a signature");
        assert!(!run.stderr.contains(signature), "{}", run.stderr);
    }
}

#[test]
fn an_id_token_alone_will_do_where_one_is_asked_for() {
    use base64::Engine;
    let encode =
        |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let body = encode(
        json!({"aud": "https://run.example", "azp": "robot", "iat": 1_700_000_000, "exp": 4_102_444_800_u64}),
    );
    let id_token = format!("{}.{body}.c2ln", encode(json!({"alg": "RS256"})));
    let server = Server::granting(&json!({"id_token": id_token}).to_string());
    let more = "assertion = { iss = \"i\", target_audience = \"https://run.example\" }";
    let sandbox = signing(
        &server.url("/token"),
        &EcKey::new().pem,
        &format!("{more}\ntoken = \"id\""),
    );
    sandbox.run(["get", "p"]).ok(&format!("{id_token}\n"));
    let sandbox = signing(&server.url("/token"), &EcKey::new().pem, more);
    sandbox
        .run(["get", "p"])
        .fails(5, "the access_token is absent");
}

#[test]
fn what_cannot_be_a_claim_is_told_by_its_place() {
    for (claims, words) in [
        ("'x'", "assertion: must be a table"),
        (
            "{ exp = 5 }",
            "assertion: exp: is set by the request itself",
        ),
        (
            "{ jti = 'x' }",
            "assertion: jti: is set by the request itself",
        ),
        ("{ iss = 5 }", "assertion: iss: must be a string"),
        ("{ sub = '' }", "assertion: sub: must not be empty"),
        ("{ scope = false }", "assertion: scope: must be true"),
        (
            "{ n = 1.5 }",
            "assertion: n: must be a string, not a fraction",
        ),
        (
            "{ at = 2020-01-01 }",
            "assertion: at: must be a string, not a date",
        ),
    ] {
        let sandbox = signing("https://a.example/t", "", &format!("assertion = {claims}"));
        sandbox
            .run(["get", "p"])
            .fails(3, words)
            .fails(3, "config.toml:6: profile \"p\"");
    }
}

/// A key of the provider's clients.
fn key_file(name: &str) -> String {
    let path = OidcProvider::directory().join("keys").join(name);
    fs::read_to_string(path).expect("setup.sh has made it")
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_provider_that_checks_assertions_takes_them() {
    let provider = OidcProvider::start(&[]);
    let endpoint = format!("{}/token", provider.url());
    for (client, key, more) in [
        ("bearer-ec", "client-ec.sec1.pem", ""),
        (
            "bearer-rsa",
            "client-rsa.pkcs8.pem",
            "signing_alg = \"PS256\"",
        ),
        (
            "bearer-rsa",
            "client-rsa.jwk.json",
            "assertion = { sub = \"alice\", scope = true }",
        ),
        (
            "bearer-pkjwt",
            "client-ec.jwk.json",
            "client_auth = \"private_key_jwt\"",
        ),
    ] {
        let more = format!("client_id = \"{client}\"\nscope = \"api:read\"\n{more}");
        let sandbox = signing(&endpoint, &key_file(key), &more);
        for _ in 0..2 {
            let run = sandbox.run(["get", "p"]);
            run.ok(&run.stdout);
            let echo = provider.echo(run.stdout.trim_end());
            assert_eq!(
                (echo.status, &echo.json()["scope"]),
                (200, &json!("api:read"))
            );
        }
    }
    for (key, more) in [
        ("client-rsa.pkcs8.pem", ""),
        (
            "client-ec.sec1.pem",
            "assertion = { aud = \"https://elsewhere.example\" }",
        ),
    ] {
        let more = format!("client_id = \"bearer-ec\"\n{more}");
        signing(&endpoint, &key_file(key), &more)
            .run(["get", "p"])
            .fails(5, "invalid_grant")
            .fails(5, "hint: check client_key");
    }
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A profile `p` that exchanges a token.
fn exchanging(token_endpoint: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let store = if more.contains("store =") {
        ""
    } else {
        "store = \"none\"\n"
    };
    sandbox.config(&format!(
        "[profile.p]\ntoken_endpoint = \"{token_endpoint}\"\ngrant = \"token_exchange\"\n{store}{more}\n"
    ));
    sandbox
}

fn kind(name: &str) -> String {
    format!("urn:ietf:params:oauth:token-type:{name}")
}

#[test]
fn an_exchange_sends_what_rfc_8693_says_and_nothing_else() {
    let server = Server::tokens(60);
    let sandbox = exchanging(
        &server.url("/token"),
        "subject_token = { file = \"~/token\" }",
    );
    sandbox.write("token", "subject-1\n");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let plain: BTreeMap<String, String> = [
        ("grant_type", EXCHANGE.to_owned()),
        ("subject_token", "subject-1".to_owned()),
        ("subject_token_type", kind("access_token")),
        // Else some servers add a refresh token.
        ("requested_token_type", kind("access_token")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(last(&server), plain);

    let mut sandbox = exchanging(
        &server.url("/token"),
        "subject_token = { command = [\"printf\", \"subject-2\"] }\nsubject_token_type = \"jwt\"\n\
         actor_token = { env = \"ACTOR\" }\nactor_token_type = \"urn:own:type\"\nrequested_token_type = \"id_token\"\n\
         audience = \"//iam.example/pool\"\nresource = [\"https://a\"]\nscope = \"x y\"\nclient_id = \"c\"\n\
         client_secret = { env = \"S\" }\nclient_auth = \"client_secret_post\"",
    );
    sandbox
        .env("ACTOR", "actor-1")
        .env("S", "s3cret")
        .run(["get", "p"])
        .ok("at-2\n");
    let form = last(&server);
    for (name, value) in [
        ("subject_token", "subject-2"),
        ("subject_token_type", &kind("jwt")),
        ("actor_token", "actor-1"),
        ("actor_token_type", "urn:own:type"),
        ("requested_token_type", &kind("id_token")),
        ("audience", "//iam.example/pool"),
        ("resource", "https://a"),
        ("scope", "x y"),
        ("client_id", "c"),
        ("client_secret", "s3cret"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
}

#[test]
fn an_exchanged_token_is_cached_and_its_subject_read_only_for_a_request() {
    let server = Server::tokens(3600);
    let more = "store = \"encrypted-file\"\naccess_cache = \"none\"\nsubject_token = { file = \"~/token\" }";
    let sandbox = exchanging(&server.url("/token"), more);
    sandbox
        .run(["get", "p"])
        .fails(3, "file ")
        .fails(3, "no such file");
    for (subject, force, token) in [
        ("first", "--no-newline", "at-1"),
        ("rotated", "--no-newline", "at-1"),
        ("rotated", "--force", "at-2\n"),
    ] {
        sandbox.write("token", subject);
        sandbox.run(["get", "p", force]).ok(token);
    }
    let subjects: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.form()["subject_token"].clone())
        .collect();
    assert_eq!(subjects, ["first", "rotated"]);
    fs::remove_file(sandbox.home().join("token")).expect("it is there");
    sandbox.run(["get", "p"]).ok("at-2\n");
    // Another kind is another token, and so is one of another actor or subject.
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.write("other", "other");
    let kind = format!("{text}requested_token_type = \"jwt\"\n");
    let with = |actor: &str| format!("{kind}actor_token = {{ file = \"~/{actor}\" }}\n");
    for (config, token) in [
        (kind.clone(), "at-3\n"),
        (with("other"), "at-4\n"),
        (with("third"), "at-5\n"),
        (with("third").replace("~/token", "~/other"), "at-6\n"),
    ] {
        for file in ["token", "other", "third"] {
            sandbox.write(file, "same");
        }
        sandbox.config(&config);
        sandbox.run(["get", "p"]).ok(token);
        sandbox.run(["get", "p"]).ok(token);
    }
    sandbox
        .run(["login", "p"])
        .fails(3, "grant token_exchange needs no login");
}

#[test]
fn another_profile_s_token_is_exchanged() {
    let server = Server::start(|request| {
        let form = request.form();
        let token = match form.get("subject_token") {
            Some(subject) => format!("for-{subject}"),
            None if form["client_id"] == "dead" => return Reply::error("invalid_client"),
            None => "inner".to_owned(),
        };
        Reply::json(
            200,
            json!({"access_token": token, "expires_in": 60}).to_string(),
        )
    });
    let mut sandbox = exchanging(&server.url("/token"), "subject_token = { profile = \"q\" }");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    let inner = |client: &str| {
        format!(
            "[profile.q]\ntoken_endpoint = \"{}\"\nclient_id = \"{client}\"\nclient_secret = {{ env = \"S\" }}\n\
             client_auth = \"client_secret_post\"\nstore = \"none\"\n",
            server.url("/token")
        )
    };
    sandbox.env("S", "s");
    sandbox.config(&format!("{text}{}", inner("c")));
    sandbox.run(["get", "p"]).ok("for-inner\n");
    sandbox.config(&format!("{text}{}", inner("dead")));
    sandbox
        .run(["get", "p"])
        .fails(5, "profile \"q\": ")
        .fails(5, "invalid_client");
    sandbox.config(&format!("{text}{}grant = \"device_code\"\n", inner("c")));
    sandbox.run(["get", "p"]).fails(4, "tokctl login q");
    sandbox.config(&text);
    sandbox.run(["get", "p"]).fails(3, "no profile \"q\"");
    sandbox.config(&text.replace("\"q\"", "\"p\""));
    sandbox
        .run(["get", "p"])
        .fails(3, "profile \"p\" exchanges another profile's token itself");
    let as_actor = "subject_token = { env = \"S\" }\nactor_token = { profile = \"q\" }";
    let nested = text.replace("subject_token = { profile = \"q\" }", as_actor);
    sandbox.config(&format!(
        "{nested}{}",
        nested
            .replace("profile.p", "profile.q")
            .replace("\"q\"", "\"r\"")
    ));
    sandbox.run(["get", "p"]).fails(
        3,
        "actor_token: profile \"q\" exchanges another profile's token itself",
    );
    sandbox.env("TOKCTL_TOKEN_Q", "set");
    sandbox.config(&text);
    sandbox.run(["get", "p"]).ok("for-set\n");
}

#[test]
fn what_was_issued_is_told_and_no_header_is_made_of_what_is_no_access_token() {
    let issued = |name: &str, used: &str| json!({"access_token": "t", "token_type": used, "expires_in": 60, "issued_token_type": kind(name)});
    let server = Server::granting(&issued("jwt", "N_A").to_string());
    let more = "subject_token = { file = \"~/token\" }\nrequested_token_type = \"jwt\"";
    let sandbox = exchanging(&server.url("/token"), more);
    sandbox.write("token", "x");
    sandbox.run(["get", "p"]).ok("t\n");
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert_eq!(
        (&answer["token_type"], &answer["issued_token_type"]),
        (&json!("N_A"), &json!(kind("jwt")))
    );
    for format in ["bearer", "header", "headers-json", "curl"] {
        sandbox
            .run(["get", "p", "--format", format])
            .fails(2, "no access token (token_type N_A)")
            .fails(2, "hint: take it as it is: --format token");
    }
    let server = Server::granting(&issued("access_token", "Bearer").to_string());
    let sandbox = exchanging(&server.url("/token"), more);
    sandbox.write("token", "x");
    let run = sandbox.run(["get", "p"]);
    run.ok_with(
        "t\n",
        &format!(
            "issued another requested_token_type: {}",
            kind("access_token")
        ),
    );
}

#[test]
fn a_subject_that_is_refused_is_told_and_not_shown() {
    for code in ["invalid_grant", "invalid_request"] {
        let server = Server::start(move |request| {
            let said = format!("bad token {}", request.form()["subject_token"]);
            Reply::json(
                400,
                json!({"error": code, "error_description": said}).to_string(),
            )
        });
        let sandbox = exchanging(
            &server.url("/token"),
            "subject_token = { file = \"~/token\" }",
        );
        sandbox.write("token", "subject-canary");
        for flags in ["-vv", "--json"] {
            let run = sandbox.run(["get", "p", flags]);
            run.fails(5, code)
                .fails(5, "check subject_token and subject_token_type");
            assert!(!run.stderr.contains("canary"), "{}", run.stderr);
        }
        assert_eq!(server.hits(), 2, "each is asked once");
    }
    let server = Server::always(Reply::error("invalid_target"));
    let sandbox = exchanging(&server.url("/token"), "subject_token = { env = \"HOME\" }");
    sandbox.run(["get", "p"]).fails(
        5,
        "hint: check audience and resource: the server does not know one of them",
    );
    for (more, words) in [
        ("", "has no subject_token to exchange"),
        (
            "subject_token = { keyring = true }",
            "subject_token: keyring: the store has no such token",
        ),
        (
            "subject_token = { file = \"~/two\" }",
            "holds characters that no token has",
        ),
    ] {
        let sandbox = exchanging("http://127.0.0.1:1/", more);
        sandbox.write("two", "canary\nlines");
        let run = sandbox.run(["get", "p"]);
        run.fails(3, words);
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_provider_exchanges_its_own_token_for_another_client_s() {
    let provider = OidcProvider::start(&[]);
    let endpoint = format!("{}/token", provider.url());
    let q = format!(
        "[profile.q]\ntoken_endpoint = \"{endpoint}\"\nclient_id = \"cc-basic\"\nclient_secret = {{ env = \"S\" }}\n\
         scope = \"api:read api:write\"\nstore = \"none\"\n"
    );
    let more =
        "subject_token = { profile = \"q\" }\nclient_id = \"exchange\"\nscope = \"api:read\"";
    let mut sandbox = exchanging(&endpoint, more);
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox
        .env("S", "cc-basic-secret")
        .config(&format!("{text}{q}"));
    let run = sandbox.run(["get", "p"]);
    run.ok(&run.stdout);
    let echo = provider.echo(run.stdout.trim_end()).json();
    assert_eq!(
        (&echo["client_id"], &echo["scope"]),
        (&json!("exchange"), &json!("api:read"))
    );
    sandbox.config(&text.replace("{ profile = \"q\" }", "{ env = \"S\" }"));
    sandbox
        .run(["get", "p"])
        .fails(5, "invalid_grant")
        .fails(5, "check subject_token");
}

#[test]
fn a_refresh_token_that_nobody_asked_for_is_not_used_and_revoked_in_the_end() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let body = json!({"access_token": format!("at-{n}"), "expires_in": 3600,
                "refresh_token": format!("rt-{n}"), "issued_token_type": kind("access_token")});
            Reply::json(200, body.to_string())
        }
        _ => Reply::json(200, "{}"),
    });
    let more = format!(
        "subject_token = {{ file = \"~/token\" }}\nrevocation_endpoint = \"{}\"\nclient_id = \"c\"\n\
         store = \"plaintext\"\naccess_cache = \"none\"",
        server.url("/revoke")
    );
    let sandbox = exchanging(&server.url("/token"), &more);
    sandbox.write("token", "subject");
    sandbox.run(["get", "p"]).ok("at-0\n");
    sandbox.run(["get", "p", "--force"]).ok("at-1\n");
    let grants = || {
        let all = server.requests();
        let all = all.iter().filter(|request| request.path == "/token");
        all.map(|request| request.form()["grant_type"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(grants(), [EXCHANGE, EXCHANGE], "it is not used");
    sandbox.run(["logout", "p"]).ok_with("", "revoked");
    let revoked: Vec<String> = server
        .requests()
        .iter()
        .filter(|request| request.path == "/revoke")
        .map(|request| request.form()["token"].clone())
        .collect();
    assert_eq!(revoked, ["rt-0", "rt-1", "at-1"]);
}
