//! Where a server wants the client secret, where neither the profile nor the server has said it: in the
//! header that every server has to know (RFC 6749 section 2.3.1), else once in the body.
//!
//! Never with a code or a refresh token at stake: a refused request may have spent it.

use crate::clock::{Deadline, Epoch};
use crate::hash::hash;
use crate::oauth::reply::Granted;
use crate::oauth::{Client, Credentials, Refused, TokenRequest};
use crate::profile::{ClientAuth, EndpointKind, Profile};
use crate::state::storage::Storage;
use crate::token::request;
use crate::ui;
use std::time::Duration;

/// Asks with a grant that can be repeated; which place the server took the secret in is remembered.
pub fn repeatable(
    profile: &Profile,
    storage: &mut Storage,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<(Granted, Epoch), Refused> {
    let ask = |profile: &Profile| {
        let request = TokenRequest::repeatable(profile);
        let client = Client::new(profile, credentials);
        request::send(client, request, deadline, Duration::ZERO)
    };
    let Some(place) = place(profile) else {
        return ask(profile);
    };
    let mut in_body = profile.clone();
    in_body.client.auth = ClientAuth::Post;
    if storage.note.secret_in_body.as_ref() == Some(&place) {
        let result = ask(&in_body);
        if result.as_ref().is_err_and(is_about_the_client) {
            storage.note.secret_in_body = None;
            storage.save_note();
        }
        return result;
    }
    let refused = match ask(profile) {
        Err(refused) if is_about_the_client(&refused) => refused,
        result => return result,
    };
    ui::step(&format!(
        "{}; the client secret goes in the body instead",
        refused.error
    ));
    // The first refusal is the one to tell: it is about what is usual.
    let granted = ask(&in_body).map_err(|_| refused)?;
    storage.note.secret_in_body = Some(place);
    storage.save_note();
    Ok(granted)
}

/// What the guess is remembered for; `None` where there is nothing to guess. A server with metadata
/// has said what it takes.
fn place(profile: &Profile) -> Option<String> {
    let open = !profile.client.auth_is_set && profile.client.auth == ClientAuth::Basic;
    let endpoint = profile.server.url(EndpointKind::Token).filter(|_| open)?;
    Some(hash(&["body-1", endpoint, &profile.client.id]))
}

/// Whether a refusal is about how the client has named itself.
fn is_about_the_client(refused: &Refused) -> bool {
    refused.error.oauth_code.as_deref() == Some("invalid_client")
        || refused.error.http_status == Some(401)
}
