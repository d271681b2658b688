//! Bytes to the server and back, in clear or in TLS.

use super::connection::Socket;
use super::tls::{Below, Tls};
use std::io::{self, Read, Write};

/// A connection on which a request can be made.
pub enum Channel {
    Plain(Socket),
    Tls(Box<Tls<Channel>>),
}

impl Below for Channel {
    fn has_input(&mut self) -> bool {
        match self {
            Self::Plain(socket) => socket.has_input(),
            Self::Tls(tls) => tls.has_input(),
        }
    }
}

impl Channel {
    /// What all of it goes through.
    pub fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.below.socket(),
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
