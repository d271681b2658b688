//! State as the versions before this one have left it, byte for byte: each file and kernel key is read under its name
//! and in its form, and what is written has both still.
//!
//! The names stand here as text, or are made by the rule that made them first ([`hash`]).

use crate::support::golden::{hash, now};
use crate::support::profiles::{client_at, grant_at};
use crate::support::sandbox::files;
use crate::support::{Reply, Sandbox, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::PathBuf;

/// Of profile `p`: its files, its binding with the grant of [`GRANT`], and the variant of a plain token.
const PROFILE: &str = "60a1d80c612f4365821d2f8e94eb1086";
const ACCOUNT: &str = "54a583424935c6b1a71e2dbc355fb388";
const SECRET_ACCOUNT: &str = "dce0f9fd0d4e5ad7b7a787fcbb99f1ea";
const LOGIN_ACCOUNT: &str = "41e8863259e6bebd0947129e727d5218";
const BINDING: &str = "e5f724f1ef3f6dd3552f2348d808afa6";
const VARIANT: &str = "27504a008c0e488258257fa922a50187";

const GRANT: &str = "[profile.p]\ntoken_endpoint = \"https://sso.example/token\"\nclient_id = \"ci\"\n\
                     grant = \"refresh_token\"\n";

/// The key of everything sealed here that has no passphrase.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// In the year 2100.
const FAR: i64 = 4_102_444_800;

fn grant(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&format!("{GRANT}{more}\n"));
    sandbox
}

/// Puts a file into the state directory.
fn put(sandbox: &Sandbox, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    sandbox.write(format!("state/tokctl/{name}"), content)
}

#[track_caller]
fn put_sealed(sandbox: &Sandbox, name: &str, sealed: &str) -> PathBuf {
    let bytes = STANDARD.decode(sealed).expect("base64");
    put(sandbox, name, bytes)
}

/// The names of all that is below the state directory.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let state = sandbox.state_dir().join("tokctl");
    let all = files(&state).into_iter().map(|file| {
        let name = file.strip_prefix(&state).expect("below it");
        name.to_string_lossy().into_owned()
    });
    all.collect()
}

/// A stored record of profile `p`, in which a token ends at `expires`.
fn record(binding: &str, token: &str, expires: i64) -> String {
    json!({
        "version": 1,
        "generation": 3,
        "binding": binding,
        "refresh": "rt-1",
        "tokens": { VARIANT: { "access": token, "obtained": 1_700_000_000, "expires": expires } },
        "spool_key": KEY,
    })
    .to_string()
}

/// A profile with client credentials, of whose server only the issuer is known.
fn client_of(issuer: &str) -> String {
    let address = format!("issuer = \"{issuer}\"\ngrant = \"client_credentials\"");
    client_at("", "").replace("token_endpoint = \"\"", &address)
}

fn plain(name: &str) -> String {
    format!("plaintext/{name}.json")
}

#[test]
fn a_record_has_the_members_and_the_order_that_it_had() {
    let server = Server::granting(
        r#"{"access_token":"at-1","token_type":"bearer","expires_in":3600,"refresh_token":"rt-2","scope":"read",
            "instance_url":"https://i.example"}"#,
    );
    let more = "store = \"plaintext\"\nkeep = \"instance_url\"";
    let sandbox = Sandbox::with_grant(&server, more);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let path = sandbox.state_dir().join("tokctl").join(plain(ACCOUNT));
    let line = fs::read_to_string(path).expect("under the name that it had");
    let found: Value = serde_json::from_str(&line).expect("JSON");
    let endpoint = server.url("/token");
    let binding = hash(&["binding-1", &endpoint, "id", "refresh_token"]);
    let obtained = found["tokens"][VARIANT]["obtained"]
        .as_i64()
        .unwrap_or_default();
    let (ends, key) = (
        obtained + 3600,
        found["spool_key"].as_str().unwrap_or_default(),
    );
    assert!((0..60).contains(&(now() - obtained)), "{line}");
    assert_eq!(STANDARD.decode(key).map(|key| key.len()), Ok(32), "{line}");
    let wanted = format!(
        r#"{{"version":1,"generation":2,"binding":"{binding}","refresh":"rt-2","tokens":{{"{VARIANT}":{{"access":"at-1","type":"bearer","scope":"read","obtained":{obtained},"expires":{ends},"kept":{{"instance_url":"https://i.example"}}}}}},"spool_key":"{key}","from":{{"server":"{endpoint}","client_id":"id","client_auth":"none"}}}}"#
    );
    assert_eq!(line, wanted);
    let note = format!("profiles/{PROFILE}.json");
    let lock = format!("locks/{PROFILE}.lock");
    assert_eq!(names(&sandbox), [lock, plain(ACCOUNT), note]);
}

