//! Whose a host is: the profile that a program's request is about.

use super::{Core, Mode, registry};
use crate::env;
use crate::error::{Error, Result};
use crate::http::Origin;
use crate::profile::config::Config;
use crate::profile::{Profile, preset};
use crate::state::note::Note;

impl Core<'_> {
    /// The profile that owns an origin: the named one if it does, else the one that does; of several the
    /// one that the request's user name means. `None` where nobody does.
    pub fn owner(&self, origin: &Origin) -> Result<Option<Profile>> {
        if let Some(name) = self.profile {
            let profile = Profile::load(self.config, name)?;
            return Ok(Some(profile).filter(|profile| self.mode.is_of(profile, origin)));
        }
        if !may_be_ours(self.config, self.mode, origin) {
            return Ok(None);
        }
        let mut owners = Vec::new();
        let mut broken = None;
        for (name, profile) in Profile::all(self.config)? {
            match profile {
                Ok(profile) if self.mode.is_of(&profile, origin) => owners.push(profile),
                // It may be the one that is meant.
                Err(error) if mentions(self.config, &name, origin.host()) => broken = Some(error),
                Ok(_) | Err(_) => {}
            }
        }
        match (owners.len(), broken) {
            (0, Some(error)) => Err(error),
            (0 | 1, _) => Ok(owners.pop()),
            _ => self.of_several(&owners, origin).map(Some),
        }
    }

    /// The one of several owners that the request's user name means.
    fn of_several(&self, owners: &[Profile], origin: &Origin) -> Result<Profile> {
        let tests: [fn(&Profile, &str) -> bool; 3] = [
            |profile, user| profile.hosts.username.as_deref() == Some(user),
            |profile, user| account(profile).as_deref() == Some(user),
            |profile, user| profile.name == user,
        ];
        for test in tests {
            let Some(user) = self.username else { break };
            let mut meant = owners.iter().filter(|profile| test(profile, user));
            if let (Some(only), None) = (meant.next(), meant.next()) {
                return Ok(only.clone());
            }
        }
        let names: Vec<String> = owners
            .iter()
            .map(|profile| format!("{:?}", profile.name))
            .collect();
        let what = format!(
            "profiles {} both claim {origin} in hosts",
            names.join(" and ")
        );
        let what = if names.len() > 2 {
            what.replace(" both claim", " all claim")
        } else {
            what
        };
        let hint = if self.mode == Mode::Git {
            let first = owners.first().map_or("", |profile| &profile.name);
            format!(
                "let one of them have it, name the profile, or put one of the names before the host: {}://{first}@{}",
                origin.scheme(),
                origin.authority()
            )
        } else {
            "let one of them have it, or name the profile".to_owned()
        };
        Err(Error::config(what).hint(hint))
    }
}

impl Mode {
    /// Whether a profile owns an origin, by all the names that the program knows it by.
    pub fn is_of(self, profile: &Profile, origin: &Origin) -> bool {
        profile.hosts.origins.contains(origin)
            || (self == Self::Docker
                && registry::is_hub(origin)
                && profile.hosts.origins.iter().any(registry::is_hub))
    }
}

/// The account that a profile's login is of, where the server said it.
pub fn account(profile: &Profile) -> Option<String> {
    Note::load(&env::state_dir().ok()?, &profile.name).account
}

/// Whether any profile can own an origin, as far as the text of the file shows: one of a thousand profiles
/// is parsed only where one of them can be meant.
fn may_be_ours(config: &Config, mode: Mode, origin: &Origin) -> bool {
    let host = origin.host();
    // Written in other letters, or put together from variables.
    let is_hidden = host.contains("xn--") || config.mentions("vars") || config.mentions("\\u");
    let is_hub = mode == Mode::Docker && registry::is_hub(origin);
    is_hidden || is_hub || config.mentions(host) || preset::mentions(host)
}

/// Whether a profile that cannot be read may own a host.
fn mentions(config: &Config, name: &str, host: &str) -> bool {
    let text = config.excerpt(name).1.to_lowercase();
    text.contains(host)
}
