//! Private files: 0600 in directories 0700, replaced atomically, never through a symbolic link.

use super::own::{FOREIGN, Open, check_mode, check_owner, is_ours_or_root_s, open_judged, refused};
#[cfg(unix)]
use super::own::{is_ours, no_follow};
use crate::bounded;
#[cfg(unix)]
use crate::clock::Deadline;
use crate::ui;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long is waited between two looks for a pipe's reader.
#[cfg(unix)]
const PAUSE: Duration = Duration::from_millis(5);

const FOREIGN_LINK: &str = "it is a symbolic link of another user";

/// Records are a few kilobytes, and what is in 4 MiB of reply is the most that is ever stored.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a private directory is there and as [`ensure_dir`] wants it; makes none.
pub fn inspect_dir(dir: &Path) -> io::Result<bool> {
    match dir.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => check_owner(&metadata).map(|()| true),
        Ok(_) => Err(refused("it is not a directory of its own but a link")),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Creates a directory for the user alone, with its parents, and refuses one that is a symbolic
/// link, somebody else's or open to others' writing.
pub fn ensure_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    warn_of_owner(dir);
    builder.create(dir)?;
    let metadata = dir.symlink_metadata()?;
    if !metadata.is_dir() {
        return Err(refused("it is not a directory of its own but a link"));
    }
    let told = |dir: &Path, why: io::Error| {
        io::Error::new(
            why.kind(),
            format!("the directory {}: {why}", dir.display()),
        )
    };
    check_owner(&metadata).map_err(|why| told(dir, why))?;
    // Its owner could put another in its place.
    let above = dir.parent().unwrap_or(dir);
    check_root(above).map_err(|why| told(above, why))
}

/// Refuses a directory of the user's choice that is another user's, or to which another user's link leads. Root's are
/// as good: a volume that a container is given belongs to root.
pub fn check_root(dir: &Path) -> io::Result<()> {
    let found = match dir.symlink_metadata() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !is_ours_or_root_s(&found) {
        return Err(refused(if found.is_symlink() {
            FOREIGN_LINK
        } else {
            FOREIGN
        }));
    }
    if found.is_symlink() && !is_ours_or_root_s(&dir.metadata()?) {
        return Err(refused(FOREIGN));
    }
    Ok(())
}

/// Reads a private file of ours; `None` where there is none. What others can read is closed to them.
pub fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some((file, metadata)) = open_private(path)? else {
        return Ok(None);
    };
    close_to_others(&file, &metadata, path, 0o600);
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or(0),
    ));
    bounded::read(file, MAX_BYTES, &mut bytes)?;
    Ok(Some(bytes))
}

/// Adds to the end of a private file, in one write: of several processes each has its part whole.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    if let Some(dir) = path.parent() {
        ensure_dir(dir)?;
    }
    let (mut file, metadata) = open_judged(path, Open::Append)?;
    close_to_others(&file, &metadata, path, 0o600);
    file.write_all(bytes)
}

/// Refuses a file that is a link, somebody else's or open to others' writing; changes nothing.
pub fn inspect(path: &Path) -> io::Result<()> {
    open_private(path).map(drop)
}

fn open_private(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let (file, metadata) = match open_judged(path, Open::Read) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    check_mode(&metadata)?;
    Ok(Some((file, metadata)))
}

/// Closes a directory of the user's to others, if it is open to them.
#[cfg(unix)]
pub fn close_dir(dir: &Path) {
    use std::os::unix::fs::MetadataExt;
    let is_ours = |metadata: &Metadata| metadata.is_dir() && is_ours(metadata);
    let is_open = |metadata: &Metadata| metadata.mode() & 0o077 != 0;
    let mut options = OpenOptions::new();
    options.read(true);
    no_follow(&mut options);
    if dir
        .symlink_metadata()
        .is_ok_and(|metadata| is_ours(&metadata) && is_open(&metadata))
        && let Ok(file) = options.open(dir)
        && let Ok(metadata) = file.metadata()
        && is_ours(&metadata)
    {
        close_to_others(&file, &metadata, dir, 0o700);
    }
}

