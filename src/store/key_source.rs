//! Where the encrypted file's key comes from, best place first.
//!
//! A source that holds the base64 of 32 bytes is the key itself; any other text is a passphrase, from
//! which Argon2id makes the key.

use super::cipher::{self, Key, Keys};
use super::kernel::{self, Ring};
use super::passphrase::{self, Sealed};
use crate::clock::Deadline;
use crate::env;
use crate::error::{Error, Kind, Result, about, io_cause, shell_word};
use crate::files::{self, layout};
use crate::hash::hash;
use crate::profile::{Profile, SecretSource, from_file};
use crate::secret::Secret;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The name that systemd's `LoadCredential` and `LoadCredentialEncrypted` give the key.
const CREDENTIAL: &str = "tokctl-store-key";

/// What is sealed under the key to tell a right passphrase from a wrong one.
const CHECK: &str = "store key check";

/// What the unlocked key is sealed for.
const UNLOCKED: &str = "unlocked store key";

/// The passphrase that `tokctl unlock` and `TOKCTL_STORE_KEY` stand for: one for the whole store. A
/// configured source has its own.
pub const TYPED: &str = "";

/// Where a key was found, in words for `status`.
pub struct Found {
    pub keys: Keys,
    pub place: String,
}

/// The places to look at for one profile.
pub struct KeySource<'a> {
    pub profile: &'a str,
    pub configured: Option<&'a SecretSource>,
    pub state: &'a Path,
}

impl<'a> KeySource<'a> {
    /// The places that a profile's settings allow.
    pub fn new(profile: &'a Profile, state: &'a Path) -> Self {
        Self {
            profile: &profile.name,
            configured: profile.storage.key.as_ref(),
            state,
        }
    }

    /// The key, if any source has one.
    ///
    /// # Errors
    /// [`Kind::StoreLocked`] where a passphrase is in use and not there, [`Kind::StoreUnavailable`]
    /// where a source is configured and gives nothing.
    pub fn find(&self, deadline: Deadline) -> Result<Option<Found>> {
        if let Some(file) = env::credentials_directory().map(|dir| dir.join(CREDENTIAL))
            && file.exists()
        {
            let text =
                from_file(&file).map_err(|why| unusable(&file.display().to_string(), &why))?;
            let place = format!("systemd credential {CREDENTIAL}");
            let stable_name = place.clone();
            return self.found(&text, place, &stable_name);
        }
        if let Some(source) = self.configured {
            let text = source
                .resolve(self.profile, "store_key", deadline)
                .map_err(|mut error| {
                    error.kind = Kind::StoreUnavailable;
                    error
                })?;
            let text = text.ok_or_else(|| {
                Error::about(
                    self.profile,
                    Kind::Config,
                    "store_key cannot be kept in the store that it opens",
                )
            })?;
            if let SecretSource::File(file) = source
                && let Some(real) = followed(file)?
            {
                check_key_file(&real)?;
            }
            return self.found(&text, source.describe(), &source.stable_name());
        }
        if let Some(found) = self.key_file_key()? {
            return Ok(Some(found));
        }
        if let Some(keys) = self.unlocked() {
            let place = "passphrase, unlocked in the kernel keyring".to_owned();
            return Ok(Some(Found { keys, place }));
        }
        if let Some(text) = env::store_key() {
            let place = "environment variable TOKCTL_STORE_KEY";
            return self.found(&text, place.to_owned(), place);
        }
        if self.has_passphrase() || self.salt_file().exists() {
            return Err(Error::about(
                self.profile,
                Kind::StoreLocked,
                "the encrypted file is locked",
            )
            .hint("run: tokctl unlock"));
        }
        Ok(None)
    }

    /// Makes a key file, for where no source has a key.
    pub fn create(&self) -> Result<Found> {
        self.refuse_lost()?;
        let file = key_file()?;
        let file = files::end_of_own_links(&file).map_err(|cause| linked(&file, &cause))?;
        let text = cipher::key_to_text(&cipher::random_key());
        files::create(&file, text.expose().as_bytes())
            .map_err(|cause| unusable(&file.display().to_string(), &io_cause(&cause)))?;
        // Read back: of processes that did this at once, the file has the first one's.
        let found = self
            .key_file_key()?
            .ok_or_else(|| unusable(&file.display().to_string(), "it is gone again"))?;
        // Where this cannot be written, no record can.
        drop(files::create(&layout::key_made(self.state), b""));
        Ok(found)
    }

    /// Refuses where no source has a key and something is sealed with the one that was: a new one would
    /// not open it.
    pub fn refuse_lost(&self) -> Result<()> {
        let records = layout::sealed_records(self.state);
        let is_sealed =
            |entry: std::fs::DirEntry| layout::is_sealed_record(Path::new(&entry.file_name()));
        let sealed = || {
            std::fs::read_dir(&records)
                .is_ok_and(|mut all| all.any(|entry| entry.is_ok_and(is_sealed)))
        };
        let own = layout::sealed_record(self.state, self.profile);
        // Those of other profiles may have keys of their own.
        let is_lost = own.exists() || layout::key_made(self.state).exists() && sealed();
        if !is_lost {
            return Ok(());
        }
        let what = format!(
            "{}the encrypted file's key is missing: there is no {}, but {} holds what was sealed with a key",
            self.concerning(),
            key_file()?.display(),
            records.display()
        );
        Err(Error::new(Kind::StoreUnavailable, what).hint(format!(
            "put the key back; if it is lost, remove {} and log in again",
            shell_word(&records.to_string_lossy())
        )))
    }

