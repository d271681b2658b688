//! The values of a profile's keys: what each may be, read from the text and checked.

use super::choice::GRANTS;
use super::claims::{self, Claims};
use super::fault::{Fault, meant, unknown};
use super::preset_names;
use super::raw::{kind, text};
use super::secret_source::SecretSource;
use super::shape::Shape;
use super::token_source::TokenSource;
use super::token_type;
use super::vars::Vars;
use crate::http::{Endpoint, Origin, is_own_header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// The keys of `response`: JSON pointers to where an unusual server puts things.
pub const RESPONSE_KEYS: &[&str] = &[
    "root",
    "access_token",
    "refresh_token",
    "id_token",
    "expires_in",
    "expires_at",
    "token_type",
    "scope",
    "ok",
    "error",
    "error_description",
];

/// JSON pointers by the name of what they find; of several the first that finds something counts.
pub type Pointers = BTreeMap<String, Vec<String>>;

/// A checked value, free of the text it was read from.
#[derive(Debug, Clone)]
pub enum Value {
    Text(String),
    Path(PathBuf),
    Texts(Vec<String>),
    Flag(bool),
    Duration(Duration),
    Params(Params),
    Pointers(Pointers),
    Secret(SecretSource),
    Claims(Claims),
    Token(TokenSource),
}

/// Extra parameters: for every request, and by grant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Params {
    pub always: BTreeMap<String, String>,
    pub by_grant: BTreeMap<String, BTreeMap<String, String>>,
}

