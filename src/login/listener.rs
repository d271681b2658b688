//! The loopback listener to which the browser brings the code back (RFC 8252 section 7.3).
//!
//! Strangers come too: favicons, preconnects, other tabs, other programs. Each gets an answer of its
//! own thread and none of them ends the wait.

use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, io_cause};
use crate::http::Endpoint;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// A request's head is at most this long; codes of a few kilobytes exist.
const MAX_HEAD: usize = 16 * 1024;

/// A browser sends its request at once; who is slower is not the browser that is waited for.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// So many connections are served at a time, each by a thread; more are sent away.
const MAX_CONNECTIONS: usize = 512;

/// Where the redirect goes.
pub struct Listener {
    redirect_uri: String,
    arrivals: Receiver<Arrival>,
}

/// A request for the redirect's path: its parameters, and the browser that waits for an answer.
pub struct Arrival {
    pub parameters: BTreeMap<String, String>,
    stream: TcpStream,
}

impl Listener {
    /// Listens where the redirect URI says; without one on a free port of 127.0.0.1. A URI without a
    /// port gets a free one, which servers with a rule for loopback allow (RFC 8252 section 7.3).
    pub fn start(profile: &str, configured: Option<&str>) -> Result<Self> {
        let place = Place::read(profile, configured.unwrap_or("http://127.0.0.1/callback"))?;
        let mut listeners = Vec::new();
        let mut port = place.port;
        for address in &place.addresses {
            let listener = match TcpListener::bind(SocketAddr::new(*address, port)) {
                Ok(listener) => listener,
                // A machine may have only one of the two that `localhost` means.
                Err(_) if !listeners.is_empty() => continue,
                Err(cause) => {
                    let at = SocketAddr::new(*address, port);
                    let what = format!(
                        "cannot listen on {at} for the redirect: {}",
                        io_cause(&cause)
                    );
                    let hint = "another program, perhaps another login, uses this port; or use --device or --paste";
                    return Err(Error::about(profile, Kind::Io, what).hint(hint));
                }
            };
            port = listener.local_addr().map_or(port, |address| address.port());
            listeners.push(listener);
        }
        let redirect_uri = place.uri(port);
        let (send, arrivals) = mpsc::channel();
        let served = Arc::new(Served {
            path: place.path,
            hosts: match port {
                // Browsers leave out the scheme's own port.
                80 => vec![place.host.clone(), format!("{}:80", place.host)],
                _ => vec![format!("{}:{port}", place.host)],
            },
            busy: AtomicUsize::new(0),
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
    pub fn answer(mut self, status: &str, page: &str) {
        respond(&mut self.stream, status, page);
    }
}

/// A redirect URI taken apart.
struct Place {
    text: String,
    host: String,
    addresses: Vec<IpAddr>,
    /// 0 for a free one.
    port: u16,
    path: String,
}

impl Place {
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

    /// Verbatim, but for a port that was left open.
    fn uri(&self, port: u16) -> String {
        if self.port != 0 {
            return self.text.clone();
        }
        let rest = &self.text["http://".len() + self.host.len()..];
        format!("http://{}:{port}{rest}", self.host)
    }
}

struct Served {
    path: String,
    /// As a browser that was sent here names it; DNS rebinding brings other names.
    hosts: Vec<String>,
    busy: AtomicUsize,
}

fn accept(listener: &TcpListener, arrivals: &Sender<Arrival>, served: &Arc<Served>) {
    for stream in listener.incoming().flatten() {
        if served.busy.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            served.busy.fetch_sub(1, Ordering::Relaxed);
            let mut stream = stream;
            respond(&mut stream, "503 Service Unavailable", "");
            continue;
        }
        let (arrivals, own) = (arrivals.clone(), Arc::clone(served));
        let thread = std::thread::Builder::new().spawn(move || {
            serve(stream, &arrivals, &own);
            own.busy.fetch_sub(1, Ordering::Relaxed);
        });
        if thread.is_err() {
            // The connection is closed, and the browser can be sent here again.
            served.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(mut stream: TcpStream, arrivals: &Sender<Arrival>, served: &Served) {
    let deadline = Deadline::after(HEAD_TIME);
    let Some(head) = read_head(&mut stream, deadline) else {
        return respond(&mut stream, "408 Request Timeout", "");
    };
    match parse(&head, &served.path, &served.hosts) {
        Ok(parameters) => drop(arrivals.send(Arrival { parameters, stream })),
        Err(status) => respond(&mut stream, status, ""),
    }
}

fn read_head(stream: &mut TcpStream, deadline: Deadline) -> Option<Vec<u8>> {
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

fn respond(stream: &mut TcpStream, status: &str, page: &str) {
    let page = if page.is_empty() {
        super::page::plain(status)
    } else {
        page.to_owned()
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
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

    fn place(uri: &str) -> Option<(u16, String, String)> {
        let place = Place::read("p", uri).ok()?;
        Some((place.port, place.path.clone(), place.uri(4711)))
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
                place(uri),
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
            assert!(place(wrong).is_none(), "{wrong}");
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
