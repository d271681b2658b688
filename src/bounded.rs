//! Reads what may be longer than it should be: to its end, or to a limit, beyond which it is refused as a whole.

use std::io::{self, BufRead, ErrorKind, Read};
use zeroize::Zeroizing;

/// What is said of bytes that are no text.
pub const NO_TEXT: &str = "it is not UTF-8 text";

/// Adds all that comes to `bytes`.
///
/// # Errors
/// What the system says, and [`ErrorKind::FileTooLarge`] for more than `limit` bytes.
pub fn read(from: impl Read, limit: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let before = bytes.len();
    from.take(limit.saturating_add(1)).read_to_end(bytes)?;
    if (bytes.len() - before) as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(())
}

/// All that comes, as text; what is not returned is wiped.
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] for what is no text.
pub fn text(from: impl Read, limit: u64) -> io::Result<String> {
    let mut bytes = Zeroizing::new(Vec::new());
    read(from, limit, &mut bytes)?;
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(|cause| {
        drop(Zeroizing::new(cause.into_bytes()));
        io::Error::new(ErrorKind::InvalidData, NO_TEXT)
    })
}

/// The next line without its end; `None` where nothing comes any more.
///
/// # Errors
/// As [`read`].
pub fn line(from: &mut impl BufRead, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // With its end, which may be of two bytes.
    from.take(limit.saturating_add(2))
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    check(line.len(), limit).map(|()| Some(line))
}

/// Refuses what is longer, for who reads it piece by piece.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`].
pub fn check(length: usize, limit: u64) -> io::Result<()> {
    if length as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(())
}

fn too_large(limit: u64) -> io::Error {
    let what = format!("it is larger than {}", size(limit));
    io::Error::new(ErrorKind::FileTooLarge, what)
}

/// A limit in words.
pub fn size(limit: u64) -> String {
    match limit / 1024 {
        kib if kib >= 1024 => format!("{} MiB", kib / 1024),
        kib => format!("{kib} KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_the_limit_is_read_and_what_is_beyond_is_refused() {
        let mut bytes = b"before".to_vec();
        read(&[b'x'; 1024][..], 1024, &mut bytes).expect("it is within");
        assert_eq!(bytes.len(), 6 + 1024);
        let beyond = [b'x'; 1025];
        for refused in [
            read(&beyond[..], 1024, &mut Vec::new()),
            text(&beyond[..], 1024).map(drop),
            line(&mut &beyond[..], 1024).map(drop),
        ] {
            let cause = refused.expect_err("it is longer");
            assert_eq!(cause.kind(), ErrorKind::FileTooLarge);
            assert_eq!(cause.to_string(), "it is larger than 1 KiB");
        }
        assert_eq!(size(16 * 1024 * 1024), "16 MiB");
    }

    /// It would never end otherwise.
    #[test]
    fn what_has_no_end_is_refused_too() {
        let refused = text(io::repeat(b'x'), 4096).expect_err("it is longer");
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn lines_come_without_their_ends() {
        let mut from = &b"a\r\n\nb\rc\nend"[..];
        let mut next = || line(&mut from, 5).expect("short lines");
        assert_eq!(next().as_deref(), Some(&b"a"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next().as_deref(), Some(&b"b\rc"[..]));
        assert_eq!(next().as_deref(), Some(&b"end"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_said_to_be_none() {
        let refused = text(&b"\xff"[..], 1024).expect_err("no text");
        assert_eq!(refused.to_string(), NO_TEXT);
    }
}
