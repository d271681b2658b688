//! A refusal that is remembered, and when it is asked about again by itself.
//!
//! A user who was disabled, or a realm whose sessions were stopped, may come back with the same refresh
//! token: so it is asked about again after an hour, then twice as long, up to a day, and no more after a
//! week. Who says `--force` or `refresh` gets one request all the same.

use crate::clock::Epoch;
use crate::error::{Error, Kind};
use serde::{Deserialize, Serialize};

const FIRST_PAUSE: Epoch = 3600;
const LONGEST_PAUSE: Epoch = 24 * 3600;
const LAST: Epoch = 7 * 24 * 3600;

/// So far a clock may be ahead of another one, in seconds.
const STEP: Epoch = 60;

/// What a server has refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remembered {
    /// When it was said first.
    since: Epoch,
    /// When it was asked for last, in milliseconds.
    asked_ms: u64,
    /// How often it was said.
    times: u32,
    /// The words leave no way back.
    pub for_good: bool,
    pub error: Error,
}

impl Remembered {
    /// Of a refusal at `now_ms`, which may not be the first one.
    pub fn new(before: Option<&Self>, error: Error, for_good: bool, now_ms: u128) -> Self {
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        let now = Epoch::try_from(now_ms / 1000).unwrap_or(Epoch::MAX);
        Self {
            since: before.map_or(now, |before| before.since.min(now)),
            asked_ms: now_ms,
            times: before.map_or(0, |before| before.times).saturating_add(1),
            for_good,
            error,
        }
    }

    /// Of an end that nobody knows the time of: it is asked about only by who insists.
    pub fn undated(what: &str) -> Self {
        Self {
            since: Epoch::MAX,
            asked_ms: 0,
            times: 0,
            for_good: false,
            error: Error::new(Kind::LoginRequired, what),
        }
    }

    /// When it was said first, where that is known.
    pub fn since(&self) -> Option<Epoch> {
        (self.times > 0).then_some(self.since)
    }

    /// Whether it was said since, in milliseconds: who waited for that request need not make it again.
    pub fn is_news(&self, since_ms: u128) -> bool {
        u128::from(self.asked_ms) > since_ms
    }

    /// Takes note that it was asked about in vain: the server was away.
    pub fn ask_later(&mut self, now_ms: u128) {
        self.asked_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    }

    /// Whether it is worth a request by itself.
    pub fn is_due(&self, now: Epoch) -> bool {
        let asked = Epoch::try_from(self.asked_ms / 1000).unwrap_or(Epoch::MAX);
        if self.for_good || self.times == 0 {
            return false;
        }
        // The clock has gone back since: what it says of the past is not known.
        if asked > now + STEP {
            return true;
        }
        let doublings = self.times.saturating_sub(1).min(10);
        let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
        now - self.since <= LAST && now - asked >= pause
    }
}

/// What is known of a refresh token whose last answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    #[default]
    None,
    /// The server may have acted, or may still be at work on it.
    Lost,
    /// `invalid_grant` came straight after it, and has not been asked about once more.
    RefusedOnce,
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Epoch = 1_700_000_000;

    fn said(before: Option<&Remembered>, at: Epoch) -> Remembered {
        let now_ms = u128::try_from(at).expect("after 1970") * 1000;
        Remembered::new(
            before,
            Error::new(Kind::LoginRequired, "ended"),
            false,
            now_ms,
        )
    }

    #[test]
    fn it_is_asked_about_again_after_an_hour_then_twice_as_long_up_to_a_day_and_a_week() {
        let mut last = said(None, T);
        let mut asked = Vec::new();
        for minute in 1..20 * 24 * 60 {
            let now = T + minute * 60;
            if last.is_due(now) {
                asked.push((now - T) / 3600);
                last = said(Some(&last), now);
            }
        }
        assert_eq!(asked, [1, 3, 7, 15, 31, 55, 79, 103, 127, 151]);
        assert_eq!(last.since(), Some(T));
    }

    #[test]
    fn what_is_for_good_is_not_asked_about_again_and_a_clock_that_went_back_is() {
        let mut ended = said(None, T);
        assert!(ended.is_due(T - 61) && !ended.is_due(T - 60) && !ended.is_due(T + 3599));
        assert!(ended.is_due(T + 3600));
        let undated = Remembered::undated("ended");
        assert!(!undated.is_due(T) && undated.since().is_none());
        assert_eq!(said(Some(&undated), T).since(), Some(T));
        ended.for_good = true;
        assert!((0..200).all(|hours| !ended.is_due(T + hours * 3600)));
    }

    #[test]
    fn what_was_asked_about_in_vain_is_asked_about_later() {
        let mut last = said(None, T);
        assert!(last.is_due(T + 3600));
        last.ask_later(1_700_003_600_000);
        assert!(!last.is_due(T + 3600 + 3599) && last.is_due(T + 3600 + 3600));
        assert_eq!(last.since(), Some(T));
    }

    #[test]
    fn who_waited_for_a_request_need_not_make_it_again() {
        let last = said(None, T);
        assert!(last.is_news(1_699_999_999_999) && !last.is_news(1_700_000_000_000));
    }
}
