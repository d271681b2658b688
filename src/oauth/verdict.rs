//! What a refusal means: a pure function of what was asked and what was said. Nothing here is shown.
//!
//! A refresh token is judged most carefully: a refusal of the request (another scope, consent for it),
//! of the place or of the moment (a lock, a rate) is not the grant's end.

use std::time::Duration;

/// The caller's next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The grant has ended. `for_good` where the words leave no way back (reused, revoked); a user who
    /// is disabled may come back with the same refresh token.
    GrantEnded { for_good: bool },
    /// What this request asks for beyond the grant is refused, and the grant lives.
    RequestRefused,
    /// The server would say the same again.
    Permanent,
    /// Worth another try, not before the time that the server asked for.
    Busy { retry_after: Option<Duration> },
    /// No whole answer came; `sent` if the server may have acted all the same.
    NoAnswer { sent: bool, retry: bool },
    /// The server has answered, and the answer cannot be read: what was good for one use is used up, and
    /// not sent again; `retry` if what can be repeated may have a better answer.
    Unreadable { retry: bool },
    /// An answer, but no authorization server's: a portal's page, a proxy's, a firewall's. Whether the
    /// server has got the request is not known.
    NotOauth,
}

/// What was asked, as far as a refusal can hang on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A refresh, `beyond` the grant if for another scope, audience or resource than the profile's own.
    Refresh { beyond: bool },
    /// Anything else.
    Other,
}

/// What was said, as it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    pub status: u16,
    /// Empty where there is none.
    pub code: &'a str,
    /// Entra's `suberror`, Google's `error_subtype`.
    pub subcode: &'a str,
    pub words: &'a str,
    pub retry_after: Option<Duration>,
}

/// What a server says in its own way, as the profile and its preset know it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    pub ended: &'a [String],
    pub ended_for_good: &'a [String],
    pub temporary: &'a [String],
}

/// What a refusal means for the one who asked.
pub fn cause(asked: Asked, said: Said<'_>, known: Known<'_>) -> Cause {
    let busy = Cause::Busy {
        retry_after: said.retry_after,
    };
    let listed = |entries: &[String]| entries.iter().any(|entry| is_meant(entry, said));
    let Asked::Refresh { beyond } = asked else {
        return if listed(known.temporary) || is_busy(said) {
            busy
        } else {
            Cause::Permanent
        };
    };
    if listed(known.temporary) {
        return busy;
    }
    if listed(known.ended_for_good) && !is_away(said.status) {
        return Cause::GrantEnded { for_good: true };
    }
    let ended = Cause::GrantEnded {
        for_good: leaves_no_way_back(said.words),
    };
    if listed(known.ended) && !is_away(said.status) {
        return ended;
    }
    let locked = says(said.words, LOCK);
    if is_busy(said) || locked || is_grant_code(said.code) && is_of_the_moment(said) {
        return busy;
    }
    if beyond && is_about_the_request(said) {
        return Cause::RequestRefused;
    }
    if is_grant_code(said.code)
        || needs_a_person(said)
        || names_a_dead_token(said)
        || has_lost_consent(said)
    {
        return ended;
    }
    Cause::Permanent
}

