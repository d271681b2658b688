//! `tokctl logout`: erases what is stored here.

use super::load;
use crate::cli::{Global, Logout, Wanted};
use crate::clock::Deadline;
use crate::env;
use crate::error::{Error, Kind, Result, io_cause};
use crate::holdings::Holdings;
use crate::lock::{Lock, Taken};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::store::Interaction;
use crate::ui;
use std::time::Duration;

const BUDGET: Duration = Duration::from_secs(30);

/// Erases one profile's tokens, or every one's; the worst failure is the result.
pub fn run(global: &Global, logout: &Logout) -> Result<()> {
    let names = match &logout.profile {
        Some(name) => vec![name.clone()],
        None => Config::load(global.config.as_deref())?.names()?,
    };
    let mut worst = Ok(());
    for name in names {
        let result = load(global, &name, &Wanted::default()).and_then(|profile| erase(&profile));
        if let Err(error) = result {
            if logout.all {
                ui::warn(&error.message);
            }
            worst = Err(error);
        }
    }
    worst
}

fn erase(profile: &Profile) -> Result<()> {
    let name = &profile.name;
    let state = env::state_dir()?;
    let deadline = Deadline::after(BUDGET);
    // A renewal in flight would write back what is erased here: its end is waited for.
    let taken = Lock::take(&state, name, deadline, || None::<()>, || ()).map_err(|cause| {
        Error::new(
            Kind::StoreUnavailable,
            format!("{}: {}", state.display(), io_cause(&cause)),
        )
    })?;
    if matches!(taken, Taken::TimedOut) {
        return Err(Error::new(
            Kind::Temporary,
            format!("profile {name:?}: another tokctl is busy with it"),
        ));
    }
    let mut holdings = Holdings::open(profile, deadline, Interaction::Never)?;
    let found = holdings.erase(profile)?;
    drop(taken);
    if found {
        ui::notice(&format!(
            "{name}: erased here; the grant itself was not revoked at the server"
        ));
    } else {
        ui::notice(&format!("{name}: nothing was stored"));
    }
    if env::token_override(name).is_some() {
        ui::warn(&format!(
            "{} is still set and is used first: unset it",
            env::token_variable(name)
        ));
    }
    Ok(())
}
