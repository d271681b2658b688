//! The programs that keep secrets for Linux desktops, each as a person's session would start it, on a
//! bus of the test's own.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use super::desk::PASSWORD;
use super::grants::wait_for;
use super::keyring::bound_to_this_thread;
use super::run::send;
use super::{GnomeKeyring, Sandbox, SessionBus};

/// Longer than a Qt program takes to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GnomeKeyring,
    KWallet,
    KeePassXC,
    Oo7,
}

/// A running one; killed when it is dropped.
pub enum Daemon {
    Gnome(GnomeKeyring),
    Other(Child),
}

impl Daemon {
    pub fn pid(&self) -> u32 {
        match self {
            Self::Gnome(keyring) => keyring.pid(),
            Self::Other(child) => child.id(),
        }
    }

    /// Ends it, and waits until it has gone.
    #[track_caller]
    pub fn end(mut self, signal: Signal) {
        send(self.pid(), signal);
        let Self::Other(child) = &mut self else {
            return;
        };
        let (patient, until) = (Instant::now() + START / 3, Instant::now() + START);
        while matches!(child.try_wait(), Ok(None)) {
            assert!(Instant::now() < until, "{signal} does not end it");
            // KeePassXC with a question on its screen does not heed SIGTERM.
            if Instant::now() > patient {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Self::Other(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A desktop with one of them. The fields are dropped in this order.
pub struct Seat {
    pub kind: Kind,
    pub daemon: Option<Daemon>,
    pub bus: SessionBus,
    pub sandbox: Sandbox,
    /// Lines of `KeePassXC`'s configuration, below `[FdoSecrets]`.
    pub settings: String,
    /// The X display of its windows; without one they are nowhere.
    pub display: Option<String>,
    /// The databases of `KeePassXC`, each with the password that it is given.
    pub databases: Vec<(PathBuf, String)>,
}

impl Seat {
    /// With this configuration, and an open keyring.
    #[track_caller]
    pub fn open(kind: Kind, config: &str) -> Self {
        let mut seat = Self::empty(kind, config);
        seat.unlock();
        seat
    }

    /// Nothing is started yet.
    #[track_caller]
    pub fn empty(kind: Kind, config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.config(config);
        let bus = SessionBus::start(&sandbox.runtime_dir());
        let mut seat = Self {
            kind,
            daemon: None,
            bus,
            sandbox,
            settings: "ConfirmAccessItem=false\nConfirmDeleteItem=false\n".to_owned(),
            display: None,
            databases: Vec::new(),
        };
        match kind {
            Kind::KeePassXC => seat.add_database("first", true),
            // Its first start makes the wallet, and only the next one finds it.
            Kind::KWallet => {
                seat.unlock();
                seat.wait_until("has made its wallet", |seat| {
                    seat.has_wallet() && seat.is_wallet_open()
                });
                seat.end(Signal::SIGTERM);
            }
            Kind::GnomeKeyring | Kind::Oo7 => {}
        }
        seat
    }

    /// Makes a database for `KeePassXC`, with its root group exposed or none.
    #[track_caller]
    pub fn add_database(&mut self, name: &str, is_exposed: bool) {
        let file = self.sandbox.home().join(format!("{name}.kdbx"));
        let group = if is_exposed {
            "{00112233-4455-6677-8899-aabbccddeeff}"
        } else {
            "{00000000-0000-0000-0000-000000000000}"
        };
        let xml = format!(
            "<KeePassFile><Meta><Generator>tests</Generator><DatabaseName>{name}</DatabaseName>\
             <CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{group}</Value></Item></CustomData>\
             </Meta><Root><Group><UUID>ABEiM0RVZneImaq7zN3u/w==</UUID><Name>Root</Name></Group></Root></KeePassFile>"
        );
        let xml = self.sandbox.write(format!("{name}.xml"), xml);
        let mut child = self
            .bus
            .command("keepassxc-cli")
            .args(["import", "-q", "-p"])
            .args([&xml, &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("keepassxc is installed");
        let twice = format!("{PASSWORD}\n{PASSWORD}\n");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(twice.as_bytes())
            .expect("it reads the password");
        drop(stdin);
        assert!(child.wait().expect("it can be waited for").success());
        self.databases.push((file, PASSWORD.to_owned()));
    }

    /// Ends what runs, and starts it with the password.
    #[track_caller]
    pub fn unlock(&mut self) {
        self.start(true);
    }

    /// Ends what runs, and starts it without: as after a login that has not opened it.
    #[track_caller]
    pub fn lock(&mut self) {
        self.start(false);
    }

    /// Waits until `KeePassXC` has written what it was given after `since`, which it does a moment after it
    /// has answered; the others have by then.
    pub fn settle(&self, since: SystemTime) {
        self.settle_in(0, since);
    }

    /// The same in one of several databases.
    pub fn settle_in(&self, database: usize, since: SystemTime) {
        let Some((file, _)) = self.databases.get(database) else {
            return;
        };
        let is_written = || {
            let written = fs::metadata(file).and_then(|about| about.modified());
            let written = written.ok().filter(|at| *at > since);
            // What was given before that may have been written first.
            let age = written.and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age > Duration::from_millis(700))
        };
        wait_for("KeePassXC to write its file", is_written);
    }

    /// Ends what runs.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) {
        if let Some(daemon) = self.daemon.take() {
            daemon.end(signal);
        }
        let until = Instant::now() + START;
        while self.bus.has_secrets() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn start(&mut self, is_open: bool) {
        self.end(Signal::SIGTERM);
        let has_wallet = self.has_wallet();
        let daemon = match self.kind {
            Kind::GnomeKeyring => {
                let password = is_open.then_some(PASSWORD);
                let home = self.sandbox.home();
                Daemon::Gnome(GnomeKeyring::start(&self.bus, home, password))
            }
            Kind::KWallet => Daemon::Other(self.kwallet(is_open)),
            Kind::KeePassXC => Daemon::Other(self.keepassxc(is_open)),
            Kind::Oo7 => Daemon::Other(self.oo7(is_open)),
        };
        self.daemon = Some(daemon);
        self.wait_until("owns its name", |seat| seat.bus.has_secrets());
        // KeePassXC has its name before it has opened its databases, one after the other.
        if self.kind == Kind::KeePassXC && self.is_exposed() {
            let is_right = |(_, password): &&(PathBuf, String)| is_open && password == PASSWORD;
            let (all, open) = (
                self.databases.len(),
                self.databases.iter().filter(is_right).count(),
            );
            self.wait_until("has its databases", |seat| {
                let asked = Instant::now();
                let shown = seat.collections();
                let at_once = asked.elapsed() < Duration::from_millis(500);
                let locked = shown.iter().filter(|one| seat.is_locked(one)).count();
                at_once && shown.len() == all && all - locked == open
            });
        }
        match self.kind {
            Kind::Oo7 => {
                self.wait_until("shows what it has", |seat| !seat.collections().is_empty());
            }
            Kind::KWallet if has_wallet => self.wait_until("has its wallet", |seat| {
                !seat.collections().is_empty() && seat.is_wallet_open() == is_open
            }),
            _ => {}
        }
    }

    /// Whether a database is there that shows anything at all.
    fn is_exposed(&self) -> bool {
        let xml =
            |file: &PathBuf| fs::read_to_string(file.with_extension("xml")).unwrap_or_default();
        self.databases
            .iter()
            .any(|(file, _)| !xml(file).contains("{00000000"))
    }

    fn has_wallet(&self) -> bool {
        let wallets = self
            .sandbox
            .home()
            .join(".local/share/kwalletd/kdewallet.kwl");
        wallets.exists()
    }

    /// As `pam_kwallet5` starts it: with the password's key in a pipe, and a socket for the environment.
    fn kwallet(&self, is_open: bool) -> Child {
        let mut command = self.desktop_program("sh");
        if !is_open {
            command.args(["-c", "exec kwalletd5"]).stdin(Stdio::null());
            return command.spawn().expect("setpriv is installed");
        }
        let socket = self.sandbox.runtime_dir().join("kwallet5.socket");
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("a socket can be made");
        let (key, mut password) = std::io::pipe().expect("a pipe can be made");
        let child = command
            .env("PAM_KWALLET5_LOGIN", &socket)
            .args([
                "-c",
                "exec kwalletd5 --pam-login 3 4 3<&1 4<&0 0</dev/null 1>/dev/null",
            ])
            .stdin(OwnedFd::from(listener))
            .stdout(OwnedFd::from(key))
            .spawn()
            .expect("setpriv is installed");
        // What PAM makes of the password with PBKDF2.
        password
            .write_all(&[7; 56])
            .expect("there is room in a pipe");
        drop(password);
        // Its environment is complete: the end of this connection says so.
        drop(UnixStream::connect(&socket).expect("somebody listens"));
        child
    }

    fn keepassxc(&self, is_open: bool) -> Child {
        let settings = &self.settings;
        let config = format!(
            "[General]\nConfigVersion=2\nUpdateCheckMessageShown=true\n[GUI]\nCheckForUpdates=false\n\
             [Security]\nLockDatabaseIdle=false\n[FdoSecrets]\nEnabled=true\nShowNotification=false\n{settings}"
        );
        let config = self.sandbox.write("keepassxc.ini", config);
        let mut child = self
            .desktop_program("keepassxc")
            .arg("--config")
            .arg(config)
            .arg("--localconfig")
            .arg(self.sandbox.home().join("keepassxc-local.ini"))
            .arg("--pw-stdin")
            .args(self.databases.iter().map(|(file, _)| file))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv is installed");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        for (_, password) in &self.databases {
            let password = if is_open {
                password
            } else {
                "not the password"
            };
            let _ = writeln!(stdin, "{password}");
        }
        child
    }

    fn oo7(&self, is_open: bool) -> Child {
        let mut command = self.desktop_program(&oo7_daemon());
        if is_open {
            command.arg("--login");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv is installed");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        if is_open {
            let _ = stdin.write_all(PASSWORD.as_bytes());
        }
        child
    }

    fn desktop_program(&self, program: &str) -> Command {
        let mut command = bound_to_this_thread(program);
        self.bus.adopt(&mut command);
        command
            .env("HOME", self.sandbox.home())
            .env("XDG_RUNTIME_DIR", self.sandbox.runtime_dir())
            // KeePassXC looks there whether it runs already.
            .env("TMPDIR", self.sandbox.runtime_dir())
            .env("LC_ALL", "C.UTF-8")
            .stderr(Stdio::null());
        match &self.display {
            Some(display) => command.env("DISPLAY", display),
            None => command.env("QT_QPA_PLATFORM", "offscreen"),
        };
        command
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + START;
        while !holds(self) {
            if let Some(Daemon::Other(child)) = &mut self.daemon
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("{:?} ended before it {what}: {status}", self.kind);
            }
            let kind = self.kind;
            assert!(
                Instant::now() < deadline,
                "waited {START:?} until {kind:?} {what}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_wallet_open(&self) -> bool {
        let call = [
            "/modules/kwalletd5",
            "org.kde.KWallet.isOpen",
            "string:kdewallet",
        ];
        self.bus.secrets(&call).contains("true")
    }

    pub fn collections(&self) -> Vec<String> {
        let service = [
            "/org/freedesktop/secrets",
            "org.freedesktop.DBus.Properties.Get",
        ];
        let property = [
            "string:org.freedesktop.Secret.Service",
            "string:Collections",
        ];
        let said = self.bus.secrets(&[service, property].concat());
        let paths = said.split_whitespace().filter(|word| word.starts_with('/'));
        paths.map(str::to_owned).collect()
    }

    fn is_locked(&self, collection: &str) -> bool {
        let object = [collection, "org.freedesktop.DBus.Properties.Get"];
        let property = ["string:org.freedesktop.Secret.Collection", "string:Locked"];
        self.bus
            .secrets(&[object, property].concat())
            .contains("true")
    }
}

fn oo7_daemon() -> String {
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/.tools/oo7/bin/oo7-daemon"
    )
    .to_owned()
}
