//! Files replaced, made and removed in one step, and durable.

use super::own::{Open, open_own, refused};
use super::private::ensure_dir;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Leftovers of writers that were killed begin with this.
const TEMPORARY: &str = ".tmp-";

/// A file in a directory that is gone again when it is dropped: shows whether it can be written.
pub fn try_write(dir: &Path) -> io::Result<NamedTempFile> {
    temporary(dir, Path::new("doctor"), b"tokctl doctor")
}

/// Replaces a file in one step: a reader sees the old or the new whole, also after a power cut.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    ensure_dir(own_dir(path)?)?;
    replace(path, bytes)
}

/// The same without waiting for the disk: after a power cut the old one may be back, or none.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = own_dir(path)?;
    ensure_dir(dir)?;
    let persisted = temporary(dir, path, bytes)?.persist(path);
    persisted.map(drop).map_err(|failed| failed.error)
}

/// Creates a file, whole or not at all, and leaves one that is there already as it is: of processes
/// that do this at once, all go on with the first one's.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = own_dir(path)?;
    ensure_dir(dir)?;
    let temporary = temporary(dir, path, bytes)?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(path) {
        Ok(_) => sync_dir(dir),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => sync_dir(dir),
        // Without hard links and RENAME_NOREPLACE (an rclone mount, encfs) its name is taken first, and
        // what is in it is written at once.
        Err(_) => match create_in_place(path, bytes) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => sync_dir(dir),
            Err(cause) => Err(cause),
            Ok(()) => sync_dir(dir),
        },
    }
}

fn create_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_own(path, Open::New)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half of it is worse than none.
        drop(std::fs::remove_file(path));
    }
    written
}

/// The same as [`write()`] in a directory that is the caller's choice.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = match own_dir(path)? {
        dir if dir.as_os_str().is_empty() => Path::new("."),
        dir => dir,
    };
    let temporary = temporary(dir, path, bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    sync_dir(dir)
}

fn own_dir(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| refused("it has no directory"))
}

/// A file that is not yet known by its name, but tells for which it is: tempfile creates with `O_EXCL` and
/// 0600, and removes what is not persisted.
fn temporary(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new()
        .prefix(&temporary_for(path))
        .tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    Ok(temporary)
}

/// How the temporary files of a file begin: cut, since with its own end the name must still be one.
fn temporary_for(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().take(50).collect();
    format!("{TEMPORARY}{name}-")
}

/// Removes a file with what its killed writers have left, for who holds its lock; whether there was one.
pub fn remove_all(path: &Path) -> io::Result<bool> {
    let dir = own_dir(path)?;
    let leftover = temporary_for(path);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&leftover) {
            remove(&entry.path())?;
        }
    }
    remove(path)
}

/// Removes a file; whether there was one.
pub fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Removes what killed writers left in a directory, once it is an hour old.
pub fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let stale = entry.metadata().and_then(|metadata| metadata.modified());
        let stale = stale.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600));
        if stale && entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            // Somebody else may have been quicker, and then there is nothing left to do.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Makes a rename itself durable, where the file system can: what it cannot do for a directory (CIFS, vboxsf,
/// drvfs) costs git and `SQLite` nothing either. A disk that fails or is full is an error.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(cause) if is_of_the_disk(&cause) => Err(cause),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn is_of_the_disk(cause: &io::Error) -> bool {
    use nix::libc::{EDQUOT, EFBIG, EIO, ENOSPC, EROFS, ESTALE};
    let code = cause.raw_os_error();
    code.is_some_and(|code| [EDQUOT, EFBIG, EIO, ENOSPC, EROFS, ESTALE].contains(&code))
}

#[cfg(not(unix))]
fn is_of_the_disk(_: &io::Error) -> bool {
    true
}
