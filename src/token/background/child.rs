//! The renewal's child, on both sides: how it is made and heard, and what it does.

use super::{Done, Job, work};
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result};
use crate::state::lock::{self, Lock};
use crate::{env, files, ui};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use zeroize::Zeroizing;

/// What the child answers.
#[derive(Serialize, Deserialize)]
struct Outcome {
    result: std::result::Result<Done, Error>,
    warnings: Vec<String>,
}

/// Starts the child: its stdin is the lock, which its own children then do not get; its stdout is a
/// socket, on which the job goes in and the outcome comes back.
pub fn spawn(profile: &str, lock: Option<&Lock>) -> std::io::Result<(Child, UnixStream)> {
    let mut command = Command::new(env::this_program()?);
    command.arg0("tokctl");
    // The profile is named for who looks at the processes.
    command.args(["renewal", "--", profile]);
    // What it needs of them is in its job: the environment can be read until a process has forbidden that.
    for variable in env::secret_variables() {
        command.env_remove(variable);
    }
    let (ours, theirs) = UnixStream::pair()?;
    let lock = lock.map_or(Ok(Stdio::null()), |lock| lock.for_child().map(Stdio::from))?;
    command
        .stdin(lock)
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::null());
    Ok((command.spawn()?, ours))
}

/// Gives the child its job and reads its answer.
pub fn wait(
    (mut child, mut stream): (Child, UnixStream),
    job: &Job,
    deadline: Deadline,
) -> Result<Done> {
    let text =
        Zeroizing::new(serde_json::to_vec(job).expect("strings and numbers always serialize"));
    let failed = |cause: &std::io::Error| Error::io("the renewal's child", cause);
    stream
        .write_all(&text)
        .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
        .map_err(|cause| failed(&cause))?;
    let Some(answer) = read_until(stream, deadline).map_err(|cause| failed(&cause))? else {
        let what = format!(
            "the server has not answered in time; the {} goes on by itself",
            job.work.name()
        );
        return Err(job
            .profile
            .error(Kind::Temporary, what)
            .hint("try again in a moment"));
    };
    let outcome: Outcome = serde_json::from_slice(&answer).map_err(|_| {
        let what = format!("the {} ended without an answer", job.work.name());
        job.profile.error(Kind::Io, what)
    })?;
    for warning in &outcome.warnings {
        ui::warn(warning);
    }
    // Its work is done; it frees the lock as it ends, and leaves no zombie to a caller that execs.
    child.wait().map_err(|cause| failed(&cause))?;
    outcome.result
}

/// Reads to the end, or gives up at the deadline.
fn read_until(
    mut from: UnixStream,
    deadline: Deadline,
) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut all = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new([0; 4096]);
    loop {
        let left = deadline.left().as_millis().min(60_000);
        // Rounded up: a poll of 0 ms would spin through the last millisecond.
        let left = PollTimeout::try_from(left + 1).unwrap_or(PollTimeout::MAX);
        let ready = match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], left) {
            Err(nix::errno::Errno::EINTR) => continue,
            ready => ready?,
        };
        if ready == 0 {
            if deadline.passed() {
                return Ok(None);
            }
            continue;
        }
        match from.read(&mut *part)? {
            0 => return Ok(Some(all)),
            length => all.extend_from_slice(&part[..length]),
        }
    }
}

/// The child's side: leaves its caller, takes the job, renews and answers.
pub fn serve() -> Result<()> {
    let _held = detach();
    ui::collect();
    files::no_word_of_modes();
    let socket = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map(UnixStream::from);
    let mut socket = socket.map_err(|cause| Error::io("the caller's socket", &cause))?;
    let mut text = Zeroizing::new(Vec::new());
    let job: Option<Job> = match socket.read_to_end(&mut text) {
        Ok(_) => serde_json::from_slice(&text).ok(),
        Err(_) => None,
    };
    drop(text);
    // A caller that was killed before it had written the whole job: nothing has begun.
    let job = job.ok_or_else(|| Error::usage("this command is for tokctl itself"))?;
    env::borrow(job.lent.clone());
    let result = work(&job);
    if job.work.has_lock()
        && let Ok(state) = env::state_dir()
    {
        lock::end_lease(&state, &job.profile.name);
    }
    let outcome = Outcome {
        result,
        warnings: ui::collected(),
    };
    let answer = serde_json::to_vec(&outcome).expect("strings and numbers always serialize");
    // Everything is stored: a caller that is gone needs no answer.
    drop(socket.write_all(&Zeroizing::new(answer)));
    Ok(())
}

/// Leaves the caller's session, and with it its terminal and process group; lets go of what else the
/// caller had open; and lets no signal end the process before its work is done.
fn detach() -> HeldSignals {
    // Fails only for a process that leads a group, which a child just made does not.
    let _ = nix::unistd::setsid();
    let held = hold_signals();
    // A test runner or a make that waits for its pipes to close must not wait for a renewal.
    let numbers: Vec<i32> = std::fs::read_dir("/dev/fd").map_or_else(
        |_| Vec::new(),
        |entries| {
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect()
        },
    );
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // One of them was the directory's own, which is closed already.
        let _ = nix::unistd::close(number);
    }
    held
}

/// Signals that would end the process wait until this is dropped.
pub struct HeldSignals(nix::sys::signal::SigSet);

/// Holds back what would end the process.
pub fn hold_signals() -> HeldSignals {
    use nix::sys::signal::{SigSet, Signal};
    let signals: SigSet = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ]
    .into_iter()
    .collect();
    // Fails only for an invalid argument.
    let _ = signals.thread_block();
    HeldSignals(signals)
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_unblock();
    }
}
