//! The whole of an answer's body, in memory and within bounds.

use super::Failure;
use super::coding;
use super::failure::Way;
use super::head::Head;
use super::round_trip::Inbox;
use serde::de::IgnoredAny;
use std::io::Read;
use std::time::Duration;
use zeroize::Zeroizing;

/// A token reply is a few kilobytes; four megabytes are no token reply.
const MAX_BODY: u64 = 4 * 1024 * 1024;

/// After this without another byte a body that is whole JSON has ended, whatever its framing says.
const SETTLED: Duration = Duration::from_secs(2);

/// Reads a body to its end and out of its compression; with what is left of that. A body that is whole
/// JSON is whole, also where the connection ends or stands still before the framing's end.
pub fn read(
    head: &Head,
    inbox: &mut Inbox,
    way: &Way,
) -> Result<(Zeroizing<Vec<u8>>, Option<String>), Failure> {
    let mut body = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new(vec![0; 16 * 1024]);
    let mut codings = head.codings("content-encoding");
    codings.extend(
        head.codings("transfer-encoding")
            .into_iter()
            .filter(|coding| coding != "chunked"),
    );
    // A look goes over the whole: a server must not make it a thousand.
    let mut looks = 50;
    let end = loop {
        let length = match inbox.read(&mut part) {
            Ok(0) => break Ok(()),
            Ok(length) => length,
            Err(cause) => break Err(cause),
        };
        body.extend_from_slice(&part[..length]);
        if body.len() as u64 > MAX_BODY {
            return Err(way.too_large(MAX_BODY));
        }
        let may_be = looks > 0 && bare(&part[..length]).ends_with(b"}");
        if may_be {
            looks -= 1;
            if is_whole(&body) {
                inbox.bear(SETTLED);
            }
        }
    };
    let decoded = coding::decoded(body, &codings, MAX_BODY);
    let (body, coding) = decoded.ok_or_else(|| way.too_large(MAX_BODY))?;
    match end {
        Err(cause) if !is_whole(&body) => Err(way.lost(&cause)),
        _ => Ok((body, coding)),
    }
}

/// Whether it is one JSON object to its end.
fn is_whole(body: &[u8]) -> bool {
    let text = bare(body);
    text.starts_with(b"{")
        && text.ends_with(b"}")
        && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// A body without what some servers put around their JSON: a mark of byte order, NULs, and what keeps a
/// browser from running it as a script.
pub fn bare(body: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let start = body
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(body.len());
    let end = body
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    let body = &body[start..end];
    for guard in [&b")]}',"[..], b")]}'", b"while(1);", b"for(;;);"] {
        if let Some(rest) = body.strip_prefix(guard) {
            return rest.trim_ascii_start();
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::{bare, is_whole};

    #[test]
    fn json_is_found_in_what_is_put_around_it() {
        for text in [
            "{}",
            "\u{feff} {}\n",
            "\0{}\0\0",
            ")]}'\n{}",
            ")]}',\n{}",
            "while(1);{}",
            "for(;;); {}\0",
        ] {
            assert_eq!(bare(text.as_bytes()), b"{}", "{text:?}");
            assert!(is_whole(text.as_bytes()), "{text:?}");
        }
        for text in ["", "{", "[]", "{}{}", "{\"a\":1", "}"] {
            assert!(!is_whole(text.as_bytes()), "{text:?}");
        }
    }
}
