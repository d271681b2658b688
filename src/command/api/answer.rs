//! What a service answers: the body to its place, and the exit code and the words for a status that is
//! no success.

use super::challenge::Challenge;
use super::target::Target;
use crate::cli;
use crate::clock;
use crate::error::{Error, Kind, Result, shell_word};
use crate::files;
use crate::http::{self, Failure, Incoming};
use crate::profile::{Grant, Profile};
use crate::secret::Secret;
use crate::text;
use crate::ui;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// What is read at once, in either direction.
const BUFFER: usize = 64 * 1024;

/// A pipe's reader is waited for as long as a service may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// A service's message is in the first of its body.
const MESSAGE: usize = 64 * 1024;

/// The first of a body that was refused, which is looked at for the service's words.
pub fn start_of(profile: &Profile, incoming: &mut Incoming) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut buffer = vec![0; BUFFER];
    while start.len() < MESSAGE {
        let read = incoming
            .read(&mut buffer)
            .map_err(|failure| temporary(profile, failure))?;
        if read == 0 {
            break;
        }
        start.extend_from_slice(&buffer[..read]);
    }
    Ok(start)
}

/// Writes the answer, as far as it is wanted: header, what was read of the body, and its rest.
pub fn write(
    profile: &Profile,
    incoming: &mut Incoming,
    start: &[u8],
    wanted: &cli::Api,
) -> Result<()> {
    let head = wanted.include;
    let mut output = Output::open(wanted.output.as_deref())?;
    let mut buffer = vec![0; BUFFER];
    if head && !output.write(header(incoming).as_bytes())? {
        return Ok(());
    }
    if !output.write(start)? {
        return Ok(());
    }
    loop {
        let read = incoming
            .read(&mut buffer)
            .map_err(|failure| temporary(profile, failure))?;
        if read == 0 {
            return output.finish();
        }
        if !output.write(&buffer[..read])? {
            return Ok(());
        }
    }
}

/// Status line and header fields as they are on the wire.
fn header(incoming: &Incoming) -> String {
    let status = format!(
        "{} {} {}",
        incoming.head.version, incoming.head.status, incoming.head.reason
    );
    let mut text = format!("{}\r\n", status.trim_end());
    for (name, value) in &incoming.head.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// Where an answer is written to.
enum Output {
    Stdout(io::StdoutLock<'static>),
    /// A device or a pipe, which cannot be replaced.
    Device(File, PathBuf),
    /// A file that is replaced when the answer is whole.
    New(NamedTempFile, PathBuf),
}

impl Output {
    fn open(to: Option<&Path>) -> Result<Self> {
        let Some(path) = to.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout(ui::output()));
        };
        let failed = |cause| Error::io(path.display(), &cause);
        let special = fs::metadata(path).is_ok_and(|there| !there.is_file());
        if special {
            let device = files::open_device(path, SILENCE).map_err(failed)?;
            return Ok(Self::Device(device, path.to_owned()));
        }
        // Through a link of the user's to the file that it stands for.
        files::check_link(path).map_err(failed)?;
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let file = NamedTempFile::new_in(dir.unwrap_or(Path::new("."))).map_err(failed)?;
        Ok(Self::New(file, path))
    }

    /// Whether anybody still reads.
    fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        let (written, name) = match self {
            Self::Stdout(stdout) => (stdout.write_all(bytes), "stdout".into()),
            Self::Device(device, path) => (device.write_all(bytes), path.display().to_string()),
            Self::New(file, path) => (file.write_all(bytes), path.display().to_string()),
        };
        match written {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(cause) => Err(Error::io(format!("writing to {name}"), &cause)),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Stdout(mut stdout) => match stdout.flush() {
                Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Error::io("writing to stdout", &cause))
                }
                _ => Ok(()),
            },
            Self::Device(..) => Ok(()),
            Self::New(file, path) => match file.persist(&path) {
                Ok(_) => Ok(()),
                Err(cause) => Err(Error::io(path.display(), &cause.error)),
            },
        }
    }
}

/// A failure of the connection, which another try may not have.
pub fn temporary(profile: &Profile, failure: Failure) -> Error {
    let error = Error {
        kind: Kind::Temporary,
        ..profile.error(Kind::Config, failure.what)
    };
    match failure.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An answer that is no success.
pub struct Refusal<'a> {
    pub method: &'a str,
    pub target: &'a Target,
    pub incoming: &'a Incoming,
    /// The first of the body.
    pub start: &'a [u8],
}

