//! A set of certificate authorities that vouches for servers.

use crate::error::{Result, io_cause};
use crate::files;
use crate::http::bad_setting;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;

/// Says whether a server's certificate is good.
pub type Verifier = Arc<dyn ServerCertVerifier>;

/// Trusts every certificate of a PEM file.
pub fn trust_file(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Verifier> {
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

/// A verifier for these authorities; nothing where none of them can be used.
pub fn trust(
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
