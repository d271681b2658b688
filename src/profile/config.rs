//! The configuration file: found, checked for who may write it, and read for one profile or all.

use super::fault::{self, Fault, unknown};
use super::keys::{self, Values};
use super::owner::{Distrust, anybodys, untrusted, untrusted_dir};
use super::raw::kind;
use super::slice;
use super::value::Value;
use crate::bounded;
use crate::env;
use crate::error::{Error, Kind, Result, io_cause, shell_word};
use crate::files;
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration of a thousand profiles is 200 KB; this is a file that is something else.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The configuration file's text, or none where there is no file.
pub struct Config {
    path: Option<PathBuf>,
    /// As it was read: of a long file only what is needed is looked at.
    text: Arc<Vec<u8>>,
    /// Why a configuration that runs programs is not trusted, if it is not.
    untrusted: Option<Distrust>,
    /// Whether the file's directory is to be looked at before a program is run.
    is_file: bool,
}

/// A profile's own keys, and the defaults that apply to it.
#[derive(Default)]
pub struct Layers {
    pub defaults: Values,
    /// `None` where the file has no such profile.
    pub profile: Option<Values>,
}

impl Config {
    /// Reads the file that `--config` names, else the usual one, which may be absent.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        let absent_is_fine = named.is_none() && env::var("TOKCTL_CONFIG").is_none();
        Self::load_or(named, absent_is_fine)
    }

    /// The same for who is about to write it: also one that is named need not be there.
    pub fn load_to_change(named: Option<&Path>) -> Result<Self> {
        Self::load_or(named, true)
    }

    fn load_or(named: Option<&Path>, absent_is_fine: bool) -> Result<Self> {
        let Some(path) = named.map(Path::to_owned).or_else(env::config_file) else {
            return Ok(Self {
                path: None,
                text: Arc::default(),
                untrusted: None,
                is_file: false,
            });
        };
        let refuse = |why: String| Error::config(format!("{}: {why}", path.display()));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound && absent_is_fine => {
                return Ok(Self {
                    path: Some(path),
                    text: Arc::default(),
                    untrusted: None,
                    is_file: false,
                });
            }
            Err(cause) => {
                let error = refuse(io_cause(&cause));
                return Err(match files::readable(&path, &cause) {
                    Some(command) => error.hint(command),
                    None => error,
                });
            }
        };
        let metadata = file.metadata().map_err(|cause| refuse(io_cause(&cause)))?;
        if metadata.is_dir() {
            return Err(refuse("it is a directory".to_owned()));
        }
        if let Some(why) = anybodys(&metadata) {
            let hint = format!("run: chmod go-w {}", shell_word(&path.to_string_lossy()));
            return Err(refuse(why).hint(hint));
        }
        let mut bytes =
            Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).min(1 << 20) + 1);
        bounded::read(file, MAX_BYTES, &mut bytes).map_err(|cause| refuse(io_cause(&cause)))?;
        let text = Arc::new(bytes);
        let shared = Arc::clone(&text);
        env::name_secrets(move || named_variables(&shared));
        Ok(Self {
            untrusted: untrusted(&path, &metadata),
            is_file: true,
            path: Some(path),
            text,
        })
    }

    /// What a profile needs of the configuration, for a process that may not be able to read it again.
    pub fn excerpt(&self, name: &str) -> (Option<PathBuf>, String) {
        let part = slice::for_profile(&self.text, name, "profile");
        let path = self
            .path
            .as_ref()
            .and_then(|path| std::path::absolute(path).ok());
        (
            path,
            part.unwrap_or_else(|| String::from_utf8_lossy(&self.text).into_owned()),
        )
    }

    /// The configuration from such an excerpt, which has been checked before.
    pub fn from_excerpt(path: Option<PathBuf>, text: String) -> Self {
        Self {
            path,
            text: Arc::new(text.into_bytes()),
            untrusted: None,
            is_file: false,
        }
    }

    /// A configuration that is not in a file.
    #[cfg(any(test, fuzzing))]
    pub fn from_text(text: impl AsRef<[u8]>) -> Self {
        Self {
            path: None,
            text: Arc::new(text.as_ref().to_owned()),
            untrusted: None,
            is_file: false,
        }
    }

    /// The keys that `[defaults]` and `[profile.NAME]` set.
    pub fn layers(&self, name: &str) -> Result<Layers> {
        // The whole text is parsed where the quick reading fails, so that the error is about it.
        let quick = slice::for_profile(&self.text, name, "profile")
            .and_then(|part| self.read(&part, name).ok());
        match quick {
            Some(layers) => Ok(layers),
            None => self
                .read(self.whole()?, name)
                .map_err(|fault| self.error(&fault)),
        }
    }

    /// The same of every profile in the order of the file, from one reading of it. What is wrong in one of
    /// them is its own error, and does not keep the others from being used.
    pub fn all_layers(&self) -> Result<Vec<(String, Result<Layers>)>> {
        let located = |fault: Located| self.error(&fault);
        let parsed = parse(self.whole()?).map_err(located)?;
        let defaults = self.defaults(parsed.get_ref()).map_err(located);
        let layers = |(name, value): (&Name<'_>, &Spanned<DeValue<'_>>)| {
            let defaults = defaults.clone()?;
            let profile = Some(self.own(name, value).map_err(located)?);
            Ok(Layers { defaults, profile })
        };
        let profiles = in_order(parsed.get_ref()).map_err(located)?.into_iter();
        Ok(profiles
            .map(|profile| (profile.0.get_ref().to_string(), layers(profile)))
            .collect())
    }

    /// Every profile's name, in the order of the file.
    pub fn names(&self) -> Result<Vec<String>> {
        let located = |fault: Located| self.error(&fault);
        let parsed = parse(self.whole()?).map_err(located)?;
        let profiles = in_order(parsed.get_ref()).map_err(located)?.into_iter();
        Ok(profiles
            .map(|(name, _)| name.get_ref().to_string())
            .collect())
    }

    /// That a variable which is made of a profile's name means no other profile of the file. Where the file cannot be
    /// read, nobody knows.
    ///
    /// # Errors
    /// [`Kind::Config`] that names both, with the remedy.
    pub fn alone_with(&self, variable: &str, name: &str, remedy: &str) -> Result<()> {
        match self.namesake(name) {
            None => Ok(()),
            Some(other) => {
                let what = format!(
                    "{variable} is set, and means profile {name:?} and profile {other:?} alike"
                );
                Err(Error::config(what).hint(remedy))
            }
        }
    }

    /// Another profile whose name gives the same part of a variable's name.
    fn namesake(&self, name: &str) -> Option<String> {
        let part = env::variable_part(name);
        let is_other = |other: &String| other != name && env::variable_part(other) == part;
        self.names().ok()?.into_iter().find(is_other)
    }

    /// Whether the file's text has this somewhere, whatever the case of its letters.
    pub fn mentions(&self, word: &str) -> bool {
        let text = self.text.to_ascii_lowercase();
        memchr::memmem::find(&text, word.to_ascii_lowercase().as_bytes()).is_some()
    }

    /// The file's path, to be named in messages.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Says that there is no such profile, what is nearest to it and how to see what there is.
    pub fn no_such_profile(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default();
        let presets: Vec<&str> = super::preset::names().collect();
        let all = names.iter().map(String::as_str).chain(presets);
        let near = fault::nearest(name, all);
        let meant = near
            .as_ref()
            .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        let place = match &self.path {
            Some(path) if path.exists() => format!("in {}", path.display()),
            Some(path) => format!("({} does not exist)", path.display()),
            None => "(no configuration file)".to_owned(),
        };
        Error::new(
            Kind::UnknownProfile,
            format!("no profile {name:?} {place}{meant}"),
        )
        .hint(match (names.as_slice(), near) {
            ([], _) => "to set one up, run: tokctl add".to_owned(),
            (_, Some(near)) if names.contains(&near) => {
                let call = env::call_with(name, &near);
                call.map_or_else(|| LISTED.to_owned(), |call| format!("run: {call}"))
            }
            ([only], _) => {
                let call = env::call_with(name, only);
                let call = call.map_or_else(String::new, |call| format!("; run: {call}"));
                let name = shell_word(name);
                format!("the only profile is {only:?}{call}; to set up another one, run: tokctl add {name}")
            }
            _ => LISTED.to_owned(),
        })
    }

    /// Why a program that the file names would not be run: others could have written it.
    pub fn untrusted(&self) -> Option<&Distrust> {
        self.untrusted.as_ref()
    }

    /// The same of the directory, in which they could put another file in its place.
    pub fn untrusted_dir(&self) -> Option<Distrust> {
        untrusted_dir(self.path.as_ref().filter(|_| self.is_file)?)
    }

    /// An error of a profile that concerns no single line.
    pub fn profile_error(&self, name: &str, what: &str) -> Error {
        let path = self.path.as_ref().filter(|_| !self.text.is_empty());
        let place = path.map_or_else(String::new, |path| format!("{}: ", path.display()));
        Error::config(format!("{place}profile {name:?}: {what}"))
    }

    /// Others are not checked: an error in one profile does not take the others away.
    fn read(&self, text: &str, name: &str) -> Result<Layers, Located> {
        let parsed = parse(text)?;
        let defaults = self.defaults(parsed.get_ref())?;
        let found = profiles(parsed.get_ref())?.and_then(|all| all.get_key_value(name));
        let profile = found.map(|(name, value)| self.own(name, value));
        Ok(Layers {
            defaults,
            profile: profile.transpose()?,
        })
    }

    /// The keys of `[defaults]`.
    pub(super) fn defaults(&self, parsed: &DeTable<'_>) -> Result<Values, Located> {
        let Some((key, value)) = parsed.get_key_value("defaults") else {
            return Ok(Values::new());
        };
        table(value)
            .and_then(without_preset)
            .and_then(keys::check)
            .and_then(|values| self.check_trust(key, values))
            .map_err(|fault| Located::of("[defaults]", fault))
    }

    /// The keys of one profile.
    pub(super) fn own(
        &self,
        name: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Values, Located> {
        check_name(name)
            .and_then(|()| table(value))
            .and_then(keys::check)
            .and_then(|values| self.check_trust(name, values))
            .map_err(|fault| Located::of(&named(name), fault))
    }

    /// Refuses a program named in a file that others could have written, and names files in full.
    pub(super) fn check_trust(&self, at: &Name<'_>, values: Values) -> Result<Values, Fault> {
        let runs = |value: &Value| match value {
            Value::Secret(source) => source.runs_a_program(),
            Value::Token(source) => source.runs_a_program(),
            _ => false,
        };
        if !values.values().any(runs) {
            return Ok(keys::based_on(values, self.dir()));
        }
        let file = self.untrusted.clone().map(|found| Distrust {
            why: format!("the file {}", found.why),
            ..found
        });
        match file.or_else(|| self.untrusted_dir()) {
            Some(found) => {
                let what = format!("names a program to run, but {}", found.why);
                Err(Fault {
                    hint: Some(format!("run: {}", found.remedy)),
                    ..Fault::new(at.span(), what)
                })
            }
            None => Ok(keys::based_on(values, self.dir())),
        }
    }

    /// The file's text.
    pub fn whole(&self) -> Result<&str> {
        self.utf8().map_err(|located| self.error(&located))
    }

    /// The same with the place where it is none.
    pub(super) fn utf8(&self) -> Result<&str, Located> {
        std::str::from_utf8(&self.text).map_err(|cause| {
            let at = cause.valid_up_to()..cause.valid_up_to();
            Located::bare(at, "the file is not UTF-8 text".to_owned())
        })
    }

    /// Where relative paths begin.
    fn dir(&self) -> &Path {
        self.path
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/"))
    }

    fn error(&self, fault: &Located) -> Error {
        let line_of = |at: usize| {
            let before = &self.text[..at.min(self.text.len())];
            memchr::memchr_iter(b'\n', before).count() + 1
        };
        let line = line_of(fault.at.start);
        let path = self
            .path
            .as_ref()
            .map_or_else(String::new, |path| path.display().to_string());
        let profile = fault
            .profile
            .as_ref()
            .map_or_else(String::new, |name| format!("{name}: "));
        let shown = fault.also.iter().take(MOST_FAULTS - 1);
        let mut also: String = shown
            .map(|(at, what)| format!("; line {}: {what}", line_of(at.start)))
            .collect();
        if fault.also.len() >= MOST_FAULTS {
            also.push_str("; and more");
        }
        let error = Error::config(format!("{path}:{line}: {profile}{}{also}", fault.what));
        let mend = || format!("to change the file, run: {}", self.editor());
        error.hint(fault.hint.clone().unwrap_or_else(mend))
    }

    /// The command that changes the file by hand.
    fn editor(&self) -> String {
        match &self.path {
            Some(path) if env::config_file().as_ref() != Some(path) => {
                let path = shell_word(&path.to_string_lossy());
                format!("tokctl --config {path} config edit")
            }
            _ => "tokctl config edit".to_owned(),
        }
    }
}

