//! A manual page as plain text, for who has no `man`: the macros that this project's pages use, and no others.

use crate::ui::wrapped;

/// How far the text of a section stands to the right, and what stands below a term.
const MARGIN: usize = 2;
const STEP: usize = 6;

/// The text of a page, or of a part of one, in so many columns.
pub fn text(source: &str, columns: usize) -> String {
    let mut page = Page {
        columns: columns.clamp(40, 100),
        ..Page::default()
    };
    for line in source.lines() {
        page.line(line);
    }
    page.flush();
    page.text
}

/// The part of a page between a section's head and the next one.
pub fn section<'s>(source: &'s str, title: &str) -> Option<&'s str> {
    let head = format!(".SH {title}\n");
    let start = source.find(&head)?;
    let rest = &source[start..];
    let end = rest[head.len()..].find("\n.SH ");
    Some(&rest[..end.map_or(rest.len(), |end| head.len() + end + 1)])
}

/// The heads of a page's sections.
pub fn titles(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.strip_prefix(".SH "))
}

/// The entry of a term in a list, with what is said of it.
pub fn entry(source: &str, term: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let is_term = |at: usize| {
        let head = plain(lines.get(at).copied().unwrap_or_default());
        let word = head
            .trim_start_matches(['.', 'B', 'R', 'I', ' '])
            .split([' ', ',', '='])
            .next();
        word == Some(term)
    };
    let at = (1..lines.len()).find(|at| lines[at - 1] == ".TP" && is_term(*at))?;
    let depth = |line: &str| match line {
        ".RS" => 1,
        ".RE" => -1,
        _ => 0,
    };
    let mut below = 0;
    let mut found = vec![".TP"];
    for line in &lines[at..] {
        let ends = [".TP", ".SH", ".SS"]
            .iter()
            .any(|end| line.starts_with(end));
        if below == 0 && ends && found.len() > 1 {
            break;
        }
        below += depth(line);
        found.push(line);
    }
    Some(found.join("\n"))
}

/// What has been read so far.
#[derive(Default)]
struct Page {
    text: String,
    /// Words that wait for the end of their paragraph.
    words: String,
    columns: usize,
    indent: usize,
    /// Indents outside of `.RS`.
    outer: Vec<usize>,
    /// As it stands, between `.nf` and `.fi`.
    is_literal: bool,
    /// The next line is the term of a list.
    is_term: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        let (request, rest) = match line.strip_prefix('.') {
            Some(line) => line.split_once(' ').unwrap_or((line, "")),
            None => ("", line),
        };
        match request {
            "" if self.is_literal => self.push(rest),
            "" => self.add(&plain(rest)),
            "SH" | "SS" => self.head(request, rest),
            "PP" | "LP" | "P" => self.paragraph(self.base()),
            "TP" => {
                self.paragraph(self.base());
                self.is_term = true;
            }
            "IP" => {
                self.paragraph(self.base());
                let term = plain(rest.split(" 4").next().unwrap_or_default());
                if !term.trim().is_empty() {
                    self.push(&term);
                }
                self.indent = self.base() + STEP;
            }
            "RS" => {
                self.flush();
                self.outer.push(self.base());
                self.indent = self.base() + STEP;
                *self.outer.last_mut().expect("it was put there") = self.indent;
            }
            "RE" => {
                self.flush();
                self.outer.pop();
                self.indent = self.base();
            }
            "nf" | "EX" => {
                self.flush();
                self.is_literal = true;
            }
            "fi" | "EE" => self.is_literal = false,
            "br" => self.flush(),
            "B" | "I" | "R" => self.add(&plain(&rest.replace('"', ""))),
            // Parts in turn in one face and another, without blanks between.
            "BR" | "RB" | "IR" | "RI" | "BI" | "IB" => self.add(&parts(rest)),
            _ => {}
        }
    }

    fn base(&self) -> usize {
        self.outer.last().copied().unwrap_or(MARGIN)
    }

    fn head(&mut self, request: &str, title: &str) {
        self.flush();
        self.outer.clear();
        self.indent = MARGIN;
        let before = if self.text.is_empty() { "" } else { "\n" };
        let gap = if request == "SS" { " " } else { "" };
        self.text.push_str(&format!(
            "{before}{gap}{}\n",
            plain(&title.replace('"', ""))
        ));
    }

    fn paragraph(&mut self, indent: usize) {
        self.flush();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") && !self.text.ends_with(":\n") {
            self.text.push('\n');
        }
        self.indent = indent;
    }

    fn add(&mut self, words: &str) {
        if self.is_literal {
            return self.push(words);
        }
        if self.is_term {
            self.is_term = false;
            self.push(words);
            self.indent = self.base() + STEP;
            return;
        }
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(words);
    }

    /// A line as it is.
    fn push(&mut self, line: &str) {
        self.flush();
        let line = plain(line);
        self.text
            .push_str(&format!("{}{line}\n", " ".repeat(self.indent)));
    }

    fn flush(&mut self) {
        if self.words.is_empty() {
            return;
        }
        let words = std::mem::take(&mut self.words);
        let lines = wrapped(&words, Some(self.columns), self.indent);
        self.text
            .push_str(&format!("{}{lines}\n", " ".repeat(self.indent)));
    }
}

/// The parts of a request's line, of which those in quotes have blanks.
fn parts(rest: &str) -> String {
    let mut joined = String::new();
    for (at, part) in rest.split('"').enumerate() {
        if at % 2 == 1 {
            joined.push_str(part);
        } else {
            joined.extend(part.split_whitespace());
        }
    }
    plain(&joined)
}

/// Text without faces and escapes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut letters = after.chars();
        rest = match letters.next() {
            Some('f') => after.get(2..).unwrap_or_default(),
            Some('(') => {
                plain.push_str(match after.get(1..3) {
                    Some("dq") => "\"",
                    Some("aq") => "'",
                    Some("ha") => "^",
                    Some("ti") => "~",
                    Some("bu") => "*",
                    _ => "",
                });
                after.get(3..).unwrap_or_default()
            }
            Some('*') => {
                // A quote that the page has defined for itself.
                plain.push('\'');
                after.get(4..).unwrap_or_default()
            }
            Some('e') => {
                plain.push('\\');
                &after[1..]
            }
            Some('&') => &after[1..],
            Some(other) => {
                plain.push(other);
                &after[other.len_utf8()..]
            }
            None => "",
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = ".TH X 1\n.SH NAME\nx \\- a thing\n.SH KEYS\nWords that go on\nin the next line.\n.TP\n.BR one \" = \" two\n\
                        What it is.\n.RS\n.PP\nMore.\n.RE\n.TP\n.B other\nOther.\n.SH END\n.nf\n  as \\(dqit\\(dq is\n.fi\n";

    #[test]
    fn a_page_is_plain_text() {
        assert_eq!(
            text(PAGE, 80),
            "NAME\n  x - a thing\n\nKEYS\n  Words that go on in the next line.\n\n  one = two\n        What it is.\n\n\
             \x20       More.\n\n  other\n        Other.\n\nEND\n    as \"it\" is\n"
        );
        let part = section(PAGE, "KEYS").expect("it is there");
        assert!(
            part.starts_with(".SH KEYS") && part.ends_with("Other.\n"),
            "{part}"
        );
        assert_eq!(titles(PAGE).collect::<Vec<_>>(), ["NAME", "KEYS", "END"]);
        let one = entry(PAGE, "one").expect("it is there");
        assert!(one.contains("More.") && !one.contains("Other"), "{one}");
        assert!(entry(PAGE, "two").is_none());
    }
}
