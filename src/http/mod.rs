//! The one door to the network: bounded in time and size, https unless loopback, no redirects.
//!
//! ureq speaks HTTP/1.1 on connections that are made here, for what a login depends on: by itself it looks names up in a
//! thread, which there may be none for, and tries addresses one after the other (`connection`); it takes no head that curl
//! takes and a strict parser does not, so that the refresh token in such an answer would be lost, and it shows no answer
//! that comes before the request has ended (`transport`).

mod channel;
mod chunked;
mod coding;
mod connection;
mod endpoint;
mod failure;
mod head;
mod idn;
mod origin;
mod payload;
mod request;
mod round_trip;
mod tls;
mod told;
mod transfer;
mod transport;
mod trouble;
mod whole;

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::ui;
use channel::Channel;
pub use connection::lookup::serve as look_up;
use connection::{Patience, Proxy, ProxyKind, Socket};
pub use endpoint::Endpoint;
use failure::Way;
pub use failure::{Failure, Verdict};
use head::Head;
pub use origin::Origin;
pub use payload::Payload;
pub use request::is_own_header;
use request::{Asked, JSON_WANTED};
use round_trip::{Inbox, round_trip};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
pub use transfer::Incoming;
use ureq::http::{StatusCode, Uri};
pub use whole::bare;
use zeroize::Zeroizing;

/// Finding the host and connecting to it may take this long: a host that drops packets must not
/// use up the time that a second try could need.
const CONNECT: Duration = Duration::from_secs(10);

/// What a server answered, whatever its status.
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    /// A compression that could not be undone.
    pub content_encoding: Option<String>,
    /// `Retry-After` as it was sent: seconds or a date (RFC 9110 section 10.2.3).
    pub retry_after: Option<String>,
    /// The server's clock, as it was sent (RFC 9110 section 6.6.1).
    pub date: Option<String>,
    /// Where a redirect, which is not followed, would have led.
    pub location: Option<String>,
    pub body: Zeroizing<Vec<u8>>,
    /// The clock at the start of the request.
    pub sent_at: Epoch,
}

/// What is posted.
#[derive(Clone, Copy)]
pub struct Posted<'a> {
    pub headers: &'a [(String, Secret)],
    pub content_type: &'a str,
    pub body: &'a Secret,
}

/// A client's certificate with its key, both in PEM (RFC 8705).
pub struct ClientCertificate<'a> {
    pub certificate: &'a Secret,
    pub key: &'a Secret,
}

/// A client for one profile's requests.
pub struct Http {
    proxy: Option<Proxy>,
    /// Where the proxy itself is reached in TLS: it is shown no client certificate.
    proxy_tls: Option<tls::Client>,
    tls: Option<tls::Client>,
}

impl Http {
    /// Prepares requests to `endpoint`: proxy by the environment, certificate authorities of the
    /// system, of `SSL_CERT_FILE` and of `ca_file`.
    pub fn new(endpoint: &Endpoint, ca_file: Option<&Path>) -> Result<Self> {
        Self::with_certificate(endpoint, ca_file, None)
    }

    /// The same, with a certificate to show where the server asks for one.
    pub fn with_certificate(
        endpoint: &Endpoint,
        ca_file: Option<&Path>,
        certificate: Option<&ClientCertificate<'_>>,
    ) -> Result<Self> {
        let scheme = if endpoint.is_https() { "https" } else { "http" };
        let proxy = if endpoint.is_loopback() {
            None
        } else {
            Proxy::for_host(scheme, endpoint.bare_host())?
        };
        let in_tls = |wanted: bool, certificate| {
            let client = wanted.then(|| tls::Client::new(ca_file, certificate));
            client.transpose()
        };
        let to_proxy = proxy.as_ref().map(|proxy| proxy.kind) == Some(ProxyKind::Https);
        Ok(Self {
            proxy_tls: in_tls(to_proxy, None)?,
            tls: in_tls(endpoint.is_https(), certificate)?,
            proxy,
        })
    }

    /// The proxy that requests go through, without its password.
    pub fn proxy(&self) -> Option<String> {
        self.proxy.as_ref().map(Proxy::place)
    }

