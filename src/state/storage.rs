//! What is held for one profile: the kernel's cache in front, the store behind it, the spool for what
//! the store would not take, and the note.

use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result, about, io_cause, shell_word};
use crate::files::{self, layout};
use crate::hash::hash;
use crate::profile::{AccessCache, Grant, LoginGrant, Profile, StoreChoice, TokenKind};
use crate::secret::Secret;
use crate::state::journal;
use crate::state::lock;
use crate::state::marks;
use crate::state::note::Note;
use crate::state::record::{Record, Token};
use crate::state::spool;
use crate::store::kernel::Ring;
use crate::store::{
    Backend, Held, Interaction, Opening, Store, cipher, kernel, pending_login, probe_account,
};
use crate::ui;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A token whose end nobody knows stays in the kernel's cache this long, in seconds.
const UNKNOWN_LIFE: Epoch = 3600;

/// The profile's place in the kernel's cache.
pub struct Cache {
    name: Option<String>,
    ring: Ring,
}

impl Cache {
    /// The cache of a profile's present variant; of none, where it is switched off.
    pub fn of(profile: &Profile, state: &Path, note: &Note) -> Self {
        Self::named(profile, state, note, &profile.variant())
    }

    fn named(profile: &Profile, state: &Path, note: &Note, variant: &str) -> Self {
        let cache = profile.storage.cache;
        let kept = cache != AccessCache::None && profile.storage.choice != StoreChoice::None;
        // The user keyring is the whole account's: the name binds a token to everything that it
        // depends on, so that another configuration never finds it; and to the writing that it is of.
        let number = note.copies.get(variant).copied().unwrap_or_default();
        let epoch = format!("{} {number}", note.epoch);
        let parts = [
            "cache-3",
            &state.to_string_lossy(),
            &profile.name,
            profile.storage.choice.stable_name(),
            &profile.binding(),
            &epoch,
            variant,
        ];
        Self {
            name: kept.then(|| format!("tokctl:{}", hash(&parts))),
            ring: match cache {
                AccessCache::Session => Ring::Session,
                AccessCache::Kernel | AccessCache::None => Ring::User,
            },
        }
    }

    /// The cached token.
    pub fn get(&self) -> Option<Token> {
        serde_json::from_slice(&kernel::get(self.ring, self.name.as_ref()?)?).ok()
    }

    /// Whether it has a token.
    pub fn has_token(&self) -> bool {
        let name = self.name.as_deref();
        name.is_some_and(|name| kernel::has(self.ring, name))
    }

    /// Keeps a token until it ends. Whether the kernel took it.
    pub fn put(&self, token: &Token, now: Epoch) -> bool {
        let Some(name) = &self.name else { return false };
        let life = token.expires.map_or(UNKNOWN_LIFE, |end| end - now);
        let text = serde_json::to_vec(token).expect("strings and numbers always serialize");
        kernel::put(self.ring, name, (&zeroize::Zeroizing::new(text), life))
    }

    /// Forgets the token. Whether it was there.
    pub fn forget(&self) -> bool {
        let name = self.name.as_ref();
        name.is_some_and(|name| kernel::forget(self.ring, name))
    }
}

/// What there is of a profile's record.
pub enum Found {
    Nothing,
    Record(Box<Record>),
    /// Damaged, sealed with another key, or of another version.
    Unreadable(Error),
}

/// A profile's opened store with its note.
pub struct Storage {
    pub state: PathBuf,
    pub note: Note,
    pub store: Store,
    /// The variant of the profile's own token, where this is about another.
    own: Option<String>,
    /// Whether the store has a record that cannot be read.
    unreadable: bool,
}

impl Storage {
    /// Opens the profile's store.
    pub fn open(profile: &Profile, deadline: Deadline, interaction: Interaction) -> Result<Self> {
        let state = env::state_dir()?;
        files::close_dir(&state);
        journal::settle(profile, &state, deadline)?;
        Self::open_with(profile, deadline, interaction, |opening, store| {
            opening.open(store)
        })
    }

