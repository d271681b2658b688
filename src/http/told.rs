//! What a connection and a body's source tell the one who asked, past the library between them.

use super::head::Head;
use super::trouble::Trouble;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shared by the ends of one request.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    /// The answer's, as it came.
    pub head: Option<Head>,
    /// Why it goes no further.
    pub trouble: Option<Trouble>,
    /// The server has answered, or reads no more: nothing more is sent.
    pub over: bool,
    /// What is not borne any longer from now on.
    pub silence: Option<Duration>,
}

impl Told {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells why it goes no further; for the library, only that.
    pub fn trouble(&self, trouble: Trouble) -> io::Error {
        self.state().trouble = Some(trouble);
        io::Error::other("told past the library")
    }
}
