//! A grant is left: its server is told to end it, and what the server has not ended yet is kept, where nobody gets a
//! token of it, until it has.

use super::credentials;
use super::new_grant::turn;
use crate::clock::{self, Deadline, Epoch, budget};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Endpoint;
use crate::oauth::expiry::Expiry;
use crate::oauth::metadata::Metadata;
use crate::oauth::reply::Granted;
use crate::oauth::{Client, Connection, revoke};
use crate::profile::{ClientAuth, EndpointKind, Profile, preset};
use crate::secret::Secret;
use crate::state::note::Note;
use crate::state::record::Record;
use crate::state::server;
use crate::state::storage::{Storage, new_spool_key};
use crate::state::unrevoked::{Provenance, Unrevoked};
use crate::store::Interaction;
use crate::ui;
use std::borrow::Cow;

/// What has become of grants that were to be ended.
#[derive(Default)]
pub struct Left {
    /// Servers have ended some.
    pub revoked: bool,
    /// What a person can do where a server has no place for it.
    pub by_hand: Option<String>,
    /// Why some are kept.
    pub kept: Option<Error>,
}

/// Which of the grants that are not used any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Grants {
    All,
    /// Not those that wait for a person's word.
    Due,
}

/// Ends all that a record has, with the profile's lock held. Before the server is asked nothing of it is in use any
/// more, so that nobody's impatience leaves a token behind.
pub fn all(profile: &Profile, storage: &mut Storage, mut record: Record) -> Result<Left> {
    storage.forget(profile, record.tokens.keys());
    storage.cache(profile).forget();
    record.retire(profile, false, clock::now());
    if record.unrevoked.is_empty() {
        storage.erase(profile, Some(&record))?;
        return Ok(Left::default());
    }
    keep(profile, storage, &mut record)?;
    let left = revoke_kept(profile, storage, &mut record, Grants::All);
    if record.unrevoked.is_empty() {
        storage.erase(profile, Some(&record))?;
    } else {
        keep(profile, storage, &mut record)?;
    }
    Ok(left)
}

/// Saves a record that has nothing but grants to be ended.
fn keep(profile: &Profile, storage: &mut Storage, record: &mut Record) -> Result<()> {
    record.generation = record.generation.max(storage.note.generation) + 1;
    storage.save(profile, record)?;
    storage.note_left(record);
    Ok(())
}

/// Tries once more to end what could not be ended before; nothing where there is no such thing.
pub fn again(profile: &Profile, which: Grants, deadline: Deadline) -> Result<Option<Left>> {
    if Note::load(&env::state_dir()?, &profile.name).unrevoked == 0 {
        return Ok(None);
    }
    let mut storage = Storage::open(profile, deadline, Interaction::Never)?;
    let _turn = turn(profile, &storage, deadline)?;
    storage.note_anew(profile);
    let Some(mut record) = storage.record_locked(profile)? else {
        return Ok(None);
    };
    let is_due = |grant: &Unrevoked| which == Grants::All || !grant.held;
    if !record.unrevoked.iter().any(is_due) {
        return Ok(None);
    }
    let left = revoke_kept(profile, &mut storage, &mut record, which);
    if record.is_spent() && record.unrevoked.is_empty() {
        storage.erase(profile, Some(&record))?;
    } else if record.is_spent() {
        keep(profile, &mut storage, &mut record)?;
    } else {
        save_beside(profile, &mut storage, &record)?;
    }
    Ok(Some(left))
}

/// Remembers what a server has just given, as a grant that is not used yet: whatever becomes of who is to store it, the
/// grant is known here. One beside a grant that is in use waits for a person's word.
pub fn remember(profile: &Profile, (granted, sent_at): (&Granted, Epoch), from: &Provenance) {
    let access = granted.access.as_ref().ok().cloned();
    let end = match granted.expiry {
        Expiry::In(life) => Some(sent_at.saturating_add(life)),
        Expiry::At(end) => Some(end),
        Expiry::Unsaid | Expiry::Wrong(_) => None,
    };
    let mut grant = Unrevoked {
        binding: profile.binding(),
        from: Some(from.clone()),
        at: clock::now(),
        held: false,
        refresh: granted.refresh.iter().cloned().collect(),
        access: access.map(|token| (token, end)).into_iter().collect(),
    };
    if !grant.is_alive(clock::now()) {
        return;
    }
    if let Err(error) = keep_beside(profile, grant) {
        // Storing it says so again.
        ui::step(&error.to_string());
    }
}

