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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::config::Config;

    fn profile(more: &str) -> Profile {
        let text = format!(
            "[profile.p]\nissuer = \"https://s.example\"\nclient_id = \"c\"\nkeep = [\"url\", \"/a/deep\"]\n{more}"
        );
        Profile::load(&Config::from_text(text), "p").expect("a good profile")
    }

    /// What is read of a reply, in one line.
    fn words(reading: &Reading, profile: &Profile) -> String {
        let refusal = match reading {
            Reading::Granted(granted) => return granted_words(granted, profile),
            Reading::Refused(refusal) => refusal,
        };
        let mut words = vec!["no".to_owned()];
        words.extend((!refusal.code.is_empty()).then(|| format!("code={}", refusal.code)));
        words.extend((!refusal.subcode.is_empty()).then(|| format!("sub={}", refusal.subcode)));
        words.extend(refusal.error.iter().map(|text| format!("error={text}")));
        let description = refusal.description.iter();
        words.extend(description.map(|text| format!("says={text}")));
        let said = refusal.words.expose();
        words.extend((!said.is_empty()).then(|| format!("words={said}")));
        words.extend(
            refusal
                .interval
                .map(|pause| format!("wait={}", pause.as_secs())),
        );
        words.join(" ")
    }

    fn granted_words(granted: &Granted, profile: &Profile) -> String {
        let mut words = vec![match &granted.access {
            Ok(token) => format!("access={}", token.expose()),
            Err(why) => format!("[{why}]"),
        }];
        let refresh = granted.refresh.iter();
        words.extend(refresh.map(|token| format!("refresh={}", token.expose())));
        if let IdToken::Raw(token) = &granted.id_token {
            words.push(format!("id={}", token.expose()));
        }
        words.extend(granted.token_type.iter().map(|text| format!("type={text}")));
        words.extend(granted.scope.iter().map(|text| format!("scope={text}")));
        words.push(format!("{:?}", granted.expiry));
        words.extend(granted.left_out.iter().map(|what| format!("({what})")));
        words.extend(
            granted
                .kept
                .iter()
                .map(|(name, value)| format!("{name}:{value}")),
        );
        words.extend(granted.is_unusable(profile).then(|| "unusable".to_owned()));
        words.join(" ")
    }

    /// The status, the type of the content (`-` for none), and the body; and what is read.
    const REPLIES: &str = r#"
        200 json {"access_token":"t"} => access=t Unsaid
        201 json {"access_token":"t"} => access=t Unsaid
        299 json {"access_token":"t"} => access=t Unsaid
        199 json {"access_token":"t"} => no
        300 json {"access_token":"t"} => no
        400 json {"access_token":"t"} => no
        200 -    {"access_token":"t"} => access=t Unsaid
        200 html {"access_token":"t"} => access=t Unsaid
        200 json {"access_token":"t","token_type":"Bearer","expires_in":60,"scope":"a b"} => access=t type=Bearer scope=a b In(60)
        200 json {"access_token":"t","refresh_token":"r","id_token":"i"} => access=t refresh=r id=i Unsaid
        200 json {"refresh_token":"r"} => [the access_token is absent] refresh=r Unsaid
        200 json {"id_token":"i"} => [the access_token is absent] id=i Unsaid
        200 json {"access_token":null,"refresh_token":"r"} => [the access_token is null] refresh=r Unsaid
        200 json {"access_token":"","refresh_token":"r"} => [the access_token is empty] refresh=r Unsaid
        200 json {"access_token":7,"refresh_token":"r"} => [the access_token is a number, not a string] refresh=r Unsaid
        200 json {"access_token":true,"refresh_token":"r"} => [the access_token is true or false, not a string] refresh=r Unsaid
        200 json {"access_token":[],"refresh_token":"r"} => [the access_token is a list, not a string] refresh=r Unsaid
        200 json {"access_token":{},"refresh_token":"r"} => [the access_token is an object, not a string] refresh=r Unsaid
        200 json {"access_token":"a b"} => [the access_token holds characters that no token may have (control characters, spaces or non-ASCII)] Unsaid
        200 json {"access_token":"ä"} => [the access_token holds characters that no token may have (control characters, spaces or non-ASCII)] Unsaid
        200 json {"access_token":"t","refresh_token":"a b"} => access=t refresh=a b Unsaid
        200 json {"access_token":"t","refresh_token":"ä"} => access=t Unsaid (not taken from the reply: the refresh_token holds characters that none may have (control characters or non-ASCII))
        200 json {"access_token":"t","refresh_token":""} => access=t Unsaid
        200 json {"access_token":"t","refresh_token":null} => access=t Unsaid
        200 json {"access_token":"t","refresh_token":7} => access=t Unsaid (not taken from the reply: the refresh_token is a number, not a string)
        200 json {"access_token":"t","id_token":{}} => access=t Unsaid (not taken from the reply: the id_token is an object, not a string)
        200 json {"access_token":"t","id_token":""} => access=t Unsaid
        200 json {"access_token":"t","token_type":"DPoP"} => [it is of the type DPoP, which needs a proof with each request that tokctl does not make] type=DPoP Unsaid unusable
        200 json {"access_token":"t","token_type":"mac"} => [it is of the type mac, which needs a proof with each request that tokctl does not make] type=mac Unsaid unusable
        200 json {"access_token":"t","token_type":"PoP"} => [it is of the type PoP, which needs a proof with each request that tokctl does not make] type=PoP Unsaid unusable
        200 json {"access_token":"t","token_type":"whatever"} => [it is of the type whatever, which tokctl does not know; where its service takes it as a bearer's, set bearer_token_types = ["whatever"] in the profile] type=whatever Unsaid unusable
        200 json {"access_token":"t","token_type":""} => access=t Unsaid
        200 json {"access_token":"t","token_type":null,"scope":null} => access=t Unsaid
        200 json {"access_token":"t","token_type":7} => access=t Unsaid (not taken from the reply: the token_type is a number, not a string)
        200 json {"access_token":"t","token_type":[]} => access=t Unsaid (not taken from the reply: the token_type is a list, not a string)
        200 json {"access_token":"t","scope":7} => access=t Unsaid (not taken from the reply: the scope is a number, not a string)
        200 json {"access_token":"t","scope":"a,b"} => access=t scope=a b Unsaid
        200 json {"access_token":"t","scope":["a","b",7]} => access=t scope=a b Unsaid
        200 json {"access_token":"t","scope":""} => access=t Unsaid
        200 json {"access_token":"t","scope":"x s3cret"} => access=t Unsaid
        200 json {"access_token":"t","token_type":"s3cret"} => access=t Unsaid
        200 json {"access_token":"t","url":"u","a":{"deep":1}} => access=t Unsaid deep:1 url:"u"
        200 json {"access_token":"t","url":true} => access=t Unsaid url:true
        200 json {"access_token":"t","url":[]} => access=t Unsaid
        200 json {"access_token":"t","error":"invalid_grant"} => no code=invalid_grant error=invalid_grant
        200 json {"access_token":"t","error":""} => access=t Unsaid
        200 json {"access_token":"t","error":null} => access=t Unsaid
        200 json {"access_token":"t","error":false} => access=t Unsaid
        200 json {"access_token":"t","error":true} => no error=error
        200 json {"access_token":"t","error":400} => no error=error
        200 json {"access_token":"t","ok":false} => no
        200 json {"access_token":"t","ok":true} => access=t Unsaid
        200 json {} => no
        200 json [] => no
        200 json {"access_token" => no
        200 form access_token=t&scope=a+b&expires_in=60 => access=t scope=a b In(60)
        200 -    access_token=t => access=t Unsaid
        200 html access_token=t => no
        200 -    <access_token=t => no
        200 -    {access_token=t => no
        200 -    [access_token=t => no
        200 -    access_token => no
        400 -    invalid_grant => no code=invalid_grant error=invalid_grant
        400 -    some_other => no
        400 json {"error":"invalid_grant","error_description":"gone"} => no code=invalid_grant error=invalid_grant says=gone words=gone
        400 json {"error":"invalid_grant","suberror":"x"} => no code=invalid_grant sub=x error=invalid_grant
        400 json {"error":"invalid_grant","error_subtype":"y"} => no code=invalid_grant sub=y error=invalid_grant
        400 json {"error":"echo s3cret"} => no code=echo s3cret error=[not shown: it repeats a secret of the request] words=echo s3cret
        400 json {"error":"x","error_description":"echo s3cret"} => no code=x error=x says=[not shown: it repeats a secret of the request] words=echo s3cret
        400 json {"error":"two words"} => no code=two words error=two words words=two words
        400 json {"error":{"type":"OAuth","message":"m"}} => no code=OAuth error=OAuth says=m words=m
        400 json {"error":{"code":"c","message":"m"}} => no code=c error=c says=m words=m
        400 json {"error":{"status":"s"}} => no code=s error=s
        400 json {"error":{}} => no error=error
        400 json {"error":{"code":400,"message":"m"}} => no code=m error=m says=m words=m
        400 json {"errors":[{"errorType":"e","message":"m"}]} => no code=e error=e says=m words=m
        400 json {"message":"m","errors":[{"resource":"R","field":"f","code":"invalid"}]} => no says=m words=m R f invalid
        400 json {"reason":"why","error":"x"} => no code=x error=x words=why
        400 json {"error":"slow_down","interval":7} => no code=slow_down error=slow_down wait=7
        400 json {"error":"slow_down","interval":6.2} => no code=slow_down error=slow_down wait=7
        400 json {"error":"slow_down","retry_after":3600} => no code=slow_down error=slow_down wait=3600
        400 json {"error":"slow_down","interval":3601} => no code=slow_down error=slow_down
        400 json {"error":"slow_down","interval":0} => no code=slow_down error=slow_down
        400 json {"error":"slow_down","interval":-1} => no code=slow_down error=slow_down
    "#;

    #[test]
    fn each_reply_is_read_as_far_as_it_can_be() {
        let (profile, secret) = (profile(""), Secret::new("s3cret".into()));
        for row in REPLIES.lines().filter(|row| row.contains("=>")) {
            let (given, expected) = row.trim().split_once(" => ").expect("a row");
            let (status, rest) = given.split_once(' ').expect("a status");
            let (form, body) = rest.split_once(' ').expect("a body");
            let content_type = match form {
                "-" => String::new(),
                "html" => "text/html".to_owned(),
                other => format!("application/{other}"),
            };
            let status = status.parse().expect("a status");
            let reading = read(
                (status, &content_type, body.trim().as_bytes()),
                &profile,
                &[&secret],
            );
            assert_eq!(words(&reading, &profile), expected.trim(), "{row}");
        }
    }

    /// A token that says itself that it ends at 1700000500.
    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDA1MDB9.c2ln";

    /// A reply that was saved some time ago, and what is read of it.
    const SAVED: &str = r#"
        {"access_token":"t"} => access=t Unsaid
        {"access_token":"t","expires_at":1700000060} => access=t At(1700000060)
        {"access_token":"JWT"} => access=JWT At(1700000500)
        {"access_token":"JWT","expires_at":1700000060} => access=JWT At(1700000060)
        {"access_token":"JWT","expires_in":60} => access=JWT At(1700000500)
        {"access_token":"t","expires_in":60,"refresh_token":"r"} => access=t refresh=r At(0)
        {"access_token":"t","expires_in":60} => access=t In(60) (nothing says when the token was issued: its 1m are counted from now)
        {"access_token":"t","expires_in":60,"expires_at":"soon"} => access=t In(60) (not taken from the reply: expires_at is no time) (nothing says when the token was issued: its 1m are counted from now)
        {"access_token":"t","expires_in":"x"} => access=t Wrong("expires_in is not a number")
        {"access_token":"t","url":"u"} => access=t Unsaid url:"u"
        {"access_token":"t","error":"x"} => none
        {"access_token":"t","ok":false} => none
        {"a":1} => none
        null => none
    "#;

    #[test]
    fn each_saved_reply_is_read_by_what_it_says_of_its_end() {
        let profile = profile("");
        for row in SAVED.lines().filter(|row| row.contains("=>")) {
            let (body, expected) = row.trim().split_once(" => ").expect("a row");
            let body = body.replace("JWT", JWT);
            let found = saved("application/json", body.as_bytes(), &profile);
            let found = found.map_or("none".to_owned(), |granted| {
                granted_words(&granted, &profile)
            });
            assert_eq!(found.replace(JWT, "JWT"), expected.trim(), "{row}");
        }
        assert_eq!(
            granted_words(&Granted::none(), &profile),
            "[there is none] Unsaid"
        );
    }

    #[test]
    fn a_page_is_known_by_how_it_begins_or_by_its_type() {
        for (content_type, body, expected) in [
            ("text/html", "hello", true),
            ("text/html", "", true),
            ("text/html; charset=utf-8", "{}", false),
            ("application/json", "{}", false),
            ("application/json", "<html>", true),
            ("", " <html>", true),
            ("", "hello", false),
        ] {
            let found = is_page(content_type, body.as_bytes());
            assert_eq!(found, expected, "{content_type} {body}");
        }
    }
}
