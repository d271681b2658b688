//! What servers really send: a token reply in any of the shapes seen in the wild, read leniently
//! where the token is safe and strictly where it is not.

use super::lenient;
use super::shape::Shape;
use crate::clock::Epoch;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::text::{REPEATS, clean};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Ten years in seconds; a server that says more means something else (R15).
const ABSURD: f64 = 315_360_000.0;

/// How long a server's words may be in a message (R19).
const MAX_WORDS: usize = 300;

/// A kept member is an address or a name, not a document.
const MAX_KEPT: usize = 2000;

/// What a reply to a token request says.
pub enum Reading {
    Granted(Granted),
    Refused(Refusal),
}

/// A grant's tokens as they came.
pub struct Granted {
    /// The access token, or why it cannot be used. A new refresh token beside it is kept anyway.
    pub access: Result<Secret, String>,
    pub refresh: Option<Secret>,
    pub id_token: Option<Secret>,
    pub token_type: Option<String>,
    pub scope: Option<String>,
    pub expiry: Expiry,
    /// What the profile keeps of the reply's other members.
    pub kept: BTreeMap<String, Value>,
}

impl Granted {
    /// Nothing at all.
    pub fn none() -> Self {
        Self {
            access: Err("there is none".to_owned()),
            refresh: None,
            id_token: None,
            token_type: None,
            scope: None,
            expiry: Expiry::Unsaid,
            kept: BTreeMap::new(),
        }
    }
}

impl Granted {
    /// Whether its tokens need a proof that is not made, now and after each renewal.
    pub fn is_bound(&self) -> bool {
        self.token_type.as_deref().and_then(bound).is_some()
    }
}

/// What the server said about the token's life.
#[derive(Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Seconds from the start of the request; 0 means "print, do not keep".
    In(Epoch),
    At(Epoch),
    Unsaid,
    /// Not to be believed, in these words.
    Wrong(String),
}

/// A server's no, in its own words, cleaned.
#[derive(Default)]
pub struct Refusal {
    /// The error's code as it came, to decide by; never shown.
    pub code: String,
    pub error: Option<String>,
    pub description: Option<String>,
    /// The pause that the server asks for (GitHub's `slow_down`).
    pub interval: Option<Duration>,
}

/// Reads a body as the profile says. `secrets` are what the request held: a server that echoes one must not get it
/// printed.
pub fn read(
    status: u16,
    content_type: &str,
    body: &[u8],
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
        Some(part) => Reading::Granted(granted(part, shape, kept, secrets)),
        None => Reading::Refused(refusal),
    }
}

fn granted(
    value: &mut Value,
    shape: Shape<'_>,
    kept: BTreeMap<String, Value>,
    secrets: &[&Secret],
) -> Granted {
    let expiry = expiry(
        shape.find(value, "expires_in"),
        shape.find(value, "expires_at"),
    );
    // Both are shown by `status`: one that repeats a secret says nothing.
    let said = |words: &String| !words.is_empty() && *words != REPEATS;
    let scope = scope(shape.find(value, "scope"), secrets).filter(said);
    let token_type = shape
        .find(value, "token_type")
        .as_str()
        .map(|text| clean(text, 64, secrets))
        .filter(said);
    let mut take = |name: &str| match shape.take(value, name) {
        Some(Value::String(text)) => Ok(Secret::new(text)),
        Some(other) => Err(json_kind(&other)),
        None => Err("absent"),
    };
    let usable = |token: Result<Secret, &str>| token.ok().filter(Secret::is_token_text);
    let access = match take("access_token") {
        Ok(token) if token.is_empty() => Err("the access_token is empty".to_owned()),
        Ok(token) if token.is_token_text() => match token_type.as_deref().and_then(bound) {
            Some(why) => Err(why),
            None => Ok(token),
        },
        Ok(_) => Err(
            "the access_token holds characters that no token may have (control \
                      characters, spaces or non-ASCII)"
                .to_owned(),
        ),
        Err(kind) => Err(format!("the access_token is {kind}")),
    };
    Granted {
        access,
        // Missing, null or empty: the old one stays (R14).
        refresh: usable(take("refresh_token")),
        id_token: usable(take("id_token")),
        token_type,
        scope,
        expiry,
        kept,
    }
}