#[test]
fn a_note_has_the_members_that_it_had() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "store = \"plaintext\"");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let path = sandbox
        .state_dir()
        .join(format!("tokctl/profiles/{PROFILE}.json"));
    let line = fs::read(path).expect("under the name that it had");
    let mut note: Value = serde_json::from_slice(&line).expect("JSON");
    for volatile in ["epoch", "expires", "updated"] {
        assert!(note[volatile].is_u64(), "{note}");
        note[volatile] = json!(1);
    }
    let wanted = json!({
        "profile": "p",
        "config": sandbox.config_file(),
        "epoch": 1,
        "store": null,
        "generation": 2,
        "account": null,
        "scope": null,
        "expires": 1,
        "has_token": true,
        "refreshable": true,
        "updated": 1,
        "ended": null,
        "binding": note["binding"],
        "copies": note["copies"],
        "secret_in_body": null,
        "not_before": null,
        "failure": null,
    });
    assert!(note["binding"].is_string(), "{note}");
    let copies = note["copies"].as_object().expect("by variant");
    assert!(
        copies.values().all(|number| number == 2) && copies.len() == 1,
        "{note}"
    );
    assert_eq!(note, wanted);
}

#[test]
fn notes_of_all_forms_so_far_are_read() {
    let failure = json!({ "at_ms": 1_700_000_000_000_u64, "error": {
        "kind": "refused",
        "message": "no",
        "hint": null,
        "oauth_code": "invalid_grant",
        "http_status": 400,
    } });
    let first = json!({
        "profile": "p",
        "store": "encrypted-file",
        "generation": 3,
        "scope": "read",
        "expires": 1_700_000_000,
        "has_token": true,
        "refreshable": true,
        "updated": 1_700_000_000,
        "ended": "fa0694dcc81b6358c81a8bb347a1fd1e",
        "not_before": null,
        "failure": failure,
    });
    let mut with_helpers = first.clone();
    with_helpers["epoch"] = json!(9_846_193_447_013_000_001_u64);
    with_helpers["account"] = json!("someone@corp.example");
    with_helpers["helpers"] = json!({ "git": { "at": 1, "host": "h", "message": "m" } });
    let mut last = with_helpers.clone();
    last["secret_in_body"] = json!("0123456789abcdef0123456789abcdef");
    last.as_object_mut().expect("an object").remove("helpers");
    for note in [first, with_helpers, last] {
        let sandbox = grant("access_cache = \"none\"");
        put(
            &sandbox,
            &format!("profiles/{PROFILE}.json"),
            note.to_string(),
        );
        sandbox.write("config/tokctl/store.key", KEY);
        put_sealed(
            &sandbox,
            &format!("records/{ACCOUNT}.sealed"),
            SEALED_RECORD,
        );
        let status = sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(status["state"], "login needed", "{status}");
        assert_eq!(status["store"], "encrypted-file", "{status}");
        assert_eq!(status["account"], note["account"], "{status}");
        // The refresh token whose end is noted is not asked about again.
        sandbox
            .run(["get", "p", "--min-ttl=100years"])
            .fails(4, "tokctl login p");
        // Nor is a server that is away a reason to believe that it lives.
        sandbox
            .run(["get", "p", "--force"])
            .fails(4, "tokctl login p");
    }
}

#[test]
fn a_servers_wish_to_wait_is_found_in_its_note() {
    let sandbox = grant("store = \"plaintext\"\naccess_cache = \"none\"");
    put(
        &sandbox,
        &plain(ACCOUNT),
        record(BINDING, "at-old", 1_700_000_001),
    );
    let note = json!({ "profile": "p", "generation": 3, "not_before": now() + 3000 });
    put(
        &sandbox,
        &format!("profiles/{PROFILE}.json"),
        note.to_string(),
    );
    let run = sandbox.run(["get", "p", "--timeout", "5s"]);
    run.fails(6, "the server has asked not to be called for a while");
}

