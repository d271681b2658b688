//! Homes that cannot be written, disks that are full, a user whom nobody knows: a refresh token is
//! never spent there, and what can be had without a store is had.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use support::grants::{credentials, renewable};
use support::sandbox::files;
use support::{Namespace, Run, Running, Sandbox, Server, Tokens};

const ALONE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A uid without an entry in the user database.
const NOBODY_KNOWS: u32 = 54321;

/// A sandbox in which everything but the state is as usual, and the state a mount of its own.
fn with_mount(config: &str, options: &str) -> (Sandbox, Namespace) {
    let mut sandbox = Sandbox::new();
    sandbox.config(config);
    let state = sandbox.home().join("mount");
    fs::create_dir(&state).expect("made");
    let mount = format!(
        "mount -t tmpfs -o mode=700,{options} tmpfs {}",
        state.display()
    );
    sandbox
        .env("TOKCTL_STATE_DIR", &state)
        .env("TOKCTL_STORE_KEY", KEY);
    (sandbox, Namespace::start(&mount))
}

fn run_in(namespace: &Namespace, command: &Command, stdin: Option<&str>) -> Run {
    Running::start(namespace.enter(command), stdin.map(Into::into)).wait()
}

/// Writes until nothing fits any more.
fn fill(directory: &Path) -> PathBuf {
    let filler = directory.join("filler");
    let mut size = 1 << 20;
    let mut all = Vec::new();
    while size >= 1 {
        let mut more = all.clone();
        more.resize(all.len() + size, 0);
        if fs::write(&filler, &more).is_ok() {
            all = more;
        } else {
            size /= 2;
        }
    }
    fs::write(&filler, &all).expect("as before");
    filler
}

#[test]
#[ignore = "needs root for a tmpfs: tests/run as root"]
fn a_home_that_cannot_be_written_gives_client_credentials_their_token() {
    for more in ["", "access_cache = \"none\"", ALONE] {
        let server = Server::tokens(600);
        let (sandbox, namespace) = with_mount(&credentials(&server.url("/token"), more), "ro");
        let run = run_in(&namespace, &sandbox.command(["get", "p"]), None);
        run.ok_with("at-1\n", "read-only file system");
        assert_eq!(server.hits(), 1, "{more:?}");
    }
}

#[test]
#[ignore = "needs root for a tmpfs: tests/run as root"]
fn a_key_file_that_cannot_be_made_costs_client_credentials_nothing_but_a_request() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), ALONE));
    let home = sandbox.home().display();
    let namespace = Namespace::start(&format!("mount --bind -o ro {home} {home}"));
    for token in ["at-1\n", "at-2\n"] {
        let run = run_in(&namespace, &sandbox.command(["get", "p"]), None);
        run.ok_with(token, "read-only file system");
    }
}

#[test]
#[ignore = "needs root for a tmpfs: tests/run as root"]
fn a_home_that_cannot_be_written_costs_no_refresh_token() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-1");
    let state = sandbox.state_dir();
    let state = state.display();
    let namespace = Namespace::start(&format!("mount --bind -o ro {state} {state}"));
    for args in [&["get", "p"][..], &["get", "p", "--force"]] {
        let run = run_in(&namespace, &sandbox.command(args), None);
        run.fails(7, "read-only file system").fails(
            7,
            "hint: this file system is read-only; for a directory that can be written",
        );
    }
    assert_eq!(server.hits(), 0);
    sandbox.run(["get", "p"]).ok("at-1\n");
    // A good token needs no writing.
    run_in(&namespace, &sandbox.command(["get", "p"]), None).ok("at-1\n");
}

#[test]
#[ignore = "needs root for a tmpfs: tests/run as root"]
fn on_a_full_disk_the_refresh_token_is_not_spent() {
    let server = Server::tokens(600);
    let config = renewable(&server.url("/token"), ALONE);
    let (sandbox, namespace) = with_mount(&config, "size=512k");
    let state = sandbox.home().join("mount");
    run_in(
        &namespace,
        &sandbox.command(["import", "p", "--no-try", "--force"]),
        Some("rt-1\n"),
    )
    .ok_with("", "stored a refresh token");
    let filler = fill(&namespace.path(&state));
    let get = sandbox.command(["get", "p"]);
    for _ in 0..2 {
        let run = run_in(&namespace, &get, None);
        run.fails(7, "no space left on device");
        run.fails(
            7,
            "hint: the disk, or your share of it, is full: free some space",
        );
    }
    assert_eq!(server.hits(), 0);
    fs::remove_file(filler).expect("there");
    run_in(&namespace, &get, None).ok("at-1\n");
    run_in(&namespace, &sandbox.command(["get", "p", "--force"]), None).ok("at-2\n");
}

