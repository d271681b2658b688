//! A connection to the session bus which only ever waits until a given moment.
//!
//! Wire code of our own, because no library keeps that promise: `rustbus` 0.19 authenticates
//! without a deadline, spins for ever if the bus hangs up there, panics on a greeting that is not
//! UTF-8, accepts messages of any length and leaves secrets in freed memory. `dbus` needs the
//! system's libdbus; `zbus` three threads and 100 crates.

mod address;
mod call;
mod message;
mod socket;
mod wire;

use std::time::Instant;

use nix::unistd::Uid;
use zeroize::Zeroizing;

use address::Address;
pub use call::Call;
use message::Kind;
pub use message::{MAX_MESSAGE, Message};
use socket::Socket;
pub use wire::{Malformed, Reader, Writer};

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// No bus at any of the addresses; why, for each.
    NoBus(String),
    /// The moment came first.
    Late,
    /// The connection is of no use any more.
    Broken(String),
    /// The answer is a D-Bus error: its name, and its text for a person.
    Refused { name: String, text: String },
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Broken("the bus sent a malformed or oversized message".into())
    }
}

/// A call whose reply has not been asked for yet.
#[derive(Clone, Copy)]
#[must_use]
pub struct Serial(u32);

/// One connection; after any [`Fault`] but `Refused` it should be dropped.
pub struct Connection {
    /// Where the bus listens.
    pub place: String,
    socket: Socket,
    greeted: bool,
    serial: u32,
    /// Calls not sent yet: those which do not wait for each other leave, and wake the bus,
    /// together.
    outgoing: wire::Buffer,
    incoming: wire::Buffer,
    /// Serials of calls whose replies are still to be asked for.
    pending: Vec<u32>,
    /// Replies to these, and signals, which came while another message was waited for.
    parked: Vec<Message>,
}

