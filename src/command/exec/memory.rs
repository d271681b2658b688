//! A token as a file without a name, which only the command and its children can open.

use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::PathBuf;

/// Such a file; it is there as long as this is.
pub struct MemoryFile {
    #[cfg(unix)]
    fd: std::os::fd::OwnedFd,
    #[cfg(not(unix))]
    never: std::convert::Infallible,
}

/// A file in memory that holds the token, without a newline, and can be read any number of times.
#[cfg(target_os = "linux")]
pub fn file(token: &Secret) -> Result<MemoryFile> {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::io::Write;
    let failed = |cause: std::io::Error| Error::io("a file in memory for the token", &cause);
    // Without close-on-exec: it is for the command.
    let fd = memfd_create("tokctl", MFdFlags::MFD_ALLOW_SEALING);
    let mut file = std::fs::File::from(fd.map_err(|errno| failed(errno.into()))?);
    file.write_all(token.expose().as_bytes()).map_err(failed)?;
    let seals = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| failed(errno.into()))?;
    Ok(MemoryFile { fd: file.into() })
}

/// A pipe that holds the token, without a newline, and can be read once.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn file(token: &Secret) -> Result<MemoryFile> {
    use std::io::Write;
    // The smallest buffer of a pipe: more would wait for a reader that is not there yet.
    const BUFFER: usize = 16 * 1024;
    let failed = |cause: std::io::Error| Error::io("a pipe for the token", &cause);
    if token.expose().len() > BUFFER {
        return Err(Error::usage("the token is too long for --file"));
    }
    let (reader, writer) = nix::unistd::pipe().map_err(|errno| failed(errno.into()))?;
    let mut writer = std::fs::File::from(writer);
    writer
        .write_all(token.expose().as_bytes())
        .map_err(failed)?;
    Ok(MemoryFile { fd: reader })
}

/// There is none here.
#[cfg(not(unix))]
pub fn file(_: &Secret) -> Result<MemoryFile> {
    Err(Error::usage("--file is not for this system"))
}

impl MemoryFile {
    /// Where the command finds it.
    #[cfg(unix)]
    pub fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        PathBuf::from(format!("/dev/fd/{}", self.fd.as_raw_fd()))
    }

    /// Where the command finds it.
    #[cfg(not(unix))]
    pub fn path(&self) -> PathBuf {
        match self.never {}
    }
}
