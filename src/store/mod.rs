//! Where records are kept: one face over the keyring, the encrypted file, the plain file and nothing.

pub mod cipher;
#[cfg(target_os = "linux")]
mod dbus;
pub mod kernel;
pub mod key_source;
mod keyring;
mod opening;
pub mod passphrase;
#[cfg(target_os = "linux")]
mod secret_service;

use crate::clock::Deadline;
use crate::env;
use crate::error::{Error, Kind, Result, about, in_a_file, io_cause, shell_word};
use crate::files::{self, layout};
use crate::ui;
use cipher::Keys;
use key_source::Found;
pub use keyring::Interaction;
use keyring::failure::{KeyringError, keyring_error, profile_of};
use keyring::{Erased, Found as InKeyring, Keyring};
pub use opening::Opening;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The keyring of this platform.
#[cfg(target_os = "linux")]
type System = secret_service::SecretService;
#[cfg(target_os = "macos")]
type System = keyring::native::Native<keyring::macos::Keychain>;
#[cfg(windows)]
type System = keyring::native::Native<keyring::windows::CredentialManager>;

/// What `store` comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    Keyring,
    EncryptedFile,
    Plaintext,
    /// Nothing but the kernel's cache of access tokens, until the next start of the machine.
    Kernel,
    None,
}

impl Backend {
    /// As the configuration and `status` name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::EncryptedFile => "encrypted-file",
            Self::Plaintext => "plaintext",
            Self::Kernel => "kernel",
            Self::None => "none",
        }
    }
}

/// An opened store.
pub struct Store {
    opened: Opened,
    state: PathBuf,
    /// Whether the person has been told of several entries.
    warned: bool,
}

enum Opened {
    Keyring(Box<System>),
    EncryptedFile {
        keys: Keys,
        place: String,
    },
    Plaintext,
    Nothing {
        backend: Backend,
        /// Why nothing better.
        why: Option<String>,
    },
}

impl Opened {
    fn sealing(found: Found) -> Self {
        Self::EncryptedFile {
            keys: found.keys,
            place: found.place,
        }
    }
}

/// What a store has for an account.
pub enum Held {
    Nothing,
    Plain(Zeroizing<Vec<u8>>),
    /// Something that the key does not open.
    Sealed(Error),
    /// Nothing in what is open; there may be something in what is locked.
    Hidden(Error),
}

impl Store {
    /// Which it is.
    pub fn backend(&self) -> Backend {
        match &self.opened {
            Opened::Keyring(_) => Backend::Keyring,
            Opened::EncryptedFile { .. } => Backend::EncryptedFile,
            Opened::Plaintext => Backend::Plaintext,
            Opened::Nothing { backend, .. } => *backend,
        }
    }

    /// What it is in words, with its path.
    pub fn describe(&self) -> String {
        match &self.opened {
            Opened::Keyring(_) => System::NAME.to_owned(),
            Opened::EncryptedFile { place, .. } => {
                format!(
                    "{}, key from {place}",
                    layout::sealed_records(&self.state).display()
                )
            }
            Opened::Plaintext => {
                format!(
                    "{}, in clear text",
                    layout::plain_records(&self.state).display()
                )
            }
            Opened::Nothing {
                backend: Backend::Kernel,
                ..
            } => "kernel keyring, until the machine restarts".to_owned(),
            Opened::Nothing { .. } => "nothing is kept".to_owned(),
        }
    }

    /// Why it is none that keeps records.
    pub fn why_nothing(&self) -> Option<&str> {
        match &self.opened {
            Opened::Nothing { why, .. } => why.as_deref(),
            _ => None,
        }
    }

    /// What is kept for an account; `None` only where there is nothing.
    pub fn load(&mut self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match self.find(account)? {
            Held::Nothing => Ok(None),
            Held::Plain(plain) => Ok(Some(plain)),
            Held::Sealed(error) | Held::Hidden(error) => Err(error),
        }
    }

    /// Refuses what was found for an account if it is not the newest, and that may be in a part of the store
    /// that is locked.
    pub fn refuse_outdated(&mut self, account: &str) -> Result<()> {
        let Opened::Keyring(keyring) = &mut self.opened else {
            return Ok(());
        };
        let failed = |trouble: KeyringError| keyring_error(account, &trouble);
        if keyring.is_partly_locked().map_err(failed)? {
            return Err(failed(KeyringError::Hidden));
        }
        Ok(())
    }