impl Params {
    /// Those for a request with `grant`; its own win over those for all.
    pub fn of(&self, grant: &str) -> BTreeMap<&str, &str> {
        let own = self.by_grant.get(grant).into_iter().flatten();
        let all = self.always.iter().chain(own);
        all.map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    /// The same with the profile's variables in them. A grant that the profile does not use may want
    /// variables that it does not have.
    pub fn filled(mut self, vars: &Vars, grant: &str) -> Result<Self, String> {
        for value in self.always.values_mut() {
            *value = vars.fill_known(value)?;
        }
        for (name, params) in &mut self.by_grant {
            for value in params.values_mut() {
                match vars.fill_known(value) {
                    Ok(filled) => *value = filled,
                    Err(why) if [grant, "refresh_token"].contains(&name.as_str()) => {
                        return Err(why);
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(self)
    }
}

/// Reads a value of the shape that a key has.
pub fn read(shape: Shape, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Value, Fault> {
    let wrong = |what: &str| {
        Fault::new(
            value.span(),
            format!("{what}, not {}", kind(value.get_ref())),
        )
    };
    match shape {
        Shape::AnyText if value.get_ref().as_str() == Some("") => Ok(Value::Text(String::new())),
        Shape::Text | Shape::AnyText => Ok(Value::Text(text(value)?)),
        Shape::Preset => preset(value).map(Value::Text),
        Shape::Path => Ok(Value::Path(PathBuf::from(text(value)?))),
        Shape::Endpoint => endpoint(name, value).map(Value::Text),
        Shape::Texts => Ok(Value::Texts(texts(value)?)),
        Shape::Hosts => hosts(value).map(Value::Texts),
        Shape::Header => {
            let name = text(value)?;
            if name.eq_ignore_ascii_case("authorization") {
                return Ok(Value::Text(name));
            }
            check_header(&name, "").map_err(|what| Fault::new(value.span(), what))?;
            Ok(Value::Text(name))
        }
        Shape::Flag => match value.get_ref().as_bool() {
            Some(flag) => Ok(Value::Flag(flag)),
            None => Err(wrong("must be true or false")),
        },
        Shape::Life if value.get_ref().as_str() == Some("none") => {
            Ok(Value::Text("none".to_owned()))
        }
        Shape::Duration | Shape::Life => duration(value).map(Value::Duration),
        Shape::Choice(words) => one_of(words, "", value).map(Value::Text),
        Shape::TokenType if value.get_ref().as_str().is_some_and(token_type::is_uri) => {
            text(value).map(Value::Text)
        }
        Shape::TokenType => one_of(token_type::TYPES, ", and no URI", value).map(Value::Text),
        Shape::Params => params(name, value).map(Value::Params),
        Shape::Pointers => pointers(value).map(Value::Pointers),
        Shape::Members => members(value).map(Value::Texts),
        Shape::Secret => SecretSource::read(value).map(Value::Secret),
        Shape::Token => TokenSource::read(value).map(Value::Token),
        Shape::Claims => claims::read(value).map(Value::Claims),
    }
}

/// The name of a preset.
fn preset(value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    let name = text(value)?;
    if preset_names::all().any(|known| known == name) {
        return Ok(name);
    }
    let near = meant(&name, preset_names::all());
    let what = format!("there is no preset {name:?}{near}");
    Err(Fault::new(value.span(), what))
}

/// An address. With a {variable} in it, it is looked at once that is filled in.
fn endpoint(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    let url = text(value)?;
    if name == "api_url" && url.contains('?') {
        return Err(Fault::new(value.span(), "must not have a query (?)"));
    }
    if !url.contains('{') {
        Endpoint::parse(&url).map_err(|what| Fault::new(value.span(), what))?;
    }
    Ok(url)
}

/// Servers; those with a {variable} likewise.
fn hosts(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Fault> {
    let hosts = texts(value)?;
    for host in hosts.iter().filter(|host| !host.contains('{')) {
        Origin::parse(host).map_err(|what| Fault::new(value.span(), what))?;
    }
    Ok(hosts)
}

/// One of these words; `also` is what else it is not.
fn one_of(words: &[&str], also: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    let word = text(value)?;
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    let near = meant(&word, words.iter().copied());
    let what = format!("{word:?} is none of {}{also}{near}", words.join(", "));
    Err(Fault::new(value.span(), what))
}

fn texts(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Fault> {
    if let Some(array) = value.get_ref().as_array() {
        return array.iter().map(text).collect();
    }
    if value.get_ref().as_str() == Some("") {
        return Ok(Vec::new());
    }
    text(value).map(|one| vec![one])
}

fn duration(value: &Spanned<DeValue<'_>>) -> Result<Duration, Fault> {
    let what = "must be a duration such as \"5m\" or \"1h 30m\"";
    if let Some(number) = value.get_ref().as_integer() {
        let seconds = number
            .as_str()
            .parse()
            .map_err(|_| Fault::new(value.span(), what))?;
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(&text(value)?)
        .map_err(|cause| Fault::new(value.span(), format!("{what}: {cause}")))
}

fn params(name: &str, value: &Spanned<DeValue<'_>>) -> Result<Params, Fault> {
    let Some(table) = value.get_ref().as_table() else {
        let what = format!("must be a table, not {}", kind(value.get_ref()));
        return Err(Fault::new(value.span(), what));
    };
    let mut params = Params::default();
    for (key, value) in table {
        let word = key.get_ref().to_string();
        match value.get_ref().as_table() {
            Some(inner) if GRANTS.contains(&word.as_str()) && name.ends_with("_params") => {
                let mut own = BTreeMap::new();
                for (key, value) in inner {
                    let word = key.get_ref().to_string();
                    let text = scalar(value)?;
                    check_parameter(&word, &text)
                        .map_err(|what| Fault::new(value.span(), format!("{word}: {what}")))?;
                    own.insert(word, text);
                }
                params.by_grant.insert(word, own);
            }
            _ => {
                let text = scalar(value)?;
                match name {
                    "headers" | "api_headers" => check_header(&word, &text),
                    "token_params" | "authorization_params" => check_parameter(&word, &text),
                    _ => Ok(()),
                }
                .map_err(|what| Fault::new(value.span(), format!("{word}: {what}")))?;
                params.always.insert(word, text);
            }
        }
    }
    Ok(params)
}

fn pointers(value: &Spanned<DeValue<'_>>) -> Result<Pointers, Fault> {
    let Some(table) = value.get_ref().as_table() else {
        let what = format!("must be a table, not {}", kind(value.get_ref()));
        return Err(Fault::new(value.span(), what));
    };
    let mut pointers = Pointers::new();
    for (key, value) in table {
        let word = key.get_ref().to_string();
        if !RESPONSE_KEYS.contains(&word.as_str()) {
            return Err(unknown(key, RESPONSE_KEYS.iter().copied()));
        }
        let own = match value.get_ref().as_array() {
            Some(array) => array.iter().map(|one| pointer(&word, one)).collect(),
            None => pointer(&word, value).map(|one| vec![one]),
        };
        pointers.insert(word, own?);
    }
    Ok(pointers)
}

/// RFC 6901; the empty one, which is the whole reply, can only be a root.
fn pointer(word: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    match value.get_ref().as_str() {
        Some("") if word == "root" => Ok(String::new()),
        Some(text) if text.starts_with('/') => Ok(text.to_owned()),
        _ => {
            let what = format!("{word}: must be a JSON pointer such as \"/data/token\"");
            Err(Fault::new(value.span(), what))
        }
    }
}

/// What may be kept of a reply: not its secrets, which have places of their own.
fn members(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Fault> {
    let members = texts(value)?;
    for member in &members {
        let last = member.rsplit('/').next().unwrap_or_default();
        if ["access_token", "refresh_token", "id_token"].contains(&last) {
            let what = format!("{last} is kept by itself, and where it is safe");
            return Err(Fault::new(value.span(), what));
        }
    }
    Ok(members)
}

/// The parameters that make a request what it is (RFC 6749, 7636, 8628).
const OWN_PARAMETERS: &[&str] = &[
    "grant_type",
    "response_type",
    "client_id",
    "client_secret",
    "refresh_token",
    "code",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "device_code",
    "assertion",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "client_assertion",
    "client_assertion_type",
    "redirect_uri",
    "state",
];

/// A parameter beside the request's own.
fn check_parameter(name: &str, value: &str) -> Result<(), &'static str> {
    if name == "response_mode" && value != "query" {
        return Err("must be \"query\": the redirect can bring its answer in no other way");
    }
    if OWN_PARAMETERS.contains(&name) {
        return Err("is set by the request itself");
    }
    Ok(())
}

/// What can be sent as a header (RFC 9110 section 5), and is not the request's own.
fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err("is no header's name");
    }
    if is_own_header(name) {
        return Err("is set by the request itself");
    }
    if value.chars().any(|c| c != ' ' && !c.is_ascii_graphic()) {
        return Err("has characters that a header cannot have");
    }
    Ok(())
}

/// A string, number or flag, as it goes into a form.
fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    let inner = value.get_ref();
    if let Some(flag) = inner.as_bool() {
        return Ok(flag.to_string());
    }
    if let Some(number) = inner.as_integer() {
        return Ok(number.as_str().to_owned());
    }
    text(value)
}
