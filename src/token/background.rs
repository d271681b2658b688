//! The renewal that outlives its caller: a detached child of our own spends the refresh token and
//! saves what comes, whatever happens to the process that asked for it.
//!
//! The child is this program in a session of its own, with the profile's lock handed over and no
//! terminal, so that neither kill -9 of the caller nor Ctrl-C, a closed terminal or a caller's
//! timeout loses a rotated refresh token, not even with the request in flight (STORAGE.md).

#[cfg(unix)]
mod child;

use crate::clock::Deadline;
use crate::error::Result;
use crate::oauth::Credentials;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::lock::Lock;
use crate::state::record::{Record, Token};
use crate::token::refresh;
#[cfg(unix)]
use child::hold_signals;
#[cfg(unix)]
pub use child::serve;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How a child finds the same profile again: the configuration as it was read, and what the command
/// line set.
#[derive(Clone, Copy)]
pub struct Again<'a> {
    pub config: &'a Config,
    pub overrides: &'a [String],
}

/// What the child needs beside the profile. Goes through a socket, never through arguments.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// The configuration file's path, and what the profile needs of its text.
    pub config: (Option<PathBuf>, String),
    pub record: Record,
    pub credentials: Credentials,
    /// The caller's time budget.
    pub budget: Duration,
}

/// Renews in a child and waits for it until the deadline. Where no child can be made, renews here,
/// with the signals held back.
pub fn run(
    profile: &Profile,
    again: &Again<'_>,
    job: &Job,
    lock: Option<Lock>,
    deadline: Deadline,
) -> Result<Token> {
    #[cfg(unix)]
    match child::spawn(profile, again, lock.as_ref()) {
        Ok(child) => {
            // The child has its own copy; it is the one that frees the lock.
            drop(lock);
            return child::wait(profile, child, job, deadline);
        }
        Err(cause) => crate::ui::step(&format!(
            "no child for the renewal: {}",
            crate::error::io_cause(&cause)
        )),
    }
    #[cfg(not(unix))]
    let _ = (again.overrides, deadline);
    let _held = (lock, hold_signals());
    refresh::renew(profile, job)
}

/// Without processes to detach there is no child.
#[cfg(not(unix))]
pub fn serve(_: impl FnOnce(&Config) -> Result<Profile>) -> Result<()> {
    Err(crate::error::Error::usage(
        "this command is for tokctl itself",
    ))
}

#[cfg(not(unix))]
fn hold_signals() {}
