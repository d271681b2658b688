//! The configuration file's turn: who changes it reads it, and writes it, while no other tokctl does.

use crate::cli::Global;
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, io_cause};
use crate::files::in_place;
use crate::profile::config::Config;
use crate::state::lock::{Lock, Purpose, Taken};
use std::path::Path;

/// The file as it is now; nobody else of us writes it meanwhile. Without locks it is as with an editor.
pub struct Turn {
    pub config: Config,
    _lock: Option<std::io::Result<Taken<()>>>,
}

impl Turn {
    /// Waits for it.
    ///
    /// # Errors
    /// A file that cannot be read, and that there is no place for one.
    pub fn take(global: &Global) -> Result<Self> {
        let state = env::state_dir();
        let lock = state.as_deref().map(|state| {
            let deadline = Deadline::after(budget::CONFIG_TURN);
            Lock::take(state, "", Purpose::Configuration, deadline)
        });
        let config = Config::load_to_change(global.config.as_deref())?;
        if config.path().is_none() {
            let what = "there is no home directory for the configuration";
            return Err(Error::new(Kind::Io, what).hint("set HOME or TOKCTL_CONFIG"));
        }
        Ok(Self {
            config,
            _lock: lock.ok(),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.config.path().unwrap_or(Path::new(""))
    }

    /// Puts the text in its place; `undone` says what does not come to be if it cannot.
    pub fn write(&self, text: &str, undone: &str) -> Result<()> {
        let path = self.path();
        in_place::replace(path, text).map_err(|cause| {
            let what = format!("{}: {}; {undone}", path.display(), io_cause(&cause));
            Error::new(Kind::Io, what)
        })
    }
}
