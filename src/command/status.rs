//! `tokctl status`: what is stored where and for how long; asks no server, and reads no secret but with
//! `--check`.

mod card;
mod table;

use crate::cli::{Global, Status};
use crate::clock::{self, Deadline, Epoch, budget};
use crate::env;
use crate::error::{Error, Result, about, shell_word};
use crate::profile::config::Config;
use crate::profile::{EndpointKind, Profile, StoreChoice};
use crate::secret::Secret;
use crate::state::note::{self, Failure, Note};
use crate::state::remembered::Remembered;
use crate::state::storage::{Cache, Found, Storage};
use crate::store::Backend;
use crate::text::clean;
use crate::token::standing::{self, Facts, Life, Standing, Why};
use crate::token::strangers;
use crate::ui;
use serde_json::{Value, json};
use std::path::Path;

/// What is known of a profile.
struct Row {
    /// As `--json` has it, or the name and an `error`.
    facts: Value,
    expires: Option<Epoch>,
    updated: Option<Epoch>,
}

/// Shows one profile or all.
pub fn run(global: &Global, status: &Status) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let state = env::state_dir().ok();
    let mut troubles = Vec::new();
    let mut remedies = Vec::new();
    let mut see = |profile: &Profile| {
        if status.check {
            troubles.extend(check(profile, state.as_deref()));
        }
        let row = describe(profile, state.as_deref());
        if row.facts["state"] == Standing::Login(Why::Nothing).words() {
            let remedy = profile.login_required("").hint.unwrap_or_default();
            remedies.push(about(&profile.name, &remedy));
        }
        row
    };
    let mut faults = Vec::new();
    let mut rows: Vec<Row> = match &status.profile {
        Some(name) => vec![see(&Profile::load(&config, name)?)],
        // Of many, one that cannot be used must not hide the others.
        None => Profile::all(&config)?
            .map(|(name, profile)| match profile {
                Ok(profile) => see(&profile),
                Err(error) => {
                    let row = faulty(&name, &error);
                    faults.push(error);
                    row
                }
            })
            .collect(),
    };
    let strangers = match (&status.profile, &state) {
        (None, Some(state)) => strangers::of(&config, state)?,
        _ => Vec::new(),
    };
    let mut left = Vec::new();
    for note in &strangers {
        rows.push(of_stranger(note));
        let name = &note.profile;
        left.push(format!(
            "{name} is kept, and no profile of the file any more; to end and erase it, run: tokctl remove {}",
            shell_word(name)
        ));
    }
    if rows.is_empty() && !status.json {
        ui::notice(&none(&config));
    }
    ui::answer(&Secret::new(text(rows, status)))?;
    if !status.json && !status.check {
        let shown = ui::look().columns.is_some();
        let remedies = remedies.iter().filter(|_| shown);
        remedies.chain(&left).for_each(|remedy| ui::notice(remedy));
    }
    if !status.check {
        return Ok(());
    }
    troubles.extend(faults);
    gravest(troubles, status.json)
}

/// What keeps a profile from giving a token now, without a request. The store is looked into, since the
/// note beside it does not know what has become of it.
fn check(profile: &Profile, state: Option<&Path>) -> Option<Error> {
    let now = clock::now();
    if env::token_override(&profile.name).is_some() {
        return None;
    }
    let note = state
        .map(|state| Note::load(state, &profile.name))
        .unwrap_or_default();
    let noted = Facts::noted(profile, &note, now);
    let is_kept = profile.storage.choice != StoreChoice::None;
    // What has never been there is in no store.
    if !is_kept || note.generation == 0 && profile.storage.choice == StoreChoice::Auto {
        return standing::trouble(profile, &noted, &note, now);
    }
    let found = Storage::examine(profile, Deadline::after(budget::STATUS_STORE))
        .and_then(|mut storage| storage.find(profile));
    let record = match found {
        Ok(Found::Record(record)) => Some(record),
        Ok(Found::Nothing) => None,
        Ok(Found::Unreadable(_)) if profile.is_repeatable() => None,
        // No key yet, and nothing that it would open.
        Err(_) if note.generation == 0 && profile.storage.choice == StoreChoice::EncryptedFile => {
            None
        }
        Ok(Found::Unreadable(error)) | Err(error) => return Some(error),
    };
    let facts = Facts::stored(profile, &note, record.as_deref(), now);
    standing::trouble(profile, &facts, &note, now)
}

/// Of several, the one that counts most is the result, and the others are told.
fn gravest(mut troubles: Vec<Error>, json: bool) -> Result<()> {
    troubles.sort_by_key(|error| standing::weight(error.kind));
    let Some(gravest) = troubles.pop() else {
        return Ok(());
    };
    for error in troubles.iter().filter(|_| !json) {
        ui::error(error, false);
    }
    Err(gravest)
}

