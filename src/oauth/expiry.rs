//! When a token ends, in any of the forms in which servers and other programs write it.

use super::shape::Shape;
use crate::clock::Epoch;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Ten years in seconds; a server that says more means that there is no end.
const ABSURD: Epoch = 315_360_000;

/// From 2001 to 2286 in seconds since 1970: other numbers are durations, or "none".
const SINCE_1970: std::ops::Range<f64> = 1e9..1e10;

/// What a reply says about its token's life.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiry {
    /// Seconds from the start of the request.
    In(Epoch),
    At(Epoch),
    Unsaid,
    /// Not to be believed, in these words.
    Wrong(String),
}

/// The names of a token's end: RFC 6749's draft of old and many servers (`expires_at`), Azure and MSAL (`expires_on`),
/// Go's oauth2 (`expiry`), Google's Node library (`expiry_date`), oauth2client and gcloud (`token_expiry`), ASP.NET
/// (`.expires`), Dart's oauth2 (`expiration`).
const ENDS: &[&str] = &[
    "expires_at",
    "expires_on",
    "expiry",
    "expiry_date",
    "token_expiry",
    ".expires",
    "expiration",
];

/// The names of the time when a token was issued: Doorkeeper (`created_at`), Salesforce and Apigee (`issued_at`),
/// Google's PHP library (`created`), ASP.NET (`.issued`), and plain words.
const BEGINNINGS: &[&str] = &[
    "created_at",
    "issued_at",
    "created",
    ".issued",
    "obtained_at",
];

/// Of a reply that has just come: a duration is counted from its request, whatever the two clocks say.
pub fn of_reply(part: &Value, shape: Shape<'_>, now: Epoch) -> Expiry {
    // Zoho's milliseconds, beside which it has a name for seconds.
    let seconds = duration(&part["expires_in_sec"]).ok().flatten();
    if let Some(seconds) = seconds.filter(|_| !shape.points_at("expires_in")) {
        return Expiry::In(seconds);
    }
    match lifetime(shape.find(part, "expires_in"), now) {
        Expiry::Unsaid => match end(part, shape) {
            Expiry::Unsaid => expires(part),
            said => said,
        },
        // A time beside it may be good all the same.
        Expiry::Wrong(what) => match end(part, shape) {
            at @ Expiry::At(_) => at,
            _ => Expiry::Wrong(what),
        },
        said => said,
    }
}

/// What a reply says that was saved some time ago.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    /// An absolute time wins.
    Known(Expiry),
    /// A duration alone, without its beginning, and why a time beside it was not read.
    Since(Epoch, Option<String>),
}

/// Of a reply that was saved some time ago.
pub fn of_saved(part: &Value, shape: Shape<'_>, now: Epoch) -> Saved {
    let (end, expires) = (end(part, shape), expires(part));
    if let Some(at) = [&end, &expires].into_iter().find_map(|said| match said {
        Expiry::At(at) => Some(*at),
        _ => None,
    }) {
        return Saved::Known(Expiry::At(at));
    }
    let said = lifetime(shape.find(part, "expires_in"), now);
    let lifetime = match (said, expires) {
        (Expiry::In(seconds), _) | (Expiry::Unsaid, Expiry::In(seconds)) => seconds,
        (Expiry::Unsaid, _) => return Saved::Known(end),
        (other, _) => return Saved::Known(other),
    };
    let mut beginnings = BEGINNINGS.iter().map(|name| &part[*name]);
    if let Some(issued) = beginnings.find_map(|value| time(value).ok().flatten()) {
        return Saved::Known(Expiry::At(issued.saturating_add(lifetime)));
    }
    let unread = match end {
        Expiry::Wrong(what) => Some(what),
        _ => None,
    };
    Saved::Since(lifetime, unread)
}

/// `expires_in`.
fn lifetime(value: &Value, now: Epoch) -> Expiry {
    match duration(value) {
        Ok(None) => Expiry::Unsaid,
        Ok(Some(seconds)) => Expiry::In(seconds),
        Err(what) => match time(value) {
            // Some write a time here. A number may be a lifetime of fifty years all the same, which as a time is past.
            Ok(Some(at)) if number(value).is_none() || is_soon(at, now) => Expiry::At(at),
            _ => Expiry::Wrong(format!("expires_in is {what}")),
        },
    }
}