const LISTED: &str = "to list the profiles, run: tokctl status";

/// A profile, for messages.
pub(super) fn named(name: &Name<'_>) -> String {
    format!("profile {:?}", name.get_ref())
}

/// The variables that a configuration names anywhere as the source of a secret (`env = "NAME"`), also where the rest
/// of it cannot be read.
fn named_variables(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let named = text.split("env").skip(1).filter_map(|after| {
        let value = after.trim_start_matches(['"', '\'']).trim_start();
        let value = value.strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let (name, _) = value[1..].split_once(quote)?;
        Some(name.to_owned())
    });
    named.collect()
}

/// A table's name, with its place in the text.
pub(super) type Name<'t> = Spanned<Cow<'t, str>>;

/// A text's tables, of which each is one that is known.
fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Located> {
    let parsed = DeTable::parse(text).map_err(|cause| unparsed(text, &cause))?;
    match parsed.get_ref().iter().find(|(key, _)| !is_table(key)) {
        Some((key, value)) => Err(misplaced(key, value)),
        None => Ok(parsed),
    }
}

/// All that is below `[profile]`.
fn profiles<'p, 't>(parsed: &'p DeTable<'t>) -> Result<Option<&'p DeTable<'t>>, Located> {
    let all = parsed.get("profile").map(table).transpose();
    all.map_err(|fault| Located::of("[profile]", fault))
}

