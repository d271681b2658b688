//! `tokctl logout`: revokes at the server, and erases what is stored here.

use super::turn::Turn;
use super::worst;
use crate::cli::{Global, Logout};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Result, shell_word};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::journal::Journal;
use crate::state::lock::Purpose;
use crate::state::note::Note;
use crate::state::storage::{Cache, Storage};
use crate::token::leave::{self, Left};
use crate::token::strangers;
use crate::ui;
use std::path::Path;

/// Erases one profile's tokens, or every one's; the worst failure is the result.
pub fn run(global: &Global, logout: &Logout) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let revoke = !logout.no_revoke;
    let one = |profile: Result<Profile>| profile.and_then(|profile| log_out(&profile, revoke));
    let failures: Vec<Error> = match &logout.profile {
        Some(name) => one(Profile::load(&config, name))
            .err()
            .into_iter()
            .collect(),
        None => Profile::all(&config)?
            .filter_map(|(_, profile)| one(profile).err())
            .chain(all_strangers(global, revoke)?)
            .collect(),
    };
    worst(failures)
}

/// Ends what is kept for names that are in the file no more; what has failed.
fn all_strangers(global: &Global, revoke: bool) -> Result<Vec<Error>> {
    let state = env::state_dir()?;
    if Journal::find(&state).is_some() {
        let turn = Turn::take(global)?;
        strangers::settle(&turn.config, &state, Deadline::after(budget::LOGOUT))?;
    }
    let config = Config::load(global.config.as_deref())?;
    let all = strangers::of(&config, &state)?.into_iter();
    let end = |note: Note| stranger(&config, &note.profile, revoke).err();
    Ok(all.filter_map(end).collect())
}

/// Ends what is kept for one of them.
pub fn stranger(config: &Config, name: &str, revoke: bool) -> Result<()> {
    let left = strangers::end(config, name, revoke)?;
    let who = format!("{name} (no profile any more)");
    if let Some(error) = left.kept {
        let message = format!("{who}: not revoked at the server: {}", error.message);
        return Err(Error {
            profile: None,
            message,
            ..error
        });
    }
    tell(&who, &left, "erased here");
    Ok(())
}

/// Says what has become of all that was left; of grants that nobody had to end, that there was `nothing`.
fn tell(who: &str, left: &Left, nothing: &str) {
    match &left.by_hand {
        Some(why) => ui::say(&format!(
            "{who}: erased here; not revoked at the server: {why}"
        )),
        None if left.revoked => {
            ui::notice(&format!("{who}: revoked at the server, and erased here"));
        }
        None => ui::notice(&format!("{who}: {nothing}")),
    }
}

fn log_out(profile: &Profile, revoke: bool) -> Result<()> {
    let name = &profile.name;
    let state = env::state_dir()?;
    let deadline = Deadline::after(budget::LOGOUT);
    // A renewal in flight would write back what is erased here: its end is waited for.
    let _turn = super::name::turn(&state, name, Purpose::Renewal, budget::LOGOUT)?;
    let opened = Storage::open_to_erase(profile, deadline);
    let mut storage = opened.inspect_err(|_| forget_cached(profile, &state))?;
    let done = if revoke {
        revoked(profile, &mut storage)
    } else {
        erased(profile, &mut storage)
    };
    if env::token_override(name).is_some() {
        ui::warn(&format!(
            "{} is still set and is used first: unset it",
            env::token_variable(name)
        ));
    }
    done
}

/// Erases what is here, and leaves the grant at the server as it is.
fn erased(profile: &Profile, storage: &mut Storage) -> Result<()> {
    let record = storage.record(profile).ok().flatten();
    let what = if storage.erase(profile, record.as_ref())? {
        "erased here; not revoked at the server"
    } else {
        "nothing was stored"
    };
    ui::notice(&format!("{}: {what}", profile.name));
    Ok(())
}

/// Ends at the server what is here. What cannot be ended now is kept, and is said also to who wants to hear nothing.
fn revoked(profile: &Profile, storage: &mut Storage) -> Result<()> {
    let name = &profile.name;
    let record = match storage.record(profile) {
        Ok(Some(record)) => record,
        Ok(None) => return erased(profile, storage),
        Err(error) => {
            forget_cached(profile, &storage.state);
            let erase = format!(
                "to erase it unseen, run: tokctl logout {} --no-revoke",
                shell_word(name)
            );
            let hint = match &error.hint {
                Some(hint) => format!("{hint}; {erase}"),
                None => erase,
            };
            return Err(Error {
                hint: Some(hint),
                ..error
            });
        }
    };
    let left = leave::all(profile, storage, record)?;
    if let Some(error) = left.kept {
        return Err(Error {
            message: format!(
                "logged out here, and not revoked at the server: {}",
                error.message
            ),
            ..error
        }
        .of(name)
        .hint(leave::kept_hint(name)));
    }
    tell(name, &left, "erased here; its tokens had ended");
    Ok(())
}

/// Also where the store cannot be used, no token in front of it is found any more.
fn forget_cached(profile: &Profile, state: &Path) {
    let mut note = Note::load(state, &profile.name);
    Cache::of(profile, state, &note).forget();
    note.begin_epoch();
    if let Err(cause) = note.save(state) {
        ui::step(&format!("the profile's note cannot be written: {cause}"));
    }
}
