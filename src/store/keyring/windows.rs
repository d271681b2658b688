//! Windows: the Credential Manager.

use super::SERVICE;
use super::failure::KeyringError;
use super::native::{Platform, explain};
use keyring_core::api::CredentialStoreApi;
use keyring_core::error::PlatformError;
use keyring_core::{Entry, Error};
use std::collections::HashMap;
use windows_native_keyring_store::Store;

/// Calls go to the logon session's own store: nothing to connect to, to unlock or to wait for, and no window.
pub struct CredentialManager;

impl Platform for CredentialManager {
    const NAME: &'static str = "Windows Credential Manager";

    fn new(_: bool) -> Self {
        Self
    }

    fn entry(&self, account: &str) -> Result<Entry, Error> {
        // The default, "enterprise", would carry the tokens to every machine the user logs on to.
        let local = HashMap::from([("persistence", "local")]);
        Store::new()?.build(SERVICE, account, Some(&local))
    }

    /// A session without a store (a network logon, as by SSH with a key) shows by asking for any
    /// entry.
    fn ready(&self) -> Result<(), KeyringError> {
        match self.entry("ready").and_then(|entry| entry.get_attributes()) {
            Ok(_) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(explain::<Self>(error)),
        }
    }

    fn explain(cause: &PlatformError) -> KeyringError {
        // The store's own error type is not public.
        let text = cause.to_string();
        if text.contains("ERROR_NO_SUCH_LOGON_SESSION") {
            return KeyringError::NoProvider("this logon session has no credential store".into());
        }
        KeyringError::Failed(text)
    }
}
