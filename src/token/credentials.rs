//! What a profile's client proves itself with, from wherever the profile says.

use crate::bounded::NO_TEXT;
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, about, shell_word};
use crate::oauth::Credentials;
use crate::profile::{ClientAuth, Grant, Profile, SecretSource, from_file};
use crate::secret::Secret;
use crate::state::storage::Storage;
use crate::store::client_secret;
use crate::ui;
use std::path::PathBuf;

/// The profile's secrets, each from its source, as many as its requests need. Without `storage` there is
/// no store to look into.
pub fn find(
    profile: &Profile,
    storage: Option<&mut Storage>,
    deadline: Deadline,
) -> Result<Credentials> {
    let credentials = read(profile, storage, deadline)?;
    check(profile, &credentials)?;
    Ok(credentials)
}

/// Refuses where there is nothing to prove the client with, or to sign its grant with.
pub fn check(profile: &Profile, credentials: &Credentials) -> Result<()> {
    match profile.client.auth {
        ClientAuth::Basic
        | ClientAuth::BasicRaw
        | ClientAuth::Post
        | ClientAuth::ClientSecretJwt
            if credentials.secret.is_none() =>
        {
            return Err(profile.no_secret());
        }
        ClientAuth::Tls => {
            credentials.client_certificate(profile)?;
        }
        _ => {}
    }
    let signs =
        profile.client.auth == ClientAuth::PrivateKeyJwt || profile.grant == Grant::JwtBearer;
    // Read in full only when something is signed with it.
    if signs && credentials.key.is_none() {
        credentials.signing_key(profile)?;
    }
    Ok(())
}

/// The same without asking whether they are enough.
pub fn read(
    profile: &Profile,
    mut storage: Option<&mut Storage>,
    deadline: Deadline,
) -> Result<Credentials> {
    let mut read = |source: Option<&SecretSource>, key: &str| {
        let storage = storage.as_deref_mut();
        source.map_or(Ok(None), |source| {
            one(profile, (key, source), storage, deadline)
        })
    };
    Ok(Credentials {
        secret: read(profile.client.secret.as_ref(), "client_secret")?,
        key: read(profile.client.key.as_ref(), "client_key")?,
        certificate: certificate(profile)?,
        given: None,
    })
}

/// The certificate's file, whose text is no secret.
pub fn certificate(profile: &Profile) -> Result<Option<Secret>> {
    let read = |file: &PathBuf| {
        from_file(file).map_err(|why| {
            let what = format!("client_certificate {}: {why}", file.display());
            let error = profile.error(Kind::Config, what);
            let hint =
                "if it is DER, convert it to PEM: openssl x509 -inform DER -in FILE -out NEW";
            if why == NO_TEXT {
                error.hint(hint)
            } else {
                error
            }
        })
    };
    profile.client.certificate.as_ref().map(read).transpose()
}

/// What is said of a secret that is no other thing's to keep.
pub const LITERAL: &str = "stands in the configuration file";

/// One of them: what `key` of the profile names.
pub fn one(
    profile: &Profile,
    (key, source): (&str, &SecretSource),
    storage: Option<&mut Storage>,
    deadline: Deadline,
) -> Result<Option<Secret>> {
    let what = &key.replace('_', " ");
    if let SecretSource::Literal(_) = source {
        ui::warn(&about(
            &profile.name,
            &format!(
                "the {what} {LITERAL}; {{ keyring = true }} and tokctl secret set keep it safer"
            ),
        ));
    }
    let found = source.resolve(&profile.name, key, deadline)?;
    match (found, storage) {
        (None, Some(storage)) => stored(profile, what, storage).map(Some),
        (found, _) => Ok(found),
    }
}

fn stored(profile: &Profile, what: &str, storage: &mut Storage) -> Result<Secret> {
    let stored = storage.store.load(&client_secret(&profile.name))?;
    let text = stored.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let missing = || missing(profile, what, &storage.store.describe());
    text.map(Secret::from_line).ok_or_else(missing)
}

/// The store, at `place`, has no such secret for the profile.
pub fn missing(profile: &Profile, what: &str, place: &str) -> Error {
    let name = &profile.name;
    let what = format!("no {what} in the store ({place})");
    let hint = format!("run: tokctl secret set {}", shell_word(name));
    Error::about(name, Kind::NoSecret, what).hint(hint)
}

/// Keeps the client secret or key in the profile's store, which is settled with it.
pub fn keep(profile: &Profile, storage: &mut Storage, secret: &Secret) -> Result<()> {
    let account = client_secret(&profile.name);
    storage.store.save(&account, secret.expose().as_bytes())?;
    storage.note.store = Some(storage.store.backend());
    storage.save_note();
    Ok(())
}
