//! What is done after the server has refused a refresh token: pure functions of what was said and of what is stored.

use crate::clock::Epoch;
use crate::error::{Error, Kind};
use crate::oauth::{Cause, Refused, hint, tells_of_reuse};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::record::{Record, Token};
use crate::state::remembered::Doubt;
use crate::token::refusal::grant_ended;

/// The next step after a request that brought no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The refusal may be about an earlier request, whose answer was lost: it does not count before it has been said
    /// once more.
    Unsettled,
    /// The grant is at its end, if nobody has stored another refresh token meanwhile.
    Ended { for_good: bool },
    /// What was asked for is refused, and remembered for that alone.
    RememberForRequest,
    /// A remembered end was asked about in vain: as far as is known the grant has ended.
    StillEnded,
    /// It failed, and who waited for the same request is told the same.
    Failed,
}

impl Next {
    /// `doubt` is what is open of the refresh token after its tries, `has_ended` whether an end of it is remembered.
    pub fn after(refused: &Refused, doubt: Doubt, has_ended: bool) -> Self {
        match refused.cause {
            Cause::GrantEnded { .. } if doubt != Doubt::None => Self::Unsettled,
            Cause::GrantEnded { for_good } => Self::Ended { for_good },
            Cause::RequestRefused => Self::RememberForRequest,
            _ if refused.error.kind == Kind::Temporary && has_ended => Self::StillEnded,
            _ => Self::Failed,
        }
    }
}

/// What the store has after a refresh token was refused.
pub enum Meanwhile {
    /// The same refresh token, or none: the refusal counts.
    Nothing,
    /// Another one, and a token that is good.
    Token(Token),
    /// Another one, which is worth a try.
    Record(Box<Record>),
}

impl Meanwhile {
    pub fn of(stored: Option<Record>, sent: &Secret, profile: &Profile, now: Epoch) -> Self {
        let is_other = |stored: &Secret| !stored.is_same(sent);
        let Some(record) = stored.filter(|record| record.refresh.as_ref().is_some_and(is_other))
        else {
            return Self::Nothing;
        };
        let token = record.token_for(profile);
        match token.filter(|token| token.is_alive(now)) {
            Some(token) => Self::Token(token),
            None => Self::Record(Box::new(record)),
        }
    }
}