    fn find(&mut self, account: &str) -> Result<Held> {
        let plain = match &mut self.opened {
            Opened::Keyring(keyring) => {
                let found = keyring.read(account);
                let found = found.map_err(|trouble| keyring_error(account, &trouble))?;
                return Ok(held(account, found));
            }
            Opened::EncryptedFile { keys, .. } => {
                let path = layout::sealed_record(&self.state, account);
                let Some(sealed) = read(&path)? else {
                    return Ok(Held::Nothing);
                };
                let Some(plain) = keys.open_any(&purpose(account), &sealed) else {
                    return Ok(Held::Sealed(unopened(&path, account)));
                };
                Some(plain)
            }
            Opened::Plaintext => read(&layout::plain_record(&self.state, account))?,
            Opened::Nothing { .. } => None,
        };
        Ok(plain.map_or(Held::Nothing, Held::Plain))
    }

    /// The same where `rank` tells which of several entries is the newest: a copy that a backup or a
    /// password manager brought back must not win over what was written after it.
    pub fn load_newest(&mut self, account: &str, rank: impl Fn(&[u8]) -> u64) -> Result<Held> {
        let Opened::Keyring(keyring) = &mut self.opened else {
            return self.find(account);
        };
        let failed = |trouble: KeyringError| keyring_error(account, &trouble);
        let found = keyring.read(account).map_err(failed)?;
        if !found.several {
            return Ok(held(account, found));
        }
        if !std::mem::replace(&mut self.warned, true) {
            ui::warn(&about(
                account,
                "the keyring has several entries, of which the newest is used; tokctl logout removes them all",
            ));
        }
        let all = keyring.all(account).map_err(failed)?;
        let newest = all.into_iter().max_by_key(|record| rank(record));
        Ok(newest.map_or_else(|| held(account, found), Held::Plain))
    }

    /// Copies an account's file to one beside it, before it is replaced by what knows nothing of it. The
    /// copy's path; none where the store has no files.
    pub fn set_aside(&self, account: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.path(account) else {
            return Ok(None);
        };
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        let copy = layout::set_aside(&path);
        write(&copy, &bytes)?;
        Ok(Some(copy))
    }

    fn path(&self, account: &str) -> Option<PathBuf> {
        match &self.opened {
            Opened::EncryptedFile { .. } => Some(layout::sealed_record(&self.state, account)),
            Opened::Plaintext => Some(layout::plain_record(&self.state, account)),
            Opened::Keyring(_) | Opened::Nothing { .. } => None,
        }
    }

    /// Replaces what is kept for an account.
    pub fn save(&mut self, account: &str, record: &[u8]) -> Result<()> {
        match &mut self.opened {
            Opened::Keyring(keyring) => keyring
                .write(account, record)
                .map_err(|trouble| keyring_error(account, &trouble)),
            Opened::EncryptedFile { keys, .. } => {
                let sealed = cipher::seal(&keys.key, &purpose(account), record);
                write(&layout::sealed_record(&self.state, account), &sealed)
            }
            Opened::Plaintext => write(&layout::plain_record(&self.state, account), record),
            Opened::Nothing { .. } => Ok(()),
        }
    }

    /// Removes what is kept for an account; whether there was anything.
    pub fn erase(&mut self, account: &str) -> Result<bool> {
        match self.erase_entry(account)? {
            Erased::Hidden => Err(keyring_error(account, &KeyringError::Hidden)),
            erased => Ok(erased != Erased::Nothing),
        }
    }

    /// The same for what may well not be there: of what is locked and hides its entries nothing is said.
    pub fn erase_seen(&mut self, account: &str) -> Result<bool> {
        let erased = self.erase_entry(account)?;
        Ok(matches!(erased, Erased::All | Erased::Emptied))
    }

    fn erase_entry(&mut self, account: &str) -> Result<Erased> {
        if let Opened::Keyring(keyring) = &mut self.opened {
            let erased = keyring
                .erase(account)
                .map_err(|trouble| keyring_error(account, &trouble))?;
            if erased == Erased::Emptied {
                ui::warn(&format!(
                    "profile {:?}: an empty entry stays in the keyring, which asks a person before it removes one",
                    profile_of(account)
                ));
            }
            return Ok(erased);
        }
        let Some(path) = self.path(account) else {
            return Ok(Erased::Nothing);
        };
        let aside = files::remove(&layout::set_aside(&path));
        match aside.and_then(|aside| Ok(files::remove_all(&path)? || aside)) {
            Ok(true) => Ok(Erased::All),
            Ok(false) => Ok(Erased::Nothing),
            Err(cause) => Err(unavailable(format!(
                "{}: {}",
                path.display(),
                io_cause(&cause)
            ))),
        }
    }

    /// Writes an entry beside a profile's own, reads it back and erases it; whether it came back.
    pub fn round_trip(&mut self, profile: &str) -> Result<bool> {
        let account = probe_account(profile);
        let probe = b"{}";
        self.ready(&account)?;
        self.save(&account, probe)?;
        let found = self.load_as_stranger(&account);
        self.erase_seen(&account)?;
        Ok(found?.is_some_and(|found| found.as_slice() == probe))
    }

