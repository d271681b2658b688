//! The loopback listener to which the browser brings the code back (RFC 8252 section 7.3).
//!
//! Strangers come too: favicons, preconnects, other tabs, other programs, other users. Each gets an answer of its
//! own thread and none of them ends the wait, or makes it longer.

use super::peer::{self, Peer};
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, io_cause};
use crate::http::Endpoint;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A request's head is at most this long; codes of a few kilobytes exist.
const MAX_HEAD: usize = 16 * 1024;

/// A browser sends its request at once; who is slower is not the browser that is waited for.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// So many connections are served at a time, each by a thread and with an open file, of which a process usually may have
/// 1024; for one more the oldest goes.
const MAX_CONNECTIONS: usize = 256;

/// A free port of IPv4 may be another program's of IPv6; that many are tried.
const PORTS: usize = 16;

/// Where the redirect goes.
pub struct Listener {
    redirect_uri: String,
    arrivals: Receiver<Arrival>,
}

/// A request for the redirect's path: its parameters, and the browser that waits for an answer.
pub struct Arrival {
    pub parameters: BTreeMap<String, String>,
    stream: Guest,
}

impl Listener {
    /// Listens where the redirect URI says; without one on a free port of 127.0.0.1. A URI without a
    /// port gets a free one, which servers with a rule for loopback allow (RFC 8252 section 7.3).
    pub fn start(profile: &str, configured: Option<&str>) -> Result<Self> {
        let uri = RedirectUri::read(profile, configured.unwrap_or("http://127.0.0.1/callback"))?;
        let (listeners, port) = uri.listen().map_err(|(at, cause)| {
            let what = format!(
                "cannot listen on {at} for the redirect: {}",
                io_cause(&cause)
            );
            let hint = "another program, perhaps another login, uses this port; or use --device or --paste";
            Error::about(profile, Kind::Io, what).hint(hint)
        })?;
        let redirect_uri = uri.uri(port);
        let (send, arrivals) = mpsc::channel();
        let served = Arc::new(Served {
            path: uri.path,
            hosts: match port {
                // Browsers leave out the scheme's own port.
                80 => vec![uri.host.clone(), format!("{}:80", uri.host)],
                _ => vec![format!("{}:{port}", uri.host)],
            },
            guests: Mutex::default(),
        });
        for listener in listeners {
            let (send, served) = (send.clone(), Arc::clone(&served));
            std::thread::Builder::new()
                .spawn(move || accept(&listener, &send, &served))
                .map_err(|cause| Error::io("a thread that waits for the browser", &cause))?;
        }
        Ok(Self {
            redirect_uri,
            arrivals,
        })
    }

    /// The redirect URI, exactly as it has to be sent.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The next request for the redirect's path; none before the deadline.
    pub fn next(&self, deadline: Deadline) -> Option<Arrival> {
        self.arrivals.recv_timeout(deadline.left()).ok()
    }
}

impl Arrival {
    /// Answers the browser. One that has gone away is no error.
    pub fn answer(self, status: &str, page: &str) {
        respond(&self.stream, status, page);
    }

    /// Answers one who is not waited for, beside the wait.
    pub fn turn_away(self, status: &'static str, page: String) {
        // Without a thread for it the connection is closed, which is an answer too.
        let answer = move || self.answer(status, &page);
        drop(std::thread::Builder::new().spawn(answer));
    }

    /// Keeps its place against a crowd: it is the one that is waited for.
    pub fn keep(&self) {
        self.stream.leave();
    }

    /// Whose program has brought it.
    pub fn peer(&self) -> Peer {
        let ends = self
            .stream
            .0
            .local_addr()
            .and_then(|ours| Ok((ours, self.stream.0.peer_addr()?)));
        // Reset already: nobody waits for an answer.
        ends.map_or(Peer::Gone, |(ours, theirs)| peer::of(ours, theirs))
    }
}

/// A redirect URI taken apart.
struct RedirectUri {
    text: String,
    host: String,
    addresses: Vec<IpAddr>,
    /// 0 for a free one.
    port: u16,
    path: String,
}

