//! What a server wants done in another way than the standards say.

use super::choice::{AssumedLife, Grant};
use super::fields::Fields;
use super::token_type::ISSUED;
use super::vars::Vars;
use crate::http::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A server's deviations; by default there are none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Quirks {
    /// Whether a login sends a PKCE challenge (RFC 7636).
    pub pkce: bool,
    /// Whether requests are JSON instead of a form.
    pub json_body: bool,
    /// What the server calls some of the parameters.
    pub rename: BTreeMap<String, String>,
    /// The name of `scope` in an authorization request.
    pub scope_param: String,
    /// Its name in a device request, where that is another; then the poll has it too.
    pub device_scope_param: Option<String>,
    /// Scopes beside the profile's own, for which a login gets a refresh token.
    pub offline_scope: Vec<String>,
    /// `grant_type` of the grant that brings the first token; an empty one is left out.
    pub grant_type: Option<String>,
    /// Where refresh tokens are sent, where not to the token endpoint.
    pub refresh_endpoint: Option<Endpoint>,
    /// Whether a refresh names the redirect URI.
    pub redirect_uri_on_refresh: bool,
    /// Whether a refresh names the scope: only when asked for, since servers differ.
    pub scope_on_refresh: bool,
    /// What says of a refresh token the same as `invalid_grant`: codes, codes with words, or a status.
    pub grant_ended_errors: Vec<String>,
    /// The same, where it never becomes good again.
    pub grant_ended_for_good: Vec<String>,
    /// What says "not now".
    pub temporary_errors: Vec<String>,
    /// Members of a reply that are kept beside the token.
    pub keep: Vec<String>,
    pub assumed_life: AssumedLife,
    /// Types of tokens that are a bearer's, whatever their names say.
    pub bearer_token_types: Vec<String>,
}

impl Quirks {
    /// Takes the keys out. The error names the key.
    pub(super) fn take(values: &mut Fields, vars: &Vars, grant: Grant) -> Result<Self, String> {
        let mut keep = values.texts("keep");
        // Of an exchange it says what the token is (RFC 8693 section 2.2.1).
        if grant == Grant::TokenExchange {
            keep.push(ISSUED.to_owned());
        }
        Ok(Self {
            pkce: values.flag_or("pkce", true),
            json_body: values.text("body").as_deref() == Some("json"),
            rename: values.params("rename").always,
            scope_param: values
                .text("scope_param")
                .unwrap_or_else(|| "scope".to_owned()),
            device_scope_param: values.text("device_scope_param"),
            offline_scope: super::split_scope(&values.texts("offline_scope")),
            grant_type: values.text("send_grant_type"),
            refresh_endpoint: values.endpoint("refresh_endpoint", vars)?,
            redirect_uri_on_refresh: values.flag("send_redirect_uri_on_refresh"),
            scope_on_refresh: values.flag("send_scope_on_refresh"),
            grant_ended_errors: values.texts("grant_ended_errors"),
            grant_ended_for_good: values.texts("grant_ended_for_good"),
            temporary_errors: values.texts("temporary_errors"),
            keep,
            assumed_life: values.life("assume_expires_in"),
            bearer_token_types: values.texts("bearer_token_types"),
        })
    }
}
