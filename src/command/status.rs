//! `tokctl status`: what is stored where and for how long; reads no secret and asks no server.

mod card;
mod table;

use crate::cli::{Global, Status};
use crate::clock::{self, Epoch};
use crate::env;
use crate::error::{Error, Result};
use crate::profile::config::Config;
use crate::profile::{EndpointKind, Profile, StoreChoice};
use crate::secret::Secret;
use crate::state::note::{self, Note};
use crate::state::record::CLOCK_STEP;
use crate::store::Backend;
use crate::text::clean;
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
    let rows: Vec<Row> = match &status.profile {
        Some(name) => vec![describe(&Profile::load(&config, name)?, state.as_deref())],
        // Of many, one that cannot be used must not hide the others.
        None => Profile::all(&config)?
            .map(|(name, profile)| match profile {
                Ok(profile) => describe(&profile, state.as_deref()),
                Err(error) => faulty(&name, &error),
            })
            .collect(),
    };
    if rows.is_empty() && !status.json {
        ui::notice(&none(&config));
    }
    ui::answer(&Secret::new(text(rows, status)))
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
    // Of what was written after now, the clock has gone back: it does not tell the time left.
    let ahead = note.updated.is_some_and(|at| at - CLOCK_STEP > now);
    let expired = ahead || note.expires.is_some_and(|end| end <= now);
    let standing = match () {
        () if overridden => "from the environment",
        () if note.ended.is_some() => "login needed",
        () if note.has_token && !expired => "good",
        () if note.refreshable || note.has_token && profile.is_repeatable() => {
            "renewed when asked for"
        }
        () if profile.is_repeatable() => "fetched when asked for",
        () => "login needed",
    };
    let (store, path) = store(profile, &note, state);
    let facts = json!({
        "profile": profile.name,
        "state": standing,
        "grant": profile.grant.name(),
        "issuer": profile.server.issuer(),
        "token_endpoint": profile.server.url(EndpointKind::Token),
        "client_id": Some(&profile.client.id).filter(|id| !id.is_empty()),
        "account": note.account,
        "scope": note.scope,
        "expires_at": note.expires.map(clock::rfc3339),
        "expires_in": note.expires.map(|end| (end - now).max(0)),
        "refreshable": note.refreshable || profile.is_repeatable(),
        "not_before": note.not_before.filter(|at| *at > now).map(clock::rfc3339),
        "source": if overridden { "environment" } else { "store" },
        "store": store,
        "store_path": path,
        "access_cache": if profile.storage.kernel_cache { "kernel" } else { "none" },
        "updated_at": note.updated.map(clock::rfc3339),
        "helper_failures": state.and_then(|state| helper_failures(state, &profile.name)),
    });
    Row {
        facts,
        expires: note.expires,
        updated: note.updated,
    }
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
        StoreChoice::Auto => match note.store {
            Some(backend) => backend,
            None if note.generation > 0 => Backend::Kernel,
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
    known
        .map(|(key, value)| format!("{key:<16}{}\n", plain(value)))
        .collect()
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
