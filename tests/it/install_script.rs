//! `packaging/install.sh`: installs what is as the release's list says, and nothing else.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A release in a directory, with the program under test in its archive, and a home to install into.
struct Release {
    dir: TempDir,
    name: String,
}

impl Release {
    fn new() -> Self {
        let machine = std::env::consts::ARCH;
        let release = Self {
            dir: TempDir::new().expect("a directory"),
            name: format!("tokctl-{VERSION}-{machine}-unknown-linux-musl"),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = release.path(&release.name);
        fs::create_dir(&tree).expect("a directory");
        fs::copy(support::tokctl(), tree.join("tokctl")).expect("the program is there");
        for texts in ["man", "completions"] {
            run(Command::new("cp")
                .arg("-r")
                .arg(root.join(texts))
                .arg(&tree));
        }
        release.pack();
        let script = fs::read_to_string(root.join("packaging/install.sh")).expect("the script");
        let script = script
            .replace("@VERSION@", VERSION)
            .replace("@MINISIGN_KEY@", "");
        fs::write(release.path("install.sh"), script).expect("a script");
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path(&format!("{}.tar.gz", self.name))
    }

    /// The archive and the list with its sum.
    fn pack(&self) {
        run(Command::new("tar")
            .current_dir(self.dir.path())
            .arg("-czf")
            .arg(self.archive())
            .arg(&self.name));
        let sums = format!(
            "cd {} && sha256sum *.tar.gz > SHA256SUMS",
            self.dir.path().display()
        );
        run(Command::new("sh").args(["-c", &sums]));
    }

    fn install(&self) -> Output {
        let mut command = Command::new("sh");
        command.arg(self.path("install.sh")).env_clear();
        command.env(
            "TOKCTL_BASE",
            format!("file://{}", self.dir.path().display()),
        );
        command
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.output().expect("there is a shell")
    }

    #[track_caller]
    fn is_refused(&self, words: &str) {
        let done = self.install();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains(words), "{done:?}");
        assert_eq!(
            said.lines()
                .filter(|line| line.starts_with("install.sh: "))
                .count(),
            1,
            "{said}"
        );
        assert!(done.stdout.is_empty(), "{done:?}");
        assert!(!self.path("home").exists());
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.expect("it is installed").success(), "{command:?}");
}

#[test]
#[ignore = "needs curl: tests/run installs it"]
fn the_program_its_pages_and_its_completions_are_where_a_shell_finds_them() {
    let release = Release::new();
    for _again in 0..2 {
        let done = release.install();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
        assert!(said.contains("is not on the PATH"), "{said}");
    }
    let home = release.path("home/.local");
    let told = Command::new(home.join("bin/tokctl"))
        .arg("--version")
        .output();
    assert_eq!(
        told.expect("it starts").stdout,
        format!("tokctl {VERSION}\n").as_bytes()
    );
    for file in [
        "share/man/man1/tokctl-get.1",
        "share/man/man5/tokctl-config.5",
        "share/man/man7/tokctl-recipes.7",
        "share/bash-completion/completions/tokctl",
        "share/zsh/site-functions/_tokctl",
        "share/fish/vendor_completions.d/tokctl.fish",
    ] {
        assert!(home.join(file).is_file(), "{file}");
    }
}

#[test]
#[ignore = "needs curl: tests/run installs it"]
fn another_archive_than_the_list_s_is_not_installed() {
    let release = Release::new();
    let mut bytes = fs::read(release.archive()).expect("the archive");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(release.archive(), bytes).expect("it can be written");
    release.is_refused("is not what SHA256SUMS says; nothing is installed");
    // A list that does not name it, and names of which it is only a part.
    let list = format!(
        "{}  x{}.tar.gz\n{}  {}.tar.gz.sig\n",
        "0".repeat(64),
        release.name,
        "0".repeat(64),
        release.name
    );
    fs::write(release.path("SHA256SUMS"), list).expect("it can be written");
    release.is_refused("SHA256SUMS does not name");
    fs::remove_file(release.path("SHA256SUMS")).expect("it is there");
    let done = release.install();
    assert!(
        !done.status.success() && !release.path("home").exists(),
        "{done:?}"
    );
}

#[test]
#[ignore = "needs curl: tests/run installs it"]
fn a_script_that_is_cut_off_does_nothing() {
    let release = Release::new();
    let script = fs::read_to_string(release.path("install.sh")).expect("the script");
    let ends = script.match_indices('\n').map(|(end, _)| end);
    for end in ends.filter(|end| *end + 5 < script.len()).step_by(7) {
        fs::write(release.path("install.sh"), &script[..end]).expect("it can be written");
        release.install();
        assert!(!release.path("home").exists(), "{end}");
    }
}
