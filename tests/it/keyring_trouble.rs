//! The Secret Service locked, absent, hanging or holding rubbish: nothing is lost, nothing waits, and
//! nothing goes elsewhere.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::desk::kernel_keys_with;
use support::grants::{credentials, renewable};
use support::run::send;
use support::sandbox::files;
use support::{Desk, Run, Server, Tokens};

const NO_CACHE: &str = "access_cache = \"none\"";
const SOON: Duration = Duration::from_secs(5);

/// Fails with exit 7, these words and a hint, within 5 s.
#[track_caller]
fn refuses_soon(run: &Run, words: &str, hint: &str) {
    run.fails(7, words).fails(7, &format!("hint: {hint}"));
    assert!(run.elapsed < SOON, "{:?}", run.elapsed);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_locked_keyring_is_exit_7_at_once_and_nothing_is_lost() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    let before = files(desk.sandbox.home());
    desk.lock();
    for args in [
        &["get", "p"][..],
        &["get", "p", "--force"],
        &["get", "p", "--offline"],
        &["logout", "p"],
    ] {
        let run = desk.sandbox.run(args);
        refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    }
    assert_eq!(server.hits(), 0);
    assert_eq!(files(desk.sandbox.home()), before);
    desk.unlock();
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_good_token_in_the_kernel_is_given_while_the_keyring_is_locked() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&renewable(&server.url("/token"), ""));
    desk.sandbox.import("rt-1");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.lock();
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.sandbox.run(["get", "p", "--offline"]).ok("at-1\n");
    let run = desk.sandbox.run(["get", "p", "--force"]);
    refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    // Not as long as asked for, but with time left.
    let stale = desk.sandbox.run(["get", "p", "--min-ttl", "1h"]);
    stale.ok_with("at-1\n", "the keyring is locked");
    assert_eq!(server.hits(), 1);
}

