//! The Secret Service of each program that people have: gnome-keyring, `KWallet`,
//! `KeePassXC` and oo7.
#![cfg(target_os = "linux")]

use crate::support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use support::grants::renewable;
use support::issuer::behave;
use support::login::{arrive, profile, redirect};
use support::run::send;
use support::sandbox::files;
use support::{Kind, Login, Reply, Run, Seat, Server, Tokens};

const NO_CACHE: &str = "access_cache = \"none\"";
const SOON: Duration = Duration::from_secs(5);

/// `p` with a refresh token, `c` with a client secret that is kept in the store.
fn config(url: &str) -> String {
    let second = format!(
        "[profile.c]\ngrant = \"client_credentials\"\ntoken_endpoint = \"{url}\"\nclient_id = \"c\"\n\
         client_secret = {{ keyring = true }}\n{NO_CACHE}\n"
    );
    renewable(url, NO_CACHE) + &second
}

/// Fails with exit 7, these words and a hint, within 5 s.
#[track_caller]
fn refuses_soon(run: &Run, words: &str, hint: &str) {
    run.fails(7, words).fails(7, &format!("hint: {hint}"));
    assert!(run.elapsed < SOON, "{:?}", run.elapsed);
}

fn secret_of(seat: &Seat, account: &str) -> Option<String> {
    let attributes = ["lookup", "service", "tokctl", "account", account];
    seat.bus.secret_tool(&attributes, "")
}

/// Every command that has to do with the store, in the order of a first day.
fn a_first_day(kind: Kind) {
    let server = Server::tokens(600);
    let seat = Seat::open(kind, &config(&server.url("/token")));
    let sandbox = &seat.sandbox;
    let import = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    import.ok_with("", "stored a refresh token for p (Secret Service)");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    let record = secret_of(&seat, "p").expect("another program sees it too");
    assert!(
        record.contains("\"rt-4\"") && !record.contains('\n'),
        "{record}"
    );

    let set = sandbox.run_with_stdin(["secret", "set", "c"], "s3cret");
    set.ok_with("", "c: client secret stored (Secret Service)");
    sandbox.run(["get", "c"]).ok("at-4\n");
    let rm = sandbox.run(["secret", "rm", "c"]);
    rm.ok_with("", "c: client secret removed from Secret Service");
    let rm = sandbox.run(["secret", "rm", "c"]);
    rm.ok_with("", "c: client secret not found in Secret Service");

    assert_eq!(server.hits(), 4);
    let doctor = sandbox.run(["doctor", "p"]);
    let tried = "Secret Service; an entry was written, read back and erased";
    assert!(doctor.stdout.contains(tried), "{doctor:?}");
    for name in ["p", "c"] {
        let logout = sandbox.run(["logout", name]);
        logout.ok_with("", "erased here");
    }
    for account in ["p", "c", "client-secret/c", "probe/p", "probe/doctor"] {
        assert_eq!(secret_of(&seat, account), None, "{account}");
    }
    sandbox
        .run(["get", "p"])
        .fails(4, "hint: run: tokctl login p");
    assert!(sandbox.files_with("rt-4").is_empty() || kind == Kind::GnomeKeyring);
}

/// Locked, it is exit 7 at once, and nothing is lost.
fn locked(kind: Kind) {
    let server = Server::tokens(600);
    let mut seat = Seat::open(kind, &config(&server.url("/token")));
    seat.sandbox.import("rt-1");
    let since = SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    seat.lock();
    for args in [
        &["get", "p"][..],
        &["get", "p", "--force"],
        &["refresh", "p"],
        &["logout", "p"],
        &["get", "c"],
        &["secret", "rm", "c"],
    ] {
        let run = seat.sandbox.run(args);
        refuses_soon(&run, "the keyring is locked", "unlock the keyring");
    }
    let import = seat
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-other");
    refuses_soon(&import, "the keyring is locked", "unlock the keyring");
    let doctor = seat.sandbox.run(["doctor"]);
    let needed = "the keyring is locked; needed by: p";
    assert!(
        doctor.code == 7 && doctor.stdout.contains(needed),
        "{doctor:?}"
    );
    assert_eq!(server.hits(), 1);
    seat.unlock();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}

/// What was written is there after the program has been ended, as at the end of a session.
fn ended_at_once(kind: Kind, signal: Signal) {
    let server = Server::tokens(600);
    let mut seat = Seat::open(kind, &config(&server.url("/token")));
    seat.sandbox.import("rt-1");
    let since = SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    seat.end(signal);
    let run = seat.sandbox.run(["get", "p"]);
    refuses_soon(
        &run,
        "no program that keeps secrets is running",
        "start a keyring",
    );
    seat.unlock();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}

