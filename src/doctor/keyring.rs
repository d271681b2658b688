//! The store: the system's keyring, and what a profile really keeps its tokens in.

use super::Report;
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind};
use crate::profile::{Profile, StoreChoice};
use crate::state::note::Note;
use crate::state::storage::Storage;
use crate::store::key_source::KeySource;
use crate::store::{self, Backend};
use std::path::Path;

/// Tries the keyring for itself. That it fails is a problem only where a profile's tokens are in it.
pub fn check(report: &mut Report, profiles: &[Profile], state: Option<&Path>) {
    match store::try_keyring(Deadline::after(budget::CHECK_KEYRING)) {
        Ok(name) => report.ok(
            "keyring",
            format!("{name}: open; an entry was written, read back and erased"),
        ),
        Err(error) => {
            let needs = |profile: &&Profile| needs_keyring(profile, state);
            let needing: Vec<&str> = profiles
                .iter()
                .filter(needs)
                .map(|p| p.name.as_str())
                .collect();
            if needing.is_empty() {
                let hint = error.hint.clone().unwrap_or_default();
                return report.warn("keyring", error.to_string(), hint);
            }
            let message = format!("{error}; needed by: {}", needing.join(" "));
            report.problem("keyring", &Error { message, ..error });
        }
    }
}

fn needs_keyring(profile: &Profile, state: Option<&Path>) -> bool {
    let resolved = || state.and_then(|state| Note::load(state, &profile.name).store);
    profile.storage.choice == StoreChoice::Keyring
        || profile.storage.choice == StoreChoice::Auto && resolved() == Some(Backend::Keyring)
}

/// A profile's store after it was tried.
pub enum Tried {
    Open(Box<Storage>),
    /// Nothing was ever stored, so that there is not even a key yet.
    New,
    /// It cannot be used, which has been told.
    Broken,
}

/// Opens a profile's own store as `get` does, and tries it with an entry beside the profile's.
pub fn of_profile(report: &mut Report, profile: &Profile) -> Tried {
    let deadline = Deadline::after(budget::CHECK_KEYRING);
    // The first use makes the key file; an examination does not.
    if profile.storage.choice == StoreChoice::EncryptedFile {
        let key = env::state_dir().and_then(|state| {
            let source = KeySource::new(profile, &state);
            let found = source.find(deadline)?;
            if found.is_none() {
                source.refuse_lost()?;
            }
            Ok(found)
        });
        match report.of("store", key) {
            Some(Some(_)) => {}
            Some(None) => {
                let what = "encrypted-file: its key file is made when something is first stored";
                report.ok("store", what);
                return Tried::New;
            }
            None => return Tried::Broken,
        }
    }
    let opened = Storage::examine(profile, deadline);
    let tried = opened.and_then(|mut storage| {
        let came_back = storage.store.round_trip(&profile.name)?;
        Ok((storage, came_back))
    });
    let Some((storage, came_back)) = report.of("store", tried) else {
        return Tried::Broken;
    };
    let (backend, place) = (storage.store.backend(), storage.store.describe());
    let what = format!("{}: {place}", backend.name());
    let after = "an entry was written, read back and erased";
    match backend {
        Backend::None | Backend::Kernel => report.ok("store", what),
        _ if !came_back => {
            let what = format!("{what}: it does not give back what it was given");
            let error = Error::new(Kind::StoreUnavailable, what);
            let hint = "choose another one: store = \"encrypted-file\"";
            report.problem("store", &error.hint(hint));
            return Tried::Broken;
        }
        Backend::Plaintext => report.warn(
            "store",
            format!("{what}; {after}"),
            "every program of this account can read it: store = \"keyring\" or \"encrypted-file\" is safer",
        ),
        _ => report.ok("store", format!("{what}; {after}")),
    }
    Tried::Open(Box::new(storage))
}
