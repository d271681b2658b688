//! A client that proves itself with a JWT of its own (RFC 7523 section 2.2): `private_key_jwt` and
//! `client_secret_jwt` of OpenID Connect Core section 9.

use super::Credentials;
use super::form::Form;
use super::jwt::{self, Claims, Unsigned};
use crate::error::Result;
use crate::profile::Profile;
use crate::secret::Secret;

/// An assertion signed with the client's private key.
pub fn by_key(profile: &Profile, credentials: &Credentials) -> Result<Secret> {
    let key = credentials.signing_key(profile)?;
    jwt::signed(profile, credentials, &key, unsigned(profile))
}

/// An assertion whose signature is made with the client secret.
pub fn by_secret(profile: &Profile, secret: &Secret) -> Secret {
    jwt::with_secret(profile, secret, unsigned(profile))
}

/// By which a server tells it from every other token that the key has signed (draft-ietf-oauth-rfc7523bis-11
/// section 4).
const TYP: &str = "client-authentication+jwt";

fn unsigned(profile: &Profile) -> Unsigned<'_> {
    Unsigned {
        typ: profile.client.assertion_typ.as_deref().unwrap_or(TYP),
        claims: claims(profile),
    }
}

/// What RFC 7523 section 3 and OpenID Connect Core section 9 demand; [`jwt`] adds the times.
fn claims(profile: &Profile) -> Claims {
    let mut claims = Claims::new();
    let audience = profile.client.assertion_audience.as_deref();
    for (name, value) in [
        ("iss", profile.client.id.as_str()),
        ("sub", &profile.client.id),
        ("aud", audience.unwrap_or(profile.server.name())),
    ] {
        claims.insert(name.to_owned(), value.into());
    }
    claims
}

/// Adds the assertion, with the `client_id` that RFC 7521 section 4.2 allows and some servers want.
pub fn push(profile: &Profile, assertion: &Secret, form: &mut Form) {
    form.push("client_id", &profile.client.id);
    form.push(
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    form.push_secret("client_assertion", assertion);
}
