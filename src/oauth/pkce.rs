//! Values that nobody can guess: the PKCE verifier (RFC 7636), `state` and `nonce`.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// 256 random bits as 43 characters, the shortest verifier that RFC 7636 section 4.1 allows.
///
/// # Panics
/// When the system has no randomness: no login can be safe then.
pub fn random() -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).expect("the system's random source works");
    Secret::new(URL_SAFE_NO_PAD.encode(*bytes))
}

/// The verifier's `S256` challenge.
pub fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()))
}

/// Compares in a time that does not depend on where the texts differ.
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (
        digest(&SHA256, one.as_bytes()),
        digest(&SHA256, other.as_bytes()),
    );
    let differing = one
        .as_ref()
        .iter()
        .zip(other.as_ref())
        .fold(0, |all, (a, b)| all | (a ^ b));
    differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636 appendix B.
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn random_values_are_long_and_differ() {
        let (one, two) = (random(), random());
        assert_eq!(one.expose().len(), 43);
        assert!(!same(one.expose(), two.expose()) && same("a", "a") && !same("a", "b"));
    }
}
