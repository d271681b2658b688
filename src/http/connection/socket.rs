//! A TCP connection of which every wait ends in time.

use crate::clock::Deadline;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// When a wait ends: at a moment, after a silence, or both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    pub until: Option<Deadline>,
    pub silence: Option<Duration>,
}

impl Patience {
    /// Until a moment.
    pub fn until(deadline: Deadline) -> Self {
        Self {
            until: Some(deadline),
            silence: None,
        }
    }

    /// Whether the moment has come.
    fn is_over(&self) -> bool {
        self.until.is_some_and(Deadline::passed)
    }

    /// What is left of it for one wait; nothing where there is no end.
    fn left(&self) -> Option<Duration> {
        let until = self.until.map(Deadline::left);
        match (until, self.silence) {
            (Some(left), Some(silence)) => Some(left.min(silence)),
            (left, silence) => left.or(silence),
        }
    }
}

/// What has come in time is read after it, too: a process may have been stopped meanwhile, and a token for one use
/// lie there. A flood is not read on for longer than this.
const LATE: Duration = Duration::from_millis(250);

/// A connection.
pub struct Socket {
    stream: TcpStream,
    pub patience: Patience,
    /// The end of all reading and writing, once there is no more patience.
    late: Option<Deadline>,
    /// A write that has to wait ends with `WouldBlock` when something has come to be read.
    pub watchful: bool,
}

impl Socket {
    /// Of a stream that does not block where [`wait`] can.
    pub fn new(stream: TcpStream, patience: Patience) -> Self {
        Self {
            stream,
            patience,
            late: None,
            watchful: false,
        }
    }

    /// Whether a read would not have to wait.
    pub fn has_input(&self) -> bool {
        wait(&self.stream, For::Input, Some(Duration::ZERO)).unwrap_or(false)
    }

    /// Ends what never has to wait.
    fn in_time(&mut self) -> io::Result<()> {
        if !self.patience.is_over() {
            self.late = None;
        } else if self
            .late
            .get_or_insert_with(|| Deadline::after(LATE))
            .passed()
        {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn wait(&self, what: For) -> io::Result<()> {
        if wait(&self.stream, what, self.patience.left())? {
            Ok(())
        } else {
            Err(ErrorKind::TimedOut.into())
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.in_time()?;
            prepare(&self.stream, self.patience.left())?;
            match self.stream.read(buffer) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => self.wait(For::Input)?,
                read => return read,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.in_time()?;
            prepare(&self.stream, self.patience.left())?;
            match self.stream.write(bytes) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                    if !self.watchful {
                        self.wait(For::Output)?;
                        continue;
                    }
                    self.wait(For::Both)?;
                    if self.has_input() && !wait(&self.stream, For::Output, Some(Duration::ZERO))? {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Input,
    Output,
    Both,
}

#[cfg(unix)]
fn wait(stream: &TcpStream, what: For, left: Option<Duration>) -> io::Result<bool> {
    use nix::poll::{PollFd, PollFlags};
    use std::os::fd::AsFd;
    let flags = match what {
        For::Input => PollFlags::POLLIN,
        For::Output => PollFlags::POLLOUT,
        For::Both => PollFlags::POLLIN | PollFlags::POLLOUT,
    };
    super::poll(&mut [PollFd::new(stream.as_fd(), flags)], left)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "the same face as elsewhere")]
fn prepare(_: &TcpStream, _: Option<Duration>) -> io::Result<()> {
    Ok(())
}

/// Elsewhere a read or write waits by itself, as long as [`prepare`] says; it is asked whether something
/// is there.
#[cfg(not(unix))]
fn wait(stream: &TcpStream, what: For, _: Option<Duration>) -> io::Result<bool> {
    if what != For::Input {
        return Ok(false);
    }
    stream.set_nonblocking(true)?;
    let found = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(found.is_ok())
}

#[cfg(not(unix))]
fn prepare(stream: &TcpStream, left: Option<Duration>) -> io::Result<()> {
    let left = left.map(|left| left.max(Duration::from_millis(1)));
    stream.set_read_timeout(left)?;
    stream.set_write_timeout(left)
}
