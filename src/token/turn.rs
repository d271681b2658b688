//! One process at a time renews a profile's token: the wait for its turn.

use super::ask::Ask;
use crate::clock;
use crate::error::{Error, Kind, Result, about, io_cause};
use crate::files;
use crate::state::lock::{Lock, Purpose, Taken, Which};
use crate::state::note::Note;
use crate::state::record::Token;
use crate::state::storage::Cache;
use crate::ui;
use std::path::Path;

/// How the wait for the profile's lock ended.
pub enum Turn {
    /// It is this process's turn, with the lock where there can be one.
    Ours(Option<Lock>),
    /// Somebody else's renewal has brought the token.
    Come(Token),
}

/// What the kernel's cache has after what others may have written meanwhile.
pub fn cached(ask: &Ask<'_>, state: &Path) -> Option<Token> {
    let note = Note::load(state, &ask.profile.name);
    Cache::of(ask.profile, state, &note).get()
}

/// Waits for the profile's lock, or for the token of whoever has it.
pub fn wait(ask: &Ask<'_>, state: &Path) -> Result<Turn> {
    let name = &ask.profile.name;
    let come = || cached(ask, state).filter(|token| ask.is_good(token, clock::now()));
    let _waiting = ui::waiting(about(
        name,
        "waiting for another tokctl that renews the token",
    ));
    let which = Which {
        state,
        profile: name,
        purpose: Purpose::Renewal,
    };
    let cause = match Lock::take_unless(which, ask.deadline, come, || ()) {
        Ok(Taken::Lock(lock)) => return Ok(Turn::Ours(Some(lock))),
        Ok(Taken::HereOnly(lock)) => {
            ui::warn(&format!(
                "{}: this file system has no locks, so tokctl does not wait for itself on another machine",
                state.display()
            ));
            return Ok(Turn::Ours(Some(lock)));
        }
        Ok(Taken::Came(token)) => return Ok(Turn::Come(token)),
        Ok(Taken::TimedOut) => {
            let what = "another tokctl is still renewing the token";
            return Err(Error::about(name, Kind::Temporary, what));
        }
        Ok(Taken::Unsupported) => {
            ui::warn(&format!(
                "{}: this file system has no locks, so parallel calls may each make a request",
                state.display()
            ));
            return Ok(Turn::Ours(None));
        }
        Err(cause) => cause,
    };
    let usual = "make the directory writable, or set TOKCTL_STATE_DIR to one that can be locked";
    let hint = files::remedy(&cause).unwrap_or(usual);
    let what = format!("no lock below {}: {}", state.display(), io_cause(&cause));
    // Parallel requests cost a repeatable grant nothing but themselves; a refresh token used twice
    // ends a login.
    if ask.profile.is_repeatable() {
        ui::warn(&about(
            name,
            &format!("{what}; parallel calls may each make a request"),
        ));
        return Ok(Turn::Ours(None));
    }
    Err(Error::about(name, Kind::StoreUnavailable, what).hint(hint))
}
