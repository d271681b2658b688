//! What the bus sends: bytes to messages, every length checked.
//!
//! Codes and field numbers are those of the D-Bus specification, section "Message Format". File
//! descriptors are never negotiated, so the kernel drops any that are sent.

use zeroize::Zeroizing;

use super::wire::{Buffer, Malformed, Reader};

/// Far above any item of ours; the protocol's own limit is 128 MiB, which no peer shall make us
/// allocate.
pub const MAX_MESSAGE: usize = 1 << 20;
/// The fixed part of a header up to and including the length of its field array.
const FIXED_HEADER: usize = 16;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Return,
    Error,
    Signal,
    /// A call, which nobody should make to us, or a kind not yet invented: to be ignored.
    Other,
}

impl Kind {
    fn of(code: u8) -> Self {
        match code {
            2 => Self::Return,
            3 => Self::Error,
            4 => Self::Signal,
            _ => Self::Other,
        }
    }
}

/// A received message: its header fields, and its body on demand.
pub struct Message {
    bytes: Buffer,
    body_at: usize,
    pub kind: Kind,
    pub reply_to: Option<u32>,
    pub path: String,
    pub interface: String,
    pub member: String,
    pub error: String,
    signature: String,
}

impl Message {
    /// The length of the whole message whose first bytes are `head`, or `None` while these are too
    /// few.
    pub fn length(head: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(head) = head.get(..FIXED_HEADER) else {
            return Ok(None);
        };
        let mut r = Reader::new(head, 4, big_endian(head)?);
        if head[3] != 1 {
            return Err(Malformed);
        }
        let (body, _serial, fields) = (r.u32()?, r.u32()?, r.u32()?);
        let [body, fields] = [body, fields].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        // Each is checked before the sum, which then cannot overflow.
        if body > MAX_MESSAGE || fields > MAX_MESSAGE {
            return Err(Malformed);
        }
        let length = (FIXED_HEADER + fields).next_multiple_of(8) + body;
        if length > MAX_MESSAGE {
            Err(Malformed)
        } else {
            Ok(Some(length))
        }
    }

    /// `bytes` must be exactly one message.
    pub fn parse(bytes: Buffer) -> Result<Self, Malformed> {
        if Self::length(&bytes)? != Some(bytes.len()) {
            return Err(Malformed);
        }
        let mut m = Self {
            body_at: 0,
            kind: Kind::of(bytes[1]),
            reply_to: None,
            path: String::new(),
            interface: String::new(),
            member: String::new(),
            error: String::new(),
            signature: String::new(),
            bytes: Zeroizing::new(Vec::new()),
        };
        let mut r = Reader::new(&bytes, FIXED_HEADER - 4, big_endian(&bytes)?);
        let mut fields = r.array(8)?;
        while !fields.is_empty() {
            m.field(&mut fields)?;
        }
        r.align(8)?;
        m.body_at = r.position();
        m.bytes = bytes;
        Ok(m)
    }

    fn field(&mut self, r: &mut Reader) -> Result<(), Malformed> {
        r.align(8)?;
        let code = r.u8()?;
        match (code, r.signature()?) {
            (1, "o") => r.path()?.clone_into(&mut self.path),
            (2, "s") => r.string()?.clone_into(&mut self.interface),
            (3, "s") => r.string()?.clone_into(&mut self.member),
            (4, "s") => r.string()?.clone_into(&mut self.error),
            (5, "u") => self.reply_to = Some(r.u32()?),
            (8, "g") => r.signature()?.clone_into(&mut self.signature),
            // Fields we do not use (sender, destination, number of descriptors) or do not know: to
            // be skipped.
            (6.., "s" | "o") => drop(r.string()?),
            (6.., "g") => drop(r.signature()?),
            (6.., "u") => drop(r.u32()?),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// A reader of the body, which must have this signature.
    pub fn body(&self, signature: &str) -> Result<Reader<'_>, Malformed> {
        if self.signature != signature {
            return Err(Malformed);
        }
        Ok(Reader::new(
            &self.bytes,
            self.body_at,
            big_endian(&self.bytes)?,
        ))
    }
}

fn big_endian(message: &[u8]) -> Result<bool, Malformed> {
    match message.first() {
        Some(b'l') => Ok(false),
        Some(b'B') => Ok(true),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::call::{Call, encode};
    use super::super::wire::Writer;
    use super::*;

    /// What a peer would send: a call, made into something else by its kind and its fields.
    fn received(
        kind: u8,
        fields: impl FnOnce(&mut Writer),
        body: impl FnOnce(&mut Writer),
    ) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(&[b'l', kind, 1, 1]);
        w.u32(0);
        w.u32(77);
        w.array(8, fields);
        w.align(8);
        let body_at = w.len();
        body(&mut w);
        let length = w.len() - body_at;
        w.patch(4, length);
        w.into_bytes().to_vec()
    }

    fn field(w: &mut Writer, code: u8, kind: &str, value: impl FnOnce(&mut Writer)) {
        w.align(8);
        w.raw(&[code]);
        w.signature(kind);
        value(w);
    }

    pub fn reply(to: u32, text: &str) -> Vec<u8> {
        let fields = |w: &mut Writer| {
            field(w, 5, "u", |w| w.u32(to));
            field(w, 7, "s", |w| w.string(":1.7"));
            field(w, 8, "g", |w| w.signature("s"));
        };
        received(2, fields, |w| w.string(text))
    }

    pub fn signal() -> Vec<u8> {
        let fields = |w: &mut Writer| {
            field(w, 1, "o", |w| w.string("/p"));
            field(w, 2, "s", |w| w.string("org.freedesktop.Secret.Prompt"));
            field(w, 3, "s", |w| w.string("Completed"));
        };
        received(4, fields, |_| {})
    }

    /// The answer to `GetSecret`, and the one to `SearchItems`: between them, all that we read.
    fn samples() -> [Vec<u8>; 2] {
        let with = |signature: &'static str| {
            move |w: &mut Writer| {
                field(w, 5, "u", |w| w.u32(3));
                field(w, 8, "g", |w| w.signature(signature));
            }
        };
        let secret = received(2, with("(oayays)"), |w| {
            w.align(8);
            w.string("/session/s1");
            w.bytes(b"");
            w.bytes(b"{\"access\":\"abc\"}");
            w.string("text/plain");
        });
        let paths = ["/c/1".to_owned(), "/c/2".to_owned()];
        let search = received(2, with("aoaov"), |w| {
            w.paths(&paths);
            w.paths(&[]);
            w.signature("t");
            w.align(8);
            w.raw(&9u64.to_le_bytes());
        });
        [secret, search]
    }

