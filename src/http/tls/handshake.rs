//! Why a TLS connection was not made, and what to do about it.

use super::roots::UnknownIssuer;
use crate::error::io_cause;
use rustls::{AlertDescription, CertificateError};
use std::fmt;
use std::io::ErrorKind;

/// Why a TLS connection was not made; travels inside an `io::Error`.
#[derive(Debug)]
pub struct Handshake {
    pub what: String,
    pub hint: Option<String>,
    /// Whether another try can help: not when the certificate is the trouble.
    pub retry: bool,
    /// Whether it is the server that said no.
    pub refused: bool,
}

/// Why a TLS connection was not made, from inside an `io::Error`.
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

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Handshake {}

impl Handshake {
    /// A failure that another try would meet again.
    pub fn lasting(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            retry: false,
            refused: false,
        }
    }

    /// What went wrong; `issuer` names the authority that is not known.
    pub fn new(cause: &std::io::Error, issuer: impl FnOnce() -> UnknownIssuer) -> Self {
        use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
        if let Some(refusal) = refusal(cause) {
            return refusal;
        }
        let inner = cause.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            // With TLS 1.2 many servers say no more to a client that shows no certificate.
            Some(AlertReceived(AlertDescription::HandshakeFailure)) => Self {
                hint: Some(ASKED_OR_OLD.to_owned()),
                ..Self::lasting("it refuses the handshake")
            },
            Some(InvalidCertificate(wrong)) => of_certificate(wrong, issuer),
            Some(PeerIncompatible(_) | AlertReceived(AlertDescription::ProtocolVersion)) => Self {
                hint: Some(OLD.to_owned()),
                ..Self::lasting("it has no TLS 1.2 or 1.3, or no cipher of today")
            },
            Some(InvalidMessage(_)) => Self {
                hint: Some(NO_TLS.to_owned()),
                ..Self::lasting("what it answers is no TLS")
            },
            Some(cause) => Self::lasting(cause.to_string()),
            None => Self {
                retry: true,
                ..Self::lasting(match cause.kind() {
                    ErrorKind::UnexpectedEof => {
                        "the connection was closed before the end of the handshake".to_owned()
                    }
                    _ => io_cause(cause),
                })
            },
        }
    }
}

fn of_certificate(wrong: &CertificateError, issuer: impl FnOnce() -> UnknownIssuer) -> Handshake {
    use CertificateError as C;
    let (what, hint) = match wrong {
        C::UnknownIssuer => {
            let issuer = issuer();
            let hint = if issuer.alone { ALONE } else { UNKNOWN_ISSUER };
            let name = issuer.name;
            let name = name.unwrap_or_else(|| "an unnamed authority".to_owned());
            let what = format!("its certificate is issued by {name}, which is not trusted here");
            (what, hint)
        }
        C::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "its certificate is an authority's own, not a server's".to_owned(),
            AUTHORITY_AS_SERVER,
        ),
        C::Expired | C::ExpiredContext { .. } => (
            "its certificate has expired (or this machine's clock is ahead)".to_owned(),
            ENDED,
        ),
        C::NotValidYet | C::NotValidYetContext { .. } => (
            "its certificate is not valid yet (or this machine's clock is behind)".to_owned(),
            CLOCK,
        ),
        C::NotValidForName => ("its certificate is for another host name".to_owned(), NAME),
        C::NotValidForNameContext { presented, .. } => (for_others(presented), NAME),
        other => in_words(other),
    };
    Handshake {
        hint: Some(hint.to_owned()),
        ..Handshake::lasting(what)
    }
}

/// Whom a certificate is for, as far as it says it.
fn for_others(names: &[String]) -> String {
    let names = names.iter().take(MOST_NAMES);
    let names: Vec<String> = names
        .map(|name| crate::text::clean(name, 80, &[]))
        .collect();
    if names.is_empty() {
        return "its certificate is for no host name (it has no subjectAltName)".to_owned();
    }
    format!(
        "its certificate is for another host name: {}",
        names.join(", ")
    )
}

/// Of so many names of a certificate each is told.
const MOST_NAMES: usize = 3;

