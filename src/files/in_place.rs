//! A file that is the user's own is replaced where it really is: links to it stay, and so do its mode and
//! owner.

use crate::files;
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces it in one step; a new one is for the user alone.
///
/// # Errors
/// What the system says, and a file that is read-only: its owner does not mean it to be changed, by
/// whomever.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = end_of_links(path)?;
    files::warn_of_owner(&path);
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    create_dir(dir)?;
    let before = path.metadata().ok();
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tokctl-");
    if let Some(before) = &before {
        if !before.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if before.permissions().readonly() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is read-only",
            ));
        }
        builder.permissions(before.permissions());
    } else {
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    }
    let mut temporary = builder.tempfile_in(dir)?;
    if let Some(before) = &before {
        keep_owner_and_mode(temporary.as_file(), before)?;
    }
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path).map_err(|failed| failed.error)?;
    // It is in its place, whatever the disk says of a power cut.
    let _ = files::sync_dir(dir);
    Ok(())
}

/// The file may be somebody else's, where root acts in a user's home, and the umask may have taken
/// from the mode.
#[cfg(unix)]
fn keep_owner_and_mode(file: &File, before: &Metadata) -> io::Result<()> {
    use nix::sys::stat::fchmod;
    use nix::unistd::{Gid, Uid, fchown};
    use std::os::unix::fs::MetadataExt;
    let now = file.metadata()?;
    if now.uid() != before.uid() {
        fchown(file, Some(Uid::from_raw(before.uid())), None)?;
    }
    let mut mode = before.mode() & 0o7777;
    // A group that the user is not in gets no file from him, and another group none of its rights.
    let is_given = || fchown(file, None, Some(Gid::from_raw(before.gid()))).is_ok();
    if now.gid() != before.gid() && !is_given() {
        mode &= 0o7707;
    }
    if now.mode() & 0o7777 != mode {
        fchmod(file, files::mode_of(mode))?;
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on the other platforms")]
fn keep_owner_and_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Where a path ends, also where the last link points to a file that is not there yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The directory, for the user alone if it is new: configurations may hold passwords.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
