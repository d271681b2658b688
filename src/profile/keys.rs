//! The keys of a profile: their names, what each may hold, and the check of a table against them.

use super::choice::GRANTS;
use super::fault::{Fault, unknown};
use super::shape::Shape;
use super::value::{self, Value};
use crate::env;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// How a client proves who it is (RFC 6749 section 2.3, OpenID Connect Core section 9, RFC 8705).
const CLIENT_AUTHS: &[&str] = &[
    "client_secret_basic",
    "client_secret_basic_raw",
    "client_secret_post",
    "none",
    "private_key_jwt",
    "client_secret_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
];

/// How a program may send a token.
const HOW_SENT: &[&str] = &["auto", "bearer", "basic"];

/// What of the profile reads a key: a file of this folder each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Profile,
    Server,
    Client,
    Exchange,
    Request,
    IdTokens,
    Storage,
    Hosts,
    Api,
    Quirks,
}

/// What becomes of the tokens that are stored when a key is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// They are used as before.
    Kept,
    /// They belong to another server, client or grant, and are used no longer: `Profile::binding`.
    Ended,
    /// They are kept apart from those for what is asked now: `Profile::variant`.
    Apart,
}

/// What is known of a key.
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// Unit tests hold these two to what the program does.
    #[cfg_attr(not(test), expect(dead_code, reason = "held by tests"))]
    pub read_by: Part,
    #[cfg_attr(not(test), expect(dead_code, reason = "held by tests"))]
    pub stored: Stored,
}

/// Declares the keys. Their sentences are one string, since each pointer to one would cost every start.
macro_rules! keys {
    ($($name:ident: $shape:ident $(($words:expr))?, $part:ident, $stored:ident, $help:literal;)*) => {
        /// Every key of a profile, in the order of the manual.
        pub const KEYS: &[Key] = &[$(Key {
            name: stringify!($name),
            shape: Shape::$shape $(($words))?,
            read_by: Part::$part,
            stored: Stored::$stored,
        }),*];

        /// What each is for, a line each.
        const HELP: &str = concat!($($help, "\n"),*);
    };
}

