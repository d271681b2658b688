//! A server as it is compared with another: scheme, host and port (RFC 6454 section 4).

use super::endpoint::is_loopback;
use super::idn;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv6Addr;

/// Protocols in which git sends a password beside http's (git send-email, git imap-send).
const MAIL: [&str; 4] = ["smtp", "smtps", "imap", "imaps"];

/// Scheme, host and port in the one form in which they are compared: in lower case, the host as DNS has
/// it, without a port that is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin(String);

impl Origin {
    /// Takes `scheme://host[:port]` as a configuration names it, if a token may be sent there at all.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = "must be a whole URL with https:// and a host";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| whole.to_owned())?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err("must be scheme://host[:port] without a path".to_owned());
        }
        if authority.contains('@') {
            return Err("must not hold a user name or password".to_owned());
        }
        if authority.contains('*') {
            return Err("must name one host, without *".to_owned());
        }
        let origin = Self::from_parts(scheme, authority)
            .ok_or_else(|| "is no scheme://host[:port] with a port up to 65535".to_owned())?;
        match origin.scheme() {
            "https" => Ok(origin),
            "http" if is_loopback(origin.host()) => Ok(origin),
            "http" => Err("must be https; http is for loopback only".to_owned()),
            mail if MAIL.contains(&mail) => Ok(origin),
            _ => Err("must be https (or smtp, smtps, imap or imaps, for git)".to_owned()),
        }
    }

    /// The origin of a URL that a program names. None of one that two programs could read in two ways:
    /// with a user name, a backslash, a space or a control character in it.
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if url.contains('\\') {
            return None;
        }
        Self::from_parts(scheme, rest.split(['/', '?', '#']).next()?)
    }

    /// From a scheme, and a host with or without a port.
    pub fn from_parts(scheme: &str, authority: &str) -> Option<Self> {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = match authority.rsplit_once(':') {
            // A colon within the brackets of an IPv6 address.
            Some((_, port)) if port.ends_with(']') => (authority, None),
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (authority, None),
        };
        let host = read_host(host)?;
        Some(
            match port.filter(|port| Some(*port) != usual_port(&scheme)) {
                Some(port) => Self(format!("{scheme}://{host}:{port}")),
                None => Self(format!("{scheme}://{host}")),
            },
        )
    }

    /// The same, of a URL that requests are sent to: a host that is no name in DNS is compared as it is.
    pub(super) fn of_endpoint(scheme: &str, authority: &str) -> Self {
        Self::from_parts(scheme, authority)
            .unwrap_or_else(|| Self(format!("{scheme}://{authority}").to_ascii_lowercase()))
    }

    /// As a URL without a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// Whether it is reached through TLS, by https.
    pub fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// Host and port, as most programs name a server.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// The port, where it is not the scheme's own.
    pub fn port(&self) -> Option<u16> {
        let (_, port) = self.authority().rsplit_once(':')?;
        port.parse().ok()
    }

    /// The host without the port.
    pub fn host(&self) -> &str {
        match self.port().and(self.authority().rsplit_once(':')) {
            Some((host, _)) => host,
            None => self.authority(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

fn read_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The host as it is compared; none of what is no host.
fn read_host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let host = idn::to_ascii(text)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn one_server_has_one_form() {
        for (text, form) in [
            ("https://Git.Corp.Example", "https://git.corp.example"),
            ("HTTPS://git.corp.example:443/", "https://git.corp.example"),
            (
                "https://git.corp.example:8443",
                "https://git.corp.example:8443",
            ),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
            (
                "https://XN--BCHER-KVA.example",
                "https://xn--bcher-kva.example",
            ),
            (
                "smtp://mail.corp.example:587",
                "smtp://mail.corp.example:587",
            ),
        ] {
            let origin = Origin::parse(text).map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn an_origin_has_its_parts() {
        let parts = |text: &str| {
            let origin = Origin::parse(text).expect("an origin");
            (origin.host().to_owned(), origin.port())
        };
        assert_eq!(parts("https://a.example:8"), ("a.example".into(), Some(8)));
        assert_eq!(parts("https://a.example:443"), ("a.example".into(), None));
        assert_eq!(parts("https://[::1]"), ("[::1]".into(), None));
        assert_eq!(parts("https://[::1]:8"), ("[::1]".into(), Some(8)));
    }

    #[test]
    fn an_origin_is_shown_as_a_url_without_a_path() {
        let origin = Origin::parse("https://a.example:8/").expect("an origin");
        assert_eq!(origin.as_str(), "https://a.example:8");
        assert_eq!(
            (origin.scheme(), origin.authority()),
            ("https", "a.example:8")
        );
        assert!(origin.is_https());
        assert!(
            !Origin::parse("http://127.0.0.1")
                .expect("an origin")
                .is_https()
        );
        for scheme in ["", "ht tp", "h\u{e4}"] {
            assert_eq!(Origin::from_parts(scheme, "a.example"), None, "{scheme}");
        }
    }

    #[test]
    fn a_token_goes_over_tls_to_one_host_or_stays_on_this_machine() {
        for bad in [
            "http://a.example",
            "http://localhost.a.example",
            "ftp://a.example",
            "https://u:p@a.example",
            "https://a.example/x",
            "https://a.example?x",
            "https://a.example#x",
            "https://a.example:99999",
            "https://a.example:",
            "https://a.example:+2",
            "https://a.example:1[]:2",
            "https://[::1]x",
            "https://*.a.example",
            "https://a b.example",
            "https://a\u{202e}.example",
            "https://",
            "https://:443",
            "a.example",
            "",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
        for (bad, why) in [
            (
                "http://a.example",
                "must be https; http is for loopback only",
            ),
            (
                "ftp://a.example",
                "must be https (or smtp, smtps, imap or imaps, for git)",
            ),
            ("a.example", "must be a whole URL with https:// and a host"),
            (
                "https://a.example/x",
                "must be scheme://host[:port] without a path",
            ),
            (
                "https://u@a.example",
                "must not hold a user name or password",
            ),
            ("https://*.example", "must name one host, without *"),
            (
                "https://a.example:",
                "is no scheme://host[:port] with a port up to 65535",
            ),
        ] {
            assert_eq!(Origin::parse(bad), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_url_that_can_be_read_in_two_ways_has_no_origin() {
        let origin = Origin::of_url("https://b.example:8/x@y").map(|origin| origin.to_string());
        assert_eq!(origin.as_deref(), Some("https://b.example:8"));
        for odd in [
            "https://a@b.example/",
            "https://evil.example\\@b.example/",
            "https:///x",
            "https://a b/",
            "https://a\tb/",
            "https://b.example%2f/",
            "b.example",
        ] {
            assert_eq!(Origin::of_url(odd), None, "{odd}");
        }
    }
}