/// What is kept for a name that is no profile any more.
fn of_stranger(note: &Note) -> Row {
    let facts = json!({
        "profile": note.profile,
        "state": "no profile",
        "reason": "it is kept here, and in the configuration file no more",
        "account": note.account,
        "scope": note.scope,
        "expires_at": note.expires.map(clock::rfc3339),
        "unrevoked": Some(note.unrevoked).filter(|count| *count > 0),
        "refreshable": note.refreshable,
        "store": note.store.map(Backend::name),
    });
    Row {
        facts,
        expires: note.expires,
        updated: note.updated,
    }
}

fn faulty(name: &str, error: &Error) -> Row {
    Row {
        facts: json!({ "profile": name, "error": error.to_string() }),
        expires: None,
        updated: None,
    }
}

fn none(config: &Config) -> String {
    let path = config
        .path()
        .map_or_else(String::new, |path| format!(" in {}", path.display()));
    format!("no profiles{path}; to set one up, run: tokctl add")
}

/// For a program as JSON, or in lines that do not depend on the terminal; for a person as there is
/// room, with times in words.
fn text(mut rows: Vec<Row>, status: &Status) -> String {
    if status.json {
        let mut all: Vec<Value> = rows.drain(..).map(|row| row.facts).collect();
        return match &status.profile {
            Some(_) => format!("{}\n", all.pop().unwrap_or_default()),
            None => format!("{}\n", Value::Array(all)),
        };
    }
    let look = ui::look();
    match (&status.profile, look.columns) {
        (None, _) if rows.is_empty() => String::new(),
        (Some(_), Some(_)) => rows.iter().map(|row| card::of(row, look)).collect(),
        (Some(_), None) => rows.iter().map(|row| lines(&row.facts)).collect(),
        (None, Some(_)) => table::of(&rows, look),
        (None, None) => plain_table(&rows),
    }
}

fn describe(profile: &Profile, state: Option<&Path>) -> Row {
    let note = state
        .map(|state| Note::load(state, &profile.name))
        .unwrap_or_default();
    let now = clock::now();
    let overridden = env::token_override(&profile.name).is_some();
    let (store, path) = store(profile, &note, state);
    let mut facts = Facts {
        overridden,
        ..Facts::noted(profile, &note, now)
    };
    // What only the kernel keeps goes with the machine's restart, and with its room.
    let only_there = store == Backend::Kernel.name() && facts.token != Life::Absent;
    if only_there && !state.is_some_and(|state| Cache::of(profile, state, &note).has_token()) {
        facts.token = Life::Over;
    }
    let standing = standing::judge(&facts, now);
    let why = match standing {
        Standing::Login(Why::Ended) => facts.ended.map(|said| said.error.message.clone()),
        Standing::Login(why) => Some(why.words(facts.kind).to_owned()),
        _ => None,
    };
    let has_last = standing == Standing::Last || facts.ended.is_some();
    let last = note.expires.filter(|end| has_last && *end > now);
    let ended = facts.ended.and_then(Remembered::since);
    let facts = json!({
        "profile": profile.name,
        "state": standing.words(),
        "reason": why,
        "ended_at": ended.map(clock::rfc3339),
        "ends_for_good_at": last.map(clock::rfc3339),
        "grant": profile.grant.name(),
        "issuer": profile.server.issuer(),
        "token_endpoint": profile.server.url(EndpointKind::Token),
        "client_id": Some(&profile.client.id).filter(|id| !id.is_empty()),
        "account": note.account,
        "scope": note.scope,
        "expires_at": note.expires.map(clock::rfc3339),
        "expires_in": note.expires.map(|end| (end - now).max(0)),
        "unrevoked": Some(note.unrevoked).filter(|count| *count > 0),
        "refreshable": note.refreshable || profile.is_repeatable(),
        "not_before": note.not_before.filter(|at| *at > now).map(clock::rfc3339),
        "last_failure": note.failure.as_ref().map(last_failure),
        "source": if overridden { "environment" } else { "store" },
        "store": store,
        "store_path": path,
        "access_cache": profile.storage.cache.name(),
        "updated_at": note.updated.map(clock::rfc3339),
        "helper_failures": state.and_then(|state| helper_failures(state, &profile.name)),
    });
    Row {
        facts,
        expires: note.expires,
        updated: note.updated,
    }
}

