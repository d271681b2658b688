//! Questions on the terminal, put until there is an answer that will do; `<` goes back to the one before.

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::ui;

/// What goes back to the question before.
const BACK: &str = "<";

/// Asks until `read` takes the answer; why it does not is said before the question comes again. `None` is the way back.
pub fn until<T>(
    prompt: &str,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Result<Option<T>> {
    loop {
        let answer = one(prompt)?;
        if answer == BACK {
            return Ok(None);
        }
        match read(&answer) {
            Ok(value) => return Ok(Some(value)),
            Err(why) => ui::show(&format!("  {why}\n")),
        }
    }
}

/// The same without an echo.
pub fn hidden<T>(
    prompt: &str,
    mut read: impl FnMut(Secret) -> Result<T, String>,
) -> Result<Option<T>> {
    loop {
        let answer = ui::ask_secret(prompt)?.ok_or_else(ended)?;
        if answer.is_one_of(&[BACK]) {
            return Ok(None);
        }
        match read(answer) {
            Ok(value) => return Ok(Some(value)),
            Err(why) => ui::show(&format!("  {why}\n")),
        }
    }
}

/// One line; its end before any is the end of the whole.
fn one(prompt: &str) -> Result<String> {
    ui::ask(prompt)?.ok_or_else(ended)
}

fn ended() -> Error {
    Error::usage("the answers ended, so nothing is added")
}

/// One of several words, each named by its first letter; `usual` is that of an empty line.
pub fn choice(prompt: &str, letters: &str, usual: char) -> Result<char> {
    loop {
        if let Some(letter) = letter(&one(prompt)?, letters, usual) {
            return Ok(letter);
        }
    }
}

/// The letter of an answer; what it could have been is said where it is none of them.
fn letter(answer: &str, letters: &str, usual: char) -> Option<char> {
    let first = answer.to_lowercase().chars().next().unwrap_or(usual);
    if letters.contains(first) {
        return Some(first);
    }
    let known: Vec<String> = letters.chars().map(String::from).collect();
    ui::show(&format!("  one of {}\n", known.join(", ")));
    None
}

/// A question with two answers; `usual` is that of an empty line.
pub fn yes(prompt: &str, usual: bool) -> Result<bool> {
    let answer = choice(prompt, "yn", if usual { 'y' } else { 'n' })?;
    Ok(answer == 'y')
}

/// What may follow when all is done: an empty line is a yes, and the end of the answers a no.
pub fn go_on(prompt: &str) -> Result<bool> {
    loop {
        let Some(answer) = ui::ask(prompt)? else {
            return Ok(false);
        };
        if let Some(letter) = letter(&answer, "yn", 'y') {
            return Ok(letter == 'y');
        }
    }
}
