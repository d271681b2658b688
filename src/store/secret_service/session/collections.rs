//! What is done with collections: `KeePassXC` calls them databases, `KWallet` wallets.

use super::prompt::{COMPLETION, CONFIRMATION};
use super::{
    COLLECTION, ITEM, Interaction, KeyringError, NONE, PROPERTIES, SERVICE, Session, call, flag,
    read,
};

impl Session {
    /// The collection into which new items go, whether locked or not.
    pub fn default_collection(&mut self) -> Result<String, KeyringError> {
        let step = "looking for the default collection";
        let reply = self.ask(step, call(SERVICE, "ReadAlias", "s"), |w| {
            w.string("default");
        })?;
        let path = read(step, &reply, "o", |r| r.path().map(str::to_owned))?;
        if path == NONE {
            Err(KeyringError::NoCollection)
        } else {
            Ok(path)
        }
    }

    /// All the collections there are.
    pub fn collections(&mut self) -> Result<Vec<String>, KeyringError> {
        let step = "looking for collections";
        let reply = self.ask(step, call((SERVICE.0, PROPERTIES), "Get", "ss"), |w| {
            w.string(SERVICE.1);
            w.string("Collections");
        })?;
        read(step, &reply, "v", |r| {
            r.variant("ao")?;
            r.paths()
        })
    }

    /// Whether each of these collections is locked.
    pub fn locked_collections(
        &mut self,
        collections: &[&String],
    ) -> Result<Vec<bool>, KeyringError> {
        self.are_locked("looking for open collections", collections, COLLECTION)
    }

    /// Unlocks items, or finds them unlocked. Shows no window unless a person may be asked.
    pub fn unlock_items(&mut self, items: &[String]) -> Result<(), KeyringError> {
        let limits = self.limits;
        let result = match self.unlock(items, ITEM) {
            Err(KeyringError::Locked) => Err(self.why_locked(items)?),
            result => result,
        };
        if result != Err(KeyringError::Consent) || limits.interaction != Interaction::Attended {
            return result;
        }
        // What a person has asked for, the same person may consent to.
        self.limits.interaction = Interaction::Allowed;
        self.limits.deadline = limits.until(CONFIRMATION);
        let result = self.unlock(items, ITEM);
        self.limits = limits;
        result
    }

    /// Locked items in an open collection wait for a person's consent to each reading.
    fn why_locked(&mut self, items: &[String]) -> Result<KeyringError, KeyringError> {
        let parents: Vec<String> = items
            .iter()
            .map(|item| collection_of(item).to_owned())
            .collect();
        let locked = self.locked_collections(&parents.iter().collect::<Vec<_>>())?;
        Ok(if locked.contains(&true) {
            KeyringError::Locked
        } else {
            KeyringError::Consent
        })
    }

    /// The same for a collection.
    pub fn unlock_collection(&mut self, collection: String) -> Result<(), KeyringError> {
        self.unlock(&[collection], COLLECTION)
    }

    fn unlock(&mut self, objects: &[String], interface: &str) -> Result<(), KeyringError> {
        let step = "unlocking the keyring";
        let reply = self.ask(step, call(SERVICE, "Unlock", "ao"), |w| w.paths(objects))?;
        let (unlocked, prompt) = read(step, &reply, "aoo", |r| {
            Ok((r.paths()?, r.path()?.to_owned()))
        })?;
        if prompt != NONE {
            if self.limits.interaction == Interaction::Allowed {
                return self.complete(&prompt, self.limits.deadline);
            }
            if !self.are_open_wallets(objects)? {
                return Err(KeyringError::Locked);
            }
            return match self.complete(&prompt, self.limits.until(COMPLETION)) {
                Err(KeyringError::Unanswered) => Err(KeyringError::Locked),
                result => result,
            };
        }
        // Whether the answer has to name what was open before is not said in the API.
        let unnamed: Vec<_> = objects
            .iter()
            .filter(|object| !unlocked.contains(object))
            .collect();
        if self.are_locked(step, &unnamed, interface)?.contains(&true) {
            Err(KeyringError::Locked)
        } else {
            Ok(())
        }
    }

    /// What does not say so counts as locked.
    pub fn are_locked(
        &mut self,
        step: &'static str,
        objects: &[&String],
        interface: &str,
    ) -> Result<Vec<bool>, KeyringError> {
        let locked = self.properties((step, objects), (interface, "Locked"), flag)?;
        Ok(locked
            .into_iter()
            .map(|locked| locked != Some(false))
            .collect())
    }
}

/// The collection that an item is in, or that the path itself is.
pub fn collection_of(path: &str) -> &str {
    let end = path
        .match_indices('/')
        .nth(5)
        .map_or(path.len(), |(at, _)| at);
    &path[..end]
}
