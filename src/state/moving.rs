//! What is kept for a profile, copied to another name.

use super::journal::named;
use super::note::Note;
use super::storage::Storage;
use crate::clock::{self, Deadline};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::files::{self, layout};
use crate::profile::{Profile, StoreChoice};
use crate::store::{Interaction, client_secret};

/// Copies record, note, client secret and what is known of refusals; the tokens in the kernel's cache go over.
pub fn copy(profile: &Profile, to: &str, deadline: Deadline) -> Result<()> {
    let to = &named(profile, to);
    let state = env::state_dir()?;
    let is_settled = profile.storage.choice != StoreChoice::Auto;
    if !is_settled && !Note::load(&state, &profile.name).has_something() {
        return Ok(());
    }
    let mut from = Storage::open(profile, deadline, Interaction::Allowed)?;
    let record = from.record_locked(profile)?;
    let io = |cause: std::io::Error| Error::io(state.display(), &cause);
    // Before the store is opened: it is the one that `auto` was resolved to.
    let note = Note {
        profile: to.name.clone(),
        ..from.note.clone()
    };
    note.save(&state).map_err(io)?;
    for path in [layout::refusals, layout::helper_failures] {
        if let Some(bytes) = files::read(&path(&state, &profile.name)).map_err(io)? {
            files::write_unsynced(&path(&state, &to.name), &bytes).map_err(io)?;
        }
    }
    let mut storage = Storage::open(to, deadline, Interaction::Allowed)?;
    if storage.store.backend() != from.store.backend() {
        let what = "the store of its tokens is not the one that it was";
        return Err(profile.error(Kind::StoreUnavailable, what));
    }
    if let Some(secret) = from.store.load(&client_secret(&profile.name))? {
        storage.store.save(&client_secret(&to.name), &secret)?;
    }
    if let Some(record) = &record {
        storage.save(to, record)?;
        from.forget(profile, record.tokens.keys());
    }
    let cache = from.cache(profile);
    if let Some(token) = cache.get() {
        storage.cache(to).put(&token, clock::now());
        cache.forget();
    }
    Ok(())
}
