//! `tokctl config`: the configuration file found, checked and changed.

mod check;
mod edit;
mod value;

use super::turn::Turn;
use crate::cli::{self, ConfigWhat, Global};
use crate::error::{Error, Kind, Result};
use crate::profile::config::Config;
use crate::profile::schema;
use crate::secret::Secret;
use crate::ui;

/// Does what is asked.
pub fn run(global: &Global, config: &cli::Config) -> Result<()> {
    match &config.what {
        ConfigWhat::Path => path(global),
        ConfigWhat::Check(check) => check::run(global, check),
        ConfigWhat::Edit => edit::run(global),
        ConfigWhat::Get(key) => value::get(global, key),
        ConfigWhat::Set(set) => value::set(global, set),
        ConfigWhat::Unset(key) => value::unset(global, key),
        ConfigWhat::Schema => {
            let text = serde_json::to_string_pretty(&schema());
            let text = text.map_err(|cause| Error::new(Kind::Io, cause.to_string()))?;
            ui::answer(&Secret::new(format!("{text}\n")))
        }
    }
}

fn path(global: &Global) -> Result<()> {
    let config = Config::load_to_change(global.config.as_deref())?;
    let path = config.path().ok_or_else(|| {
        let what = "there is no home directory for the configuration";
        Error::new(Kind::Io, what).hint("set HOME or TOKCTL_CONFIG")
    })?;
    ui::answer(&Secret::new(format!("{}\n", path.display())))
}
