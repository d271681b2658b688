//! The certificate authorities that the system trusts, and those that the environment adds (as curl has it).

use super::verifier::Verifier;
use crate::ui;
pub use platform::verifier;
use rustls::crypto::CryptoProvider;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says once what of `SSL_CERT_FILE` and `SSL_CERT_DIR` is of no use: the others may do.
fn tell(variable: &str, place: &Path, why: &str) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        let place = place.display();
        ui::warn(&format!(
            "{variable} {place}: {why}: only the system's certificate authorities are trusted"
        ));
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use super::{CryptoProvider, Path, Verifier, tell};
    use crate::env;
    use crate::error::io_cause;
    use crate::http::tls::verifier::trust;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls_native_certs::load_certs_from_paths as load;
    use std::sync::Arc;

    /// Where Debian, Fedora, openSUSE, and Alpine or the BSDs keep all authorities in one file.
    const BUNDLES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    /// Where OpenSSL looks for an authority by its name's hash: what an administrator has put there by hand
    /// is in no bundle.
    const DIRECTORIES: [&str; 3] = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/usr/lib/ssl/certs"];

    /// The sets in the order of their names above.
    pub fn verifier(which: usize, provider: &Arc<CryptoProvider>) -> Option<Verifier> {
        let bundle = BUNDLES.iter().map(Path::new).find(|bundle| bundle.exists());
        let certificates = match which {
            0 => named(bundle),
            1 => load(bundle, None).certs,
            _ => hashed(),
        };
        trust(certificates, provider)
    }

    /// Those of `SSL_CERT_FILE` and of each directory of `SSL_CERT_DIR`.
    fn named(bundle: Option<&Path>) -> Vec<CertificateDer<'static>> {
        let (file, directories) = env::extra_roots();
        // The system's own bundle is read once, as the system's.
        let file = file.filter(|file| Some(file.as_path()) != bundle);
        let file = file.map(|file| ("SSL_CERT_FILE", file));
        let directories = directories.into_iter().map(|place| ("SSL_CERT_DIR", place));
        let mut all = Vec::new();
        for (variable, place) in file.into_iter().chain(directories) {
            // What curl passes over in silence is a file among others in a directory.
            let unread = match variable {
                "SSL_CERT_FILE" => std::fs::File::open(&place).map(drop),
                _ => std::fs::read_dir(&place).map(drop),
            };
            if let Err(cause) = unread {
                tell(variable, &place, &io_cause(&cause));
                continue;
            }
            let found = match variable {
                "SSL_CERT_FILE" => load(Some(&place), None),
                _ => load(None, Some(&place)),
            };
            if found.certs.is_empty() {
                tell(variable, &place, "it holds no certificate in PEM form");
            }
            all.extend(found.certs);
        }
        all
    }

    fn hashed() -> Vec<CertificateDer<'static>> {
        let entries = DIRECTORIES.iter().flat_map(std::fs::read_dir);
        let files = entries.flatten().flatten().map(|entry| entry.path());
        let certificates = files.filter(|file| is_hash(file.as_path()));
        let certificates = certificates.filter_map(|file| CertificateDer::pem_file_iter(file).ok());
        certificates.flatten().flatten().collect()
    }

    /// Eight hexadecimal digits and a number, as `openssl rehash` names its links.
    fn is_hash(file: &Path) -> bool {
        let name = file.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.split_once('.'))
            .is_some_and(|(hash, number)| {
                hash.len() == 8
                    && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && number.parse::<u32>().is_ok()
            })
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod platform {
    use super::{CryptoProvider, Verifier, tell};
    use crate::env;
    use crate::http::tls::verifier::trust_file;
    use std::sync::Arc;

    pub fn verifier(which: usize, provider: &Arc<CryptoProvider>) -> Option<Verifier> {
        match which {
            0 => {
                let file = env::extra_roots().0?;
                let found = trust_file(&file, provider);
                if found.is_err() {
                    tell(
                        "SSL_CERT_FILE",
                        &file,
                        "it cannot be read, or holds no certificate",
                    );
                }
                found.ok()
            }
            1 => rustls_platform_verifier::Verifier::new(Arc::clone(provider))
                .ok()
                .map(|verifier| Arc::new(verifier) as Verifier),
            _ => None,
        }
    }
}
