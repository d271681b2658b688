//! Where a secret comes from: never from the command line, and read only when a request needs it.

use super::fault::{Fault, unknown};
use super::raw::{kind, text};
use crate::bounded::{self, NO_TEXT};
use crate::clock::Deadline;
use crate::env;
use crate::error::{Error, Kind, Result, io_cause, shell_word};
use crate::files;
use crate::hash::quoted;
use crate::program;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// No secret, key or certificate password is longer, and a pipe that never ends must.
const MAX_BYTES: u64 = 64 * 1024;

/// A place that a secret is read from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A variable in a file of `NAME=value` lines; without a name, `<PROFILE>_CLIENT_SECRET`.
    EnvFile {
        #[serde(with = "crate::files::path_bytes")]
        file: PathBuf,
        name: Option<String>,
    },
    /// A whole file.
    File(#[serde(with = "crate::files::path_bytes")] PathBuf),
    /// What a program prints.
    Command(Vec<String>),
    /// A file in systemd's `$CREDENTIALS_DIRECTORY`.
    SystemdCredential(String),
    /// The profile's own store, filled by `tokctl secret set`.
    Keyring,
    /// In the configuration itself.
    Literal(Secret),
}

const KEYS: &[&str] = &[
    "env",
    "env_file",
    "file",
    "command",
    "systemd_credential",
    "keyring",
];

impl SecretSource {
    /// From a value of the configuration.
    pub(super) fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let Some(table) = value.get_ref().as_table() else {
            return Self::read_literal(value);
        };
        if let Some((key, _)) = table
            .iter()
            .find(|(key, _)| !KEYS.contains(&key.get_ref().as_ref()))
        {
            return Err(unknown(key, KEYS.iter().copied()));
        }
        let get = |key: &str| table.get(key);
        if let Some(file) = get("env_file") {
            let name = get("env").map(text).transpose()?;
            let others = table.len() - 1 - usize::from(name.is_some());
            if others > 0 {
                return Err(Fault::new(value.span(), "env_file goes with env alone"));
            }
            return Ok(Self::EnvFile {
                file: PathBuf::from(text(file)?),
                name,
            });
        }
        if table.len() != 1 {
            let what = format!("must name exactly one of {}", KEYS.join(", "));
            return Err(Fault::new(value.span(), what));
        }
        if let Some(name) = get("env") {
            return text(name).map(Self::Env);
        }
        if let Some(file) = get("file") {
            return Ok(Self::File(PathBuf::from(text(file)?)));
        }
        if let Some(name) = get("systemd_credential") {
            let plain = text(name)?;
            if plain.contains('/') || plain.starts_with('.') {
                return Err(Fault::new(
                    name.span(),
                    "systemd_credential: must be a plain name",
                ));
            }
            return Ok(Self::SystemdCredential(plain));
        }
        if let Some(command) = get("command") {
            return Self::read_command(command);
        }
        match get("keyring").and_then(|flag| flag.get_ref().as_bool()) {
            Some(true) => Ok(Self::Keyring),
            _ => Err(Fault::new(value.span(), "keyring: the only value is true")),
        }
    }

    /// What is no table: the secret itself, or something that the error does not quote, since it may be the secret.
    fn read_literal(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        match value.get_ref().as_str() {
            Some("") => Err(Fault::new(value.span(), "must not be empty")),
            Some(literal) => Ok(Self::Literal(Secret::from_line(literal.to_owned()))),
            None => {
                let what = format!(
                    "must be a table such as {{ env = \"NAME\" }}, not {}",
                    kind(value.get_ref())
                );
                Err(Fault::new(value.span(), what))
            }
        }
    }

    fn read_command(value: &Spanned<DeValue<'_>>) -> Result<Self, Fault> {
        let words = value
            .get_ref()
            .as_array()
            .map(|words| words.iter().map(text).collect());
        match words {
            Some(Ok(words)) if Vec::is_empty(&words) => {
                Err(Fault::new(value.span(), "command: must name a program"))
            }
            Some(words) => words.map(Self::Command),
            None => {
                let what = "command: must be an array such as [\"pass\", \"show\", \"corp\"]; no shell is used";
                Err(Fault::new(value.span(), what))
            }
        }
    }

    /// The same with its file named from the configuration's directory.
    pub(super) fn based_on(mut self, dir: &Path) -> Self {
        match &mut self {
            Self::File(file) | Self::EnvFile { file, .. } => {
                *file = env::configured_path(file, dir);
            }
            // A program that is named by a path; one without is looked for in PATH.
            Self::Command(words) => {
                if let Some(program) = words.first_mut().filter(|word| word.contains('/')) {
                    let path = env::configured_path(Path::new(program.as_str()), dir);
                    *program = path.to_string_lossy().into_owned();
                }
            }
            _ => {}
        }
        self
    }

    /// Whether reading it runs a program, so that whoever can write the configuration can run one.
    pub fn runs_a_program(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// The source in words, for messages: never the secret.
    pub fn describe(&self) -> String {
        match self {
            Self::Env(name) => format!("environment variable {name}"),
            Self::EnvFile {
                file,
                name: Some(name),
            } => format!("variable {name} in {}", file.display()),
            Self::EnvFile { file, name: None } | Self::File(file) => {
                format!("file {}", file.display())
            }
            Self::Command(words) => {
                format!("command {:?}", words.first().map_or("", String::as_str))
            }
            Self::SystemdCredential(name) => format!("systemd credential {name:?}"),
            Self::Keyring => "the store".to_owned(),
            Self::Literal(_) => "the configuration file itself".to_owned(),
        }
    }

    /// The source as it stands in stored names: as the first versions wrote it, and not to be changed.
    pub fn stable_name(&self) -> String {
        match self {
            Self::Env(name) => format!("environment variable {name}"),
            Self::EnvFile {
                file,
                name: Some(name),
            } => format!("variable {name} in {}", file.display()),
            Self::EnvFile { file, name: None } | Self::File(file) => {
                format!("file {}", file.display())
            }
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                format!("command {}", quoted(program))
            }
            Self::SystemdCredential(name) => format!("systemd credential {}", quoted(name)),
            Self::Keyring => "the store".to_owned(),
            Self::Literal(_) => "the configuration file itself".to_owned(),
        }
    }

    /// Reads the secret that `key` of a profile names; what the store holds is the caller's to look up and
    /// is `None` here.
    ///
    /// # Errors
    /// [`Kind::NoSecret`] naming the key, and the source that was looked at.
    pub fn resolve(&self, profile: &str, key: &str, deadline: Deadline) -> Result<Option<Secret>> {
        let found = match self {
            Self::Keyring => return Ok(None),
            Self::Literal(secret) => Ok(secret.clone()),
            Self::Env(name) => from_env(name),
            Self::EnvFile { file, name } => {
                let usual = || env::usual_secret_variable(profile);
                from_env_file(file, &name.clone().unwrap_or_else(usual))
            }
            Self::File(file) => from_file(file),
            Self::SystemdCredential(name) => match env::credentials_directory() {
                Some(directory) => from_file(&directory.join(name)),
                None => Err(
                    "CREDENTIALS_DIRECTORY is not set: not started by systemd with this credential"
                        .to_owned(),
                ),
            },
            Self::Command(words) => program::output(words, MAX_BYTES, deadline).and_then(|text| {
                let text = std::str::from_utf8(&text).map_err(|_| NO_TEXT)?;
                Ok(Secret::from_line(text.to_owned()))
            }),
        };
        match found {
            Ok(secret) if secret.is_empty() => Err(self.nothing(profile, key, "it is empty")),
            Ok(secret) => Ok(Some(secret)),
            Err(why) => Err(self.nothing(profile, key, &why)),
        }
    }

    fn nothing(&self, profile: &str, key: &str, why: &str) -> Error {
        let what = format!("no {key} from {}: {why}", self.describe());
        let error = Error::about(profile, Kind::NoSecret, what);
        if key == "client_key" && why == NO_TEXT {
            return error.hint(
                "if it is DER, convert it to PEM: openssl pkey -inform DER -in KEY -out NEW",
            );
        }
        match self {
            Self::File(file) | Self::EnvFile { file, .. } if why == BARRED => error.hint(format!(
                "run: chmod u+r {}",
                shell_word(&file.to_string_lossy())
            )),
            _ => match self.entered(profile).filter(|_| key == "client_secret") {
                Some(command) => error.hint(format!("to enter it, run: {command}")),
                None => error,
            },
        }
    }

    /// The command that takes a secret from a person to where this looks for it, if there is one.
    pub fn entered(&self, profile: &str) -> Option<String> {
        match self {
            Self::Keyring => Some(format!("tokctl secret set {}", shell_word(profile))),
            Self::Env(name) => Some(format!("IFS= read -rs {name} && export {name}")),
            // In a file that nobody else can read.
            Self::File(file) => {
                let file = shell_word(&file.to_string_lossy());
                Some(format!("(umask 077 && cat > {file})"))
            }
            _ => None,
        }
    }
}

