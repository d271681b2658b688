//! OAuth 2.0: a profile and its secrets in, a grant's tokens or the server's refusal out. Knows no
//! store.

pub mod authorization_code;
mod client_assertion;
mod client_auth;
mod credentials;
pub mod device_code;
pub mod expiry;
mod form;
pub mod hint;
pub mod id_token;
pub mod jwks;
mod jwt;
mod jwt_bearer;
mod key;
mod lenient;
pub mod metadata;
pub mod pkce;
mod refused;
pub mod reply;
pub mod revoke;
mod shape;
pub mod token_exchange;
mod verdict;

use crate::clock::Epoch;
use crate::error::{Error, Kind};
use crate::http::{self, Endpoint, Http};
use crate::profile::{ClientAuth, Grant, Profile};
use crate::secret::Secret;
pub use credentials::Credentials;
use form::Form;
pub use refused::Refused;
use refused::{no_answer, refusal, refusal_words, refused};
use reply::{Granted, Reading};
use std::time::Duration;
pub use token_exchange::Given;
pub use verdict::Cause;

/// What is asked of the token endpoint.
#[derive(Clone, Copy)]
pub enum TokenRequest<'a> {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 7523 section 2.1, with an assertion that is signed for each request.
    JwtBearer,
    /// RFC 8693, with what the credentials are given.
    TokenExchange,
    /// RFC 6749 section 6.
    RefreshToken(&'a Secret),
    /// RFC 6749 section 4.1.3 with RFC 7636 section 4.5.
    AuthorizationCode {
        code: &'a Secret,
        verifier: &'a Secret,
        redirect_uri: &'a str,
    },
    /// RFC 8628 section 3.4.
    DeviceCode(&'a Secret),
}

impl TokenRequest<'_> {
    /// The request of a grant that needs neither a person nor a refresh token.
    pub fn repeatable(profile: &Profile) -> Self {
        match profile.grant {
            Grant::JwtBearer => Self::JwtBearer,
            Grant::TokenExchange => Self::TokenExchange,
            _ => Self::ClientCredentials,
        }
    }

    /// `grant_type`, and the name under which `token_params` knows it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::ClientCredentials => ("client_credentials", "client_credentials"),
            Self::TokenExchange => (
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "token_exchange",
            ),
            Self::JwtBearer => ("urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer"),
            Self::RefreshToken(_) => ("refresh_token", "refresh_token"),
            Self::AuthorizationCode { .. } => ("authorization_code", "authorization_code"),
            Self::DeviceCode(_) => (
                "urn:ietf:params:oauth:grant-type:device_code",
                "device_code",
            ),
        }
    }
}

/// Makes one token request.
pub fn request(
    http: &Http,
    endpoint: &Endpoint,
    profile: &Profile,
    credentials: &Credentials,
    what: TokenRequest<'_>,
    limit: Duration,
) -> Result<(Granted, Epoch), Refused> {
    let mut form = Form::default();
    let (grant_type, grant) = what.names();
    let own = profile.quirks.grant_type.as_deref();
    match own.filter(|_| grant == profile.grant.name()) {
        Some("") => {}
        own => form.push("grant_type", own.unwrap_or(grant_type)),
    }
    match what {
        TokenRequest::ClientCredentials => {}
        TokenRequest::JwtBearer => {
            jwt_bearer::push(profile, credentials, &mut form).map_err(Refused::unsent)?;
        }
        TokenRequest::TokenExchange => {
            token_exchange::push(profile, credentials, &mut form).map_err(Refused::unsent)?;
        }
        TokenRequest::RefreshToken(token) => {
            form.push_secret("refresh_token", token);
        }
        TokenRequest::AuthorizationCode {
            code,
            verifier,
            redirect_uri,
        } => {
            form.push_secret("code", code);
            form.push("redirect_uri", redirect_uri);
            if profile.quirks.pkce {
                form.push_secret("code_verifier", verifier);
            }
        }
        TokenRequest::DeviceCode(code) => {
            form.push_secret("device_code", code);
        }
    }
    ask_for(profile, grant, &mut form);
    let answer = send(http, endpoint, profile, credentials, form, limit)?;
    let (reply, secrets) = (&answer.reply, answer.secrets());
    let read = reply::read(
        reply.status,
        &reply.content_type,
        &reply.body,
        profile,
        &secrets,
    );
    match read {
        Reading::Granted(granted) => Ok((granted, reply.sent_at)),
        Reading::Refused(refusal) => {
            let words = refusal_words(reply, &refusal, &secrets, "a token");
            Err(refused(
                profile,
                endpoint,
                Some(what),
                reply,
                &refusal,
                &words,
            ))
        }
    }
}

