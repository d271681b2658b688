//! One change of one file or link: shown first, then made in one step.

use super::text::Text;
use crate::error::{Error, Result};
use crate::files::in_place;
use crate::ui;
use std::io;
use std::path::{Path, PathBuf};

/// What is done.
pub enum Act {
    /// The file has this new text.
    Write(Text, String),
    /// The link points there.
    Link(PathBuf),
    /// The file or link goes.
    Remove,
}

/// A change, with what a person is shown of it: never a line that somebody else has written.
pub struct Change {
    pub at: PathBuf,
    /// Where in the file, in the words of its own language.
    pub within: Option<String>,
    /// Lines that begin with `+` or `-`.
    pub lines: Vec<String>,
    pub act: Act,
}

impl Change {
    /// The change of a file to a new text, which is none if it is the same; a file in which nothing is left goes.
    pub fn of(
        text: &Text,
        new: String,
        within: Option<String>,
        lines: Vec<String>,
    ) -> Option<Self> {
        if new == text.text() {
            return None;
        }
        let is_left_empty = new.trim().is_empty() && !text.path.is_symlink();
        Some(Self {
            at: text.path.clone(),
            within,
            lines,
            act: if is_left_empty {
                Act::Remove
            } else {
                Act::Write(text.clone(), new)
            },
        })
    }

    /// Tells what will be different.
    pub fn show(&self) {
        ui::notice(&format!("{}:", self.at.display()));
        if let Some(within) = &self.within {
            ui::notice(&format!("    {within}"));
        }
        for line in &self.lines {
            ui::notice(&format!("  {line}"));
        }
    }

    /// Makes it.
    pub fn make(&self) -> Result<()> {
        let made = match &self.act {
            Act::Write(old, new) => {
                old.check_unchanged()?;
                in_place::replace(&self.at, new)
            }
            Act::Link(target) => link(&self.at, target),
            Act::Remove => std::fs::remove_file(&self.at),
        };
        made.map_err(|cause| Error::io(format!("changing {}", self.at.display()), &cause))
    }
}

/// Puts a link in place of what is there, in one step.
fn link(at: &Path, target: &Path) -> io::Result<()> {
    let dir = at.parent().unwrap_or(Path::new("/"));
    in_place::create_dir(dir)?;
    let temporary = tempfile::Builder::new()
        .prefix(".tokctl-")
        .make_in(dir, |place| symlink(target, place))?;
    temporary.persist(at).map_err(|failed| failed.error)?;
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(windows)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, place)
}