#[test]
fn where_a_server_takes_the_secret_is_found_in_its_note() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::with_client(&server, "");
    let place = hash(&["body-1", &server.url("/token"), "id"]);
    let note = json!({ "profile": "p", "secret_in_body": place });
    put(
        &sandbox,
        &format!("profiles/{PROFILE}.json"),
        note.to_string(),
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), None);
    assert!(requests[0].form().contains_key("client_secret"));
}

#[test]
fn a_helpers_last_failure_is_found_under_its_name() {
    let sandbox = grant("");
    let failure =
        json!({ "git": { "at": 1_700_000_000, "host": "https://h.example", "message": "m" } });
    put(
        &sandbox,
        &format!("helpers/{PROFILE}.json"),
        failure.to_string(),
    );
    let status = sandbox.run(["status", "p", "--json"]).json();
    let wanted = json!({ "git": { "at": "2023-11-14T22:13:20Z", "host": "https://h.example", "message": "m" } });
    assert_eq!(status["helper_failures"], wanted, "{status}");
}

#[test]
fn a_helpers_failure_is_written_under_its_name() {
    let server = Server::always(Reply::error("invalid_client"));
    let sandbox = Sandbox::with_client(&server, "hosts = [\"https://git.example\"]");
    let request = "protocol=https\nhost=git.example\n\n";
    let run = sandbox.run_with_stdin(["helper", "git", "get"], request);
    run.ends(0, "quit=1\n", "invalid_client");
    let path = sandbox
        .state_dir()
        .join(format!("tokctl/helpers/{PROFILE}.json"));
    let found: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
    assert_eq!(found["git"]["host"], "https://git.example", "{found}");
    assert!(
        found["git"]["at"].is_i64() && found["git"]["message"].is_string(),
        "{found}"
    );
}

#[test]
fn a_servers_remembered_metadata_is_found_under_its_name() {
    let server = Server::tokens(600);
    let issuer = server.url("/realm");
    let sandbox = Sandbox::new();
    let keys = client_of(&issuer);
    sandbox.config(&keys);
    let metadata = json!({
        "at": now(),
        "metadata": {
            "issuer": issuer,
            "token_endpoint": server.url("/from-the-memory"),
            "authorization_endpoint": null,
            "device_authorization_endpoint": null,
            "revocation_endpoint": null,
            "pushed_authorization_request_endpoint": null,
            "require_pushed_authorization_requests": false,
            "authorization_response_iss_parameter_supported": false,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "mtls_endpoint_aliases": {},
            "scopes_supported": null,
        },
    });
    let name = format!("metadata/{}.json", hash(&["issuer-2", &issuer]));
    put(&sandbox, &name, metadata.to_string());
    let mut command = sandbox.command(["get", "p"]);
    command.env("P_SECRET", "s");
    let run = crate::support::Running::start(command, None).wait();
    run.ok("at-1\n");
    let paths = server.requests().into_iter().map(|request| request.path);
    assert_eq!(paths.collect::<Vec<_>>(), ["/from-the-memory"]);
}

#[test]
fn what_is_asked_of_a_server_is_remembered_under_its_name() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => {
            let host = request.header("host").unwrap_or_default();
            let issuer = format!("http://{host}/realm");
            Reply::json(
                200,
                json!({ "issuer": issuer, "token_endpoint": format!("{issuer}/t") }).to_string(),
            )
        }
        _ => Reply::json(200, r#"{"access_token":"at-1","expires_in":600}"#),
    });
    let issuer = server.url("/realm");
    let mut sandbox = Sandbox::new();
    let keys = client_of(&issuer);
    sandbox.env("P_SECRET", "s").config(&keys);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let name = format!("metadata/{}.json", hash(&["issuer-2", &issuer]));
    let path = sandbox.state_dir().join("tokctl").join(name);
    let found: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
    assert!(found["at"].is_i64(), "{found}");
    assert_eq!(
        found["metadata"]["token_endpoint"],
        format!("{issuer}/t"),
        "{found}"
    );
}

