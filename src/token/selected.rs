//! A profile as a caller has selected it: from the configuration, with what the call sets over it, and the token of
//! the environment that goes before everything that is kept.

use crate::clock;
use crate::env;
use crate::error::{Error, Result};
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind, split_scope};
use crate::state::record::Token;
use std::borrow::Borrow;
use std::time::Duration;

/// The time for a token of this profile, `set` being what the call sets.
pub fn budget(profile: &Profile, set: Option<Duration>) -> Duration {
    set.or(profile.timeout).unwrap_or(clock::budget::TOKEN)
}

/// What a call sets over a profile.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub kind: Option<TokenKind>,
    pub scope: Vec<String>,
    /// An empty one takes the profile's away.
    pub audience: Option<String>,
    pub resource: Vec<String>,
}

impl Wanted {
    /// The profile of that name with this over it.
    pub fn select(&self, config: &Config, name: &str) -> Result<Profile> {
        Ok(self.over(Profile::load(config, name)?))
    }

    /// The same of a profile that has been loaded.
    pub fn over(&self, mut profile: Profile) -> Profile {
        if self.is_nothing() {
            return profile;
        }
        profile.own_variant = Some(profile.variant());
        if let Some(kind) = self.kind {
            profile.request.kind = kind;
        }
        if !self.scope.is_empty() {
            profile.request.scope = split_scope(&self.scope);
            profile.quirks.scope_on_refresh = true;
        }
        let is_set = |text: &String| !text.is_empty();
        if let Some(audience) = &self.audience {
            profile.request.audience = Some(audience.clone()).filter(is_set);
        }
        if !self.resource.is_empty() {
            let set = self.resource.iter().filter(|uri| is_set(uri));
            profile.request.resource = set.cloned().collect();
        }
        profile
    }

    fn is_nothing(&self) -> bool {
        self.kind.is_none()
            && self.scope.is_empty()
            && self.audience.is_none()
            && self.resource.is_empty()
    }
}

/// The token that `TOKCTL_TOKEN_<PROFILE>` sets for a profile, which goes over everything else. Where another profile
/// has the same variable, as far as a `configuration` can be had, it is nobody's.
pub fn from_environment<C: Borrow<Config>>(
    profile: &str,
    configuration: impl FnOnce() -> Option<C>,
) -> Result<Option<Token>> {
    let Some(text) = env::token_override(profile) else {
        return Ok(None);
    };
    if let Some(config) = configuration() {
        let variable = env::token_variable(profile);
        let remedy = format!("run: unset {variable}");
        config.borrow().alone_with(&variable, profile, &remedy)?;
    }
    if !text.is_token_text() {
        let what = format!(
            "{} holds characters that no token may have",
            env::token_variable(profile)
        );
        return Err(Error::config(what));
    }
    Ok(Some(Token::bare(text, clock::now())))
}