/// Elsewhere the user's profile directory is private by its access list.
#[cfg(not(unix))]
pub fn close_dir(_: &Path) {}

/// Whether it was said that modes cannot be set.
static TOLD_OF_MODES: AtomicBool = AtomicBool::new(false);

/// Says once that something is open to others and cannot be closed: it is the same with all others there.
pub fn warn_of_modes(what: &str) {
    if !TOLD_OF_MODES.swap(true, Ordering::Relaxed) {
        ui::warn(&format!(
            "{what}; keep the state on a disk of this machine, with TOKCTL_STATE_DIR"
        ));
    }
}

/// The caller has said it.
#[cfg(unix)]
pub fn no_word_of_modes() {
    TOLD_OF_MODES.store(true, Ordering::Relaxed);
}

/// Gives what is open the mode that it should have been made with, and says so.
#[cfg(unix)]
fn close_to_others(file: &File, metadata: &Metadata, path: &Path, mode: u32) {
    use nix::sys::stat::fchmod;
    use std::os::unix::fs::MetadataExt;
    let found = metadata.mode() & 0o777;
    let open_to_others = found & 0o077;
    if open_to_others == 0 {
        return;
    }
    let what = format!("{} was open to others (mode {found:04o})", path.display());
    let changed = fchmod(file, mode_of(mode));
    // A file system without modes takes the call and does nothing (vfat, an rclone mount).
    let left = file
        .metadata()
        .map_or(open_to_others, |now| now.mode() & 0o077);
    if left == 0 {
        return ui::warn(&format!("{what}: now it is not (mode {mode:04o})"));
    }
    let why = changed
        .err()
        .map_or("this file system keeps no modes", |cause| cause.desc());
    warn_of_modes(&format!("{what}, and still is: {why}"));
}

#[cfg(not(unix))]
fn close_to_others(_: &File, _: &Metadata, _: &Path, _: u32) {}

/// Where a file of the user's is to which he has made links himself, as stow and sops-nix do: its directory
/// may be one, and the file. A link of another user is refused.
pub fn end_of_own_links(path: &Path) -> io::Result<PathBuf> {
    let own = |path: &Path| -> io::Result<PathBuf> {
        match path.symlink_metadata() {
            Ok(metadata) if !metadata.is_symlink() => Ok(path.to_owned()),
            Ok(metadata) if !is_ours_or_root_s(&metadata) => Err(refused(FOREIGN_LINK)),
            Ok(_) => path.canonicalize().map_err(|cause| match cause.kind() {
                io::ErrorKind::NotFound => refused("it is a symbolic link to nothing"),
                _ => cause,
            }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
            Err(cause) => Err(cause),
        }
    };
    match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) => own(&own(dir)?.join(name)),
        _ => own(path),
    }
}

/// Whether files in a directory have the modes that they are made with.
#[cfg(unix)]
pub fn has_modes(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let probe = tempfile::Builder::new()
        .prefix(".tmp-modes-")
        .tempfile_in(dir);
    let mode = probe.and_then(|probe| probe.as_file().metadata());
    let open_to_others = mode.map_or(0, |metadata| metadata.mode() & 0o077);
    open_to_others == 0
}

/// Elsewhere the user's profile directory is private by its access list.
#[cfg(not(unix))]
pub fn has_modes(_: &Path) -> bool {
    true
}

/// Opens a file of the user's choice, which may be a link or somebody else's, but must be a file: a
/// pipe without a writer would never open.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        nix::fcntl::OFlag::O_NONBLOCK.bits(),
    );
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(refused("it is not a regular file"))
    }
}