#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn without_a_keyring_a_refresh_token_is_not_even_taken_in() {
    let server = Server::tokens(600);
    let desk = Desk::without_keyring(&renewable(&server.url("/token"), ""));
    let import = desk
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    refuses_soon(
        &import,
        "no program that keeps secrets is running",
        "start a keyring",
    );
    let get = desk.sandbox.run(["get", "p"]);
    refuses_soon(
        &get,
        "no program that keeps secrets is running",
        "start a keyring",
    );
    // And without a bus.
    drop(desk.bus);
    let get = desk.sandbox.run(["get", "p"]);
    refuses_soon(&get, "no session bus", "start a keyring");
    assert_eq!(server.hits(), 0);
    assert!(desk.sandbox.files_with("rt-1").is_empty());
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_hanging_keyring_is_exit_7_within_5_s() {
    let server = Server::tokens(600);
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    desk.keyring().stop_signal();
    for args in [
        &["get", "p"][..],
        &["get", "p", "--force"],
        &["logout", "p"],
    ] {
        let run = desk.sandbox.run(args);
        refuses_soon(
            &run,
            "did not answer in time",
            "the keyring's service hangs",
        );
    }
    desk.keyring().cont();
    assert_eq!(server.hits(), 0);
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn once_in_the_keyring_a_grant_never_goes_to_another_store() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    desk.sandbox.env("TOKCTL_STORE_KEY", "there is another way");
    desk.lock();
    let run = desk.sandbox.run(["get", "p"]);
    refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    let run = desk
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-other");
    refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    desk.keyring = None;
    let run = desk.sandbox.run(["get", "p"]);
    refuses_soon(&run, "no program that keeps secrets", "start a keyring");
    assert!(!desk.sandbox.state_dir().join("tokctl/records").exists());
    desk.unlock();
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_fresh_home_without_a_default_collection_says_so() {
    let server = Server::tokens(600);
    let desk = Desk::start(&renewable(&server.url("/token"), ""), None);
    let import = desk
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    refuses_soon(
        &import,
        "no default collection",
        "create a default keyring in the password manager",
    );
    assert!(desk.sandbox.files_with("rt-1").is_empty());
}

#[test]
#[ignore = "needs gnome-keyring and keyctl: tests/run installs them"]
fn an_import_into_a_locked_keyring_writes_nothing_anywhere() {
    let mut desk = Desk::open(&renewable("http://127.0.0.1:9/token", ""));
    desk.lock();
    let secret = format!("locked-out-{}", std::process::id());
    let tokens = format!(
        r#"{{"access_token":"at-{secret}","refresh_token":"rt-{secret}","expires_in":600}}"#
    );
    let import = desk
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], tokens);
    refuses_soon(&import, "the keyring is locked", "unlock the keyring");
    assert!(desk.sandbox.files_with(&secret).is_empty());
    assert_eq!(kernel_keys_with(&secret), Vec::<String>::new());
    for file in files(&desk.sandbox.state_dir()) {
        assert_eq!(fs::read(&file).expect("a file"), b"", "{}", file.display());
    }
    desk.unlock();
    assert_eq!(desk.items("p"), 0);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn rubbish_in_the_keyring_is_said_to_be_rubbish_and_can_be_replaced() {
    let server = Server::tokens(600);
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    let attributes = ["service", "tokctl", "account", "p"];
    let store = [&["store", "--label=x"], &attributes[..]].concat();
    for rubbish in ["garbage", "{\"version\":1}", "{\"version\":2}", "\u{0}"] {
        assert!(desk.bus.secret_tool(&store, rubbish).is_some());
        assert_eq!(desk.items("p"), 1);
        let run = desk.sandbox.run(["get", "p"]);
        refuses_soon(&run, "profile \"p\": what is stored cannot be read", "");
        assert!(!run.stderr.contains("garbage"));
    }
    assert_eq!(server.hits(), 0);
    desk.sandbox.import("rt-1");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(desk.items("p"), 1);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn rubbish_costs_client_credentials_one_request() {
    let server = Server::tokens(600);
    let desk = Desk::open(&credentials(&server.url("/token"), NO_CACHE));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    let attributes = ["service", "tokctl", "account", "p"];
    let store = [&["store", "--label=x"], &attributes[..]].concat();
    desk.bus.secret_tool(&store, "garbage").expect("stored");
    let run = desk.sandbox.run(["get", "p"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "at-2\n"), "{run:?}");
    desk.sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_locked_keyring_is_exit_7_for_client_credentials_too() {
    let server = Server::tokens(600);
    let mut desk = Desk::open(&credentials(&server.url("/token"), NO_CACHE));
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.lock();
    let run = desk.sandbox.run(["get", "p"]);
    refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    assert_eq!(server.hits(), 1);
    desk.unlock();
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_client_secret_in_a_locked_keyring_is_locked_and_not_missing() {
    let server = Server::tokens(600);
    let more = format!("client_secret = {{ keyring = true }}\n{NO_CACHE}");
    let mut desk = Desk::open(&credentials(&server.url("/token"), &more));
    let set = |desk: &Desk| {
        desk.sandbox
            .run_with_stdin(["secret", "set", "p"], "s3cret")
    };
    set(&desk).ok_with("", "client secret stored");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.sandbox.run(["logout", "p"]).ok_with("", "erased");
    desk.lock();
    let run = desk.sandbox.run(["get", "p"]);
    refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    // A person may be asked here, but there is nobody who could ask.
    let run = set(&desk);
    refuses_soon(&run, "the keyring", "unlock the keyring");
    desk.unlock();
    desk.sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn of_two_items_the_newest_record_counts_and_logout_removes_both() {
    let server = Server::tokens(600);
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    let old = desk.secret("p").expect("an item");
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    // A copy from a backup: an older record in an item that was written later.
    let attributes = ["service", "tokctl", "account", "p", "copy", "1"];
    let store = [&["store", "--label=x"], &attributes[..]].concat();
    desk.bus.secret_tool(&store, &old).expect("stored");
    assert_eq!(desk.items("p"), 2);
    let run = desk.sandbox.run(["get", "p"]);
    run.ok_with("at-1\n", "several entries");
    assert_eq!(server.hits(), 1, "the old refresh token is not used again");
    let run = desk.sandbox.run(["get", "p", "--force"]);
    run.ok_with("at-2\n", "several entries");
    desk.sandbox.run(["logout", "p"]);
    assert_eq!(desk.items("p"), 0);
}

/// What happens to the keyring while the server has the refresh token in its hands.
fn during_the_request(what: impl Fn(u32) + Send + Sync + 'static) -> (Desk, Arc<Mutex<u32>>) {
    let pid = Arc::new(Mutex::new(0));
    let tokens = Tokens::new(600);
    let server = Server::start({
        let pid = Arc::clone(&pid);
        move |request| {
            let pid = std::mem::take(&mut *pid.lock().expect("no panic"));
            if pid > 0 {
                what(pid);
            }
            tokens.answer(request)
        }
    });
    let desk = Desk::open(&renewable(&server.url("/token"), NO_CACHE));
    desk.sandbox.import("rt-1");
    *pid.lock().expect("no panic") = desk.keyring().pid();
    // As long as the process: a thread serves on.
    std::mem::forget(server);
    (desk, pid)
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_that_hangs_during_the_request_costs_no_login() {
    let (desk, _) = during_the_request(|pid| send(pid, nix::sys::signal::Signal::SIGSTOP));
    let run = desk.sandbox.run(["get", "p"]);
    run.ok_with("at-1\n", "the new token is kept, sealed, in ");
    for secret in ["at-1", "rt-2"] {
        assert!(desk.sandbox.files_with(secret).is_empty());
    }
    desk.keyring().cont();
    desk.sandbox.run(["get", "p"]).ok("at-1\n");
    desk.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    let spool = desk.sandbox.state_dir().join("tokctl/spool");
    assert_eq!(files(&spool), Vec::<std::path::PathBuf>::new());
    assert!(desk.secret("p").expect("an item").contains("\"rt-3\""));
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_that_dies_during_the_request_costs_no_login() {
    let (mut desk, _) = during_the_request(|pid| send(pid, nix::sys::signal::Signal::SIGKILL));
    let run = desk.sandbox.run(["get", "p"]);
    run.ok_with("at-1\n", "the new token is kept, sealed, in ");
    let run = desk.sandbox.run(["get", "p"]);
    refuses_soon(&run, "no program that keeps secrets", "start a keyring");
    desk.unlock();
    desk.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    assert!(desk.secret("p").expect("an item").contains("\"rt-3\""));
}