// A new key needs its row here, its place in the part that reads it, and its entry in tokctl-config(5).
keys! {
    preset: Preset, Profile, Kept, "Built-in preset to start from; by default the one of the profile's name.";
    vars: Params, Profile, Kept, "Values of the {names} in addresses, hosts and parameters.";
    token_endpoint: Endpoint, Server, Ended, "Address that tokens are asked at.";
    issuer: Endpoint, Server, Ended, "Server's name for itself, at which its addresses are found.";
    authorization_endpoint: Endpoint, Server, Kept, "Address that a browser login begins at.";
    device_authorization_endpoint: Endpoint, Server, Kept, "Address that a login on another device begins at.";
    revocation_endpoint: Endpoint, Server, Kept, "Address that logout ends a grant at.";
    pushed_authorization_request_endpoint: Endpoint, Server, Kept, "Address that a login's parameters are sent to beforehand (RFC 9126).";
    require_pushed_authorization_requests: Flag, Server, Kept, "Whether a login's parameters are always sent beforehand.";
    refresh_endpoint: Endpoint, Quirks, Ended, "Address that refresh tokens are sent to, if not the token endpoint.";
    headers: Params, Request, Kept, "Headers to send with each request to the server.";
    body: Choice(&["form", "json"]), Quirks, Kept, "Form of the requests' bodies.";
    rename: Params, Quirks, Kept, "Server's own names for parameters.";
    ca_file: Path, Server, Kept, "File of certificate authorities to trust beside the system's.";
    timeout: Duration, Profile, Kept, "Longest time that a token may take.";
    response: Pointers, Profile, Kept, "Where an unusual reply has what: JSON pointers.";
    keep: Members, Quirks, Kept, "Members of the reply to keep beside the token.";
    grant_ended_errors: Texts, Quirks, Kept, "Errors of the server that end a grant, as invalid_grant does.";
    grant_ended_for_good: Texts, Quirks, Kept, "Errors of the server that end a grant for ever.";
    temporary_errors: Texts, Quirks, Kept, "Errors of the server that pass by themselves.";
    bearer_token_types: Texts, Quirks, Kept, "Types of tokens (token_type) that are sent as Bearer, whatever their names say.";
    client_id: Text, Client, Ended, "Client's name at the server.";
    client_secret: Secret, Client, Kept, "Where the client's secret is.";
    client_auth: Choice(CLIENT_AUTHS), Client, Kept, "How the client proves who it is.";
    client_key: Secret, Client, Ended, "Where the client's private key is.";
    client_key_id: Text, Client, Kept, "Name of the key in what it signs (kid).";
    client_certificate: Path, Client, Ended, "File of the certificate that the client shows to the server.";
    signing_alg: Choice(SIGNING_ALGS), Client, Kept, "Algorithm that the client signs with.";
    client_assertion_audience: Text, Client, Kept, "Audience of what the client signs, if not the server's name.";
    client_assertion_typ: Text, Client, Kept, "Type in the header of what the client signs, if not client-authentication+jwt.";
    grant: Choice(GRANTS), Profile, Ended, "How the first token is obtained.";
    send_grant_type: AnyText, Quirks, Kept, "grant_type of the first request, if the server wants another one.";
    assertion: Claims, Profile, Ended, "Claims of what is signed for the grant jwt_bearer.";
    subject_token: Token, Exchange, Ended, "Where the token is that token_exchange gives away.";
    actor_token: Token, Exchange, Ended, "Where the token is of the party that acts for the subject.";
    subject_token_type: TokenType, Exchange, Ended, "Kind of subject_token.";
    actor_token_type: TokenType, Exchange, Ended, "Kind of actor_token.";
    requested_token_type: TokenType, Exchange, Ended, "Kind of token that token_exchange asks for.";
    scope: Texts, Request, Apart, "What the token is to allow.";
    scope_separator: Text, Request, Kept, "What stands between two scopes, if not a blank.";
    offline_scope: Texts, Quirks, Kept, "Scopes for which a login gets a refresh token.";
    scope_param: Text, Quirks, Kept, "Server's name for scope in a browser login.";
    device_scope_param: Text, Quirks, Kept, "Server's name for scope in a login on another device.";
    send_scope_on_refresh: Flag, Quirks, Kept, "Whether a refresh names the scope.";
    send_redirect_uri_on_refresh: Flag, Quirks, Kept, "Whether a refresh names the redirect URI.";
    audience: Text, Request, Apart, "Service that the token is for.";
    resource: Texts, Request, Apart, "Address of the service that the token is for (RFC 8707).";
    token_params: Params, Request, Apart, "Further parameters of token requests.";
    authorization_params: Params, Request, Kept, "Further parameters of a login.";
    pkce: Flag, Quirks, Kept, "Whether a login sends a PKCE challenge (RFC 7636).";
    redirect_uri: Text, Request, Kept, "Address that the browser is sent back to after a login.";
    token: Choice(&["access", "id"]), Request, Apart, "Which token of the grant is printed.";
    id_token_signed_response_alg: Choice(ID_TOKEN_ALGS), IdTokens, Kept, "Only algorithm that id tokens may be signed with.";
    jwks_uri: Endpoint, IdTokens, Kept, "Address of the server's public keys.";
    check_id_token_signature: Flag, IdTokens, Kept, "Whether the signatures of id tokens are checked.";
    min_ttl: Duration, Profile, Kept, "Shortest time that a printed token has still to live.";
    assume_expires_in: Life, Quirks, Kept, "Life of a token of which the server does not say it.";
    store: Choice(&["auto", "keyring", "encrypted-file", "plaintext", "none"]), Storage, Kept, "Where tokens are kept.";
    store_key: Secret, Storage, Kept, "Where the key of the encrypted file is.";
    access_cache: Choice(&["kernel", "session", "none"]), Storage, Kept, "Whether access tokens are also in the kernel's keyring.";
    audit: Choice(&["none", "file", "syslog", "journal"]), Storage, Kept, "Where it is written down which program was given a token.";
    api_url: Endpoint, Api, Kept, "Address that the paths of tokctl api begin at.";
    api_header: Header, Api, Kept, "Header that the token is sent in.";
    api_scheme: Text, Api, Kept, "Word before the token in its header.";
    api_headers: Params, Api, Kept, "Further headers of tokctl api.";
    hosts: Hosts, Hosts, Kept, "Servers that helpers hand the token to.";
    username: Text, Hosts, Kept, "User name beside the token.";
    git_auth: Choice(HOW_SENT), Hosts, Kept, "How git sends the token.";
    go_auth: Choice(HOW_SENT), Hosts, Kept, "How go sends the token.";
    docker_auth: Choice(&["password", "identity_token"]), Hosts, Kept, "What docker takes the token for.";
    authorization: Choice(&["raw", "bearer"]), Hosts, Kept, "How cargo sends the token.";
    expires: Flag, Hosts, Kept, "Whether bazel is told when the token ends.";
}

