//! What is under way while a profile gets another name, or goes: after a kill whoever comes by goes back or forward, as
//! the configuration has it.

use crate::clock::Deadline;
use crate::error::{Error, Result};
use crate::files::{self, layout};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::store::{Interaction, Opening, client_secret, pending_login, probe_account};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journal {
    /// The profile's name as it was.
    pub from: String,
    /// The name that it gets; none where it goes.
    pub to: Option<String>,
    /// The file that says which of them holds.
    #[serde(with = "crate::files::path_bytes")]
    pub config: PathBuf,
}

impl Journal {
    /// Writes down what begins, before anything is changed.
    pub fn begin(&self, state: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).expect("strings always serialize");
        let path = layout::journal(state);
        files::write(&path, &bytes).map_err(|cause| Error::io(path.display(), &cause))
    }

    /// What has begun and not ended.
    pub fn find(state: &Path) -> Option<Self> {
        let bytes = files::read(&layout::journal(state)).ok().flatten()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// It has ended, one way or the other.
    pub fn end(state: &Path) -> Result<()> {
        let path = layout::journal(state);
        let removed = files::remove_all(&path).map(drop);
        removed.map_err(|cause| Error::io(path.display(), &cause))
    }

    /// Whether it is about a profile of this name.
    pub fn has(&self, name: &str) -> bool {
        self.from == name || self.to.as_deref() == Some(name)
    }

    /// The name whose copy is to go, as the configuration has it now; none where none is.
    fn leftover(&self) -> Result<Option<&str>> {
        let names = Config::load_to_change(Some(&self.config))?.names()?;
        let has = |name: &String| names.contains(name);
        Ok(match &self.to {
            Some(to) if has(to) => Some(&self.from),
            Some(to) => Some(to),
            // What was there of a grant had been ended before; somebody may have made the profile anew.
            None if has(&self.from) => None,
            None => Some(&self.from),
        })
    }
}

/// Ends what a kill has interrupted, before anything is read under one of its names. While it is still under way its
/// own process sees to it.
pub fn settle(profile: &Profile, state: &Path, deadline: Deadline) -> Result<()> {
    if !Journal::find(state).is_some_and(|journal| journal.has(&profile.name)) {
        return Ok(());
    }
    let now = Deadline::after(Duration::ZERO);
    let turn = Lock::take(state, "", Purpose::Configuration, now);
    let turn = turn.map_err(|cause| Error::io(layout::locks(state).display(), &cause))?;
    if matches!(turn, Taken::TimedOut) {
        return Ok(());
    }
    settle_in_turn(profile, state, deadline)
}

/// The same for who has the configuration's lock.
pub fn settle_in_turn(profile: &Profile, state: &Path, deadline: Deadline) -> Result<()> {
    let Some(journal) = Journal::find(state).filter(|journal| journal.has(&profile.name)) else {
        return Ok(());
    };
    if let Some(name) = journal.leftover()? {
        erase(&named(profile, name), state, deadline)?;
    }
    Journal::end(state)
}

/// The same profile under another name.
pub fn named(profile: &Profile, name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        ..profile.clone()
    }
}

/// Erases all that is kept for a profile, its client secret too. Its lock stays: one on a file that is gone would
/// exclude nobody.
pub fn erase(profile: &Profile, state: &Path, deadline: Deadline) -> Result<()> {
    let name = &profile.name;
    let note = Note::load(state, name);
    let opening = Opening {
        profile,
        state,
        deadline,
        interaction: Interaction::Attended,
    };
    let mut store = opening.open_to_erase(note.settled())?;
    if note.generation > 0 {
        store.erase(name)?;
    } else {
        store.erase_seen(name)?;
    }
    for beside in [
        client_secret(name),
        pending_login(name),
        probe_account(name),
    ] {
        store.erase_seen(&beside)?;
    }
    // The note is the last: as long as it is there, somebody sees that there is something.
    for path in [
        layout::spool,
        layout::refusals,
        layout::helper_failures,
        layout::note,
    ] {
        let path = path(state, name);
        // With what a killed writer has left.
        files::remove_all(&path).map_err(|cause| Error::io(path.display(), &cause))?;
    }
    Ok(())
}
