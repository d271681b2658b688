//! A profile: what is asked of which server, by which client, merged from the file, a preset and the
//! environment.

mod addresses;
mod api;
mod claims;
pub mod config;
pub mod edit;
mod exchange;
mod fields;
mod keys;
pub mod preset;
pub mod program;
mod quirks;
mod secret_source;
mod slice;
mod token_source;
mod value;
mod vars;

use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use addresses::Addresses;
pub use api::Api;
use claims::Claims;
use config::Config;
use exchange::Exchange;
pub use exchange::ISSUED;
use fields::{Fields, merge};
use keys::Values;
pub use keys::choices;
pub use quirks::AssumedLife;
use quirks::Quirks;
use ring::digest::{Context, SHA256};
pub use secret_source::{SecretSource, from_file};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
pub use token_source::TokenSource;
pub use value::Pointers;
use value::{Params, Value};
use vars::{Pattern, Vars};

/// How the client names and proves itself at the token endpoint (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic, id and secret form-encoded first (RFC 6749 section 2.3.1).
    Basic,
    /// HTTP Basic without that encoding, as some servers want it.
    BasicRaw,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// `client_id` in the body and no secret: a public client.
    None,
    /// A JWT signed with the client's private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// The same with the client secret instead of a key.
    ClientSecretJwt,
    /// A certificate, shown with TLS (RFC 8705).
    Tls,
}

impl ClientAuth {
    /// By its name in the configuration, else by whether there is a secret or a key.
    fn read(name: Option<&str>, has_secret: bool, has_key: bool, grant: Grant) -> Self {
        match name {
            Some("client_secret_basic") => Self::Basic,
            Some("client_secret_basic_raw") => Self::BasicRaw,
            // A public client of a service whose clients mostly have a secret.
            Some("client_secret_post") if !has_secret && matches!(grant, Grant::Login(_)) => {
                Self::None
            }
            Some("client_secret_post") => Self::Post,
            Some("private_key_jwt") => Self::PrivateKeyJwt,
            Some("client_secret_jwt") => Self::ClientSecretJwt,
            Some("tls_client_auth" | "self_signed_tls_client_auth") => Self::Tls,
            None if has_secret => Self::Basic,
            None if has_key => Self::PrivateKeyJwt,
            Some(_) | None => Self::None,
        }
    }
}

/// The grant that brings a profile's first token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    ClientCredentials,
    /// A JWT that the profile's key signs (RFC 7523 section 2.1).
    JwtBearer,
    /// Another token, for which this one is issued (RFC 8693).
    TokenExchange,
    /// One that needs a person, or a refresh token brought by `tokctl import`.
    Login(&'static str),
}

impl Grant {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::TokenExchange => "token_exchange",
            Self::Login(name) => name,
        }
    }
}

/// Where a profile's tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChoice {
    Auto,
    Keyring,
    EncryptedFile,
    Plaintext,
    None,
}

impl StoreChoice {
    fn read(name: Option<&str>) -> Self {
        match name {
            Some("keyring") => Self::Keyring,
            Some("encrypted-file") => Self::EncryptedFile,
            Some("plaintext") => Self::Plaintext,
            Some("none") => Self::None,
            _ => Self::Auto,
        }
    }
}

/// Which of a grant's tokens is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The access token.
    Access,
    /// OpenID Connect's id token.
    Id,
}

impl TokenKind {
    fn read(name: Option<&str>) -> Self {
        if name == Some("id") {
            Self::Id
        } else {
            Self::Access
        }
    }
}

/// How git sends the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitAuth {
    /// Bearer where git and the server can, else Basic.
    Auto,
    Bearer,
    Basic,
}

impl GitAuth {
    fn read(name: Option<&str>) -> Self {
        match name {
            Some("bearer") => Self::Bearer,
            Some("basic") => Self::Basic,
            _ => Self::Auto,
        }
    }
}

