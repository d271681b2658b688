//! What to do about a system's error that has a remedy of its own.

use crate::error::shell_word;
use std::io;
use std::path::Path;

/// The remedy, where it is neither a mode nor an owner that is wrong.
#[cfg(unix)]
pub fn remedy(cause: &io::Error) -> Option<&'static str> {
    use nix::libc::{EDQUOT, EMFILE, ENFILE, ENOSPC, EROFS};
    Some(match cause.raw_os_error()? {
        EROFS => {
            "this file system is read-only; for a directory that can be written, where no login is to be kept, run: export \
             TOKCTL_STATE_DIR=/tmp/tokctl-$(id -u)"
        }
        ENOSPC | EDQUOT => {
            "the disk, or your share of it, is full: free some space, or, for a directory elsewhere, run: export \
             TOKCTL_STATE_DIR=DIR"
        }
        EMFILE | ENFILE => "find what keeps so many files open, or raise the limit",
        _ => return None,
    })
}

/// The command that lets the user read a file of theirs that its mode keeps them from.
pub fn readable(path: &Path, cause: &io::Error) -> Option<String> {
    let is_barred = cause.kind() == io::ErrorKind::PermissionDenied;
    (is_barred && cfg!(unix))
        .then(|| format!("run: chmod u+r {}", shell_word(&path.to_string_lossy())))
}

#[cfg(not(unix))]
pub fn remedy(cause: &io::Error) -> Option<&'static str> {
    (cause.kind() == io::ErrorKind::StorageFull).then_some(
        "the disk is full: free some space, or set TOKCTL_STATE_DIR to a directory elsewhere",
    )
}