/// The end of a grant in words: the server's, and what may have led to it. `missed` is what was wrong with an earlier
/// answer to the same refresh token.
pub fn end(profile: &Profile, refusal: &Error, missed: Option<&str>) -> Error {
    let mut error = grant_ended(profile);
    error.message = format!("{} ({})", error.message, refusal.message);
    if let Some(missed) = missed {
        error.message = format!(
            "{}; an earlier answer, which may have held a new refresh token, was lost or could not be read: {missed}",
            error.message
        );
    } else if tells_of_reuse(&refusal.message) {
        error = error.hint(hint::copies(profile));
    }
    error.oauth_code.clone_from(&refusal.oauth_code);
    error.http_status = refusal.http_status;
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::config::Config;
    use std::time::Duration;

    const NOW: Epoch = 1_700_000_000;

    fn profile() -> Profile {
        let text = "[profile.p]\nissuer = \"https://s.example\"\nclient_id = \"c\"";
        Profile::load(&Config::from_text(text), "p").expect("a good profile")
    }

    /// A cause with the kind that comes with it, and what follows: without a doubt, after a lost answer, and after a
    /// refusal straight after that; each without a remembered end and with one.
    const NEXT: &str = "
        ended     login_required => Ended Ended | Unsettled Unsettled | Unsettled Unsettled
        for_good  login_required => Forever Forever | Unsettled Unsettled | Unsettled Unsettled
        request   login_required => RememberForRequest RememberForRequest | RememberForRequest RememberForRequest | RememberForRequest RememberForRequest
        permanent refused        => Failed Failed | Failed Failed | Failed Failed
        permanent config         => Failed Failed | Failed Failed | Failed Failed
        unsent    temporary      => Failed StillEnded | Failed StillEnded | Failed StillEnded
        lost      temporary      => Failed StillEnded | Failed StillEnded | Failed StillEnded
        busy      temporary      => Failed StillEnded | Failed StillEnded | Failed StillEnded
        not_oauth temporary      => Failed StillEnded | Failed StillEnded | Failed StillEnded
        unreadable temporary     => Failed StillEnded | Failed StillEnded | Failed StillEnded
        unreadable refused       => Failed Failed | Failed Failed | Failed Failed
    ";

    fn refused(cause: &str, kind: &str) -> Refused {
        let cause = match cause {
            "ended" => Cause::GrantEnded { for_good: false },
            "for_good" => Cause::GrantEnded { for_good: true },
            "request" => Cause::RequestRefused,
            "permanent" => Cause::Permanent,
            "busy" => Cause::Busy {
                retry_after: Some(Duration::from_secs(1)),
            },
            "unsent" => Cause::NoAnswer {
                sent: false,
                retry: true,
            },
            "lost" => Cause::NoAnswer {
                sent: true,
                retry: false,
            },
            "unreadable" => Cause::Unreadable { retry: true },
            _ => Cause::NotOauth,
        };
        let kinds = [
            Kind::LoginRequired,
            Kind::Refused,
            Kind::Config,
            Kind::Temporary,
        ];
        let kind = kinds.into_iter().find(|one| one.code() == kind);
        let error = Error::new(kind.expect("a kind"), "said");
        Refused { cause, error }
    }

    #[test]
    fn each_refusal_has_one_next_step() {
        for row in NEXT.lines().filter(|row| row.contains("=>")) {
            let (head, steps) = row.split_once("=>").expect("a row");
            let (cause, kind) = head.trim().split_once(' ').expect("a cause and a kind");
            let refused = refused(cause, kind.trim());
            let mut found = Vec::new();
            for doubt in [Doubt::None, Doubt::Lost, Doubt::RefusedOnce] {
                for has_ended in [false, true] {
                    found.push(match Next::after(&refused, doubt, has_ended) {
                        Next::Ended { for_good: false } => "Ended".to_owned(),
                        Next::Ended { for_good: true } => "Forever".to_owned(),
                        next => format!("{next:?}"),
                    });
                }
            }
            let steps: Vec<&str> = steps.split(['|', ' ']).filter(|s| !s.is_empty()).collect();
            assert_eq!(found, steps, "{row}");
        }
    }

    /// The stored refresh token (`-` for none), when the stored token ends, whether it is of another client; and what
    /// that means for who has sent `sent`.
    const MEANWHILE: &str = "
        nothing        => nothing
        -      60      => nothing
        sent   60      => nothing
        sent   -       => nothing
        other  60      => token
        other  1       => token
        other  0       => record
        other  -       => record
        other  60 else => record
    ";

    #[test]
    fn a_refusal_does_not_count_where_another_refresh_token_is_stored() {
        let (profile, sent) = (profile(), Secret::new("sent".into()));
        for row in MEANWHILE.lines().filter(|row| row.contains("=>")) {
            let (stored, expected) = row.split_once("=>").expect("a row");
            let words: Vec<&str> = stored.split_whitespace().collect();
            let binding = match words.get(2) {
                Some(_) => "another".to_owned(),
                None => profile.binding(),
            };
            let mut record = Record::new(binding, Secret::new("k".into()));
            record.refresh = Some(Secret::new(words[0].into())).filter(|_| words[0] != "-");
            if let Some(left) = words.get(1).and_then(|left| left.parse::<Epoch>().ok()) {
                let mut token = Token::bare(Secret::new("t".into()), NOW - 10);
                token.expires = Some(NOW + left);
                record.tokens.insert(profile.variant(), token);
            }
            let stored = Some(record).filter(|_| words[0] != "nothing");
            let found = match Meanwhile::of(stored, &sent, &profile, NOW) {
                Meanwhile::Nothing => "nothing",
                Meanwhile::Token(_) => "token",
                Meanwhile::Record(_) => "record",
            };
            assert_eq!(found, expected.trim(), "{row}");
        }
    }

    #[test]
    fn the_end_says_what_the_server_said_and_what_may_have_led_to_it() {
        let profile = profile();
        let refusal = |words: &str| Error {
            oauth_code: Some("invalid_grant".into()),
            http_status: Some(400),
            ..Error::new(Kind::LoginRequired, words)
        };
        for (words, missed, message, hint) in [
            (
                "s answered: expired",
                None,
                "(s answered: expired)",
                "tokctl login p",
            ),
            (
                "reuse detected",
                None,
                "(reuse detected)",
                "a second copy of this login",
            ),
            (
                "reuse detected",
                Some("cut"),
                "could not be read: cut",
                "tokctl login p",
            ),
            (
                "expired",
                Some("cut"),
                "(expired); an earlier answer",
                "tokctl login p",
            ),
        ] {
            let error = end(&profile, &refusal(words), missed);
            assert!(
                error.message.starts_with("your grant for p ended"),
                "{error:?}"
            );
            assert!(error.message.contains(message), "{words}: {error:?}");
            let said = error.hint.as_deref().unwrap_or_default();
            assert!(said.contains(hint), "{words}: {said}");
            assert_eq!(said.contains("second copy"), hint.contains("second copy"));
            assert_eq!(error.kind, Kind::LoginRequired);
            assert_eq!(error.oauth_code.as_deref(), Some("invalid_grant"));
            assert_eq!(error.http_status, Some(400));
        }
    }
}
