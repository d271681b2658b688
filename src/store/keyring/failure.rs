//! Why the keyring did not do what it was asked, and what a person can do then.

use crate::env;
use crate::error::{Error, Kind, shell_word};
use std::fmt;
use std::path::Path;

/// The failure; never with bytes of a secret.
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

/// A keyring's trouble with the remedy for it.
pub fn keyring_error(account: &str, trouble: &KeyringError) -> Error {
    let kind = if trouble.is_locked() {
        Kind::StoreLocked
    } else {
        Kind::StoreUnavailable
    };
    let profile = profile_of(account);
    let what = format!("the keyring cannot be used: {trouble}");
    Error::about(profile, kind, what).hint(remedy(profile, trouble))
}

const BARRED: &str = "allow org.freedesktop.secrets (for a flatpak: --talk-name=org.freedesktop.secrets), or \
                      choose store = \"encrypted-file\"";

fn remedy(profile: &str, trouble: &KeyringError) -> String {
    let what = match trouble {
        KeyringError::Dismissed | KeyringError::Unanswered => {
            "unlock the keyring: run the same again and answer what the keyring asks, or open the \
             desktop's password manager; or choose store = \"encrypted-file\""
        }
        KeyringError::Locked if cfg!(target_os = "linux") && env::has_display() => {
            let profile = shell_word(profile);
            return format!(
                "to unlock the keyring, run: tokctl unlock {profile}; or choose store = \"encrypted-file\""
            );
        }
        KeyringError::Locked => {
            "unlock the keyring (on a desktop: log in or open its password manager), or choose \
             store = \"encrypted-file\""
        }
        KeyringError::Hidden => "unlock all of the keyring (in KeePassXC: the other database too)",
        KeyringError::Consent => {
            "have it give out entries unasked (in KeePassXC: Settings, Secret Service Integration, \
             no \"Confirm when passwords are retrieved by clients\"), or choose store = \"encrypted-file\""
        }
        KeyringError::NoCollection => {
            "create a default keyring in the password manager (in KeePassXC: open a database that \
             exposes entries under a group), or choose store = \"encrypted-file\""
        }
        KeyringError::Timeout(_) => {
            "the keyring's service hangs: restart it, or choose store = \"encrypted-file\""
        }
        KeyringError::Starting => {
            "run the same again in a moment; if it never answers, choose store = \"encrypted-file\""
        }
        // A flatpak's proxy hides what it does not let through.
        KeyringError::NoProvider(_) if Path::new("/.flatpak-info").exists() => BARRED,
        KeyringError::Barred(_) => BARRED,
        KeyringError::NoBus(_)
        | KeyringError::NoProvider(_)
        | KeyringError::TooLarge { .. }
        | KeyringError::Failed(_) => "start a keyring, or choose store = \"encrypted-file\"",
    };
    what.replace(
        "choose store = \"encrypted-file\"",
        &crate::error::in_a_file(profile),
    )
}

/// The client secret's account is the profile's with a prefix.
pub fn profile_of(account: &str) -> &str {
    account.rsplit('/').next().unwrap_or(account)
}