/// A status that is no success, in words and an exit code.
pub fn refusal(profile: &Profile, refusal: &Refusal<'_>, token: &Secret) -> Error {
    let Refusal {
        method,
        target,
        incoming,
        start,
    } = *refusal;
    let status = incoming.head.status;
    let challenge = Challenge::of(incoming);
    let scope = missing_scope(incoming, &challenge, token);
    let may_log_in = matches!(profile.grant, Grant::Login(_));
    let kind = match status {
        408 | 425 | 429 | 500..=599 => Kind::Temporary,
        401 if may_log_in => Kind::LoginRequired,
        403 if may_log_in && challenge.error.as_deref() == Some("insufficient_scope") => {
            Kind::LoginRequired
        }
        _ => Kind::Refused,
    };
    let host = target.endpoint.host();
    let words = service_words(incoming, start, token)
        .map_or_else(String::new, |words| format!(": {words}"));
    let what = format!(
        "{host} answered {method} with {status} {}",
        http::reason(status)
    );
    let mut error = profile.error(Kind::Config, format!("{}{words}", what.trim_end()));
    error.kind = kind;
    error.http_status = Some(status);
    error.oauth_code = challenge
        .error
        .map(|error| text::clean(&error, 100, &[token]));
    match hint(profile, incoming, scope) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What to do about a status.
fn hint(profile: &Profile, incoming: &Incoming, scope: Option<Vec<String>>) -> Option<String> {
    let status = incoming.head.status;
    let may_log_in = matches!(profile.grant, Grant::Login(_));
    let name = shell_word(&profile.name);
    match (status, scope) {
        (401 | 403 | 404, Some(scope)) if scope.is_empty() => {
            let run = if may_log_in {
                format!("tokctl login {name} --scope +SCOPE")
            } else {
                format!("tokctl add {name} --change --scope SCOPE")
            };
            Some(format!("it needs another scope, and does not say which; run: {run}"))
        }
        (401 | 403 | 404, Some(scope)) if may_log_in => {
            let more: Vec<String> = scope.iter().map(|word| shell_word(&format!("+{word}"))).collect();
            Some(format!(
                "it needs a scope that was not granted; run: tokctl login {name} --scope {}",
                more.join(" --scope ")
            ))
        }
        (401 | 403 | 404, Some(scope)) => {
            let all: BTreeSet<&String> = profile.request.scope.iter().chain(&scope).collect();
            let all: Vec<&str> = all.into_iter().map(String::as_str).collect();
            Some(format!(
                "it needs the scope {:?}; to ask for it too, run: tokctl add {name} --change --scope {}",
                scope.join(" "),
                shell_word(&all.join(" "))
            ))
        }
        (401, None) if may_log_in => Some(format!(
            "the token was renewed and is refused all the same; run: tokctl login {name}"
        )),
        (401, None) => Some(
            "the token is not one for this API: compare the profile's audience, resource and scope with what the \
             service's manual asks for"
                .to_owned(),
        ),
        (429 | 503, None) => {
            let after = incoming.head.header("retry-after")?.trim();
            match after.parse::<i64>() {
                Ok(seconds) => Some(format!("try again in {}", clock::words(seconds.clamp(0, 86_400 * 365)))),
                Err(_) => Some(format!("try again after {}", text::clean(after, 60, &[]))),
            }
        }
        _ => None,
    }
}

/// The scopes that the service misses, where it says so: by RFC 6750, which need not name them, or as GitHub does by what
/// it accepts and what the token has.
fn missing_scope(
    incoming: &Incoming,
    challenge: &Challenge,
    token: &Secret,
) -> Option<Vec<String>> {
    let split = |text: &str| -> Vec<String> {
        let text = text::clean(text, 300, &[token]);
        let found = text.split([' ', ',']).filter(|word| !word.is_empty());
        found.map(str::to_owned).collect()
    };
    if challenge.error.as_deref() == Some("insufficient_scope") {
        return Some(challenge.scope.as_deref().map(split).unwrap_or_default());
    }
    if !matches!(incoming.head.status, 403 | 404) {
        return None;
    }
    let accepted = split(incoming.head.header("x-accepted-oauth-scopes")?);
    let granted = split(incoming.head.header("x-oauth-scopes")?);
    // Any of those that are accepted would do.
    let first = accepted.first()?.clone();
    let has_one = accepted.iter().any(|scope| granted.contains(scope));
    (!has_one).then(|| vec![first])
}

/// The service's own words in a JSON body, cleaned.
fn service_words(incoming: &Incoming, start: &[u8], token: &Secret) -> Option<String> {
    if !incoming.head.header("content-type")?.contains("json") {
        return None;
    }
    let body: Value = serde_json::from_slice(start).ok()?;
    let places = [
        "/error_description",
        "/error/message",
        "/message",
        "/errors/0/message",
        "/detail",
        "/title",
        "/error",
    ];
    let found = places.iter().find_map(|place| {
        body.pointer(place)?
            .as_str()
            .filter(|text| !text.is_empty())
    })?;
    Some(text::clean(found, 300, &[token]))
}
