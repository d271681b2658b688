//! Where the token of an exchange comes from.

use super::fault::Fault;
use super::raw::text;
use super::secret_source::SecretSource;
use crate::hash::quoted;
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// A place that a token is read from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum TokenSource {
    Secret(SecretSource),
    /// Another profile's token.
    Profile(String),
}

impl TokenSource {
    /// From a value of the configuration.
    pub(super) fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let table = value.get_ref().as_table().filter(|table| table.len() == 1);
        if let Some(name) = table.and_then(|table| table.get("profile")) {
            return text(name).map(Self::Profile);
        }
        match SecretSource::read(value)? {
            SecretSource::Keyring => Err(Fault::new(
                value.span(),
                "keyring: the store has no such token; name a file, a command or a profile",
            )),
            source => Ok(Self::Secret(source)),
        }
    }

    /// The same with its file named from the configuration's directory.
    pub(super) fn based_on(self, dir: &Path) -> Self {
        match self {
            Self::Secret(source) => Self::Secret(source.based_on(dir)),
            other @ Self::Profile(_) => other,
        }
    }

    /// Whether reading it runs a program.
    pub fn runs_a_program(&self) -> bool {
        matches!(self, Self::Secret(source) if source.runs_a_program())
    }

    /// The source as it stands in stored names.
    pub fn stable_name(&self) -> String {
        match self {
            Self::Secret(source) => source.stable_name(),
            Self::Profile(name) => format!("profile {}", quoted(name)),
        }
    }

    /// The source in words, for messages: never the token.
    pub fn describe(&self) -> String {
        match self {
            Self::Secret(source) => source.describe(),
            Self::Profile(name) => format!("profile {name:?}"),
        }
    }
}
