//! OAuth 2.0: a profile and its secrets in, a grant's tokens or the server's refusal out. Knows no
//! store.

pub mod authorization_code;
mod client_assertion;
mod client_auth;
mod credentials;
pub mod device_code;
pub mod hint;
pub mod id_token;
mod jwt;
mod jwt_bearer;
mod key;
mod lenient;
pub mod metadata;
pub mod pkce;
pub mod reply;
pub mod revoke;
mod shape;
pub mod token_exchange;
pub mod words;

use crate::clock::Epoch;
use crate::error::{Error, Kind};
use crate::http::{self, Endpoint, Http};
use crate::profile::{ClientAuth, Grant, Profile};
use crate::secret::Secret;
use client_auth::Form;
pub use credentials::Credentials;
use reply::{Granted, Reading, Refusal};
use std::time::{Duration, UNIX_EPOCH};
pub use token_exchange::Given;

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

/// Why there are no tokens, by what the caller can do about it.
pub struct Refused {
    pub cause: Cause,
    pub error: Error,
}

impl Refused {
    /// A request that cannot be made.
    fn unsent(error: Error) -> Self {
        Self {
            cause: Cause::Permanent,
            error,
        }
    }
}

/// The caller's next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The grant has ended: `invalid_grant`.
    GrantEnded,
    /// The server would say the same again.
    Permanent,
    /// Worth another try, not before the time that the server asked for.
    Busy { retry_after: Option<Duration> },
    /// No whole answer came; `sent` if the server may have acted all the same.
    NoAnswer { sent: bool, retry: bool },
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
            let words = refusal_words(reply, &refusal, &secrets);
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
    if profile.client_auth == ClientAuth::Tls && !endpoint.is_https() {
        return Err(profile.error("tls_client_auth needs an endpoint with https"));
    }
    Http::with_identity(endpoint, profile.ca_file.as_deref(), identity.as_ref())
        .map_err(|error| profile.error(&error.message))
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
    let extra = profile.headers.iter();
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
        "client_credentials" | "token_exchange" => ("scope", profile.scope_text()),
        // Where it is a claim, it is no parameter.
        "jwt_bearer" if !profile.assertion.contains_key("scope") => ("scope", profile.scope_text()),
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
    let redirect_uri = profile.redirect_uri.as_deref();
    if let Some(uri) =
        redirect_uri.filter(|_| quirks.redirect_uri_on_refresh && grant == "refresh_token")
    {
        form.push("redirect_uri", uri);
    }
    if let Some(audience) = &profile.audience {
        form.push("audience", audience);
    }
    for resource in &profile.resource {
        form.push("resource", resource);
    }
    for (name, value) in profile.params_for(grant) {
        form.push(name, value);
    }
}

fn no_answer(profile: &Profile, failure: http::Failure) -> Refused {
    let message = format!("profile {:?}: {}", profile.name, failure.what);
    // An answer that was too large would be so again; a certificate may be mended any time.
    let (kind, cause) = if failure.sent && !failure.retry {
        (Kind::Refused, Cause::Permanent)
    } else {
        let cause = Cause::NoAnswer {
            sent: failure.sent,
            retry: failure.retry,
        };
        (Kind::Temporary, cause)
    };
    let mut error = Error::new(kind, message);
    error.hint = failure.hint;
    Refused { cause, error }
}

/// A refusal by another endpoint than the token endpoint.
fn refusal(
    profile: &Profile,
    endpoint: &Endpoint,
    redirect_uri: Option<&str>,
    answer: &Answer,
    value: &serde_json::Value,
) -> Refused {
    let (reply, secrets) = (&answer.reply, answer.secrets());
    let refusal = reply::refusal(value, &secrets);
    let words = refusal_words(reply, &refusal, &secrets);
    let mut refused = refused(profile, endpoint, None, reply, &refusal, &words);
    let hint = hint::of(profile, None, redirect_uri, &refusal.code, reply.status);
    refused.error.hint = hint;
    refused
}

/// Turns a refusal into the message that names profile, host, status, the server's words and the
/// next command.
fn refused(
    profile: &Profile,
    endpoint: &Endpoint,
    what: Option<TokenRequest<'_>>,
    reply: &http::Reply,
    refusal: &Refusal,
    words: &str,
) -> Refused {
    let code = refusal.code.as_str();
    let ended = &profile.quirks.grant_ended_errors;
    // What some servers say in its place (Gitea).
    let meant = if ended.iter().any(|ended| ended == code) {
        "invalid_grant"
    } else {
        code
    };
    let cause = cause(what, reply, meant, refusal.interval);
    let message = format!(
        "profile {:?}: {} answered {words}",
        profile.name,
        endpoint.host()
    );
    let kind = match cause {
        Cause::GrantEnded => Kind::LoginRequired,
        Cause::Permanent => Kind::Refused,
        Cause::Busy { .. } | Cause::NoAnswer { .. } => Kind::Temporary,
    };
    let mut error = Error::new(kind, message);
    error.hint = hint::of(profile, what, None, meant, reply.status);
    error.oauth_code.clone_from(&refusal.error);
    error.http_status = Some(reply.status);
    Refused { cause, error }
}

