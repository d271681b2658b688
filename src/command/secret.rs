//! `tokctl secret`: a profile's client secret in its store.

use super::load;
use crate::cli::{Global, Secret as Action, Wanted};
use crate::client_secret;
use crate::clock::Deadline;
use crate::error::{Error, Result};
use crate::holdings::Holdings;
use crate::profile::SecretSource;
use crate::store::{Backend, Interaction};
use crate::ui;
use std::time::Duration;

/// A person may have to unlock the keyring.
const BUDGET: Duration = Duration::from_secs(120);

/// Stores the secret, or removes it.
pub fn run(global: &Global, action: &Action) -> Result<()> {
    let (Action::Set { profile: name } | Action::Rm { profile: name }) = action;
    let profile = load(global, name, &Wanted::default())?;
    let deadline = Deadline::after(BUDGET);
    let mut holdings = Holdings::open(&profile, deadline, Interaction::Allowed)?;
    let account = client_secret::account(name);
    let place = holdings.store.describe();
    if let Action::Rm { .. } = action {
        let what = if holdings.store.erase(&account)? {
            "removed from"
        } else {
            "not found in"
        };
        ui::notice(&format!("{name}: client secret {what} {place}"));
        return Ok(());
    }
    if matches!(holdings.store.backend(), Backend::None | Backend::Kernel) {
        return Err(profile
            .error("there is no store that can keep a client secret")
            .hint("start a keyring, or set store = \"encrypted-file\" in the configuration"));
    }
    // Before the person types: a store that cannot take it must not cost the typing.
    holdings.store.ready(&account)?;
    let secret = ui::read_secret(&format!("client secret of {name}"))?;
    if secret.is_empty() {
        return Err(Error::usage(format!(
            "profile {name:?}: the client secret is empty"
        )));
    }
    client_secret::keep(&profile, &mut holdings, &secret)?;
    ui::notice(&format!("{name}: client secret stored ({place})"));
    if !matches!(profile.client_secret, Some(SecretSource::Keyring)) {
        ui::warn(&format!(
            "profile {name:?} does not use it: set client_secret = {{ keyring = true }}"
        ));
    }
    Ok(())
}
