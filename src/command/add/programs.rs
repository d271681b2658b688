//! Programs that are made to ask for the new profile's token by the same command.

use super::answers;
use super::draft::Draft;
use crate::cli::{Add, Global, Install, Program};
use crate::command::install;
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::helper;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::ui;

/// Makes sure that each program can be made to ask, before anything is written.
pub fn check(add: &Add, profile: &Profile, config: &Config) -> Result<()> {
    if !add.install.is_empty() && profile.hosts.origins.is_empty() {
        let what = "--host is missing: without a server no program is given the token";
        return Err(profile.error(Kind::Usage, what));
    }
    add.install
        .iter()
        .try_for_each(|program| helper::install::check(&request(*program, &profile.name), config))
}

/// Shows what would be added and changed.
pub fn show(add: &Add, draft: &Draft, config: &Config) -> Result<()> {
    if let Some(path) = config.path() {
        ui::notice(&format!("{}:", path.display()));
    }
    ui::notice(&format!("  + [profile.{}]", draft.name));
    for (key, value) in draft.keys() {
        ui::notice(&format!("  + {key} = {}", value.to_string().trim()));
    }
    if add.install.is_empty() {
        ui::notice("nothing is changed: this was a dry run");
    }
    add.install
        .iter()
        .try_for_each(|program| helper::install::install(&request(*program, &draft.name), config))
}

fn request(program: Program, name: &str) -> helper::install::Request<'_> {
    helper::install::Request {
        mode: program,
        profile: Some(name),
        dry_run: true,
    }
}

/// The programs of the command line; a person who has named a server and no program is asked.
pub fn wanted(add: &Add, draft: &Draft) -> Result<Vec<Program>> {
    let is_open = add.install.is_empty() && !draft.hosts.is_empty();
    if !is_open || !ui::can_ask() || env::program("git").is_none() {
        return Ok(add.install.clone());
    }
    let question = format!(
        "let git ask for the token of {}? [y/N]: ",
        draft.hosts.join(" and ")
    );
    Ok(if answers::yes(&question, false)? {
        vec![Program::Git]
    } else {
        Vec::new()
    })
}

/// Makes them ask. The profile is there already, whatever comes of this.
pub fn install(global: &Global, programs: &[Program], name: &str) -> Result<()> {
    programs
        .iter()
        .try_for_each(|program| install::run(global, &call(*program, name, false, false)))
}

/// Takes that back; the profile stays.
pub fn remove(global: &Global, add: &Add) -> Result<()> {
    let name = add.name.as_deref().unwrap_or_default();
    if name.is_empty() || add.install.is_empty() {
        let what = "--remove takes back what --install has done, for the profile NAME";
        return Err(Error::usage(what).hint("run: tokctl add NAME --install PROGRAM --remove"));
    }
    add.install
        .iter()
        .try_for_each(|program| install::run(global, &call(*program, name, true, add.dry_run)))?;
    ui::notice(&format!("the profile {name} itself stays as it is"));
    Ok(())
}

fn call(program: Program, name: &str, remove: bool, dry_run: bool) -> Install {
    Install {
        program,
        profile: Some(name.to_owned()),
        remove,
        dry_run,
    }
}
