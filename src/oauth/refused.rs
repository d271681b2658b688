//! Why a server gave no tokens: the message with the next command, and what the caller can do about it.

use super::hint::{self, Sent};
use super::reply::{self, Refusal};
use super::verdict::{self, Asked, Cause, Known, Said};
use super::{Connection, TokenRequest};
use crate::error::{Error, Kind};
use crate::http::{self, Endpoint, Verdict};
use crate::profile::Profile;
use crate::secret::Secret;
use std::time::{Duration, UNIX_EPOCH};

/// Why there are no tokens, by what the caller can do about it.
pub struct Refused {
    pub cause: Cause,
    pub error: Error,
}

impl Refused {
    /// Whether the server may have taken what is good for one use, and no token was seen for it.
    pub fn may_have_spent(&self) -> bool {
        let status = self.error.http_status;
        match self.cause {
            Cause::NoAnswer { sent, .. } => sent,
            Cause::Unreadable { .. } => true,
            // A page in the place of the answer, or a gateway's word that there is none: the server may have acted.
            Cause::Permanent | Cause::NotOauth | Cause::Busy { .. } => {
                matches!(status, Some(200..=299 | 500 | 502 | 504))
            }
            _ => false,
        }
    }

    /// A request that cannot be made.
    pub fn unsent(error: Error) -> Self {
        Self {
            cause: Cause::Permanent,
            error,
        }
    }
}

/// Of a request to which no whole answer came.
pub(super) fn no_answer(profile: &Profile, failure: http::Failure) -> Refused {
    // An answer that was too large would be so again; a certificate may be mended any time.
    let (kind, cause) = match (failure.verdict, failure.retry) {
        (Verdict::Unreadable, true) => (Kind::Temporary, Cause::Unreadable { retry: true }),
        (Verdict::Unreadable, false) => (Kind::Refused, Cause::Unreadable { retry: false }),
        (Verdict::AnswerLost, false) => (Kind::Refused, Cause::Permanent),
        (verdict, retry) => {
            let sent = verdict == Verdict::AnswerLost;
            (Kind::Temporary, Cause::NoAnswer { sent, retry })
        }
    };
    let mut error = profile.error(kind, failure.what);
    error.hint = failure.hint.map(|hint| profile.addressed(&hint));
    Refused { cause, error }
}

/// What a server answered, and the secrets of the request, which it may repeat.
pub(super) struct Answer {
    pub reply: http::Reply,
    pub sent: Vec<Secret>,
}

impl Answer {
    /// The secrets of the request.
    pub fn secrets(&self) -> Vec<&Secret> {
        self.sent.iter().collect()
    }

    /// A refusal of a token request.
    pub fn refused(
        &self,
        connection: &Connection<'_>,
        what: TokenRequest<'_>,
        refusal: &Refusal,
    ) -> Refused {
        let words = refusal_words(&self.reply, refusal, &self.secrets(), "a token");
        refused(connection, Sent::token(what), self, (refusal, &words))
    }

    /// A refusal by another endpoint than the token endpoint, of a request with this redirect URI.
    pub fn refusal(
        &self,
        connection: &Connection<'_>,
        redirect_uri: Option<&str>,
        value: &serde_json::Value,
    ) -> Refused {
        let (reply, secrets) = (&self.reply, self.secrets());
        let refusal = reply::refusal(value, &secrets);
        let words = refusal_words(reply, &refusal, &secrets, "what it was asked for");
        let sent = Sent {
            what: None,
            redirect_uri,
        };
        refused(connection, sent, self, (&refusal, &words))
    }
}

/// Turns a refusal into the message that names profile, host, status, the server's words and the
/// next command.
fn refused(
    connection: &Connection<'_>,
    sent: Sent<'_>,
    answer: &Answer,
    (refusal, words): (&Refusal, &str),
) -> Refused {
    let (profile, reply) = (connection.client.profile, &answer.reply);
    let foreign = refusal.error.is_none() && is_foreign(reply, connection.endpoint);
    let cause = match meaning(profile, sent.what, reply, refusal) {
        Cause::Permanent | Cause::Busy { .. } if foreign => Cause::NotOauth,
        cause => cause,
    };
    let message = format!("{} answered {words}", connection.endpoint.host());
    let kind = match cause {
        Cause::GrantEnded { .. } | Cause::RequestRefused => Kind::LoginRequired,
        Cause::Permanent | Cause::Unreadable { .. } => Kind::Refused,
        Cause::Busy { .. } | Cause::NoAnswer { .. } | Cause::NotOauth => Kind::Temporary,
    };
    let mut error = profile.error(kind, message);
    error.hint = match cause {
        _ if foreign => Some(FOREIGN.to_owned()),
        Cause::RequestRefused => Some(hint::beyond(profile)),
        // What some servers say in its place (Gitea).
        Cause::GrantEnded { .. } => hint::of(profile, sent, "invalid_grant", reply.status),
        _ => hint::of(profile, sent, &refusal.code, reply.status),
    };
    error.oauth_code.clone_from(&refusal.error);
    error.http_status = Some(reply.status);
    Refused { cause, error }
}

