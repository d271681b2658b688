//! The authorization server's addresses: set by hand, else remembered from its metadata, else asked
//! for.

use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::hash::hash;
use crate::http::Endpoint;
use crate::oauth::metadata::{self, Metadata};
use crate::profile::{EndpointKind, Profile};
use crate::text;
use crate::ui;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Metadata is asked for again after a day; servers change it rarely and announce it.
pub const MAX_AGE: Epoch = 24 * 3600;

/// A server's metadata with its age.
#[derive(Serialize, Deserialize)]
struct Remembered {
    at: Epoch,
    metadata: Metadata,
}

impl Remembered {
    fn age(&self) -> Epoch {
        clock::now() - self.at
    }
}

/// The addresses for a token request: only the token endpoint has to be known.
pub fn for_token(profile: &Profile, deadline: Deadline) -> Result<Metadata> {
    if profile.server.endpoints.has(EndpointKind::Token) {
        return Ok(with_hand_set(profile, Metadata::default()));
    }
    for_login(profile, deadline)
}

/// Everything that is known of the server, which a login needs.
pub fn for_login(profile: &Profile, deadline: Deadline) -> Result<Metadata> {
    let found = match profile.server.issuer() {
        Some(issuer) => match discover(profile, issuer, deadline) {
            Ok(found) => found,
            // What is set by hand may be enough.
            Err(error) if profile.server.endpoints.has(EndpointKind::Token) => {
                ui::step(&error.to_string());
                Metadata::default()
            }
            Err(error) => return Err(error),
        },
        None => Metadata::default(),
    };
    Ok(with_hand_set(profile, found))
}

/// What is remembered of the server's keys and of what it signs with, without asking it.
pub fn known_for_id_token(profile: &Profile) -> Option<Metadata> {
    let Some(issuer) = profile.server.issuer() else {
        return Some(Metadata::default());
    };
    let found = remembered(issuer).filter(|found| (0..MAX_AGE).contains(&found.age()));
    found.map(|found| found.metadata)
}

/// The same, asked for where it is not remembered.
pub fn for_id_token(profile: &Profile, deadline: Deadline) -> Result<Metadata> {
    match profile.server.issuer() {
        Some(issuer) => discover(profile, issuer, deadline),
        None => Ok(Metadata::default()),
    }
}

/// One of the server's addresses, or an error that names the key to set.
pub fn endpoint(profile: &Profile, server: &Metadata, kind: EndpointKind) -> Result<Endpoint> {
    let key = kind.name();
    let url = server.endpoints.get(kind).ok_or_else(|| {
        let what = match profile.server.issuer {
            Some(_) => format!("the server's metadata has no {key}"),
            None => format!("has no {key}"),
        };
        profile
            .error(Kind::Config, what)
            .hint(format!("set {key} in the profile"))
    })?;
    // What is set in the profile has been looked at with it.
    Endpoint::parse(url).map_err(|why| {
        let shown = text::clean(url, 200, &[]);
        let name = &profile.name;
        let what = format!("the server's metadata: {key} {shown:?} {why}");
        Error::about(name, Kind::Refused, what)
    })
}

fn discover(profile: &Profile, issuer: &str, deadline: Deadline) -> Result<Metadata> {
    let remembered = remembered(issuer);
    if let Some(found) = &remembered
        && (0..MAX_AGE).contains(&found.age())
    {
        return Ok(found.metadata.clone());
    }
    match (metadata::fetch(profile, issuer, deadline), remembered) {
        (Ok(metadata), _) => {
            let found = Remembered {
                at: clock::now(),
                metadata,
            };
            let bytes = serde_json::to_vec(&found).expect("strings and numbers always serialize");
            // Without a place to remember it, it is asked for each time.
            let path = beside_metadata("issuer-2", issuer);
            if let Some(Err(cause)) = path.map(|path| files::write_unsynced(&path, &bytes)) {
                ui::step(&format!(
                    "the server's metadata cannot be remembered: {cause}"
                ));
            }
            Ok(found.metadata)
        }
        (Err(error), Some(old)) => {
            ui::step(&format!("{error}; what was remembered is used"));
            Ok(old.metadata)
        }
        (Err(error), None) => Err(error),
    }
}

fn remembered(issuer: &str) -> Option<Remembered> {
    let bytes = files::read(&beside_metadata("issuer-2", issuer)?)
        .ok()
        .flatten()?;
    serde_json::from_slice(&bytes).ok()
}

/// The file of what a server publishes: of such a kind, and by such a name.
pub(super) fn beside_metadata(kind: &str, name: &str) -> Option<PathBuf> {
    let state = env::state_dir().ok()?;
    let file = format!("{}.json", hash(&[kind, name]));
    Some(state.join("metadata").join(file))
}

/// What is set by hand always wins; of the others, a client with a certificate has those for it.
pub fn with_hand_set(profile: &Profile, found: Metadata) -> Metadata {
    let mut found = match &profile.client.certificate {
        Some(_) => found.for_certificate(),
        None => found,
    };
    for (kind, endpoint) in profile.server.endpoints.known() {
        found.endpoints.set(kind, endpoint.as_str().to_owned());
    }
    found.require_pushed_authorization_requests |=
        profile.server.require_pushed_authorization_requests;
    found
}
