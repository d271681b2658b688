//! Private keys made for one test, and what they have signed.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

/// An EC key.
pub struct EcKey {
    /// PKCS#8.
    pub pem: String,
    der: Vec<u8>,
    public: UnparsedPublicKey<Vec<u8>>,
}

impl EcKey {
    pub fn new() -> Self {
        Self::of(&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED)
    }

    pub fn on_p384() -> Self {
        Self::of(&ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED)
    }

    fn of(
        algorithm: &'static EcdsaSigningAlgorithm,
        checked: &'static EcdsaVerificationAlgorithm,
    ) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        Self {
            pem: pem("PRIVATE KEY", document.as_ref()),
            der: document.as_ref().to_vec(),
            public: UnparsedPublicKey::new(checked, pair.public_key().as_ref().to_vec()),
        }
    }

    /// The same as a JWK (RFC 7517) with these members too, where it is on P-256.
    pub fn jwk(&self, more: &Value) -> Value {
        // ring's PKCS#8 has the secret after 36 bytes, and ends with the point.
        let point = self.der.len() - 64;
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&self.der[from..from + 32]);
        let mut jwk = json!({
            "kty": "EC", "crv": "P-256", "d": part(36), "x": part(point), "y": part(point + 32),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            jwk[name] = value.clone();
        }
        jwk
    }

    /// Checks a token's signature; its header and claims.
    #[track_caller]
    pub fn verified(&self, token: &str) -> (Value, Value) {
        let (text, signature) = token.rsplit_once('.').expect("a JWS has three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        self.public
            .verify(text.as_bytes(), &signature)
            .expect("the signature is the key's");
        parts(token)
    }

    /// The lines of the PEM, each of which would give part of the key away.
    pub fn lines(&self) -> Vec<&str> {
        let base64 = |line: &&str| !line.starts_with('-');
        self.pem.lines().filter(base64).collect()
    }
}

/// A token's header and claims, unverified.
#[track_caller]
pub fn parts(token: &str) -> (Value, Value) {
    let part = |n: usize| {
        let text = token.split('.').nth(n).expect("a JWS has three parts");
        let text = URL_SAFE_NO_PAD.decode(text).expect("base64url");
        serde_json::from_slice(&text).expect("JSON")
    };
    (part(0), part(1))
}

/// A PEM section.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..text.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
