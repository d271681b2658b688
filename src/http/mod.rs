//! The one door to the network: bounded in time and size, https unless loopback, no redirects.

mod proxy;
mod resolver;
mod tls;
mod transfer;

use crate::clock::{self, Epoch};
use crate::error::{Error, Result, io_cause};
use crate::secret::Secret;
use crate::ui;
use resolver::LiteralFirst;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
pub use transfer::{Incoming, Payload};
use ureq::http::Uri;
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, SocksConnector, TcpConnector,
};
use zeroize::Zeroizing;

/// A token reply is a few kilobytes; a megabyte is no token reply.
const MAX_BODY: u64 = 1024 * 1024;

/// Finding the host and connecting to it may take this long: a host that drops packets must not
/// use up the time that a second try could need.
const CONNECT: Duration = Duration::from_secs(10);

/// A reply's header must fit into the first, a request's into the second.
const INPUT_BUFFER: usize = 32 * 1024;
const OUTPUT_BUFFER: usize = 16 * 1024;

/// A URL that secrets may be sent to: https, or http on loopback.
#[derive(Debug, Clone)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Takes a URL that is safe to send secrets to, or says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
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
            return Err("has something else than a host and a port in it".to_owned());
        }
        // It is also shown, and a terminal takes some of these for orders.
        if !url.is_ascii() {
            return Err("must have %XX for what is not ASCII".to_owned());
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback(authority.host()) => Ok(Self(uri)),
            Some("http") => Err("must be https; http is for loopback only".to_owned()),
            _ => Err("must be https".to_owned()),
        }
    }

    /// Takes scheme, host and port without a path.
    pub fn parse_origin(url: &str) -> Result<Self, String> {
        let origin = Self::parse(url)?;
        match origin
            .0
            .path_and_query()
            .map_or("", ureq::http::uri::PathAndQuery::as_str)
        {
            "" | "/" => Ok(origin),
            _ => Err("must be scheme://host[:port] without a path".to_owned()),
        }
    }

    /// Scheme, host and port as they are compared: in lower case, without a default port.
    pub fn origin(&self) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let host = self.0.host().unwrap_or_default().to_ascii_lowercase();
        let usual = if scheme == "https" { 443 } else { 80 };
        match self.0.port_u16().filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }

    /// Whether requests go through TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.bare_host())
    }

    /// Host and port, for messages.
    pub fn host(&self) -> &str {
        self.0
            .authority()
            .map_or("", ureq::http::uri::Authority::as_str)
    }

    /// The URL itself.
    pub fn url(&self) -> String {
        self.0.to_string()
    }

    fn bare_host(&self) -> &str {
        self.0
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
    }
}

/// Whether a URL's host is this machine: 127.0.0.0/8, `[::1]` or localhost.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// What a server answered, whatever its status.
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    /// A compression, which was not asked for.
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

/// A client's certificate with its key, both in PEM (RFC 8705).
pub struct Identity<'a> {
    pub certificate: &'a Secret,
    pub key: &'a Secret,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    /// What happened, without any secret.
    pub what: String,
    pub hint: Option<String>,
    /// Whether the server may have got the request and acted on it.
    pub sent: bool,
    /// Whether another try can help.
    pub retry: bool,
}

/// A client for one profile's requests.
pub struct Http {
    agent: ureq::Agent,
    /// The proxy on the way, for messages: without its password.
    proxy: Option<String>,
    trust: Option<tls::Trust>,
}

impl Http {
    /// Prepares requests to `endpoint`: proxy by the environment, certificate authorities of the
    /// system, of `SSL_CERT_FILE` and of `ca_file`.
    pub fn new(endpoint: &Endpoint, ca_file: Option<&Path>) -> Result<Self> {
        Self::with_identity(endpoint, ca_file, None)
    }

    /// The same, with a certificate to show where the server asks for one.
    pub fn with_identity(
        endpoint: &Endpoint,
        ca_file: Option<&Path>,
        identity: Option<&Identity<'_>>,
    ) -> Result<Self> {
        let proxy = if endpoint.is_loopback() {
            None
        } else {
            proxy::for_host(
                endpoint.0.scheme_str().unwrap_or_default(),
                endpoint.bare_host(),
            )?
        };
        let through = proxy
            .as_ref()
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("tokctl/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .input_buffer_size(INPUT_BUFFER)
            .output_buffer_size(OUTPUT_BUFFER)
            .max_idle_connections(0)
            .proxy(proxy)
            .build();
        let chain =
            ().chain(SocksConnector::default())
                .chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default());
        let (agent, trust) = if endpoint.is_https() {
            let tls = tls::TlsConnector::new(ca_file, identity)?;
            let trust = tls.trust();
            let resolver = LiteralFirst::default();
            let agent = ureq::Agent::with_parts(config, chain.chain(tls), resolver);
            (agent, Some(trust))
        } else {
            let agent = ureq::Agent::with_parts(config, chain, LiteralFirst::default());
            (agent, None)
        };
        Ok(Self {
            agent,
            proxy: through,
            trust,
        })
    }

