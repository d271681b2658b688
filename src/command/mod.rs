//! One subcommand, one file, the same word.

mod add;
pub mod api;
mod complete;
mod completions;
mod config;
mod doctor;
mod exec;
mod get;
pub mod help;
mod import;
mod install;
mod log;
mod login;
mod logout;
mod man;
mod name;
mod providers;
mod refresh;
mod remove;
mod rename;
mod secret;
mod status;
mod turn;
mod unlock;
pub mod version;

use crate::cli::{self, Cli, Command, Global, Kind, Setup};
use crate::error::{Error, Result};
use crate::helper::Call;
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind};
use crate::token::background;
use crate::token::selected::Wanted;
use crate::ui;
use std::process::ExitCode;

/// Runs what the command line asks for.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Get(get) => get::run(&cli.global, &get).map(|()| ExitCode::SUCCESS),
        command => run_other(&cli.global, command),
    }
}

/// Everything but `get`, which pays neither for their room on the stack nor for their pages of the program.
#[inline(never)]
fn run_other(global: &Global, command: Command) -> Result<ExitCode> {
    match command {
        Command::Add(add) => add::run(global, &add),
        // The exit code is the command's that it runs.
        Command::Exec(exec) => return exec::run(global, &exec),
        Command::Get(get) => get::run(global, &get),
        Command::Api(api) => api::run(global, &api),
        Command::Login(login) => login::run(global, &login),
        Command::Refresh(refresh) => refresh::run(global, &refresh),
        Command::Providers(providers) => providers::run(&providers),
        Command::Config(config) => config::run(global, &config),
        Command::Doctor(doctor) => doctor::run(global, &doctor),
        Command::Status(status) => status::run(global, &status),
        Command::Import(import) => import::run(global, &import),
        Command::Log(log) => log::run(global, &log),
        Command::Logout(logout) => logout::run(global, &logout),
        Command::Remove(remove) => remove::run(global, &remove),
        Command::Rename(rename) => rename::run(global, &rename),
        Command::Secret(secret) => secret::run(global, &secret),
        Command::Unlock(unlock) => unlock::run(global, &unlock),
        Command::Completions(completions) => completions::run(&completions),
        Command::Man(man) => man::run(&man),
        Command::Help(help) => return help::run(&help),
        Command::Complete(complete) => complete::run(&complete),
        // main hands the others over before: their answers are their programs', not ours.
        Command::Helper(helper) => match helper.setup {
            Some(Setup::Install(install)) => install::run(global, &install),
            None => Ok(()),
        },
        Command::Renewal(_) => background::serve(),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Of several failures the one with the highest exit code is the command's; the others are told here.
fn worst(mut failures: Vec<Error>) -> Result<()> {
    failures.sort_by_key(|error| error.kind.exit_code());
    let Some(worst) = failures.pop() else {
        return Ok(());
    };
    for error in &failures {
        ui::error(error, false);
    }
    Err(worst)
}

/// A helper's call as its module takes it; none where the helper is only to be set up.
pub fn helper_call(helper: &cli::Helper) -> Option<Call> {
    Some(Call {
        mode: helper.program?,
        profile: None,
        arguments: helper.arguments.clone(),
        token: helper.token.map(kind),
    })
}

fn kind(kind: Kind) -> TokenKind {
    match kind {
        Kind::Access => TokenKind::Access,
        Kind::Id => TokenKind::Id,
    }
}

/// The profile, with what the command line sets over it.
fn load(global: &Global, name: &str, wanted: &cli::Wanted) -> Result<Profile> {
    over(wanted).select(&Config::load(global.config.as_deref())?, name)
}

/// What the command line sets over a profile.
fn over(wanted: &cli::Wanted) -> Wanted {
    Wanted {
        kind: wanted.token.map(kind),
        scope: wanted.scope.clone(),
        audience: wanted.audience.clone(),
        resource: wanted.resource.clone(),
    }
}
