//! Keys in the kernel's keyring: each has an end, and none outlives what it is a copy of.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;

use support::desk::kernel_keys_with;
use support::grants::{credentials, renewable};
use support::{Reply, Run, Running, Sandbox, Server};

const FILE: &str = "store = \"encrypted-file\"";

/// `tokctl` with a session keyring that has no link to the user's, as `su`, `runuser` and systemd start it.
fn apart(sandbox: &Sandbox, args: &[&str], stdin: Option<&str>) -> Run {
    let words = [&["session", "-", support::tokctl()], args].concat();
    Running::start(sandbox.program("keyctl", words), stdin.map(Into::into)).wait()
}

/// `tokctl` in a user namespace, which has a user keyring of its own.
fn in_namespace(sandbox: &Sandbox, args: &[&str]) -> Run {
    let words = [&["--map-root-user", support::tokctl()], args].concat();
    Running::start(sandbox.program("unshare", words), None).wait()
}

/// The lines of /proc/keys about these keys; the fourth word is the time left.
fn listed(ids: &[String]) -> Vec<String> {
    let number = |id: &String| id.parse::<i32>().expect("a number");
    let ids: Vec<String> = ids.iter().map(|id| format!("{:08x}", number(id))).collect();
    let keys = fs::read_to_string("/proc/keys").expect("the kernel has keys");
    let is_one = |line: &&str| ids.iter().any(|id| line.starts_with(id.as_str()));
    keys.lines().filter(is_one).map(str::to_owned).collect()
}

fn has_end(line: &str) -> bool {
    line.split_whitespace()
        .nth(3)
        .is_some_and(|left| left != "perm")
}

/// The keys for `unlock` without an end.
fn endless_masters() -> Vec<String> {
    let keys = fs::read_to_string("/proc/keys").expect("the kernel has keys");
    let masters = keys
        .lines()
        .filter(|line| line.contains("tokctl:store-key:"));
    masters
        .filter(|line| !has_end(line))
        .map(str::to_owned)
        .collect()
}

fn tag(what: &str) -> String {
    format!("{what}-{}", std::process::id())
}

/// A server whose access tokens are this, with a number.
fn server(name: &str) -> Server {
    let name = name.to_owned();
    let count = std::sync::atomic::AtomicU32::new(0);
    Server::start(move |_| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let body = format!(
            r#"{{"access_token":"{name}-{n}","refresh_token":"rt-{n}","expires_in":600,"token_type":"Bearer"}}"#
        );
        Reply::json(200, body)
    })
}

#[test]
#[ignore = "needs keyctl, and a kernel keyring: tests/run installs it"]
fn a_copy_has_an_end_also_where_the_session_keyring_is_not_the_user_s() {
    let name = tag("apart");
    let server = server(&name);
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), ""));
    apart(&sandbox, &["get", "p"], None).ok_with(&format!("{name}-1\n"), "Joined session keyring");
    let keys = kernel_keys_with(&name);
    assert_eq!(keys.len(), 1);
    let lines = listed(&keys);
    assert!(lines.iter().all(|line| has_end(line)), "{lines:?}");
    // It is replaced, found and taken away from there and from elsewhere.
    apart(&sandbox, &["get", "p"], None).ok_with(&format!("{name}-1\n"), "Joined session keyring");
    sandbox.run(["get", "p"]).ok(&format!("{name}-1\n"));
    apart(&sandbox, &["get", "p", "--force"], None)
        .ok_with(&format!("{name}-2\n"), "Joined session keyring");
    sandbox.run(["get", "p"]).ok(&format!("{name}-2\n"));
    apart(&sandbox, &["logout", "p"], None).ok_with("", "erased");
    assert_eq!(kernel_keys_with(&name), Vec::<String>::new());
    assert_eq!(server.hits(), 2);
}

#[test]
#[ignore = "needs keyctl, and a kernel keyring: tests/run installs it"]
fn the_key_of_unlock_has_an_end_too_and_opens_the_file_for_everybody() {
    let server = server(&tag("master"));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), FILE));
    let before = endless_masters();
    apart(&sandbox, &["unlock", "--for", "1h"], Some("a passphrase"))
        .ok_with("", "unlocked for 1h");
    assert_eq!(endless_masters(), before);
    sandbox.import("rt-0");
    sandbox
        .run(["get", "p"])
        .ok(&format!("{}-1\n", tag("master")));
}

#[test]
#[ignore = "needs strace, keyctl, and a kernel keyring: tests/run installs them"]
fn one_killed_while_it_makes_a_key_leaves_none_without_an_end() {
    let name = tag("killed");
    let server = server(&name);
    let mut killed = 0;
    for (call, nth) in (1..=12).flat_map(|nth| [("keyctl", nth), ("add_key", nth)]) {
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), ""));
        let inject = format!("inject={call}:signal=KILL:when={nth}");
        let strace = ["-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let tokctl = ["keyctl", "session", "-", support::tokctl(), "get", "p"];
        let words = [&strace[..], &tokctl].concat();
        let run = Running::start(sandbox.program("strace", words), None).wait();
        killed += usize::from(run.code != 0);
    }
    assert!(killed > 8, "{killed}");
    let left = listed(&kernel_keys_with(&name));
    assert!(left.iter().all(|line| has_end(line)), "{left:?}");
}

#[test]
#[ignore = "needs user namespaces and a kernel keyring: tests/run installs unshare"]
fn after_a_renewal_that_could_not_replace_the_copy_it_is_not_given_out() {
    for more in ["store = \"plaintext\"", FILE] {
        let name = tag("outdated");
        let server = server(&name);
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), more));
        sandbox.import("rt-0");
        sandbox.run(["get", "p"]).ok(&format!("{name}-1\n"));
        in_namespace(&sandbox, &["get", "p", "--force"]).ok(&format!("{name}-2\n"));
        for _ in 0..2 {
            sandbox.run(["get", "p"]).ok(&format!("{name}-2\n"));
        }
        assert_eq!(server.hits(), 2, "{more}");
        sandbox.run(["logout", "p"]).ok_with("", "erased");
    }
}

#[test]
#[ignore = "needs user namespaces and a kernel keyring: tests/run installs unshare"]
fn a_token_asked_for_by_force_elsewhere_outdates_the_only_copy() {
    let name = tag("forced");
    let server = server(&name);
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), ""));
    sandbox.run(["get", "p"]).ok(&format!("{name}-1\n"));
    let elsewhere = in_namespace(&sandbox, &["get", "p", "--force"]);
    assert!(elsewhere.stdout == format!("{name}-2\n"), "{elsewhere:?}");
    let after = sandbox.run(["get", "p"]);
    assert_ne!(after.stdout, format!("{name}-1\n"));
    sandbox.run(["logout", "p"]).ok_with("", "erased");
}

#[test]
#[ignore = "needs a kernel keyring"]
fn a_token_too_long_for_the_kernel_is_not_taken_for_the_one_before_it() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |_| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let token = if n == 1 {
            "short".to_owned()
        } else {
            format!("long-{}", "x".repeat(40_000))
        };
        let body =
            format!(r#"{{"access_token":"{token}","refresh_token":"rt-{n}","expires_in":600}}"#);
        Reply::json(200, body)
    });
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), "store = \"plaintext\""));
    sandbox.import("rt-0");
    sandbox.run(["get", "p"]).ok("short\n");
    let long = format!("long-{}\n", "x".repeat(40_000));
    sandbox.run(["get", "p", "--force"]).ok(&long);
    sandbox.run(["get", "p"]).ok(&long);
    assert_eq!(server.hits(), 2);
}
