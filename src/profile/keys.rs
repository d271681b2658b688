//! The keys of a profile: their names, what each may hold, and the check of a table against them.

use super::value::{self, Value};
use crate::env;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text,
    /// A string that may be empty.
    AnyText,
    /// The name of a built-in preset.
    Preset,
    /// A file; relative to the configuration file's directory.
    Path,
    /// An https URL, or http on loopback.
    Endpoint,
    /// One string, or an array of them.
    Texts,
    /// The name of a header.
    Header,
    Flag,
    /// In the words of humantime ("5m"), or whole seconds.
    Duration,
    /// A duration, or `none`.
    Life,
    Choice(&'static [&'static str]),
    /// A table of strings, numbers and flags; below it, where asked for, such tables by grant.
    Params,
    Secret,
    /// What kind of token it is: a word, or a URI.
    TokenType,
    /// A secret's source, or another profile's token.
    Token,
    /// A table of claims of a JWT.
    Claims,
    /// `scheme://host[:port]` each.
    Hosts,
    /// Members of a reply, by name or by JSON pointer.
    Members,
    /// A table of JSON pointers, or of arrays of them that are tried in order.
    Pointers,
}

/// The grants by their names in the configuration.
pub const GRANTS: &[&str] = &[
    "client_credentials",
    "refresh_token",
    "authorization_code",
    "device_code",
    "jwt_bearer",
    "token_exchange",
];

/// What a key or a client secret can sign with (RFC 7518, RFC 8037, RFC 9864).
const SIGNING_ALGS: &[&str] = &[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
];

/// What an id token may be signed with (OpenID Connect Registration section 2).
const ID_TOKEN_ALGS: &[&str] = &[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512", "none",
];

/// Every key of a profile, in the order of the manual.
pub const KEYS: &[(&str, Shape)] = &[
    ("preset", Shape::Preset),
    ("issuer", Shape::Endpoint),
    ("token_endpoint", Shape::Endpoint),
    ("authorization_endpoint", Shape::Endpoint),
    ("device_authorization_endpoint", Shape::Endpoint),
    ("refresh_endpoint", Shape::Endpoint),
    ("revocation_endpoint", Shape::Endpoint),
    ("pushed_authorization_request_endpoint", Shape::Endpoint),
    ("require_pushed_authorization_requests", Shape::Flag),
    ("jwks_uri", Shape::Endpoint),
    ("vars", Shape::Params),
    ("client_id", Shape::Text),
    ("client_secret", Shape::Secret),
    ("client_key", Shape::Secret),
    ("client_key_id", Shape::Text),
    ("client_certificate", Shape::Path),
    ("signing_alg", Shape::Choice(SIGNING_ALGS)),
    ("client_assertion_audience", Shape::Text),
    (
        "client_auth",
        Shape::Choice(&[
            "client_secret_basic",
            "client_secret_basic_raw",
            "client_secret_post",
            "none",
            "private_key_jwt",
            "client_secret_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ]),
    ),
    ("grant", Shape::Choice(GRANTS)),
    ("send_grant_type", Shape::AnyText),
    ("assertion", Shape::Claims),
    ("subject_token", Shape::Token),
    ("subject_token_type", Shape::TokenType),
    ("actor_token", Shape::Token),
    ("actor_token_type", Shape::TokenType),
    ("requested_token_type", Shape::TokenType),
    ("scope", Shape::Texts),
    ("scope_separator", Shape::Text),
    ("scope_param", Shape::Text),
    ("device_scope_param", Shape::Text),
    ("offline_scope", Shape::Texts),
    ("send_scope_on_refresh", Shape::Flag),
    ("send_redirect_uri_on_refresh", Shape::Flag),
    ("grant_ended_errors", Shape::Texts),
    ("grant_ended_for_good", Shape::Texts),
    ("temporary_errors", Shape::Texts),
    ("audience", Shape::Text),
    ("resource", Shape::Texts),
    ("token_params", Shape::Params),
    ("authorization_params", Shape::Params),
    ("rename", Shape::Params),
    ("body", Shape::Choice(&["form", "json"])),
    ("pkce", Shape::Flag),
    ("headers", Shape::Params),
    ("redirect_uri", Shape::Text),
    ("hosts", Shape::Hosts),
    ("api_url", Shape::Endpoint),
    ("api_header", Shape::Header),
    ("api_scheme", Shape::Text),
    ("api_headers", Shape::Params),
    ("username", Shape::Text),
    ("git_auth", Shape::Choice(&["auto", "bearer", "basic"])),
    ("go_auth", Shape::Choice(&["auto", "bearer", "basic"])),
    (
        "docker_auth",
        Shape::Choice(&["password", "identity_token"]),
    ),
    ("authorization", Shape::Choice(&["raw", "bearer"])),
    ("token", Shape::Choice(&["access", "id"])),
    ("id_token_signed_response_alg", Shape::Choice(ID_TOKEN_ALGS)),
    ("check_id_token_signature", Shape::Flag),
    ("expires", Shape::Flag),
    ("min_ttl", Shape::Duration),
    ("assume_expires_in", Shape::Life),
    ("timeout", Shape::Duration),
    ("ca_file", Shape::Path),
    (
        "store",
        Shape::Choice(&["auto", "keyring", "encrypted-file", "plaintext", "none"]),
    ),
    ("store_key", Shape::Secret),
    ("access_cache", Shape::Choice(&["kernel", "none"])),
    ("response", Shape::Pointers),
    ("keep", Shape::Members),
];

/// The words of which a key has one; none for keys of another kind.
pub fn choices(key: &str) -> &'static [&'static str] {
    match KEYS.iter().find(|(name, _)| *name == key) {
        Some((_, Shape::Choice(words))) => words,
        _ => &[],
    }
}

/// What is wrong, and where in the text.
#[derive(Debug)]
pub struct Fault {
    pub at: Range<usize>,
    pub what: String,
    /// What to do about it, where that is not plain from the words.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at a place of the text.
    pub fn new(at: Range<usize>, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            hint: None,
        }
    }
}

