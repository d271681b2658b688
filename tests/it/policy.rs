//! When a stored token is printed, when a new one is fetched, and what is printed when that fails.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::profiles::{client_at, grant_at};
use support::{RawServer, Reply, Sandbox, Server};

/// Each call reads the record, which a test can change.
const PLAIN: &str = "store = \"plaintext\"\naccess_cache = \"none\"";

/// A plaintext store with the access token `old` and the refresh token `rt-1`.
fn with_old_token(server: &Server) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), "store = \"plaintext\""));
    sandbox.import(r#"{"access_token":"old","refresh_token":"rt-1","expires_in":3600}"#);
    sandbox
}

#[test]
fn a_good_token_costs_one_request_for_all_calls() {
    let server = Server::tokens(3600);
    for more in [
        "",
        PLAIN,
        "store = \"auto\"",
        "store = \"encrypted-file\"\naccess_cache = \"kernel\"",
    ] {
        let sandbox = Sandbox::with_client(&server, more);
        let before = server.hits();
        let first = sandbox.run(["get", "p"]).stdout;
        for _ in 0..3 {
            sandbox.run(["get", "p"]).ok(&first);
        }
        assert_eq!(server.hits() - before, 1, "{more}");
    }
    let sandbox = Sandbox::with_client(&server, "store = \"none\"");
    let before = server.hits();
    (0..3).for_each(|_| drop(sandbox.run(["get", "p"])));
    assert_eq!(server.hits() - before, 3);
}

#[test]
fn a_token_is_renewed_at_a_tenth_of_its_life_and_five_minutes_at_most() {
    for (life, left, good) in [
        (3600, 310, true),
        (3600, 290, false),
        (86400, 310, true),
        (86400, 290, false),
        (600, 65, true),
        (600, 55, false),
        (60, 10, true),
        (60, 3, false),
        (3600, 0, false),
        (3600, -1000, false),
        // From the future: the clock went back by a minute, then by more.
        (3600, 3630, true),
        (3600, 3800, false),
    ] {
        let server = Server::tokens(3600);
        for sandbox in [
            Sandbox::with_client(&server, PLAIN),
            with_old_token(&server),
        ] {
            sandbox.run(["get", "p"]);
            let before = server.hits();
            let run = sandbox.age(life - left, left).run(["get", "p"]);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""));
            let requests = server.hits() - before;
            assert_eq!(requests == 0, good, "{left} of {life} s left: {run:?}");
            assert!(requests <= 1);
        }
    }
}

#[test]
fn min_ttl_is_the_flag_s_then_the_profile_s() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, &format!("{PLAIN}\nmin_ttl = \"10m\""));
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.age(3000, 610).run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p", "--min-ttl=11m"]).ok("at-2\n");
    sandbox.age(3000, 590).run(["get", "p"]).ok("at-3\n");
    sandbox.age(3590, 10);
    sandbox.run(["get", "p", "--min-ttl=5s"]).ok("at-3\n");
    sandbox.run(["get", "p", "--min-ttl", "0s"]).ok("at-3\n");
    sandbox
        .run(["get", "p", "--min-ttl=1000years"])
        .ok_with("at-4\n", "which is less than min_ttl");
}

#[test]
fn a_token_that_never_lives_long_enough_is_one_request_and_no_loop() {
    for (n, life) in [1, 2, 60].into_iter().enumerate() {
        let server = Server::tokens(life);
        let grant = Sandbox::with_grant(&server, "");
        for (at, sandbox) in [Sandbox::with_client(&server, ""), grant]
            .iter()
            .enumerate()
        {
            for call in 1..=2 {
                let run = sandbox.run(["get", "p", "--min-ttl=1h"]);
                let words = "which is less than min_ttl";
                run.ok_with(&format!("at-{}\n", 2 * at + call), words);
                assert_eq!(server.hits(), 2 * at + call, "{n}");
            }
        }
    }
}

#[test]
fn a_token_ends_so_long_after_the_start_of_the_request() {
    let body = r#"{"access_token":"at","expires_in":100}"#;
    let server = Server::always(Reply::json(200, body).after(Duration::from_secs(2)));
    let sandbox = Sandbox::with_client(&server, "");
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert!(
        answer["expires_in"].as_i64().is_some_and(|left| left <= 98),
        "{answer}"
    );
    let date = sandbox.program(
        "date",
        ["+%s", "-d", answer["expires_at"].as_str().unwrap()],
    );
    let ends: u64 = support::Running::start(date, None)
        .wait()
        .stdout
        .trim()
        .parse()
        .unwrap();
    assert!(
        (100..=101).contains(&(ends - started.as_secs())),
        "{answer}"
    );
}

