//! Twice as many profiles cost a command that goes through all of them twice as much, and not four times: counted in
//! instructions, since times say little on a busy machine.

use crate::support::{Running, Sandbox, tokctl};
use std::fmt::Write;

/// What a command does once is hardly seen beside what it does for so many profiles.
const FEW: u64 = 25;

/// A little more than the double is what is not twice as long: a sort, a longer line.
const AT_MOST: f64 = 2.3;

fn with_profiles(number: u64) -> Sandbox {
    let mut text = String::new();
    for n in 0..number {
        write!(
            text,
            "[profile.p{n}]\ntoken_endpoint = \"https://s{n}.example/token\"\nclient_id = \"c{n}\"\n\
             grant = \"client_credentials\"\nclient_secret = {{ env = \"S{n}\" }}\n\
             hosts = [\"https://h{n}.example\"]\nstore = \"plaintext\"\naccess_cache = \"none\"\n\n"
        )
        .expect("a string takes it");
    }
    let mut sandbox = Sandbox::new();
    sandbox.config(&text);
    sandbox.env("TOKCTL_TOKEN_P7", "t");
    sandbox
}

/// How many instructions a command takes, which has to do its work.
#[track_caller]
fn instructions(sandbox: &Sandbox, words: &[&str], stdin: &str) -> u64 {
    let counting = [
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
        tokctl(),
    ];
    let all = counting.iter().chain(words);
    let run = Running::start(sandbox.program("valgrind", all), Some(stdin.into())).wait();
    let counted = run.stderr.rsplit_once("refs:").filter(|_| run.code == 0);
    let (_, counted) = counted.unwrap_or_else(|| panic!("{run:?}"));
    let counted = counted.lines().next().unwrap_or_default();
    counted.trim().replace(',', "").parse().expect("a number")
}

#[test]
#[ignore = "needs valgrind and git: tests/run installs them"]
fn twice_as_many_profiles_cost_twice_as_much() {
    let (few, many) = (with_profiles(FEW), with_profiles(2 * FEW));
    let for_git = "protocol=https\nhost=h7.example\n\n";
    // `helper install` is left out: git writes its file anew for each line.
    for (words, stdin) in [
        (&["status"][..], ""),
        (&["doctor"], ""),
        (&["refresh", "--all"], ""),
        (&["helper", "git", "get"], for_git),
        (&["logout", "--all"], ""),
    ] {
        let (once, twice) = (
            instructions(&few, words, stdin),
            instructions(&many, words, stdin),
        );
        #[expect(clippy::cast_precision_loss, reason = "a ratio of two digits")]
        let ratio = twice as f64 / once as f64;
        assert!(
            ratio < AT_MOST,
            "{words:?}: {once} and {twice}, which is {ratio:.2} times"
        );
    }
}
