//! `tokctl add`: a profile is put into the configuration file, tried before it is kept.

mod answers;
mod draft;
mod facts;
mod programs;
mod questions;
mod scopes;
mod service;
mod trial;
mod wizard;

use super::login;
use super::turn::Turn;
use crate::cli::{Add, Global, Login};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, about, shell_word};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::profile::edit::{self, Refused, There};
use crate::secret::Secret;
use crate::state::storage::Storage;
use crate::store::{Backend, Interaction, client_secret};
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
    match (taken.contains(&draft.name), draft.there) {
        (true, There::Kept) => return Err(exists(&draft.name)),
        (false, There::Changed) => return Err(config.no_such_profile(&draft.name)),
        _ => {}
    }
    let asking = ui::can_ask() && !add.change && lacks(&draft, add);
    if !asking && !add.change {
        require(&draft)?;
    }
    let given = draft.clone();
    let profile = loop {
        if asking {
            questions::ask(&mut draft, &given, &config)?;
        } else if add.client_secret_stdin {
            draft.secret = Origin::Given(secret_from_stdin(&draft, &config)?);
        }
        let profile = checked(&draft, &config)?;
        needs_secret(&profile, &draft)?;
        let with = with_draft(&draft, &config)?;
        programs::check(add, &profile, &with)?;
        if draft.there == There::Replaced {
            drops(&draft, &config, !add.dry_run)?;
        }
        if add.dry_run {
            return programs::show(add, &draft, &with);
        }
        if add.no_try || try_out(&profile, &draft, asking)? {
            break profile;
        }
    };
    let path = keep(global, &profile, &draft)?;
    let (done, place) = match draft.there {
        There::Changed => ("changed", "in"),
        _ => ("added", "to"),
    };
    ui::notice(&format!("{done} profile {} {place} {path}", profile.name));
    programs::install(global, &programs::wanted(add, &draft)?, &profile.name)?;
    finish(global, &profile, asking && !add.no_try)
}

/// Says which keys of the profile that is there are not named, and go; a person is asked.
fn drops(draft: &Draft, config: &Config, ask: bool) -> Result<()> {
    let there = edit::keys_of(config.whole()?, &draft.name);
    let there = there.map_err(|refused| not_put(draft, config, refused))?;
    let keys = draft.keys();
    let is_named = |key: &String| keys.iter().any(|(named, _)| named == key);
    let gone: Vec<String> = there.into_iter().filter(|key| !is_named(key)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let what = format!("what is not named here goes: {}", gone.join(", "));
    if !ask || !ui::can_ask() {
        ui::warn(&format!(
            "{}; --change would keep it",
            about(&draft.name, &what)
        ));
        return Ok(());
    }
    if answers::yes(
        &format!("{}; go on? [y/N]: ", about(&draft.name, &what)),
        false,
    )? {
        return Ok(());
    }
    Err(Error::usage("nothing is changed").hint("--change keeps what is not named"))
}

/// Whether the flags leave something open without which there is no profile.
fn lacks(draft: &Draft, add: &Add) -> bool {
    let has_secret = add.client_secret_stdin || !matches!(draft.secret, Origin::None);
    let is_own = draft.grant.as_deref() == Some("client_credentials");
    let needs_one = is_own && draft.client_auth.is_none() && !has_secret;
    !draft.has_server() || draft.client_id.is_none() || needs_one
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
fn checked(draft: &Draft, config: &Config) -> Result<Profile> {
    draft.profile(&with_draft(draft, config)?)
}

/// The configuration as it would be with the draft in it.
fn with_draft(draft: &Draft, config: &Config) -> Result<Config> {
    let text = edit::with_profile(config.whole()?, &draft.name, &draft.keys(), draft.there);
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
        .hint("choose another name, or replace it with --force, or change single keys of it with --change")
}

/// The secret, once it is clear that it can be kept.
fn secret_from_stdin(draft: &Draft, config: &Config) -> Result<Secret> {
    usable_store(&checked(draft, config)?)?;
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
        let usual = || "say --store encrypted-file, or --client-secret-env NAME".to_owned();
        let call = env::call_and(&["--store", "encrypted-file"]);
        let call = call.filter(|call| call.matches("--store").count() == 1);
        let hint = call.map_or_else(usual, |call| {
            format!("to keep it in an encrypted file, run: {call}; or say --client-secret-env NAME")
        });
        return Err(profile.error(Kind::StoreUnavailable, what).hint(hint));
    }
    storage.store.ready(&client_secret(&profile.name))
}

/// Tries the profile. True where it is to be kept, false where a person changes an answer first.
fn try_out(profile: &Profile, draft: &Draft, asking: bool) -> Result<bool> {
    let given = match &draft.secret {
        Origin::Given(secret) => Some(secret),
        _ => None,
    };
    let mut error = match trial::run(profile, given) {
        Ok(seen) => {
            ui::notice(&format!("tried: {seen}"));
            return Ok(true);
        }
        Err(error) => error,
    };
    error.hint = error
        .hint
        .map(|hint| before_it_is_there(&hint, profile, draft));
    if asking {
        ui::error(&error, false);
        let question =
            "c to change an answer, k to keep the profile all the same, q to end without it [c]: ";
        return match answers::choice(question, "ckq", 'c')? {
            'c' => Ok(false),
            'k' => Ok(true),
            _ => Err(Error::new(error.kind, "nothing is added")),
        };
    }
    let not = match draft.there {
        There::Changed => "changed",
        _ => "added",
    };
    error.message = format!("{}; nothing is {not}", error.message);
    if error.hint.is_none() {
        error = error.hint("--no-try adds it without trying it");
    }
    Err(error)
}

/// A remedy in the words of who has no such profile yet.
fn before_it_is_there(hint: &str, profile: &Profile, draft: &Draft) -> String {
    if draft.there == There::Changed {
        return hint.to_owned();
    }
    let name = shell_word(&profile.name);
    hint.replace(&format!("run: tokctl add {name} --change "), "give ")
        .replace(
            &format!("to enter the secret anew, run: tokctl secret set {name}"),
            "the secret may have been copied badly",
        )
}

/// Stores the secret and writes the file: both or neither. The file's path.
fn keep(global: &Global, profile: &Profile, draft: &Draft) -> Result<String> {
    let turn = Turn::take(global)?;
    let config = &turn.config;
    let text = edit::with_profile(config.whole()?, &draft.name, &draft.keys(), draft.there)
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
    let account = client_secret(&profile.name);
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
    if login && asking && answers::go_on("log in now? [Y/n]: ")? {
        let args = Login {
            profile: profile.name.clone(),
            device: false,
            paste: false,
            no_browser: false,
            timeout: None,
            replace: false,
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
