//! The operating system's keyring: one secret per account, the same calls on every platform.
//!
//! Linux speaks to the Secret Service itself ([`secret_service`](super::secret_service)); macOS and
//! Windows use the stores of the `keyring` family. All three are `keyring-core` stores, and only
//! "no entry" means that nothing is there.

#[cfg(target_os = "linux")]
#[path = "keyring/linux.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "keyring/macos.rs"]
mod platform;
#[cfg(windows)]
#[path = "keyring/windows.rs"]
mod platform;

use std::fmt;
use std::time::Instant;

use keyring_core::{Entry, Error};
use zeroize::{Zeroize, Zeroizing};

use platform::Platform;

const SERVICE: &str = "tokctl";

/// Whether a person may be asked to unlock the keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// No window, ever: a keyring that would need one is locked.
    Never,
    /// Nothing is unlocked, but a person waits who has asked for what the keyring may want consent to
    /// (`logout`).
    Attended,
    /// For commands which a person started and waits for (`login`, `secret set`, `add`).
    Allowed,
}

/// The keyring, connected when first used, once.
pub struct Keyring {
    platform: Platform,
}

/// Why the keyring did not do what it was asked; never with bytes of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only the Secret Service has a bus")
)]
pub enum KeyringError {
    /// No session bus: the addresses tried, each with its reason.
    NoBus(String),
    /// A bus, but nobody on it who keeps secrets; what the bus said.
    NoProvider(String),
    /// Not answered in time; the step that was waited for.
    Timeout(&'static str),
    /// Locked, and nobody may be asked; or macOS would need a session with a screen.
    Locked,
    /// Nothing, or nothing new, in what is open, and something else is locked.
    Hidden,
    /// No default collection: a keyring that was never set up, or a password manager without an
    /// open database.
    NoCollection,
    /// More bytes than the platform keeps in one entry.
    TooLarge { limit: usize },
    /// A person was asked and said no.
    Dismissed,
    /// A person was asked and said nothing.
    Unanswered,
    /// It is open, but wants a person's consent each time that somebody reads or removes an entry.
    Consent,
    /// Something between us and the keyring, a sandbox or a policy of the bus, lets nothing through.
    Barred(String),
    /// The bus has been starting its service for longer than we wait.
    Starting,
    /// Anything else; the step and the platform's words.
    Failed(String),
}

impl Keyring {
    /// `addresses`: values of `DBUS_SESSION_BUS_ADDRESS` or of its form, tried in order; one whose
    /// socket belongs to another user is passed over. `deadline`: no call returns later, and unless
    /// a person may be asked no reply is awaited longer than 2 s. macOS and Windows have use for
    /// neither: their calls are local, and cannot be cut short.
    pub fn new(addresses: Vec<String>, deadline: Instant, interaction: Interaction) -> Self {
        Self {
            platform: Platform::new(addresses, deadline, interaction),
        }
    }

    /// The secret, or `None` if there is no entry; a keyring that cannot be read is an error.
    pub fn read(&mut self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        match self.entry(account)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(explain(error)),
        }
    }

    /// Replaces the secret, or makes the entry.
    pub fn write(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError> {
        let entry = self.entry(account)?;
        match entry.set_secret(secret) {
            // Made by another process between the platform's search and its own making: now it will
            // be found.
            Err(error) if platform::is_duplicate(&error) => entry.set_secret(secret),
            result => result,
        }
        .map_err(explain)
    }

    /// Removes the entry, duplicates too; false if there was none.
    pub fn erase(&mut self, account: &str) -> Result<bool, KeyringError> {
        match self.entry(account)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(explain(error)),
        }
    }

    /// Unlocked and able to take a write, without changing anything: to be asked before a refresh
    /// token is spent.
    ///
    /// Looks at the entry last found, else at the place where a new one would go.
    pub fn ready_to_write(&mut self) -> Result<(), KeyringError> {
        self.platform.ready()
    }

    /// Whether the account last read, or written, had several entries, of which the newest counts.
    pub fn duplicates(&self) -> bool {
        self.platform.duplicates()
    }

