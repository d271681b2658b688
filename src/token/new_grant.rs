//! A new grant is stored, whether a login or an import has brought it: nothing of an earlier one
//! stays.

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Kind, Result, io_cause, shell_word};
use crate::oauth::reply::Granted;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::state::record::{Record, Token};
use crate::state::refusals::Refusals;
use crate::state::storage::Storage;
use crate::state::unrevoked::{Provenance, Unrevoked};
use crate::store::Backend;
use crate::token::merge::Merged;
use serde::{Deserialize, Serialize};

/// What was stored.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    pub record: Record,
    pub token: Option<Token>,
    /// Whether a grant that was in use is in its shade now, alive.
    pub outlives: bool,
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
#[derive(Serialize, Deserialize)]
pub struct Come {
    pub granted: Granted,
    /// The clock at the start of the request that brought it.
    pub sent_at: Epoch,
    /// Whose it is, where that is known.
    pub account: Option<String>,
    pub from: Provenance,
}

/// Stores the grant in the profile's turn, and reads it back.
pub fn store(
    profile: &Profile,
    storage: &mut Storage,
    come: Come,
    deadline: Deadline,
) -> Result<Stored> {
    let _turn = turn(profile, storage, deadline)?;
    store_locked(profile, storage, come)
}

/// Waits for the profile's lock.
pub fn turn(profile: &Profile, storage: &Storage, deadline: Deadline) -> Result<Taken<()>> {
    let state = &storage.state;
    let taken = Lock::take(state, &profile.name, Purpose::Renewal, deadline);
    let taken = taken.map_err(|cause| {
        let what = format!("no lock below {}: {}", state.display(), io_cause(&cause));
        profile.error(Kind::StoreUnavailable, what)
    })?;
    if matches!(taken, Taken::TimedOut) {
        let what = "another tokctl is busy with it";
        return Err(profile.error(Kind::Temporary, what));
    }
    Ok(taken)
}

/// Stores the grant with the profile's lock held, and reads it back.
pub fn store_locked(profile: &Profile, storage: &mut Storage, come: Come) -> Result<Stored> {
    let Come {
        granted,
        sent_at,
        account,
        from,
    } = come;
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
    merged.record.from = Some(from);
    let outlives = keep_alive(profile, &storage.note, old.as_ref(), &mut merged.record);
    // Before the record: a kill in between must not leave the old grant's token in front of the new one.
    storage.store.ready(&profile.name)?;
    forget(profile, storage, old.as_ref());
    Refusals::forgive(&storage.state, &profile.name);
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
        outlives,
    })
}

/// Keeps the grants before a new one, out of reach, until they are revoked; whether one of them was in use. One that
/// has the new one's tokens is the new one, and one that the server has ended needs no end.
fn keep_alive(profile: &Profile, note: &Note, old: Option<&Record>, new: &mut Record) -> bool {
    let Some(mut old) = old.cloned() else {
        return false;
    };
    let refresh = old.refresh.as_ref();
    let has_ended = refresh.is_some_and(|refresh| note.end_of(refresh).is_some());
    if has_ended {
        old.refresh = None;
        old.tokens.clear();
    }
    let in_use = old.refresh.clone();
    let now = clock::now();
    old.retire(profile, true, now);
    let is_new = |grant: &Unrevoked| {
        let access = new.tokens.values().map(|token| &token.text);
        let mut tokens = new.refresh.iter().chain(access);
        tokens.any(|token| grant.has(token))
    };
    old.unrevoked
        .retain_mut(|grant| grant.is_alive(now) && !is_new(grant));
    new.unrevoked = old.unrevoked;
    new.bound_unrevoked(profile);
    let outlives = |token: &Secret| new.unrevoked.iter().any(|grant| grant.has(token));
    in_use.as_ref().is_some_and(outlives)
}

/// That the grant before a new one lives on, and what ends it.
pub fn outlived(profile: &Profile, new: &Record) -> String {
    let name = &profile.name;
    let what = format!("{name}: the grant before this one lives on at the server");
    let from = new.from.as_ref();
    match from.and_then(|from| from.revocation_endpoint.as_ref()) {
        Some(_) => format!("{what}; tokctl logout {} ends both", shell_word(name)),
        None => format!("{what}, which has no revocation_endpoint"),
    }
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