#[test]
fn a_lock_is_taken_under_the_name_that_others_take() {
    let sandbox = grant("store = \"plaintext\"\naccess_cache = \"none\"");
    put(
        &sandbox,
        &plain(ACCOUNT),
        record(BINDING, "at-old", 1_700_000_001),
    );
    let path = put(&sandbox, &format!("locks/{PROFILE}.lock"), "");
    let lock = File::options().write(true).open(path).expect("a file");
    lock.lock().expect("a lock");
    let run = sandbox.run(["get", "p", "--timeout", "300ms"]);
    run.fails(6, "another tokctl is still renewing the token");
}

#[test]
fn the_locks_of_a_login_and_of_the_configuration_have_the_names_that_they_had() {
    let sandbox =
        grant("store = \"plaintext\"\nauthorization_endpoint = \"https://sso.example/a\"");
    let run = sandbox.run(["login", "p", "--paste"]);
    run.fails(4, "no address was given yet");
    let added = [
        "add",
        "q",
        "--issuer",
        "https://sso.example",
        "--client-id",
        "c",
        "--no-try",
    ];
    sandbox.run(added).ok_with("", "q");
    let found = names(&sandbox);
    for wanted in [
        format!("locks/{PROFILE}.login.lock"),
        "locks/114701fde8181665a6cde4152e8c7d62.config.lock".to_owned(),
        plain(LOGIN_ACCOUNT),
    ] {
        assert!(found.contains(&wanted), "{wanted}: {found:?}");
    }
}

#[test]
fn a_login_that_an_earlier_version_has_begun_is_ended_by_this_one() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let keys = grant_at(&server.url("/token"), "store = \"plaintext\"");
    let keys = keys.replace("grant = \"refresh_token\"", "authorization_endpoint = \"https://sso.example/a\"\ngrant = \"authorization_code\"\nclient_auth = \"none\"");
    sandbox.config(&keys);
    let pending = json!({ "at": now(), "attempt": {
        "state": "the-state",
        "verifier": "the-verifier",
        "nonce": null,
        "redirect_uri": "http://127.0.0.1:4321/callback",
    } });
    put(&sandbox, &plain(LOGIN_ACCOUNT), pending.to_string());
    let address = "http://127.0.0.1:4321/callback?code=c-1&state=the-state\n";
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], address);
    run.ok_with("", "logged in to p");
    assert_eq!(server.requests()[0].form()["code_verifier"], "the-verifier");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn a_stored_secret_is_found_under_its_name() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let more = "store = \"encrypted-file\"\nclient_auth = \"client_secret_post\"";
    let keys = client_at(&server.url("/token"), more);
    sandbox.config(&keys.replace("{ env = \"P_SECRET\" }", "{ keyring = true }"));
    sandbox.write("config/tokctl/store.key", KEY);
    put_sealed(
        &sandbox,
        &format!("records/{SECRET_ACCOUNT}.sealed"),
        SEALED_SECRET,
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(
        server.requests()[0].form()["client_secret"],
        "the-client-secret"
    );
}

