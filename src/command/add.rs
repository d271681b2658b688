//! `tokctl add`: a profile is put into the configuration file, tried before it is kept.

mod answers;
mod draft;
mod facts;
mod programs;
mod questions;
mod service;
mod trial;

use super::login;
use super::turn::Turn;
use crate::cli::{Add, Global, Login};
use crate::clock::{Deadline, budget};
use crate::error::{Error, Kind, Result, shell_word};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::profile::edit::{self, Refused};
use crate::secret::Secret;
use crate::state::storage::Storage;
use crate::store::{Backend, Interaction};
use crate::token::credentials;
use crate::ui;
use draft::{Draft, Origin};
use std::path::PathBuf;

/// Adds the profile.
pub fn run(global: &Global, add: &Add) -> Result<()> {
    if add.remove {
        return programs::remove(global, add);
    }
    let config = Config::load_to_change(global.config.as_deref())?;
    let taken = config.names()?;
    let mut draft = Draft::from_flags(add)?;
    if taken.contains(&draft.name) && !add.force {
        return Err(exists(&draft.name));
    }
    let asking = ui::can_ask() && (!draft.has_server() || draft.client_id.is_none());
    if asking {
        questions::ask(&mut draft, &config, add.force)?;
    } else {
        require(&draft)?;
    }
    if add.client_secret_stdin {
        draft.secret = Origin::Given(secret_from_stdin(&draft, &config, add.force)?);
    }
    let profile = checked(&draft, &config, add.force)?;
    needs_secret(&profile, &draft)?;
    let with = with_draft(&draft, &config, add.force)?;
    programs::check(add, &profile, &with)?;
    if add.dry_run {
        return programs::show(add, &draft, &with);
    }
    if !add.no_try {
        try_out(&profile, &draft, asking)?;
    }
    let path = keep(global, &profile, &draft, add.force)?;
    ui::notice(&format!("added profile {} to {path}", profile.name));
    programs::install(global, &programs::wanted(add)?, &profile.name)?;
    finish(global, &profile, asking && !add.no_try)
}

/// Without a person to ask, the flags must say it.
fn require(draft: &Draft) -> Result<()> {
    let missing = match draft {
        Draft { name, .. } if name.is_empty() => "NAME",
        draft if !draft.has_server() => "--preset, --issuer or --token-endpoint",
        Draft {
            client_id: None, ..
        } => "--client-id",
        _ => return Ok(()),
    };
    let hint = "say it, or run this on a terminal, where it asks; for help, run: tokctl add --help";
    let error = Error::usage(format!("{missing} is missing")).hint(hint);
    Err(match draft.name.as_str() {
        "" => error,
        name => error.of(name),
    })
}

/// Client credentials are nothing without a secret, unless the client proves itself otherwise.
fn needs_secret(profile: &Profile, draft: &Draft) -> Result<()> {
    let proved = profile.client.secret.is_some() || draft.client_auth.is_some();
    if !profile.is_repeatable() || proved {
        return Ok(());
    }
    let what = "--client-secret-stdin, --client-secret-env or --client-secret-file is missing";
    Err(profile.error(Kind::Usage, what).hint(
        "client credentials need a client secret; if this client has none, say --client-auth none",
    ))
}

/// The draft as a profile, as if it were in the file.
fn checked(draft: &Draft, config: &Config, replace: bool) -> Result<Profile> {
    draft.profile(&with_draft(draft, config, replace)?)
}

/// The configuration as it would be with the draft in it.
fn with_draft(draft: &Draft, config: &Config, replace: bool) -> Result<Config> {
    let text = edit::with_profile(config.whole()?, &draft.name, &draft.keys(), replace);
    let text = text.map_err(|refused| not_put(draft, config, refused))?;
    Ok(Config::from_excerpt(config.path().map(PathBuf::from), text))
}

fn not_put(draft: &Draft, config: &Config, refused: Refused) -> Error {
    match refused {
        Refused::Exists => exists(&draft.name),
        Refused::Unreadable(why) => {
            let path = config
                .path()
                .map_or_else(String::new, |path| path.display().to_string());
            Error::config(format!("{path}: {why}"))
        }
    }
}

