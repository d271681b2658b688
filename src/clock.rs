//! The clock: wall time in whole seconds, and the one time budget of a command.

pub mod budget;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 UTC, as tokens' expiry is kept.
pub type Epoch = i64;

/// The wall clock, now.
pub fn now() -> Epoch {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

/// The wall clock in milliseconds since 1970.
pub fn now_millis() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}

/// A time as RFC 3339 in UTC with whole seconds and `Z`, the form every consumer parses.
pub fn rfc3339(at: Epoch) -> String {
    // Year 9999, the last that the format can name.
    let at = at.clamp(0, 253_402_300_799);
    let at = UNIX_EPOCH + Duration::from_secs(at.unsigned_abs());
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A time as syslog's messages begin (RFC 3164 section 4.1.2), in UTC: "Nov 14 22:13:20".
#[cfg(unix)]
pub fn syslog(at: Epoch) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = rfc3339(at);
    let number = |part: &str| part.parse::<usize>().unwrap_or(1);
    let month = MONTHS[(number(&text[5..7]) - 1).min(11)];
    format!("{month} {:>2} {}", number(&text[8..10]), &text[11..19])
}

/// The moment by which a command must have answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// `budget` from now.
    pub fn after(budget: Duration) -> Self {
        // A year stands for "without end": an Instant cannot be that far away on every platform.
        Self(Instant::now() + budget.min(Duration::from_secs(31_536_000)))
    }

    /// The time that is left; zero once it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        self.left().is_zero()
    }

    /// As the instant that libraries take.
    pub fn instant(self) -> Instant {
        self.0
    }
}

/// A duration in the words of `humantime`, in whole seconds: "42m", "2h 5m".
pub fn words(seconds: Epoch) -> String {
    humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string()
}

/// A duration for a person, in its largest unit and never more than it is: "42 min", "3 h".
pub fn about(seconds: Epoch) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// When a token ends, for a person: "in 42 min", "expired 3 h ago".
pub fn from_now(end: Epoch, now: Epoch) -> String {
    if end > now {
        format!("in {}", about(end - now))
    } else {
        format!("expired {} ago", about(now - end))
    }
}

#[cfg(test)]
mod tests {
    use super::from_now;

    #[test]
    fn a_person_is_told_one_unit() {
        for (seconds, words) in [
            (1, "in 1 s"),
            (119, "in 119 s"),
            (120, "in 2 min"),
            (2525, "in 42 min"),
            (7199, "in 119 min"),
            (7200, "in 2 h"),
            (400_000, "in 4 days"),
            (0, "expired 0 s ago"),
            (-11_000, "expired 3 h ago"),
            (-172_800, "expired 2 days ago"),
        ] {
            assert_eq!(from_now(1_700_000_000 + seconds, 1_700_000_000), words);
        }
    }

    #[test]
    fn times_have_whole_seconds_and_z() {
        assert_eq!(super::rfc3339(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(super::rfc3339(i64::MAX), "9999-12-31T23:59:59Z");
        #[cfg(unix)]
        assert_eq!(super::syslog(1_700_000_000), "Nov 14 22:13:20");
        #[cfg(unix)]
        assert_eq!(super::syslog(1_696_300_000), "Oct  3 02:26:40");
    }
}
