//! The Secret Service of Linux desktops (GNOME, KDE, `KeePassXC`) as a `keyring-core` store.
//!
//! `keyring`'s own stores for it hang without limit on a locked keyring or a stopped daemon, and
//! prompt while reading; this one knows a deadline and asks a person only where that is allowed.

mod failure;
mod session;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{Entry, Error};

use super::dbus::MAX_MESSAGE;
use super::keyring::{Interaction, KeyringError};
use crate::env;
use session::{Limits, Matches, Session};

const SERVICE_NAME: &str = "tokctl";
/// What a message holds besides its secret: a header, paths, and an account's name twice.
const LARGEST_SECRET: usize = MAX_MESSAGE - 4096;
/// An item that vanishes between search and use is looked for again; each time means that another
/// program replaced it.
const ATTEMPTS: usize = 3;

/// The store; its entries share one connection.
#[derive(Clone)]
pub struct SecretService(Arc<Mutex<Link>>);

struct Link {
    addresses: Vec<String>,
    limits: Limits,
    open: Option<Session>,
    /// The item last found, so that a write can be prepared for the collection it is in.
    known: Option<String>,
    duplicates: bool,
    hides: bool,
    leaves_empty: bool,
}

/// One item, present or not; `account` is keyring-core's "user".
struct Item {
    service: SecretService,
    account: String,
}

impl SecretService {
    /// Connects when first used. `addresses` and the rest as in
    /// [`Keyring::new`](super::keyring::Keyring::new).
    pub fn new(addresses: Vec<String>, deadline: Instant, interaction: Interaction) -> Self {
        let limits = Limits {
            deadline,
            // Nobody sees a window that the daemon opens on another's screen.
            interaction: if env::has_display() {
                interaction
            } else {
                Interaction::Never
            },
        };
        Self(Arc::new(Mutex::new(Link {
            addresses,
            limits,
            open: None,
            known: None,
            duplicates: false,
            hides: false,
            leaves_empty: false,
        })))
    }

    /// Whether the last account looked for had more than one item.
    pub fn duplicates(&self) -> bool {
        self.link().duplicates
    }

    /// Whether the last account looked for was not found, and may be in a collection that stays locked.
    pub fn hides(&self) -> bool {
        self.link().hides
    }

    /// Whether a collection stays locked.
    pub fn is_partly_locked(&self) -> Result<bool, KeyringError> {
        self.link().run(|link| {
            let session = link.session()?;
            let all = session.collections()?;
            let locked = session.locked_collections(&all.iter().collect::<Vec<_>>())?;
            Ok(locked.contains(&true))
        })
    }

    /// The same for a connection of its own, to which nobody has consented to anything.
    pub fn stranger(&self) -> Self {
        let link = self.link();
        Self::new(
            link.addresses.clone(),
            link.limits.deadline,
            Interaction::Never,
        )
    }

    /// The bus in use.
    pub fn place(&self) -> Option<String> {
        Some(self.link().open.as_ref()?.place())
    }

    /// Whether the account last erased has left an empty item behind, which a person would have had to
    /// let go.
    pub fn leaves_empty(&self) -> bool {
        self.link().leaves_empty
    }

    /// The secrets of every item of an account: of several, their content tells which counts.
    pub fn all(&self, account: &str) -> Result<Vec<Vec<u8>>, KeyringError> {
        self.link().run(|link| link.all(account))
    }

