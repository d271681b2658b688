//! What a profile asks of its server: which token, for what, and the parameters beside the standard ones.

use super::choice::TokenKind;
use super::fields::Fields;
use super::value::Params;
use super::vars::Vars;
use super::{Grant, split_scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    pub kind: TokenKind,
    pub scope: Vec<String>,
    pub scope_separator: String,
    pub audience: Option<String>,
    pub resource: Vec<String>,
    pub token_params: Params,
    pub headers: BTreeMap<String, String>,
    pub redirect_uri: Option<String>,
    pub authorization_params: Params,
}

impl Request {
    /// Takes the keys out. The error names the key.
    pub(super) fn take(values: &mut Fields, vars: &Vars, grant: Grant) -> Result<Self, String> {
        let mut params = |key: &str| {
            let filled = values.params(key).filled(vars, grant.name());
            filled.map_err(|why| format!("{key}: {why}"))
        };
        Ok(Self {
            token_params: params("token_params")?,
            authorization_params: params("authorization_params")?,
            kind: TokenKind::read(values.text("token").as_deref()),
            scope: split_scope(&values.texts("scope")),
            scope_separator: values
                .text("scope_separator")
                .unwrap_or_else(|| " ".to_owned()),
            audience: values.text("audience"),
            resource: values.texts("resource"),
            headers: values.params("headers").always,
            redirect_uri: values.text("redirect_uri"),
        })
    }

    /// The scopes as one string for a request.
    pub fn scope_text(&self) -> String {
        self.scope.join(&self.scope_separator)
    }
}
