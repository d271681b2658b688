//! A body that comes in chunks (RFC 9112 section 7.1), read as curl reads it: lines may end in a bare LF, what
//! stands behind a size is passed over, and so are the fields after the last chunk.

use std::io::{self, ErrorKind};

/// So many bytes may come between two bytes of data: curl takes more than any server has a reason for.
const MOST: usize = 1024 * 1024;

/// Takes the chunks' data out of what comes.
#[derive(Debug, Default)]
pub struct Chunked {
    at: At,
    /// So many bytes have come since the last one of data.
    passed: usize,
}

/// What comes next.
#[derive(Debug, Default)]
enum At {
    /// A chunk's size; what has been read of it, if any.
    #[default]
    Start,
    Size(u64),
    /// The rest of the size's line.
    Extension(u64),
    /// So many bytes of data.
    Data(u64),
    /// The end of the line behind the data.
    DataEnd,
    /// A field after the last chunk; whether there is anything in its line.
    Field(bool),
    End,
}

impl Chunked {
    /// Whether the last chunk, and what belongs to it, has come.
    pub fn ended(&self) -> bool {
        matches!(self.at, At::End)
    }

    /// Moves data from `come` to `room`: the number of bytes that were read of the one and written to the other.
    ///
    /// # Errors
    ///
    /// `InvalidData` where no chunk is, or more than 1 MiB between two; not before what was whole has been given out.
    pub fn take(&mut self, come: &[u8], room: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut read, mut given) = (0, 0);
        while read < come.len() && !self.ended() {
            if let At::Data(left) = self.at {
                let left_here = usize::try_from(left).unwrap_or(usize::MAX);
                let length = left_here.min(come.len() - read).min(room.len() - given);
                if length == 0 {
                    break;
                }
                room[given..given + length].copy_from_slice(&come[read..read + length]);
                (read, given) = (read + length, given + length);
                self.passed = 0;
                self.at = match left - length as u64 {
                    0 => At::DataEnd,
                    left => At::Data(left),
                };
                continue;
            }
            self.passed += 1;
            match self.at.after(come[read]) {
                Some(next) if self.passed <= MOST => self.at = next,
                _ if given > 0 => {
                    self.passed -= 1;
                    break;
                }
                next => {
                    let what = match next {
                        Some(_) => "more than 1 MiB that is no chunk",
                        None => "a chunk without its size",
                    };
                    return Err(io::Error::new(ErrorKind::InvalidData, what));
                }
            }
            read += 1;
        }
        Ok((read, given))
    }
}

impl At {
    /// What comes after this byte; nothing where it does not belong here.
    fn after(&self, byte: u8) -> Option<Self> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        Some(match (self, byte) {
            (Self::Start, b' ' | b'\t') | (Self::DataEnd, b'\n') => Self::Start,
            (Self::Start, _) => Self::Size(digit?),
            (Self::Size(size), _) if digit.is_some() => {
                Self::Size(size.checked_mul(16)?.checked_add(digit?)?)
            }
            (Self::Size(0) | Self::Extension(0), b'\n') => Self::Field(false),
            (Self::Size(size) | Self::Extension(size), b'\n') => Self::Data(*size),
            (Self::Size(size) | Self::Extension(size), _) => Self::Extension(*size),
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::Field(false), b'\n') => Self::End,
            (Self::Field(_), b'\n') => Self::Field(false),
            (Self::Field(any), b'\r') => Self::Field(*any),
            (Self::Field(_), _) => Self::Field(true),
            (Self::Data(_) | Self::DataEnd | Self::End, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken in parts of so many bytes; whether it ended, or was none.
    fn taken(text: &str, part: usize) -> (String, Option<bool>) {
        let mut chunked = Chunked::default();
        let (mut data, mut room) = (Vec::new(), [0; 3]);
        for mut come in text.as_bytes().chunks(part) {
            while !come.is_empty() && !chunked.ended() {
                let Ok((read, given)) = chunked.take(come, &mut room) else {
                    return (String::from_utf8_lossy(&data).into_owned(), None);
                };
                assert!(read > 0, "{text:?}");
                come = &come[read..];
                data.extend_from_slice(&room[..given]);
            }
        }
        (
            String::from_utf8_lossy(&data).into_owned(),
            Some(chunked.ended()),
        )
    }

    #[test]
    fn chunks_are_read_in_parts_of_any_size_and_to_their_end_alone() {
        let long = "x".repeat(20_000);
        for (text, data, end) in [
            ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", Some(true)),
            ("3\nabc\n2\nde\n0\n\n", "abcde", Some(true)),
            (
                "003;a=\"b\"\r\nabc\r\n00;c\r\nd: e\r\nf: g\r\n\r\nrest",
                "abc",
                Some(true),
            ),
            (
                &format!("3;{long}\nabc\n0;{long}\nd: {long}\n\n"),
                "abc",
                Some(true),
            ),
            (
                " a \t\r\n0123456789\r\r\n0\r\n\r\n",
                "0123456789",
                Some(true),
            ),
            (
                "A\r\r\n0123456789\r\n0\r\nno field\r\n\r\n",
                "0123456789",
                Some(true),
            ),
            ("3\r\nabc\r\n0\r\n", "abc", Some(false)),
            ("3\r\nab", "ab", Some(false)),
            ("3\r\nabc0\r\n\r\n", "abc", None),
            ("3\r\nabc\r\n\r\n0\r\n\r\n", "abc", None),
            ("-3\r\nabc", "", None),
            ("{\"a\":1}", "", None),
            ("10000000000000000\r\nabc", "", None),
            ("fffffffffffffffff\r\nabc", "", None),
            (&"0".repeat(MOST + 1), "", None),
        ] {
            for part in [1, 2, 7, 100_000] {
                assert_eq!(
                    taken(text, part),
                    (data.to_owned(), end),
                    "{text:.50?}, {part}"
                );
            }
        }
    }
}
