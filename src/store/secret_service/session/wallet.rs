//! What only `KWallet` has to be asked or told, over the interface of its own.

use super::collections::collection_of;
use super::{COLLECTION, Fault, KeyringError, Session, Writer, call, failure};

/// Where it is found: the newest, then those before it.
const OBJECTS: [&str; 3] = ["/ksecretd", "/modules/kwalletd6", "/modules/kwalletd5"];
const INTERFACE: &str = "org.kde.KWallet";
/// The name by which it knows us.
const APPLICATION: &str = "tokctl";
const STEP: &str = "asking KWallet";

/// An open wallet: its name, and the object that serves it.
pub struct Wallet {
    name: String,
    object: &'static str,
}

impl Session {
    /// Whether all these objects are in wallets that are open: one that PAM has opened counts as locked
    /// until the first prompt for it, which then shows no window.
    pub fn are_open_wallets(&mut self, objects: &[String]) -> Result<bool, KeyringError> {
        let mut collections: Vec<&str> = objects.iter().map(|path| collection_of(path)).collect();
        collections.dedup();
        for collection in collections {
            if self.open_wallet(collection)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The wallet, if it is one, and open.
    pub fn open_wallet(&mut self, collection: &str) -> Result<Option<Wallet>, KeyringError> {
        let collection = collection.to_owned();
        let names = self.properties((STEP, &[&collection]), (COLLECTION, "Label"), |r| {
            r.variant("s")?;
            r.string().map(str::to_owned)
        })?;
        let Some(name) = names.into_iter().next().flatten() else {
            return Ok(None);
        };
        let mut serials = Vec::new();
        for object in OBJECTS {
            let target = (object, INTERFACE);
            let asked = self.call(STEP, call(target, "isOpen", "s"), |w| w.string(&name))?;
            serials.push((object, asked));
        }
        let mut wallet = None;
        for (object, serial) in serials {
            match self.bus.reply(serial, self.limits.reply()) {
                Ok(reply) if reply.body("b").and_then(|mut r| r.bool()) == Ok(true) => {
                    wallet = Some(Wallet {
                        name: name.clone(),
                        object,
                    });
                }
                // Closed, or another program, or another version of it.
                Ok(_) | Err(Fault::Refused { .. }) => {}
                Err(fault) => return Err(failure(STEP, fault)),
            }
        }
        Ok(wallet)
    }

    /// Has `KWallet` write its file now. By itself it does so after 5 s, and not at all if it is ended
    /// before, as when the person logs out: a refresh token that the server has replaced would be lost.
    pub fn settle(&mut self, object: &str) -> Result<(), KeyringError> {
        if !self.may_be_wallet {
            return Ok(());
        }
        let Some(Wallet { name, object }) = self.open_wallet(collection_of(object))? else {
            return Ok(());
        };
        let target = (object, INTERFACE);
        let opening = self.call(STEP, call(target, "open", "sxs"), |w| {
            w.string(&name);
            w.i64(0);
            w.string(APPLICATION);
        })?;
        // What it will not do for us is no failure of the writing.
        let handle = match self.bus.reply(opening, self.limits.reply()) {
            Ok(reply) => reply.body("i").and_then(|mut r| r.u32()).ok(),
            Err(Fault::Refused { .. }) => None,
            Err(fault) => return Err(failure(STEP, fault)),
        };
        let Some(handle) = handle else { return Ok(()) };
        let ours = |w: &mut Writer| {
            w.u32(handle);
            w.string(APPLICATION);
        };
        // It answers nothing to this; that it has come there, the next answer tells.
        let _ = self.call(STEP, call(target, "sync", "is"), ours)?;
        let closing = self.call(STEP, call(target, "close", "ibs"), |w| {
            w.u32(handle);
            w.bool(false);
            w.string(APPLICATION);
        })?;
        match self.bus.reply(closing, self.limits.reply()) {
            Ok(_) | Err(Fault::Refused { .. }) => Ok(()),
            Err(fault) => Err(failure(STEP, fault)),
        }
    }
}