    /// As the next process will find it: a keyring may give out at once only what was put in over the
    /// same connection.
    fn load_as_stranger(&mut self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match &self.opened {
            Opened::Keyring(keyring) => {
                let found = keyring.stranger().read(account);
                let found = found.map_err(|trouble| keyring_error(account, &trouble))?;
                Ok(found.secret)
            }
            _ => self.load(account),
        }
    }

    /// Makes sure that a write will work, before a refresh token is spent.
    pub fn ready(&mut self, account: &str) -> Result<()> {
        match &mut self.opened {
            Opened::Keyring(keyring) => keyring
                .ready()
                .map_err(|trouble| keyring_error(account, &trouble)),
            Opened::EncryptedFile { .. } => folder_ready(&layout::sealed_records(&self.state)),
            Opened::Plaintext => folder_ready(&layout::plain_records(&self.state)),
            Opened::Nothing { .. } => Ok(()),
        }
    }
}

/// Seals an account's record of the encrypted file under the first of these keys, where one of the older ones has sealed
/// it. Whether that was so.
pub fn reseal(state: &Path, account: &str, keys: &Keys) -> Result<bool> {
    let path = layout::sealed_record(state, account);
    let Some(sealed) = read(&path)? else {
        return Ok(false);
    };
    let purpose = purpose(account);
    if cipher::open(&keys.key, &purpose, &sealed).is_some() {
        return Ok(false);
    }
    // Under a key of its own.
    let Some(plain) = keys.open_any(&purpose, &sealed) else {
        return Ok(false);
    };
    write(&path, &cipher::seal(&keys.key, &purpose, &plain))?;
    Ok(true)
}

/// Tries the keyring with an entry of its own, whatever the profiles say. Its name, with where it was
/// found.
pub fn try_keyring(deadline: Deadline) -> Result<String> {
    let interaction = Interaction::Never;
    let keyring = System::new(env::session_bus(), deadline.instant(), interaction);
    let name = System::NAME;
    let mut store = Store {
        opened: Opened::Keyring(Box::new(keyring)),
        state: PathBuf::new(),
        warned: false,
    };
    // The account of the trial is no profile.
    let trial = store.round_trip("doctor");
    if trial.map_err(|error| Error {
        profile: None,
        hint: error
            .hint
            .map(|hint| hint.replace(&in_a_file("doctor"), OTHER)),
        ..error
    })? {
        let place = match &store.opened {
            Opened::Keyring(keyring) => keyring.place(),
            _ => None,
        };
        return Ok(place.map_or_else(|| name.to_owned(), |place| format!("{name} at {place}")));
    }
    let what = format!("the keyring ({name}) does not give back what it was given");
    Err(unavailable(what).hint(OTHER))
}

/// What is done without a keyring.
const OTHER: &str = "choose another store: store = \"encrypted-file\"";

/// What a keyring has, and what it may have besides.
fn held(account: &str, found: InKeyring) -> Held {
    match found.secret {
        Some(plain) => Held::Plain(plain),
        None if found.hidden => Held::Hidden(keyring_error(account, &KeyringError::Hidden)),
        None => Held::Nothing,
    }
}

/// The account with which a store is tried for a profile; a profile's name has no slash.
pub fn probe_account(profile: &str) -> String {
    format!("probe/{profile}")
}

/// The account of a profile's client secret or key.
pub fn client_secret(profile: &str) -> String {
    format!("client-secret/{profile}")
}

/// The account of a login that was begun without a terminal.
pub fn pending_login(profile: &str) -> String {
    format!("login/{profile}")
}

/// Another key and a damaged file cannot be told apart.
fn unopened(path: &Path, account: &str) -> Error {
    let error = unavailable(format!(
        "{}: it was not written with this key, or it is damaged",
        path.display()
    ));
    let lost = match account.strip_prefix("client-secret/") {
        Some(profile) => format!(
            "; if that is lost, replace it: tokctl secret set {}",
            shell_word(profile)
        ),
        None => String::new(),
    };
    error.hint(format!("give the key that it was written with{lost}"))
}

fn purpose(account: &str) -> String {
    format!("record {account}")
}

fn folder_ready(folder: &Path) -> Result<()> {
    files::sweep(folder);
    files::ensure_dir(folder).map_err(|cause| {
        unavailable(format!(
            "{} cannot be written: {}",
            folder.display(),
            io_cause(&cause)
        ))
    })
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    files::read(path).map_err(|cause| Error {
        hint: files::readable(path, &cause),
        ..unavailable(format!("{}: {}", path.display(), io_cause(&cause)))
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    files::write(path, bytes).map_err(|cause| {
        unavailable(format!(
            "{} cannot be written: {}",
            path.display(),
            io_cause(&cause)
        ))
        .hint(
            files::remedy(&cause).unwrap_or("make the directory writable, or free some disk space"),
        )
    })
}

fn unavailable(what: impl Into<String>) -> Error {
    Error::new(Kind::StoreUnavailable, what)
}
