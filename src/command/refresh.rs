//! `tokctl refresh`: renews now, so that grants which die of disuse do not.

use super::worst;
use crate::cli::{Global, Refresh};
use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::Result;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::note::Note;
use crate::state::refusals::Refusals;
use crate::token::selected::budget;
use crate::token::{self, Ask};
use crate::ui;

/// Renews each; the worst failure is the result.
pub fn run(global: &Global, refresh: &Refresh) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let renewed = |profile: Result<Profile>| renew(&config, &profile?, refresh);
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

fn renew(config: &Config, profile: &Profile, refresh: &Refresh) -> Result<()> {
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
        ..Ask::new(config, profile, Deadline::after(budget(profile, None)))
    })?;
    Refusals::forgive(&env::state_dir()?, name);
    let until = token.expires.map_or_else(String::new, |end| {
        format!(", good until {}", clock::rfc3339(end))
    });
    ui::notice(&format!("{name}: renewed{until}"));
    Ok(())
}
