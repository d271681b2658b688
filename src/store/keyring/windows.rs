//! Windows: the Credential Manager, over the store of the `keyring` family.

use std::collections::HashMap;

use keyring_core::api::CredentialStoreApi;
use keyring_core::error::PlatformError;
use windows_native_keyring_store::Store;

use super::{Entry, Error, Instant, Interaction, KeyringError, SERVICE};

pub const NAME: &str = "Windows Credential Manager";

/// Calls go to the logon session's own store: nothing to connect to, to unlock or to wait for.
pub struct Platform;

impl Platform {
    pub fn new(_addresses: Vec<String>, _deadline: Instant, _interaction: Interaction) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn entry(&self, account: &str) -> Result<Entry, Error> {
        // The default, "enterprise", would carry the tokens to every machine the user logs on to.
        Store::new()?.build(
            SERVICE,
            account,
            Some(&HashMap::from([("persistence", "local")])),
        )
    }

    /// A session without a store (a network logon, as by SSH with a key) shows by asking for any
    /// entry.
    pub fn ready(&self) -> Result<(), KeyringError> {
        match self.entry("ready").and_then(|entry| entry.get_attributes()) {
            Ok(_) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(super::explain(error)),
        }
    }

    /// Never: the name is the key.
    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn duplicates(&self) -> bool {
        false
    }

    /// Never: it is unlocked as a whole.
    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn hides(&self) -> bool {
        false
    }

    /// Never, for the same reason.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as the other platforms have it"
    )]
    pub fn is_partly_locked(&self) -> Result<bool, KeyringError> {
        Ok(false)
    }

    /// Never: nobody is asked about single entries.
    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn leaves_empty(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn place(&self) -> Option<String> {
        None
    }

    #[expect(clippy::unused_self, reason = "the same face on every platform")]
    pub fn stranger(&self) -> Self {
        Self
    }

    /// Entries are unique here, so that this is never asked.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as the other platforms have it"
    )]
    pub fn all(&self, _: &str) -> Result<Vec<Vec<u8>>, KeyringError> {
        Ok(Vec::new())
    }
}

pub fn explain(cause: &PlatformError) -> KeyringError {
    // The store's own error type is not public.
    let text = cause.to_string();
    if text.contains("ERROR_NO_SUCH_LOGON_SESSION") {
        return KeyringError::NoProvider("this logon session has no credential store".into());
    }
    KeyringError::Failed(text)
}

pub fn is_duplicate(_: &Error) -> bool {
    false
}
