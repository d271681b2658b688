//! Which server a profile is about: its name for itself, and the addresses that are set by hand.

use super::endpoints::{EndpointKind, Endpoints};
use super::fields::Fields;
use super::vars::Vars;
use crate::http::Endpoint;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The authorization server, as far as the profile says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// The server's name for itself, from which its addresses can be asked.
    pub issuer: Option<Endpoint>,
    pub endpoints: Endpoints<Endpoint>,
    pub require_pushed_authorization_requests: bool,
    #[serde(with = "crate::files::path_bytes::optional")]
    pub ca_file: Option<PathBuf>,
}

impl Server {
    /// Takes the keys out. The error names the key.
    pub(super) fn take(values: &mut Fields, vars: &Vars) -> Result<Self, String> {
        let server = Self {
            issuer: values.endpoint("issuer", vars)?,
            endpoints: Endpoints::try_of(|kind| values.endpoint(kind.name(), vars))?,
            require_pushed_authorization_requests: values
                .flag("require_pushed_authorization_requests"),
            ca_file: values.path("ca_file"),
        };
        if !server.endpoints.has(EndpointKind::Token) && server.issuer.is_none() {
            return Err("has neither token_endpoint nor issuer".to_owned());
        }
        Ok(server)
    }

    /// One of the addresses that are set by hand, as it is written.
    pub fn url(&self, kind: EndpointKind) -> Option<&str> {
        self.endpoints.get(kind).map(Endpoint::as_str)
    }

    /// The issuer as it is written.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().map(Endpoint::as_str)
    }

    /// The server's name for itself, else the address of its token endpoint: the audience of what is
    /// signed for it (draft-ietf-oauth-rfc7523bis-11 section 4 demands the first).
    pub fn name(&self) -> &str {
        let named = self.issuer().or_else(|| self.url(EndpointKind::Token));
        named.unwrap_or_default()
    }

    /// Whether there is a place where a person can log in.
    pub fn has_login(&self) -> bool {
        self.issuer.is_some()
            || self.endpoints.has(EndpointKind::Authorization)
            || self.endpoints.has(EndpointKind::DeviceAuthorization)
    }
}
