//! The command line as it is typed, with every help text; acts on nothing.
#![expect(
    clippy::doc_markdown,
    reason = "the comments are help texts, which show no backticks"
)]

/// Three calls of a command, as they stand under its help and in its manual page, and where the options are that every
/// command has.
macro_rules! examples {
    ($text:literal) => {
        concat!(
            "Examples:\n",
            $text,
            "\n\nWith every command: --config FILE, -v, -q, --color WHEN (see tokctl --help)"
        )
    };
}

mod add;
mod answers;
mod config;
mod grants;
mod more;
mod programs;

pub use add::Add;
pub use answers::*;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
pub use config::{
    Check as ConfigCheck, Config, Key as ConfigKey, Set as ConfigSet, What as ConfigWhat,
};
pub use grants::*;
pub use more::*;
pub use programs::*;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// OAuth 2.0 tokens for shell scripts, git and cron
///
/// Obtains tokens, keeps them in the system's keyring with their expiry, renews them once for
/// everybody who asks, and prints just a token (or JSON) on stdout.
#[derive(Debug, Parser)]
#[command(name = "tokctl", version, propagate_version = true, disable_help_subcommand = true, after_help = MORE)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const MORE: &str = "\
Options of every command:
      --config <FILE>  Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]
  -v, --verbose        Say on stderr what is being done; never a secret
  -q, --quiet          Errors only
      --color <WHEN>   When to use colours: auto, always or never [default: auto]

More: tokctl COMMAND --help, tokctl help TOPIC (tokctl help lists them), tokctl man. Begin with: tokctl add

Exit codes:
  0  the answer is on stdout      4  a person must log in
  1  I/O or internal error        5  refused by the server
  2  wrong usage                  6  temporary, try again later
  3  configuration wrong, or      7  the store is locked, or
     no such profile                 cannot be used";

const GLOBAL: &str = "Options of every command";

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true, hide_long_help = true, help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Say on stderr what is being done; never a secret
    #[arg(short, long, global = true, action = clap::ArgAction::Count, hide_short_help = true, hide_long_help = true, help_heading = GLOBAL)]
    pub verbose: u8,
    /// Errors only
    #[arg(short, long, global = true, hide_short_help = true, hide_long_help = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_short_help = true, hide_long_help = true, help_heading = GLOBAL)]
    pub color: Color,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    Always,
    Never,
}

/// The subcommand that a word names, for a hint at the right help.
pub fn is_command(word: &std::ffi::OsStr) -> bool {
    let whole = Cli::command();
    whole
        .get_subcommands()
        .any(|command| word == command.get_name())
}

/// The commands that a person is shown, and `help`.
pub fn names() -> Vec<String> {
    let whole = Cli::command();
    let shown = whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    shown.map(|command| command.get_name().to_owned()).collect()
}

/// Declares the commands, in the order in which help shows them, each with whether its errors are wanted as JSON: never
/// where its answer is not JSON, or another program's.
macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident($arguments:tt: $kind:ty) => $json:expr,)*) => {
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[$meta])* $name($kind),)*
        }

        impl Command {
            /// Whether errors are wanted as JSON.
            pub fn wants_json(&self) -> bool {
                match self {
                    $(Self::$name($arguments) => $json,)*
                }
            }
        }
    };
}

commands! {
    Add(_: Box<Add>) => false,
    Get(get: Get) => get.json || get.format == Format::Json,
    Api(_: Api) => false,
    Exec(_: Exec) => false,
    Login(_: Login) => false,
    Status(status: Status) => status.json,
    Refresh(_: Refresh) => false,
    Import(_: Import) => false,
    Logout(_: Logout) => false,
    Remove(_: Remove) => false,
    Rename(_: Rename) => false,
    #[command(subcommand)]
    Secret(_: Secret) => false,
    Unlock(_: Unlock) => false,
    Log(log: Log) => log.json,
    Providers(providers: Providers) => providers.json,
    Config(config: Config) => matches!(&config.what, ConfigWhat::Check(check) if check.json),
    Doctor(doctor: Doctor) => doctor.json,
    Helper(_: Helper) => false,
    Completions(_: Completions) => false,
    Man(_: Man) => false,
    Help(_: Help) => false,
    #[command(hide = true)]
    Complete(_: Complete) => false,
    #[command(hide = true)]
    Renewal(_: Renewal) => false,
}

