//! A profile's keys put over one another, and taken out by type.

use super::choice::{AssumedLife, Grant, LoginGrant};
use super::claims::Claims;
use super::keys::Values;
use super::secret_source::SecretSource;
use super::token_source::TokenSource;
use super::value::{Params, Pointers, Value};
use super::vars::Vars;
use crate::http::Endpoint;
use std::path::PathBuf;
use std::time::Duration;

/// Puts `upper` over `lower`; tables merge key by key.
pub fn merge(lower: &mut Values, upper: Values) {
    for (key, value) in upper {
        match (lower.get_mut(key), value) {
            (Some(Value::Pointers(below)), Value::Pointers(above)) => below.extend(above),
            (Some(Value::Params(below)), Value::Params(above)) => {
                below.always.extend(above.always);
                for (grant, params) in above.by_grant {
                    below.by_grant.entry(grant).or_default().extend(params);
                }
            }
            (Some(Value::Claims(below)), Value::Claims(above)) => below.extend(above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

/// The values by type; `keys::check` has made sure that each key has its own.
pub struct Fields(pub Values);

impl Fields {
    #[track_caller]
    fn take(&mut self, key: &str) -> Option<Value> {
        #[cfg(test)]
        reads::note(key, std::panic::Location::caller().file());
        self.0.remove(key)
    }

    /// That every key has been taken: one that is declared and not read would be without effect.
    pub fn end(self) {
        debug_assert!(self.0.is_empty(), "read by nothing: {:?}", self.0.keys());
    }

    /// A string.
    #[track_caller]
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An address with the profile's variables in it, safe to send secrets to. The error names the key.
    #[track_caller]
    pub fn endpoint(&mut self, key: &str, vars: &Vars) -> Result<Option<Endpoint>, String> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        let endpoint = vars.fill(&text).and_then(|url| Endpoint::parse(&url));
        endpoint.map(Some).map_err(|why| format!("{key}: {why}"))
    }

    /// A path.
    #[track_caller]
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        match self.take(key) {
            Some(Value::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// Strings; none where the key is absent.
    #[track_caller]
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        match self.take(key) {
            Some(Value::Texts(texts)) => texts,
            _ => Vec::new(),
        }
    }

    /// Whether the flag is set.
    #[track_caller]
    pub fn flag(&mut self, key: &str) -> bool {
        matches!(self.take(key), Some(Value::Flag(true)))
    }

    /// A flag, or what counts without it.
    #[track_caller]
    pub fn flag_or(&mut self, key: &str, usual: bool) -> bool {
        match self.take(key) {
            Some(Value::Flag(flag)) => flag,
            _ => usual,
        }
    }

    /// A duration.
    #[track_caller]
    pub fn duration(&mut self, key: &str) -> Option<Duration> {
        match self.take(key) {
            Some(Value::Duration(duration)) => Some(duration),
            _ => None,
        }
    }

    /// A token's assumed life: a duration, or the word for none.
    #[track_caller]
    pub fn life(&mut self, key: &str) -> AssumedLife {
        match self.take(key) {
            Some(Value::Duration(life)) => AssumedLife::For(life),
            Some(_) => AssumedLife::None,
            None => AssumedLife::Usual,
        }
    }

    /// JSON pointers by the name of what they find.
    #[track_caller]
    pub fn pointers(&mut self, key: &str) -> Pointers {
        match self.take(key) {
            Some(Value::Pointers(pointers)) => pointers,
            _ => Pointers::default(),
        }
    }

    /// A table of parameters; empty where the key is absent.
    #[track_caller]
    pub fn params(&mut self, key: &str) -> Params {
        match self.take(key) {
            Some(Value::Params(params)) => params,
            _ => Params::default(),
        }
    }

    /// A secret's source.
    #[track_caller]
    pub fn secret(&mut self, key: &str) -> Option<SecretSource> {
        match self.take(key) {
            Some(Value::Secret(source)) => Some(source),
            _ => None,
        }
    }

    /// A token's source.
    #[track_caller]
    pub fn token(&mut self, key: &str) -> Option<TokenSource> {
        match self.take(key) {
            Some(Value::Token(source)) => Some(source),
            _ => None,
        }
    }

    /// Claims of an assertion; none where the key is absent.
    #[track_caller]
    pub fn claims(&mut self, key: &str) -> Claims {
        match self.take(key) {
            Some(Value::Claims(claims)) => claims,
            _ => Claims::new(),
        }
    }

    /// The grant that is set, else the one that the endpoints suggest.
    #[track_caller]
    pub fn grant(&mut self) -> Grant {
        let login = self.0.contains_key("authorization_endpoint") || self.0.contains_key("issuer");
        let device = self.0.contains_key("device_authorization_endpoint");
        match self.text("grant") {
            Some(name) if name == "client_credentials" => Grant::ClientCredentials,
            Some(name) if name == "jwt_bearer" => Grant::JwtBearer,
            Some(name) if name == "token_exchange" => Grant::TokenExchange,
            Some(name) if name == "authorization_code" => {
                Grant::Login(LoginGrant::AuthorizationCode)
            }
            Some(name) if name == "device_code" => Grant::Login(LoginGrant::DeviceCode),
            Some(_) => Grant::Login(LoginGrant::RefreshToken),
            None if login => Grant::Login(LoginGrant::AuthorizationCode),
            None if device => Grant::Login(LoginGrant::DeviceCode),
            None => Grant::ClientCredentials,
        }
    }
}

/// Which file has taken which key, for the table's tests.
#[cfg(test)]
pub mod reads {
    use std::cell::RefCell;

    thread_local! {
        static READS: RefCell<Vec<(String, &'static str)>> = const { RefCell::new(Vec::new()) };
    }

    pub fn note(key: &str, file: &'static str) {
        READS.with_borrow_mut(|reads| reads.push((key.to_owned(), file)));
    }

    pub fn forget() {
        READS.with_borrow_mut(Vec::clear);
    }

    pub fn all() -> Vec<(String, &'static str)> {
        READS.with_borrow(Vec::clone)
    }
}