/// Ended while the server has the refresh token in its hands.
fn ended_during_the_request(kind: Kind) {
    let pid = Arc::new(Mutex::new(0));
    let tokens = Tokens::new(600);
    let server = Server::start({
        let pid = Arc::clone(&pid);
        move |request| {
            let pid = std::mem::take(&mut *pid.lock().expect("no panic"));
            if pid > 0 {
                send(pid, Signal::SIGKILL);
            }
            tokens.answer(request)
        }
    });
    let mut seat = Seat::open(kind, &config(&server.url("/token")));
    seat.sandbox.import("rt-1");
    let since = SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    *pid.lock().expect("no panic") = seat.daemon.as_ref().expect("it runs").pid();
    let run = seat.sandbox.run(["get", "p", "--force"]);
    run.ok_with("at-2\n", "the new token is kept, sealed, in ");
    seat.unlock();
    seat.sandbox.run(["get", "p", "--force"]).ok("at-3\n");
    let spool = seat.sandbox.state_dir().join("tokctl/spool");
    assert_eq!(files(&spool), Vec::<std::path::PathBuf>::new());
    assert!(secret_of(&seat, "p").expect("an item").contains("\"rt-4\""));
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_first_day_with_gnome_keyring() {
    a_first_day(Kind::GnomeKeyring);
}

#[test]
#[ignore = "needs kwalletd5 and secret-tool: tests/run installs them"]
fn a_first_day_with_kwallet() {
    a_first_day(Kind::KWallet);
}

#[test]
#[ignore = "needs keepassxc and secret-tool: tests/run installs them"]
fn a_first_day_with_keepassxc() {
    a_first_day(Kind::KeePassXC);
}

#[test]
#[ignore = "needs oo7-daemon and secret-tool: tests/run installs them"]
fn a_first_day_with_oo7() {
    a_first_day(Kind::Oo7);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn gnome_keyring_locked_is_exit_7_at_once_and_nothing_is_lost() {
    locked(Kind::GnomeKeyring);
}

#[test]
#[ignore = "needs kwalletd5 and secret-tool: tests/run installs them"]
fn kwallet_locked_is_exit_7_at_once_and_nothing_is_lost() {
    locked(Kind::KWallet);
}

#[test]
#[ignore = "needs keepassxc and secret-tool: tests/run installs them"]
fn keepassxc_locked_is_exit_7_at_once_and_nothing_is_lost() {
    locked(Kind::KeePassXC);
}

#[test]
#[ignore = "needs oo7-daemon and secret-tool: tests/run installs them"]
fn oo7_locked_is_exit_7_at_once_and_nothing_is_lost() {
    locked(Kind::Oo7);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn what_gnome_keyring_was_given_survives_the_end_of_the_session() {
    ended_at_once(Kind::GnomeKeyring, Signal::SIGTERM);
    ended_at_once(Kind::GnomeKeyring, Signal::SIGKILL);
}

#[test]
#[ignore = "needs kwalletd5 and secret-tool: tests/run installs them"]
fn what_kwallet_was_given_survives_the_end_of_the_session() {
    ended_at_once(Kind::KWallet, Signal::SIGTERM);
    ended_at_once(Kind::KWallet, Signal::SIGKILL);
}

#[test]
#[ignore = "needs keepassxc and secret-tool: tests/run installs them"]
fn what_keepassxc_was_given_survives_the_end_of_the_session() {
    ended_at_once(Kind::KeePassXC, Signal::SIGTERM);
    ended_at_once(Kind::KeePassXC, Signal::SIGKILL);
}

#[test]
#[ignore = "needs oo7-daemon and secret-tool: tests/run installs them"]
fn what_oo7_was_given_survives_the_end_of_the_session() {
    ended_at_once(Kind::Oo7, Signal::SIGTERM);
    ended_at_once(Kind::Oo7, Signal::SIGKILL);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn gnome_keyring_dying_during_the_request_costs_no_login() {
    ended_during_the_request(Kind::GnomeKeyring);
}

#[test]
#[ignore = "needs kwalletd5 and secret-tool: tests/run installs them"]
fn kwallet_dying_during_the_request_costs_no_login() {
    ended_during_the_request(Kind::KWallet);
}

#[test]
#[ignore = "needs keepassxc and secret-tool: tests/run installs them"]
fn keepassxc_dying_during_the_request_costs_no_login() {
    ended_during_the_request(Kind::KeePassXC);
}

#[test]
#[ignore = "needs oo7-daemon and secret-tool: tests/run installs them"]
fn oo7_dying_during_the_request_costs_no_login() {
    ended_during_the_request(Kind::Oo7);
}

/// A person logs in, and out again with the server told.
fn login_and_logout(kind: Kind) {
    let server = Server::start(|request| behave(request).unwrap_or(Reply::json(404, "{}")));
    let config = profile(&server.url(""), "c", NO_CACHE);
    let seat = Seat::open(kind, &config);
    for _ in 0..2 {
        let mut login = Login::start(&seat.sandbox, &[]);
        arrive(&redirect(&login.address(), ""));
        login.wait().ok_with("", "logged in to p");
        seat.sandbox.run(["get", "p"]).ok("access-1\n");
    }
    let logout = seat.sandbox.run(["logout", "p"]);
    logout.ok_with("", "revoked at the server, and erased here");
    seat.sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(secret_of(&seat, "p"), None);
}

#[test]
#[ignore = "needs gnome-keyring, kwalletd5, keepassxc and oo7-daemon: tests/run installs them"]
fn a_login_and_its_logout_leave_nothing_in_any_of_them() {
    for kind in [
        Kind::GnomeKeyring,
        Kind::KWallet,
        Kind::KeePassXC,
        Kind::Oo7,
    ] {
        login_and_logout(kind);
    }
}
