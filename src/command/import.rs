//! `tokctl import`: a token response or a bare refresh token from stdin, for provisioning.

use super::load;
use crate::cli::{Global, Import, Wanted};
use crate::clock::{self, Deadline};
use crate::env;
use crate::error::{Error, Kind, Result, io_cause, shell_word};
use crate::holdings::Holdings;
use crate::lock::{Lock, Taken};
use crate::merged::Merged;
use crate::oauth::reply::{self, Expiry, Granted, Reading};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::store::{Backend, Interaction};
use crate::ui;
use std::time::Duration;

/// A person or a provisioning script waits for this at most.
const BUDGET: Duration = Duration::from_secs(30);

/// Stores what stdin holds.
pub fn run(global: &Global, import: &Import) -> Result<()> {
    let profile = load(global, &import.profile, &Wanted::default())?;
    if profile.is_repeatable() {
        return Err(profile
            .error("grant client_credentials needs nothing imported")
            .hint("for a refresh token, set grant = \"refresh_token\" in the profile"));
    }
    let text = ui::read_secret("token response or refresh token")?;
    let granted = read(&profile, &text)?;
    let deadline = Deadline::after(BUDGET);
    let state = env::state_dir()?;
    let taken =
        Lock::take(&state, &profile.name, deadline, || None::<()>, || ()).map_err(|cause| {
            Error::new(
                Kind::StoreUnavailable,
                format!("{}: {}", state.display(), io_cause(&cause)),
            )
        })?;
    if matches!(taken, Taken::TimedOut) {
        return Err(Error::new(
            Kind::Temporary,
            format!("profile {:?}: another tokctl is busy with it", profile.name),
        ));
    }
    let mut holdings = Holdings::open(&profile, deadline, Interaction::Never)?;
    if matches!(holdings.store.backend(), Backend::None | Backend::Kernel) {
        return Err(profile.error("store = \"none\" cannot keep a refresh token"));
    }
    // What was there may be unreadable: then this replaces it.
    let old = holdings.record(&profile).ok().flatten();
    let mut merged = Merged::new_grant(&profile, old.as_ref(), granted, clock::now());
    if merged.record.generation <= holdings.note.generation {
        merged.record.generation = holdings.note.generation + 1;
    }
    holdings.save(&profile, &merged.record)?;
    let token = merged.record.tokens.get(&profile.variant());
    holdings.cache(&profile).forget();
    if let Some(old) = &old {
        holdings.forget(&profile, old.tokens.keys());
    }
    holdings.note.begin_epoch();
    holdings.note_written(&merged.record, token);
    if let Some(token) = token {
        holdings.cache(&profile).put(token, clock::now());
    }
    let what = match (&merged.record.refresh, token) {
        (Some(_), Some(_)) => "a refresh token and an access token",
        (Some(_), None) => "a refresh token",
        (None, _) => "an access token, which cannot be renewed",
    };
    ui::notice(&format!(
        "stored {what} for {} ({}); use it with: tokctl get {}",
        profile.name,
        holdings.store.describe(),
        shell_word(&profile.name)
    ));
    drop(taken);
    Ok(())
}

fn read(profile: &Profile, text: &Secret) -> Result<Granted> {
    let bad = |what: &str| Error::usage(format!("profile {:?}: stdin is {what}", profile.name));
    if text.is_empty() {
        return Err(bad("empty"));
    }
    if !text.expose().trim_start().starts_with('{') {
        let token = Secret::new(text.expose().trim().to_owned());
        if !token.is_token_text() {
            return Err(bad("neither a JSON token response nor a refresh token"));
        }
        return Ok(Granted {
            access: Err("there is none".to_owned()),
            refresh: Some(token),
            id_token: None,
            token_type: None,
            scope: None,
            expiry: Expiry::Unsaid,
        });
    }
    match reply::read(
        200,
        "application/json",
        text.expose().as_bytes(),
        &profile.response,
        &[],
    ) {
        Reading::Granted(granted) if granted.access.is_ok() || granted.refresh.is_some() => {
            Ok(granted)
        }
        _ => Err(bad("JSON without a usable access_token or refresh_token")),
    }
}
