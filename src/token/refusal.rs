//! What no more can be renewed, in words, and what is remembered of a refusal.

use crate::clock;
use crate::error::{Error, Kind, Result, about, shell_word};
use crate::profile::scope::{Difference, difference};
use crate::profile::{Profile, TokenKind};
use crate::state::record::{Record, Token};
use crate::state::remembered::Remembered;
use crate::state::storage::Storage;
use crate::token::merge::Merged;
use crate::token::standing::Why;
use crate::token::{Ask, Insist};
use crate::ui;

/// Why there is no refresh token to use, though perhaps a record.
pub fn nothing_to_renew(profile: &Profile, storage: &Storage, is_there: bool) -> Error {
    if is_there && profile.request.kind == TokenKind::Id && !storage.note.refreshable {
        let what = "there is no id token that is good, and no refresh token that brings one";
        return profile.login_required(what).of(&profile.name);
    }
    let why = match is_there {
        true if storage.note.refreshable => Why::Foreign,
        true => Why::Expired,
        false => Why::Nothing,
    };
    let what = why.words(Some(profile.request.kind));
    profile.login_required(what).of(&profile.name)
}

/// A record whose refresh token may be used: the newest that is known, or an older one from which a person has said that
/// the login goes on.
pub fn newest(ask: &Ask<'_>, storage: &Storage, mut record: Record) -> Result<Record> {
    let Some(newest) = storage.newer_than(&record) else {
        return Ok(record);
    };
    let profile = ask.profile;
    if ask.insist != Insist::FromOlder {
        return Err(older(profile));
    }
    ui::warn(&about(
        &profile.name,
        "what is stored is older than what was stored last; its refresh token is used all the same",
    ));
    // What comes is newer than both.
    record.generation = newest;
    Ok(record)
}

/// That what is stored has been newer before.
pub fn older(profile: &Profile) -> Error {
    let what = "what is stored is older than what was stored last (a backup that was restored, or a copy): its refresh \
                token may have been used, and a server may end the login if it comes again";
    let name = shell_word(&profile.name);
    profile.error(Kind::StoreUnavailable, what).hint(format!(
        "put back what was there, or run: tokctl login {name}; to go on from what is stored, run: tokctl refresh {name}"
    ))
}

/// That the server has ended the grant.
pub fn grant_ended(profile: &Profile) -> Error {
    let name = &profile.name;
    profile.login_required(format!("your grant for {name} ended (revoked or expired)"))
}

/// The same, as the server has said it before.
pub fn ended_before(profile: &Profile, said: &Remembered) -> Error {
    let Some(at) = said.since() else {
        return grant_ended(profile);
    };
    let mut error = said.error.clone();
    let ago = clock::about(clock::now() - at);
    error.message = format!("{}, as the server said {ago} ago", error.message);
    error
}

/// A token with time left after which there is no other one.
pub fn warn_of_end(profile: &Profile, said: &Remembered, token: &Token) {
    let end = token.expires.map_or_else(
        || "this token is the last one".to_owned(),
        |end| format!("this token ends {}", clock::from_now(end, clock::now())),
    );
    let hint = said.error.hint.as_deref().unwrap_or_default();
    let what = format!("{}; {end}, then {hint}", said.error.message);
    ui::warn(&about(&profile.name, &what));
}

/// Remembers a refusal for what was asked for, and for nothing else of the profile.
pub fn remember_refused(
    profile: &Profile,
    storage: &mut Storage,
    error: Error,
    for_good: bool,
) -> Error {
    let variant = profile.variant();
    let before = storage.note.refused.get(&variant);
    let said = Remembered::new(before, error.clone(), for_good, clock::now_millis());
    storage.note.refused.insert(variant, said);
    storage.save_note();
    error
}

/// The token that was asked for. That a server sends no id token, or one that is not good, is remembered: each
/// call would spend a refresh token for the same answer.
pub fn wanted(profile: &Profile, storage: &mut Storage, merged: &Merged) -> Result<Token> {
    match merged.wanted(profile) {
        Err(error) if profile.request.kind == TokenKind::Id && merged.has_no_id_token() => {
            Err(remember_refused(profile, storage, error, true))
        }
        Err(error) if merged.is_refused() && !profile.is_repeatable() => {
            Err(remember_refused(profile, storage, error, false))
        }
        wanted => wanted,
    }
}

/// Tells who asks for another scope what the new token has instead.
pub fn tell_scope(profile: &Profile, token: &Token) {
    if !profile.asks_beyond() || profile.request.kind == TokenKind::Id {
        return;
    }
    let Difference { less, more } = difference(&profile.request.scope, token.scope.as_deref());
    if !less.is_empty() {
        let added: Vec<String> = less.iter().map(|word| format!("+{word}")).collect();
        let remedy = if profile.is_repeatable() {
            "the client's settings at the server say which scopes it may have".to_owned()
        } else {
            format!(
                "to consent to it, run: tokctl login {} --scope {}",
                shell_word(&profile.name),
                shell_word(&added.join(" "))
            )
        };
        let what = format!("the server did not grant {}; {remedy}", less.join(" "));
        ui::warn(&about(&profile.name, &what));
    }
    if !more.is_empty() {
        let what = format!(
            "the token can do more than was asked for: {}",
            more.join(" ")
        );
        ui::warn(&about(&profile.name, &what));
    }
}
