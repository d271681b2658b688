//! `tokctl` as a library of one function, which the binary calls: parse, run, report an error as words and an
//! exit code.

mod bounded;
mod cli;
mod clock;
mod command;
mod doctor;
mod env;
mod error;
mod files;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod hash;
mod helper;
mod http;
mod login;
mod oauth;
mod profile;
mod program;
mod secret;
#[cfg(unix)]
mod signals;
mod state;
mod store;
mod text;
mod token;
mod ui;

#[cfg(target_env = "musl")]
use dlmalloc::GlobalDlmalloc as Allocator;
use error::{Error, Kind};
#[cfg(not(target_env = "musl"))]
use std::alloc::System as Allocator;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use zeroizing_alloc::ZeroAlloc;

/// Whatever is freed is overwritten, and so is what a growing buffer leaves behind: also in libraries, which do not know
/// what of theirs is a secret. It is a memset a piece. musl's own allocator maps and unmaps pages one by one: 27 times in
/// a cached answer, of which it took a third.
#[global_allocator]
static MEMORY: ZeroAlloc<Allocator> = ZeroAlloc(Allocator);

/// Runs the command line of this process, and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    keep_memory_private();
    let args = env::args();
    if let Some(addresses) = http::look_up(&args) {
        drop(ui::answer(&secret::Secret::new(addresses)));
        return ExitCode::SUCCESS;
    }
    if let Some(call) = helper::Call::from_args(&args) {
        return helper::run(&call, None);
    }
    let cli = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(usage) => return report_usage(&usage, &args),
    };
    ui::set_level(cli.global.quiet, cli.global.verbose);
    ui::set_color(cli.global.color);
    if let cli::Command::Helper(helper) = &cli.command
        && let Some(call) = command::helper_call(helper)
    {
        return helper::run(&call, cli.global.config.as_deref());
    }
    let json = cli.wants_json();
    if json {
        // An error is to be one JSON object on stderr, and nothing beside it.
        ui::collect();
    }
    ui::show_waiting();
    match command::run(cli) {
        Ok(code) => {
            for warning in ui::collected() {
                ui::warn(&warning);
            }
            code
        }
        Err(error) => {
            ui::error(&error, json);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// What a person sees who has no configuration and gives no command. On stderr and with exit code 2, as
/// every call without an answer: a script must not take it for a token.
const BEGIN: &str = "\
tokctl keeps OAuth 2.0 tokens and hands them to programs. No profile is set up yet; begin with
  tokctl add             asks which service, for which client, and tries it
  tokctl get NAME        prints a token: curl -H \"Authorization: Bearer $(tokctl get NAME)\" ...
  tokctl providers       lists the services that are known by name
  tokctl --help          shows every command; the manual is tokctl(1)
";

/// Help and version go to stdout and are no error; a wrong call is an error like any other.
fn report_usage(usage: &clap::Error, args: &[OsString]) -> ExitCode {
    ui::set_color(cli::color(args));
    if !usage.use_stderr() {
        let version = usage.kind() == clap::error::ErrorKind::DisplayVersion;
        let printed = if version && command::version::is_wanted(args) {
            ui::output().write_all(command::version::text().as_bytes())
        } else {
            usage.print()
        };
        return match printed {
            Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
                ui::error(&Error::io("writing to stdout", &cause), false);
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        };
    }
    if usage.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        if args.len() == 1 && !env::config_file().is_some_and(|file| file.exists()) {
            ui::show(BEGIN);
            return ExitCode::from(Kind::Usage.exit_code());
        }
        let error = Error::usage("a command is missing");
        let error = error.hint(format!("for help, run: {} --help", usage_of(args)));
        ui::error(&error, false);
        return ExitCode::from(error.kind.exit_code());
    }
    let text = usage.to_string();
    // The library's first paragraph says what is wrong; the rest repeats the usage.
    let what = text.split("\n\n").next().unwrap_or_default();
    // It quotes the command line, which another program may have put together from anything.
    let what = text::clean(what, 500, &[]);
    let command = usage_of(args);
    let separated = args.iter().any(|word| word == "--");
    let hint = if command == "tokctl exec" && !separated {
        "-- comes before the command: tokctl exec PROFILE -- COMMAND".to_owned()
    } else {
        let all = ["tokctl refresh", "tokctl logout"].contains(&command.as_str())
            && usage.kind() == clap::error::ErrorKind::MissingRequiredArgument;
        let first = if all {
            "name a profile, or say --all; "
        } else {
            ""
        };
        format!("{first}for help, run: {command} --help")
    };
    let error = Error::usage(what.strip_prefix("error: ").unwrap_or(&what)).hint(hint);
    ui::error(&error, args.iter().any(|word| word == "--json"));
    ExitCode::from(error.kind.exit_code())
}

/// The command whose help a wrong call needs.
fn usage_of(args: &[OsString]) -> String {
    match args.iter().skip(1).find(|word| cli::is_command(word)) {
        Some(word) => format!("tokctl {}", word.to_string_lossy()),
        None => "tokctl".to_owned(),
    }
}

/// No core dump and no debugger of the same user sees a secret in this process's memory.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    // Fails only for an argument that is not 0 or 1.
    let _ = nix::sys::prctl::set_dumpable(false);
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let hard = getrlimit(Resource::RLIMIT_CORE).map_or(0, |(_, hard)| hard);
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
}
