//! The refresh token is spent: by one process at a time, after everything that can fail without the
//! server, and what comes for it is saved whatever it takes.

use crate::clock::{self, Deadline};
use crate::error::{Error, Kind, Result};
use crate::oauth::reply::Granted;
use crate::oauth::{Cause, Client, Credentials, Refused, TokenRequest};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::note::{Doubtful, Ended, Missed, fingerprint};
use crate::state::record::{Record, Token};
use crate::state::remembered::{Doubt, Remembered};
use crate::state::spool::Spool;
use crate::state::storage::Storage;
use crate::store::Interaction;
use crate::token::id_token_check::Judge;
use crate::token::job::Job;
use crate::token::merge::Merged;
use crate::token::outcome::{Meanwhile, Next, end};
use crate::token::refusal::{
    ended_before, grant_ended, nothing_to_renew, remember_refused, wanted,
};
use crate::token::request::{self, remember};
use crate::token::retry::{Stake, Tries};
use crate::ui;
use std::borrow::Cow;
use std::time::Duration;

/// The answer to a refresh request is awaited this long, however short the caller's budget is: it
/// may hold a rotated refresh token.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Renews with the refresh token, saves, and only then has a token to give. Runs in the child that
/// outlives its caller.
pub fn renew(job: &Job, record: &Record) -> Result<Token> {
    let profile = &job.profile;
    let deadline = Deadline::after(job.budget);
    // Two answers that were awaited to the end must still find a store that listens.
    let patient = Deadline::after(job.budget.max(PATIENCE * 2) + PATIENCE);
    let mut storage = Storage::open(profile, patient, Interaction::Never)?;
    match spend(job, &mut storage, record, deadline)? {
        Spent::Token(token) => Ok(token),
        // Somebody else has stored another refresh token meanwhile; it is tried once.
        Spent::Replaced(record) => match spend(job, &mut storage, &record, deadline)? {
            Spent::Token(token) => Ok(token),
            Spent::Replaced(_) => Err(grant_ended(profile)),
        },
    }
}

/// What became of a refresh token.
enum Spent {
    Token(Token),
    /// It was refused, and this record has another one.
    Replaced(Box<Record>),
}

fn spend(job: &Job, storage: &mut Storage, record: &Record, deadline: Deadline) -> Result<Spent> {
    let (profile, credentials) = (&job.profile, &job.credentials);
    let Some(refresh) = &record.refresh else {
        return Err(nothing_to_renew(profile, storage, true));
    };
    // Everything that can fail without the server fails now, before the refresh token is spent.
    storage.store.ready(&profile.name)?;
    let spool = Spool::reserve(&storage.state, profile)?;
    let client = Client::new(profile, credentials);
    let request = TokenRequest::RefreshToken(refresh);
    let mut tries = Tries::new(Stake::RefreshToken, storage.note.doubt_of(refresh));
    let limits = (deadline, PATIENCE);
    let refused = match request::send_with(client, request, limits, &mut tries) {
        Ok((granted, sent_at)) => {
            let (base, granted) =
                settled(profile, storage, record, (credentials, granted, deadline));
            let merged = Merged::renewed(profile, Some(&base), granted, sent_at);
            keep_renewed(profile, storage, &merged, spool)?;
            return wanted(profile, storage, &merged).map(Spent::Token);
        }
        Err(refused) => refused,
    };
    spool.discard();
    if refused.may_have_spent() {
        storage.note.missed = Some(Missed {
            of: fingerprint(refresh),
            words: refused.error.message.clone(),
        });
    }
    storage.note.doubt = (tries.doubt != Doubt::None).then(|| Doubtful {
        refresh: fingerprint(refresh),
        doubt: tries.doubt,
    });
    let has_ended = storage.note.end_of(refresh).is_some();
    match Next::after(&refused, tries.doubt, has_ended) {
        Next::Unsettled => Err(unsettled(storage, refused)),
        Next::Ended { for_good } => {
            after_invalid_grant(profile, storage, refresh, (refused.error, for_good))
        }
        Next::RememberForRequest => Err(remember_refused(profile, storage, refused.error, false)),
        Next::StillEnded => Err(still_ended(profile, storage, refused)),
        Next::Failed => Err(remember(storage, refused)),
    }
}