    /// Whether the account last read was not found, and may be in a part that stays locked.
    pub fn hides(&self) -> bool {
        self.platform.hides()
    }

    /// Whether a part of it stays locked, whatever was found in the rest.
    pub fn is_partly_locked(&mut self) -> Result<bool, KeyringError> {
        self.platform.is_partly_locked()
    }

    /// Whether the account last erased has left an empty entry, which only a person could remove.
    pub fn leaves_empty(&self) -> bool {
        self.platform.leaves_empty()
    }

    /// The same keyring as another process sees it, which nobody has allowed anything yet.
    pub fn stranger(&self) -> Self {
        Self {
            platform: self.platform.stranger(),
        }
    }

    /// The secrets of all of them.
    pub fn read_all(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, KeyringError> {
        Ok(self
            .platform
            .all(account)?
            .into_iter()
            .map(Zeroizing::new)
            .collect())
    }

    /// The name by which a person knows it.
    #[expect(
        clippy::unused_self,
        reason = "callers need not know what it depends on"
    )]
    pub fn describe(&self) -> &'static str {
        platform::NAME
    }

    /// Where it was found, on a platform that has several places.
    pub fn place(&self) -> Option<String> {
        self.platform.place()
    }

    fn entry(&self, account: &str) -> Result<Entry, KeyringError> {
        self.platform.entry(account).map_err(explain)
    }
}

/// What keyring-core says, in our words.
fn explain(error: Error) -> KeyringError {
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => platform::explain(&cause),
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

impl KeyringError {
    /// Whether a person could change it by answering.
    pub fn is_locked(&self) -> bool {
        matches!(
            self,
            Self::Locked | Self::Hidden | Self::Dismissed | Self::Unanswered | Self::Consent
        )
    }

    /// Whether there is no keyring at all, rather than one that cannot be looked into.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::NoBus(_) | Self::NoProvider(_) | Self::NoCollection
        )
    }
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus(reason) => write!(f, "no session bus: {reason}"),
            Self::NoProvider(reason) => {
                write!(f, "no program that keeps secrets is running: {reason}")
            }
            Self::Timeout(step) => write!(f, "the keyring did not answer in time ({step})"),
            Self::Locked => f.write_str("the keyring is locked"),
            Self::Hidden => f.write_str(
                "a part of it is locked, and the rest has no such entry, or only an older one",
            ),
            Self::NoCollection => f.write_str("the keyring has no default collection"),
            Self::TooLarge { limit } => write!(
                f,
                "the secret is larger than the {limit} bytes that the keyring takes"
            ),
            Self::Dismissed => f.write_str("the keyring's prompt was dismissed"),
            Self::Unanswered => f.write_str("the keyring's prompt was not answered in time"),
            Self::Consent => {
                f.write_str("the keyring asks a person before it gives out or removes an entry")
            }
            Self::Barred(reason) => {
                write!(f, "this program may not speak to it: {reason}")
            }
            Self::Starting => f.write_str("its service is being started and has not answered yet"),
            Self::Failed(reason) => write!(f, "keyring: {reason}"),
        }
    }
}

impl std::error::Error for KeyringError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_secret_is_too_large() {
        assert_eq!(
            explain(Error::TooLong("secret".into(), 2560)),
            KeyringError::TooLarge { limit: 2560 }
        );
        assert!(matches!(
            explain(Error::TooLong("user".into(), 513)),
            KeyringError::Failed(_)
        ));
    }

    #[test]
    fn what_was_read_is_not_in_the_error() {
        let cause = || Box::new(KeyringError::Failed("hunter2".into()));
        for error in [
            Error::BadEncoding(b"hunter2".to_vec()),
            Error::BadDataFormat(b"hunter2".to_vec(), cause()),
        ] {
            let error = explain(error);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_cause_comes_through_keyring_core() {
        assert_eq!(
            explain(Error::NoStorageAccess(Box::new(KeyringError::Locked))),
            KeyringError::Locked
        );
    }
}
