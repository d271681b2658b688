//! One subcommand, one file, the same word.

mod add;
pub mod api;
mod complete;
mod completions;
mod doctor;
mod exec;
mod get;
mod import;
mod install;
mod login;
mod logout;
mod providers;
mod refresh;
mod secret;
mod status;
mod unlock;

use crate::cli::{self, Cli, Command, Global, Kind, Renewal, Setup, Wanted};
use crate::clock;
use crate::env;
use crate::error::{Error, Result};
use crate::helper::Call;
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind, split_scope};
use crate::state::record::Token;
use crate::token::background;
use crate::ui;
use std::process::ExitCode;
use std::time::Duration;

/// Runs what the command line asks for.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let global = cli.global;
    match cli.command {
        Command::Add(add) => add::run(&global, &add),
        // The exit code is the command's that it runs.
        Command::Exec(exec) => return exec::run(&global, &exec),
        Command::Get(get) => get::run(&global, &get),
        Command::Api(api) => api::run(&global, &api),
        Command::Login(login) => login::run(&global, &login),
        Command::Refresh(refresh) => refresh::run(&global, &refresh),
        Command::Providers(providers) => providers::run(&providers),
        Command::Doctor(doctor) => doctor::run(&global, &doctor),
        Command::Status(status) => status::run(&global, &status),
        Command::Import(import) => import::run(&global, &import),
        Command::Logout(logout) => logout::run(&global, &logout),
        Command::Secret(secret) => secret::run(&global, &secret),
        Command::Unlock(unlock) => unlock::run(&unlock),
        Command::Completions(completions) => completions::run(&completions),
        Command::Complete(complete) => complete::run(&complete),
        // main hands the others over before: their answers are their programs', not ours.
        Command::Helper(helper) => match helper.setup {
            Some(Setup::Install(install)) => install::run(&global, &install),
            None => Ok(()),
        },
        Command::Renewal(Renewal { wanted, profile }) => {
            background::serve(|config| load_from(config, &profile, &wanted))
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The time budget where neither the command line nor the profile sets one.
const BUDGET: Duration = Duration::from_secs(30);

/// The token that `TOKCTL_TOKEN_<PROFILE>` sets for a profile, which goes over everything else.
fn from_environment(profile: &str) -> Result<Option<Token>> {
    let Some(text) = env::token_override(profile) else {
        return Ok(None);
    };
    if !text.is_token_text() {
        let what = format!(
            "{} holds characters that no token may have",
            env::token_variable(profile)
        );
        return Err(Error::config(what));
    }
    Ok(Some(Token::bare(text, clock::now())))
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
fn load(global: &Global, name: &str, wanted: &Wanted) -> Result<Profile> {
    load_from(&Config::load(global.config.as_deref())?, name, wanted)
}

fn load_from(config: &Config, name: &str, wanted: &Wanted) -> Result<Profile> {
    let mut profile = Profile::load(config, name)?;
    if !wanted.to_args().is_empty() {
        profile.own_variant = Some(profile.variant());
    }
    if let Some(token) = wanted.token {
        profile.request.kind = kind(token);
    }
    if !wanted.scope.is_empty() {
        profile.request.scope = split_scope(&wanted.scope);
        profile.quirks.scope_on_refresh = true;
    }
    // An empty one takes the profile's away.
    if let Some(audience) = &wanted.audience {
        profile.request.audience = Some(audience.clone()).filter(|audience| !audience.is_empty());
    }
    if !wanted.resource.is_empty() {
        profile.request.resource = wanted
            .resource
            .iter()
            .filter(|uri| !uri.is_empty())
            .cloned()
            .collect();
    }
    Ok(profile)
}
