//! A preset with everything that is known of it, and where each of its keys comes from.

use super::{FACTS, read, resolved};
use crate::profile::keys::KEYS;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

/// A preset for a person to read.
pub struct Described {
    /// Its own name, also where it was asked for by another.
    pub name: String,
    pub facts: Map<String, Value>,
    /// In the order of the manual.
    pub keys: Vec<Key>,
}

/// One key, or one member of a key that is a table.
pub struct Key {
    /// `token_params.client_credentials.box_subject_type`
    pub path: String,
    pub value: Value,
    /// The preset that sets it.
    pub from: String,
}

/// Everything that is known of a preset. `None` where there is no such preset.
pub fn describe(name: &str) -> Option<Described> {
    let own = raw(name)?;
    let base = own.table.get("extends").and_then(Value::as_str);
    let base = base.and_then(raw);
    let name = own.name.clone();
    let mut facts = Map::new();
    let mut keys: Vec<Key> = Vec::new();
    for layer in base.into_iter().chain([own]) {
        for (key, value) in layer.table {
            if FACTS.contains(&key.as_str()) {
                put_fact(&mut facts, key, value);
            } else {
                let mut leaves = Vec::new();
                flatten(key, value, &mut leaves);
                for (path, value) in leaves {
                    keys.retain(|known| known.path != path);
                    let from = layer.name.clone();
                    keys.push(Key { path, value, from });
                }
            }
        }
    }
    keys.sort_by_cached_key(|key| (place(&key.path), key.path.clone()));
    Some(Described { name, facts, keys })
}

/// Variables are added to those of the preset below; every other fact takes its place.
fn put_fact(facts: &mut Map<String, Value>, key: String, value: Value) {
    match (facts.get_mut(&key), value) {
        (Some(Value::Object(below)), Value::Object(above)) if key == "variables" => {
            below.extend(above);
        }
        (_, value) => drop(facts.insert(key, value)),
    }
}

/// A table's members as keys of their own, which they are in TOML too.
fn flatten(path: String, value: Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(format!("{path}.{name}"), value, leaves);
            }
        }
        value => leaves.push((path, value)),
    }
}

/// Where a key stands in the manual.
fn place(path: &str) -> usize {
    let key = path.split('.').next().unwrap_or_default();
    KEYS.iter()
        .position(|known| known.name == key)
        .unwrap_or(KEYS.len())
}

struct Raw {
    name: String,
    table: Map<String, Value>,
}

fn raw(name: &str) -> Option<Raw> {
    let table = read(name, |table| Some(members(table)))?;
    let name = resolved(name).to_owned();
    Some(Raw { name, table })
}

fn members(table: &DeTable<'_>) -> Map<String, Value> {
    let member = |(name, value): (
        &toml::Spanned<std::borrow::Cow<'_, str>>,
        &toml::Spanned<DeValue<'_>>,
    )| { (name.get_ref().to_string(), json(value.get_ref())) };
    table.iter().map(member).collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => number
            .as_str()
            .parse::<i64>()
            .map_or(Value::Null, Value::from),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(members(table)),
        // Presets have neither fractions nor dates.
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Null,
    }
}
