//! TLS for the one door, and the client's certificate in it.

mod handshake;
mod roots;

use super::{Identity, bad_setting};
use crate::error::Result;
use handshake::Handshake;
pub use handshake::{handshake, refusal};
use roots::Roots;
pub use roots::Trust;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, StreamOwned};
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};
use zeroize::Zeroizing;

/// Wraps a connection in TLS; ureq's own connector cannot be given a verifier.
#[derive(Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    roots: Arc<Roots>,
}

impl TlsConnector {
    /// Trusts the system's authorities, and those of `ca_file`; shows the client's certificate where it
    /// is asked for one.
    pub fn new(ca_file: Option<&Path>, identity: Option<&Identity<'_>>) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(Roots::new(ca_file, &provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| bad_setting(format!("TLS cannot be set up: {cause}")))?
            .dangerous() // The verifier below is rustls's own, asked once per set of authorities.
            .with_custom_certificate_verifier(Arc::clone(&roots) as _);
        let config = match identity {
            Some(identity) => own_certificate(config, identity)?,
            None => config.with_no_client_auth(),
        };
        Ok(Self {
            config: Arc::new(config),
            roots,
        })
    }

    /// What to ask afterwards who vouched for the server.
    pub fn trust(&self) -> Trust {
        Trust::new(Arc::clone(&self.roots))
    }
}

/// Puts the client's certificate into a configuration.
fn own_certificate(
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &Identity<'_>,
) -> Result<ClientConfig> {
    let text = identity.certificate.expose().as_bytes();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| bad_setting("client_certificate: it is not in PEM form"))?;
    if chain.is_empty() {
        return Err(bad_setting("client_certificate: it holds no certificate"));
    }
    let key = Zeroizing::new(identity.key.expose().replace("\\n", "\n"));
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
        bad_setting("client_key: beside a client_certificate it must be in PEM form")
    })?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|cause| match cause {
            rustls::Error::InconsistentKeys(_) => {
                bad_setting("client_key does not belong to client_certificate")
            }
            cause => bad_setting(format!("client_certificate: {cause}")),
        })
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details
            .uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ureq::Error::Tls("the host name is not valid in a certificate"))?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name);
        let mut connection = connection.map_err(|_| ureq::Error::Tls("TLS cannot be set up"))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        if let Err(cause) = connection.complete_io(&mut socket) {
            let inner = cause.get_ref().and_then(|inner| inner.downcast_ref());
            let timed_out = matches!(inner, Some(ureq::Error::Timeout(_)));
            if timed_out || cause.kind() == std::io::ErrorKind::TimedOut {
                return Err(ureq::Error::Timeout(ureq::Timeout::Connect));
            }
            return Err(ureq::Error::Io(std::io::Error::other(Handshake::new(
                &cause,
                || self.roots.take_unknown_issuer(),
            ))));
        }
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned {
            conn: connection,
            sock: socket,
        };
        Ok(Some(Either::B(TlsTransport { buffers, stream })))
    }
}

/// A connection inside TLS.
pub struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}