    /// The same for who only looks, and changes nothing.
    pub fn examine(profile: &Profile, deadline: Deadline) -> Result<Self> {
        Self::open_with(profile, deadline, Interaction::Never, |opening, store| {
            opening.open(store)
        })
    }

    /// The same for who erases what is held, which needs less than keeping it.
    pub fn open_to_erase(profile: &Profile, deadline: Deadline) -> Result<Self> {
        let state = env::state_dir()?;
        files::close_dir(&state);
        journal::settle(profile, &state, deadline)?;
        let asking = Interaction::Attended;
        Self::open_with(profile, deadline, asking, |opening, store| {
            opening.open_to_erase(store)
        })
    }

    fn open_with(
        profile: &Profile,
        deadline: Deadline,
        interaction: Interaction,
        open: impl FnOnce(&Opening<'_>, Option<Backend>) -> Result<Store>,
    ) -> Result<Self> {
        let state = env::state_dir()?;
        files::check_root(&state).map_err(|cause| {
            let what = format!("{}: {}", state.display(), io_cause(&cause));
            let hint = "make it yours alone (chown, chmod 700), or set TOKCTL_STATE_DIR to another";
            profile.error(Kind::StoreUnavailable, what).hint(hint)
        })?;
        let mut note = Note::load(&state, &profile.name);
        note.keep_file_of(profile);
        let opening = Opening {
            profile,
            state: &state,
            deadline,
            interaction,
        };
        let store = open(&opening, note.settled())?;
        Ok(Self {
            state,
            note,
            store,
            own: profile.own_variant.clone(),
            unreadable: false,
        })
    }

    /// Looks what others may have noted meanwhile.
    pub fn note_anew(&mut self, profile: &Profile) {
        self.note = Note::load(&self.state, &profile.name);
        self.note.keep_file_of(profile);
    }

    /// The profile's place in the kernel's cache after the writing of a record.
    pub fn cache_after(&self, profile: &Profile, record: &Record) -> Cache {
        let variant = profile.variant();
        let number = self.note.next_copy(&variant, record.generation);
        let note = Note {
            epoch: self.note.epoch,
            copies: [(variant, number)].into(),
            ..Note::default()
        };
        Cache::of(profile, &self.state, &note)
    }

    /// Sees to it that the copy of the token in the kernel's cache is not found any more.
    pub fn outdate(&mut self, profile: &Profile) {
        self.cache(profile).forget();
        let variant = profile.variant();
        let number = self.note.next_copy(&variant, 0);
        self.note.number_copy(&variant, number);
        self.save_note();
    }

    /// The profile's place in the kernel's cache.
    pub fn cache(&self, profile: &Profile) -> Cache {
        Cache::of(profile, &self.state, &self.note)
    }

    /// Takes variants of a profile out of the kernel's cache.
    pub fn forget<'v>(&self, profile: &Profile, variants: impl IntoIterator<Item = &'v String>) {
        for variant in variants {
            Cache::named(profile, &self.state, &self.note, variant).forget();
        }
    }

    /// The profile's record, the spooled one if it is newer. Also one that other keys of the profile
    /// brought: its tokens are not to be used, but its generation counts on. One that cannot be read is
    /// none for a profile that gets its tokens anew.
    pub fn record(&mut self, profile: &Profile) -> Result<Option<Record>> {
        let was_known = self.unreadable;
        match self.find(profile)? {
            Found::Nothing => Ok(None),
            Found::Record(record) => Ok(Some(*record)),
            Found::Unreadable(error) if profile.is_repeatable() => {
                if !was_known {
                    ui::warn(&format!("{error}; the next token replaces it"));
                }
                Ok(None)
            }
            Found::Unreadable(error) => Err(error),
        }
    }

    /// What the store has for the profile, of which nothing is said.
    pub fn find(&mut self, profile: &Profile) -> Result<Found> {
        let mut found = self.find_now(profile)?;
        // Another machine's disk: what it has just written can look cut for as long as this one's kernel
        // believes the old length (a second, with sshfs).
        let mut looks = 15;
        while matches!(found, Found::Unreadable(_)) && looks > 0 && lock::is_remote_dir(&self.state)
        {
            std::thread::sleep(Duration::from_millis(100));
            found = self.find_now(profile)?;
            looks -= 1;
        }
        Ok(found)
    }