    fn read_secret(m: &Message) -> Result<Vec<u8>, Malformed> {
        let mut r = m.body("(oayays)")?;
        r.align(8)?;
        r.path()?;
        r.bytes()?;
        r.bytes().map(<[u8]>::to_vec)
    }

    fn read_search(m: &Message) -> Result<(usize, u64), Malformed> {
        let mut r = m.body("aoaov")?;
        let count = r.paths()?.len() + r.paths()?.len();
        r.variant("t")?;
        Ok((count, r.u64()?))
    }

    fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
        Message::parse(Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let [secret, search] = samples().map(|bytes| parse(&bytes).expect("a valid message"));
        assert_eq!(read_secret(&secret), Ok(b"{\"access\":\"abc\"}".to_vec()));
        assert_eq!(read_search(&search), Ok((2, 9)));
        assert_eq!((search.kind, search.reply_to), (Kind::Return, Some(3)));
        let call = Call {
            destination: "org.a",
            path: "/p",
            interface: "org.i",
            member: "M",
            signature: "s",
        };
        let bytes = encode(&call, 5, |w| w.string("x")).expect("a short call");
        assert_eq!(Message::length(&bytes), Ok(Some(bytes.len())));
        let m = Message::parse(bytes).expect("a valid message");
        assert_eq!(
            (
                m.path.as_str(),
                m.interface.as_str(),
                m.member.as_str(),
                m.kind
            ),
            ("/p", "org.i", "M", Kind::Other)
        );
        assert_eq!(m.body("s").and_then(|mut r| r.string()), Ok("x"));
    }

    #[test]
    fn a_big_endian_message_is_read() {
        let bytes = b"B\x02\x01\x01\0\0\0\x08\0\0\0\x01\0\0\0\x0f\x05\x01u\0\0\0\0\x09\x08\x01g\0\x01t\0\0\0\0\0\0\0\0\x01\0";
        let m = parse(bytes).expect("a valid message");
        assert_eq!(m.reply_to, Some(9));
        assert_eq!(m.body("t").and_then(|mut r| r.u64()), Ok(256));
    }

    #[test]
    fn lengths_out_of_proportion_are_refused() {
        for (at, value) in [
            (4, u32::MAX),
            (4, 1 << 20),
            (12, u32::MAX),
            (12, 1 << 20),
            (12, u32::MAX - 7),
        ] {
            let mut bytes = samples()[0].clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(Message::length(&bytes), Err(Malformed));
        }
        let call = Call {
            destination: "org.a",
            path: "/p",
            interface: "org.i",
            member: "M",
            signature: "ay",
        };
        assert!(encode(&call, 1, |w| w.bytes(&vec![0; MAX_MESSAGE])).is_err());
    }

    #[test]
    fn object_paths_that_the_bus_would_refuse_are_refused() {
        for path in ["", "a", "//", "/a/", "/a//b", "/a-b", "/\u{e4}"] {
            let m = parse(&received(
                2,
                |w| field(w, 8, "g", |w| w.signature("o")),
                |w| w.string(path),
            ))
            .expect("a valid header");
            assert_eq!(
                m.body("o").and_then(|mut r| r.path()),
                Err(Malformed),
                "{path}"
            );
        }
    }

    /// 200,000 damaged messages: none panics, none reads on for ever. The seed is fixed, so a
    /// failure can be repeated.
    #[test]
    fn damaged_messages_are_survived() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or(0) % below
        };
        let samples = samples();
        for _ in 0..200_000 {
            let mut bytes = samples[random(samples.len())].clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(5) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes.insert(at, 0),
                    2 => bytes[at] = [0, 1, 4, 8, 0x7f, 0x80, 0xff, b'B'][random(8)],
                    _ => bytes[at] ^= 1 << random(8),
                }
            }
            // With its length put right, so that more than the length is tested.
            if let Ok(Some(length)) = Message::length(&bytes) {
                bytes.resize(length.min(4096), 0);
            }
            if let Ok(m) = parse(&bytes) {
                drop((
                    read_secret(&m),
                    read_search(&m),
                    m.body("").map(|r| r.is_empty()),
                ));
            }
        }
    }
}
