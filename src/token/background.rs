//! The renewal that outlives its caller: a detached child of our own spends the refresh token and
//! saves what comes, whatever happens to the process that asked for it.
//!
//! The child is this program in a session of its own, with the profile's lock handed over and no
//! terminal, so that neither kill -9 of the caller nor Ctrl-C, a closed terminal or a caller's
//! timeout loses a rotated refresh token, not even with the request in flight.

#[cfg(unix)]
mod child;

use super::job::{Done, Job, Work};
use super::{code, refresh, trial};
use crate::clock::Deadline;
use crate::error::Result;
use crate::state::lock::Lock;
#[cfg(unix)]
use child::hold_signals;
#[cfg(unix)]
pub use child::serve;

/// Does a job in a child and waits for it until the deadline. Where no child can be made, does it here, with the
/// signals held back.
pub fn run(job: &Job, lock: Option<Lock>, deadline: Deadline) -> Result<Done> {
    #[cfg(unix)]
    match child::spawn(&job.profile.name, lock.as_ref()) {
        Ok(child) => {
            // The child has its own copy; it is the one that frees the lock.
            if let Some(lock) = lock {
                lock.hand_over();
            }
            return child::wait(child, job, deadline);
        }
        Err(cause) => crate::ui::step(&format!(
            "no child for the renewal: {}",
            crate::error::io_cause(&cause)
        )),
    }
    #[cfg(not(unix))]
    let _ = deadline;
    let _held = (lock, hold_signals());
    work(job)
}

/// Does what a job is about.
fn work(job: &Job) -> Result<Done> {
    match &job.work {
        Work::Renew(record) => {
            refresh::renew(job, record).map(|token| Done::Token(Box::new(token)))
        }
        Work::Import(come) => trial::run(job, come).map(|stored| Done::Stored(Box::new(stored))),
        Work::UseCode(used) => {
            code::run(job, used).map(|(granted, at)| Done::Granted(Box::new(granted), at))
        }
    }
}

/// Without processes to detach there is no child.
#[cfg(not(unix))]
pub fn serve() -> Result<()> {
    Err(crate::error::Error::usage(
        "this command is for tokctl itself",
    ))
}

#[cfg(not(unix))]
fn hold_signals() {}
