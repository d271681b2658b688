//! What a token exchange is about (RFC 8693), as a profile says it.

use super::fields::Fields;
use super::token_source::TokenSource;
use super::token_type::full;
use serde::{Deserialize, Serialize};

/// What is given for a token, and what is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exchange {
    pub subject: Option<TokenSource>,
    pub subject_type: String,
    pub actor: Option<TokenSource>,
    pub actor_type: String,
    pub requested_type: Option<String>,
}

impl Exchange {
    /// From the profile's keys.
    pub(super) fn read(values: &mut Fields) -> Self {
        let mut kind = |key: &str| values.text(key).map(|name| full(&name));
        let usual = || full("access_token");
        Self {
            subject_type: kind("subject_token_type").unwrap_or_else(usual),
            actor_type: kind("actor_token_type").unwrap_or_else(usual),
            requested_type: kind("requested_token_type"),
            subject: values.token("subject_token"),
            actor: values.token("actor_token"),
        }
    }

    /// Whether another kind of token was issued than the one asked for.
    pub fn is_other(&self, issued: &str) -> bool {
        self.requested_type
            .as_ref()
            .is_some_and(|requested| requested != issued)
    }

    /// Whether one of its tokens is another profile's.
    pub fn takes_from_a_profile(&self) -> bool {
        let sources = [&self.subject, &self.actor];
        sources
            .iter()
            .any(|source| matches!(source, Some(TokenSource::Profile(_))))
    }

    /// All of it, as what the new token depends on.
    pub fn stable_name(&self) -> [String; 5] {
        let source = |source: &Option<TokenSource>| {
            source
                .as_ref()
                .map(TokenSource::stable_name)
                .unwrap_or_default()
        };
        [
            source(&self.subject),
            self.subject_type.clone(),
            source(&self.actor),
            self.actor_type.clone(),
            self.requested_type.clone().unwrap_or_default(),
        ]
    }
}
