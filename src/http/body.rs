//! The body of an answer, out of its framing (RFC 9112 section 6).

use super::head::Head;
use std::io::{self, BufRead, ErrorKind, Read};

/// A chunk's size, with what some servers write behind it.
const MAX_LINE: u64 = 16 * 1024;

/// How the end of a body is known.
pub enum Framing {
    /// There is none, or it has come.
    Done,
    /// So many bytes are still to come.
    Length(u64),
    /// So many of a chunk; then its end of line, unless it is the first.
    Chunked { left: u64, first: bool },
    /// The connection's end is the body's.
    ToTheEnd,
}

impl Framing {
    /// What the head says.
    pub fn of(head: &Head, to_head_request: bool) -> Self {
        if to_head_request || matches!(head.status, 100..200 | 204 | 304) {
            return Self::Done;
        }
        let codings = head.codings("transfer-encoding");
        if codings.first().is_some_and(|coding| coding == "chunked") {
            return Self::Chunked {
                left: 0,
                first: true,
            };
        }
        match head.length() {
            Some(0) if codings.is_empty() => Self::Done,
            Some(length) if codings.is_empty() => Self::Length(length),
            _ => Self::ToTheEnd,
        }
    }

    /// The next part of the body; nothing at its end. A connection that ends before it is an error.
    pub fn read(&mut self, from: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self {
            Self::Done => Ok(0),
            Self::ToTheEnd => match from.read(buffer) {
                // Many servers end TLS without a word (RFC 9112 section 9.8).
                Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
            Self::Length(left) => {
                let read = some(from, buffer, *left)?;
                *left -= read as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(read)
            }
            Self::Chunked { left: 0, first } => {
                let size = next_chunk(from, *first)?;
                if size == 0 {
                    *self = Self::Done;
                    // What comes behind the last chunk says nothing that is needed.
                    return Ok(0);
                }
                *self = Self::Chunked {
                    left: size,
                    first: false,
                };
                self.read(from, buffer)
            }
            Self::Chunked { left, .. } => {
                let read = some(from, buffer, *left)?;
                *left -= read as u64;
                Ok(read)
            }
        }
    }

    /// Whether the end has come.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// At least one byte, and at most `left`.
fn some(from: &mut impl Read, buffer: &mut [u8], left: u64) -> io::Result<usize> {
    let most = usize::try_from(left)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    match from.read(&mut buffer[..most])? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}

/// The size of the next chunk; some servers put blanks behind it.
fn next_chunk(from: &mut impl BufRead, first: bool) -> io::Result<u64> {
    let odd = || io::Error::new(ErrorKind::InvalidData, "a chunk without its size");
    let mut text = line(from)?;
    if !first && text.is_empty() {
        text = line(from)?;
    }
    let size = text.split(';').next().unwrap_or_default().trim();
    if size.starts_with(['+', '-']) {
        return Err(odd());
    }
    u64::from_str_radix(size, 16).map_err(|_| odd())
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(head: &str, body: &[u8]) -> (Vec<u8>, bool) {
        let head = Head::parse(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
        let mut framing = Framing::of(&head.expect("a head"), false);
        let (mut from, mut found, mut part) = (body, Vec::new(), [0; 3]);
        loop {
            match framing.read(&mut from, &mut part) {
                Ok(0) => return (found, true),
                Ok(read) => found.extend_from_slice(&part[..read]),
                Err(_) => return (found, false),
            }
        }
    }

    #[test]
    fn each_framing_has_its_end() {
        let whole = |body: &[u8]| (body.to_vec(), true);
        let cut = |body: &[u8]| (body.to_vec(), false);
        assert_eq!(all("content-length: 4", b"abcdef"), whole(b"abcd"));
        assert_eq!(all("content-length: 9", b"abcd"), cut(b"abcd"));
        assert_eq!(all("x: y", b"abcd"), whole(b"abcd"));
        let chunked = "transfer-encoding: Chunked";
        assert_eq!(
            all(chunked, b"4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\n\r\n"),
            whole(b"abcdef")
        );
        assert_eq!(all(chunked, b"4  \nabcd\n0\n\n"), whole(b"abcd"));
        for broken in [
            &b"4\r\nabcd\r\n"[..],
            b"4\r\nabcd",
            b"4\r\nabcd\r\nzz\r\n",
            b"4\r\nabcd\r\n-1\r\n",
        ] {
            assert_eq!(all(chunked, broken), cut(b"abcd"));
        }
    }
}
