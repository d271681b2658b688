//! Mounts and networks that only a test's own commands see: a full disk, a host that is dead. Needs root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A mount namespace; it goes, with its mounts, when it is dropped or the thread that made it ends.
pub struct Namespace {
    child: Child,
}

impl Namespace {
    /// Runs a shell script in a new namespace; what it mounts stays until the end.
    #[track_caller]
    pub fn start(script: &str) -> Self {
        Self::of(&["--mount"], script)
    }

    /// The same with a network of its own, in which nothing but loopback is up.
    #[track_caller]
    pub fn network(script: &str) -> Self {
        let script = format!("ip link set lo up\n{script}");
        Self::of(&["--mount", "--net"], &script)
    }

    #[track_caller]
    fn of(kinds: &[&str], script: &str) -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(kinds)
            .args(["sh", "-ec"])
            .arg(format!("{script}\necho ready\nexec cat"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv is installed");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        let _ = BufReader::new(stdout).read_line(&mut ready);
        assert_eq!(ready, "ready\n", "not as root, or a bad script: {script}");
        Self { child }
    }

    /// The same command in here, with the same environment and directory.
    pub fn enter(&self, command: &Command) -> Command {
        self.enter_as(command, &[])
    }

    /// The same by way of another program, such as `setpriv`.
    pub fn enter_as(&self, command: &Command, by: &[&str]) -> Command {
        let directory = command.get_current_dir().unwrap_or(Path::new("/"));
        let mut entered = Command::new("nsenter");
        entered
            .arg(format!("--mount=/proc/{}/ns/mnt", self.child.id()))
            .arg(format!("--net=/proc/{}/ns/net", self.child.id()))
            .arg("--")
            .args(["env", "-C"])
            .arg(directory)
            .args(by)
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or(OsStr::new(""));
            entered.env(name, value);
        }
        entered
    }

    /// A path in here, as it can be used from outside.
    pub fn path(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join("root")
            .join(inside)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