#[test]
fn a_sealed_record_and_the_newer_one_in_the_spool_are_opened() {
    let sandbox = grant("store = \"encrypted-file\"\naccess_cache = \"none\"");
    sandbox.write("config/tokctl/store.key", KEY);
    put_sealed(
        &sandbox,
        &format!("records/{ACCOUNT}.sealed"),
        SEALED_RECORD,
    );
    sandbox.run(["get", "p"]).ok("at-sealed\n");
    put_sealed(&sandbox, &format!("spool/{PROFILE}.sealed"), SPOOLED_RECORD);
    sandbox.run(["get", "p"]).ok("at-spooled\n");
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_its_check_has_the_name_that_it_had() {
    let mut sandbox = Sandbox::new();
    let profiles = PASSPHRASES.iter().map(|(name, keys, ..)| {
        let base = GRANT.replace("profile.p", &format!("profile.{name}"));
        format!("{base}store = \"encrypted-file\"\naccess_cache = \"none\"\n{keys}\n")
    });
    sandbox.config(&profiles.collect::<String>());
    let credentials = sandbox.home().join("credentials");
    sandbox
        .env("KEY", "correct horse")
        .env("CREDENTIALS_DIRECTORY", credentials);
    let key_file = sandbox.write("run/passphrase", "correct horse\n");
    sandbox.write("run/env", "KEY=correct horse\n");
    sandbox.write("credentials/corp", "correct horse\n");
    put_sealed(&sandbox, "store.salt", SALT);
    let mut wanted = vec!["store.salt".to_owned()];
    for (name, _, place, account, sealed) in PASSPHRASES {
        put_sealed(&sandbox, &format!("records/{account}.sealed"), sealed);
        let home = sandbox.home().display().to_string();
        let check = match place.replace("HOME", &home).as_str() {
            "" => "store.check".to_owned(),
            place => format!("store-{}.check", hash(&["check-1", place])),
        };
        put_sealed(&sandbox, &check, CHECK);
        wanted.extend([format!("records/{account}.sealed"), check]);
        let mut command = sandbox.command(["get", name]);
        if place.is_empty() {
            command.env("TOKCTL_STORE_KEY", "correct horse");
        }
        let run = crate::support::Running::start(command, None).wait();
        run.ok(&format!("at-{name}\n"));
    }
    wanted.sort();
    // Under another name there would be two of them.
    assert_eq!(names(&sandbox), wanted, "{}", key_file.display());
}

#[test]
fn the_checks_of_a_fixed_place_have_these_names() {
    let names = [
        (
            "environment variable KEY",
            "36e42e4acbe2b5de6de5f691c100d2c2",
        ),
        ("command \"cat\"", "82ab42816473f1c3e0bbf70264a5daa8"),
    ];
    for (place, name) in names {
        assert_eq!(hash(&["check-1", place]), name);
    }
}

/// A key in the user keyring, gone with it.
struct Kernel(linux_keyutils::Key);

impl Kernel {
    fn put(name: &str, bytes: &[u8]) -> Self {
        let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).expect("a keyring");
        let key = ring.add_key(name, bytes).expect("room for a key");
        let all = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(Permission::ALL)
            .build();
        key.set_perms(all).expect("its owner sets them");
        key.set_timeout(600).expect("its owner sets it");
        Self(key)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.0.invalidate();
    }
}

#[test]
#[ignore = "needs a kernel keyring: tests/run runs it"]
fn a_cached_token_is_found_under_its_name_in_the_kernel() {
    let stores = [
        ("", "Auto"),
        ("store = \"keyring\"", "Keyring"),
        ("store = \"encrypted-file\"", "EncryptedFile"),
        ("store = \"plaintext\"", "Plaintext"),
    ];
    let note = json!({ "profile": "p", "epoch": 9_846_193_447_013_000_001_u64 });
    for (keys, store) in stores {
        for (epoch, note) in [("0", None), ("9846193447013000001", Some(&note))] {
            let sandbox = grant(keys);
            if let Some(note) = note {
                put(
                    &sandbox,
                    &format!("profiles/{PROFILE}.json"),
                    note.to_string(),
                );
            }
            let state = sandbox.state_dir().join("tokctl");
            let state = state.to_str().expect("UTF-8");
            // With the record's generation, of which these notes know nothing.
            let epoch = format!("{epoch} 0");
            let parts = ["cache-3", state, "p", store, BINDING, &epoch, VARIANT];
            let name = format!("tokctl:{}", hash(&parts));
            let token = json!({
                "access": "at-kernel",
                "type": "Bearer",
                "scope": "read",
                "obtained": 1_700_000_000,
                "expires": FAR,
                "kept": { "instance_url": "https://i.example" },
            });
            let _key = Kernel::put(&name, token.to_string().as_bytes());
            sandbox.run(["get", "p"]).ok("at-kernel\n");
        }
    }
}

#[test]
#[ignore = "needs a kernel keyring: tests/run runs it"]
fn the_key_that_unlock_keeps_is_found_under_its_name_in_the_kernel() {
    let sandbox = grant("store = \"encrypted-file\"\naccess_cache = \"none\"");
    put_sealed(&sandbox, "store.salt", SALT);
    put_sealed(
        &sandbox,
        &format!("records/{ACCOUNT}.sealed"),
        SEALED_RECORD,
    );
    sandbox.run(["get", "p"]).fails(7, "tokctl unlock");
    let state = sandbox.state_dir().join("tokctl");
    let state = state.to_str().expect("UTF-8");
    let name = format!("tokctl:store-key:{}", hash(&["store-key-1", state]));
    let bare = Kernel::put(&name, &STANDARD.decode(KEY).expect("base64"));
    sandbox.run(["get", "p"]).fails(7, "tokctl unlock");
    drop(bare);
    // Sealed under what is in a file.
    let half = [9; 32];
    let payload = Payload {
        msg: &STANDARD.decode(KEY).expect("base64"),
        aad: b"unlocked store key",
    };
    let sealed = XChaCha20Poly1305::new(&half.into()).encrypt(&XNonce::from([6; 24]), payload);
    let sealed = [&b"tokctl1\n"[..], &[6; 24], &sealed.expect("sealed")].concat();
    put(&sandbox, "store.unlocked", half);
    let _key = Kernel::put(&name, &sealed);
    sandbox.run(["get", "p"]).ok("at-sealed\n");
}

