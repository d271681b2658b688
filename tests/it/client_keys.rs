//! Clients that prove themselves with a key: JWTs that they sign.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::json;
use support::keys::{EcKey, parts, pem};
use support::login::log_in;
use support::profiles::SECRET;
use support::{Login, OidcProvider, Reply, Request, Run, Running, Sandbox, Server};

/// A profile `p` of a client with a key in a file, which is made anew for each request.
fn keyed(token_endpoint: &str, key: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("key", key);
    sandbox.config(&format!(
        "[profile.p]\ntoken_endpoint = \"{token_endpoint}\"\nclient_id = \"id\"\n\
         client_key = {{ file = \"~/key\" }}\nstore = \"none\"\n{more}\n"
    ));
    sandbox
}

fn assertion(request: &Request) -> String {
    request.form()["client_assertion"].clone()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_secs()).expect("before 2100")
}

#[test]
fn a_client_signs_what_rfc_7523_demands_and_nothing_twice() {
    let key = EcKey::new();
    let tokens = support::Tokens::new(60);
    let busy = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |request| {
        match busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::json(503, "{}"),
            _ => tokens.answer(request),
        }
    });
    let endpoint = server.url("/token");
    let sandbox = keyed(&endpoint, &key.pem, "client_key_id = \"k-1\"");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "one was busy");
    let mut ids = Vec::new();
    for request in &requests {
        let form = request.form();
        assert_eq!(form["client_id"], "id");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert!(request.header("authorization").is_none() && !form.contains_key("client_secret"));
        let (header, claims) = key.verified(&assertion(request));
        assert_eq!(
            header,
            json!({"typ": "client-authentication+jwt", "alg": "ES256", "kid": "k-1"})
        );
        assert_eq!(claims["iss"], "id");
        assert_eq!(claims["sub"], "id");
        assert_eq!(claims["aud"], json!(endpoint), "a string, not a list");
        let time = |name: &str| claims[name].as_i64().expect("a whole number");
        assert_eq!(time("exp") - time("iat"), 60);
        assert!(time("iat") < now() && time("exp") > now(), "{claims}");
        ids.push(claims["jti"].as_str().expect("an id").to_owned());
        assert_eq!(
            claims.as_object().map(serde_json::Map::len),
            Some(6),
            "{claims}"
        );
    }
    assert!(ids[0] != ids[1] && ids[0].len() >= 22, "{ids:?}");
}

#[test]
fn a_key_on_the_larger_curve_signs_with_the_larger_hash() {
    let (key, server) = (EcKey::on_p384(), Server::tokens(60));
    keyed(&server.url("/token"), &key.pem, "")
        .run(["get", "p"])
        .ok("at-1\n");
    let (header, _) = key.verified(&assertion(&server.requests()[0]));
    assert_eq!(header["alg"], "ES384");
}

#[test]
fn the_audience_is_the_server_s_name_where_it_is_known() {
    let key = EcKey::new();
    let server = Server::tokens(60);
    for (more, audience) in [
        ("issuer = \"https://sso.example\"", "https://sso.example"),
        (
            "issuer = \"https://sso.example\"\nclient_assertion_audience = \"urn:other\"",
            "urn:other",
        ),
    ] {
        let more = format!("{more}\ngrant = \"client_credentials\"");
        keyed(&server.url("/token"), &key.pem, &more).run(["get", "p"]);
        let last = server.requests().pop().expect("a request");
        assert_eq!(key.verified(&assertion(&last)).1["aud"], audience);
    }
}

#[test]
fn a_secret_signs_too() {
    let server = Server::tokens(60);
    for (alg, algorithm) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ] {
        let more = format!("client_auth = \"client_secret_jwt\"\nsigning_alg = \"{alg}\"");
        let more = if alg == "HS256" {
            "client_auth = \"client_secret_jwt\""
        } else {
            &more
        };
        Sandbox::with_client(&server, more).run(["get", "p"]);
        let last = server.requests().pop().expect("a request");
        let token = assertion(&last);
        assert_eq!(
            parts(&token).0,
            json!({"typ": "client-authentication+jwt", "alg": alg})
        );
        let (text, signature) = token.rsplit_once('.').expect("three parts");
        let key = hmac::Key::new(algorithm, SECRET.as_bytes());
        let signature =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature);
        let signature = signature.expect("base64url");
        hmac::verify(&key, text.as_bytes(), &signature).expect("the secret's");
        assert!(!String::from_utf8_lossy(&last.body).contains(SECRET));
    }
}

