//! Many helpers at once, and never a token that ends within the minute.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::grants::crowd;
use support::helpers::MODES;
use support::sandbox::files;
use support::{Reply, Run, Sandbox, Server};

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
fn tokens_that_live_for_less_than_a_minute_are_given_until_a_quarter_of_that_is_left() {
    for life in [60, 45, 8] {
        let server = Server::tokens(life);
        let sandbox = Sandbox::with_grant(&server, HOSTS);
        let life = i64::try_from(life).expect("small");
        for mode in MODES {
            sandbox.run(["get", "p"]);
            // A second more than the quarter, and one less.
            sandbox.age(life - life / 4 - 1, life / 4 + 1);
            let before = server.hits();
            let run = sandbox.helper(mode, HOST);
            assert!(
                run.stdout.contains("at-") && run.stderr.is_empty(),
                "{run:?}"
            );
            assert_eq!(server.hits(), before, "{mode} {life}");
            sandbox.age(life - life / 4 + 1, life / 4 - 1);
            let run = sandbox.helper(mode, HOST);
            assert!(
                run.stdout.contains("at-") && run.stderr.is_empty(),
                "{run:?}"
            );
            assert_eq!(
                server.hits(),
                before + 1,
                "{mode} {life}: one request, never a loop"
            );
        }
    }
}

#[test]
fn programs_are_told_of_a_short_token_s_end_a_quarter_of_its_life_early() {
    let server = Server::tokens(8);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let end = |run: &Run| {
        let line = run
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("password_expiry_utc="));
        line.expect("an end").parse::<u64>().expect("a number")
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_secs()
    };
    let before = now();
    let told = end(&sandbox.helper("git", HOST));
    assert!((before + 6..=now() + 6).contains(&told), "{told} {before}");
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
