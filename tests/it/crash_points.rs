//! Killed at each system call that changes something: what is found afterwards is the state before or the
//! state after, never a mixture.
#![cfg(target_os = "linux")]

use crate::support;

use std::path::PathBuf;

use support::grants::renewable;
use support::profiles::just_come;
use support::sandbox::files;
use support::{Reply, Run, Running, Sandbox, Server};

/// What writes, renames and erases, on disk and in the kernel's keyring.
const CHANGES: [&str; 7] = [
    "write",
    "fsync",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "keyctl",
];

/// The access token says which refresh token it was given for.
fn server() -> Server {
    Server::start(|request| {
        let refresh = request.form().remove("refresh_token").unwrap_or_default();
        let body = format!(r#"{{"access_token":"for-{refresh}","expires_in":600}}"#);
        Reply::json(200, body)
    })
}

fn response(grant: &str) -> String {
    just_come(&format!(
        r#"{{"access_token":"for-{grant}","refresh_token":"{grant}","expires_in":600}}"#
    ))
}

/// Runs the command again and again, each time killed before another system call that changes something,
/// and looks what is found afterwards.
fn killed_everywhere(sandbox: &Sandbox, args: &[&str], stdin: &str, found: &mut dyn FnMut(&str)) {
    for call in CHANGES {
        for n in 1.. {
            sandbox.import(&response("old"));
            let run = killed_at(sandbox, call, n, args, stdin);
            if run.code == 0 {
                break;
            }
            let place = format!("{call} {n}");
            assert_eq!(run.code, -9, "{place}: {run:?}");
            found(&grant(sandbox, &place));
        }
    }
}

/// Kills a command before its n-th such call.
fn killed_at(sandbox: &Sandbox, call: &str, n: usize, args: &[&str], stdin: &str) -> Run {
    let inject = format!("inject={call}:signal=KILL:when={n}");
    let mut command = sandbox.program("strace", ["-qq", "-o", "/dev/null", "-e", &inject]);
    command.arg(support::tokctl()).args(args);
    Running::start(command, Some(stdin.into())).wait()
}

/// The grant whose tokens are given out, stored and renewed ones alike; empty where a person has to log
/// in.
#[track_caller]
fn grant(sandbox: &Sandbox, place: &str) -> String {
    let stored = sandbox.run(["get", "p", "--offline"]);
    let renewed = sandbox.run(["get", "p", "--force"]);
    let agree = match renewed.code {
        4 => stored.code != 0,
        code => code == 0 && renewed.stderr.is_empty() && stored.stdout == renewed.stdout,
    };
    assert!(agree, "{place}: {stored:?}, {renewed:?}");
    renewed.stdout.trim_end().replace("for-", "")
}

const STORES: [&str; 3] = [
    "store = \"encrypted-file\"",
    "store = \"encrypted-file\"\naccess_cache = \"none\"",
    "store = \"plaintext\"",
];

/// In each store: how often the state before was found, and the state after; nothing else may be.
#[track_caller]
fn leaves(after: &str, args: &[&str], stdin: &str) {
    for store in STORES {
        let server = server();
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), store));
        let (mut olds, mut news) = (0, 0);
        killed_everywhere(&sandbox, args, stdin, &mut |found| {
            assert!(found == "old" || found == after, "{found:?}");
            olds += usize::from(found == "old");
            news += usize::from(found == after);
        });
        assert!(olds > 0 && news > 2, "{store}: {olds}, {news}");
    }
}

#[test]
#[ignore = "needs strace, and a kernel keyring: tests/run installs it"]
fn an_import_that_is_killed_anywhere_leaves_the_old_grant_or_the_new_one() {
    leaves(
        "new",
        &["import", "p", "--no-try", "--force"],
        &response("new"),
    );
}

#[test]
#[ignore = "needs strace, and a kernel keyring: tests/run installs it"]
fn a_logout_that_is_killed_anywhere_leaves_the_grant_or_nothing() {
    leaves("", &["logout", "p", "--no-revoke"], "");
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_logout_removes_what_a_login_left_that_was_killed_anywhere() {
    for (store, folder) in [("plaintext", "plaintext"), ("encrypted-file", "records")] {
        let sandbox = Sandbox::new();
        sandbox.config(&format!(
            "[profile.p]\nclient_id = \"c\"\nstore = \"{store}\"\naccess_cache = \"none\"\n\
             authorization_endpoint = \"http://127.0.0.1:9/a\"\ntoken_endpoint = \"http://127.0.0.1:9/t\"\n"
        ));
        let mut left = 0;
        for call in CHANGES {
            for n in 1.. {
                let login = killed_at(&sandbox, call, n, &["login", "p", "--paste"], "");
                // Begun, and the address shown.
                if login.code == 4 {
                    break;
                }
                assert_eq!(login.code, -9, "{call} {n}: {login:?}");
                let folder = sandbox.state_dir().join("tokctl").join(folder);
                left += files(&folder).len();
                assert_eq!(sandbox.run(["logout", "p"]).code, 0, "{call} {n}");
                assert_eq!(files(&folder), Vec::<PathBuf>::new(), "{call} {n}");
            }
        }
        assert!(left > 3, "{left}");
    }
}
