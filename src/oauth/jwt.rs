//! JSON Web Tokens that this program signs (RFC 7519, RFC 7515): short-lived, each used once.

use super::key::{Key, Unusable};
use super::{Credentials, pkce};
use crate::clock::{self, Epoch};
use crate::error::Result;
use crate::profile::Profile;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// What is to be signed: the `typ` of its header (RFC 8725 section 3.11), and its claims.
pub struct Unsigned<'a> {
    pub typ: &'a str,
    pub claims: Claims,
}

/// From `iat` to `exp`, in seconds: the least that servers demand (Box refuses more than 60).
const LIFE: Epoch = 60;

/// `iat` is so many seconds ago, for a server whose clock is behind ours: most refuse the future.
const SKEW: Epoch = 10;

/// Signs a token with a private key.
pub fn signed(
    profile: &Profile,
    credentials: &Credentials,
    key: &Key,
    unsigned: Unsigned<'_>,
) -> Result<Secret> {
    let refuse = |why: Unusable| profile.key_error(&why.what).hint(why.hint);
    let set = profile.client.signing_alg.as_deref();
    let algorithm = key.algorithm(set).map_err(refuse)?;
    let mut header = json!({ "typ": unsigned.typ, "alg": algorithm });
    if let Some(id) = profile.client.key_id.as_deref().or(key.id.as_deref()) {
        header["kid"] = id.into();
    }
    if let Some(thumbprint) = credentials.thumbprint() {
        header["x5t#S256"] = thumbprint.into();
    }
    let text = signing_input(&header, unsigned.claims);
    let signature = key.sign(algorithm, text.as_bytes()).map_err(refuse)?;
    Ok(joined(&text, &signature))
}

/// Signs a token with a secret that the server has too.
pub fn with_secret(profile: &Profile, secret: &Secret, unsigned: Unsigned<'_>) -> Secret {
    let (name, algorithm) = match profile.client.signing_alg.as_deref() {
        Some("HS512") => ("HS512", hmac::HMAC_SHA512),
        Some("HS384") => ("HS384", hmac::HMAC_SHA384),
        _ => ("HS256", hmac::HMAC_SHA256),
    };
    let header = json!({ "typ": unsigned.typ, "alg": name });
    let text = signing_input(&header, unsigned.claims);
    let key = hmac::Key::new(algorithm, secret.expose().as_bytes());
    joined(&text, hmac::sign(&key, text.as_bytes()).as_ref())
}

/// Header and claims as they are signed, with the times and an id that no other token has.
fn signing_input(header: &Value, mut claims: Claims) -> Zeroizing<String> {
    let issued = clock::now() - SKEW;
    claims.insert("iat".to_owned(), issued.into());
    claims.insert("exp".to_owned(), (issued + LIFE).into());
    claims.insert("jti".to_owned(), pkce::random().expose().into());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Zeroizing::new(format!(
        "{}.{}",
        encode(header),
        encode(&Value::Object(claims))
    ))
}

fn joined(text: &str, signature: &[u8]) -> Secret {
    Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
