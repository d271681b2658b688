//! The authorization server's addresses: set by hand, else remembered from its metadata, else asked
//! for.

use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::files::{self, layout};
use crate::http::Endpoint;
use crate::oauth::metadata::{self, Metadata};
use crate::profile::{EndpointKind, Profile};
use crate::text;
use crate::ui;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Metadata is asked for again after a day; servers change it rarely and announce it.
pub const MAX_AGE: Epoch = 24 * 3600;

/// What a server has said this long ago at most is not asked for again, in seconds.
const JUST_NOW: Epoch = 60;

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
    look_up(profile, MAX_AGE, deadline)
}

/// Everything that is known of the server, asked for anew: a person is there, and what a login needs may have
/// changed (another endpoint, pushed requests demanded). While the server does not say it, what it said last
/// stays in force.
pub fn for_login(profile: &Profile, deadline: Deadline) -> Result<Metadata> {
    look_up(profile, 0, deadline)
}

/// What is known of the server for who ends a grant: as it is remembered, else asked for. That it cannot be asked now
/// does not mean that it has no place for that.
pub fn for_logout(profile: &Profile, deadline: Deadline) -> Result<Metadata> {
    let by_hand = |kind: EndpointKind| profile.server.endpoints.has(kind);
    let found = match profile.server.issuer() {
        Some(issuer) => match discover(profile, issuer, MAX_AGE, deadline) {
            Err(error)
                if by_hand(EndpointKind::Revocation)
                    || by_hand(EndpointKind::Token) && error.kind != Kind::Temporary =>
            {
                ui::step(&error.to_string());
                Metadata::default()
            }
            found => found?,
        },
        None => Metadata::default(),
    };
    Ok(with_hand_set(profile, found))
}

fn look_up(profile: &Profile, max_age: Epoch, deadline: Deadline) -> Result<Metadata> {
    let found = match profile.server.issuer() {
        Some(issuer) => match discover(profile, issuer, max_age, deadline) {
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

/// Whether a server whose token endpoint is not where it was names another one now. It is asked once, unless it
/// has said it just now.
pub fn has_moved(profile: &Profile, deadline: Deadline) -> bool {
    let by_hand = profile.server.endpoints.has(EndpointKind::Token);
    let Some(issuer) = profile.server.issuer().filter(|_| !by_hand) else {
        return false;
    };
    let Some(old) = remembered(issuer).filter(|old| !(0..JUST_NOW).contains(&old.age())) else {
        return false;
    };
    // The old address may be tried again after this, and needs its time too.
    let share = Deadline::after(deadline.left() / 3);
    match metadata::fetch(profile, issuer, share) {
        Ok(metadata) => {
            let endpoint = |metadata: &Metadata| {
                let found = with_hand_set(profile, metadata.clone());
                found.endpoints.get(EndpointKind::Token).cloned()
            };
            let has = endpoint(&metadata) != endpoint(&old.metadata);
            remember(issuer, metadata);
            has
        }
        Err(error) => {
            ui::step(&error.to_string());
            false
        }
    }
}

/// Takes note of what a server has said anew, where anything is remembered of it.
pub fn learn(issuer: &str, metadata: &Metadata) {
    if remembered(issuer).is_some() {
        remember(issuer, metadata.clone());
    }
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
        Some(issuer) => discover(profile, issuer, MAX_AGE, deadline),
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

fn discover(
    profile: &Profile,
    issuer: &str,
    max_age: Epoch,
    deadline: Deadline,
) -> Result<Metadata> {
    let remembered = remembered(issuer);
    if let Some(found) = &remembered
        && (0..max_age).contains(&found.age())
    {
        return Ok(found.metadata.clone());
    }
    match (metadata::fetch(profile, issuer, deadline), remembered) {
        (Ok(metadata), _) => {
            remember(issuer, metadata.clone());
            Ok(metadata)
        }
        (Err(error), Some(old)) => {
            ui::step(&format!("{error}; what was remembered is used"));
            Ok(old.metadata)
        }
        (Err(error), None) => Err(error),
    }
}

/// Without a place to remember it, it is asked for each time.
fn remember(issuer: &str, metadata: Metadata) {
    let found = Remembered {
        at: clock::now(),
        metadata,
    };
    let bytes = serde_json::to_vec(&found).expect("strings and numbers always serialize");
    let path = beside_metadata("issuer-2", issuer);
    if let Some(Err(cause)) = path.map(|path| files::write_unsynced(&path, &bytes)) {
        ui::step(&format!(
            "the server's metadata cannot be remembered: {cause}"
        ));
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
    Some(layout::published(&env::state_dir().ok()?, kind, name))
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
