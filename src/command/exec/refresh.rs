//! `tokctl exec --refresh`: stays beside the command, keeps its token files fresh, and hands signals and
//! exit code on.

use super::token_files::TokenFiles;
use super::{Asked, not_run};
use crate::clock;
use crate::error::{Error, Kind, Result};
use crate::state::record::Token;
use crate::{signals, ui};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitCode, ExitStatus};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a person or a service manager sends to a command. Stopping and going on reach both processes
/// through their group.
const SIGNALS: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// After a failure the next try is this far away: a server that is down is not knocked at more often, and
/// a person who logs in elsewhere is noticed soon.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The clock is looked at this often: it may have been set, and a machine that slept has lost time.
const LOOK: Duration = Duration::from_secs(1);

/// What the threads share: the files as long as the command runs, and its process.
struct Shared {
    files: Mutex<Option<TokenFiles>>,
    child: Mutex<Option<Pid>>,
}

impl Shared {
    fn files(&self) -> MutexGuard<'_, Option<TokenFiles>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn child(&self) -> MutexGuard<'_, Option<Pid>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces a token's file, if the command still runs.
    fn write(&self, name: &str, token: &Token) -> Result<()> {
        match self.files().as_ref() {
            Some(files) => files.write(name, &token.text),
            None => Ok(()),
        }
    }
}

/// Runs the command to its end; the exit code is the command's.
pub fn run(
    asked: Asked,
    variables: Vec<String>,
    tokens: Vec<Token>,
    words: &[OsString],
) -> Result<ExitCode> {
    let files = TokenFiles::new()?;
    let mut command = asked.command(words)?;
    for (name, token) in variables.iter().zip(&tokens) {
        files.write(name, &token.text)?;
        command.env(name, files.file(name));
    }
    // They are in their files: here they are of no more use.
    let tokens: Vec<Token> = tokens.into_iter().map(Token::without_text).collect();
    let shared = Arc::new(Shared {
        files: Mutex::new(Some(files)),
        child: Mutex::new(None),
    });
    let failed = |cause: &std::io::Error| Error::io("handling signals", cause);
    // Before the command starts: a signal that comes at once must not end this process alone.
    let signals =
        SignalsInfo::<WithOrigin>::new(signals::heard(&SIGNALS)).map_err(|cause| failed(&cause))?;
    let (for_signals, for_renewal) = (Arc::clone(&shared), Arc::clone(&shared));
    let heard = beside(move || hand_on(signals, &for_signals))?;
    let renewed = beside(move || renew(&asked, &variables, tokens, &for_renewal))?;
    let child = match command.spawn() {
        Ok(child) => child,
        Err(cause) => return Ok(not_run(words, &cause)),
    };
    *shared.child() = i32::try_from(child.id()).ok().map(Pid::from_raw);
    // Both threads are there as long as this function runs.
    let _ = (heard.send(()), renewed.send(()));
    let status = wait(child, &shared);
    drop(shared.files().take());
    Ok(end_as(status.map_err(|cause| failed(&cause))?))
}

/// Makes a thread that waits for a word and then works: what cannot be made is found out before the
/// command has begun.
fn beside(work: impl FnOnce() + Send + 'static) -> Result<Sender<()>> {
    let (go, gone) = mpsc::channel();
    let waits = move || {
        if gone.recv().is_ok() {
            work();
        }
    };
    match thread::Builder::new().spawn(waits) {
        Ok(_) => Ok(go),
        Err(cause) => {
            let hint = match cause.kind() {
                std::io::ErrorKind::PermissionDenied => FORBIDDEN,
                _ => TOO_MANY,
            };
            let what = "a thread for the renewals, and the command was not started";
            Err(Error::io(what, &cause).hint(hint))
        }
    }
}

const TOO_MANY: &str = "the limit of processes is reached: raise it (ulimit -u, TasksMax=, --pids-limit), or leave out \
                        --refresh";

/// glibc takes EPERM for a last word, which a filter that knows no clone3 should not have answered.
const FORBIDDEN: &str = "something forbids it, such as the seccomp profile of a Docker before 20.10.10: update it, or leave \
                         out --refresh";

/// Waits for the command, and lets no signal go to another process that gets its number.
fn wait(mut child: Child, shared: &Shared) -> std::io::Result<ExitStatus> {
    #[cfg(target_os = "linux")]
    if let Ok(pid) = i32::try_from(child.id()) {
        use nix::errno::Errno;
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(pid)), ended) == Err(Errno::EINTR) {}
    }
    #[cfg(not(target_os = "linux"))]
    let status = child.wait();
    shared.child().take();
    #[cfg(target_os = "linux")]
    let status = child.wait();
    status
}

/// Hands signals on that were sent to this process; what the terminal sends has reached the command
/// already, and a second Ctrl-C means more than one to many programs.
fn hand_on(mut signals: SignalsInfo<WithOrigin>, shared: &Shared) {
    for Origin {
        signal, process, ..
    } in &mut signals
    {
        if process.is_none() {
            continue;
        }
        if let (Some(child), Ok(signal)) = (*shared.child(), Signal::try_from(signal)) {
            // One that has ended needs no signal.
            let _ = kill(child, signal);
        }
    }
}

/// Renews each token before its end, as long as the command runs.
fn renew(asked: &Asked, variables: &[String], mut tokens: Vec<Token>, shared: &Shared) {
    let mut told = false;
    // What has no end needs no renewal.
    while tokens.iter().any(|token| token.expires.is_some()) {
        thread::sleep(LOOK);
        let mut failure = None;
        for ((name, profile), token) in variables.iter().zip(&asked.profiles).zip(&mut tokens) {
            if !is_due(token, asked.min_ttl.or(profile.min_ttl)) {
                continue;
            }
            match asked.token(profile).and_then(|new| {
                shared.write(name, &new)?;
                Ok(new)
            }) {
                Ok(new) => *token = new.without_text(),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            if !told {
                tell(&error);
            }
            told = true;
            thread::sleep(AFTER_FAILURE);
        } else {
            told = false;
        }
    }
}

/// Whether a token is to be renewed: as for everybody, but not before half of its life is over, so that
/// tokens which live shorter than the margin are not asked for without end.
fn is_due(token: &Token, min_ttl: Option<Duration>) -> bool {
    let now = clock::now();
    let half = token
        .expires
        .map_or(0, |end| end.saturating_sub(token.obtained) / 2);
    !token.is_fresh(now, min_ttl) && now.saturating_sub(token.obtained) >= half
}

fn tell(error: &Error) {
    ui::warn(&format!("the command's token is not renewed: {error}"));
    if let (Kind::LoginRequired, Some(hint)) = (error.kind, &error.hint) {
        ui::notice(&format!(
            "hint: {hint}; the command gets the new token then"
        ));
    }
}

/// The command's end as this process's own: its exit code, or the signal that ended it.
fn end_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // Comes back only for a signal that does not end a process.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
