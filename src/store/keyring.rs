//! The operating system's keyring: one secret per account, the same calls on every platform.

pub mod failure;
#[cfg(target_os = "macos")]
pub mod macos;
#[cfg(any(test, not(target_os = "linux")))]
pub mod native;
#[cfg(windows)]
pub mod windows;

use failure::KeyringError;
use std::time::Instant;
use zeroize::Zeroizing;

/// The service that every entry carries, whatever the platform.
pub const SERVICE: &str = "tokctl";

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

/// What was found for an account.
#[derive(Debug, Default)]
pub struct Found {
    /// Of several entries the newest one's.
    pub secret: Option<Zeroizing<Vec<u8>>>,
    /// There are several entries, whose content tells which of them counts.
    pub several: bool,
    /// There is none in what is open, and a part stays locked, where it may be.
    pub hidden: bool,
}

/// What became of an account's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only the Secret Service is locked in parts")
)]
pub enum Erased {
    /// There were none.
    Nothing,
    /// There are none in what is open, and a part stays locked.
    Hidden,
    /// All are gone.
    All,
    /// What they held is gone, but an empty one stays, which only a person could remove.
    Emptied,
}

/// A platform's keyring, connected when first used, once. Only an entry that is surely not there is none: a
/// keyring that cannot be read is an error.
pub trait Keyring: Sized {
    /// The name by which a person knows it.
    const NAME: &'static str;

    /// `addresses`: values of `DBUS_SESSION_BUS_ADDRESS` or of its form, tried in order; one whose
    /// socket belongs to another user is passed over. `deadline`: no call returns later, and unless
    /// a person may be asked no reply is awaited longer than 2 s. macOS and Windows have use for
    /// neither: their calls are local, and cannot be cut short.
    fn new(addresses: Vec<String>, deadline: Instant, interaction: Interaction) -> Self;

    /// Looks for an account's secret.
    fn read(&mut self, account: &str) -> Result<Found, KeyringError>;

    /// Replaces the secret, or makes the entry.
    fn write(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError>;

    /// Removes the entry, duplicates too, so that nothing comes to light again.
    fn erase(&mut self, account: &str) -> Result<Erased, KeyringError>;

    /// Makes sure, without changing anything, that it is unlocked and able to take a write: to be asked before a
    /// refresh token is spent. Looks at the entry last found, else at the place where a new one would go.
    fn ready(&mut self) -> Result<(), KeyringError>;

    /// The secrets of all of an account's entries.
    fn all(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, KeyringError> {
        Ok(self.read(account)?.secret.into_iter().collect())
    }

    /// Whether a part of it stays locked, whatever was found in the rest.
    fn is_partly_locked(&mut self) -> Result<bool, KeyringError> {
        Ok(false)
    }

    /// Where it was found, on a platform that has several places.
    fn place(&self) -> Option<String> {
        None
    }

    /// The same keyring as another process sees it, which nobody has allowed anything yet.
    #[must_use]
    fn stranger(&self) -> Self;
}
