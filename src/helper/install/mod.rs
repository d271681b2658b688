//! A program is made to ask us: by a link, or by a line in the user's own file.
//!
//! Each program's file makes a [`Plan`] of its changes, which is shown and carried out here. What
//! others have written stays; what is undone is what carries our name, and nothing beside it.

mod bazel;
mod cargo;
mod change;
mod docker;
mod git;
mod go;
mod hosts;
mod kubectl;
mod own_program;
mod terraform;
mod text;
mod tool;

use super::Mode;
use crate::error::{Error, Result};
use crate::profile::config::Config;
use crate::ui;
use change::Change;
use hosts::Host;
use own_program::OwnProgram;

/// What is asked for.
pub struct Request<'a> {
    pub mode: Mode,
    /// The profile that the program is to name.
    pub profile: Option<&'a str>,
    /// Whether the changes are only to be shown.
    pub dry_run: bool,
}

/// What is to be changed, and what a person should know about it.
#[derive(Default)]
struct Plan {
    changes: Vec<Change>,
    /// What is not as it should be, though it is not ours to change.
    warnings: Vec<String>,
    /// What is left for the person to do.
    advice: Vec<String>,
    /// Whose lines give way: a profile, and where.
    taken: Vec<String>,
}

/// What every program's file is told.
struct Job<'a> {
    own: OwnProgram,
    profile: Option<&'a str>,
    /// Whose token is given to whom; none when something is taken back.
    hosts: Vec<Host>,
}

impl Job<'_> {
    /// Whether a profile that a line names would give way to the one of this job. Without one, whoever owns the
    /// host has it as before.
    fn is_another(&self, named: &str) -> bool {
        self.profile.is_some_and(|own| own != named)
    }
}

/// Makes sure that [`install`] would do what it is to do.
pub fn check(request: &Request<'_>, config: &Config) -> Result<()> {
    let plan = plan(request, config)?;
    if ui::can_ask() {
        return Ok(());
    }
    // Whom it would ask is not there.
    plan.may_take()
}

/// Makes the program ask us for the hosts of the profile, or of every profile.
pub fn install(request: &Request<'_>, config: &Config) -> Result<()> {
    let whose = request.profile.map_or_else(
        || "the profile that has the host".to_owned(),
        |name| format!("profile {name:?}"),
    );
    let name = request.mode.name();
    let asks = format!("{name} asks tokctl for the token of {whose}");
    plan(request, config)?.carry_out(request.dry_run, &asks)
}

fn plan(request: &Request<'_>, config: &Config) -> Result<Plan> {
    let mode = request.mode;
    if request.profile.is_none() && matches!(mode, Mode::Kubectl | Mode::Go) {
        let what = format!(
            "{} names no host to its helper, so a profile is needed",
            mode.name()
        );
        return Err(Error::usage(what).hint(format!(
            "run: tokctl helper install {} PROFILE",
            mode.name()
        )));
    }
    let job = Job {
        own: OwnProgram::find()?,
        profile: request.profile,
        hosts: hosts::of(config, request.profile)?,
    };
    match mode {
        Mode::Git => git::install(&job),
        Mode::Docker => docker::install(&job),
        Mode::Cargo => cargo::install(&job),
        Mode::Kubectl => kubectl::install(&job),
        Mode::Go => go::install(&job),
        Mode::Bazel => bazel::install(&job),
        Mode::Terraform => terraform::install(&job),
    }
}

/// By which words the programs start us, as their own files have it.
pub fn starts(mode: Mode) -> Vec<String> {
    match mode {
        Mode::Bazel => bazel::starts(),
        Mode::Cargo => cargo::starts(),
        Mode::Kubectl => kubectl::starts(),
        Mode::Terraform => terraform::starts(),
        // Their files are read by `git_config`, `goauth` and `registry`.
        Mode::Docker | Mode::Git | Mode::Go => Vec::new(),
    }
}

/// Whether the program's own file, or a link, names the profile.
pub fn names(request: &Request<'_>) -> Result<bool> {
    removal(request).map(|plan| !plan.changes.is_empty())
}

/// Takes back what [`install`] has done for the same program and profile. The profile may be gone.
pub fn remove(request: &Request<'_>) -> Result<()> {
    let plan = removal(request)?;
    let of_profile = request.profile.map_or_else(
        || " without a profile's name".to_owned(),
        |name| format!(" for profile {name:?}"),
    );
    let gone = format!("{} does not ask tokctl{of_profile}", request.mode.name());
    plan.carry_out(request.dry_run, &gone)
}

fn removal(request: &Request<'_>) -> Result<Plan> {
    let job = Job {
        own: OwnProgram::find()?,
        profile: request.profile,
        hosts: Vec::new(),
    };
    match request.mode {
        Mode::Git => git::remove(&job),
        Mode::Docker => docker::remove(&job),
        Mode::Cargo => cargo::remove(&job),
        Mode::Kubectl => kubectl::remove(&job),
        Mode::Go => go::remove(&job),
        Mode::Bazel => bazel::remove(&job),
        Mode::Terraform => terraform::remove(&job),
    }
}

impl Plan {
    /// Shows every change and makes it; says at the end how things are.
    fn carry_out(self, dry_run: bool, outcome: &str) -> Result<()> {
        self.changes.iter().for_each(Change::show);
        if !dry_run {
            self.may_take()?;
            self.changes.iter().try_for_each(Change::make)?;
        }
        self.warnings.iter().for_each(|warning| ui::warn(warning));
        match (self.changes.is_empty(), dry_run) {
            (true, _) => ui::notice(&format!("nothing to do: {outcome}")),
            (false, true) => ui::notice("nothing is changed: this was a dry run"),
            (false, false) => ui::notice(&format!("done: {outcome}")),
        }
        self.advice.iter().for_each(|advice| ui::notice(advice));
        Ok(())
    }
}

impl Plan {
    /// Asks before the lines of another profile go.
    fn may_take(&self) -> Result<()> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let whose = self.taken.join(", ");
        if !ui::can_ask() {
            let what = format!("this takes the place of another profile: {whose}");
            let hint =
                "take that back first with --remove, or run this on a terminal, where it asks";
            return Err(Error::config(what).hint(hint));
        }
        let question = format!("take the place of another profile ({whose})? [y/N]: ");
        let answer = ui::ask(&question)?.unwrap_or_default();
        if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Ok(());
        }
        Err(Error::usage("nothing is changed"))
    }
}

/// What is in our place already, and is not ours to change.
fn taken(what: &str, remedy: &str) -> Error {
    Error::config(what.to_owned()).hint(remedy.to_owned())
}
