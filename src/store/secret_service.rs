//! The Secret Service of Linux desktops (GNOME, KDE, `KeePassXC`, oo7).
//!
//! The `keyring` family's stores for it hang without limit on a locked keyring or a stopped daemon, and
//! prompt while reading; this one knows a deadline and asks a person only where that is allowed.

mod failure;
mod session;

use super::dbus::MAX_MESSAGE;
use super::keyring::failure::KeyringError;
use super::keyring::{Erased, Found, Interaction, Keyring};
use crate::env;
use session::{Limits, Matches, Session};
use std::time::Instant;
use zeroize::Zeroizing;

/// What a message holds besides its secret: a header, paths, and an account's name twice.
const LARGEST_SECRET: usize = MAX_MESSAGE - 4096;
/// An item that vanishes between search and use is looked for again; each time means that another
/// program replaced it.
const ATTEMPTS: usize = 3;

/// The service, over one connection.
pub struct SecretService {
    addresses: Vec<String>,
    limits: Limits,
    open: Option<Session>,
    /// The item last found, so that a write can be prepared for the collection it is in.
    known: Option<String>,
}

/// The unlocked items of an account, newest first.
struct Items {
    paths: Vec<String>,
    /// As in [`Found`].
    several: bool,
    hidden: bool,
}

impl Keyring for SecretService {
    const NAME: &'static str = "Secret Service";

    fn new(addresses: Vec<String>, deadline: Instant, interaction: Interaction) -> Self {
        let limits = Limits {
            deadline,
            // Nobody sees a window that the daemon opens on another's screen.
            interaction: if env::has_display() {
                interaction
            } else {
                Interaction::Never
            },
        };
        Self {
            addresses,
            limits,
            open: None,
            known: None,
        }
    }

    fn read(&mut self, account: &str) -> Result<Found, KeyringError> {
        self.run(|service| service.read_item(account))
    }

    fn write(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError> {
        if secret.len() > LARGEST_SECRET {
            return Err(KeyringError::TooLarge {
                limit: LARGEST_SECRET,
            });
        }
        self.run(|service| service.write_item(account, secret))
    }

    fn erase(&mut self, account: &str) -> Result<Erased, KeyringError> {
        self.run(|service| service.erase_items(account))
    }

    fn ready(&mut self) -> Result<(), KeyringError> {
        self.run(Self::prepare)
    }

    fn all(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, KeyringError> {
        self.run(|service| service.read_items(account))
    }

    fn is_partly_locked(&mut self) -> Result<bool, KeyringError> {
        self.run(|service| {
            let session = service.session()?;
            let all = session.collections()?;
            let locked = session.locked_collections(&all.iter().collect::<Vec<_>>())?;
            Ok(locked.contains(&true))
        })
    }

    fn place(&self) -> Option<String> {
        Some(self.open.as_ref()?.place())
    }

    fn stranger(&self) -> Self {
        Self::new(
            self.addresses.clone(),
            self.limits.deadline,
            Interaction::Never,
        )
    }
}

/// What becomes of items which stay locked while others of the same account are open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Locked {
    Pass,
    Refuse,
}

impl SecretService {
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

    fn read_item(&mut self, account: &str) -> Result<Found, KeyringError> {
        for _ in 0..ATTEMPTS {
            let Items {
                paths,
                several,
                hidden,
            } = self.find(account, Locked::Pass)?;
            let secret = match paths.first() {
                Some(item) => self.session()?.secret(item)?,
                None => Some(Zeroizing::default()),
            };
            if let Some(secret) = secret {
                return Ok(Found {
                    secret: Some(secret).filter(|secret| !secret.is_empty()),
                    several,
                    hidden,
                });
            }
            // The item may be new, but it may also be the daemon that is: then the session went
            // with the old one.
            self.open = None;
        }
        Err(restless())
    }

    fn read_items(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, KeyringError> {
        let mut secrets = Vec::new();
        for item in self.find(account, Locked::Pass)?.paths {
            let secret = self.session()?.secret(&item)?;
            secrets.extend(secret.filter(|secret| !secret.is_empty()));
        }
        Ok(secrets)
    }

    fn write_item(&mut self, account: &str, secret: &[u8]) -> Result<(), KeyringError> {
        for _ in 0..ATTEMPTS {
            let found = self.find(account, Locked::Pass)?;
            let Some(item) = found.paths.first() else {
                let session = self.session()?;
                let collection = session.default_collection()?;
                return session.create(&collection, account, secret);
            };
            if self.session()?.replace(item, account, secret)? {
                return Ok(());
            }
            self.open = None;
        }
        Err(restless())
    }

    fn erase_items(&mut self, account: &str) -> Result<Erased, KeyringError> {
        let items = self.find(account, Locked::Refuse)?;
        let mut erased = if items.hidden {
            Erased::Hidden
        } else {
            Erased::Nothing
        };
        for item in &items.paths {
            let session = self.session()?;
            match session.delete(item) {
                // An empty item is none, to us: what was to go is gone.
                Err(trouble) if trouble.is_locked() && session.replace(item, account, b"")? => {
                    erased = Erased::Emptied;
                }
                deleted => {
                    if deleted? && erased != Erased::Emptied {
                        erased = Erased::All;
                    }
                }
            }
        }
        self.known = None;
        Ok(erased)
    }

    fn prepare(&mut self) -> Result<(), KeyringError> {
        let known = self.known.clone();
        let session = self.session()?;
        session.begin()?;
        if let Some(item) = known {
            return session.unlock_items(&[item]);
        }
        let collection = session.default_collection()?;
        session.unlock_collection(collection)
    }

    /// The items of this account.
    ///
    /// None only if the default collection is open; others may stay locked and hide what they hold
    /// (`KeePassXC`).
    fn find(&mut self, account: &str, stay_locked: Locked) -> Result<Items, KeyringError> {
        // An empty attribute matches differently from store to store, and the bus hangs up on a
        // NUL.
        if account.is_empty() || account.contains('\0') || account.len() > 1024 {
            let what = "the account's name is empty, too long or has a NUL";
            return Err(KeyringError::Failed(what.into()));
        }
        self.known = None;
        let mut hidden = false;
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
            hidden = others.hide;
            if others.opened {
                found = session.search(account)?;
            }
        }
        let items = Items {
            several: found.unlocked.len() + found.locked.len() > 1,
            hidden,
            paths: self.open_found(found, stay_locked)?,
        };
        self.known = items.paths.first().cloned();
        Ok(items)
    }

    /// Unlocks what was found, as far as that goes without a window, and sorts it, the newest first.
    fn open_found(
        &mut self,
        found: Matches,
        stay_locked: Locked,
    ) -> Result<Vec<String>, KeyringError> {
        let session = self.session()?;
        let mut items = found.unlocked;
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

    /// Before anything is connected to.
    #[test]
    fn an_account_needs_a_usable_name() {
        let mut service = SecretService::new(Vec::new(), Instant::now(), Interaction::Never);
        for name in ["", "a\0b"] {
            let refused = service.read(name).map(drop);
            assert!(
                matches!(&refused, Err(KeyringError::Failed(why)) if why.contains("name")),
                "{name:?}: {refused:?}"
            );
        }
        let refused = service.read("corp").map(drop);
        assert!(
            matches!(refused, Err(KeyringError::Timeout(_))),
            "{refused:?}"
        );
    }
}
