//! What a profile's client proves itself with, from wherever the profile says.

use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, shell_word};
use crate::holdings::Holdings;
use crate::oauth::Credentials;
use crate::profile::{Profile, SecretSource, from_file};
use crate::secret::Secret;
use crate::ui;
use std::path::PathBuf;

/// The profile's secrets, each from its source. Without `holdings` there is no store to look into.
pub fn find(
    profile: &Profile,
    mut holdings: Option<&mut Holdings>,
    deadline: Deadline,
) -> Result<Credentials> {
    let mut read = |source: Option<&SecretSource>, what: &str| {
        let holdings = holdings.as_deref_mut();
        source.map_or(Ok(None), |source| {
            one(profile, source, what, holdings, deadline)
        })
    };
    Ok(Credentials {
        secret: read(profile.client_secret.as_ref(), "client secret")?,
        key: read(profile.client_key.as_ref(), "client key")?,
        certificate: certificate(profile)?,
        given: None,
    })
}

/// The certificate's file, whose text is no secret.
pub fn certificate(profile: &Profile) -> Result<Option<Secret>> {
    let read = |file: &PathBuf| {
        from_file(file)
            .map_err(|why| profile.error(&format!("client_certificate {}: {why}", file.display())))
    };
    profile.client_certificate.as_ref().map(read).transpose()
}

/// One of them.
pub fn one(
    profile: &Profile,
    source: &SecretSource,
    what: &str,
    holdings: Option<&mut Holdings>,
    deadline: Deadline,
) -> Result<Option<Secret>> {
    if let SecretSource::Literal(_) = source {
        ui::warn(&format!(
            "profile {:?}: the {what} stands in the configuration file; {{ keyring = true }} and tokctl secret set keep it safer",
            profile.name
        ));
    }
    let found = source.resolve(&profile.name, deadline)?;
    match (found, holdings) {
        (None, Some(holdings)) => stored(profile, what, holdings).map(Some),
        (found, _) => Ok(found),
    }
}

fn stored(profile: &Profile, what: &str, holdings: &mut Holdings) -> Result<Secret> {
    let stored = holdings.store.load(&account(&profile.name))?;
    let text = stored.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let missing = || missing(profile, what, &holdings.store.describe());
    text.map(Secret::from_line).ok_or_else(missing)
}

/// The store, at `place`, has no such secret for the profile.
pub fn missing(profile: &Profile, what: &str, place: &str) -> Error {
    let name = &profile.name;
    let what = format!("profile {name:?}: no {what} in the store ({place})");
    let hint = format!("run: tokctl secret set {}", shell_word(name));
    Error::new(Kind::NoSecret, what).hint(hint)
}

/// Keeps the client secret or key in the profile's store, which is settled with it.
pub fn keep(profile: &Profile, holdings: &mut Holdings, secret: &Secret) -> Result<()> {
    let account = account(&profile.name);
    holdings.store.save(&account, secret.expose().as_bytes())?;
    holdings.note.store = Some(holdings.store.backend());
    holdings.save_note();
    Ok(())
}

/// The store's account of a profile's client secret or key; a profile's name has no slash.
pub fn account(profile: &str) -> String {
    format!("client-secret/{profile}")
}
