//! `tokctl logout`: revokes at the server, and erases what is stored here.

use super::worst;
use crate::cli::{Global, Logout};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, io_cause};
use crate::oauth::{Client, Credentials, revoke};
use crate::profile::config::Config;
use crate::profile::{EndpointKind, Profile};
use crate::secret::Secret;
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::state::record::Record;
use crate::state::server;
use crate::state::storage::{Cache, Storage};
use crate::token::credentials;
use crate::ui;
use std::path::Path;

/// Erases one profile's tokens, or every one's; the worst failure is the result.
pub fn run(global: &Global, logout: &Logout) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let revoke = !logout.no_revoke;
    let one = |profile: Result<Profile>| profile.and_then(|profile| log_out(&profile, revoke));
    let failures: Vec<Error> = match &logout.profile {
        Some(name) => one(Profile::load(&config, name))
            .err()
            .into_iter()
            .collect(),
        None => Profile::all(&config)?
            .filter_map(|(_, profile)| one(profile).err())
            .collect(),
    };
    worst(failures)
}

fn log_out(profile: &Profile, revoke: bool) -> Result<()> {
    let name = &profile.name;
    let state = env::state_dir()?;
    let deadline = Deadline::after(budget::LOGOUT);
    // A renewal in flight would write back what is erased here: its end is waited for.
    let taken = Lock::take(&state, name, Purpose::Renewal, deadline);
    let taken = taken.map_err(|cause| {
        let what = format!("no lock below {}: {}", state.display(), io_cause(&cause));
        Error::about(name, Kind::StoreUnavailable, what)
    })?;
    if matches!(taken, Taken::TimedOut) {
        let what = "another tokctl is busy with it";
        return Err(Error::about(name, Kind::Temporary, what));
    }
    let opened = Storage::open_to_erase(profile, deadline);
    let mut storage = opened.inspect_err(|_| forget_cached(profile, &state))?;
    let record = storage.record(profile).ok().flatten();
    let ours = |record: &&Record| revoke && record.binding == profile.binding();
    let credentials = match record.as_ref().filter(ours) {
        Some(_) => credentials::find(profile, Some(&mut storage), deadline),
        None => Ok(Credentials::default()),
    };
    // First what is here, whatever the server says and however long that takes it.
    let erased = storage.erase(profile, record.as_ref());
    drop(taken);
    // What stays here, and `get` goes on printing, is not revoked.
    let erased = erased?;
    let revoked = match record.as_ref().filter(ours) {
        Some(record) => credentials
            .and_then(|credentials| revoke_all(profile, &credentials, record))
            .map_err(|error| error.to_string()),
        None => Err(String::new()),
    };
    let what = match (erased, revoked) {
        (false, _) => "nothing was stored".to_owned(),
        (true, Ok(())) => "revoked at the server, and erased here".to_owned(),
        (true, Err(why)) if why.is_empty() => "erased here; not revoked at the server".to_owned(),
        (true, Err(why)) => format!("erased here; not revoked at the server: {why}"),
    };
    ui::notice(&format!("{name}: {what}"));
    if env::token_override(name).is_some() {
        ui::warn(&format!(
            "{} is still set and is used first: unset it",
            env::token_variable(name)
        ));
    }
    Ok(())
}

/// Also where the store cannot be used, no token in front of it is found any more.
fn forget_cached(profile: &Profile, state: &Path) {
    let mut note = Note::load(state, &profile.name);
    Cache::of(profile, state, &note).forget();
    note.begin_epoch();
    if let Err(cause) = note.save(state) {
        ui::step(&format!("the profile's note cannot be written: {cause}"));
    }
}

/// Revokes the refresh token, with which most servers end the whole grant, and then the access tokens.
fn revoke_all(profile: &Profile, credentials: &Credentials, record: &Record) -> Result<()> {
    let deadline = Deadline::after(budget::REVOCATION);
    let server = server::for_logout(profile, deadline)?;
    if !server.endpoints.has(EndpointKind::Revocation) {
        return Err(profile.error(Kind::Config, "the server has no revocation_endpoint"));
    }
    let endpoint = server::endpoint(profile, &server, EndpointKind::Revocation)?;
    let suited = server.suited(profile);
    let connection = Client::new(&suited, credentials).connect(&endpoint)?;
    let send =
        |token: &Secret, hint: &str| revoke::revoke(&connection, token, hint, deadline.left());
    let mut first = Ok(());
    for refresh in record.refresh.iter().chain(&record.unused) {
        first = first.and(send(refresh, "refresh_token"));
    }
    for token in record.tokens.values() {
        // An access token that ends by itself soon is not worth an error beside a revoked grant.
        let result = send(&token.text, "access_token");
        if record.refresh.is_none() {
            first = first.and(result);
        }
    }
    first
}
