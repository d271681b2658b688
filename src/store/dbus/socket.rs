//! A socket on which every wait ends at a given moment.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType, sockopt};

use super::Fault;
use super::address::{self, Address};
use super::wire::{self, Buffer};

/// Never blocks; waits with `poll`.
pub struct Socket(UnixStream);

impl Socket {
    /// Connects without blocking: a stopped bus with a full queue would hold a blocking `connect`
    /// for ever.
    pub fn connect(address: &Address, until: Instant) -> Result<Self, String> {
        let why = |e: Errno| format!("{address}: {}", e.desc());
        let address = address.socket().map_err(why)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket =
            socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(why)?;
        loop {
            match socket::connect(socket.as_raw_fd(), &address) {
                Ok(()) => break,
                // The queue cannot be waited for with `poll`.
                Err(Errno::EAGAIN) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Errno::EINTR) => {}
                Err(e) => return Err(why(e)),
            }
        }
        // Of the connection, not of the file: that could be another's by now.
        let peer = socket::getsockopt(&socket, sockopt::PeerCredentials).map_err(why)?;
        address::trusted(peer.uid())
            .and_then(|()| is_the_same(peer.uid(), peer.pid()))
            .map_err(|reason| format!("{address}: {reason}"))?;
        Ok(Self(UnixStream::from(socket)))
    }

    #[cfg(test)]
    pub fn pair() -> (Self, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("a socket of ours");
        (Self(ours), theirs)
    }

    pub fn send(&self, bytes: &[u8], until: Instant) -> Result<(), Fault> {
        let mut sent = 0;
        while sent < bytes.len() {
            // Without SIGPIPE, which the program may have left at its default.
            match socket::send(self.0.as_raw_fd(), &bytes[sent..], MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => sent += count,
                Err(Errno::EAGAIN) => self.ready(PollFlags::POLLOUT, until)?,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(Fault::Broken(format!("writing to the bus: {}", e.desc()))),
            }
        }
        Ok(())
    }

    /// Appends what has come to `buffer`; false at the end of the stream.
    pub fn receive(&mut self, buffer: &mut Buffer, until: Instant) -> Result<bool, Fault> {
        self.ready(PollFlags::POLLIN, until)?;
        wire::reserve(buffer, 4096);
        let (from, room) = (buffer.len(), buffer.capacity());
        buffer.resize(room, 0);
        let received = self.0.read(&mut buffer[from..]);
        buffer.truncate(from + received.as_ref().map_or(0, |&count| count));
        match received {
            Ok(count) => Ok(count > 0),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            Err(e) => Err(Fault::Broken(format!("reading from the bus: {e}"))),
        }
    }

    /// Waits until the socket can be used, or fails when the time is up, however busy the peer
    /// keeps us.
    fn ready(&self, flags: PollFlags, until: Instant) -> Result<(), Fault> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Late);
            }
            // Rounded up, so that the last millisecond is slept and not spun.
            let timeout =
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.as_fd(), flags)], timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(Fault::Broken(format!("waiting for the bus: {}", e.desc()))),
            }
        }
    }
}

/// In a user namespace that does not know us, all who are not known there have one number, our own too: then only a
/// process that we could send a signal to is ours.
#[cfg(target_os = "linux")]
fn is_the_same(uid: u32, pid: i32) -> Result<(), String> {
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    if !crate::env::is_foreign_here(uid) || pid > 0 && kill(Pid::from_raw(pid), None).is_ok() {
        return Ok(());
    }
    Err(format!("belongs to user {uid}, who is anybody here"))
}

#[cfg(not(target_os = "linux"))]
fn is_the_same(_: u32, _: i32) -> Result<(), String> {
    Ok(())
}
