//! The configuration file as a JSON schema (draft 7, which editors of TOML read), made from the table of keys.

use super::config::NAMES;
use super::keys::{KEYS, Key, help};
use super::preset_names;
use super::shape::Shape;
use super::token_type::TYPES;
use super::value::RESPONSE_KEYS;
use serde_json::{Map, Value, json};

/// The schema.
pub fn schema() -> Value {
    let table = |skip: Option<&str>| {
        let known = KEYS.iter().filter(|key| Some(key.name) != skip);
        let properties: Map<_, _> = known
            .map(|key| (key.name.to_owned(), property(key)))
            .collect();
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    };
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "configuration of tokctl",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "defaults": {
                "description": "Keys that all profiles start with.",
                "allOf": [table(Some("preset"))],
            },
            "profile": {
                "description": "The profiles by their names.",
                "type": "object",
                "propertyNames": {
                    "description": NAMES,
                    "pattern": "^[^-.@+:_][^\\s/\\\\\"']{0,127}$",
                },
                "additionalProperties": { "$ref": "#/definitions/profile" },
            },
        },
        "definitions": {
            "profile": table(None),
            "text": { "type": "string", "minLength": 1 },
            "texts": { "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "$ref": "#/definitions/text" } },
            ] },
            "duration": { "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^\\s*\\d" },
            ] },
            "scalar": { "type": ["string", "integer", "boolean"] },
            "source": source(),
        },
    })
}

/// A key with its sentence.
fn property(key: &Key) -> Value {
    let mut property = shape(key);
    property["description"] = json!(help(key.name));
    property
}

fn shape(key: &Key) -> Value {
    let one = |name: &str| json!({ "allOf": [{ "$ref": format!("#/definitions/{name}") }] });
    match key.shape {
        Shape::Text | Shape::Path | Shape::Header => one("text"),
        Shape::AnyText => json!({ "type": "string" }),
        Shape::Preset => json!({ "enum": preset_names::all().collect::<Vec<_>>() }),
        Shape::Endpoint => json!({ "type": "string", "pattern": "^(https?://|\\{)" }),
        Shape::Texts | Shape::Hosts | Shape::Members => one("texts"),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Duration => one("duration"),
        Shape::Life => {
            json!({ "anyOf": [{ "$ref": "#/definitions/duration" }, { "const": "none" }] })
        }
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Params => params(key.name),
        Shape::Secret => one("source"),
        Shape::TokenType => {
            json!({ "anyOf": [{ "enum": TYPES }, { "type": "string", "pattern": ":" }] })
        }
        Shape::Token => json!({ "anyOf": [
            { "$ref": "#/definitions/source" },
            {
                "type": "object",
                "required": ["profile"],
                "additionalProperties": false,
                "properties": { "profile": { "$ref": "#/definitions/text" } },
            },
        ] }),
        Shape::Claims => json!({ "type": "object" }),
        Shape::Pointers => {
            let one = json!({ "type": "string", "pattern": "^(/|$)" });
            let pointer = json!({ "anyOf": [one, { "type": "array", "items": one }] });
            let properties: Map<_, _> = RESPONSE_KEYS
                .iter()
                .map(|name| ((*name).to_owned(), pointer.clone()))
                .collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties })
        }
    }
}

/// A table of parameters; below it such tables by grant where the requests differ by it.
fn params(name: &str) -> Value {
    let scalar = json!({ "$ref": "#/definitions/scalar" });
    let values = if name.ends_with("_params") {
        json!({ "anyOf": [scalar, { "type": "object", "additionalProperties": scalar }] })
    } else {
        scalar
    };
    json!({ "type": "object", "additionalProperties": values })
}

/// Where a secret is, or the secret itself.
fn source() -> Value {
    let text = json!({ "$ref": "#/definitions/text" });
    let table = |required: &[&str], properties: Value| {
        json!({
            "type": "object",
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        })
    };
    let command = json!({ "type": "array", "minItems": 1, "items": text });
    json!({ "anyOf": [
        text,
        table(&["env"], json!({ "env": text })),
        table(&["env_file"], json!({ "env_file": text, "env": text })),
        table(&["file"], json!({ "file": text })),
        table(&["command"], json!({ "command": command })),
        table(&["systemd_credential"], json!({ "systemd_credential": text })),
        table(&["keyring"], json!({ "keyring": { "const": true } })),
    ] })
}
