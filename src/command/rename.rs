//! `tokctl rename`: a profile gets another name, and what is kept for it goes with it.

use super::name::{self, Becomes};
use super::turn::Turn;
use crate::cli::{Global, Rename};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::profile::config::{Config, NAMES, is_name};
use crate::profile::edit::{self, Refused};
use crate::profile::{Profile, preset};
use crate::state::journal::{self, Journal};
use crate::state::moving;
use crate::state::note::Note;
use crate::token::strangers;
use crate::ui;
use std::path::{Path, PathBuf};

/// Renames the profile in the file and in all that is kept.
pub fn run(global: &Global, rename: &Rename) -> Result<()> {
    let (old, new) = (&rename.old, &rename.new);
    let turn = Turn::take(global)?;
    let state = env::state_dir()?;
    let deadline = Deadline::after(budget::UNLOCKING);
    strangers::settle(&turn.config, &state, deadline)?;
    let profile = check(&turn.config, (old, new))?;
    let text = edited(&turn.config, &profile, new)?;
    let _turns = [name::hold(&state, old)?, name::hold(&state, new)?];
    is_free(&state, new)?;
    let journal = Journal {
        from: old.clone(),
        to: Some(new.clone()),
        config: turn.path().to_owned(),
    };
    journal.begin(&state)?;
    let moved = moving::copy(&profile, new, deadline)
        .and_then(|()| turn.write(&text, "nothing is renamed"));
    // Back, or forward: as the file has it now.
    journal::settle_in_turn(&profile, &state, deadline)?;
    moved?;
    ui::notice(&format!("renamed profile {old} to {new}"));
    name::tell_variables(&profile, Becomes::Name(new));
    name::mend_programs(global, old, Some(new));
    Ok(())
}

fn check(config: &Config, (old, new): (&str, &str)) -> Result<Profile> {
    let names = config.names()?;
    if !names.iter().any(|name| name == old) {
        return Err(config.no_such_profile(old));
    }
    if names.iter().any(|name| name == new) {
        return Err(taken(new));
    }
    if !is_name(new) {
        return Err(Error::usage(NAMES));
    }
    Profile::load(config, old)
}

fn taken(new: &str) -> Error {
    Error::usage(format!("there is a profile {new:?} already")).hint("choose another name")
}

/// The file's text with the new name, under which the profile is the same.
fn edited(config: &Config, profile: &Profile, new: &str) -> Result<String> {
    let old = &profile.name;
    let text = config.whole()?;
    let own = edit::value_of(text, old, &["preset"]).ok().flatten();
    let by_name = |name: &str| own.is_none() && preset::names().any(|known| known == name);
    if by_name(new) {
        let what = format!("{new:?} is the name of a preset, which the profile would start from");
        return Err(Error::usage(what).hint("choose another name"));
    }
    let preset = by_name(old).then_some(old.as_str());
    let text = edit::renamed(text, (old, new), preset).map_err(|refused| match refused {
        Refused::Exists => taken(new),
        Refused::Unreadable(why) => Error::config(why),
    })?;
    let after = Config::from_excerpt(config.path().map(PathBuf::from), text.clone());
    let same = |renamed: Profile| renamed.binding() == profile.binding();
    let why = match Profile::load(&after, new).map(same) {
        Ok(true) => return Ok(text),
        Ok(false) => "it would be another client or server".to_owned(),
        Err(error) => error.message,
    };
    let (old, part) = (env::variable_part(old), env::variable_part(new));
    let what = format!("under the name {new:?} it cannot be used: {why}");
    Err(profile.error(Kind::Config, what).hint(format!(
        "where {old}_CLIENT_ID or {old}_CLIENT_SECRET is set, set {part}_CLIENT_ID or {part}_CLIENT_SECRET before"
    )))
}

/// Nothing of another profile's is in the way.
fn is_free(state: &Path, new: &str) -> Result<()> {
    if !Note::load(state, new).has_something() {
        return Ok(());
    }
    let what = format!("something is kept for {new:?}, which is no profile of the file any more");
    Err(Error::usage(what).hint(format!(
        "to end and erase it, run: tokctl remove {}",
        shell_word(new)
    )))
}
