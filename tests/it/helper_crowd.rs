//! Many helpers at once, and never a token that ends within the minute.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::grants::crowd;
use support::helpers::MODES;
use support::sandbox::files;
use support::{Reply, Sandbox, Server};

const HOST: &str = "x.corp.example";
const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://x.corp.example\"]";

#[test]
fn a_hundred_helpers_at_once_all_answer_with_the_stored_token() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let started = Instant::now();
    let runs = crowd(100, |n| sandbox.start_helper(MODES[n % 7], &["p"], HOST));
    let elapsed = started.elapsed();
    for run in runs {
        let held = run.stdout.matches("at-1").count();
        assert_eq!((held, run.stderr.as_str(), run.code), (1, "", 0), "{run:?}");
    }
    assert_eq!(server.hits(), 1);
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
}

#[test]
fn fifty_helpers_on_an_expired_token_renew_it_once() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for run in crowd(50, |n| sandbox.start_helper(MODES[n % 7], &["p"], HOST)) {
        let held = run.stdout.matches("at-1").count();
        assert_eq!((held, run.stderr.as_str(), run.code), (1, "", 0), "{run:?}");
    }
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_token_that_ends_within_the_minute_is_given_by_no_helper() {
    let server = Server::tokens(45);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for mode in MODES {
        let before = server.hits();
        let run = sandbox.helper(mode, HOST);
        assert!(!run.stdout.contains("at-"), "{run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("less than a minute"), "{run:?}");
        assert!(server.hits() <= before + 1, "one request, never a loop");
    }
    // Who asks for it by hand gets what there is.
    let run = sandbox.run(["get", "p"]);
    assert!(run.code == 0 && run.stdout.starts_with("at-"), "{run:?}");
}

/// A sandbox whose server is ill by now, with a stored token that has so many seconds left.
fn stale(left: i64, more: &str) -> (Sandbox, Server) {
    let server = Server::always(Reply::json(503, "{}"));
    let sandbox = Sandbox::with_grant(&server, &format!("timeout = \"1s\"\n{more}{HOSTS}"));
    sandbox.import(r#"{"access_token":"at-9","refresh_token":"rt-1","expires_in":3600}"#);
    sandbox.age(3600 - left, left);
    (sandbox, server)
}

#[test]
fn a_stored_token_in_its_last_minute_is_withheld_and_the_true_cause_is_named() {
    let (sandbox, _server) = stale(40, "");
    for mode in MODES {
        let run = sandbox.helper(mode, HOST);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains("at-9") && said.contains("503"), "{run:?}");
    }
}

#[test]
fn a_stored_token_with_minutes_left_is_given_in_silence_while_the_server_is_ill() {
    let (sandbox, server) = stale(100, "min_ttl = \"5m\"\n");
    for mode in MODES {
        let run = sandbox.helper(mode, HOST);
        let held = run.stdout.matches("at-9").count();
        assert_eq!((held, run.stderr.as_str(), run.code), (1, "", 0), "{run:?}");
    }
    assert!(server.hits() > 0);
}

#[test]
fn a_server_that_never_answers_costs_less_than_bazel_waits() {
    let silent = support::RawServer::silent();
    let sandbox = Sandbox::new();
    let config = support::profiles::grant_at(&silent.url("/token"), HOSTS);
    sandbox.config(&config).import("rt-1");
    let run = sandbox.helper("bazel", HOST);
    run.fails(1, "profile \"p\"");
    assert!(run.elapsed < Duration::from_millis(9500), "{run:?}");
}

#[test]
fn a_noted_failure_undoes_nothing_that_a_renewal_has_written_meanwhile() {
    // A helper takes no lock to note its failure: so it must write no file that others write.
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let state = sandbox.state_dir();
    let read = |path: &PathBuf| fs::read(path).expect("readable");
    let before = files(&state);
    let contents = before.iter().map(read).collect::<Vec<_>>();
    let run = sandbox.run(["helper", "docker", "p", "no-such-operation"]);
    assert_eq!(run.code, 1, "{run:?}");
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert!(status.to_string().contains("no-such-operation"), "{status}");
    assert_eq!(before.iter().map(read).collect::<Vec<_>>(), contents);
}
