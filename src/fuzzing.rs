//! What fuzzing can reach: each door through which strangers' bytes come in, as a function of bytes.
//!
//! Built with `--cfg fuzzing` (tests/fuzz) and for the unit tests only. Each function panics where a promise is broken, not
//! only where the program would.
#![allow(clippy::missing_panics_doc, reason = "a panic is what each is for")]

#[cfg(test)]
pub(crate) mod made_up;

use crate::clock;
use crate::command::api::challenge::Challenge;
use crate::helper::{self, Core, Mode};
use crate::http::Endpoint;
use crate::login::listener;
use crate::oauth::authorization_code::Attempt;
use crate::oauth::device_code::Device;
use crate::oauth::id_token::{self, IdToken, Measure};
use crate::oauth::jwks::{Keys, Verdict};
use crate::oauth::metadata::{self, Metadata};
use crate::oauth::reply;
use crate::profile::config::Config;
use crate::profile::edit;
use crate::profile::{EndpointKind, Profile};
use crate::secret::Secret;
use crate::state::record::{Record, Token};
use crate::state::server;
use crate::token::merge::Merged;
use crate::ui;
use reply::Reading;
use std::sync::LazyLock;

/// What the request held; a message that repeats it has leaked.
const SECRET: &str = "s3cr+t/canary";

/// The token that a helper may hand out, and to whom.
const TOKEN: &str = "token-canary";
const HOST: &str = "git.example:8443";

/// Far from both ends of time.
const NOW: i64 = 1_700_000_000;

const CONFIG: &str = r#"
[profile.p]
client_id = "c"
issuer = "https://a.example"
hosts = ["https://git.example:8443"]

[profile.client]
client_id = "c"
issuer = "https://a.example"
grant = "client_credentials"

[profile.assuming]
client_id = "c"
issuer = "https://a.example"
assume_expires_in = "5m"
response = { token_type = "/a/0/b" }
"#;

/// The profiles of [`CONFIG`]: read once, since reading is a target of its own.
static PROFILES: LazyLock<[Profile; 3]> = LazyLock::new(|| {
    ui::set_level(true, 0);
    let config = Config::from_text(CONFIG);
    ["p", "client", "assuming"].map(|name| Profile::load(&config, name).expect("it is a profile"))
});

fn profile() -> &'static Profile {
    &PROFILES[0]
}

/// Text that goes to a terminal: one line of limited length, no control characters, no secret.
fn fit_for_a_terminal(text: &str, limit: usize) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    assert!(text.chars().count() <= limit, "{text:?}");
    assert!(!text.contains(SECRET), "{text:?}");
}

/// A body of the token endpoint.
pub fn json_reply(body: &[u8]) {
    token_reply("application/json", body);
}

/// The same as a form.
pub fn form_reply(body: &[u8]) {
    token_reply("application/x-www-form-urlencoded", body);
}

fn token_reply(content_type: &str, body: &[u8]) {
    let secret = Secret::new(SECRET.to_owned());
    for profile in &*PROFILES {
        for status in [200, 400] {
            match reply::read((status, content_type, body), profile, &[&secret]) {
                Reading::Refused(refusal) => {
                    // The cut is marked by one character more, or the words say why they are none.
                    let fit = |text: Option<&str>, limit| {
                        fit_for_a_terminal(text.unwrap_or_default(), limit + 1);
                    };
                    fit(refusal.error.as_deref(), reply::MAX_CODE);
                    fit(refusal.description.as_deref(), reply::MAX_WORDS);
                }
                Reading::Granted(granted) => {
                    assert_eq!(status, 200);
                    merge(profile, granted);
                }
            }
        }
    }
}

fn merge(profile: &Profile, granted: reply::Granted) {
    if let IdToken::Raw(id_token) = &granted.id_token {
        jwt(id_token);
    }
    let merged = Merged::renewed(profile, None, granted, NOW);
    if let Ok(token) = merged.wanted(profile) {
        usable(&token);
    }
    let line = merged.record.to_line();
    let back = Record::from_line(&line).expect("what is stored can be read");
    assert_eq!(back.to_line(), line);
}

fn usable(token: &Token) {
    assert!(token.text.is_token_text());
    for text in [&token.token_type, &token.scope].into_iter().flatten() {
        fit_for_a_terminal(text, 4097);
    }
    times(token);
}

/// Whatever a token says of its times, nothing overflows.
fn times(token: &Token) {
    for now in [0, NOW, i64::MAX] {
        let fresh = token.is_fresh(now, None);
        assert!(!fresh || token.is_alive(now));
    }
    assert!(
        token
            .expires
            .map(clock::rfc3339)
            .is_none_or(|text| text.len() == 20)
    );
}

