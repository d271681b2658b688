//! Whether a token request is made again, and when: a pure function of what came so far.
//!
//! What can be repeated is repeated while that can help. A refresh token or a code is good for one use:
//! a second one looks like theft to many servers, so it is sent again only where nothing was sent, once
//! after the time that a busy server named, and once after a lost answer or a server's failure.

use crate::clock::Epoch;
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

/// A server cannot send everybody away for longer than this with one `Retry-After`, in seconds.
const LONGEST_RETRY_AFTER: Epoch = 24 * 3600;

/// How many seconds a server can ask for.
pub fn asked_for(retry_after: Duration) -> Epoch {
    let seconds = Epoch::try_from(retry_after.as_secs()).unwrap_or(Epoch::MAX);
    seconds.min(LONGEST_RETRY_AFTER)
}

/// Whether a request waits for the moment that the server has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Not,
    For(Duration),
    /// The caller has no time for so many seconds.
    TooLong(Epoch),
}

/// The wait until `not_before`, where `left` is the caller's time.
pub fn wait(not_before: Option<Epoch>, now: Epoch, left: Duration) -> Wait {
    let Some(seconds) = not_before.map(|at| at - now).filter(|seconds| *seconds > 0) else {
        return Wait::Not;
    };
    // A clock that went back must not lengthen the wait beyond what a server can ask for.
    let seconds = seconds.min(LONGEST_RETRY_AFTER);
    let pause = Duration::from_secs(seconds.unsigned_abs());
    if pause < left {
        Wait::For(pause)
    } else {
        Wait::TooLong(seconds)
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

    /// What the first answer was, and the pauses until the last try where each one is the same: of a grant that can be
    /// repeated, of a refresh token, of a code.
    const SAME: &str = "
        unsent      0   => 300 600 1200 2400 | 300 600 1200 2400 | 300 600 1200 2400
        unsent-once 0   => | |
        lost        0   => 300 600 1200 2400 | 2400 |
        lost-once   0   => | |
        unreadable  200 => 300 600 1200 2400 | |
        unreadable-once 200 => | |
        busy        503 => 300 600 1200 2400 | 2400 | 2400
        busy        500 => 300 600 1200 2400 | 2400 | 2400
        busy        599 => 300 600 1200 2400 | 2400 | 2400
        busy        429 => 300 600 1200 2400 | 2400 | 2400
        busy        400 => 300 600 1200 2400 | 2400 | 2400
        busy        200 => 300 600 1200 2400 | 2400 | 2400
        busy=0      503 => 0 0 0 0 | 0 | 0
        busy=1      503 => 1000 1000 1000 1000 | 1000 | 1000
        busy=1      429 => 1000 1000 1000 1000 | 1000 | 1000
        busy=1      500 => 1000 1000 1000 1000 | 2400 | 2400
        busy=1      400 => 1000 1000 1000 1000 | 2400 | 2400
        busy=9      502 => 9000 9000 9000 9000 | 9000 | 9000
        busy=9      429 => 9000 9000 9000 9000 | 9000 | 9000
        ended       400 => | |
        for_good    400 => | |
        request     400 => | |
        permanent   400 => | |
        not_oauth   200 => | |
    ";

    fn cause(word: &str) -> Cause {
        match word {
            "unsent" => UNSENT,
            "lost" => LOST,
            "unsent-once" | "lost-once" => Cause::NoAnswer {
                sent: word == "lost-once",
                retry: false,
            },
            "unreadable" => Cause::Unreadable { retry: true },
            "unreadable-once" => Cause::Unreadable { retry: false },
            "busy" => BUSY,
            "ended" => ENDED,
            "for_good" => Cause::GrantEnded { for_good: true },
            "request" => Cause::RequestRefused,
            "permanent" => Cause::Permanent,
            "not_oauth" => Cause::NotOauth,
            other => busy(other["busy=".len()..].parse().expect("seconds")),
        }
    }

    #[test]
    fn each_answer_has_its_pauses_by_what_a_second_use_costs() {
        for row in SAME.lines().filter(|row| row.contains("=>")) {
            let (answer, expected) = row.split_once("=>").expect("a row");
            let words: Vec<&str> = answer.split_whitespace().collect();
            let answers = [(cause(words[0]), words[1].parse().expect("a status")); 9];
            let stakes = [Stake::Repeatable, Stake::RefreshToken, Stake::Code];
            for (stake, expected) in stakes.into_iter().zip(expected.split('|')) {
                let expected: Vec<u128> = expected
                    .split_whitespace()
                    .map(|pause| pause.parse().expect("milliseconds"))
                    .collect();
                let found = pauses(stake, Doubt::None, &answers);
                assert_eq!(found, expected, "{stake:?} {row}");
            }
        }
    }

    /// What is open after one answer to a refresh token of which this was open before.
    #[test]
    fn each_answer_leaves_its_doubt() {
        for (before, word, status, after) in [
            (Doubt::None, "unsent", 0, Doubt::None),
            (Doubt::None, "lost", 0, Doubt::Lost),
            (Doubt::None, "busy", 500, Doubt::Lost),
            (Doubt::None, "busy", 502, Doubt::Lost),
            (Doubt::None, "busy", 503, Doubt::None),
            (Doubt::None, "busy", 429, Doubt::None),
            (Doubt::None, "busy", 400, Doubt::None),
            (Doubt::None, "busy", 600, Doubt::None),
            (Doubt::None, "ended", 400, Doubt::None),
            (Doubt::None, "permanent", 400, Doubt::None),
            (Doubt::Lost, "unsent", 0, Doubt::Lost),
            (Doubt::Lost, "ended", 400, Doubt::RefusedOnce),
            (Doubt::Lost, "busy", 503, Doubt::Lost),
            (Doubt::Lost, "permanent", 400, Doubt::Lost),
            (Doubt::RefusedOnce, "ended", 400, Doubt::None),
            (Doubt::RefusedOnce, "lost", 0, Doubt::RefusedOnce),
            (Doubt::RefusedOnce, "unsent", 0, Doubt::RefusedOnce),
        ] {
            let mut tries = Tries::new(Stake::RefreshToken, before);
            tries.next(cause(word), Some(status), 1.0);
            assert_eq!(tries.doubt, after, "{before:?} {word} {status}");
        }
    }

    #[test]
    fn a_crowd_does_not_come_back_at_the_same_moment() {
        let pause = |stake, cause, random| {
            let pause = Tries::new(stake, Doubt::None).next(cause, Some(429), random);
            pause.expect("another try").as_millis()
        };
        for (random, backoff, replay) in [(0.0, 150, 2000), (0.5, 225, 2200), (1.0, 300, 2400)] {
            assert_eq!(pause(Stake::Repeatable, UNSENT, random), backoff);
            assert_eq!(pause(Stake::RefreshToken, BUSY, random), replay);
        }
    }

    #[test]
    fn a_request_waits_for_the_moment_that_the_server_has_named_if_the_caller_has_time() {
        const NOW: Epoch = 1_700_000_000;
        let day = LONGEST_RETRY_AFTER;
        for (not_before, left, expected) in [
            (None, 10, Wait::Not),
            (Some(-1), 10, Wait::Not),
            (Some(0), 10, Wait::Not),
            (Some(1), 10, Wait::For(Duration::from_secs(1))),
            (Some(9), 10, Wait::For(Duration::from_secs(9))),
            (Some(10), 10, Wait::TooLong(10)),
            (Some(11), 10, Wait::TooLong(11)),
            (Some(1), 0, Wait::TooLong(1)),
            (Some(day), 10, Wait::TooLong(day)),
            (Some(day + 1), 10, Wait::TooLong(day)),
            (Some(999 * day), 10, Wait::TooLong(day)),
            (
                Some(999 * day),
                90_000,
                Wait::For(Duration::from_secs(86_400)),
            ),
        ] {
            let left = Duration::from_secs(left);
            let found = wait(not_before.map(|at| NOW + at), NOW, left);
            assert_eq!(found, expected, "{not_before:?} {left:?}");
        }
        for (asked, taken) in [
            (0, 0),
            (7, 7),
            (86_400, day),
            (86_401, day),
            (u64::MAX, day),
        ] {
            assert_eq!(asked_for(Duration::from_secs(asked)), taken);
        }
    }
}
