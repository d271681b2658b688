//! The head of a request: what is asked, and how its body ends (RFC 9112).

use super::Endpoint;
use super::payload::{self, Payload};
use crate::secret::Secret;
use ::http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// Who asks.
pub const AGENT: &str = concat!("tokctl/", env!("CARGO_PKG_VERSION"));

/// A request's method, the headers that it has where the caller sets no others, and the caller's.
pub type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(String, Secret)]);

/// What an endpoint of OAuth answers.
pub const JSON_WANTED: (&str, &str) = ("accept", "application/json");

/// Request line and header fields; nothing where one of them cannot be sent.
pub fn request_head(
    endpoint: &Endpoint,
    (method, usual, headers): Asked<'_>,
    payload: &Payload<'_>,
) -> Option<Zeroizing<String>> {
    // A method is a token, as a header's name is.
    HeaderName::from_bytes(method.as_bytes()).ok()?;
    let target = endpoint.target();
    let host = endpoint.origin();
    let mut head = Zeroizing::new(String::with_capacity(4096));
    head.push_str(&format!(
        "{method} {target} HTTP/1.1\r\nhost: {}\r\n",
        host.authority()
    ));
    let ours = [
        ("user-agent", AGENT),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ];
    for (name, value) in ours.iter().chain(usual) {
        if !headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
        {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        HeaderName::from_bytes(name.as_bytes()).ok()?;
        HeaderValue::from_str(value.expose()).ok()?;
        for part in [name, ": ", value.expose(), "\r\n"] {
            head.push_str(part);
        }
    }
    head.push_str(&framing(method, payload)?);
    head.push_str("\r\n");
    Some(head)
}

/// How the server finds the end of the body.
fn framing(method: &str, payload: &Payload<'_>) -> Option<String> {
    let length = match payload {
        Payload::Nothing if ["POST", "PUT", "PATCH"].contains(&method) => Some(0),
        Payload::Nothing => return Some(String::new()),
        Payload::Bytes(bytes) => Some(bytes.len() as u64),
        Payload::File(file) => payload::length_of(file).ok()?,
        Payload::Stream(_) => None,
    };
    Some(match length {
        Some(length) => format!("content-length: {length}\r\n"),
        None => "transfer-encoding: chunked\r\n".to_owned(),
    })
}

/// Whether a header is the request's own, and nobody else's to set.
pub fn is_own_header(name: &str) -> bool {
    let own = [
        "authorization",
        "content-type",
        "content-length",
        "host",
        "transfer-encoding",
        "connection",
    ];
    own.contains(&name.to_ascii_lowercase().as_str())
}
