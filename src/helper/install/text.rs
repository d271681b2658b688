//! A text file of the user's: as it was read, and as it is to be.

use crate::bounded;
use crate::error::{Error, Kind, Result, io_cause};
use std::path::{Path, PathBuf};

/// Configurations that people write are a thousand times smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A file's text at one time; `None` where there was no file.
#[derive(Clone)]
pub struct Text {
    pub path: PathBuf,
    old: Option<String>,
}

impl Text {
    /// Reads the file.
    pub fn read(path: Option<PathBuf>) -> Result<Self> {
        let path = path.ok_or_else(|| Error::new(Kind::Io, "there is no home directory"))?;
        let old = read(&path)?;
        Ok(Self { path, old })
    }

    /// The text; empty where there is no file.
    pub fn text(&self) -> &str {
        self.old.as_deref().unwrap_or_default()
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.old.is_some()
    }

    /// Refuses where somebody else has written meanwhile.
    pub fn check_unchanged(&self) -> Result<()> {
        if read(&self.path)? == self.old {
            return Ok(());
        }
        let what = format!(
            "{} has just been changed by somebody else",
            self.path.display()
        );
        Err(Error::new(Kind::Temporary, what).hint("run this again"))
    }

    /// An error of this file's content.
    pub fn error(&self, what: &str) -> Error {
        Error::config(format!("{}: {what}", self.path.display()))
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    let refuse = |why: String| Error::new(Kind::Io, format!("{}: {why}", path.display()));
    let file = match crate::files::open_regular(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(refuse(io_cause(&cause))),
    };
    let text = bounded::text(file, MAX_BYTES).map_err(|cause| refuse(io_cause(&cause)))?;
    Ok(Some(text))
}

/// What is in a file, for who only looks: nothing where it is not there or no text.
pub fn content(path: &Path) -> Option<String> {
    read(path).ok().flatten()
}

/// A text with a block of whole lines at its end. One that has no newline at its end still has none,
/// so that [`without_block`] gives back the very same text.
pub fn with_block(text: &str, block: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        format!("{text}{block}\n")
    } else {
        format!("{text}\n{block}")
    }
}

/// The text without the first such block, if it has one.
pub fn without_block(text: &str, block: &str) -> Option<String> {
    let starts_line = |at: &usize| *at == 0 || text[..*at].ends_with('\n');
    let ends_line = |at: &usize| {
        let rest = &text[*at + block.len()..];
        rest.is_empty() || rest.starts_with('\n')
    };
    let found = text.match_indices(block).map(|(at, _)| at);
    let at = found.filter(starts_line).find(ends_line)?;
    let (before, after) = (&text[..at], &text[at + block.len()..]);
    Some(match after.strip_prefix('\n') {
        Some(after) => format!("{before}{after}"),
        None => before.strip_suffix('\n').unwrap_or(before).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{with_block, without_block};

    #[test]
    fn a_block_comes_and_goes_and_leaves_the_text_as_it_was() {
        for text in ["", "a", "a\n", "a\n\n", "# a\r\n", "a\nb"] {
            let with = with_block(text, "x {\n}");
            assert!(with.contains("x {\n}"), "{with:?}");
            let without = without_block(&with, "x {\n}");
            assert_eq!(without.as_deref(), Some(text), "{text:?}");
        }
        assert_eq!(without_block("ax {\n}\nx {\n}b\n", "x {\n}"), None);
    }
}
