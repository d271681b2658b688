//! `tokctl remove`: a profile goes, with its grant at the server and all that is kept for it here.

use super::logout;
use super::name::{self, Becomes};
use super::turn::Turn;
use crate::cli::{Global, Remove};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Result, shell_word};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::profile::edit::{self, Refused};
use crate::state::journal::{self, Journal};
use crate::state::storage::Storage;
use crate::token::{leave, strangers};
use crate::ui;
use std::path::Path;

/// Ends the grant, takes the table out of the file, and erases what is kept. What the server has not ended keeps the
/// profile where it is.
pub fn run(global: &Global, remove: &Remove) -> Result<()> {
    let name = &remove.name;
    let turn = Turn::take(global)?;
    let state = env::state_dir()?;
    let deadline = Deadline::after(budget::UNLOCKING);
    let was_under_way = Journal::find(&state).is_some_and(|journal| journal.has(name));
    strangers::settle(&turn.config, &state, deadline)?;
    if !turn.config.names()?.contains(name) {
        if was_under_way {
            ui::notice(&format!("removed profile {name}"));
            return Ok(());
        }
        return stranger(&turn.config, &state, remove);
    }
    let profile = Profile::load(&turn.config, name)?;
    let _turns = name::hold(&state, name)?;
    end(&profile, remove, deadline)?;
    let unreadable = |refused| match refused {
        Refused::Unreadable(why) => Error::config(why),
        Refused::Exists => Error::config("it is there twice"),
    };
    let text = turn.config.whole()?;
    let naming = edit::naming(text, name).map_err(unreadable)?;
    let text = edit::without_profile(text, name).map_err(unreadable)?;
    let journal = Journal {
        from: name.clone(),
        to: None,
        config: turn.path().to_owned(),
    };
    journal.begin(&state)?;
    let written = turn.write(&text, "the profile stays");
    journal::settle_in_turn(&profile, &state, deadline)?;
    written?;
    ui::notice(&format!("removed profile {name}"));
    name::tell_profiles(&naming, name);
    name::tell_variables(&profile, Becomes::Nothing);
    name::mend_programs(global, name, None);
    Ok(())
}

/// Ends the profile's grants at the server, or says why it stays.
fn end(profile: &Profile, remove: &Remove, deadline: Deadline) -> Result<()> {
    let name = &profile.name;
    let mut storage = Storage::open_to_erase(profile, deadline)?;
    if remove.no_revoke {
        let record = storage.record(profile).ok().flatten();
        return storage.erase(profile, record.as_ref()).map(drop);
    }
    let Some(record) = storage.record(profile)? else {
        return Ok(());
    };
    let left = leave::all(profile, &mut storage, record)?;
    if let Some(error) = left.kept {
        let word = shell_word(name);
        let message = format!(
            "logged out here, and not revoked at the server: {}; the profile stays, with what is to be revoked sealed in \
             its store",
            error.message
        );
        return Err(Error { message, ..error }.of(name).hint(format!(
            "try again later with: tokctl remove {word}; to leave the grant alive, run: tokctl remove {word} --no-revoke"
        )));
    }
    if let Some(why) = left.by_hand {
        ui::say(&format!("{name}: not revoked at the server: {why}"));
    } else if left.revoked {
        ui::notice(&format!("{name}: revoked at the server"));
    }
    Ok(())
}

/// What is kept for a name that is in the file no more.
fn stranger(config: &Config, state: &Path, remove: &Remove) -> Result<()> {
    let name = &remove.name;
    let all = strangers::of(config, state)?;
    if !all.iter().any(|note| note.profile == *name) {
        return Err(config.no_such_profile(name));
    }
    logout::stranger(config, name, !remove.no_revoke)
}
