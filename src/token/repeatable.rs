//! Grants that can be asked for again: neither a person nor a refresh token is needed.

use super::ask::Ask;
use super::id_token_check::Judge;
use super::merge::Merged;
use super::request::{self, remember};
use super::{client_auth_guess, refusal};
use crate::clock;
use crate::error::{Result, about};
use crate::oauth::{Client, Credentials, TokenRequest};
use crate::profile::{AccessCache, Profile};
use crate::state::record::{Record, Token};
use crate::state::storage::Storage;
use crate::store::Backend;
use crate::ui;
use std::time::Duration;

/// Asks for a token that needs neither a person nor a refresh token.
pub fn ask_anew(
    ask: &Ask<'_>,
    storage: &mut Storage,
    old: Option<&Record>,
    credentials: &Credentials,
) -> Result<Token> {
    let profile = ask.profile;
    let result = client_auth_guess::repeatable(profile, storage, credentials, ask.deadline);
    let (mut granted, sent_at) = result.map_err(|refused| remember(storage, refused))?;
    let judge = Judge::of_renewal(profile, credentials, None);
    judge.settle(&mut granted, ask.deadline);
    judge.tell(&granted);
    let mut merged = Merged::renewed(profile, old, granted, sent_at);
    // Of a store that keeps no records, or has lost its own, the note knows how far it was.
    let next = storage.note.generation + 1;
    merged.record.generation = merged.record.generation.max(next);
    if merged.kept {
        storage.forget(profile, &merged.evicted);
        let token = merged.wanted(profile).ok();
        keep_repeatable(ask, storage, &merged.record, token.as_ref());
    }
    refusal::wanted(profile, storage, &merged)
}

/// Stores a token that could be asked for again: it is never withheld because it cannot be kept.
fn keep_repeatable(ask: &Ask<'_>, storage: &mut Storage, record: &Record, token: Option<&Token>) {
    let profile = ask.profile;
    let backend = storage.store.backend();
    if backend == Backend::None {
        return;
    }
    let now = clock::now();
    let cache = storage.cache_after(profile, record);
    let cached = token.is_some_and(|token| cache.put(token, now));
    // Who asks for another token by force does not get the one before from a copy that stays.
    if ask.force && !cached {
        storage.outdate(profile);
    }
    match storage.save(profile, record) {
        Ok(())
            if backend == Backend::Kernel
                && !cached
                && token.is_some_and(|token| token.is_alive(now)) =>
        {
            ui::warn(&about(&profile.name, &nowhere(profile, storage)));
        }
        Ok(()) => storage.note_written(profile, record, token),
        Err(error) => {
            // The cache has it, where it is looked for.
            if let Some(token) = token {
                storage.cache(profile).put(token, now);
            }
            ui::warn(&format!("the token is not stored: {error}"));
        }
    }
}

/// Why each call is a request.
fn nowhere(profile: &Profile, storage: &Storage) -> String {
    let store = storage.store.why_nothing().unwrap_or("no store");
    let cache = if profile.storage.cache == AccessCache::None {
        "access_cache is \"none\""
    } else {
        "the kernel keyring takes nothing here"
    };
    format!(
        "there is nowhere to keep the token ({store}; {cache}), so every call is a request; store = \"encrypted-file\" \
         in the configuration changes that"
    )
}

/// The same where there is no place for any state (no home directory).
pub fn ask_and_forget(ask: &Ask<'_>, credentials: &Credentials) -> Result<Token> {
    let profile = ask.profile;
    let client = Client::new(profile, credentials);
    let request = TokenRequest::repeatable(profile);
    let result = request::send(client, request, ask.deadline, Duration::ZERO);
    let (mut granted, sent_at) = result.map_err(|refused| refused.error)?;
    Judge::of_renewal(profile, credentials, None).settle(&mut granted, ask.deadline);
    Merged::renewed(profile, None, granted, sent_at).wanted(profile)
}
