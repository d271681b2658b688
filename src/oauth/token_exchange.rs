//! Token exchange (RFC 8693): a token that the profile is given, for another one.

use super::Credentials;
use super::form::Form;
use crate::error::{Kind, Result};
use crate::profile::{ACCESS_TOKEN_TYPE, Profile};
use crate::secret::Secret;

/// What is exchanged: who the new token is about, and who will act with it.
#[derive(Clone)]
pub struct Given {
    pub subject: Secret,
    pub actor: Option<Secret>,
}

/// Puts the tokens and their types into the form (RFC 8693 section 2.1).
pub fn push(profile: &Profile, credentials: &Credentials, form: &mut Form) -> Result<()> {
    let exchange = &profile.exchange;
    let given = credentials.given.as_ref();
    let given = given
        .ok_or_else(|| profile.error(Kind::Config, "there is no subject_token to exchange"))?;
    form.push_secret("subject_token", &given.subject);
    form.push("subject_token_type", &exchange.subject_type);
    if let Some(actor) = &given.actor {
        form.push_secret("actor_token", actor);
        form.push("actor_token_type", &exchange.actor_type);
    }
    // Without it some servers add a refresh token to each answer (zitadel), which nobody would use.
    let requested = exchange.requested_type.as_deref();
    form.push(
        "requested_token_type",
        requested.unwrap_or(ACCESS_TOKEN_TYPE),
    );
    Ok(())
}