/// A duration in the words of humantime, or whole seconds, as in the configuration.
fn duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).map_err(|cause| cause.to_string()),
    }
}

/// Reads the command line. What programs call is read with its own arguments alone: building the whole
/// tree of commands would cost a fifth of what an empty process costs; and where it has no option, without clap.
pub fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    if let Some(cli) = plain(args) {
        return Ok(cli);
    }
    let word = args.get(1).and_then(|word| word.to_str());
    match word {
        Some("get") => parse_alone::<Get>(args, "tokctl get", Command::Get),
        Some("helper") => {
            parse_alone::<Helper>(&setup_first(args), "tokctl helper", Command::Helper)
        }
        _ => Cli::try_parse_from(args),
    }
}

/// `get PROFILE` and `helper PROGRAM WORD...`, which are most calls, where no word can be an option: what clap makes
/// of them, at a hundredth of what that costs.
fn plain(args: &[OsString]) -> Option<Cli> {
    let words = args.iter().skip(1).map(|word| word.to_str());
    let words = words.collect::<Option<Vec<_>>>()?;
    if words.iter().any(|word| word.starts_with('-')) {
        return None;
    }
    let command = match words[..] {
        ["get", profile] => Command::Get(Get::plain(profile)),
        ["helper", program, ref arguments @ ..] => {
            Command::Helper(Helper::plain(program, arguments)?)
        }
        _ => return None,
    };
    Some(Cli {
        global: Global::default(),
        command,
    })
}

/// Moves `install` before the options that precede it: behind them clap takes it for a program.
fn setup_first(args: &[OsString]) -> Vec<OsString> {
    let mut words = args.to_vec();
    let mut at = 2;
    while let Some(option) = args
        .get(at)
        .and_then(|word| word.to_str()?.strip_prefix('-'))
    {
        let has_value = matches!(option, "-config" | "-color" | "-token");
        at += 1 + usize::from(has_value);
    }
    if args.get(at).is_some_and(|word| word == "install") {
        words[2..=at].rotate_right(1);
    }
    words
}

fn parse_alone<A: Args>(
    args: &[OsString],
    name: &'static str,
    command: impl Fn(A) -> Command,
) -> Result<Cli, clap::Error> {
    let alone = A::augment_args(Global::augment_args(clap::Command::new("tokctl")))
        .bin_name(name)
        .propagate_version(true)
        .version(env!("CARGO_PKG_VERSION"));
    let matches = alone.try_get_matches_from(&args[1..])?;
    Ok(Cli {
        global: Global::from_arg_matches(&matches)?,
        command: command(A::from_arg_matches(&matches)?),
    })
}

/// What `--color` says on a command line that could not be read, or that asks for help.
pub fn color(args: &[OsString]) -> Color {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let said = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix("--color") {
            Some("") => words.get(at + 1).map(AsRef::as_ref),
            Some(value) => value.strip_prefix('='),
            None => None,
        });
    said.and_then(|when| Color::from_str(when, false).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both readings make of a command line is told apart by every field.
    #[test]
    fn a_plain_call_is_read_as_clap_reads_it() {
        let calls = [
            "get p",
            "get help",
            "get é",
            "helper git get",
            "helper git corp get",
            "helper kubectl corp",
            "helper go https://x.example/",
            "helper go",
            "helper terraform get app.example",
        ];
        for call in calls {
            let args = words(call);
            let plain = plain(&args).unwrap_or_else(|| panic!("{call}"));
            let whole = Cli::try_parse_from(&args).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(format!("{plain:?}"), format!("{whole:?}"), "{call}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_left_to_clap() {
        for call in [
            "",
            "get",
            "get -",
            "get p q",
            "get p -q",
            "-q get p",
            "get p --json",
            "status p",
            "helper",
            "helper install git",
            "helper help",
            "helper git get --token id",
        ] {
            assert!(plain(&words(call)).is_none(), "{call}");
        }
    }

    fn words(call: &str) -> Vec<OsString> {
        let words = call.split_whitespace().map(OsString::from);
        std::iter::once("tokctl".into()).chain(words).collect()
    }
}
