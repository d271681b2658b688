//! The policy: how a token is come by, in the order of its steps, and nothing else.
//!
//! Stored and fresh, it is printed. Otherwise one process at a time renews it, and everybody who
//! waited takes the result. What is new is saved before it is printed. Nothing stored is lost by a
//! failure.

pub mod ask;
pub mod background;
mod client_auth_guess;
pub mod code;
pub mod credentials;
pub mod forget;
pub mod given;
pub mod id_token_check;
pub mod job;
pub mod leave;
pub mod merge;
pub mod new_grant;
mod outcome;
mod refresh;
pub mod refusal;
mod repeatable;
pub mod request;
pub mod retry;
pub mod selected;
pub mod standing;
pub mod strangers;
mod trial;
mod turn;

use crate::clock;
use crate::env;
use crate::error::{Error, Kind, Result, about};
use crate::oauth::{Credentials, Given};
use crate::state::lock::Lock;
use crate::state::note::Note;
use crate::state::record::{Record, Token};
use crate::state::storage::{Cache, Storage};
use crate::store::Interaction;
use crate::ui;
pub use ask::{Ask, Caller, Insist};
use job::{Job, Work};
use request::respect_retry_after;
use std::path::Path;
use std::time::Duration;
use turn::Turn;

/// A child has answered this long before its caller stops listening.
const ANSWERING: Duration = Duration::from_millis(100);

/// The token: the environment's, else as it is kept.
pub fn token(ask: &Ask<'_>) -> Result<Token> {
    match selected::from_environment(&ask.profile.name, || Some(ask.config))? {
        Some(token) => Ok(token),
        None => kept(ask),
    }
}

/// The token as it is kept, or a new one.
pub fn kept(ask: &Ask<'_>) -> Result<Token> {
    let since = clock::now();
    let token = find(ask)?;
    if token.obtained >= since {
        refusal::tell_scope(ask.profile, &token);
    }
    Ok(token)
}

/// From the cache, the store or the server.
fn find(ask: &Ask<'_>) -> Result<Token> {
    let state = match env::state_dir() {
        Ok(state) => state,
        Err(error) if error.kind == Kind::Config => return Err(error),
        Err(error) => return without_state(ask, error),
    };
    let note = Note::load(&state, &ask.profile.name);
    let cache = Cache::of(ask.profile, &state, &note);
    let cached = cache.get();
    if let Some(token) = cached
        .as_ref()
        .filter(|token| ask.is_good(token, clock::now()))
    {
        ui::step("the token comes from the kernel keyring");
        if let Some(ended) = &note.ended {
            refusal::warn_of_end(ask.profile, &ended.said, token);
        }
        return Ok(token.clone());
    }
    let mut alive = cached;
    match stored_or_renewed(ask, &state, &mut alive) {
        Err(error) if ask.may_do_with_the_old(error.kind) => stale_or(alive, error, ask),
        result => result,
    }
}

/// From the store, else renewed in turn; `alive` becomes the token that the store has. A cached answer does not pay for
/// its room on the stack.
#[inline(never)]
fn stored_or_renewed(ask: &Ask<'_>, state: &Path, alive: &mut Option<Token>) -> Result<Token> {
    let profile = ask.profile;
    let mut storage = Storage::open(profile, ask.deadline, Interaction::Never)?;
    let before = storage.record(profile)?;
    let stored = before.as_ref().and_then(|record| record.token_for(profile));
    if let Some(token) = stored
        .as_ref()
        .filter(|token| ask.is_good(token, clock::now()))
    {
        ui::step(&format!(
            "the token comes from the store: {}",
            storage.store.describe()
        ));
        // Not over a newer one that a renewal has put there meanwhile.
        let note = Note::load(state, &profile.name);
        if before
            .as_ref()
            .is_some_and(|record| record.generation >= note.generation)
        {
            Cache::of(profile, state, &note).put(token, clock::now());
        }
        let refresh = before.as_ref().and_then(|record| record.refresh.as_ref());
        if let Some(said) = refresh.and_then(|refresh| storage.note.end_of(refresh)) {
            refusal::warn_of_end(profile, said, token);
        }
        return Ok(token.clone());
    }
    if stored.is_some() {
        *alive = stored;
    }
    if ask.offline {
        let what = "no stored token is good, and --offline allows no request";
        let error = profile.error(Kind::Temporary, what);
        return Err(error.hint("run the same without --offline"));
    }
    if let Some(error) = ask.not_now(state) {
        return Err(error);
    }
    match turn::wait(ask, state)? {
        Turn::Come(token) => Ok(token),
        Turn::Ours(lock) => {
            match turn::cached(ask, state).filter(|token| ask.is_news(token, clock::now())) {
                Some(token) => Ok(token),
                None => renew_locked(ask, &mut storage, before.as_ref(), lock),
            }
        }
    }
}

