//! A profile: what is asked of which server, by which client, merged from the file, a preset and the
//! environment.

mod addresses;
mod api;
mod choice;
mod claims;
mod client;
pub mod config;
pub mod edit;
mod exchange;
mod fields;
mod identity;
mod keys;
mod owner;
pub mod preset;
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
pub use choice::{ClientAuth, GitAuth, Grant, StoreChoice, TokenKind};
use claims::Claims;
use client::Client;
use config::Config;
use exchange::Exchange;
pub use exchange::ISSUED;
use fields::{Fields, merge};
use keys::Values;
pub use keys::choices;
pub use quirks::AssumedLife;
use quirks::Quirks;
pub use secret_source::{NO_TEXT, SecretSource, from_file};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
pub use token_source::TokenSource;
pub use value::Pointers;
use value::{Params, Value};
use vars::{Pattern, Vars};

/// One profile, ready to be used.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Profile {
    pub name: String,
    /// The variant of the profile's own token, where a caller asks for another one.
    pub own_variant: Option<String>,
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
        let grant = values.grant();
        let client = Client::take(&mut values, name, grant, from.usual_auth)
            .map_err(|why| config.profile_error(name, &why.what).hint(why.hint))?;
        let vars = Vars {
            set: values.params("vars").always,
            patterns: from.patterns,
        };
        let wrong = |why: String| config.profile_error(name, &why);
        let addresses = Addresses::take(&mut values, &vars).map_err(wrong)?;
        let api = Api::read(&mut values, addresses.api, &vars.set, &client.id).map_err(wrong)?;
        let mut params = |key: &str| {
            let filled = values.params(key).filled(&vars, grant.name());
            filled.map_err(|why| wrong(format!("{key}: {why}")))
        };
        let token_params = params("token_params")?;
        let authorization_params = params("authorization_params")?;
        Ok(Self {
            name: name.to_owned(),
            own_variant: None,
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
            client_id: client.id,
            client_secret: client.secret,
            client_key: client.key,
            client_key_id: values.text("client_key_id"),
            client_certificate: values.path("client_certificate"),
            signing_alg: values.text("signing_alg"),
            client_assertion_audience: values.text("client_assertion_audience"),
            client_auth: client.auth,
            client_auth_is_set: client.auth_is_set,
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

    /// The environment variables that hold a secret of this profile.
    pub fn secret_variables(&self) -> Vec<String> {
        let given = |source: &Option<TokenSource>| match source {
            Some(TokenSource::Secret(source)) => Some(source.clone()),
            _ => None,
        };
        let tokens = [&self.exchange.subject, &self.exchange.actor].map(given);
        let kept = [&self.client_secret, &self.client_key, &self.store_key].map(Clone::clone);
        let variable = |source: SecretSource| match source {
            SecretSource::Env(name) => Some(name),
            _ => None,
        };
        kept.into_iter()
            .chain(tokens)
            .flatten()
            .filter_map(variable)
            .collect()
    }

    /// A configuration error about this profile's key.
    pub fn key_error(&self, what: &str) -> Error {
        let source = self.client_key.as_ref().map(SecretSource::describe);
        self.error(&format!(
            "client_key, {}: {what}",
            source.unwrap_or_default()
        ))
    }

    /// That the client has to prove itself with a secret, and has none.
    pub fn no_secret(&self) -> Error {
        let what = format!(
            "client_auth needs a client_secret, and there is none for client {:?}",
            self.client_id
        );
        self.error(&what).hint(format!(
            "set {}_CLIENT_SECRET in the environment, or client_secret = {{ keyring = true }} in the profile and run: \
             tokctl secret set {}",
            env::variable_part(&self.name),
            shell_word(&self.name)
        ))
    }

    /// That its grant has ended or never began, and how a person begins one.
    pub fn login_required(&self, what: impl Into<String>) -> Error {
        let name = shell_word(&self.name);
        let may_log_in = self.issuer.is_some()
            || self.authorization_endpoint.is_some()
            || self.device_authorization_endpoint.is_some();
        let remedy = if may_log_in {
            format!("run: tokctl login {name}")
        } else {
            format!(
                "run: tokctl login {name} (for which the profile needs an authorization_endpoint), or tokctl \
                 import {name} with a refresh token on stdin"
            )
        };
        Error::new(Kind::LoginRequired, what).hint(remedy)
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

/// The scopes that were asked for and not granted. None where the server names others, which may be the
/// same ones by other names (Google).
pub fn missing_scope<'s>(asked: &'s [String], granted: Option<&str>) -> Vec<&'s str> {
    let granted: Vec<&str> = granted.unwrap_or_default().split_whitespace().collect();
    let by_our_names = granted
        .iter()
        .all(|word| asked.iter().any(|own| own == word));
    if granted.is_empty() || !by_our_names {
        return Vec::new();
    }
    let asked = asked.iter().map(String::as_str);
    asked.filter(|word| !granted.contains(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn profile(text: &str) -> Profile {
        let config = Config::from_text(text);
        Profile::load(&config, "p").expect("a valid profile")
    }

    pub const BASE: &str = "[profile.p]\ntoken_endpoint = \"https://s/t\"\nclient_id = \"c\"\n";

    #[test]
    fn defaults_lie_below_the_profile() {
        let text = format!("[defaults]\nmin_ttl = \"1m\"\ntimeout = 3\n{BASE}min_ttl = \"2m\"");
        let profile = profile(&text);
        assert_eq!(profile.min_ttl, Some(Duration::from_secs(120)));
        assert_eq!(profile.timeout, Some(Duration::from_secs(3)));
    }
}
