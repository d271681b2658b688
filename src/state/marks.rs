//! How far each login has come on this machine since it started, in the kernel's keyring: what a restored home directory
//! does not bring back.

use super::record::Record;
use crate::hash::hash;
use crate::store::kernel::{self, Ring};
use std::path::Path;

/// So many logins are remembered, the last that were renewed: each user has 20,000 bytes there, which the tokens need
/// (`keyrings(7)`).
const MAX_MARKS: usize = 64;

/// As long as the kernel can be told, in seconds: 136 years.
const FOR_EVER: i64 = u32::MAX as i64;

/// Letters of a login's hash, of which each stands for 4 bits.
const NAME: usize = 16;

/// The generation of a record's login that was written last, as far as it is known; 0 where it is not.
pub fn newest(state: &Path, record: &Record) -> u64 {
    let name = login(record);
    let marks = read(state);
    let own = marks.into_iter().find(|(known, _)| *known == name);
    own.map_or(0, |(_, generation)| generation)
}

/// Remembers what has just been written. Without a keyring there is the profile's note alone.
pub fn note(state: &Path, record: &Record) {
    change(state, record, Some(record.generation));
}

/// Forgets a login that has ended.
pub fn forget(state: &Path, record: &Record) {
    change(state, record, None);
}

fn change(state: &Path, record: &Record, generation: Option<u64>) {
    let name = login(record);
    let mut marks = read(state);
    let before = marks.len();
    marks.retain(|(known, _)| *known != name);
    if generation.is_none() && marks.len() == before {
        return;
    }
    marks.extend(generation.map(|generation| (name, generation)));
    let from = marks.len().saturating_sub(MAX_MARKS);
    let lines = marks[from..].iter();
    let text: String = lines
        .map(|(name, generation)| format!("{name} {generation}\n"))
        .collect();
    if text.is_empty() {
        kernel::forget(Ring::User, &key(state));
    } else {
        kernel::put(Ring::User, &key(state), (text.as_bytes(), FOR_EVER));
    }
}

fn read(state: &Path) -> Vec<(String, u64)> {
    let bytes = kernel::get(Ring::User, &key(state)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mark = |line: &str| {
        let (name, generation) = line.split_once(' ')?;
        Some((name.to_owned(), generation.parse().ok()?))
    };
    text.lines().filter_map(mark).collect()
}

/// A login's name: its record has a key of its own from its beginning to its end, and a copy of an earlier state has the
/// same one. Another container's login under the same path has another.
fn login(record: &Record) -> String {
    let mut name = hash(&["mark-1", record.spool_key.expose()]);
    name.truncate(NAME);
    name
}

fn key(state: &Path) -> String {
    format!("tokctl:{}", hash(&["marks-1", &state.to_string_lossy()]))
}
