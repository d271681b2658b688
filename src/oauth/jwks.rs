//! A server's public keys (RFC 7517), and whether one of them has signed a token (RFC 7515, RFC 7518, RFC 8037).

use super::id_token::Jws;
use super::lenient;
use crate::clock::Deadline;
use crate::error::{Kind, Result};
use crate::http::{Endpoint, Http};
use crate::profile::Profile;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Nobody waits longer than this for a server's keys.
const LIMIT: Duration = Duration::from_secs(5);

/// So many keys are tried for a token that names none: servers publish two or three.
const MOST_TRIED: usize = 16;

/// The keys as they were published.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys(Vec<Value>);

/// What the keys say of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// None of the keys that it could be from has made it.
    Bad,
    /// There is no key that it could be from.
    NoKey,
}

/// Whether signatures of this algorithm can be checked with a public key.
pub fn is_known(algorithm: &str) -> bool {
    Family::of(algorithm).is_some()
}

/// How an algorithm checks, and which keys fit it.
enum Family {
    Rsa(&'static RsaParameters),
    Ec(&'static EcdsaVerificationAlgorithm, &'static str),
    Ed25519,
}

impl Family {
    fn of(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Ec(&signature::ECDSA_P256_SHA256_FIXED, "P-256"),
            "ES384" => Self::Ec(&signature::ECDSA_P384_SHA384_FIXED, "P-384"),
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    /// Whether a key may be used for it: of its type and curve, and meant for signatures of this algorithm.
    fn fits(&self, key: &Value, algorithm: &str) -> bool {
        let text = |name: &str| key[name].as_str();
        let is_type = match self {
            Self::Rsa(_) => text("kty") == Some("RSA"),
            Self::Ec(_, curve) => text("kty") == Some("EC") && text("crv") == Some(curve),
            Self::Ed25519 => text("kty") == Some("OKP") && text("crv") == Some("Ed25519"),
        };
        let is_edwards = |name: &str| matches!(name, "EdDSA" | "Ed25519");
        let is_meant = text("alg")
            .is_none_or(|alg| alg == algorithm || is_edwards(alg) && is_edwards(algorithm));
        let may_verify = key["key_ops"]
            .as_array()
            .is_none_or(|all| all.iter().any(|one| one == "verify"));
        is_type && is_meant && may_verify && text("use").is_none_or(|one| one == "sig")
    }

    fn verifies(&self, key: &Value, jws: &Jws<'_>) -> bool {
        let part = |name: &str| {
            let text = key[name].as_str().unwrap_or_default();
            URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .unwrap_or_default()
        };
        let (signed, signature) = (jws.signed.as_bytes(), &jws.signature[..]);
        let with = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(signed, signature)
        };
        let good = match self {
            Self::Rsa(parameters) => {
                let components = PublicKeyComponents {
                    n: unsigned(&part("n")).to_vec(),
                    e: unsigned(&part("e")).to_vec(),
                };
                components.verify(parameters, signed, signature)
            }
            // An uncompressed point (SEC 1 section 2.3.3).
            Self::Ec(algorithm, _) => {
                with(*algorithm, &[&[4], &part("x")[..], &part("y")].concat())
            }
            Self::Ed25519 => with(&signature::ED25519, &part("x")),
        };
        good.is_ok()
    }
}

/// Without zeros before it, which some libraries write.
fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

impl Keys {
    /// Reads a published set; `None` for what is none. A key of a kind that nobody knows costs only itself.
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let mut document = lenient::object(text.trim_start_matches('\u{feff}').trim())?;
        let keys = document["keys"].as_array_mut()?;
        Some(Self(std::mem::take(keys)))
    }

    /// Whether one of the keys has signed the token: the one that its header names, else each that fits.
    pub fn verify(&self, jws: &Jws<'_>) -> Verdict {
        let algorithm = jws.algorithm();
        let Some(kind) = Family::of(algorithm) else {
            return Verdict::NoKey;
        };
        let fitting = self.0.iter().filter(|key| kind.fits(key, algorithm));
        let named: Vec<&Value> = match jws.header["kid"].as_str() {
            Some(id) => fitting.filter(|key| key["kid"] == id).collect(),
            None => fitting.take(MOST_TRIED).collect(),
        };
        if named.is_empty() {
            return Verdict::NoKey;
        }
        if named.into_iter().any(|key| kind.verifies(key, jws)) {
            Verdict::Good
        } else {
            Verdict::Bad
        }
    }
}

/// Asks for a server's keys.
pub fn fetch(profile: &Profile, url: &str, deadline: Deadline) -> Result<Keys> {
    let failed =
        |kind: Kind, what: String| profile.error(kind, format!("the server's keys: {what}"));
    let endpoint = Endpoint::parse(url).map_err(|why| {
        let shown = crate::text::clean(url, 200, &[]);
        failed(Kind::Refused, format!("jwks_uri {shown:?} {why}"))
    })?;
    let http = Http::new(&endpoint, profile.server.ca_file.as_deref())
        .map_err(|error| failed(Kind::Config, error.message))?;
    let limit = deadline.left().min(LIMIT).max(Duration::from_millis(1));
    let reply = http
        .get(&endpoint, limit)
        .map_err(|failure| failed(Kind::Temporary, failure.what))?;
    if reply.status != 200 {
        let what = format!("{} answered HTTP {}", endpoint.host(), reply.status);
        return Err(failed(Kind::Temporary, what));
    }
    Keys::read(&reply.body).ok_or_else(|| {
        let what = format!("{} answered with no set of keys", endpoint.host());
        failed(Kind::Temporary, what)
    })
}
