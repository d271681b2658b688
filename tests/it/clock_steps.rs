//! Clocks that are wrong and are put right: a token is served for its life and no longer, and nothing
//! waits for a time that was never there.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use support::grants::wait_for;
use support::profiles::{SECRET, client_at, grant_at};
use support::{Reply, Run, Running, Sandbox, Server, Tokens};

/// The same command with a clock that is wrong by this; time passes as ever.
fn with_clock(sandbox: &Sandbox, offset: &str, args: &[&str]) -> Run {
    let words = ["-f", offset, support::tokctl()];
    let mut command = sandbox.program("faketime", [&words[..], args].concat());
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Running::start(command, None).wait()
}

/// Profile `p` of either kind.
fn sandbox(server: &Server, repeatable: bool, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", SECRET);
    if repeatable {
        sandbox.config(&client_at(&server.url("/token"), more));
    } else {
        sandbox
            .config(&grant_at(&server.url("/token"), more))
            .import("rt-1");
    }
    sandbox
}

#[test]
#[ignore = "needs faketime: tests/run installs it"]
fn a_token_of_ten_minutes_is_served_for_less_than_ten_minutes_of_any_clock() {
    let kernel = "access_cache = \"kernel\"";
    for (repeatable, more) in [(false, ""), (true, ""), (false, kernel), (true, kernel)] {
        // Of the last, the token that the wrong clock brought ends too early, and not yet.
        for (offset, wrong, right) in [
            ("+500s", 1, 1),
            ("+620s", 2, 3),
            ("+1y", 2, 3),
            ("-30s", 1, 1),
            ("-1d", 2, 3),
            ("-20y", 2, 3),
            ("-90s", 2, 2),
        ] {
            let server = Server::tokens(600);
            let sandbox = sandbox(&server, repeatable, more);
            sandbox.run(["get", "p"]).ok("at-1\n");
            let status = with_clock(&sandbox, offset, &["status", "p", "--json"]);
            let good = status.json()["state"] == "good";
            assert_eq!(good, wrong == 1, "{offset}: {status:?}");
            for _ in 0..2 {
                with_clock(&sandbox, offset, &["get", "p"]).ok(&format!("at-{wrong}\n"));
            }
            // The clock is put right again.
            sandbox.run(["get", "p"]).ok(&format!("at-{right}\n"));
            assert_eq!(server.hits(), right, "{offset} {more}");
            sandbox
                .run(["logout", "p", "--no-revoke"])
                .ok_with("", "erased");
        }
    }
}

#[test]
#[ignore = "needs faketime: tests/run installs it"]
fn a_failure_that_was_noted_by_a_clock_ahead_keeps_nobody_from_asking() {
    for repeatable in [false, true] {
        for retry_after in ["7200", "soon"] {
            let tokens = Tokens::new(600);
            let asked = AtomicUsize::new(0);
            let server = Server::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::json(503, "{}").header("retry-after", retry_after),
                _ => tokens.answer(request),
            });
            let sandbox = sandbox(&server, repeatable, "");
            let args = ["get", "p", "--timeout=100ms"];
            with_clock(&sandbox, "+1y", &args).fails(6, "HTTP 503");
            assert_eq!(server.hits(), 1);
            sandbox.run(["get", "p"]).ok("at-1\n");
            assert_eq!(server.hits(), 2);
        }
    }
}

/// The date of a server whose clock is three hours ahead or behind, so many seconds from now.
fn elsewhere(ahead: bool, seconds: u64) -> String {
    let (now, hours) = (SystemTime::now(), Duration::from_secs(3 * 3600));
    let theirs = if ahead { now + hours } else { now - hours };
    fmt_http_date(theirs + Duration::from_secs(seconds))
}

#[test]
fn a_server_s_dates_are_those_of_its_own_clock() {
    for ahead in [true, false] {
        let tokens = Tokens::new(600);
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |request| {
            let reply = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::json(503, "{}").header("retry-after", &elsewhere(ahead, 2)),
                _ => tokens.answer(request),
            };
            reply.header("date", &elsewhere(ahead, 0))
        });
        let sandbox = sandbox(&server, false, "");
        let run = sandbox.run(["get", "p"]);
        run.ok("at-1\n");
        assert!(run.elapsed > Duration::from_millis(900), "{ahead}: {run:?}");
        sandbox.run(["get", "p"]).ok("at-1\n");
        assert_eq!(server.hits(), 2, "{ahead}");
    }
}

/// What makes libfaketime read the clock's offset from a file, again at each look.
fn with_changing_clock(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command(args);
    command
        .env("LD_PRELOAD", sandbox.libfaketime())
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_TIMESTAMP_FILE", sandbox.home().join("clock"));
    command
}

#[test]
#[ignore = "needs faketime: tests/run installs it"]
fn a_step_of_the_clock_while_one_waits_for_another_s_renewal_costs_at_most_a_request() {
    for (step, requests) in [("-1d", 2), ("-30s", 1), ("+1y", 2)] {
        let tokens = Tokens::new(600);
        let server =
            Server::start(move |request| tokens.answer(request).after(Duration::from_millis(600)));
        let sandbox = sandbox(&server, false, "");
        sandbox.write("clock", "+0");
        let start = |args: &[&str]| Running::start(with_changing_clock(&sandbox, args), None);
        let first = start(&["get", "p"]);
        wait_for("the request", || server.hits() == 1);
        let second = start(&["get", "p", "--timeout=10s"]);
        thread::sleep(Duration::from_millis(200));
        sandbox.write("clock.new", step);
        let clock = sandbox.home().join("clock");
        fs::rename(sandbox.home().join("clock.new"), clock).expect("both are ours");
        first.wait().ok("at-1\n");
        second.wait().ok(&format!("at-{requests}\n"));
        assert_eq!(server.hits(), requests, "{step}");
        // The login lives on, by the right clock too.
        let run = sandbox.run(["get", "p", "--force"]);
        run.ok(&format!("at-{}\n", requests + 1));
    }
}
