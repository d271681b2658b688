//! Ends that nobody planned: what a killed or crashed tokctl leaves behind holds no secret.
#![cfg(target_os = "linux")]

use crate::support;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use support::grants::wait_for;
use support::login::redirect;
use support::run::send;
use support::sandbox::files;
use support::{Canaries, Desk, Reply, Running, Sandbox, Server};

/// A server that grants canaries, so many milliseconds after it was asked.
fn server(canaries: &mut Canaries, delay: u64) -> Server {
    let body = serde_json::json!({ "access_token": canaries.make("access token"), "expires_in": 600,
        "refresh_token": canaries.make("refresh token") });
    let reply = Reply::json(200, body.to_string());
    Server::always(reply.after(Duration::from_millis(delay)))
}

fn config(server: &Server, more: &str) -> String {
    format!(
        "[defaults]\nclient_id = \"id\"\naccess_cache = \"none\"\ntoken_endpoint = \"{0}\"\n{more}\n\
         [profile.p]\nauthorization_endpoint = \"{0}\"\napi_url = \"{0}\"\n\
         [profile.kept]\ngrant = \"client_credentials\"\nclient_secret = {{ keyring = true }}\n",
        server.url("/x")
    )
}

/// The files of a sandbox that hold a secret.
fn telling(sandbox: &Sandbox, canaries: &Canaries) -> Vec<PathBuf> {
    let mut all = files(sandbox.home());
    all.retain(|file| {
        !canaries
            .found_in(&std::fs::read(file).unwrap_or_default())
            .is_empty()
    });
    all
}

/// What a command reads; the login that it ends is begun here.
fn stdin(sandbox: &Sandbox, canaries: &mut Canaries, command: &str) -> String {
    match command {
        "get" => String::new(),
        "login" => {
            let run = sandbox.run(["login", "p"]);
            let address = run
                .stderr
                .lines()
                .find_map(|line| line.strip_prefix("  http"));
            let address = redirect(&format!("http{}", address.expect("an address")), "");
            address.replace("code=c-1", &format!("code={}", canaries.make("code")))
        }
        _ => canaries.make("what is typed"),
    }
}

/// Kills a command at so many moments of its life, with all that it has started but the renewal.
#[track_caller]
fn killed(sandbox: &Sandbox, canaries: &mut Canaries) {
    for args in [
        &["get", "p", "--force"][..],
        &["import", "p", "--no-try", "--force"],
        &["login", "p", "--paste"],
        &["secret", "set", "kept"],
    ] {
        let mut ended = 0;
        for round in 0..40_u32 {
            let stdin = stdin(sandbox, canaries, args[0]);
            let mut command = sandbox.command(args);
            command.process_group(0);
            let running = Running::start(command, Some(stdin.into()));
            thread::sleep(Duration::from_micros(u64::from(round * 7919 % 20_000)));
            let group = Pid::from_raw(running.pid().try_into().expect("a pid"));
            // It may have ended by itself.
            let _ = killpg(group, Signal::SIGKILL);
            let run = running.wait();
            ended += u32::from(run.code == -9);
            assert_eq!(canaries.found_in(run.stderr.as_bytes()), [""; 0], "{run:?}");
            assert_eq!(telling(sandbox, canaries), Vec::<PathBuf>::new(), "{run:?}");
        }
        assert!(ended > 0, "{args:?}: none was killed");
    }
}

#[test]
fn what_is_killed_leaves_no_secret_beside_an_encrypted_file() {
    let mut canaries = Canaries::default();
    let server = server(&mut canaries, 10);
    let sandbox = Sandbox::new();
    sandbox.config(&config(&server, "store = \"encrypted-file\""));
    sandbox.import(&canaries.make("first refresh token"));
    killed(&sandbox, &mut canaries);
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn what_is_killed_leaves_no_secret_beside_a_keyring() {
    let mut canaries = Canaries::default();
    let server = server(&mut canaries, 10);
    let desk = Desk::open(&config(&server, ""));
    desk.sandbox.import(&canaries.make("first refresh token"));
    killed(&desk.sandbox, &mut canaries);
}

/// The processes that a call has started.
fn children(of: u32) -> Vec<u32> {
    let pid = of.to_string();
    let ps = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &pid])
        .output();
    let pids = String::from_utf8(ps.expect("ps is installed").stdout).expect("numbers");
    pids.split_whitespace()
        .map(|pid| pid.parse().expect("a pid"))
        .collect()
}