#[test]
fn force_asks_anew_and_takes_an_old_answer_only_where_the_server_is_away() {
    let server = Server::tokens(3600);
    for sandbox in [
        Sandbox::with_client(&server, ""),
        Sandbox::with_grant(&server, ""),
    ] {
        let first = sandbox.run(["get", "p"]).stdout;
        let forced = sandbox.run(["get", "p", "--force"]);
        assert_ne!(forced.stdout, first);
        forced.ok(&forced.stdout);
        sandbox.run(["get", "p"]).ok(&forced.stdout);
    }
    assert_eq!(server.hits(), 4);
    let (url, down) = (
        server.url("/token"),
        Server::always(Reply::error("invalid_client")),
    );
    drop(server);
    let sandbox = with_old_token(&down);
    sandbox
        .run(["get", "p", "--force"])
        .fails(5, "invalid_client");
    sandbox.config(&grant_at(&url, "store = \"plaintext\""));
    sandbox.import(r#"{"access_token":"old","refresh_token":"rt-1","expires_in":3600}"#);
    let run = sandbox.run(["get", "p", "--force", "--timeout=200ms"]);
    run.ends(0, "old\n", "not renewed, here is the stored token");
    sandbox.run(["get", "p"]).ok("old\n");
}

#[test]
fn offline_prints_what_is_alive_and_makes_no_request() {
    let server = Server::tokens(3600);
    for sandbox in [
        Sandbox::with_client(&server, PLAIN),
        with_old_token(&server),
    ] {
        if server.hits() == 0 {
            sandbox.run(["get", "p", "--offline"]).fails(6, "--offline");
            sandbox.run(["get", "p"]);
        }
        let before = server.hits();
        let token = sandbox.run(["get", "p", "--offline"]).stdout;
        sandbox.age(3590, 10);
        sandbox.run(["get", "p", "--offline"]).ok(&token);
        sandbox
            .run(["get", "p", "--offline", "--min-ttl=1h"])
            .ok(&token);
        sandbox.age(3600, 0);
        let run = sandbox.run(["get", "p", "--offline"]);
        run.fails(6, "profile \"p\"").fails(6, "tokctl: hint: ");
        assert_eq!(server.hits(), before);
    }
}

/// What makes a renewal fail for now.
fn troubles() -> Vec<Reply> {
    let mut all = vec![
        Reply::none(),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-le"),
        Reply::json(200, "{}").after(Duration::from_secs(3)),
        Reply::json(503, "{}").header("retry-after", "3600"),
        Reply::json(400, r#"{"error":"temporarily_unavailable"}"#),
    ];
    all.extend([408, 429, 500, 502, 503, 504, 520].map(|status| Reply::json(status, "{}")));
    all
}

#[test]
fn while_the_server_is_away_a_token_with_time_left_is_printed_with_a_warning() {
    thread::scope(|scope| {
        for reply in troubles() {
            scope.spawn(move || {
                let asked_to_wait = reply.headers.iter().any(|(name, _)| name == "retry-after");
                let server = Server::always(reply);
                let sandbox = with_old_token(&server);
                sandbox.age(3500, 100);
                let stored = fs::read(sandbox.record()).expect("a record");
                let get = |flag| sandbox.run(["get", "p", "--timeout=700ms", flag]);
                let run = get("--no-newline");
                run.ok_with("old", "tokctl: warning: profile \"p\": not renewed");
                let left = run.stderr.split("good for another ").nth(1);
                let left = left.and_then(|left| left.split_once(" s: ")?.0.parse().ok());
                assert!(
                    left.is_some_and(|left: u32| (60..=100).contains(&left)),
                    "{run:?}"
                );
                assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
                assert!(
                    run.elapsed < Duration::from_millis(2500),
                    "{:?}",
                    run.elapsed
                );
                get("-q").ok("old\n");
                assert_eq!(fs::read(sandbox.record()).expect("a record"), stored);
                // Nothing left: then it is an error, and still nothing is lost.
                sandbox.age(3600, -1);
                let stored = fs::read(sandbox.record()).expect("a record");
                get("-q").fails(6, "tokctl: profile \"p\": ");
                assert!(!asked_to_wait || server.hits() == 1, "it was told to wait");
                assert_eq!(fs::read(sandbox.record()).expect("a record"), stored);
            });
        }
    });
}

#[test]
fn a_stale_token_is_printed_for_client_credentials_and_a_closed_port_too() {
    let server = Server::tokens(3600);
    let silent = RawServer::silent();
    let sandbox = Sandbox::with_client(&server, PLAIN);
    for url in ["http://127.0.0.1:1/token".to_owned(), silent.url("/token")] {
        // The token belongs to its server: it is stored for the one that is away.
        let open = sandbox.config(&client_at(&server.url("/token"), PLAIN));
        open.run(["get", "p", "--force"]);
        let record = fs::read_to_string(sandbox.record()).expect("a record");
        sandbox.config(&client_at(&url, PLAIN));
        sandbox
            .run(["get", "p", "--timeout=100ms"])
            .fails(6, "profile \"p\"");
        assert_eq!(fs::read_to_string(sandbox.record()).expect("it"), record);
    }
    let away = AtomicUsize::new(0);
    let server = Server::start(move |_| match away.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(200, r#"{"access_token":"at","expires_in":3600}"#),
        _ => Reply::none(),
    });
    let sandbox = Sandbox::with_client(&server, PLAIN);
    sandbox.run(["get", "p"]).ok("at\n");
    let run = sandbox.age(3500, 100).run(["get", "p", "--timeout=500ms"]);
    run.ok_with("at\n", "tokctl: warning: profile \"p\": not renewed");
    let run = sandbox.run(["get", "p", "--timeout=500ms", "--min-ttl=1s"]);
    run.ok("at\n");
    sandbox
        .age(3600, 0)
        .run(["get", "p", "--timeout=100ms"])
        .fails(6, "\"p\"");
}

#[test]
fn a_refusal_for_good_is_told_though_the_old_token_has_time_left() {
    for error in [
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "nonsense",
    ] {
        let server = Server::always(Reply::error(error));
        let sandbox = with_old_token(&server);
        let run = sandbox.age(3500, 100).run(["get", "p"]);
        run.fails(5, error);
        assert_eq!(server.hits(), 1, "asked once");
        sandbox.run(["get", "p", "--min-ttl=1s"]).ok("old\n");
    }
}
