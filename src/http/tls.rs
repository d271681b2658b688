//! TLS for the one door: trusts `ca_file`, `SSL_CERT_FILE` and the system, each read only when the
//! ones before it do not know the server's authority.

use super::{Identity, bad_setting};
use crate::error::{Result, io_cause};
use crate::store::files;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, ConfigBuilder,
    DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
};
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};
use zeroize::Zeroizing;

type Verifier = Arc<dyn ServerCertVerifier>;

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
        let first = ca_file
            .map(|file| trust_file(file, &provider))
            .transpose()?;
        let roots = Arc::new(Roots {
            first,
            rest: [OnceLock::new(), OnceLock::new()],
            provider: Arc::clone(&provider),
            unknown_issuer: Mutex::new(None),
            vouched_by: OnceLock::new(),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| bad_setting(format!("TLS cannot be set up: {cause}")))?
            .dangerous() // The verifier below is rustls's own, asked once per set of authorities.
            .with_custom_certificate_verifier(Arc::clone(&roots) as Verifier);
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
        Trust(Arc::clone(&self.roots))
    }

    fn handshake(&self, cause: &std::io::Error) -> Handshake {
        use CertificateError as C;
        if let Some(refusal) = refusal(cause) {
            return refusal;
        }
        let plain = |what: String| Handshake {
            what,
            hint: None,
            retry: false,
            refused: false,
        };
        match cause
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            Some(rustls::Error::InvalidCertificate(C::UnknownIssuer)) => {
                let issuer = self
                    .roots
                    .unknown_issuer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                let issuer = issuer.unwrap_or_else(|| "an unnamed authority".to_owned());
                Handshake {
                    what: format!("its certificate is issued by {issuer}, which is not trusted here"),
                    hint: Some("put the authority's certificate in a file and name it by ca_file in the profile, or by SSL_CERT_FILE".to_owned()),
                    retry: false,
                    refused: false,
                }
            }
            Some(rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. })) => {
                plain("its certificate has expired (or this machine's clock is ahead)".to_owned())
            }
            Some(rustls::Error::InvalidCertificate(
                C::NotValidYet | C::NotValidYetContext { .. },
            )) => plain(
                "its certificate is not valid yet (or this machine's clock is behind)".to_owned(),
            ),
            Some(rustls::Error::InvalidCertificate(
                C::NotValidForName | C::NotValidForNameContext { .. },
            )) => plain("its certificate is for another host name".to_owned()),
            Some(rustls::Error::InvalidCertificate(C::Other(other)))
                if other.to_string().contains("CaUsedAsEndEntity") =>
            {
                Handshake {
                    what: "its certificate is an authority's own, not a server's".to_owned(),
                    hint: Some(
                        "make the server's certificate with basicConstraints=critical,CA:FALSE (openssl \
                         req -x509 -addext basicConstraints=critical,CA:FALSE) and name it by ca_file"
                            .to_owned(),
                    ),
                    retry: false,
                    refused: false,
                }
            }
            Some(cause) => plain(cause.to_string()),
            None => Handshake {
                retry: true,
                ..plain(io_cause(cause))
            },
        }
    }
}

/// Why a TLS connection was not made; travels inside an `io::Error` through ureq.
#[derive(Debug)]
pub struct Handshake {
    pub what: String,
    pub hint: Option<String>,
    /// Whether another try can help: not when the certificate is the trouble.
    pub retry: bool,
    /// Whether it is the server that said no.
    pub refused: bool,
}

/// Why a TLS connection was not made, from inside ureq's error.
pub fn handshake(cause: &std::io::Error) -> Option<&Handshake> {
    cause.get_ref()?.downcast_ref()
}

