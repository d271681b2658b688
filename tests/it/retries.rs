//! How often and when a request is tried again, and what a server's `Retry-After` does.
#![cfg(unix)]

use crate::support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use support::profiles::{client_at, grant_at};
use support::{Reply, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";
const TOKEN: &str = r#"{"access_token":"at","expires_in":60}"#;

/// Answers with `first` so often, then with a token.
fn after(times: usize, first: Reply) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) < times {
            first.clone()
        } else {
            Reply::json(200, TOKEN)
        }
    })
}

#[test]
fn each_status_is_tried_as_often_as_that_can_help() {
    thread::scope(|scope| {
        // What may be sent twice, and a refresh token, which may not.
        for (status, tries, refreshes, code) in [
            (400, 1, 1, 5),
            (401, 1, 1, 5),
            (403, 1, 1, 5),
            (404, 1, 1, 5),
            (405, 1, 1, 5),
            (413, 1, 1, 5),
            (425, 1, 1, 5),
            (408, 5, 2, 6),
            (429, 5, 2, 6),
            (500, 5, 2, 6),
            (502, 5, 2, 6),
            (503, 5, 2, 6),
            (504, 5, 2, 6),
        ] {
            scope.spawn(move || {
                let server = Server::always(Reply::json(status, "{}"));
                // With its method set: else a refusal is followed by a try of the other one.
                let more = format!("{NOTHING_KEPT}\nclient_auth = \"client_secret_basic\"");
                let run = Sandbox::with_client(&server, &more).run(["get", "p"]);
                run.fails(code, &format!("HTTP {status}"));
                assert_eq!(server.hits(), tries, "{status}");
                let refresh = Server::always(Reply::json(status, "{}"));
                let run = Sandbox::with_grant(&refresh, "").run(["get", "p"]);
                run.fails(code, &format!("HTTP {status}"));
                assert_eq!(refresh.hits(), refreshes, "{status} for a refresh");
                assert!(run.elapsed < Duration::from_secs(10), "{:?}", run.elapsed);
            });
        }
        scope.spawn(|| {
            let server = Server::always(Reply::none());
            let run = Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p"]);
            run.fails(6, "127.0.0.1");
            assert_eq!(server.hits(), 5, "reset before the answer");
        });
        scope.spawn(|| {
            let mut sandbox = Sandbox::new();
            sandbox
                .env("P_SECRET", "s")
                .config(&client_at("http://127.0.0.1:1/", ""));
            let run = sandbox.run(["get", "p", "-v"]);
            run.fails(6, "refused");
            assert_eq!(
                run.stderr.matches("asking 127.0.0.1:1").count(),
                5,
                "{}",
                run.stderr
            );
            sandbox
                .config(&grant_at("http://127.0.0.1:1/", ""))
                .import("rt-1");
            let run = sandbox.run(["get", "p"]);
            run.fails(6, "refused");
            assert!(
                run.elapsed > Duration::from_secs(2),
                "tried again: {:?}",
                run.elapsed
            );
        });
    });
}

