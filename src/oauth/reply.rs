//! What servers really send: a token reply in any of the shapes seen in the wild, read leniently
//! where the token is safe and strictly where it is not.

use super::expiry::{self, Expiry, Saved};
use super::id_token::{self, IdToken};
use super::lenient;
use super::shape::Shape;
use crate::clock;
use crate::http;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::text::{REPEATS, clean};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a server's words may be in a message.
pub const MAX_WORDS: usize = 1000;

/// Of its code, in characters; what the protocol has is 30.
pub const MAX_CODE: usize = 200;

/// A kept member is an address or a name, not a document.
const MAX_KEPT: usize = 2000;

/// What a reply to a token request says.
pub enum Reading {
    Granted(Granted),
    Refused(Refusal),
}

/// A grant's tokens as they came.
#[derive(Serialize, Deserialize)]
pub struct Granted {
    /// The access token, or why it cannot be used. A new refresh token beside it is kept anyway.
    pub access: Result<Secret, String>,
    pub refresh: Option<Secret>,
    pub id_token: IdToken,
    pub token_type: Option<String>,
    pub scope: Option<String>,
    pub expiry: Expiry,
    /// What is there and not taken, in words.
    pub left_out: Vec<String>,
    /// What the profile keeps of the reply's other members.
    pub kept: BTreeMap<String, Value>,
}

impl Granted {
    /// Nothing at all.
    pub fn none() -> Self {
        Self {
            access: Err("there is none".to_owned()),
            refresh: None,
            id_token: IdToken::None,
            token_type: None,
            scope: None,
            expiry: Expiry::Unsaid,
            left_out: Vec::new(),
            kept: BTreeMap::new(),
        }
    }
}

impl Granted {
    /// The same, with its access token only where its type is one that can be used.
    fn of_a_known_type(mut self, profile: &Profile) -> Self {
        let why = self
            .token_type
            .as_deref()
            .and_then(|kind| profile.unusable(kind));
        if let Some(why) = why.filter(|_| self.access.is_ok()) {
            self.access = Err(why);
        }
        self
    }

    /// Whether its tokens cannot be used for their type, now and after each renewal.
    pub fn is_unusable(&self, profile: &Profile) -> bool {
        let kind = self.token_type.as_deref();
        kind.is_some_and(|kind| profile.unusable(kind).is_some())
    }
}

/// A server's no, in its own words, cleaned.
pub struct Refusal {
    /// The error's code as it came, to decide by; never shown.
    pub code: String,
    /// What stands below it (Entra's `suberror`, Google's `error_subtype`), to decide by.
    pub subcode: String,
    /// The server's words as they came, to decide by: it may have repeated a secret in them.
    pub words: Secret,
    pub error: Option<String>,
    pub description: Option<String>,
    /// The pause that the server asks for (GitHub's `slow_down`).
    pub interval: Option<Duration>,
}

/// Reads a body as the profile says. `secrets` are what the request held: a server that echoes one must not get it
/// printed.
pub fn read(
    (status, content_type, body): (u16, &str, &[u8]),
    profile: &Profile,
    secrets: &[&Secret],
) -> Reading {
    let shape = Shape(&profile.response);
    let mut value = parse(content_type, body);
    shape.settle_error(&mut value);
    let refusal = refusal(&value, secrets);
    let success = (200..300).contains(&status);
    if !success || refusal.error.is_some() || shape.says_no(&value) {
        return Reading::Refused(refusal);
    }
    let kept = kept(&value, &profile.quirks.keep, secrets);
    match shape.part(&mut value) {
        Some(part) => {
            Reading::Granted(granted(part, shape, kept, secrets).of_a_known_type(profile))
        }
        None => Reading::Refused(refusal),
    }
}

