//! The certificate authorities that are trusted, each set read only when the ones before it do not know
//! the server's.

use crate::error::{Result, io_cause};
use crate::files;
use crate::http::bad_setting;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

type Verifier = Arc<dyn ServerCertVerifier>;

/// The sets of authorities, asked in order. Reading the system's takes milliseconds, so it waits
/// until the others have been asked.
#[derive(Debug)]
pub struct Roots {
    first: Option<Verifier>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, then the system.
    rest: [OnceLock<Option<Verifier>>; 2],
    provider: Arc<CryptoProvider>,
    unknown_issuer: Mutex<Option<String>>,
    vouched_by: OnceLock<&'static str>,
}

impl Roots {
    /// Those of `ca_file`, then the system's.
    pub fn new(ca_file: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let first = ca_file.map(|file| trust_file(file, provider)).transpose()?;
        Ok(Self {
            first,
            rest: [OnceLock::new(), OnceLock::new()],
            provider: Arc::clone(provider),
            unknown_issuer: Mutex::new(None),
            vouched_by: OnceLock::new(),
        })
    }

    /// The set of authorities that the server's certificate was accepted by.
    pub fn vouched_by(&self) -> Option<&'static str> {
        self.vouched_by.get().copied()
    }

    /// The authority of the last certificate that was refused for it.
    pub fn take_unknown_issuer(&self) -> Option<String> {
        self.unknown_issuer().take()
    }

    fn unknown_issuer(&self) -> MutexGuard<'_, Option<String>> {
        let held = self.unknown_issuer.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

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
        *self.unknown_issuer() = issuer(last);
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
