//! How a request failed on its way.

use std::io;

/// Why there is no head of an answer.
#[derive(Debug)]
pub enum Trouble {
    /// The request was not sent whole: the server cannot have acted on it.
    Unsent(io::Error),
    /// Its body cannot be read here.
    Body(io::Error),
    /// The answer was lost on the way.
    Lost(io::Error),
    /// What came cannot be read, in these words.
    Unreadable(&'static str),
}