/// One profile, ready to be used.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Profile {
    pub name: String,
    /// The server's name for itself, from which its addresses can be asked.
    pub issuer: Option<String>,
    pub token_endpoint: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub device_authorization_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
    pub pushed_authorization_request_endpoint: Option<String>,
    pub require_pushed_authorization_requests: bool,
    pub redirect_uri: Option<String>,
    pub authorization_params: Params,
    /// Empty where the grant needs none.
    pub client_id: String,
    pub client_secret: Option<SecretSource>,
    pub client_key: Option<SecretSource>,
    /// `kid` in the header of what the key signs.
    pub client_key_id: Option<String>,
    /// Shown where a server asks for one, with the client key.
    pub client_certificate: Option<PathBuf>,
    pub signing_alg: Option<String>,
    /// `aud` of the client's assertion, where the server wants another than its name.
    pub client_assertion_audience: Option<String>,
    pub client_auth: ClientAuth,
    /// Whether the configuration names it; else the server's metadata may suggest another.
    pub client_auth_is_set: bool,
    pub grant: Grant,
    /// Of what is signed for the JWT bearer grant.
    pub assertion: Claims,
    pub exchange: Exchange,
    pub scope: Vec<String>,
    pub scope_separator: String,
    pub audience: Option<String>,
    pub resource: Vec<String>,
    pub token_params: Params,
    pub headers: BTreeMap<String, String>,
    pub kind: TokenKind,
    pub min_ttl: Option<Duration>,
    pub timeout: Option<Duration>,
    pub ca_file: Option<PathBuf>,
    pub store: StoreChoice,
    pub store_key: Option<SecretSource>,
    pub kernel_cache: bool,
    /// Who may be given this token: scheme, host and port.
    pub hosts: Vec<String>,
    /// The user name beside the token where a program wants one.
    pub username: Option<String>,
    pub git_auth: GitAuth,
    /// Whether docker gets the token as an identity token, which it hands to the registry's own token
    /// server, and not as a password.
    pub docker_identity: bool,
    /// Whether cargo gets `Bearer TOKEN` or the token alone.
    pub cargo_bearer: bool,
    /// Whether bazel is told when the token ends.
    pub tell_expiry: bool,
    /// How the token is sent to the service's own API.
    pub api: Api,
    /// JSON pointers into an unusual reply.
    pub response: Pointers,
    pub quirks: Quirks,
}

/// What a profile's keys do not say themselves.
struct Origins {
    patterns: BTreeMap<String, Pattern>,
    /// Whether `client_auth` is the preset's.
    usual_auth: bool,
}

impl Profile {
    /// The profile of that name.
    pub fn load(config: &Config, name: &str) -> Result<Self> {
        let layers = config.layers(name)?;
        let preset_name = match layers.profile.as_ref().and_then(|keys| keys.get("preset")) {
            Some(Value::Text(preset)) => Some(preset.clone()),
            _ => None,
        };
        let preset = preset::find(preset_name.as_deref().unwrap_or(name));
        if layers.profile.is_none() && preset.is_none() {
            return Err(config.no_such_profile(name));
        }
        let preset = preset.unwrap_or_default();
        let has_auth = |keys: &Values| keys.contains_key("client_auth");
        let usual_auth = has_auth(&preset.keys) && !layers.profile.as_ref().is_some_and(has_auth);
        let mut values = layers.defaults;
        merge(&mut values, preset.keys);
        merge(&mut values, layers.profile.unwrap_or_default());
        let from = Origins {
            patterns: preset.variables,
            usual_auth,
        };
        Self::from_values(config, name, values, from)
    }

