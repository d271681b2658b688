//! Where the token files of a running command are: a directory of their own in memory, which goes when
//! the command ends.

use crate::env;
use crate::error::{Error, Kind, Result};
use crate::files::{self, Open};
use crate::secret::Secret;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PREFIX: &str = "tokctl-exec-";

/// Says by its lock that the directory is in use.
const LOCK: &str = "lock";

/// A directory that only the user can enter, and that no disk holds.
pub struct TokenFiles {
    dir: TempDir,
    _lock: File,
}

impl TokenFiles {
    /// A new one, after the removal of what killed processes have left.
    pub fn new() -> Result<Self> {
        let dirs = env::memory_dirs();
        let Some(parent) = dirs.iter().find(|dir| is_in_memory(dir)) else {
            let what = "there is no directory in memory for the token's file";
            let error = Error::new(Kind::StoreUnavailable, what);
            return Err(error.hint("set XDG_RUNTIME_DIR to a directory on a tmpfs"));
        };
        sweep(parent);
        Self::within(parent)
            .map_err(|cause| Error::io(format!("a directory in {}", parent.display()), &cause))
    }

    fn within(parent: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = files::open_own(&dir.path().join(LOCK), Open::New)?;
        lock.lock_shared()?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where a token's file is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a token into its file in one step, without a newline.
    pub fn write(&self, name: &str, token: &Secret) -> Result<()> {
        let file = self.file(name);
        files::replace(&file, token.expose().as_bytes())
            .map_err(|cause| Error::io(file.display(), &cause))
    }
}

/// Removes the user's own directories whose processes were killed: nobody holds their lock. Another user's are nothing
/// to this one, whatever is in them.
fn sweep(parent: &Path) {
    for path in files::own_dirs(parent, PREFIX) {
        let lock = files::open_own(&path.join(LOCK), Open::Read);
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // Another process may be at it too.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(dir: &Path) -> bool {
    use nix::sys::statfs::{TMPFS_MAGIC, statfs};
    statfs(dir).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC)
        && nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
        && files::is_kept(dir)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}
