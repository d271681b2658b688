//! What is known of a service before anybody is asked.

use super::draft::Draft;
use crate::oauth::metadata::Metadata;
use crate::profile::{EndpointKind, preset};

/// What is known of the service, from its preset or its own metadata.
pub struct Facts {
    pub preset: Option<String>,
    pub server: Metadata,
}

impl Facts {
    pub fn of(draft: &Draft, found: Option<Metadata>) -> Self {
        Self {
            preset: draft.preset.clone(),
            server: found.unwrap_or_default(),
        }
    }

    /// A fact of the preset, with the profile's `vars` in it.
    pub fn fact(&self, draft: &Draft, key: &str) -> Option<String> {
        let preset = self.preset.as_deref()?;
        let mut text = preset::fact(preset, key)?;
        let usual = preset::vars(preset).into_iter();
        let usual = usual.filter_map(|(name, usual)| Some((name, usual?)));
        for (name, value) in draft.vars.iter().cloned().chain(usual) {
            text = text.replace(&format!("{{{name}}}"), &value);
        }
        Some(text)
    }

    /// Whether a person can log in, in a browser or on a device.
    pub fn can_log_in(&self, draft: &Draft) -> bool {
        self.has(draft, EndpointKind::Authorization)
            || self.has(draft, EndpointKind::DeviceAuthorization)
    }

    /// Whether an endpoint is known: from an answer, the server's metadata or the preset.
    pub fn has(&self, draft: &Draft, kind: EndpointKind) -> bool {
        draft.endpoints.has(kind)
            || self.server.endpoints.has(kind)
            || self.fact(draft, kind.name()).is_some()
    }
}
