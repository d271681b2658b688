//! What does not depend on time: instructions, as callgrind counts them, and system calls.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::support::Sandbox;
use super::table::heading;

/// Counts for an empty program and for cached answers; `many` has a thousand profiles more.
pub fn show(sandbox: &Sandbox, many: &Sandbox, empty: &Path) {
    heading("instructions and system calls, against an empty Rust program");
    let tokctl = Path::new(crate::support::tokctl());
    let rows: [(&str, &Sandbox, &Path, &[&str]); 6] = [
        ("empty program", sandbox, empty, &[]),
        ("get, from the kernel", sandbox, tokctl, &["get", "kernel"]),
        (
            "the same of 1,007 profiles",
            many,
            tokctl,
            &["get", "kernel"],
        ),
        (
            "get, from the encrypted file",
            sandbox,
            tokctl,
            &["get", "file"],
        ),
        ("get, from a plain file", sandbox, tokctl, &["get", "plain"]),
        (
            "get, from the Secret Service",
            sandbox,
            tokctl,
            &["get", "keyring"],
        ),
    ];
    let mut first = None;
    for (name, sandbox, program, args) in rows {
        let count = instructions(sandbox.program("valgrind", CALLGRIND), program, args);
        let calls = system_calls(sandbox, program, args);
        let ratio = ratio(count, *first.get_or_insert(count));
        let thousands = count / 1000;
        println!("{name:<40}{thousands:>8} k {ratio:>8.2} x {calls:>6} calls");
    }
}

const CALLGRIND: [&str; 2] = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn ratio(count: u64, first: u64) -> f64 {
    count as f64 / first as f64
}

fn instructions(mut valgrind: Command, program: &Path, args: &[&str]) -> u64 {
    let output = valgrind.arg(program).args(args).output();
    let output = output.expect("valgrind is installed");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.split_once("Collected : ").map(|(_, rest)| rest);
    let count = count.and_then(|rest| rest.split_whitespace().next());
    count
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no count: {said}"))
}

fn system_calls(sandbox: &Sandbox, program: &Path, args: &[&str]) -> usize {
    let listing = sandbox.home().join("calls");
    let mut strace = sandbox.program("strace", ["-f", "-qq", "-o"]);
    let output = strace.arg(&listing).arg(program).args(args).output();
    assert!(output.expect("strace is installed").status.success());
    let listing = fs::read_to_string(listing).expect("strace writes it");
    listing.lines().filter(|line| line.contains('(')).count()
}