/// Why a token of this type is of no use: it needs a proof beside it. Any other type, also one that
/// nobody knows, is a bearer's.
fn bound(token_type: &str) -> Option<String> {
    let bound = ["dpop", "mac", "pop"].contains(&token_type.to_ascii_lowercase().as_str());
    bound.then(|| {
        format!("it is of the type {token_type}, which needs a proof with each request that tokctl does not make")
    })
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

/// JSON, else a form (GitHub without `Accept`, older servers), else nothing.
pub fn parse(content_type: &str, body: &[u8]) -> Value {
    let text = zeroize::Zeroizing::new(String::from_utf8_lossy(body).into_owned());
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Some(value) = lenient::object(text) {
        return value;
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
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let begins = text.trim_ascii_start().first();
    begins == Some(&b'<') || content_type.contains("html") && begins != Some(&b'{')
}

fn expiry(expires_in: &Value, expires_at: &Value) -> Expiry {
    let number = match expires_in {
        Value::Null => return absolute(expires_at),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => return absolute(expires_at),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // The shortest text form: the server's own could be anything.
    let wrong = |what: &str| Expiry::Wrong(format!("expires_in is {what}"));
    match number {
        Some(seconds) if !seconds.is_finite() => wrong("not a number"),
        Some(seconds) if seconds < 0.0 => wrong("negative"),
        Some(seconds) if seconds > ABSURD => wrong("more than ten years"),
        // A fraction is cut off: a token is never said to live longer than it does.
        #[expect(clippy::cast_possible_truncation, reason = "bounded above and below")]
        Some(seconds) => Expiry::In(seconds as Epoch),
        None => wrong("not a number"),
    }
}

/// `expires_at`, which GitHub Apps, Strava and others send: epoch seconds or RFC 3339.
fn absolute(expires_at: &Value) -> Expiry {
    let at = match expires_at {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => match text.trim().parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => humantime::parse_rfc3339_weak(text.trim())
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .and_then(|since| Epoch::try_from(since.as_secs()).ok()),
        },
        _ => None,
    };
    // Between 2001 and 2286: milliseconds and durations under this name are no times.
    at.filter(|at| (1_000_000_000..10_000_000_000).contains(at))
        .map_or(Expiry::Unsaid, Expiry::At)
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
    let code = code.or_else(|| {
        // Facebook's object; then any kind of it is a no.
        let inner = ["type", "code", "status", "message"]
            .iter()
            .find_map(|key| text(&error[*key]));
        inner.or_else(|| {
            (error.is_object() || error.is_number() || *error == Value::Bool(true))
                .then(|| "error".to_owned())
        })
    });
    let description = text(&value["error_description"])
        .or_else(|| text(&error["message"]))
        .or_else(|| text(&value["errors"][0]["message"]))
        .or_else(|| text(&value["message"]));
    // No more than what a wait can be.
    let interval = value["interval"]
        .as_u64()
        .filter(|s| (1..=3600).contains(s))
        .map(Duration::from_secs);
    Refusal {
        interval,
        code: code.clone().unwrap_or_default(),
        error: code
            .map(|text| clean(&text, 64, secrets))
            .filter(|text| !text.is_empty()),
        description: description
            .map(|text| clean(&text, MAX_WORDS, secrets))
            .filter(|text| !text.is_empty()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expiry_of(value: &Value) -> Expiry {
        expiry(value, &Value::Null)
    }

    #[test]
    fn a_lifetime_is_read_in_every_shape_that_means_one() {
        for value in [
            json!(3600),
            json!(3600.0),
            json!("3600"),
            json!(" 3600 "),
            json!("3600.0"),
            json!("3.6e3"),
        ] {
            assert_eq!(expiry_of(&value), Expiry::In(3600), "{value}");
        }
        assert_eq!(expiry_of(&json!(3599.9)), Expiry::In(3599));
        assert_eq!(expiry_of(&json!(0)), Expiry::In(0));
        for value in [json!(null), json!("")] {
            assert_eq!(expiry_of(&value), Expiry::Unsaid, "{value}");
        }
        for value in [
            json!(-1),
            json!("3600abc"),
            json!("NaN"),
            json!("inf"),
            json!(1e300),
            json!([]),
            json!({}),
            json!(true),
            json!(315_360_001),
        ] {
            assert!(matches!(expiry_of(&value), Expiry::Wrong(_)), "{value}");
        }
        assert_eq!(absolute(&json!(1_700_000_000)), Expiry::At(1_700_000_000));
        assert_eq!(
            absolute(&json!("2023-11-14T22:13:20Z")),
            Expiry::At(1_700_000_000)
        );
        assert_eq!(absolute(&json!(3600)), Expiry::Unsaid);
    }
}
