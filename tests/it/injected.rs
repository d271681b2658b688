//! System calls that fail, one after another: a disk that is full at any one of a command's writes, and
//! a file system without locks. What is stored lives on, and the next call works.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::grants::{credentials, crowd, files_with, renewable};
use support::login::redirect;
use support::profiles::SECRET;
use support::sandbox::files;
use support::traced::under_strace;
use support::{Run, Running, Sandbox, Server};
use tempfile::NamedTempFile;

/// The calls by which something gets onto a disk or off it.
const CALLS: [&str; 13] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "ftruncate",
    "fallocate",
    "mkdir",
    "unlink",
];
const STORES: [&str; 2] = ["encrypted-file", "plaintext"];

/// A command that writes, and what must hold afterwards however far it came.
struct Case {
    /// The configuration's profile, for a token endpoint and a store.
    config: fn(&str, &str) -> String,
    /// What `import` is given before, if anything.
    stored: Option<&'static str>,
    stdin: fn(&Sandbox) -> String,
    args: fn(&str, &str) -> Vec<String>,
    /// Whether the command that has failed is called again before the last check: nothing was there yet.
    again: bool,
    /// The exit code of `get` at the end.
    get: i32,
}

/// A run in which the `when`th of these system calls fails, in each process; and which ones did.
fn failing(command: &Command, stdin: &str, call: &str, error: &str, when: &str) -> (Run, String) {
    let log = NamedTempFile::new().expect("a log");
    let (trace, inject) = (
        format!("--trace={call}"),
        format!("--inject={call}:error={error}:when={when}"),
    );
    let traced = under_strace(command, &log, &["-s", "0", &trace, &inject]);
    let run = Running::start(traced, Some(stdin.into())).wait();
    let log = fs::read_to_string(log.path()).expect("strace's own");
    let injected = log.lines().filter(|line| line.ends_with("(INJECTED)"));
    let injected: Vec<_> = injected.map(str::to_owned).collect();
    (run, injected.join("\n"))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What must hold right after a command in which something has failed.
#[track_caller]
fn is_whole(sandbox: &Sandbox, run: &Run, failed: &str) {
    assert!([0, 1, 6, 7].contains(&run.code), "{failed}\n{run:?}");
    if run.code != 0 {
        assert_eq!(run.stdout, "", "{failed}\n{run:?}");
        let home = sandbox.home().to_string_lossy();
        let silenced = failed.contains("write(1,") || failed.contains("write(2,");
        assert!(silenced || run.stderr.contains(&*home), "{failed}\n{run:?}");
    }
    let in_clear = sandbox.state_dir().join("tokctl/plaintext");
    for file in files(sandbox.home()) {
        let name = file.file_name().expect("a file").to_string_lossy();
        assert!(!name.starts_with(".tmp-"), "{failed}\n{}", file.display());
    }
    for secret in ["at-1", "rt-1", "rt-2", SECRET] {
        let mut found = files_with(sandbox.home(), secret);
        found.retain(|file| !file.starts_with(&in_clear));
        assert_eq!(found, Vec::<&Path>::new(), "{failed}\n{secret}");
    }
}

/// Lets each write of a command fail in turn, alone or with all that follow, until none is left.
#[track_caller]
#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn at_each_write(case: &Case) {
    let mut failures = 0;
    for (store, call) in STORES
        .iter()
        .flat_map(|store| CALLS.map(|call| (store, call)))
    {
        // A room that was taken and cannot be written to is no full disk: see barred.rs for that.
        let ways = if call == "write" {
            &[""][..]
        } else {
            &["", "+"]
        };
        for after in ways {
            for n in 1.. {
                if !survives(case, store, call, &format!("{n}{after}")) {
                    break;
                }
                failures += 1;
            }
        }
    }
    eprintln!("{failures} failures");
    assert!(failures > 10, "{failures}");
}

/// One round: whether there was such a call to fail.
#[track_caller]
fn survives(case: &Case, store: &str, call: &str, when: &str) -> bool {
    let server = Server::tokens(600);
    let mut sandbox = Sandbox::new();
    sandbox.env("P_CLIENT_SECRET", "");
    let endpoint = server.url("/token");
    sandbox.config(&(case.config)(&endpoint, store));
    if let Some(stored) = case.stored {
        sandbox.import(stored);
    }
    let stdin = (case.stdin)(&sandbox);
    let args = (case.args)(&endpoint, store);
    let (run, failed) = failing(&sandbox.command(&args), &stdin, call, "ENOSPC", when);
    is_whole(&sandbox, &run, &failed);
    if run.code != 0 && case.again {
        // A login that has not come as far as its code goes on; another begins anew.
        let mut run = sandbox.run_with_stdin(&args, stdin);
        if args[0] == "login" && run.code != 0 {
            run = sandbox.run_with_stdin(&args, (case.stdin)(&sandbox));
        }
        assert_eq!(run.code, 0, "{failed}\n{run:?}");
    }
    let run = sandbox.run(["get", "p"]);
    assert_eq!(run.code, case.get, "{failed}\n{run:?}");
    !failed.is_empty()
}