    /// Where the key is, if it is in a place that is looked at before a passphrase.
    pub fn before_passphrase() -> Result<Option<String>> {
        let credential = env::credentials_directory().map(|dir| dir.join(CREDENTIAL));
        if credential.is_some_and(|file| file.exists()) {
            return Ok(Some(format!("systemd credential {CREDENTIAL}")));
        }
        let file = key_file()?;
        Ok(file
            .exists()
            .then(|| format!("key file {}", file.display())))
    }

    /// Whether `tokctl unlock` or `TOKCTL_STORE_KEY` has set a passphrase.
    pub fn has_passphrase(&self) -> bool {
        self.check_file(TYPED).exists() || self.passphrase_file(TYPED).exists()
    }

    /// Whether its passphrase costs who looks for it less than a new one.
    pub fn is_cheap(&self) -> bool {
        let text = files::read(&self.passphrase_file(TYPED)).ok().flatten();
        match text {
            Some(text) => Sealed::read(&text).is_ok_and(|sealed| sealed.is_cheap()),
            None => self.check_file(TYPED).exists(),
        }
    }

    fn key_file_key(&self) -> Result<Option<Found>> {
        let file = key_file()?;
        let Some(real) = followed(&file)? else {
            return Ok(None);
        };
        check_key_file(&real)?;
        let text = from_file(&real).map_err(|why| unusable(&file.display().to_string(), &why))?;
        let place = format!("key file {}", file.display());
        let stable_name = place.clone();
        self.found(&text, place, &stable_name)
    }

    /// The key that a text is or makes. By its `stable_name` a passphrase's source is known in stored names; those have
    /// the form of the first versions, and are not to be changed.
    fn found(&self, text: &Secret, place: String, stable_name: &str) -> Result<Option<Found>> {
        let keys = match cipher::key_from_text(text) {
            Some(key) => Keys::of(key),
            None if stable_name.ends_with("TOKCTL_STORE_KEY") => self.derive(text, TYPED)?,
            None => self.derive(text, stable_name)?,
        };
        Ok(Some(Found { keys, place }))
    }

    /// The keys that `source`'s passphrase opens; the first passphrase is set by that.
    pub fn derive(&self, passphrase: &Secret, source: &str) -> Result<Keys> {
        let file = self.passphrase_file(source);
        let name = file.display().to_string();
        let failed = |cause: std::io::Error| unusable(&name, &io_cause(&cause));
        if files::read(&file).map_err(failed)?.is_none() {
            if self.check_file(source).exists() {
                return self.derive_as_before(passphrase, source).map(Keys::of);
            }
            passphrase::check_new(passphrase).map_err(|why| {
                let what = format!("{}the encrypted file's key: {why}", self.concerning());
                Error::new(Kind::Config, what)
            })?;
            let sealed = Sealed::new(passphrase, &Keys::fresh());
            let sealed = sealed.map_err(|why| unusable("the passphrase", &why))?;
            // Of processes that do this at once, the file has the first one's.
            files::create(&file, &sealed.to_text()).map_err(failed)?;
        }
        let text = files::read(&file).map_err(failed)?.unwrap_or_default();
        let opened = Sealed::read(&text).and_then(|sealed| sealed.open(passphrase));
        let opened = opened.map_err(|why| unusable(&name, &why))?;
        opened.ok_or_else(|| self.another(source))
    }

    /// Puts a new key and a new passphrase in the place of those of `tokctl unlock`; what the old keys have sealed is
    /// opened as before.
    pub fn change(&self, old: Keys, passphrase: &Secret) -> Result<Keys> {
        let file = self.passphrase_file(TYPED);
        let keys = old.renewed();
        let sealed = Sealed::new(passphrase, &keys);
        let sealed = sealed.map_err(|why| unusable("the passphrase", &why))?;
        files::write(&file, &sealed.to_text())
            .map_err(|cause| unusable(&file.display().to_string(), &io_cause(&cause)))?;
        // By that the old one could still be looked for.
        drop(files::remove(&self.check_file(TYPED)));
        if !layout::has_key_checks(self.state) {
            drop(files::remove(&self.salt_file()));
        }
        Ok(keys)
    }

    /// Makes the key from a passphrase as the first versions did, at what was the library's recommended cost.
    fn derive_as_before(&self, passphrase: &Secret, source: &str) -> Result<Key> {
        let salt = self.salt()?;
        let mut key = Key::default();
        argon2::Argon2::default()
            .hash_password_into(passphrase.expose().as_bytes(), &salt, &mut *key)
            .map_err(|cause| unusable("the passphrase", &cause.to_string()))?;
        self.check(&key, source)?;
        Ok(key)
    }

