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

/// The key of the encrypted file, and those that it had before: what is still sealed under one of them is opened too.
#[derive(Clone)]
pub struct Keys {
    pub key: Key,
    older: Vec<Key>,
}

impl Keys {
    /// One key alone.
    pub fn of(key: Key) -> Self {
        Self {
            key,
            older: Vec::new(),
        }
    }

    /// A new key alone.
    pub fn fresh() -> Self {
        Self::of(random_key())
    }

    /// A new key in front of these.
    pub fn renewed(mut self) -> Self {
        self.older
            .insert(0, std::mem::replace(&mut self.key, random_key()));
        self
    }

    /// Opens what was sealed under any of them.
    pub fn open_any(&self, purpose: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut all = std::iter::once(&self.key).chain(&self.older);
        all.find_map(|key| open(key, purpose, sealed))
    }

    /// Seals the keys themselves under another.
    pub fn seal(&self, under: &Key, purpose: &str) -> Vec<u8> {
        let mut plain = Zeroizing::new(Vec::with_capacity(32 * (1 + self.older.len())));
        for key in std::iter::once(&self.key).chain(&self.older) {
            plain.extend_from_slice(&**key);
        }
        seal(under, purpose, &plain)
    }

    /// Opens what that made.
    pub fn open(under: &Key, purpose: &str, sealed: &[u8]) -> Option<Self> {
        let plain = open(under, purpose, sealed)?;
        let mut all = plain
            .chunks(32)
            .map(|key| Some(Zeroizing::new(key.try_into().ok()?)));
        Some(Self {
            key: all.next()??,
            older: all.collect::<Option<_>>()?,
        })
    }
}

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
    fn older_keys_open_what_they_sealed_and_seal_nothing_more() {
        let first = Keys::fresh();
        let old = seal(&first.key, "a", b"old");
        let both = first.clone().renewed();
        let new = seal(&both.key, "a", b"new");
        let under = random_key();
        let read = Keys::open(&under, "b", &both.seal(&under, "b")).expect("the same");
        for sealed in [&old, &new] {
            assert!(read.open_any("a", sealed).is_some());
        }
        assert!(first.open_any("a", &new).is_none() && read.open_any("b", &old).is_none());
        assert!(Keys::open(&random_key(), "b", &both.seal(&under, "b")).is_none());
        for odd in [&[][..], &[1; 31], &[1; 33]] {
            assert!(Keys::open(&under, "b", &seal(&under, "b", odd)).is_none());
        }
    }

    #[test]
    fn a_key_survives_as_text_and_a_passphrase_is_none() {
        let key = random_key();
        assert_eq!(key_from_text(&key_to_text(&key)).as_deref(), Some(&*key));
        assert!(key_from_text(&Secret::new("correct horse battery staple".into())).is_none());
    }
}
