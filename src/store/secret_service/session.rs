//! The calls of the Secret Service API (freedesktop.org, draft 0.2), each with its deadline.
//!
//! The session is a "plain" one: the session bus belongs to the user, and the Diffie-Hellman kind
//! adds 4.6 ms and fails one read in a hundred on `KWallet`.

mod collections;
mod item;
mod prompt;
mod wallet;

use std::time::{Duration, Instant};

use super::super::dbus::{Call, Connection, Fault, Malformed, Message, Reader, Serial, Writer};
use super::super::keyring::failure::KeyringError;
use super::super::keyring::{Interaction, SERVICE as OUR_SERVICE};
use super::failure::{failure, is_answer};

const NAME: &str = "org.freedesktop.secrets";
const SERVICE: (&str, &str) = ("/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
/// The name by which `KeePassXC` is known on the bus besides.
const KEEPASSXC: &str = "org.keepassxc.KeePassXC.MainWindow";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// What the API says for "no object".
const NONE: &str = "/";
const WAITING: &str = "waiting for the secret service";

/// A daemon that works answers within a millisecond; gnome-keyring started for the call, in 10 ms.
const REPLY: Duration = Duration::from_secs(2);
/// Where a person waits, a daemon that has to be started may take longer.
const START: Duration = Duration::from_secs(10);
/// For a question to the bus itself.
const AFTERWARDS: Duration = Duration::from_millis(200);

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

    /// Whoever may be asked, a call is answered at once: only prompts wait for a person.
    fn reply(self) -> Instant {
        self.until(REPLY)
    }
}

/// A connection to the daemon, and the session on it.
pub struct Session {
    bus: Connection,
    limits: Limits,
    /// Empty until opened.
    path: String,
    subscribed: bool,
    /// `KWallet`, or oo7: what they answer to a new session tells them from the others.
    may_be_wallet: bool,
    asks_before_search: bool,
}

/// The items with our attributes.
pub struct Matches {
    pub unlocked: Vec<String>,
    pub locked: Vec<String>,
}

impl Matches {
    pub fn is_empty(&self) -> bool {
        self.unlocked.is_empty() && self.locked.is_empty()
    }
}

impl Session {
    /// Connects, and makes sure that the daemon answers, by asking for an alias that nobody has.
    ///
    /// Only after that answer may it be asked for anything else. gnome-keyring-daemon (42, and 50)
    /// notes a new client in a callback that can be overtaken by the client's first call, and aborts if
    /// that is `OpenSession` (gnome-keyring issue 196). A ping is not enough: `GDBus` answers it in
    /// another thread, and the daemon died after 4,000 to 22,000 connections, three at a time. With a
    /// property as the first question it died after 90 to 950. This call is answered by the main loop,
    /// which then cannot but note the client before it takes the next one.
    pub fn open(addresses: &[String], limits: Limits) -> Result<Self, KeyringError> {
        let start = limits.until(if limits.interaction == Interaction::Allowed {
            START
        } else {
            REPLY
        });
        let no_bus = |fault| failure("connecting to the session bus", fault);
        let (bus, (is_keepassxc, first)) = Connection::open(addresses, start, |bus| {
            let is_keepassxc = bus.bus_call("NameHasOwner", "s", |w| w.string(KEEPASSXC))?;
            let first = call(SERVICE, "ReadAlias", "s");
            Ok((is_keepassxc, bus.call(&first, |w| w.string("tokctl"))?))
        })
        .map_err(no_bus)?;
        let mut session = Self {
            bus,
            limits,
            path: String::new(),
            subscribed: false,
            may_be_wallet: false,
            asks_before_search: false,
        };
        session.asks_before_search = session.is_true(is_keepassxc, start).map_err(no_bus)?;
        match session.bus.reply(first, start) {
            // Whatever it thinks of the question, it is there.
            Err(Fault::Refused { name, .. }) if is_answer(&name) => {}
            Err(Fault::Late) => return Err(session.why_late(start)),
            answer => drop(answer.map_err(|fault| failure(WAITING, fault))?),
        }
        Ok(session)
    }

    /// The bus's own answer.
    fn is_true(&mut self, serial: Serial, until: Instant) -> Result<bool, Fault> {
        match self.bus.reply(serial, until) {
            Ok(reply) => Ok(reply.body("b").and_then(|mut r| r.bool()) == Ok(true)),
            Err(Fault::Refused { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Whether nobody has come yet who could answer, or somebody does not.
    fn why_late(&mut self, start: Instant) -> KeyringError {
        let has_owner = self.bus.bus_call("NameHasOwner", "s", |w| w.string(NAME));
        match has_owner.and_then(|serial| self.is_true(serial, start + AFTERWARDS)) {
            Ok(false) => KeyringError::Starting,
            _ => KeyringError::Timeout(WAITING),
        }
    }

    /// The bus in use.
    pub fn place(&self) -> String {
        self.bus.place.clone()
    }

    /// Whether a search may open a window: `KeePassXC` does so where all is locked.
    pub fn asks_before_search(&self) -> bool {
        self.asks_before_search
    }

    /// The items of this account. The first search opens the session along the way.
    pub fn search(&mut self, account: &str) -> Result<Matches, KeyringError> {
        let step = "searching the keyring";
        let opening = self.start_session()?;
        let search = self.call(step, call(SERVICE, "SearchItems", "a{ss}"), |w| {
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
        self.call(
            "opening a session",
            call(SERVICE, "OpenSession", "sv"),
            plain,
        )
        .map(Some)
    }

    fn finish_session(&mut self, opening: Option<Serial>) -> Result<(), KeyringError> {
        let step = "opening a session";
        let Some(opening) = opening else {
            return Ok(());
        };
        let reply = self.reply(step, opening)?;
        (self.may_be_wallet, self.path) = read(step, &reply, "vo", |r| {
            // An empty text, says the API; KWallet and oo7 send no bytes instead. It means nothing.
            let kind = r.skip_variant()?;
            Ok((kind != "s", r.path()?.to_owned()))
        })?;
        Ok(())
    }

    /// One property of each object, `None` where it cannot be had.
    fn properties<T>(
        &mut self,
        (step, objects): (&'static str, &[&String]),
        (interface, name): (&str, &str),
        value: impl Fn(&mut Reader) -> Result<T, Malformed>,
    ) -> Result<Vec<Option<T>>, KeyringError> {
        let mut serials = Vec::new();
        for object in objects {
            serials.push(
                self.call(step, call((object, PROPERTIES), "Get", "ss"), |w| {
                    w.string(interface);
                    w.string(name);
                })?,
            );
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

    fn ask(
        &mut self,
        step: &'static str,
        call: Call<'_>,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Message, KeyringError> {
        let serial = self.call(step, call, body)?;
        self.reply(step, serial)
    }

    /// Queues a call to the daemon.
    fn call(
        &mut self,
        step: &'static str,
        call: Call<'_>,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Serial, KeyringError> {
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

/// A method of the daemon's; `target` is the object's path and the interface.
fn call<'a>(target: (&'a str, &'a str), member: &'a str, signature: &'a str) -> Call<'a> {
    Call {
        destination: NAME,
        path: target.0,
        interface: target.1,
        member,
        signature,
    }
}

fn flag(r: &mut Reader) -> Result<bool, Malformed> {
    r.variant("b").and_then(|()| r.bool())
}

fn attributes(account: &str) -> [(&str, &str); 2] {
    [("service", OUR_SERVICE), ("account", account)]
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
