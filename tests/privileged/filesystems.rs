//! File systems as they are: one home on two machines, without locks of both; one without hard links and
//! modes. Real ones, by FUSE.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::grants::renewable;
use support::{Run, Running, Sandbox, Server, Tokens};

/// A mount, taken away again when it is dropped.
struct Mounted {
    at: PathBuf,
    daemon: Child,
}

impl Mounted {
    #[track_caller]
    fn start(mut command: Command, at: &Path) -> Self {
        let null = Stdio::null;
        let child = command.stdin(null()).stdout(null()).stderr(null()).spawn();
        let mounted = Self {
            at: at.to_owned(),
            daemon: child.expect("it is installed"),
        };
        for _ in 0..1000 {
            let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
            if mounts.contains(&format!(" {} ", at.display())) {
                return mounted;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} is not mounted", at.display());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3")
            .arg("-uz")
            .arg(&self.at)
            .status();
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Two machines' views of one directory: each has locks of its own.
fn two_machines(sandbox: &Sandbox) -> [Mounted; 2] {
    let home = sandbox.home();
    let shared = home.join("shared");
    fs::create_dir(&shared).expect("made");
    let script = sandbox.write("ssh", "exec /usr/lib/openssh/sftp-server");
    ["a", "b"].map(|name| {
        let at = home.join(name);
        fs::create_dir(&at).expect("made");
        let mut sshfs = Command::new("sshfs");
        sshfs
            .arg("-f")
            .arg(format!("x:{}", shared.display()))
            .arg(&at);
        // The server's own program on the other end, without ssh between.
        sshfs
            .arg("-o")
            .arg(format!("ssh_command=/bin/sh {}", script.display()));
        Mounted::start(sshfs, &at)
    })
}

#[test]
#[ignore = "needs root, FUSE and sshfs: tests/run as root"]
fn one_home_on_two_machines_makes_one_renewal_at_a_time() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    sandbox.config(&renewable(
        &server.url("/token"),
        "store = \"plaintext\"\naccess_cache = \"none\"",
    ));
    let machines = two_machines(&sandbox);
    let states = machines.each_ref().map(|machine| machine.at.join("state"));
    sandbox.env("TOKCTL_STATE_DIR", &states[0]).import("rt-1");
    for round in 2..5 {
        let crowd: Vec<Running> = (0..6)
            .map(|n| {
                let mut command = sandbox.command(["get", "p", "--force"]);
                command.env("TOKCTL_STATE_DIR", &states[n % 2]);
                Running::start(command, None)
            })
            .collect();
        let runs: Vec<Run> = crowd.into_iter().map(Running::wait).collect();
        for run in &runs {
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{round}: {run:?}");
        }
    }
    // Each refresh token was used once: the family lives.
    sandbox.env("TOKCTL_STATE_DIR", &states[1]);
    let run = sandbox.run(["get", "p", "--force"]);
    assert!(run.code == 0 && run.stdout.starts_with("at-"), "{run:?}");
    let doctor = sandbox.run(["doctor"]);
    assert!(
        doctor.stdout.contains("a lease beside each lock"),
        "{doctor:?}"
    );
    let left = fs::read_dir(states[0].join("locks")).expect("there");
    let left = left
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "lease"));
    assert_eq!(left.count(), 0, "a lease is left behind");
}

#[test]
#[ignore = "needs root, FUSE and encfs: tests/run as root"]
fn a_home_of_encfs_which_makes_no_hard_links_works() {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| tokens.answer(request));
    let mut sandbox = Sandbox::new();
    let home = sandbox.home().to_owned();
    let (back, mount) = (home.join("back"), home.join("mount"));
    fs::create_dir(&back).expect("made");
    fs::create_dir(&mount).expect("made");
    // Its paranoia mode: a file's contents are bound to its name.
    let answers = sandbox.write("answers", "p\nsecret\n");
    let mut encfs = Command::new("sh");
    let script = "exec encfs -f -S \"$0\" \"$1\" <\"$2\"";
    encfs.args(["-c", script]).args([&back, &mount, &answers]);
    let _mounted = Mounted::start(encfs, &mount);
    let (one, other) = (mount.join("one"), mount.join("other"));
    fs::write(&one, "").expect("written");
    fs::hard_link(&one, &other).expect_err("no links here");
    let text = renewable(
        &server.url("/token"),
        "store = \"encrypted-file\"\naccess_cache = \"none\"",
    );
    fs::create_dir_all(mount.join("config/tokctl")).expect("made");
    fs::write(mount.join("config/tokctl/config.toml"), text).expect("written");
    sandbox
        .env("XDG_CONFIG_HOME", mount.join("config"))
        .env("TOKCTL_STATE_DIR", mount.join("state"));
    sandbox.import("rt-1");
    for token in ["at-1\n", "at-2\n", "at-3\n"] {
        sandbox.run(["get", "p", "--force"]).ok(token);
        sandbox.run(["get", "p"]).ok(token);
    }
    let crowd: Vec<Running> = (0..6).map(|_| sandbox.start(["get", "p"])).collect();
    for run in crowd {
        run.wait().ok("at-3\n");
    }
    sandbox.run(["logout", "p"]);
    sandbox.run(["get", "p"]).fails(4, "p");
}

#[test]
#[ignore = "needs root, FUSE and rclone: tests/run as root"]
fn a_home_without_hard_links_and_modes_works_with_one_warning() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    let home = sandbox.home().to_owned();
    let (back, mount) = (home.join("back"), home.join("mount"));
    fs::create_dir(&back).expect("made");
    fs::create_dir(&mount).expect("made");
    let mut rclone = Command::new("rclone");
    rclone.args([
        "mount",
        "--vfs-cache-mode",
        "writes",
        "--config",
        "/dev/null",
        "--cache-dir",
    ]);
    rclone.arg(home.join("cache")).arg(&back).arg(&mount);
    let _mounted = Mounted::start(rclone, &mount);
    let text = renewable(
        &server.url("/token"),
        "store = \"encrypted-file\"\naccess_cache = \"none\"",
    );
    fs::create_dir_all(mount.join("config/tokctl")).expect("made");
    fs::write(mount.join("config/tokctl/config.toml"), text).expect("written");
    sandbox
        .env("XDG_CONFIG_HOME", mount.join("config"))
        .env("TOKCTL_STATE_DIR", mount.join("state"));
    let one_warning = |run: &Run| {
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.stderr.matches("warning").count(), 1, "{run:?}");
        assert!(
            run.stderr.contains("this file system keeps no modes"),
            "{run:?}"
        );
    };
    one_warning(&sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1"));
    assert!(mount.join("config/tokctl/store.key").exists());
    for _ in 0..2 {
        one_warning(&sandbox.run(["get", "p", "--force"]));
    }
    assert_eq!(server.hits(), 2);
}
