//! A TCP connection to whichever of a host's addresses answers first (RFC 8305, "happy eyeballs"): the
//! families in turn, a quarter of a second apart, and the next at once where one fails.

use crate::clock::Deadline;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an address is waited for before the next one is tried beside it (RFC 8305 section 5).
const APART: Duration = Duration::from_millis(250);

/// Connects to one of the addresses within the time.
pub fn connect(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<TcpStream> {
    let stream = platform::first(&in_turn(addresses), deadline)?;
    // A request is one write and an answer is waited for: nothing is gained by gathering small packets.
    // A connection on which it cannot be set is as good.
    drop(stream.set_nodelay(true));
    Ok(stream)
}

/// The families in turn, beginning with the one that the system prefers (RFC 8305 section 4).
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let reversed = addresses.iter().rev().copied();
    let (mut same, mut other): (Vec<_>, Vec<_>) =
        reversed.partition(|address: &SocketAddr| address.is_ipv6() == first.is_ipv6());
    let mut turns = Vec::with_capacity(addresses.len());
    while !(same.is_empty() && other.is_empty()) {
        turns.extend(same.pop());
        turns.extend(other.pop());
    }
    turns
}

/// Which of two failures says more: that the host was there and said no, rather than that there was no
/// way to it.
fn better(old: Option<io::Error>, new: io::Error) -> io::Error {
    use io::ErrorKind as K;
    let rank = |cause: &io::Error| match cause.kind() {
        K::ConnectionRefused | K::ConnectionReset => 3,
        K::TimedOut => 2,
        K::PermissionDenied => 1,
        _ => 0,
    };
    match old {
        Some(old) if rank(&old) >= rank(&new) => old,
        _ => new,
    }
}

#[cfg(unix)]
mod platform {
    use super::{APART, Deadline, SocketAddr, TcpStream, better, io};
    use crate::http::connection::poll;
    use nix::poll::{PollFd, PollFlags};
    use socket2::{Domain, Protocol, Socket, Type};
    use std::os::fd::AsFd;

    /// All that are waited for, on sockets that do not block.
    pub fn first(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<TcpStream> {
        let mut rest = addresses.iter();
        let mut waiting: Vec<Socket> = Vec::new();
        let mut failed = None;
        let mut due = Deadline::after(std::time::Duration::ZERO);
        loop {
            while due.passed() || waiting.is_empty() {
                let Some(address) = rest.next() else { break };
                match begin(*address) {
                    Ok(socket) => waiting.push(socket),
                    // No way there, or none that is allowed: the next one at once.
                    Err(cause) => {
                        failed = Some(better(failed, cause));
                        continue;
                    }
                }
                due = Deadline::after(APART);
            }
            if waiting.is_empty() {
                let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
                return Err(failed.unwrap_or_else(none));
            }
            let left = match rest.len() {
                0 => deadline.left(),
                _ => deadline.left().min(due.left()),
            };
            if let Some(stream) = winner(&mut waiting, left, &mut failed)? {
                return Ok(stream);
            }
            if deadline.passed() {
                return Err(better(failed, io::ErrorKind::TimedOut.into()));
            }
        }
    }

    fn begin(address: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => Ok(socket),
            Err(cause) if cause.raw_os_error() == Some(nix::libc::EINPROGRESS) => Ok(socket),
            Err(cause) => Err(cause),
        }
    }

    /// The first that has connected; those that have failed go.
    fn winner(
        waiting: &mut Vec<Socket>,
        left: std::time::Duration,
        failed: &mut Option<io::Error>,
    ) -> io::Result<Option<TcpStream>> {
        let mut fds: Vec<PollFd<'_>> = waiting
            .iter()
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLOUT))
            .collect();
        poll(&mut fds, Some(left))?;
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        for at in (0..ready.len()).filter(|at| ready[*at]).rev() {
            let socket = waiting.remove(at);
            match socket.take_error()? {
                None => return Ok(Some(socket.into())),
                Some(cause) => *failed = Some(better(failed.take(), cause)),
            }
        }
        Ok(None)
    }
}

#[cfg(not(unix))]
mod platform {
    use super::{APART, Deadline, SocketAddr, TcpStream, better, io};
    use std::time::Duration;

    /// One after the other: each for a short time, and then each for a share of what is left.
    pub fn first(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<TcpStream> {
        let mut failed = None;
        for last in [false, true] {
            for (at, address) in addresses.iter().enumerate() {
                let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
                let share = if last {
                    deadline.left() / others
                } else {
                    APART.min(deadline.left())
                };
                match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                    Ok(stream) => return Ok(stream),
                    Err(cause) => failed = Some(better(failed, cause)),
                }
            }
            let again = failed.as_ref().map(io::Error::kind) == Some(io::ErrorKind::TimedOut);
            if !again || deadline.passed() {
                break;
            }
        }
        let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        Err(failed.unwrap_or_else(none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn families_come_in_turn_and_keep_their_order() {
        let parse = |text: &str| -> SocketAddr { text.parse().expect("an address") };
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"].map(parse);
        let turns = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(parse);
        assert_eq!(in_turn(&given), turns);
        assert!(in_turn(&[]).is_empty());
    }

    #[test]
    fn an_address_that_refuses_is_passed_over_at_once_and_the_failure_that_says_more_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let good = listener.local_addr().expect("an address");
        let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let refused = gone.local_addr().expect("an address");
        drop(gone);
        let second = Deadline::after(Duration::from_secs(1));
        assert!(connect(&[refused, refused, good], second).is_ok());
        let failed = connect(&[refused, refused], second).expect_err("nobody is there");
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect(&[], second).is_err());
        let error = |kind: io::ErrorKind| io::Error::from(kind);
        let (refused, nowhere) = (
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::NetworkUnreachable,
        );
        for (old, new) in [(refused, nowhere), (nowhere, refused)] {
            assert_eq!(better(Some(error(old)), error(new)).kind(), refused);
        }
    }
}
