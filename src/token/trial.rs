//! A refresh token that somebody has brought is tried before it takes the place of what is stored: what the server gives
//! for it, a rotated token too, is what is stored then.

use super::job::Job;
use super::new_grant::{self, Come, Stored};
use super::refresh::PATIENCE;
use super::request;
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result};
use crate::oauth::id_token::{self, IdToken};
use crate::oauth::reply::Granted;
use crate::oauth::{Client, TokenRequest};
use crate::state::storage::Storage;
use crate::store::Interaction;
use crate::token::id_token_check::Judge;

/// Asks for tokens with what has been brought, and stores them. Nothing is replaced where none come.
pub fn run(job: &Job, brought: &Come) -> Result<Stored> {
    let profile = &job.profile;
    let deadline = Deadline::after(job.budget);
    let patient = Deadline::after(job.budget.max(PATIENCE * 2) + PATIENCE);
    let mut storage = Storage::open(profile, patient, Interaction::Never)?;
    // Everything that can fail without the server fails now, before the refresh token is spent.
    new_grant::probe(profile, &mut storage)?;
    let Some(refresh) = &brought.granted.refresh else {
        return Err(profile.error(Kind::Io, "there is no refresh token to try"));
    };
    let client = Client::new(profile, &job.credentials);
    let request = TokenRequest::RefreshToken(refresh);
    let (mut granted, sent_at) = request::send(client, request, deadline, PATIENCE)
        .map_err(|refused| not_taken(refused.error))?;
    if granted.refresh.is_none() {
        granted.refresh = Some(refresh.clone());
    }
    // The first to say whom the grant is about: keys that have to be asked for are asked for later.
    let judge = Judge::of_renewal(profile, &job.credentials, None);
    judge.look(&mut granted, deadline);
    judge.tell(&granted);
    let account = account(&granted).or_else(|| brought.account.clone());
    let come = Come {
        granted,
        sent_at,
        account,
        from: brought.from.clone(),
    };
    new_grant::store_locked(profile, &mut storage, come)
}

fn account(granted: &Granted) -> Option<String> {
    let (IdToken::Good(text, _) | IdToken::Waiting { text, .. }) = &granted.id_token else {
        return None;
    };
    id_token::claims(text).as_ref().and_then(id_token::account)
}

/// That the server does not take it, which no login of a person's here mends.
fn not_taken(error: Error) -> Error {
    let (kind, hint) = match error.kind {
        Kind::LoginRequired => (
            Kind::Refused,
            Some("it may have been used elsewhere, copied badly or have ended".to_owned()),
        ),
        Kind::Temporary => (
            Kind::Temporary,
            Some("try again later, or store it untried with --no-try".to_owned()),
        ),
        kind => (kind, error.hint.clone()),
    };
    Error {
        kind,
        hint,
        message: format!("{}; nothing is replaced", error.message),
        ..error
    }
}
