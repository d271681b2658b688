//! The state directory: private, writable, and on a file system that has locks.

use super::Report;
use crate::env;
use crate::error::{Error, Kind, io_cause, shell_word};
use crate::files;
use crate::state::lock::{self, Standing};
use std::io;
use std::path::{Path, PathBuf};

/// Looks at the state directory without making it. Its path, where there is a place for it.
pub fn check(report: &mut Report) -> Option<PathBuf> {
    let state = report.of("state directory", env::state_dir())?;
    let shown = state.display();
    match look(&state) {
        Ok((there, Standing::Unsupported, _)) => report.warn(
            "state directory",
            format!(
                "{shown}{there}: this file system has no locks: a lease beside each keeps other machines out, which is slower"
            ),
            "set TOKCTL_STATE_DIR to a directory on a local disk",
        ),
        Ok((there, _, true)) => report.ok(
            "state directory",
            format!(
                "{shown}{there}: can be written; it is, or may be, another machine's disk, so a lease beside each lock keeps \
                 other machines out"
            ),
        ),
        Ok((there, _, false)) => {
            let what = format!("{shown}{there}: can be written, and has locks");
            report.ok("state directory", what);
        }
        Err(cause) => {
            let what = format!("{shown}: {}", io_cause(&cause));
            let path = shell_word(&state.to_string_lossy());
            let hint = files::remedy(&cause).map_or_else(
                || format!("make it yours alone (chown, chmod 700 {path}), or set TOKCTL_STATE_DIR to another"),
                str::to_owned,
            );
            let error = Error::new(Kind::StoreUnavailable, what).hint(hint);
            report.problem("state directory", &error);
        }
    }
    Some(state)
}

/// Tries a file in it, or where it would be made.
fn look(state: &Path) -> io::Result<(&'static str, Standing, bool)> {
    let (dir, there) = if files::inspect_dir(state)? {
        (state, "")
    } else {
        let above = state.ancestors().skip(1).find(|dir| dir.exists());
        let above = above.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        (above, " (made when it is needed)")
    };
    let probe = files::try_write(dir)?;
    let file = probe.as_file();
    Ok((there, lock::standing(file)?, lock::is_remote(file)))
}
