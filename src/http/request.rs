//! A request as it is asked for: method, target and header fields, and how its body ends (RFC 9112).

use super::Endpoint;
use super::payload::Payload;
use crate::secret::Secret;
use ureq::http::{HeaderValue, Method, Request};

/// Who asks.
pub const AGENT: &str = concat!("tokctl/", env!("CARGO_PKG_VERSION"));

/// A request's method, the headers that it has where the caller sets no others, and the caller's.
pub type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(String, Secret)]);

/// What an endpoint of OAuth answers.
pub const JSON_WANTED: (&str, &str) = ("accept", "application/json");

/// The request without its body; nothing where a part of it cannot be sent.
pub fn request(
    endpoint: &Endpoint,
    (method, usual, headers): Asked<'_>,
    payload: &Payload<'_>,
) -> Option<Request<()>> {
    let ours = [
        ("host", endpoint.origin().authority().to_owned()),
        ("user-agent", AGENT.to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("connection", "close".to_owned()),
    ];
    let usual = usual
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    // How the server finds the end of the body.
    let framing = match (payload, payload.length().ok()?) {
        (Payload::Nothing, _) => None,
        (_, Some(length)) => Some(("content-length", length.to_string())),
        (_, None) => Some(("transfer-encoding", "chunked".to_owned())),
    };
    let set = |name: &str| {
        headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(endpoint.uri.clone());
    let unset = ours.into_iter().chain(usual).filter(|(name, _)| !set(name));
    for (name, value) in unset.chain(framing) {
        request = request.header(name, value);
    }
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    request.body(()).ok()
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