    /// Who vouched for the server's certificate in the last request; none without TLS.
    pub fn vouched_by(&self) -> Option<&'static str> {
        self.tls.as_ref()?.vouched_by()
    }

    fn way_to(&self, endpoint: &Endpoint) -> Way {
        Way::new(endpoint.host(), self.proxy.as_ref())
    }

    /// Posts a body and reads the whole answer within `limit`.
    pub fn post(
        &self,
        endpoint: &Endpoint,
        posted: Posted<'_>,
        limit: Duration,
    ) -> Result<Reply, Failure> {
        let Posted {
            headers,
            content_type,
            body,
        } = posted;
        let usual = [JSON_WANTED, ("content-type", content_type)];
        let body = Payload::Bytes(body.expose().as_bytes());
        self.whole(endpoint, (("POST", &usual, headers), body), limit)
    }

    /// Reads a public document within `limit`.
    pub fn get(&self, endpoint: &Endpoint, limit: Duration) -> Result<Reply, Failure> {
        let asked = ("GET", &[JSON_WANTED][..], &[][..]);
        self.whole(endpoint, (asked, Payload::Nothing), limit)
    }

    fn whole(
        &self,
        endpoint: &Endpoint,
        request: (Asked<'_>, Payload<'_>),
        limit: Duration,
    ) -> Result<Reply, Failure> {
        let _waiting = ui::waiting(format!("waiting for {}", endpoint.host()));
        let sent_at = clock::now();
        let patience = Patience::until(Deadline::after(limit));
        let (head, mut inbox) = self.ask(endpoint, request, patience)?;
        let (body, coding) = whole::read(&head, &mut inbox, &self.way_to(endpoint))?;
        let text = |name: &str| head.header(name).map(str::to_owned);
        Ok(Reply {
            status: head.status,
            content_type: text("content-type").unwrap_or_default(),
            content_encoding: coding,
            retry_after: text("retry-after"),
            date: text("date"),
            location: text("location"),
            body,
            sent_at,
        })
    }

    /// Makes a connection and a request, and reads the head of the answer.
    fn ask(
        &self,
        endpoint: &Endpoint,
        (asked, payload): (Asked<'_>, Payload<'_>),
        patience: Patience,
    ) -> Result<(Head, Inbox), Failure> {
        let way = self.way_to(endpoint);
        let request =
            request::request(endpoint, asked, &payload).ok_or_else(|| way.not_sendable())?;
        let mut channel = self.connect(endpoint, &way, patience.until)?;
        channel.socket().patience = patience;
        round_trip(channel, request, payload).map_err(|trouble| way.unanswered(&trouble))
    }

    /// Connects to the server, through the proxy and in TLS where they are wanted.
    fn connect(
        &self,
        endpoint: &Endpoint,
        way: &Way,
        until: Option<Deadline>,
    ) -> Result<Channel, Failure> {
        let deadline = Deadline::after(until.map_or(CONNECT, |until| until.left().min(CONNECT)));
        let (host, port) = (endpoint.bare_host(), endpoint.port());
        let look_up = |host: &str, port| connection::addresses(host, port, deadline);
        let first = self.proxy.as_ref();
        let first = first.map_or((host, port), |proxy| (proxy.host.as_str(), proxy.port));
        let addresses = look_up(first.0, first.1).map_err(|why| way.unknown(&why))?;
        let stream =
            connection::connect(&addresses, deadline).map_err(|cause| way.unconnected(&cause))?;
        let mut channel = Channel::Plain(Socket::new(stream, Patience::until(deadline)));
        if let Some(proxy) = &self.proxy {
            if let Some(tls) = &self.proxy_tls {
                let inside = tls.start(channel, &proxy.host);
                let inside = inside.map_err(|cause| way.insecure(&cause))?;
                channel = Channel::Tls(Box::new(inside));
            }
            let address = if proxy.looks_up() || host.parse::<IpAddr>().is_ok() {
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)
            } else {
                let found = look_up(host, port).map_err(|why| way.unknown_server(&why))?;
                // SOCKS 4 has no IPv6.
                let v4 = found.iter().find(|address| address.is_ipv4());
                *v4.unwrap_or(&found[0])
            };
            connection::tunnel(&mut channel, proxy, host, address)
                .map_err(|refused| way.no_tunnel(&refused))?;
        }
        match &self.tls {
            Some(tls) => {
                let inside = tls.start(channel, host);
                let inside = inside.map_err(|cause| way.insecure(&cause))?;
                Ok(Channel::Tls(Box::new(inside)))
            }
            None => Ok(channel),
        }
    }
}

/// The usual word for a status (RFC 9110 section 15).
pub fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

/// Where a redirect points to, without what may be secret in it.
pub fn redirect_host(location: &str) -> String {
    let host = location
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    host.unwrap_or_else(|| "another page of the same host".to_owned())
}

/// Whether a redirect leads to another host than the one that was asked.
pub fn leads_elsewhere(location: &str, endpoint: &Endpoint) -> bool {
    let to = location.parse::<Uri>().ok();
    let to = to.and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    to.is_some_and(|host| {
        Some(host.as_str()) != endpoint.uri.host().map(str::to_ascii_lowercase).as_deref()
    })
}

/// An error of the settings, which is the configuration's.
fn bad_setting(what: impl Into<String>) -> Error {
    Error::config(what)
}
