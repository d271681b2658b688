//! The Linux kernel's keyring as a cache of access tokens: one system call instead of a daemon.
//!
//! Keys live in the user keyring `@u` under its special id and are given to the uid, so that they
//! are found without possession too: cron, at and sudo have no session keyring. Those of the session keyring `@s` are
//! given to its possessors alone. They are never on disk and the kernel forgets them by itself. Where there is no such keyring (a
//! container's seccomp filter, another system) or no quota (20,000 bytes a user), nothing is kept.

use crate::clock::Epoch;
pub use platform::get;

/// Whose keyring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    User,
    Session,
}

/// Keeps `bytes` under a name for some seconds. Whether the kernel took them.
pub fn put(ring: Ring, name: &str, (bytes, seconds): (&[u8], Epoch)) -> bool {
    platform::put(ring, name, (bytes, seconds)).is_some()
}

/// Whether anything is kept under a name.
pub fn has(ring: Ring, name: &str) -> bool {
    platform::has(ring, name).is_some()
}

/// Forgets a name; whether there was one.
pub fn forget(ring: Ring, name: &str) -> bool {
    platform::forget(ring, name).is_some()
}

#[cfg(target_os = "linux")]
mod platform {
    use super::{Epoch, Ring};
    use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};

    /// The largest payload of a `user` key (keyrings(7)).
    const MAX_PAYLOAD: usize = 32_767;

    /// Room for nearly every token: the largest payload's would cost a cached answer a good part of its time.
    const USUAL_PAYLOAD: usize = 4_096;

    fn keyring(ring: Ring) -> Option<KeyRing> {
        let id = match ring {
            Ring::User => KeyRingIdentifier::User,
            Ring::Session => KeyRingIdentifier::Session,
        };
        KeyRing::from_special_id(id, false).ok()
    }

    pub fn put(ring: Ring, name: &str, (bytes, seconds): (&[u8], Epoch)) -> Option<()> {
        // The kernel takes 32 bits, and some tokens end in the year 9999.
        let seconds = usize::try_from(seconds.min(Epoch::from(u32::MAX)))
            .ok()
            .filter(|seconds| *seconds > 0)?;
        if bytes.len() > MAX_PAYLOAD {
            return None;
        }
        let keyring = keyring(ring)?;
        // Where it ends with this process. A key that is added straight to the user keyring by a process
        // whose session keyring has no link to that (su, runuser, a systemd unit, tmux after the logout)
        // can neither be given an end nor be taken away, and stays until the machine restarts.
        let process = KeyRing::from_special_id(KeyRingIdentifier::Process, true).ok()?;
        let key = process.add_key(name, bytes).ok()?;
        let permissions = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(match ring {
                Ring::User => Permission::ALL,
                Ring::Session => Permission::empty(),
            })
            .build();
        // Takes the place of one of the same name.
        let linked = key
            .set_perms(permissions)
            .and_then(|()| key.set_timeout(seconds))
            .and_then(|()| keyring.link_key(key));
        // A process that stays (a helper's, a test's) does not hold it back when it is to go.
        let _ = process.unlink_key(key);
        linked.ok()
    }

    pub fn has(ring: Ring, name: &str) -> Option<()> {
        keyring(ring)?.search(name).ok().map(drop)
    }

    /// What is kept under a name. It is overwritten as all that is freed: `Zeroizing`, which does it byte by byte,
    /// would cost a cached answer a sixtieth of its instructions.
    pub fn get(ring: Ring, name: &str) -> Option<Vec<u8>> {
        let key = keyring(ring)?.search(name).ok()?;
        for room in [USUAL_PAYLOAD, MAX_PAYLOAD] {
            let mut bytes = vec![0; room];
            // All that there is, also if there is no room for it (keyctl(2)).
            let length = key.read(&mut bytes).ok()?;
            if length <= room {
                bytes.truncate(length);
                return Some(bytes);
            }
        }
        None
    }

    pub fn forget(ring: Ring, name: &str) -> Option<()> {
        keyring(ring)?.search(name).ok()?.invalidate().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Epoch, Ring};

    pub fn put(_: Ring, _: &str, _: (&[u8], Epoch)) -> Option<()> {
        None
    }

    pub fn has(_: Ring, _: &str) -> Option<()> {
        None
    }

    /// Nothing.
    pub fn get(_: Ring, _: &str) -> Option<Vec<u8>> {
        None
    }

    pub fn forget(_: Ring, _: &str) -> Option<()> {
        None
    }
}
