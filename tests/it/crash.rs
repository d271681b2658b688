//! Callers that are killed, interrupted or impatient, and answers that are lost: a rotated refresh
//! token survives wherever any client could have kept it.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use support::grants::renewable;
use support::oidc::lost_reply;
use support::run::at_once;
use support::{Gate, OidcProvider, Reply, Running, Sandbox, Server, Tokens, http};

const ALONE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";

/// The strict provider behind a server that hands its answers on late: who is killed while he waits
/// has spent the old refresh token, and the new one is under way.
fn late(provider: &OidcProvider, delay: Duration) -> Server {
    let endpoint = format!("{}/token", provider.url());
    Server::start(move |request| {
        let form = request.form();
        let form: Vec<_> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let answer = http::post_form(&endpoint, &form);
        Reply::json(answer.status, answer.body).after(delay)
    })
}

/// Waits until no renewal is under way any more: nobody holds the lock.
#[track_caller]
fn settle(sandbox: &Sandbox) {
    let deadline = Instant::now() + Duration::from_secs(40);
    let Ok(locks) = fs::read_dir(sandbox.state_dir().join("tokctl/locks")) else {
        return;
    };
    for lock in locks {
        let lock = File::open(lock.expect("an entry").path()).expect("a lock's file");
        while lock.try_lock().is_err() {
            assert!(Instant::now() < deadline, "a renewal that never ends");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// `tokctl get p --force` as the leader of its own process group, like a job of a shell.
fn job(sandbox: &Sandbox) -> Running {
    let mut command = sandbox.command(["get", "p", "--force"]);
    command.process_group(0);
    Running::start(command, None)
}

fn to_group(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(running.pid().try_into().expect("a pid"));
    // It may have ended by itself.
    let _ = killpg(pid, signal);
}

/// Ends as many calls at all moments of their lives, against a provider that takes a refresh token
/// once, and counts the logins that are lost by it.
#[track_caller]
#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn no_login_is_lost(what: &str, rounds: u32, end: impl Fn(&Running, u32)) {
    let provider = OidcProvider::start(&[]);
    let server = late(&provider, Duration::from_millis(30));
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce\"\n{ALONE}");
    sandbox.config(&renewable(&server.url("/token"), &more));
    sandbox.import(&provider.refresh_token("pkce"));
    let (mut lost, mut too_late, mut after_sending) = (0, 0, 0);
    let started = Instant::now();
    for round in 0..rounds {
        let before = server.hits();
        let running = job(&sandbox);
        // Any moment of the 60 ms or so that a call takes, in no order.
        std::thread::sleep(Duration::from_micros(u64::from(round * 7919 % 70_000)));
        end(&running, round);
        let run = running.wait();
        settle(&sandbox);
        assert!(run.code <= 0 || run.code == 4, "{run:?}");
        too_late += u32::from(run.code == 0);
        after_sending += u32::from(run.code < 0 && server.hits() > before);
        if provider.stats()["family_revoked"] != 0 {
            lost += 1;
            provider.reset_stats();
            sandbox.import(&provider.refresh_token("pkce"));
        }
    }
    eprintln!(
        "{what}: {rounds} rounds in {:?}, {after_sending} ended with the request sent, {too_late} \
         too late, {lost} logins lost",
        started.elapsed()
    );
    assert_eq!(lost, 0);
    let last = sandbox.run(["get", "p", "--force"]);
    assert!(last.code == 0 && last.stderr.is_empty(), "{last:?}");
    assert_eq!(provider.echo(last.stdout.trim_end()).status, 200);
    assert!(after_sending >= rounds / 5, "too few hit the request");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_rotated_refresh_token_survives_kill_9_of_the_caller() {
    no_login_is_lost("kill -9 of the caller", 100, |running, _| {
        running.signal(Signal::SIGKILL);
    });
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_rotated_refresh_token_survives_kill_9_of_the_process_group() {
    no_login_is_lost("kill -9 of the group", 100, |running, _| {
        to_group(running, Signal::SIGKILL);
    });
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_rotated_refresh_token_survives_the_signals_of_a_terminal() {
    let signals = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ];
    no_login_is_lost("TERM, INT, HUP, QUIT", 60, |running, round| {
        to_group(running, signals[round as usize % 4]);
    });
}

/// A sandbox with `rt-1`, and a server that answers once its gate is open.
fn held() -> (Sandbox, Server, Gate) {
    let (tokens, gate) = (Tokens::new(600), Gate::default());
    let held = gate.clone();
    let server = Server::start(move |request| tokens.answer(request).once_open(&held));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-1");
    (sandbox, server, gate)
}

/// What a caller that is gone has ordered is there, and the login lives on.
#[track_caller]
fn is_stored(sandbox: &Sandbox, server: &Server) {
    settle(sandbox);
    sandbox.run(["get", "p", "--offline"]).ok("at-1\n");
    assert_eq!(server.hits(), 1);
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}

#[test]
fn a_callers_timeout_ends_the_wait_and_not_the_renewal() {
    let (sandbox, server, gate) = held();
    let tokctl = support::tokctl();
    let timeout = sandbox.program("timeout", ["0.2", tokctl, "get", "p"]);
    let run = Running::start(timeout, None).wait();
    assert_eq!((run.code, run.stdout.as_str()), (124, ""), "{run:?}");
    assert!(run.elapsed < Duration::from_millis(800), "{run:?}");
    gate.open();
    is_stored(&sandbox, &server);
}

#[test]
fn ones_own_budget_ends_the_wait_and_not_the_renewal() {
    let (sandbox, server, gate) = held();
    let run = sandbox.run(["get", "p", "--timeout", "200ms"]);
    run.fails(6, "the renewal goes on by itself");
    assert!(run.elapsed < Duration::from_millis(800), "{run:?}");
    gate.open();
    is_stored(&sandbox, &server);
}

#[test]
fn a_substitution_ends_with_its_command_whatever_goes_on_behind() {
    let tokctl = support::tokctl();
    let cases = [
        "x=$(\"$0\" get p --timeout 200ms 2>/dev/null); echo \"got '$x'\"",
        "\"$0\" get p --timeout 200ms 2>&1 | tail -n 0; echo \"got ''\"",
        // A pipe that the caller's own caller waits for, as of bats or make.
        "x=$(\"$0\" get p --timeout 200ms 3>&1 >/dev/null 2>&1); echo \"got '$x'\"",
    ];
    at_once(cases, |script| {
        let (sandbox, server, gate) = held();
        let run = Running::start(sandbox.program("sh", ["-c", script, tokctl]), None).wait();
        run.ok("got ''\n");
        assert!(run.elapsed < Duration::from_secs(1), "{script}: {run:?}");
        gate.open();
        is_stored(&sandbox, &server);
    });
}

#[test]
fn a_caller_without_streams_stores_what_it_gets() {
    let tokctl = support::tokctl();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let (sandbox, server, gate) = held();
        gate.open();
        let script = format!("\"$0\" get p {closed}");
        let run = Running::start(sandbox.program("sh", ["-c", &script, tokctl]), None).wait();
        assert!([0, 1].contains(&run.code), "{closed}: {run:?}");
        is_stored(&sandbox, &server);
    }
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_lost_answer_is_asked_for_once_more_where_the_server_has_grace() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce-norotate\"\n{ALONE}");
    sandbox.config(&renewable(&format!("{}/token", provider.url()), &more));
    sandbox.import(&provider.refresh_token("pkce-norotate"));
    provider.reset_stats();
    provider.fault(&lost_reply("refresh_token"));
    let run = sandbox.run(["get", "p"]);
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    assert_eq!(provider.echo(run.stdout.trim_end()).status, 200);
    assert_eq!(provider.token_hits(), 2);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn two_lost_answers_are_not_asked_for_a_third_time() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce-norotate\"\n{ALONE}");
    sandbox.config(&renewable(&format!("{}/token", provider.url()), &more));
    sandbox.import(&provider.refresh_token("pkce-norotate"));
    provider.reset_stats();
    provider.fault(&json!({"grant": "refresh_token", "drop_after": true, "times": 2}));
    sandbox.run(["get", "p"]).fails(6, "the connection to");
    assert_eq!(provider.token_hits(), 2);
    assert_eq!(sandbox.run(["get", "p"]).code, 0);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_lost_answer_of_a_strict_server_is_the_end_and_said_once() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce\"\n{ALONE}");
    sandbox.config(&renewable(&format!("{}/token", provider.url()), &more));
    sandbox.import(&provider.refresh_token("pkce"));
    provider.reset_stats();
    provider.fault(&lost_reply("refresh_token"));
    let run = sandbox.run(["get", "p"]);
    run.fails(4, "your grant for p ended (revoked or expired)");
    run.fails(4, "hint: run: tokctl login p");
    // The lost one, its replay, and the question whether that was about a lock.
    assert_eq!(provider.token_hits(), 3);
    for (args, hits) in [(&["get", "p"][..], 3), (&["get", "p", "--force"], 4)] {
        let again = sandbox.run(args);
        again.fails(4, "your grant for p ended (revoked or expired)");
        assert!(again.elapsed < Duration::from_millis(500), "{again:?}");
        assert_eq!(provider.token_hits(), hits, "{args:?}");
    }
    // A new login ends the end.
    sandbox.import(&provider.refresh_token("pkce"));
    assert_eq!(sandbox.run(["get", "p"]).code, 0);
}
