//! The way to the keyring: proxies of sandboxes, user namespaces, policies, a service that is slow to
//! start, and databases of which one is locked.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use support::grants::{credentials, renewable, wait_for};
use support::keyring::bound_to_this_thread;
use support::{Daemon, GnomeKeyring, Kind, Run, Running, Sandbox, Seat, Server, SessionBus};

const NO_CACHE: &str = "access_cache = \"none\"";
const SOON: Duration = Duration::from_secs(5);

/// Fails with exit 7, these words and a hint, within 5 s.
#[track_caller]
fn refuses_soon(run: &Run, words: &str, hint: &str) {
    run.fails(7, words).fails(7, &format!("hint: {hint}"));
    assert!(run.elapsed < SOON, "{:?}", run.elapsed);
}

fn seat(kind: Kind, server: &Server) -> Seat {
    Seat::open(kind, &renewable(&server.url("/token"), NO_CACHE))
}

/// The proxy of a flatpak before a seat's bus, with these rules; what it stands before is not in reach.
struct Inside {
    _proxy: Daemon,
    runtime: tempfile::TempDir,
}

impl Inside {
    #[track_caller]
    fn start(seat: &Seat, rules: &[&str]) -> Self {
        let runtime = tempfile::tempdir().expect("a directory");
        let socket = runtime.path().join("bus");
        let proxy = bound_to_this_thread("xdg-dbus-proxy")
            .arg(seat.bus.address())
            .arg(&socket)
            .args(rules)
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv is installed");
        // Its socket is there before it listens.
        wait_for("the proxy", || UnixStream::connect(&socket).is_ok());
        Self {
            _proxy: Daemon::Other(proxy),
            runtime,
        }
    }

    fn command(&self, seat: &Seat, args: &[&str]) -> Command {
        let mut command = seat.sandbox.command(args);
        command.env("XDG_RUNTIME_DIR", self.runtime.path());
        command
    }

    fn run(&self, seat: &Seat, args: &[&str]) -> Run {
        Running::start(self.command(seat, args), None).wait()
    }
}

#[test]
#[ignore = "needs gnome-keyring, kwalletd5, keepassxc, oo7-daemon and xdg-dbus-proxy: tests/run installs them"]
fn the_proxy_of_a_flatpak_lets_through_what_it_may() {
    for kind in [
        Kind::GnomeKeyring,
        Kind::KWallet,
        Kind::KeePassXC,
        Kind::Oo7,
    ] {
        let server = Server::tokens(600);
        let seat = seat(kind, &server);
        let inside = Inside::start(&seat, &["--filter", "--talk=org.freedesktop.secrets"]);
        let import = inside.command(&seat, &["import", "p", "--no-try", "--force"]);
        let import = Running::start(import, Some("rt-1".into())).wait();
        import.ok_with("", "stored a refresh token for p");
        inside.run(&seat, &["get", "p"]).ok("at-1\n");
        inside.run(&seat, &["get", "p", "--force"]).ok("at-2\n");
        seat.sandbox.run(["get", "p"]).ok("at-2\n");
        let doctor = inside.run(&seat, &["doctor"]);
        let bus = inside.runtime.path().join("bus");
        let place = format!("Secret Service at {}: open", bus.display());
        assert!(doctor.stdout.contains(&place), "{doctor:?}");
    }
}

#[test]
#[ignore = "needs gnome-keyring and xdg-dbus-proxy: tests/run installs them"]
fn a_proxy_that_lets_nothing_through_is_told_as_that() {
    let server = Server::tokens(600);
    let seat = seat(Kind::GnomeKeyring, &server);
    seat.sandbox.import("rt-1");
    let seen = Inside::start(&seat, &["--filter", "--see=org.freedesktop.secrets"]);
    let run = seen.run(&seat, &["get", "p"]);
    let words = "this program may not speak to it: org.freedesktop.DBus.Error.AccessDenied";
    refuses_soon(
        &run,
        words,
        "allow org.freedesktop.secrets (for a flatpak: --talk-name=",
    );
    let unseen = Inside::start(&seat, &["--filter"]);
    let run = unseen.run(&seat, &["get", "p"]);
    refuses_soon(
        &run,
        "no program that keeps secrets is running",
        "start a keyring",
    );
    assert_eq!(server.hits(), 0);
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_policy_of_the_bus_is_told_as_that() {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", NO_CACHE));
    let deny = "<policy context=\"mandatory\"><deny send_destination=\"org.freedesktop.secrets\"/></policy>";
    let bus = SessionBus::start_with(&sandbox.runtime_dir(), deny);
    let _keyring = GnomeKeyring::start(&bus, sandbox.home(), None);
    let run = sandbox.run(["get", "p"]);
    refuses_soon(
        &run,
        "this program may not speak to it: ",
        "allow org.freedesktop.secrets",
    );
}

#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn a_service_that_is_slow_to_start_is_not_called_a_hanging_one() {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", NO_CACHE));
    let services = sandbox.home().join("services");
    fs::create_dir(&services).expect("made");
    let service = "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sleep 60\n";
    fs::write(services.join("org.freedesktop.secrets.service"), service).expect("written");
    let more = format!("<servicedir>{}</servicedir>", services.display());
    let _bus = SessionBus::start_with(&sandbox.runtime_dir(), &more);
    let run = sandbox.run(["get", "p"]);
    let words = "its service is being started and has not answered yet";
    refuses_soon(&run, words, "run the same again in a moment");
}