/// Reads a reply that somebody else has saved some time ago. `None` for what holds no tokens.
pub fn saved(content_type: &str, body: &[u8], profile: &Profile) -> Option<Granted> {
    let shape = Shape(&profile.response);
    let mut value = parse(content_type, body);
    shape.settle_error(&mut value);
    if refusal(&value, &[]).error.is_some() || shape.says_no(&value) {
        return None;
    }
    let kept = kept(&value, &profile.quirks.keep, &[]);
    let part = shape.part(&mut value)?;
    let saved = expiry::of_saved(part, shape, clock::now());
    let mut granted = granted(part, shape, kept, &[]).of_a_known_type(profile);
    // A token that says itself when it ends is believed rather than words about its life.
    let own = granted.access.as_ref().ok().and_then(id_token::end);
    granted.expiry = match (saved, own) {
        (Saved::Known(at @ Expiry::At(_)), _) => at,
        (_, Some(end)) => Expiry::At(end),
        (Saved::Known(other), None) => other,
        (Saved::Since(lifetime, unread), None) => {
            granted.left_out.extend(unread.map(|what| not_taken(&what)));
            if granted.refresh.is_some() {
                // It may be at its end, and another is one request away.
                Expiry::At(0)
            } else {
                granted.left_out.push(format!(
                    "nothing says when the token was issued: its {} are counted from now",
                    clock::words(lifetime)
                ));
                Expiry::In(lifetime)
            }
        }
    };
    Some(granted)
}

fn granted(
    value: &mut Value,
    shape: Shape<'_>,
    kept: BTreeMap<String, Value>,
    secrets: &[&Secret],
) -> Granted {
    let expiry = expiry::of_reply(value, shape, clock::now());
    // Both are shown by `status`: one that repeats a secret says nothing.
    let said = |words: &String| !words.is_empty() && *words != REPEATS;
    let scope = scope(shape.find(value, "scope"), secrets).filter(said);
    let token_type = shape
        .find(value, "token_type")
        .as_str()
        .map(|text| clean(text, 64, secrets))
        .filter(said);
    let mut left_out = unread(value, shape);
    let mut take = |name: &str| match shape.take(value, name) {
        Some(Value::String(text)) => Ok(Secret::new(text)),
        Some(other) => Err(json_kind(&other)),
        None => Err("absent"),
    };
    let access = usable(take("access_token"));
    // Missing, null or empty: the old one stays.
    let refresh = optional("refresh_token", take("refresh_token"), &mut left_out);
    let id_token = optional("id_token", take("id_token"), &mut left_out);
    let refresh = refresh.filter(|token| {
        let taken = token.is_grant_text();
        if !taken {
            left_out.push(not_taken(
                "the refresh_token holds characters that none may have (control characters or non-ASCII)",
            ));
        }
        taken
    });
    Granted {
        access,
        refresh,
        id_token: id_token.map_or(IdToken::None, IdToken::Raw),
        token_type,
        scope,
        expiry,
        left_out,
        kept,
    }
}

/// What stands in the place of a scope or a type, and is neither.
fn unread(value: &Value, shape: Shape<'_>) -> Vec<String> {
    let odd = ["scope", "token_type"].into_iter().filter_map(|name| {
        let value = shape.find(value, name);
        let taken = value.is_null() || value.is_string() || name == "scope" && value.is_array();
        (!taken).then(|| not_taken(&format!("the {name} is {}", json_kind(value))))
    });
    odd.collect()
}

/// The access token of a reply, or why it cannot be used, whatever its type.
fn usable(token: Result<Secret, &str>) -> Result<Secret, String> {
    match token {
        Ok(token) if token.is_empty() => Err("the access_token is empty".to_owned()),
        Ok(token) if token.is_token_text() => Ok(token),
        Ok(_) => Err(
            "the access_token holds characters that no token may have (control \
                      characters, spaces or non-ASCII)"
                .to_owned(),
        ),
        Err(kind) => Err(format!("the access_token is {kind}")),
    }
}

fn not_taken(what: &str) -> String {
    format!("not taken from the reply: {what}")
}

/// A token that need not be there.
fn optional(name: &str, token: Result<Secret, &str>, left_out: &mut Vec<String>) -> Option<Secret> {
    match token {
        Ok(token) => Some(token).filter(|token| !token.is_empty()),
        Err("absent" | "null") => None,
        Err(kind) => {
            left_out.push(not_taken(&format!("the {name} is {kind}")));
            None
        }
    }
}

/// The members that the profile keeps: texts, numbers and flags.
fn kept(value: &Value, names: &[String], secrets: &[&Secret]) -> BTreeMap<String, Value> {
    let mut kept = BTreeMap::new();
    for name in names {
        let found = if name.starts_with('/') {
            value.pointer(name)
        } else {
            value.get(name)
        };
        let found = match found {
            Some(Value::String(text)) => Value::String(clean(text, MAX_KEPT, secrets)),
            Some(plain @ (Value::Number(_) | Value::Bool(_))) => plain.clone(),
            _ => continue,
        };
        let last = name.rsplit('/').next().unwrap_or_default();
        kept.insert(last.to_owned(), found);
    }
    kept
}

