//! The keys of a profile: their names, what each may hold, and the check of a table against them.

use super::choice::GRANTS;
use super::fault::{Fault, unknown};
use super::shape::Shape;
use super::value::{self, Value};
use crate::env;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::DeTable;

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
