//! `tokctl helper install`: a program is made to ask us.

use crate::cli::{Global, Install};
use crate::error::Result;
use crate::helper::install;
use crate::profile::config::Config;

/// Installs or removes.
pub fn run(global: &Global, install: &Install) -> Result<()> {
    let request = install::Request {
        mode: install.program,
        profile: install.profile.as_deref(),
        dry_run: install.dry_run,
    };
    if install.remove {
        return install::remove(&request);
    }
    install::install(&request, &Config::load(global.config.as_deref())?)
}