/// What else can be wrong with a server's certificate, and who ends it.
fn in_words(wrong: &CertificateError) -> (String, &'static str) {
    use CertificateError as C;
    let said = |what: &str| what.to_owned();
    match wrong {
        C::Other(other) => of_webpki(&other.to_string()),
        C::Revoked => (said("its certificate has been revoked"), RENEW),
        C::BadSignature => (
            said("its certificate is not signed by whom it names (a forged or damaged one)"),
            NOT_TO_BE_TRUSTED,
        ),
        C::BadEncoding => (said("its certificate cannot be read"), NEW),
        C::UnhandledCriticalExtension => (said(CRITICAL), NEW),
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => (
            said("its certificate is not for a server (extendedKeyUsage without serverAuth)"),
            PURPOSE,
        ),
        // The names of both begin so.
        other if format!("{other:?}").starts_with("UnsupportedSignatureAlgorithm") => (
            said("its certificate is signed in a way that is not taken any more (as with SHA-1)"),
            NEW,
        ),
        other => (format!("its certificate is not good ({other:?})"), NEW),
    }
}

/// The words of webpki's own errors.
fn of_webpki(name: &str) -> (String, &'static str) {
    let is = |part: &str| name.contains(part);
    if is("UnsupportedCertVersion") {
        let what = "its certificate, or one above it, is of X.509 version 1, as openssl x509 -req makes it without extensions";
        return (what.to_owned(), VERSION);
    }
    if is("UnsupportedCriticalExtension") {
        return (CRITICAL.to_owned(), NEW);
    }
    if is("EndEntityUsedAsCa") {
        let what = "a server's certificate stands where its authority's has to";
        return (what.to_owned(), CHAIN);
    }
    if is("PathLenConstraintViolated") || is("NameConstraintViolation") {
        let what = "its authority may not issue such a certificate";
        return (what.to_owned(), NOT_TO_BE_TRUSTED);
    }
    if is("UnsupportedSignatureAlgorithm") || is("UnsupportedCrlSignatureAlgorithm") {
        let what = "its certificate is signed in a way that is not taken any more (as with SHA-1)";
        return (what.to_owned(), NEW);
    }
    let name = crate::text::clean(name, 80, &[]);
    (format!("its certificate is not good ({name})"), NEW)
}

const CRITICAL: &str =
    "its certificate demands something that is not known here (a critical extension)";

const RENEW: &str = "who runs the server must get another certificate for it";

const NEW: &str =
    "who runs the server must make its certificate anew (openssl req -x509, or its authority)";

const NOT_TO_BE_TRUSTED: &str = "do not go on before who runs the server has said why; a device on the way may answer in its place";

const PURPOSE: &str = "who runs the server must make its certificate with extendedKeyUsage=serverAuth, or without that extension";

const VERSION: &str = "who runs the server must make it with extensions, as in: openssl x509 -req ... -extfile FILE with the line \
                       subjectAltName=DNS:HOST in FILE";

const CHAIN: &str =
    "name the authority's own certificate by ca_file, or have the server send the chain in order";

const NAME: &str = "check the host in the address; if it is right, who runs the server must name it in the certificate's \
                    subjectAltName";

/// `PROFILE` is filled in where it is known: see `Profile::addressed`.
const UNKNOWN_ISSUER: &str = "put that authority's certificate in a file, and run: tokctl add PROFILE --change --ca-file FILE (for \
                              all programs: SSL_CERT_FILE)";

const ENDED: &str = "compare the clock with: date -u; if it is wrong, run: timedatectl set-ntp true; if it is right, who runs the \
                     server must renew its certificate";

const CLOCK: &str =
    "compare the clock with: date -u; if it is wrong, run: timedatectl set-ntp true";

const ALONE: &str = "if browsers trust it, the server leaves out the certificate in between: who runs it must send the whole \
                     chain; else put that certificate or the authority's in a file, and run: tokctl add PROFILE \
                     --change --ca-file FILE";

const OLD: &str = "older versions are not spoken here: who runs the server, or the device on the way that answers for it, must \
                   switch on TLS 1.2";

const NO_TLS: &str = "check scheme and port of the address: what answers there speaks without TLS, or another \
                      protocol; for another address, run: tokctl add PROFILE --change ADDRESS https://…";

const ASKED_OR_OLD: &str = "if it asks for a client certificate, set client_certificate and client_key in the profile; \
                            else it may have no TLS 1.2 or 1.3, or no cipher of today";

const AUTHORITY_AS_SERVER: &str = "make the server's certificate with basicConstraints=critical,CA:FALSE (openssl req -x509 -addext \
     basicConstraints=critical,CA:FALSE) and name it by ca_file";
