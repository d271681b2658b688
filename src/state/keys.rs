//! A server's public keys as they were last published, remembered beside its metadata.

use super::server::{MAX_AGE, beside_metadata};
use crate::clock::{self, Deadline, Epoch};
use crate::error::Result;
use crate::files;
use crate::oauth::jwks::{self, Keys};
use crate::profile::Profile;
use crate::ui;
use serde::{Deserialize, Serialize};

/// A server's keys with their age.
#[derive(Serialize, Deserialize)]
struct Remembered {
    at: Epoch,
    keys: Keys,
}

fn remembered(url: &str) -> Option<Remembered> {
    let bytes = files::read(&beside_metadata("keys-1", url)?)
        .ok()
        .flatten()?;
    serde_json::from_slice(&bytes).ok()
}

/// What is remembered and not older than a day: a key that a server takes back is not believed for longer.
pub fn known(url: &str) -> Option<Keys> {
    let found = remembered(url)?;
    let is_new = (0..MAX_AGE).contains(&(clock::now() - found.at));
    is_new.then_some(found.keys)
}

/// What is remembered, however old it is: for the time in which a server cannot be asked.
pub fn old(url: &str) -> Option<Keys> {
    remembered(url).map(|found| found.keys)
}

/// Asks the server, and remembers what it says.
pub fn fetch(profile: &Profile, url: &str, deadline: Deadline) -> Result<Keys> {
    let keys = jwks::fetch(profile, url, deadline)?;
    let found = Remembered {
        at: clock::now(),
        keys,
    };
    let bytes = serde_json::to_vec(&found).expect("strings and numbers always serialize");
    // Without a place to remember them, they are asked for each time.
    if let Some(Err(cause)) =
        beside_metadata("keys-1", url).map(|path| files::write_unsynced(&path, &bytes))
    {
        ui::step(&format!("the server's keys cannot be remembered: {cause}"));
    }
    Ok(found.keys)
}
