//! A new profile is tried before it is kept.

use crate::clock::{self, Deadline, budget};
use crate::error::{Kind, Result};
use crate::http::Http;
use crate::oauth::{Client, Credentials, TokenRequest};
use crate::profile::{EndpointKind, Grant, LoginGrant, Profile};
use crate::secret::Secret;
use crate::state::server;
use crate::state::storage::Storage;
use crate::store::Interaction;
use crate::token::credentials;
use crate::token::request;
use std::time::Duration;

/// Tries it as far as that goes without a person; what was seen.
pub fn run(profile: &Profile, given: Option<&Secret>) -> Result<String> {
    let deadline = Deadline::after(profile.timeout.unwrap_or(budget::ADD_TRIAL));
    if profile.is_repeatable() {
        return fetch(profile, given, deadline);
    }
    credentials(profile, given, deadline).and_then(|_| look(profile, deadline))
}

/// Asks for a token, which nobody keeps.
fn fetch(profile: &Profile, given: Option<&Secret>, deadline: Deadline) -> Result<String> {
    let credentials = credentials(profile, given, deadline)?;
    let request = TokenRequest::repeatable(profile);
    let client = Client::new(profile, &credentials);
    let result = request::send(client, request, deadline, Duration::ZERO);
    let (granted, sent_at) = result.map_err(|refused| refused.error)?;
    let merged = crate::token::merge::Merged::renewed(profile, None, granted, sent_at);
    let token = merged.wanted(profile)?;
    let life = token.expires.map_or_else(String::new, |end| {
        format!(", good for {}", clock::about(end - sent_at))
    });
    Ok(format!("the server gave a token{life}"))
}

/// The secret that is to be stored, or what the sources give now.
fn credentials(
    profile: &Profile,
    given: Option<&Secret>,
    deadline: Deadline,
) -> Result<Credentials> {
    if let Some(given) = given {
        let mut rest = profile.clone();
        rest.client.secret = None;
        let mut credentials = credentials::read(&rest, None, deadline)?;
        credentials.secret = Some(given.clone());
        credentials::check(profile, &credentials)?;
        return Ok(credentials);
    }
    if profile.client.has_stored_secret() {
        let mut storage = Storage::open(profile, deadline, Interaction::Allowed)?;
        return credentials::find(profile, Some(&mut storage), deadline);
    }
    credentials::find(profile, None, deadline)
}

/// A grant that needs a person: the server's addresses are found, and the one for tokens answers.
fn look(profile: &Profile, deadline: Deadline) -> Result<String> {
    let server = server::for_login(profile, deadline)?;
    let first = match profile.grant {
        Grant::Login(LoginGrant::AuthorizationCode) => Some(EndpointKind::Authorization),
        Grant::Login(LoginGrant::DeviceCode) => Some(EndpointKind::DeviceAuthorization),
        _ => None,
    };
    if let Some(kind) = first {
        server::endpoint(profile, &server, kind)?;
    }
    let endpoint = server::endpoint(profile, &server, EndpointKind::Token)?;
    let http = Http::new(&endpoint, profile.server.ca_file.as_deref())
        .map_err(|error| profile.error(Kind::Config, error.message))?;
    // Whatever it says to a GET: it is there, and its certificate is good.
    http.get(&endpoint, deadline.left()).map_err(|failure| {
        let error = profile.error(Kind::Temporary, failure.what);
        match failure.hint {
            Some(hint) => error.hint(profile.addressed(&hint)),
            None => error,
        }
    })?;
    Ok(format!("{} answers", endpoint.host()))
}