fn keep_beside(profile: &Profile, mut grant: Unrevoked) -> Result<()> {
    let deadline = Deadline::after(budget::LOGIN_STEP);
    let mut storage = Storage::open(profile, deadline, Interaction::Never)?;
    let _turn = turn(profile, &storage, deadline)?;
    storage.note_anew(profile);
    let new = || Record::new(profile.binding(), new_spool_key());
    let mut record = storage.record_locked(profile)?.unwrap_or_else(new);
    grant.held = is_in_use(&storage.note, &record);
    record.unrevoked.push(grant);
    record.bound_unrevoked(profile);
    if record.is_spent() {
        return keep(profile, &mut storage, &mut record);
    }
    save_beside(profile, &mut storage, &record)
}

/// Whether a record has a grant that has not ended, as far as is known.
fn is_in_use(note: &Note, record: &Record) -> bool {
    let now = clock::now();
    match &record.refresh {
        Some(refresh) => note.end_of(refresh).is_none(),
        None => record.tokens.values().any(|token| token.is_alive(now)),
    }
}

/// Saves a record of which what is in use stays as it is, with the copies of it.
fn save_beside(profile: &Profile, storage: &mut Storage, record: &Record) -> Result<()> {
    storage.save(profile, record)?;
    storage.note.unrevoked = record.unrevoked.len();
    storage.save_note();
    Ok(())
}

/// Asks the servers to end what a record keeps for that; what they have ended goes out of it.
fn revoke_kept(
    profile: &Profile,
    storage: &mut Storage,
    record: &mut Record,
    which: Grants,
) -> Left {
    let deadline = Deadline::after(budget::REVOCATION);
    let mut left = Left::default();
    let now = clock::now();
    for mut grant in std::mem::take(&mut record.unrevoked) {
        if !grant.is_alive(now) {
            continue;
        }
        if grant.held && which == Grants::Due {
            record.unrevoked.push(grant);
            continue;
        }
        match end(profile, storage, &mut grant, deadline) {
            Ok(None) => left.revoked = true,
            Ok(Some(by_hand)) => left.by_hand = Some(by_hand),
            Err(error) => {
                record.unrevoked.push(grant);
                let is_worse = |kept: &Error| error.kind.exit_code() > kept.kind.exit_code();
                if left.kept.as_ref().is_none_or(is_worse) {
                    left.kept = Some(error);
                }
            }
        }
    }
    left
}

/// Ends one grant; what a person can do where its server has no place for that.
fn end(
    profile: &Profile,
    storage: &mut Storage,
    grant: &mut Unrevoked,
    deadline: Deadline,
) -> Result<Option<String>> {
    if grant.binding != profile.binding() {
        let what = "what is stored belongs to another client_id, token_endpoint or grant, to whose server it is not sent";
        let name = shell_word(&profile.name);
        let hint = format!(
            "give the profile the former keys again, or leave it alive and erase it here, run: tokctl logout {name} --no-revoke"
        );
        return Err(profile.error(Kind::Config, what).hint(hint));
    }
    let from = grant.from.as_ref();
    let known = from.and_then(|from| from.revocation_endpoint.as_deref());
    let server = match server::for_logout(profile, deadline) {
        Err(_) if known.is_some() => server::with_hand_set(profile, Metadata::default()),
        server => server?,
    };
    let Some(endpoint) = place(profile, &server, known)? else {
        return Ok(Some(by_hand(profile, &server)));
    };
    let credentials = credentials::find(profile, Some(storage), deadline)?;
    let suited = suited(profile, &server, from)?;
    let connection = Client::new(&suited, &credentials).connect(&endpoint)?;
    revoke_tokens(&connection, grant, deadline).map(|()| None)
}