/// `expires`, which is a time with some (PHP's oauth2-client) and a duration with others (Facebook of old, Stack
/// Exchange).
fn expires(part: &Value) -> Expiry {
    match (time(&part["expires"]), duration(&part["expires"])) {
        (Ok(Some(at)), _) => Expiry::At(at),
        (_, Ok(Some(seconds))) => Expiry::In(seconds),
        _ => Expiry::Unsaid,
    }
}

/// Whether a token that is good now can end then.
fn is_soon(at: Epoch, now: Epoch) -> bool {
    let left = at - now;
    left > 0 && left < ABSURD
}

/// The end, under the first of its names that holds one.
fn end(part: &Value, shape: Shape<'_>) -> Expiry {
    let names = if shape.points_at("expires_at") || shape.points_at("expires_in") {
        &ENDS[..1]
    } else {
        ENDS
    };
    let mut wrong = Expiry::Unsaid;
    for name in names {
        match time(shape.find(part, name)) {
            Ok(Some(at)) => return Expiry::At(at),
            Err(what) if wrong == Expiry::Unsaid => {
                wrong = Expiry::Wrong(format!("{name} is {what}"));
            }
            Ok(None) | Err(_) => {}
        }
    }
    wrong
}

/// A number, also in quotes.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Seconds; a fraction is cut off: a token is never said to live longer than it does. `None` where nothing is said,
/// and an error that says what else there is.
fn duration(value: &Value) -> Result<Option<Epoch>, &'static str> {
    if is_empty(value) {
        return Ok(None);
    }
    let seconds = number(value).filter(|seconds| seconds.is_finite());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "one far beyond i64 saturates"
    )]
    match seconds.ok_or("not a number")? {
        negative if negative < 0.0 => Err("negative"),
        // Mailchimp's and VK's for a token without end.
        none if none < 1.0 => Err("0"),
        seconds if seconds as Epoch > ABSURD => Err("more than ten years"),
        seconds => Ok(Some(seconds as Epoch)),
    }
}

/// A time as seconds since 1970. `None` where nothing is said.
fn time(value: &Value) -> Result<Option<Epoch>, &'static str> {
    if is_empty(value) || *value == Value::Bool(false) || number(value) == Some(0.0) {
        return Ok(None);
    }
    if let Some(number) = number(value) {
        // Seconds, milliseconds, microseconds, nanoseconds.
        let mut units = [1.0, 1e3, 1e6, 1e9].into_iter().map(|unit| number / unit);
        let seconds = units.find(|seconds| SINCE_1970.contains(seconds));
        #[expect(clippy::cast_possible_truncation, reason = "bounded above and below")]
        return seconds
            .map(|seconds| Some(seconds as Epoch))
            .ok_or("no time that a token can have");
    }
    let text = value.as_str().ok_or("no time")?.trim();
    // Go's word for none.
    if text.starts_with("0001-01-01") {
        return Ok(None);
    }
    let seconds = date(text)?;
    #[expect(clippy::cast_precision_loss, reason = "far from where it loses any")]
    let in_time = seconds as f64 >= SINCE_1970.start;
    in_time
        .then_some(Some(seconds))
        .ok_or("no time that a token can have")
}