/// The profiles in the order of the file.
fn in_order<'p, 't>(
    parsed: &'p DeTable<'t>,
) -> Result<Vec<(&'p Name<'t>, &'p Spanned<DeValue<'t>>)>, Located> {
    let mut all: Vec<_> = profiles(parsed)?.into_iter().flatten().collect();
    all.sort_by_key(|(name, _)| name.span().start);
    Ok(all)
}

/// Of so many faults in one table each is told.
const MOST_FAULTS: usize = 4;

/// A fault with the table it is in.
pub(super) struct Located {
    pub at: std::ops::Range<usize>,
    pub what: String,
    pub hint: Option<String>,
    pub profile: Option<String>,
    also: Vec<(std::ops::Range<usize>, String)>,
}

impl Located {
    /// A fault of the whole text.
    fn bare(at: std::ops::Range<usize>, what: String) -> Self {
        Self {
            at,
            what,
            hint: None,
            profile: None,
            also: Vec::new(),
        }
    }

    pub fn of(table: &str, fault: Fault) -> Self {
        Self {
            at: fault.at,
            what: fault.what,
            hint: fault.hint,
            profile: Some(table.to_owned()),
            also: fault.also,
        }
    }
}

/// A text that is no TOML.
pub(super) fn unparsed(text: &str, cause: &toml::de::Error) -> Located {
    let at = cause.span().unwrap_or(0..0);
    // The message alone: the parser's long form quotes the line, which may hold a secret.
    let mut what = cause.message().lines().collect::<Vec<_>>().join(", ");
    if what == "duplicate key" {
        let key = text.get(at.clone()).unwrap_or_default();
        what = format!("duplicate key {key}: keep one of the two");
    }
    Located::bare(at, what)
}

