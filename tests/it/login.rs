//! `tokctl login` with an OpenID provider: from the address to the token.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::login::{arrive, consent, host, listens, log_in, parameter, profile};
use support::sandbox::files;
use support::server::decode_form;
use support::{Login, OidcProvider, Sandbox, http};

const SCOPE: &str = "scope = \"openid api:read\"";

fn set_up(client: &str, more: &str) -> (OidcProvider, Sandbox) {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    sandbox.config(&profile(provider.url(), client, more));
    (provider, sandbox)
}

/// What an address asks for: the provider takes pushed requests, so it is not in the address.
#[track_caller]
fn asked(provider: &OidcProvider, url: &str) -> BTreeMap<String, String> {
    let log = provider.log(100);
    let pushed = log.as_array().into_iter().flatten().rfind(|entry| {
        let answer = entry["response"].as_str().unwrap_or_default();
        answer.contains(&parameter(url, "request_uri"))
    });
    let body = pushed.expect("a pushed request")["body"].clone();
    decode_form(body.as_str().expect("a form"))
}

/// What `get` prints opens the protected resource.
#[track_caller]
fn token_is_good(provider: &OidcProvider, sandbox: &Sandbox) -> String {
    let run = sandbox.run(["get", "p"]);
    let token = run.stdout.trim_end().to_owned();
    run.ok(&format!("{token}\n"));
    assert_eq!(provider.echo(&token).status, 200);
    token
}

/// The record of a profile with `store = "plaintext"`.
fn record(sandbox: &Sandbox) -> String {
    let files = files(&sandbox.state_dir().join("tokctl/plaintext"));
    let [file] = &files[..] else {
        panic!("one record: {files:?}")
    };
    fs::read_to_string(file).expect("a record")
}

