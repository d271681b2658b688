//! `tokctl refresh`: renews now, so that grants which die of disuse do not.

use super::worst;
use crate::cli::{Global, Refresh};
use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::profile::config::Config;
use crate::profile::{EndpointKind, Profile};
use crate::state::note::Note;
use crate::state::refusals::Refusals;
use crate::token::leave::{self, Grants};
use crate::token::selected::budget;
use crate::token::{self, Ask, Insist};
use crate::ui;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// With less there is no time for an answer.
const LEAST: Duration = Duration::from_secs(1);

/// So many servers are asked at once.
const MOST_AT_ONCE: usize = 32;

/// Renews each, those of one server in turn; the worst failure is the result.
pub fn run(global: &Global, refresh: &Refresh) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let profiles: Vec<Result<Profile>> = if refresh.all {
        Profile::all(&config)?.map(|(_, profile)| profile).collect()
    } else {
        let named = refresh.profiles.iter();
        named.map(|name| Profile::load(&config, name)).collect()
    };
    let mut failures = Vec::new();
    let mut servers: BTreeMap<String, Vec<(usize, Profile)>> = BTreeMap::new();
    for (place, profile) in profiles.into_iter().enumerate() {
        match profile {
            Ok(profile) => {
                let server = servers.entry(server_of(&profile)).or_default();
                server.push((place, profile));
            }
            Err(error) => failures.push((place, error)),
        }
    }
    failures.extend(each_server(servers, |profile, left| {
        renew(&config, profile, refresh, left)
    }));
    failures.sort_by_key(|(place, _)| *place);
    worst(failures.into_iter().map(|(_, error)| error).collect())
}

/// A server's name, and its profiles with their places among all.
type Server = (String, Vec<(usize, Profile)>);

/// Many servers at once: those of one that is down keep nobody waiting but each other.
fn each_server(
    servers: BTreeMap<String, Vec<(usize, Profile)>>,
    renew: impl Fn(&Profile, Duration) -> Result<()> + Sync,
) -> Vec<(usize, Error)> {
    let count = servers.len().min(MOST_AT_ONCE);
    let queue = Mutex::new(servers.into_iter());
    let failures = Mutex::new(Vec::new());
    let next = || lock(&queue).next();
    let work = || {
        while let Some(server) = next() {
            let failed = one_server(&server, &renew);
            lock(&failures).extend(failed);
        }
    };
    thread::scope(|scope| {
        for _ in 1..count {
            // Where no thread can be made the queue is longer, and all the rest goes on.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives each profile what is left of its budget by those before it that the server has not answered:
/// twenty profiles of one that is down must not cost twenty budgets.
fn one_server(
    (server, profiles): &Server,
    renew: impl Fn(&Profile, Duration) -> Result<()>,
) -> Vec<(usize, Error)> {
    let unheard = |error: &Error| error.kind == Kind::Temporary && error.http_status.is_none();
    let mut spent = Duration::ZERO;
    let mut ask = |profile: &Profile| {
        let left = budget(profile, None).saturating_sub(spent);
        if !spent.is_zero() && left < LEAST {
            let what = format!("not asked: {server} has answered none of the profiles before it");
            return Err(profile.error(Kind::Temporary, what).hint("try again later"));
        }
        let deadline = Deadline::after(left);
        let renewed = renew(profile, left);
        if renewed.as_ref().is_err_and(unheard) {
            let took = left.saturating_sub(deadline.left());
            spent += took.max(Duration::from_millis(1));
        }
        renewed
    };
    let failed = |(place, profile): &(usize, Profile)| Some((*place, ask(profile).err()?));
    profiles.iter().filter_map(failed).collect()
}

/// Who is asked for a profile's tokens.
fn server_of(profile: &Profile) -> String {
    let token = profile.server.endpoints.get(EndpointKind::Token);
    let server = token.or(profile.server.issuer.as_ref());
    server.map_or_else(|| profile.name.clone(), |server| server.host().to_owned())
}

fn renew(config: &Config, profile: &Profile, refresh: &Refresh, left: Duration) -> Result<()> {
    let ended = if refresh.all {
        end_kept(profile, left)
    } else {
        Ok(())
    };
    let renewed = renew_own(config, profile, refresh, left);
    renewed.and(ended)
}

/// Tries again to end what a logout could not.
fn end_kept(profile: &Profile, left: Duration) -> Result<()> {
    let Some(left) = leave::again(profile, Grants::Due, Deadline::after(left))? else {
        return Ok(());
    };
    let name = &profile.name;
    if left.revoked {
        ui::notice(&format!("{name}: what a logout had left was revoked"));
    }
    if let Some(why) = left.by_hand {
        ui::say(&format!("{name}: not revoked: {why}"));
    }
    left.kept.map_or(Ok(()), |error| {
        let message = format!(
            "what a logout had left is still not revoked: {}",
            error.message
        );
        Err(Error { message, ..error }.of(name))
    })
}

fn renew_own(config: &Config, profile: &Profile, refresh: &Refresh, left: Duration) -> Result<()> {
    let name = &profile.name;
    let note = Note::load(&env::state_dir()?, name);
    if refresh.all && !note.refreshable {
        ui::step(&format!("{name}: no refresh token is stored"));
        return Ok(());
    }
    let age = note.updated.map(|at| clock::now() - at);
    let wanted = refresh
        .older_than
        .map(|least| Epoch::try_from(least.as_secs()).unwrap_or(Epoch::MAX));
    if let (Some(age), Some(least)) = (age, wanted)
        && (0..least).contains(&age)
    {
        ui::step(&format!("{name}: renewed {} ago", clock::about(age)));
        return Ok(());
    }
    let token = token::kept(&Ask {
        force: true,
        insist: if refresh.all {
            Insist::Again
        } else {
            Insist::FromOlder
        },
        stale: None,
        ..Ask::new(config, profile, Deadline::after(left))
    })?;
    Refusals::forgive(&env::state_dir()?, name);
    let until = token.expires.map_or_else(String::new, |end| {
        format!(", good for {}", clock::about(end - clock::now()))
    });
    ui::notice(&format!("{name}: renewed{until}"));
    Ok(())
}