#[test]
#[ignore = "needs gnome-keyring and user namespaces: tests/run installs it"]
fn in_a_user_namespace_the_bus_is_told_no_user_id() {
    let server = Server::tokens(600);
    let seat = seat(Kind::GnomeKeyring, &server);
    seat.sandbox.import("rt-1");
    let words = ["--user", "--map-user=4711", support::tokctl(), "get", "p"];
    let run = Running::start(seat.sandbox.program("unshare", words), None).wait();
    run.ok("at-1\n");
}

#[test]
#[ignore = "needs keepassxc: tests/run installs it"]
fn a_record_in_a_locked_database_beside_an_open_one_is_locked_and_not_missing() {
    let server = Server::tokens(600);
    let second = credentials(&server.url("/token"), "client_secret = { keyring = true }");
    let config =
        renewable(&server.url("/token"), NO_CACHE) + &second.replace("profile.p", "profile.c");
    let mut seat = Seat::open(Kind::KeePassXC, &config);
    seat.sandbox.import("rt-1");
    let set = seat
        .sandbox
        .run_with_stdin(["secret", "set", "c"], "s3cret");
    set.ok_with("", "stored");
    let since = SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    seat.add_database("second", true);
    seat.databases[0].1 = "not the password".to_owned();
    seat.unlock();
    let words = "a part of it is locked, and the rest has no such entry";
    for args in [
        &["get", "p"][..],
        &["get", "p", "--force"],
        &["refresh", "p"],
        &["logout", "p"],
        &["get", "c"],
        &["secret", "rm", "c"],
    ] {
        let run = seat.sandbox.run(args);
        refuses_soon(
            &run,
            words,
            "unlock all of the keyring (in KeePassXC: the other database too)",
        );
    }
    assert_eq!(server.hits(), 1);
    // Who was never logged in is told so.
    seat.sandbox
        .config(&config.replace("profile.p", "profile.new"));
    seat.sandbox
        .run(["get", "new"])
        .fails(4, "tokctl login new");
    // A new grant is the newer one for good.
    seat.sandbox.config(&config);
    let import = seat
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-2");
    import.ok_with("", "stored a refresh token");
    let since = SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-2\n");
    seat.settle_in(1, since);
    // With that in the locked one, the older one in the open one does not count.
    seat.databases[0].1 = support::desk::PASSWORD.to_owned();
    seat.databases[1].1 = "not the password".to_owned();
    seat.unlock();
    let run = seat.sandbox.run(["get", "p", "--force"]);
    refuses_soon(&run, words, "unlock all of the keyring");
    seat.databases[1].1 = support::desk::PASSWORD.to_owned();
    seat.unlock();
    let run = seat.sandbox.run(["get", "p"]);
    run.ok_with("at-2\n", "several entries");
}

#[test]
#[ignore = "needs keepassxc: tests/run installs it"]
fn a_database_that_exposes_nothing_is_no_keyring() {
    let server = Server::tokens(600);
    let mut seat = Seat::empty(Kind::KeePassXC, &renewable(&server.url("/token"), NO_CACHE));
    seat.databases.clear();
    seat.add_database("closed", false);
    seat.unlock();
    // It shows that it exposes nothing when it is open.
    wait_for("the database to open", || seat.collections().is_empty());
    let import = seat
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    refuses_soon(&import, "no default collection", "create a default keyring");
    import.fails(
        7,
        "in KeePassXC: open a database that exposes entries under a group",
    );
}
