//! A run of a command: bounded in time, and judged by stdout, stderr and exit code together.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// No command may take longer: twice the default budget of `get`.
const DEADLINE: Duration = Duration::from_secs(60);

/// A command under way, killed when it is dropped.
pub struct Running {
    child: Child,
    name: String,
    started: Instant,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Running {
    /// Starts any command; without `stdin` it reads an empty one.
    pub fn start(mut command: Command, stdin: Option<Vec<u8>>) -> Self {
        let name = line(&command);
        let started = Instant::now();
        let mut child = command
            .stdin(if stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A command may leave its input unread: that is its own affair.
            thread::spawn(move || pipe.write_all(&bytes));
        }
        let stdout = collect(child.stdout.take().expect("stdout is piped"));
        let stderr = collect(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            name,
            started,
            stdout,
            stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Waits for the end of the command and of its output.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let deadline = self.started + DEADLINE;
        let stdout = self.output(&self.stdout, deadline);
        let stderr = self.output(&self.stderr, deadline);
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("{} does not end", self.name),
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        Run {
            elapsed: self.started.elapsed(),
            name: self.name.clone(),
            stdout,
            stderr,
            code: status
                .code()
                .unwrap_or_else(|| -status.signal().unwrap_or_default()),
        }
    }

    /// All of one stream. A descendant that keeps it open counts as the command: a pipeline would
    /// wait for it too.
    #[track_caller]
    fn output(&self, stream: &Receiver<Vec<u8>>, deadline: Instant) -> String {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(bytes) = stream.recv_timeout(left) else {
            panic!("{}: output still open after {DEADLINE:?}", self.name);
        };
        String::from_utf8(bytes)
            .unwrap_or_else(|error| panic!("{}: output is not UTF-8: {error}", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks each case in a thread of its own, for cases that mostly wait; one that fails fails the test.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

/// The command as one would type it; its environment would bury it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (done, all) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    all
}

/// Sends a signal to one process.
pub fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid fits"));
    nix::sys::signal::kill(pid, signal)
        .unwrap_or_else(|error| panic!("cannot send {signal} to {pid}: {error}"));
}

/// What a command wrote and how it ended. Every check compares stdout, stderr and the exit code
/// together.
#[derive(Debug)]
pub struct Run {
    pub name: String,
    pub stdout: String,
    pub stderr: String,
    /// The exit code, or the signal's number below zero.
    pub code: i32,
    pub elapsed: Duration,
}

impl Run {
    /// Exit 0, exactly this on stdout, nothing on stderr.
    #[track_caller]
    pub fn ok(&self, stdout: &str) -> &Self {
        self.check(
            self.code == 0 && self.stdout == stdout && self.stderr.is_empty(),
            || format!("exit 0, stdout {stdout:?}, no stderr"),
        )
    }

    /// Exit 0, exactly this on stdout, and a word about it on stderr.
    #[track_caller]
    pub fn ok_with(&self, stdout: &str, stderr: &str) -> &Self {
        self.ends(0, stdout, stderr)
    }

    /// This exit code, nothing on stdout, and on stderr this among other things.
    #[track_caller]
    pub fn fails(&self, code: i32, stderr: &str) -> &Self {
        self.ends(code, "", stderr)
    }

    /// This exit code, exactly this on stdout, and on stderr this among other things: for helpers
    /// that answer failures.
    #[track_caller]
    pub fn ends(&self, code: i32, stdout: &str, stderr: &str) -> &Self {
        let as_told = !self.stderr.is_empty() && self.stderr.contains(stderr);
        self.check(
            self.code == code && self.stdout == stdout && as_told,
            || format!("exit {code}, stdout {stdout:?}, stderr with {stderr:?}"),
        )
    }

    /// This exit code, exactly this on stdout, nothing on stderr: another command's end, handed on.
    #[track_caller]
    pub fn exits(&self, code: i32, stdout: &str) -> &Self {
        self.check(
            self.code == code && self.stdout == stdout && self.stderr.is_empty(),
            || format!("exit {code}, stdout {stdout:?}, no stderr"),
        )
    }

    /// Killed by this signal, without a word.
    #[track_caller]
    pub fn ends_by_signal(&self, signal: i32) -> &Self {
        let silent = self.stdout.is_empty() && self.stderr.is_empty();
        self.check(self.code == -signal && silent, || {
            format!("an end by signal {signal}, no output")
        })
    }

    /// Exit 0, nothing on stderr, JSON on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let value = serde_json::from_str(&self.stdout).unwrap_or_default();
        self.check(
            self.code == 0 && self.stderr.is_empty() && value != serde_json::Value::Null,
            || "exit 0, JSON on stdout, no stderr".to_owned(),
        );
        value
    }

    #[track_caller]
    fn check(&self, holds: bool, wanted: impl Fn() -> String) -> &Self {
        let Self {
            name,
            stdout,
            stderr,
            code,
            elapsed,
        } = self;
        assert!(
            holds,
            "{name}\nwanted: {}\ngot:    exit {code} after {elapsed:?}\n\
             -- stdout\n{stdout}\n-- stderr\n{stderr}\n--",
            wanted()
        );
        self
    }
}
