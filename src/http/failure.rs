//! Why there is no answer, in the words of this program.

use super::tls;
use crate::error::io_cause;

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

/// An error of the library in our words.
pub(super) fn failure(cause: &ureq::Error, host: &str) -> Failure {
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