fn exists(name: &str) -> Error {
    Error::usage(format!("there is a profile {name:?} already"))
        .hint("choose another name, or replace it with --force")
}

/// The secret, once it is clear that it can be kept.
fn secret_from_stdin(draft: &Draft, config: &Config, replace: bool) -> Result<Secret> {
    usable_store(&checked(draft, config, replace)?)?;
    let secret = ui::read_secret(&format!("client secret of {}", draft.name))?;
    if secret.is_empty() {
        let what = "the client secret on stdin is empty";
        return Err(Error::about(&draft.name, Kind::Usage, what));
    }
    Ok(secret)
}

/// Makes sure that the profile's store can keep a secret.
fn usable_store(profile: &Profile) -> Result<()> {
    let mut storage = Storage::open(
        profile,
        Deadline::after(budget::UNLOCKING),
        Interaction::Allowed,
    )?;
    if matches!(storage.store.backend(), Backend::None | Backend::Kernel) {
        let what = "there is no keyring here that could keep a client secret";
        return Err(profile
            .error(Kind::StoreUnavailable, what)
            .hint("say --store encrypted-file, or --client-secret-env NAME"));
    }
    storage.store.ready(&credentials::account(&profile.name))
}

/// Tries the profile; one that fails is kept only if the person wants it.
fn try_out(profile: &Profile, draft: &Draft, asking: bool) -> Result<()> {
    let given = match &draft.secret {
        Origin::Given(secret) => Some(secret),
        _ => None,
    };
    let mut error = match trial::run(profile, given) {
        Ok(seen) => {
            ui::notice(&format!("tried: {seen}"));
            return Ok(());
        }
        Err(error) => error,
    };
    if asking {
        ui::error(&error, false);
        if answers::yes("keep the profile all the same? [y/N]: ", false)? {
            return Ok(());
        }
        return Err(Error::new(error.kind, "nothing is added"));
    }
    error.message = format!("{}; nothing is added", error.message);
    if error.hint.is_none() {
        error = error.hint("--no-try adds it without trying it");
    }
    Err(error)
}

/// Stores the secret and writes the file: both or neither. The file's path.
fn keep(global: &Global, profile: &Profile, draft: &Draft, replace: bool) -> Result<String> {
    let turn = Turn::take(global)?;
    let config = &turn.config;
    let text = edit::with_profile(config.whole()?, &draft.name, &draft.keys(), replace)
        .map_err(|refused| not_put(draft, config, refused))?;
    let write = || turn.write(&text, "nothing is added");
    match &draft.secret {
        Origin::Given(secret) => with_secret(profile, secret, write)?,
        _ => write()?,
    }
    Ok(turn.path().display().to_string())
}

/// Stores the secret, and takes it back where the profile cannot be written.
fn with_secret(
    profile: &Profile,
    secret: &Secret,
    write: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut storage = Storage::open(
        profile,
        Deadline::after(budget::UNLOCKING),
        Interaction::Allowed,
    )?;
    let account = credentials::account(&profile.name);
    let before = storage.store.load(&account)?;
    credentials::keep(profile, &mut storage, secret)?;
    let written = write();
    if written.is_err() {
        match before {
            Some(before) => storage.store.save(&account, &before)?,
            None => drop(storage.store.erase(&account)?),
        }
    }
    written
}

/// Says what comes next, and does it where a person is there for it.
fn finish(global: &Global, profile: &Profile, asking: bool) -> Result<()> {
    let name = shell_word(&profile.name);
    let login = ["authorization_code", "device_code"].contains(&profile.grant.name());
    if login && asking && answers::yes("log in now? [Y/n]: ", true)? {
        let args = Login {
            profile: profile.name.clone(),
            device: false,
            paste: false,
            no_browser: false,
            timeout: None,
            scope: Vec::new(),
        };
        // It says itself how the profile is used.
        return login::run(global, &args);
    }
    let next = match profile.grant.name() {
        "client_credentials" => format!("use it with: tokctl get {name}"),
        "refresh_token" => format!("store its refresh token with: tokctl import {name}"),
        _ => format!("log in with: tokctl login {name}, and then use it with: tokctl get {name}"),
    };
    ui::notice(&next);
    Ok(())
}
