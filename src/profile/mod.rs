//! A profile: what is asked of which server, by which client, put together from the file, a preset and the
//! environment.

mod api;
mod binding;
mod choice;
mod claims;
mod client;
pub mod config;
pub mod edit;
mod endpoints;
mod exchange;
mod fault;
mod fields;
mod hosts;
mod id_tokens;
mod keys;
mod owner;
pub mod preset;
mod preset_names;
mod quirks;
mod raw;
mod request;
mod schema;
pub mod scope;
mod secret_source;
mod server;
mod shape;
mod slice;
mod storage;
mod survey;
mod token_source;
mod token_type;
pub mod typed;
mod value;
mod vars;

use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Origin;
pub use api::Api;
pub use choice::{AssumedLife, ClientAuth, GitAuth, Grant, LoginGrant, StoreChoice, TokenKind};
use claims::Claims;
use client::Client;
use config::{Config, Layers};
pub use endpoints::{EndpointKind, Endpoints};
use exchange::Exchange;
pub use fault::nearest;
use fields::{Fields, merge};
use hosts::Hosts;
use id_tokens::IdTokens;
use keys::Values;
pub use keys::names as key_names;
pub use keys::{KEYS, Key, choices, find as find_key, help, holds_secret};
pub use owner::{others_can_read, others_can_write};
use quirks::Quirks;
use request::Request;
pub use schema::schema;
pub use scope::{missing_scope, split_scope};
pub use secret_source::{SecretSource, from_file};
use serde::{Deserialize, Serialize};
use server::Server;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use storage::Storage;
pub use storage::{AccessCache, Audit};
pub use survey::Finding;
pub use token_source::TokenSource;
pub use token_type::{ACCESS_TOKEN_TYPE, ISSUED, NO_ACCESS_TOKEN};
pub use value::Pointers;
use value::Value;
use vars::{Pattern, Vars};

/// One profile, ready to be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    /// The configuration file that it is of.
    #[serde(with = "crate::files::path_bytes::optional")]
    pub file: Option<PathBuf>,
    /// The variant of the profile's own token, where a caller asks for another one.
    pub own_variant: Option<String>,
    pub server: Server,
    pub client: Client,
    pub grant: Grant,
    /// Of what is signed for the JWT bearer grant.
    pub assertion: Claims,
    pub exchange: Exchange,
    pub request: Request,
    pub id_tokens: IdTokens,
    pub min_ttl: Option<Duration>,
    pub timeout: Option<Duration>,
    pub storage: Storage,
    pub hosts: Hosts,
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
    /// Whether the file has the profile, which a preset alone makes too.
    is_in_file: bool,
}

impl Profile {
    /// The profile of that name.
    pub fn load(config: &Config, name: &str) -> Result<Self> {
        Self::from_layers(config, name, config.layers(name)?)
    }

    /// Every profile of the file in its order, each with its name and what is wrong with it if it cannot be
    /// used. Reads the file's text once, where [`load`](Self::load) of each would read it as often as there
    /// are profiles.
    pub fn all(config: &Config) -> Result<impl Iterator<Item = (String, Result<Self>)>> {
        let all = config.all_layers()?.into_iter();
        Ok(all.map(|(name, layers)| {
            let profile = layers.and_then(|layers| Self::from_layers(config, &name, layers));
            (name, profile)
        }))
    }

    fn from_layers(config: &Config, name: &str, layers: Layers) -> Result<Self> {
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
        let is_in_file = layers.profile.is_some();
        let mut values = layers.defaults;
        merge(&mut values, preset.keys);
        merge(&mut values, layers.profile.unwrap_or_default());
        let from = Origins {
            patterns: preset.variables,
            usual_auth,
            is_in_file,
        };
        Self::from_values(config, name, values, from)
    }

    fn from_values(config: &Config, name: &str, values: Values, from: Origins) -> Result<Self> {
        let mut values = Fields(values);
        // It has been put below them.
        values.text("preset");
        let grant = values.grant();
        let is_named = values.0.contains_key("client_secret");
        let client = Client::take(&mut values, name, grant, from.usual_auth).map_err(|what| {
            config
                .profile_error(name, &what)
                .hint(set_id(name, from.is_in_file))
        })?;
        check_secret_variable(config, name, (client.secret.as_ref(), is_named))?;
        let vars = Vars {
            set: values.params("vars").always,
            patterns: from.patterns,
        };
        let wrong = |why: String| config.profile_error(name, &why);
        let profile = Self {
            name: name.to_owned(),
            file: config
                .path()
                .and_then(|path| std::path::absolute(path).ok()),
            own_variant: None,
            server: Server::take(&mut values, &vars).map_err(wrong)?,
            grant,
            assertion: values.claims("assertion"),
            exchange: Exchange::read(&mut values),
            request: Request::take(&mut values, &vars, grant).map_err(wrong)?,
            id_tokens: IdTokens::take(&mut values, &vars).map_err(wrong)?,
            min_ttl: values.duration("min_ttl"),
            timeout: values.duration("timeout"),
            storage: Storage::take(&mut values),
            hosts: Hosts::take(&mut values, &vars).map_err(wrong)?,
            api: Api::take(&mut values, &vars, &client.id).map_err(wrong)?,
            response: values.pointers("response"),
            quirks: Quirks::take(&mut values, &vars, grant).map_err(wrong)?,
            client,
        };
        values.end();
        Ok(profile)
    }