/// Profile `p` with the token `at-sealed`, sealed under [`KEY`]; each nonce here is one byte, repeated.
const SEALED_RECORD: &str = "dG9rY3RsMQoBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQHSw2FtDmXQLfKm1xKKsHNvcH8AyaIcab8ivA4qCQe27YhB2L0aKcgVqWvcphGspiBtjk7MgxQfZmokKW+CTYS9hXwZuj26FrMaGGPsoGcWKkhK6m1CdbTK7mRzlrO3XDsI9eytHKNBL2Kav/bC28DNHDD1pyom3XEcwDiVhlTAF+oji2AeM4C0LDhu2d+Te7/WoZs95HmveTIyGkq8cNwwCacIw2w0NDQblzzHz6nnly3J1hNFrMEjyD39pB0knmXSnkXAbhlVIc5c6ym3YPqtchVnyyNTdPH6k6Hh5YOuPxgAC8mXOckVsJPEAdRhKAl4ZG7kHhHuxStw3YifvogPuVmUj+FPJUHndVXlYnbYL1lgXXfR6K1/+BNHc0lzgqwWnwKk8Dme7FsY/9NrxXojVNysnA==";

/// A record with the token `at-spooled` and the next generation.
const SPOOLED_RECORD: &str = "dG9rY3RsMQoCAgICAgICAgICAgICAgICAgICAgICAgLdw0RBnBdwepecmZ3bEbrZ2QoeqZZ9mA7LrbeWvttKIJkQ+2en6eeE1IfkcQAm89TPR5iqQ9qL3d2oEjTXrVUdpbx8sjtSXix7+IFsel4asvc6y6Nxw0DST5fDvCQ4dTOWuQ0hcbiDXskfn2gKtZUbr7s6SHgraFYVUWaXZDeYHi6wNnFje5KBXf12sinXUb135rVczcq+uIj/E4K6gGVcBBLL20vimEhKd3UqXwQ/N3qmHE+FwzPrvXvkRDz8gkc0oFCz6lnMg/pUSswPI5yd6jc2FX5dZd+wA/zvzaq+iMnDBn4A7hYSOfxx6zMpSqiZn9NPX3PBNOIEQyZIyfBKJkzRZ0fE6CZmmblVgoWXhhOtsspS3ZBixAH8sYeDJLcPYm7kwqb2mpZYaMC3O+voPfbPtXY=";

const SEALED_SECRET: &str =
    "dG9rY3RsMQoDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM8nRtrvrn7A5b/Yd2mgn2MBU0nGk4tj8FxuPPgBbVUFVg=";

const SALT: &str = "ZGVmZ2hpamtsbW5vcHFycw==";

/// What tells that a passphrase is `correct horse`.
const CHECK: &str = "dG9rY3RsMQoEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBARWz3NgfVbIFdSSiIHkUnVD";

