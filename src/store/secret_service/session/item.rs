//! What is done with single items.

use super::super::failure::{CREATING, WRITING, failure, is_gone};
use super::collections::collection_of;
use super::{
    COLLECTION, Fault, ITEM, KeyringError, Malformed, Message, NONE, Serial, Session, Writer,
    attributes, call, read,
};
use zeroize::Zeroizing;

impl Session {
    /// When each item was last changed, in seconds; 0 where that cannot be said.
    pub fn modified(&mut self, items: &[String]) -> Result<Vec<u64>, KeyringError> {
        let items: Vec<_> = items.iter().collect();
        let times = self.properties(("comparing items", &items), (ITEM, "Modified"), |r| {
            r.variant("t").and_then(|()| r.u64())
        })?;
        Ok(times.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// An item's secret, or `None` if the item has gone meanwhile.
    pub fn secret(&mut self, item: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let step = "reading the secret";
        let session = self.path.clone();
        let serial = self.call(step, call((item, ITEM), "GetSecret", "o"), |w| {
            w.string(&session);
        })?;
        let Some(reply) = self.reply_unless_gone(step, serial)? else {
            return Ok(None);
        };
        let value = read(step, &reply, "(oayays)", |r| {
            r.align(8)?;
            r.path()?;
            // A plain session has no parameters; with some, the value would be encrypted for
            // another.
            if r.bytes()?.is_empty() {
                r.bytes().map(|secret| Zeroizing::new(secret.to_vec()))
            } else {
                Err(Malformed)
            }
        })?;
        Ok(Some(value))
    }

    /// Gives an account's item a new secret; false if the item has gone meanwhile.
    pub fn replace(
        &mut self,
        item: &str,
        account: &str,
        secret: &[u8],
    ) -> Result<bool, KeyringError> {
        let collection = collection_of(item);
        if self.may_be_wallet && self.open_wallet(collection)?.is_none() {
            // oo7 (0.7.0-beta) does not write to disk what it gets by SetSecret.
            self.create(collection, account, secret)?;
            return Ok(true);
        }
        let step = WRITING;
        let session = self.path.clone();
        let serial = self.call(step, call((item, ITEM), "SetSecret", "(oayays)"), |w| {
            write_secret(w, &session, secret);
        })?;
        if self.reply_unless_gone(step, serial)?.is_none() {
            return Ok(false);
        }
        self.settle(item)?;
        Ok(true)
    }

    /// Makes an item, or replaces one with the same attributes that has come meanwhile.
    pub fn create(
        &mut self,
        collection: &str,
        account: &str,
        secret: &[u8],
    ) -> Result<(), KeyringError> {
        let step = CREATING;
        self.subscribe(step)?;
        let session = self.path.clone();
        let serial = self.call(
            step,
            call((collection, COLLECTION), "CreateItem", "a{sv}(oayays)b"),
            |w| {
                w.array(8, |properties| {
                    properties.align(8);
                    properties.string("org.freedesktop.Secret.Item.Label");
                    properties.signature("s");
                    properties.string(&format!("tokctl: {account}"));
                    properties.align(8);
                    properties.string("org.freedesktop.Secret.Item.Attributes");
                    properties.signature("a{ss}");
                    properties.dict(&attributes(account));
                });
                write_secret(w, &session, secret);
                w.bool(true);
            },
        )?;
        let reply = self.reply(step, serial)?;
        let (item, prompt) = read(step, &reply, "oo", |r| {
            Ok((r.path()?.to_owned(), r.path()?.to_owned()))
        })?;
        match (item.as_str(), prompt.as_str()) {
            (NONE, NONE) => Err(KeyringError::Failed(
                "creating the item: the secret service made none".into(),
            )),
            (_, NONE) => self.settle(collection),
            _ => self.complete_own(&prompt),
        }
    }

    /// Deletes an item; false if it had gone already.
    pub fn delete(&mut self, item: &str) -> Result<bool, KeyringError> {
        let step = "deleting the item";
        self.subscribe(step)?;
        let serial = self.call(step, call((item, ITEM), "Delete", ""), |_| {})?;
        let Some(reply) = self.reply_unless_gone(step, serial)? else {
            return Ok(false);
        };
        let prompt = read(step, &reply, "o", |r| r.path().map(str::to_owned))?;
        if prompt != NONE {
            self.complete_own(&prompt)?;
        }
        self.settle(item)?;
        Ok(true)
    }

    fn reply_unless_gone(
        &mut self,
        step: &'static str,
        serial: Serial,
    ) -> Result<Option<Message>, KeyringError> {
        match self.bus.reply(serial, self.limits.reply()) {
            Ok(reply) => Ok(Some(reply)),
            Err(Fault::Refused { name, .. }) if is_gone(&name) => Ok(None),
            Err(fault) => Err(failure(step, fault)),
        }
    }
}

fn write_secret(w: &mut Writer, session: &str, secret: &[u8]) {
    w.align(8);
    w.string(session);
    w.bytes(&[]);
    w.bytes(secret);
    w.string("text/plain");
}
