//! The account of hand-outs: which program was given a profile's token, when and for whom. It never holds a secret, and
//! never keeps a token from anybody: what cannot be written down is left out.

use crate::clock;
use crate::env;
use crate::error::io_cause;
use crate::files::{self, layout};
use crate::profile::{Audit, Profile, TokenKind};
use crate::text::clean;
use crate::ui;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// One file holds so much; then it becomes the older one, in the place of the one that was.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// A name or a scope has so many characters at most, so that an entry is written at once.
const MAX_WORDS: usize = 200;

/// One token that was given to somebody.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    pub time: String,
    pub profile: String,
    /// `get`, `exec`, `api`, or a helper's mode.
    pub command: String,
    /// `access` or `id`.
    pub token: String,
    /// The scope, audience and resources that were asked for, where those are not the profile's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The server that the token is for, where the caller has named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether this call has fetched or renewed it.
    pub new: bool,
    pub argv0: String,
    pub pid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
}

/// A token that is about to be given.
pub struct HandOut<'a> {
    pub profile: &'a Profile,
    pub command: &'a str,
    pub host: Option<&'a str>,
    /// Whether this call has fetched or renewed it.
    pub is_new: bool,
}

/// Writes a hand-out down where the profile says so.
pub fn note(hand_out: &HandOut<'_>) {
    if let Some(place) = hand_out.profile.storage.audit {
        write(place, hand_out);
    }
}

#[inline(never)]
fn write(place: Audit, hand_out: &HandOut<'_>) {
    let mut line =
        serde_json::to_string(&entry(hand_out)).expect("strings and numbers always serialize");
    let written = match place {
        Audit::File => env::state_dir()
            .map_err(|error| io::Error::other(error.message))
            .and_then(|state| {
                line.push('\n');
                append(&state, line.as_bytes())
            }),
        Audit::Syslog => sent::to_syslog(&line),
        Audit::Journal => sent::to_journal(&line),
    };
    if let Err(cause) = written {
        ui::step(&format!(
            "the token is not in the account of hand-outs: {}",
            io_cause(&cause)
        ));
    }
}

fn entry(hand_out: &HandOut<'_>) -> Entry {
    let profile = hand_out.profile;
    let caller = env::caller();
    let short = |text: &str| clean(text, MAX_WORDS, &[]);
    Entry {
        time: clock::rfc3339(clock::now()),
        profile: profile.name.clone(),
        command: hand_out.command.to_owned(),
        token: match profile.request.kind {
            TokenKind::Access => "access",
            TokenKind::Id => "id",
        }
        .to_owned(),
        variant: profile.asks_beyond().then(|| short(&wanted(profile))),
        host: hand_out.host.map(short),
        new: hand_out.is_new,
        argv0: short(&caller.argv0),
        pid: caller.pid,
        uid: caller.uid,
        parent: caller.parent,
        parent_name: caller.parent_name.as_deref().map(short),
        tty: caller.tty.as_deref().map(short),
    }
}

/// What a caller has asked for in words.
fn wanted(profile: &Profile) -> String {
    let request = &profile.request;
    let mut words = Vec::new();
    if !request.scope.is_empty() {
        words.push(format!("scope {}", request.scope.join(" ")));
    }
    words.extend(
        request
            .audience
            .iter()
            .map(|audience| format!("audience {audience}")),
    );
    words.extend(
        request
            .resource
            .iter()
            .map(|resource| format!("resource {resource}")),
    );
    words.join(", ")
}

/// Adds one line, in one write; no lock is waited for.
fn append(state: &Path, line: &[u8]) -> io::Result<()> {
    let file = layout::audit(state);
    if file
        .symlink_metadata()
        .is_ok_and(|found| found.len() > MAX_FILE)
    {
        std::fs::rename(&file, layout::older_audit(state))?;
    }
    files::append(&file, line)
}

/// The entries in the files, oldest first; lines that are none are left out.
pub fn kept(state: &Path) -> io::Result<Vec<Entry>> {
    let mut text = Vec::new();
    for file in [layout::older_audit(state), layout::audit(state)] {
        text.extend_from_slice(&files::read(&file)?.unwrap_or_default());
    }
    Ok(entries(&text))
}

/// The entries in a text of lines.
pub fn entries(text: &[u8]) -> Vec<Entry> {
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// The system's two logs, which both take a datagram. Nobody waits: what they have no room for is lost.
#[cfg(unix)]
mod sent {
    use crate::clock;
    use std::io;
    use std::os::unix::net::UnixDatagram;

    /// `LOG_AUTHPRIV` and `LOG_INFO` (RFC 5424 section 6.2.1).
    const PRIORITY: u8 = 10 * 8 + 6;

    /// Where syslog(3) sends to, on Linux and on macOS.
    const SYSLOG: [&str; 2] = ["/dev/log", "/var/run/syslog"];

    /// systemd's native protocol.
    const JOURNAL: &str = "/run/systemd/journal/socket";

    pub fn to_syslog(line: &str) -> io::Result<()> {
        let (pid, at) = (std::process::id(), clock::syslog(clock::now()));
        let text = format!("<{PRIORITY}>{at} tokctl[{pid}]: {line}");
        let mut last = Ok(());
        for place in SYSLOG {
            last = send(place, text.as_bytes());
            if last.is_ok() {
                break;
            }
        }
        last
    }

    pub fn to_journal(line: &str) -> io::Result<()> {
        let text =
            format!("MESSAGE={line}\nPRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=tokctl\n");
        send(JOURNAL, text.as_bytes())
    }

    fn send(place: &str, bytes: &[u8]) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(bytes, place).map(drop)
    }
}

#[cfg(not(unix))]
mod sent {
    use std::io;

    pub fn to_syslog(_: &str) -> io::Result<()> {
        Err(io::Error::other("this system has none"))
    }

    pub fn to_journal(_: &str) -> io::Result<()> {
        Err(io::Error::other("this system has none"))
    }
}