impl RedirectUri {
    fn read(profile: &str, uri: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::about(
                profile,
                Kind::Config,
                format!("redirect_uri {uri:?} {what}"),
            )
            .hint("a redirect that does not come back to this machine needs --paste")
        };
        let rest = uri
            .strip_prefix("http://")
            .ok_or_else(|| wrong("is not http on loopback"))?;
        Endpoint::parse(uri).map_err(|_| wrong("is not http on loopback"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) if port > 0 => (host, port),
                _ => return Err(wrong("has no valid port")),
            },
            _ => (authority, 0),
        };
        let addresses = match host {
            "localhost" => vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ],
            host => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                vec![
                    bare.parse()
                        .map_err(|_| wrong("must name 127.0.0.1, [::1] or localhost"))?,
                ]
            }
        };
        let path = path.split('?').next().unwrap_or_default();
        Ok(Self {
            text: uri.to_owned(),
            host: host.to_owned(),
            addresses,
            port,
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        })
    }

    /// Listens on all addresses that the host stands for and this machine has, at one port.
    fn listen(&self) -> Result<(Vec<TcpListener>, u16), (SocketAddr, io::Error)> {
        let mut tries = if self.port == 0 { PORTS } else { 1 };
        loop {
            tries -= 1;
            match self.listen_once() {
                Err((_, cause)) if tries > 0 && cause.kind() == io::ErrorKind::AddrInUse => {}
                listening => return listening,
            }
        }
    }

    fn listen_once(&self) -> Result<(Vec<TcpListener>, u16), (SocketAddr, io::Error)> {
        let mut listeners = Vec::new();
        let mut port = self.port;
        let mut absent = None;
        for address in &self.addresses {
            let at = SocketAddr::new(*address, port);
            match TcpListener::bind(at) {
                Ok(listener) => {
                    port = listener.local_addr().map_or(port, |address| address.port());
                    listeners.push(listener);
                }
                // A machine may have only one of the two that `localhost` means. One that is there and taken is
                // somebody else's, to whom a browser may go first.
                Err(cause) if is_absent(&cause) => absent = Some((at, cause)),
                Err(cause) => return Err((at, cause)),
            }
        }
        match absent {
            Some(absent) if listeners.is_empty() => Err(absent),
            _ => Ok((listeners, port)),
        }
    }

    /// Verbatim, but for a port that was left open.
    fn uri(&self, port: u16) -> String {
        if self.port != 0 {
            return self.text.clone();
        }
        let rest = &self.text["http://".len() + self.host.len()..];
        format!("http://{}:{port}{rest}", self.host)
    }
}

/// Whether the machine has no such address at all.
fn is_absent(cause: &io::Error) -> bool {
    #[cfg(unix)]
    const NO_FAMILY: i32 = nix::libc::EAFNOSUPPORT;
    // WSAEAFNOSUPPORT.
    #[cfg(not(unix))]
    const NO_FAMILY: i32 = 10047;
    cause.kind() == io::ErrorKind::AddrNotAvailable || cause.raw_os_error() == Some(NO_FAMILY)
}

struct Served {
    path: String,
    /// As a browser that was sent here names it; DNS rebinding brings other names.
    hosts: Vec<String>,
    /// Those that are here, the one that came first in front.
    guests: Mutex<VecDeque<Arc<TcpStream>>>,
}

/// A connection, which leaves its place to others in the end.
struct Guest(Arc<TcpStream>, Arc<Served>);

impl Served {
    fn guests<T>(&self, change: impl FnOnce(&mut VecDeque<Arc<TcpStream>>) -> T) -> T {
        change(&mut self.guests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets one in. Who came first and is still here has said nothing, or is no browser.
    fn admit(self: &Arc<Self>, stream: TcpStream) -> Guest {
        let stream = Arc::new(stream);
        self.guests(|guests| {
            if guests.len() >= MAX_CONNECTIONS {
                send_away(guests);
            }
            guests.push_back(Arc::clone(&stream));
        });
        Guest(stream, Arc::clone(self))
    }
}

/// Ends the oldest connection: its thread sees that and goes.
fn send_away(guests: &mut VecDeque<Arc<TcpStream>>) {
    if let Some(oldest) = guests.pop_front() {
        // It may have ended by itself.
        drop(oldest.shutdown(std::net::Shutdown::Both));
    }
}

impl Guest {
    /// Is none of those any more who go when others come.
    fn leave(&self) {
        let Self(own, served) = self;
        served.guests(|guests| guests.retain(|guest| !Arc::ptr_eq(guest, own)));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave();
    }
}

fn accept(listener: &TcpListener, arrivals: &Sender<Arrival>, served: &Arc<Served>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // No file left for it, perhaps: somebody makes room, and it is tried again.
            served.guests(send_away);
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let (arrivals, guest) = (arrivals.clone(), served.admit(stream));
        // Without a thread for it the connection is closed, and the browser can be sent here again.
        drop(std::thread::Builder::new().spawn(move || serve(guest, &arrivals)));
    }
}

fn serve(guest: Guest, arrivals: &Sender<Arrival>) {
    let deadline = Deadline::after(HEAD_TIME);
    let Some(head) = read_head(&guest.0, deadline) else {
        return respond(&guest, "408 Request Timeout", "");
    };
    match parse(&head, &guest.1.path, &guest.1.hosts) {
        Ok(parameters) => drop(arrivals.send(Arrival {
            parameters,
            stream: guest,
        })),
        Err(status) => respond(&guest, status, ""),
    }
}

fn read_head(mut stream: &TcpStream, deadline: Deadline) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.left();
        if left.is_zero() || head.len() > MAX_HEAD {
            return None;
        }
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut part) {
            Ok(length) if length > 0 => head.extend_from_slice(&part[..length]),
            _ => return None,
        }
    }
    Some(head)
}

