//! The OpenID Foundation's tests of a client: every module of its basic, config, comprehensive and refresh token plans that a
//! client of the code flow can meet, by the module's name, against an issuer that does what the module's does. The keys
//! and signatures are npm's jose's.
//!
//! Left out, because there is nothing in this program that could meet them: what is about the userinfo endpoint's content
//! (`userinfo-invalid-sub`, `userinfo-signed`, `aggregated-claims`, `distributed-claims`: it is only ever asked by
//! `tokctl api`, which prints what comes), a token in a body (`userinfo-bearer-body`), dynamic registration and webfinger,
//! request objects, the implicit and hybrid flows (`*-athash`, `*-chash`, `nonce-unless-code-flow`), form post, and logout.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use support::golden::{hash, now};
use support::login::{Login, arrive, parameter, redirect};
use support::{Reply, Request, Run, Sandbox, Server, Signer, SigningKey};

/// The client's secret, long enough for HS256.
const SECRET: &str = "a client secret of forty-four characters, hm";

/// What the issuer does next.
#[derive(Default)]
struct Plan {
    /// Over what the metadata is otherwise.
    metadata: Value,
    keys: Vec<Value>,
    /// Over what a token response is otherwise.
    reply: Value,
    /// Published as soon as the token endpoint has answered.
    rotates_to: Option<Vec<Value>>,
    keys_status: u16,
}

/// An issuer with one key, and a client of it.
struct Case {
    signer: Signer,
    server: Server,
    sandbox: Sandbox,
    plan: Arc<Mutex<Plan>>,
    key: SigningKey,
}