    fn find_now(&mut self, profile: &Profile) -> Result<Found> {
        let held = self.store.load_newest(&profile.name, Record::rank)?;
        self.unreadable = true;
        let line = match held {
            Held::Plain(line) => line,
            Held::Sealed(error) => {
                let replace = replacing(profile);
                return Ok(Found::Unreadable(error.hint(format!(
                    "give the key that it was written with; if that is lost, replace it: {replace}"
                ))));
            }
            Held::Hidden(error) if self.note.generation > 0 => {
                self.unreadable = false;
                return Err(error);
            }
            Held::Nothing | Held::Hidden(_) => {
                self.unreadable = false;
                return Ok(Found::Nothing);
            }
        };
        let Some(record) = Record::from_line(&line) else {
            return Ok(Found::Unreadable(unreadable(profile, &line)));
        };
        self.unreadable = false;
        let record = self.spooled(profile, &record).unwrap_or(record);
        // An older refresh token, used again, could end the login.
        if record.generation < self.note.generation {
            self.store.refuse_outdated(&profile.name)?;
        }
        Ok(Found::Record(Box::new(record)))
    }

    /// The generation that was written last, where this record is an earlier one: a backup's, or another machine's. Its
    /// refresh token may be used up, and using it again can end the login (RFC 9700 section 4.14.2).
    pub fn newer_than(&self, record: &Record) -> Option<u64> {
        let newest = marks::newest(&self.state, record).max(self.note.generation);
        (record.refresh.is_some() && record.generation < newest).then_some(newest)
    }

    /// The profile's record, with the lock held: a newer spooled one is moved into the store first,
    /// since its file is about to be needed again.
    pub fn record_locked(&mut self, profile: &Profile) -> Result<Option<Record>> {
        let record = self.record(profile)?;
        if let Some(record) = record
            .as_ref()
            .filter(|_| layout::spool(&self.state, &profile.name).exists())
        {
            self.save(profile, record)?;
        }
        Ok(record)
    }

    fn spooled(&self, profile: &Profile, stored: &Record) -> Option<Record> {
        let sealed = files::read(&layout::spool(&self.state, &profile.name)).ok()??;
        let key = cipher::key_from_text(&stored.spool_key)?;
        let record = Record::from_line(&cipher::open(
            &key,
            &spool::purpose(&profile.name),
            &sealed,
        )?)?;
        record.is_newer_than(stored).then_some(record)
    }

    /// Writes a record, in the caller's hands the profile's lock. The spool is then of no more use.
    pub fn save(&mut self, profile: &Profile, record: &Record) -> Result<()> {
        if std::mem::take(&mut self.unreadable) {
            let name = &profile.name;
            match self.store.set_aside(name) {
                Ok(Some(aside)) => ui::warn(&about(
                    name,
                    &format!("what could not be read is kept in {}", aside.display()),
                )),
                Ok(None) => {}
                // A new token is worth more than an old file.
                Err(error) => ui::warn(&about(
                    name,
                    &format!("what could not be read is replaced, and not kept: {error}"),
                )),
            }
        }
        self.store.save(&profile.name, &record.to_line())?;
        // If it stays, it has a lower generation and is never taken again.
        drop(files::remove(&layout::spool(&self.state, &profile.name)));
        Ok(())
    }

