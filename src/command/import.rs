//! `tokctl import`: a token response or a bare refresh token from stdin, for provisioning.

use super::load;
use crate::cli::{Global, Import, Wanted};
use crate::clock::{self, Deadline, budget};
use crate::error::{Error, Kind, Result, shell_word};
use crate::oauth::id_token::{self, IdToken};
use crate::oauth::reply::{self, Granted};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::storage::Storage;
use crate::store::{Backend, Interaction};
use crate::token::id_token_check::{Judge, Origin};
use crate::token::new_grant::{self, Come, Stored};
use crate::ui;
use std::time::Duration;

/// The longest refresh tokens are encrypted ones of a few kilobytes.
const LONGEST: usize = 32 * 1024;

/// Stores what stdin holds.
pub fn run(global: &Global, import: &Import) -> Result<()> {
    let profile = load(global, &import.profile, &Wanted::default())?;
    if profile.is_repeatable() {
        return Err(profile
            .error(
                Kind::Config,
                "grant client_credentials needs nothing imported",
            )
            .hint("for a refresh token, set grant = \"refresh_token\" in the profile"));
    }
    let text = ui::read_secret("token response or refresh token")?;
    let granted = read(&profile, &text)?;
    let deadline = Deadline::after(budget::IMPORT);
    let mut storage = Storage::open(&profile, deadline, Interaction::Never)?;
    if matches!(storage.store.backend(), Backend::None | Backend::Kernel) {
        return Err(profile.error(Kind::Config, "store = \"none\" cannot keep a refresh token"));
    }
    replaces_no_grant(&profile, &mut storage, &granted)?;
    let mut granted = granted;
    let account = match &granted.id_token {
        IdToken::Raw(text) => id_token::claims(text),
        _ => None,
    };
    let account = account.as_ref().and_then(id_token::account);
    // Nobody is asked for keys: that is for who wants the id token.
    let judge = Judge {
        profile: &profile,
        secret: None,
        nonce: None,
        before: None,
        origin: Origin::Saved,
    };
    judge.look(&mut granted, Deadline::after(Duration::ZERO));
    let come = Come {
        granted,
        sent_at: clock::now(),
        account,
    };
    let stored = new_grant::store(&profile, &mut storage, come, deadline);
    let Stored { record, token } = stored.map_err(|error| match error.kind {
        // What stdin holds, and no server, is the cause.
        Kind::Refused => Error {
            kind: Kind::Usage,
            ..error
        },
        _ => error,
    })?;
    let what = match (&record.refresh, token) {
        (Some(_), Some(_)) => "a refresh token and an access token",
        (Some(_), None) => "a refresh token",
        (None, _) => "an access token, which cannot be renewed",
    };
    ui::notice(&format!(
        "stored {what} for {} ({}); use it with: tokctl get {}",
        profile.name,
        storage.store.describe(),
        shell_word(&profile.name)
    ));
    Ok(())
}

/// An access token alone does not take the place of a refresh token.
fn replaces_no_grant(profile: &Profile, storage: &mut Storage, granted: &Granted) -> Result<()> {
    let old = storage.record(profile).ok().flatten();
    let has_refresh =
        old.is_some_and(|old| old.refresh.is_some() && old.binding == profile.binding());
    if granted.refresh.is_some() || !has_refresh {
        return Ok(());
    }
    let what = "stdin has no refresh token, and would take the place of one";
    let name = shell_word(&profile.name);
    Err(profile
        .error(Kind::Usage, what)
        .hint(format!("to give that one up, run: tokctl logout {name}")))
}

fn read(profile: &Profile, text: &Secret) -> Result<Granted> {
    let bad = |what: &str| profile.error(Kind::Usage, format!("stdin is {what}"));
    if text.is_empty() {
        return Err(bad("empty"));
    }
    let trimmed = text.expose().trim();
    let is_form = ["access_token=", "refresh_token="].iter().any(|name| {
        let mut members = trimmed.split('&');
        members.any(|member| member.starts_with(name))
    });
    let content_type = if is_form {
        "application/x-www-form-urlencoded"
    } else if trimmed.starts_with('{') {
        "application/json"
    } else {
        return bare(trimmed).map_err(bad);
    };
    match reply::saved(content_type, trimmed.as_bytes(), profile) {
        Some(granted) if granted.access.is_ok() || granted.refresh.is_some() => Ok(granted),
        _ => Err(bad(
            "a token response without a usable access_token or refresh_token",
        )),
    }
}

/// A refresh token alone, or what stdin is instead.
fn bare(text: &str) -> Result<Granted, &'static str> {
    if text.starts_with(['"', '[']) || ["null", "true", "false"].contains(&text) {
        return Err("JSON, but no token response (jq -r prints a string without its quotes)");
    }
    if text.len() > LONGEST {
        return Err("longer than any refresh token");
    }
    let token = Secret::new(text.to_owned());
    if !token.is_token_text() {
        // Words of a program that has failed have spaces too.
        return Err(
            "neither a JSON token response nor a refresh token (one with a space in it is taken from JSON: \
                    {\"refresh_token\": \"...\"})",
        );
    }
    Ok(Granted {
        refresh: Some(token),
        ..Granted::none()
    })
}
