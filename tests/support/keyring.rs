//! A session bus, and gnome-keyring-daemon on it, of a test's own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::run::send;

/// Both daemons are there in a tenth of a second on an idle machine.
const START: Duration = Duration::from_secs(20);

const SECRETS: &str = "org.freedesktop.secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// A bus that starts nothing by itself: without a keyring daemon, org.freedesktop.secrets is really
/// absent.
///
/// It is killed when it is dropped, or when the thread that started it ends.
pub struct SessionBus {
    child: Child,
    directory: PathBuf,
    address: String,
}

impl SessionBus {
    /// Starts it with its socket at `directory/bus`, where clients look for it if that is their
    /// `XDG_RUNTIME_DIR`.
    #[track_caller]
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, "")
    }

    /// The same with these lines in its configuration, which win over those that everybody has.
    #[track_caller]
    pub fn start_with(directory: &Path, more: &str) -> Self {
        let address = format!("unix:path={}/bus", directory.display());
        let config = directory.join("bus.conf");
        fs::write(&config, bus_config(&address, more)).expect("the bus directory can be written");
        let mut child = bound_to_this_thread("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address"])
            .arg(format!("--config-file={}", config.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv is installed");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        let _ = BufReader::new(stdout).read_line(&mut ready);
        let mut stderr = child.stderr.take().expect("stderr is piped");
        if ready.is_empty() {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            panic!("dbus-daemon does not start: {said}");
        }
        drain(stderr);
        Self {
            child,
            directory: directory.to_owned(),
            address,
        }
    }

    /// The value for `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A program that sees this bus, and `PATH`, and nothing else of the environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.adopt(&mut command);
        command
    }

    /// `secret-tool` with these arguments, fed with `stdin`: its stdout, or `None` if it fails.
    #[track_caller]
    pub fn secret_tool(&self, args: &[&str], stdin: &str) -> Option<String> {
        let mut child = self
            .command("secret-tool")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("secret-tool is installed");
        // A call that fails at once may not read its input.
        let _ = child
            .stdin
            .take()
            .map(|mut pipe| pipe.write_all(stdin.as_bytes()));
        let output = child.wait_with_output().expect("a child can be waited for");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether somebody owns org.freedesktop.secrets.
    pub fn has_secrets(&self) -> bool {
        self.has(SECRETS)
    }

    /// Whether somebody owns a name.
    pub fn has(&self, name: &str) -> bool {
        let call = [
            "/",
            "org.freedesktop.DBus.NameHasOwner",
            &format!("string:{name}"),
        ];
        self.call("org.freedesktop.DBus", &call).contains("true")
    }

    fn call(&self, destination: &str, args: &[&str]) -> String {
        let output = self
            .command("dbus-send")
            .args(["--session", "--print-reply=literal", "--reply-timeout=5000"])
            .arg(format!("--dest={destination}"))
            .args(args)
            .output()
            .expect("dbus-send is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What a call to whoever keeps secrets gives, in words.
    pub fn secrets(&self, args: &[&str]) -> String {
        self.call(SECRETS, args)
    }

    pub fn adopt(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address);
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No service directories: nothing can be activated.
pub fn bus_config(address: &str, more: &str) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  {more}
</busconfig>
"#
    )
}

/// gnome-keyring-daemon with its Secret Service; killed when it is dropped, also while it is
/// stopped.
pub struct GnomeKeyring {
    child: Child,
}

impl GnomeKeyring {
    /// Starts it with its files below `home`, with an unlocked default collection `login` if there
    /// is a password.
    ///
    /// The same password opens the collection again after a restart. An empty one makes a
    /// collection that needs none. Without a password a fresh home has no default collection, and
    /// one that was made with a password is locked.
    #[track_caller]
    pub fn start(bus: &SessionBus, home: &Path, password: Option<&str>) -> Self {
        let mut command = bound_to_this_thread("gnome-keyring-daemon");
        bus.adopt(&mut command);
        command
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", &bus.directory)
            .args(["--foreground", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // It complains there that nobody can prompt.
            .stderr(Stdio::null());
        match password {
            Some("") => make_open_collection(home),
            Some(_) => drop(command.arg("--unlock")),
            None => {}
        }
        let mut child = command.spawn().expect("setpriv is installed");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(password.unwrap_or_default().as_bytes())
            .expect("it reads the password");
        drop(stdin);
        let mut keyring = Self { child };
        keyring.wait_until("owns its name", || bus.has_secrets());
        if password.is_some() {
            keyring.wait_until("has a default collection", || {
                let alias = [
                    "/org/freedesktop/secrets",
                    "org.freedesktop.Secret.Service.ReadAlias",
                ];
                bus.call(SECRETS, &[&alias[..], &["string:default"]].concat())
                    .contains(COLLECTION)
            });
        }
        keyring
    }

    /// Locks the collection. No call opens it again: that takes a restart with the password.
    #[track_caller]
    pub fn lock(&mut self, bus: &SessionBus) {
        let objects = format!("array:objpath:{COLLECTION}");
        let lock = [
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            &objects,
        ];
        bus.call(SECRETS, &lock);
        self.wait_until("is locked", || is_locked(bus));
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it: it keeps its name and answers nothing.
    pub fn stop_signal(&self) {
        send(self.pid(), Signal::SIGSTOP);
    }

    pub fn cont(&self) {
        send(self.pid(), Signal::SIGCONT);
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + START;
        while !holds() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("gnome-keyring-daemon ended before it {what}: {status}");
            }
            assert!(
                Instant::now() < deadline,
                "waited {START:?} until gnome-keyring-daemon {what}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for GnomeKeyring {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It takes an empty password for none, but knows collections in clear text, which are never
/// locked.
fn make_open_collection(home: &Path) {
    let keyrings = home.join(".local/share/keyrings");
    let file = keyrings.join("login.keyring");
    if !file.exists() {
        let collection = "[keyring]\ndisplay-name=login\nlock-on-idle=false\nlock-after=false\n";
        fs::create_dir_all(keyrings)
            .and_then(|()| fs::write(file, collection))
            .expect("the home can be written");
    }
}

fn is_locked(bus: &SessionBus) -> bool {
    let get = [COLLECTION, "org.freedesktop.DBus.Properties.Get"];
    let property = ["string:org.freedesktop.Secret.Collection", "string:Locked"];
    bus.call(SECRETS, &[get, property].concat())
        .contains("true")
}

/// The child dies with the thread that starts it, so that a killed test leaves no daemon behind.
pub fn bound_to_this_thread(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}

fn drain(mut stream: impl Read + Send + 'static) {
    thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
}