/// A profile, its keys, the words for the place of its passphrase, its file and the record in it, sealed with
/// `correct horse`.
const PASSPHRASES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "typed",
        "",
        "",
        "7395e08b1408f88616040ddb8cc37e6a",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4XCsN3rsZ81LibfFawl/T2fbCRZVJaAj1IvlB4z7hpzSSiEidONl4wtAofAwEw/Wr7A0bhomRBX7Vgg0ARfwVOBEtQOKQSzxdB2dtZuHlobo5BSduGcBdOt8vkWg2scUzfm+ttgHZ4EpY3XiGL/uIXRQY7qCjk5tbXEVARKAB0d6qbVMnpC6fdrssZ+NDPQexsNrMdSlb6xt7q4ynPMM",
    ),
    (
        "env",
        r#"store_key = { env = "KEY" }"#,
        "environment variable KEY",
        "54f0488eef420312b42b82d2f19ebf28",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4WG7MT2kZ5UQjauXNAkHCETMDRYSe6B8lZf2Dd6khtSVWSBhPOMmoxBDvP88GUiIvL01aRomRBX7VhQmSE3lReJItETDVyf1dxmbtZeDnsultUvC6nsed9t7hFfnmcdvrv28suwXVpIIQlvCAJPzCnkkbc61i2RpV3koChWfDVlghZZgh6CmQtac5IXNklOQi4Y0MxR+I13/ci4+NQ==",
    ),
    (
        "file",
        r#"store_key = { file = "~/run/passphrase" }"#,
        "file HOME/run/passphrase",
        "f430cb2173faf2bc859f8fc23d8d5993",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4WK8K3qqacMdhL7QLBFnL0DfGgFCda4thZvpGJm8noSCXSUnMu1rrgZWtPg3GA6Qt7syaRomRBX7VggoD1DtXPlfohXbWSL0dR+btZuLnoal5EWT6WQedOhPiku8gd8Mrvm6sNoxQZYtRnHIEq3QAnxVEsWJsnd+elwwGQGUDEZlrJxGuK+1bvbM4ZqSU4OxnhGOvlAzENXtklo2ObM=",
    ),
    (
        "env-file",
        r#"store_key = { env_file = "~/run/env", env = "KEY" }"#,
        "variable KEY in HOME/run/env",
        "deb5fa5d9e466f1f875d21f8ed5833f9",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4WG7MTLuLI0M3+KXelI1CAeESiZVNvBqhNqqSo/9y9aVGn5hYqQopUYO9/47CQvb4+9hexAnQxX7Vgg0HQWlALJIvxaQEXO2ZxebsJ+BmoLsoVmB52ldOfdgjkGp/I5LlprF0doHVZMuVkPHE5vcB3tFTcaJiwZje0w8HgKuGEtkvK5/uJWpa/ncrsP4RrEV+nwqNQoYJWOeUUI92dssU9lE",
    ),
    (
        "command",
        r#"store_key = { command = ["cat", "run/passphrase"] }"#,
        r#"command "cat""#,
        "53358d2e7f208dcbb60f7c51aafacd54",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4We6KnLpK4VL0ezBd1sgTx+cKgFRJed91NSkG5/x1MPSAmYxdaAt40gAuvMtHAPc6O4nYxshRBX7Vgg0HQW5DvVVtw+LBmXnfxmesZ2HmoLgqVnM5zhTaPR/jkKayIBXzYLdstoDU5EYcFTDNp/2DWl7bs6M+nloR3UvCS+LAFhwt69gvbyjTcbTve/YFrQKpREw7WXGc9JM2sXkNKmlBEQ=",
    ),
    (
        "systemd",
        r#"store_key = { systemd_credential = "corp" }"#,
        r#"systemd credential "corp""#,
        "b4e552343fb431fda9a51b37de1d21e7",
        "dG9rY3RsMQoFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV3MAMCSqzFOTd0SLehi9G0lVl2C7aeErSVCsWggqVV7ejspzhKPXRJQSVI91/tIOGtc5V1M7XNZAbJvVi1oxfXljDhnChRC1zPCgSKof4f3SUexD2GyOj/BfQ2r0w7K/mb+koAxBBZmVZ5IVdBv7IoTzF0zrydh7Jw8QHveKELE8l05RiNXbZVGpP0Qf/2f2Hi5efJ4XesNGvtKIVL0ezBd1sgTx+cKgFRJed91NSkG5/x1MPSAmYxdaAt40gAuvMtHAPc6O4nYxshRBX7Vgg0HQW5DvVVtw+LBmXnfxmesZ2HmoLgqVnM5zhTaPR/jkKayIBXzYLdstoDU5EYcFTDNp/2DWl7bs6M+nloR3UvCS+LAFhwt69gvbyjTcbTve/YFrQKpSj0dfLBQSCN2Vwcagx4Wc4=",
    ),
];

/// What an older version has kept for the profile `typed` with a passphrase, `correct horse`.
pub fn put_old_passphrase(sandbox: &Sandbox) {
    let (name, _, _, account, sealed) = PASSPHRASES[0];
    let base = GRANT.replace("profile.p", &format!("profile.{name}"));
    sandbox.config(&format!(
        "{base}store = \"encrypted-file\"\naccess_cache = \"none\"\n"
    ));
    put_sealed(sandbox, "store.salt", SALT);
    put_sealed(sandbox, "store.check", CHECK);
    put_sealed(sandbox, &format!("records/{account}.sealed"), sealed);
}