fn grant(endpoint: &str, store: &str) -> String {
    renewable(
        endpoint,
        &format!("store = \"{store}\"\naccess_cache = \"none\""),
    )
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_renewal_survives_a_full_disk_at_each_of_its_writes() {
    at_each_write(&Case {
        config: grant,
        stored: Some("rt-1"),
        stdin: |_| String::new(),
        args: |_, _| words(&["get", "p"]),
        again: false,
        get: 0,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn an_import_onto_a_full_disk_can_be_made_again() {
    at_each_write(&Case {
        config: grant,
        stored: None,
        stdin: |_| "rt-1\n".to_owned(),
        args: |_, _| words(&["import", "p", "--no-try", "--force"]),
        again: true,
        get: 0,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn an_import_onto_a_full_disk_leaves_the_grant_that_was_there() {
    at_each_write(&Case {
        config: grant,
        stored: Some("rt-1"),
        stdin: |_| "rt-1\n".to_owned(),
        args: |_, _| words(&["import", "p", "--no-try", "--force"]),
        again: false,
        get: 0,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_login_onto_a_full_disk_can_be_made_again() {
    at_each_write(&Case {
        config: |endpoint, store| {
            let text =
                grant(endpoint, store).replace("\"refresh_token\"", "\"authorization_code\"");
            format!("{text}authorization_endpoint = \"{endpoint}\"\n")
        },
        stored: None,
        stdin: |sandbox| {
            let run = sandbox.run(["login", "p", "--paste"]);
            let mut lines = run.stderr.lines().map(str::trim_start);
            let address = lines.find(|line| line.starts_with("http"));
            format!(
                "{}\n",
                redirect(address.unwrap_or_else(|| panic!("no address: {run:?}")), "")
            )
        },
        args: |_, _| words(&["login", "p", "--paste"]),
        again: true,
        get: 0,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_logout_on_a_full_disk_can_be_made_again_and_then_nothing_is_left() {
    at_each_write(&Case {
        config: grant,
        stored: Some(r#"{"access_token":"at-1","refresh_token":"rt-1","expires_in":600}"#),
        stdin: |_| String::new(),
        args: |_, _| words(&["logout", "p"]),
        again: true,
        get: 4,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_secret_that_a_full_disk_does_not_take_can_be_set_again() {
    at_each_write(&Case {
        config: |endpoint, store| {
            let keys = "client_secret = { keyring = true }\naccess_cache = \"none\"";
            credentials(endpoint, &format!("store = \"{store}\"\n{keys}"))
        },
        stored: None,
        stdin: |_| format!("{SECRET}\n"),
        args: |_, _| words(&["secret", "set", "p"]),
        again: true,
        get: 0,
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_profile_that_a_full_disk_does_not_take_is_not_there_and_can_be_added_again() {
    at_each_write(&Case {
        config: |_, _| "[defaults]\naccess_cache = \"none\"\n".to_owned(),
        stored: None,
        stdin: |_| format!("{SECRET}\n"),
        args: |endpoint, store| {
            let mut args = words(&["add", "p", "--client-id=id", "--client-secret-stdin"]);
            args.push("--grant=client_credentials".to_owned());
            args.push(format!("--token-endpoint={endpoint}"));
            args.push(format!("--store={store}"));
            args
        },
        again: true,
        get: 0,
    });
}

/// As on NFS without its lock daemon.
#[test]
#[ignore = "needs strace: tests/run installs it"]
fn without_locks_a_crowd_of_this_machine_still_makes_one_request() {
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&grant(&server.url("/token"), "encrypted-file"));
        sandbox.import("rt-1");
        let runs = crowd(8, |_| {
            let inject = format!("--inject=flock:error={error}");
            let tokctl = support::tokctl();
            let args = [
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "--trace=flock",
                &inject,
                tokctl,
                "get",
                "p",
            ];
            Running::start(sandbox.program("strace", args), None)
        });
        for run in runs {
            assert!(run.code == 0 && run.stdout == "at-1\n", "{run:?}");
            assert!(
                run.stderr.is_empty() || run.stderr.contains("has no locks"),
                "{run:?}"
            );
        }
        assert_eq!(server.hits(), 1, "{error}");
        sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    }
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_lock_that_is_interrupted_is_asked_for_again_and_one_that_fails_spends_nothing() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&grant(&server.url("/token"), "encrypted-file"));
    sandbox.import("rt-1");
    let get = sandbox.command(["get", "p"]);
    failing(&get, "", "flock", "EIO", "1+")
        .0
        .fails(7, "no lock below");
    assert_eq!(server.hits(), 0);
    failing(&get, "", "flock", "EINTR", "1").0.ok("at-1\n");
    assert_eq!(server.hits(), 1);
}

/// As on CIFS, vboxsf and drvfs: the write has happened, and is not reported as one that has not.
#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_directory_that_cannot_be_synced_costs_nothing_and_a_disk_that_fails_is_told() {
    // Every second fsync is a directory's: the file's own comes before it.
    for (error, good) in [("EINVAL", true), ("EBADF", true), ("EIO", false)] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&grant(&server.url("/token"), "plaintext"));
        sandbox.import("rt-1");
        let inject = format!("--inject=fsync:error={error}:when=2+2");
        let tokctl = support::tokctl();
        let args = ["-qq", "-o", "/dev/null", "--trace=fsync", &inject, tokctl];
        let args = [&args[..], &["import", "p", "--no-try", "--force"]].concat();
        let run = Running::start(sandbox.program("strace", args), Some("rt-1".into())).wait();
        assert_eq!(run.code == 0, good, "{error}: {run:?}");
    }
}
