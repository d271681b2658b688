//! The refresh token is spent: by one process at a time, after everything that can fail without the
//! server, and what comes for it is saved whatever it takes.

use crate::clock::{self, Deadline};
use crate::error::{Error, Result};
use crate::oauth::{Cause, Credentials, TokenRequest};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::note::fingerprint;
use crate::state::record::{Record, Token};
use crate::state::spool::Spool;
use crate::state::storage::Storage;
use crate::store::Interaction;
use crate::token::background::Job;
use crate::token::merge::Merged;
use crate::token::request::{self, remember};
use crate::token::{grant_ended, nothing_to_renew, token_of};
use crate::ui;
use std::time::Duration;

/// The answer to a refresh request is awaited this long, however short the caller's budget is: it
/// may hold a rotated refresh token.
const PATIENCE: Duration = Duration::from_secs(30);

/// Renews with the refresh token, saves, and only then has a token to give. Runs in the child that
/// outlives its caller.
pub fn renew(profile: &Profile, job: &Job) -> Result<Token> {
    let deadline = Deadline::after(job.budget);
    // Two answers that were awaited to the end must still find a store that listens.
    let patient = Deadline::after(job.budget.max(PATIENCE * 2) + PATIENCE);
    let mut storage = Storage::open(profile, patient, Interaction::Never)?;
    match spend(
        profile,
        &mut storage,
        &job.record,
        &job.credentials,
        deadline,
    )? {
        Spent::Token(token) => Ok(token),
        // Somebody else has stored another refresh token meanwhile; it is tried once.
        Spent::Replaced(record) => {
            match spend(profile, &mut storage, &record, &job.credentials, deadline)? {
                Spent::Token(token) => Ok(token),
                Spent::Replaced(_) => Err(grant_ended(profile)),
            }
        }
    }
}

/// What became of a refresh token.
enum Spent {
    Token(Token),
    /// It was refused, and this record has another one.
    Replaced(Box<Record>),
}

fn spend(
    profile: &Profile,
    storage: &mut Storage,
    record: &Record,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<Spent> {
    let Some(refresh) = &record.refresh else {
        return Err(nothing_to_renew(profile, storage, true));
    };
    // Everything that can fail without the server fails now, before the refresh token is spent.
    storage.store.ready(&profile.name)?;
    let spool = Spool::reserve(&storage.state, profile)?;
    let request = TokenRequest::RefreshToken(refresh);
    match request::send(profile, credentials, request, deadline, PATIENCE) {
        Ok((granted, sent_at)) => {
            let merged = Merged::renewed(profile, Some(record), granted, sent_at);
            keep_renewed(profile, storage, &merged, spool)?;
            merged.wanted(profile).map(Spent::Token)
        }
        Err(refused) if refused.cause == Cause::GrantEnded => {
            spool.discard();
            after_invalid_grant(profile, storage, refresh, refused.error)
        }
        Err(refused) => {
            spool.discard();
            Err(remember(storage, refused))
        }
    }
}

/// Saves what a refresh brought, whatever it takes.
fn keep_renewed(
    profile: &Profile,
    storage: &mut Storage,
    merged: &Merged,
    spool: Spool,
) -> Result<()> {
    match storage.save(profile, &merged.record) {
        Ok(()) => spool.discard(),
        Err(error) => match spool.keep(profile, &merged.record) {
            Ok(path) => ui::warn(&format!(
                "{error}; the new token is kept, sealed, in {} and moved to the store by the next call that can",
                path.display()
            )),
            Err(cause) => {
                return Err(Error::io(
                    format!("{error}; and the new token cannot be spooled"),
                    &cause,
                ));
            }
        },
    }
    storage.forget(profile, &merged.evicted);
    let token = merged.record.tokens.get(&profile.variant());
    // The note first: a reader that has still seen the old record looks there before it caches that.
    storage.note_written(&merged.record, token);
    match token {
        Some(token) => drop(storage.cache(profile).put(token, clock::now())),
        None => storage.cache(profile).forget(),
    }
    Ok(())
}

/// `invalid_grant`: if somebody else has renewed meanwhile, their token; only otherwise is the grant
/// at its end, which is remembered.
fn after_invalid_grant(
    profile: &Profile,
    storage: &mut Storage,
    sent: &Secret,
    refusal: Error,
) -> Result<Spent> {
    let other = |record: &Record| {
        record
            .refresh
            .as_ref()
            .is_some_and(|stored| stored.expose() != sent.expose())
    };
    if let Some(record) = storage.record(profile)?.filter(other) {
        let token = token_of(profile, Some(&record));
        return Ok(match token.filter(|token| token.is_alive(clock::now())) {
            Some(token) => Spent::Token(token),
            None => Spent::Replaced(Box::new(record)),
        });
    }
    storage.note.ended = Some(fingerprint(sent));
    storage.note.failure = None;
    storage.save_note();
    storage.cache(profile).forget();
    let mut error = grant_ended(profile);
    error.message = format!("{} ({})", error.message, server_words(&refusal));
    error.oauth_code = refusal.oauth_code;
    error.http_status = refusal.http_status;
    Err(error)
}

/// The part of a refusal that the server said.
fn server_words(refusal: &Error) -> &str {
    refusal
        .message
        .split_once(": ")
        .map_or(refusal.message.as_str(), |(_, words)| words)
}