/// The server's words with the status, or what its answer was instead of the `wanted`.
pub(super) fn refusal_words(
    reply: &http::Reply,
    refusal: &Refusal,
    secrets: &[&Secret],
    wanted: &str,
) -> String {
    let status = reply.status;
    match (&refusal.error, &refusal.description) {
        (Some(code), Some(words)) => return format!("{code}: {words} (HTTP {status})"),
        (Some(code), None) => return format!("{code} (HTTP {status})"),
        (None, Some(words)) => return format!("HTTP {status}: {words}"),
        (None, None) => {}
    }
    if let (300..400, Some(location)) = (status, &reply.location) {
        let host = crate::text::clean(&http::redirect_host(location), 100, secrets);
        return format!("HTTP {status}, a redirect to {host}, which is not followed");
    }
    let kind = reply.content_type.split(';').next().unwrap_or_default();
    let kind = crate::text::clean(kind, 64, secrets);
    let about = if kind.is_empty() {
        "without a content type".to_owned()
    } else {
        kind
    };
    let about = match &reply.content_encoding {
        Some(coding) => format!(
            "{about}, compressed as {}",
            crate::text::clean(coding, 32, secrets)
        ),
        None => about,
    };
    match status {
        200..300 => format!("HTTP {status} without {wanted} ({about})"),
        _ => format!("HTTP {status} ({about})"),
    }
}

/// What to do where something else than the server has answered.
pub(super) const FOREIGN: &str = "something on the way has answered in the server's place: the network's login page (open any \
                       page in a browser), a proxy or a firewall; where it is like that everywhere, check the endpoint's \
                       address";

/// Whether an answer without any OAuth error is somebody else's than the server's: a page, a way to
/// another host, or a network that asks for a login (RFC 6585 section 6).
pub(super) fn is_foreign(reply: &http::Reply, endpoint: &Endpoint) -> bool {
    let elsewhere = || {
        let to = reply.location.as_deref();
        to.is_some_and(|to| http::leads_elsewhere(to, endpoint))
    };
    match reply.status {
        511 => true,
        200..300 | 403 | 451 => reply::is_page(&reply.content_type, &reply.body),
        300..400 => elsewhere(),
        _ => false,
    }
}

/// What the refusal means, by what was asked and said and by what the profile knows of the server.
fn meaning(
    profile: &Profile,
    what: Option<TokenRequest<'_>>,
    reply: &http::Reply,
    refusal: &Refusal,
) -> Cause {
    let asked = match what {
        Some(TokenRequest::RefreshToken(_)) => Asked::Refresh {
            beyond: profile.asks_beyond(),
        },
        _ => Asked::Other,
    };
    let quirks = &profile.quirks;
    let known = Known {
        // A page is somebody else's: a status alone says nothing of the grant then.
        ended: if reply::is_page(&reply.content_type, &reply.body) {
            &[]
        } else {
            &quirks.grant_ended_errors
        },
        ended_for_good: &quirks.grant_ended_for_good,
        temporary: &quirks.temporary_errors,
    };
    let said = Said {
        status: reply.status,
        code: &refusal.code,
        subcode: &refusal.subcode,
        words: refusal.words.expose(),
        retry_after: retry_after(reply).or(refusal.interval),
    };
    verdict::cause(asked, said, known)
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), which is one of the server's clock.
fn retry_after(reply: &http::Reply) -> Option<Duration> {
    let text = reply.retry_after.as_deref()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let theirs = reply.date.as_deref().map(httpdate::parse_http_date);
    let ours = || UNIX_EPOCH + Duration::from_secs(crate::clock::now().unsigned_abs());
    let now = theirs.and_then(Result::ok).unwrap_or_else(ours);
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, retry_after: Option<&str>) -> http::Reply {
        http::Reply {
            status,
            content_type: String::new(),
            content_encoding: None,
            retry_after: retry_after.map(str::to_owned),
            date: None,
            location: None,
            body: zeroize::Zeroizing::new(Vec::new()),
            sent_at: 0,
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(
            retry_after(&reply(429, Some("7"))),
            Some(Duration::from_secs(7))
        );
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(&reply(429, Some(past))), Some(Duration::ZERO));
        assert_eq!(retry_after(&reply(429, Some("soon"))), None);
        let huge = "99999999999999999999999";
        assert_eq!(
            retry_after(&reply(429, Some(huge))),
            Some(Duration::MAX.min(Duration::from_secs(u64::MAX)))
        );
    }
}
