//! Keys as JSON Web Keys (RFC 7517).

use super::{Pair, Unusable, rsa_words, unknown_kind, words};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// A private JWK (RFC 7518 section 6, RFC 8037 section 2).
pub fn read(value: &Value) -> Result<Pair, Unusable> {
    let part = |name: &str| {
        let text = value[name].as_str().unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let bytes = bytes.filter(|bytes| !bytes.is_empty()).map(Zeroizing::new);
        bytes.ok_or_else(|| {
            let hint = "name a file that holds one private JWK, with all its members";
            Unusable::new(format!("it is a JWK without a good {name:?}"), hint)
        })
    };
    match (value["kty"].as_str(), value["crv"].as_str()) {
        (Some("RSA"), _) => {
            let components = KeyPairComponents {
                public_key: PublicKeyComponents {
                    n: part("n")?,
                    e: part("e")?,
                },
                d: part("d")?,
                p: part("p")?,
                q: part("q")?,
                dP: part("dp")?,
                dQ: part("dq")?,
                qInv: part("qi")?,
            };
            let pair = KeyPair::from_components(&components);
            pair.map(Pair::Rsa).map_err(rsa_words)
        }
        (Some("EC"), Some("P-256")) => {
            let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            ec(algorithm, &part("d")?, &part("x")?, &part("y")?).map(Pair::P256)
        }
        (Some("EC"), Some("P-384")) => {
            let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
            ec(algorithm, &part("d")?, &part("x")?, &part("y")?).map(Pair::P384)
        }
        (Some("OKP"), Some("Ed25519")) => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&part("d")?, &part("x")?);
            pair.map(Pair::Ed25519).map_err(words)
        }
        _ => Err(unknown_kind()),
    }
}

fn ec(
    algorithm: &'static EcdsaSigningAlgorithm,
    private: &[u8],
    x: &[u8],
    y: &[u8],
) -> Result<EcdsaKeyPair, Unusable> {
    // An uncompressed point (SEC 1 section 2.3.3).
    let public = [&[4], x, y].concat();
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, &public, &random)
        .map_err(words)
}

/// Wipes the texts of a JSON value.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        _ => {}
    }
}
