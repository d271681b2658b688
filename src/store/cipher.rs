//! Sealed bytes: XChaCha20-Poly1305 under a 32-byte key, bound to what they are for.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Names the form, so that a later one can be told from it.
const MAGIC: &[u8] = b"tokctl1\n";
const NONCE: usize = 24;

/// A key, wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// A new random key.
///
/// # Panics
/// When the system has no randomness: nothing secret can be done then.
pub fn random_key() -> Key {
    let mut key = Key::default();
    getrandom::fill(&mut *key).expect("the system's random source works");
    key
}

/// A key as text, to be kept in a file or a record.
pub fn key_to_text(key: &Key) -> Secret {
    Secret::new(STANDARD.encode(**key))
}

/// A key from its text. `None` for any other text: a passphrase.
pub fn key_from_text(text: &Secret) -> Option<Key> {
    let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Seals `plain` for `purpose`, which opening has to name again.
pub fn seal(key: &Key, purpose: &str, plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).expect("the system's random source works");
    let payload = Payload {
        msg: plain,
        aad: purpose.as_bytes(),
    };
    let sealed = XChaCha20Poly1305::new((&**key).into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("a record is far below the cipher's limit of 256 GB");
    [MAGIC, nonce.as_slice(), sealed.as_slice()].concat()
}

/// Opens what [`seal`] made. `None` with another key or purpose, or if a bit has changed.
pub fn open(key: &Key, purpose: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.strip_prefix(MAGIC)?.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let payload = Payload {
        msg: sealed,
        aad: purpose.as_bytes(),
    };
    let plain = XChaCha20Poly1305::new((&**key).into()).decrypt(&XNonce::from(nonce), payload);
    plain.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open_what_was_sealed() {
        let key = random_key();
        let mut sealed = seal(&key, "a", b"plain");
        assert_eq!(
            open(&key, "a", &sealed).as_deref().map(Vec::as_slice),
            Some(&b"plain"[..])
        );
        assert!(open(&key, "b", &sealed).is_none());
        assert!(open(&random_key(), "a", &sealed).is_none());
        for at in 0..sealed.len() {
            sealed[at] ^= 1;
            assert!(open(&key, "a", &sealed).is_none(), "bit of byte {at}");
            sealed[at] ^= 1;
            assert!(open(&key, "a", &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn a_key_survives_as_text_and_a_passphrase_is_none() {
        let key = random_key();
        assert_eq!(key_from_text(&key_to_text(&key)).as_deref(), Some(&*key));
        assert!(key_from_text(&Secret::new("correct horse battery staple".into())).is_none());
    }
}
