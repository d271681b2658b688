//! A server as it is compared with another: scheme, host and port (RFC 6454 section 4).

use super::Endpoint;
use std::fmt;

/// Scheme, host and port, in lower case and without the scheme's usual port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Takes a URL of scheme, host and port without a path, to which secrets may be sent.
    pub fn parse(url: &str) -> Result<Self, String> {
        Ok(Endpoint::parse_origin(url)?.origin())
    }

    pub(super) fn new(scheme: &str, host: &str, port: Option<u16>) -> Self {
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        let usual = if scheme == "https" { 443 } else { 80 };
        match port.filter(|port| *port != usual) {
            Some(port) => Self(format!("{scheme}://{host}:{port}")),
            None => Self(format!("{scheme}://{host}")),
        }
    }

    /// As a URL without a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached through TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Host and port, as most programs name a server.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
