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
use std::path::{Path, PathBuf};

/// Metadata is asked for again after a day; servers change it rarely and announce it.
const MAX_AGE: Epoch = 24 * 3600;

/// A server's metadata with its age.
#[derive(Serialize, Deserialize)]
struct Remembered {
    at: Epoch,
    metadata: Metadata,
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
    let path = env::state_dir()
        .ok()
        .map(|state| remembered_in(&state, issuer));
    let remembered: Option<Remembered> = path
        .as_ref()
        .and_then(|path| files::read(path).ok().flatten())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let age = |found: &Remembered| clock::now() - found.at;
    if let Some(found) = &remembered
        && (0..MAX_AGE).contains(&age(found))
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

fn remembered_in(state: &Path, issuer: &str) -> PathBuf {
    state
        .join("metadata")
        .join(format!("{}.json", hash(&["issuer-2", issuer])))
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