/// What a configuration is made of.
const TABLES: [&str; 2] = ["defaults", "profile"];

pub(super) fn is_table(key: &Name<'_>) -> bool {
    TABLES.contains(&key.get_ref().as_ref())
}

/// What stands beside the tables that there are: a key that belongs into one of them, or a profile without the word.
pub(super) fn misplaced(key: &Name<'_>, value: &Spanned<DeValue<'_>>) -> Located {
    let name = key.get_ref().as_ref();
    let is_table = value.get_ref().is_table();
    let what = if keys::is_key(name) && !is_table {
        format!(
            "{name} stands before any table: below [defaults] it is for all profiles, below [profile.NAME] for one"
        )
    } else if is_table && fault::nearest(name, TABLES.into_iter()).is_none() {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let head = match is_name(name) {
            true if name.chars().all(is_bare) => name.to_owned(),
            true => format!("{name:?}"),
            false => "NAME".to_owned(),
        };
        format!("unknown table [{name}]; a profile's table is [profile.{head}]")
    } else {
        unknown(key, TABLES.into_iter()).what
    };
    Located::bare(key.span(), what)
}

pub(super) fn table<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> Result<&'v DeTable<'i>, Fault> {
    value.get_ref().as_table().ok_or_else(|| {
        Fault::new(
            value.span(),
            format!("must be a table, not {}", kind(value.get_ref())),
        )
    })
}

/// What all profiles have in common is no service.
pub(super) fn without_preset<'v, 'i>(defaults: &'v DeTable<'i>) -> Result<&'v DeTable<'i>, Fault> {
    match defaults.get_key_value("preset") {
        Some((key, _)) => Err(Fault::new(key.span(), "preset belongs into a profile")),
        None => Ok(defaults),
    }
}

/// A profile's name becomes part of file names, messages and command lines.
pub(super) fn check_name(name: &Name<'_>) -> Result<(), Fault> {
    if is_name(name.get_ref()) {
        return Ok(());
    }
    Err(Fault::new(name.span(), NAMES))
}

/// What a profile can be called.
pub const NAMES: &str = "a profile's name is made of at most 128 letters, digits and -_.@+: and starts with a letter or digit";

/// Whether a profile can be called so.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+:".contains(c);
    !text.is_empty()
        && text.len() <= 128
        && !text.starts_with(['-', '.'])
        && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::named_variables;

    #[test]
    fn every_variable_that_is_a_source_is_found() {
        let text = "a = { env = \"ONE\" }\nb.env='TWO'\n[x]\n\"env\" = \"THREE\"\nc = { env_file = \"f\", env  =  \"FOUR\" }\n\
                    environment = \"no\"\nenv = 1\nenv";
        assert_eq!(
            named_variables(text.as_bytes()),
            ["ONE", "TWO", "THREE", "FOUR"]
        );
    }
}
