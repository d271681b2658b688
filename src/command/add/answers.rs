//! Questions on the terminal, put until there is an answer that will do.

use crate::error::{Error, Result};
use crate::ui;

/// Asks until there is an answer that will do.
pub fn until<T>(prompt: &str, mut read: impl FnMut(String) -> Option<T>) -> Result<T> {
    loop {
        if let Some(answer) = read(one(prompt)?) {
            return Ok(answer);
        }
    }
}

/// One line; its end before any is the end of the whole.
pub fn one(prompt: &str) -> Result<String> {
    ui::ask(prompt)?.ok_or_else(|| Error::usage("the answers ended, so nothing is added"))
}

/// A question with two answers; `usual` is that of an empty line.
pub fn yes(prompt: &str, usual: bool) -> Result<bool> {
    until(prompt, |text| match text.to_lowercase().as_str() {
        "" => Some(usual),
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    })
}