/// A remembered end was asked about while the server was away: as far as is known it has ended, and it
/// is not asked about with each call.
fn still_ended(profile: &Profile, storage: &mut Storage, refused: Refused) -> Error {
    let ended = storage.note.ended.as_mut().map(|ended| {
        ended.said.ask_later(clock::now_millis());
        ended_before(profile, &ended.said)
    });
    let away = remember(storage, refused);
    ended.unwrap_or(away)
}

/// `invalid_grant` straight after a lost answer may be about the first request, which the server is still
/// at work on: it does not count before it has been said once more.
fn unsettled(storage: &mut Storage, mut refused: Refused) -> Error {
    refused.cause = Cause::Busy { retry_after: None };
    refused.error.kind = Kind::Temporary;
    refused.error.hint = Some(
        "the answer before this one was lost, so the server is asked once more before this counts; try \
         again in a moment"
            .to_owned(),
    );
    remember(storage, refused)
}

/// Judges the id token of a reply, with nothing to lose where the server's keys have to be asked for: the record as it
/// is saved then, and the reply.
fn settled<'r>(
    profile: &Profile,
    storage: &mut Storage,
    record: &'r Record,
    (credentials, mut granted, deadline): (&Credentials, Granted, Deadline),
) -> (Cow<'r, Record>, Granted) {
    let judge = Judge::of_renewal(profile, credentials, Some(record));
    let mut base = Cow::Borrowed(record);
    if judge.look(&mut granted, deadline)
        && let Some(saved) = save_refresh(profile, storage, record, &granted)
    {
        base = Cow::Owned(saved);
        judge.ask(&mut granted, deadline);
    }
    judge.tell(&granted);
    (base, granted)
}

/// Saves a new refresh token before anything else of its reply. The record as it is saved; `None` where it could not
/// be, which the spool is for.
fn save_refresh(
    profile: &Profile,
    storage: &mut Storage,
    record: &Record,
    granted: &Granted,
) -> Option<Record> {
    let mut record = record.clone();
    if let Some(refresh) = &granted.refresh {
        record.refresh = Some(refresh.clone());
        record.generation += 1;
        storage.save(profile, &record).ok()?;
    }
    Some(record)
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
    storage.note_written(profile, &merged.record, token);
    match token {
        Some(token) => drop(storage.cache(profile).put(token, clock::now())),
        None => drop(storage.cache(profile).forget()),
    }
    Ok(())
}

/// `invalid_grant`: if somebody else has renewed meanwhile, their token; only otherwise is the grant
/// at its end, which is remembered.
fn after_invalid_grant(
    profile: &Profile,
    storage: &mut Storage,
    sent: &Secret,
    (refusal, for_good): (Error, bool),
) -> Result<Spent> {
    let stored = storage.record(profile)?;
    let stored = stored.filter(|record| storage.newer_than(record).is_none());
    match Meanwhile::of(stored, sent, profile, clock::now()) {
        Meanwhile::Token(token) => return Ok(Spent::Token(token)),
        Meanwhile::Record(record) => return Ok(Spent::Replaced(record)),
        Meanwhile::Nothing => {}
    }
    let error = end(profile, &refusal, storage.note.missed(sent));
    storage.note.missed = None;
    let before = storage.note.end_of(sent);
    storage.note.ended = Some(Ended {
        said: Remembered::new(before, error.clone(), for_good, clock::now_millis()),
        refresh: fingerprint(sent),
    });
    storage.note.failure = None;
    storage.save_note();
    storage.cache(profile).forget();
    Err(error)
}