#[test]
#[ignore = "needs root for a tmpfs: tests/run as root"]
fn a_disk_that_fills_up_during_the_request_costs_no_login() {
    let full: Arc<Mutex<Option<PathBuf>>> = Arc::default();
    let tokens = Tokens::new(600);
    let server = Server::start({
        let full = Arc::clone(&full);
        move |request| {
            if let Some(directory) = full.lock().expect("no panic").take() {
                fill(&directory);
            }
            tokens.answer(request)
        }
    });
    let config = renewable(&server.url("/token"), ALONE);
    let (sandbox, namespace) = with_mount(&config, "size=512k");
    let state = namespace.path(&sandbox.home().join("mount"));
    let import = sandbox.command(["import", "p", "--no-try", "--force"]);
    run_in(&namespace, &import, Some("rt-1")).ok_with("", "stored");
    *full.lock().expect("no panic") = Some(state.clone());
    let get = sandbox.command(["get", "p"]);
    let force = sandbox.command(["get", "p", "--force"]);
    let run = run_in(&namespace, &get, None);
    run.ok_with("at-1\n", "no space left on device");
    run.ok_with("at-1\n", "the new token is kept, sealed, in ");
    assert_eq!(files(&state.join("spool")).len(), 1);
    // Still full: the spooled record is read, and not put at risk for a newer one.
    fill(&state);
    run_in(&namespace, &get, None).ok("at-1\n");
    run_in(&namespace, &force, None).fails(7, "no space left on device");
    assert_eq!(server.hits(), 1);
    for secret in ["at-1", "rt-2"] {
        assert!(support::grants::files_with(&state, secret).is_empty());
    }
    fs::remove_file(state.join("filler")).expect("there");
    run_in(&namespace, &get, None).ok("at-1\n");
    run_in(&namespace, &force, None).ok("at-2\n");
    assert!(files(&state.join("spool")).is_empty());
}

/// Runs as a user without an entry, a home or any privilege.
fn as_stranger(namespace: &Namespace, command: &Command, stdin: Option<&str>) -> Run {
    let uid = NOBODY_KNOWS.to_string();
    let setpriv = [
        "setpriv",
        "--reuid",
        &uid,
        "--regid",
        &uid,
        "--clear-groups",
    ];
    let entered = namespace.enter_as(command, &setpriv);
    Running::start(entered, stdin.map(Into::into)).wait()
}

/// A sandbox that belongs to the stranger, with a `tokctl` that he can reach.
fn strangers(config: &str) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.config(config);
    let tokctl = sandbox.home().join("tokctl");
    fs::copy(support::tokctl(), &tokctl).expect("copied");
    for path in ["", "config", "config/tokctl", "state", "run"] {
        let path = sandbox.home().join(path);
        chown(path, Some(NOBODY_KNOWS), None).expect("as root");
    }
    chown(sandbox.config_file(), Some(NOBODY_KNOWS), None).expect("as root");
    (sandbox, tokctl)
}

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn without_root_a_renewal_in_a_child_works_too() {
    let server = Server::tokens(600);
    let (sandbox, tokctl) = strangers(&renewable(&server.url("/token"), ALONE));
    let namespace = Namespace::start("true");
    let run =
        |args: &[&str], stdin| as_stranger(&namespace, &sandbox.program(&tokctl, args), stdin);
    run(&["import", "p", "--no-try", "--force"], Some("rt-1")).ok_with("", "stored");
    let run = run(&["get", "p", "-v"], None);
    assert!(run.code == 0 && run.stdout == "at-1\n", "{run:?}");
    assert!(!run.stderr.contains("no child for the renewal"), "{run:?}");
    for file in files(&sandbox.state_dir()) {
        assert_eq!(file.metadata().expect("there").uid(), NOBODY_KNOWS);
    }
}

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn without_any_home_client_credentials_work_and_a_grant_says_what_is_missing() {
    let server = Server::tokens(600);
    let (sandbox, tokctl) = strangers(&credentials(&server.url("/token"), ""));
    let namespace = Namespace::start("true");
    let get = |config: &str| {
        let config = sandbox.write(config, fs::read(sandbox.config_file()).expect("there"));
        chown(&config, Some(NOBODY_KNOWS), None).expect("as root");
        let mut command = sandbox.program(&tokctl, ["get", "p"]);
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command.env("TOKCTL_CONFIG", config);
        as_stranger(&namespace, &command, None)
    };
    get("a.toml").ok_with("at-1\n", "there is no home directory to keep the token in");
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    let run = get("b.toml");
    run.fails(1, "there is no home directory to keep state in");
    run.fails(1, "hint: set HOME or TOKCTL_STATE_DIR");
    assert_eq!(server.hits(), 1);
}