    /// The proxy that requests go through, without its password.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Who vouched for the server's certificate in the last request; none without TLS.
    pub fn vouched_by(&self) -> Option<&'static str> {
        self.trust.as_ref()?.vouched_by()
    }

    /// The server's host, and the proxy on the way to it.
    fn way_to(&self, endpoint: &Endpoint) -> String {
        match &self.proxy {
            Some(proxy) => format!("{} through the proxy {proxy}", endpoint.host()),
            None => endpoint.host().to_owned(),
        }
    }

    /// Posts a body and reads the whole answer within `limit`.
    pub fn post(
        &self,
        endpoint: &Endpoint,
        headers: &[(String, Secret)],
        content_type: &str,
        body: &Secret,
        limit: Duration,
    ) -> Result<Reply, Failure> {
        let _waiting = ui::waiting(format!("waiting for {}", endpoint.host()));
        let sent_at = clock::now();
        let mut request = self
            .agent
            .post(&endpoint.0)
            .content_type(content_type)
            .config()
            .timeout_global(Some(limit))
            .build();
        for (name, value) in headers {
            request = request.header(name, value.expose());
        }
        let response = request.send(body.expose());
        read(response, &self.way_to(endpoint), sent_at)
    }

    /// Reads a public document within `limit`.
    pub fn get(&self, endpoint: &Endpoint, limit: Duration) -> Result<Reply, Failure> {
        let _waiting = ui::waiting(format!("waiting for {}", endpoint.host()));
        let sent_at = clock::now();
        let request = self
            .agent
            .get(&endpoint.0)
            .config()
            .timeout_global(Some(limit))
            .build();
        read(request.call(), &self.way_to(endpoint), sent_at)
    }
}

/// Reads the whole answer.
fn read(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    host: &str,
    sent_at: Epoch,
) -> Result<Reply, Failure> {
    let mut response = response.map_err(|cause| failure(&cause, host))?;
    let text = |name: &str| {
        Some(
            response
                .headers()
                .get(name)?
                .to_str()
                .ok()?
                .trim()
                .to_owned(),
        )
    };
    let (content_type, retry_after) = (text("content-type"), text("retry-after"));
    let (location, date) = (text("location"), text("date"));
    let content_encoding = text("content-encoding").filter(|coding| coding != "identity");
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_BODY)
        .read_to_vec();
    Ok(Reply {
        status,
        content_type: content_type.unwrap_or_default(),
        content_encoding,
        retry_after,
        date,
        location,
        body: Zeroizing::new(body.map_err(|cause| failure(&cause, host))?),
        sent_at,
    })
}

/// An error of the library in our words.
fn failure(cause: &ureq::Error, host: &str) -> Failure {
    use ureq::{Error as E, Timeout as T};
    let plain = |what: String, sent: bool| Failure {
        what,
        hint: None,
        sent,
        retry: true,
    };
    match cause {
        E::HostNotFound => plain(format!("the host {host} was not found"), false),
        E::ConnectionFailed => plain(format!("no connection to {host}"), false),
        E::ConnectProxyFailed(_) | E::InvalidProxyUrl => {
            plain(format!("no connection to {host}, which refuses it"), false)
        }
        E::Timeout(T::Resolve | T::Connect) => {
            plain(format!("no connection to {host} in time"), false)
        }
        E::Timeout(_) => plain(format!("no answer from {host} in time"), true),
        // In TLS 1.3 the server looks at the certificate after the handshake.
        E::Io(cause) => match tls::refusal(cause)
            .as_ref()
            .or_else(|| tls::handshake(cause))
        {
            Some(tls) => Failure {
                what: format!("no secure connection to {host}: {}", tls.what),
                hint: tls.hint.clone(),
                sent: tls.refused,
                retry: tls.retry,
            },
            None => plain(
                format!("{}: {}", io_words(cause, host), io_cause(cause)),
                !never_sent(cause),
            ),
        },
        E::BodyExceedsLimit(_) => {
            let what = format!("the answer of {host} is larger than 1 MiB");
            Failure {
                retry: false,
                ..plain(what, true)
            }
        }
        E::LargeResponseHeader(..) => {
            let what = format!("the answer of {host} has too large a header");
            Failure {
                retry: false,
                ..plain(what, true)
            }
        }
        // The request itself is never part of these errors' texts.
        E::Protocol(cause) => plain(format!("{host} did not answer in HTTP: {cause}"), true),
        E::Http(_) | E::BadUri(_) => {
            let what = format!("the request to {host} cannot be made: a header is not allowed");
            Failure {
                retry: false,
                ..plain(what, false)
            }
        }
        _ => plain(format!("the exchange with {host} failed"), true),
    }
}

fn never_sent(cause: &std::io::Error) -> bool {
    use std::io::ErrorKind as K;
    matches!(
        cause.kind(),
        K::ConnectionRefused
            | K::HostUnreachable
            | K::NetworkUnreachable
            | K::AddrNotAvailable
            | K::NetworkDown
    )
}

fn io_words(cause: &std::io::Error, host: &str) -> String {
    if never_sent(cause) {
        format!("no connection to {host}")
    } else {
        format!("the connection to {host} broke")
    }
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

/// Where a redirect points to, without what may be secret in it.
pub fn redirect_host(location: &str) -> String {
    let host = location
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    host.unwrap_or_else(|| "another page of the same host".to_owned())
}

/// An error of the settings, which is the configuration's.
fn bad_setting(what: impl Into<String>) -> Error {
    Error::config(what)
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
            "",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert!(Endpoint::parse_origin("https://a.example:5000").is_ok());
        assert!(Endpoint::parse_origin("https://a.example/x").is_err());
    }
}
