//! The hosts that a program is told of, each with the profile that owns it.

use crate::error::{Error, Result};
use crate::helper::owner::account;
use crate::http::Origin;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::ui;

/// A server whose token we have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub origin: Origin,
    /// Where other profiles have it too: the user name that means this one.
    pub user: Option<String>,
}

impl Host {
    /// Host and port, as most programs name a server.
    pub fn authority(&self) -> &str {
        self.origin.authority()
    }

    /// Whether a URL is this server's, as far as it can be read in one way only.
    pub fn owns(&self, url: &str) -> bool {
        Origin::of_url(url).as_ref() == Some(&self.origin)
    }
}

/// The hosts of a profile, or of all.
///
/// # Errors
/// [`Kind::Config`](crate::error::Kind::Config) where there are none, since no program would be
/// given a token then.
pub fn of(config: &Config, profile: Option<&str>) -> Result<Vec<Host>> {
    let Some(name) = profile else {
        return of_all(config);
    };
    let profile = Profile::load(config, name)?;
    let mut hosts = of_one(&profile);
    for host in &mut hosts {
        host.user = user(config, &profile, &host.origin);
    }
    if hosts.is_empty() {
        let what = format!("profile {name:?} has no hosts, so no program would be given its token");
        return Err(Error::config(what).hint(hint(config)));
    }
    Ok(hosts)
}

/// The first of a profile's names that no other profile of the same host has.
fn user(config: &Config, profile: &Profile, origin: &Origin) -> Option<String> {
    let others = Profile::all(config)
        .ok()?
        .filter_map(|(_, other)| other.ok());
    let taken: Vec<String> = others
        .filter(|other| other.name != profile.name && other.hosts.origins.contains(origin))
        .flat_map(|other| names(&other))
        .collect();
    let is_free = |name: &String| !taken.contains(name);
    names(profile)
        .into_iter()
        .find(|name| !taken.is_empty() && is_free(name))
}

/// By what git's user name means a profile.
fn names(profile: &Profile) -> Vec<String> {
    let given = [profile.hosts.username.clone(), account(profile)];
    let given = given.into_iter().flatten();
    given.chain([profile.name.clone()]).collect()
}

fn of_all(config: &Config) -> Result<Vec<Host>> {
    let mut hosts: Vec<Host> = Vec::new();
    for (_, profile) in Profile::all(config)? {
        match profile {
            Ok(profile) => {
                let more = of_one(&profile);
                hosts.extend(more);
            }
            // The others can be installed nevertheless.
            Err(error) => ui::warn(&format!("left out: {error}")),
        }
    }
    hosts.sort_by(|one, two| one.origin.cmp(&two.origin));
    hosts.dedup();
    if hosts.is_empty() {
        let what = "no profile has hosts, so no program would be given a token";
        return Err(Error::config(what).hint(hint(config)));
    }
    Ok(hosts)
}

fn of_one(profile: &Profile) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for origin in &profile.hosts.origins {
        let host = Host {
            origin: origin.clone(),
            user: None,
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn hint(config: &Config) -> String {
    let file = config
        .path()
        .map_or_else(String::new, |path| format!(" in {}", path.display()));
    format!("name the servers that may have it{file}: hosts = [\"https://git.corp.example\"]")
}
