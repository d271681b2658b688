//! Runs under strace: what a command has started, with which arguments and environment.

use std::fs;
use std::process::Command;

use tempfile::NamedTempFile;

/// The same command under strace, which writes what it sees of it and of all that it starts to a log.
pub fn under_strace(command: &Command, log: &NamedTempFile, options: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced
        // Stops at the calls that are looked at, and at no other.
        .args(["-f", "-qq", "--seccomp-bpf", "-o"])
        .arg(log.path())
        .args(options);
    traced.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        traced.current_dir(directory);
    }
    traced.env_clear();
    traced.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    traced
}

/// A program that was started.
#[derive(Debug)]
pub struct Started {
    pub program: String,
    pub arguments: String,
    pub environment: String,
}

/// For [`under_strace`]: every start in full.
pub const STARTS: [&str; 4] = ["-v", "-s", "65536", "--trace=execve"];

/// The programs of such a log.
#[track_caller]
pub fn started(log: &NamedTempFile) -> Vec<Started> {
    let log = fs::read_to_string(log.path()).expect("strace's own");
    let found = log.lines().filter_map(|line| {
        let (_, call) = line.split_once("execve(\"")?;
        let (program, rest) = call.split_once("\", [")?;
        let (arguments, environment) = rest.split_once("], [")?;
        Some(Started {
            program: program.to_owned(),
            arguments: arguments.to_owned(),
            environment: environment.to_owned(),
        })
    });
    found.collect()
}
