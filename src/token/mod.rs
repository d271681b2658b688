//! The policy: how a token is come by, in the order of its steps, and nothing else.
//!
//! Stored and fresh, it is printed. Otherwise one process at a time renews it, and everybody who
//! waited takes the result. What is new is saved before it is printed. Nothing stored is lost by a
//! failure.

pub mod background;
mod client_auth_guess;
pub mod credentials;
pub mod identity;
pub mod merge;
pub mod new_grant;
mod refresh;
pub mod request;
pub mod retry;
pub mod subject;

use self::background::Job;
use self::request::{remember, respect_retry_after};
use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result, about, io_cause};
use crate::oauth::{TokenRequest, pkce};
use crate::profile::{Profile, TokenKind};
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::{self, Note};
use crate::state::record::{Record, Token};
use crate::state::refusals::{Refusals, Verdict};
use crate::state::remembered::Remembered;
use crate::state::storage::{Cache, Storage};
use crate::store::{Backend, Interaction};
use crate::token::identity::Judge;
use crate::token::merge::Merged;
use crate::ui;
use std::path::Path;
use std::time::Duration;

/// A child has answered this long before its caller stops listening.
const ANSWERING: Duration = Duration::from_millis(100);

/// What a caller wants.
pub struct Ask<'a> {
    pub profile: &'a Profile,
    /// How long the token must still live; without it the profile's or the usual margin.
    pub min_ttl: Option<Duration>,
    /// Renew even if the stored token looks good.
    pub force: bool,
    /// A person has asked for the renewal: what was refused for now is asked about once more.
    pub insist: bool,
    /// No request, whatever happens.
    pub offline: bool,
    /// How long a stored token must live to do while the server or the store is away; none will do
    /// without.
    pub stale: Option<Duration>,
    pub deadline: Deadline,
    pub caller: Caller<'a>,
    /// The same profile for a process that is started for the renewal.
    pub again: background::Again<'a>,
}

/// Who takes the token.
#[derive(Clone, Copy)]
pub enum Caller<'a> {
    /// A person or a script.
    Person,
    /// A program, which uses the token until its last second, and asks again at once where it got none.
    Program {
        /// The one that the program's server has just refused: another one is wanted.
        refused: Option<&'a Token>,
        /// Why none is to be renewed for it.
        barred: Option<&'a Error>,
    },
}

impl Caller<'_> {
    /// A program of which nothing else is known.
    pub fn program() -> Self {
        Self::Program {
            refused: None,
            barred: None,
        }
    }

    /// Whether a token is one that the caller can be given, as far as its end is concerned not more
    /// than that.
    fn takes(self, token: &Token, now: Epoch) -> bool {
        match self {
            Self::Person => true,
            Self::Program { refused, .. } => {
                token.is_fresh(now, Some(token.program_margin()))
                    && refused.is_none_or(|refused| !refused.text.is_same(&token.text))
            }
        }
    }
}

impl Ask<'_> {
    fn min_ttl(&self) -> Option<Duration> {
        self.min_ttl.or(self.profile.min_ttl)
    }

    /// Whether a token that is found after waiting will do: with `--force` only one that was obtained
    /// since `started`, in milliseconds.
    fn is_news(&self, token: &Token, started: u128) -> bool {
        let since = u128::try_from(token.obtained).unwrap_or(0) * 1000 > started;
        if self.force {
            since && token.is_alive(clock::now())
        } else {
            self.is_fresh(token)
        }
    }

    fn is_fresh(&self, token: &Token) -> bool {
        let now = clock::now();
        token.is_fresh(now, self.min_ttl()) && self.caller.takes(token, now)
    }

    /// Whether a stored token will do while the server or the store is away.
    fn is_better_than_none(&self, token: &Token) -> bool {
        let now = clock::now();
        let enough = |least| token.is_fresh(now, Some(least));
        self.stale.is_some_and(enough) && self.caller.takes(token, now)
    }

    /// Why a program is to have no renewal: its server refuses what is renewed, or it is told again what it
    /// was told a moment ago. It asks many times for one command of its user, who waits for each.
    fn not_now(&self, state: &Path) -> Option<Error> {
        let Caller::Program { barred, .. } = self.caller else {
            return None;
        };
        let failed = || note::recent_helper_failure(state, &self.profile.name);
        let again = || failed().map(|failure| Error::new(Kind::Temporary, failure.message));
        barred.cloned().or_else(again)
    }
}

