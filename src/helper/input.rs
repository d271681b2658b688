//! What a program hands over on stdin: as much as its protocol says, since not every program closes it.

use super::Mode;
use crate::bounded;
use crate::error::{Error, Kind, Result};
use crate::ui;
use memchr::memmem;
use std::io::{IsTerminal, Read};
use std::time::Duration;

/// A request of any of the protocols is smaller.
const MAX_INPUT: u64 = 1024 * 1024;

/// A program has its request ready; so long after its last byte nothing more is coming.
const PAUSE: Duration = Duration::from_secs(5);

/// How a protocol ends what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing is sent.
    Nothing,
    Line,
    EmptyLine,
    /// The object's own.
    Json,
}

impl Mode {
    fn end(self, arguments: &[String]) -> End {
        let operation = arguments.first().map_or("", String::as_str);
        match (self, operation) {
            (Self::Git, "get" | "erase" | "store") => End::EmptyLine,
            (Self::Docker, "get" | "erase") => End::Line,
            (Self::Docker, "store") | (Self::Bazel, "get") => End::Json,
            (Self::Go, url) if url.starts_with("https://") => End::EmptyLine,
            _ => End::Nothing,
        }
    }

    /// What a person has to type who tries a helper by hand.
    fn awaited(self) -> &'static str {
        match self {
            Self::Git => "protocol=https, host=HOST and an empty line",
            Self::Docker => "the registry's name",
            Self::Bazel => "{\"uri\": \"https://HOST/\"}",
            Self::Go => "the head of an HTTP reply and an empty line",
            Self::Kubectl | Self::Cargo | Self::Terraform => "nothing",
        }
    }
}

/// Reads a request as far as its protocol says, or to the end of stdin.
pub fn read(mode: Mode, arguments: &[String]) -> Result<Vec<u8>> {
    let end = mode.end(arguments);
    let mut bytes = Vec::new();
    if end == End::Nothing {
        return Ok(bytes);
    }
    let mut stdin = std::io::stdin().lock();
    let is_terminal = stdin.is_terminal();
    if is_terminal {
        let (name, awaited) = (mode.name(), mode.awaited());
        ui::say(&format!("waiting for what {name} sends: {awaited}"));
    }
    let mut part = [0; 4096];
    while !end.is_reached(&bytes) {
        if !is_terminal && !comes(PAUSE) {
            let what = format!(
                "{} has sent no whole request, and left stdin open",
                mode.name()
            );
            return Err(Error::new(Kind::Usage, what));
        }
        match stdin.read(&mut part) {
            // What cannot be read is an empty request, which nobody owns.
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
        bounded::check(bytes.len(), MAX_INPUT)
            .map_err(|cause| Error::usage(format!("{}'s request: {cause}", mode.name())))?;
    }
    Ok(bytes)
}

impl End {
    fn is_reached(self, bytes: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::Line => bytes.contains(&b'\n'),
            Self::EmptyLine => {
                bytes.starts_with(b"\n")
                    || memmem::find(bytes, b"\n\n").is_some()
                    || memmem::find(bytes, b"\n\r\n").is_some()
            }
            Self::Json => {
                let mut values = serde_json::Deserializer::from_slice(bytes)
                    .into_iter::<serde::de::IgnoredAny>();
                // One that is wrong will not be right with more, except where it has only been cut off.
                matches!(values.next(), Some(Ok(_)))
                    || serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
                        .is_err_and(|error| error.is_syntax() && !bytes.is_empty())
            }
        }
    }
}

/// Whether stdin has something, or has ended, within a time.
#[cfg(unix)]
fn comes(limit: Duration) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let stdin = std::io::stdin();
    let mut watched = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut watched, limit) {
            Ok(ready) => return ready > 0,
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return true,
        }
    }
}

/// Pipes cannot be watched here.
#[cfg(not(unix))]
fn comes(_: Duration) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::{End, Mode};

    #[test]
    fn a_protocol_s_own_end_is_seen() {
        for (end, whole, parts) in [
            (End::Line, "docker.io\n", vec!["", "docker.io"]),
            (
                End::EmptyLine,
                "protocol=https\nhost=a\n\n",
                vec!["", "protocol=https\nhost=a\n"],
            ),
            (End::EmptyLine, "\n", vec![]),
            (
                End::EmptyLine,
                "HTTP/1.1 401 x\r\nA: b\r\n\r\n",
                vec!["HTTP/1.1 401 x\r\n"],
            ),
            (
                End::Json,
                r#"{"uri":"https://a/}"}"#,
                vec!["", " ", "{", r#"{"uri":"}"#, r#"{"a":{}"#],
            ),
            (End::Json, "nonsense", vec![]),
        ] {
            assert!(end.is_reached(whole.as_bytes()), "{whole:?}");
            for part in parts {
                assert!(!end.is_reached(part.as_bytes()), "{part:?}");
            }
        }
    }

    #[test]
    fn what_sends_nothing_is_not_waited_for() {
        let end = |mode: Mode, word: &str| mode.end(&[word.to_owned()]);
        assert_eq!(end(Mode::Git, "capability"), End::Nothing);
        assert_eq!(end(Mode::Docker, "list"), End::Nothing);
        assert_eq!(end(Mode::Docker, "version"), End::Nothing);
        assert_eq!(end(Mode::Go, ""), End::Nothing);
        assert_eq!(end(Mode::Git, "get"), End::EmptyLine);
        assert_eq!(end(Mode::Go, "https://a/"), End::EmptyLine);
    }
}