/// A checked table.
pub type Values = BTreeMap<&'static str, Value>;

/// Checks every key of a profile's table (or of `[defaults]`).
pub fn check(table: &DeTable<'_>) -> Result<Values, Fault> {
    let mut values = Values::new();
    for (key, value) in table {
        let Some((name, shape)) = KEYS
            .iter()
            .find(|(name, _)| *name == key.get_ref().as_ref())
        else {
            return Err(unknown(key, KEYS.iter().map(|(name, _)| *name)));
        };
        let read = value::read(*shape, name, value)
            .map_err(|fault| Fault::new(fault.at, format!("{name}: {}", fault.what)))?;
        values.insert(name, read);
    }
    Ok(values)
}

/// Names every file from the configuration's directory.
pub fn based_on(values: Values, dir: &Path) -> Values {
    let based = |value| match value {
        Value::Path(path) => Value::Path(env::configured_path(&path, dir)),
        Value::Secret(source) => Value::Secret(source.based_on(dir)),
        Value::Token(source) => Value::Token(source.based_on(dir)),
        other => other,
    };
    values
        .into_iter()
        .map(|(key, value)| (key, based(value)))
        .collect()
}

/// "unknown key", with the valid key that is nearest to it.
pub fn unknown<'n>(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    valid: impl Iterator<Item = &'n str>,
) -> Fault {
    let name = key.get_ref().as_ref();
    let what = match nearest(name, valid) {
        Some(near) => format!("unknown key {name:?}; the nearest valid key is {near:?}"),
        None => format!("unknown key {name:?}"),
    };
    Fault::new(key.span(), what)
}

/// What other tools call some of the keys.
const ELSEWHERE: &[(&str, &str)] = &[
    ("token_url", "token_endpoint"),
    ("token_uri", "token_endpoint"),
    ("auth_url", "authorization_endpoint"),
    ("auth_uri", "authorization_endpoint"),
    ("authorize_url", "authorization_endpoint"),
    ("authorization_url", "authorization_endpoint"),
    ("device_url", "device_authorization_endpoint"),
    ("revoke_url", "revocation_endpoint"),
    ("redirect_url", "redirect_uri"),
    ("id", "client_id"),
    ("secret", "client_secret"),
    ("scopes", "scope"),
    ("grant_type", "grant"),
    ("token_endpoint_auth_method", "client_auth"),
    ("token_endpoint_auth_signing_alg", "signing_alg"),
    ("private_key", "client_key"),
    ("kid", "client_key_id"),
];

/// The candidate that a mistyped word most likely stands for.
pub fn nearest<'n>(word: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
    let meant = ELSEWHERE
        .iter()
        .find(|(other, _)| *other == word)
        .map(|(_, ours)| *ours);
    let score = |candidate: &&str| match meant {
        Some(ours) if *candidate == ours => 2.0,
        _ => strsim::jaro_winkler(word, candidate),
    };
    let best = candidates.max_by(|one, two| score(one).total_cmp(&score(two)))?;
    // "secret_basic" and "client_secret_basic" have 0.7 in common, "nope" and "google" 0.61.
    (score(&best) >= 0.65).then(|| best.to_owned())
}
