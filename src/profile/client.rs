//! Who the client is and how it proves that, from the profile and from the variables of its name.

use super::fields::Fields;
use super::{ClientAuth, Grant, SecretSource};
use crate::env;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A profile's client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    /// Empty where the grant needs none.
    pub id: String,
    pub secret: Option<SecretSource>,
    pub key: Option<SecretSource>,
    /// `kid` in the header of what the key signs.
    pub key_id: Option<String>,
    /// Shown where a server asks for one, with the client key.
    #[serde(with = "crate::files::path_bytes::optional")]
    pub certificate: Option<PathBuf>,
    pub signing_alg: Option<String>,
    /// `aud` of the client's assertion, where the server wants another than its name.
    pub assertion_audience: Option<String>,
    /// `typ` in the header of the client's assertion, where the server wants another than RFC 7523's successor.
    pub assertion_typ: Option<String>,
    pub auth: ClientAuth,
    /// Whether the configuration names `auth`; else the server's metadata may suggest another.
    pub auth_is_set: bool,
}

impl Client {
    /// Takes the keys out. `usual_auth` says that `client_auth` is the preset's.
    pub(super) fn take(
        values: &mut Fields,
        profile: &str,
        grant: Grant,
        usual_auth: bool,
    ) -> Result<Self, String> {
        let variable = env::variable_part(profile);
        let (id_variable, secret_variable) = (
            format!("{variable}_CLIENT_ID"),
            format!("{variable}_CLIENT_SECRET"),
        );
        let secret = values
            .secret("client_secret")
            .or_else(|| env::var(&secret_variable).map(|_| SecretSource::Env(secret_variable)));
        let key = values.secret("client_key");
        // What holds for most clients of a service does not for one without a secret.
        let bare = secret.is_none() && key.is_none();
        let public = usual_auth && bare && matches!(grant, Grant::Login(_));
        let set_auth = values.text("client_auth").filter(|_| !public);
        let auth = ClientAuth::read(
            set_auth.as_deref(),
            secret.is_some(),
            key.is_some() && grant != Grant::JwtBearer,
            grant,
        );
        // What is signed or exchanged says who it is from.
        let needs_no_id =
            matches!(grant, Grant::JwtBearer | Grant::TokenExchange) && auth == ClientAuth::None;
        let id = values
            .text("client_id")
            .or_else(|| env::var(&id_variable))
            .or_else(|| needs_no_id.then(String::new));
        let id = id.ok_or_else(|| format!("has no client_id, and {id_variable} is not set"))?;
        Ok(Self {
            id,
            secret,
            key,
            key_id: values.text("client_key_id"),
            certificate: values.path("client_certificate"),
            signing_alg: values.text("signing_alg"),
            assertion_audience: values.text("client_assertion_audience"),
            assertion_typ: values.text("client_assertion_typ"),
            auth,
            auth_is_set: set_auth.is_some(),
        })
    }

    /// Whether the store keeps its secret or key.
    pub fn has_stored_secret(&self) -> bool {
        let sources = [&self.secret, &self.key];
        sources
            .iter()
            .any(|source| matches!(source, Some(SecretSource::Keyring)))
    }
}