/// What a key is for, in a sentence.
pub fn help(name: &str) -> &'static str {
    let at = KEYS.iter().position(|key| key.name == name);
    at.and_then(|at| HELP.lines().nth(at)).unwrap_or_default()
}

/// Whether a key's value is a secret, or says where one is.
pub fn holds_secret(key: &Key) -> bool {
    matches!(key.shape, Shape::Secret | Shape::Token)
}

/// The words of which a key has one; none for keys of another kind.
pub fn choices(key: &str) -> &'static [&'static str] {
    match find(key) {
        Some(Key {
            shape: Shape::Choice(words),
            ..
        }) => words,
        _ => &[],
    }
}

/// A checked table.
pub type Values = BTreeMap<&'static str, Value>;

/// The names of all keys.
pub fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

/// Whether a profile has a key of this name.
pub fn is_key(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Checks every key of a profile's table (or of `[defaults]`). Of several faults the first in the text has the others
/// with it.
pub fn check(table: &DeTable<'_>) -> Result<Values, Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut values = Values::new();
    for (key, value) in table {
        match one(key, value) {
            Ok((name, read)) => drop(values.insert(name, read)),
            Err(fault) => faults.push(fault),
        }
    }
    faults.sort_by_key(|fault| fault.at.start);
    let mut faults = faults.into_iter();
    match faults.next() {
        None => Ok(values),
        Some(mut first) => {
            first.also = faults.map(|fault| (fault.at, fault.what)).collect();
            Err(first)
        }
    }
}

/// Everything that is wrong in such a table.
pub fn faults(table: &DeTable<'_>) -> Vec<Fault> {
    let all = table.iter().map(|(key, value)| one(key, value));
    all.filter_map(Result::err).collect()
}

fn one(
    key: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(&'static str, Value), Fault> {
    let Some(Key { name, shape, .. }) = find(key.get_ref()) else {
        return Err(unknown(key, KEYS.iter().map(|key| key.name)));
    };
    let read = value::read(*shape, name, value)
        .map_err(|fault| Fault::new(fault.at, format!("{name}: {}", fault.what)))?;
    Ok((name, read))
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::config::Config;
    use crate::profile::fields::reads;
    use crate::profile::{Profile, preset_names};

    /// The file of a part.
    fn file(part: Part) -> &'static str {
        match part {
            Part::Profile => "mod.rs",
            Part::Server => "server.rs",
            Part::Client => "client.rs",
            Part::Exchange => "exchange.rs",
            Part::Request => "request.rs",
            Part::IdTokens => "id_tokens.rs",
            Part::Storage => "storage.rs",
            Part::Hosts => "hosts.rs",
            Part::Api => "api.rs",
            Part::Quirks => "quirks.rs",
        }
    }

    /// Two values of a key, as they are written.
    fn samples(key: &Key) -> [String; 2] {
        let both = |one: &str, two: &str| [one, two].map(str::to_owned);
        match (key.name, key.shape) {
            ("redirect_uri", _) => both("\"http://127.0.0.1/a\"", "\"http://127.0.0.1/b\""),
            (_, Shape::Choice(words)) => {
                [words[0], words[words.len() - 1]].map(|w| format!("{w:?}"))
            }
            (_, Shape::Preset) => {
                let names: Vec<&str> = preset_names::all().collect();
                ["github", "google"].map(|name| {
                    assert!(names.contains(&name));
                    format!("{name:?}")
                })
            }
            (_, Shape::Endpoint) => both("\"https://s/one\"", "\"https://s/two\""),
            (_, Shape::Hosts) => both("[\"https://one\"]", "[\"https://two\"]"),
            (_, Shape::Flag) => both("true", "false"),
            (_, Shape::Duration | Shape::Life) => both("1", "2"),
            (_, Shape::Params | Shape::Claims) => both("{ a = \"1\" }", "{ a = \"2\" }"),
            (_, Shape::Pointers) => both("{ scope = \"/a\" }", "{ scope = \"/b\" }"),
            (_, Shape::Secret | Shape::Token) => both("{ env = \"A\" }", "{ env = \"B\" }"),
            (_, Shape::TokenType) => both("\"jwt\"", "\"saml2\""),
            (_, Shape::Texts | Shape::Members | Shape::Text | Shape::AnyText) => {
                both("\"one\"", "\"two\"")
            }
            (_, Shape::Path | Shape::Header) => both("\"one\"", "\"two\""),
        }
    }

    /// A profile for each grant to which keys are peculiar, with one key more.
    fn with(key: &Key, value: &str, grant: &str) -> Option<Profile> {
        let base = [
            ("token_endpoint", "\"https://s/t\""),
            ("client_id", "\"c\""),
            ("grant", grant),
        ];
        // A server may be known by its name alone.
        let own =
            |name: &str| name == key.name || (key.name == "issuer" && name == "token_endpoint");
        let rest = base.iter().filter(|(name, _)| !own(name));
        let rest: String = rest
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        let config = Config::from_text(format!("[profile.p]\n{rest}{} = {value}\n", key.name));
        Profile::load(&config, "p").ok()
    }

    const BASES: [&str; 3] = [
        "\"client_credentials\"",
        "\"jwt_bearer\"",
        "\"token_exchange\"",
    ];

    #[test]
    fn each_key_is_read_where_its_row_says() {
        for key in KEYS {
            let read = BASES.iter().flat_map(|base| {
                reads::forget();
                with(key, &samples(key)[0], base);
                reads::all()
            });
            let read: Vec<_> = read.filter(|(name, _)| name == key.name).collect();
            let wanted = format!("profile/{}", file(key.read_by));
            assert!(
                read.iter()
                    .any(|(_, by)| by.replace('\\', "/").ends_with(&wanted)),
                "{}: {read:?}",
                key.name
            );
        }
    }

    #[test]
    fn a_changed_key_leaves_what_is_stored_as_its_row_says() {
        for key in KEYS {
            let [one, two] = samples(key);
            let mut changes = Stored::Kept;
            let mut tried = 0;
            for base in BASES {
                let (Some(one), Some(two)) = (with(key, &one, base), with(key, &two, base)) else {
                    continue;
                };
                tried += 1;
                if one.binding() != two.binding() {
                    changes = Stored::Ended;
                } else if one.variant() != two.variant() {
                    changes = Stored::Apart;
                }
            }
            assert!(tried > 0, "{}: no profile with {one} and {two}", key.name);
            assert_eq!(changes, key.stored, "{}", key.name);
        }
    }

    #[test]
    fn each_key_has_a_sentence_of_its_own() {
        let mut all: Vec<&str> = KEYS.iter().map(|key| help(key.name)).collect();
        assert_eq!(HELP.lines().count(), KEYS.len());
        for sentence in &all {
            assert!(
                sentence.ends_with('.') && sentence.len() > 10,
                "{sentence:?}"
            );
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), KEYS.len());
    }
}
