//! The Secret Service as the store, with gnome-keyring on a bus of the test's own: what goes well.
#![cfg(unix)]

use crate::support;

use std::time::Duration;

use serde_json::Value;
use support::desk::kernel_keys_with;
use support::grants::{credentials, renewable};
use support::{Desk, Reply, Running, Server};

const NO_CACHE: &str = "access_cache = \"none\"";

/// Tokens that no other test's kernel keys can be taken for.
fn unmistakable(desk: &str) -> (String, String) {
    let tag = format!("{desk}-{}", std::process::id());
    (format!("access-{tag}"), format!("refresh-{tag}"))
}

/// A server that gives always the same pair.
fn pair_server(access: &str, refresh: &str) -> Server {
    let body =
        format!(r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":600}}"#);
    Server::start(move |_| Reply::json(200, body.clone()))
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn auto_is_the_secret_service_where_it_is_open() {
    for more in ["", NO_CACHE] {
        let server = Server::tokens(600);
        let desk = Desk::open(&credentials(&server.url("/token"), more));
        desk.sandbox.run(["get", "p"]).ok("at-1\n");
        let record: Value =
            serde_json::from_str(&desk.secret("p").expect("an item")).expect("a record");
        assert_eq!(
            (&record["version"], &record["generation"]),
            (&1.into(), &1.into())
        );
        assert!(record.to_string().contains("at-1"), "{record}");
        let status = desk.sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(
            (&status["store"], &status["store_path"], &status["state"]),
            (&"keyring".into(), &"Secret Service".into(), &"good".into())
        );
        desk.sandbox.run(["get", "p"]).ok("at-1\n");
        desk.sandbox.run(["get", "p", "--offline"]).ok("at-1\n");
        assert_eq!(server.hits(), 1, "{more:?}");
        assert!(desk.sandbox.files_with("at-1").is_empty());
    }
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn ten_renewals_leave_one_item_with_the_newest_tokens_on_one_line() {
    let server = Server::tokens(600);
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    for n in 1..=10 {
        let run = desk.sandbox.run(["get", "p", "--force"]);
        run.ok(&format!("at-{n}\n"));
    }
    assert_eq!(desk.items("p"), 1);
    let record = desk.secret("p").expect("an item");
    assert!(record.contains("\"rt-11\"") && !record.contains("\"rt-10\""));
    assert!(!record.contains('\n'), "a newline in {record:?}");
    desk.sandbox.run(["get", "p"]).ok("at-10\n");
    assert_eq!(server.hits(), 10);
    assert!(desk.sandbox.files_with("rt-11").is_empty());
}

#[test]
#[ignore = "needs gnome-keyring, secret-tool and keyctl: tests/run installs them"]
fn only_the_access_token_is_in_the_kernel_and_logout_removes_it_there_too() {
    let (access, refresh) = unmistakable("kernel");
    let server = pair_server(&access, &refresh);
    let desk = Desk::open(&renewable(&server.url("/token"), ""));
    let given = format!("given-{refresh}");
    desk.sandbox.import(&given);
    desk.sandbox.run(["get", "p"]).ok(&format!("{access}\n"));
    assert_eq!(kernel_keys_with(&access).len(), 1);
    // Other variants have keys of their own, as many as the record has places.
    for n in 1..=12 {
        let run = desk.sandbox.run(["get", "p", "--scope", &format!("s{n}")]);
        run.ok(&format!("{access}\n"));
    }
    assert_eq!(kernel_keys_with(&access).len(), 8);
    assert_eq!(kernel_keys_with(&refresh), Vec::<String>::new());
    assert!(desk.secret("p").expect("an item").contains(&refresh));

    let logout = desk.sandbox.run(["logout", "p"]);
    logout.ok_with("", "erased here");
    assert_eq!((desk.secret("p"), desk.items("p")), (None, 0));
    assert_eq!(kernel_keys_with(&access), Vec::<String>::new());
    assert!(desk.sandbox.files_with(&access).is_empty());
    desk.sandbox
        .run(["get", "p"])
        .fails(4, "hint: run: tokctl login p");
    assert_eq!(server.hits(), 13);
}

#[test]
#[ignore = "needs gnome-keyring, secret-tool and keyctl: tests/run installs them"]
fn without_a_kernel_cache_the_kernel_has_nothing() {
    let (access, refresh) = unmistakable("none");
    let server = pair_server(&access, &refresh);
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import(&refresh);
    for _ in 0..2 {
        desk.sandbox.run(["get", "p"]).ok(&format!("{access}\n"));
    }
    assert_eq!(server.hits(), 1);
    assert_eq!(kernel_keys_with(&access), Vec::<String>::new());
    assert_eq!(kernel_keys_with(&refresh), Vec::<String>::new());
}

#[test]
#[ignore = "needs gnome-keyring and keyctl: tests/run installs them"]
fn the_kernel_answers_where_there_is_no_session_keyring_as_under_cron() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&credentials(&server.url("/token"), ""));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    // No store is left that could answer: what comes is the kernel's.
    desk.keyring = None;
    let tokctl = support::tokctl();
    let fresh_session = ["session", "-", tokctl, "get", "p"];
    let run = Running::start(desk.sandbox.program("keyctl", fresh_session), None).wait();
    assert_eq!((run.code, run.stdout.as_str()), (0, "at-1\n"), "{run:?}");
    assert_eq!(server.hits(), 1);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_client_secret_goes_into_the_keyring_and_out_again() {
    let server = Server::tokens(600);
    let desk = Desk::open(&credentials(
        &server.url("/token"),
        "client_secret = { keyring = true }\naccess_cache = \"none\"",
    ));
    desk.sandbox
        .run(["get", "p"])
        .fails(3, "hint: run: tokctl secret set p");
    assert_eq!(server.hits(), 0);
    let set = desk
        .sandbox
        .run_with_stdin(["secret", "set", "p"], "s3cret\r\n");
    set.ok_with("", "p: client secret stored (Secret Service)");
    assert_eq!(desk.secret("client-secret/p").as_deref(), Some("s3cret"));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    // RFC 7617 of "c:s3cret".
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(request.header("authorization"), Some("Basic YzpzM2NyZXQ="));
    assert!(desk.sandbox.files_with("s3cret").is_empty());

    desk.sandbox.run(["logout", "p"]).ok_with("", "erased");
    desk.sandbox.run(["get", "p"]).ok("at-2\n");
    let rm = desk.sandbox.run(["secret", "rm", "p"]);
    rm.ok_with("", "removed from Secret Service");
    assert_eq!(desk.items("client-secret/p"), 0);
    // The token lives on; without one the secret is missed.
    desk.sandbox.run(["get", "p"]).ok("at-2\n");
    desk.sandbox
        .run(["get", "p", "--force"])
        .fails(3, "hint: run: tokctl secret set p");
    let rm = desk.sandbox.run(["secret", "rm", "p"]);
    rm.ok_with("", "not found in Secret Service");
    assert_eq!(server.hits(), 2);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn status_reads_no_secret_and_waits_for_nobody() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.lock();
    let locked = desk.sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&locked["state"], &locked["store"], &locked["refreshable"]),
        (&"good".into(), &"keyring".into(), &true.into())
    );
    desk.unlock();
    desk.keyring().stop_signal();
    let stopped = desk.sandbox.run(["status"]);
    desk.keyring().cont();
    assert!(stopped.elapsed < Duration::from_secs(1), "{stopped:?}");
    assert!(
        stopped.stdout.contains("good") && stopped.code == 0,
        "{stopped:?}"
    );
    for secret in ["at-1", "rt-1", "rt-2"] {
        assert!(!stopped.stdout.contains(secret) && !locked.to_string().contains(secret));
    }
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_without_a_password_gives_its_record_back_after_a_restart() {
    let server = Server::tokens(600);
    let mut desk = Desk::start(&renewable(&server.url("/token"), NO_CACHE), Some(""));
    desk.sandbox.import("rt-1");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.keyring = None;
    desk.sandbox
        .run(["get", "p"])
        .fails(7, "no program that keeps secrets is running");
    desk.keyring = Some(support::GnomeKeyring::start(
        &desk.bus,
        desk.sandbox.home(),
        Some(""),
    ));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    assert_eq!(server.hits(), 2);
}