/// A way to one of the server's endpoints for the profile's client.
pub fn connect(
    endpoint: &Endpoint,
    profile: &Profile,
    credentials: &Credentials,
) -> Result<Http, Error> {
    let identity = credentials.identity(profile)?;
    if profile.client.auth == ClientAuth::Tls && !endpoint.is_https() {
        return Err(profile.error(Kind::Config, "tls_client_auth needs an endpoint with https"));
    }
    Http::with_identity(
        endpoint,
        profile.server.ca_file.as_deref(),
        identity.as_ref(),
    )
    .map_err(|error| profile.error(Kind::Config, error.message))
}

/// What a server answered, and the secrets of the request, which it may repeat.
struct Answer {
    reply: http::Reply,
    sent: Vec<Secret>,
}

impl Answer {
    fn secrets(&self) -> Vec<&Secret> {
        self.sent.iter().collect()
    }
}

/// Posts a form as the profile's client.
fn send(
    http: &Http,
    endpoint: &Endpoint,
    profile: &Profile,
    credentials: &Credentials,
    mut form: Form,
    limit: Duration,
) -> Result<Answer, Refused> {
    let identity = client_auth::apply(profile, credentials, &mut form).map_err(Refused::unsent)?;
    let extra = profile.request.headers.iter();
    let mut headers: Vec<(String, Secret)> = extra
        .map(|(name, value)| (name.clone(), Secret::new(value.clone())))
        .collect();
    headers.extend(identity);
    let sent = form.secrets();
    let form = form.renamed(&profile.quirks.rename);
    let (content_type, body) = if profile.quirks.json_body {
        ("application/json", form.into_json())
    } else {
        ("application/x-www-form-urlencoded", form.into_body())
    };
    http.post(endpoint, &headers, content_type, &body, limit)
        .map(|reply| Answer { reply, sent })
        .map_err(|failure| no_answer(profile, failure))
}

/// Scope, audience, resource and what else the profile sends.
fn ask_for(profile: &Profile, grant: &str, form: &mut Form) {
    let quirks = &profile.quirks;
    // With a code the scope has been asked for already (RFC 6749 section 4.1.3).
    let (name, scope) = match grant {
        "client_credentials" | "token_exchange" => ("scope", profile.request.scope_text()),
        // Where it is a claim, it is no parameter.
        "jwt_bearer" if !profile.assertion.contains_key("scope") => {
            ("scope", profile.request.scope_text())
        }
        "refresh_token" if quirks.scope_on_refresh => ("scope", profile.login_scope()),
        "device_code" => match &quirks.device_scope_param {
            Some(name) => (name.as_str(), profile.login_scope()),
            None => ("scope", String::new()),
        },
        _ => ("scope", String::new()),
    };
    if !scope.is_empty() {
        form.push(name, &scope);
    }
    let redirect_uri = profile.request.redirect_uri.as_deref();
    if let Some(uri) =
        redirect_uri.filter(|_| quirks.redirect_uri_on_refresh && grant == "refresh_token")
    {
        form.push("redirect_uri", uri);
    }
    if let Some(audience) = &profile.request.audience {
        form.push("audience", audience);
    }
    for resource in &profile.request.resource {
        form.push("resource", resource);
    }
    for (name, value) in profile.params_for(grant) {
        form.push(name, value);
    }
}
