//! The URLs that secrets may be sent to.

use super::Origin;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use ureq::http::Uri;
use ureq::http::uri::Authority;

/// A URL that secrets may be sent to: https, or http on loopback.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Endpoint {
    pub(super) uri: Uri,
    text: String,
}

impl Endpoint {
    /// Takes a URL that is safe to send secrets to, or says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        // It is also shown, and a terminal takes some of these for orders.
        if !url.is_ascii() {
            return Err(
                "must have %XX for what is not ASCII, and a host in the form xn--...".to_owned(),
            );
        }
        let uri: Uri = url.parse().map_err(|_| "is not a URL".to_owned())?;
        if url.contains('#') {
            return Err("must not have a fragment (#)".to_owned());
        }
        let Some(authority) = uri.authority() else {
            return Err("must be a whole URL with https:// and a host".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("must not hold a user name or password".to_owned());
        }
        if authority.host().is_empty() || authority.as_str().ends_with(':') {
            return Err("has no host, or an empty port".to_owned());
        }
        // The library takes `a.example:1[]:2` and `a.example:+2` for the host a.example.
        let port = authority.as_str().strip_prefix(authority.host());
        let is_port = |port: &str| {
            let digits = port.strip_prefix(':').unwrap_or("x").bytes();
            digits.into_iter().all(|byte| byte.is_ascii_digit()) && authority.port_u16().is_some()
        };
        if !port.is_some_and(|port| port.is_empty() || is_port(port)) {
            return Err("has something else than a host and a port (up to 65535) in it".to_owned());
        }
        if authority.host().contains('*') {
            return Err("must name one host, without *".to_owned());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(authority.host()) => {}
            Some("http") => return Err("must be https; http is for loopback only".to_owned()),
            Some(_) => return Err("must be https".to_owned()),
            None => return Err("must be a whole URL with https:// and a host".to_owned()),
        }
        let text = url.to_owned();
        Ok(Self { uri, text })
    }

    /// Scheme, host and port as they are compared.
    pub fn origin(&self) -> Origin {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        Origin::of_endpoint(scheme, self.host())
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether requests go through TLS.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.bare_host())
    }

    /// Host and port, for messages.
    pub fn host(&self) -> &str {
        self.uri.authority().map_or("", Authority::as_str)
    }

    /// The URL itself.
    pub fn url(&self) -> String {
        self.uri.to_string()
    }

    /// The port that is asked.
    pub(super) fn port(&self) -> u16 {
        let usual = if self.is_https() { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(usual)
    }

    /// The host without the brackets of an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        self.uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.text
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        Self::parse(&url)
    }
}

/// Whether a URL's host is this machine: 127.0.0.0/8, `[::1]` or localhost.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn secrets_go_over_https_or_loopback_only() {
        for good in [
            "https://a.example/t",
            "http://127.0.0.1:80/t",
            "http://[::1]/t",
            "http://localhost/t",
        ] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/t",
            "http://localhost.a.example/",
            "http://127.0.0.1.a.example/",
            "http://0.0.0.0/",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "/t",
            "a.example",
            "https://",
            "https://:443/",
            "https://a.example:1[]:2/",
            "https://a.example:+2/",
            "https://[::1]x/",
            "https://a.example:99999/",
            "https://a.example/\u{202e}",
            "https://*.a.example/",
            "",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