/// The server's word that it wants another client certificate, or one at all.
pub fn refusal(cause: &std::io::Error) -> Option<Handshake> {
    use AlertDescription as A;
    let inner = cause.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::AlertReceived(alert) = inner else {
        return None;
    };
    let why = match alert {
        A::CertificateRequired => "it asks for a client certificate, and was shown none",
        A::CertificateExpired => "it says that the client certificate has expired",
        A::CertificateRevoked => "it says that the client certificate is revoked",
        A::UnknownCA => "it does not know the authority of the client certificate",
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown | A::AccessDenied => {
            "it does not take the client certificate"
        }
        _ => return None,
    };
    Some(Handshake {
        what: why.to_owned(),
        hint: Some("check client_certificate and client_key in the profile".to_owned()),
        retry: false,
        refused: true,
    })
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

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Handshake {}

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
            if cause.kind() == std::io::ErrorKind::TimedOut {
                return Err(ureq::Error::Timeout(ureq::Timeout::Connect));
            }
            return Err(ureq::Error::Io(std::io::Error::other(
                self.handshake(&cause),
            )));
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

/// The sets of authorities, asked in order. Reading the system's takes milliseconds, so it waits
/// until the others have been asked.
#[derive(Debug)]
struct Roots {
    first: Option<Verifier>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, then the system.
    rest: [OnceLock<Option<Verifier>>; 2],
    provider: Arc<CryptoProvider>,
    unknown_issuer: Mutex<Option<String>>,
    vouched_by: OnceLock<&'static str>,
}

/// The authorities of a connection, to be asked which of them vouched for the server.
#[derive(Debug)]
pub struct Trust(Arc<Roots>);

impl Trust {
    /// The set of authorities that the server's certificate was accepted by.
    pub fn vouched_by(&self) -> Option<&'static str> {
        self.0.vouched_by.get().copied()
    }
}

impl Roots {
    fn set(&self, which: usize) -> Option<&Verifier> {
        self.rest[which]
            .get_or_init(|| platform::verifier(which, &self.provider))
            .as_ref()
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let named = ["SSL_CERT_FILE or SSL_CERT_DIR", "the system's authorities"];
        let sets = [0, 1].into_iter();
        let sets = sets.filter_map(|which| Some((self.set(which)?, named[which])));
        for (set, name) in self.first.iter().map(|set| (set, "ca_file")).chain(sets) {
            let verdict =
                set.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            match verdict {
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                )) => {}
                verdict => {
                    if verdict.is_ok() {
                        self.vouched_by.get_or_init(|| name);
                    }
                    return verdict;
                }
            }
        }
        let last = intermediates.last().unwrap_or(end_entity);
        *self
            .unknown_issuer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = issuer(last);
        Err(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Trusts every certificate of a PEM file.
fn trust_file(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Verifier> {
    let refuse = |why: String| bad_setting(format!("ca_file {}: {why}", file.display()));
    let open = files::open_regular(file).map_err(|cause| refuse(io_cause(&cause)))?;
    let certificates = CertificateDer::pem_reader_iter(open)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| match cause {
            rustls::pki_types::pem::Error::Io(cause) => refuse(io_cause(&cause)),
            _ => refuse("it is not in PEM form".to_owned()),
        })?;
    trust(certificates, provider).ok_or_else(|| refuse("it holds no usable certificate".to_owned()))
}

fn trust(
    certificates: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Option<Verifier> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        return None;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    verifier.build().ok().map(|verifier| verifier as Verifier)
}

/// The common name of a certificate's issuer, which stands before the subject's: enough to tell a
/// company's proxy from a stranger.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    // X.520 commonName, 2.5.4.3, then a string's tag and a length of one byte.
    let oid = [0x06, 0x03, 0x55, 0x04, 0x03];
    let der = certificate.as_ref();
    let at = der.windows(oid.len()).position(|window| window == oid)? + oid.len();
    let length = usize::from(*der.get(at + 1)?);
    let name = der.get(at + 2..at + 2 + length)?;
    Some(format!("{:?}", String::from_utf8_lossy(name)))
}

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use super::{CryptoProvider, Verifier, trust};
    use crate::env;
    use std::path::Path;
    use std::sync::Arc;

    /// Where Debian, Fedora, openSUSE, and Alpine or the BSDs keep all authorities in one file.
    const BUNDLES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    pub fn verifier(which: usize, provider: &Arc<CryptoProvider>) -> Option<Verifier> {
        let (file, directory) = env::extra_roots();
        let bundle = BUNDLES.iter().map(Path::new).find(|bundle| bundle.exists());
        let (file, directory) = match which {
            // The system's own bundle is read once, as the system's.
            0 => (
                file.as_deref().filter(|file| Some(*file) != bundle),
                directory.as_deref().filter(|_| file.is_none()),
            ),
            _ => (bundle, None),
        };
        let found = rustls_native_certs::load_certs_from_paths(file, directory);
        trust(found.certs, provider)
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod platform {
    use super::{CryptoProvider, Verifier, trust_file};
    use crate::env;
    use std::sync::Arc;

    pub fn verifier(which: usize, provider: &Arc<CryptoProvider>) -> Option<Verifier> {
        match which {
            0 => env::extra_roots()
                .0
                .and_then(|file| trust_file(&file, provider).ok()),
            _ => rustls_platform_verifier::Verifier::new(Arc::clone(provider))
                .ok()
                .map(|verifier| Arc::new(verifier) as Verifier),
        }
    }
}
