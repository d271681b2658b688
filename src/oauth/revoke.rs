//! Revocation (RFC 7009): tells the server that a token is not needed any more.

use super::client_auth::Form;
use super::{refusal, reply, send};
use crate::error::Error;
use crate::http::{Endpoint, Http};
use crate::profile::Profile;
use crate::secret::Secret;
use std::time::Duration;

/// Revokes one token; `hint` is `refresh_token` or `access_token`.
pub fn revoke(
    http: &Http,
    endpoint: &Endpoint,
    profile: &Profile,
    client_secret: Option<&Secret>,
    token: &Secret,
    hint: &str,
    limit: Duration,
) -> Result<(), Error> {
    let mut form = Form::default();
    form.push("token", token.expose());
    form.push("token_type_hint", hint);
    let answer = send(http, endpoint, profile, client_secret, form, limit)
        .map_err(|refused| refused.error)?;
    // Section 2.2: also a token that the server does not know is answered with 200.
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let mut secrets: Vec<&Secret> = client_secret.into_iter().collect();
    secrets.push(token);
    let value = reply::parse(&answer.content_type, &answer.body);
    let words = reply::refusal(&value, &secrets);
    Err(refusal(profile, endpoint, &answer, &words, &secrets).error)
}
