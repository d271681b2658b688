//! The id token that came straight from the token endpoint over TLS: its claims are checked as OpenID
//! Connect Core 3.1.3.7 asks; in its place the TLS connection stands for the signature (its item 6).

use crate::clock::Epoch;
use crate::profile::Profile;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Clocks may differ by this much, in seconds.
pub const SKEW: Epoch = 300;

/// The claims of a JWT, unverified. `None` for what is no JWT.
pub fn claims(token: &Secret) -> Option<Value> {
    let mut parts = token.expose().split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
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

/// What must hold of an id token. The error says what does not.
pub fn check(
    claims: &Value,
    profile: &Profile,
    issuer: Option<&str>,
    nonce: Option<&Secret>,
    now: Epoch,
) -> Result<(), String> {
    let text = |name: &str| claims[name].as_str();
    if let Some(issuer) = issuer
        && text("iss") != Some(issuer)
    {
        return Err(format!("its iss is not {issuer}"));
    }
    let id = profile.client.id.as_str();
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // One for another party, as Google gives to a service account, has no client to be compared with.
    let ours = id.is_empty() || audience.contains(&id);
    if !ours {
        return Err("its aud is not this client".to_owned());
    }
    match text("azp").filter(|_| !id.is_empty()) {
        Some(party) if party != id => return Err("its azp is not this client".to_owned()),
        None if audience.len() > 1 && !id.is_empty() => {
            return Err("it has several aud and no azp".to_owned());
        }
        _ => {}
    }
    match time(claims, "exp") {
        Some(end) if end.saturating_add(SKEW) > now => {}
        Some(_) => return Err("it has expired (or this machine's clock is ahead)".to_owned()),
        None => return Err("it has no exp".to_owned()),
    }
    match time(claims, "iat") {
        Some(issued) if issued - SKEW <= now => {}
        Some(_) => {
            return Err("it is from the future (or this machine's clock is behind)".to_owned());
        }
        None => return Err("it has no iat".to_owned()),
    }
    if let Some(nonce) = nonce
        && !text("nonce").is_some_and(|found| super::pkce::same(found, nonce.expose()))
    {
        return Err("its nonce is not that of this login".to_owned());
    }
    Ok(())
}

/// Who it is about, for `status`: e-mail, user name or subject.
pub fn account(claims: &Value) -> Option<String> {
    let names = ["email", "preferred_username", "sub"];
    let name = names
        .iter()
        .find_map(|name| claims[*name].as_str().filter(|text| !text.is_empty()))?;
    Some(crate::text::clean(name, 200, &[]))
}