#[test]
fn a_server_that_comes_back_gives_its_token() {
    thread::scope(|scope| {
        for trouble in [
            Reply::json(503, "{}"),
            Reply::json(429, "{}").header("retry-after", "0"),
            Reply::json(503, "{}").header("retry-after", "soon"),
            Reply::json(503, "{}").header("retry-after", "-1"),
            Reply::json(503, "{}").header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            Reply::json(400, r#"{"error":"server_error"}"#),
            Reply::none(),
        ] {
            scope.spawn(move || {
                let server = after(2, trouble.clone());
                Sandbox::with_client(&server, NOTHING_KEPT)
                    .run(["get", "p"])
                    .ok("at\n");
                assert_eq!(server.hits(), 3, "{trouble:?}");
            });
        }
    });
}

#[test]
fn the_pauses_between_tries_grow_and_stay_within_the_budget() {
    let server = Server::always(Reply::json(503, "{}"));
    let sandbox = Sandbox::with_client(&server, NOTHING_KEPT);
    let run = sandbox.run(["get", "p", "--timeout=1s"]);
    run.fails(6, "HTTP 503");
    // 0.15-0.3, then 0.3-0.6: two pauses fit in any case, four in none.
    assert!((3..=4).contains(&server.hits()), "{}", server.hits());
    assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
}

fn http_date(from_now: Duration) -> String {
    httpdate::fmt_http_date(SystemTime::now() + from_now)
}

#[test]
fn retry_after_is_waited_for_where_the_budget_allows_it() {
    thread::scope(|scope| {
        for asked in [
            "1".to_owned(),
            "2".to_owned(),
            http_date(Duration::from_secs(3)),
        ] {
            scope.spawn(move || {
                let busy = Reply::json(503, "{}").header("Retry-After", &asked);
                let server = after(1, busy);
                let sandbox = Sandbox::with_client(&server, NOTHING_KEPT);
                let run = sandbox.run(["get", "p"]);
                run.ok("at\n");
                let (least, most) = (Duration::from_millis(900), Duration::from_secs(4));
                assert!(
                    run.elapsed >= least && run.elapsed < most,
                    "{asked}: {:?}",
                    run.elapsed
                );
                assert_eq!(server.hits(), 2);
            });
        }
    });
}

#[test]
fn a_longer_retry_after_is_remembered_and_keeps_the_next_calls_from_asking() {
    for asked in [
        "60".to_owned(),
        http_date(Duration::from_secs(60)),
        "999999999999".to_owned(),
        "18446744073709551615".to_owned(),
        "99999999999999999999999".to_owned(),
        http_date(Duration::from_secs(86400 * 3650)),
    ] {
        let server = Server::always(Reply::json(429, "{}").header("retry-after", &asked));
        let client = Sandbox::with_client(&server, NOTHING_KEPT);
        let grant = Sandbox::with_grant(&server, "");
        for (at, sandbox) in [client, grant].iter().enumerate() {
            let run = sandbox.run(["get", "p", "--timeout=5s"]);
            run.fails(6, "HTTP 429").fails(6, "tokctl: hint: ");
            for flag in ["-q", "--force", "--min-ttl=1h"] {
                let run = sandbox.run(["get", "p", "--timeout=5s", flag]);
                run.fails(6, "not to be called for a while");
                assert!(run.elapsed < Duration::from_secs(1), "{:?}", run.elapsed);
            }
            assert_eq!(server.hits(), at + 1, "{asked}");
        }
    }
}

#[test]
fn what_a_server_asked_for_ends_when_its_time_has_come() {
    let busy = Reply::json(503, "{}").header("retry-after", "2");
    let server = after(1, busy);
    let sandbox = Sandbox::with_client(&server, "");
    let asked = Instant::now();
    sandbox
        .run(["get", "p", "--timeout=500ms"])
        .fails(6, "HTTP 503");
    while sandbox.run(["get", "p", "--timeout=100ms"]).code == 6 {
        assert!(asked.elapsed() < Duration::from_secs(5), "it never ends");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(
        asked.elapsed() > Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(server.hits(), 2);
    sandbox.run(["get", "p"]).ok("at\n");
}

#[test]
fn a_call_with_more_time_waits_for_the_moment_the_server_asked_for() {
    let server = after(1, Reply::json(503, "{}").header("retry-after", "2"));
    let sandbox = Sandbox::with_client(&server, "");
    sandbox
        .run(["get", "p", "--timeout=500ms"])
        .fails(6, "HTTP 503");
    let run = sandbox.run(["get", "p", "--timeout=10s"]);
    run.ok("at\n");
    assert!(
        run.elapsed > Duration::from_millis(700),
        "{:?}",
        run.elapsed
    );
    assert_eq!(server.hits(), 2);
}

#[test]
fn one_profile_s_retry_after_is_not_another_s() {
    let server = after(1, Reply::json(503, "{}").header("retry-after", "60"));
    let text = client_at(&server.url("/token"), NOTHING_KEPT);
    let sandbox = Sandbox::with_client(&server, "");
    sandbox.config(&format!("{text}{}", text.replace("profile.p", "profile.q")));
    sandbox
        .run(["get", "p", "--timeout=1s"])
        .fails(6, "HTTP 503");
    sandbox.run(["get", "q", "--timeout=1s"]).ok("at\n");
    sandbox
        .run(["get", "p", "--timeout=1s"])
        .fails(6, "not to be called for a while");
}
