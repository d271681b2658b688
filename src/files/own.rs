//! A file of the user's own, opened where others may have put something under its name (`/dev/shm`, `/tmp`, a runtime
//! or state directory): no link is followed, no pipe waited for, and what was opened is judged before it is used.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

/// What a file is opened for.
#[derive(Clone, Copy)]
pub enum Open {
    /// To be read.
    Read,
    /// To be read and written, or locked.
    Write,
    /// The same, and made where there is none.
    Make,
    /// To be written at its end, and made where there is none.
    Append,
    /// To be written, and an error where there is one.
    New,
}

/// Opens it.
///
/// # Errors
/// What the system says, and what is no regular file or belongs to somebody else.
pub fn open_own(path: &Path, open: Open) -> io::Result<File> {
    open_judged(path, open).map(|(file, _)| file)
}

/// The same with what it was judged by.
pub(super) fn open_judged(path: &Path, open: Open) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    match open {
        Open::Read => options.read(true),
        Open::Write => options.read(true).write(true),
        Open::Make => options.read(true).write(true).create(true).truncate(false),
        Open::Append => options.append(true).create(true),
        Open::New => options.write(true).create_new(true),
    };
    no_follow(&mut options);
    let file = match options.open(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound && path.is_symlink() => {
            return Err(refused("it is a symbolic link"));
        }
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if !is_ours(&metadata) {
        return Err(refused(FOREIGN));
    }
    Ok((file, metadata))
}

/// The user's own directories in a shared one that begin so: no links, and no other user's.
#[cfg(unix)]
pub fn own_dirs(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let paths = named.map(|entry| entry.path());
    paths
        .filter(|path| {
            let found = path.symlink_metadata();
            found.is_ok_and(|found| found.is_dir() && is_ours(&found))
        })
        .collect()
}

/// Makes one under a name that nobody can guess; it stays.
#[cfg(target_os = "linux")]
pub fn make_own_dir(parent: &Path, prefix: &str) -> io::Result<PathBuf> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent).map(tempfile::TempDir::keep)
}

/// Whether nobody else can put other files in the place of ours in a directory: it is the user's and nobody else
/// writes to it, or it is the user's or root's and sticky, as `/dev/shm` is.
#[cfg(target_os = "linux")]
pub fn is_kept(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    dir.metadata().is_ok_and(|found| {
        let sticky = found.mode() & 0o1000 != 0;
        let closed = found.mode() & 0o022 == 0;
        found.is_dir() && is_ours_or_root_s(&found) && (sticky || closed && is_ours(&found))
    })
}

/// Opens without following a symbolic link at the end of the path, and makes files for the user alone.
pub(super) fn no_follow(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use nix::fcntl::OFlag;
        use std::os::unix::fs::OpenOptionsExt;
        // O_NONBLOCK: opening a FIFO that somebody put there must not wait for its writer.
        options
            .mode(0o600)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    }
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(unix)]
pub(super) fn is_ours(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(metadata) == nix::unistd::getuid().as_raw()
}

#[cfg(unix)]
pub(super) fn is_ours_or_root_s(metadata: &Metadata) -> bool {
    is_ours(metadata) || std::os::unix::fs::MetadataExt::uid(metadata) == 0
}

#[cfg(not(unix))]
pub(super) fn is_ours(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
pub(super) fn is_ours_or_root_s(_: &Metadata) -> bool {
    true
}

/// Refuses what is somebody else's or can be written by others.
#[cfg(unix)]
pub(super) fn check_owner(metadata: &Metadata) -> io::Result<()> {
    if !is_ours(metadata) {
        return Err(refused(FOREIGN));
    }
    check_mode(metadata)
}

/// Refuses what others can write.
#[cfg(unix)]
pub(super) fn check_mode(metadata: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if metadata.mode() & 0o022 != 0 {
        return Err(refused("others can write it (chmod go-w)"));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
pub(super) fn check_owner(_: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
pub(super) fn check_mode(_: &Metadata) -> io::Result<()> {
    Ok(())
}

pub(super) const FOREIGN: &str = "it belongs to another user";

pub(super) fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_and_a_pipe_are_neither_followed_nor_waited_for() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (file, link, pipe) = (
            home.path().join("file"),
            home.path().join("link"),
            home.path().join("pipe"),
        );
        drop(open_own(&file, Open::New).expect("made"));
        symlink(&file, &link).expect("linked");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        for open in [Open::Read, Open::Write, Open::Make, Open::Append] {
            assert!(open_own(&file, open).is_ok());
            for other in [&link, &pipe, home.path()] {
                assert!(open_own(other, open).is_err(), "{}", other.display());
            }
        }
        for there in [&file, &link, &pipe] {
            assert!(open_own(there, Open::New).is_err());
        }
        let none = open_own(&home.path().join("none"), Open::Read).map(drop);
        assert_eq!(
            none.map_err(|cause| cause.kind()),
            Err(io::ErrorKind::NotFound)
        );
    }
}
