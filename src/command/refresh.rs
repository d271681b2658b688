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
use crate::token::selected::budget;
use crate::token::{self, Ask};
use crate::ui;
use std::collections::BTreeMap;
use std::time::Duration;

/// With less there is no time for an answer.
const LEAST: Duration = Duration::from_secs(1);

/// Renews each; the worst failure is the result.
pub fn run(global: &Global, refresh: &Refresh) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let mut servers = Servers::default();
    let mut renewed = |profile: Result<Profile>| {
        let profile = profile?;
        servers.ask(&profile, |left| renew(&config, &profile, refresh, left))
    };
    let failures = if refresh.all {
        let all = Profile::all(&config)?;
        all.filter_map(|(_, profile)| renewed(profile).err())
            .collect()
    } else {
        let named = refresh.profiles.iter();
        named
            .filter_map(|name| renewed(Profile::load(&config, name)).err())
            .collect()
    };
    worst(failures)
}

/// The servers that have not answered, and the time that was spent on each: twenty profiles of one that is
/// down must not keep those of the others waiting for twenty budgets.
#[derive(Default)]
struct Servers(BTreeMap<String, Duration>);

impl Servers {
    /// Gives a profile what is left of its budget by those before it that its server has not answered.
    fn ask(&mut self, profile: &Profile, renew: impl FnOnce(Duration) -> Result<()>) -> Result<()> {
        let server = server_of(profile);
        let spent = self.0.get(&server).copied().unwrap_or_default();
        let left = budget(profile, None).saturating_sub(spent);
        if !spent.is_zero() && left < LEAST {
            let what = format!("not asked: {server} has answered none of the profiles before it");
            return Err(profile.error(Kind::Temporary, what).hint("try again later"));
        }
        let started = Deadline::after(left);
        let renewed = renew(left);
        let unheard = |error: &Error| error.kind == Kind::Temporary && error.http_status.is_none();
        if renewed.as_ref().is_err_and(unheard) {
            let spent = spent + left.saturating_sub(started.left());
            self.0.insert(server, spent.max(Duration::from_millis(1)));
        }
        renewed
    }
}

/// Who is asked for a profile's tokens.
fn server_of(profile: &Profile) -> String {
    let token = profile.server.endpoints.get(EndpointKind::Token);
    let server = token.or(profile.server.issuer.as_ref());
    server.map_or_else(|| profile.name.clone(), |server| server.host().to_owned())
}

fn renew(config: &Config, profile: &Profile, refresh: &Refresh, left: Duration) -> Result<()> {
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
        ui::step(&format!("{name}: renewed {} ago", clock::words(age)));
        return Ok(());
    }
    let token = token::kept(&Ask {
        force: true,
        insist: true,
        stale: None,
        ..Ask::new(config, profile, Deadline::after(left))
    })?;
    Refusals::forgive(&env::state_dir()?, name);
    let until = token.expires.map_or_else(String::new, |end| {
        format!(", good until {}", clock::rfc3339(end))
    });
    ui::notice(&format!("{name}: renewed{until}"));
    Ok(())
}