    /// The parameters beside the standard ones, for a token request with `grant`.
    pub fn params_for(&self, grant: &str) -> BTreeMap<&str, &str> {
        self.request.token_params.of(grant)
    }

    /// Whether a token can be asked for anew without a person.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self.grant, Grant::Login(_))
    }

    /// The scopes of a login as one string, with those that bring a refresh token.
    pub fn login_scope(&self) -> String {
        let mut scope = self.request.scope.clone();
        let more = self.quirks.offline_scope.iter();
        scope.extend(
            more.filter(|word| !self.request.scope.contains(word))
                .cloned(),
        );
        scope.join(&self.request.scope_separator)
    }

    /// Whether a login asks for an id token (OpenID Connect Core 3.1.2.1).
    pub fn asks_for_openid(&self) -> bool {
        let mut asked = self.request.scope.iter().chain(&self.quirks.offline_scope);
        asked.any(|scope| scope == "openid")
    }

    /// Whether the token may be sent there: to one of the profile's hosts, or to its API.
    pub fn owns(&self, origin: &Origin) -> bool {
        let api = self.api.url.as_ref();
        self.hosts.origins.contains(origin) || api.is_some_and(|url| url.origin() == *origin)
    }

    /// The environment variables that hold a secret of this profile.
    pub fn secret_variables(&self) -> Vec<String> {
        let given = |source: &Option<TokenSource>| match source {
            Some(TokenSource::Secret(source)) => Some(source.clone()),
            _ => None,
        };
        let tokens = [&self.exchange.subject, &self.exchange.actor].map(given);
        let kept = [&self.client.secret, &self.client.key, &self.storage.key].map(Clone::clone);
        let variable = |source: SecretSource| match source {
            SecretSource::Env(name) => Some(name),
            // The environment wins over the file.
            SecretSource::EnvFile { name, .. } => {
                Some(name.unwrap_or_else(|| env::usual_secret_variable(&self.name)))
            }
            _ => None,
        };
        kept.into_iter()
            .chain(tokens)
            .flatten()
            .filter_map(variable)
            .collect()
    }

    /// Why an access token of this type cannot be used, where it cannot.
    pub fn unusable(&self, token_type: &str) -> Option<String> {
        let is_exchanged =
            self.grant == Grant::TokenExchange && token_type.eq_ignore_ascii_case(NO_ACCESS_TOKEN);
        let also = &self.quirks.bearer_token_types;
        token_type::unusable(token_type, also).filter(|_| !is_exchanged)
    }

    /// A configuration error about this profile's key.
    pub fn key_error(&self, what: &str) -> Error {
        let source = self.client.key.as_ref().map(SecretSource::describe);
        let source = source.unwrap_or_default();
        self.error(Kind::Config, format!("client_key, {source}: {what}"))
    }

    /// That the client has to prove itself with a secret, and has none.
    pub fn no_secret(&self) -> Error {
        let what = format!(
            "client_auth needs a client_secret, and there is none for client {:?}",
            self.client.id
        );
        self.error(Kind::Config, what).hint(format!(
            "set {}_CLIENT_SECRET in the environment, or client_secret = {{ keyring = true }} in the profile and run: \
             tokctl secret set {}",
            env::variable_part(&self.name),
            shell_word(&self.name)
        ))
    }

    /// That its grant has ended or never began, and how a person begins one.
    pub fn login_required(&self, what: impl Into<String>) -> Error {
        let name = shell_word(&self.name);
        let remedy = if self.server.has_login() {
            format!("run: tokctl login {name}")
        } else {
            format!(
                "run: tokctl login {name} (for which the profile needs an authorization_endpoint), or tokctl \
                 import {name} with a refresh token on stdin"
            )
        };
        Error::new(Kind::LoginRequired, what).hint(remedy)
    }

    /// A hint from below, where no profile is known, with this one's name in it and the flag that says where its server
    /// is.
    pub fn addressed(&self, hint: &str) -> String {
        let flag = match self.server.issuer {
            Some(_) => "--issuer",
            None => "--token-endpoint",
        };
        hint.replace("PROFILE", &shell_word(&self.name))
            .replace("ADDRESS", flag)
    }

    /// A failure that is about this profile.
    pub fn error(&self, kind: Kind, what: impl Into<String>) -> Error {
        Error::about(&self.name, kind, what)
    }
}

/// That a client secret which nothing but a variable's usual name leads to is this profile's alone; with whether a key of
/// the profile names its source.
fn check_secret_variable(
    config: &Config,
    name: &str,
    secret: (Option<&SecretSource>, bool),
) -> Result<()> {
    let usual = || env::usual_secret_variable(name);
    let variable = match secret {
        (Some(SecretSource::Env(variable)), false) => variable.clone(),
        // The environment wins over the file.
        (Some(SecretSource::EnvFile { name: None, .. }), _) if env::var(&usual()).is_some() => {
            usual()
        }
        _ => return Ok(()),
    };
    let remedy = format!(
        "set the variable of each in its profile, as in client_secret = {{ env = {variable:?} }}, or unset it"
    );
    config.alone_with(&variable, name, &remedy)
}

/// How a profile gets a client id.
fn set_id(name: &str, is_in_file: bool) -> String {
    let word = shell_word(name);
    if is_in_file {
        format!("run: tokctl config set {word} client_id ID")
    } else {
        format!("to be asked for it, run: tokctl add {word}")
    }
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
