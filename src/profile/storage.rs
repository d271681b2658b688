//! Where a profile's tokens are kept.

use super::choice::StoreChoice;
use super::fields::Fields;
use super::secret_source::SecretSource;
use serde::{Deserialize, Serialize};

/// Which of the kernel's keyrings holds copies of access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessCache {
    /// The user's, which all of his processes find.
    Kernel,
    /// The session's, which only its own processes find.
    Session,
    None,
}

impl AccessCache {
    fn read(word: Option<&str>) -> Self {
        match word {
            Some("none") => Self::None,
            Some("session") => Self::Session,
            _ => Self::Kernel,
        }
    }

    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Session => "session",
            Self::None => "none",
        }
    }
}

/// Where it is written down to whom a token is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audit {
    /// A file below the state directory.
    File,
    Syslog,
    Journal,
}

impl Audit {
    fn read(word: Option<&str>) -> Option<Self> {
        match word? {
            "file" => Some(Self::File),
            "syslog" => Some(Self::Syslog),
            "journal" => Some(Self::Journal),
            _ => None,
        }
    }
}

/// The store, its key, and the kernel's keyring as a cache in front of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Storage {
    pub choice: StoreChoice,
    pub key: Option<SecretSource>,
    pub cache: AccessCache,
    pub audit: Option<Audit>,
}

impl Storage {
    /// Takes the keys out.
    pub(super) fn take(values: &mut Fields) -> Self {
        Self {
            choice: StoreChoice::read(values.text("store").as_deref()),
            key: values.secret("store_key"),
            cache: AccessCache::read(values.text("access_cache").as_deref()),
            audit: Audit::read(values.text("audit").as_deref()),
        }
    }
}
