//! A profile's client secret, from wherever the profile says.

use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, shell_word};
use crate::holdings::Holdings;
use crate::profile::{Profile, SecretSource};
use crate::secret::Secret;
use crate::ui;

/// The client secret, from the profile's source.
pub fn find(
    profile: &Profile,
    holdings: &mut Holdings,
    deadline: Deadline,
) -> Result<Option<Secret>> {
    let Some(source) = &profile.client_secret else {
        return Ok(None);
    };
    if let SecretSource::Literal(_) = source {
        ui::warn(&format!(
            "profile {:?}: the client secret stands in the configuration file; {{ keyring = true }} and tokctl secret set keep it safer",
            profile.name
        ));
    }
    if let Some(secret) = source.resolve(&profile.name, deadline)? {
        return Ok(Some(secret));
    }
    let stored = holdings.store.load(&account(&profile.name))?;
    let text = stored.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let place = holdings.store.describe();
    let missing = || missing(profile, &place);
    text.map(Secret::from_line).map(Some).ok_or_else(missing)
}

/// The store, at `place`, has no client secret for the profile.
pub fn missing(profile: &Profile, place: &str) -> Error {
    let name = &profile.name;
    let what = format!("profile {name:?}: no client secret in the store ({place})");
    let hint = format!("run: tokctl secret set {}", shell_word(name));
    Error::new(Kind::NoSecret, what).hint(hint)
}

/// Keeps the client secret in the profile's store, which is settled with it.
pub fn keep(profile: &Profile, holdings: &mut Holdings, secret: &Secret) -> Result<()> {
    let account = account(&profile.name);
    holdings.store.save(&account, secret.expose().as_bytes())?;
    holdings.note.store = Some(holdings.store.backend());
    holdings.save_note();
    Ok(())
}

/// The store's account of a profile's client secret; a profile's name has no slash.
pub fn account(profile: &str) -> String {
    format!("client-secret/{profile}")
}
