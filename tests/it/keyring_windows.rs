//! What the keyring asks a person: never for `get` and helpers, in its own window for who sits there.
#![cfg(target_os = "linux")]

use crate::support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use support::grants::{renewable, wait_for};
use support::keyring::bound_to_this_thread;
use support::{Daemon, Kind, Login, Run, Sandbox, Seat, Server};

const NO_CACHE: &str = "access_cache = \"none\"";
const SOON: Duration = Duration::from_secs(5);

/// An X server with nothing on it; killed when it is dropped.
struct Screen {
    child: Child,
    display: String,
}

impl Screen {
    #[track_caller]
    fn start() -> Self {
        let mut child = bound_to_this_thread("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                "1024x768x24",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut number = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        let _ = BufReader::new(stdout).read_line(&mut number);
        assert!(!number.is_empty(), "Xvfb does not start");
        let display = format!(":{}", number.trim());
        Self { child, display }
    }

    fn xdotool(&self, sandbox: &Sandbox, args: &[&str]) -> String {
        let mut command = sandbox.program("xdotool", args);
        let output = command.env("DISPLAY", &self.display).output();
        String::from_utf8_lossy(&output.expect("xdotool is installed").stdout).into_owned()
    }

    /// The windows that can be seen with this in their title.
    fn windows(&self, sandbox: &Sandbox, title: &str) -> Vec<String> {
        let found = self.xdotool(sandbox, &["search", "--onlyvisible", "--name", title]);
        found.lines().map(str::to_owned).collect()
    }

    /// Waits for a window, and types into it.
    #[track_caller]
    fn answer(&self, sandbox: &Sandbox, title: &str, keys: &[&str]) {
        wait_for(title, || !self.windows(sandbox, title).is_empty());
        let window = self
            .windows(sandbox, title)
            .pop()
            .expect("as was waited for");
        self.xdotool(sandbox, &["windowfocus", "--sync", &window]);
        for key in keys {
            self.xdotool(sandbox, &["key", "--delay", "20", key]);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A password, key by key.
const PASSWORD: [&str; 9] = ["p", "a", "s", "s", "w", "o", "r", "d", "Return"];

/// A seat whose windows are on this screen, as those of `tokctl` would be.
#[track_caller]
fn seat(kind: Kind, screen: &Screen, server: &Server) -> Seat {
    let mut seat = Seat::empty(kind, &renewable(&server.url("/token"), NO_CACHE));
    seat.display = Some(screen.display.clone());
    seat.sandbox.env("DISPLAY", screen.display.clone());
    seat.unlock();
    seat
}

/// Nothing was asked: no window came in the meantime.
#[track_caller]
fn asks_nobody(seat: &Seat, screen: &Screen, title: &str, args: &[&str], words: &str) {
    let run: Run = seat.sandbox.run(args);
    run.fails(7, words);
    assert!(run.elapsed < SOON, "{:?}", run.elapsed);
    assert_eq!(
        screen.windows(&seat.sandbox, title),
        Vec::<String>::new(),
        "{args:?}"
    );
}

#[test]
#[ignore = "needs keepassxc, Xvfb and xdotool: tests/run installs them"]
fn a_locked_database_asks_who_unlocks_it_and_never_who_gets_a_token() {
    let title = "Unlock Database";
    let (screen, server) = (Screen::start(), Server::tokens(600));
    let mut seat = seat(Kind::KeePassXC, &screen, &server);
    seat.sandbox.import("rt-1");
    let since = std::time::SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    seat.lock();
    let commands: [&[&str]; 5] = [
        &["get", "p"],
        &["get", "p", "--force"],
        &["refresh", "p"],
        &["logout", "p"],
        &["exec", "p", "--", "true"],
    ];
    for args in commands {
        let words = "to unlock the keyring, run: tokctl unlock p;";
        asks_nobody(&seat, &screen, title, args, words);
    }
    // Somebody says no, and then yes.
    for (keys, code, words) in [
        (
            &["Escape"][..],
            7,
            "hint: unlock the keyring: run the same again and answer what the keyring asks",
        ),
        (&PASSWORD, 0, "p: the keyring is unlocked (Secret Service)"),
    ] {
        let unlock = Login::of(seat.sandbox.command(["unlock", "p"]));
        screen.answer(&seat.sandbox, title, keys);
        unlock.wait().ends(code, "", words);
    }
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(server.hits(), 1);
    // Who brings a secret is asked before it is typed; here nothing is.
    seat.lock();
    let set = Login::of(seat.sandbox.command(["secret", "set", "p"]));
    screen.answer(&seat.sandbox, title, &PASSWORD);
    set.wait().ends(2, "", "the client secret is empty");
}

#[test]
#[ignore = "needs gnome-keyring, gcr-prompter, Xvfb and xdotool: tests/run installs them"]
fn gnome_keyring_asks_in_its_own_window_too() {
    let title = "Unlock Login Keyring";
    let (screen, server) = (Screen::start(), Server::tokens(600));
    let mut seat = seat(Kind::GnomeKeyring, &screen, &server);
    seat.sandbox.import("rt-1");
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.lock();
    let mut prompter = bound_to_this_thread("/usr/libexec/gcr-prompter");
    seat.bus.adopt(&mut prompter);
    prompter
        .env("DISPLAY", &screen.display)
        .env("HOME", seat.sandbox.home());
    let prompter = prompter.stderr(Stdio::null()).spawn();
    let _prompter = Daemon::Other(prompter.expect("setpriv is installed"));
    wait_for("the prompter", || {
        seat.bus.has("org.gnome.keyring.SystemPrompter")
    });
    asks_nobody(
        &seat,
        &screen,
        title,
        &["get", "p"],
        "the keyring is locked",
    );
    let unlock = Login::of(seat.sandbox.command(["unlock", "p"]));
    screen.answer(&seat.sandbox, title, &PASSWORD);
    unlock
        .wait()
        .ends(0, "", "p: the keyring is unlocked (Secret Service)");
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
#[ignore = "needs kwalletd5, Xvfb and xdotool: tests/run installs them"]
fn kwallet_asks_in_its_own_window_too() {
    let title = "KDE Wallet Service";
    let (screen, server) = (Screen::start(), Server::tokens(600));
    let mut seat = seat(Kind::KWallet, &screen, &server);
    seat.sandbox.import("rt-1");
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.lock();
    asks_nobody(
        &seat,
        &screen,
        title,
        &["get", "p"],
        "the keyring is locked",
    );
    // The password of this wallet is what PAM would have made of one: nobody can type it.
    let unlock = Login::of(seat.sandbox.command(["unlock", "p"]));
    screen.answer(&seat.sandbox, title, &["Escape"]);
    unlock
        .wait()
        .ends(7, "", "the keyring's prompt was dismissed");
}

#[test]
#[ignore = "needs keepassxc, Xvfb and xdotool: tests/run installs them"]
fn without_a_display_of_one_s_own_nobody_is_asked() {
    let (screen, server) = (Screen::start(), Server::tokens(600));
    let mut seat = seat(Kind::KeePassXC, &screen, &server);
    seat.lock();
    // Over ssh: the windows would be on somebody else's screen.
    seat.sandbox.env("DISPLAY", "");
    for args in [
        &["unlock", "p"][..],
        &["secret", "set", "p"],
        &["secret", "rm", "p"],
    ] {
        let words = "unlock the keyring (on a desktop: log in or open its password manager)";
        asks_nobody(&seat, &screen, "Unlock Database", args, words);
    }
}

#[test]
#[ignore = "needs keepassxc: tests/run installs it"]
fn a_database_that_wants_consent_to_each_reading_is_told_from_a_locked_one() {
    let server = Server::tokens(600);
    let mut seat = Seat::open(Kind::KeePassXC, &renewable(&server.url("/token"), NO_CACHE));
    seat.sandbox.import("rt-1");
    let since = std::time::SystemTime::now();
    seat.sandbox.run(["get", "p"]).ok("at-1\n");
    seat.settle(since);
    seat.settings = "ConfirmAccessItem=true\nConfirmDeleteItem=true\n".to_owned();
    seat.unlock();
    let words = "asks a person before it gives out or removes an entry";
    for args in [
        &["get", "p"][..],
        &["get", "p", "--force"],
        &["logout", "p"],
    ] {
        let run = seat.sandbox.run(args);
        run.fails(7, words)
            .fails(7, "no \"Confirm when passwords are retrieved by clients\"");
        assert!(run.elapsed < SOON, "{:?}", run.elapsed);
    }
    // Told before anybody is sent to a browser, and by doctor.
    let import = seat
        .sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-9");
    import.fails(7, words);
    let doctor = seat.sandbox.run(["doctor"]);
    assert!(
        doctor.code == 7 && doctor.stdout.contains(words),
        "{doctor:?}"
    );
    assert_eq!(server.hits(), 1);
}
