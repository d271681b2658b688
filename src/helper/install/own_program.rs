//! Where we are: the word that starts us, and the links by which docker, bazel and terraform do.

use super::change::{Act, Change};
use super::taken;
use crate::env;
use crate::env::programs;
use crate::error::{Error, Kind, Result};
use std::path::{Path, PathBuf};

/// Our own name.
const NAME: &str = "tokctl";

/// How we are started.
pub struct OwnProgram {
    /// What others write to start us: the path as the PATH has it, since cron, systemd and editors have a
    /// shorter one, and with its links, which an upgrade leads elsewhere.
    pub word: String,
    file: PathBuf,
}

/// A link by whose name others start us.
pub struct Link {
    /// What makes it, if it is not there.
    pub change: Option<Change>,
    pub file: PathBuf,
    /// Whether it is found by its name alone.
    pub is_found: bool,
}

impl OwnProgram {
    /// Looks for the running program on the PATH.
    pub fn find() -> Result<Self> {
        let running = programs::this_file()
            .and_then(std::fs::canonicalize)
            .map_err(|cause| Error::io("finding the program's own file", &cause))?;
        let named = programs::search_path()
            .into_iter()
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(NAME))
            .find(|file| file.exists());
        // Another tokctl that comes first would be started instead.
        let named = named.filter(|file| is_same(file, &running));
        let file = named.unwrap_or(running);
        let word = file
            .to_str()
            .ok_or_else(|| Error::new(Kind::Io, "the program's path is not UTF-8 text"))?
            .to_owned();
        Ok(Self { word, file })
    }

    /// Whether a word starts us, wherever we were when it was written.
    pub fn is_us(&self, word: &str) -> bool {
        word == self.word || is_named(word)
    }

    /// A link of this name, on the PATH where that can be.
    pub fn link(&self, name: &str) -> Result<Link> {
        let path = programs::search_path();
        let there = path
            .iter()
            .map(|dir| dir.join(name))
            .find(|file| is_there(file));
        if let Some(file) = there {
            return self.link_in(file, true);
        }
        let Some(local) = env::home().map(|home| home.join(".local/bin")) else {
            return Err(Error::new(
                Kind::Io,
                "there is no home directory for a link",
            ));
        };
        let beside = self.file.parent().filter(|dir| {
            !path.contains(&local) && path.iter().any(|on_path| on_path == dir) && is_writable(dir)
        });
        let dir = beside.unwrap_or(&local);
        self.link_in(dir.join(name), path.iter().any(|on_path| on_path == dir))
    }

    fn link_in(&self, file: PathBuf, is_found: bool) -> Result<Link> {
        Ok(Link {
            change: self.link_at(&file)?,
            file,
            is_found,
        })
    }

    /// The change that makes a link in this very place, if it is not there.
    pub fn link_at(&self, file: &Path) -> Result<Option<Change>> {
        if is_same(file, &self.file) && file.is_symlink() {
            return Ok(None);
        }
        let mut lines = vec![format!("+ link to {}", self.file.display())];
        if let Ok(old) = std::fs::read_link(file) {
            lines.insert(0, format!("- link to {}", old.display()));
        }
        if !is_there(file) || self.is_our_link(file) {
            return Ok(Some(Change {
                at: file.to_owned(),
                within: None,
                lines,
                act: Act::Link(self.file.clone()),
            }));
        }
        Err(taken(
            &format!(
                "{} is there already, and is no link to tokctl",
                file.display()
            ),
            "remove it, or rename it, and run this again",
        ))
    }

    /// The changes that take away the links of this name that are ours.
    pub fn unlink(&self, name: &str) -> Vec<Change> {
        let local = env::home().map(|home| home.join(".local/bin"));
        let mut dirs = programs::search_path();
        dirs.extend(local);
        let mut files: Vec<PathBuf> = dirs.into_iter().map(|dir| dir.join(name)).collect();
        files.sort();
        files.dedup();
        files
            .iter()
            .filter_map(|file| self.unlink_at(file))
            .collect()
    }

    /// The same for one place.
    pub fn unlink_at(&self, file: &Path) -> Option<Change> {
        let target = std::fs::read_link(file).ok()?;
        self.is_our_link(file).then(|| Change {
            at: file.to_owned(),
            within: None,
            lines: vec![format!("- link to {}", target.display())],
            act: Act::Remove,
        })
    }

    /// A link that ends at us, or did before we were moved.
    fn is_our_link(&self, file: &Path) -> bool {
        let Ok(target) = std::fs::read_link(file) else {
            return false;
        };
        let is_gone = !file.exists() && target.file_name().is_some_and(|name| name == NAME);
        is_gone || is_same(file, &self.file)
    }
}

/// Whether a word starts a program of our name.
pub fn is_named(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == NAME)
}

/// Whether both are one file in the end.
fn is_same(one: &Path, two: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(two)) {
        (Ok(one), Ok(two)) => one == two,
        _ => false,
    }
}

fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

#[cfg(unix)]
fn is_writable(dir: &Path) -> bool {
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(dir: &Path) -> bool {
    dir.metadata()
        .is_ok_and(|metadata| !metadata.permissions().readonly())
}
