//! A request's body: handed over in parts, and not read on once the server has answered.

use super::told::Told;
use super::trouble::Trouble;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// What is sent.
pub enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// A file from its beginning, whose length the server is told where it has one.
    File(File),
    /// Of unknown length.
    Stream(Box<dyn Read>),
}

impl<'a> Payload<'a> {
    /// The length of what has one: a device's or a pipe's is not known.
    pub fn length(&self) -> io::Result<Option<u64>> {
        Ok(match self {
            Self::Nothing => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(file) => {
                let metadata = file.metadata()?;
                metadata.is_file().then_some(metadata.len())
            }
            Self::Stream(_) => None,
        })
    }

    /// The same to be sent.
    pub fn source(self, told: Told) -> io::Result<Source<'a>> {
        let left = self.length()?;
        let from: Box<dyn Read + 'a> = match self {
            Self::Nothing => Box::new(io::empty()),
            Self::Bytes(bytes) => Box::new(bytes),
            Self::File(file) => Box::new(file),
            Self::Stream(stream) => stream,
        };
        Ok(Source { from, left, told })
    }
}

/// A body, and what is left of it where its length was told.
pub struct Source<'a> {
    from: Box<dyn Read + 'a>,
    left: Option<u64>,
    told: Told,
}

impl Source<'_> {
    fn part(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.told.state().over {
            // What is not sent any more may hold anything; of no known length, it ends here.
            return Ok(self.left.map_or(0, |_| buffer.len()));
        }
        loop {
            match self.from.read(buffer) {
                Ok(0) if self.left.is_some() && !buffer.is_empty() => {
                    return Err(io::Error::other("it has become shorter meanwhile"));
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.map_or(buffer.len(), |left| {
            usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len())
        });
        let read = self.part(&mut buffer[..most]);
        let read = read.map_err(|cause| self.told.trouble(Trouble::Body(cause)))?;
        self.left = self.left.map(|left| left - read as u64);
        Ok(read)
    }
}
