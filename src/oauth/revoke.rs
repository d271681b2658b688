//! Revocation (RFC 7009): tells the server that a token is not needed any more, and believes only what is an answer to
//! that.

use super::form::Form;
use super::verdict::Cause;
use super::{Connection, Refused, reply};
use crate::clock::Deadline;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::ui;
use serde_json::Value;

/// What a server says with a 2xx of a token that it does not know (any more), which section 2.2 wants answered with
/// 200: Keycloak says it so, Doorkeeper and others in their own body.
const UNKNOWN: [&str; 2] = ["invalid_token", "token_not_found"];

/// Revokes one token; `hint` is `refresh_token` or `access_token`. A server that is busy and says until when is asked
/// once more within the deadline.
///
/// # Errors
/// Temporary where another try may do it, else refused.
pub fn revoke(
    connection: &Connection<'_>,
    (token, hint): (&Secret, &str),
    deadline: Deadline,
) -> Result<(), Error> {
    let refused = match once(connection, (token, hint), deadline) {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let asked = match refused.cause {
        Cause::Busy { retry_after } => retry_after,
        _ => None,
    };
    let Some(wait) = asked.filter(|wait| *wait < deadline.left()) else {
        return Err(as_told(refused));
    };
    ui::step(&format!(
        "{}; trying again in {} ms",
        refused.error,
        wait.as_millis()
    ));
    std::thread::sleep(wait);
    once(connection, (token, hint), deadline).map_err(as_told)
}

fn once(
    connection: &Connection<'_>,
    (token, hint): (&Secret, &str),
    deadline: Deadline,
) -> Result<(), Refused> {
    let mut form = Form::default();
    form.push_secret("token", token);
    form.push("token_type_hint", hint);
    let answer = connection.post(form, deadline.left())?;
    let value = reply::parse(&answer.reply.content_type, &answer.reply.body);
    let body = &answer.reply.body;
    // A page is not the server's word (a portal's, a proxy's); no body at all can be.
    let page = !body.is_empty() && reply::is_page(&answer.reply.content_type, body);
    // Slack and others say no with 200 too.
    let said = reply::refusal(&value, &answer.secrets());
    let said_no = page
        || said.error.is_some() && !UNKNOWN.contains(&said.code.as_str())
        || value["ok"] == Value::Bool(false);
    if (200..300).contains(&answer.reply.status) && !said_no {
        return Ok(());
    }
    Err(answer.refusal(connection, None, &value))
}

/// A refusal here says nothing of whether a person must log in.
fn as_told(refused: Refused) -> Error {
    let error = refused.error;
    match error.kind {
        Kind::LoginRequired => Error {
            kind: Kind::Refused,
            hint: None,
            ..error
        },
        _ => error,
    }
}
