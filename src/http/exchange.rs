//! One request and its answer on a connection of its own (RFC 9112). An answer that comes before all was
//! sent is taken, and the rest is not sent.

use super::channel::Channel;
use super::connection::is_early;
use super::head::{self, Head, MAX_HEAD};
use super::payload::{self, Payload};
use super::tls::Below;
use super::trouble::Trouble;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use zeroize::Zeroizing;

/// So much of a body is sent, or read, at a time.
const PART: usize = 16 * 1024;

/// Interim answers say nothing that is needed; a server that sends more of them says nothing at all.
const MOST_INTERIM: usize = 32;

/// Sends a request and reads the head of its answer; the body comes from the inbox.
pub fn exchange(
    channel: Channel,
    head: &[u8],
    payload: Payload<'_>,
) -> Result<(Head, Inbox), Trouble> {
    let mut inbox = Inbox::new(channel);
    let mut outbox = Outbox::new(head, payload).map_err(Trouble::Body)?;
    inbox.channel.socket().watchful = true;
    let mut interim = 0;
    loop {
        match outbox.send(&mut inbox.channel) {
            Sent::Whole => break,
            Sent::Unreadable(cause) => return Err(Trouble::Body(cause)),
            Sent::Early => {
                let head = inbox.head().map_err(Heard::trouble)?;
                if !head.is_interim() || interim >= MOST_INTERIM {
                    return Ok((head, inbox));
                }
                interim += 1;
            }
            // A server that has closed may have said why.
            Sent::Broken(cause) => {
                let timed_out = cause.kind() == ErrorKind::TimedOut;
                return match inbox.last_words(timed_out) {
                    Some(head) => Ok((head, inbox)),
                    None => Err(Trouble::Unsent(cause)),
                };
            }
        }
    }
    inbox.channel.socket().watchful = false;
    loop {
        let head = inbox.head().map_err(Heard::trouble)?;
        if !head.is_interim() || interim >= MOST_INTERIM {
            return Ok((head, inbox));
        }
        interim += 1;
    }
}

/// What is still to be sent.
struct Outbox<'a> {
    /// Ready to be sent, from `at` on.
    ready: Zeroizing<Vec<u8>>,
    at: usize,
    rest: Rest<'a>,
}

