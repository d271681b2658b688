//! A new profile is tried before it is kept.

use crate::client_secret;
use crate::clock::{self, Deadline};
use crate::error::Result;
use crate::exchange::exchange;
use crate::holdings::Holdings;
use crate::http::Http;
use crate::oauth::TokenRequest;
use crate::profile::{Profile, SecretSource};
use crate::secret::Secret;
use crate::server;
use crate::store::Interaction;
use std::time::Duration;

/// A person waits for it.
const BUDGET: Duration = Duration::from_secs(20);

/// Tries it as far as that goes without a person; what was seen.
pub fn run(profile: &Profile, given: Option<&Secret>) -> Result<String> {
    let deadline = Deadline::after(profile.timeout.unwrap_or(BUDGET));
    if profile.is_repeatable() {
        return fetch(profile, given, deadline);
    }
    let secret = secret(profile, given, deadline);
    secret.and_then(|_| look(profile, deadline))
}

/// Client credentials: asks for a token, which nobody keeps.
fn fetch(profile: &Profile, given: Option<&Secret>, deadline: Deadline) -> Result<String> {
    let secret = secret(profile, given, deadline)?;
    let request = TokenRequest::ClientCredentials;
    let result = exchange(profile, secret.as_ref(), request, deadline, Duration::ZERO);
    let (granted, sent_at) = result.map_err(|refused| refused.error)?;
    let merged = crate::merged::Merged::renewed(profile, None, granted, sent_at);
    let token = merged.wanted(profile)?;
    let life = token.expires.map_or_else(String::new, |end| {
        format!(", good for {}", clock::words(end - sent_at))
    });
    Ok(format!("the server gave a token{life}"))
}

/// The secret that is to be stored, or what its source gives now.
fn secret(profile: &Profile, given: Option<&Secret>, deadline: Deadline) -> Result<Option<Secret>> {
    match (given, &profile.client_secret) {
        (Some(given), _) => Ok(Some(given.clone())),
        (None, Some(SecretSource::Keyring)) => {
            let mut holdings = Holdings::open(profile, deadline, Interaction::Allowed)?;
            client_secret::find(profile, &mut holdings, deadline)
        }
        (None, Some(source)) => source.resolve(&profile.name, deadline),
        (None, None) => Ok(None),
    }
}

/// A grant that needs a person: the server's addresses are found, and the one for tokens answers.
fn look(profile: &Profile, deadline: Deadline) -> Result<String> {
    let server = server::for_login(profile, deadline)?;
    let key = match profile.grant.name() {
        "authorization_code" => Some(("authorization_endpoint", &server.authorization_endpoint)),
        "device_code" => Some((
            "device_authorization_endpoint",
            &server.device_authorization_endpoint,
        )),
        _ => None,
    };
    if let Some((key, url)) = key {
        server::endpoint(profile, key, url.as_ref())?;
    }
    let endpoint = server::endpoint(profile, "token_endpoint", server.token_endpoint.as_ref())?;
    let http = Http::new(&endpoint, profile.ca_file.as_deref())
        .map_err(|error| profile.error(&error.message))?;
    // Whatever it says to a GET: it is there, and its certificate is good.
    http.get(&endpoint, deadline.left()).map_err(|failure| {
        let error = crate::error::Error::new(
            crate::error::Kind::Temporary,
            format!("profile {:?}: {}", profile.name, failure.what),
        );
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })?;
    Ok(format!("{} answers", endpoint.host()))
}
