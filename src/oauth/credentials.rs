//! What a client proves itself with.

use super::key::Key;
use super::token_exchange::Given;
use crate::error::Result;
use crate::profile::Profile;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// A profile's secrets as text: read when a request is made, and not before.
#[derive(Default, Serialize, Deserialize)]
pub struct Credentials {
    /// The client secret.
    pub secret: Option<Secret>,
    /// The private key, in any of the forms that [`Key`] reads.
    pub key: Option<Secret>,
    /// What a token exchange is given. It is asked for anew, and never by a renewal.
    #[serde(skip)]
    pub given: Option<Given>,
}

impl Credentials {
    /// The private key, ready to sign.
    pub fn signing_key(&self, profile: &Profile) -> Result<Key> {
        let text = self.key.as_ref().ok_or_else(|| {
            let what = "has no client_key to sign with";
            let hint = "set client_key = { file = \"key.pem\" } in the profile";
            profile.error(what).hint(hint)
        })?;
        Key::parse(text).map_err(|why| profile.key_error(&why.what).hint(why.hint))
    }
}
