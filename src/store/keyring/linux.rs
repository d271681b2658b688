//! Linux: the Secret Service, over our own store for it.

use keyring_core::api::CredentialStoreApi;
use keyring_core::error::PlatformError;

use super::super::secret_service::SecretService;
use super::{Entry, Error, Instant, Interaction, KeyringError, SERVICE};

pub const NAME: &str = "Secret Service";

pub struct Platform(SecretService);

impl Platform {
    pub fn new(addresses: Vec<String>, deadline: Instant, interaction: Interaction) -> Self {
        Self(SecretService::new(addresses, deadline, interaction))
    }

    pub fn entry(&self, account: &str) -> Result<Entry, Error> {
        self.0.build(SERVICE, account, None)
    }

    pub fn ready(&self) -> Result<(), KeyringError> {
        self.0.ready()
    }

    pub fn duplicates(&self) -> bool {
        self.0.duplicates()
    }

    pub fn hides(&self) -> bool {
        self.0.hides()
    }

    pub fn place(&self) -> Option<String> {
        self.0.place()
    }

    pub fn is_partly_locked(&self) -> Result<bool, KeyringError> {
        self.0.is_partly_locked()
    }

    pub fn leaves_empty(&self) -> bool {
        self.0.leaves_empty()
    }

    pub fn stranger(&self) -> Self {
        Self(self.0.stranger())
    }

    pub fn all(&self, account: &str) -> Result<Vec<Vec<u8>>, KeyringError> {
        self.0.all(account)
    }
}

pub fn explain(cause: &PlatformError) -> KeyringError {
    cause
        .downcast_ref::<KeyringError>()
        .cloned()
        .unwrap_or_else(|| KeyringError::Failed(cause.to_string()))
}

/// Never: `CreateItem` replaces.
pub fn is_duplicate(_: &Error) -> bool {
    false
}
