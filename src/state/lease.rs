//! A file beside a lock that says which machine holds it: on a file system of another machine (NFS, SMB,
//! sshfs) a lock may be this machine's alone, and two that renew at once lose the login.
//!
//! It is made with `O_EXCL`, which servers keep, and removed with the lock's end. One that is left behind
//! counts for nothing on the machine that made it, whose lock is free, and on others when it has become old.

use crate::files::{self, Open, layout};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A renewal waits for two answers of 30 s each and then writes; clocks of machines differ by a minute or
/// two.
const OLD: Duration = Duration::from_secs(300);

/// A host's name has at most 64 bytes, and the rest is numbers.
const LONGEST: u64 = 1024;

/// A lease as it is held.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    owner: String,
}

impl Lease {
    /// Takes the lease of a lock that this process has; nothing while another machine holds it.
    pub fn take(lock: &Path, file: &File) -> io::Result<Option<Self>> {
        let (path, owner) = (layout::lease(lock), owner(file)?);
        // Once more where one was in the way that counts for nothing.
        for _ in 0..2 {
            match make(&path, &owner) {
                Ok(()) => return Ok(Some(Self { path, owner })),
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
                // SFTP has no word for a file that is there already: where others can be made, it is.
                Err(cause) if cause.kind() == ErrorKind::PermissionDenied => {
                    let dir = path.parent().unwrap_or(lock);
                    files::try_write(dir).map_err(|_| cause)?;
                }
                Err(cause) => return Err(cause),
            }
            if !clear(&path, &owner)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The same for whom the lock was handed to with its lease, if there is one.
    #[cfg(unix)]
    pub fn adopt(lock: &Path, file: &File) -> Option<Self> {
        let (path, owner) = (layout::lease(lock), owner(file).ok()?);
        let ours = read(&path).ok()? == owner;
        ours.then_some(Self { path, owner })
    }

    /// Leaves it in its place, for the process that goes on with the lock.
    #[cfg(unix)]
    pub fn hand_over(mut self) {
        self.path.clear();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let is_ours = || read(&self.path).is_ok_and(|owner| owner == self.owner);
        if !self.path.as_os_str().is_empty() && is_ours() {
            // One that stays becomes old.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn make(path: &Path, owner: &str) -> io::Result<()> {
    files::open_own(path, Open::New)?.write_all(owner.as_bytes())
}

/// Whose it is.
fn read(path: &Path) -> io::Result<String> {
    let mut owner = String::new();
    let file = files::open_own(path, Open::Read)?;
    file.take(LONGEST).read_to_string(&mut owner)?;
    Ok(owner)
}

/// Removes a lease that counts for nothing; whether there is none now.
fn clear(path: &Path, owner: &str) -> io::Result<bool> {
    let gone = |cause: io::Error| match cause.kind() {
        ErrorKind::NotFound => Ok(true),
        _ => Err(cause),
    };
    let found = match read(path) {
        Ok(found) => found,
        Err(cause) => return gone(cause),
    };
    let age = match path.metadata() {
        Ok(metadata) => metadata.modified()?.elapsed().unwrap_or_default(),
        Err(cause) => return gone(cause),
    };
    // Whoever made it here had the lock that is ours now.
    if found != owner && age < OLD {
        return Ok(false);
    }
    // Under a name of its own first: another machine may have done the same, and made its own since.
    let aside = path.with_extension(format!("lease-{:x}", getrandom::u64().unwrap_or_default()));
    if let Err(cause) = fs::rename(path, &aside) {
        return gone(cause);
    }
    if read(&aside).is_ok_and(|now| now == found) {
        fs::remove_file(&aside).map(|()| true)
    } else {
        fs::rename(&aside, path).map(|()| false)
    }
}

/// Which machine it is since its start, and by which mount of the file system: all who have these in common
/// share one lock.
fn owner(file: &File) -> io::Result<String> {
    let said = |path: &str| {
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let start = said("/proc/sys/kernel/random/boot_id");
    let host = said("/proc/sys/kernel/hostname");
    #[cfg(unix)]
    let mount = std::os::unix::fs::MetadataExt::dev(&file.metadata()?);
    #[cfg(not(unix))]
    let mount = file.metadata()?.len();
    Ok(format!("{host} {start} {mount:x}\n"))
}

/// Whether a file is on another machine's file system, or may be.
#[cfg(target_os = "linux")]
pub fn is_remote(file: &File) -> bool {
    // statfs(2) and linux/magic.h: NFS, SMB (three), CIFS's successor, AFS (two), Ceph, Lustre, GPFS, BeeGFS, 9p
    // (drvfs too), vboxsf, and FUSE, which says no more.
    const REMOTE: [i64; 14] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x5346_414f,
        0x6b41_4653,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x4750_4653,
        0x1983_0326,
        0x0102_1997,
        0x786f_4256,
        0x7375_7245,
        0x6573_5546,
    ];
    let found = nix::sys::statfs::fstatfs(file);
    found.is_ok_and(|found| {
        // Some machines have it as a signed number of 32 bits.
        #[expect(clippy::unnecessary_cast, reason = "a type of its own on each machine")]
        let kind = found.filesystem_type().0 as i64 & 0xffff_ffff;
        REMOTE.contains(&kind)
    })
}

#[cfg(not(target_os = "linux"))]
pub fn is_remote(_: &File) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lease_keeps_other_machines_out_until_its_end_or_until_it_is_old() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let lock = home.path().join("x.lock");
        let file = File::create(&lock).expect("made");
        let path = home.path().join("x.lease");
        let lease = Lease::take(&lock, &file).expect("taken").expect("free");
        assert!(path.exists());
        drop(lease);
        assert!(!path.exists());
        // Another machine's.
        fs::write(&path, "other 1 1\n").expect("written");
        assert!(Lease::take(&lock, &file).expect("asked").is_none());
        let old = std::time::SystemTime::now() - OLD - Duration::from_secs(1);
        let theirs = File::options().write(true).open(&path).expect("there");
        theirs.set_modified(old).expect("set");
        let lease = Lease::take(&lock, &file).expect("taken").expect("too old");
        // Handed over and left behind, it is this machine's own.
        lease.hand_over();
        assert!(path.exists());
        let again = Lease::take(&lock, &file).expect("taken").expect("our own");
        again.hand_over();
        drop(Lease::adopt(&lock, &file).expect("handed over"));
        assert!(!path.exists());
        assert!(Lease::adopt(&lock, &file).is_none());
    }
}
