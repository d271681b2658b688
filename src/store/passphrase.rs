//! What a passphrase opens: random keys, sealed under one that Argon2id makes of it at a cost that stands beside them,
//! so that it can rise.

use super::cipher::{self, Keys};
use crate::secret::Secret;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// So many characters a new passphrase has at least: with fewer, who has the file tries them all.
pub const LEAST: usize = 12;

/// What one try costs who looks for a passphrase (RFC 9106 section 4, the second choice: for who has no 2 GiB to spare).
const COST: Cost = Cost {
    memory_kib: 64 * 1024,
    passes: 3,
    lanes: 4,
};

/// A damaged file does not take the whole memory of a machine.
const MOST: Cost = Cost {
    memory_kib: 2 * 1024 * 1024,
    passes: 64,
    lanes: 64,
};

const PURPOSE: &str = "store keys";

/// A file of its own beside the records.
#[derive(Serialize, Deserialize)]
pub struct Sealed {
    argon2id: Cost,
    salt: String,
    keys: String,
}

#[derive(Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Sealed {
    /// Seals keys under a passphrase, at the cost of today.
    pub fn new(passphrase: &Secret, keys: &Keys) -> Result<Self, String> {
        let salt = cipher::random_key();
        let salt = &salt[..16];
        let key = COST.key(passphrase, salt)?;
        Ok(Self {
            argon2id: COST,
            salt: STANDARD.encode(salt),
            keys: STANDARD.encode(keys.seal(&key, PURPOSE)),
        })
    }

    /// From a file's text.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|_| "it is damaged".to_owned())
    }

    /// For a file.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("strings and numbers always serialize");
        text.push(b'\n');
        text
    }

    /// The keys; `None` with another passphrase.
    pub fn open(&self, passphrase: &Secret) -> Result<Option<Keys>, String> {
        let bytes = |text: &str| {
            STANDARD
                .decode(text)
                .map_err(|_| "it is damaged".to_owned())
        };
        let key = self.argon2id.key(passphrase, &bytes(&self.salt)?)?;
        Ok(Keys::open(&key, PURPOSE, &bytes(&self.keys)?))
    }

    /// Whether a try costs less than it does with a new one.
    pub fn is_cheap(&self) -> bool {
        self.argon2id.memory_kib < COST.memory_kib || self.argon2id.passes < COST.passes
    }
}

impl Cost {
    fn key(&self, passphrase: &Secret, salt: &[u8]) -> Result<cipher::Key, String> {
        let is_sound = self.memory_kib <= MOST.memory_kib
            && self.passes <= MOST.passes
            && self.lanes <= MOST.lanes;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        let params = params.ok().filter(|_| is_sound);
        let params = params.ok_or_else(|| "its cost of Argon2id is none".to_owned())?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *key)
            .map_err(|cause| cause.to_string())?;
        Ok(key)
    }
}

/// Refuses a new passphrase that is tried out too soon.
pub fn check_new(passphrase: &Secret) -> Result<(), String> {
    if passphrase.expose().chars().count() >= LEAST {
        return Ok(());
    }
    Err(format!("a passphrase has at least {LEAST} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_opens_what_it_sealed_at_the_cost_that_is_written_beside_it() {
        let passphrase = Secret::new("correct horse battery".to_owned());
        let keys = Keys::fresh();
        let sealed = Sealed::new(&passphrase, &keys).expect("sealed");
        let text = String::from_utf8(sealed.to_text()).expect("JSON");
        assert!(
            text.contains("\"argon2id\":{\"memory_kib\":65536,\"passes\":3,\"lanes\":4}"),
            "{text}"
        );
        let read = Sealed::read(text.as_bytes()).expect("JSON");
        let opened = read.open(&passphrase).expect("sound").expect("the same");
        assert_eq!(*opened.key, *keys.key);
        let other = Secret::new("correct horse batterz".to_owned());
        assert!(read.open(&other).expect("sound").is_none());
        let cheaper = text.replace("65536", "19456");
        let cheaper = Sealed::read(cheaper.as_bytes()).expect("JSON");
        assert!(cheaper.is_cheap() && !read.is_cheap());
        assert!(
            cheaper.open(&passphrase).expect("sound").is_none(),
            "another key"
        );
        for odd in ["4294967295", "0"] {
            let odd = Sealed::read(text.replace("65536", odd).as_bytes()).expect("JSON");
            assert!(odd.open(&passphrase).is_err());
        }
        assert!(Sealed::read(b"{}").is_err());
    }

    #[test]
    fn a_new_passphrase_is_not_short() {
        for (text, good) in [
            ("", false),
            ("elevenchars", false),
            ("twelve chars", true),
            ("äöüäöüäöüäöü", true),
        ] {
            assert_eq!(
                check_new(&Secret::new(text.to_owned())).is_ok(),
                good,
                "{text}"
            );
        }
    }
}
