//! Whether a token request is made again, and when: a pure function of what came so far.
//!
//! What can be repeated is repeated while that can help. A refresh token or a code is good for one use:
//! a second one looks like theft to many servers, so it is sent again only where nothing was sent, once
//! after the time that a busy server named, and once after a lost answer or a server's failure.

use crate::oauth::Cause;
use crate::state::remembered::Doubt;
use std::time::Duration;

/// A request is tried this often within the budget: the pauses of 0.3, 0.6, 1.2 and 2.4 s outlast a
/// restart, and a caller is told within seconds that a server is down.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// What was sent once is not sent again before this: a server that is still at work on the first one
/// has a lock on it (Salesforce), and answers the second with `invalid_grant`.
const REPLAY_PAUSE: Duration = Duration::from_secs(2);

/// What a second use costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stake {
    /// Nothing.
    Repeatable,
    /// Perhaps the login.
    RefreshToken,
    /// The login that is going on: a code whose answer was lost is used up, and a second use ends what
    /// the first one has brought (RFC 6749 section 4.1.2).
    Code,
}

/// The tries so far.
#[derive(Debug)]
pub struct Tries {
    stake: Stake,
    made: u32,
    replayed: bool,
    /// What is still open: an end does not count before it has been asked about once more.
    pub doubt: Doubt,
}

impl Tries {
    /// Before the first one.
    pub fn new(stake: Stake, doubt: Doubt) -> Self {
        Self {
            stake,
            made: 0,
            replayed: false,
            doubt,
        }
    }

    /// The pause before the next try, after one that ended so; none where there is to be no other.
    /// `random` is between 0 and 1, so that a crowd does not come back at the same moment.
    pub fn next(&mut self, cause: Cause, status: Option<u16>, random: f64) -> Option<Duration> {
        let backoff = (FIRST_PAUSE * 2_u32.pow(self.made)).mul_f64(0.5 + 0.5 * random);
        self.made += 1;
        if self.made >= TRIES {
            return None;
        }
        match (self.stake, cause) {
            (_, Cause::NoAnswer { retry: false, .. }) => None,
            (_, Cause::NoAnswer { sent: false, .. })
            | (Stake::Repeatable, Cause::NoAnswer { .. } | Cause::Unreadable { retry: true }) => {
                Some(backoff)
            }
            (Stake::Repeatable, Cause::Busy { retry_after }) => {
                Some(retry_after.unwrap_or(backoff))
            }
            (Stake::RefreshToken, Cause::NoAnswer { .. }) => {
                self.lose();
                self.replay(replay_pause(random))
            }
            (_, Cause::Busy { retry_after }) => {
                let unheard = matches!(status, Some(429 | 503));
                // A gateway that failed may have lost an answer.
                if !unheard && matches!(status, Some(500..=599)) {
                    self.lose();
                }
                self.replay(match retry_after {
                    // The server has not looked at the request.
                    Some(asked) if unheard => asked,
                    asked => asked.unwrap_or_default().max(replay_pause(random)),
                })
            }
            (Stake::RefreshToken, Cause::GrantEnded { .. }) => {
                let doubt = std::mem::take(&mut self.doubt);
                if doubt != Doubt::Lost {
                    return None;
                }
                self.doubt = Doubt::RefusedOnce;
                Some(replay_pause(random))
            }
            _ => None,
        }
    }

    fn lose(&mut self) {
        if self.doubt == Doubt::None {
            self.doubt = Doubt::Lost;
        }
    }

    /// What is sent twice is never sent a third time.
    fn replay(&mut self, pause: Duration) -> Option<Duration> {
        let first = !std::mem::replace(&mut self.replayed, true);
        (first && self.doubt != Doubt::RefusedOnce).then_some(pause)
    }
}

