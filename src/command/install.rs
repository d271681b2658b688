//! `tokctl helper install`: a program is made to ask us.

use crate::cli::{Global, Install};
use crate::env;
use crate::error::Result;
use crate::helper::install;
use crate::profile::config::Config;
use crate::ui;

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
    let config = Config::load(global.config.as_deref())?;
    install::install(&request, &config)?;
    if global.config.is_some() && config.path() != env::config_file().as_deref() {
        ui::warn(&format!(
            "{} starts tokctl without --config: it needs TOKCTL_CONFIG in its environment",
            install.program.name()
        ));
    }
    Ok(())
}
