//! A connection to a server: found, made, through a proxy where there is one, and in TLS.

mod connect;
pub mod lookup;
mod proxy;
mod socket;
mod tunnel;

pub use connect::connect;
pub use lookup::{Unknown, addresses};
pub use proxy::{Kind as ProxyKind, Proxy};
pub use socket::{Patience, Socket};
#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::time::Duration;
pub use tunnel::{Refused, tunnel};

/// Waits until one of these is ready; whether one is.
#[cfg(unix)]
fn poll(fds: &mut [nix::poll::PollFd<'_>], left: Option<Duration>) -> io::Result<bool> {
    use crate::clock::Deadline;
    use nix::poll::PollTimeout;
    let end = left.map(Deadline::after);
    loop {
        let left = end.map(Deadline::left);
        let timeout = match left {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => PollTimeout::ZERO,
            // Rounded up: a poll of 0 ms would spin through the last millisecond.
            Some(left) => {
                PollTimeout::try_from(left.as_millis().min(60_000) + 1).unwrap_or(PollTimeout::MAX)
            }
        };
        match nix::poll::poll(fds, timeout) {
            Ok(0) if end.is_some_and(Deadline::passed) => return Ok(false),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(cause) => return Err(cause.into()),
        }
    }
}
