//! Grants that are not used any more and still alive at their servers: kept in the record, out of reach for who asks
//! for a token, until they have been revoked.

use crate::clock::Epoch;
use crate::error::about;
use crate::oauth::metadata::Metadata;
use crate::profile::{EndpointKind, Profile, TokenKind};
use crate::secret::Secret;
use crate::state::record::Record;
use crate::ui;
use serde::{Deserialize, Serialize};

/// So many are kept beside what is in use; the oldest goes first, and that is said. A record must fit into a keyring's
/// item, and nobody logs in so often over a grant that lives.
const MOST: usize = 16;

/// Where a grant came from, as far as ending it needs that: what the configuration says may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The address that ends it; none where the server had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// The server's name, else the address of its token endpoint.
    pub server: String,
    pub client_id: String,
    pub client_auth: String,
}

impl Provenance {
    /// Of a grant that this server gives to the profile's client now.
    pub fn of(profile: &Profile, server: &Metadata) -> Self {
        let revocation = server.endpoints.get(EndpointKind::Revocation);
        let suited = server.suited(profile).map(|suited| suited.client.auth);
        let auth = suited.unwrap_or(profile.client.auth);
        Self {
            revocation_endpoint: revocation.cloned(),
            server: profile.server.name().to_owned(),
            client_id: profile.client.id.clone(),
            client_auth: auth.name().to_owned(),
        }
    }
}

/// One such grant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unrevoked {
    /// The hash of the keys that it belongs to (`Profile::binding`).
    pub binding: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Provenance>,
    /// Since when it is not used.
    pub at: Epoch,
    /// Whether only a person's word ends it: at some servers it takes the grant with it that is in use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Its refresh tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refresh: Vec<Secret>,
    /// Its access tokens, each with its end where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<(Secret, Option<Epoch>)>,
}

impl Unrevoked {
    /// Takes away access tokens that have ended; whether anything is left that a server could end.
    pub fn is_alive(&mut self, now: Epoch) -> bool {
        self.access
            .retain(|(_, end)| end.is_none_or(|end| end > now));
        !self.refresh.is_empty() || !self.access.is_empty()
    }

    /// Whether a token is one of its.
    pub fn has(&self, token: &Secret) -> bool {
        let access = self.access.iter().map(|(token, _)| token);
        self.refresh
            .iter()
            .chain(access)
            .any(|own| own.is_same(token))
    }
}

impl Record {
    /// Whether there is nothing that anybody could be given, now or after a renewal.
    pub fn is_spent(&self) -> bool {
        self.refresh.is_none() && self.tokens.is_empty() && self.unchecked.is_empty()
    }

    /// What is in use becomes a grant that is not used any more. Of a profile that asks for id tokens too, those stand
    /// among the others in records of older versions.
    pub fn retire(&mut self, profile: &Profile, held: bool, now: Epoch) {
        let id = profile.variant_of(TokenKind::Id);
        let tokens = std::mem::take(&mut self.tokens).into_iter();
        let tokens = tokens.filter(|(variant, token)| *variant != id && !token.is_id);
        let refresh = self.refresh.take().into_iter();
        let mut grant = Unrevoked {
            binding: self.binding.clone(),
            from: self.from.take(),
            at: now,
            held,
            refresh: refresh.chain(std::mem::take(&mut self.unused)).collect(),
            access: tokens
                .map(|(_, token)| (token.text, token.expires))
                .collect(),
        };
        self.identity = None;
        self.unchecked.clear();
        if grant.is_alive(now) {
            self.unrevoked.push(grant);
        }
    }

    /// Makes room beside what is in use.
    pub fn bound_unrevoked(&mut self, profile: &Profile) {
        while self.unrevoked.len() > MOST {
            self.unrevoked.remove(0);
            let what = "there are too many grants that are to be revoked: the oldest is not kept any more, and lives on at \
                        the server; tokctl logout ends the others";
            ui::warn(&about(&profile.name, what));
        }
    }
}
