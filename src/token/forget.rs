//! A stored access token is forgotten, and its grant stays.

use crate::clock::Deadline;
use crate::env;
use crate::error::Result;
use crate::oauth::pkce;
use crate::profile::Profile;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::state::record::Token;
use crate::state::refusals::{Refusals, Verdict};
use crate::state::storage::{Cache, Storage};
use crate::store::Interaction;

/// Forgets the stored access token; the refresh token stays. Whether there was one.
pub fn forget(profile: &Profile, deadline: Deadline) -> Result<bool> {
    drop_if(profile, deadline, |_| true)
}

/// Hears that a host has refused an access token: the one that is `presented`, or whichever is stored.
/// It is forgotten where that is worth a renewal. Where the next one would be refused too it stays for the
/// profile's other hosts, if there are any.
/// None where no such token is stored.
pub fn refuse(
    profile: &Profile,
    host: &str,
    presented: Option<&str>,
    deadline: Deadline,
) -> Result<Option<Verdict>> {
    let state = env::state_dir()?;
    let mut verdict = None;
    drop_if(profile, deadline, |token| {
        if presented.is_some_and(|text| !pkce::same(token.text.expose(), text)) {
            return false;
        }
        let heard =
            *verdict.get_or_insert_with(|| Refusals::heard(&state, &profile.name, host, token));
        heard == Verdict::Renew || profile.hosts.origins.len() == 1
    })?;
    Ok(verdict)
}

/// Takes the stored access token out of the cache and the store if it is the one that is meant.
fn drop_if(
    profile: &Profile,
    deadline: Deadline,
    mut is_meant: impl FnMut(&Token) -> bool,
) -> Result<bool> {
    let state = env::state_dir()?;
    let name = &profile.name;
    let purpose = Purpose::Renewal;
    let taken = Lock::take(&state, name, purpose, deadline);
    let cache = Cache::of(profile, &state, &Note::load(&state, name));
    let mut found = cache.get().is_some_and(|token| is_meant(&token));
    let stays = found && !cache.forget();
    if !matches!(
        taken,
        Ok(Taken::Lock(_) | Taken::HereOnly(_) | Taken::Unsupported)
    ) {
        return Ok(found);
    }
    let mut storage = Storage::open(profile, deadline, Interaction::Never)?;
    if stays {
        storage.outdate(profile);
    }
    let Some(mut record) = storage.record_locked(profile)? else {
        return Ok(found);
    };
    let variant = profile.variant();
    if record.tokens.get(&variant).is_some_and(is_meant) {
        record.tokens.remove(&variant);
        record.generation = storage.note.generation.max(record.generation) + 1;
        storage.save(profile, &record)?;
        storage.note_written(profile, &record, None);
        found = true;
    }
    Ok(found)
}
