//! What a cached answer may cost, in system calls: the same on a fast and a busy machine.
#![cfg(target_os = "linux")]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use support::grants::renewable;
use support::helpers::{MODES, question};
use support::{Running, Sandbox};

/// Between the first call of our own and the end: the configuration, the note, three calls to the
/// kernel's keyring, the answer. Measured: 19.
const OWN: usize = 21;

/// The loader's and those of Rust's start, which differ a little between C libraries. Measured: 60.
const START: usize = 75;

/// The way of a cached answer from the arguments to stdout, as a reader has to follow it: our functions that call another
/// one of ours, each once, and the files in which they stand. Not counted: who calls nothing of ours, closures (a part of
/// their function), and what is derived or implements a library's trait. Measured: 87 in 38.
const FUNCTIONS: usize = 88;
const FILES: usize = 38;

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

/// What callgrind has seen called.
#[derive(Default)]
struct Way {
    /// Our functions with their files.
    files: BTreeMap<String, String>,
    calls: BTreeMap<String, BTreeSet<String>>,
}

impl Way {
    /// Reads its listing: `fl=FILE`, `fn=CALLER`, `cfn=CALLED`.
    fn read(listing: &str) -> Self {
        let (mut way, mut file, mut caller) = (Self::default(), "", String::new());
        for line in listing.lines() {
            let Some((key, name)) = line.split_once('=') else {
                continue;
            };
            match key {
                "fl" => file = name,
                "fn" => {
                    caller = whole(name);
                    if is_ours(&caller) && !name.contains("{{closure}}") {
                        way.files.insert(caller.clone(), file.to_owned());
                    }
                }
                "cfn" => drop(
                    way.calls
                        .entry(caller.clone())
                        .or_default()
                        .insert(whole(name)),
                ),
                _ => {}
            }
        }
        way
    }

    /// Who calls another one of ours.
    fn stations(&self) -> BTreeMap<&str, &str> {
        let hands_on = |name: &String| {
            let mut called = self.calls.get(name).into_iter().flatten();
            called.any(|called| called != name && self.files.contains_key(called))
        };
        let stations = self.files.iter().filter(|(name, _)| hands_on(name));
        stations
            .map(|(name, file)| (name.as_str(), file.as_str()))
            .collect()
    }
}

fn is_ours(function: &str) -> bool {
    function.starts_with("tokctl::") && !function.contains("::_::<impl")
}

/// A function's name without the closure in it, and without callgrind's number of a second one of that name.
fn whole(name: &str) -> String {
    let name = name.split("::{{closure}}").next().unwrap_or_default();
    name.split('\'').next().unwrap_or_default().to_owned()
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
#[ignore = "needs valgrind, and a kernel keyring: tests/run installs it"]
fn a_cached_get_goes_through_no_more_functions_and_files_than_before() {
    let sandbox = with_token("store = \"encrypted-file\"");
    let listing = sandbox.home().join("listing");
    let to = format!("--callgrind-out-file={}", listing.display());
    let callgrind = ["--tool=callgrind", "--compress-strings=no", &to];
    let get = [support::program::built(), "get", "p"];
    let command = sandbox.program("valgrind", [&callgrind[..], &get].concat());
    let run = Running::start(command, None).wait();
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "at-budget\n"),
        "{run:?}"
    );
    let way = Way::read(&fs::read_to_string(listing).expect("callgrind writes it"));
    let stations = way.stations();
    let all: String = stations
        .iter()
        .map(|(name, file)| format!("{name} in {file}\n"))
        .collect();
    let known = [
        "tokctl::command::get::run",
        "tokctl::token::kept",
        "tokctl::ui::answer",
    ];
    assert!(
        known.iter().all(|name| stations.contains_key(name)),
        "{all}"
    );
    let files: BTreeSet<&str> = stations.values().copied().collect();
    let count = (stations.len(), files.len());
    assert!(count.0 <= FUNCTIONS && count.1 <= FILES, "{count:?}: {all}");
}

/// What a helper's answer may take in a build for debugging, in hundredths of a `get`. Measured: 104 to 109; cargo, which
/// says hello first, 113. One that reads its profile twice takes 130.
const MORE: u64 = 115;

/// The instructions of a run that answers from the kernel's keyring.
#[track_caller]
fn instructions(sandbox: &Sandbox, args: &[&str], stdin: &str) -> u64 {
    let callgrind = [
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        support::program::built(),
    ];
    let command = sandbox.program("valgrind", [&callgrind[..], args].concat());
    let run = Running::start(command, Some(stdin.into())).wait();
    let answered = run.code == 0 && run.stdout.contains("at-budget");
    assert!(answered, "{run:?}");
    let count = run
        .stderr
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = count.expect("callgrind says it");
    count.trim().parse().expect("a number")
}

#[test]
#[ignore = "needs valgrind, and a kernel keyring: tests/run installs it"]
fn a_helper_s_cached_answer_costs_hardly_more_than_a_get() {
    let sandbox = with_token(HOSTS);
    // Eight runs of valgrind take their time.
    sandbox.import(r#"{"access_token":"at-budget","refresh_token":"rt","expires_in":3600}"#);
    let get = instructions(&sandbox, &["get", "p"], "");
    let all = MODES.map(|mode| {
        let (arguments, stdin) = question(mode, "git.example");
        let arguments = arguments.iter().map(String::as_str);
        let args: Vec<&str> = ["helper", mode, "p"].into_iter().chain(arguments).collect();
        (mode, instructions(&sandbox, &args, &stdin) * 100 / get)
    });
    assert!(
        all.iter().all(|(_, more)| *more <= MORE),
        "in hundredths of a get: {all:?}"
    );
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_get_from_a_file_asks_nobody_and_starts_nothing() {
    // With a look for a rename that was cut off; musl makes one call more than glibc.
    for (store, most) in [("plaintext", 42), ("encrypted-file", 56)] {
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