/// The server's words with the status, or what its answer was instead.
fn refusal_words(reply: &http::Reply, refusal: &Refusal, secrets: &[&Secret]) -> String {
    let status = reply.status;
    match (&refusal.error, &refusal.description) {
        (Some(code), Some(words)) => return format!("{code}: {words} (HTTP {status})"),
        (Some(code), None) => return format!("{code} (HTTP {status})"),
        (None, Some(words)) => return format!("HTTP {status}: {words}"),
        (None, None) => {}
    }
    if let (300..400, Some(location)) = (status, &reply.location) {
        let host = words::clean(&http::redirect_host(location), 100, secrets);
        return format!("HTTP {status}, a redirect to {host}, which is not followed");
    }
    let kind = reply.content_type.split(';').next().unwrap_or_default();
    let kind = words::clean(kind, 64, secrets);
    let about = if kind.is_empty() {
        "without a content type".to_owned()
    } else {
        kind
    };
    let about = match &reply.content_encoding {
        Some(coding) => format!(
            "{about}, compressed as {}",
            words::clean(coding, 32, secrets)
        ),
        None => about,
    };
    match status {
        200..300 => format!("HTTP {status} without a token ({about})"),
        _ => format!("HTTP {status} ({about})"),
    }
}

fn cause(
    what: Option<TokenRequest<'_>>,
    reply: &http::Reply,
    code: &str,
    interval: Option<Duration>,
) -> Cause {
    let busy = Cause::Busy {
        retry_after: retry_after(reply).or(interval),
    };
    match (reply.status, code) {
        // GitHub's and Slack's names for it come with HTTP 200.
        (
            200..500,
            "invalid_grant" | "bad_refresh_token" | "invalid_refresh_token" | "token_revoked",
        ) if matches!(what, Some(TokenRequest::RefreshToken(_)))
            && !matches!(reply.status, 408 | 429) =>
        {
            Cause::GrantEnded
        }
        (408 | 429 | 500..=599, _)
        | (_, "temporarily_unavailable" | "server_error" | "slow_down") => busy,
        _ => Cause::Permanent,
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(reply: &http::Reply) -> Option<Duration> {
    let text = reply.retry_after.as_deref()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = UNIX_EPOCH + Duration::from_secs(crate::clock::now().unsigned_abs());
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, retry_after: Option<&str>) -> http::Reply {
        http::Reply {
            status,
            content_type: String::new(),
            content_encoding: None,
            retry_after: retry_after.map(str::to_owned),
            date: None,
            location: None,
            body: zeroize::Zeroizing::new(Vec::new()),
            sent_at: 0,
        }
    }

    #[test]
    fn only_invalid_grant_ends_a_grant() {
        let token = Secret::new("r".into());
        let refresh = TokenRequest::RefreshToken(&token);
        assert_eq!(
            cause(Some(refresh), &reply(400, None), "invalid_grant", None),
            Cause::GrantEnded
        );
        assert_eq!(
            cause(Some(refresh), &reply(200, None), "bad_refresh_token", None),
            Cause::GrantEnded
        );
        assert_eq!(
            cause(Some(refresh), &reply(503, None), "invalid_grant", None),
            Cause::Busy { retry_after: None }
        );
        assert_eq!(
            cause(Some(refresh), &reply(429, None), "invalid_grant", None),
            Cause::Busy { retry_after: None }
        );
        assert_eq!(
            cause(Some(refresh), &reply(401, None), "invalid_client", None),
            Cause::Permanent
        );
        let first = TokenRequest::ClientCredentials;
        assert_eq!(
            cause(Some(first), &reply(400, None), "invalid_grant", None),
            Cause::Permanent
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(
            retry_after(&reply(429, Some("7"))),
            Some(Duration::from_secs(7))
        );
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(&reply(429, Some(past))), Some(Duration::ZERO));
        assert_eq!(retry_after(&reply(429, Some("soon"))), None);
        let huge = "99999999999999999999999";
        assert_eq!(
            retry_after(&reply(429, Some(huge))),
            Some(Duration::MAX.min(Duration::from_secs(u64::MAX)))
        );
    }
}
