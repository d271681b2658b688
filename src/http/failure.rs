//! Why there is no answer, in the words of this program.

use super::tls;
use crate::error::io_cause;

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    /// What happened, without any secret.
    pub what: String,
    pub hint: Option<String>,
    pub verdict: Verdict,
    /// Whether another try can help.
    pub retry: bool,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server has not got it: it can be sent again whatever it holds.
    NothingSent,
    /// The server may have got it and acted on it; the answer was lost on the way.
    AnswerLost,
    /// The server has answered, and its answer cannot be read: it was not lost on the way, and what was
    /// good for one use is used up.
    Unreadable,
}

/// An error of the library in our words.
pub(super) fn failure(cause: &ureq::Error, host: &str) -> Failure {
    use Verdict::{AnswerLost, NothingSent, Unreadable};
    use ureq::{Error as E, Timeout as T};
    let plain = |what: String, verdict: Verdict| Failure {
        what,
        hint: None,
        verdict,
        retry: true,
    };
    match cause {
        E::HostNotFound => plain(format!("the host {host} was not found"), NothingSent),
        E::ConnectionFailed => plain(format!("no connection to {host}"), NothingSent),
        E::ConnectProxyFailed(_) | E::InvalidProxyUrl => plain(
            format!("no connection to {host}, which refuses it"),
            NothingSent,
        ),
        E::Timeout(T::Resolve | T::Connect) => {
            plain(format!("no connection to {host} in time"), NothingSent)
        }
        E::Timeout(_) => plain(format!("no answer from {host} in time"), AnswerLost),
        // In TLS 1.3 the server looks at the certificate after the handshake.
        E::Io(cause) => match tls::refusal(cause)
            .as_ref()
            .or_else(|| tls::handshake(cause))
        {
            Some(tls) => Failure {
                what: format!("no secure connection to {host}: {}", tls.what),
                hint: tls.hint.clone(),
                verdict: if tls.refused { AnswerLost } else { NothingSent },
                retry: tls.retry,
            },
            None => plain(
                format!("{}: {}", io_words(cause, host), io_cause(cause)),
                if never_sent(cause) {
                    NothingSent
                } else {
                    AnswerLost
                },
            ),
        },
        E::BodyExceedsLimit(_) => {
            let what = format!("the answer of {host} is larger than 1 MiB");
            Failure {
                retry: false,
                ..plain(what, Unreadable)
            }
        }
        E::LargeResponseHeader(..) => {
            let what = format!("the answer of {host} has too large a header");
            Failure {
                retry: false,
                ..plain(what, Unreadable)
            }
        }
        // The request itself is never part of these errors' texts.
        E::Protocol(cause) => plain(
            format!("{host} did not answer in HTTP: {cause}"),
            AnswerLost,
        ),
        E::Http(_) | E::BadUri(_) => {
            let what = format!("the request to {host} cannot be made: a header is not allowed");
            Failure {
                retry: false,
                ..plain(what, NothingSent)
            }
        }
        _ => plain(format!("the exchange with {host} failed"), AnswerLost),
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
