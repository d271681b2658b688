//! macOS: the login keychain.

use super::SERVICE;
use super::failure::KeyringError;
use super::native::Platform;
use apple_native_keyring_store::keychain::Store;
use keyring_core::api::CredentialStoreApi;
use keyring_core::error::PlatformError;
use keyring_core::{Entry, Error};
use security_framework::base::Error as SecurityError;
use security_framework::os::macos::keychain::{
    KeychainUserInteractionLock, SecKeychain, SecPreferencesDomain,
};

/// Apple's `SecBase.h`, where the store does not tell them apart.
mod code {
    pub const USER_CANCELED: i32 = -128;
    pub const NOT_AVAILABLE: i32 = -25291;
    pub const AUTH_FAILED: i32 = -25293;
    pub const NO_SUCH_KEYCHAIN: i32 = -25294;
    pub const INVALID_KEYCHAIN: i32 = -25295;
    pub const DUPLICATE_ITEM: i32 = -25299;
    pub const NO_DEFAULT_KEYCHAIN: i32 = -25307;
    pub const INTERACTION_NOT_ALLOWED: i32 = -25308;
    pub const INTERACTION_REQUIRED: i32 = -25315;
}

/// Keeps the system from showing windows as long as it lives, where nobody may be asked.
pub struct Keychain {
    _quiet: Option<KeychainUserInteractionLock>,
}

impl Platform for Keychain {
    const NAME: &'static str = "macOS Keychain";

    fn new(is_quiet: bool) -> Self {
        Self {
            _quiet: is_quiet
                .then(SecKeychain::disable_user_interaction)
                .and_then(Result::ok),
        }
    }

    fn entry(&self, account: &str) -> Result<Entry, Error> {
        Store::new()?.build(SERVICE, account, None)
    }

    /// Does nothing to an unlocked keychain; with a locked one, asks for its password or says at
    /// once that it may not.
    fn ready(&self) -> Result<(), KeyringError> {
        SecKeychain::default_for_domain(SecPreferencesDomain::User)
            .and_then(|mut keychain| keychain.unlock(None))
            .map_err(|error| meaning(error.code(), &error.to_string()))
    }

    fn explain(cause: &PlatformError) -> KeyringError {
        let code = cause
            .downcast_ref::<SecurityError>()
            .map_or(0, |error| error.code());
        meaning(code, &cause.to_string())
    }

    fn is_duplicate(error: &Error) -> bool {
        let Error::PlatformFailure(cause) = error else {
            return false;
        };
        cause
            .downcast_ref::<SecurityError>()
            .is_some_and(|error| error.code() == code::DUPLICATE_ITEM)
    }
}

fn meaning(code: i32, text: &str) -> KeyringError {
    match code {
        // A duplicate that stays one after a second search is an item which the search was not
        // allowed to read.
        code::AUTH_FAILED
        | code::INTERACTION_NOT_ALLOWED
        | code::INTERACTION_REQUIRED
        | code::DUPLICATE_ITEM => KeyringError::Locked,
        code::USER_CANCELED => KeyringError::Dismissed,
        code::NO_SUCH_KEYCHAIN | code::INVALID_KEYCHAIN | code::NO_DEFAULT_KEYCHAIN => {
            KeyringError::NoCollection
        }
        code::NOT_AVAILABLE => {
            KeyringError::NoProvider("no keychain is available to this session".into())
        }
        _ => KeyringError::Failed(format!(
            "{} (macOS error {code})",
            text.trim_end_matches('.')
        )),
    }
}
