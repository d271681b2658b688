//! The certificate authorities that are trusted, each set read only when the ones before it do not know
//! the server's.

use super::system;
use super::verifier::{Verifier, trust_file};
use crate::error::Result;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The sets of authorities, asked in order. Reading the system's takes milliseconds, so it waits
/// until the others have been asked.
#[derive(Debug)]
pub struct Roots {
    first: Option<Verifier>,
    /// Those of [`SETS`].
    rest: [OnceLock<Option<Verifier>>; SETS.len()],
    provider: Arc<CryptoProvider>,
    unknown_issuer: Mutex<Option<UnknownIssuer>>,
    vouched_by: OnceLock<&'static str>,
}

/// What is asked after `ca_file`, in order.
const SETS: [&str; 3] = [
    "SSL_CERT_FILE or SSL_CERT_DIR",
    "the system's authorities",
    "the system's directory of authorities",
];

/// The authority that is not known.
#[derive(Debug, Default)]
pub struct UnknownIssuer {
    pub name: Option<String>,
    /// The server has sent nothing but its own certificate: perhaps one in between is missing.
    pub alone: bool,
}

impl Roots {
    /// Those of `ca_file`, then the system's.
    pub fn new(ca_file: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let first = ca_file.map(|file| trust_file(file, provider)).transpose()?;
        Ok(Self {
            first,
            rest: Default::default(),
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
    pub fn take_unknown_issuer(&self) -> Option<UnknownIssuer> {
        self.unknown_issuer().take()
    }

    fn unknown_issuer(&self) -> MutexGuard<'_, Option<UnknownIssuer>> {
        let held = self.unknown_issuer.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, which: usize) -> Option<&Verifier> {
        self.rest[which]
            .get_or_init(|| system::verifier(which, &self.provider))
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
        let sets = SETS.iter().enumerate();
        let sets = sets.filter_map(|(which, name)| Some((self.set(which)?, *name)));
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
        *self.unknown_issuer() = Some(UnknownIssuer {
            name: issuer(intermediates.last().unwrap_or(end_entity)),
            alone: intermediates.is_empty() && !is_its_own_issuer(end_entity),
        });
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

/// Whether a certificate names itself as its issuer.
fn is_its_own_issuer(certificate: &CertificateDer<'_>) -> bool {
    let mut names = common_names(certificate);
    let issuer = names.next();
    issuer.is_some() && issuer == names.next()
}

/// The common name of a certificate's issuer: enough to tell a company's proxy from a stranger.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let name = common_names(certificate).next()?;
    Some(format!("{:?}", String::from_utf8_lossy(name)))
}

/// The common names in a certificate, of which the issuer's stands before the subject's.
fn common_names<'a>(certificate: &'a CertificateDer<'_>) -> impl Iterator<Item = &'a [u8]> {
    // X.520 commonName, 2.5.4.3, then a string's tag and a length of one byte.
    const OID: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let der: &[u8] = certificate.as_ref();
    let found = der.windows(OID.len()).enumerate();
    let found = found.filter(|(_, window)| *window == OID);
    found.filter_map(move |(at, _)| {
        let at = at + OID.len();
        let length = usize::from(*der.get(at + 1)?);
        der.get(at + 2..at + 2 + length)
    })
}