/// Statuses of a server that is away or overrun, whatever its words are.
fn is_away(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Codes that mean "not now" with any status: RFC 6749 section 4.1.2.1, RFC 8628, and what Slack, Google,
/// Auth0, Okta and gateways in front of others say.
const BUSY: &[&str] = &[
    "temporarily_unavailable",
    "server_error",
    "slow_down",
    "rate_limit_exceeded",
    "rate_limit",
    "rate_limited",
    "ratelimited",
    "too_many_requests",
    "too_many_attempts",
    "service_unavailable",
    "internal_error",
    "internal_server_error",
    "internal_failure",
    "fatal_error",
    "request_timeout",
    "team_added_to_org",
    "org_login_required",
    "E0000047",
];

/// Whether the server could not answer now: by status, by code, or by a 403 that says when to come again.
fn is_busy(said: Said<'_>) -> bool {
    is_away(said.status)
        || BUSY.contains(&said.code)
        || said.status == 403 && said.retry_after.is_some()
        || says(said.words, RETRY)
}

/// Words that ask for the same request once more, or later, whatever the code is (Salesforce, Zoho).
const RETRY: &[&str] = &[
    "retry your request",
    "retry the request",
    "too many requests",
    "rate limited",
];

/// Words that are about a lock on the refresh token, with any code: another request with it is under way
/// (Salesforce, Hydra).
const LOCK: &[&str] = &[
    "being processed",
    "being refreshed",
    "in progress",
    "concurrent request",
    "concurrent access",
];

/// Words beside `invalid_grant` that are about the moment or the place: a rate, the address or the hour.
/// The same refresh token is good again afterwards.
const MOMENT: &[&str] = &[
    "try again later",
    "temporarily",
    "rate limit",
    "rate exceeded",
    "ip restricted",
    "ip address",
    "ip not allowed",
    "ip is not allowed",
    "restricted ip",
    "login hours",
    "client address",
    "from this location",
    "from this network",
];

fn is_of_the_moment(said: Said<'_>) -> bool {
    // Entra: the person is to read the words (a place, a device), and a login changes nothing.
    says(said.words, MOMENT) || said.subcode == "message_only"
}

/// Codes that are about the refresh token: RFC 6749 section 5.2, and GitHub's, Slack's and others' names
/// for it, some of which come with HTTP 200.
fn is_grant_code(code: &str) -> bool {
    const CODES: &[&str] = &[
        "invalid_grant",
        "bad_refresh_token",
        "invalid_refresh_token",
        "expired_refresh_token",
        "refresh_token_expired",
        "token_revoked",
        "token_expired",
        "invalid_token",
        "expired_token",
        "token_inactive",
        "invalid_code",
    ];
    CODES.contains(&code)
}

/// Codes of OpenID Connect Core section 3.1.2.6 that only a login can answer.
const PERSON: &[&str] = &[
    "login_required",
    "consent_required",
    "interaction_required",
    "account_selection_required",
];

fn needs_a_person(said: Said<'_>) -> bool {
    PERSON.contains(&said.code)
}

/// The person has taken back the consent (Keycloak): only a login can ask for it again.
fn has_lost_consent(said: Said<'_>) -> bool {
    said.code == "invalid_scope" && says(said.words, &["consent"])
}

/// What Entra asks of a person for one resource and not for another.
const STEPS: &[&str] = &[
    "consent_required",
    "basic_action",
    "additional_action",
    "protection_policy_required",
];

/// Words that are about what was asked for, and not about the refresh token.
const REQUEST: &[&str] = &[
    "scope",
    "consent",
    "audience",
    "resource",
    "permission",
    "not authorized for",
    "aadsts65001",
];

fn is_about_the_request(said: Said<'_>) -> bool {
    let about = || says(said.words, REQUEST) && !is_about_the_token(said.words);
    needs_a_person(said)
        || has_lost_consent(said)
        || STEPS.contains(&said.subcode)
        || is_grant_code(said.code) && about()
        || said.code == "access_denied" && !is_about_the_token(said.words)
}

/// Whether the same refresh token never works again. Where "revoked" is one cause of several (RFC 6749's own
/// sentence), it may be another one.
fn leaves_no_way_back(words: &str) -> bool {
    const OTHERS: &[&str] = &["expired", "invalid", "inactive", "disabled", " or "];
    tells_of_reuse(words) || says(words, &["revoked"]) && !says(words, OTHERS)
}

/// Whether a server's words are about a refresh token that was used before.
pub fn tells_of_reuse(words: &str) -> bool {
    const REUSED: &[&str] = &[
        "reuse",
        "already used",
        "already been used",
        "been used already",
        "used more than once",
        "replayed",
    ];
    says(words, REUSED)
}

/// Whether other codes come with words that say a refresh token is worth nothing (dex, Atlassian, Twitch):
/// about the client, the scope or the form of the request they never do.
fn names_a_dead_token(said: Said<'_>) -> bool {
    const OTHERS: &[&str] = &[
        "invalid_client",
        "invalid_scope",
        "invalid_target",
        "unsupported_grant_type",
        "invalid_dpop_proof",
        "use_dpop_nonce",
    ];
    (200..500).contains(&said.status)
        && !OTHERS.contains(&said.code)
        && is_about_the_token(said.words)
}

fn is_about_the_token(words: &str) -> bool {
    const DEAD: &[&str] = &[
        "invalid",
        "expired",
        "revoked",
        "claimed",
        "not active",
        "inactive",
        "already used",
        "been used",
        "reuse",
        "not found",
        "does not exist",
        "doesnt exist",
        "unknown",
        "not valid",
        "no longer",
        "blacklisted",
        "is bad",
        "active refresh token",
    ];
    const FORM: &[&str] = &[
        "missing",
        "required",
        "no refresh token",
        "parameter",
        "not support",
        "not allowed",
        "grant type",
        "scope",
        "client secret",
    ];
    // It was not missing.
    let either = says(words, &["missing or invalid", "invalid or missing"]);
    says(words, &["refresh token", "refreshtoken"])
        && says(words, DEAD)
        && (either || !says(words, FORM))
}

/// Whether words hold one of these, which are in lower case with single spaces.
fn says(words: &str, any: &[&str]) -> bool {
    if words.is_empty() {
        return false;
    }
    let words = plain(words);
    any.iter().any(|one| words.contains(one))
}

/// In lower case, apostrophes away, and a space for what else is no letter or digit.
fn plain(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    for c in words.chars().filter(|c| !matches!(c, '\'' | '’')) {
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain
}

/// Whether a profile's entry is what was said: `CODE`, `CODE: WORDS`, or for a refusal without a code
/// `HTTP STATUS` and `HTTP STATUS: WORDS`.
fn is_meant(entry: &str, said: Said<'_>) -> bool {
    let (head, words) = entry.split_once(": ").unwrap_or((entry, ""));
    let is_head = match head.strip_prefix("HTTP ") {
        Some(status) => said.code.is_empty() && status.parse() == Ok(said.status),
        None => !head.is_empty() && head == said.code,
    };
    is_head && (words.is_empty() || plain(said.words).contains(plain(words).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, code, words, and what they mean for a refresh of the profile's own token and of another.
    /// `E` the end, `G` the end for good, `R` only this request, `B` busy, `P` refused.
    const REFRESH: &str = "
        400 invalid_grant | => E E
        401 invalid_grant | => E E
        200 bad_refresh_token | => E E
        503 invalid_grant | => B B
        429 invalid_grant | => B B
        408 invalid_grant | => B B
        403 invalid_grant | => E E
        400 INVALID_GRANT | => P P
        400 invalid_grant | AADSTS65001: The user or administrator has not consented => E R
        400 invalid_grant | The requested scope exceeds the grant => E R
        400 invalid_grant | authorization code, resource owner credentials) or refresh token is invalid, expired, revoked => E E
        400 invalid_grant | Token request is already being processed. => B B
        400 invalid_grant | ip restricted => B B
        400 invalid_grant | Token was revoked => G G
        400 invalid_grant | Token has been expired or revoked. => E E
        400 invalid_grant | Refresh token reuse detected => G G
        400 invalid_request | Refresh token is invalid or has already been claimed by another client. => E E
        400 invalid_request | Refresh token expired. => E E
        400 invalid_request | No refresh token is found in request. => P P
        400 invalid_request | Missing \"refresh_token\" in request. => P P
        400 invalid_request | Parameter refresh_token is invalid => P P
        403 unauthorized_client | refresh_token is invalid => E E
        401 invalid_client | refresh token is invalid => P P
        400 | Invalid refresh token => E E
        500 | Invalid refresh token => B B
        400 consent_required | => E R
        400 login_required | => E R
        400 interaction_required | => E R
        400 account_selection_required | => E R
        400 expired_token | => E E
        401 invalid_token | => E E
        400 unknown_error | retry your request => B B
        400 invalid_request | because of multiple concurrent requests using the same token => B B
        400 Access Denied | You have made too many requests continuously. => B B
        401 token_inactive | => E E
        200 invalid_code | => E E
        400 | missing or invalid refresh token => E E
        200 | Invalid Params: invalid refresh_token => E E
        400 invalid_scope | Client no longer has requested consent from user => E R
        200 ratelimited | => B B
        401 rate_limit_exceeded | => B B
        400 invalid_scope | => P P
        403 access_denied | => P R
    ";

    fn letter(cause: Cause) -> &'static str {
        match cause {
            Cause::GrantEnded { for_good: false } => "E",
            Cause::GrantEnded { for_good: true } => "G",
            Cause::RequestRefused => "R",
            Cause::Permanent => "P",
            Cause::Busy { .. } => "B",
            Cause::NoAnswer { .. } | Cause::Unreadable { .. } | Cause::NotOauth => "N",
        }
    }

    #[test]
    fn a_refusal_of_a_refresh_token_is_the_end_only_where_it_is_about_that() {
        for row in REFRESH.lines().filter(|row| row.contains("=>")) {
            let (said, meant) = row.trim().split_once(" => ").expect("a row");
            let (head, words) = said.split_once('|').expect("words");
            let (status, code) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
            let said = Said {
                status: status.parse().expect("a status"),
                code,
                words: words.trim(),
                ..Said::default()
            };
            let known = Known::default();
            let of = |beyond| letter(cause(Asked::Refresh { beyond }, said, known));
            assert_eq!(format!("{} {}", of(false), of(true)), meant, "{row}");
            let other = letter(cause(Asked::Other, said, known));
            assert!(matches!(other, "P" | "B"), "{row}");
        }
    }

    #[test]
    fn a_profile_s_own_words_come_first() {
        let (ended, temporary) = (
            ["unauthorized_client: already used", "HTTP 400", "expired"],
            ["invalid_grant: come back", "HTTP 401: slow"],
        );
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (ended, temporary) = (own(&ended), own(&temporary));
        let good = own(&["invalid_grant: gone"]);
        let known = Known {
            ended: &ended,
            ended_for_good: &good,
            temporary: &temporary,
        };
        for (status, code, words, meant) in [
            (400, "unauthorized_client", "token was Already_Used", "G"),
            (400, "unauthorized_client", "invalid client secret", "P"),
            (400, "", "Bad Request", "E"),
            (404, "", "", "P"),
            (400, "expired", "", "E"),
            (503, "expired", "", "B"),
            (400, "invalid_grant", "Come back.", "B"),
            (401, "", "slow down", "B"),
            (400, "invalid_grant", "it is gone", "G"),
        ] {
            let said = Said {
                status,
                code,
                words,
                ..Said::default()
            };
            let found = cause(Asked::Refresh { beyond: false }, said, known);
            assert_eq!(letter(found), meant, "{status} {code} {words}");
        }
    }

    #[test]
    fn a_403_that_names_a_time_is_no_refusal() {
        let said = Said {
            status: 403,
            retry_after: Some(Duration::from_secs(9)),
            ..Said::default()
        };
        let busy = Cause::Busy {
            retry_after: Some(Duration::from_secs(9)),
        };
        let known = Known::default();
        assert_eq!(cause(Asked::Other, said, known), busy);
        assert_eq!(cause(Asked::Refresh { beyond: false }, said, known), busy);
    }

    #[test]
    fn entra_s_suberror_tells_a_step_for_one_resource_from_the_end() {
        for (subcode, meant) in [
            ("consent_required", "E R"),
            ("basic_action", "E R"),
            ("bad_token", "E E"),
            ("message_only", "B B"),
        ] {
            let said = Said {
                status: 400,
                code: "invalid_grant",
                subcode,
                ..Said::default()
            };
            let of = |beyond| letter(cause(Asked::Refresh { beyond }, said, Known::default()));
            assert_eq!(format!("{} {}", of(false), of(true)), meant, "{subcode}");
        }
    }
}
