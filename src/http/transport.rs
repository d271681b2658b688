//! Between the library that speaks HTTP and the connection: hands on what curl takes in a form that a
//! strict parser takes, and sees an answer that comes before all was sent. Only one answer comes on each
//! connection, so that no reading of it can take one answer for another.

use super::channel::Channel;
use super::chunked::Chunked;
use super::head::{self, Head, MAX_HEAD};
use super::tls::Below;
use super::told::Told;
use super::trouble::Trouble;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};
use zeroize::{Zeroize, Zeroizing};

/// So much of a body is sent, or read, at a time.
pub const PART: usize = 16 * 1024;

/// A connection on which one request is made.
pub struct Line {
    channel: Channel,
    told: Told,
    buffers: LazyBuffers,
    /// To be sent.
    out: Zeroizing<Vec<u8>>,
    /// Whether what comes next waits for what comes after it: a small body goes in one packet with the head.
    holds: bool,
    /// Why not all was sent.
    unsent: Option<io::Error>,
    /// Read from the connection and not yet handed on, from `at` on.
    come: Zeroizing<Vec<u8>>,
    at: usize,
    /// No head's end is before this.
    seen: usize,
    /// Where the answer's body comes in chunks: out of them before it is handed on.
    chunks: Option<Chunked>,
    /// The answer's head, in its strict form, until it is handed on.
    head: Option<String>,
    answered: bool,
}

impl Line {
    /// With room for a request's head of `head` bytes, which waits for the body's first part if it `holds`.
    pub fn new(channel: Channel, told: Told, (head, holds): (usize, bool)) -> Self {
        Self {
            channel,
            told,
            buffers: LazyBuffers::new(PART, PART.max(head)),
            out: Zeroizing::new(Vec::new()),
            holds,
            unsent: None,
            come: Zeroizing::new(Vec::new()),
            at: 0,
            seen: 0,
            chunks: None,
            head: None,
            answered: false,
        }
    }

    /// Sends what is ready, unless the answer comes before.
    fn send(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        let mut rest = &out[..];
        self.channel.socket().watchful = true;
        while !self.told.state().over {
            match self.push(&mut rest) {
                Ok(true) => break,
                Ok(false) => drop(self.hear().map_err(|trouble| self.told.trouble(trouble))?),
                Err(cause) if cause.kind() == ErrorKind::TimedOut => {
                    return Err(self.told.trouble(Trouble::Unsent(cause)));
                }
                // A server that has closed may have said why.
                Err(cause) => {
                    self.unsent = Some(cause);
                    self.told.state().over = true;
                }
            }
        }
        self.channel.socket().watchful = false;
        Ok(())
    }

    /// Writes it; not to its end where something has come to be read.
    fn push(&mut self, rest: &mut &[u8]) -> io::Result<bool> {
        let early = |cause: io::Error| match cause.kind() {
            ErrorKind::WouldBlock => Ok(false),
            _ => Err(cause),
        };
        while !rest.is_empty() {
            if self.channel.has_input() {
                return Ok(false);
            }
            match self.channel.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => *rest = &rest[written..],
                Err(cause) => return early(cause),
            }
        }
        self.channel.flush().map_or_else(early, |()| Ok(true))
    }

    /// Reads one head; whether it is that of the answer, which is then told.
    fn hear(&mut self) -> Result<bool, Trouble> {
        let head = self.next_head()?;
        if head.is_interim() {
            return Ok(false);
        }
        self.chunks = head.is_chunked().then(Chunked::default);
        (self.head, self.answered) = (Some(head.strict()), true);
        let mut told = self.told.state();
        (told.head, told.over) = (Some(head), true);
        Ok(true)
    }

    fn next_head(&mut self) -> Result<Head, Trouble> {
        loop {
            self.skip_empty_lines();
            let come = &self.come[self.at..];
            if !head::may_be(come) {
                return Err(Trouble::Unreadable("did not answer in HTTP"));
            }
            let from = self.seen.max(self.at);
            if let Some(length) = head::end(&self.come[from..]) {
                let head = Head::parse(&self.come[self.at..from + length]);
                self.at = from + length;
                return head.ok_or(Trouble::Unreadable("did not answer in HTTP"));
            }
            // Of all heads: interim ones say nothing that is needed.
            if self.come.len() > MAX_HEAD {
                return Err(Trouble::Unreadable(
                    "answered with a header of more than 300 kB",
                ));
            }
            // The end's first bytes may be there.
            let last = memchr::memrchr(b'\n', come).unwrap_or_default();
            self.seen = from.max(self.at + last);
            if self.fetch().map_err(Trouble::Lost)? == 0 {
                return Err(Trouble::Lost(ErrorKind::UnexpectedEof.into()));
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
        let read = self.channel.read(&mut self.come[length..]);
        let more = read.as_ref().map_or(0, |read| *read);
        self.come.truncate(length + more);
        read
    }

    /// Hands on what has come, or comes now, of the body; the number of bytes, none at its end.
    fn hand_on(&mut self) -> io::Result<usize> {
        loop {
            if self.chunks.as_ref().is_some_and(Chunked::ended) {
                return Ok(0);
            }
            if self.at == self.come.len() {
                self.come.clear();
                self.at = 0;
                if self.fetch()? == 0 {
                    return match self.chunks {
                        Some(_) => Err(ErrorKind::UnexpectedEof.into()),
                        None => Ok(0),
                    };
                }
            }
            let room = self.buffers.input_append_buf();
            let mut come = &self.come[self.at..];
            let (read, given) = match &mut self.chunks {
                Some(chunks) => chunks.take(come, room)?,
                None => come.read(room).map(|length| (length, length))?,
            };
            self.at += read;
            self.buffers.input_appended(given);
            if given > 0 || read == 0 {
                return Ok(given);
            }
        }
    }
}

impl Transport for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        if self.told.state().over {
            // The library sends a body to its end, and it may be a long one.
            return Ok(());
        }
        let output = &mut self.buffers.output()[..amount];
        self.out.extend_from_slice(output);
        output.zeroize();
        if std::mem::take(&mut self.holds) {
            return Ok(());
        }
        Ok(self.send()?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        self.send()?;
        while !self.answered {
            self.hear().map_err(|trouble| {
                let trouble = match self.unsent.take() {
                    Some(cause) => Trouble::Unsent(cause),
                    None => trouble,
                };
                self.told.trouble(trouble)
            })?;
        }
        if let Some(head) = self.head.take() {
            let length = head.as_bytes().read(self.buffers.input_append_buf())?;
            self.buffers.input_appended(length);
            return Ok(true);
        }
        let silence = self.told.state().silence;
        let patience = &mut self.channel.socket().patience;
        patience.silence = silence.or(patience.silence);
        match self.hand_on() {
            // Many servers end TLS without a word (RFC 9112 section 9.8); that counts as the body's end where nothing
            // else marks it.
            Err(cause) if cause.kind() != ErrorKind::UnexpectedEof || self.chunks.is_some() => {
                Err(self.told.trouble(Trouble::Lost(cause)).into())
            }
            read => Ok(read? > 0),
        }
    }

    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        // What is to be in TLS is, or there is no connection.
        true
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
