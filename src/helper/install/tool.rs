//! Programs that edit their own files, at work on a copy: so that a change is shown before it is made,
//! and made in one step.

use super::text::Text;
use crate::env;
use crate::error::{Error, Kind, Result};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{self, Output, Stdio};
use tempfile::TempDir;

/// A copy of a file, in a directory of its own for the user alone.
pub struct Copy {
    dir: TempDir,
    path: PathBuf,
    original: PathBuf,
}

impl Copy {
    /// Copies the text, if there is a file.
    pub fn of(text: &Text) -> Result<Self> {
        let failed = |cause: &std::io::Error| Error::io("making a copy to work on", cause);
        let state = env::state_dir()?;
        crate::files::ensure_dir(&state).map_err(|cause| failed(&cause))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tmp-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let dir = builder.tempdir_in(state).map_err(|cause| failed(&cause))?;
        let path = dir.path().join("copy");
        let original = text.path.clone();
        let copy = Self {
            dir,
            path,
            original,
        };
        if text.exists() {
            copy.set(text.text())?;
        }
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &OsStr {
        self.path.as_os_str()
    }

    /// Gives it another text.
    pub fn set(&self, text: &str) -> Result<()> {
        let written = crate::files::write_unsynced(&self.path, text.as_bytes());
        written.map_err(|cause| Error::io("writing a copy", &cause))
    }

    /// What it has become.
    pub fn text(&self) -> Result<String> {
        let read = Text::read(Some(self.path.clone()))?;
        Ok(read.text().to_owned())
    }

    /// A program's words, about the file that is meant.
    fn told_of_original(&self, words: &str) -> String {
        let (copy, original) = (self.path.display(), self.original.display());
        words.replace(&copy.to_string(), &original.to_string())
    }
}

/// A call of a program that neither asks anything nor uses the network.
pub struct Tool<'a> {
    pub program: &'a str,
    /// Set in its environment.
    pub env: Vec<(&'a str, OsString)>,
    /// What it works on: it runs there, and not in a repository or module whose own settings count.
    pub copy: Option<&'a Copy>,
}

impl Tool<'_> {
    /// Runs it, and gives what it prints; an exit code other than 0 is an error with its own words.
    pub fn run(&self, arguments: &[&OsStr]) -> Result<String> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let why = words.lines().find(|line| !line.trim().is_empty());
        let why = why.unwrap_or("it did not say why").trim();
        let why = self
            .copy
            .map_or_else(|| why.to_owned(), |copy| copy.told_of_original(why));
        let clean: String = why.chars().filter(|c| !c.is_control()).take(300).collect();
        let what = format!("{} failed: {clean}", self.program);
        Err(Error::new(Kind::Io, what))
    }

    /// Runs it where a failure is an answer too.
    pub fn output(&self, arguments: &[&OsStr]) -> Result<Output> {
        let Some(program) = env::program(self.program) else {
            let what = format!(
                "{0} is not on the PATH, and its configuration is written by nobody else",
                self.program
            );
            let hint = format!("install {}, and run this again", self.program);
            return Err(Error::new(Kind::Io, what).hint(hint));
        };
        let mut command = process::Command::new(program);
        for variable in env::secret_variables() {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("LC_ALL", "C");
        for (name, value) in &self.env {
            command.env(name, value);
        }
        if let Some(copy) = self.copy {
            command.current_dir(copy.dir.path());
        }
        let starting = |cause| Error::io(format!("starting {}", self.program), &cause);
        command.output().map_err(starting)
    }
}