/// A command that may write core dumps of any size.
fn unlimited(sandbox: &Sandbox, words: &[&str]) -> Command {
    let script = "ulimit -c unlimited; exec \"$@\"";
    let mut command = sandbox.program("sh", [&["-c", script, "sh"], words].concat());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The files in a sandbox that look like core dumps, where the machine writes them beside the program.
fn dumps(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut all = files(sandbox.home());
    all.retain(|file| {
        file.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("core"))
    });
    all
}

/// Twice: the standard library takes the first SIGSEGV for a stack that ran over, and then lets go of it.
fn crash(processes: &[u32], signal: Signal) {
    for pid in [processes, processes].concat() {
        let pid = Pid::from_raw(pid.try_into().expect("a pid"));
        // It may have ended by the first.
        let _ = kill(pid, signal);
        thread::sleep(Duration::from_millis(20));
    }
}

const CRASHES: [Signal; 3] = [Signal::SIGQUIT, Signal::SIGABRT, Signal::SIGSEGV];

#[test]
fn no_command_that_crashes_with_a_secret_in_memory_leaves_a_core_dump() {
    let mut canaries = Canaries::default();
    let quick = server(&mut canaries, 0);
    let tokctl = support::tokctl();
    for signal in CRASHES {
        for (line, requests) in [
            ("get p --force", 1),
            ("api p /", 1),
            ("logout p", 0),
            ("login p --no-browser", 0),
            ("login p --paste", 0),
            ("import p", 0),
            // A command gets SIGQUIT handed on, and a dump of its own memory is its own affair.
            ("exec p --refresh -- sh -c trap#''#QUIT;sleep#1", 0),
        ] {
            let slow = server(&mut canaries, 20_000);
            let sandbox = Sandbox::new();
            let access = canaries.make("access token");
            let grant =
                format!(r#"{{"access_token":"{access}","refresh_token":"rt-1","expires_in":600}}"#);
            // The grant belongs to the addresses that it was made with.
            let addresses = if requests == 0 { &quick } else { &slow };
            sandbox.config(&config(addresses, "store = \"encrypted-file\""));
            sandbox.import(&grant);
            let words: Vec<String> = line.split(' ').map(|word| word.replace('#', " ")).collect();
            let words: Vec<&str> = [tokctl]
                .into_iter()
                .chain(words.iter().map(String::as_str))
                .collect();
            let mut command = unlimited(&sandbox, &words);
            // What reads waits for it.
            command.stdin(Stdio::piped());
            let mut child = command.spawn().expect("it starts");
            if requests == 0 {
                thread::sleep(Duration::from_millis(100));
            }
            wait_for("the request", || addresses.hits() >= requests);
            let renewals = if line.starts_with("get") {
                children(child.id())
            } else {
                vec![]
            };
            assert_eq!(
                renewals.len(),
                usize::from(line.starts_with("get")),
                "{line}"
            );
            crash(&renewals, signal);
            crash(&[child.id()], signal);
            let ended = child.wait().expect("it ends");
            assert!(!ended.core_dumped(), "{line} by {signal}: {ended}");
            assert_eq!(dumps(&sandbox), Vec::<PathBuf>::new(), "{line} by {signal}");
        }
    }
}

#[test]
fn this_machine_writes_core_dumps_where_they_are_looked_for() {
    let sandbox = Sandbox::new();
    let mut child = unlimited(&sandbox, &["sleep", "20"])
        .spawn()
        .expect("it starts");
    thread::sleep(Duration::from_millis(300));
    send(child.id(), Signal::SIGABRT);
    assert!(child.wait().expect("it ends").core_dumped());
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").expect("linux has it");
    assert!(
        !dumps(&sandbox).is_empty() || pattern.starts_with(['/', '|']),
        "{pattern}"
    );
}