/// Of the body.
enum Rest<'a> {
    Nothing,
    /// A file's, so many bytes.
    Known(Box<dyn Read + 'a>, u64),
    /// To be sent in chunks.
    Unknown(Box<dyn Read + 'a>),
}

/// How sending has ended.
enum Sent {
    Whole,
    /// There is something to be read.
    Early,
    Broken(io::Error),
    /// The body's source has failed.
    Unreadable(io::Error),
}

impl<'a> Outbox<'a> {
    fn new(head: &[u8], payload: Payload<'a>) -> io::Result<Self> {
        let mut ready = Zeroizing::new(Vec::with_capacity(head.len() + 4096));
        ready.extend_from_slice(head);
        let rest = match payload {
            Payload::Nothing => Rest::Nothing,
            // A small body goes in one packet with the head.
            Payload::Bytes(bytes) if bytes.len() <= PART => {
                ready.extend_from_slice(bytes);
                Rest::Nothing
            }
            Payload::Bytes(bytes) => Rest::Known(Box::new(bytes), bytes.len() as u64),
            Payload::File(file) => match payload::length_of(&file)? {
                Some(length) => Rest::Known(Box::new(file), length),
                None => Rest::Unknown(Box::new(file)),
            },
            Payload::Stream(stream) => Rest::Unknown(stream),
        };
        Ok(Self { ready, at: 0, rest })
    }

    fn send(&mut self, to: &mut Channel) -> Sent {
        loop {
            while self.at < self.ready.len() {
                match to.write(&self.ready[self.at..]) {
                    Ok(0) => return Sent::Broken(ErrorKind::WriteZero.into()),
                    Ok(written) => self.at += written,
                    Err(cause) if is_early(&cause) => return Sent::Early,
                    Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                    Err(cause) => return Sent::Broken(cause),
                }
            }
            match self.refill() {
                Ok(true) => {}
                Ok(false) => {
                    return match to.flush() {
                        Ok(()) => Sent::Whole,
                        Err(cause) if is_early(&cause) => Sent::Early,
                        Err(cause) => Sent::Broken(cause),
                    };
                }
                Err(cause) => return Sent::Unreadable(cause),
            }
            if to.has_input() {
                return Sent::Early;
            }
        }
    }

    /// Makes the next part of the body ready; whether there was one.
    fn refill(&mut self) -> io::Result<bool> {
        self.ready.clear();
        self.at = 0;
        match &mut self.rest {
            Rest::Nothing => Ok(false),
            Rest::Known(from, left) => {
                if *left == 0 {
                    return Ok(false);
                }
                let read = from
                    .take((*left).min(PART as u64))
                    .read_to_end(&mut self.ready)?;
                *left -= read as u64;
                if read == 0 {
                    return Err(io::Error::other("it has become shorter meanwhile"));
                }
                Ok(true)
            }
            Rest::Unknown(from) => {
                let mut part = Zeroizing::new(vec![0; PART]);
                let read = read_some(from, &mut part)?;
                self.ready
                    .extend_from_slice(format!("{read:x}\r\n").as_bytes());
                self.ready.extend_from_slice(&part[..read]);
                self.ready.extend_from_slice(b"\r\n");
                if read == 0 {
                    self.rest = Rest::Nothing;
                }
                Ok(true)
            }
        }
    }
}

fn read_some(from: &mut impl Read, part: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(part) {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// What comes from the server.
pub struct Inbox {
    channel: Channel,
    /// Read from the connection and not yet taken, from `at` on.
    come: Zeroizing<Vec<u8>>,
    at: usize,
}

/// Why no head was heard.
enum Heard {
    Io(io::Error),
    Unreadable(&'static str),
}

impl Heard {
    fn trouble(self) -> Trouble {
        match self {
            Self::Io(cause) => Trouble::Lost(cause),
            Self::Unreadable(what) => Trouble::Unreadable(what),
        }
    }
}

impl Inbox {
    fn new(channel: Channel) -> Self {
        Self {
            channel,
            come: Zeroizing::new(Vec::new()),
            at: 0,
        }
    }

    /// The connection, for the time that it may take.
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    fn head(&mut self) -> Result<Head, Heard> {
        loop {
            self.skip_empty_lines();
            let come = &self.come[self.at..];
            if !head::may_be(come) {
                return Err(Heard::Unreadable("did not answer in HTTP"));
            }
            if let Some(length) = head::end(come) {
                let head = Head::parse(&come[..length]);
                self.at += length;
                return head.ok_or(Heard::Unreadable("did not answer in HTTP"));
            }
            if come.len() > MAX_HEAD {
                return Err(Heard::Unreadable(
                    "answered with a header of more than 300 kB",
                ));
            }
            if self.fetch().map_err(Heard::Io)? == 0 {
                return Err(Heard::Io(ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// What a server has said before it closed the connection; where it has not, nothing is waited for.
    fn last_words(&mut self, timed_out: bool) -> Option<Head> {
        if timed_out {
            return None;
        }
        loop {
            let head = self.head().ok()?;
            if !head.is_interim() {
                return Some(head);
            }
        }
    }

    /// Before the status line (RFC 9112 section 2.2).
    fn skip_empty_lines(&mut self) {
        let empty = self.come[self.at..].iter();
        self.at += empty
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
    }

    /// Reads more; the number of bytes.
    fn fetch(&mut self) -> io::Result<usize> {
        let length = self.come.len();
        self.come.resize(length + PART, 0);
        let read = read_some(&mut self.channel, &mut self.come[length..]);
        let more = read.as_ref().map_or(0, |read| *read);
        self.come.truncate(length + more);
        read
    }
}

impl Read for Inbox {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let come = self.fill_buf()?;
        let length = come.len().min(buffer.len());
        buffer[..length].copy_from_slice(&come[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Inbox {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.come.len() {
            self.come.clear();
            self.at = 0;
            self.fetch()?;
        }
        Ok(&self.come[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}
