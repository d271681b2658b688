//! The way through a proxy: HTTP's CONNECT (RFC 9110 section 9.3.6), SOCKS 4, 4a and 5 (RFC 1928, RFC 1929).

use super::{Proxy, ProxyKind as Kind};
use crate::http::head::{self, Head};
use crate::http::request::AGENT;
use crate::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use zeroize::Zeroizing;

/// A proxy's answer to CONNECT is a few hundred bytes.
const LONGEST: usize = 64 * 1024;

/// Why there is no way through.
pub enum Refused {
    /// The connection to the proxy broke.
    Io(io::Error),
    /// It answered, in these words.
    Said(String),
    /// It wants to know who asks, or does not believe it.
    Login(String),
}

impl From<io::Error> for Refused {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// Asks the proxy for a way to the host; `address` is the host's where the proxy does not look it up.
pub fn tunnel(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    address: SocketAddr,
) -> Result<(), Refused> {
    let port = address.port();
    let target = match host.parse::<IpAddr>() {
        Ok(ip) => Target::Address(ip),
        Err(_) if proxy.looks_up() => Target::Name(host),
        Err(_) => Target::Address(address.ip()),
    };
    match proxy.kind {
        Kind::Http | Kind::Https => connect(stream, proxy, host, port),
        Kind::Socks4 | Kind::Socks4a => socks4(stream, proxy, &target, port),
        Kind::Socks5 | Kind::Socks5h => socks5(stream, proxy, &target, port),
    }
}

enum Target<'a> {
    Name(&'a str),
    Address(IpAddr),
}

fn connect(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), Refused> {
    let to = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut head = Zeroizing::new(format!(
        "CONNECT {to} HTTP/1.1\r\nhost: {to}\r\nuser-agent: {AGENT}\r\nproxy-connection: keep-alive\r\n"
    ));
    if let Some(user) = &proxy.user {
        let password = proxy.password.as_ref().map_or("", Secret::expose);
        let both = Zeroizing::new(format!("{}:{password}", user.expose()));
        let both = Zeroizing::new(BASE64_STANDARD.encode(both.as_bytes()));
        head.push_str("proxy-authorization: Basic ");
        head.push_str(&both);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    loop {
        let (status, reason) = status_line(&read_head(stream)?)?;
        return match status {
            100..200 => continue,
            200..300 => Ok(()),
            407 if proxy.user.is_some() => Err(Refused::Login(format!(
                "does not take the user name and password ({status}{reason})"
            ))),
            407 => Err(Refused::Login(format!(
                "wants a user name and password ({status}{reason})"
            ))),
            _ => Err(Refused::Said(format!(
                "answered CONNECT with {status}{reason}"
            ))),
        };
    }
}

/// The head of an answer, and not a byte of what comes after it.
fn read_head(stream: &mut impl Read) -> Result<Vec<u8>, Refused> {
    let mut head = Vec::new();
    let (mut line, mut byte) = (0, [0]);
    loop {
        if head.len() >= LONGEST {
            return Err(Refused::Said("answered CONNECT with too much".to_owned()));
        }
        if stream.read(&mut byte)? == 0 {
            let what = "ended the connection instead of an answer to CONNECT";
            return Err(Refused::Said(what.to_owned()));
        }
        head.push(byte[0]);
        if !head::may_be(&head) {
            return Err(no_http());
        }
        if byte == *b"\n" {
            if head::end(&head[line..]).is_some() {
                return Ok(head);
            }
            line = head.len() - 1;
        }
    }
}

/// The status, and the word for it.
fn status_line(head: &[u8]) -> Result<(u16, String), Refused> {
    let head = Head::parse(head).ok_or_else(no_http)?;
    let reason = crate::text::clean(&head.reason, 60, &[]);
    let space = if reason.is_empty() { "" } else { " " };
    Ok((head.status, format!("{space}{reason}")))
}

fn no_http() -> Refused {
    Refused::Said("did not answer CONNECT in HTTP".to_owned())
}

fn socks4(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    target: &Target<'_>,
    port: u16,
) -> Result<(), Refused> {
    let mut request = Zeroizing::new(vec![4, 1]);
    request.extend(port.to_be_bytes());
    let name = match target {
        Target::Address(IpAddr::V4(ip)) => {
            request.extend(ip.octets());
            None
        }
        Target::Address(IpAddr::V6(_)) => {
            let what = "cannot be asked for an IPv6 address: that needs socks5";
            return Err(Refused::Said(what.to_owned()));
        }
        // No real address: the name comes at the end (SOCKS 4a).
        Target::Name(name) => {
            request.extend([0, 0, 0, 1]);
            Some(name)
        }
    };
    request.extend(proxy.user.as_ref().map_or("", Secret::expose).bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend(name.bytes());
        request.push(0);
    }
    stream.write_all(&request)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    match answer[..2] {
        [0, 90] => Ok(()),
        [0, 92 | 93] => Err(Refused::Login("does not take the user name".to_owned())),
        [0, 91] => Err(Refused::Said("refuses the connection".to_owned())),
        _ => Err(Refused::Said("did not answer in SOCKS 4".to_owned())),
    }
}

fn socks5(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    target: &Target<'_>,
    port: u16,
) -> Result<(), Refused> {
    let ways: &[u8] = if proxy.user.is_some() {
        &[5, 2, 0, 2]
    } else {
        &[5, 1, 0]
    };
    stream.write_all(ways)?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer)?;
    match answer {
        [5, 0] => {}
        [5, 2] if proxy.user.is_some() => socks5_login(stream, proxy)?,
        [5, 255 | 2] if proxy.user.is_none() => {
            return Err(Refused::Login("wants a user name and password".to_owned()));
        }
        [5, _] => {
            return Err(Refused::Login(
                "takes none of the ways to log in that there are".to_owned(),
            ));
        }
        _ => return Err(Refused::Said("did not answer in SOCKS 5".to_owned())),
    }
    let mut request = vec![5, 1, 0];
    match target {
        Target::Address(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend(ip.octets());
        }
        Target::Address(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend(ip.octets());
        }
        Target::Name(name) => {
            request.push(3);
            request.push(short(name)?);
            request.extend(name.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;
    socks5_answer(stream)
}

/// RFC 1929.
fn socks5_login(stream: &mut (impl Read + Write), proxy: &Proxy) -> Result<(), Refused> {
    let user = proxy.user.as_ref().map_or("", Secret::expose);
    let password = proxy.password.as_ref().map_or("", Secret::expose);
    let mut login = Zeroizing::new(vec![1, short(user)?]);
    login.extend(user.bytes());
    login.push(short(password)?);
    login.extend(password.bytes());
    stream.write_all(&login)?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer)?;
    match answer[1] {
        0 => Ok(()),
        _ => Err(Refused::Login(
            "does not take the user name and password".to_owned(),
        )),
    }
}

fn socks5_answer(stream: &mut impl Read) -> Result<(), Refused> {
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer[0] != 5 {
        return Err(Refused::Said("did not answer in SOCKS 5".to_owned()));
    }
    let why = match answer[1] {
        0 => {
            let rest = match answer[3] {
                1 => 4,
                4 => 16,
                _ => {
                    let mut length = [0];
                    stream.read_exact(&mut length)?;
                    usize::from(length[0])
                }
            };
            stream.read_exact(&mut vec![0; rest + 2])?;
            return Ok(());
        }
        1 => "has failed",
        2 => "is not allowed to connect there",
        3 => "says that the network cannot be reached",
        4 => "says that the host cannot be reached",
        5 => "says that the connection was refused",
        6 => "says that it took too many hops",
        8 => "does not know this kind of address",
        _ => "refuses the connection",
    };
    Err(Refused::Said(format!("{why} (SOCKS code {})", answer[1])))
}

/// The length of a text, which SOCKS has one byte for.
fn short(text: &str) -> Result<u8, Refused> {
    u8::try_from(text.len())
        .map_err(|_| Refused::Said("cannot be told a name of more than 255 bytes".to_owned()))
}
