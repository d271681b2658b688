//! `tokctl unlock`: the encrypted file's key into the kernel keyring, from a passphrase; or the keyring,
//! which asks for its own.

use super::load;
use crate::cli::{Global, Unlock, Wanted};
use crate::clock::{Deadline, budget, words};
use crate::env;
use crate::error::{Error, Kind, Result, about};
use crate::profile::config::Config;
use crate::profile::{Profile, StoreChoice};
use crate::secret::Secret;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::state::storage::Storage;
use crate::store::cipher::Keys;
use crate::store::key_source::{KeySource, TYPED};
use crate::store::passphrase::check_new;
use crate::store::{Backend, Interaction, client_secret, pending_login, reseal};
use crate::ui;
use std::path::Path;
use std::time::Duration;

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
fn open_file(unlock: &Unlock, config: impl Fn() -> Result<Config>) -> Result<()> {
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
        if unlock.change {
            return Err(Error::usage("there is no passphrase yet").hint("run: tokctl unlock"));
        }
        source.refuse_lost()?;
    }
    let (passphrase, new) = if first {
        (ask_new()?, None)
    } else {
        // Without a terminal the new one comes in the next line.
        ui::read_secret_and_next("passphrase")?
    };
    if passphrase.is_empty() {
        return Err(Error::usage("the passphrase is empty"));
    }
    let mut keys = source.derive(&passphrase, TYPED)?;
    if unlock.change {
        let new = new.map_or_else(ask_new, fit)?;
        keys = source.change(keys, &new)?;
    }
    keep(&source, &keys, unlock.for_)?;
    let done = match (first, unlock.change) {
        (true, _) => "passphrase set; ".to_owned(),
        (_, true) => format!(
            "passphrase changed, {}; ",
            resealed(&config()?, &state, &keys)?
        ),
        _ => String::new(),
    };
    let seconds = i64::try_from(unlock.for_.as_secs()).unwrap_or(i64::MAX);
    ui::notice(&format!(
        "{done}the encrypted file is unlocked for {}",
        words(seconds)
    ));
    if !unlock.change && source.is_cheap() {
        ui::notice(
            "an older version has set the passphrase, which is found out with less work than a new one; to set it anew \
             (it may be the same), run: tokctl unlock --change",
        );
    }
    Ok(())
}

fn keep(source: &KeySource<'_>, keys: &Keys, for_: Duration) -> Result<()> {
    if source.keep_unlocked(keys, for_)? {
        return Ok(());
    }
    Err(Error::new(
        Kind::StoreUnavailable,
        "the kernel keyring cannot be used here, so nothing can be kept unlocked",
    )
    .hint("give the key in another way: store_key in the configuration, or TOKCTL_STORE_KEY"))
}

/// Seals everything that the profiles have in the encrypted file under the new key, each while nobody renews it; what is
/// told of that. What is left out is opened by the old key as before.
fn resealed(config: &Config, state: &Path, keys: &Keys) -> Result<String> {
    let mut count = 0;
    for (name, profile) in Profile::all(config)? {
        if profile.is_err() {
            continue;
        }
        let deadline = Deadline::after(budget::UNLOCKING);
        let lock = Lock::take(state, &name, Purpose::Renewal, deadline);
        if !matches!(
            lock,
            Ok(Taken::Lock(_) | Taken::HereOnly(_) | Taken::Unsupported)
        ) {
            let what = "another tokctl is busy with it, so that it stays sealed under the old key";
            ui::warn(&about(&name, what));
            continue;
        }
        for account in [name.clone(), client_secret(&name), pending_login(&name)] {
            count += usize::from(reseal(state, &account, keys)?);
        }
    }
    Ok(match count {
        1 => "1 record sealed anew".to_owned(),
        count => format!("{count} records sealed anew"),
    })
}

/// A new one is asked for twice: what is sealed under a mistyped one is lost.
fn ask_new() -> Result<Secret> {
    let passphrase = fit(ui::read_secret("new passphrase for the encrypted file")?)?;
    if ui::can_ask() && !passphrase.is_same(&ui::read_secret("the same once more")?) {
        return Err(Error::usage("the two passphrases are not the same")
            .hint("nothing is set: run the same command again"));
    }
    Ok(passphrase)
}

/// A passphrase that is not found out soon.
fn fit(passphrase: Secret) -> Result<Secret> {
    if passphrase.is_empty() {
        return Err(Error::usage("the passphrase is empty"));
    }
    let fit = check_new(&passphrase).map(|()| passphrase);
    fit.map_err(|why| Error::usage(why).hint("nothing is set: take a longer one"))
}
