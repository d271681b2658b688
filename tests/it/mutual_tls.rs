//! Clients that prove themselves with a certificate (RFC 8705), at servers that demand one.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use support::issuer::{metadata, origin, tokens};
use support::login::{arrive, parameter, redirect};
use support::{Login, Reply, Request, Sandbox, Server, TlsServer};

/// The names of a server's endpoints, and the paths where they are.
const ENDPOINTS: [(&str, &str); 4] = [
    ("token_endpoint", "/token"),
    ("device_authorization_endpoint", "/device"),
    ("revocation_endpoint", "/revoke"),
    ("pushed_authorization_request_endpoint", "/par"),
];

fn answer(request: &Request) -> Reply {
    match request.path.as_str() {
        "/token" => tokens(&Value::Null),
        "/device" => Reply::json(
            200,
            r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a.example/d","interval":1}"#,
        ),
        "/par" => Reply::json(201, r#"{"request_uri":"urn:par:1","expires_in":60}"#),
        _ => Reply::json(200, ""),
    }
}

/// A server that demands a certificate of its authority.
fn strict() -> TlsServer {
    TlsServer::demanding("ca.pem", false, answer)
}

/// A certificate of the server's, as keys of a profile.
fn certificate(server: &TlsServer, name: &str) -> String {
    format!(
        "client_certificate = \"{}\"\nclient_key = {{ file = \"{}\" }}\n",
        server.file(&format!("{name}.pem")).display(),
        server.file(&format!("{name}.key")).display()
    )
}

/// A profile `p` with client credentials at a server with TLS.
fn at(server: &TlsServer, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("S", "s").config(&format!(
        "[profile.p]\ntoken_endpoint = \"{}\"\nclient_id = \"id\"\ngrant = \"client_credentials\"\n\
         ca_file = \"{}\"\nstore = \"none\"\n{more}\n",
        server.url("/token"),
        server.ca_file().display()
    ));
    sandbox
}

const SECRET: &str = "client_secret = { env = \"S\" }\n";
const TLS: &str = "client_auth = \"tls_client_auth\"\n";

/// An issuer without TLS whose metadata names the other one's endpoints for clients with a certificate.
fn issuer(aliased: &TlsServer) -> Server {
    let alias = |(name, path)| (name, aliased.url(path));
    let aliases: BTreeMap<&str, String> = ENDPOINTS.map(alias).into();
    Server::start(move |request| {
        if !request.path.starts_with("/.well-known") {
            return answer(request);
        }
        let mut all = metadata(request, "");
        all["pushed_authorization_request_endpoint"] = json!(format!("{}/par", origin(request)));
        all["mtls_endpoint_aliases"] = json!(aliases);
        Reply::json(200, all.to_string())
    })
}

/// A profile `p` at the issuer.
fn issued(issuer: &Server, aliased: &TlsServer, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("S", "s").config(&format!(
        "[profile.p]\nissuer = \"{}\"\nclient_id = \"id\"\nca_file = \"{}\"\nstore = \"encrypted-file\"\n\
         access_cache = \"none\"\n{more}\n",
        issuer.url(""),
        aliased.ca_file().display()
    ));
    sandbox
}

/// What was asked for but metadata.
fn paths(server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter().map(|request| request.path);
    requests
        .filter(|path| !path.starts_with("/.well-known"))
        .collect()
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn the_aliases_are_for_clients_that_show_a_certificate_and_for_no_others() {
    let own = "grant = \"client_credentials\"\n";
    let strict = strict();
    let certificate = certificate(&strict, "client");
    for (keys, aliased) in [
        (format!("{own}{TLS}{certificate}"), true),
        // Its tokens may be bound to the certificate.
        (
            format!("{own}{SECRET}client_auth = \"client_secret_post\"\n{certificate}"),
            true,
        ),
        (format!("{own}{SECRET}"), false),
    ] {
        let before = strict.server.hits();
        let issuer = issuer(&strict);
        issued(&issuer, &strict, &keys)
            .run(["get", "p"])
            .ok("access-1\n");
        assert_eq!(paths(&issuer).is_empty(), aliased, "{keys}");
        assert_eq!(strict.server.hits() > before, aliased, "{keys}");
        // What is set by hand is meant.
        let set = format!("{keys}token_endpoint = \"{}\"\n", issuer.url("/token"));
        let set = set.replace(TLS, "client_auth = \"none\"\n");
        let before = strict.server.hits();
        issued(&issuer, &strict, &set).run(["get", "p"]);
        assert_eq!(strict.server.hits(), before, "{set}");
    }
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn logins_and_logouts_go_to_the_aliases_too() {
    let strict = strict();
    let issuer = issuer(&strict);
    let keys = format!("{TLS}{}", certificate(&strict, "client"));
    let sandbox = issued(&issuer, &strict, &keys);
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert!(url.starts_with(&issuer.url("/authorize")), "{url}");
    assert_eq!(parameter(&url, "request_uri"), "urn:par:1");
    // As the server, which knows what was pushed, sends the browser back.
    let pushed = strict.server.requests().pop().expect("a request").body;
    let back = format!("{url}&{}", String::from_utf8_lossy(&pushed));
    assert_eq!(arrive(&redirect(&back, "")).status, 200);
    login.wait().ok_with("", "logged in to p");
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revoked at the server");
    Login::of(sandbox.command(["login", "p", "--device"]))
        .wait()
        .ok_with("", "logged in to p");
    assert_eq!(
        paths(&strict.server),
        ["/par", "/token", "/revoke", "/revoke", "/device", "/token"]
    );
    assert!(paths(&issuer).is_empty(), "{:?}", paths(&issuer));
    for request in strict.server.requests() {
        assert_eq!(request.form()["client_id"], "id", "{}", request.path);
    }
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn a_server_that_wants_another_certificate_ends_it_with_5_and_says_why() {
    for tls12 in [false, true] {
        let strict = TlsServer::demanding("ca.pem", tls12, answer);
        let shown = |name: &str| format!("{TLS}{}", certificate(&strict, name));
        for (keys, words) in [
            (
                SECRET.to_owned(),
                "it asks for a client certificate, and was shown none",
            ),
            (
                shown("ownclient"),
                "it does not know the authority of the client certificate",
            ),
            (
                shown("oldclient"),
                "it says that the client certificate has expired",
            ),
            // A server's own is not good for a client.
            (shown("server"), "it does not take the client certificate"),
        ] {
            let (sandbox, before) = (at(&strict, &keys), strict.connections());
            let run = sandbox.run(["get", "p"]);
            let host = strict.address();
            run.fails(
                5,
                &format!("tokctl: profile \"p\": no secure connection to {host}: {words}\n"),
            )
            .fails(
                5,
                "tokctl: hint: check client_certificate and client_key in the profile\n",
            );
            assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
            let tries = strict.connections() - before;
            assert_eq!(tries, 1, "asking again does not help");
            let run = sandbox.run(["get", "p", "--json"]);
            let error: Value = serde_json::from_str(&run.stderr).expect("JSON");
            assert_eq!((&error["code"], run.code), (&json!("refused"), 5));
        }
        at(&strict, &shown("client"))
            .run(["get", "p"])
            .ok("access-1\n");
        assert_eq!(strict.server.hits(), 1);
    }
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn a_certificate_of_its_own_proves_a_client_that_is_registered_with_it() {
    let server = TlsServer::demanding("ownclient.pem", false, answer);
    let more = certificate(&server, "ownclient");
    let sandbox = at(
        &server,
        &format!("client_auth = \"self_signed_tls_client_auth\"\n{more}"),
    );
    sandbox.run(["get", "p"]).ok("access-1\n");
    let request = server.server.requests().pop().expect("a request");
    let form = request.form();
    assert_eq!(
        (form["client_id"].as_str(), form.len()),
        ("id", 2),
        "{form:?}"
    );
    assert!(request.header("authorization").is_none());
    let more = certificate(&server, "client");
    at(&server, &format!("{TLS}{more}"))
        .run(["get", "p"])
        .fails(5, "does not know the authority");
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn the_whole_chain_of_the_file_is_shown() {
    let strict = strict();
    let more = format!("{TLS}{}", certificate(&strict, "chained"));
    at(&strict, &more).run(["get", "p"]).ok("access-1\n");
    let chain = fs::read_to_string(strict.file("chained.pem")).expect("it is there");
    let (leaf, _) = chain
        .split_once("-----END CERTIFICATE-----\n")
        .expect("there are two");
    let leaf = format!("{leaf}-----END CERTIFICATE-----\n");
    let sandbox = at(&strict, &more.replace("/chained.pem", "/leaf.pem"));
    fs::write(strict.file("leaf.pem"), &leaf).expect("a file");
    sandbox
        .run(["get", "p"])
        .fails(5, "does not know the authority");
    // The first is the client's own.
    let turned = chain.replace(&leaf, "") + &leaf;
    fs::write(strict.file("leaf.pem"), turned).expect("a file");
    sandbox
        .run(["get", "p"])
        .fails(3, "client_key does not belong to client_certificate");
    assert_eq!(strict.server.hits(), 1);
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn what_cannot_be_shown_is_told_before_anything_is_sent() {
    let strict = strict();
    let good = certificate(&strict, "client");
    let pem = strict.file("client.pem").display().to_string();
    let key = strict.file("client.key").display().to_string();
    let other = strict.file("client2.key").display().to_string();
    let jwk = support::OidcProvider::directory().join("keys/client-ec.jwk.json");
    for (keys, words, hint) in [
        (
            good.replace(&key, &other),
            "client_key does not belong to client_certificate",
            "",
        ),
        (
            good.replace(&pem, &key),
            "client_certificate: it holds no certificate",
            "",
        ),
        (
            good.replace(&key, &pem),
            "it holds a public key or a certificate, and no private key",
            "hint: name the file of the private key",
        ),
        (
            good.replace(&key, &jwk.display().to_string()),
            "client_key: beside a client_certificate it must be in PEM form",
            "",
        ),
        (
            String::new(),
            "has no client_certificate to show",
            "hint: set client_certificate = \"client.pem\" and client_key in the profile",
        ),
    ] {
        at(&strict, &format!("{TLS}{keys}"))
            .run(["get", "p"])
            .fails(3, "tokctl: profile \"p\"")
            .fails(3, words)
            .fails(3, hint);
    }
    assert_eq!(strict.server.hits(), 0);
    // In a variable, a key is often one line.
    let text = fs::read_to_string(strict.file("client.key")).expect("it is there");
    let keys = good.replace(&format!("{{ file = \"{key}\" }}"), "{ env = \"KEY\" }");
    let mut sandbox = at(&strict, &format!("{TLS}{keys}"));
    sandbox.env("KEY", text.replace('\n', "\\n"));
    sandbox.run(["get", "p"]).ok("access-1\n");
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn an_examination_shows_the_certificate_to_a_server_that_demands_it() {
    let strict = strict();
    let keys = format!("{TLS}{}", certificate(&strict, "client"));
    let issuer = issuer(&strict);
    let own = format!("grant = \"client_credentials\"\n{keys}");
    for sandbox in [at(&strict, &keys), issued(&issuer, &strict, &own)] {
        let run = sandbox.run(["doctor", "p"]);
        run.ok(&run.stdout);
        for line in [
            format!("server {}: answers (HTTP 200)", strict.address()),
            "client certificate: from file /".to_owned(),
        ] {
            assert!(
                run.stdout.contains(&format!("\nok       {line}")),
                "{run:?}"
            );
        }
        let other = format!("server {}:", issuer.address());
        assert!(!run.stdout.contains(&other), "{run:?}");
    }
    for (from, to, words) in [
        (
            "client.key",
            "client2.key",
            "client_key does not belong to client_certificate",
        ),
        ("client.pem", "none.pem", "none.pem: no such file"),
    ] {
        let run = at(&strict, &keys.replace(from, to)).run(["doctor", "p"]);
        run.ends(3, &run.stdout, "tokctl: 1 problem was found\n");
        let problem = run
            .stdout
            .lines()
            .find(|line| line.starts_with("problem  client certificate: "));
        assert!(
            problem.is_some_and(|line| line.contains(words)),
            "{words}: {run:?}"
        );
    }
}
