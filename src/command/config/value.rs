//! `tokctl config get`, `set` and `unset`: one key of one table.

use super::Turn;
use crate::cli::{ConfigKey, ConfigSet, Global};
use crate::error::{Error, Kind, Result, shell_word};
use crate::profile::config::{Config, NAMES, is_name};
use crate::profile::edit::{DEFAULTS, Refused, value_of, with_value};
use crate::profile::{KEYS, Key, Profile, find_key, holds_secret, nearest, preset, typed};
use crate::secret::Secret;
use crate::ui;
use toml_edit::{Item, Value};

/// Prints the value that counts: the profile's own, else its preset's, else the one that all profiles start with.
pub fn get(global: &Global, wanted: &ConfigKey) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let (key, path) = known(wanted)?;
    let text = config.whole()?;
    let name = wanted.profile.as_str();
    let found = |name: &str| value_of(text, name, &path).map_err(|why| unreadable(&config, why));
    let own = found(name)?;
    if own.is_none() && name != DEFAULTS {
        // Says that there is no such profile, where there is none.
        config.layers(name).map(drop)?;
        if !config.names()?.iter().any(|known| known == name) && preset::find(name).is_none() {
            return Err(config.no_such_profile(name));
        }
    }
    let value = match own {
        Some(own) => Some(own),
        None if name == DEFAULTS => None,
        None => match of_preset(text, name, &wanted.key) {
            Some(value) => Some(value),
            None => found(DEFAULTS)?,
        },
    };
    let value = value.ok_or_else(|| {
        let what = format!("{} is not set", wanted.key);
        Error::about(name, Kind::Config, what)
    })?;
    if holds_secret(key) && value.as_str().is_some() {
        let what = format!("{} is the secret itself, which is not printed", wanted.key);
        return Err(Error::about(name, Kind::Config, what)
            .hint("tokctl config edit opens the file that has it"));
    }
    ui::answer(&Secret::new(format!("{}\n", plain(&value))))
}

/// What the profile's preset says.
fn of_preset(text: &str, name: &str, path: &str) -> Option<Item> {
    let named = value_of(text, name, &["preset"]).ok().flatten();
    let named = named.as_ref().and_then(Item::as_str).unwrap_or(name);
    let described = preset::describe(named)?;
    let below = format!("{path}.");
    let mut members = toml_edit::InlineTable::new();
    for key in described.keys {
        let value: Value = key.value.to_string().parse().ok()?;
        if key.path == path {
            return Some(Item::Value(value));
        }
        if let Some(member) = key.path.strip_prefix(&below) {
            members.insert(member, value);
        }
    }
    (!members.is_empty()).then(|| Item::Value(Value::InlineTable(members)))
}

/// A string is its own words, an array a line each; a table is written as in the file.
fn plain(value: &Item) -> String {
    let one = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.clone().decorated("", "").to_string(),
    };
    match value {
        Item::Value(Value::Array(values)) => values.iter().map(one).collect::<Vec<_>>().join("\n"),
        Item::Value(value) => one(value),
        table => table.to_string().trim_end().to_owned(),
    }
}

/// Sets a key.
pub fn set(global: &Global, set: &ConfigSet) -> Result<()> {
    let (key, path) = known(&set.key)?;
    let value = typed::value(key, path.len() > 1, &set.value)
        .map_err(|why| Error::usage(format!("{}: {why}", set.key.key)))?;
    change(global, &set.key, &path, Some(value))
}

/// Takes a key out.
pub fn unset(global: &Global, key: &ConfigKey) -> Result<()> {
    let (_, path) = known(key)?;
    change(global, key, &path, None)
}

fn change(global: &Global, key: &ConfigKey, path: &[&str], value: Option<Value>) -> Result<()> {
    let name = key.profile.as_str();
    if name != DEFAULTS && !is_name(name) {
        return Err(Error::usage(NAMES));
    }
    let turn = Turn::take(global)?;
    let old = turn.config.whole()?;
    let sets = value.is_some();
    let text = with_value(old, name, path, value).map_err(|why| unreadable(&turn.config, why))?;
    if text == old {
        if !sets && name != DEFAULTS && !turn.config.names()?.iter().any(|known| known == name) {
            return Err(turn.config.no_such_profile(name));
        }
        return Ok(());
    }
    let new = Config::from_excerpt(turn.config.path().map(ToOwned::to_owned), text.clone());
    let before = turn.config.findings();
    let faults = new.findings();
    // What was wrong before stays for `config check`; what this change makes wrong does not come to be.
    let own = |what: &str| before.iter().all(|old| old.what != what);
    if let Some(fault) = faults.iter().find(|found| own(&found.what) && found.in_key) {
        return Err(Error::usage(&fault.what).of(name));
    }
    turn.write(&text, "nothing is changed")?;
    if name != DEFAULTS
        && let Err(error) = Profile::load(&new, name)
    {
        ui::warn(&error.to_string());
        let next = format!("tokctl config set {} KEY VALUE", shell_word(name));
        ui::notice(&format!("to set what is missing, run: {next}"));
    }
    Ok(())
}

/// The key, and its parts where a member of its table is meant.
fn known(wanted: &ConfigKey) -> Result<(&'static Key, Vec<&str>)> {
    let parts: Vec<&str> = match wanted.key.split_once('.') {
        Some((key, member)) => vec![key, member],
        None => vec![&wanted.key],
    };
    let Some(key) = find_key(parts[0]) else {
        let near = nearest(parts[0], KEYS.iter().map(|key| key.name));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        return Err(
            Error::usage(format!("there is no key {:?}{near}", parts[0]))
                .hint("the keys are in tokctl-config(5)"),
        );
    };
    if parts.len() > 1 && !typed::is_table(key.shape) {
        return Err(Error::usage(format!("{} has no members", key.name)));
    }
    Ok((key, parts))
}

fn unreadable(config: &Config, why: Refused) -> Error {
    // The reader of profiles says it with the line.
    match (config.names(), why) {
        (Err(error), _) => error,
        (Ok(_), Refused::Unreadable(why)) => Error::config(why),
        (Ok(_), Refused::Exists) => Error::config("it is there already"),
    }
}
