//! What a token exchange is given: a token from a source, or another profile's.

use crate::clock::Deadline;
use crate::env;
use crate::error::{Kind, Result};
use crate::oauth::Given;
use crate::profile::config::Config;
use crate::profile::{Grant, Profile, SecretSource, TokenSource};
use crate::secret::Secret;
use crate::token::background::Again;
use crate::token::{self, Ask, Caller};

/// The tokens that the profile exchanges; nothing for another grant.
pub fn find(ask: &Ask<'_>) -> Result<Option<Given>> {
    let profile = ask.profile;
    if profile.grant != Grant::TokenExchange {
        return Ok(None);
    }
    let subject = subject(profile)?;
    let actor = profile.exchange.actor.as_ref();
    Ok(Some(Given {
        subject: token(ask, "subject_token", subject)?,
        actor: actor
            .map(|actor| token(ask, "actor_token", actor))
            .transpose()?,
    }))
}

/// The same as far as it goes without a request: the tokens that are no other profile's.
pub fn check(profile: &Profile, config: &Config, deadline: Deadline) -> Result<Vec<Secret>> {
    let sources = [
        ("subject_token", Some(subject(profile)?)),
        ("actor_token", profile.exchange.actor.as_ref()),
    ];
    let mut found = Vec::new();
    for (key, source) in sources {
        match source {
            Some(TokenSource::Secret(secret)) => {
                found.push(from(profile, key, secret, deadline)?);
            }
            Some(TokenSource::Profile(name)) if env::token_override(name).is_none() => {
                other(profile, config, key, name)?;
            }
            _ => {}
        }
    }
    Ok(found)
}

fn subject(profile: &Profile) -> Result<&TokenSource> {
    profile.exchange.subject.as_ref().ok_or_else(|| {
        let hint = "set subject_token = { file = \"…\" } or { profile = \"…\" } in the profile";
        profile
            .error(Kind::Config, "has no subject_token to exchange")
            .hint(hint)
    })
}

fn token(ask: &Ask<'_>, key: &str, source: &TokenSource) -> Result<Secret> {
    let profile = ask.profile;
    match source {
        TokenSource::Secret(source) => from(profile, key, source, ask.deadline),
        TokenSource::Profile(name) => {
            let token = of_profile(ask, key, name)?;
            usable(profile, key, &format!("profile {name:?}"), Some(token))
        }
    }
}

fn from(profile: &Profile, key: &str, source: &SecretSource, deadline: Deadline) -> Result<Secret> {
    let found = source.resolve(&profile.name, key, deadline)?;
    usable(profile, key, &source.describe(), found)
}

fn usable(profile: &Profile, key: &str, place: &str, found: Option<Secret>) -> Result<Secret> {
    let usable = found.filter(Secret::is_token_text);
    usable.ok_or_else(|| {
        let what = "holds characters that no token has";
        profile.error(Kind::Config, format!("{key}, {place}: {what}"))
    })
}

/// Another profile's token, as `tokctl get` would print it.
fn of_profile(ask: &Ask<'_>, key: &str, name: &str) -> Result<Secret> {
    if let Some(token) = env::token_override(name) {
        return Ok(token);
    }
    let config = ask.again.config;
    let other = other(ask.profile, config, key, name)?;
    let again = Again {
        config,
        overrides: &[],
    };
    let ask = Ask {
        profile: &other,
        min_ttl: None,
        force: false,
        insist: false,
        offline: ask.offline,
        stale: None,
        deadline: ask.deadline,
        caller: Caller::Person,
        again,
    };
    token::token(&ask).map(|token| token.text)
}

fn other(profile: &Profile, config: &Config, key: &str, name: &str) -> Result<Profile> {
    let other = Profile::load(config, name)?;
    // One step is enough, and no two profiles wait for each other.
    if other.exchange.takes_from_a_profile() {
        let what = format!("{key}: profile {name:?} exchanges another profile's token itself");
        return Err(profile.error(Kind::Config, what));
    }
    Ok(other)
}
