//! macOS and Windows: the keyring over a store of the `keyring` family, in which an account has one entry.

use super::failure::KeyringError;
use super::{Erased, Found, Instant, Interaction, Keyring, Zeroizing};
use keyring_core::error::PlatformError;
use keyring_core::{Entry, Error};
use zeroize::Zeroize;

/// What differs from platform to platform.
pub trait Platform: Sized {
    /// As in [`Keyring`].
    const NAME: &'static str;

    /// `is_quiet`: no window may be shown as long as this lives.
    fn new(is_quiet: bool) -> Self;

    /// The handle on an account's entry, there or not.
    fn entry(&self, account: &str) -> Result<Entry, Error>;

    /// As in [`Keyring`].
    fn ready(&self) -> Result<(), KeyringError>;

    /// What the platform's own failure means.
    fn explain(cause: &PlatformError) -> KeyringError;

    /// Whether an entry could not be made because it is there.
    fn is_duplicate(_: &Error) -> bool {
        false
    }
}

/// The keyring of such a platform.
pub struct Native<P>(P);

impl<P: Platform> Keyring for Native<P> {
    const NAME: &'static str = P::NAME;

    fn new(_: Vec<String>, _: Instant, interaction: Interaction) -> Self {
        Self(P::new(interaction != Interaction::Allowed))
    }

    fn read(&mut self, account: &str) -> Result<Found, KeyringError> {
        let secret = match self.entry(account)?.get_secret() {
            Ok(secret) => Some(Zeroizing::new(secret)),
            Err(Error::NoEntry) => None,
            Err(error) => return Err(explain::<P>(error)),
        };
        Ok(Found {
            secret,
            ..Found::default()
        })
    }

    fn write(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError> {
        let entry = self.entry(account)?;
        match entry.set_secret(secret) {
            // Made by another process between the platform's search and its own making: now it will
            // be found.
            Err(error) if P::is_duplicate(&error) => entry.set_secret(secret),
            result => result,
        }
        .map_err(explain::<P>)
    }

    fn erase(&mut self, account: &str) -> Result<Erased, KeyringError> {
        match self.entry(account)?.delete_credential() {
            Ok(()) => Ok(Erased::All),
            Err(Error::NoEntry) => Ok(Erased::Nothing),
            Err(error) => Err(explain::<P>(error)),
        }
    }

    fn ready(&mut self) -> Result<(), KeyringError> {
        self.0.ready()
    }

    fn stranger(&self) -> Self {
        Self(P::new(false))
    }
}

impl<P: Platform> Native<P> {
    fn entry(&self, account: &str) -> Result<Entry, KeyringError> {
        self.0.entry(account).map_err(explain::<P>)
    }
}

/// What keyring-core says, in our words.
pub fn explain<P: Platform>(error: Error) -> KeyringError {
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => P::explain(&cause),
        Error::TooLong(what, limit) if what == "secret" => KeyringError::TooLarge {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        },
        Error::TooLong(what, limit) => {
            KeyringError::Failed(format!("{what} is longer than {limit} characters"))
        }
        // These two carry what was read.
        Error::BadEncoding(mut secret) | Error::BadDataFormat(mut secret, _) => {
            secret.zeroize();
            KeyringError::Failed("the entry is not in the form in which it was written".into())
        }
        Error::Invalid(what, reason) => KeyringError::Failed(format!("invalid {what}: {reason}")),
        Error::NoEntry => KeyringError::Failed("the entry vanished".into()),
        Error::Ambiguous(entries) => {
            KeyringError::Failed(format!("{} entries for one account", entries.len()))
        }
        Error::BadStoreFormat(reason) | Error::NotSupportedByStore(reason) => {
            KeyringError::Failed(reason)
        }
        _ => KeyringError::Failed("unknown failure of the keyring".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring_core::api::CredentialStoreApi;
    use keyring_core::mock::{Cred, Store};
    use std::cell::Cell;
    use std::sync::Arc;

    /// keyring-core's own store in memory, which fails once with what it is told.
    struct Memory {
        store: Arc<Store>,
        failure: Cell<Option<Error>>,
    }

    impl Platform for Memory {
        const NAME: &'static str = "memory";

        fn new(_: bool) -> Self {
            let store = Store::new().expect("it needs nothing");
            let failure = Cell::default();
            Self { store, failure }
        }

        fn entry(&self, account: &str) -> Result<Entry, Error> {
            let entry = self.store.build("tokctl", account, None)?;
            if let Some(failure) = self.failure.take() {
                let entry: &Cred = entry.as_any().downcast_ref().expect("of this store");
                entry.set_error(failure);
            }
            Ok(entry)
        }

        fn ready(&self) -> Result<(), KeyringError> {
            Ok(())
        }

        fn explain(cause: &PlatformError) -> KeyringError {
            KeyringError::Failed(format!("platform: {cause}"))
        }

        fn is_duplicate(error: &Error) -> bool {
            matches!(error, Error::PlatformFailure(cause) if cause.to_string().contains("duplicate"))
        }
    }

    fn keyring() -> Native<Memory> {
        Native::new(Vec::new(), Instant::now(), Interaction::Never)
    }

    fn failing(failure: Error) -> Native<Memory> {
        let keyring = keyring();
        keyring.0.failure.set(Some(failure));
        keyring
    }

    fn platform(what: &str) -> Error {
        Error::PlatformFailure(what.into())
    }

    #[test]
    fn an_entry_is_made_replaced_and_erased_once() {
        let mut keyring = keyring();
        assert!(keyring.read("p").expect("read").secret.is_none());
        for secret in [&b"one"[..], b"two"] {
            keyring.write("p", secret).expect("written");
            let found = keyring.read("p").expect("read");
            assert_eq!(found.secret.as_deref().map(Vec::as_slice), Some(secret));
            assert!(!found.several && !found.hidden);
            assert_eq!(
                keyring.all("p").expect("read")[..],
                [found.secret.expect("it is")]
            );
        }
        assert_eq!(keyring.erase("p"), Ok(Erased::All));
        assert_eq!(keyring.erase("p"), Ok(Erased::Nothing));
    }

    #[test]
    fn what_another_process_made_meanwhile_is_replaced() {
        let mut keyring = failing(platform("duplicate item"));
        assert_eq!(keyring.write("p", b"new"), Ok(()));
        let found = keyring.read("p").expect("read").secret;
        assert_eq!(found.as_deref().map(Vec::as_slice), Some(&b"new"[..]));
    }

    #[test]
    fn a_keyring_that_fails_is_not_an_empty_one() {
        let failed = KeyringError::Failed("platform: down".into());
        let read = failing(platform("down")).read("p").map(drop);
        assert_eq!(read, Err(failed.clone()));
        assert_eq!(failing(platform("down")).erase("p"), Err(failed.clone()));
        assert_eq!(failing(platform("down")).write("p", b"x"), Err(failed));
    }

    #[test]
    fn only_a_long_secret_is_too_large() {
        let long = |what: &str| explain::<Memory>(Error::TooLong(what.into(), 2560));
        assert_eq!(long("secret"), KeyringError::TooLarge { limit: 2560 });
        assert!(matches!(long("user"), KeyringError::Failed(_)));
    }

    #[test]
    fn what_was_read_is_not_in_the_error() {
        let cause = || Box::new(KeyringError::Failed("hunter2".into()));
        for error in [
            Error::BadEncoding(b"hunter2".to_vec()),
            Error::BadDataFormat(b"hunter2".to_vec(), cause()),
        ] {
            let error = explain::<Memory>(error);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
