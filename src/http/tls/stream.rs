//! What goes through TLS.

use rustls::{ClientConnection, Stream};
use std::io::{self, ErrorKind, Read, Write};

/// What TLS goes through.
pub trait Below: Read + Write {
    /// Whether a read would not have to wait.
    fn has_input(&mut self) -> bool;
}

/// A connection inside TLS.
pub struct Tls<B> {
    pub(super) session: ClientConnection,
    pub below: B,
}

impl<B: Below> Tls<B> {
    /// Whether a read would not have to wait: what has come may be a session's ticket and no answer.
    pub fn has_input(&mut self) -> bool {
        self.has_plaintext() || self.below.has_input() && self.take_in().unwrap_or(true)
    }

    fn has_plaintext(&mut self) -> bool {
        let state = self.session.process_new_packets();
        state.is_ok_and(|state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }

    /// Reads what has come; whether there is anything for the caller in it.
    fn take_in(&mut self) -> io::Result<bool> {
        let read = self.session.read_tls(&mut self.below)?;
        let state = self.session.process_new_packets();
        let state = state.map_err(|cause| io::Error::new(ErrorKind::InvalidData, cause))?;
        Ok(read == 0 || state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }

    /// Writes what is sealed.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.below) {
                Ok(_) => {}
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                    if self.take_in()? {
                        return Err(cause);
                    }
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

impl<B: Below> Read for Tls<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Stream::new(&mut self.session, &mut self.below).read(buffer)
    }
}

impl<B: Below> Write for Tls<B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push()?;
        let taken = self.session.writer().write(bytes)?;
        match self.push() {
            // What was taken is sealed already: the next write is told of the answer.
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => Ok(taken),
            Err(cause) => Err(cause),
            Ok(()) => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}
