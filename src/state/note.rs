//! What is remembered of a profile without any secret: its store, its token's times, and what not to
//! try again.

use crate::clock::{self, Epoch};
use crate::error::Error;
use crate::files::{self, layout};
use crate::hash::hash;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::remembered::{Doubt, Remembered};
use crate::store::Backend;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// More variants than a record has room for: those that it has dropped are remembered for a while.
const MAX_COPIES: usize = 32;

/// One profile's note, written by whoever holds the profile's lock.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// The profile, since the file's name is only a hash of it.
    pub profile: String,
    /// The configuration file that has it: others may know nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Changes with each new grant and each logout: tokens that are cached anywhere under an older one
    /// are not found any more.
    pub epoch: u64,
    /// The store that `auto` was resolved to, for good.
    pub store: Option<Backend>,
    /// The record's generation at the last write.
    pub generation: u64,
    /// The writing that each variant's copy in the kernel's cache is of: one that could not be replaced then
    /// (in a user namespace, under a seccomp filter, over quota) is not found after it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<String, u64>,
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
    /// How many grants are kept only to be revoked.
    #[serde(skip_serializing_if = "is_none")]
    pub unrevoked: usize,
    /// When tokens were last written.
    pub updated: Option<Epoch>,
    /// The end of the grant, as the server has declared it.
    #[serde(deserialize_with = "lenient")]
    pub ended: Option<Ended>,
    /// What the server has refused of a variant alone (`Profile::variant`), until the next grant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, Remembered>,
    /// What is open of a refresh token whose last answer was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubtful>,
    /// The binding of the record, as it was written last.
    pub binding: Option<String>,
    /// The answer to a refresh request that was lost or could not be read: it may have held the token that
    /// came next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// A hash of the server and client for which the client secret goes in the body, as was found out.
    pub secret_in_body: Option<String>,
    /// The server asked not to be called before this.
    pub not_before: Option<Epoch>,
    /// The last failure, so that those who waited for the same request share it.
    pub failure: Option<Failure>,
}

/// An answer that told nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Missed {
    /// A hash of the refresh token that was sent.
    pub of: String,
    /// What was wrong with it.
    pub words: String,
}

/// That a refresh token is worth nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// Its hash.
    pub refresh: String,
    pub said: Remembered,
}

/// That the last answer to a refresh token was lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Doubtful {
    /// Its hash.
    pub refresh: String,
    pub doubt: Doubt,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// The form of an older version is the hash alone.
fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ended>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let older = || {
        Some(Ended {
            refresh: value.as_str()?.to_owned(),
            said: Remembered::undated("the grant has ended (revoked or expired)"),
        })
    };
    let older = older();
    Ok(older.or_else(|| serde_json::from_value(value).ok()))
}

/// What a helper could not do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HelperFailure {
    pub at: Epoch,
    pub host: String,
    pub message: String,
    /// Whether it may pass by itself.
    #[serde(default)]
    pub temporary: bool,
}

/// So long a temporary failure stands for another attempt of a helper's, in seconds: a program asks
/// many times for one command, and a person who tries again a little later means it.
const FAILED_JUST_NOW: Epoch = 12;

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
        let read = files::read(&layout::note(state, profile)).ok().flatten();
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

    /// Every profile's note, in no order.
    pub fn all(state: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(layout::notes(state))
            .into_iter()
            .flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        let read = |path: PathBuf| files::read(&path).ok().flatten();
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .filter_map(read)
            .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
            .collect()
    }

    /// Whether anything is kept for the profile, of a grant or a client secret.
    pub fn has_something(&self) -> bool {
        self.generation > 0 || self.unrevoked > 0 || self.store.is_some()
    }

    /// Remembers the file that the profile is of.
    pub fn keep_file_of(&mut self, profile: &Profile) {
        let file = profile.file.as_deref().and_then(Path::to_str);
        if let Some(file) = file {
            self.config = Some(file.to_owned());
        }
    }

    /// Replaces the profile's note. After a power cut an older one will do.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).expect("strings and numbers always serialize");
        files::write_unsynced(&layout::note(state, &self.profile), &bytes)
    }

    /// What `auto` was resolved to. Nothing is remembered but by its traces of the kernel alone, which
    /// gives way to a keyring that comes.
    pub fn settled(&self) -> Option<Backend> {
        self.store
            .or((self.generation > 0).then_some(Backend::Kernel))
    }

    /// The number of a variant's next copy, at the writing of this generation.
    pub fn next_copy(&self, variant: &str, generation: u64) -> u64 {
        let last = self.copies.get(variant).copied().unwrap_or_default();
        generation.max(last + 1)
    }

    /// Notes the number of a variant's copy, so that an older one is not found any more.
    pub fn number_copy(&mut self, variant: &str, number: u64) {
        self.copies.insert(variant.to_owned(), number);
        while self.copies.len() > MAX_COPIES {
            let oldest = self.copies.iter().min_by_key(|(_, number)| **number);
            let Some(oldest) = oldest.map(|(variant, _)| variant.clone()) else {
                break;
            };
            self.copies.remove(&oldest);
        }
    }

    /// Makes everything that was cached before unknown.
    pub fn begin_epoch(&mut self) {
        // Random, so that no two histories of a profile meet again.
        self.epoch = getrandom::u64().unwrap_or(self.epoch.wrapping_add(1));
        // What was refused to one grant is not refused to the next.
        self.refused.clear();
    }

    /// The failure of a request that was made since, in milliseconds: who waited for it shares it.
    pub fn failed_since(&self, since_ms: u128) -> Option<&Error> {
        let failure = self.failure.as_ref()?;
        (failure.at_ms > since_ms).then_some(&failure.error)
    }

    /// What was wrong with the answer to an earlier request with this refresh token.
    pub fn missed(&self, refresh: &Secret) -> Option<&str> {
        let missed = self.missed.as_ref()?;
        (missed.of == fingerprint(refresh)).then_some(missed.words.as_str())
    }

    /// The end of the grant with this refresh token, if the server has declared it.
    pub fn end_of(&self, refresh: &Secret) -> Option<&Remembered> {
        let ended = self.ended.as_ref()?;
        (ended.refresh == fingerprint(refresh)).then_some(&ended.said)
    }

    /// What is open of this refresh token.
    pub fn doubt_of(&self, refresh: &Secret) -> Doubt {
        let open = self.doubt.as_ref();
        let open = open.filter(|open| open.refresh == fingerprint(refresh));
        open.map_or(Doubt::None, |open| open.doubt)
    }
}

/// Each helper's last failure for a profile, for programs that do not show it. In a file of its own,
/// since a helper that has failed holds no lock.
pub fn helper_failures(state: &Path, profile: &str) -> BTreeMap<String, HelperFailure> {
    let read = files::read(&layout::helper_failures(state, profile))
        .ok()
        .flatten();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// A temporary failure of any helper for a profile, a moment ago.
pub fn recent_helper_failure(state: &Path, profile: &str) -> Option<HelperFailure> {
    let now = clock::now();
    helper_failures(state, profile)
        .into_values()
        .filter(|failure| failure.temporary && (0..FAILED_JUST_NOW).contains(&(now - failure.at)))
        .max_by_key(|failure| failure.at)
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
    files::write_unsynced(&layout::helper_failures(state, profile), &bytes)
}

/// A refresh token's hash, to remember it by.
pub fn fingerprint(refresh: &Secret) -> String {
    hash(&["ended-1", refresh.expose()])
}
