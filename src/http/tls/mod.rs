//! TLS for the one door, and the client's certificate in it.

mod handshake;
mod roots;
mod stream;
mod system;
mod verifier;

use super::{ClientCertificate, bad_setting};
use crate::error::Result;
use handshake::Handshake;
pub use handshake::{handshake, refusal};
use roots::Roots;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
pub use stream::{Below, Tls};
use zeroize::Zeroizing;

/// What puts connections into TLS.
pub struct Client {
    config: Arc<ClientConfig>,
    roots: Arc<Roots>,
}

impl Client {
    /// Trusts the system's authorities, and those of `ca_file`; shows the client's certificate where it
    /// is asked for one.
    pub fn new(
        ca_file: Option<&Path>,
        certificate: Option<&ClientCertificate<'_>>,
    ) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(Roots::new(ca_file, &provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| bad_setting(format!("TLS cannot be set up: {cause}")))?
            .dangerous() // The verifier below is rustls's own, asked once per set of authorities.
            .with_custom_certificate_verifier(Arc::clone(&roots) as _);
        let config = match certificate {
            Some(certificate) => own_certificate(config, certificate)?,
            None => config.with_no_client_auth(),
        };
        Ok(Self {
            config: Arc::new(config),
            roots,
        })
    }

    /// Makes a connection inside TLS to the host; an error that is no [`Handshake`] is that it was not
    /// made in time.
    pub fn start<B: Below>(&self, below: B, host: &str) -> io::Result<Tls<B>> {
        let lasting = |what: &str| io::Error::other(Handshake::lasting(what));
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| lasting("the host's name is not valid in a certificate"))?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|cause| lasting(&format!("TLS cannot be set up: {cause}")))?;
        let mut tls = Tls { session, below };
        match tls.session.complete_io(&mut tls.below) {
            Ok(_) => Ok(tls),
            Err(cause) if cause.kind() == ErrorKind::TimedOut => Err(cause),
            Err(cause) => {
                let handshake = Handshake::new(&cause, || {
                    self.roots.take_unknown_issuer().unwrap_or_default()
                });
                Err(io::Error::other(handshake))
            }
        }
    }

    /// The set of authorities that the last server's certificate was accepted by.
    pub fn vouched_by(&self) -> Option<&'static str> {
        self.roots.vouched_by()
    }
}

/// Puts the client's certificate into a configuration.
fn own_certificate(
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    own: &ClientCertificate<'_>,
) -> Result<ClientConfig> {
    let text = own.certificate.expose().as_bytes();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| bad_setting("client_certificate: it is not in PEM form"))?;
    if chain.is_empty() {
        return Err(bad_setting("client_certificate: it holds no certificate"));
    }
    let key = Zeroizing::new(own.key.expose().replace("\\n", "\n"));
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
        bad_setting("client_key: beside a client_certificate it must be in PEM form")
    })?;
    let key = config
        .crypto_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| bad_setting("client_key: TLS cannot use a key of this kind"))?;
    if !belongs(&chain[0], &*key) {
        return Err(bad_setting(
            "client_key does not belong to client_certificate",
        ));
    }
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    Ok(config.with_client_cert_resolver(Arc::new(shown)))
}

/// Whether a certificate is of a key. It is the server's to judge all else in it: one of X.509 version 1, which
/// `openssl x509 -req` makes where nobody asks for extensions, is not read by webpki, and taken by many servers.
fn belongs(certificate: &CertificateDer<'_>, key: &dyn SigningKey) -> bool {
    let Some(public) = key.public_key() else {
        return true;
    };
    // The certificate has the public key in the form in which it is here (RFC 5280 section 4.1).
    memchr::memmem::find(certificate, &public).is_some()
}