/// A file's mode, in the system's words.
const BARRED: &str = "permission denied";

fn from_env(name: &str) -> Result<Secret, String> {
    env::var(name)
        .map(Secret::from_line)
        .ok_or_else(|| "it is not set".to_owned())
}

/// Reads a file of `NAME=value` lines as systemd and docker do: nothing in a value is interpreted, only
/// one pair of quotes around the whole of it is taken off.
fn from_env_file(file: &Path, name: &str) -> Result<Secret, String> {
    // The environment wins over the file, as everywhere where .env files are used.
    if let Ok(secret) = from_env(name) {
        return Ok(secret);
    }
    let text = from_file(file)?;
    let value = text.expose().lines().rev().find_map(|line| {
        let line = line.trim();
        let (key, value) = line
            .strip_prefix("export ")
            .unwrap_or(line)
            .split_once('=')?;
        (key.trim() == name).then_some(value.trim())
    });
    let value = value.ok_or_else(|| format!("it has no variable {name}"))?;
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Ok(Secret::new(
        quoted('"')
            .or_else(|| quoted('\''))
            .unwrap_or(value)
            .to_owned(),
    ))
}

/// Reads a small text file.
pub fn from_file(file: &Path) -> Result<Secret, String> {
    files::open_regular(file)
        .and_then(|file| bounded::text(file, MAX_BYTES))
        .map(Secret::from_line)
        .map_err(|cause| io_cause(&cause))
}
