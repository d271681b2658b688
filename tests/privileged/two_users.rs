//! Two users of one machine: what is one's own is nothing to the other, and root in a user's home does
//! not lock him out, or says so.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::desk::kernel_keys_with;
use support::grants::renewable;
use support::sandbox::files;
use support::{Canaries, Run, Running, Sandbox, Server};
use tempfile::TempDir;

/// A uid without an entry in the user database.
const OTHER: u32 = 54331;

/// A directory that everybody can read, with a `tokctl` in it.
fn installed() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o755));
    let directory = builder.tempdir().expect("a directory");
    let tokctl = directory.path().join("tokctl");
    fs::copy(support::tokctl(), tokctl).expect("copied");
    directory
}

/// The same command as another user.
fn as_other(command: &Command, stdin: &str) -> Run {
    let uid = OTHER.to_string();
    let mut other = Command::new("setpriv");
    other.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]);
    other.arg(command.get_program()).args(command.get_args());
    other.env_clear().current_dir("/");
    other.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Running::start(other, Some(stdin.into())).wait()
}

/// Gives a whole sandbox to the other user.
fn give(sandbox: &Sandbox) {
    for path in [
        "",
        "config",
        "config/tokctl",
        "config/tokctl/config.toml",
        "state",
        "run",
    ] {
        chown(sandbox.home().join(path), Some(OTHER), Some(OTHER)).expect("as root");
    }
}

/// What belongs to root in a sandbox.
fn of_root(directory: &Path) -> Vec<PathBuf> {
    let mut all = files(directory);
    all.retain(|file| file.symlink_metadata().is_ok_and(|found| found.uid() == 0));
    all
}

#[test]
#[ignore = "needs root to be another user, and keyctl: tests/run as root"]
fn another_user_gets_nothing_out_of_one_s_home_or_kernel_keyring() {
    let access = Canaries::default().make("access token");
    let body = format!(r#"{{"access_token":"{access}","refresh_token":"rt-2","expires_in":60}}"#);
    let server = Server::granting(&body);
    let sandbox = Sandbox::new();
    let config = renewable(&server.url("/token"), "store = \"plaintext\"");
    sandbox.config(&config);
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok(&format!("{access}\n"));
    let installed = installed();
    let tokctl = installed.path().join("tokctl");
    for line in [
        "get p",
        "get p --offline",
        "status",
        "refresh p",
        "import p",
        "logout p",
        "exec p -- env",
    ] {
        let run = as_other(&sandbox.program(&tokctl, line.split(' ')), "rt-3");
        run.fails(3, "permission denied");
    }
    // Also where the configuration is no secret: the state is.
    let mut own = sandbox.program(&tokctl, ["get", "p"]);
    let copy = installed.path().join("config.toml");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let written = options
        .open(&copy)
        .and_then(|mut file| file.write_all(config.as_bytes()));
    written.expect("ours");
    own.env("TOKCTL_CONFIG", copy);
    let run = as_other(&own, "");
    run.fails(7, "permission denied");
    let keys = kernel_keys_with(&access);
    assert!(!keys.is_empty(), "the token is in the kernel's cache");
    for key in keys {
        let run = as_other(&sandbox.program("keyctl", ["pipe", &key]), "");
        assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    }
    assert_eq!(server.hits(), 1);
    sandbox.run(["get", "p"]).ok(&format!("{access}\n"));
    sandbox
        .run(["logout", "p", "--no-revoke"])
        .ok_with("", "erased");
}

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn root_in_a_user_s_home_is_refused_and_leaves_nothing_of_its_own() {
    for store in ["encrypted-file", "plaintext"] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"");
        sandbox.config(&renewable(&server.url("/token"), &more));
        give(&sandbox);
        let installed = installed();
        let user = |line: &str, stdin| {
            let tokctl = installed.path().join("tokctl");
            as_other(&sandbox.program(tokctl, line.split(' ')), stdin)
        };
        user("import p --no-try", "rt-1").ok_with("", "stored");
        for line in ["get p", "refresh p", "import p", "logout p"] {
            let run = sandbox.run_with_stdin(line.split(' '), "rt-9");
            run.fails(7, "it belongs to another user");
        }
        let endpoint = server.url("/token");
        let add = [
            "add",
            "q",
            "--client-auth=none",
            "--grant=client_credentials",
            "--client-id=i",
            "--no-try",
        ];
        let run = sandbox.run([&add[..], &["--token-endpoint", &endpoint]].concat());
        run.ok_with("", "added profile q");
        assert_eq!(of_root(sandbox.home()), Vec::<PathBuf>::new());
        assert_eq!(server.hits(), 0);
        user("get p", "").ok("at-1\n");
    }
}

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn root_who_makes_something_in_a_user_s_home_says_who_cannot_use_it() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let more = "store = \"plaintext\"\naccess_cache = \"none\"";
    sandbox.config(&renewable(&server.url("/token"), more));
    give(&sandbox);
    let run = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    run.ok_with(
        "",
        &format!("tokctl/locks is made for root in a directory of user {OTHER}"),
    );
    run.ok_with("", "sudo -H");
    assert_eq!(run.stderr.matches("is made for root").count(), 1, "{run:?}");
    // At home root is told nothing.
    let run = sandbox.run(["get", "p"]);
    run.ok("at-1\n");
}

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn a_runtime_directory_of_another_user_gets_no_token_file() {
    let server = Server::tokens(600);
    let mut sandbox = Sandbox::with_client(&server, "");
    // In memory, as it has to be.
    let theirs = tempfile::tempdir_in("/dev/shm").expect("a directory");
    chown(theirs.path(), Some(OTHER), None).expect("as root");
    sandbox.env("XDG_RUNTIME_DIR", theirs.path());
    let script = "cat $TOKCTL_FILE; echo $TOKCTL_FILE";
    let run = sandbox.run(["exec", "p", "--refresh", "--", "sh", "-c", script]);
    let file = run.stdout.strip_prefix("at-1").unwrap_or_default();
    assert!(run.code == 0 && file.starts_with('/'), "{run:?}");
    assert!(!Path::new(file).starts_with(theirs.path()), "{run:?}");
    assert_eq!(files(theirs.path()), Vec::<PathBuf>::new());
}
