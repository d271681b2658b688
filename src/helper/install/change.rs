//! One change of one file or link: shown first, then made in one step.

use super::text::Text;
use crate::error::{Error, Result};
use crate::ui;
use std::fs::DirBuilder;
use std::io::{self, Write};
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
                write_through(&self.at, new)
            }
            Act::Link(target) => link(&self.at, target),
            Act::Remove => std::fs::remove_file(&self.at),
        };
        made.map_err(|cause| Error::io(format!("changing {}", self.at.display()), &cause))
    }
}

/// Replaces a file in one step where it really is: a link to it stays, and so do its mode and owner.
fn write_through(path: &Path, text: &str) -> io::Result<()> {
    let path = end_of_links(path)?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    create_dir(dir)?;
    let before = path.metadata().ok();
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tokctl-");
    if let Some(before) = &before {
        // A file that its owner has made read-only is not meant to be changed, by whomever.
        if before.permissions().readonly() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is read-only",
            ));
        }
        builder.permissions(before.permissions());
    } else {
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    }
    let mut temporary = builder.tempfile_in(dir)?;
    #[cfg(unix)]
    if let Some(before) = &before {
        keep_owner_and_mode(temporary.as_file(), before)?;
    }
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path).map_err(|failed| failed.error)?;
    Ok(())
}

/// The file may be somebody else's, where root acts in a user's home, and the umask may have taken
/// from the mode.
#[cfg(unix)]
fn keep_owner_and_mode(file: &std::fs::File, before: &std::fs::Metadata) -> io::Result<()> {
    use nix::sys::stat::{Mode, fchmod};
    use nix::unistd::{Gid, Uid, fchown};
    use std::os::unix::fs::MetadataExt;
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        let (uid, gid) = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
        fchown(file, Some(uid), Some(gid))?;
    }
    if now.mode() != before.mode() {
        // The whole mode, of which the type's bits fit everywhere: macOS has 16.
        let mode = (before.mode() & 0o7777) as nix::libc::mode_t;
        fchmod(file, Mode::from_bits_truncate(mode))?;
    }
    Ok(())
}

/// Where a path ends, also where the last link points to a file that is not there yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Puts a link in place of what is there, in one step.
fn link(at: &Path, target: &Path) -> io::Result<()> {
    let dir = at.parent().unwrap_or(Path::new("/"));
    create_dir(dir)?;
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

/// The directory, for the user alone if it is new: programs' configurations may hold passwords.
fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
