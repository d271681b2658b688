//! After `su`: the variables are those of the user before, and the bus is the user's own.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use support::grants::{renewable, wait_for};
use support::keyring::bus_config;
use support::{Running, Sandbox};

/// `nobody`: the bus wants to know its user.
const USER: u32 = 65_534;

/// That user's runtime directory with a bus in it, as systemd makes it; both go with it.
struct Session {
    directory: PathBuf,
    bus: Child,
}

impl Session {
    fn start() -> Self {
        let directory = PathBuf::from(format!("/run/user/{USER}"));
        let _ = fs::remove_dir_all(&directory);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o755);
        builder.create("/run/user").expect("as root");
        builder.mode(0o700).create(&directory).expect("as root");
        chown(&directory, Some(USER), Some(USER)).expect("as root");
        let address = format!("unix:path={}/bus", directory.display());
        let config = directory.join("bus.conf");
        fs::write(&config, bus_config(&address, "")).expect("as root");
        let bus = as_user("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .arg(format!("--config-file={}", config.display()))
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        let session = Self { directory, bus };
        let socket = session.directory.join("bus");
        wait_for("the bus", || socket.exists());
        session
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn as_user(program: &str) -> Command {
    let uid = USER.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]);
    command
        .args(["--pdeathsig", "KILL", program])
        .current_dir("/");
    command
}

#[test]
#[ignore = "needs root to be another user, and dbus-daemon: tests/run as root"]
fn the_bus_is_found_with_the_variables_of_somebody_else() {
    let _session = Session::start();
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    let program = home.join("tokctl");
    fs::copy(support::tokctl(), &program).expect("copied");
    sandbox.config(&renewable("http://127.0.0.1:9/token", ""));
    for path in [
        "",
        "config",
        "config/tokctl",
        "config/tokctl/config.toml",
        "state",
    ] {
        chown(home.join(path), Some(USER), Some(USER)).expect("as root");
    }
    let foreign = sandbox.runtime_dir();
    let mut command = as_user(program.to_str().expect("UTF-8"));
    command
        .args(["get", "p"])
        .env_clear()
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", sandbox.config_dir())
        .env("XDG_STATE_HOME", sandbox.state_dir())
        // Root's.
        .env("XDG_RUNTIME_DIR", &foreign)
        .env(
            "DBUS_SESSION_BUS_ADDRESS",
            format!("unix:path={}/bus", foreign.display()),
        );
    let run = Running::start(command, None).wait();
    // There, nobody keeps secrets; without a bus it would say so.
    run.fails(7, "no program that keeps secrets is running");
}
