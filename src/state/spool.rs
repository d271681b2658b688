//! The spool: where a renewed token is kept, sealed, if the store will not take it.

use crate::error::{Kind, Result, io_cause};
use crate::files::{self, Open, layout};
use crate::profile::Profile;
use crate::state::record::Record;
use crate::store::cipher;
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Room that is set aside for a record before a refresh token is spent, in bytes. Records are at most
/// a few kilobytes; one of a 16 KB token with its id token and refresh token still fits.
const SPOOL_ROOM: usize = 64 * 1024;

/// Room for a record, taken before a refresh token is spent: a full disk cannot lose what comes for
/// it.
pub struct Spool {
    file: std::fs::File,
    path: PathBuf,
}

impl Spool {
    /// Takes the room.
    pub fn reserve(state: &Path, profile: &Profile) -> Result<Self> {
        let path = layout::spool(state, &profile.name);
        let reserve = || {
            let dir = path.parent().unwrap_or(state);
            files::ensure_dir(dir)?;
            let mut file = match files::open_own(&path, Open::Make) {
                // The name of a file that another machine has removed (sshfs, NFS): once it has been
                // removed here too, it is free.
                Err(cause) if cause.kind() == ErrorKind::NotFound => {
                    files::remove(&path)?;
                    files::open_own(&path, Open::Make)?
                }
                file => file?,
            };
            file.write_all(&vec![0; SPOOL_ROOM])?;
            Ok(file)
        };
        let file = reserve().map_err(|cause: std::io::Error| {
            // Half of it would eat the last of the disk, and be taken for a record.
            drop(files::remove(&path));
            profile
                .error(
                    Kind::StoreUnavailable,
                    format!(
                        "not renewed, since there is no room to keep the new token: {}: {}",
                        path.display(),
                        io_cause(&cause)
                    ),
                )
                .hint(
                    files::remedy(&cause)
                        .unwrap_or("make the directory writable, or free some disk space"),
                )
        })?;
        Ok(Self { file, path })
    }

    /// Keeps a record that the store would not take, sealed under the key that the stored record has.
    pub fn keep(mut self, profile: &Profile, record: &Record) -> std::io::Result<PathBuf> {
        let key = cipher::key_from_text(&record.spool_key)
            .ok_or_else(|| std::io::Error::other("the record has no spool key"))?;
        let sealed = cipher::seal(&key, &purpose(&profile.name), &record.to_line());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&sealed)?;
        self.file.set_len(sealed.len() as u64)?;
        self.file.sync_all()?;
        Ok(self.path)
    }

    /// Gives the room back.
    pub fn discard(self) {
        drop(files::remove(&self.path));
    }
}

/// What a profile's is sealed for.
pub fn purpose(profile: &str) -> String {
    format!("spool {profile}")
}
