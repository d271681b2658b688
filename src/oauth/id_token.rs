//! An id token that came from the token endpoint: its form and its claims are checked as OpenID Connect Core 3.1.3.7
//! asks. Whether its signature is good is for the server's keys to say (`jwks`).

use crate::clock::Epoch;
use crate::profile::Profile;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Clocks may differ by this much, in seconds.
pub const SKEW: Epoch = 300;

/// A subject has at most so many characters (Core section 2).
const LONGEST_SUB: usize = 255;

/// A signed token, taken apart (RFC 7515 section 7.1).
pub struct Jws<'t> {
    pub header: Value,
    pub claims: Value,
    /// What the signature is of.
    pub signed: &'t str,
    pub signature: Vec<u8>,
}

/// Why a text is no signed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Five parts (RFC 7516 section 7.1).
    Encrypted,
    Other,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub fn read(token: &'t Secret) -> Result<Self, Form> {
        let text = token.expose();
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            let is_encrypted =
                parts.len() == 5 && json(parts[0]).is_some_and(|it| it["enc"].is_string());
            return Err(if is_encrypted {
                Form::Encrypted
            } else {
                Form::Other
            });
        };
        let signed = &text[..header.len() + 1 + claims.len()];
        Ok(Self {
            header: json(header).ok_or(Form::Other)?,
            claims: json(claims).ok_or(Form::Other)?,
            signed,
            signature: bytes(signature).ok_or(Form::Other)?,
        })
    }

    /// `alg`.
    pub fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    /// Whether it is signed with a secret that the client has too: `None` for another kind of algorithm.
    pub fn is_by(&self, secret: &Secret) -> Option<bool> {
        let algorithm = match self.algorithm() {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => return None,
        };
        let key = hmac::Key::new(algorithm, secret.expose().as_bytes());
        Some(hmac::verify(&key, self.signed.as_bytes(), &self.signature).is_ok())
    }
}

fn bytes(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&bytes(part)?)
        .ok()
        .filter(Value::is_object)
}

/// The claims of a JWT, unverified. `None` for what is no JWT.
pub fn claims(token: &Secret) -> Option<Value> {
    let mut parts = token.expose().split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    json(payload)
}

/// The time in a claim, which some servers write as a fraction.
pub fn time(claims: &Value, name: &str) -> Option<Epoch> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time far beyond i64 saturates"
    )]
    let from_fraction = || claims[name].as_f64().map(|time| time as Epoch);
    claims[name]
        .as_i64()
        .or_else(from_fraction)
        .filter(|time| *time > 0)
}

/// The `exp` of a JWT, unverified: it says when asking again is worth it, and nothing else.
pub fn end(token: &Secret) -> Option<Epoch> {
    time(&claims(token)?, "exp")
}

/// Whom a grant is about, by its first id token: a later one must be about the same (Core section 12.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub iss: String,
    pub sub: String,
    pub aud: Vec<String>,
}

impl Identity {
    /// Of claims that have been checked.
    pub fn of(claims: &Value) -> Self {
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        Self {
            iss: text("iss"),
            sub: text("sub"),
            aud: audience(claims).into_iter().map(str::to_owned).collect(),
        }
    }

    /// What of a later id token is not as it was.
    pub fn differs(&self, later: &Self) -> Option<&'static str> {
        match () {
            () if self.iss != later.iss => Some("iss"),
            () if self.sub != later.sub => Some("sub"),
            () if !self.aud.iter().all(|aud| later.aud.contains(aud)) => Some("aud"),
            () => None,
        }
    }
}

fn audience(claims: &Value) -> Vec<&str> {
    match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What a reply's id token is worth.
#[derive(Default, Serialize, Deserialize)]
pub enum IdToken {
    /// None came.
    #[default]
    None,
    /// As it came: nobody has looked at it.
    Raw(Secret),
    Good(Secret, Identity),
    /// Good as far as can be seen without the server's keys, which are out of reach.
    Waiting {
        text: Secret,
        why: String,
    },
    /// Not taken; what came with it is good all the same.
    LeftOut(String),
    /// So bad that nothing that came with it is used.
    Refused(String),
}

/// What an id token is measured by.
#[derive(Clone, Copy)]
pub struct Measure<'a> {
    pub issuer: Option<&'a str>,
    pub nonce: Option<&'a Secret>,
    pub now: Epoch,
}

/// What must hold of an id token's claims. The error says what does not.
pub fn check(claims: &Value, profile: &Profile, by: Measure<'_>) -> Result<(), String> {
    let text = |name: &str| claims[name].as_str();
    if let Some(issuer) = by.issuer
        && text("iss") != Some(issuer)
    {
        return Err(format!("its iss is not {issuer}"));
    }
    match text("sub") {
        // One for another party is no login's.
        None if profile.client.id.is_empty() => {}
        None | Some("") => return Err("it has no sub".to_owned()),
        Some(sub) if sub.chars().count() > LONGEST_SUB => {
            return Err(format!("its sub has more than {LONGEST_SUB} characters"));
        }
        Some(_) => {}
    }
    check_audience(claims, profile.client.id.as_str())?;
    check_times(claims, by.now)?;
    if let Some(nonce) = by.nonce
        && !text("nonce").is_some_and(|found| super::pkce::same(found, nonce.expose()))
    {
        return Err("its nonce is not that of this login".to_owned());
    }
    Ok(())
}

fn check_audience(claims: &Value, id: &str) -> Result<(), String> {
    // One for another party, as Google gives to a service account, has no client to be compared with.
    if id.is_empty() {
        return Ok(());
    }
    let audience = audience(claims);
    if !audience.contains(&id) {
        return Err("its aud is not this client".to_owned());
    }
    match claims["azp"].as_str() {
        Some(party) if party != id => Err("its azp is not this client".to_owned()),
        None if audience.len() > 1 => Err("it has several aud and no azp".to_owned()),
        _ => Ok(()),
    }
}

fn check_times(claims: &Value, now: Epoch) -> Result<(), String> {
    match time(claims, "exp") {
        Some(end) if end.saturating_add(SKEW) > now => {}
        Some(_) => return Err("it has expired (or this machine's clock is ahead)".to_owned()),
        None => return Err("it has no exp".to_owned()),
    }
    match time(claims, "iat") {
        Some(issued) if issued.saturating_sub(SKEW) <= now => Ok(()),
        Some(_) => Err("it is from the future (or this machine's clock is behind)".to_owned()),
        None => Err("it has no iat".to_owned()),
    }
}

/// Who it is about, for `status`: e-mail, user name or subject.
pub fn account(claims: &Value) -> Option<String> {
    let names = ["email", "preferred_username", "sub"];
    let name = names
        .iter()
        .find_map(|name| claims[*name].as_str().filter(|text| !text.is_empty()))?;
    Some(crate::text::clean(name, 200, &[]))
}
