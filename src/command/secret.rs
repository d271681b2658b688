//! `tokctl secret`: a profile's client secret, or client key, in its store.

use super::load;
use crate::cli::{Global, Secret as Action, Wanted};
use crate::clock::{Deadline, budget};
use crate::error::{Error, Kind, Result, about, in_a_file};
use crate::profile::SecretSource;
use crate::secret::Secret;
use crate::state::storage::Storage;
use crate::store::{Backend, Interaction, client_secret};
use crate::token::credentials;
use crate::ui;

/// Stores the secret, or removes it.
pub fn run(global: &Global, action: &Action) -> Result<()> {
    let (Action::Set { profile: name } | Action::Rm { profile: name }) = action;
    let profile = load(global, name, &Wanted::default())?;
    let deadline = Deadline::after(budget::UNLOCKING);
    let mut storage = Storage::open(&profile, deadline, Interaction::Allowed)?;
    let account = client_secret(name);
    let place = storage.store.describe();
    let is_key = is_kept(profile.client.key.as_ref());
    let what = if is_key {
        "client key"
    } else {
        "client secret"
    };
    if let Action::Rm { .. } = action {
        let done = if storage.store.erase(&account)? {
            "removed from"
        } else {
            "not found in"
        };
        ui::notice(&format!("{name}: {what} {done} {place}"));
        return Ok(());
    }
    let none = format!("there is no store that can keep a {what}");
    let hint = format!("start a keyring, or {}", in_a_file(name));
    match storage.store.backend() {
        Backend::None => return Err(profile.error(Kind::Config, none).hint(hint)),
        Backend::Kernel => {
            return Err(Error::about(name, Kind::StoreUnavailable, none).hint(hint));
        }
        _ => {}
    }
    // Before the person types: a store that cannot take it must not cost the typing.
    storage.store.ready(&account)?;
    let secret = if is_key {
        one_line(&ui::read_piped(&about(
            name,
            "a client key has several lines, which a terminal would give to the shell",
        ))?)
    } else {
        ui::read_secret(&format!("client secret of {name}"))?
    };
    if secret.is_empty() {
        return Err(Error::about(
            name,
            Kind::Usage,
            format!("the {what} is empty"),
        ));
    }
    credentials::keep(&profile, &mut storage, &secret)?;
    ui::notice(&format!("{name}: {what} stored ({place})"));
    if !is_key && !is_kept(profile.client.secret.as_ref()) {
        ui::warn(&format!(
            "profile {name:?} does not use it: set client_secret = {{ keyring = true }}"
        ));
    }
    Ok(())
}

fn is_kept(source: Option<&SecretSource>) -> bool {
    matches!(source, Some(SecretSource::Keyring))
}

/// A key without its line ends, which make a gnome keyring without a password unreadable: those of
/// PEM are written out, those of JSON mean nothing.
fn one_line(text: &Secret) -> Secret {
    let text = text.expose();
    let end = if text.trim_start().starts_with('{') {
        " "
    } else {
        "\\n"
    };
    Secret::new(text.lines().collect::<Vec<_>>().join(end))
}
