//! What else says a profile's name, where that changes or goes: programs that ask for its token, variables, other
//! profiles.

use crate::cli::{Global, Program};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, about, io_cause, shell_word};
use crate::helper::install::{self, Request};
use crate::profile::config::Config;
use crate::profile::{Profile, SecretSource};
use crate::state::lock::{Lock, Purpose, Taken};
use crate::ui;
use clap::ValueEnum;
use std::path::Path;
use std::time::Duration;

/// What becomes of a name.
#[derive(Clone, Copy)]
pub enum Becomes<'a> {
    Name(&'a str),
    Nothing,
}

/// Both locks of a profile: no login is under way, and nobody renews.
pub fn hold(state: &Path, name: &str) -> Result<[Taken<()>; 2]> {
    Ok([
        turn(state, name, Purpose::Login, Duration::ZERO)?,
        turn(state, name, Purpose::Renewal, budget::LOGOUT)?,
    ])
}

/// One lock of a profile, waited for as long as the limit lets.
pub fn turn(state: &Path, name: &str, purpose: Purpose, limit: Duration) -> Result<Taken<()>> {
    let taken = Lock::take(state, name, purpose, Deadline::after(limit));
    let taken = taken.map_err(|cause| {
        let what = format!("no lock below {}: {}", state.display(), io_cause(&cause));
        Error::about(name, Kind::StoreUnavailable, what)
    })?;
    if matches!(taken, Taken::TimedOut) {
        let what = "another tokctl is busy with it";
        let error = Error::about(name, Kind::Temporary, what);
        return Err(error.hint("try again when it has ended"));
    }
    Ok(taken)
}

/// Says which variables have the name in theirs.
pub fn tell_variables(profile: &Profile, becomes: Becomes<'_>) {
    let name = &profile.name;
    let part = env::variable_part(name);
    let id = format!("{part}_CLIENT_ID");
    let secret = env::usual_secret_variable(name);
    let source = profile.client.secret.as_ref();
    let in_file = matches!(source, Some(SecretSource::EnvFile { name: None, .. }));
    let is_set = |variable: &String| env::var(variable).is_some();
    let mut all: Vec<String> = [id, secret.clone()].into_iter().filter(is_set).collect();
    if in_file && !all.contains(&secret) {
        all.push(secret);
    }
    if env::token_override(name).is_some() {
        all.push(env::token_variable(name));
    }
    for variable in all {
        ui::warn(&match becomes {
            Becomes::Nothing => format!("{variable} is of no use any more: unset it"),
            Becomes::Name(new) => {
                let now = variable.replacen(&part, &env::variable_part(new), 1);
                format!("{variable} is not read any more: call it {now}")
            }
        });
    }
}

/// Says which profiles exchange the token of one that is gone.
pub fn tell_profiles(names: &[String], gone: &str) {
    for name in names {
        let what = format!("its subject_token or actor_token names {gone}, which is gone");
        ui::warn(&about(name, &what));
    }
}

/// Programs that name the profile are made to name the new one, or to ask no more. The profile has its new name, or is
/// gone, whatever comes of this.
pub fn mend_programs(global: &Global, old: &str, new: Option<&str>) {
    for program in Program::value_variants() {
        let program = *program;
        let asks = |profile| Request {
            mode: program,
            profile: Some(profile),
            dry_run: false,
        };
        let mended = match install::names(&asks(old)) {
            // A program that is not here names nobody.
            Err(_) if env::program(program.name()).is_none() => continue,
            Ok(false) => continue,
            Ok(true) => install::remove(&asks(old)).and_then(|()| match new {
                Some(new) => install::install(&asks(new), &Config::load(global.config.as_deref())?),
                None => Ok(()),
            }),
            Err(error) => Err(error),
        };
        if let Err(error) = mended {
            let program = program.name();
            let remedy = match new {
                Some(new) => format!("tokctl helper install {program} {}", shell_word(new)),
                None => format!(
                    "tokctl helper install {program} {} --remove",
                    shell_word(old)
                ),
            };
            ui::warn(&format!(
                "{program} may still name {old}: {error}; run: {remedy}"
            ));
        }
    }
}
