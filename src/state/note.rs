//! What is remembered of a profile without any secret: its store, its token's times, and what not to
//! try again.

use crate::clock::{self, Epoch};
use crate::error::Error;
use crate::files;
use crate::hash::hash;
use crate::secret::Secret;
use crate::store::Backend;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// One profile's note, written by whoever holds the profile's lock.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// The profile, since the file's name is only a hash of it.
    pub profile: String,
    /// Changes with each new grant and each logout: tokens that are cached anywhere under an older one
    /// are not found any more.
    pub epoch: u64,
    /// The store that `auto` was resolved to, for good.
    pub store: Option<Backend>,
    /// The record's generation at the last write.
    pub generation: u64,
    /// Who logged in, where the server said it.
    pub account: Option<String>,
    /// The scope of the profile's own token, as it was stored last.
    pub scope: Option<String>,
    /// When that token ends.
    pub expires: Option<Epoch>,
    /// Whether there is a token at all.
    pub has_token: bool,
    /// Whether a refresh token is stored.
    pub refreshable: bool,
    /// When tokens were last written.
    pub updated: Option<Epoch>,
    /// A hash of the refresh token that the server has declared ended.
    pub ended: Option<String>,
    /// A hash of the server and client for which the client secret goes in the body, as was found out.
    pub secret_in_body: Option<String>,
    /// The server asked not to be called before this.
    pub not_before: Option<Epoch>,
    /// The last failure, so that those who waited for the same request share it.
    pub failure: Option<Failure>,
}

/// What a helper could not do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HelperFailure {
    pub at: Epoch,
    pub host: String,
    pub message: String,
}

/// A failed attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Milliseconds since 1970.
    pub at_ms: u128,
    pub error: Error,
}

impl Note {
    /// The profile's note; an absent or unreadable one says nothing.
    pub fn load(state: &Path, profile: &str) -> Self {
        let read = files::read(&path(state, profile)).ok().flatten();
        let note: Option<Self> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut note = note.unwrap_or_else(|| Self {
            profile: profile.to_owned(),
            ..Self::default()
        });
        // Ahead of the clock, which has gone back since: nobody waits until it is there again.
        let is_ahead = |failure: &Failure| failure.at_ms > clock::now_millis();
        if note.failure.as_ref().is_some_and(is_ahead) {
            note.failure = None;
            note.not_before = None;
        }
        note
    }

    /// Replaces the profile's note. After a power cut an older one will do.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).expect("strings and numbers always serialize");
        files::write_unsynced(&path(state, &self.profile), &bytes)
    }

    /// Makes everything that was cached before unknown.
    pub fn begin_epoch(&mut self) {
        // Random, so that no two histories of a profile meet again.
        self.epoch = getrandom::u64().unwrap_or(self.epoch.wrapping_add(1));
    }

    /// Whether the server has already said that this refresh token is worth nothing.
    pub fn says_ended(&self, refresh: &Secret) -> bool {
        self.ended.as_deref() == Some(&fingerprint(refresh))
    }
}

/// Each helper's last failure for a profile, for programs that do not show it. In a file of its own,
/// since a helper that has failed holds no lock.
pub fn helper_failures(state: &Path, profile: &str) -> BTreeMap<String, HelperFailure> {
    let read = files::read(&helpers_path(state, profile)).ok().flatten();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Adds a helper's failure.
pub fn add_helper_failure(
    state: &Path,
    profile: &str,
    helper: &str,
    failure: HelperFailure,
) -> io::Result<()> {
    let mut all = helper_failures(state, profile);
    all.insert(helper.to_owned(), failure);
    let bytes = serde_json::to_vec(&all).expect("strings and numbers always serialize");
    files::write_unsynced(&helpers_path(state, profile), &bytes)
}

fn helpers_path(state: &Path, profile: &str) -> PathBuf {
    state
        .join("helpers")
        .join(format!("{}.json", hash(&["profile-1", profile])))
}

/// A refresh token's hash, to remember it by.
pub fn fingerprint(refresh: &Secret) -> String {
    hash(&["ended-1", refresh.expose()])
}

fn path(state: &Path, profile: &str) -> PathBuf {
    state
        .join("profiles")
        .join(format!("{}.json", hash(&["profile-1", profile])))
}
