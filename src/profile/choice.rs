//! The keys of a profile that have one of a few words.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the client names and proves itself at the token endpoint (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    /// HTTP Basic, id and secret form-encoded first (RFC 6749 section 2.3.1).
    Basic,
    /// HTTP Basic without that encoding, as some servers want it.
    BasicRaw,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// `client_id` in the body and no secret: a public client.
    None,
    /// A JWT signed with the client's private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// The same with the client secret instead of a key.
    ClientSecretJwt,
    /// A certificate, shown with TLS (RFC 8705).
    Tls,
}

impl ClientAuth {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::BasicRaw => "client_secret_basic_raw",
            Self::Post => "client_secret_post",
            Self::None => "none",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::Tls => "tls_client_auth",
        }
    }

    /// By its name in the configuration, else by whether there is a secret or a key.
    pub(super) fn read(name: Option<&str>, has_secret: bool, has_key: bool, grant: Grant) -> Self {
        match name {
            Some("client_secret_basic") => Self::Basic,
            Some("client_secret_basic_raw") => Self::BasicRaw,
            // A public client of a service whose clients mostly have a secret.
            Some("client_secret_post") if !has_secret && matches!(grant, Grant::Login(_)) => {
                Self::None
            }
            Some("client_secret_post") => Self::Post,
            Some("private_key_jwt") => Self::PrivateKeyJwt,
            Some("client_secret_jwt") => Self::ClientSecretJwt,
            Some("tls_client_auth" | "self_signed_tls_client_auth") => Self::Tls,
            None if has_secret => Self::Basic,
            None if has_key => Self::PrivateKeyJwt,
            Some(_) | None => Self::None,
        }
    }
}

/// The grants by their names in the configuration.
pub const GRANTS: &[&str] = &[
    "client_credentials",
    "refresh_token",
    "authorization_code",
    "device_code",
    "jwt_bearer",
    "token_exchange",
];

/// The grant that brings a profile's first token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    ClientCredentials,
    /// A JWT that the profile's key signs (RFC 7523 section 2.1).
    JwtBearer,
    /// Another token, for which this one is issued (RFC 8693).
    TokenExchange,
    /// One that needs a person, or a refresh token brought by `tokctl import`.
    Login(LoginGrant),
}

/// How a person gives the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginGrant {
    /// In a browser (RFC 6749 section 4.1).
    AuthorizationCode,
    /// On another device (RFC 8628).
    DeviceCode,
    /// Elsewhere: only the refresh token is brought here.
    RefreshToken,
}

impl Grant {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::TokenExchange => "token_exchange",
            Self::Login(LoginGrant::AuthorizationCode) => "authorization_code",
            Self::Login(LoginGrant::DeviceCode) => "device_code",
            Self::Login(LoginGrant::RefreshToken) => "refresh_token",
        }
    }
}

/// Where a profile's tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreChoice {
    Auto,
    Keyring,
    EncryptedFile,
    Plaintext,
    None,
}

impl StoreChoice {
    /// The choice as it stands in stored names: as the first versions wrote it, and not to be changed.
    pub fn stable_name(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Keyring => "Keyring",
            Self::EncryptedFile => "EncryptedFile",
            Self::Plaintext => "Plaintext",
            Self::None => "None",
        }
    }

    pub(super) fn read(name: Option<&str>) -> Self {
        match name {
            Some("keyring") => Self::Keyring,
            Some("encrypted-file") => Self::EncryptedFile,
            Some("plaintext") => Self::Plaintext,
            Some("none") => Self::None,
            _ => Self::Auto,
        }
    }
}

/// Which of a grant's tokens is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    /// The access token.
    Access,
    /// OpenID Connect's id token.
    Id,
}

impl TokenKind {
    pub(super) fn read(name: Option<&str>) -> Self {
        if name == Some("id") {
            Self::Id
        } else {
            Self::Access
        }
    }
}

/// How git sends the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GitAuth {
    /// Bearer where git and the server can, else Basic.
    Auto,
    Bearer,
    Basic,
}

impl GitAuth {
    pub(super) fn read(name: Option<&str>) -> Self {
        match name {
            Some("bearer") => Self::Bearer,
            Some("basic") => Self::Basic,
            _ => Self::Auto,
        }
    }
}

/// How long a token lives of which the server does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssumedLife {
    /// What the token says itself, else an hour where it can be renewed.
    Usual,
    For(Duration),
    /// What the token says itself, else until the server is asked for another.
    None,
}
