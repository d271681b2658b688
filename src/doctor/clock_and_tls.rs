//! This machine's clock against the server's, and who vouches for the server.

use super::Report;
use crate::clock::{self, Epoch};
use crate::http::Reply;
use crate::oauth::{Connection, id_token};
use std::time::UNIX_EPOCH;

/// A clock that differs by less than this does no harm, in seconds.
const FINE: Epoch = 10;

/// Reads both off an answer.
pub fn check(report: &mut Report, connection: &Connection<'_>, reply: &Reply) {
    let (profile, endpoint) = (connection.client.profile, connection.endpoint);
    let vouched = connection.http.vouched_by();
    if endpoint.is_https() {
        let by = vouched.unwrap_or("nobody");
        let file = profile.server.ca_file.as_ref().filter(|_| by == "ca_file");
        let file = file.map_or_else(String::new, |file| format!(" {}", file.display()));
        report.ok(
            "tls",
            format!(
                "the certificate of {} is good, by {by}{file}",
                endpoint.host()
            ),
        );
    } else {
        report.ok("tls", "none: http on loopback");
    }
    let date = reply
        .date
        .as_deref()
        .and_then(|date| httpdate::parse_http_date(date).ok());
    let date = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let Some(theirs) = date.and_then(|since| Epoch::try_from(since.as_secs()).ok()) else {
        return report.ok("clock", "the server does not tell its own");
    };
    // Theirs was read between the request and its answer, which took a few seconds at most.
    let ours = reply.sent_at;
    let (apart, way) = (
        (ours - theirs).abs(),
        if ours > theirs { "ahead of" } else { "behind" },
    );
    if apart <= FINE {
        return report.ok("clock", format!("within {FINE} s of the server's"));
    }
    let what = format!("{} {way} the server's", clock::about(apart));
    let also = if apart > id_token::SKEW {
        "; a login with an id token is refused, and certificates may look expired"
    } else {
        ""
    };
    report.warn(
        "clock",
        format!("{what}{also}"),
        "to set the clock, run: timedatectl set-ntp true",
    );
}