    /// Makes sure that a write would find an unlocked place.
    pub fn ready(&self) -> Result<(), KeyringError> {
        self.link().run(Link::ready)
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialStoreApi for SecretService {
    fn vendor(&self) -> String {
        "tokctl, Secret Service".into()
    }

    fn id(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn build(
        &self,
        service: &str,
        user: &str,
        modifiers: Option<&HashMap<&str, &str>>,
    ) -> keyring_core::Result<Entry> {
        let invalid = |what: &str, reason: &str| Err(Error::Invalid(what.into(), reason.into()));
        if service != SERVICE_NAME {
            return invalid("service", "this store keeps the items of one program");
        }
        if modifiers.is_some_and(|m| !m.is_empty()) {
            return invalid("modifiers", "there are none");
        }
        // An empty attribute matches differently from store to store, and the bus hangs up on a
        // NUL.
        if user.is_empty() || user.contains('\0') || user.len() > 1024 {
            return invalid("user", "is empty, too long or has a NUL");
        }
        Ok(Entry::new_with_credential(Arc::new(Item {
            service: self.clone(),
            account: user.into(),
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl CredentialApi for Item {
    fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
        self.service
            .link()
            .run(|link| link.read(&self.account))?
            .ok_or(Error::NoEntry)
    }

    fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
        if secret.len() > LARGEST_SECRET {
            return Err(KeyringError::TooLarge {
                limit: LARGEST_SECRET,
            }
            .into());
        }
        Ok(self
            .service
            .link()
            .run(|link| link.write(&self.account, secret))?)
    }

    /// Deletes all that match, so that nothing comes to light again.
    fn delete_credential(&self) -> keyring_core::Result<()> {
        let deleted = self.service.link().run(|link| link.erase(&self.account))?;
        if deleted { Ok(()) } else { Err(Error::NoEntry) }
    }

    fn get_credential(&self) -> keyring_core::Result<Option<Arc<Credential>>> {
        let found = self
            .service
            .link()
            .run(|link| link.find(&self.account, Locked::Pass))?;
        if found.is_empty() {
            Err(Error::NoEntry)
        } else {
            Ok(None)
        }
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((SERVICE_NAME.into(), self.account.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl From<KeyringError> for Error {
    fn from(error: KeyringError) -> Self {
        match error {
            error if error.is_locked() => Self::NoStorageAccess(Box::new(error)),
            error => Self::PlatformFailure(Box::new(error)),
        }
    }
}

/// What becomes of items which stay locked while others of the same account are open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Locked {
    Pass,
    Refuse,
}

impl Link {
    /// After a failure the connection is dropped: an answer may be under way on it that nobody
    /// waits for.
    fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let result = operation(self);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    fn session(&mut self) -> Result<&mut Session, KeyringError> {
        let session = match self.open.take() {
            Some(session) => session,
            None => Session::open(&self.addresses, self.limits)?,
        };
        Ok(self.open.insert(session))
    }

    fn read(&mut self, account: &str) -> Result<Option<Vec<u8>>, KeyringError> {
        for _ in 0..ATTEMPTS {
            let Some(item) = self.find(account, Locked::Pass)?.into_iter().next() else {
                return Ok(None);
            };
            if let Some(secret) = self.session()?.secret(&item)? {
                return Ok(Some(secret).filter(|secret| !secret.is_empty()));
            }
            // The item may be new, but it may also be the daemon that is: then the session went
            // with the old one.
            self.open = None;
        }
        Err(restless())
    }

    fn all(&mut self, account: &str) -> Result<Vec<Vec<u8>>, KeyringError> {
        let mut secrets = Vec::new();
        for item in self.find(account, Locked::Pass)? {
            let secret = self.session()?.secret(&item)?;
            secrets.extend(secret.filter(|secret| !secret.is_empty()));
        }
        Ok(secrets)
    }

    fn write(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError> {
        for _ in 0..ATTEMPTS {
            let Some(item) = self.find(account, Locked::Pass)?.into_iter().next() else {
                let session = self.session()?;
                let collection = session.default_collection()?;
                return session.create(&collection, account, secret);
            };
            if self.session()?.replace(&item, account, secret)? {
                return Ok(());
            }
            self.open = None;
        }
        Err(restless())
    }

    fn erase(&mut self, account: &str) -> Result<bool, KeyringError> {
        let items = self.find(account, Locked::Refuse)?;
        let mut deleted = false;
        self.leaves_empty = false;
        for item in &items {
            let session = self.session()?;
            deleted |= match session.delete(item) {
                // An empty item is none, to us: what was to go is gone.
                Err(trouble) if trouble.is_locked() && session.replace(item, account, b"")? => {
                    self.leaves_empty = true;
                    true
                }
                result => result?,
            };
        }
        (self.known, self.duplicates) = (None, false);
        Ok(deleted)
    }

    fn ready(&mut self) -> Result<(), KeyringError> {
        let known = self.known.clone();
        let session = self.session()?;
        session.begin()?;
        if let Some(item) = known {
            return session.unlock_items(&[item]);
        }
        let collection = session.default_collection()?;
        session.unlock_collection(collection)
    }

    /// The items of this account, unlocked, newest first.
    ///
    /// Empty only if the default collection is open; others may stay locked and hide what they hold
    /// (`KeePassXC`).
    fn find(&mut self, account: &str, stay_locked: Locked) -> Result<Vec<String>, KeyringError> {
        (self.known, self.hides) = (None, false);
        let session = self.session()?;
        let shut = if session.asks_before_search() {
            open_some(session)?
        } else {
            None
        };
        let mut found = session.search(account)?;
        if found.is_empty() {
            if let Some(trouble) = shut {
                return Err(trouble);
            }
            let others = open_others(session)?;
            self.hides = others.hide;
            if others.opened {
                found = self.session()?.search(account)?;
            }
        }
        self.take(found, stay_locked)
    }

    /// Unlocks what was found, as far as that goes without a window, and sorts it.
    fn take(&mut self, found: Matches, stay_locked: Locked) -> Result<Vec<String>, KeyringError> {
        let session = self.session()?;
        let mut items = found.unlocked;
        let duplicates = items.len() + found.locked.len() > 1;
        if !found.locked.is_empty() {
            match session.unlock_items(&found.locked) {
                Ok(()) => items.extend(found.locked),
                Err(error)
                    if error.is_locked() && stay_locked == Locked::Pass && !items.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        if items.len() > 1 {
            items = newest_first(items.iter().zip(session.modified(&items)?));
        }
        self.duplicates = duplicates;
        self.known = items.first().cloned();
        Ok(items)
    }
}

/// Sees to it that one collection is open. Where the default one stays locked, why.
fn open_some(session: &mut Session) -> Result<Option<KeyringError>, KeyringError> {
    let collection = session.default_collection()?;
    let trouble = match session.unlock_collection(collection) {
        Ok(()) => return Ok(None),
        Err(trouble) if trouble.is_locked() => trouble,
        Err(trouble) => return Err(trouble),
    };
    let all = session.collections()?;
    let locked = session.locked_collections(&all.iter().collect::<Vec<_>>())?;
    if locked.contains(&false) {
        Ok(Some(trouble))
    } else {
        Err(trouble)
    }
}

/// What became of the collections in which nothing was found.
struct Others {
    /// One that was locked could be opened.
    opened: bool,
    /// One is locked, and what it holds cannot be seen.
    hide: bool,
}

/// Opens what opens without a window; the default collection must be, or become, open.
fn open_others(session: &mut Session) -> Result<Others, KeyringError> {
    let default = session.default_collection()?;
    let mut others = Others {
        opened: false,
        hide: false,
    };
    let all = session.collections()?;
    let locked = session.locked_collections(&all.iter().collect::<Vec<_>>())?;
    let locked = all.into_iter().zip(locked).filter(|(_, locked)| *locked);
    for (collection, _) in locked {
        let is_default = collection == default;
        match session.unlock_collection(collection) {
            Ok(()) => others.opened = true,
            Err(trouble) if trouble.is_locked() && !is_default => others.hide = true,
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(others)
}

/// Times are whole seconds; the path decides a tie, so that every process picks the same item.
fn newest_first<'a>(items: impl Iterator<Item = (&'a String, u64)>) -> Vec<String> {
    let mut items: Vec<_> = items.map(|(path, time)| (time, path)).collect();
    items.sort_unstable_by(|a, b| b.cmp(a));
    items.into_iter().map(|(_, path)| path.clone()).collect()
}

fn restless() -> KeyringError {
    KeyringError::Failed("the item is replaced again and again by another program".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_item_comes_first_and_ties_are_settled() {
        let paths = ["/a", "/b", "/c"].map(String::from);
        assert_eq!(
            newest_first(paths.iter().zip([5, 9, 5])),
            ["/b", "/c", "/a"]
        );
    }

    #[test]
    fn an_account_needs_a_usable_name() {
        let store = SecretService::new(Vec::new(), Instant::now(), Interaction::Never);
        for name in ["", "a\0b"] {
            assert!(
                matches!(store.build("tokctl", name, None), Err(Error::Invalid(..))),
                "{name:?}"
            );
        }
        assert!(store.build("tokctl", "corp", None).is_ok());
    }
}
