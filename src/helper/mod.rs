//! Credential helpers: one protocol, one file, over one core from host or profile to token.
//!
//! What each says in which case is one table, [`Mode::unfit`]. A profile answers only for its own
//! `hosts`, also when the command line names it. No helper prompts, and none hands out a token with
//! less than a minute to go.

mod bazel;
mod cargo;
mod core;
mod docker;
mod git;
mod go;
pub mod install;
mod kubectl;
mod matrix;
mod mode;
mod terraform;

use crate::env;
use crate::error::shell_word;
use crate::profile::TokenKind;
use crate::profile::config::Config;
use crate::secret::Secret;
use crate::ui;
pub use core::Core;
use core::Fit;
pub use matrix::Answer;
use matrix::Case;
pub use mode::Mode;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// A request of any of the protocols is smaller.
const MAX_INPUT: u64 = 1024 * 1024;

/// How a helper was called.
pub struct Call {
    pub mode: Mode,
    /// From the program's own name.
    pub profile: Option<String>,
    pub arguments: Vec<String>,
    pub token: Option<TokenKind>,
}

impl Call {
    /// A call by another name than `tokctl`, or by cargo, which allows no other argument.
    pub fn from_args(args: &[OsString]) -> Option<Self> {
        let text = |args: &[OsString]| {
            args.iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        let (program, rest) = args.split_first()?;
        let call = |mode, profile, arguments| Self {
            mode,
            profile,
            arguments,
            token: None,
        };
        if let Some((mode, profile)) = Mode::from_program(program) {
            let ours = rest
                .iter()
                .filter(|word| *word != "--cargo-plugin")
                .cloned();
            return Some(call(mode, profile, text(&ours.collect::<Vec<_>>())));
        }
        (rest.first()? == "--cargo-plugin").then(|| call(Mode::Cargo, None, Vec::new()))
    }
}

/// Runs a helper on this process's streams.
pub fn run(call: &Call, config: Option<&Path>) -> ExitCode {
    // A helper's stderr is shown, or taken for a failure: one line, and only when something is wrong.
    ui::set_level(true, 0);
    let mode = call.mode;
    let (profile, arguments) = match &call.profile {
        Some(profile) => (Some(profile.as_str()), call.arguments.as_slice()),
        None => mode.split(&call.arguments),
    };
    if mode == Mode::Cargo && cargo::hello().is_err() {
        return ExitCode::FAILURE;
    }
    let config = Config::load(config);
    let core = config.as_ref().map(|config| Core {
        mode,
        config,
        profile,
        token: call.token,
    });
    let answer = match &core {
        _ if mode == Mode::Cargo => return cargo::converse(core.as_ref().map_err(|error| *error)),
        Err(error) => mode.unfit(Case::Trouble, error),
        Ok(core) => answer(core, arguments, input),
    };
    write(&answer)
}

/// One protocol's answer to one request, which is read only where the protocol has one on stdin.
pub fn answer(core: &Core<'_>, arguments: &[String], request: impl FnOnce() -> Vec<u8>) -> Answer {
    match core.mode {
        Mode::Git => git::answer(core, arguments, &request()),
        Mode::Kubectl => kubectl::answer(core, env::var("KUBERNETES_EXEC_INFO").as_deref()),
        Mode::Docker => docker::answer(core, arguments, &request()),
        Mode::Bazel => bazel::answer(core, arguments, &request()),
        Mode::Go => go::answer(core, arguments, &request()),
        Mode::Cargo => cargo::answer(core, &request()),
        Mode::Terraform => terraform::answer(core, arguments),
    }
}

/// Writes the whole answer at once: some programs use what they have got, whatever the exit code.
fn write(answer: &Answer) -> ExitCode {
    for line in &answer.stderr {
        ui::say(line);
    }
    match ui::answer(&Secret::new(answer.stdout.to_string())) {
        Ok(()) => ExitCode::from(answer.code),
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the protocol hands over on stdin. An unreadable one is an empty one, which nobody owns.
fn input() -> Vec<u8> {
    let mut bytes = Vec::new();
    match std::io::stdin().take(MAX_INPUT).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Says that a profile's tokens are not stored by hand.
fn managed(profile: &str) -> String {
    format!(
        "managed by tokctl: use tokctl login {}",
        shell_word(profile)
    )
}

/// The origin of a URL: its scheme, host and port. None of one that two programs could read in two
/// ways: with a user name, a backslash, a space or a control character in it.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let odd = |c: char| c == '\\' || c == '@' || c.is_whitespace() || c.is_control();
    if authority.is_empty() || url.contains('\\') || authority.contains(odd) {
        return None;
    }
    Some(format!("{}://{authority}", scheme.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::origin_of;

    #[test]
    fn a_url_that_can_be_read_in_two_ways_has_no_origin() {
        let origin = origin_of("https://b.example:8/x@y");
        assert_eq!(origin.as_deref(), Some("https://b.example:8"));
        for odd in [
            "https://a@b.example/",
            "https://evil.example\\@b.example/",
            "https:///x",
            "https://a b/",
            "b.example",
        ] {
            assert_eq!(origin_of(odd), None, "{odd}");
        }
    }
}
