//! Which proxy a request goes through, by curl's rules.

use crate::env;
use crate::error::{Error, Result};
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use std::net::IpAddr;

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP's CONNECT, in clear or in TLS.
    Http,
    Https,
    /// SOCKS; the second of each has the proxy look up the name.
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

/// A proxy as the environment names it.
pub struct Proxy {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    pub user: Option<Secret>,
    pub password: Option<Secret>,
    /// The variable that names it.
    pub variable: &'static str,
}

impl Proxy {
    /// The proxy for a host, if it is reached through one.
    pub fn for_host(scheme: &str, host: &str) -> Result<Option<Self>> {
        let (proxy, exceptions) = env::proxy(scheme);
        let (Some(proxy), Some(variable)) = (proxy, env::proxy_variable(scheme)) else {
            return Ok(None);
        };
        if exceptions.is_some_and(|list| is_exempt(host, &list)) {
            return Ok(None);
        }
        // The address may hold a password: it is not shown.
        let what = || {
            Error::config(format!(
                "{variable}, which names a proxy, is not a proxy's address"
            ))
        };
        Self::parse(&proxy, variable).map(Some).ok_or_else(what)
    }

    /// `[scheme://][user[:password]@]host[:port][/]`.
    fn parse(text: &str, variable: &'static str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (kind, usual) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks4" => (Kind::Socks4, 1080),
            "socks4a" => (Kind::Socks4a, 1080),
            "socks" | "socks5" => (Kind::Socks5, 1080),
            "socks5h" => (Kind::Socks5h, 1080),
            _ => return None,
        };
        // A password may have an @ in it, and a slash.
        let (userinfo, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match place.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (
                    host,
                    port.strip_prefix(':').or(port.is_empty().then_some(""))?,
                )
            }
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control() || "[]<>\\^`{|}\"".contains(c);
        if host.is_empty() || host.contains(odd) {
            return None;
        }
        let port = match port {
            "" => usual,
            port => port.parse().ok().filter(|port| *port != 0)?,
        };
        let decoded = |part: &str| {
            let text = percent_decode_str(part).decode_utf8().ok()?.into_owned();
            (!text.contains(['\0', '\r', '\n'])).then(|| Secret::new(text))
        };
        let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, "")))
        {
            Some((user, password)) => (Some(decoded(user)?), Some(decoded(password)?)),
            None => (None, None),
        };
        let host = host.to_owned();
        Some(Self {
            kind,
            host,
            port,
            user,
            password,
            variable,
        })
    }

    /// Host and port, for messages.
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether a name to be reached is looked up by the proxy.
    pub fn looks_up(&self) -> bool {
        !matches!(self.kind, Kind::Socks4 | Kind::Socks5)
    }
}

/// Whether a host is in a `no_proxy` list: names match themselves and everything below them,
/// addresses match themselves or their network (`10.0.0.0/8`), `*` matches all.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.split([',', ' '])
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry
                .trim_start_matches('.')
                .trim_end_matches('.')
                .to_ascii_lowercase();
            if entry == "*" || entry == host {
                return true;
            }
            if let Ok(address) = host.parse::<IpAddr>() {
                return entry
                    .split_once('/')
                    .is_some_and(|(net, bits)| in_network(address, net, bits));
            }
            host.strip_suffix(&entry)
                .is_some_and(|rest| rest.ends_with('.'))
        })
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let shift = |ip: std::net::Ipv4Addr| ip.to_bits().checked_shr(32 - bits).unwrap_or(0);
            shift(address) == shift(network)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let shift = |ip: std::net::Ipv6Addr| ip.to_bits().checked_shr(128 - bits).unwrap_or(0);
            shift(address) == shift(network)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Proxy, is_exempt};

    #[test]
    fn a_proxy_s_address_is_read_as_curl_reads_it() {
        let place = |text: &str| {
            let proxy = Proxy::parse(text, "all_proxy")?;
            let known = |part: Option<crate::secret::Secret>| {
                part.map_or(String::new(), |part| part.expose().to_owned())
            };
            Some((
                proxy.kind,
                proxy.place(),
                known(proxy.user),
                known(proxy.password),
            ))
        };
        let is = |kind, place: &str, user: &str, password: &str| {
            Some((kind, place.to_owned(), user.to_owned(), password.to_owned()))
        };
        assert_eq!(
            place("p.example:3128"),
            is(Kind::Http, "p.example:3128", "", "")
        );
        assert_eq!(
            place("http://p.example/"),
            is(Kind::Http, "p.example:80", "", "")
        );
        assert_eq!(place("HTTPS://u@p"), is(Kind::Https, "p:443", "u", ""));
        assert_eq!(
            place("socks5h://u:p%40%3a@[::1]:9"),
            is(Kind::Socks5h, "[::1]:9", "u", "p@:")
        );
        assert_eq!(
            place("http://u:a@b/c@p:1"),
            is(Kind::Http, "p:1", "u", "a@b/c")
        );
        for wrong in [
            "",
            "http://",
            "ftp://p",
            "http://[bad",
            "http://p:0",
            "http://p:x",
            "http://a b",
            "http://u:%ff@p",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_proxy_matches_as_curl_does() {
        for (host, list, exempt) in [
            ("a.example", "a.example", true),
            ("x.a.example", ".a.example", true),
            ("x.a.example", "a.example", true),
            ("xa.example", "a.example", false),
            ("A.Example", "b, a.example", true),
            ("a.example", "*", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("fd00::1", "fd00::/8", true),
            ("a.example", "", false),
        ] {
            assert_eq!(is_exempt(host, list), exempt, "{host} in {list}");
        }
    }
}
