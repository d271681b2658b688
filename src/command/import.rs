//! `tokctl import`: a token response or a bare refresh token from stdin, for provisioning.

use super::load;
use crate::cli::{Global, Import, Wanted};
use crate::clock::{self, Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::oauth::Credentials;
use crate::oauth::id_token::{self, IdToken};
use crate::oauth::metadata::Metadata;
use crate::oauth::reply::{self, Granted};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::lock::Taken;
use crate::state::server;
use crate::state::storage::Storage;
use crate::state::unrevoked::Provenance;
use crate::store::{Backend, Interaction};
use crate::token::id_token_check::{Judge, Origin};
use crate::token::job::{Job, Work};
use crate::token::new_grant::{self, Come, Stored};
use crate::token::{background, credentials};
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
    let turn = new_grant::turn(&profile, &storage, deadline)?;
    storage.note_anew(&profile);
    replaces_no_grant(&profile, &mut storage, (&granted, import.force))?;
    let come = looked_at(&profile, granted, !import.no_try, deadline);
    let is_tried = come.granted.refresh.is_some() && !import.no_try;
    let stored = if is_tried {
        let credentials = credentials::find(&profile, Some(&mut storage), deadline)?;
        tried(&profile, (come, credentials), turn, deadline)?
    } else {
        let stored = new_grant::store_locked(&profile, &mut storage, come);
        stored.map_err(|error| match error.kind {
            // What stdin holds, and no server, is the cause.
            Kind::Refused => Error {
                kind: Kind::Usage,
                ..error
            },
            _ => error,
        })?
    };
    tell(&profile, &storage, (&stored, is_tried));
    Ok(())
}

/// What was brought, with what is known of it without asking anybody for keys: that is for who wants the id token.
fn looked_at(profile: &Profile, mut granted: Granted, may_ask: bool, deadline: Deadline) -> Come {
    let account = match &granted.id_token {
        IdToken::Raw(text) => id_token::claims(text),
        _ => None,
    };
    let account = account.as_ref().and_then(id_token::account);
    let judge = Judge {
        profile,
        secret: None,
        nonce: None,
        before: None,
        origin: Origin::Saved,
    };
    judge.look(&mut granted, Deadline::after(Duration::ZERO));
    let known = if may_ask {
        server::for_logout(profile, deadline).ok()
    } else {
        server::known_for_id_token(profile).map(|known| server::with_hand_set(profile, known))
    };
    let server = known.unwrap_or_else(|| server::with_hand_set(profile, Metadata::default()));
    Come {
        granted,
        sent_at: clock::now(),
        account,
        from: Provenance::of(profile, &server),
    }
}

/// Has the refresh token tried, in a process that outlives this one: the server may give another one for it.
fn tried(
    profile: &Profile,
    (come, credentials): (Come, Credentials),
    turn: Taken<()>,
    deadline: Deadline,
) -> Result<Stored> {
    let job = Job {
        profile: profile.clone(),
        credentials,
        budget: deadline.left(),
        lent: env::lend(profile.secret_variables()),
        work: Work::Import(Box::new(come)),
    };
    let lock = match turn {
        Taken::Lock(lock) | Taken::HereOnly(lock) => Some(lock),
        Taken::Came(()) | Taken::TimedOut | Taken::Unsupported => None,
    };
    background::run(&job, lock, deadline)?.stored(profile)
}

fn tell(profile: &Profile, storage: &Storage, (stored, is_tried): (&Stored, bool)) {
    let name = shell_word(&profile.name);
    let what = match (&stored.record.refresh, &stored.token) {
        (Some(_), Some(_)) => "a refresh token and an access token",
        (Some(_), None) => "a refresh token",
        (None, _) => "an access token, which cannot be renewed",
    };
    let tried = if is_tried {
        ", tried at the server"
    } else {
        ""
    };
    ui::notice(&format!(
        "stored {what} for {}{tried} ({}); use it with: tokctl get {name}",
        profile.name,
        storage.store.describe(),
    ));
    if stored.outlives {
        ui::say(&new_grant::outlived(profile, &stored.record));
    }
}

/// A grant that may be in use is not replaced unless that is said.
fn replaces_no_grant(
    profile: &Profile,
    storage: &mut Storage,
    (granted, force): (&Granted, bool),
) -> Result<()> {
    let Some(old) = storage.record(profile).ok().flatten() else {
        return Ok(());
    };
    let Some(refresh) = old.refresh.as_ref().filter(|_| !force) else {
        return Ok(());
    };
    let has_ended = storage.note.end_of(refresh).is_some();
    let is_same = granted
        .refresh
        .as_ref()
        .is_some_and(|new| new.is_same(refresh));
    if has_ended || is_same {
        return Ok(());
    }
    let what = match granted.refresh {
        Some(_) => "there is a grant already, which has not ended as far as is known",
        None => "stdin has no refresh token, and would take the place of one",
    };
    let name = shell_word(&profile.name);
    Err(profile.error(Kind::Usage, what).hint(format!(
        "to replace it, say --force; to end it at the server first, run: tokctl logout {name}"
    )))
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
