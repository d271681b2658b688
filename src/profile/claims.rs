//! The claims of an assertion, from TOML to JSON.

use super::fault::Fault;
use super::raw::{kind, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// Claims by their names.
pub type Claims = BTreeMap<String, Json>;

/// What each assertion has of its own.
const OWN: &[&str] = &["iat", "exp", "nbf", "jti"];

/// Reads a table of claims.
pub fn read(value: &Spanned<DeValue<'_>>) -> Result<Claims, Fault> {
    let Some(table) = value.get_ref().as_table() else {
        let what = format!("must be a table, not {}", kind(value.get_ref()));
        return Err(Fault::new(value.span(), what));
    };
    let mut claims = Claims::new();
    for (name, value) in table {
        let name = name.get_ref().to_string();
        let fault = |what: &str| Fault::new(value.span(), format!("{name}: {what}"));
        if OWN.contains(&name.as_str()) {
            return Err(fault("is set by the request itself"));
        }
        let claim = json(value).map_err(|wrong| fault(&wrong.what))?;
        match (name.as_str(), &claim) {
            ("iss" | "sub", claim) if !claim.is_string() => return Err(fault("must be a string")),
            ("scope", claim) if *claim == Json::Bool(false) => {
                return Err(fault("must be true (the profile's scope) or a string"));
            }
            _ => claims.insert(name, claim),
        };
    }
    Ok(claims)
}

fn json(value: &Spanned<DeValue<'_>>) -> Result<Json, Fault> {
    match value.get_ref() {
        DeValue::Boolean(flag) => Ok(Json::Bool(*flag)),
        DeValue::Integer(number) => {
            let number = number.as_str().parse::<i64>();
            number
                .map(Json::from)
                .map_err(|_| Fault::new(value.span(), "must be a plain number of at most 63 bits"))
        }
        DeValue::Array(values) => values.iter().map(json).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(name, value)| Ok((name.get_ref().to_string(), json(value)?)))
            .collect(),
        _ => text(value).map(Json::String),
    }
}
