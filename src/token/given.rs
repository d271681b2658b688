//! What a token exchange is given: a token from a source, or another profile's.

use crate::clock::Deadline;
use crate::env;
use crate::error::{Kind, Result};
use crate::oauth::Given;
use crate::profile::config::Config;
use crate::profile::{Grant, Profile, SecretSource, TokenSource};
use crate::secret::Secret;

/// The tokens that the profile exchanges, those of other profiles as `of_profile` gets them by the key and the name;
/// nothing for another grant.
pub fn find(
    profile: &Profile,
    deadline: Deadline,
    of_profile: impl Fn(&str, &str) -> Result<Secret>,
) -> Result<Option<Given>> {
    if profile.grant != Grant::TokenExchange {
        return Ok(None);
    }
    let token = |key: &str, source: &TokenSource| match source {
        TokenSource::Secret(source) => from(profile, key, source, deadline),
        TokenSource::Profile(name) => {
            let token = of_profile(key, name)?;
            usable(profile, key, &format!("profile {name:?}"), Some(token))
        }
    };
    let actor = profile.exchange.actor.as_ref();
    Ok(Some(Given {
        subject: token("subject_token", subject(profile)?)?,
        actor: actor.map(|actor| token("actor_token", actor)).transpose()?,
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

/// The profile that a source names.
pub fn other(profile: &Profile, config: &Config, key: &str, name: &str) -> Result<Profile> {
    let other = Profile::load(config, name)?;
    // One step is enough, and no two profiles wait for each other.
    if other.exchange.takes_from_a_profile() {
        let what = format!("{key}: profile {name:?} exchanges another profile's token itself");
        return Err(profile.error(Kind::Config, what));
    }
    Ok(other)
}