/// With the lock held: looks again, then makes the one request.
fn renew_locked(
    ask: &Ask<'_>,
    storage: &mut Storage,
    before: Option<&Record>,
    lock: Option<Lock>,
) -> Result<Token> {
    let profile = ask.profile;
    let record = storage.record_locked(profile)?;
    if let Some(token) = renewed_meanwhile(ask, before, record.as_ref()) {
        ui::step("another tokctl has renewed the token");
        return Ok(token);
    }
    storage.note_anew(profile);
    if let Some(error) = storage.note.failed_since(ask.started) {
        // The request that this process waited for has failed: 200 callers do not knock 200 times.
        return Err(error.clone());
    }
    if let Some(token) = id_token_check::settle_stored(ask, storage, record.as_ref())? {
        return Ok(token);
    }
    let refused = storage.note.refused.get(&profile.variant());
    if let Some(said) = refused.filter(|said| !ask.is_about(said, clock::now())) {
        return Err(said.error.clone());
    }
    respect_retry_after(profile, storage.note.not_before, ask.deadline)?;
    if profile.is_repeatable() {
        let credentials = with_given(ask, Some(storage))?;
        return repeatable::ask_anew(ask, storage, record.as_ref(), &credentials);
    }
    let record = renewable(ask, storage, record)?;
    let job = Job {
        profile: profile.clone(),
        work: Work::Renew(Box::new(record)),
        credentials: credentials::find(profile, Some(storage), ask.deadline)?,
        // A little less than the caller's, which listens until then.
        budget: ask.deadline.left().saturating_sub(ANSWERING),
        lent: env::lend(profile.secret_variables()),
    };
    let _waiting = ui::waiting(about(&profile.name, "renewing the token"));
    background::run(&job, lock, ask.deadline)?.token(profile)
}

/// The token that the record has by now, if it will do.
fn renewed_meanwhile(
    ask: &Ask<'_>,
    before: Option<&Record>,
    record: Option<&Record>,
) -> Option<Token> {
    let record = record?;
    let token = record.token_for(ask.profile)?;
    let good = if before.is_none_or(|before| record.is_newer_than(before)) {
        ask.is_good_after_waiting(&token, clock::now())
    } else {
        ask.is_good(&token, clock::now())
    };
    good.then_some(token)
}

/// The record with a refresh token that is worth a request.
fn renewable(ask: &Ask<'_>, storage: &Storage, record: Option<Record>) -> Result<Record> {
    let profile = ask.profile;
    let is_there = record.as_ref().is_some_and(|record| !record.is_spent());
    let record = record.filter(|record| record.binding == profile.binding());
    let refresh = record.as_ref().and_then(|record| record.refresh.as_ref());
    let ended = refresh.and_then(|refresh| storage.note.end_of(refresh));
    if let Some(said) = ended.filter(|said| !ask.is_about(said, clock::now())) {
        return Err(refusal::ended_before(profile, said));
    }
    let record = record.filter(|record| record.refresh.is_some());
    match record {
        Some(record) => refusal::newest(ask, storage, record),
        None => Err(refusal::nothing_to_renew(profile, storage, is_there)),
    }
}

/// A stored token with time left is better than none while the server or the store is away.
#[inline(never)]
fn stale_or(alive: Option<Token>, error: Error, ask: &Ask<'_>) -> Result<Token> {
    let Some(token) = alive.filter(|token| ask.is_better_than_none(token, clock::now())) else {
        return Err(error);
    };
    let now = clock::now();
    if ask.offline {
        return Ok(token);
    }
    let left = token.expires.map_or_else(String::new, |end| {
        format!(", which is good for another {}", clock::about(end - now))
    });
    let name = &ask.profile.name;
    // The profile is named already.
    let words = match &error.profile {
        Some(about) if about == name => error.message,
        _ => error.to_string(),
    };
    ui::warn(&about(
        name,
        &format!("not renewed, here is the stored token{left}: {words}"),
    ));
    Ok(token)
}

/// No place for any state (no home directory): what can be had without is had.
#[inline(never)]
fn without_state(ask: &Ask<'_>, stateless: Error) -> Result<Token> {
    let profile = ask.profile;
    if !profile.is_repeatable() || ask.offline {
        return Err(stateless);
    }
    ui::warn(&about(
        &profile.name,
        "there is no home directory to keep the token in, so every call is a request",
    ));
    repeatable::ask_and_forget(ask, &with_given(ask, None)?)
}

/// The secrets of a grant that can be repeated, and what it exchanges.
fn with_given(ask: &Ask<'_>, storage: Option<&mut Storage>) -> Result<Credentials> {
    let mut credentials = credentials::find(ask.profile, storage, ask.deadline)?;
    credentials.given = find_given(ask)?;
    Ok(credentials)
}

/// The tokens that the profile exchanges, another profile's as `tokctl get` would print it.
fn find_given(ask: &Ask<'_>) -> Result<Option<Given>> {
    given::find(ask.profile, ask.deadline, |key, name| {
        if let Some(token) = selected::from_environment(name, || Some(ask.config))? {
            return Ok(token.text);
        }
        let other = given::other(ask.profile, ask.config, key, name)?;
        let ask = Ask {
            offline: ask.offline,
            stale: None,
            ..Ask::new(ask.config, &other, ask.deadline)
        };
        kept(&ask).map(|token| token.text)
    })
}
