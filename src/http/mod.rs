//! The one door to the network: bounded in time and size, https unless loopback, no redirects.

mod endpoint;
mod failure;
mod origin;
mod proxy;
mod resolver;
mod tls;
mod transfer;

use crate::clock::{self, Epoch};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::ui;
pub use endpoint::Endpoint;
use failure::failure;
pub use failure::{Failure, Verdict};
pub use origin::Origin;
use resolver::LiteralFirst;
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
                endpoint.uri.scheme_str().unwrap_or_default(),
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
            .post(&endpoint.uri)
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
            .get(&endpoint.uri)
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
