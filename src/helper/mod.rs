//! Credential helpers: one protocol, one file, over one core from host or profile to token.
//!
//! What each says in which case is one table, [`Mode::unfit`]. A profile answers only for its own
//! `hosts`, also when the command line names it. No helper prompts, and none hands out a token with
//! less than a minute to go, or a quarter of a shorter life.

mod bazel;
mod cargo;
mod challenge;
mod core;
mod docker;
mod git;
pub mod git_config;
mod go;
pub mod goauth;
mod input;
pub mod install;
mod kubectl;
pub mod logins;
mod matrix;
mod mode;
pub mod owner;
pub mod registry;
mod terraform;

use crate::env;
use crate::error::{Error, Kind, shell_word};
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind};
use crate::secret::Secret;
use crate::ui;
pub use core::Core;
use core::Fit;
pub use matrix::Answer;
use matrix::Case;
pub use mode::Mode;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

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
        username: None,
    });
    let answer = match &core {
        _ if mode == Mode::Cargo => return cargo::converse(core.as_ref().map_err(|error| *error)),
        Err(error) => mode.unfit(Case::Unreadable, error),
        Ok(core) => match input::read(mode, arguments) {
            Ok(request) => answer(core, arguments, &request),
            Err(error) => core.unfit(None, "", &error),
        },
    };
    write(&answer)
}

/// One protocol's answer to one request.
pub fn answer(core: &Core<'_>, arguments: &[String], request: &[u8]) -> Answer {
    match core.mode {
        Mode::Git => git::answer(core, arguments, request),
        Mode::Kubectl => kubectl::answer(core, env::var("KUBERNETES_EXEC_INFO").as_deref()),
        Mode::Docker => docker::answer(core, arguments, request),
        Mode::Bazel => bazel::answer(core, arguments, request),
        Mode::Go => go::answer(core, arguments, request),
        Mode::Cargo => cargo::answer(core, request),
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

/// Says that a profile's tokens are not stored by hand.
fn managed(profile: &Profile) -> Error {
    let name = &profile.name;
    let what = "its tokens are tokctl's to get, and no other is kept";
    let error = profile.error(Kind::Usage, what);
    if profile.is_repeatable() {
        // Nobody has to log in.
        return error.hint(format!(
            "to see whether it gets one, run: tokctl get {}",
            shell_word(name)
        ));
    }
    error.hint(profile.login_required("").hint.unwrap_or_default())
}
