//! What a cached answer may cost, in system calls: the same on a fast and a busy machine.
#![cfg(target_os = "linux")]

use crate::support;

use std::collections::BTreeMap;
use std::fs;

use support::grants::renewable;
use support::{Running, Sandbox};

/// Between the first call of our own and the end: the configuration, the note, three calls to the
/// kernel's keyring, the answer. Measured: 19.
const OWN: usize = 21;

/// The loader's and those of Rust's start, which differ a little between C libraries. Measured: 60.
const START: usize = 75;

const HOSTS: &str = "hosts = [\"https://git.example\"]\nstore = \"encrypted-file\"";
const REQUEST: &str = "protocol=https\nhost=git.example\n\n";

/// What a cached answer never does: ask a daemon or a server, start a process or a thread, write a
/// file or wait for one.
const NEVER: [&str; 16] = [
    "socket",
    "connect",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "execve",
    "rename",
    "flock",
    "fsync",
    "mkdir",
    "unlink",
    "getrandom",
    "poll",
    "nanosleep",
    "clock_nanosleep",
];

/// The system calls of a run, in order.
struct Calls(Vec<String>);

impl Calls {
    /// Runs `tokctl` under strace; its answer must be this.
    #[track_caller]
    fn of(sandbox: &Sandbox, args: &[&str], stdin: &str, answer: &str) -> Self {
        let listing = sandbox.home().join("calls");
        let strace = ["strace", "-f", "-qq", "-o"];
        let tokctl = support::tokctl();
        let mut command = sandbox.program(strace[0], &strace[1..]);
        command.arg(&listing).arg(tokctl).args(args);
        let run = Running::start(command, Some(stdin.into())).wait();
        let said = run.code == 0 && run.stderr.is_empty() && run.stdout.contains(answer);
        assert!(said, "{run:?}");
        let text = fs::read_to_string(&listing).expect("strace writes it");
        let calls = text.lines().filter_map(|line| line.split_once(' '));
        let calls = calls.map(|(_pid, call)| call.trim().to_owned());
        // Rust's own check, in builds for debugging only; and musl's, which closes a file to other programs twice.
        Self(
            calls
                .filter(|call| !call.contains("F_GETFD") && !call.contains("F_SETFD, FD_CLOEXEC"))
                .filter(|call| call.contains('('))
                .collect(),
        )
    }

    /// From the first that is not of the loader or of Rust's start.
    fn own(&self) -> &[String] {
        let first = self.0.iter().position(|call| call.starts_with("prctl("));
        &self.0[first.expect("a process that holds secrets leaves no core")..]
    }

    /// How often each is made; of memory and of reads a longer file takes more.
    fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        // Whether a caller writes its request at all is asked of its pipe.
        let asked = |call: &&String| !call.starts_with("poll([{fd=0, ");
        let names = self.own().iter().filter(asked).map(|call| name(call));
        for name in names.filter(|name| !["brk", "mmap", "munmap", "mremap", "read"].contains(name))
        {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    #[track_caller]
    fn are_within(&self, own: usize) {
        let listing = self.own().join("\n");
        assert!(self.own().len() <= own, "{}: {listing}", self.own().len());
        let start = self.0.len() - self.own().len();
        assert!(start <= START, "{start}: {}", self.0.join("\n"));
        let counts = self.counts();
        for never in NEVER {
            assert_eq!(counts.get(never), None, "{listing}");
        }
        let writes = self.own().iter().filter(|call| name(call) == "write");
        let writes: Vec<_> = writes.collect();
        assert!(
            matches!(writes[..], [one] if one.starts_with("write(1, ")),
            "{listing}"
        );
    }
}

fn name(call: &str) -> &str {
    match call.split_once('(').map_or(call, |(name, _)| name) {
        // In musl's words.
        "open" => "openat",
        name => name,
    }
}

/// A profile with a token that is good for a while.
fn with_token(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", more));
    sandbox.import(r#"{"access_token":"at-budget","refresh_token":"rt","expires_in":120}"#);
    sandbox
}

#[test]
#[ignore = "needs strace, and a kernel keyring: tests/run installs it"]
fn a_get_from_the_kernel_makes_three_keyctl_calls_and_hardly_any_other() {
    let sandbox = with_token(HOSTS);
    let calls = Calls::of(&sandbox, &["get", "p"], "", "at-budget\n");
    calls.are_within(OWN);
    assert_eq!(calls.counts().get("keyctl"), Some(&3));
    assert_eq!(calls.counts().get("openat"), Some(&2));
}

#[test]
#[ignore = "needs strace, and a kernel keyring: tests/run installs it"]
fn git_is_answered_from_the_kernel_at_the_cost_of_reading_its_request() {
    let sandbox = with_token(HOSTS);
    let calls = Calls::of(
        &sandbox,
        &["helper", "git", "get"],
        REQUEST,
        "password=at-budget\n",
    );
    // Reading the request from who may be silent, and a look for what hosts have refused.
    calls.are_within(OWN + 5);
    assert_eq!(calls.counts().get("keyctl"), Some(&3));
    assert_eq!(calls.counts().get("openat"), Some(&3));
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_get_from_a_file_asks_nobody_and_starts_nothing() {
    for (store, most) in [("plaintext", 38), ("encrypted-file", 52)] {
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"");
        let sandbox = with_token(&more);
        let calls = Calls::of(&sandbox, &["get", "p"], "", "at-budget\n");
        calls.are_within(most);
        assert_eq!(calls.counts().get("keyctl"), None, "{store}");
    }
}

#[test]
#[ignore = "needs strace, and a kernel keyring: tests/run installs it"]
fn a_thousand_other_profiles_cost_no_system_call() {
    let sandbox = with_token(HOSTS);
    let few = Calls::of(&sandbox, &["get", "p"], "", "at-budget\n");
    let few_for_git = Calls::of(&sandbox, &["helper", "git", "get"], REQUEST, "at-budget\n");
    let mut config = renewable("http://127.0.0.1:9/token", HOSTS);
    for n in 0..1000 {
        let other = renewable("http://127.0.0.1:9/token", "scope = \"read write\"");
        config.push_str(&other.replace("[profile.p]", &format!("[profile.other-{n}]")));
    }
    sandbox.config(&config);
    let many = Calls::of(&sandbox, &["get", "p"], "", "at-budget\n");
    assert_eq!(many.counts(), few.counts());
    // In pieces of 32 KB.
    assert!(many.own().len() <= few.own().len() + 8);
    let many_for_git = Calls::of(&sandbox, &["helper", "git", "get"], REQUEST, "at-budget\n");
    assert_eq!(many_for_git.counts(), few_for_git.counts());
}

/// Also at the edge of what is read at first, and far beyond it.
#[test]
#[ignore = "needs a kernel keyring: tests/run has it"]
fn a_token_of_any_size_comes_back_from_the_kernel() {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", HOSTS));
    for size in [1, 3_000, 16_000].into_iter().chain(4_020..4_060) {
        let token = "t".repeat(size);
        sandbox.import(&format!(
            r#"{{"access_token":"{token}","refresh_token":"rt","expires_in":120}}"#
        ));
        // Then nothing else can answer.
        fs::remove_file(sandbox.record()).expect("there is a record");
        sandbox.run(["get", "p"]).ok(&format!("{token}\n"));
    }
}