/// Where a grant is ended: where it came from. An address that was changed alone since does not get it, unless the
/// issuer, to which the grant is bound, names another one itself.
fn place(profile: &Profile, server: &Metadata, known: Option<&str>) -> Result<Option<Endpoint>> {
    let by_hand = |kind: EndpointKind| profile.server.endpoints.has(kind);
    let by_issuer = !by_hand(EndpointKind::Revocation) && !by_hand(EndpointKind::Token);
    let kind = EndpointKind::Revocation;
    let now = server.endpoints.get(kind).map(String::as_str);
    match (known, now) {
        (Some(known), Some(now)) if known != now && !by_issuer => {
            ui::warn(&format!(
                "{}: revocation_endpoint was changed since the login; the grant goes where it came from",
                profile.name
            ));
            parsed(profile, known).map(Some)
        }
        (Some(known), None) => parsed(profile, known).map(Some),
        (_, Some(_)) => {
            let endpoint = server::endpoint(profile, server, kind)?;
            if known.is_some() || by_issuer || is_at_home(profile, &endpoint) {
                return Ok(Some(endpoint));
            }
            let what = format!(
                "the grant is not sent to {}: revocation_endpoint is of another server than token_endpoint, and was not \
                 known when the grant came",
                endpoint.host()
            );
            let name = shell_word(&profile.name);
            let hint = format!(
                "to leave it alive and erase it here, run: tokctl logout {name} --no-revoke"
            );
            Err(profile.error(Kind::Config, what).hint(hint))
        }
        (None, None) => Ok(None),
    }
}

fn parsed(profile: &Profile, url: &str) -> Result<Endpoint> {
    let wrong = |why| profile.error(Kind::Config, format!("revocation_endpoint {why}"));
    Endpoint::parse(url).map_err(wrong)
}

/// Whether an address is of the server to which the grant is bound.
fn is_at_home(profile: &Profile, endpoint: &Endpoint) -> bool {
    let server = &profile.server;
    let bound = server.endpoints.get(EndpointKind::Token);
    let bound = bound.or(server.issuer.as_ref());
    bound.is_some_and(|bound| bound.origin() == endpoint.origin())
}

/// The profile with the client authentication that the server took when the grant came.
fn suited<'p>(
    profile: &'p Profile,
    server: &Metadata,
    from: Option<&Provenance>,
) -> Result<Cow<'p, Profile>> {
    let in_body = from.is_some_and(|from| from.client_auth == ClientAuth::Post.name());
    if in_body && profile.client.auth == ClientAuth::Basic && !profile.client.auth_is_set {
        let mut suited = profile.clone();
        suited.client.auth = ClientAuth::Post;
        return Ok(Cow::Owned(suited));
    }
    server.suited(profile)
}

/// The refresh token first, with which most servers end the whole grant, then the access tokens. Those that are ended
/// go out of the grant.
fn revoke_tokens(
    connection: &Connection<'_>,
    grant: &mut Unrevoked,
    deadline: Deadline,
) -> Result<()> {
    let mut first = Ok(());
    let mut is_ended = |token: &Secret, hint: &str, counts: bool| {
        // A server that is away is not asked for each token again.
        if first
            .as_ref()
            .is_err_and(|error: &Error| error.kind == Kind::Temporary)
        {
            return false;
        }
        match revoke::revoke(connection, (token, hint), deadline) {
            Ok(()) => true,
            // An access token that ends by itself soon is not worth an error beside a revoked grant.
            Err(_) if !counts => true,
            Err(error) => {
                if first.is_ok() {
                    first = Err(error);
                }
                false
            }
        }
    };
    let renews = !grant.refresh.is_empty();
    grant
        .refresh
        .retain(|token| !is_ended(token, "refresh_token", true));
    let counts = !renews || !grant.refresh.is_empty();
    grant
        .access
        .retain(|(token, _)| !is_ended(token, "access_token", counts));
    first
}

/// What becomes of a grant that could not be revoked, and how it is given up.
pub fn kept_hint(profile: &str) -> String {
    let name = shell_word(profile);
    format!(
        "what is not revoked is kept, sealed, and tried again by tokctl refresh --all and by tokctl logout {name}; to leave \
         it alive and erase it here, run: tokctl logout {name} --no-revoke"
    )
}

/// What a person can do about a grant that no request ends.
fn by_hand(profile: &Profile, server: &Metadata) -> String {
    let what = "the server has no revocation_endpoint";
    let token_endpoint = profile.server.url(EndpointKind::Token);
    if let Some(page) = token_endpoint.and_then(preset::apps_page) {
        return format!("{what}; a person ends it at {page}");
    }
    match &server.end_session_endpoint {
        Some(url) if Endpoint::parse(url).is_ok() => format!(
            "{what}; to end the session there, open {url}?client_id={}",
            profile.client.id
        ),
        _ => what.to_owned(),
    }
}
