//! The profiles as a table for a person at a terminal: as wide as that is, with times in words.

use super::Row;
use crate::clock::{self, Epoch};
use crate::text::clean;
use crate::ui::Look;
use anstyle::{AnsiColor, Effects, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const HEAD: [&str; 6] = ["PROFILE", "STATE", "EXPIRES", "GRANT", "STORE", "SCOPE"];

/// Two spaces between columns.
const GAP: usize = 2;

/// The last column is cut down to this before it is left out.
const LEAST: usize = 8;

/// Longer than any sensible scope.
const LONGEST: usize = 500;

/// A cell, and how it looks.
type Cell = (String, Style);

/// The table, as it is to be written.
pub fn of(rows: &[Row], look: Look) -> String {
    let now = clock::now();
    let bold = Style::new().effects(Effects::BOLD);
    let head = HEAD.map(|word| (word.to_owned(), bold)).to_vec();
    let all: Vec<Vec<Cell>> = std::iter::once(head)
        .chain(rows.iter().map(|row| cells(row, now)))
        .collect();
    let widths = widths(&all, look.columns);
    all.iter().map(|row| line(row, &widths, look)).collect()
}

fn cells(row: &Row, now: Epoch) -> Vec<Cell> {
    let plain = Style::new();
    let text = |key: &str| {
        let text = clean(row.facts[key].as_str().unwrap_or_default(), LONGEST, &[]);
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    if row.facts["error"].is_string() {
        let error = (format!("error: {}", text("error")), color(AnsiColor::Red));
        return vec![(text("profile"), plain), error];
    }
    let expires = row
        .expires
        .map_or_else(|| "-".to_owned(), |end| clock::from_now(end, now));
    vec![
        (text("profile"), plain),
        (text("state"), state(&text("state"))),
        (expires, plain),
        (text("grant"), plain),
        (text("store"), plain),
        (text("scope"), plain),
    ]
}

fn state(state: &str) -> Style {
    match state {
        "good" | "from the environment" => color(AnsiColor::Green),
        "login needed" => color(AnsiColor::Yellow),
        _ => Style::new(),
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}

/// As wide as their cells; on a narrow terminal the last ones are cut, and left out in the end. A
/// row of an error has no columns of its own.
fn widths(all: &[Vec<Cell>], room: Option<usize>) -> Vec<usize> {
    let whole = || all.iter().filter(|row| row.len() == HEAD.len());
    let width = |column: usize| whole().map(|row| row[column].0.width()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let Some(room) = room else { return widths };
    while widths.len() > 1 {
        let before: usize = widths[..widths.len() - 1]
            .iter()
            .map(|width| width + GAP)
            .sum();
        let left = room.saturating_sub(before);
        let last = widths.last_mut().expect("there are several");
        if left >= LEAST.min(*last) {
            *last = left.min(*last);
            break;
        }
        widths.pop();
    }
    widths
}

fn line(row: &[Cell], widths: &[usize], look: Look) -> String {
    let mut text = String::new();
    let mut used = 0;
    for (at, (cell, style)) in row.iter().take(widths.len().max(2)).enumerate() {
        let last = at + 1 == row.len().min(widths.len().max(2));
        let room = look
            .columns
            .map_or(usize::MAX, |columns| columns.saturating_sub(used));
        // An error goes on to the end of the line.
        let most = match widths.get(at) {
            Some(width) if row.len() == HEAD.len() => (*width).min(room),
            _ => room,
        };
        let cell = cut(cell, most);
        let width = cell.width();
        if look.color && !cell.is_empty() {
            text.push_str(&format!("{style}{cell}{style:#}"));
        } else {
            text.push_str(&cell);
        }
        if !last {
            let to = widths.get(at).copied().unwrap_or(width).max(width) + GAP;
            text.push_str(&" ".repeat(to - width));
            used += to;
        }
    }
    format!("{}\n", text.trim_end())
}

/// So many columns of a text, with a mark where it goes on.
fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        short.push(c);
    }
    if most > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(profile: &str, state: &str, scope: &str, expires: Option<Epoch>) -> Row {
        Row {
            facts: json!({ "profile": profile, "state": state, "grant": "device_code", "store": "keyring", "scope": scope }),
            expires,
            updated: None,
        }
    }

    fn look(columns: usize) -> Look {
        Look {
            color: false,
            columns: Some(columns),
        }
    }

    #[test]
    fn columns_are_aligned_also_under_wide_names() {
        let now = clock::now();
        let rows = [
            row("corp", "good", "read", Some(now + 2525)),
            row("会社", "login needed", "", None),
        ];
        let text = of(&rows, look(200));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "PROFILE  STATE         EXPIRES    GRANT        STORE    SCOPE"
        );
        assert_eq!(
            lines[1],
            "corp     good          in 42 min  device_code  keyring  read"
        );
        assert_eq!(
            lines[2],
            "会社     login needed  -          device_code  keyring  -"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let broken = Row {
            facts: json!({ "profile": "x", "error": "a".repeat(300) }),
            expires: None,
            updated: None,
        };
        let long = "scope ".repeat(40);
        let rows = [
            row("a-rather-long-name", "good", &long, Some(0)),
            row("会社会社", "good", &long, None),
            broken,
        ];
        for columns in 1..150 {
            for line in of(&rows, look(columns)).lines() {
                assert!(line.width() <= columns, "{columns}: {line:?}");
            }
        }
        assert!(of(&rows, look(100)).contains('…'));
    }

    #[test]
    fn what_a_server_has_sent_cannot_repaint_the_terminal() {
        let text = of(
            &[row("p", "good", "a\u{1b}[2Jb\u{202e}c\nd", None)],
            look(200),
        );
        assert!(
            !text.contains(['\u{1b}', '\u{202e}']) && text.lines().count() == 2,
            "{text:?}"
        );
    }
}