fn answer(plan: &Mutex<Plan>, request: &Request) -> Reply {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let with = |mut value: Value, more: &Value| {
        for (name, member) in more.as_object().into_iter().flatten() {
            value[name] = member.clone();
            if member.is_null() {
                value.as_object_mut().map(|members| members.remove(name));
            }
        }
        value.to_string()
    };
    match request.path.as_str() {
        "/.well-known/openid-configuration" => {
            let mut metadata = support::issuer::metadata(request, "");
            metadata["jwks_uri"] = json!(format!("{}/jwks", support::issuer::origin(request)));
            metadata["token_endpoint_auth_methods_supported"] =
                json!(["client_secret_basic", "client_secret_post"]);
            Reply::json(200, with(metadata, &plan.metadata))
        }
        "/jwks" if plan.keys_status != 200 => Reply::json(plan.keys_status, "{}"),
        "/jwks" => Reply::json(200, json!({ "keys": plan.keys }).to_string()),
        "/token" => {
            let reply = json!({
                "access_token": "at-1", "refresh_token": "rt 1~", "token_type": "Bearer", "expires_in": 3600,
            });
            let reply = Reply::json(200, with(reply, &plan.reply));
            if let Some(keys) = plan.rotates_to.take() {
                plan.keys = keys;
            }
            reply
        }
        "/userinfo" => match request.header("authorization") {
            Some("Bearer at-1") => Reply::json(200, r#"{"sub":"s-1","email":"a@b.example"}"#),
            _ => Reply::json(401, "{}"),
        },
        path => Reply::json(404, path),
    }
}

impl Case {
    /// With a key for RS256, `kid` "k-1".
    fn new() -> Self {
        Self::with(
            "RS256",
            &json!({ "kid": "k-1", "alg": "RS256", "use": "sig" }),
            "",
        )
    }

    fn with(algorithm: &str, members: &Value, more: &str) -> Self {
        let signer = Signer::start();
        let key = signer.key(algorithm, members);
        let plan = Arc::new(Mutex::new(Plan {
            keys: vec![key.public.clone()],
            keys_status: 200,
            ..Plan::default()
        }));
        let answers = Arc::clone(&plan);
        let server = Server::start(move |request| answer(&answers, request));
        let mut sandbox = Sandbox::new();
        sandbox.env("SECRET", SECRET);
        let case = Self {
            signer,
            server,
            sandbox,
            plan,
            key,
        };
        case.configure(more);
        case
    }

    fn configure(&self, more: &str) {
        let issuer = self.server.url("");
        self.sandbox.config(&format!(
            "[profile.p]\nissuer = \"{issuer}\"\nclient_id = \"c\"\nscope = \"openid email\"\nstore = \"encrypted-file\"\n\
             access_cache = \"none\"\napi_url = \"{issuer}\"\nclient_secret = {{ env = \"SECRET\" }}\n{more}\n"
        ));
    }

    fn plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Good claims with these changes; `null` takes one away.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": self.server.url(""), "aud": "c", "sub": "s-1", "email": "a@b.example",
            "exp": now() + 600, "iat": now(),
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().map(|claims| claims.remove(name));
            }
        }
        claims
    }

    fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.key.public["kid"] })
    }

    /// Logs in with the id token that is made of a nonce.
    fn log_in(&self, id_token: impl FnOnce(&str) -> Value) -> Run {
        let mut login = Login::start(&self.sandbox, &[]);
        let url = login.address();
        let id_token = id_token(&parameter(&url, "nonce"));
        self.plan(|plan| plan.reply["id_token"] = id_token);
        let page = arrive(&redirect(&url, ""));
        let run = login.wait();
        assert_eq!(page.body.contains("is logged in"), run.code == 0, "{run:?}");
        run
    }

    /// Logs in with good claims that are changed.
    fn log_in_with(&self, changes: &Value) -> Run {
        self.log_in(|nonce| {
            let mut claims = self.claims(&json!({ "nonce": nonce }));
            for (name, value) in changes.as_object().into_iter().flatten() {
                claims[name] = value.clone();
                if value.is_null() {
                    claims.as_object_mut().map(|claims| claims.remove(name));
                }
            }
            json!(self.signer.sign(&self.key, &self.header(), &claims))
        })
    }

    /// A login that the client must accept.
    #[track_caller]
    fn accepted(&self, run: &Run) {
        run.ok_with("", "logged in to p as a@b.example");
        assert!(!run.stderr.contains("warning"), "{run:?}");
        self.sandbox.run(["get", "p"]).ok("at-1\n");
        let run = self.sandbox.run(["get", "p", "--token", "id"]);
        assert!(
            run.code == 0 && run.stdout.starts_with("eyJ") && run.stderr.is_empty(),
            "{run:?}"
        );
    }

    /// A login that the client must refuse, with these words, so that nothing of it is there.
    #[track_caller]
    fn refused(&self, run: &Run, words: &str) {
        run.fails(5, "the id token is not good: ").fails(5, words);
        self.sandbox.run(["get", "p"]).fails(4, "tokctl login p");
        let run = self.sandbox.run(["get", "p", "--token", "id"]);
        run.fails(4, "tokctl login p");
    }

    /// The refresh tokens that have been sent.
    fn spent(&self) -> Vec<String> {
        let requests = self.server.requests();
        let forms = requests.iter().map(Request::form);
        forms
            .filter_map(|mut form| form.remove("refresh_token"))
            .collect()
    }
}

/// The same login with another key for another algorithm.
fn log_in_by(algorithm: &str, key_for: &str, more: &str) -> (Case, Run) {
    let case = Case::with(key_for, &json!({ "kid": "k-2" }), more);
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        let header = json!({ "alg": algorithm, "kid": "k-2" });
        json!(case.signer.sign(&case.key, &header, &claims))
    });
    (case, run)
}

const OTHER_AUD: &str = "https://other.example";

