//! What is kept for names that are no profiles any more: somebody has taken the table out of the file, and what was
//! given for it lives on.

use super::leave::{self, Left};
use crate::clock::{Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::files::layout;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::profile::edit::{self, Keys, There};
use crate::state::journal::{self, Journal};
use crate::state::lock::{Lock, Purpose, Taken};
use crate::state::note::Note;
use crate::state::record::Record;
use crate::state::storage::Storage;
use crate::state::unrevoked::Provenance;
use crate::store::{Backend, client_secret};
use std::path::{Path, PathBuf};
use toml_edit::{InlineTable, Value};

/// The notes of such names, in the order of the names.
pub fn of(config: &Config, state: &Path) -> Result<Vec<Note>> {
    let names = config.names()?;
    let moving = Journal::find(state);
    let is_moving = |name: &String| {
        let journal = moving.as_ref();
        journal.is_some_and(|journal| journal.has(name))
    };
    let mut all = Note::all(state);
    all.retain(|note| {
        note.has_something()
            && !names.contains(&note.profile)
            && !is_moving(&note.profile)
            && is_of(config, note)
            // A preset's, whose client comes from the environment.
            && Profile::load(config, &note.profile).is_err()
    });
    all.sort_by(|one, two| one.profile.cmp(&two.profile));
    Ok(all)
}

/// Whether what is kept was kept for this file, as far as that is known: another one may have the profile still.
fn is_of(config: &Config, note: &Note) -> bool {
    let same = |path: &Path| {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        config.path().is_some_and(|own| whole(own) == whole(path))
    };
    match note.config.as_ref().map(Path::new) {
        Some(path) if same(path) => true,
        Some(path) => {
            let names = Config::load_to_change(Some(path)).and_then(|other| other.names());
            names.is_ok_and(|names| !names.contains(&note.profile))
        }
        None => config
            .path()
            .is_some_and(|own| env::config_file().as_deref() == Some(own)),
    }
}

/// Ends at the server what is kept for such a name, if `revoke`, and erases it. Where something is still to be revoked
/// it stays.
pub fn end(config: &Config, name: &str, revoke: bool) -> Result<Left> {
    let state = env::state_dir()?;
    let deadline = Deadline::after(budget::LOGOUT);
    let note = Note::load(&state, name);
    let profile = stand_in(config, (&note, &state), (None, false))?;
    let taken = Lock::take(&state, name, Purpose::Renewal, deadline);
    if !matches!(
        taken,
        Ok(Taken::Lock(_) | Taken::HereOnly(_) | Taken::Unsupported)
    ) {
        return Err(Error::about(
            name,
            Kind::Temporary,
            "another tokctl is busy with it",
        ));
    }
    let mut storage = Storage::open_to_erase(&profile, deadline)?;
    let mut left = Left::default();
    if let Some(record) = storage.record(&profile)?.filter(|_| revoke) {
        let from = where_from(&record);
        let has_secret = storage.store.load(&client_secret(name))?.is_some();
        let profile = stand_in(config, (&note, &state), (from.as_ref(), has_secret))?;
        let record = bound_to(&profile, record, from.as_ref());
        left = leave::all(&profile, &mut storage, record)?;
    }
    if let Some(error) = &mut left.kept {
        error.hint = Some(format!(
            "to leave it alive and erase it here, run: tokctl remove {} --no-revoke",
            shell_word(name)
        ));
    } else {
        journal::erase(&profile, &state, deadline)?;
    }
    Ok(left)
}

/// Where a record's grant came from, or one of those before it.
fn where_from(record: &Record) -> Option<Provenance> {
    let before = record.unrevoked.iter().rev();
    let mut before = before.filter_map(|grant| grant.from.clone());
    record.from.clone().or_else(|| before.next())
}

/// The record as one of the stand-in's, as far as it came from there.
fn bound_to(profile: &Profile, mut record: Record, from: Option<&Provenance>) -> Record {
    if record.from.as_ref() == from && from.is_some() {
        record.binding = profile.binding();
    }
    for grant in &mut record.unrevoked {
        if grant.from.as_ref() == from && from.is_some() {
            grant.binding = profile.binding();
        }
    }
    record
}

/// A profile in the place of the one that is gone: its store, and where its grant came from.
fn stand_in(
    config: &Config,
    (note, state): (&Note, &Path),
    (from, has_secret): (Option<&Provenance>, bool),
) -> Result<Profile> {
    let name = &note.profile;
    let mut keys: Keys = vec![
        ("grant", "refresh_token".into()),
        ("store", store(note, state).into()),
    ];
    let (server, client) = from.map_or(("https://localhost/gone", "gone"), |from| {
        (from.server.as_str(), from.client_id.as_str())
    });
    keys.push(("token_endpoint", server.into()));
    keys.push(("client_id", client.into()));
    if let Some(from) = from {
        keys.push(("client_auth", from.client_auth.as_str().into()));
        let url = from.revocation_endpoint.as_deref();
        keys.extend(url.map(|url| ("revocation_endpoint", Value::from(url))));
        if has_secret && from.client_auth.starts_with("client_secret") {
            let kept: InlineTable = [("keyring", Value::from(true))].into_iter().collect();
            keys.push(("client_secret", kept.into()));
        }
    }
    let text = edit::with_profile(config.whole()?, name, &keys, There::Replaced);
    let text = text.map_err(|_| Error::config("the configuration cannot be read"))?;
    let with = Config::from_excerpt(config.path().map(PathBuf::from), text);
    Profile::load(&with, name)
}

/// The store in which something is kept, as the configuration names it.
fn store(note: &Note, state: &Path) -> &'static str {
    let name = &note.profile;
    match note.store {
        Some(backend) => backend.name(),
        None if layout::plain_record(state, name).exists() => Backend::Plaintext.name(),
        None if layout::sealed_record(state, name).exists() => Backend::EncryptedFile.name(),
        None => "auto",
    }
}

/// Ends what a killed command has left of a renaming or a removal; the caller has the configuration's lock.
pub fn settle(config: &Config, state: &Path, deadline: Deadline) -> Result<()> {
    let Some(journal) = Journal::find(state) else {
        return Ok(());
    };
    let to = journal
        .to
        .as_ref()
        .and_then(|to| Profile::load(config, to).ok());
    let known = to.or_else(|| Profile::load(config, &journal.from).ok());
    let profile = if let Some(profile) = known {
        profile
    } else {
        let note = Note::load(state, &journal.from);
        stand_in(config, (&note, state), (None, false))?
    };
    journal::settle_in_turn(&profile, state, deadline)
}
