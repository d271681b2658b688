//! `tokctl status`: what is stored where and for how long; reads no secret and asks no server.

use crate::cli::{Global, Status};
use crate::clock::{self, Epoch};
use crate::env;
use crate::error::Result;
use crate::note::{self, Note};
use crate::profile::config::Config;
use crate::profile::{Profile, StoreChoice};
use crate::secret::Secret;
use crate::store::Backend;
use crate::ui;
use serde_json::{Value, json};
use std::path::Path;

/// Shows one profile or all.
pub fn run(global: &Global, status: &Status) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let names = match &status.profile {
        Some(name) => vec![name.clone()],
        None => config.names()?,
    };
    let state = env::state_dir().ok();
    let mut rows = Vec::new();
    for name in &names {
        // Of many, one that cannot be used must not hide the others.
        match Profile::load(&config, name) {
            Ok(profile) => rows.push(describe(&profile, state.as_deref())),
            Err(error) if status.profile.is_some() => return Err(error),
            Err(error) => rows.push(json!({ "profile": name, "error": error.message })),
        }
    }
    let text = match (status.json, &status.profile) {
        (true, Some(_)) => format!("{}\n", rows.pop().unwrap_or_default()),
        (true, None) => format!("{}\n", Value::Array(rows)),
        (false, Some(_)) => rows.iter().map(lines).collect(),
        (false, None) if rows.is_empty() => {
            let path = config
                .path()
                .map_or_else(String::new, |path| path.display().to_string());
            ui::notice(&format!("no profiles in {path}"));
            String::new()
        }
        (false, None) => table(&rows),
    };
    ui::answer(&Secret::new(text))
}

fn describe(profile: &Profile, state: Option<&Path>) -> Value {
    let note = state
        .map(|state| Note::load(state, &profile.name))
        .unwrap_or_default();
    let now = clock::now();
    let overridden = env::token_override(&profile.name).is_some();
    let expired = note.expires.is_some_and(|end| end <= now);
    let standing = match () {
        () if overridden => "from the environment",
        () if note.ended.is_some() => "login needed",
        () if note.has_token && !expired => "good",
        () if note.has_token || note.refreshable => "renewed when asked for",
        () if profile.is_repeatable() => "fetched when asked for",
        () => "login needed",
    };
    let (store, path) = store(profile, &note, state);
    json!({
        "profile": profile.name,
        "state": standing,
        "grant": profile.grant.name(),
        "issuer": profile.issuer,
        "token_endpoint": profile.token_endpoint,
        "client_id": profile.client_id,
        "account": note.account,
        "scope": note.scope,
        "expires_at": note.expires.map(clock::rfc3339),
        "expires_in": note.expires.map(|end| (end - now).max(0)),
        "refreshable": note.refreshable || profile.is_repeatable(),
        "not_before": note.not_before.filter(|at| *at > now).map(clock::rfc3339),
        "source": if overridden { "environment" } else { "store" },
        "store": store,
        "store_path": path,
        "access_cache": if profile.kernel_cache { "kernel" } else { "none" },
        "updated_at": note.updated.map(clock::rfc3339),
        "helper_failures": state.and_then(|state| helper_failures(state, &profile.name)),
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
    let backend = match profile.store {
        StoreChoice::Keyring => Backend::Keyring,
        StoreChoice::EncryptedFile => Backend::EncryptedFile,
        StoreChoice::Plaintext => Backend::Plaintext,
        StoreChoice::None => Backend::None,
        StoreChoice::Auto => match note.store {
            Some(backend) => backend,
            None if note.has_token => Backend::Kernel,
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

/// All profiles, a line each.
fn table(rows: &[Value]) -> String {
    let head = ["PROFILE", "STATE", "EXPIRES", "GRANT", "STORE", "SCOPE"].map(str::to_owned);
    let mut cells = vec![head];
    for row in rows {
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
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