    /// Compares with the key that a passphrase made first: a mistyped one must not seal a record.
    fn check(&self, key: &Key, source: &str) -> Result<()> {
        let path = self.check_file(source);
        let failed =
            |cause: std::io::Error| unusable(&path.display().to_string(), &io_cause(&cause));
        let sealed = files::read(&path).map_err(failed)?.unwrap_or_default();
        match cipher::open(key, CHECK, &sealed) {
            Some(_) => Ok(()),
            None => Err(self.another(source)),
        }
    }

    /// That a passphrase is not the one.
    fn another(&self, source: &str) -> Error {
        let profile = self.concerning();
        let what =
            format!("{profile}this is not the passphrase that the encrypted file was made with");
        Error::new(Kind::StoreLocked, what).hint(match source {
            TYPED => "give the passphrase of the first tokctl unlock, or of the last tokctl unlock --change",
            _ => "give the passphrase that this store_key had at first",
        })
    }

    /// The profile that an error is about, if it is about one.
    fn concerning(&self) -> String {
        match self.profile {
            "" => String::new(),
            name => about(name, ""),
        }
    }

    fn check_file(&self, source: &str) -> PathBuf {
        layout::key_check(self.state, (source != TYPED).then_some(source))
    }

    fn passphrase_file(&self, source: &str) -> PathBuf {
        layout::passphrase(self.state, (source != TYPED).then_some(source))
    }

    /// Keeps a passphrase's keys in the kernel keyring, sealed under another that is in a file: a sandbox that can read
    /// this user's keyring and not his files has no use for it, and neither has who gets the files. Whether the kernel
    /// took it.
    pub fn keep_unlocked(&self, keys: &Keys, for_: Duration) -> Result<bool> {
        let file = self.half_file();
        let half = cipher::random_key();
        files::write(&file, &*half)
            .map_err(|cause| unusable(&file.display().to_string(), &io_cause(&cause)))?;
        let sealed = keys.seal(&half, UNLOCKED);
        let seconds = i64::try_from(for_.as_secs()).unwrap_or(i64::MAX);
        Ok(kernel::put(
            Ring::User,
            &self.unlocked_name(),
            (&sealed, seconds),
        ))
    }

    /// The key that was kept so.
    fn unlocked(&self) -> Option<Keys> {
        let sealed = kernel::get(Ring::User, &self.unlocked_name())?;
        let half = files::read(&self.half_file()).ok()??;
        let half: Key = Zeroizing::new(half.as_slice().try_into().ok()?);
        Keys::open(&half, UNLOCKED, &sealed)
    }

    /// Where the other key is, anew with each unlocking.
    fn half_file(&self) -> PathBuf {
        layout::unlocked(self.state)
    }

    fn unlocked_name(&self) -> String {
        let state = self.state.to_string_lossy();
        format!("tokctl:store-key:{}", hash(&["store-key-1", &state]))
    }

    /// Where the salt of the first versions is, which also tells that a passphrase is in use.
    fn salt_file(&self) -> PathBuf {
        layout::salt(self.state)
    }

    fn salt(&self) -> Result<Zeroizing<Vec<u8>>> {
        let name = self.salt_file().display().to_string();
        files::read(&self.salt_file())
            .map_err(|cause| unusable(&name, &io_cause(&cause)))?
            .ok_or_else(|| unusable(&name, "it is gone"))
    }
}

/// The key file that is made where nothing else is set.
pub fn key_file() -> Result<PathBuf> {
    let dir =
        env::config_dir().ok_or_else(|| unusable("the key file", "there is no home directory"))?;
    Ok(dir.join("store.key"))
}

/// Where a key file is, through links of the user's own; nothing where there is none.
fn followed(file: &Path) -> Result<Option<PathBuf>> {
    match file.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            let real = files::end_of_own_links(file);
            real.map(Some).map_err(|cause| linked(file, &cause))
        }
        Ok(_) => Ok(Some(file.to_owned())),
        Err(_) => Ok(None),
    }
}

/// A link that is not followed.
fn linked(file: &Path, cause: &std::io::Error) -> Error {
    unusable(&file.display().to_string(), &io_cause(cause)).hint(
        "put the key itself there, or name its file in the profile: store_key = { file = \"...\" }",
    )
}

fn check_key_file(file: &Path) -> Result<()> {
    let name = file.display().to_string();
    let failed = |cause: std::io::Error| unusable(&name, &io_cause(&cause));
    files::inspect(file).map_err(failed)?;
    if files::is_private(file).map_err(failed)? {
        return Ok(());
    }
    if file.parent().is_some_and(|dir| !files::has_modes(dir)) {
        files::warn_of_modes(&format!(
            "{name}: by its mode others can read it, and this file system keeps no modes"
        ));
        return Ok(());
    }
    let error = unusable(&name, "others can read it");
    Err(error.hint(format!("run: chmod 600 {}", shell_word(&name))))
}

fn unusable(what: &str, why: &str) -> Error {
    Error::new(
        Kind::StoreUnavailable,
        format!("the encrypted file's key, {what}: {why}"),
    )
}
