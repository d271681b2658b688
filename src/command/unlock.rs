//! `tokctl unlock`: the encrypted file's key into the kernel keyring, from a passphrase; or the keyring,
//! which asks for its own.

use super::load;
use crate::cli::{Global, Unlock, Wanted};
use crate::clock::{Deadline, budget, words};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::profile::config::Config;
use crate::profile::{Profile, StoreChoice};
use crate::secret::Secret;
use crate::state::note::Note;
use crate::state::storage::Storage;
use crate::store::key_source::{KeySource, TYPED};
use crate::store::{Backend, Interaction};
use crate::ui;
use std::path::Path;

/// Opens a profile's store, or the encrypted file.
pub fn run(global: &Global, unlock: &Unlock) -> Result<()> {
    let Some(name) = &unlock.profile else {
        let config = || Config::load(global.config.as_deref());
        return open_file(unlock, config);
    };
    let profile = load(global, name, &Wanted::default())?;
    let state = env::state_dir()?;
    let choice = profile.storage.choice;
    let is_file = choice == StoreChoice::EncryptedFile
        || choice == StoreChoice::Auto
            && Note::load(&state, name).store == Some(Backend::EncryptedFile);
    if is_file && profile.storage.key.is_none() {
        return open_file(unlock, || Config::load(global.config.as_deref()));
    }
    let mut storage = Storage::open(
        &profile,
        Deadline::after(budget::UNLOCKING),
        Interaction::Allowed,
    )?;
    let place = storage.store.describe();
    if storage.store.backend() != Backend::Keyring {
        ui::notice(&format!("{name}: nothing to unlock: {place}"));
        return Ok(());
    }
    // What is there first, wherever it is, then the place for what comes.
    storage.record(&profile)?;
    storage.store.ready(name)?;
    ui::notice(&format!("{name}: the keyring is unlocked ({place})"));
    Ok(())
}

/// Whether any profile's tokens are, or could come to be, in the encrypted file.
fn is_anybodys(config: &Config, state: &Path) -> Result<bool> {
    let keeps_there = |profile: &Profile| match profile.storage.choice {
        StoreChoice::EncryptedFile => true,
        StoreChoice::Auto => Note::load(state, &profile.name).store != Some(Backend::Keyring),
        StoreChoice::Keyring | StoreChoice::Plaintext | StoreChoice::None => false,
    };
    Ok(Profile::all(config)?.any(|(_, profile)| profile.is_ok_and(|one| keeps_there(&one))))
}

/// Asks for the encrypted file's passphrase; the first time, that sets it.
fn open_file(unlock: &Unlock, config: impl FnOnce() -> Result<Config>) -> Result<()> {
    let state = env::state_dir()?;
    let source = KeySource {
        profile: "",
        configured: None,
        state: &state,
    };
    if let Some(place) = KeySource::before_passphrase()? {
        ui::notice(&format!(
            "nothing to unlock: the encrypted file's key is the {place}, which no passphrase replaces"
        ));
        return Ok(());
    }
    let first = !source.has_passphrase();
    if first {
        if !is_anybodys(&config()?, &state)? {
            ui::notice("nothing to unlock: no profile keeps its tokens in the encrypted file");
            return Ok(());
        }
        source.refuse_lost()?;
    }
    let passphrase = ask(first)?;
    let key = source.derive(&passphrase, TYPED)?;
    if !source.keep_unlocked(&key, unlock.for_)? {
        return Err(Error::new(
            Kind::StoreUnavailable,
            "the kernel keyring cannot be used here, so nothing can be kept unlocked",
        )
        .hint("give the key in another way: store_key in the configuration, or TOKCTL_STORE_KEY"));
    }
    let seconds = i64::try_from(unlock.for_.as_secs()).unwrap_or(i64::MAX);
    let set = if first { "passphrase set; " } else { "" };
    ui::notice(&format!(
        "{set}the encrypted file is unlocked for {}",
        words(seconds)
    ));
    Ok(())
}

/// A new one is asked for twice: what is sealed under a mistyped one is lost.
fn ask(first: bool) -> Result<Secret> {
    let passphrase = ui::read_secret(if first {
        "new passphrase for the encrypted file"
    } else {
        "passphrase"
    })?;
    if passphrase.is_empty() {
        return Err(Error::usage("the passphrase is empty"));
    }
    if first && ui::can_ask() && !passphrase.is_same(&ui::read_secret("the same once more")?) {
        return Err(Error::usage("the two passphrases are not the same")
            .hint("nothing is set: run tokctl unlock again"));
    }
    Ok(passphrase)
}