    fn from_values(config: &Config, name: &str, values: Values, from: Origins) -> Result<Self> {
        let mut values = Fields(values);
        let variable = env::variable_part(name);
        let from_env = |part: &str| format!("{variable}_{part}");
        let grant = values.grant();
        let client_secret = values.secret("client_secret").or_else(|| {
            let variable = from_env("CLIENT_SECRET");
            env::var(&variable).map(|_| SecretSource::Env(variable))
        });
        let client_key = values.secret("client_key");
        // What holds for most clients of a service does not for one without a secret.
        let bare = client_secret.is_none() && client_key.is_none();
        let public = from.usual_auth && bare && matches!(grant, Grant::Login(_));
        let set_auth = values.text("client_auth").filter(|_| !public);
        let client_auth = ClientAuth::read(
            set_auth.as_deref(),
            client_secret.is_some(),
            client_key.is_some() && grant != Grant::JwtBearer,
            grant,
        );
        // What is signed or exchanged says who it is from.
        let nameless = matches!(grant, Grant::JwtBearer | Grant::TokenExchange)
            && client_auth == ClientAuth::None;
        let client_id = values
            .text("client_id")
            .or_else(|| env::var(&from_env("CLIENT_ID")))
            .or_else(|| nameless.then(String::new));
        let client_id = client_id.ok_or_else(|| {
            let what = format!("has no client_id, and {} is not set", from_env("CLIENT_ID"));
            let hint = format!(
                "set it, or be asked for it by: tokctl add {}",
                shell_word(name)
            );
            config.profile_error(name, &what).hint(hint)
        })?;
        let vars = Vars {
            set: values.params("vars").always,
            patterns: from.patterns,
        };
        let wrong = |why: String| config.profile_error(name, &why);
        let addresses = Addresses::take(&mut values, &vars).map_err(wrong)?;
        let api = Api::read(&mut values, addresses.api, &vars.set, &client_id).map_err(wrong)?;
        let mut params = |key: &str| {
            let filled = values.params(key).filled(&vars, grant.name());
            filled.map_err(|why| wrong(format!("{key}: {why}")))
        };
        let token_params = params("token_params")?;
        let authorization_params = params("authorization_params")?;
        Ok(Self {
            name: name.to_owned(),
            issuer: addresses.issuer,
            token_endpoint: addresses.token,
            authorization_endpoint: addresses.authorization,
            device_authorization_endpoint: addresses.device_authorization,
            revocation_endpoint: addresses.revocation,
            pushed_authorization_request_endpoint: addresses.pushed_authorization_request,
            require_pushed_authorization_requests: values
                .flag("require_pushed_authorization_requests"),
            redirect_uri: values.text("redirect_uri"),
            authorization_params,
            client_id,
            client_secret,
            client_key,
            client_key_id: values.text("client_key_id"),
            client_certificate: values.path("client_certificate"),
            signing_alg: values.text("signing_alg"),
            client_assertion_audience: values.text("client_assertion_audience"),
            client_auth,
            client_auth_is_set: set_auth.is_some(),
            grant,
            assertion: values.claims("assertion"),
            exchange: Exchange::read(&mut values),
            scope: split_scope(&values.texts("scope")),
            scope_separator: values
                .text("scope_separator")
                .unwrap_or_else(|| " ".to_owned()),
            audience: values.text("audience"),
            resource: values.texts("resource"),
            token_params,
            headers: values.params("headers").always,
            kind: TokenKind::read(values.text("token").as_deref()),
            min_ttl: values.duration("min_ttl"),
            timeout: values.duration("timeout"),
            ca_file: values.path("ca_file"),
            store: StoreChoice::read(values.text("store").as_deref()),
            store_key: values.secret("store_key"),
            kernel_cache: values.text("access_cache").as_deref() != Some("none"),
            hosts: addresses.hosts,
            username: values.text("username"),
            git_auth: GitAuth::read(values.text("git_auth").as_deref()),
            docker_identity: values.text("docker_auth").as_deref() == Some("identity_token"),
            cargo_bearer: values.text("authorization").as_deref() == Some("bearer"),
            tell_expiry: values.flag_or("expires", true),
            api,
            response: values.pointers("response"),
            quirks: Quirks::take(&mut values, addresses.refresh, grant),
        })
    }

    /// The parameters beside the standard ones, for a token request with `grant`.
    pub fn params_for(&self, grant: &str) -> BTreeMap<&str, &str> {
        self.token_params.of(grant)
    }

    /// A hash of the keys that a stored token must not outlive: what it was issued by and to whom.
    pub fn binding(&self) -> String {
        let server = self.token_endpoint.as_deref().or(self.issuer.as_deref());
        let server = server.unwrap_or_default();
        let mut parts = vec!["binding-1", server, &self.client_id, self.grant.name()];
        // A refresh token must not go to another place than the one it was for.
        parts.extend(self.quirks.refresh_endpoint.as_deref());
        // Tokens may be bound to the certificate (RFC 8705 section 3).
        let certificate = self.client_certificate.as_ref();
        let certificate = certificate.map(|file| file.display().to_string());
        if let Some(certificate) = &certificate {
            parts.extend(["certificate", certificate]);
        }
        // What else a token of these grants depends on: who signs and for whom, or whose token is given.
        let more = match self.grant {
            Grant::JwtBearer => {
                let key = self.client_key.as_ref().map(SecretSource::describe);
                let claims = serde_json::json!(self.assertion).to_string();
                vec!["assertion".to_owned(), claims, key.unwrap_or_default()]
            }
            Grant::TokenExchange => self.exchange.describe().to_vec(),
            Grant::ClientCredentials | Grant::Login(_) => Vec::new(),
        };
        parts.extend(more.iter().map(String::as_str));
        hash(&parts)
    }

    /// A hash of what is asked for: tokens of one profile for other scopes, audiences or resources
    /// are kept apart (R28).
    pub fn variant(&self) -> String {
        self.variant_of(self.kind)
    }