/// RFC 3339, with the liberties that programs take (ISO 8601's `+0200`, a blank before the offset or instead of the
/// `T`, `UTC`), and the dates of HTTP and mail.
fn date(text: &str) -> Result<Epoch, &'static str> {
    let since_1970 = |at: std::time::SystemTime| {
        let since = at.duration_since(UNIX_EPOCH).ok()?;
        Epoch::try_from(since.as_secs()).ok()
    };
    let is_numeric = text.starts_with(|c: char| c.is_ascii_digit());
    // Also in the form of C's asctime, which names no zone.
    if let Ok(at) = httpdate::parse_http_date(text) {
        return since_1970(at).ok_or("no time that a token can have");
    }
    let (local, offset) = split_offset(text).ok_or(if is_numeric {
        "a time without its time zone"
    } else {
        "no time"
    })?;
    let parsed = if local.contains('/') {
        humantime::parse_rfc3339(&from_american(local).ok_or("no time")?).ok()
    } else if is_numeric {
        let (day, clock) = local.split_at_checked(10).ok_or("no time")?;
        let clock = clock.strip_prefix(['T', 't', ' ', '_']).ok_or("no time")?;
        let clock = clock.split(['.', ',']).next().unwrap_or_default();
        // ISO 8601 allows to leave the seconds out.
        let seconds = if clock.len() == "12:28".len() {
            ":00"
        } else {
            ""
        };
        humantime::parse_rfc3339(&format!("{day}T{clock}{seconds}Z")).ok()
    } else {
        httpdate::parse_http_date(&format!("{local} GMT")).ok()
    };
    let local = parsed.and_then(since_1970).ok_or("no time")?;
    Ok(local - offset)
}

/// A date as Azure App Service writes it, `1/16/2020 5:24:12 AM` or `06/19/2019 23:42:01`, in the form of RFC 3339.
fn from_american(local: &str) -> Option<String> {
    let mut words = local.split_whitespace();
    let mut day = words.next()?.split('/').map(str::parse::<u16>);
    let (Some(Ok(month)), Some(Ok(day)), Some(Ok(year)), None) =
        (day.next(), day.next(), day.next(), day.next())
    else {
        return None;
    };
    let mut clock = words.next()?.split(':').map(str::parse::<u16>);
    let (Some(Ok(hour)), Some(Ok(minute)), Some(Ok(second)), None) =
        (clock.next(), clock.next(), clock.next(), clock.next())
    else {
        return None;
    };
    let hour = match (words.next(), hour) {
        (Some("AM"), 12) => 0,
        (Some("PM"), 1..12) => hour + 12,
        (None | Some("AM" | "PM"), _) => hour,
        _ => return None,
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
    ))
}