/// The refresh token in that record.
fn refresh_token(sandbox: &Sandbox) -> String {
    let record: Value = serde_json::from_str(&record(sandbox)).expect("JSON");
    record["refresh"]
        .as_str()
        .expect("a refresh token")
        .to_owned()
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_login_leads_from_the_address_to_a_token() {
    let (provider, sandbox) = set_up("pkce", SCOPE);
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let asked = asked(&provider, &url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "pkce"),
        ("scope", "openid api:read"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[name], value);
    }
    // 256 bits in base64 are 43 characters.
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(asked[name].len(), 43, "{name}");
    }
    let back = consent(&url);
    assert!(back.starts_with(&asked["redirect_uri"]), "{back}");
    assert!(back.starts_with("http://127.0.0.1:"), "{back}");
    let page = arrive(&back);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Logged in"), "{}", page.body);
    login.wait().ok_with("", "logged in to p as alice");
    assert!(!listens(&host(&back)), "the port is closed at the end");
    token_is_good(&provider, &sandbox);
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&status["account"], &status["refreshable"]),
        (&json!("alice"), &json!(true))
    );
    assert_eq!(provider.token_hits(), 1);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn each_login_has_values_of_its_own() {
    let (provider, sandbox) = set_up("pkce", SCOPE);
    let ask = || asked(&provider, &Login::start(&sandbox, &[]).address());
    let (one, two) = (ask(), ask());
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(one[name], two[name], "{name}");
    }
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_client_that_must_push_its_request_logs_in() {
    let (provider, sandbox) = set_up("pkce-par", SCOPE);
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert_ne!(parameter(&url, "request_uri"), "");
    assert_eq!(parameter(&url, "state"), "", "pushed, not in the address");
    arrive(&consent(&url));
    login.wait().ok_with("", "logged in to p as alice");
    token_is_good(&provider, &sandbox);
    assert_eq!(provider.stats()["endpoints"]["POST /request"], 1);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_client_with_a_secret_logs_in_and_renews() {
    let secret = "client_secret = { env = \"SECRET\" }\n";
    let (provider, mut sandbox) = set_up("pkce-confidential", &format!("{secret}{SCOPE}"));
    sandbox.env("SECRET", "pkce-confidential-secret");
    let run = log_in(&sandbox, &["-v"]);
    assert!(!run.stderr.contains("pkce-confidential-secret"));
    token_is_good(&provider, &sandbox);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    token_is_good(&provider, &sandbox);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_fixed_redirect_uri_is_sent_and_served_to_the_letter() {
    let more = "client_auth = \"client_secret_post\"\nredirect_uri = \"http://127.0.0.1:18765/callback\"\n";
    let (provider, mut sandbox) = set_up("code-web", &format!("{more}{SCOPE}"));
    sandbox.env("P_CLIENT_SECRET", "code-web-secret");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let uri = "http://127.0.0.1:18765/callback";
    assert_eq!(asked(&provider, &url)["redirect_uri"], uri);
    let mut other = Sandbox::new();
    other.env("P_CLIENT_SECRET", "code-web-secret");
    other.config(&profile(
        provider.url(),
        "code-web",
        &format!("{more}{SCOPE}"),
    ));
    let busy = other.run(["login", "p", "--no-browser"]);
    busy.fails(1, "cannot listen on 127.0.0.1:18765");
    arrive(&consent(&url));
    login.wait().ok_with("", "logged in to p");
    token_is_good(&provider, &sandbox);
    log_in(&sandbox, &[]);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_person_who_says_no_ends_the_login_with_5() {
    let deny = "authorization_params = { login_hint = \"deny\" }\n";
    let (provider, sandbox) = set_up("pkce", &format!("{deny}{SCOPE}"));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let back = consent(&url);
    let page = arrive(&back);
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    login.wait().fails(5, "access_denied");
    assert!(!listens(&host(&back)));
    assert_eq!(provider.token_hits(), 0);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_login_without_a_refresh_token_says_so() {
    let (provider, sandbox) = set_up("pkce-norefresh", SCOPE);
    let run = log_in(&sandbox, &[]);
    run.ok_with("", "gave no refresh token");
    token_is_good(&provider, &sandbox);
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["refreshable"], false);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn renewals_rotate_and_a_reused_token_ends_the_grant_for_good() {
    let (provider, sandbox) = set_up("pkce", &format!("store = \"plaintext\"\n{SCOPE}"));
    log_in(&sandbox, &[]);
    let first = refresh_token(&sandbox);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    assert_ne!(refresh_token(&sandbox), first);
    let token = token_is_good(&provider, &sandbox);
    let thief = [
        ("grant_type", "refresh_token"),
        ("client_id", "pkce"),
        ("refresh_token", first.as_str()),
    ];
    assert_eq!(provider.token(&thief).status, 400);
    assert_eq!(provider.echo(&token).status, 401);
    provider.reset_stats();
    let ended = "your grant for p ended (revoked or expired)";
    let run = sandbox.run(["get", "p", "--force"]);
    run.fails(4, ended).fails(4, "tokctl login p");
    assert_eq!(provider.token_hits(), 1);
    sandbox.run(["get", "p", "--force"]).fails(4, ended);
    sandbox.run(["refresh", "p"]).fails(4, ended);
    assert_eq!(provider.token_hits(), 3, "who insists has it asked again");
    log_in(&sandbox, &[]);
    token_is_good(&provider, &sandbox);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_refresh_token_that_has_expired_asks_for_a_login_once() {
    let (provider, sandbox) = set_up("pkce-rt3s", SCOPE);
    log_in(&sandbox, &[]);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    // The server counts in whole seconds.
    thread::sleep(Duration::from_millis(4100));
    let ended = "your grant for p ended (revoked or expired)";
    sandbox.run(["get", "p"]).fails(4, ended);
    let hits = provider.token_hits();
    let again = sandbox.run(["get", "p"]);
    again.fails(4, ended);
    assert_eq!(provider.token_hits(), hits, "no request for what is known");
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["state"], "login needed");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_further_scope_is_asked_for_beside_what_is_granted() {
    let (provider, sandbox) = set_up("pkce", SCOPE);
    log_in(&sandbox, &[]);
    let mut login = Login::start(&sandbox, &["--scope", "+api:write", "--scope", "+api:read"]);
    let url = login.address();
    let scope = &asked(&provider, &url)["scope"];
    assert_eq!(scope, "openid api:read api:write");
    assert!(login.stderr().contains("granted: openid api:read"));
    arrive(&consent(&url));
    login.wait().ok_with("", "in addition: api:write");
    let token = token_is_good(&provider, &sandbox);
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let write = provider.at("/api/echo?need=api:write");
    let reply = http::Browser::default().request("GET", &write, &headers, "");
    assert_eq!(reply.status, 200);
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status["scope"], "openid api:read api:write");
    // Without a plus it is these and no others.
    let mut login = Login::start(&sandbox, &["--scope", "openid"]);
    assert_eq!(asked(&provider, &login.address())["scope"], "openid");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn the_id_token_is_kept_and_printed() {
    let (_provider, sandbox) = set_up("pkce", SCOPE);
    log_in(&sandbox, &[]);
    let run = sandbox.run(["get", "p", "--token", "id"]);
    let token = run.stdout.trim_end().to_owned();
    run.ok(&format!("{token}\n"));
    assert_eq!(token.split('.').count(), 3, "a JWT");
}

#[test]
#[ignore = "needs node, npm packages, openssl and curl: tests/run installs them"]
fn a_login_over_tls_with_a_tenant_in_the_path_trusts_only_its_ca() {
    let provider = OidcProvider::start_tls("server", &["--prefix", "/t1"]);
    let sandbox = Sandbox::new();
    sandbox.config(&profile(provider.url(), "pkce", SCOPE));
    let run = sandbox.run(["login", "p", "--no-browser"]);
    run.fails(6, "certificate");
    assert!(!run.stderr.contains("to log in to"), "{run:?}");
    let ca = format!(
        "ca_file = \"{}\"\n{SCOPE}",
        OidcProvider::ca_file().display()
    );
    sandbox.config(&profile(provider.url(), "pkce", &ca));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert!(url.starts_with(&provider.at("/t1/auth?")), "{url}");
    arrive(&consent(&url));
    login.wait().ok_with("", "logged in to p as alice");
    token_is_good(&provider, &sandbox);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revoked at the server");
}
