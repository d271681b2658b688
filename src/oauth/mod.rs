//! OAuth 2.0: a profile and its secrets in, a grant's tokens or the server's refusal out. Knows no
//! store.

pub mod authorization_code;
mod client_assertion;
mod client_auth;
mod connection;
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

use crate::profile::{Grant, Profile};
use crate::secret::Secret;
pub use connection::{Client, Connection};
pub use credentials::Credentials;
use form::Form;
pub use refused::Refused;
pub use token_exchange::Given;
pub use verdict::{Cause, tells_of_reuse};

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
