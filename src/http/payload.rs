//! The body of a request.

use std::fs::File;
use std::io::{self, Read};

/// What is sent.
pub enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// A file from its beginning, whose length the server is told where it has one.
    File(File),
    /// Of unknown length.
    Stream(Box<dyn Read>),
}

/// The length of what has one: a device's or a pipe's is not known.
pub fn length_of(file: &File) -> io::Result<Option<u64>> {
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some(metadata.len()))
}
