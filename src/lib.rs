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
#[cfg(not(target_env = "musl"))]
use std::alloc::System as Allocator;
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
    ui::set_unicode(env::speaks_utf8());
    let cli = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(usage) => return command::help::report(&usage, &args),
    };
    ui::set_level(cli.global.quiet, cli.global.verbose);
    ui::set_color(cli.global.color);
    if let cli::Command::Helper(helper) = &cli.command
        && let Some(call) = command::helper_call(helper)
    {
        return helper::run(&call, cli.global.config.as_deref());
    }
    let json = cli.command.wants_json();
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