/// Opens what cannot be replaced. A pipe that nobody reads is waited for, but not without end; one that another user
/// has put there, or a link of his, is not written to.
#[cfg(unix)]
pub fn open_device(file: &Path, budget: Duration) -> io::Result<File> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::os::unix::fs::OpenOptionsExt;
    let deadline = Deadline::after(budget);
    check_link(file)?;
    loop {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        match options.open(file) {
            Ok(device) => {
                check_device(&device)?;
                fcntl(&device, FcntlArg::F_SETFL(OFlag::empty()))?;
                return Ok(device);
            }
            Err(cause) if cause.raw_os_error() == Some(Errno::ENXIO as i32) => {
                if deadline.passed() {
                    return Err(io::Error::other("nobody reads it"));
                }
                std::thread::sleep(PAUSE);
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// Refuses a pipe of another user's that has a name; one without, which a shell has made, is handed on by whoever
/// started us.
#[cfg(unix)]
fn check_device(device: &File) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let metadata = device.metadata()?;
    if metadata.is_file() {
        return Err(refused("it has become a regular file"));
    }
    if metadata.file_type().is_fifo() && !is_ours_or_root_s(&metadata) && !is_nameless(device) {
        return Err(refused("it is a pipe of another user"));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn is_nameless(pipe: &File) -> bool {
    // PIPEFS_MAGIC (statfs(2)).
    const PIPES: i64 = 0x5049_5045;
    #[expect(clippy::unnecessary_cast, reason = "a type of its own on each machine")]
    let kind = nix::sys::statfs::fstatfs(pipe).map(|found| found.filesystem_type().0 as i64);
    kind == Ok(PIPES)
}

/// Such a pipe has no owner there.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_nameless(_: &File) -> bool {
    false
}

/// Refuses a link that another user has put there.
pub fn check_link(path: &Path) -> io::Result<()> {
    let foreign = |found: Metadata| found.is_symlink() && !is_ours_or_root_s(&found);
    if path.symlink_metadata().is_ok_and(foreign) {
        return Err(refused(FOREIGN_LINK));
    }
    Ok(())
}

#[cfg(not(unix))]
pub fn open_device(file: &Path, _: Duration) -> io::Result<File> {
    OpenOptions::new().write(true).open(file)
}

/// The permissions in a file's mode.
#[cfg(unix)]
pub fn mode_of(bits: u32) -> nix::sys::stat::Mode {
    nix::sys::stat::Mode::from_bits_truncate((bits & 0o7777) as nix::libc::mode_t)
}

/// Says so where root is about to make something for itself in another user's directory, as under a sudo
/// that keeps HOME: that user will be refused there.
#[cfg(unix)]
pub fn warn_of_owner(path: &Path) {
    use std::os::unix::fs::MetadataExt;
    if !nix::unistd::getuid().is_root() || path.exists() {
        return;
    }
    let above = path.ancestors().skip(1).find_map(|dir| dir.metadata().ok());
    if let Some(owner) = above.map(|dir| dir.uid()).filter(|owner| *owner != 0) {
        crate::ui::warn(&format!(
            "{} is made for root in a directory of user {owner}, who cannot use it: for him call tokctl as \
             that user, for root set HOME (sudo -H)",
            path.display()
        ));
    }
}

#[cfg(not(unix))]
pub fn warn_of_owner(_: &Path) {}

/// Whether only the user can read and write a file, as a key file must be.
#[cfg(unix)]
pub fn is_private(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open_to_others = path.symlink_metadata()?.mode() & 0o077;
    Ok(open_to_others == 0)
}

/// Elsewhere the user's profile directory is private by its access list.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
pub fn is_private(_: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::{remove, write};
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_written_file_is_private_and_read_back() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("a/b/record");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("replaced");
        assert_eq!(
            read(&path).expect("read").as_deref().map(Vec::as_slice),
            Some(&b"two"[..])
        );
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(
            (mode(&path), mode(&home.path().join("a/b"))),
            (0o600, 0o700)
        );
        assert!(remove(&path).expect("removed") && !remove(&path).expect("gone"));
        assert!(read(&path).expect("absent").is_none());
    }

    #[test]
    fn links_and_files_open_to_others_are_refused() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (path, link) = (home.path().join("record"), home.path().join("link"));
        write(&path, b"x").expect("written");
        symlink(&path, &link).expect("linked");
        assert!(read(&link).is_err());
        let file = File::options().write(true).open(&path).expect("opened");
        file.set_permissions(PermissionsExt::from_mode(0o622))
            .expect("opened to others");
        assert!(read(&path).is_err());
        let dir = home.path().join("dir");
        symlink(home.path(), &dir).expect("linked");
        assert!(write(&dir.join("x"), b"x").is_err());
    }
}
