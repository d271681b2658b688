//! How a client proves itself at the token endpoint (RFC 6749 section 2.3).

use crate::error::Result;
use crate::profile::{ClientAuth, Profile};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// What form encoding leaves alone (WHATWG URL, "application/x-www-form-urlencoded").
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

/// Form-encodes with `%20` for a space, which every server reads; some refuse `+`.
pub fn form_encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(utf8_percent_encode(text, FORM).to_string())
}

/// The parameters of a request as they are collected, secrets among them.
#[derive(Default)]
pub struct Form(Zeroizing<String>);

impl Form {
    /// Adds a parameter.
    pub fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&form_encode(name));
        self.0.push('=');
        self.0.push_str(&form_encode(value));
    }

    /// The same for an endpoint where the client is named in the body beside its authentication (RFC
    /// 8628 section 3.1, RFC 9126 section 2.1).
    pub fn with_id(mut self, profile: &Profile) -> Self {
        if matches!(
            profile.client_auth,
            ClientAuth::Basic | ClientAuth::BasicRaw
        ) {
            self.push("client_id", &profile.client_id);
        }
        self
    }

    /// The body to send.
    pub fn into_body(self) -> Secret {
        Secret::new(self.0.to_string())
    }
}

/// Puts the client's identity into the form, or into a header, which it returns.
pub fn apply(
    profile: &Profile,
    secret: Option<&Secret>,
    form: &mut Form,
) -> Result<Option<(String, Secret)>> {
    let id = profile.client_id.as_str();
    let need = || {
        secret.ok_or_else(|| {
            let what =
                format!("client_auth needs a client_secret, and there is none for client {id:?}");
            profile.error(&what)
        })
    };
    let basic = |id: &str, secret: &str| {
        let pair = Zeroizing::new(format!("{id}:{secret}"));
        let value = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Some((
            "authorization".to_owned(),
            Secret::new(format!("Basic {}", *value)),
        ))
    };
    match profile.client_auth {
        ClientAuth::Basic => Ok(basic(&form_encode(id), &form_encode(need()?.expose()))),
        ClientAuth::BasicRaw => {
            if id.contains(':') {
                return Err(
                    profile.error("client_secret_basic_raw cannot send a client_id with a colon")
                );
            }
            Ok(basic(id, need()?.expose()))
        }
        ClientAuth::Post => {
            form.push("client_id", id);
            form.push("client_secret", need()?.expose());
            Ok(None)
        }
        ClientAuth::None => {
            form.push("client_id", id);
            Ok(None)
        }
        ClientAuth::Unsupported => Err(profile.error(
            "this client_auth is not available in this version; it has client_secret_basic, \
             client_secret_basic_raw, client_secret_post and none",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_encodes_what_servers_would_misread() {
        let mut form = Form::default();
        form.push("a b", "p@:ss%41+w rd&x=y/?#\"'\\~é");
        let body = form.into_body();
        assert_eq!(
            body.expose(),
            "a%20b=p%40%3Ass%2541%2Bw%20rd%26x%3Dy%2F%3F%23%22%27%5C%7E%C3%A9"
        );
    }
}