/// The token: from the cache, the store or the server.
pub fn token(ask: &Ask<'_>) -> Result<Token> {
    let state = match env::state_dir() {
        Ok(state) => state,
        Err(error) if error.kind == Kind::Config => return Err(error),
        Err(_) => return without_state(ask),
    };
    let note = Note::load(&state, &ask.profile.name);
    let cache = Cache::of(ask.profile, &state, &note);
    let cached = cache.get();
    if let Some(token) = cached
        .as_ref()
        .filter(|token| !ask.force && ask.is_fresh(token))
    {
        ui::step("the token comes from the kernel keyring");
        if let Some(ended) = &note.ended {
            warn_of_end(ask.profile, &ended.said, token);
        }
        return Ok(token.clone());
    }
    let mut alive = cached;
    match stored_or_renewed(ask, &state, &cache, &mut alive) {
        // What the server has not refused for good leaves a token with time left as good as it was.
        // Who wants it renewed all the same has to know that the store is locked.
        Err(error) if error.kind == Kind::Temporary => stale_or(alive, error, ask),
        Err(error)
            if !ask.force && matches!(error.kind, Kind::StoreLocked | Kind::StoreUnavailable) =>
        {
            stale_or(alive, error, ask)
        }
        result => result,
    }
}

/// From the store, else renewed in turn; `alive` becomes the token that the store has.
fn stored_or_renewed(
    ask: &Ask<'_>,
    state: &Path,
    cache: &Cache,
    alive: &mut Option<Token>,
) -> Result<Token> {
    let profile = ask.profile;
    let started = clock::now_millis();
    let mut storage = Storage::open(profile, ask.deadline, Interaction::Never)?;
    let before = storage.record(profile)?;
    let stored = token_of(profile, before.as_ref());
    if let Some(token) = stored
        .as_ref()
        .filter(|token| !ask.force && ask.is_fresh(token))
    {
        ui::step(&format!(
            "the token comes from the store: {}",
            storage.store.describe()
        ));
        // Not over a newer one that a renewal has put there meanwhile.
        let written = Note::load(state, &profile.name).generation;
        if before
            .as_ref()
            .is_some_and(|record| record.generation >= written)
        {
            cache.put(token, clock::now());
        }
        let refresh = before.as_ref().and_then(|record| record.refresh.as_ref());
        if let Some(said) = refresh.and_then(|refresh| storage.note.end_of(refresh)) {
            warn_of_end(profile, said, token);
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
    match wait_for_turn(ask, state, cache)? {
        Turn::Come(token) => Ok(token),
        Turn::Ours(lock) => match cache.get().filter(|token| ask.is_news(token, started)) {
            Some(token) => Ok(token),
            None => renew_locked(ask, &mut storage, before.as_ref(), lock, started),
        },
    }
}

/// How the wait for the profile's lock ended.
enum Turn {
    /// It is this process's turn, with the lock where there can be one.
    Ours(Option<Lock>),
    /// Somebody else's renewal has brought the token.
    Come(Token),
}

fn wait_for_turn(ask: &Ask<'_>, state: &Path, cache: &Cache) -> Result<Turn> {
    let name = &ask.profile.name;
    let come = || {
        cache
            .get()
            .filter(|token| !ask.force && ask.is_fresh(token))
    };
    let _waiting = ui::waiting(about(
        name,
        "waiting for another tokctl that renews the token",
    ));
    let cause = match Lock::take(state, name, Purpose::Renewal, ask.deadline, come, || ()) {
        Ok(Taken::Lock(lock)) => return Ok(Turn::Ours(Some(lock))),
        Ok(Taken::HereOnly(lock)) => {
            ui::warn(&format!(
                "{}: this file system has no locks, so tokctl does not wait for itself on another machine",
                state.display()
            ));
            return Ok(Turn::Ours(Some(lock)));
        }
        Ok(Taken::Came(token)) => return Ok(Turn::Come(token)),
        Ok(Taken::TimedOut) => {
            let what = "another tokctl is still renewing the token";
            return Err(Error::about(name, Kind::Temporary, what));
        }
        Ok(Taken::Unsupported) => {
            ui::warn(&format!(
                "{}: this file system has no locks, so parallel calls may each make a request",
                state.display()
            ));
            return Ok(Turn::Ours(None));
        }
        Err(cause) => io_cause(&cause),
    };
    let what = format!("no lock below {}: {cause}", state.display());
    // Parallel requests cost a repeatable grant nothing but themselves; a refresh token used twice
    // ends a login.
    if ask.profile.is_repeatable() {
        ui::warn(&about(
            name,
            &format!("{what}; parallel calls may each make a request"),
        ));
        return Ok(Turn::Ours(None));
    }
    Err(Error::about(name, Kind::StoreUnavailable, what)
        .hint("make the directory writable, or set TOKCTL_STATE_DIR to one that can be locked"))
}

/// With the lock held: looks again, then makes the one request.
fn renew_locked(
    ask: &Ask<'_>,
    storage: &mut Storage,
    before: Option<&Record>,
    lock: Option<Lock>,
    started: u128,
) -> Result<Token> {
    let profile = ask.profile;
    let generation = |record: Option<&Record>| record.map_or(0, |record| record.generation);
    let record = storage.record_locked(profile)?;
    let renewed_meanwhile = generation(record.as_ref()) > generation(before);
    if let Some(token) = token_of(profile, record.as_ref()) {
        // Renewed while this process waited: as fresh as a token from the server can be, also for
        // --force and for a --min-ttl that the server's tokens never reach.
        let good = if renewed_meanwhile {
            token.is_alive(clock::now()) && ask.caller.takes(&token, clock::now())
        } else {
            !ask.force && ask.is_fresh(&token)
        };
        if good {
            ui::step("another tokctl has renewed the token");
            return Ok(token);
        }
    }
    storage.note = Note::load(&storage.state, &profile.name);
    if let Some(failure) = storage
        .note
        .failure
        .as_ref()
        .filter(|failure| failure.at_ms > started)
    {
        // The request that this process waited for has failed: 200 callers do not knock 200 times.
        return Err(failure.error.clone());
    }
    if let Some(token) = identity::settle_stored(ask, storage, record.as_ref())? {
        return Ok(token);
    }
    let refused = storage.note.refused.get(&profile.variant());
    if let Some(said) = refused.filter(|said| !is_asked_about(ask, said, started)) {
        return Err(said.error.clone());
    }
    respect_retry_after(profile, storage.note.not_before, ask.deadline)?;
    if profile.is_repeatable() {
        return ask_anew(ask, storage, record.as_ref());
    }
    let is_there = record.is_some();
    let bound =
        record.filter(|record| record.binding == profile.binding() && record.refresh.is_some());
    let Some(record) = bound else {
        return Err(nothing_to_renew(profile, storage, is_there));
    };
    let end = |refresh| storage.note.end_of(refresh);
    let ended = record.refresh.as_ref().and_then(end);
    if let Some(said) = ended.filter(|said| !is_asked_about(ask, said, started)) {
        return Err(ended_before(profile, said));
    }
    let job = Job {
        config: ask.again.config.excerpt(&profile.name),
        record,
        credentials: credentials::find(profile, Some(storage), ask.deadline)?,
        // A little less than the caller's, which listens until then.
        budget: ask.deadline.left().saturating_sub(ANSWERING),
    };
    let _waiting = ui::waiting(about(&profile.name, "renewing the token"));
    background::run(profile, &ask.again, &job, lock, ask.deadline)
}

/// Whether a remembered refusal is asked about: when its time has come, or once for who insists.
fn is_asked_about(ask: &Ask<'_>, said: &Remembered, started: u128) -> bool {
    !said.is_news(started) && (ask.insist || said.is_due(clock::now()))
}

/// Asks for a token that needs neither a person nor a refresh token.
fn ask_anew(ask: &Ask<'_>, storage: &mut Storage, old: Option<&Record>) -> Result<Token> {
    let profile = ask.profile;
    let mut credentials = credentials::find(profile, Some(storage), ask.deadline)?;
    credentials.given = subject::find(ask)?;
    let result = client_auth_guess::repeatable(profile, storage, &credentials, ask.deadline);
    let (mut granted, sent_at) = result.map_err(|refused| remember(storage, refused))?;
    let judge = Judge::of_renewal(profile, &credentials, None);
    judge.settle(&mut granted, ask.deadline);
    judge.tell(&granted);
    let merged = Merged::renewed(profile, old, granted, sent_at);
    let wanted = merged.wanted(profile);
    if merged.kept {
        storage.forget(profile, &merged.evicted);
        keep_repeatable(profile, storage, &merged.record, wanted.as_ref().ok());
    }
    refresh::remember_absent(profile, storage, wanted)
}

/// Stores a token that could be asked for again: it is never withheld because it cannot be kept.
fn keep_repeatable(
    profile: &Profile,
    storage: &mut Storage,
    record: &Record,
    token: Option<&Token>,
) {
    let backend = storage.store.backend();
    if backend == Backend::None {
        return;
    }
    let now = clock::now();
    let cached = token.is_some_and(|token| storage.cache(profile).put(token, now));
    match storage.save(profile, record) {
        Ok(())
            if backend == Backend::Kernel
                && !cached
                && token.is_some_and(|token| token.is_alive(now)) =>
        {
            ui::warn(&about(
                &profile.name,
                "there is nowhere to keep the token (no keyring, no kernel keyring), so every call is a request; \
                 store = \"encrypted-file\" in the configuration changes that",
            ));
        }
        Ok(()) => storage.note_written(record, token),
        Err(error) => ui::warn(&format!("the token is not stored: {error}")),
    }
}

/// The record's token for what the profile asks, if it belongs to the same client and server.
pub fn token_of(profile: &Profile, record: Option<&Record>) -> Option<Token> {
    let record = record.filter(|record| record.binding == profile.binding())?;
    record.tokens.get(&profile.variant()).cloned()
}

/// A stored token with time left is better than none while the server or the store is away.
fn stale_or(alive: Option<Token>, error: Error, ask: &Ask<'_>) -> Result<Token> {
    let Some(token) = alive.filter(|token| ask.is_better_than_none(token)) else {
        return Err(error);
    };
    let now = clock::now();
    if ask.offline {
        return Ok(token);
    }
    let left = token.expires.map_or_else(String::new, |end| {
        format!(", which is good for another {}", clock::words(end - now))
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
fn without_state(ask: &Ask<'_>) -> Result<Token> {
    let profile = ask.profile;
    let stateless = env::state_dir().map(drop);
    if !profile.is_repeatable() || ask.offline {
        stateless?;
    }
    ui::warn(&about(
        &profile.name,
        "there is no home directory to keep the token in, so every call is a request",
    ));
    let mut credentials = credentials::find(profile, None, ask.deadline)?;
    credentials.given = subject::find(ask)?;
    let result = request::send(
        profile,
        &credentials,
        TokenRequest::repeatable(profile),
        ask.deadline,
        Duration::ZERO,
    );
    let (mut granted, sent_at) = result.map_err(|refused| refused.error)?;
    Judge::of_renewal(profile, &credentials, None).settle(&mut granted, ask.deadline);
    Merged::renewed(profile, None, granted, sent_at).wanted(profile)
}

/// Why there is no refresh token to use, though perhaps a record.
pub fn nothing_to_renew(profile: &Profile, storage: &Storage, is_there: bool) -> Error {
    let what = if storage.note.refreshable && is_there {
        "what is stored belongs to another client_id, token_endpoint or grant"
    } else if profile.request.kind == TokenKind::Id {
        "there is no refresh token, and the id token has ended or was never there"
    } else {
        "there is no refresh token, and the access token has ended or was never there"
    };
    profile.login_required(what).of(&profile.name)
}

pub fn grant_ended(profile: &Profile) -> Error {
    let name = &profile.name;
    profile.login_required(format!("your grant for {name} ended (revoked or expired)"))
}

/// The same, as the server has said it before.
fn ended_before(profile: &Profile, said: &Remembered) -> Error {
    let Some(at) = said.since().map(clock::rfc3339) else {
        return grant_ended(profile);
    };
    let mut error = said.error.clone();
    error.message = format!("{}, as the server said at {at}", error.message);
    error
}

/// A token with time left after which there is no other one.
fn warn_of_end(profile: &Profile, said: &Remembered, token: &Token) {
    let end = token.expires.map_or_else(
        || "this token is the last one".to_owned(),
        |end| format!("this token ends at {}", clock::rfc3339(end)),
    );
    let hint = said.error.hint.as_deref().unwrap_or_default();
    let what = format!("{}; {end}, then {hint}", said.error.message);
    ui::warn(&about(&profile.name, &what));
}

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
    let taken = Lock::take(&state, name, purpose, deadline, || None::<()>, || ());
    let cache = Cache::of(profile, &state, &Note::load(&state, name));
    let mut found = cache.get().is_some_and(|token| is_meant(&token));
    if found {
        cache.forget();
    }
    if !matches!(
        taken,
        Ok(Taken::Lock(_) | Taken::HereOnly(_) | Taken::Unsupported)
    ) {
        return Ok(found);
    }
    let mut storage = Storage::open(profile, deadline, Interaction::Never)?;
    let Some(mut record) = storage.record_locked(profile)? else {
        return Ok(found);
    };
    let variant = profile.variant();
    if record.tokens.get(&variant).is_some_and(is_meant) {
        record.tokens.remove(&variant);
        record.generation += 1;
        storage.save(profile, &record)?;
        storage.note_written(&record, None);
        found = true;
    }
    Ok(found)
}
