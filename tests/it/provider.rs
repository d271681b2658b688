//! `get` against a certified authorization server: npm's oidc-provider.
#![cfg(unix)]

use crate::support;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::oidc::lost_reply;
use support::profiles::grant_at;
use support::{OidcProvider, Sandbox};

/// The provider's own: what Basic without form encoding would change.
const HARD: &str = r#"p@:ss%41+w rd&x=y/?#"'\~"#;

/// A profile for one of the provider's clients, by its id in TOML.
fn client(provider: &OidcProvider, id: &str, secret: &str, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("SECRET", secret).config(&format!(
        "[profile.p]\ntoken_endpoint = \"{}/token\"\nclient_id = \"{id}\"\n\
         client_secret = {{ env = \"SECRET\" }}\nscope = \"api:read\"\n{more}\n",
        provider.url()
    ));
    sandbox
}

/// A profile with a refresh token of a new login.
fn grant(provider: &OidcProvider, id: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = grant_at(&format!("{}/token", provider.url()), more);
    sandbox.config(&text.replace("client_id = \"id\"", &format!("client_id = \"{id}\"")));
    sandbox.import(&provider.refresh_token(id));
    sandbox
}

/// The token is one that the protected resource takes.
#[track_caller]
fn accepted(provider: &OidcProvider, sandbox: &Sandbox) -> String {
    let run = sandbox.run(["get", "p"]);
    run.ok(&run.stdout);
    let token = run.stdout.trim_end().to_owned();
    assert_eq!(provider.echo(&token).status, 200, "{token}");
    token
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn every_way_to_name_the_client_gets_a_token() {
    let provider = OidcProvider::start(&[]);
    for (id, secret, auth) in [
        ("cc-basic", "cc-basic-secret", "client_secret_basic"),
        ("cc-basic", "cc-basic-secret", "client_secret_basic_raw"),
        ("cc-post", "cc-post-secret", "client_secret_post"),
        ("cc-encoded", HARD, "client_secret_basic"),
        ("cc-encoded-post", HARD, "client_secret_post"),
        ("cc:colon %2B+id", HARD, "client_secret_basic"),
        ("cc:colon %2B+id", HARD, "client_secret_post"),
    ] {
        let sandbox = client(&provider, id, secret, &format!("client_auth = \"{auth}\""));
        accepted(&provider, &sandbox);
        let request = &provider.log(3).as_array().expect("a log").clone();
        let token = request.iter().rfind(|entry| entry["url"] == "/token");
        let basic = token.expect("a request")["headers"]["authorization"].is_string();
        assert_eq!(basic, auth.contains("basic"), "{id} {auth}");
    }
    // Basic is the default where there is a secret; a line end of the file is not part of it.
    let sandbox = client(&provider, "cc-basic", "cc-basic-secret\r\n", "");
    accepted(&provider, &sandbox);
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_client_that_is_refused_is_told_what_to_look_at() {
    let provider = OidcProvider::start(&[]);
    let raw = "client_auth = \"client_secret_basic_raw\"";
    for (id, secret, more) in [
        ("cc-basic", "wrong", ""),
        ("nobody", "cc-basic-secret", ""),
        ("cc-encoded", HARD, raw),
        ("cc-expired-secret", "cc-expired-secret-secret", ""),
    ] {
        let run = client(&provider, id, secret, more).run(["get", "p"]);
        run.fails(5, "profile \"p\": 127.0.0.1:")
            .fails(5, "invalid_client");
        run.fails(5, "(HTTP 40").fails(
            5,
            "hint: compare client_id and client_secret (from environment variable SECRET)",
        );
        run.fails(5, "(some want another client_auth)");
        assert!(!run.stderr.contains(secret), "{}", run.stderr);
    }
    let before = provider.token_hits();
    let run = client(&provider, "cc:colon %2B+id", HARD, raw).run(["get", "p"]);
    run.fails(3, "colon");
    assert_eq!(provider.token_hits(), before);
    let run = client(
        &provider,
        "cc-basic",
        "cc-basic-secret",
        "resource = \"https://nobody\"",
    );
    run.run(["get", "p"])
        .fails(5, "invalid_target")
        .fails(5, "hint: check audience and resource");
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_token_is_kept_for_its_life_and_then_replaced() {
    let provider = OidcProvider::start(&[]);
    for (id, life) in [("cc-2s", 2), ("cc-5s", 5), ("cc-60s", 60), ("cc-1h", 3600)] {
        let sandbox = client(&provider, id, &format!("{id}-secret"), "");
        let before = provider.token_hits();
        let token = accepted(&provider, &sandbox);
        let answer = sandbox.run(["get", "p", "--json"]).json();
        let left = answer["expires_in"].as_i64().expect("it says when");
        assert!(left <= life && left >= life - 2, "{id}: {answer}");
        assert_eq!(answer["scope"], "api:read");
        let hits = provider.token_hits() - before;
        assert!(hits == 1 || life < 5, "{id}: {hits} requests");
        if life > 5 {
            continue;
        }
        let started = Instant::now();
        while sandbox.run(["get", "p"]).stdout.trim_end() == token {
            assert!(
                started.elapsed() < Duration::from_secs(8),
                "{id} is never renewed"
            );
            thread::sleep(Duration::from_millis(50));
        }
        assert_ne!(accepted(&provider, &sandbox), token);
    }
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_jwt_access_token_comes_as_it_is() {
    let provider = OidcProvider::start(&[]);
    let sandbox = client(&provider, "cc-jwt-at", "cc-jwt-at-secret", "");
    let run = sandbox.run(["get", "p"]);
    run.ok(&run.stdout);
    let parts: Vec<_> = run.stdout.trim_end().split('.').collect();
    assert!(parts.len() == 3 && parts[0].starts_with("eyJ"), "{run:?}");
    sandbox.run(["get", "p"]).ok(&run.stdout);
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert!(
        answer["expires_in"]
            .as_i64()
            .is_some_and(|left| left > 3500),
        "{answer}"
    );
    let resource = "--resource=https://api.rig.test/jwt-short";
    let short = sandbox.run(["get", "p", "--json", resource]).json();
    assert!(
        short["expires_in"].as_i64().is_some_and(|left| left <= 5),
        "{short}"
    );
    sandbox.run(["get", "p"]).ok(&run.stdout);
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_rotating_refresh_token_is_renewed_again_and_again() {
    let provider = OidcProvider::start(&[]);
    for id in ["pkce", "pkce-norotate"] {
        let sandbox = grant(&provider, id, "");
        let mut tokens = vec![accepted(&provider, &sandbox)];
        for _ in 0..4 {
            sandbox.run(["get", "p", "--force"]);
            tokens.push(accepted(&provider, &sandbox));
        }
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 5, "{id}");
    }
    let stats = &provider.stats()["clients"]["pkce"]["refresh_token"];
    assert_eq!((&stats["hits"], &stats["ok"]), (&json!(5), &json!(5)));
    let secret = "client_secret = { env = \"SECRET\" }\nclient_auth = \"client_secret_post\"";
    let mut confidential = grant(&provider, "pkce-confidential", secret);
    confidential.env("SECRET", "pkce-confidential-secret");
    accepted(&provider, &confidential);
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_revoked_login_needs_a_person() {
    let provider = OidcProvider::start(&[]);
    let sandbox = grant(&provider, "pkce", "");
    accepted(&provider, &sandbox);
    provider.revoke_client("pkce");
    let before = provider.token_hits();
    sandbox
        .run(["get", "p", "--force"])
        .fails(4, "hint: run: tokctl login p");
    sandbox
        .run(["get", "p", "--force"])
        .fails(4, "hint: run: tokctl login p");
    assert_eq!(
        provider.token_hits() - before,
        2,
        "who insists has it asked again"
    );
    sandbox.import(&provider.refresh_token("pkce"));
    accepted(&provider, &sandbox);
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn faults_of_a_moment_are_lived_through() {
    let provider = OidcProvider::start(&[]);
    for fault in [
        json!({"status": 503, "headers": {"retry-after": "1"}}),
        json!({"status": 429, "times": 2}),
        json!({"reset": true}),
        lost_reply("client_credentials"),
        json!({"delay_ms": 1500}),
    ] {
        let sandbox = client(&provider, "cc-basic", "cc-basic-secret", "");
        provider.fault(&fault);
        accepted(&provider, &sandbox);
    }
    let sandbox = grant(&provider, "pkce-norotate", "");
    provider.fault(&lost_reply("refresh_token"));
    accepted(&provider, &sandbox);
}