#[test]
#[ignore = "needs root for another's file: tests/run as root"]
fn a_key_file_or_a_state_of_another_user_is_refused() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), ALONE));
    sandbox.import("rt-1");
    let key = sandbox.config_dir().join("tokctl/store.key");
    let records = sandbox.state_dir().join("tokctl/records");
    let record = files(&records).remove(0);
    for path in [key, record, records] {
        chown(&path, Some(NOBODY_KNOWS), None).expect("as root");
        sandbox
            .run(["get", "p", "--force"])
            .fails(7, "it belongs to another user");
        chown(&path, Some(0), None).expect("as root");
    }
    assert_eq!(server.hits(), 0);
    sandbox.run(["get", "p"]).ok("at-1\n");
    // A directory in the way that others can write.
    let locks = sandbox.state_dir().join("tokctl/locks");
    fs::remove_dir_all(&locks).expect("removed");
    let sh = [
        "-c",
        "umask 0; mkdir \"$0\"",
        locks.to_str().expect("UTF-8"),
    ];
    Running::start(sandbox.program("sh", sh), None)
        .wait()
        .ok("");
    sandbox
        .run(["get", "p", "--force"])
        .fails(7, "others can write it");
    assert_eq!(server.hits(), 1);
}

/// The kernel gives a user 20,000 bytes; root has more.
#[test]
#[ignore = "needs root to be another user, and keyctl: tests/run as root"]
fn a_full_kernel_keyring_costs_nothing_but_the_cache() {
    let server = Server::tokens(600);
    let (sandbox, tokctl) = strangers(&credentials(&server.url("/token"), ""));
    let namespace = Namespace::start("true");
    let keyctl = |args: &[&str], stdin: &str| {
        as_stranger(&namespace, &sandbox.program("keyctl", args), Some(stdin))
    };
    // One byte is left at most, wherever other keys of his begin.
    let mut size = 19_999;
    while keyctl(&["padd", "user", "filler", "@u"], &"x".repeat(size)).code != 0 {
        size -= 100;
        assert!(size > 100, "no keyring at all");
    }
    let get = |args: &[&str]| as_stranger(&namespace, &sandbox.program(&tokctl, args), None);
    get(&["get", "p"]).ok_with("at-1\n", "there is nowhere to keep the token");
    sandbox.config(&credentials(&server.url("/token"), ALONE));
    chown(sandbox.config_file(), Some(NOBODY_KNOWS), None).expect("as root");
    get(&["get", "p"]).ok("at-2\n");
    get(&["get", "p"]).ok("at-2\n");
    keyctl(&["clear", "@u"], "").ok("");
    assert_eq!(server.hits(), 2);
}

/// Without `/proc` no child can be made: the call itself holds the signals back.
#[test]
#[ignore = "needs root for a mount over /proc: tests/run as root"]
fn where_no_child_can_be_made_the_call_itself_outlives_its_signals() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let tokens = Tokens::new(600);
        let caller: Arc<Mutex<Option<u32>>> = Arc::default();
        let server = Server::start({
            let caller = Arc::clone(&caller);
            move |request| {
                if let Some(pid) = caller.lock().expect("no panic").take() {
                    support::run::send(pid, signal);
                }
                tokens.answer(request)
            }
        });
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), ALONE));
        sandbox.import("rt-1");
        let namespace = Namespace::start("mount -t tmpfs tmpfs /proc");
        let command = namespace.enter(&sandbox.command(["get", "p", "-v"]));
        let running = {
            let mut caller = caller.lock().expect("no panic");
            let running = Running::start(command, None);
            *caller = Some(running.pid());
            running
        };
        let run = running.wait();
        assert!(run.stderr.contains("no child for the renewal"), "{run:?}");
        sandbox.run(["get", "p", "--offline"]).ok("at-1\n");
        sandbox.run(["get", "p", "--force"]).ok("at-2\n");
        assert_eq!(server.hits(), 2);
    }
}

#[test]
#[ignore = "needs root for a mount: tests/run as root"]
fn a_configuration_that_is_mounted_read_only_runs_its_program_whatever_its_directory_s_mode() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let more = "store = \"none\"\nclient_secret = { command = [\"echo\", \"s3cret\"] }";
    sandbox.config(&credentials(&server.url("/token"), more));
    let dir = sandbox.config_dir().join("tokctl");
    let opened = fs::File::open(&dir).expect("ours");
    opened
        .set_permissions(PermissionsExt::from_mode(0o777))
        .expect("ours");
    let run = sandbox.run(["get", "p"]);
    run.fails(3, "can be written by others (mode 0777)");
    let dir = dir.display();
    let namespace = Namespace::start(&format!("mount --bind -o ro {dir} {dir}"));
    run_in(&namespace, &sandbox.command(["get", "p"]), None).ok("at-1\n");
}