// --- The basic plan.

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    assert_eq!(case.server.hits_of("/jwks"), 1, "the keys are remembered");
    case.accepted(&case.log_in_with(&json!({})));
    assert_eq!(case.server.hits_of("/jwks"), 1);
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_nonce_invalid() {
    let case = Case::new();
    let run = case.log_in_with(&json!({ "nonce": "another" }));
    case.refused(&run, "its nonce is not that of this login");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_scope_userinfo_claims_and_userinfo_bearer_header() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    let run = case.sandbox.run(["api", "p", "/userinfo"]);
    assert_eq!(
        (run.code, run.json()["email"].as_str()),
        (0, Some("a@b.example"))
    );
    let address = case.server.requests();
    let asked = address.iter().rfind(|request| request.path == "/userinfo");
    let header = asked.expect("a request").header("authorization");
    assert_eq!(header, Some("Bearer at-1"));
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_client_secret_basic_and_client_secret_post() {
    for method in ["client_secret_basic", "client_secret_post"] {
        let case = Case::new();
        case.configure(&format!("client_auth = \"{method}\""));
        case.accepted(&case.log_in_with(&json!({})));
        let requests = case.server.requests();
        let token = requests.iter().find(|request| request.path == "/token");
        let token = token.expect("a request");
        let in_header = token
            .header("authorization")
            .is_some_and(|it| it.starts_with("Basic "));
        let in_body = token
            .form()
            .get("client_secret")
            .is_some_and(|it| it == SECRET);
        assert_eq!(
            (in_header, in_body),
            (method.ends_with("basic"), method.ends_with("post"))
        );
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_invalid_iss() {
    let case = Case::new();
    let run = case.log_in_with(&json!({ "iss": format!("{}/", case.server.url("")) }));
    case.refused(&run, "its iss is not http://127.0.0.1:");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_missing_sub() {
    let case = Case::new();
    case.refused(&case.log_in_with(&json!({ "sub": null })), "it has no sub");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_invalid_aud_and_missing_aud() {
    let case = Case::new();
    for aud in [json!(OTHER_AUD), json!([OTHER_AUD]), json!(null)] {
        case.refused(
            &case.log_in_with(&json!({ "aud": aud })),
            "its aud is not this client",
        );
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_missing_iat() {
    let case = Case::new();
    case.refused(&case.log_in_with(&json!({ "iat": null })), "it has no iat");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_kid_absent_single_jwks() {
    for members in [json!({}), json!({ "kid": "k-1" })] {
        let case = Case::with("RS256", &members, "");
        let run = case.log_in(|nonce| {
            let claims = case.claims(&json!({ "nonce": nonce }));
            json!(
                case.signer
                    .sign(&case.key, &json!({ "alg": "RS256" }), &claims)
            )
        });
        case.accepted(&run);
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_kid_absent_multiple_jwks() {
    let case = Case::new();
    let others = ["RS256", "ES256", "RS256", "RSA-OAEP-256"].map(|algorithm| {
        case.signer
            .key(algorithm, &json!({ "kid": algorithm }))
            .public
    });
    case.plan(|plan| plan.keys = [&others[..], std::slice::from_ref(&case.key.public)].concat());
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(
            case.signer
                .sign(&case.key, &json!({ "alg": "RS256" }), &claims)
        )
    });
    case.accepted(&run);
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_idtoken_sig_of_every_algorithm() {
    for (algorithm, key_for) in [
        ("RS256", "RS256"),
        ("RS384", "RS384"),
        ("RS512", "RS512"),
        ("PS256", "PS256"),
        ("PS384", "PS384"),
        ("PS512", "PS512"),
        ("ES256", "ES256"),
        ("ES384", "ES384"),
        ("EdDSA", "EdDSA"),
        ("Ed25519", "Ed25519"),
    ] {
        let only = format!("id_token_signed_response_alg = \"{algorithm}\"");
        for more in ["", only.as_str()] {
            let (case, run) = log_in_by(algorithm, key_for, more);
            case.accepted(&run);
        }
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_idtoken_sig_hs256_and_invalid_sig_hs256() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let case = Case::new();
        case.configure(&format!("id_token_signed_response_alg = \"{algorithm}\""));
        let log_in = |secret: &str| {
            case.log_in(|nonce| {
                let claims = case.claims(&json!({ "nonce": nonce }));
                json!(case.signer.sign_with_secret(secret, algorithm, &claims))
            })
        };
        case.refused(
            &log_in(&SECRET.replace("hm", "mh")),
            "not made with the client secret",
        );
        case.accepted(&log_in(SECRET));
    }
    // The server's public key is no secret.
    let case = Case::new();
    let public = case.key.public["n"].as_str().expect("RSA").to_owned();
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(case.signer.sign_with_secret(&public, "HS256", &claims))
    });
    case.refused(&run, "not made with the client secret");
}

/// A token whose header says that nobody has signed it.
fn unsigned(claims: &Value, header: &Value) -> Value {
    use base64::Engine;
    let part =
        |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    json!(format!("{}.{}.", part(header), part(claims)))
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_idtoken_sig_none() {
    let case = Case::new();
    for header in [json!({ "alg": "none" }), json!({}), json!({ "alg": null })] {
        let run = case.log_in(|nonce| unsigned(&case.claims(&json!({ "nonce": nonce })), &header));
        case.refused(&run, "it is not signed (alg \"none\")");
    }
    // Spelt otherwise it is an algorithm that nobody knows.
    let header = json!({ "alg": "nOnE" });
    let run = case.log_in(|nonce| unsigned(&case.claims(&json!({ "nonce": nonce })), &header));
    case.refused(&run, "\"nOnE\", which tokctl cannot check");
    // A client may be registered for it (Core section 2), and then takes nothing else.
    case.configure("id_token_signed_response_alg = \"none\"");
    case.refused(
        &case.log_in_with(&json!({})),
        "it is signed with \"RS256\", and not with none",
    );
    let header = json!({ "alg": "none" });
    let run = case.log_in(|nonce| unsigned(&case.claims(&json!({ "nonce": nonce })), &header));
    case.accepted(&run);
}

/// A token with one bit of its signature changed.
fn damaged(token: &str) -> String {
    let at = token.rfind('.').expect("a signature") + 10;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_invalid_sig_of_every_algorithm() {
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let case = Case::with(algorithm, &json!({ "kid": "k-1" }), "");
        let header = json!({ "alg": algorithm, "kid": "k-1" });
        let run = case.log_in(|nonce| {
            let claims = case.claims(&json!({ "nonce": nonce }));
            json!(damaged(&case.signer.sign(&case.key, &header, &claims)))
        });
        case.refused(&run, "its signature is not the server's");
        // Of another key under the same name, and without any signature.
        let other = case.signer.key(algorithm, &json!({}));
        let run = case.log_in(|nonce| {
            let claims = case.claims(&json!({ "nonce": nonce }));
            json!(case.signer.sign(&other, &header, &claims))
        });
        case.refused(&run, "its signature is not the server's");
        let run = case.log_in(|nonce| unsigned(&case.claims(&json!({ "nonce": nonce })), &header));
        case.refused(&run, "its signature is not the server's");
        let run = case.log_in(|nonce| {
            let claims = case.claims(&json!({ "nonce": nonce }));
            json!(case.signer.sign(&case.key, &header, &claims))
        });
        case.accepted(&run);
    }
}

// --- The config plan.

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_discovery_openid_config_and_jwks_uri_keys() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    assert_eq!(case.server.hits_of("/.well-known/openid-configuration"), 1);
    assert_eq!(case.server.hits_of("/jwks"), 1);
    // Where other versions look for them too.
    let url = case.server.url("/jwks");
    let name = format!("tokctl/metadata/{}.json", hash(&["keys-1", &url]));
    let path = case.sandbox.state_dir().join(name);
    let found: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    assert_eq!(found["keys"], json!([case.key.public]));
    // They are believed for a day.
    for (age, asked) in [(23 * 3600, 0), (25 * 3600, 1)] {
        let mut old = found.clone();
        old["at"] = json!(now() - age);
        fs::write(&path, old.to_string()).expect("it can be written");
        let hits = case.server.hits_of("/jwks");
        case.accepted(&case.log_in_with(&json!({})));
        assert_eq!(case.server.hits_of("/jwks"), hits + asked, "{age} s");
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_discovery_issuer_mismatch() {
    let case = Case::new();
    case.plan(|plan| plan.metadata = json!({ "issuer": "https://evil.example" }));
    let run = case.sandbox.run(["login", "p", "--no-browser"]);
    run.fails(
        5,
        "it is \"https://evil.example\"'s, not \"http://127.0.0.1:",
    );
    assert_eq!(case.server.hits_of("/token"), 0);
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_signing_key_rotation() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    for kid in [
        json!({ "kid": "k-new" }),
        json!({ "kid": "k-1" }),
        json!({}),
    ] {
        // Also under the old name, and without one.
        let new = case.signer.key("RS256", &kid);
        case.plan(|plan| plan.keys = vec![new.public.clone()]);
        let hits = case.server.hits_of("/jwks");
        let mut header = json!({ "alg": "RS256" });
        if let Some(kid) = kid.get("kid") {
            header["kid"] = kid.clone();
        }
        let run = case.log_in(|nonce| {
            let claims = case.claims(&json!({ "nonce": nonce }));
            json!(case.signer.sign(&new, &header, &claims))
        });
        case.accepted(&run);
        assert_eq!(
            case.server.hits_of("/jwks"),
            hits + 1,
            "asked for again, once"
        );
    }
    // The old key is not believed any more.
    let hits = case.server.hits_of("/jwks");
    let run = case.log_in_with(&json!({}));
    run.fails(
        5,
        "the server publishes no key that it could be signed with",
    );
    assert_eq!(case.server.hits_of("/jwks"), hits + 1);
    // And the grant of the login before is as it was.
    case.sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    let case = Case::new();
    let new = case.signer.key("RS256", &json!({ "kid": "k-new" }));
    // The keys that the client has read before it sent the person away are of no use.
    case.plan(|plan| plan.rotates_to = Some(vec![new.public.clone()]));
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(
            case.signer
                .sign(&new, &json!({ "alg": "RS256", "kid": "k-new" }), &claims)
        )
    });
    case.accepted(&run);
    assert_eq!(case.server.hits_of("/jwks"), 2);
}

// --- The comprehensive plan, beside those above.

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn an_algorithm_that_is_not_expected_is_refused() {
    let case = Case::new();
    case.configure("id_token_signed_response_alg = \"ES256\"");
    case.refused(
        &case.log_in_with(&json!({})),
        "it is signed with \"RS256\", and not with ES256",
    );
    case.configure("");
    case.plan(|plan| {
        plan.metadata = json!({ "id_token_signing_alg_values_supported": ["ES256"] });
    });
    support::login::forget_metadata(&case.sandbox);
    case.refused(
        &case.log_in_with(&json!({})),
        "\"RS256\", which the server does not announce",
    );
    // Nobody can check this one here, so nobody's word is taken for it.
    let (case, run) = log_in_by("ES512", "ES512", "");
    case.refused(&run, "\"ES512\", which tokctl cannot check");
    let (case, run) = log_in_by("ES512", "ES512", "check_id_token_signature = false");
    case.accepted(&run);
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn a_key_that_is_for_something_else_signs_nothing() {
    for members in [
        json!({ "kid": "k-1", "use": "enc" }),
        json!({ "kid": "k-1", "alg": "RS512" }),
        json!({ "kid": "k-1", "key_ops": ["encrypt"] }),
        json!({ "kid": "k-1", "kty": "EC" }),
    ] {
        let case = Case::with("RS256", &members, "");
        let run = case.log_in_with(&json!({}));
        case.refused(
            &run,
            "the server publishes no key that it could be signed with",
        );
    }
    let case = Case::with("RS256", &json!({ "kid": "k-1", "key_ops": ["verify"] }), "");
    case.accepted(&case.log_in_with(&json!({})));
    // What is no key at all costs only itself.
    let good = case.key.public.clone();
    case.plan(|plan| {
        plan.keys = vec![
            json!(7),
            json!({ "kty": "oct", "k": "eA" }),
            json!({}),
            good,
        ];
    });
    support::login::forget_metadata(&case.sandbox);
    case.accepted(&case.log_in_with(&json!({})));
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn a_header_that_demands_more_is_refused_and_an_encrypted_token_is_said_to_be_one() {
    let case = Case::new();
    let run = case.log_in(|nonce| {
        let header = json!({ "alg": "RS256", "kid": "k-1", "crit": ["x"], "x": 1 });
        unsigned(&case.claims(&json!({ "nonce": nonce })), &header)
    });
    case.refused(&run, "its header demands what tokctl does not know (crit)");
    let key = case.signer.key("RSA-OAEP-256", &json!({}));
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(case.signer.encrypt(&key, &claims))
    });
    run.ok_with(
        "",
        "the id token is left out: it is encrypted, and tokctl has no key for it",
    );
    case.sandbox.run(["get", "p"]).ok("at-1\n");
    let run = case.sandbox.run(["get", "p", "--token", "id"]);
    run.fails(5, "it is encrypted");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn the_check_can_be_turned_off_and_the_keys_set_by_hand() {
    let case = Case::new();
    case.configure("check_id_token_signature = false");
    let bad = |nonce: &str| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(damaged(&case.signer.sign(
            &case.key,
            &case.header(),
            &claims
        )))
    };
    case.accepted(&case.log_in(bad));
    assert_eq!(case.server.hits_of("/jwks"), 0);
    case.sandbox.run(["logout", "p"]);
    case.plan(|plan| plan.metadata = json!({ "jwks_uri": null }));
    support::login::forget_metadata(&case.sandbox);
    case.configure("");
    case.accepted(&case.log_in(bad));
    case.sandbox.run(["logout", "p"]);
    case.configure(&format!("jwks_uri = \"{}\"", case.server.url("/jwks")));
    case.refused(&case.log_in(bad), "its signature is not the server's");
    case.accepted(&case.log_in_with(&json!({})));
}

// --- Keys out of reach.

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn while_the_keys_are_out_of_reach_the_grant_is_saved_and_the_id_token_waits() {
    let case = Case::new();
    case.plan(|plan| plan.keys_status = 503);
    let run = case.log_in_with(&json!({}));
    run.ok_with("", "logged in to p as a@b.example");
    run.ok_with("", "the id token's signature cannot be checked now: ");
    case.sandbox.run(["get", "p"]).ok("at-1\n");
    for _ in 0..2 {
        let run = case.sandbox.run(["get", "p", "--token", "id"]);
        run.fails(
            6,
            "the id token's signature cannot be checked now: the server's keys: 127.0.0.1:",
        );
    }
    assert_eq!(case.server.hits_of("/token"), 1, "nothing is spent for it");
    case.plan(|plan| plan.keys_status = 200);
    let run = case.sandbox.run(["get", "p", "--token", "id"]);
    assert!(
        run.code == 0 && run.stdout.starts_with("eyJ") && run.stderr.is_empty(),
        "{run:?}"
    );
    case.sandbox
        .run(["get", "p", "--token", "id"])
        .ok(&run.stdout);
    assert_eq!(case.server.hits_of("/token"), 1);
    // The same of a renewal, with a new key that cannot be read.
    let new = case.signer.key("RS256", &json!({ "kid": "k-new" }));
    let header = json!({ "alg": "RS256", "kid": "k-new" });
    let id_token = case.signer.sign(&new, &header, &case.claims(&json!({})));
    case.plan(|plan| {
        plan.keys_status = 500;
        plan.reply =
            json!({ "id_token": id_token, "access_token": "at-2", "refresh_token": "rt 2" });
    });
    let run = case.sandbox.run(["get", "p", "--force"]);
    run.ok_with(
        "at-2\n",
        "warning: profile \"p\": the id token's signature cannot be checked now: ",
    );
    case.sandbox.run(["get", "p"]).ok("at-2\n");
    case.plan(|plan| {
        plan.keys_status = 200;
        plan.keys = vec![new.public.clone()];
        plan.reply["refresh_token"] = json!("rt 3");
    });
    let run = case
        .sandbox
        .run(["get", "p", "--token", "id", "--min-ttl", "599s"]);
    assert_eq!(run.code, 0, "{run:?}");
    case.sandbox.run(["refresh", "p"]);
    assert_eq!(case.spent()[..2], ["rt 1~", "rt 2"], "none is lost");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn an_id_token_that_has_waited_and_is_forged_is_not_handed_out() {
    let case = Case::new();
    case.plan(|plan| plan.keys_status = 503);
    let run = case.log_in(|nonce| {
        let claims = case.claims(&json!({ "nonce": nonce }));
        json!(damaged(&case.signer.sign(
            &case.key,
            &case.header(),
            &claims
        )))
    });
    run.ok_with("", "logged in to p");
    case.plan(|plan| plan.keys_status = 200);
    let run = case.sandbox.run(["get", "p", "--token", "id"]);
    run.fails(
        5,
        "the id token is not good: its signature is not the server's",
    );
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn an_imported_id_token_is_checked_when_it_is_wanted() {
    let case = Case::new();
    for good in [true, false] {
        let token = case
            .signer
            .sign(&case.key, &case.header(), &case.claims(&json!({})));
        let token = if good { token } else { damaged(&token) };
        let text = json!({ "access_token": "at-0", "refresh_token": "rt 0", "expires_at": now() + 600, "id_token": token });
        let before = case.server.hits();
        let run = case
            .sandbox
            .run_with_stdin(["import", "p", "--no-try", "--force"], text.to_string());
        run.ok_with("", "stored a refresh token and an access token");
        assert_eq!(case.server.hits(), before, "an import asks nobody");
        case.sandbox.run(["get", "p"]).ok("at-0\n");
        let run = case.sandbox.run(["get", "p", "--token", "id"]);
        if good {
            run.ok(&format!("{token}\n"));
        } else {
            run.fails(5, "its signature is not the server's");
        }
    }
    assert_eq!(case.spent(), [] as [&str; 0]);
}

// --- The refresh token plan.

/// A login and what the next renewal's reply is to hold beside its access token.
fn renewed(case: &Case, id_token: &Value) {
    case.accepted(&case.log_in_with(&json!({})));
    case.plan(|plan| {
        plan.reply =
            json!({ "access_token": "at-2", "refresh_token": "rt 2", "id_token": id_token });
    });
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_refresh_token() {
    let case = Case::new();
    let id_token = case
        .signer
        .sign(&case.key, &case.header(), &case.claims(&json!({})));
    renewed(&case, &json!(id_token));
    case.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    case.sandbox
        .run(["get", "p", "--token", "id"])
        .ok(&format!("{id_token}\n"));
    // An id token need not come again, nor a refresh token.
    case.plan(|plan| plan.reply = json!({ "access_token": "at-3", "refresh_token": null }));
    case.sandbox.run(["get", "p", "--force"]).ok("at-3\n");
    case.sandbox
        .run(["get", "p", "--token", "id"])
        .ok(&format!("{id_token}\n"));
    case.sandbox.run(["get", "p", "--force"]).ok("at-3\n");
    assert_eq!(case.spent(), ["rt 1~", "rt 2", "rt 2"], "with its spaces");
    assert_eq!(case.server.hits_of("/jwks"), 1);
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn oidcc_client_test_refresh_token_of_another_sub_iss_or_aud_or_past() {
    let issuer = |case: &Case| format!("{}/other", case.server.url(""));
    for (name, words) in [
        ("sub", "its sub is not that of the login"),
        ("iss", "its iss is not http://127.0.0.1:"),
        ("aud", "its aud is not this client"),
        ("exp", "it has expired"),
        ("iat", "it is from the future"),
        ("sig", "its signature is not the server's"),
        ("alg", "it is not signed"),
        ("jwt", "it is no JWT"),
        ("two aud", "its azp is not this client"),
    ] {
        let case = Case::new();
        let changes = match name {
            "sub" => json!({ "sub": "s-2" }),
            "iss" => json!({ "iss": issuer(&case) }),
            "aud" => json!({ "aud": OTHER_AUD }),
            "exp" => json!({ "exp": now() - 3600, "iat": now() - 7200 }),
            "iat" => json!({ "iat": now() + 3600, "exp": now() + 7200 }),
            "two aud" => json!({ "aud": ["c", OTHER_AUD], "azp": OTHER_AUD }),
            _ => json!({}),
        };
        let claims = case.claims(&changes);
        let signed = case.signer.sign(&case.key, &case.header(), &claims);
        let id_token = match name {
            "sig" => json!(damaged(&signed)),
            "alg" => unsigned(&claims, &json!({ "alg": "none" })),
            "jwt" => json!("x"),
            _ => json!(signed),
        };
        renewed(&case, &id_token);
        let run = case.sandbox.run(["get", "p", "--force"]);
        run.fails(
            5,
            "the server's reply is not used: the id token in it is not good: ",
        );
        run.fails(5, words).fails(5, "tokctl login p");
        // It is not asked for with each call: that would spend a refresh token for the same answer.
        let run = case.sandbox.run(["get", "p", "--min-ttl", "2h"]);
        run.fails(5, words);
        assert_eq!(case.spent(), ["rt 1~"], "{name}");
        // What was there before is there, and what was refused is not.
        case.sandbox.run(["get", "p"]).ok("at-1\n");
        // The new refresh token is the one that is good.
        let good = case
            .signer
            .sign(&case.key, &case.header(), &case.claims(&json!({})));
        case.plan(|plan| {
            plan.reply =
                json!({ "access_token": "at-3", "refresh_token": "rt 3", "id_token": good });
        });
        case.sandbox.run(["get", "p", "--force"]).ok("at-3\n");
        assert_eq!(case.spent(), ["rt 1~", "rt 2"], "{name}");
    }
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn another_person_s_login_is_a_new_grant() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    case.accepted(&case.log_in_with(&json!({ "sub": "s-2" })));
    let of_s1 = case
        .signer
        .sign(&case.key, &case.header(), &case.claims(&json!({})));
    case.plan(|plan| plan.reply["id_token"] = json!(of_s1));
    let run = case.sandbox.run(["get", "p", "--force"]);
    run.fails(5, "its sub is not that of the login");
    let of_s2 = case.signer.sign(
        &case.key,
        &case.header(),
        &case.claims(&json!({ "sub": "s-2" })),
    );
    case.plan(|plan| plan.reply["id_token"] = json!(of_s2));
    case.sandbox.run(["get", "p", "--force"]).ok("at-1\n");
}

#[test]
#[ignore = "needs npm's jose: tests/run installs it"]
fn a_cached_token_asks_for_no_keys() {
    let case = Case::new();
    case.accepted(&case.log_in_with(&json!({})));
    let before = case.server.hits();
    for kind in ["access", "id"] {
        assert_eq!(case.sandbox.run(["get", "p", "--token", kind]).code, 0);
    }
    assert_eq!(case.server.hits(), before);
}
