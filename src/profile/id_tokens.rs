//! What a profile wants of its id tokens.

use super::fields::Fields;
use super::vars::Vars;
use crate::http::Endpoint;
use serde::{Deserialize, Serialize};

/// How id tokens are checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdTokens {
    /// The only algorithm that they may be signed with.
    pub algorithm: Option<String>,
    /// Whether their signatures are checked where the server publishes keys.
    pub check_signature: bool,
    /// Where the server's keys are, where its metadata does not say it.
    pub jwks_uri: Option<Endpoint>,
}

impl IdTokens {
    /// Takes the keys out. The error names the key.
    pub(super) fn take(values: &mut Fields, vars: &Vars) -> Result<Self, String> {
        Ok(Self {
            algorithm: values.text("id_token_signed_response_alg"),
            check_signature: values.flag_or("check_id_token_signature", true),
            jwks_uri: values.endpoint("jwks_uri", vars)?,
        })
    }
}
