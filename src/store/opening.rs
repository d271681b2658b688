//! Which store a profile's tokens are in, and its opening.

use super::key_source::KeySource;
use super::keyring::Keyring;
use super::keyring::failure::{KeyringError, keyring_error};
use super::{Backend, Interaction, Opened, Store, System, cipher};
use crate::clock::Deadline;
use crate::env;
use crate::error::{Kind, Result};
use crate::profile::{Profile, StoreChoice};
use crate::ui;
use std::path::Path;

/// What opening a store needs to know.
pub struct Opening<'a> {
    pub profile: &'a Profile,
    pub state: &'a Path,
    pub deadline: Deadline,
    pub interaction: Interaction,
}

impl Opening<'_> {
    /// Opens the store that the profile names, or that `auto` was resolved to before.
    pub fn open(&self, remembered: Option<Backend>) -> Result<Store> {
        match self.settled(remembered) {
            Some(backend) => self.open_backend(backend),
            None => self
                .resolve(remembered)?
                .map_err(|trouble| keyring_error(&self.profile.name, &trouble)),
        }
    }

    /// The same for who only erases: no key is made for that, and where there is no keyring, it has
    /// nothing of a profile whose store was never settled.
    pub fn open_to_erase(&self, remembered: Option<Backend>) -> Result<Store> {
        match self.settled(remembered) {
            Some(Backend::EncryptedFile) => {
                let found = KeySource::new(self.profile, self.state).find(self.deadline)?;
                Ok(self.store(found.map_or_else(
                    || Opened::EncryptedFile {
                        keys: cipher::Keys::fresh(),
                        place: "nowhere".to_owned(),
                    },
                    Opened::sealing,
                )))
            }
            None => match self.resolve(remembered)? {
                Err(trouble) if trouble.is_absence() => Ok(self.nothing(Backend::None, None)),
                resolved => resolved.map_err(|trouble| keyring_error(&self.profile.name, &trouble)),
            },
            _ => self.open(remembered),
        }
    }

    fn settled(&self, remembered: Option<Backend>) -> Option<Backend> {
        Some(match (self.profile.storage.choice, remembered) {
            (StoreChoice::Keyring, _) | (StoreChoice::Auto, Some(Backend::Keyring)) => {
                Backend::Keyring
            }
            (StoreChoice::EncryptedFile, _) | (StoreChoice::Auto, Some(Backend::EncryptedFile)) => {
                Backend::EncryptedFile
            }
            (StoreChoice::Plaintext, _) => Backend::Plaintext,
            (StoreChoice::None, _) => Backend::None,
            (StoreChoice::Auto, _) => return None,
        })
    }

    /// Finds out what `auto` means here: the keyring if it works, else an encrypted file if a key is
    /// at hand, else, for grants that need no person to repeat, the kernel's cache. With that it stays, also
    /// where somebody has set a passphrase since.
    fn resolve(&self, remembered: Option<Backend>) -> Result<Result<Store, KeyringError>> {
        let mut keyring = self.keyring();
        let trouble = match keyring.ready() {
            Ok(()) => return Ok(Ok(self.store(Opened::Keyring(Box::new(keyring))))),
            Err(trouble) => trouble,
        };
        let without = || Ok(Ok(self.nothing(Backend::Kernel, Some(trouble.to_string()))));
        if remembered == Some(Backend::Kernel) && self.can_do_without() {
            return without();
        }
        match KeySource::new(self.profile, self.state).find(self.deadline) {
            Ok(Some(found)) => Ok(Ok(self.store(Opened::sealing(found)))),
            Err(error) if error.kind != Kind::StoreLocked => Err(error),
            _ if self.can_do_without() => without(),
            Ok(None) => Ok(Err(trouble)),
            Err(error) => Err(error),
        }
    }

    /// Whether the profile gets its token anew from what is elsewhere.
    fn can_do_without(&self) -> bool {
        self.profile.is_repeatable() && !self.profile.client.has_stored_secret()
    }

    fn is_auto_without(&self) -> bool {
        self.profile.storage.choice == StoreChoice::Auto
            && self.can_do_without()
            && self.interaction == Interaction::Never
    }

    fn open_backend(&self, backend: Backend) -> Result<Store> {
        Ok(self.store(match backend {
            Backend::Keyring => Opened::Keyring(Box::new(self.keyring())),
            Backend::EncryptedFile => return self.open_encrypted_file(),
            Backend::Plaintext => Opened::Plaintext,
            Backend::Kernel | Backend::None => return Ok(self.nothing(backend, None)),
        }))
    }

    fn open_encrypted_file(&self) -> Result<Store> {
        let source = KeySource::new(self.profile, self.state);
        let found = match source.find(self.deadline) {
            Ok(Some(found)) => found,
            // What `auto` has chosen costs a request while it is locked, and no refusal.
            Err(error) if error.kind == Kind::StoreLocked && self.is_auto_without() => {
                return Ok(self.nothing(Backend::Kernel, Some(error.message)));
            }
            Err(error) => return Err(error),
            Ok(None) => match source.create() {
                Ok(found) => found,
                // A token is not withheld because there is nowhere to write the first key; who brings a
                // secret to be kept has to know.
                Err(error) if self.can_do_without() && self.interaction == Interaction::Never => {
                    ui::warn(&format!("the token is not stored: {error}"));
                    return Ok(self.nothing(Backend::None, None));
                }
                Err(error) => return Err(error),
            },
        };
        Ok(self.store(Opened::sealing(found)))
    }

    fn keyring(&self) -> System {
        System::new(
            env::session_bus(),
            self.deadline.instant(),
            self.interaction,
        )
    }

    fn nothing(&self, backend: Backend, why: Option<String>) -> Store {
        self.store(Opened::Nothing { backend, why })
    }

    fn store(&self, opened: Opened) -> Store {
        Store {
            opened,
            state: self.state.to_owned(),
            warned: false,
        }
    }
}