fn jwt(token: &Secret) {
    let Some(claims) = id_token::claims(token) else {
        return;
    };
    let nonce = Secret::new("n".to_owned());
    let measure = Measure {
        issuer: Some("https://a.example"),
        nonce: Some(&nonce),
        now: NOW,
    };
    drop(id_token::check(&claims, profile(), measure));
    if let Ok(jws) = id_token::Jws::read(token) {
        assert!(Keys::default().verify(&jws) == Verdict::NoKey);
    }
    if let Some(name) = id_token::account(&claims) {
        fit_for_a_terminal(&name, 201);
    }
}

/// A body of the device authorization endpoint.
pub fn device_reply(body: &[u8]) {
    let value = reply::parse("application/json", body);
    let secret = Secret::new(SECRET.to_owned());
    if let Some(device) = Device::read(&value, &[&secret]) {
        fit_for_a_terminal(&device.user_code, 2001);
        for url in [&device.verification_uri]
            .into_iter()
            .chain(&device.verification_uri_complete)
        {
            fit_for_a_terminal(url, 2001);
            assert!(url.to_ascii_lowercase().starts_with("http"), "{url:?}");
        }
        assert!(!device.expires_in.is_zero());
    }
}

/// A metadata document: what is taken from it is the right issuer's, and what is used is https or loopback.
pub fn discovery(body: &[u8]) {
    if let Some(keys) = Keys::read(body) {
        // {"alg":"ES256"}
        let token = Secret::new("eyJhbGciOiJFUzI1NiJ9.e30.AAAA".to_owned());
        let jws = id_token::Jws::read(&token);
        assert!(jws.is_ok_and(|jws| keys.verify(&jws) != Verdict::Good));
    }
    let issuer = "https://a.example";
    let Some(Ok(metadata)) = metadata::read(profile(), issuer, body) else {
        return;
    };
    assert_eq!(metadata.issuer.as_deref(), Some(issuer));
    assert!(
        metadata
            .endpoints
            .get(EndpointKind::Token)
            .is_none_or(|url| Endpoint::parse(url).is_ok())
    );
    for kind in [EndpointKind::Token, EndpointKind::Revocation] {
        let used = server::endpoint(profile(), &metadata, kind);
        let Ok(endpoint) = used else {
            continue;
        };
        let url = endpoint.url().to_ascii_lowercase();
        let loopback = ["http://127.", "http://localhost", "http://[::1]"];
        let safe = url.starts_with("https://") || loopback.iter().any(|at| url.starts_with(at));
        // The one notation of ::1 that is not the usual one.
        assert!(safe || url.starts_with("http://["), "{url:?}");
        assert!(!url.contains('#') && url.is_ascii(), "{url:?}");
    }
}

/// What comes to the port of a login: a code is taken only with this login's state, once.
pub fn callback(head: &[u8]) {
    let hosts = ["127.0.0.1:4711".to_owned()];
    let Ok(parameters) = listener::parse(head, "/callback", &hosts) else {
        return;
    };
    assert!(head.trim_ascii_start().starts_with(b"GET /callback"));
    let attempt = Attempt {
        state: Secret::new("st4te".to_owned()),
        verifier: Secret::new(SECRET.to_owned()),
        nonce: None,
        redirect_uri: "http://127.0.0.1:4711/callback".to_owned(),
    };
    let answer = attempt.answer(profile(), &Metadata::default(), &parameters);
    let ours = parameters
        .get("state")
        .is_some_and(|state| state == "st4te");
    assert_eq!(answer.is_some(), ours);
    if let Some(Err(error)) = answer {
        // The words around those of the server are few.
        fit_for_a_terminal(&error.to_string(), reply::MAX_CODE + reply::MAX_WORDS + 200);
    }
}

/// A configuration file: the quick reading of one profile and the whole one agree, and errors fit into
/// a line.
pub fn configuration(text: &[u8]) {
    let config = Config::from_text(text);
    let names = config.names().unwrap_or_default();
    for name in names.iter().map(String::as_str).chain(["p", "spotify"]) {
        let loaded = Profile::load(&config, name);
        if let Err(error) = &loaded {
            fit_for_a_terminal(&error.to_string(), usize::MAX);
        }
        let excerpt = config.excerpt(name);
        let again = Config::from_text(&excerpt.1);
        let again = Profile::load(&again, name);
        if let Ok(loaded) = loaded {
            let again = again.expect("an excerpt is as good as the whole");
            assert_eq!(format!("{loaded:?}"), format!("{again:?}"));
        }
    }
}