/// What `correct-horse-battery` opens, at a cost that is not everybody's for ever.
const PASSPHRASE: &str = r#"{"argon2id":{"memory_kib":65536,"passes":3,"lanes":4},"salt":"BPFrzqXrv32cBRWGQWVUdA==","keys":"dG9rY3RsMQrRQ0rWLlrdyBl3wUbZds3imbRyI+0Zx9AHHvT3s/1QDt97sT1PmkBdBZmKU+I8SIbYqJFnJBJ4A+LVQhj1y/nDhCD4jj3/FMA="}"#;

/// Profile `p` with the token `at-phrase`, sealed under the key in that.
const PHRASED_RECORD: &str = "dG9rY3RsMQqhGViIYRE7z165ZaO5mYvA7XQTCHfnf9Zl1yDH42Lj285AgfptOvxiMXh8wBimQ250A84keuD4wugxzySKgRAG2wDcrgdSCcFpGIc7Z3PrDLERaU9ARcpOSQCNXNOHBQjoBAjydiEXB9HnMljLEAEjegYOJrYH+WVlXju85jXk4slmt7dK+moYWMMDrXHAU9C1nfXroPVCxe+gh1FPHplB4phKkTBkUNoQDVfmpH1rR6Z6QhV8J/56GwqY7CtmI1grDgbtgErc1LPyOfHdKZ+2O2dlGvjGdWgpY2ODezkfD8spt6tODwCmY7fetyudZ+L4z/QfnU2M46JWwpUmgx+zYVJIVkjx7Ags7Iyzd2w/WrSH5HO5ZXHgTN6AeSQ/2YWtpazUYcJDkovQIHj1o7weB4/CZ3T2GDsdIJdoJcQCfGdkM7JEzuyD8CfpbjmTDrUyj5I2Ye5G6rF3qs0Fp4FGUuKvBjdrP5rcvatK1OikRnThZMznENJckskccGlKE+M=";

#[test]
fn a_passphrase_s_file_opens_what_its_keys_have_sealed() {
    let mut sandbox = grant("store = \"encrypted-file\"\naccess_cache = \"none\"");
    put(&sandbox, "store.passphrase", PASSPHRASE);
    put_sealed(
        &sandbox,
        &format!("records/{ACCOUNT}.sealed"),
        PHRASED_RECORD,
    );
    sandbox.run(["get", "p"]).fails(7, "tokctl unlock");
    sandbox.env("TOKCTL_STORE_KEY", "correct-horse-battery");
    sandbox.run(["get", "p"]).ok("at-phrase\n");
    // Under another name it would have been set anew.
    sandbox.env("TOKCTL_STORE_KEY", "correct-horse-batterz");
    sandbox
        .run(["get", "p"])
        .fails(7, "this is not the passphrase");
}

#[test]
#[ignore = "needs keyctl and a kernel keyring: tests/run installs it"]
fn what_the_kernel_remembers_of_logins_has_this_name_and_form() {
    let sandbox = grant("store = \"plaintext\"\naccess_cache = \"none\"");
    sandbox.import("rt-1");
    let state = sandbox.state_dir().join("tokctl");
    let name = format!(
        "tokctl:{}",
        hash(&["marks-1", state.to_str().expect("UTF-8")])
    );
    let found = |words: [&str; 3]| {
        let run = std::process::Command::new("keyctl").args(words).output();
        String::from_utf8(run.expect("keyctl is installed").stdout).expect("text")
    };
    let id = found(["request", "user", &name]);
    let text = std::process::Command::new("keyctl")
        .args(["pipe", id.trim()])
        .output();
    let text = String::from_utf8(text.expect("keyctl is installed").stdout).expect("text");
    let (login, generation) = text.split_once(' ').expect("a login and a number");
    let record = std::fs::read(sandbox.record()).expect("a record");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
    let key = record["spool_key"].as_str().expect("a key");
    assert_eq!(login, &hash(&["mark-1", key])[..16]);
    assert_eq!(generation, format!("{}\n", record["generation"]));
    sandbox.run(["logout", "p", "--no-revoke"]);
    assert_eq!(found(["request", "user", &name]), "", "{text}");
}
