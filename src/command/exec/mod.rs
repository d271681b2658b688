//! `tokctl exec`: runs a command with tokens in its environment, in this process's place.

mod memory;
#[cfg(unix)]
mod refresh;
#[cfg(unix)]
mod token_files;
mod variables;

use super::over;
use crate::cli::{self, Global};
use crate::clock::{self, Deadline};
use crate::error::{Error, Kind, Result, io_cause};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::audit::{self, HandOut};
use crate::state::record::Token;
use crate::token::selected::budget;
use crate::token::{self, Ask};
use crate::ui;
use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What a shell and env(1) answer where a command cannot be run, and where there is none.
const NOT_RUNNABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Gets the tokens, and runs the command.
pub fn run(global: &Global, exec: &cli::Exec) -> Result<ExitCode> {
    let variables = variables::read(exec)?;
    let names: Vec<&str> = variables
        .iter()
        .map(|variable| variable.profile.as_str())
        .collect();
    let asked = Asked::load(global, exec, &names)?;
    let mut tokens = Vec::new();
    for profile in &asked.profiles {
        tokens.push(asked.token(profile)?);
    }
    let variables = variables
        .into_iter()
        .map(|variable| variable.name)
        .collect();
    if exec.refresh {
        return keep_fresh(asked, variables, tokens, &exec.command);
    }
    let mut command = asked.command(&exec.command)?;
    let mut held = Vec::new();
    for (name, token) in variables.iter().zip(&tokens) {
        if exec.file {
            let file = memory::file(&token.text)?;
            command.env(name, file.path());
            held.push(file);
        } else {
            command.env(name, token.text.expose());
        }
    }
    // The tokens are the command's alone from here on.
    drop(tokens);
    Ok(replace_this_process(&mut command, &exec.command))
}

#[cfg(unix)]
fn keep_fresh(
    asked: Asked,
    variables: Vec<String>,
    tokens: Vec<Token>,
    words: &[OsString],
) -> Result<ExitCode> {
    refresh::run(asked, variables, tokens, words)
}

#[cfg(not(unix))]
fn keep_fresh(_: Asked, _: Vec<String>, _: Vec<Token>, _: &[OsString]) -> Result<ExitCode> {
    Err(Error::usage("--refresh is not for this system"))
}

/// Exit code and signals are the command's own, since it is this process.
#[cfg(unix)]
fn replace_this_process(command: &mut Command, words: &[OsString]) -> ExitCode {
    use std::os::unix::process::CommandExt;
    not_run(words, &command.exec())
}

#[cfg(not(unix))]
fn replace_this_process(command: &mut Command, words: &[OsString]) -> ExitCode {
    match command.status() {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(cause) => not_run(words, &cause),
    }
}

/// A command that cannot be run is told from one that fails as env(1) does.
fn not_run(words: &[OsString], cause: &std::io::Error) -> ExitCode {
    let program = words.first().cloned().unwrap_or_default();
    let what = format!("{}: {}", program.display(), io_cause(cause));
    ui::error(&Error::new(Kind::Io, what), false);
    ExitCode::from(match cause.kind() {
        std::io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_RUNNABLE,
    })
}

/// The profiles whose tokens are asked for, and how.
struct Asked {
    config: Config,
    profiles: Vec<Profile>,
    min_ttl: Option<Duration>,
    timeout: Option<Duration>,
}

impl Asked {
    fn load(global: &Global, exec: &cli::Exec, names: &[&str]) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        let load = |name: &&str| over(&exec.wanted).select(&config, name);
        Ok(Self {
            profiles: names.iter().map(load).collect::<Result<_>>()?,
            config,
            min_ttl: exec.min_ttl,
            timeout: exec.timeout,
        })
    }

    /// The command, which has tokens in the place of what they were got with.
    fn command(&self, words: &[OsString]) -> Result<Command> {
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| Error::usage("there is no command to run"))?;
        let mut command = Command::new(program);
        command.args(arguments);
        for variable in self.profiles.iter().flat_map(Profile::secret_variables) {
            command.env_remove(variable);
        }
        Ok(command)
    }

    /// A profile's token: the environment's, else the policy's.
    fn token(&self, profile: &Profile) -> Result<Token> {
        let deadline = Deadline::after(budget(profile, self.timeout));
        let since = clock::now();
        let token = token::token(&Ask {
            min_ttl: self.min_ttl,
            ..Ask::new(&self.config, profile, deadline)
        })?;
        audit::note(&HandOut {
            profile,
            command: "exec",
            host: None,
            is_new: token.obtained >= since,
        });
        Ok(token)
    }
}