impl Connection {
    /// Connects to the first address at which a bus will have us, and queues the `first` calls behind
    /// the greeting that every connection begins with.
    ///
    /// `addresses`: values as of `DBUS_SESSION_BUS_ADDRESS`, each one address or several with `;`
    /// between them.
    pub fn open<T>(
        addresses: &[String],
        until: Instant,
        first: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<(Self, T), Fault> {
        let mut reasons = Vec::new();
        for address in addresses.iter().flat_map(|list| address::parse(list)) {
            let opened = address
                .map_err(Fault::NoBus)
                .and_then(|address| Self::at(&address, until, &first));
            match opened {
                Err(Fault::NoBus(reason) | Fault::Broken(reason)) => reasons.push(reason),
                result => return result,
            }
        }
        if Instant::now() >= until {
            return Err(Fault::Late);
        }
        let none = "no address is known; is DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR set?";
        Err(Fault::NoBus(if reasons.is_empty() {
            none.into()
        } else {
            reasons.join("; ")
        }))
    }

    /// Connects to one address: at once, and where that is refused, step by step.
    fn at<T>(
        address: &Address,
        until: Instant,
        first: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<(Self, T), Fault> {
        let connect = || Socket::connect(address, until).map_err(Fault::NoBus);
        let begin = |mut connection: Self| {
            let hello = connection.bus_call("Hello", "", |_| {})?;
            let first = first(&mut connection)?;
            connection.reply(hello, until)?;
            Ok((connection, first))
        };
        match begin(Self::greet_at_once(connect()?)) {
            Err(Fault::NoBus(_)) => Self::greet_step_by_step(connect()?, until).and_then(begin),
            result => result,
        }
        .map(|(mut connection, first)| {
            connection.place = address.to_string();
            (connection, first)
        })
        .map_err(|fault| match fault {
            Fault::NoBus(reason) => Fault::NoBus(format!("{address}: {reason}")),
            fault => fault,
        })
    }

    /// SASL's EXTERNAL without waiting for its answer, as sd-bus does it: one wakeup instead of
    /// three.
    fn greet_at_once(socket: Socket) -> Self {
        // In hexadecimal: each decimal digit is a '3' and itself.
        let uid: String = Uid::effective()
            .to_string()
            .chars()
            .flat_map(|digit| ['3', digit])
            .collect();
        Self::over(socket, &format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n"))
    }

    /// The same for a proxy that does not read on before it has passed on an answer
    /// (xdg-dbus-proxy 0.1.4, which stands before every flatpak), and for a user namespace, in
    /// which the bus knows us by another user id than we do: then it looks by itself.
    fn greet_step_by_step(socket: Socket, until: Instant) -> Result<Self, Fault> {
        let mut connection = Self::over(socket, "\0AUTH EXTERNAL\r\n");
        connection.send(until)?;
        while !connection.read_greeting()? {
            connection.receive(until)?;
            if connection.incoming.as_slice() == b"DATA\r\n" {
                connection.discard(b"DATA\r\n".len());
                connection.outgoing.extend_from_slice(b"DATA\r\n");
                connection.send(until)?;
            }
        }
        connection.outgoing.extend_from_slice(b"BEGIN\r\n");
        Ok(connection)
    }

    fn over(socket: Socket, greeting: &str) -> Self {
        Self {
            place: String::new(),
            socket,
            greeted: false,
            serial: 0,
            outgoing: Zeroizing::new(greeting.as_bytes().to_vec()),
            incoming: Zeroizing::new(Vec::new()),
            pending: Vec::new(),
            parked: Vec::new(),
        }
    }

    /// Queues a call to the bus itself.
    pub fn bus_call(
        &mut self,
        member: &str,
        signature: &str,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Serial, Fault> {
        let (destination, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        self.call(
            &Call {
                destination,
                path,
                interface: destination,
                member,
                signature,
            },
            body,
        )
    }

    /// Queues a call; the next [`reply`](Self::reply) or [`signal_after`](Self::signal_after) sends all that is
    /// queued.
    pub fn call(&mut self, call: &Call, body: impl FnOnce(&mut Writer)) -> Result<Serial, Fault> {
        self.serial += 1;
        let bytes = call::encode(call, self.serial, body)?;
        wire::reserve(&mut self.outgoing, bytes.len());
        self.outgoing.extend_from_slice(&bytes);
        self.pending.push(self.serial);
        Ok(Serial(self.serial))
    }

    /// Waits for the reply to a call, which can be had once.
    pub fn reply(&mut self, Serial(number): Serial, until: Instant) -> Result<Message, Fault> {
        let message = self.wait(until, |m| {
            m.reply_to == Some(number) && matches!(m.kind, Kind::Return | Kind::Error)
        })?;
        self.pending.retain(|&pending| pending != number);
        message.unless_error()
    }

    /// Waits for a signal of the Secret Service from this object, to be subscribed to before; or for
    /// the refusal of the call that leads to it.
    pub fn signal_after(
        &mut self,
        Serial(number): Serial,
        (path, member): (&str, &str),
        until: Instant,
    ) -> Result<Message, Fault> {
        let message = self.wait(until, |m| match m.kind {
            Kind::Signal => m.path == path && m.member == member,
            kind => kind == Kind::Error && m.reply_to == Some(number),
        })?;
        self.pending.retain(|&pending| pending != number);
        message.unless_error()
    }

    fn wait(
        &mut self,
        until: Instant,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<Message, Fault> {
        self.send(until)?;
        if let Some(index) = self.parked.iter().position(&wanted) {
            return Ok(self.parked.swap_remove(index));
        }
        loop {
            while let Some(message) = self.next_received()? {
                if wanted(&message) {
                    return Ok(message);
                }
                self.park(message);
            }
            self.receive(until)?;
        }
    }

    /// Sends all that is queued.
    fn send(&mut self, until: Instant) -> Result<(), Fault> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        let outgoing = std::mem::replace(&mut self.outgoing, Zeroizing::new(Vec::new()));
        match self.socket.send(&outgoing, until) {
            // Who refuses a greeting may hang up before all of it is sent.
            Err(Fault::Broken(reason)) if !self.greeted => Err(Fault::NoBus(reason)),
            result => result,
        }
    }

    fn receive(&mut self, until: Instant) -> Result<(), Fault> {
        let closed = match self.socket.receive(&mut self.incoming, until) {
            Ok(true) => return Ok(()),
            Ok(false) => "the bus closed the connection".to_owned(),
            Err(Fault::Broken(reason)) => reason,
            Err(fault) => return Err(fault),
        };
        Err(if self.greeted {
            Fault::Broken(closed)
        } else {
            Fault::NoBus(closed)
        })
    }

    /// Keeps what may be asked for later, and no more of it than makes sense.
    fn park(&mut self, message: Message) {
        let reply = message
            .reply_to
            .is_some_and(|serial| self.pending.contains(&serial));
        let signal = message.kind == Kind::Signal
            && message.interface.starts_with("org.freedesktop.Secret.");
        if (reply || signal) && self.parked.len() < 32 + self.pending.len() {
            self.parked.push(message);
        }
    }

    /// Takes one whole message, if there is one, off the received bytes.
    fn next_received(&mut self) -> Result<Option<Message>, Fault> {
        if !self.greeted && !self.read_greeting()? {
            return Ok(None);
        }
        let Some(length) = Message::length(&self.incoming)? else {
            return Ok(None);
        };
        if self.incoming.len() < length {
            let missing = length - self.incoming.len();
            wire::reserve(&mut self.incoming, missing);
            return Ok(None);
        }
        let bytes = Zeroizing::new(self.incoming[..length].to_vec());
        self.discard(length);
        Ok(Some(Message::parse(bytes)?))
    }

    /// The bus's answer to the greeting: one line, `OK` and its id.
    fn read_greeting(&mut self) -> Result<bool, Fault> {
        let Some(end) = self.incoming.windows(2).position(|pair| pair == b"\r\n") else {
            let flood = self.incoming.len() > 1024;
            return if flood {
                Err(Malformed.into())
            } else {
                Ok(false)
            };
        };
        if !self.incoming.starts_with(b"OK ") {
            return Err(Fault::NoBus("it refuses our user id".into()));
        }
        self.discard(end + 2);
        self.greeted = true;
        Ok(true)
    }

    /// Removes bytes from the front. What stays behind in the spare capacity is wiped with the
    /// buffer.
    fn discard(&mut self, count: usize) {
        let rest = self.incoming.len() - count;
        self.incoming.copy_within(count.., 0);
        self.incoming.truncate(rest);
    }
}

impl Message {
    fn unless_error(self) -> Result<Self, Fault> {
        if self.kind != Kind::Error {
            return Ok(self);
        }
        // The text is optional, and so is its type.
        let text = self
            .body("s")
            .and_then(|mut r| r.string().map(printable))
            .unwrap_or_default();
        Err(Fault::Refused {
            name: printable(&self.error),
            text,
        })
    }
}

/// A peer's text, fit for one line of an error message.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// A connection whose bus is the other end.
    fn pair() -> (Connection, Serial, UnixStream) {
        let (ours, bus) = Socket::pair();
        let mut connection = Connection::greet_at_once(ours);
        let hello = connection
            .bus_call("Hello", "", |_| {})
            .expect("a short call");
        (connection, hello, bus)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(100)
    }

    #[test]
    fn a_silent_bus_is_left_in_time() {
        let (mut connection, hello, _bus) = pair();
        let begun = Instant::now();
        assert!(matches!(connection.reply(hello, soon()), Err(Fault::Late)));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_bus_that_never_ends_its_messages_is_left_in_time() {
        let (mut connection, hello, mut bus) = pair();
        bus.set_nonblocking(true).expect("a socket");
        bus.write_all(b"OK 00\r\n").expect("room in the socket");
        let signal = message::tests::signal();
        while bus.write_all(&signal).is_ok() {}
        assert!(matches!(connection.reply(hello, soon()), Err(Fault::Late)));
        assert!(connection.parked.len() <= 40);
    }

    #[test]
    fn no_bytes_of_a_bus_make_us_panic() {
        let answers: [&[u8]; 6] = [
            b"",
            b"REJECTED EXTERNAL\r\n",
            &[b'x'; 3000],
            b"OK 00\r\n\xff",
            b"OK 00\r\nl\x02\0\x01",
            &[0; 64],
        ];
        for answer in answers {
            let (mut connection, hello, mut bus) = pair();
            bus.write_all(answer).expect("room in the socket");
            drop(bus);
            assert!(connection.reply(hello, soon()).is_err());
        }
    }

    #[test]
    fn replies_may_come_in_another_order_and_in_pieces() {
        let (mut connection, hello, mut bus) = pair();
        let second = connection
            .bus_call("ListNames", "", |_| {})
            .expect("a short call");
        let mut answer = b"OK 00\r\n".to_vec();
        answer.extend(message::tests::reply(2, "two"));
        answer.extend(message::tests::reply(1, "one"));
        let feeder = std::thread::spawn(move || {
            for byte in answer {
                bus.write_all(&[byte]).expect("room in the socket");
            }
            bus
        });
        let until = Instant::now() + Duration::from_secs(5);
        for (serial, text) in [(hello, "one"), (second, "two")] {
            let reply = connection.reply(serial, until).expect("a reply");
            assert_eq!(reply.body("s").and_then(|mut r| r.string()), Ok(text));
        }
        drop(feeder.join());
    }
}
