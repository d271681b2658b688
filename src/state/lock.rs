//! One profile's lock across processes, within a deadline.

use crate::clock::Deadline;
use crate::files::{self, Open, layout};
use crate::state::lease::{self, Lease};
use crate::state::stand_in;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The first pause between two tries; it doubles up to [`LAST_PAUSE`]. A waiter asks the kernel's
/// cache at each try, which costs microseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(16);

/// Another machine's lease is looked at over the network.
const BETWEEN_LEASES: Duration = Duration::from_millis(100);

/// After this a person who waits is told so.
const NOTICE: Duration = Duration::from_secs(1);

/// The lock as it is held. The operating system frees it with the last copy of the open file, so
/// nobody's death leaves it behind, and it can be handed to a child.
#[cfg_attr(not(unix), expect(dead_code, reason = "held, never read"))]
pub struct Lock {
    file: File,
    /// What keeps other machines out, where the file system is another one's.
    lease: Option<Lease>,
}

/// What a lock is for; each has its own file.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// Reading, renewing and writing tokens.
    Renewal,
    /// A person's login, which must not keep others from a token.
    Login,
    /// Changing the configuration file.
    Configuration,
}

impl Purpose {
    /// Where a profile's lock for it is.
    pub fn path(self, state: &Path, profile: &str) -> PathBuf {
        let ending = match self {
            Self::Renewal => "lock",
            Self::Login => "login.lock",
            Self::Configuration => "config.lock",
        };
        layout::lock(state, profile, ending)
    }
}

/// How waiting for a lock ended.
pub enum Taken<T> {
    /// It is held.
    Lock(Lock),
    /// The same on a file system that has no locks (some network file systems): it keeps out this
    /// machine's processes, and no other machine's.
    HereOnly(Lock),
    /// What was waited for came by itself.
    Came(T),
    /// The deadline passed.
    TimedOut,
    /// Neither this file system nor this platform has one.
    Unsupported,
}

/// Which lock it is.
#[derive(Clone, Copy)]
pub struct Which<'a> {
    pub state: &'a Path,
    pub profile: &'a str,
    pub purpose: Purpose,
}

impl Lock {
    /// Waits for a profile's lock.
    pub fn take(
        state: &Path,
        profile: &str,
        purpose: Purpose,
        deadline: Deadline,
    ) -> io::Result<Taken<()>> {
        let which = Which {
            state,
            profile,
            purpose,
        };
        Self::take_unless(which, deadline, || None, || ())
    }

    /// The same; `came` is asked between tries, `notice` called once after a second.
    pub fn take_unless<T>(
        which: Which<'_>,
        deadline: Deadline,
        mut came: impl FnMut() -> Option<T>,
        notice: impl FnOnce(),
    ) -> io::Result<Taken<T>> {
        let file = open(which.state, which.profile, which.purpose)?;
        let started = Instant::now();
        let mut notice = Some(notice);
        let mut pause = FIRST_PAUSE;
        // This machine's lock, while another one's lease is waited for.
        let mut here = None;
        loop {
            if here.is_none() {
                here = match Here::take(&file)? {
                    Here::Unsupported => return Ok(Taken::Unsupported),
                    Here::Busy => None,
                    taken => Some(taken),
                };
            }
            if let Some(taken) = &here {
                match leased(which, &file, taken) {
                    Ok(Some(lease)) => return Ok(taken_with(file, here, lease)),
                    Ok(None) => pause = pause.max(BETWEEN_LEASES),
                    Err(cause) => return Err(cause),
                }
            }
            if let Some(came) = came() {
                return Ok(Taken::Came(came));
            }
            if deadline.passed() {
                return Ok(Taken::TimedOut);
            }
            if started.elapsed() >= NOTICE
                && let Some(notice) = notice.take()
            {
                notice();
            }
            std::thread::sleep(pause.min(deadline.left()));
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Goes on in a child that has a copy, with its lease.
    #[cfg(unix)]
    pub fn hand_over(self) {
        if let Some(lease) = self.lease {
            lease.hand_over();
        }
    }

    /// A copy that a child can hold until it ends, whatever happens here.
    #[cfg(unix)]
    pub fn for_child(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// One try for this machine's lock.
enum Here {
    Lock,
    /// A stand-in for it, of another file system.
    StandIn(File),
    Busy,
    Unsupported,
}

impl Here {
    fn take(file: &File) -> io::Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self::Lock),
            Err(TryLockError::WouldBlock) => Ok(Self::Busy),
            // A network file system asks its server, and a signal ends that.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Interrupted => {
                Ok(Self::Busy)
            }
            Err(TryLockError::Error(cause)) if unsupported(&cause) => {
                Ok(match stand_in::take(file) {
                    Ok(Some(other)) => Self::StandIn(other),
                    Ok(None) => Self::Busy,
                    Err(_) => Self::Unsupported,
                })
            }
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }
}

/// Tries for the lease where one is needed: the outer level is nothing while another machine has it, the inner
/// one where there is none.
#[expect(
    clippy::option_option,
    reason = "two reasons for nothing, told apart above"
)]
fn leased(which: Which<'_>, file: &File, here: &Here) -> io::Result<Option<Option<Lease>>> {
    let Which {
        state,
        profile,
        purpose,
    } = which;
    let may_be_shared = matches!(here, Here::StandIn(_)) || lease::is_remote(file);
    if !matches!(purpose, Purpose::Renewal) || !may_be_shared {
        return Ok(Some(None));
    }
    Ok(Lease::take(&purpose.path(state, profile), file)?.map(Some))
}