/// A time without its zone, and the zone's offset in seconds.
fn split_offset(text: &str) -> Option<(&str, Epoch)> {
    for zone in ["UTC", "GMT", "Z", "z"] {
        if let Some(local) = text.strip_suffix(zone) {
            return Some((local.trim_end(), 0));
        }
    }
    // Not the hyphens of the date.
    let sign = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (local, zone) = text.split_at(sign);
    let (hours, minutes) = match zone.len() {
        3 => (&zone[1..], "0"),
        5 => (zone.get(1..3)?, &zone[3..]),
        6 if zone.get(3..4) == Some(":") => (zone.get(1..3)?, &zone[4..]),
        _ => return None,
    };
    let part = |digits: &str, most: Epoch| -> Option<Epoch> {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let part = digits.parse().ok()?;
        (is_number && part <= most).then_some(part)
    };
    let offset = part(hours, 23)? * 3600 + part(minutes, 59)? * 60;
    let offset = if zone.starts_with('-') {
        -offset
    } else {
        offset
    };
    Some((local.trim_end(), offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Pointers;
    use serde_json::json;

    const NOW: Epoch = 1_700_000_000;

    fn reply(part: &Value) -> Expiry {
        of_reply(part, Shape(&Pointers::default()), NOW)
    }

    fn saved(part: &Value) -> Saved {
        of_saved(part, Shape(&Pointers::default()), NOW)
    }

    #[test]
    fn a_lifetime_is_read_in_every_shape_that_means_one() {
        let of = |value: &Value| reply(&json!({ "expires_in": value }));
        for value in [
            json!(3600),
            json!(3600.0),
            json!("3600"),
            json!(" 3600 "),
            json!("3600.0"),
            json!("3.6e3"),
            json!(3600.9),
        ] {
            assert_eq!(of(&value), Expiry::In(3600), "{value}");
        }
        for value in [json!(null), json!("")] {
            assert_eq!(of(&value), Expiry::Unsaid, "{value}");
        }
        for value in [
            json!(0),
            json!(0.5),
            json!(-1),
            json!("3600abc"),
            json!("NaN"),
            json!("inf"),
            json!(1e300),
            json!([]),
            json!({}),
            json!(true),
            json!(315_360_001),
            json!(631_138_518),
            json!(9_223_372_036_854_775_i64),
            json!("never"),
        ] {
            assert!(matches!(of(&value), Expiry::Wrong(_)), "{value}");
        }
        let end = NOW + 600;
        assert_eq!(of(&json!(end)), Expiry::At(end));
        assert_eq!(of(&json!(end * 1000)), Expiry::At(end));
        // Grails, for fifty years.
        assert!(matches!(of(&json!(1_576_797_207)), Expiry::Wrong(_)));
    }

    /// 26 November 2026, 12:28:57 UTC.
    const END: Epoch = 1_795_696_137;

    #[test]
    fn a_time_in_words_is_read_in_every_form() {
        for text in [
            "2026-11-26T12:28:57Z",
            "2026-11-26t12:28:57z",
            "2026-11-26 12:28:57Z",
            "2026-11-26T12:28:57.999999999Z",
            "2026-11-26T12:28:57,5Z",
            "2026-11-26T14:28:57.5+02:00",
            "2026-11-26T14:28:57+0200",
            "2026-11-26T14:28:57+02",
            "2026-11-26T01:58:57-10:30",
            "2026-11-26T12:28:57-00:00",
            "2026-11-27T02:28:57+14:00",
            "2026-11-26 12:28:57 +0000",
            "2026-11-26 12:28:57 UTC",
            "2026-11-26T12:28:57UTC",
            "Thu, 26 Nov 2026 12:28:57 GMT",
            "Thu, 26 Nov 2026 12:28:57 +0000",
            "Thu, 26 Nov 2026 14:28:57 +0200",
            "11/26/2026 12:28:57 +00:00",
            "11/26/2026 12:28:57 PM +00:00",
            "11/27/2026 12:28:57 AM +12:00",
            "11/27/2026 2:28:57 AM +14:00",
            "11/26/2026 2:28:57 PM +02:00",
            "Thu Nov 26 12:28:57 2026",
            "Thursday, 26-Nov-26 12:28:57 GMT",
            "1795696137",
            "1795696137.25",
            "1795696137000",
        ] {
            assert_eq!(time(&json!(text)), Ok(Some(END)), "{text}");
        }
        assert_eq!(time(&json!("2026-11-26T12:28Z")), Ok(Some(END - 57)));
        assert_eq!(
            time(&json!("9999-12-31T23:59:59.9999999Z")),
            Ok(Some(253_402_300_799))
        );
    }

    #[test]
    fn a_time_in_numbers_is_read_in_every_unit() {
        for number in [
            json!(1_795_696_137),
            json!(1_795_696_137.5),
            json!(1_795_696_137_000_i64),
            json!(1_795_696_137_000_000_i64),
        ] {
            assert_eq!(time(&number), Ok(Some(END)), "{number}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_taken_for_one() {
        for none in [
            json!(null),
            json!(""),
            json!(0),
            json!(false),
            json!("0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(&none), Ok(None), "{none}");
        }
        for bad in [
            json!("2026-11-26T12:28:57"),
            json!("2026-11-26"),
            json!("2026-13-26T12:28:57Z"),
            json!("2026-11-26T12:28:57+2:00"),
            json!("2026-11-26T12:28:57+99:00"),
            json!("2026-11-26T12:28:57+02x00"),
            json!("1970-01-01T00:00:00Z"),
            json!("soon"),
            json!("é"),
            json!("2026-11-2é 12:28:57Z"),
            json!(3600),
            json!(-1),
            json!([]),
            json!(true),
        ] {
            assert!(time(&bad).is_err(), "{bad}: {:?}", time(&bad));
        }
        let no_zone = Err("a time without its time zone");
        assert_eq!(time(&json!("2026-11-26T12:28:57")), no_zone);
        assert_eq!(time(&json!("2026-11-26+02:00")), no_zone);
    }

    #[test]
    fn the_first_that_says_the_end_is_taken() {
        let wrong = |what: &str| Expiry::Wrong(what.to_owned());
        for (part, expected) in [
            (json!({"expires_in": 1}), Expiry::In(1)),
            (json!({"expires_in": ABSURD}), Expiry::In(ABSURD)),
            (
                json!({"expires_in": ABSURD + 1}),
                wrong("expires_in is more than ten years"),
            ),
            (json!({"expires_in": 0}), wrong("expires_in is 0")),
            (json!({"expires_in": 0.9}), wrong("expires_in is 0")),
            (json!({"expires_in": -0.1}), wrong("expires_in is negative")),
            (
                json!({"expires_in": NOW}),
                wrong("expires_in is more than ten years"),
            ),
            (json!({"expires_in": NOW + 1}), Expiry::At(NOW + 1)),
            (
                json!({"expires_in": NOW + ABSURD - 1}),
                Expiry::At(NOW + ABSURD - 1),
            ),
            (
                json!({"expires_in": NOW + ABSURD}),
                wrong("expires_in is more than ten years"),
            ),
            (
                json!({"expires_in": "x", "expires_at": NOW}),
                Expiry::At(NOW),
            ),
            (
                json!({"expires_in": "x", "expires_at": "y"}),
                wrong("expires_in is not a number"),
            ),
            (json!({"expires_in": 5, "expires_in_sec": 6}), Expiry::In(6)),
            (
                json!({"expires_at": "x", "expires_on": "y"}),
                wrong("expires_at is no time"),
            ),
            (
                json!({"expires_at": "x", "expires_on": NOW}),
                Expiry::At(NOW),
            ),
            (json!({"expires_at": NOW, "expires": 7}), Expiry::At(NOW)),
            (json!({"expires": 7}), Expiry::In(7)),
            (json!({"expires": NOW}), Expiry::At(NOW)),
            (json!({"expires": "x"}), Expiry::Unsaid),
        ] {
            assert_eq!(reply(&part), expected, "{part}");
        }
    }

    /// Where the profile says where the end is, no other name counts.
    #[test]
    fn a_place_that_the_profile_names_is_the_only_one() {
        let at = |name: &str, part: &Value| {
            let mut pointers = Pointers::default();
            pointers.insert(name.to_owned(), vec!["/x".to_owned()]);
            of_reply(part, Shape(&pointers), NOW)
        };
        let part = json!({"x": 5, "expires_in_sec": 6, "expires_on": NOW});
        assert_eq!(at("expires_in", &part), Expiry::In(5));
        let part = json!({"x": NOW + 5, "expires_on": NOW});
        assert_eq!(at("expires_at", &part), Expiry::At(NOW + 5));
        let part = json!({"expires_on": NOW});
        for name in ["expires_in", "expires_at"] {
            assert_eq!(at(name, &part), Expiry::Unsaid, "{name}");
        }
        assert_eq!(at("scope", &part), Expiry::At(NOW));
    }

    #[test]
    fn a_saved_reply_is_judged_by_its_absolute_times() {
        let end = 1_600_000_000;
        for part in [
            json!({"expires_in": 3600, "expires_at": end}),
            json!({"expiry": "2020-09-13T12:26:40Z"}),
            json!({"expiry_date": 1_600_000_000_000_i64}),
            json!({"expires_on": "1600000000", "expires_in": "3600"}),
            json!({"created_at": end - 3600, "expires_in": 3600}),
            json!({"issued_at": "1599996400000", "expires_in": "3600"}),
            json!({".expires": "Sun, 13 Sep 2020 12:26:40 GMT", "expires_in": 3599}),
        ] {
            assert_eq!(saved(&part), Saved::Known(Expiry::At(end)), "{part}");
        }
        assert_eq!(saved(&json!({"expires_in": 60})), Saved::Since(60, None));
        assert_eq!(
            saved(&json!({"expires_in": 60, "expires_at": "soon"})),
            Saved::Since(60, Some("expires_at is no time".to_owned()))
        );
        assert_eq!(saved(&json!({})), Saved::Known(Expiry::Unsaid));
    }
}
