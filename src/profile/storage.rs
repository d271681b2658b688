//! Where a profile's tokens are kept.

use super::choice::StoreChoice;
use super::fields::Fields;
use super::secret_source::SecretSource;
use serde::{Deserialize, Serialize};

/// The store, its key, and whether the kernel's keyring is a cache in front of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Storage {
    pub choice: StoreChoice,
    pub key: Option<SecretSource>,
    pub kernel_cache: bool,
}

impl Storage {
    /// Takes the keys out.
    pub(super) fn take(values: &mut Fields) -> Self {
        Self {
            choice: StoreChoice::read(values.text("store").as_deref()),
            key: values.secret("store_key"),
            kernel_cache: values.text("access_cache").as_deref() != Some("none"),
        }
    }
}
