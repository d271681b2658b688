//! A profile's locks: free, or held by whom and for how long.

use super::Report;
use crate::error::{Error, Kind, io_cause};
use crate::files::{self, Open};
use crate::profile::Profile;
use crate::state::lock::{self, Purpose, Standing};
use std::fs::File;
use std::path::Path;

/// Looks at both locks of a profile without making or waiting for them. Whether one is held.
pub fn check(report: &mut Report, profile: &Profile, state: &Path) -> bool {
    let both = [(Purpose::Renewal, "a renewal"), (Purpose::Login, "a login")];
    let mut held = Vec::new();
    for (purpose, what) in both {
        let path = purpose.path(state, &profile.name);
        let standing = match files::open_own(&path, Open::Write) {
            Ok(file) => lock::standing(&file).map(|standing| (standing, file)),
            // Made by the first call that needs it.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => Err(cause),
        };
        match standing {
            Ok((Standing::Held, file)) => held.push(format!("{what} is under way{}", by(&file))),
            Ok(_) => {}
            Err(cause) => {
                let what = format!("{}: {}", path.display(), io_cause(&cause));
                let error = Error::new(Kind::StoreUnavailable, what);
                let hint = "remove that file, or make it yours (chown, chmod 600)";
                report.problem("lock", &error.hint(hint));
                return false;
            }
        }
    }
    if held.is_empty() {
        report.ok("lock", "free");
        return false;
    }
    report.warn(
        "lock",
        held.join("; "),
        "wait for it, or end that process if it hangs",
    );
    true
}

/// Who holds the lock on a file, as the kernel knows it, and since when that process runs.
#[cfg(target_os = "linux")]
fn by(file: &File) -> String {
    use crate::clock;
    use std::os::linux::fs::MetadataExt;
    let Ok(inode) = file.metadata().map(|metadata| metadata.st_ino()) else {
        return String::new();
    };
    let lines = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // "1: FLOCK  ADVISORY  WRITE 9315 fe:00:10405002 0 EOF" (proc_locks(5)); waiters have an arrow.
    let holder = lines.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours = words.get(5)?.rsplit(':').next()? == inode.to_string();
        (ours && words[1] == "FLOCK").then(|| words[4].to_owned())
    });
    // Handed on to the process that renews in the background, the lock is not listed any more once
    // the one that took it has ended.
    let Some(pid) = holder else {
        return " in the background".to_owned();
    };
    let since = age(&pid).map_or_else(String::new, |age| {
        format!(", which runs for {}", clock::about(age))
    });
    format!(" in process {pid}{since}")
}

#[cfg(not(target_os = "linux"))]
fn by(_: &File) -> String {
    String::new()
}

/// For how long a process has been running, in seconds.
#[cfg(target_os = "linux")]
fn age(pid: &str) -> Option<crate::clock::Epoch> {
    /// `USER_HZ`, the kernel's unit for other programs on every machine that Linux runs on today.
    const TICKS: u64 = 100;
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    // The name in parentheses may hold anything; the start is the 20th field after it (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let start: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    crate::clock::Epoch::try_from(uptime.saturating_sub(start / TICKS)).ok()
}
