//! A grant that has ended for now: it is asked about again by itself, and comes back.
#![cfg(unix)]

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::login::{arrive, redirect};
use crate::support::{Login, Reply, Sandbox, Server};

const HOUR: u64 = 3600;

/// Refuses with these words while the flag is set.
fn refusing(words: &str) -> (Server, &'static AtomicBool) {
    let refuses: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(true)));
    let body = format!(r#"{{"error":"invalid_grant","error_description":"{words}"}}"#);
    let server = Server::start(move |_| {
        if refuses.load(Ordering::SeqCst) {
            Reply::json(400, body.clone())
        } else {
            Reply::json(200, r#"{"access_token":"at","expires_in":3600}"#)
        }
    });
    (server, refuses)
}

/// Moves what the note has of the end into the past.
fn pass(sandbox: &Sandbox, seconds: u64) {
    let profiles = sandbox.state_dir().join("tokctl/profiles");
    let mut files = fs::read_dir(profiles).expect("notes").flatten();
    let path = files.next().expect("a note").path();
    let text = fs::read(&path).expect("a note");
    let mut note: Value = serde_json::from_slice(&text).expect("JSON");
    let said = &mut note["ended"]["said"];
    for (member, step) in [("since", seconds), ("asked_ms", seconds * 1000)] {
        let time = said[member].as_u64().expect("a time");
        said[member] = (time - step).into();
    }
    fs::write(path, note.to_string()).expect("it can be written");
}

#[test]
fn a_user_who_is_enabled_again_needs_no_login() {
    for words in ["User disabled", "Stale token"] {
        let (server, refuses) = refusing(words);
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox.run(["get", "p"]).fails(4, words);
        pass(&sandbox, HOUR - 60);
        let run = sandbox.run(["get", "p"]);
        run.fails(4, words).fails(4, "ago");
        assert!(run.elapsed < Duration::from_secs(1), "{run:?}");
        assert_eq!(server.hits(), 1, "not before an hour has passed");
        pass(&sandbox, 60);
        sandbox.run(["get", "p"]).fails(4, words);
        sandbox.run(["get", "p"]).fails(4, words);
        assert_eq!(server.hits(), 2, "once when it has");
        pass(&sandbox, HOUR);
        sandbox.run(["get", "p"]).fails(4, words);
        assert_eq!(server.hits(), 2, "then two hours");
        refuses.store(false, Ordering::SeqCst);
        pass(&sandbox, HOUR);
        sandbox.run(["get", "p"]).ok("at\n");
        assert_eq!(server.hits(), 3);
        let known = sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(known["state"], "good", "{known}");
        assert_eq!(known["ended_at"], Value::Null, "{known}");
    }
}

#[test]
fn after_a_week_only_a_person_asks() {
    let (server, refuses) = refusing("Session not active");
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(4, "Session not active");
    refuses.store(false, Ordering::SeqCst);
    pass(&sandbox, 7 * 24 * HOUR + 60);
    sandbox.run(["get", "p"]).fails(4, "Session not active");
    assert_eq!(server.hits(), 1);
    sandbox.run(["refresh", "p"]).ok_with("", "renewed");
    assert_eq!(server.hits(), 2);
}

#[test]
fn what_was_revoked_or_used_twice_is_not_asked_about_by_itself() {
    for words in ["Token was revoked", "refresh token already used"] {
        let (server, _) = refusing(words);
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox.run(["get", "p"]).fails(4, words);
        for hours in [2, 30, 100] {
            pass(&sandbox, hours * HOUR);
            sandbox.run(["get", "p"]).fails(4, words);
        }
        assert_eq!(server.hits(), 1, "{words}");
        sandbox.run(["get", "p", "--force"]).fails(4, words);
        assert_eq!(server.hits(), 2, "{words}");
    }
}

#[test]
fn a_server_that_is_away_is_not_asked_with_each_call() {
    let count: &'static AtomicUsize = Box::leak(Box::default());
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::error("invalid_grant"),
        _ => Reply::json(503, "{}"),
    });
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(4, "your grant for p ended");
    pass(&sandbox, HOUR);
    for _ in 0..3 {
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(4, "your grant for p ended");
    }
    assert_eq!(server.hits(), 2, "as far as is known it has ended");
}

#[test]
fn a_crowd_that_insists_is_one_request() {
    let server = Server::always(Reply::error("invalid_grant").after(Duration::from_millis(300)));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(4, "your grant for p ended");
    let all: Vec<_> = (0..10)
        .map(|_| sandbox.start(["get", "p", "--force"]))
        .collect();
    for run in all {
        run.wait().fails(4, "your grant for p ended");
    }
    // Who comes after the first has been answered may be one who did not wait for it.
    assert!((2..=4).contains(&server.hits()), "{}", server.hits());
}

#[test]
fn invalid_grant_straight_after_a_lost_answer_is_asked_about_once_more() {
    let count: &'static AtomicUsize = Box::leak(Box::default());
    let locked = r#"{"error":"invalid_grant","error_description":"in use"}"#;
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::none(),
        1 => Reply::json(400, locked),
        _ => Reply::json(
            200,
            r#"{"access_token":"at","refresh_token":"rt-2","expires_in":60}"#,
        ),
    });
    let sandbox = Sandbox::with_grant(&server, "");
    let run = sandbox.run(["get", "p"]);
    run.ok("at\n");
    assert!(run.elapsed >= Duration::from_secs(4), "two pauses: {run:?}");
    assert_eq!(server.hits(), 3);
}

#[test]
fn a_doubt_outlives_the_call_whose_time_was_up() {
    let count: &'static AtomicUsize = Box::leak(Box::default());
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::none(),
        _ => Reply::error("invalid_grant"),
    });
    let sandbox = Sandbox::with_grant(&server, "");
    for (code, words, hits) in [
        (6, "127.0.0.1", 1),
        (6, "asked once more before this counts", 2),
        (4, "your grant for p ended", 3),
        (4, "your grant for p ended", 3),
    ] {
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(code, words);
        assert_eq!(server.hits(), hits, "{words}");
    }
}

#[test]
fn what_ends_a_grant_at_a_refresh_is_about_the_client_at_a_login() {
    let words = r#"{"error":"unauthorized_client","error_description":"invalid client secret"}"#;
    let server = Server::always(Reply::json(400, words));
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\npreset = \"gitea\"\nvars = {{ host = \"git.example\" }}\nclient_id = \"c\"\n\
         store = \"plaintext\"\nauthorization_endpoint = \"{0}\"\ntoken_endpoint = \"{0}\"\n",
        server.url("/x")
    ));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    arrive(&redirect(&url, ""));
    let run = login.wait();
    run.fails(5, "invalid client secret");
    run.fails(5, "the server does not allow this grant for this client");
    assert!(!run.stderr.contains("a code is good once"), "{run:?}");
}