#[test]
fn a_key_comes_from_a_variable_on_one_line_and_from_the_store() {
    let (key, server) = (EcKey::new(), Server::tokens(60));
    let mut sandbox = keyed(&server.url("/token"), &key.pem, "");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&text.replace("{ file = \"~/key\" }", "{ env = \"KEY\" }"));
    sandbox.env("KEY", key.pem.replace('\n', "\\n"));
    assert_eq!(sandbox.run(["get", "p"]).code, 0);

    let store = "store = \"encrypted-file\"\naccess_cache = \"none\"";
    let text = text.replace("{ file = \"~/key\" }", "{ keyring = true }");
    sandbox.config(&text.replace("store = \"none\"", store));
    sandbox
        .run(["get", "p"])
        .fails(3, "no client key in the store");
    for pem in [key.pem.clone(), key.pem.replace('\n', "\r\n")] {
        let stored = sandbox.run_with_stdin(["secret", "set", "p"], pem);
        stored.ok_with("", "p: client key stored");
        assert_eq!(stored.stderr.lines().count(), 1, "{}", stored.stderr);
        assert_eq!(sandbox.run(["get", "p", "--force"]).code, 0);
        let last = server.requests().pop().expect("a request");
        key.verified(&assertion(&last));
    }
    sandbox.run(["logout", "p"]);
    assert_eq!(sandbox.run(["get", "p"]).code, 0, "the key stays");
    sandbox
        .run(["secret", "rm", "p"])
        .ok_with("", "p: client key removed");
    sandbox
        .run(["get", "p", "--force"])
        .fails(3, "no client key in the store");
}

