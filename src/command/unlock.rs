//! `tokctl unlock`: the encrypted file's key into the kernel keyring, from a passphrase.

use crate::cli::Unlock;
use crate::clock::words;
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::store::key_source::{KeySource, TYPED};
use crate::ui;

/// Asks for the passphrase; the first time, that sets it.
pub fn run(unlock: &Unlock) -> Result<()> {
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
        source.refuse_lost()?;
    }
    let passphrase = ask(first)?;
    let key = source.derive(&passphrase, TYPED)?;
    if !source.keep_unlocked(&key, unlock.for_) {
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
