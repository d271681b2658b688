//! A fresh home, and runs of `tokctl` in it that cannot see the machine's own environment.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::run::{Run, Running};

/// A home directory of its own, deleted with it.
///
/// The environment of its commands is `HOME`, `PATH`, the three XDG directories, and what
/// [`Sandbox::env`] adds. There is no session bus unless a test starts one in
/// [`Sandbox::runtime_dir`] or names it.
pub struct Sandbox {
    home: TempDir,
    env: Vec<(OsString, OsString)>,
}

impl Sandbox {
    pub fn new() -> Self {
        let home = tempfile::Builder::new()
            .prefix("tokctl-")
            .tempdir()
            .expect("a temporary directory can be made");
        let sandbox = Self {
            home,
            env: Vec::new(),
        };
        for directory in [
            sandbox.config_dir(),
            sandbox.state_dir(),
            sandbox.runtime_dir(),
        ] {
            private_directory(&directory);
        }
        sandbox
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `$XDG_CONFIG_HOME`
    pub fn config_dir(&self) -> PathBuf {
        self.home().join("config")
    }

    /// `$XDG_STATE_HOME`
    pub fn state_dir(&self) -> PathBuf {
        self.home().join("state")
    }

    /// `$XDG_RUNTIME_DIR`
    pub fn runtime_dir(&self) -> PathBuf {
        self.home().join("run")
    }

    pub fn config_file(&self) -> PathBuf {
        self.config_dir().join("tokctl/config.toml")
    }

    /// Writes the configuration file, in place of an earlier one.
    pub fn config(&self, toml: &str) -> &Self {
        self.write("config/tokctl/config.toml", toml);
        self
    }

    /// Writes a file with mode 0600 below the home, in directories with mode 0700.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(path);
        private_directory(path.parent().expect("a file below the home has a parent"));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_ref()))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// Sets a variable for the commands that follow; the last value wins.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// `tokctl` with these arguments, ready to be changed further.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.program(crate::support::tokctl(), args)
    }

    /// Another program in the same environment and directory: git with us as its helper, a shell
    /// with a pipeline.
    pub fn program<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("XDG_CONFIG_HOME", self.config_dir())
            .env("XDG_STATE_HOME", self.state_dir())
            .env("XDG_RUNTIME_DIR", self.runtime_dir())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The library that gives a program another clock, to be preloaded: `faketime` itself would stay beside
    /// the program as its parent.
    #[track_caller]
    pub fn libfaketime(&self) -> String {
        let words = ["-f", "+0", "printenv", "LD_PRELOAD"];
        let library = self.program("faketime", words).output();
        let library = library.expect("faketime is installed").stdout;
        let library = String::from_utf8(library).expect("a path");
        library.trim_end().to_owned()
    }

    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Running::start(self.command(args), None).wait()
    }

    #[track_caller]
    pub fn run_with_stdin<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        stdin: impl Into<Vec<u8>>,
    ) -> Run {
        Running::start(self.command(args), Some(stdin.into())).wait()
    }

    /// Starts `tokctl` and does not wait: for many at once, and for killing one.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        Running::start(self.command(args), None)
    }
}

fn private_directory(path: &Path) {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
}

/// Every file below a directory, sorted: to compare what is left behind.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("a directory can be read").path())
        .flat_map(|path| {
            if path.is_dir() && !path.is_symlink() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}
