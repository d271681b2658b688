//! `tokctl log`: the account of hand-outs, from the places where the profiles keep one.

use crate::cli::{Global, Log};
use crate::clock::{self, Deadline, Epoch, budget};
use crate::env;
use crate::error::{Error, Kind, Result, io_cause};
use crate::profile::config::Config;
use crate::profile::{Audit, Profile};
use crate::program;
use crate::secret::Secret;
use crate::state::audit::{self, Entry};
use crate::text::clean;
use crate::ui;

/// Of the system's log so much is read, from its end.
const MOST_LINES: &str = "--lines=20000";
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Shows it, oldest first.
pub fn run(global: &Global, log: &Log) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let profiles = Profile::all(&config)?.filter_map(|(_, profile)| profile.ok());
    let profiles: Vec<Profile> = profiles
        .filter(|profile| {
            log.profile
                .as_ref()
                .is_none_or(|name| *name == profile.name)
        })
        .collect();
    if let Some(name) = log.profile.as_ref().filter(|_| profiles.is_empty()) {
        // Says what is wrong with it; what it was given before it went can still be read without its name.
        Profile::load(&config, name)?;
    }
    let state = env::state_dir()?;
    let mut entries = audit::kept(&state).map_err(|cause| {
        Error::new(
            Kind::Io,
            format!("{}: {}", state.display(), io_cause(&cause)),
        )
    })?;
    let in_system =
        |profile: &Profile| matches!(profile.storage.audit, Some(Audit::Journal | Audit::Syslog));
    if profiles.iter().any(in_system) {
        match of_system() {
            Ok(more) => entries.extend(more),
            Err(why) => ui::warn(&format!(
                "what goes to the system's log cannot be read here ({why}): look there for tokctl"
            )),
        }
    }
    entries.retain(|entry| is_wanted(entry, log));
    entries.sort_by(|one, other| one.time.cmp(&other.time));
    if entries.is_empty() {
        tell_of_nothing(&profiles);
    }
    let line = if log.json { json } else { words };
    let text: String = entries.iter().map(line).collect();
    ui::answer(&Secret::new(text))
}

fn is_wanted(entry: &Entry, log: &Log) -> bool {
    let since = log.since.map(|since| {
        let ago = Epoch::try_from(since.as_secs()).unwrap_or(Epoch::MAX);
        clock::rfc3339(clock::now().saturating_sub(ago))
    });
    let is_its = log
        .profile
        .as_ref()
        .is_none_or(|name| *name == entry.profile);
    is_its && since.is_none_or(|since| entry.time >= since)
}

/// From the journal, which has what goes to syslog too: the user's own entries, since others can write there as well.
fn of_system() -> Result<Vec<Entry>, String> {
    let uid = env::caller().uid.unwrap_or_default();
    let words = [
        "journalctl",
        "--identifier=tokctl",
        "--output=cat",
        "--quiet",
        "--no-pager",
        MOST_LINES,
        &format!("_UID={uid}"),
    ]
    .map(str::to_owned);
    let text = program::output(&words, MOST_BYTES, Deadline::after(budget::CHECK_SECRET))?;
    Ok(audit::entries(&text))
}

fn tell_of_nothing(profiles: &[Profile]) {
    let is_kept = profiles
        .iter()
        .any(|profile| profile.storage.audit.is_some());
    ui::notice(if is_kept {
        "no token was handed out, as far as it is written down"
    } else {
        "nothing is written down of hand-outs: set audit = \"file\" in a profile or in [defaults]"
    });
}

fn json(entry: &Entry) -> String {
    let line = serde_json::to_string(entry).expect("strings and numbers always serialize");
    format!("{line}\n")
}

/// One line: when, whose token, by which command, to whom and for what.
fn words(entry: &Entry) -> String {
    let shown = |text: &str| clean(text, 200, &[]);
    let who = entry.parent_name.as_deref().map_or("?".to_owned(), shown);
    let parent = entry
        .parent
        .map_or_else(String::new, |pid| format!("[{pid}]"));
    let user = entry
        .uid
        .map_or_else(String::new, |uid| format!(" user {uid}"));
    let tty = entry
        .tty
        .as_deref()
        .map_or_else(String::new, |tty| format!(" on {}", shown(tty)));
    let host = entry
        .host
        .as_deref()
        .map_or_else(String::new, |host| format!(" for {}", shown(host)));
    let variant = entry.variant.as_deref();
    let variant = variant.map_or_else(String::new, |variant| format!(" ({})", shown(variant)));
    let how = if entry.new { "new" } else { "stored" };
    format!(
        "{} {} {}: {how} {} token{variant} to {who}{parent}{user}{tty}{host}\n",
        shown(&entry.time),
        shown(&entry.profile),
        shown(&entry.command),
        shown(&entry.token),
    )
}
