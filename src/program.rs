//! A program is run for what it prints: without a shell, within a time, and no longer than it lives.

use crate::bounded;
use crate::clock::Deadline;
use crate::env;
use crate::error::io_cause;
#[cfg(unix)]
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use zeroize::Zeroizing;

/// How long is waited between two looks at a program.
#[cfg(unix)]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

/// What a program prints, at most `limit` bytes. A program that leaves an agent behind leaves it its
/// stdout too: what is there when the program itself has ended is all that counts.
pub fn output(
    words: &[String],
    limit: u64,
    deadline: Deadline,
) -> Result<Zeroizing<Vec<u8>>, String> {
    output_of(command(words)?, limit, deadline)
}

/// The same of a program whose complaints nobody wants to read.
pub fn quiet_output(
    words: &[String],
    limit: u64,
    deadline: Deadline,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut command = command(words)?;
    command.stderr(Stdio::null());
    output_of(command, limit, deadline)
}

/// A person's editor, a command line of its own, is run on a file until it ends; it gets none of the variables that
/// hold a secret.
pub fn edit(editor: &str, file: &Path) -> Result<(), String> {
    let mut command = if cfg!(windows) {
        let words: Vec<String> = editor.split_whitespace().map(str::to_owned).collect();
        command(&words)?
    } else {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{editor} \"$@\""), editor]);
        shell
    };
    for variable in env::secret_variables() {
        command.env_remove(variable);
    }
    let ended = command
        .arg(file)
        .status()
        .map_err(|cause| io_cause(&cause))?;
    if ended.success() {
        return Ok(());
    }
    Err(ended.to_string())
}

fn command(words: &[String]) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let found = env::program(program).ok_or("no such file or directory")?;
    let mut command = Command::new(found);
    // It has secrets of its own, and no use for ours.
    for variable in env::secret_variables() {
        command.env_remove(variable);
    }
    command.args(arguments);
    Ok(command)
}

fn output_of(
    mut command: Command,
    limit: u64,
    deadline: Deadline,
) -> Result<Zeroizing<Vec<u8>>, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    // A group of its own, so that what it starts can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|cause| io_cause(&cause))?;
    let output = child.stdout.take().ok_or("it has no output")?;
    let result = read(&mut child, output, limit, deadline);
    if result.is_err() {
        // Already gone, perhaps; then there is nothing to end.
        drop(end(&mut child));
    }
    result
}

#[cfg(unix)]
fn read(
    child: &mut Child,
    mut output: ChildStdout,
    limit: u64,
    deadline: Deadline,
) -> Result<Zeroizing<Vec<u8>>, String> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let words = |cause: std::io::Error| io_cause(&cause);
    fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|cause| words(cause.into()))?;
    let mut text = Zeroizing::new(Vec::new());
    loop {
        // Looked at before reading: what was printed before the end is in the pipe by then.
        let status = child.try_wait().map_err(words)?;
        drain(&mut output, &mut text, limit)?;
        match status {
            Some(status) if status.success() => return Ok(text),
            Some(status) => return Err(format!("it ended with {status}")),
            None if deadline.passed() => return Err("it gave no answer in time".to_owned()),
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// Takes what is there, and waits for nothing.
#[cfg(unix)]
fn drain(output: &mut ChildStdout, text: &mut Vec<u8>, limit: u64) -> Result<(), String> {
    let mut part = Zeroizing::new([0; 4096]);
    loop {
        match output.read(&mut *part) {
            Ok(0) => return Ok(()),
            Ok(length) => text.extend_from_slice(&part[..length]),
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(io_cause(&cause)),
        }
        bounded::check(text.len(), limit).map_err(|cause| io_cause(&cause))?;
    }
}

/// Where a pipe cannot be asked without waiting, its end is waited for.
#[cfg(not(unix))]
fn read(
    child: &mut Child,
    output: ChildStdout,
    limit: u64,
    deadline: Deadline,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().spawn(move || {
        let mut text = Zeroizing::new(Vec::new());
        let result = bounded::read(output, limit, &mut text);
        drop(send.send(result.map(|()| text)));
    });
    thread.map_err(|cause| io_cause(&cause))?;
    let text = receive.recv_timeout(deadline.left());
    let text = text.map_err(|_| "it gave no answer in time".to_owned())?;
    let text = text.map_err(|cause| io_cause(&cause))?;
    let status = child.wait().map_err(|cause| io_cause(&cause))?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("it ended with {status}"))
    }
}

/// Ends a program with everything that it has started.
fn end(child: &mut Child) -> std::io::Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use nix::sys::signal::{Signal, killpg};
        use nix::unistd::Pid;
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        // Without a group there is still the program itself.
        let _ = killpg(group, Signal::SIGKILL);
    }
    child.kill()?;
    child.wait().map(drop)
}
