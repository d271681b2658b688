//! A private key as people have it: PEM in its three forms, a JWK, or the file of a Google service account.

mod account;
mod jwk;
mod pem;

use crate::secret::Secret;
use account::Account;
use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaEncoding};
use serde_json::Value;

/// A key that can sign, with what its file says about it.
pub struct Key {
    pair: Pair,
    /// `kid`.
    pub id: Option<String>,
    /// `alg`.
    algorithm: Option<String>,
    /// The service account whose key it is.
    pub account: Option<Account>,
}

enum Pair {
    Rsa(KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a key cannot be used, without anything of its text, and what to do about it.
#[derive(Debug)]
pub struct Unusable {
    pub what: String,
    pub hint: &'static str,
}

impl Unusable {
    fn new(what: impl Into<String>, hint: &'static str) -> Self {
        let what = what.into();
        Self { what, hint }
    }
}

/// What helps with most keys that cannot be read.
const CONVERT: &str = "to write it in a form that is read, run: openssl pkey -in KEY -out NEW";

impl Key {
    /// Reads a key.
    pub fn parse(text: &Secret) -> Result<Self, Unusable> {
        let text = text.expose().trim();
        if text.starts_with('{') {
            return Self::from_json(text);
        }
        Ok(Self {
            pair: pem::read(text)?,
            id: None,
            algorithm: None,
            account: None,
        })
    }

    /// A JWK (RFC 7517), or a file of Google's.
    fn from_json(text: &str) -> Result<Self, Unusable> {
        let mut value: Value = serde_json::from_str(text)
            .map_err(|_| Unusable::new("it is not valid JSON", "name a file that holds one JWK"))?;
        if account::is_google(&value) {
            let key = account::read(&value);
            jwk::wipe(&mut value);
            return key;
        }
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let (id, algorithm) = (text("kid"), text("alg"));
        let pair = jwk::read(&value);
        jwk::wipe(&mut value);
        Ok(Self {
            pair: pair?,
            id,
            algorithm,
            account: None,
        })
    }

    /// What kind of key it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "an RSA key",
            Pair::P256(_) => "an EC key on P-256",
            Pair::P384(_) => "an EC key on P-384",
            Pair::Ed25519(_) => "an Ed25519 key",
        }
    }

    /// The algorithm that is set, else the key's own, else the one that every server of such keys has.
    pub fn algorithm<'a>(&'a self, set: Option<&'a str>) -> Result<&'a str, Unusable> {
        let fitting: &[&str] = match self.pair {
            Pair::Rsa(_) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Pair::P256(_) => &["ES256"],
            Pair::P384(_) => &["ES384"],
            Pair::Ed25519(_) => &["EdDSA", "Ed25519"],
        };
        match set.or(self.algorithm.as_deref()) {
            None => Ok(fitting[0]),
            Some(name) if fitting.contains(&name) => Ok(name),
            Some(name) => Err(Unusable::new(
                format!(
                    "it cannot sign with {name:?}, only with {}",
                    fitting.join(", ")
                ),
                "set signing_alg to one of these, or leave it out",
            )),
        }
    }

    /// The signature in the form of RFC 7518 section 3.
    pub fn sign(&self, algorithm: &str, text: &[u8]) -> Result<Vec<u8>, Unusable> {
        let random = SystemRandom::new();
        let failed = |_| Unusable::new("it does not sign", CONVERT);
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, text, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                let signature = pair.sign(&random, text).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(text).as_ref().to_vec()),
        }
    }
}

fn rsa_encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

fn unknown_kind() -> Unusable {
    Unusable::new(
        "it is neither RSA, nor EC on the curve P-256 or P-384, nor Ed25519",
        "to make another, run: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY",
    )
}

/// A key of a supported kind that is damaged or incomplete.
fn words<E>(_: E) -> Unusable {
    Unusable::new("it is damaged, or without its public part", CONVERT)
}

fn rsa_words(cause: KeyRejected) -> Unusable {
    let make = "to make another, run: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out KEY";
    match cause.to_string().as_str() {
        "TooSmall" => Unusable::new("it is an RSA key of less than 2048 bits", make),
        "TooLarge" | "PrivateModulusLenNotMultipleOf512Bits" => Unusable::new(
            "it is an RSA key of another size than 2048, 3072 or 4096 bits",
            make,
        ),
        _ => words(cause),
    }
}
