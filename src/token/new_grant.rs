//! A new grant is stored, whether a login or an import has brought it: nothing of an earlier one
//! stays.

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Kind, Result, io_cause};
use crate::oauth::reply::Granted;
use crate::profile::Profile;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::record::{Record, Token};
use crate::state::refusals::Refusals;
use crate::state::storage::Storage;
use crate::store::Backend;
use crate::token::merge::Merged;

/// What was stored.
pub struct Stored {
    pub record: Record,
    pub token: Option<Token>,
}

/// Makes sure that the store can keep a grant: before a person is sent anywhere.
pub fn probe(profile: &Profile, storage: &mut Storage) -> Result<()> {
    if matches!(storage.store.backend(), Backend::None | Backend::Kernel) {
        return Err(profile.error(Kind::Config, "store = \"none\" cannot keep a refresh token"));
    }
    if storage.store.round_trip(&profile.name)? {
        Ok(())
    } else {
        Err(forgetful(profile, storage))
    }
}

/// A grant as it has come.
pub struct Come {
    pub granted: Granted,
    /// The clock at the start of the request that brought it.
    pub sent_at: Epoch,
    /// Whose it is, where that is known.
    pub account: Option<String>,
}

/// Stores the grant with the profile's lock held, and reads it back.
pub fn store(
    profile: &Profile,
    storage: &mut Storage,
    come: Come,
    deadline: Deadline,
) -> Result<Stored> {
    let Come {
        granted,
        sent_at,
        account,
    } = come;
    let state = storage.state.clone();
    let taken = Lock::take(&state, &profile.name, Purpose::Renewal, deadline);
    let taken = taken.map_err(|cause| {
        let what = format!("no lock below {}: {}", state.display(), io_cause(&cause));
        profile.error(Kind::StoreUnavailable, what)
    })?;
    if matches!(taken, Taken::TimedOut) {
        let what = "another tokctl is busy with it";
        return Err(profile.error(Kind::Temporary, what));
    }
    // What was there may be unreadable: then this replaces it.
    let old = storage.record(profile).ok().flatten();
    let mut merged = Merged::new_grant(profile, old.as_ref(), granted, sent_at);
    if !merged.kept {
        let what = "the access token has ended already by this machine's clock, and there is no refresh token: \
                    nothing is stored";
        let error = profile.error(Kind::Refused, what);
        return Err(error.hint("compare this machine's clock with the server's: date -u"));
    }
    merged.record.generation = merged.record.generation.max(storage.note.generation + 1);
    // Before the record: a kill in between must not leave the old grant's token in front of the new one.
    storage.store.ready(&profile.name)?;
    forget(profile, storage, old.as_ref());
    Refusals::forgive(&state, &profile.name);
    storage.save(profile, &merged.record)?;
    let back = storage.record(profile)?;
    if back.is_none_or(|back| back.generation != merged.record.generation) {
        return Err(forgetful(profile, storage));
    }
    let token = merged.record.tokens.get(&profile.variant()).cloned();
    // Once more: somebody may have read the old record meanwhile.
    forget(profile, storage, old.as_ref());
    storage.note.begin_epoch();
    storage.note.account = account;
    storage.note_written(profile, &merged.record, token.as_ref());
    if let Some(token) = &token {
        storage.cache(profile).put(token, clock::now());
    }
    Ok(Stored {
        record: merged.record,
        token,
    })
}

/// Takes what is known of an earlier grant out of the kernel's cache.
fn forget(profile: &Profile, storage: &Storage, old: Option<&Record>) {
    storage.cache(profile).forget();
    if let Some(old) = old {
        storage.forget(profile, old.tokens.keys());
    }
}

fn forgetful(profile: &Profile, storage: &Storage) -> Error {
    let what = format!(
        "the store does not give back what it was given ({})",
        storage.store.describe()
    );
    profile
        .error(Kind::StoreUnavailable, what)
        .hint("choose another one: store = \"encrypted-file\"")
}
