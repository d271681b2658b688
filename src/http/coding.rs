//! A body out of its compression, which was not asked for.

use crate::bounded;
use flate2::bufread::{DeflateDecoder, GzDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{ErrorKind, Read};
use zeroize::Zeroizing;

/// As many codings as curl undoes.
const MOST: usize = 5;

/// What comes out of a compressed body, and the codings that are still in force; a body that is not
/// what its header says stays as it is. Nothing where it is larger than `limit`.
pub fn decoded(
    mut body: Zeroizing<Vec<u8>>,
    codings: &[String],
    limit: u64,
) -> Option<(Zeroizing<Vec<u8>>, Option<String>)> {
    let mut codings = codings.iter().take(MOST).map(String::as_str).peekable();
    while let Some(coding) = codings.peek().copied() {
        let Some(plain) = undone(&body, coding, limit) else {
            break;
        };
        body = plain?;
        codings.next();
    }
    // A proxy has taken the header away, and left the body.
    let named = codings.peek().map(|coding| (*coding).to_owned());
    if body.starts_with(&GZIP)
        && let Some(plain) = undone(&body, "gzip", limit)
    {
        return Some((plain?, None));
    }
    Some((body, named))
}

/// How each gzip file begins (RFC 1952 section 2.3.1), and no text does.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The first level is nothing where it is no such compression, the second where it is too much.
#[expect(
    clippy::option_option,
    reason = "two reasons for nothing, told apart above"
)]
fn undone(body: &[u8], coding: &str, limit: u64) -> Option<Option<Zeroizing<Vec<u8>>>> {
    let all = |from: &mut dyn Read| {
        let mut plain = Zeroizing::new(Vec::new());
        match bounded::read(from, limit, &mut plain) {
            Ok(()) => Some(Some(plain)),
            Err(cause) if cause.kind() == ErrorKind::FileTooLarge => Some(None),
            Err(_) => None,
        }
    };
    // As curl does, by what it looks like, whichever of the two its header names. What checks it at the end may be
    // wrong, cut off, or followed by something: the connection vouches for it.
    match coding {
        "gzip" | "x-gzip" | "deflate" if body.starts_with(&GZIP) => {
            all(&mut MultiGzDecoder::new(body))
                .or_else(|| all(&mut DeflateDecoder::new(GzDecoder::new(body).into_inner())))
        }
        "gzip" | "x-gzip" | "deflate" if is_zlib(body) => {
            all(&mut ZlibDecoder::new(body)).or_else(|| all(&mut DeflateDecoder::new(&body[2..])))
        }
        // As some servers send it, without zlib's frame (RFC 9110 section 8.4.1.2).
        "deflate" => all(&mut DeflateDecoder::new(body)),
        _ => None,
    }
}

/// Whether it begins as zlib's frame does (RFC 1950 section 2.2).
fn is_zlib(body: &[u8]) -> bool {
    let Some(&[method, flags]) = body.first_chunk::<2>() else {
        return false;
    };
    method & 0x0f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    fn out(body: Vec<u8>, codings: &[&str]) -> Option<(Vec<u8>, Option<String>)> {
        let codings: Vec<String> = codings.iter().map(|coding| (*coding).to_owned()).collect();
        let (body, left) = decoded(Zeroizing::new(body), &codings, 1000)?;
        Some((body.to_vec(), left))
    }

    #[test]
    fn what_was_compressed_unasked_is_undone_within_bounds() {
        let text = b"{\"access_token\":\"at\"}".to_vec();
        let is = |left: Option<&str>| Some((text.clone(), left.map(str::to_owned)));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).expect("memory");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).expect("memory");
        assert_eq!(out(gzip(&text), &["gzip"]), is(None));
        assert_eq!(out(gzip(&text), &["x-gzip"]), is(None));
        assert_eq!(out(gzip(&gzip(&text)), &["gzip", "gzip"]), is(None));
        assert_eq!(out(gzip(&text), &[]), is(None));
        assert_eq!(out(zlib.finish().expect("memory"), &["deflate"]), is(None));
        assert_eq!(out(raw.finish().expect("memory"), &["deflate"]), is(None));
        assert_eq!(out(text.clone(), &["gzip"]), is(Some("gzip")));
        assert_eq!(out(text.clone(), &["br"]), is(Some("br")));
        assert_eq!(out(gzip(&vec![0; 1001]), &["gzip"]), None);
        let cut = gzip(&text)[..20].to_vec();
        assert_eq!(
            out(cut.clone(), &["gzip"]),
            Some((cut, Some("gzip".to_owned())))
        );
    }
}
