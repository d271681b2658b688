//! The Linux kernel's keyring as a cache of access tokens: one system call instead of a daemon.
//!
//! Keys live in the user keyring `@u` under its special id and are given to the uid, so that they
//! are found without possession too: cron, at and sudo have no session keyring. They
//! are never on disk and the kernel forgets them by itself. Where there is no such keyring (a
//! container's seccomp filter, another system) or no quota (20,000 bytes a user), nothing is kept.

use crate::clock::Epoch;
use zeroize::Zeroizing;

/// Keeps `bytes` under a name for `seconds`. Whether the kernel took them.
pub fn put(name: &str, bytes: &[u8], seconds: Epoch) -> bool {
    platform::put(name, bytes, seconds).is_some()
}

/// Whether anything is kept under a name.
pub fn has(name: &str) -> bool {
    platform::has(name).is_some()
}

/// What is kept under a name.
pub fn get(name: &str) -> Option<Zeroizing<Vec<u8>>> {
    platform::get(name)
}

/// Forgets a name; whether there was one.
pub fn forget(name: &str) -> bool {
    platform::forget(name).is_some()
}

#[cfg(target_os = "linux")]
mod platform {
    use super::{Epoch, Zeroizing};
    use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};

    /// The largest payload of a `user` key (keyrings(7)).
    const MAX_PAYLOAD: usize = 32_767;

    /// Room for nearly every token. It is wiped after use, which for the largest payload would take a sixth of
    /// all that a cached answer takes.
    const USUAL_PAYLOAD: usize = 4_096;

    fn ring() -> Option<KeyRing> {
        KeyRing::from_special_id(KeyRingIdentifier::User, false).ok()
    }

    pub fn put(name: &str, bytes: &[u8], seconds: Epoch) -> Option<()> {
        // The kernel takes 32 bits, and some tokens end in the year 9999.
        let seconds = usize::try_from(seconds.min(Epoch::from(u32::MAX)))
            .ok()
            .filter(|seconds| *seconds > 0)?;
        if bytes.len() > MAX_PAYLOAD {
            return None;
        }
        let ring = ring()?;
        // Where it ends with this process. A key that is added straight to the user keyring by a process
        // whose session keyring has no link to that (su, runuser, a systemd unit, tmux after the logout)
        // can neither be given an end nor be taken away, and stays until the machine restarts.
        let process = KeyRing::from_special_id(KeyRingIdentifier::Process, true).ok()?;
        let key = process.add_key(name, bytes).ok()?;
        let permissions = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(Permission::ALL)
            .build();
        // Takes the place of one of the same name.
        let linked = key
            .set_perms(permissions)
            .and_then(|()| key.set_timeout(seconds))
            .and_then(|()| ring.link_key(key));
        // A process that stays (a helper's, a test's) does not hold it back when it is to go.
        let _ = process.unlink_key(key);
        linked.ok()
    }

    pub fn has(name: &str) -> Option<()> {
        ring()?.search(name).ok().map(drop)
    }

    pub fn get(name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let key = ring()?.search(name).ok()?;
        for room in [USUAL_PAYLOAD, MAX_PAYLOAD] {
            let mut bytes = Zeroizing::new(vec![0; room]);
            // All that there is, also if there is no room for it (keyctl(2)).
            let length = key.read(&mut *bytes).ok()?;
            if length <= room {
                bytes.truncate(length);
                return Some(bytes);
            }
        }
        None
    }

    pub fn forget(name: &str) -> Option<()> {
        ring()?.search(name).ok()?.invalidate().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Epoch, Zeroizing};

    pub fn put(_: &str, _: &[u8], _: Epoch) -> Option<()> {
        None
    }

    pub fn has(_: &str) -> Option<()> {
        None
    }

    pub fn get(_: &str) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    pub fn forget(_: &str) -> Option<()> {
        None
    }
}