/// The redirect's parameters, or the status for a stranger. `ours` is the path that the redirect has,
/// `hosts` are the names that this listener goes by.
pub fn parse(
    head: &[u8],
    ours: &str,
    hosts: &[String],
) -> Result<BTreeMap<String, String>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let whole = request.parse(head).is_ok_and(|status| status.is_complete());
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err("400 Bad Request");
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !whole {
        return Err("400 Bad Request");
    }
    if path != ours {
        return Err("404 Not Found");
    }
    if method != "GET" {
        return Err("405 Method Not Allowed");
    }
    let host = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("host"));
    let known = |host: &httparse::Header<'_>| {
        hosts
            .iter()
            .any(|name| host.value.eq_ignore_ascii_case(name.as_bytes()))
    };
    if !host.is_some_and(known) {
        return Err("400 Bad Request");
    }
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut parameters = BTreeMap::new();
    for (name, value) in pairs {
        // A parameter that comes twice is no answer of a server (RFC 6749 section 3.1).
        if parameters
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err("400 Bad Request");
        }
    }
    Ok(parameters)
}

fn respond(guest: &Guest, status: &str, page: &str) {
    let mut stream: &TcpStream = &guest.0;
    let page = if page.is_empty() {
        super::page::plain(status)
    } else {
        page.to_owned()
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that has gone away needs no answer.
    let sent = stream
        .set_write_timeout(Some(HEAD_TIME))
        .and_then(|()| stream.write_all(answer.as_bytes()));
    drop(sent.and_then(|()| stream.shutdown(std::net::Shutdown::Write)));
    // Closed with unread bytes, the connection would be reset and the page with it.
    drop(stream.set_read_timeout(Some(Duration::from_millis(200))));
    drop(stream.read(&mut [0; 1024]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> Option<(u16, String, String)> {
        let uri = RedirectUri::read("p", uri).ok()?;
        Some((uri.port, uri.path.clone(), uri.uri(4711)))
    }

    #[test]
    fn a_redirect_uri_is_kept_to_the_letter() {
        let cases = [
            (
                "http://127.0.0.1:8000/cb",
                8000,
                "/cb",
                "http://127.0.0.1:8000/cb",
            ),
            ("http://localhost:3000", 3000, "/", "http://localhost:3000"),
            (
                "http://127.0.0.1/callback",
                0,
                "/callback",
                "http://127.0.0.1:4711/callback",
            ),
            ("http://[::1]/x?y=1", 0, "/x", "http://[::1]:4711/x?y=1"),
            ("http://[::1]:99/x", 99, "/x", "http://[::1]:99/x"),
        ];
        for (uri, port, path, sent) in cases {
            assert_eq!(
                parts(uri),
                Some((port, path.to_owned(), sent.to_owned())),
                "{uri}"
            );
        }
        for wrong in [
            "https://127.0.0.1/cb",
            "http://a.example/cb",
            "http://0.0.0.0/cb",
            "myapp:/cb",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:0/",
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn strangers_are_told_apart() {
        let hosts = ["127.0.0.1:80".to_owned()];
        let ask =
            |head: &str| parse(head.as_bytes(), "/callback", &hosts).map_err(|status| &status[..3]);
        let host = "\r\nHost: 127.0.0.1:80\r\n\r\n";
        assert!(ask(&format!("GET /callback?code=a&state=b HTTP/1.1{host}")).is_ok());
        assert_eq!(ask(&format!("GET /favicon.ico HTTP/1.1{host}")), Err("404"));
        assert_eq!(ask(&format!("POST /callback HTTP/1.1{host}")), Err("405"));
        assert_eq!(
            ask("GET /callback HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            Err("400")
        );
        assert_eq!(
            ask(&format!("GET /callback?a=1&a=2 HTTP/1.1{host}")),
            Err("400")
        );
        assert_eq!(ask("nonsense\r\n\r\n"), Err("400"));
    }
}