/// What the last request was refused with.
fn last_failure(failure: &Failure) -> Value {
    let at = Epoch::try_from(failure.at_ms / 1000).unwrap_or(Epoch::MAX);
    json!({
        "at": clock::rfc3339(at),
        "code": failure.error.kind.code(),
        "message": failure.error.message,
        "oauth_error": failure.error.oauth_code,
        "http_status": failure.error.http_status,
    })
}

/// Each helper's last failure, since some programs do not show it.
fn helper_failures(state: &Path, profile: &str) -> Option<Value> {
    let known = note::helper_failures(state, profile);
    let failures = known.iter().map(|(helper, failure)| {
        let failure = json!({
            "at": clock::rfc3339(failure.at),
            "host": failure.host,
            "message": failure.message,
        });
        (helper.clone(), failure)
    });
    Some(Value::Object(failures.collect())).filter(|_| !known.is_empty())
}

/// The store's name and where it keeps things, as far as that is settled.
fn store(profile: &Profile, note: &Note, state: Option<&Path>) -> (String, Option<String>) {
    let below = |folder: &str| state.map(|state| state.join(folder).display().to_string());
    let backend = match profile.storage.choice {
        StoreChoice::Keyring => Backend::Keyring,
        StoreChoice::EncryptedFile => Backend::EncryptedFile,
        StoreChoice::Plaintext => Backend::Plaintext,
        StoreChoice::None => Backend::None,
        StoreChoice::Auto => match note.settled() {
            Some(backend) => backend,
            None => return ("auto".to_owned(), None),
        },
    };
    let path = match backend {
        Backend::Keyring => Some(keyring_name().to_owned()),
        Backend::EncryptedFile => below("records"),
        Backend::Plaintext => below("plaintext"),
        Backend::Kernel => Some("kernel keyring, until the machine restarts".to_owned()),
        Backend::None => None,
    };
    (backend.name().to_owned(), path)
}

fn keyring_name() -> &'static str {
    match () {
        () if cfg!(target_os = "macos") => "macOS Keychain",
        () if cfg!(windows) => "Windows Credential Manager",
        () => "Secret Service",
    }
}

/// One profile, a line for each thing that is known.
fn lines(row: &Value) -> String {
    let Some(object) = row.as_object() else {
        return String::new();
    };
    let known = object.iter().filter(|(_, value)| !value.is_null());
    let said = |(key, value): (&String, &Value)| match failures(key, value) {
        Some(failures) => failures,
        None => vec![(key.clone(), plain(value))],
    };
    known
        .flat_map(said)
        .map(|(key, said)| format!("{key:<15} {said}\n"))
        .collect()
}

/// A line for each failure that is remembered, with its time and its words.
fn failures(key: &str, value: &Value) -> Option<Vec<(String, String)>> {
    let words = |failure: &Value| {
        let parts = ["at", "host", "message"].map(|part| plain(&failure[part]));
        parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("  ")
    };
    match (key, value) {
        ("helper_failures", Value::Object(all)) => Some(
            all.iter()
                .map(|(helper, failure)| (format!("failed_{helper}"), words(failure)))
                .collect(),
        ),
        ("last_failure", Value::Object(_)) => Some(vec![(key.to_owned(), words(value))]),
        _ => None,
    }
}

/// All profiles, a line each: the columns are stable, and scope, which may have spaces, is the last.
fn plain_table(rows: &[Row]) -> String {
    let head = ["PROFILE", "STATE", "EXPIRES", "GRANT", "STORE", "SCOPE"].map(str::to_owned);
    let mut cells = vec![head];
    for row in rows.iter().map(|row| &row.facts) {
        if let Some(error) = row["error"].as_str() {
            cells.push([
                plain(&row["profile"]),
                format!("error: {error}"),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            continue;
        }
        let expires = row["expires_in"]
            .as_i64()
            .map_or_else(|| "-".to_owned(), left);
        let text = |key: &str| {
            Some(plain(&row[key]))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| "-".to_owned())
        };
        cells.push([
            text("profile"),
            text("state"),
            expires,
            text("grant"),
            text("store"),
            text("scope"),
        ]);
    }
    let width = |column: usize| {
        cells
            .iter()
            .filter(|row| !row[2].is_empty())
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let padded: String = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        format!("{}\n", padded.trim_end())
    };
    cells.iter().map(line).collect()
}

fn left(seconds: Epoch) -> String {
    match seconds {
        0 => "ended".to_owned(),
        // Two units are enough for a person: minutes and seconds, or hours and minutes.
        1..3600 => format!("in {}", clock::words(seconds)),
        _ => format!("in {}", clock::words(seconds - seconds % 60)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        // Scopes and accounts are a server's words.
        Value::String(text) => clean(text, usize::MAX, &[]),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