/// Codes of RFC 6749 section 5.2.
const BARE_CODES: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// JSON, else a form (GitHub without `Accept`, older servers), else nothing.
pub fn parse(content_type: &str, body: &[u8]) -> Value {
    let text = zeroize::Zeroizing::new(String::from_utf8_lossy(http::bare(body)).into_owned());
    let text = text.as_str();
    if let Some(value) = lenient::object(text) {
        return value;
    }
    // CAS says nothing but the code.
    if BARE_CODES.contains(&text) {
        return serde_json::json!({ "error": text });
    }
    if is_page(content_type, body) || text.starts_with(['{', '[']) || !text.contains('=') {
        return Value::Null;
    }
    let pairs = form_urlencoded::parse(text.as_bytes());
    Value::Object(
        pairs
            .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
            .collect(),
    )
}

/// Whether a body is a page for a browser, which no endpoint of OAuth answers to a program.
pub fn is_page(content_type: &str, body: &[u8]) -> bool {
    let begins = http::bare(body).first();
    begins == Some(&b'<') || content_type.contains("html") && begins != Some(&b'{')
}

/// Scope as a string with spaces or commas (GitHub), or as a list (Twitch).
fn scope(value: &Value, secrets: &[&Secret]) -> Option<String> {
    match value {
        Value::String(text) => Some(clean(&text.replace(',', " "), 4096, secrets)),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            Some(clean(&words.join(" "), 4096, secrets))
        }
        _ => None,
    }
}

/// The server's words from the shapes that errors come in.
pub fn refusal(value: &Value, secrets: &[&Secret]) -> Refusal {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let error = &value["error"];
    let code = text(error).or_else(|| text(&value["errors"][0]["errorType"]));
    // Facebook's object.
    let code = code.or_else(|| {
        let names = ["type", "code", "status", "message"];
        names.iter().find_map(|key| text(&error[*key]))
    });
    // Any other kind of it is a no without a code (Reddit's number).
    let is_said = error.is_object() || error.is_number() || *error == Value::Bool(true);
    let shown = code.clone().or(is_said.then(|| "error".to_owned()));
    let description = text(&value["error_description"])
        .or_else(|| text(&error["message"]))
        .or_else(|| text(&value["errors"][0]["message"]))
        .or_else(|| text(&value["message"]));
    // No more than what a wait can be.
    let seconds = ["interval", "retry_after"]
        .iter()
        .find_map(|key| value[*key].as_f64());
    let interval = seconds
        .filter(|seconds| (0.0..=3600.0).contains(seconds) && *seconds > 0.0)
        .map(|seconds| Duration::from_secs_f64(seconds.ceil()));
    let said = said(value, code.as_deref(), description.as_deref());
    Refusal {
        interval,
        code: code.unwrap_or_default(),
        subcode: ["suberror", "error_subtype"]
            .iter()
            .find_map(|key| text(&value[*key]))
            .unwrap_or_default(),
        words: said,
        error: shown
            .map(|text| clean(&text, MAX_CODE, secrets))
            .filter(|text| !text.is_empty()),
        description: description
            .map(|text| clean(&text, MAX_WORDS, secrets))
            .filter(|text| !text.is_empty()),
    }
}

/// Everything that a refusal says in words, also where others have a code (Withings) or in members of
/// its own (Strava, Zoom).
fn said(value: &Value, code: Option<&str>, description: Option<&str>) -> Secret {
    let first = &value["errors"][0];
    let own = ["resource", "field", "code"].map(|key| first[key].as_str());
    let code = code.filter(|code| code.contains(' '));
    let all = [description, code, value["reason"].as_str()];
    let all: Vec<&str> = all.into_iter().chain(own).flatten().collect();
    Secret::new(all.join(" "))
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false, not a string",
        Value::Number(_) => "a number, not a string",
        Value::String(_) => "a string",
        Value::Array(_) => "a list, not a string",
        Value::Object(_) => "an object, not a string",
    }
}
