//! One profile for a person at a terminal: a line for each thing that is known, with times in words.

use super::{Row, failures};
use crate::clock::{self, Epoch};
use crate::text::clean;
use crate::ui::Look;
use anstyle::{Effects, Style};
use serde_json::Value;

/// Longer than any sensible address or message.
const LONGEST: usize = 2000;

/// The lines, as they are to be written.
pub fn of(row: &Row, look: Look) -> String {
    let now = clock::now();
    let dim = Style::new().effects(Effects::DIMMED);
    let facts = row.facts.as_object().into_iter().flatten();
    let mut text = String::new();
    for (key, value) in facts.filter(|(_, value)| !value.is_null()) {
        let said = match (key.as_str(), value) {
            // It is said with the time.
            ("expires_in", _) => continue,
            ("expires_at", _) => {
                with_words(value, row.expires.map(|end| clock::from_now(end, now)))
            }
            ("updated_at", _) => with_words(value, row.updated.map(|at| ago(at, now))),
            (_, Value::Object(_)) => {
                for (key, words) in failures(key, value).into_iter().flatten() {
                    text.push_str(&line(&key.replace('_', " "), &words, dim, look));
                }
                continue;
            }
            (_, Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
            _ => plain(value),
        };
        text.push_str(&line(&key.replace('_', " "), &said, dim, look));
    }
    text
}

fn line(key: &str, said: &str, style: Style, look: Look) -> String {
    let key = format!("{key:<15} ");
    if look.color {
        format!("{style}{key}{style:#}{said}\n")
    } else {
        format!("{key}{said}\n")
    }
}

fn with_words(time: &Value, words: Option<String>) -> String {
    match words {
        Some(words) => format!("{words} ({})", plain(time)),
        None => plain(time),
    }
}

fn ago(at: Epoch, now: Epoch) -> String {
    format!("{} ago", clock::about(now - at))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text, LONGEST, &[]),
        other => other.to_string(),
    }
}
