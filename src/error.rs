//! The one error: what happened, what to do about it, and the exit code a script can act on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of failure it was, which fixes the exit code and the stable `code` of `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reading, writing or something unforeseen.
    Io,
    /// The command line does not fit.
    Usage,
    /// The configuration is wrong.
    Config,
    /// No such profile, in the configuration or among the presets.
    UnknownProfile,
    /// A secret's source gave nothing.
    NoSecret,
    /// A person must log in.
    LoginRequired,
    /// The server said no, and would say so again.
    Refused,
    /// Worth trying again later.
    Temporary,
    /// The store is locked.
    StoreLocked,
    /// The store is absent or cannot be used.
    StoreUnavailable,
}

impl Kind {
    /// The process's exit code, as the manual page lists them.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Io => 1,
            Self::Usage => 2,
            Self::Config | Self::UnknownProfile | Self::NoSecret => 3,
            Self::LoginRequired => 4,
            Self::Refused => 5,
            Self::Temporary => 6,
            Self::StoreLocked | Self::StoreUnavailable => 7,
        }
    }

    /// The stable name in JSON errors.
    pub fn code(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::UnknownProfile => "unknown_profile",
            Self::NoSecret => "no_secret",
            Self::LoginRequired => "login_required",
            Self::Refused => "refused",
            Self::Temporary => "temporary",
            Self::StoreLocked => "store_locked",
            Self::StoreUnavailable => "store_unavailable",
        }
    }
}

/// A failure as a person and a script see it. Never holds a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Error {
    /// The kind, and with it the exit code.
    pub kind: Kind,
    /// The profile that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What happened, without the profile's name: one line, lower case, no full stop.
    pub message: String,
    /// What to do about it: one line.
    pub hint: Option<String>,
    /// The server's `error` code, where there was one.
    pub oauth_code: Option<String>,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
}

/// What every fallible function of this program returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            profile: None,
            message: message.into(),
            hint: None,
            oauth_code: None,
            http_status: None,
        }
    }

    /// A failure of `kind` that is about a profile.
    pub fn about(profile: &str, kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, message).of(profile)
    }

    /// The same, as what it is about.
    #[must_use]
    pub fn of(mut self, profile: &str) -> Self {
        self.profile = Some(profile.to_owned());
        self
    }

    /// The same with the one thing to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A configuration error.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An I/O failure, with what was being done.
    pub fn io(doing: impl fmt::Display, cause: &std::io::Error) -> Self {
        Self::new(Kind::Io, format!("{doing}: {}", io_cause(cause)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.profile {
            Some(profile) => f.write_str(&about(profile, &self.message)),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// Words about a profile.
pub fn about(profile: &str, what: &str) -> String {
    format!("profile {profile:?}: {what}")
}

/// The operating system's words without Rust's "(os error 2)", in lower case; with the limit's name, which
/// nobody knows by heart, where it is one.
pub fn io_cause(cause: &std::io::Error) -> String {
    #[cfg(unix)]
    if let Some(nix::libc::EMFILE | nix::libc::ENFILE) = cause.raw_os_error() {
        return "too many open files: raise the limit (ulimit -n, LimitNOFILE=)".to_owned();
    }
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// The command that a hint names: what comes after "run:", to the end of that part.
pub fn command(hint: &str) -> Option<&str> {
    let (_, rest) = hint.split_once("run: ")?;
    let end = ["; ", " (", ", or "]
        .iter()
        .filter_map(|end| rest.find(end))
        .min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// What is done for a profile where no keyring can be used.
pub fn in_a_file(profile: &str) -> String {
    let name = shell_word(profile);
    format!(
        "for an encrypted file in its place, run: tokctl config set {name} store encrypted-file"
    )
}

/// A word as it can be typed into a shell.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{io_cause, shell_word};

    #[test]
    fn a_system_error_reads_as_plain_words() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(io_cause(&error), "no such file or directory");
        #[cfg(unix)]
        {
            let error = std::io::Error::from_raw_os_error(nix::libc::EMFILE);
            assert!(io_cause(&error).contains("(ulimit -n, LimitNOFILE=)"));
        }
    }

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(shell_word("corp.example"), "corp.example");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
