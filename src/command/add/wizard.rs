//! What a person has answered so far, and what follows from it.

use super::draft::Draft;
use super::facts::Facts;
use crate::oauth::metadata::Metadata;
use crate::profile::config::Config;

/// What a person has answered so far.
pub struct Wizard<'a> {
    pub draft: &'a mut Draft,
    /// What the flags say, which is not asked.
    pub given: &'a Draft,
    pub config: &'a Config,
    /// What the server says of itself.
    pub found: Option<Metadata>,
}

/// Where a question leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    On,
    /// There was nothing to be asked.
    Skipped,
    Back,
}

impl Wizard<'_> {
    /// What is known of the service by now.
    pub fn facts(&self) -> Facts {
        Facts::of(self.draft, self.found.clone())
    }

    /// The grant as far as it is settled.
    pub fn grant(&self) -> Option<String> {
        let usual = || self.facts().fact(self.draft, "grant");
        self.draft.grant.clone().or_else(usual)
    }

    /// Whether the client acts for itself.
    pub fn is_for_itself(&self) -> bool {
        self.grant().as_deref() == Some("client_credentials")
            || !self.facts().can_log_in(self.draft)
    }
}
