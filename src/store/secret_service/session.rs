//! The calls of the Secret Service API (freedesktop.org, draft 0.2), each with its deadline.
//!
//! The session is a "plain" one: the session bus belongs to the user, and the Diffie-Hellman kind
//! adds 4.6 ms and fails one read in a hundred on `KWallet`.

mod item;

use std::time::{Duration, Instant};

use super::super::dbus::{Call, Connection, Fault, Malformed, Message, Reader, Serial, Writer};
use super::super::keyring::{Interaction, KeyringError};
use super::failure::{failure, is_answer};

const NAME: &str = "org.freedesktop.secrets";
const SERVICE: (&str, &str) = ("/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// What the API says for "no object".
const NONE: &str = "/";

/// A daemon that works answers within a millisecond; gnome-keyring started for the call, in 10 ms.
const REPLY: Duration = Duration::from_secs(2);
/// `KeePassXC` answers a new item with a prompt that completes by itself, after its own work.
const COMPLETION: Duration = Duration::from_secs(3);
/// Even while a person may be asked, nobody is asked before the daemon is there.
const START: Duration = Duration::from_secs(10);

/// How long and for whom to wait.
#[derive(Clone, Copy)]
pub struct Limits {
    pub deadline: Instant,
    pub interaction: Interaction,
}

impl Limits {
    fn until(self, most: Duration) -> Instant {
        self.deadline.min(Instant::now() + most)
    }

    /// Where a person may be asked, any call may wait for one.
    fn reply(self) -> Instant {
        if self.interaction == Interaction::Allowed {
            self.deadline
        } else {
            self.until(REPLY)
        }
    }
}

/// A connection to the daemon, and the session on it.
pub struct Session {
    bus: Connection,
    limits: Limits,
    /// Empty until opened.
    path: String,
    subscribed: bool,
}

/// The items with our attributes.
pub struct Matches {
    pub unlocked: Vec<String>,
    pub locked: Vec<String>,
}

impl Session {
    /// Connects, and makes sure that the daemon answers, by asking for an alias that nobody has.
    ///
    /// Only after that answer may it be asked for a session. gnome-keyring-daemon (42, and 50) notes
    /// a new client in a callback that can be overtaken by the client's first call, and aborts if
    /// that is `OpenSession` (gnome-keyring issue 196). A ping is not enough: `GDBus` answers it in
    /// another thread, and the daemon died after 4,000 to 22,000 connections, three at a time. This
    /// call is answered by the main loop, which then cannot but note the client before it takes the
    /// next one.
    pub fn open(addresses: &[String], limits: Limits) -> Result<Self, KeyringError> {
        let start = limits.until(if limits.interaction == Interaction::Allowed {
            START
        } else {
            REPLY
        });
        let no_bus = |fault| failure("connecting to the session bus", fault);
        let (mut bus, hello) = Connection::open(addresses, start).map_err(no_bus)?;
        let first = Call {
            destination: NAME,
            path: SERVICE.0,
            interface: SERVICE.1,
            member: "ReadAlias",
            signature: "s",
        };
        let first = bus.call(&first, |w| w.string("tokctl")).map_err(no_bus)?;
        bus.reply(hello, start).map_err(no_bus)?;
        match bus.reply(first, start) {
            // Whatever it thinks of the question, it is there.
            Err(Fault::Refused { name, .. }) if is_answer(&name) => {}
            answer => {
                drop(answer.map_err(|fault| failure("waiting for the secret service", fault))?);
            }
        }
        Ok(Self {
            bus,
            limits,
            path: String::new(),
            subscribed: false,
        })
    }

    /// The items of this account. The first search opens the session along the way.
    pub fn search(&mut self, account: &str) -> Result<Matches, KeyringError> {
        let step = "searching the keyring";
        let opening = self.start_session()?;
        let search = self.call(step, SERVICE, "SearchItems", "a{ss}", |w| {
            w.dict(&attributes(account));
        })?;
        self.finish_session(opening)?;
        let reply = self.reply(step, search)?;
        read(step, &reply, "aoao", |r| {
            Ok(Matches {
                unlocked: r.paths()?,
                locked: r.paths()?,
            })
        })
    }

    /// Opens the session, if it is not open.
    pub fn begin(&mut self) -> Result<(), KeyringError> {
        let opening = self.start_session()?;
        self.finish_session(opening)
    }

    fn start_session(&mut self) -> Result<Option<Serial>, KeyringError> {
        if !self.path.is_empty() {
            return Ok(None);
        }
        let plain = |w: &mut Writer| {
            w.string("plain");
            w.signature("s");
            w.string("");
        };
        self.call("opening a session", SERVICE, "OpenSession", "sv", plain)
            .map(Some)
    }

    fn finish_session(&mut self, opening: Option<Serial>) -> Result<(), KeyringError> {
        let step = "opening a session";
        let Some(opening) = opening else {
            return Ok(());
        };
        let reply = self.reply(step, opening)?;
        self.path = read(step, &reply, "vo", |r| {
            r.variant("s")?;
            r.string()?;
            r.path().map(str::to_owned)
        })?;
        Ok(())
    }

    /// The collection into which new items go, whether locked or not.
    pub fn default_collection(&mut self) -> Result<String, KeyringError> {
        let step = "looking for the default collection";
        let reply = self.ask(step, SERVICE, "ReadAlias", "s", |w| w.string("default"))?;
        let path = read(step, &reply, "o", |r| r.path().map(str::to_owned))?;
        if path == NONE {
            Err(KeyringError::NoCollection)
        } else {
            Ok(path)
        }
    }

    /// Unlocks items, or finds them unlocked. Shows no window unless a person may be asked.
    pub fn unlock_items(&mut self, items: &[String]) -> Result<(), KeyringError> {
        self.unlock(items, ITEM)
    }

    /// The same for a collection.
    pub fn unlock_collection(&mut self, collection: String) -> Result<(), KeyringError> {
        self.unlock(&[collection], COLLECTION)
    }

    fn unlock(&mut self, objects: &[String], interface: &str) -> Result<(), KeyringError> {
        let step = "unlocking the keyring";
        let reply = self.ask(step, SERVICE, "Unlock", "ao", |w| w.paths(objects))?;
        let (unlocked, prompt) = read(step, &reply, "aoo", |r| {
            Ok((r.paths()?, r.path()?.to_owned()))
        })?;
        if prompt != NONE {
            return if self.limits.interaction == Interaction::Allowed {
                self.complete(&prompt)
            } else {
                Err(KeyringError::Locked)
            };
        }
        // Whether the answer has to name what was open before is not said in the API.
        let unnamed: Vec<_> = objects
            .iter()
            .filter(|object| !unlocked.contains(object))
            .collect();
        let locked = self.properties(step, &unnamed, (interface, "Locked"), |r| {
            r.variant("b").and_then(|()| r.bool())
        })?;
        if locked.iter().all(|locked| *locked == Some(false)) {
            Ok(())
        } else {
            Err(KeyringError::Locked)
        }
    }

    /// One property of each object, `None` where it cannot be had.
    fn properties<T>(
        &mut self,
        step: &'static str,
        objects: &[&String],
        (interface, name): (&str, &str),
        value: impl Fn(&mut Reader) -> Result<T, Malformed>,
    ) -> Result<Vec<Option<T>>, KeyringError> {
        let mut serials = Vec::new();
        for object in objects {
            serials.push(self.call(step, (object, PROPERTIES), "Get", "ss", |w| {
                w.string(interface);
                w.string(name);
            })?);
        }
        let mut values = Vec::new();
        for serial in serials {
            values.push(match self.bus.reply(serial, self.limits.reply()) {
                Ok(reply) => reply.body("v").and_then(|mut r| value(&mut r)).ok(),
                Err(Fault::Refused { .. }) => None,
                Err(fault) => return Err(failure(step, fault)),
            });
        }
        Ok(values)
    }

    /// Asks the bus for the signals of prompts, which may come right after the call that makes one.
    fn subscribe(&mut self, step: &'static str) -> Result<(), KeyringError> {
        if !self.subscribed {
            let rule =
                format!("type='signal',sender='{NAME}',interface='{PROMPT}',member='Completed'");
            let serial = self
                .bus
                .bus_call("AddMatch", "s", |w| w.string(&rule))
                .map_err(|fault| failure(step, fault))?;
            self.reply(step, serial)?;
            self.subscribed = true;
        }
        Ok(())
    }

    /// Waits for the end of a prompt; lets it show its window only where a person may be asked.
    fn complete(&mut self, prompt: &str) -> Result<(), KeyringError> {
        let step = "waiting for an answer to the keyring's prompt";
        self.subscribe(step)?;
        let asked = self.limits.interaction == Interaction::Allowed;
        if asked {
            drop(self.ask(step, (prompt, PROMPT), "Prompt", "s", |w| w.string(""))?);
        }
        let until = if asked {
            self.limits.deadline
        } else {
            self.limits.until(COMPLETION)
        };
        match self.bus.signal(prompt, "Completed", until) {
            Ok(signal) if read(step, &signal, "bv", Reader::bool)? => Err(KeyringError::Dismissed),
            Ok(_) => Ok(()),
            Err(Fault::Late) if !asked => Err(KeyringError::Locked),
            Err(fault) => Err(failure(step, fault)),
        }
    }

    fn ask(
        &mut self,
        step: &'static str,
        target: (&str, &str),
        member: &str,
        signature: &str,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Message, KeyringError> {
        let serial = self.call(step, target, member, signature, body)?;
        self.reply(step, serial)
    }

    /// Queues a call to the daemon; `target` is the object's path and the interface.
    fn call(
        &mut self,
        step: &'static str,
        target: (&str, &str),
        member: &str,
        signature: &str,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Serial, KeyringError> {
        let call = Call {
            destination: NAME,
            path: target.0,
            interface: target.1,
            member,
            signature,
        };
        self.bus
            .call(&call, body)
            .map_err(|fault| failure(step, fault))
    }

    fn reply(&mut self, step: &'static str, serial: Serial) -> Result<Message, KeyringError> {
        self.bus
            .reply(serial, self.limits.reply())
            .map_err(|fault| failure(step, fault))
    }
}

fn attributes(account: &str) -> [(&str, &str); 2] {
    [("service", super::SERVICE_NAME), ("account", account)]
}

fn read<'m, T>(
    step: &'static str,
    reply: &'m Message,
    signature: &str,
    values: impl FnOnce(&mut Reader<'m>) -> Result<T, Malformed>,
) -> Result<T, KeyringError> {
    let unexpected = |Malformed| {
        KeyringError::Failed(format!(
            "{step}: the secret service gave an unexpected answer"
        ))
    };
    reply
        .body(signature)
        .and_then(|mut r| values(&mut r))
        .map_err(unexpected)
}
