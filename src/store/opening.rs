//! Which store a profile's tokens are in, and its opening.

use super::key_source::KeySource;
use super::keyring::{Keyring, KeyringError};
use super::{Backend, Interaction, Opened, Store, cipher, keyring_error};
use crate::clock::Deadline;
use crate::env;
use crate::error::Result;
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
                .resolve()?
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
                        key: cipher::random_key(),
                        place: "nowhere".to_owned(),
                    },
                    Opened::sealing,
                )))
            }
            None => match self.resolve()? {
                Err(trouble) if trouble.is_absence() => {
                    Ok(self.store(Opened::Nothing(Backend::None)))
                }
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
    /// at hand, else, for grants that need no person to repeat, the kernel's cache.
    fn resolve(&self) -> Result<Result<Store, KeyringError>> {
        let mut keyring = self.keyring();
        let trouble = match keyring.ready_to_write() {
            Ok(()) => return Ok(Ok(self.store(Opened::Keyring(Box::new(keyring))))),
            Err(trouble) => trouble,
        };
        let source = KeySource::new(self.profile, self.state);
        if let Some(found) = source.find(self.deadline)? {
            return Ok(Ok(self.store(Opened::sealing(found))));
        }
        if self.can_do_without() {
            return Ok(Ok(self.store(Opened::Nothing(Backend::Kernel))));
        }
        Ok(Err(trouble))
    }

    /// Whether the profile gets its token anew from what is elsewhere.
    fn can_do_without(&self) -> bool {
        self.profile.is_repeatable() && !self.profile.client.has_stored_secret()
    }

    fn open_backend(&self, backend: Backend) -> Result<Store> {
        Ok(self.store(match backend {
            Backend::Keyring => Opened::Keyring(Box::new(self.keyring())),
            Backend::EncryptedFile => return self.open_encrypted_file(),
            Backend::Plaintext => Opened::Plaintext,
            Backend::Kernel | Backend::None => Opened::Nothing(backend),
        }))
    }

    fn open_encrypted_file(&self) -> Result<Store> {
        let source = KeySource::new(self.profile, self.state);
        let found = match source.find(self.deadline)? {
            Some(found) => found,
            None => match source.create() {
                Ok(found) => found,
                // A token is not withheld because there is nowhere to write the first key; who brings a
                // secret to be kept has to know.
                Err(error) if self.can_do_without() && self.interaction == Interaction::Never => {
                    ui::warn(&format!("the token is not stored: {error}"));
                    return Ok(self.store(Opened::Nothing(Backend::None)));
                }
                Err(error) => return Err(error),
            },
        };
        Ok(self.store(Opened::sealing(found)))
    }

    fn keyring(&self) -> Keyring {
        Keyring::new(
            env::session_bus(),
            self.deadline.instant(),
            self.interaction,
        )
    }

    fn store(&self, opened: Opened) -> Store {
        Store {
            opened,
            state: self.state.to_owned(),
            warned: false,
        }
    }
}
