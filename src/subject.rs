//! What a token exchange is given: a token from a source, or another profile's.

use crate::acquire::{self, Ask};
use crate::env;
use crate::error::Result;
use crate::oauth::Given;
use crate::profile::{Grant, Profile, TokenSource};
use crate::renewal::Again;
use crate::secret::Secret;

/// The tokens that the profile exchanges; nothing for another grant.
pub fn find(ask: &Ask<'_>) -> Result<Option<Given>> {
    let profile = ask.profile;
    if profile.grant != Grant::TokenExchange {
        return Ok(None);
    }
    let subject = profile.exchange.subject.as_ref().ok_or_else(|| {
        let hint = "set subject_token = { file = \"…\" } or { profile = \"…\" } in the profile";
        profile.error("has no subject_token to exchange").hint(hint)
    })?;
    let actor = profile.exchange.actor.as_ref();
    Ok(Some(Given {
        subject: token(ask, "subject_token", subject)?,
        actor: actor
            .map(|actor| token(ask, "actor_token", actor))
            .transpose()?,
    }))
}

fn token(ask: &Ask<'_>, key: &str, source: &TokenSource) -> Result<Secret> {
    let profile = ask.profile;
    let found = match source {
        TokenSource::Secret(source) => source.resolve(&profile.name, ask.deadline)?,
        TokenSource::Profile(name) => Some(of_profile(ask, key, name)?),
    };
    let usable = found.filter(Secret::is_token_text);
    usable.ok_or_else(|| {
        let what = "holds characters that no token has";
        profile.error(&format!("{key}, {}: {what}", source.describe()))
    })
}

/// Another profile's token, as `tokctl get` would print it.
fn of_profile(ask: &Ask<'_>, key: &str, name: &str) -> Result<Secret> {
    if let Some(token) = env::token_override(name) {
        return Ok(token);
    }
    let config = ask.again.config;
    let other = Profile::load(config, name)?;
    // One step is enough, and no two profiles wait for each other.
    if other.exchange.takes_from_a_profile() {
        let what = format!("{key}: profile {name:?} exchanges another profile's token itself");
        return Err(ask.profile.error(&what));
    }
    let again = Again {
        config,
        overrides: &[],
    };
    let ask = Ask {
        profile: &other,
        min_ttl: None,
        force: false,
        offline: ask.offline,
        stale: None,
        deadline: ask.deadline,
        again,
    };
    acquire::token(&ask).map(|token| token.text)
}
