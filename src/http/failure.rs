//! Why there is no answer, in the words of this program.

use super::connection::{Proxy, Refused, Unknown};
use super::tls;
use super::trouble::Trouble;
use crate::bounded;
use crate::error::io_cause;
use crate::files;
use std::io;

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

/// Where a request goes, for messages.
#[derive(Debug)]
pub struct Way {
    /// The server's host and port.
    pub host: String,
    /// The proxy, without its password, and the variable that names it.
    pub proxy: Option<(String, &'static str)>,
}

impl Way {
    pub fn new(host: &str, proxy: Option<&Proxy>) -> Self {
        Self {
            host: host.to_owned(),
            proxy: proxy.map(|proxy| (proxy.place(), proxy.variable)),
        }
    }

    /// The server, and the proxy on the way to it.
    fn words(&self) -> String {
        match &self.proxy {
            Some((proxy, _)) => format!("{} through the proxy {proxy}", self.host),
            None => self.host.clone(),
        }
    }

    /// What the connection is made to first.
    fn first(&self) -> String {
        match &self.proxy {
            Some((proxy, variable)) => format!("the proxy {proxy} of {variable}"),
            None => format!("the host {}", self.host),
        }
    }

    /// Why a connection is wanted, where it is not to the server itself.
    fn purpose(&self) -> String {
        match &self.proxy {
            Some(_) => format!(", which is on the way to {}", self.host),
            None => String::new(),
        }
    }

    fn failure(what: String, verdict: Verdict) -> Failure {
        Failure {
            what,
            hint: None,
            verdict,
            retry: true,
        }
    }

    /// The name has no address.
    pub fn unknown(&self, why: &Unknown) -> Failure {
        let (first, purpose) = (self.first(), self.purpose());
        let what = match why {
            Unknown::NoSuchHost => format!("{first}{purpose} was not found"),
            Unknown::NotInTime => {
                format!("the name of {first}{purpose} could not be looked up in time")
            }
            Unknown::NoServer => {
                format!(
                    "the name of {first}{purpose} could not be looked up: no name server answers"
                )
            }
            Unknown::Failed(words) => {
                format!("the name of {first}{purpose} could not be looked up: {words}")
            }
        };
        let hint = match why {
            Unknown::NotInTime | Unknown::NoServer => Some(SLOW.to_owned()),
            Unknown::NoSuchHost if self.proxy.is_none() => Some(MISNAMED.to_owned()),
            Unknown::NoSuchHost => Some(self.without_proxy()),
            Unknown::Failed(_) => None,
        };
        Failure {
            hint,
            ..Self::failure(what, Verdict::NothingSent)
        }
    }

    /// The same of the server's own name, where the proxy does not look it up.
    pub fn unknown_server(&self, why: &Unknown) -> Failure {
        let direct = Self {
            host: self.host.clone(),
            proxy: None,
        };
        direct.unknown(why)
    }

    /// No connection was made.
    pub fn unconnected(&self, cause: &io::Error) -> Failure {
        let words = self.words();
        if cause.kind() == io::ErrorKind::TimedOut {
            let what = format!("no connection to {words} in time");
            return Self::failure(what, Verdict::NothingSent);
        }
        let what = format!("no connection to {words}: {}", io_cause(cause));
        let hint = match cause.kind() {
            io::ErrorKind::PermissionDenied => Some(BARRED.to_owned()),
            io::ErrorKind::ConnectionRefused if self.proxy.is_some() => Some(self.without_proxy()),
            io::ErrorKind::ConnectionRefused => Some(NOBODY.to_owned()),
            _ => files::remedy(cause).map(str::to_owned),
        };
        Failure {
            hint,
            ..Self::failure(what, Verdict::NothingSent)
        }
    }

    /// What to do about a proxy that is not there.
    fn without_proxy(&self) -> String {
        let variable = self.proxy.as_ref().map_or("", |(_, variable)| *variable);
        let host = self.host.split(':').next().unwrap_or_default();
        format!(
            "start the proxy, or do without: for this host alone, run: export no_proxy={host}; for all, run: unset \
             {variable}"
        )
    }