/// What a store gave back.
pub fn record(line: &[u8]) {
    let Some(mut record) = Record::from_line(line) else {
        return;
    };
    let again = record.to_line();
    let back = Record::from_line(&again).expect("what is written can be read");
    assert_eq!(back.to_line(), again);
    for token in record.tokens.values() {
        times(token);
    }
    let token = record.tokens.values().next().cloned();
    if let Some(token) = token {
        record.put("v", token, NOW);
        assert!(record.tokens.contains_key("v") && record.tokens.len() <= 8);
    }
}

/// A request to a helper: the token is handed out only where our host is named. `TOKCTL_TOKEN_P` must
/// hold [`token`].
fn helper(mode: Mode, operation: &str, request: &[u8]) {
    let config = Config::from_text(CONFIG);
    let core = Core {
        mode,
        config: &config,
        profile: None,
        token: None,
        username: None,
    };
    let answer = helper::answer(&core, &[operation.to_owned()], request);
    for line in &answer.stderr {
        fit_for_a_terminal(line, usize::MAX);
    }
    let mut asked = String::from_utf8_lossy(request).to_ascii_lowercase() + operation;
    if asked.contains(TOKEN) {
        return;
    }
    // A port may have zeros in front, and JSON can write every letter as \uXXXX.
    while asked.contains(":0") {
        asked = asked.replace(":0", ":");
    }
    let ours = asked.contains(HOST) || asked.contains('\\');
    assert!(ours || !answer.stdout.contains(TOKEN), "{asked:?}");
    assert!(!answer.stderr.concat().contains(TOKEN), "{asked:?}");
}

/// The token that must be in `TOKCTL_TOKEN_P`, so that a helper needs neither store nor network.
#[must_use]
pub fn token() -> &'static str {
    TOKEN
}

/// git's request; nothing in an answer may begin a line that git would take for another's.
pub fn git(request: &[u8]) {
    helper(Mode::Git, "get", request);
}

/// docker's requests.
pub fn docker(request: &[u8]) {
    helper(Mode::Docker, "get", request);
    helper(Mode::Docker, "store", request);
}

/// A line of cargo's.
pub fn cargo(line: &[u8]) {
    helper(Mode::Cargo, "", line);
}

/// bazel's request.
pub fn bazel(request: &[u8]) {
    helper(Mode::Bazel, "get", request);
}

/// What go hands over after a refusal, with the profile's own host.
pub fn go(reply: &[u8]) {
    helper(Mode::Go, "https://git.example:8443/x", reply);
}

/// What a service says against a token.
pub fn challenge(field: &[u8]) {
    let Ok(field) = std::str::from_utf8(field) else {
        return;
    };
    let challenge = Challenge::parse(field);
    assert!(challenge.error.is_some() || challenge.scope.is_none());
    let _ = challenge.refuses_token();
}

/// A configuration file that gets one profile more: it has it then, and what was there is as it was.
pub fn edit(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let before = Config::from_text(text);
    let keys = vec![
        ("client_id", "new".into()),
        ("issuer", "https://b.example".into()),
    ];
    let Ok(changed) = edit::with_profile(text, "added", &keys, edit::There::Replaced) else {
        return;
    };
    let after = Config::from_text(&changed);
    // What is wrong elsewhere in the file may keep it from being read, as before.
    let Ok(names) = before.names() else { return };
    let added = Profile::load(&after, "added").map(|profile| profile.client.id);
    if before.layers("added").is_ok() {
        assert_eq!(added.ok().as_deref(), Some("new"), "{changed}");
    }
    for name in names.iter().filter(|name| *name != "added") {
        let shown = |config: &Config| Profile::load(config, name).ok().map(|p| format!("{p:?}"));
        assert_eq!(shown(&before), shown(&after), "{name}: {changed}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    type Target = fn(&[u8]);

    /// Those that need no environment: what a helper asks for is fuzzed only.
    const TARGETS: &[(&str, Target)] = &[
        ("token_reply", super::json_reply),
        ("form_reply", super::form_reply),
        ("device_reply", super::device_reply),
        ("discovery", super::discovery),
        ("callback", super::callback),
        ("configuration", super::configuration),
        ("edit", super::edit),
        ("record", super::record),
        ("challenge", super::challenge),
    ];

    #[test]
    fn what_fuzzing_begins_with_keeps_the_promises() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
        for (name, target) in TARGETS {
            let files = std::fs::read_dir(seeds.join(name)).expect("it has seeds");
            for file in files.flatten() {
                target(&std::fs::read(file.path()).expect("a seed can be read"));
            }
        }
    }
}