    /// The same for either of the grant's tokens.
    pub fn variant_of(&self, kind: TokenKind) -> String {
        let mut scope = self.scope.clone();
        scope.sort();
        scope.dedup();
        let kind = if kind == TokenKind::Id {
            "id"
        } else {
            "access"
        };
        let mut parts = vec![
            "variant-1",
            kind,
            self.audience.as_deref().unwrap_or_default(),
            "scope",
        ];
        parts.extend(scope.iter().map(String::as_str));
        parts.push("resource");
        parts.extend(self.resource.iter().map(String::as_str));
        let always = self
            .token_params
            .always
            .iter()
            .map(|(key, value)| ("", key, value));
        let by_grant = self
            .token_params
            .by_grant
            .iter()
            .flat_map(|(grant, params)| {
                params
                    .iter()
                    .map(move |(key, value)| (grant.as_str(), key, value))
            });
        for (grant, key, value) in always.chain(by_grant) {
            parts.extend(["param", grant, key, value]);
        }
        hash(&parts)
    }

    /// Whether a token can be asked for anew without a person.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self.grant, Grant::Login(_))
    }

    /// The scopes as one string for a request.
    pub fn scope_text(&self) -> String {
        self.scope.join(&self.scope_separator)
    }

    /// The same for a login, with those that bring a refresh token.
    pub fn login_scope(&self) -> String {
        let mut scope = self.scope.clone();
        let more = self.quirks.offline_scope.iter();
        scope.extend(more.filter(|word| !self.scope.contains(word)).cloned());
        scope.join(&self.scope_separator)
    }

    /// The server's name for itself, else the address of its token endpoint: the audience of what is
    /// signed for it (draft-ietf-oauth-rfc7523bis-11 section 4 demands the first).
    pub fn server(&self) -> &str {
        let named = self.issuer.as_deref().or(self.token_endpoint.as_deref());
        named.unwrap_or_default()
    }

    /// Whether the store keeps its client secret or key.
    pub fn has_stored_secret(&self) -> bool {
        let sources = [&self.client_secret, &self.client_key];
        sources
            .iter()
            .any(|source| matches!(source, Some(SecretSource::Keyring)))
    }

    /// A configuration error about this profile's key.
    pub fn key_error(&self, what: &str) -> Error {
        let source = self.client_key.as_ref().map(SecretSource::describe);
        self.error(&format!(
            "client_key, {}: {what}",
            source.unwrap_or_default()
        ))
    }

    /// A configuration error about this profile.
    pub fn error(&self, what: &str) -> Error {
        Error::new(Kind::Config, format!("profile {:?}: {what}", self.name))
    }
}

/// Scopes as separate words, whether they were written as an array or as one string.
pub fn split_scope(words: &[String]) -> Vec<String> {
    words
        .iter()
        .flat_map(|text| text.split(' '))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first 16 bytes of SHA-256 over length-prefixed parts, in hexadecimal.
pub fn hash(parts: &[&str]) -> String {
    use std::fmt::Write;
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    digest.as_ref()[..16]
        .iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        let config = Config::from_text(text);
        Profile::load(&config, "p").expect("a valid profile")
    }

    const BASE: &str = "[profile.p]\ntoken_endpoint = \"https://s/t\"\nclient_id = \"c\"\n";

    #[test]
    fn each_key_that_shapes_a_token_gives_another_variant() {
        let plain = profile(BASE).variant();
        for more in [
            "scope = \"a\"",
            "audience = \"a\"",
            "resource = \"https://a\"",
            "token_params = { a = 1 }",
            "token_params = { client_credentials = { a = 1 } }",
            "token = \"id\"",
        ] {
            assert_ne!(profile(&format!("{BASE}{more}")).variant(), plain, "{more}");
        }
        let (one, two) = ("scope = [\"a\", \"b\"]", "scope = \"b a\"");
        assert_eq!(
            profile(&format!("{BASE}{one}")).variant(),
            profile(&format!("{BASE}{two}")).variant()
        );
    }

    #[test]
    fn another_server_client_or_grant_gives_another_binding() {
        let plain = profile(BASE).binding();
        for (from, to) in [("https://s/t", "https://s/u"), ("\"c\"", "\"d\"")] {
            assert_ne!(profile(&BASE.replace(from, to)).binding(), plain, "{to}");
        }
        assert_ne!(
            profile(&format!("{BASE}grant = \"device_code\"")).binding(),
            plain
        );
    }

    #[test]
    fn defaults_lie_below_the_profile() {
        let text = format!("[defaults]\nmin_ttl = \"1m\"\ntimeout = 3\n{BASE}min_ttl = \"2m\"");
        let profile = profile(&text);
        assert_eq!(profile.min_ttl, Some(Duration::from_secs(120)));
        assert_eq!(profile.timeout, Some(Duration::from_secs(3)));
    }
}