    /// The proxy has not made a way to the server. Once is enough: a password that is wrong five times
    /// may lock an account.
    pub fn no_tunnel(&self, refused: &Refused) -> Failure {
        let (first, purpose) = (self.first(), self.purpose());
        let variable = self.proxy.as_ref().map_or("", |(_, variable)| *variable);
        let (words, hint) = match refused {
            Refused::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => {
                return self.unconnected(cause);
            }
            Refused::Io(cause) => {
                let what = format!("{first}{purpose}, ended the connection: {}", broken(cause));
                return Self::failure(what, Verdict::NothingSent);
            }
            Refused::Said(words) => {
                let hint = format!(
                    "ask who runs the proxy; where {} is reached without it, name the host in no_proxy",
                    self.host
                );
                (words, hint)
            }
            Refused::Login(words) => {
                let hint = format!(
                    "set {variable} to an address with the user name and password for the proxy, as in \
                     http://USER:PASSWORD@HOST:PORT (%40 for @, %3A for :)"
                );
                (words, hint)
            }
        };
        Failure {
            hint: Some(hint),
            retry: false,
            ..Self::failure(format!("{first}{purpose}, {words}"), Verdict::NothingSent)
        }
    }

    /// No secure connection was made.
    pub fn insecure(&self, cause: &io::Error) -> Failure {
        match tls::refusal(cause)
            .as_ref()
            .or_else(|| tls::handshake(cause))
        {
            Some(tls) => Failure {
                what: format!("no secure connection to {}: {}", self.words(), tls.what),
                hint: tls.hint.clone(),
                verdict: if tls.refused {
                    Verdict::AnswerLost
                } else {
                    Verdict::NothingSent
                },
                retry: tls.retry,
            },
            None => self.unconnected(cause),
        }
    }

    /// There is no head of an answer.
    pub fn unanswered(&self, trouble: &Trouble) -> Failure {
        let words = self.words();
        match trouble {
            Trouble::Unsent(cause) => {
                let what = format!("the connection to {words} broke: {}", broken(cause));
                Self::failure(what, Verdict::NothingSent)
            }
            Trouble::Body(cause) => Failure {
                retry: false,
                ..Self::failure(
                    format!(
                        "what is to be sent to {} cannot be read: {}",
                        self.host,
                        io_cause(cause)
                    ),
                    Verdict::NothingSent,
                )
            },
            Trouble::Lost(cause) => self.lost(cause),
            Trouble::Unreadable(what) => {
                Self::failure(format!("{words} {what}"), Verdict::Unreadable)
            }
        }
    }

    /// The answer has not come, or not to its end.
    pub fn lost(&self, cause: &io::Error) -> Failure {
        let words = self.words();
        // In TLS 1.3 the server looks at the client's certificate after the handshake.
        if tls::refusal(cause).is_some() {
            return self.insecure(cause);
        }
        let what = if cause.kind() == io::ErrorKind::TimedOut {
            format!("no answer from {words} in time")
        } else {
            format!("the connection to {words} broke: {}", broken(cause))
        };
        Self::failure(what, Verdict::AnswerLost)
    }

    /// The answer is larger than any that is read.
    pub fn too_large(&self, limit: u64) -> Failure {
        let what = format!(
            "the answer of {} is larger than {}",
            self.words(),
            bounded::size(limit)
        );
        Failure {
            retry: false,
            ..Self::failure(what, Verdict::Unreadable)
        }
    }

    /// The request is none that can be made.
    pub fn not_sendable(&self) -> Failure {
        let what = format!(
            "the request to {} cannot be made: a header is not allowed",
            self.words()
        );
        Failure {
            retry: false,
            ..Self::failure(what, Verdict::NothingSent)
        }
    }
}

const SLOW: &str =
    "no name server has answered: check the network, and the name servers in /etc/resolv.conf";

/// `PROFILE` and `ADDRESS` are filled in where they are known: see `Profile::addressed`.
const MISNAMED: &str = "if the name is right, it is known in another network only (a VPN?); for another address, run: tokctl add \
                        PROFILE --change ADDRESS https://…";

const NOBODY: &str = "nothing listens there: the server is not running, or its host or port is another one; for another address, \
                      run: tokctl add PROFILE --change ADDRESS https://…";

const BARRED: &str = "something on this machine forbids the connection: a firewall's rule, a route that prohibits it, or \
                      a unit's IPAddressDeny= or RestrictAddressFamilies=";

/// How a connection ended.
fn broken(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => {
            "it was closed before the end of the answer".to_owned()
        }
        _ => io_cause(cause),
    }
}
