//! Revocation (RFC 7009): tells the server that a token is not needed any more.

use super::form::Form;
use super::{Connection, reply};
use crate::error::Error;
use crate::secret::Secret;
use serde_json::Value;
use std::time::Duration;

/// Revokes one token; `hint` is `refresh_token` or `access_token`.
pub fn revoke(
    connection: &Connection<'_>,
    token: &Secret,
    hint: &str,
    limit: Duration,
) -> Result<(), Error> {
    let mut form = Form::default();
    form.push_secret("token", token);
    form.push("token_type_hint", hint);
    let answer = connection
        .post(form, limit)
        .map_err(|refused| refused.error)?;
    let value = reply::parse(&answer.reply.content_type, &answer.reply.body);
    // Section 2.2: also a token that the server does not know is answered with 200. Slack and others
    // say no with 200 too.
    // A page is not the server's word (a portal's, a proxy's); no body at all can be.
    let body = &answer.reply.body;
    let page = !body.is_empty() && reply::is_page(&answer.reply.content_type, body);
    let said_no = page
        || reply::refusal(&value, &answer.secrets()).error.is_some()
        || value["ok"] == Value::Bool(false);
    if (200..300).contains(&answer.reply.status) && !said_no {
        return Ok(());
    }
    Err(answer.refusal(connection, None, &value).error)
}
