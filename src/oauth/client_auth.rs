//! How a client proves itself at the token endpoint (RFC 6749 section 2.3).

use super::form::{Form, form_encode};
use super::{Credentials, client_assertion};
use crate::error::{Kind, Result};
use crate::profile::{ClientAuth, Profile};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Puts the client's proof into the form, or into a header, which it returns.
pub fn apply(
    profile: &Profile,
    credentials: &Credentials,
    form: &mut Form,
) -> Result<Option<(String, Secret)>> {
    let id = profile.client.id.as_str();
    let need = || {
        let secret = credentials.secret.as_ref();
        secret.ok_or_else(|| profile.no_secret())
    };
    match profile.client.auth {
        ClientAuth::Basic => {
            let secret = need()?;
            form.keep_out(secret);
            Ok(Some(basic(&form_encode(id), &form_encode(secret.expose()))))
        }
        ClientAuth::BasicRaw => {
            if id.contains(':') {
                return Err(profile.error(
                    Kind::Config,
                    "client_secret_basic_raw cannot send a client_id with a colon",
                ));
            }
            let secret = need()?;
            form.keep_out(secret);
            Ok(Some(basic(id, secret.expose())))
        }
        ClientAuth::Post => {
            form.push("client_id", id);
            form.push_secret("client_secret", need()?);
            Ok(None)
        }
        // The certificate of the connection is the proof (RFC 8705 section 2).
        ClientAuth::None | ClientAuth::Tls => {
            if !id.is_empty() {
                form.push("client_id", id);
            }
            Ok(None)
        }
        ClientAuth::PrivateKeyJwt => {
            let assertion = client_assertion::by_key(profile, credentials)?;
            client_assertion::push(profile, &assertion, form);
            Ok(None)
        }
        ClientAuth::ClientSecretJwt => {
            let secret = need()?;
            let assertion = client_assertion::by_secret(profile, secret);
            form.keep_out(secret);
            client_assertion::push(profile, &assertion, form);
            Ok(None)
        }
    }
}

fn basic(id: &str, secret: &str) -> (String, Secret) {
    let pair = Zeroizing::new(format!("{id}:{secret}"));
    let value = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    let value = Secret::new(format!("Basic {}", *value));
    ("authorization".to_owned(), value)
}