fn taken_with<T>(file: File, here: Option<Here>, lease: Option<Lease>) -> Taken<T> {
    match here {
        Some(Here::StandIn(file)) if lease.is_none() => Taken::HereOnly(Lock { file, lease }),
        Some(Here::StandIn(file)) => Taken::Lock(Lock { file, lease }),
        _ => Taken::Lock(Lock { file, lease }),
    }
}

/// How a lock stands, without waiting for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be taken.
    Free,
    /// Another process holds it.
    Held,
    /// This file system has no locks.
    Unsupported,
}

/// How the lock on an open file stands; one that could be taken is free again afterwards.
pub fn standing(file: &File) -> io::Result<Standing> {
    match file.try_lock() {
        Ok(()) => file.unlock().map(|()| Standing::Free),
        Err(TryLockError::WouldBlock) => Ok(Standing::Held),
        Err(TryLockError::Error(cause)) if unsupported(&cause) => Ok(Standing::Unsupported),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

/// Ends the lease of a renewal's lock that was handed to this process, where there is one.
#[cfg(unix)]
pub fn end_lease(state: &Path, profile: &str) {
    let path = Purpose::Renewal.path(state, profile);
    if let Ok(file) = files::open_own(&path, Open::Read) {
        drop(Lease::adopt(&path, &file));
    }
}

/// Whether an open file is, or may be, on another machine's file system, whose locks may be this one's alone.
pub fn is_remote(file: &File) -> bool {
    lease::is_remote(file)
}

/// The same of a directory.
pub fn is_remote_dir(dir: &Path) -> bool {
    File::open(dir).is_ok_and(|dir| lease::is_remote(&dir))
}

fn open(state: &Path, profile: &str, purpose: Purpose) -> io::Result<File> {
    files::ensure_dir(&layout::locks(state))?;
    // Never deleted: a lock on a file that is gone from its directory excludes nobody.
    files::open_own(&purpose.path(state, profile), Open::Make)
}

fn unsupported(cause: &io::Error) -> bool {
    #[cfg(unix)]
    {
        let none = [
            nix::errno::Errno::ENOLCK as i32,
            nix::errno::Errno::EOPNOTSUPP as i32,
            // Lustre without the flock option.
            nix::errno::Errno::ENOSYS as i32,
        ];
        cause
            .raw_os_error()
            .is_some_and(|code| none.contains(&code))
    }
    #[cfg(not(unix))]
    {
        cause.kind() == io::ErrorKind::Unsupported
    }
}