fn replay_pause(random: f64) -> Duration {
    REPLAY_PAUSE.mul_f64(1.0 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSENT: Cause = Cause::NoAnswer {
        sent: false,
        retry: true,
    };
    const LOST: Cause = Cause::NoAnswer {
        sent: true,
        retry: true,
    };
    const ENDED: Cause = Cause::GrantEnded { for_good: false };
    const BUSY: Cause = Cause::Busy { retry_after: None };

    fn busy(seconds: u64) -> Cause {
        Cause::Busy {
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    /// The pauses in milliseconds until no other try is made.
    fn pauses(stake: Stake, doubt: Doubt, answers: &[(Cause, u16)]) -> Vec<u128> {
        let mut tries = Tries::new(stake, doubt);
        let all = answers.iter();
        all.map_while(|(cause, status)| tries.next(*cause, Some(*status), 1.0))
            .map(|pause| pause.as_millis())
            .collect()
    }

    #[test]
    fn what_can_be_repeated_is_repeated_with_growing_pauses() {
        for (cause, expected) in [
            (UNSENT, vec![300, 600, 1200, 2400]),
            (LOST, vec![300, 600, 1200, 2400]),
            (BUSY, vec![300, 600, 1200, 2400]),
            (busy(7), vec![7000; 4]),
            (ENDED, vec![]),
            (Cause::Permanent, vec![]),
        ] {
            let found = pauses(Stake::Repeatable, Doubt::None, &[(cause, 500); 9]);
            assert_eq!(found, expected, "{cause:?}");
        }
    }

    #[test]
    fn a_refresh_token_is_sent_twice_at_most_unless_nothing_was_sent() {
        for (answers, expected) in [
            (vec![(UNSENT, 0); 9], vec![300, 600, 1200, 2400]),
            (vec![(LOST, 0); 9], vec![2400]),
            (vec![(BUSY, 500); 9], vec![2400]),
            (vec![(BUSY, 429); 9], vec![2400]),
            (vec![(BUSY, 400); 9], vec![2400]),
            (vec![(busy(1), 503); 9], vec![1000]),
            (vec![(busy(1), 429); 9], vec![1000]),
            (vec![(busy(1), 400); 9], vec![2400]),
            (vec![(busy(9), 403); 9], vec![9000]),
            (vec![(LOST, 0), (BUSY, 500)], vec![2400]),
            (vec![(UNSENT, 0), (LOST, 0), (LOST, 0)], vec![300, 2400]),
            (vec![(ENDED, 400)], vec![]),
            (vec![(Cause::Unreadable { retry: true }, 200)], vec![]),
            (vec![(Cause::NotOauth, 200)], vec![]),
            (vec![(Cause::RequestRefused, 400)], vec![]),
            (vec![(Cause::Permanent, 400)], vec![]),
        ] {
            assert_eq!(
                pauses(Stake::RefreshToken, Doubt::None, &answers),
                expected,
                "{answers:?}"
            );
        }
    }

    #[test]
    fn a_code_whose_answer_was_lost_is_used_up() {
        for (answers, expected) in [
            (vec![(UNSENT, 0); 9], vec![300, 600, 1200, 2400]),
            (vec![(LOST, 0)], vec![]),
            (vec![(BUSY, 500); 9], vec![2400]),
            (vec![(busy(1), 503); 9], vec![1000]),
        ] {
            assert_eq!(pauses(Stake::Code, Doubt::None, &answers), expected);
        }
    }

    #[test]
    fn the_end_straight_after_a_lost_answer_is_asked_about_once_more() {
        for (doubt, answers, expected) in [
            (
                Doubt::None,
                vec![(LOST, 0), (ENDED, 400), (ENDED, 400)],
                vec![2400, 2400],
            ),
            (
                Doubt::None,
                vec![(BUSY, 502), (ENDED, 400), (ENDED, 400)],
                vec![2400, 2400],
            ),
            (Doubt::None, vec![(BUSY, 503), (ENDED, 400)], vec![2400]),
            (Doubt::Lost, vec![(ENDED, 400), (ENDED, 400)], vec![2400]),
            (Doubt::Lost, vec![(ENDED, 400), (LOST, 0)], vec![2400]),
            (Doubt::RefusedOnce, vec![(ENDED, 400)], vec![]),
        ] {
            assert_eq!(
                pauses(Stake::RefreshToken, doubt, &answers),
                expected,
                "{answers:?}"
            );
        }
    }
}
