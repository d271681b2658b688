//! One token request, tried again while that can help, within the time budget; and what a failure
//! tells the processes that come after.

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Kind, Result};
use crate::oauth::reply::Granted;
use crate::oauth::{self, Cause, Credentials, Refused, TokenRequest};
use crate::profile::{EndpointKind, Profile};
use crate::state::note::Failure;
use crate::state::server;
use crate::state::storage::Storage;
use crate::ui;
use std::time::Duration;

/// A request is tried this often within the budget: the pauses of 0.3, 0.6, 1.2 and 2.4 s outlast a
/// restart, and a caller is told within seconds that a server is down.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// A server cannot send everybody away for longer than this with one `Retry-After`, in seconds.
const LONGEST_RETRY_AFTER: Epoch = 24 * 3600;

/// One request, tried again while that can help, within the deadline.
pub fn send(
    profile: &Profile,
    credentials: &Credentials,
    request: TokenRequest<'_>,
    deadline: Deadline,
    patience: Duration,
) -> Result<(Granted, Epoch), Refused> {
    let _waiting = ui::waiting(format!("profile {:?}: asking for a token", profile.name));
    let mut pause = FIRST_PAUSE;
    let mut replayed = false;
    for attempt in 1.. {
        let limit = deadline.left().max(patience).max(Duration::from_millis(1));
        let refused = match attempt_once(profile, credentials, request, deadline, limit) {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        let wait = match refused.cause {
            Cause::Busy {
                retry_after: Some(asked),
            } => asked,
            Cause::Busy { retry_after: None } => jittered(pause),
            Cause::NoAnswer { retry: true, sent } => {
                // A lost answer may have held a rotated token: the old one is sent once more, at once,
                // while the server's grace lasts. Never more often: reuse looks like theft.
                if sent && matches!(request, TokenRequest::AuthorizationCode { .. }) {
                    // A code is good once (RFC 6749 section 4.1.2): a second use looks like theft.
                    return Err(refused);
                }
                let spent = sent && matches!(request, TokenRequest::RefreshToken(_));
                if spent && replayed {
                    return Err(refused);
                }
                replayed |= spent;
                if spent {
                    Duration::ZERO
                } else {
                    jittered(pause)
                }
            }
            _ => return Err(refused),
        };
        if attempt >= TRIES || wait >= deadline.left() {
            return Err(refused);
        }
        ui::step(&format!(
            "{}; trying again in {} ms",
            refused.error,
            wait.as_millis()
        ));
        std::thread::sleep(wait);
        pause *= 2;
    }
    unreachable!("the loop ends by returning")
}

fn attempt_once(
    profile: &Profile,
    credentials: &Credentials,
    request: TokenRequest<'_>,
    deadline: Deadline,
    limit: Duration,
) -> Result<(Granted, Epoch), Refused> {
    // Before a request is made nothing has been sent.
    let unsent = |error: Error| match error.kind {
        Kind::Temporary => Refused {
            cause: Cause::NoAnswer {
                sent: false,
                retry: true,
            },
            error,
        },
        _ => Refused {
            cause: Cause::Permanent,
            error,
        },
    };
    let server = server::for_token(profile, deadline).map_err(unsent)?;
    let elsewhere = profile.quirks.refresh_endpoint.as_ref();
    let endpoint = match (request, elsewhere) {
        (TokenRequest::RefreshToken(_), Some(endpoint)) => endpoint.clone(),
        _ => server::endpoint(profile, &server, EndpointKind::Token).map_err(unsent)?,
    };
    let profile = &server.suited(profile);
    let http = oauth::connect(&endpoint, profile, credentials).map_err(unsent)?;
    ui::step(&format!("asking {} for a token", endpoint.host()));
    oauth::request(&http, &endpoint, profile, credentials, request, limit)
}

/// Half to all of a pause, so that a crowd does not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Notes a temporary failure: a `Retry-After` for everybody, the failure for those who waited for it.
pub fn remember(storage: &mut Storage, refused: Refused) -> Error {
    let mut error = refused.error;
    if let Cause::Busy {
        retry_after: Some(after),
    } = refused.cause
    {
        let seconds = Epoch::try_from(after.as_secs())
            .unwrap_or(Epoch::MAX)
            .min(LONGEST_RETRY_AFTER);
        storage.note.not_before = Some(clock::now().saturating_add(seconds));
        error = error.hint(format!(
            "the server asks not to be called again for {}",
            clock::words(seconds)
        ));
    }
    storage.note.failure = Some(Failure {
        at_ms: clock::now_millis(),
        error: error.clone(),
    });
    storage.save_note();
    error
}

/// Waits for the time that the server asked for, if the budget allows it.
pub fn respect_retry_after(
    profile: &Profile,
    not_before: Option<Epoch>,
    deadline: Deadline,
) -> Result<()> {
    let now = clock::now();
    let Some(seconds) = not_before.map(|at| at - now).filter(|left| *left > 0) else {
        return Ok(());
    };
    // A clock that went back must not lengthen the wait beyond what a server can ask for.
    let seconds = seconds.min(LONGEST_RETRY_AFTER);
    let wait = Duration::from_secs(seconds.unsigned_abs());
    if wait < deadline.left() {
        std::thread::sleep(wait);
        return Ok(());
    }
    let what = format!(
        "profile {:?}: the server has asked not to be called before {}",
        profile.name,
        clock::rfc3339(now + seconds)
    );
    Err(Error::new(Kind::Temporary, what).hint(format!("try again in {}", clock::words(seconds))))
}
