//! The renewal's own process killed, and callers killed with the keyring as the store.
#![cfg(unix)]

use crate::support;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use support::grants::{renewable, wait_for};
use support::{Desk, Reply, Running, Sandbox, Server, Tokens};

const ALONE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";

/// Takes any refresh token, as a server with a grace window does.
fn lenient(delay: Duration) -> Server {
    let count = AtomicU32::new(0);
    Server::start(move |_| {
        let n = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body =
            format!(r#"{{"access_token":"at-{n}","refresh_token":"rt-{n}","expires_in":600}}"#);
        Reply::json(200, body).after(delay)
    })
}

/// The processes that a call has started.
fn children(of: u32) -> Vec<Pid> {
    let ps = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &of.to_string()])
        .output()
        .expect("ps is installed");
    let pids = String::from_utf8(ps.stdout).expect("numbers");
    let pids = pids
        .split_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().expect("a pid")));
    pids.collect()
}

#[test]
fn a_caller_whose_renewal_is_killed_says_so_at_once_and_the_next_goes_on() {
    let server = lenient(Duration::from_secs(1));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-0");
    let caller = sandbox.start(["get", "p"]);
    wait_for("the request", || server.hits() == 1);
    let [renewal] = children(caller.pid())[..] else {
        panic!("one child")
    };
    kill(renewal, Signal::SIGKILL).expect("it runs");
    let run = caller.wait();
    run.fails(1, "the renewal ended without an answer");
    assert!(run.elapsed < Duration::from_millis(900), "{run:?}");
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(server.hits(), 2);
}

/// As of systemd, which sends SIGTERM to all that a service has left behind.
#[test]
fn a_renewal_that_is_told_to_end_ends_its_work_first() {
    let server = lenient(Duration::from_secs(1));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-0");
    let caller = sandbox.start(["get", "p"]);
    wait_for("the request", || server.hits() == 1);
    let signals = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ];
    for child in children(caller.pid()) {
        for signal in signals {
            kill(child, signal).expect("it runs");
        }
    }
    caller.wait().ok("at-1\n");
    sandbox.run(["get", "p", "--offline"]).ok("at-1\n");
}

#[test]
fn kill_9_of_the_renewal_itself_never_leaves_a_store_that_cannot_be_read() {
    let server = lenient(Duration::ZERO);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import(r#"{"access_token":"at-0","refresh_token":"rt-0","expires_in":600}"#);
    let mut killed = 0;
    for round in 0..100_u32 {
        let caller = sandbox.start(["get", "p", "--force"]);
        std::thread::sleep(Duration::from_micros(u64::from(round * 7919 % 20_000)));
        for child in children(caller.pid()) {
            killed += u32::from(kill(child, Signal::SIGKILL).is_ok());
        }
        drop(caller.wait());
        let run = sandbox.run(["get", "p", "--offline"]);
        assert!(run.code == 0 && run.stderr.is_empty(), "{round}: {run:?}");
    }
    assert!(killed >= 10, "{killed}");
    let run = sandbox.run(["get", "p", "--force"]);
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn a_rotated_refresh_token_in_the_keyring_survives_kill_9_of_the_process_group() {
    let tokens = Tokens::new(600);
    let server =
        Server::start(move |request| tokens.answer(request).after(Duration::from_millis(30)));
    let desk = Desk::open(&renewable(&server.url("/token"), "access_cache = \"none\""));
    desk.sandbox.import("rt-1");
    let mut after_sending = 0;
    for round in 0..60_u32 {
        let before = server.hits();
        let mut command = desk.sandbox.command(["get", "p", "--force"]);
        command.process_group(0);
        let caller = Running::start(command, None);
        std::thread::sleep(Duration::from_micros(u64::from(round * 7919 % 70_000)));
        let group = Pid::from_raw(caller.pid().try_into().expect("a pid"));
        let _ = killpg(group, Signal::SIGKILL);
        let run = caller.wait();
        assert!(run.code <= 0, "{round}: {run:?}");
        after_sending += u32::from(run.code < 0 && server.hits() > before);
    }
    eprintln!("keyring: 60 rounds, {after_sending} ended with the request sent, none lost");
    assert!(after_sending >= 6, "{after_sending}");
    // Two: the first may be given what the last renewal brings.
    for _ in 0..2 {
        let run = desk.sandbox.run(["get", "p", "--force"]);
        assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    }
    assert_eq!(desk.items("p"), 1);
}

/// As of `tokctl --config <(sops -d config.toml)`: it can be read once, by this process.
#[test]
fn a_configuration_from_a_pipe_renews_too() {
    let server = lenient(Duration::ZERO);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-0");
    let tokctl = support::tokctl();
    let script = "exec 9<&0; \"$0\" --config /dev/fd/9 get p </dev/null";
    let config = std::fs::read(sandbox.config_file()).expect("there");
    let sh = sandbox.program("sh", ["-c", script, tokctl]);
    Running::start(sh, Some(config)).wait().ok("at-1\n");
}
