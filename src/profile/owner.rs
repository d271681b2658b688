//! Who could have written the configuration file.

#[cfg(unix)]
use crate::error::shell_word;
use std::fs::Metadata;
use std::path::Path;

/// Whoever can write the file can have a client secret sent to a server of his own, so that a file which
/// everybody can write is not read at all.
#[cfg(unix)]
pub fn anybodys(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o777;
    (metadata.is_file() && mode & 0o002 != 0)
        .then(|| format!("it can be written by everybody (mode {mode:04o})"))
}

#[cfg(not(unix))]
pub fn anybodys(_: &Metadata) -> Option<String> {
    None
}

/// Why the programs that a configuration names are not run.
#[derive(Debug, Clone)]
pub struct Distrust {
    /// Of the file or its directory.
    pub why: String,
    /// What to run.
    pub remedy: String,
}

/// Who else could have written a file or directory: its owner, or others by its mode. In a directory with
/// the sticky bit, such as `/tmp`, nobody can replace a file of somebody else's.
#[cfg(unix)]
pub fn untrusted(path: &Path, metadata: &Metadata) -> Option<Distrust> {
    use std::os::unix::fs::MetadataExt;
    let word = shell_word(&path.to_string_lossy());
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let ours = nix::unistd::getuid().as_raw();
    if owner != 0 && owner != ours {
        // One's own copy is read like the original, and needs no rights over that.
        return Some(Distrust {
            why: format!("belongs to user {owner}"),
            remedy: format!("sudo chown {ours} {word}, or use a copy of your own"),
        });
    }
    let guarded = metadata.is_dir() && mode & 0o1000 != 0;
    // A group of the user's own, with his number, makes no directory another's: most systems make each user one.
    let private_group = metadata.is_dir() && ours != 0 && metadata.gid() == ours;
    let others = mode & if private_group { 0o002 } else { 0o022 };
    (others != 0 && !guarded).then(|| Distrust {
        why: format!("can be written by others (mode {mode:04o})"),
        remedy: format!("chmod go-w {word}"),
    })
}

/// The same of the directories that a file is found in: of its name, and of what that is a link to.
pub fn untrusted_dir(file: &Path) -> Option<Distrust> {
    let real = file.canonicalize().ok();
    let places = [Some(file), real.as_deref()];
    let dirs = places.into_iter().flatten().filter_map(Path::parent);
    dirs.filter(|dir| !dir.as_os_str().is_empty() && !is_read_only(dir))
        .find_map(|dir| {
            let found = untrusted(dir, &dir.metadata().ok()?)?;
            Some(Distrust {
                why: format!("{} {}", dir.display(), found.why),
                ..found
            })
        })
}

/// Who else could write a file, or put another in its place.
pub fn others_can_write(file: &Path) -> Option<Distrust> {
    let own = untrusted(file, &file.metadata().ok()?).map(|found| Distrust {
        why: format!("{} {}", file.display(), found.why),
        ..found
    });
    own.or_else(|| untrusted_dir(file))
}

/// Whether other users can read a file: by its mode, and by those of all directories above it.
#[cfg(unix)]
pub fn others_can_read(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(metadata), Ok(real)) = (file.metadata(), file.canonicalize()) else {
        return false;
    };
    let ours = nix::unistd::getuid().as_raw();
    // A group of the user's own has nobody else in it.
    let mask = |metadata: &Metadata| match metadata.gid() {
        gid if gid == ours => 0o007,
        _ => 0o077,
    };
    let allows = |metadata: &Metadata, bits: u32| metadata.mode() & mask(metadata) & bits != 0;
    let mut above = real.ancestors().skip(1);
    allows(&metadata, 0o044)
        && above.all(|dir| dir.metadata().is_ok_and(|found| allows(&found, 0o011)))
}

#[cfg(not(unix))]
pub fn others_can_read(_: &Path) -> bool {
    false
}

/// Whether nobody can write there, whatever the mode says: Kubernetes mounts its maps so, open to all.
#[cfg(unix)]
fn is_read_only(dir: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    access(dir, AccessFlags::W_OK) == Err(nix::errno::Errno::EROFS)
}

#[cfg(not(unix))]
fn is_read_only(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
pub fn untrusted(_: &Path, _: &Metadata) -> Option<Distrust> {
    None
}
