//! One token request, tried again while that can help, within the time budget; and what a failure
//! tells the processes that come after.

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Kind, Result, about};
use crate::oauth::reply::Granted;
use crate::oauth::{Cause, Client, Refused, TokenRequest};
use crate::profile::{EndpointKind, Profile};
use crate::state::note::Failure;
use crate::state::remembered::Doubt;
use crate::state::server;
use crate::state::storage::Storage;
use crate::token::retry::{self, Stake, Tries, Wait};
use crate::ui;
use std::time::Duration;

/// One request, tried again while that can help, within the deadline.
pub fn send(
    client: Client<'_>,
    request: TokenRequest<'_>,
    deadline: Deadline,
    patience: Duration,
) -> Result<(Granted, Epoch), Refused> {
    let stake = match request {
        TokenRequest::RefreshToken(_) => Stake::RefreshToken,
        TokenRequest::AuthorizationCode { .. } => Stake::Code,
        _ => Stake::Repeatable,
    };
    let mut tries = Tries::new(stake, Doubt::None);
    send_with(client, request, (deadline, patience), &mut tries)
}

/// The same with the tries as the caller knows them; `limits` are the time for all of it, and how long
/// each answer is awaited at least.
pub fn send_with(
    client: Client<'_>,
    request: TokenRequest<'_>,
    limits: (Deadline, Duration),
    tries: &mut Tries,
) -> Result<(Granted, Epoch), Refused> {
    let (deadline, patience) = limits;
    let profile = client.profile;
    let _waiting = ui::waiting(about(&profile.name, "asking for a token"));
    let mut looked = false;
    loop {
        let refused = match attempt_once(client, request, deadline, patience) {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        // Nothing was used up where nobody is at home.
        if is_nobody_there(&refused)
            && !std::mem::replace(&mut looked, true)
            && server::has_moved(profile, deadline)
        {
            ui::step("the server's metadata names another token_endpoint");
            continue;
        }
        let wait = tries.next(refused.cause, refused.error.http_status, random());
        let Some(wait) = wait.filter(|wait| *wait < deadline.left()) else {
            return Err(refused);
        };
        ui::step(&format!(
            "{}; trying again in {} ms",
            refused.error,
            wait.as_millis()
        ));
        std::thread::sleep(wait);
    }
}

/// Whether an answer, or that none came, speaks for a token endpoint that is somewhere else by now.
fn is_nobody_there(refused: &Refused) -> bool {
    let status = refused.error.http_status;
    let unsent = matches!(refused.cause, Cause::NoAnswer { sent: false, .. });
    let elsewhere = matches!(status, Some(301 | 302 | 307 | 308 | 404 | 405 | 410));
    unsent || elsewhere && refused.error.oauth_code.is_none()
}

fn attempt_once(
    client: Client<'_>,
    request: TokenRequest<'_>,
    deadline: Deadline,
    patience: Duration,
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
    let profile = client.profile;
    let server = server::for_token(profile, deadline).map_err(unsent)?;
    let elsewhere = profile.quirks.refresh_endpoint.as_ref();
    let endpoint = match (request, elsewhere) {
        (TokenRequest::RefreshToken(_), Some(endpoint)) => endpoint.clone(),
        _ => server::endpoint(profile, &server, EndpointKind::Token).map_err(unsent)?,
    };
    let profile = &server.suited(profile).map_err(unsent)?;
    let client = Client::new(profile, client.credentials);
    let connection = client.connect(&endpoint).map_err(unsent)?;
    ui::step(&format!("asking {} for a token", endpoint.host()));
    // Now that discovery has had its share of the budget.
    let limit = deadline.left().max(patience).max(Duration::from_millis(1));
    connection.ask(request, limit)
}

/// Between 0 and 1.
fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// Notes a temporary failure: a `Retry-After` for everybody, the failure for those who waited for it.
pub fn remember(storage: &mut Storage, refused: Refused) -> Error {
    let mut error = refused.error;
    if let Cause::Busy {
        retry_after: Some(after),
    } = refused.cause
    {
        let seconds = retry::asked_for(after);
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
    match retry::wait(not_before, clock::now(), deadline.left()) {
        Wait::Not => Ok(()),
        Wait::For(pause) => {
            std::thread::sleep(pause);
            Ok(())
        }
        Wait::TooLong(seconds) => {
            let what = "the server has asked not to be called for a while";
            let hint = format!("try again in {}", clock::words(seconds));
            Err(profile.error(Kind::Temporary, what).hint(hint))
        }
    }
}