#[test]
fn the_key_is_read_when_a_request_is_made_and_not_before() {
    let (key, server) = (EcKey::new(), Server::tokens(3600));
    let sandbox = keyed(&server.url("/token"), &key.pem, "");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    let store = "store = \"encrypted-file\"\naccess_cache = \"none\"";
    sandbox.config(&text.replace("store = \"none\"", store));
    sandbox.run(["get", "p"]).ok("at-1\n");
    fs::remove_file(sandbox.home().join("key")).expect("it is there");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox
        .run(["get", "p", "--force"])
        .fails(3, "/key: no such file");
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_the_remedy() {
    let server = Server::tokens(60);
    let good = EcKey::new().pem;
    let middle = good.lines().nth(2).expect("a line").to_owned();
    let jwk = |members: &str| format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",{members}}}");
    for (key, more, words, hint) in [
        (
            pem("ENCRYPTED PRIVATE KEY", b"canary"),
            "",
            "encrypted with a passphrase",
            "openssl pkey",
        ),
        (
            good.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n"),
            "",
            "encrypted with a passphrase",
            "openssl pkey",
        ),
        (
            pem("OPENSSH PRIVATE KEY", b"canary"),
            "",
            "OpenSSH's own form",
            "ssh-keygen -p -m PKCS8",
        ),
        (
            pem("PUBLIC KEY", b"canary"),
            "",
            "no private key",
            "the private key that belongs to it",
        ),
        (
            pem("CERTIFICATE", b"canary"),
            "",
            "no private key",
            "the private key that belongs to it",
        ),
        (
            pem("PRIVATE KEY", b"canary"),
            "",
            "neither RSA, nor EC",
            "openssl genpkey",
        ),
        (
            good.replace(&middle, &middle.to_lowercase()),
            "",
            "is damaged",
            "openssl pkey",
        ),
        (
            "canary".to_owned(),
            "",
            "no private key in PEM form and no JWK",
            "openssl pkey",
        ),
        ("{canary".to_owned(), "", "not valid JSON", "one JWK"),
        (
            jwk("\"x\":\"canary\""),
            "",
            "without a good \"d\"",
            "private JWK",
        ),
        (
            jwk("\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\""),
            "",
            "is damaged",
            "openssl pkey",
        ),
        (
            "{\"kty\":\"oct\",\"k\":\"canary\"}".to_owned(),
            "",
            "neither RSA",
            "openssl genpkey",
        ),
        (
            good.clone(),
            "signing_alg = \"RS256\"",
            "cannot sign with \"RS256\", only with ES256",
            "signing_alg",
        ),
    ] {
        let sandbox = keyed(&server.url("/token"), &key, more);
        let file = sandbox.home().join("key");
        let run = sandbox.run(["get", "p", "-vv"]);
        run.fails(
            3,
            &format!("profile \"p\": client_key, file {}: it ", file.display()),
        )
        .fails(3, words)
        .fails(3, "\ntokctl: hint: ")
        .fails(3, hint);
        assert!(
            !run.stderr.contains("canary") && !run.stderr.contains("Y2FuYXJ5"),
            "{run:?}"
        );
        assert!(!run.stderr.contains(&middle), "{run:?}");
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_key_or_certificate_in_der_is_told_the_way_to_pem() {
    let server = Server::tokens(60);
    let sandbox = keyed(&server.url("/token"), "", "");
    sandbox.write("key", [0x30, 0x82, 0x04, 0xa4, 0x02, 0x01]);
    sandbox
        .run(["get", "p"])
        .fails(3, "no client_key from file /")
        .fails(3, "it is not UTF-8 text")
        .fails(
            3,
            "hint: if it is DER, convert it to PEM: openssl pkey -inform DER",
        );
    let certificate = "client_certificate = \"~/certificate\"";
    let sandbox = keyed(&server.url("/token"), &EcKey::new().pem, certificate);
    sandbox.write("certificate", [0x30, 0x82, 0x04, 0xa4, 0x02, 0x01]);
    sandbox
        .run(["get", "p"])
        .fails(3, "client_certificate /")
        .fails(
            3,
            "hint: if it is DER, convert it to PEM: openssl x509 -inform DER",
        );
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_key_with_a_byte_order_mark_signs() {
    let server = Server::tokens(60);
    let key = EcKey::new();
    let marked = format!("\u{feff}{}", key.pem);
    let sandbox = keyed(&server.url("/token"), &marked, "");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn what_is_not_there_to_sign_with_is_told() {
    let server = Server::tokens(60);
    let none = keyed(&server.url("/token"), "", "");
    let text = fs::read_to_string(none.config_file()).expect("it is there");
    let line = "client_key = { file = \"~/key\" }\n";
    none.config(&text.replace(line, "client_auth = \"private_key_jwt\"\n"));
    none.run(["get", "p"])
        .fails(3, "has no client_key to sign with")
        .fails(3, "hint: set client_key = ");
    let secret = "client_auth = \"client_secret_jwt\"\n";
    none.config(&text.replace(line, secret));
    none.run(["get", "p"]).fails(3, "needs a client_secret");
    assert_eq!(server.hits(), 0);
}

#[test]
fn neither_key_nor_assertion_is_said_whatever_the_server_answers() {
    let key = EcKey::new();
    let server = Server::start(|request| {
        let token = assertion(request);
        let body = json!({"error": "invalid_client", "error_description": format!("got {token}")});
        Reply::json(401, body.to_string())
    });
    let sandbox = keyed(&server.url("/token"), &key.pem, "");
    for flags in ["-vv", "--json"] {
        let run = sandbox.run(["get", "p", flags]);
        run.fails(5, "127.0.0.1")
            .fails(5, "client_assertion_audience");
        let last = server.requests().pop().expect("a request");
        let token = assertion(&last);
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(!run.stderr.contains(signature), "{}", run.stderr);
        for line in key.lines() {
            assert!(!run.stderr.contains(line), "{}", run.stderr);
        }
    }
}

/// A key of the provider's clients.
fn key_file(name: &str) -> String {
    let path = OidcProvider::directory().join("keys").join(name);
    fs::read_to_string(path).expect("setup.sh has made it")
}

/// A profile `p` of one of the provider's clients, with client credentials.
fn at(provider: &OidcProvider, client: &str, key: &str, more: &str) -> Sandbox {
    let more = format!("scope = \"api:read\"\n{more}");
    let sandbox = keyed(&format!("{}/token", provider.url()), key, &more);
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&text.replace("\"id\"", &format!("\"{client}\"")));
    sandbox
}

#[track_caller]
fn accepted(provider: &OidcProvider, run: &Run) {
    run.ok(&run.stdout);
    assert_eq!(provider.echo(run.stdout.trim_end()).status, 200, "{run:?}");
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn every_form_of_key_and_every_algorithm_convinces_the_provider() {
    let provider = OidcProvider::start(&[]);
    for (client, files, algorithms) in [
        (
            "cc-pkjwt-rs256",
            &[
                "client-rsa.pkcs8.pem",
                "client-rsa.pkcs1.pem",
                "client-rsa.jwk.json",
            ][..],
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
        ),
        (
            "cc-pkjwt-es256",
            &[
                "client-ec.pkcs8.pem",
                "client-ec.sec1.pem",
                "client-ec.jwk.json",
            ],
            &["ES256"],
        ),
        (
            "cc-pkjwt-eddsa",
            &["client-ed.pkcs8.pem", "client-ed.jwk.json"],
            &["EdDSA", "Ed25519"],
        ),
    ] {
        for file in files {
            let sandbox = at(&provider, client, &key_file(file), "");
            accepted(&provider, &sandbox.run(["get", "p"]));
        }
        for algorithm in algorithms {
            let more = format!("signing_alg = \"{algorithm}\"");
            let sandbox = at(&provider, client, &key_file(files[0]), &more);
            accepted(&provider, &sandbox.run(["get", "p"]));
        }
        let auth = &provider.stats()["clients"][client]["client_credentials"]["auth"];
        assert_eq!(auth, "client_assertion");
    }
    let issuer = format!(
        "issuer = \"{}\"\ngrant = \"client_credentials\"",
        provider.url()
    );
    let sandbox = at(
        &provider,
        "cc-pkjwt-es256",
        &key_file("client-ec.sec1.pem"),
        &issuer,
    );
    accepted(&provider, &sandbox.run(["get", "p"]));
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_secret_convinces_the_provider_without_being_sent() {
    let provider = OidcProvider::start(&[]);
    let more = "client_secret = { env = \"P\" }\nclient_auth = \"client_secret_jwt\"";
    let mut sandbox = at(&provider, "cc-secret-jwt", "", more);
    sandbox.env("P", "cc-secret-jwt-secret-0123456789abcdef");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&text.replace("client_key = { file = \"~/key\" }\n", ""));
    accepted(&provider, &sandbox.run(["get", "p"]));
    sandbox.env("P", "another");
    sandbox.run(["get", "p"]).fails(5, "invalid_client");
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_wrong_key_id_or_audience_is_refused_with_5_and_what_to_look_at() {
    let provider = OidcProvider::start(&[]);
    let (ec, other) = (key_file("client-ec.sec1.pem"), EcKey::new().pem);
    for (key, more) in [
        (&other, ""),
        (&ec, "client_key_id = \"nobody's\""),
        (
            &ec,
            "client_assertion_audience = \"https://elsewhere.example\"",
        ),
    ] {
        let sandbox = at(&provider, "cc-pkjwt-es256", key, more);
        sandbox
            .run(["get", "p"])
            .fails(5, "invalid_client")
            .fails(
                5,
                "hint: check client_id, client_key, client_key_id and signing_alg",
            )
            .fails(5, "client_assertion_audience");
    }
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_login_with_a_key_is_pushed_renewed_and_revoked_with_it() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    sandbox.write("key", key_file("client-ec.pkcs8.pem"));
    let more = "client_key = { file = \"~/key\" }\nscope = \"openid offline_access api:read\"\n\
                authorization_params = { prompt = \"consent\" }";
    sandbox.config(&support::login::profile(provider.url(), "pkce-pkjwt", more));
    log_in(&sandbox, &[]);
    accepted(&provider, &sandbox.run(["get", "p"]));
    accepted(&provider, &sandbox.run(["get", "p", "--force"]));
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revoked at the server");
    let log = provider.log(100);
    let requests = log.as_array().expect("a log").iter();
    let mut with_key: Vec<&str> = requests
        .filter(|entry| entry["auth"] == "client_assertion" && entry["error"].is_null())
        .filter_map(|entry| entry["url"].as_str())
        .collect();
    with_key.dedup();
    assert_eq!(with_key, ["/request", "/token", "/token/revocation"]);
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_device_login_with_a_key_signs_for_every_poll() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    sandbox.write("key", key_file("client-rsa.pkcs8.pem"));
    let more = "client_key = { file = \"~/key\" }\nscope = \"openid api:read\"";
    sandbox.config(&support::login::profile(
        provider.url(),
        "device-pkjwt",
        more,
    ));
    let mut login = Login::of(sandbox.command(["login", "p", "--device"]));
    provider.device("approve", &login.user_code());
    login.wait().ok_with("", "logged in to p");
    accepted(&provider, &sandbox.run(["get", "p"]));
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn keys_as_openssl_makes_them_are_read_or_refused_for_their_own_reason() {
    let server = Server::tokens(60);
    for (make, fails) in [
        ("openssl genrsa -traditional -out key 2048", None),
        (
            "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key",
            None,
        ),
        ("openssl ecparam -genkey -name prime256v1 -out key", None),
        (
            "openssl ecparam -genkey -name secp384r1 -noout -out key",
            None,
        ),
        ("openssl genpkey -algorithm ED25519 -out key", None),
        (
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key",
            None,
        ),
        ("openssl genrsa -out key 1024", Some("less than 2048 bits")),
        (
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out key",
            Some("neither RSA"),
        ),
        (
            "openssl ecparam -genkey -name secp256k1 -noout -out key",
            Some("neither RSA"),
        ),
        (
            "openssl genpkey -algorithm ED448 -out key",
            Some("neither RSA"),
        ),
        (
            "openssl genrsa -aes128 -passout pass:x -out key 2048",
            Some("passphrase"),
        ),
        (
            "openssl genrsa -traditional -aes128 -passout pass:x -out key 2048",
            Some("passphrase"),
        ),
    ] {
        let sandbox = keyed(&server.url("/token"), "", "");
        let make = format!("{make} 2>/dev/null");
        Running::start(sandbox.program("sh", ["-c", make.as_str()]), None)
            .wait()
            .ok("");
        let run = sandbox.run(["get", "p"]);
        match fails {
            None => assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{make}"),
            Some(words) => drop(run.fails(3, words)),
        }
    }
}

/// A profile `p` of a client that shows a certificate to the provider.
fn shown(provider: &OidcProvider, client: &str, certificate: &str, more: &str) -> Sandbox {
    let certs = OidcProvider::directory().join("certs");
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\ntoken_endpoint = \"{}/token\"\nclient_id = \"{client}\"\nclient_auth = \"tls_client_auth\"\n\
         client_certificate = \"{certs}/{certificate}.pem\"\nclient_key = {{ file = \"{certs}/{certificate}.key\" }}\n\
         ca_file = \"{certs}/ca.pem\"\nscope = \"api:read\"\nstore = \"none\"\n{more}\n",
        provider.url(),
        certs = certs.display(),
    ));
    sandbox
}

#[test]
#[ignore = "needs npm's oidc-provider and openssl: tests/run installs them"]
fn a_certificate_proves_the_client_and_another_does_not() {
    let provider = OidcProvider::start_tls("server", &["--client-ca", "certs/ca.pem"]);
    for client in ["cc-mtls", "cc-mtls-bound"] {
        let run = shown(&provider, client, "client", "").run(["get", "p"]);
        run.ok(&run.stdout);
    }
    for certificate in ["client2", "selfsigned"] {
        shown(&provider, "cc-mtls", certificate, "")
            .run(["get", "p"])
            .fails(5, "invalid_client")
            .fails(5, "hint: check client_id and client_certificate");
    }
    let sandbox = shown(&provider, "cc-mtls", "client", "");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    for (from, to, words) in [
        (
            "certs/client.key",
            "certs/client2.key",
            "client_key does not belong to client_certificate",
        ),
        (
            "certs/client.pem",
            "certs/client.key",
            "client_certificate: it holds no certificate",
        ),
        (
            "certs/client.pem",
            "certs/nowhere.pem",
            "nowhere.pem: no such file",
        ),
        (
            "https://",
            "http://",
            "tls_client_auth needs an endpoint with https",
        ),
    ] {
        sandbox.config(&text.replace(from, to));
        sandbox
            .run(["get", "p"])
            .fails(3, words)
            .fails(3, "profile \"p\"");
    }
}
