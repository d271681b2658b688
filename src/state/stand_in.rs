//! A lock for a file system that has none: one on a file in memory, in a directory whose name nobody can take before us.
//!
//! The directory is made under a random name in `/dev/shm` (or `/tmp`), where nobody can remove or rename what is
//! another's, and is found again by its owner. Two that are made at the same moment are both locked, so that all who
//! come later share one of them. It excludes the processes of this machine that see the same `/dev/shm`.

#[cfg(target_os = "linux")]
pub use platform::take;

/// Tries for the stand-in of a lock's file: the open file that has it, nothing while another process does.
#[cfg(not(target_os = "linux"))]
pub fn take(_: &std::fs::File) -> std::io::Result<Option<std::fs::File>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
mod platform {
    use crate::env;
    use crate::files::{self, Open};
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    const PREFIX: &str = "tokctl-locks-";

    /// Tries for the stand-in of a lock's file: the open file that has it, nothing while another process does.
    pub fn take(file: &File) -> io::Result<Option<File>> {
        let metadata = file.metadata()?;
        let name = format!("{:x}-{:x}", metadata.dev(), metadata.ino());
        let places = env::shared_memory_dirs();
        let place = places.iter().find(|dir| files::is_kept(dir));
        take_in(place.ok_or(io::ErrorKind::Unsupported)?, &name)
    }

    fn take_in(place: &Path, name: &str) -> io::Result<Option<File>> {
        let mut dirs = own_dirs(place);
        if dirs.is_empty() {
            files::make_own_dir(place, PREFIX)?;
            dirs = own_dirs(place);
        }
        let mut locks = Vec::new();
        for dir in &dirs {
            let file = files::open_own(&dir.join(name), Open::Make)?;
            if !lock(&file)? {
                return Ok(None);
            }
            locks.push(file);
        }
        // One that has been made since is another's first.
        if own_dirs(place) != dirs {
            return Ok(None);
        }
        // Who looks now begins with the first, and that is enough.
        locks.truncate(1);
        Ok(locks.pop())
    }

    /// In the order in which all take them.
    fn own_dirs(place: &Path) -> Vec<PathBuf> {
        let mut dirs = files::own_dirs(place, PREFIX);
        dirs.sort();
        dirs
    }

    /// Of the open file, as flock(2)'s: it goes with its last copy. By another call, since flock(2) is what is
    /// missing.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the system's own constants"
    )]
    fn lock(file: &File) -> io::Result<bool> {
        let whole = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn one_at_a_time_has_it_also_where_two_directories_were_made() {
            let place = tempfile::tempdir().expect("a temporary directory");
            let take = || take_in(place.path(), "x").expect("it has locks");
            let held = take().expect("free");
            assert!(take().is_none());
            let other = files::make_own_dir(place.path(), PREFIX).expect("made");
            assert!(take().is_none());
            drop(held);
            let held = take().expect("free again");
            assert!(take().is_none());
            drop(held);
            std::fs::remove_dir_all(other).expect("ours");
            assert!(take().is_some());
        }
    }
}