    /// Notes what was written; a note is a convenience, so that failing is only a warning. With that an
    /// older copy of the token is not found in the kernel's cache any more.
    pub fn note_written(&mut self, profile: &Profile, record: &Record, token: Option<&Token>) {
        // A grant brings both kinds at once.
        for kind in [TokenKind::Access, TokenKind::Id] {
            let variant = profile.variant_of(kind);
            Cache::named(profile, &self.state, &self.note, &variant).forget();
            if kind == profile.request.kind || record.tokens.contains_key(&variant) {
                let number = self.note.next_copy(&variant, record.generation);
                self.note.number_copy(&variant, number);
            }
        }
        let backend = self.store.backend();
        if matches!(backend, Backend::Keyring | Backend::EncryptedFile) {
            self.note.store = Some(backend);
        }
        if record.refresh.is_some() {
            marks::note(&self.state, record);
        }
        self.note.generation = record.generation;
        self.note.refreshable = record.refresh.is_some();
        self.note.unrevoked = record.unrevoked.len();
        // What is shown of a profile is its own token, not one for another scope.
        let own = self.own.as_ref();
        let token = own.map_or(token, |own| record.tokens.get(own));
        // The kernel has one record for each.
        if token.is_some() || own.is_none() || backend != Backend::Kernel {
            self.note.has_token = token.is_some();
            self.note.scope = token.and_then(|token| token.scope.clone());
            self.note.expires = token.and_then(|token| token.expires);
        }
        self.note.updated = Some(clock::now());
        self.note.binding = Some(record.binding.clone());
        self.note.ended = None;
        self.note.doubt = None;
        // It has come all the same.
        let came = |variant: &String| record.tokens.contains_key(variant);
        self.note.refused.retain(|variant, _| !came(variant));
        self.note.not_before = None;
        self.note.failure = None;
        self.save_note();
    }

    /// Notes that a record has nothing any more but grants that are to be revoked.
    pub fn note_left(&mut self, record: &Record) {
        self.note = Note {
            profile: self.note.profile.clone(),
            store: self.note.store,
            config: self.note.config.clone(),
            generation: record.generation,
            unrevoked: record.unrevoked.len(),
            ..Note::default()
        };
        self.note.begin_epoch();
        self.save_note();
    }

    /// Writes the note.
    pub fn save_note(&self) {
        if let Err(cause) = self.note.save(&self.state) {
            ui::step(&format!(
                "{} cannot be written: {}",
                self.state.display(),
                io_cause(&cause)
            ));
        }
    }

    /// Erases everything that is held; whether there was anything.
    pub fn erase(&mut self, profile: &Profile, record: Option<&Record>) -> Result<bool> {
        let state = self.state.clone();
        let io = |cause: std::io::Error| Error::io(state.display(), &cause);
        self.cache(profile).forget();
        // Of a record that cannot be read, the default variant at least.
        if let Some(record) = record {
            self.forget(profile, record.tokens.keys());
            marks::forget(&self.state, record);
        }
        let stored = if self.note.generation > 0 {
            self.store.erase(&profile.name)?
        } else {
            self.store.erase_seen(&profile.name)?
        };
        // A login that was begun and not ended is not to be ended any more.
        self.store.erase_seen(&pending_login(&profile.name))?;
        // Of a login that was killed while it tried the store.
        self.store.erase_seen(&probe_account(&profile.name))?;
        let spooled = files::remove(&layout::spool(&self.state, &profile.name)).map_err(io)?;
        let noted = self.note.generation > 0;
        // A client secret that is kept in the store stays, and with it the store is still settled. The
        // note stays for its epoch, without which cached tokens would be found again.
        let secret_stays = profile.client.has_stored_secret();
        self.note = Note {
            profile: profile.name.clone(),
            store: self.note.store.filter(|_| secret_stays),
            config: self.note.config.clone(),
            ..Note::default()
        };
        self.note.begin_epoch();
        self.note.save(&self.state).map_err(io)?;
        Ok(stored || spooled || noted)
    }
}

fn unreadable(profile: &Profile, line: &[u8]) -> Error {
    let (why, first) = if Record::is_foreign(line) {
        (
            "another version of tokctl has written it",
            "use that version, or ",
        )
    } else {
        ("it is damaged", "")
    };
    let what = format!("what is stored cannot be read: {why}");
    let replace = replacing(profile);
    profile
        .error(Kind::StoreUnavailable, what)
        .hint(format!("{first}replace it: {replace}"))
}

/// What to run for another record of a profile that needs a person.
fn replacing(profile: &Profile) -> String {
    let command = match profile.grant {
        Grant::Login(LoginGrant::RefreshToken) => "import",
        _ => "login",
    };
    format!("tokctl {command} {}", shell_word(&profile.name))
}

/// A new spool key for a new record.
pub fn new_spool_key() -> Secret {
    cipher::key_to_text(&cipher::random_key())
}
