//! The account of hand-outs: which program was given a token, when and for whom.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use support::grants::{credentials, renewable};
use support::helpers::{MODES, question};
use support::{Reply, Run, Running, Sandbox, Server, Tokens};

const HOSTS: &str =
    "hosts = [\"https://git.corp.example\"]\naccess_cache = \"none\"\nstore = \"plaintext\"\n";

fn entries(run: &Run) -> Vec<Value> {
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// What came in the same second counts as new.
fn next_second() {
    let second = || UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let now = second();
    support::grants::wait_for("the next second", || second() > now);
}

#[test]
fn what_is_handed_out_is_written_down_where_the_profile_says_so() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let p = renewable(&server.url("/token"), &format!("{HOSTS}audit = \"file\""));
    let q = credentials(&server.url("/token"), "store = \"plaintext\"");
    sandbox.config(&format!("{p}{}", q.replace("profile.p", "profile.q")));
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    next_second();
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p", "--scope", "more"]);
    next_second();
    let shell = sandbox.program(
        "sh",
        ["-c", "\"$0\" exec p -- true; true", support::tokctl()],
    );
    Running::start(shell, None).wait().ok("");
    for mode in MODES {
        let (arguments, stdin) = question(mode, "git.corp.example");
        let words = ["helper", mode, "p"].map(str::to_owned);
        let command = sandbox.command(words.into_iter().chain(arguments));
        Running::start(command, Some(stdin.into_bytes())).wait();
    }
    // Of this one nothing is written down.
    sandbox.run(["get", "q"]);
    let all = entries(&sandbox.run(["log", "--json"]));
    let told = |name: &str| -> Vec<String> {
        let values = all.iter().map(|entry| &entry[name]);
        values
            .map(|value| value.as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let mut commands = vec!["get", "get", "get", "exec"];
    commands.extend(MODES);
    assert_eq!(told("command"), commands);
    assert!(told("profile").iter().all(|name| name == "p"));
    let new: Vec<bool> = all.iter().map(|entry| entry["new"] == true).collect();
    assert!(new[0] && !new[1] && new[2] && !new[3], "{all:?}");
    assert_eq!(all[2]["variant"], "scope more");
    let hosts = told("host");
    for (mode, host) in MODES.iter().zip(&hosts[4..]) {
        let is_named = *mode != "kubectl";
        assert_eq!(
            host == "https://git.corp.example",
            is_named,
            "{mode}: {host}"
        );
    }
    // Who has asked: this test, and a shell.
    let own = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    assert_eq!(all[0]["parent"], std::process::id());
    assert!(!own.is_empty() && all[3]["parent_name"] == "sh", "{all:?}");
    assert_eq!(all[0]["uid"], nix::unistd::getuid().as_raw());
    assert!(
        all[0]["argv0"]
            .as_str()
            .is_some_and(|name| name.ends_with("tokctl"))
    );
    let file = sandbox.state_dir().join("tokctl/audit.log");
    let metadata = file.metadata().expect("it is there");
    assert_eq!(metadata.mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).expect("text");
    for secret in ["at-", "rt-"] {
        assert!(!text.contains(secret), "{text}");
    }
    for (words, count) in [
        (&["log", "--json", "p"][..], 11),
        (&["log", "--json", "q"], 0),
        (&["log", "--json", "--since", "1h"], 11),
    ] {
        assert_eq!(
            sandbox.run(words).stdout.lines().count(),
            count,
            "{words:?}"
        );
    }
    let run = sandbox.run(["log"]);
    let first = run.stdout.lines().next().unwrap_or_default();
    assert!(first.contains(" p get: new access token to "), "{first}");
    let go = run.stdout.lines().last().unwrap_or_default();
    assert!(go.ends_with(" for https://git.corp.example"), "{go}");
    sandbox
        .run(["log", "nobody"])
        .fails(3, "no profile \"nobody\"");
}

#[test]
fn without_the_key_nothing_is_written_down_and_log_says_how_it_would_be() {
    let server = Server::tokens(3600);
    for more in ["", "audit = \"none\"\n[defaults]\naudit = \"file\"\n"] {
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), more));
        sandbox.run(["get", "p"]);
        assert!(!sandbox.state_dir().join("tokctl/audit.log").exists());
        sandbox.run(["log"]).ok_with(
            "",
            "nothing is written down of hand-outs: set audit = \"file\"",
        );
    }
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), "audit = \"printer\""));
    sandbox
        .run(["get", "p"])
        .fails(3, "\"printer\" is none of none, file, syslog, journal");
}

#[test]
fn no_trouble_with_it_keeps_a_token_from_anybody() {
    let server = Server::tokens(3600);
    for place in ["directory", "pipe", "link", "syslog", "journal"] {
        let sandbox = Sandbox::new();
        let audit = match place {
            "syslog" | "journal" => place,
            _ => "file",
        };
        sandbox.config(&credentials(
            &server.url("/token"),
            &format!("store = \"none\"\naudit = \"{audit}\"\n"),
        ));
        let state = sandbox.state_dir().join("tokctl");
        let file = state.join("audit.log");
        sandbox.write("state/tokctl/x", "");
        let elsewhere = sandbox.write("elsewhere", "");
        match place {
            "directory" => fs::create_dir(&file).expect("made"),
            "pipe" => nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).expect("made"),
            "link" => symlink(&elsewhere, &file).expect("linked"),
            _ => {}
        }
        let run = sandbox.run(["get", "p"]);
        run.ok(&run.stdout);
        assert!(run.stdout.starts_with("at-"), "{place}: {run:?}");
        assert!(run.elapsed < Duration::from_secs(5), "{place}: {run:?}");
        assert_eq!(fs::read(&elsewhere).expect("a file"), b"", "{place}");
        let told = sandbox.run(["get", "p", "-v"]);
        let why = "the token is not in the account of hand-outs: ";
        assert!(
            told.code == 0 && told.stderr.contains(why),
            "{place}: {told:?}"
        );
    }
}

#[test]
fn of_many_at_once_each_has_its_line() {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => tokens.answer(request),
        _ => Reply::json(404, ""),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(
        &server.url("/token"),
        &format!("{HOSTS}audit = \"file\""),
    ));
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let all: Vec<Running> = (0..40).map(|_| sandbox.start(["get", "p"])).collect();
    for running in all {
        running.wait().ok("at-1\n");
    }
    assert_eq!(entries(&sandbox.run(["log", "--json"])).len(), 41);
    // One that is full makes room for another, and both are shown.
    let file = sandbox.state_dir().join("tokctl/audit.log");
    let line = fs::read_to_string(&file).expect("text");
    let line = line.lines().next().expect("a line").to_owned() + "\n";
    fs::write(&file, line.repeat(4 * 1024 * 1024 / line.len() + 1)).expect("written");
    let many = entries(&sandbox.run(["log", "--json"])).len();
    for _ in 0..2 {
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
    assert_eq!(fs::read_to_string(&file).expect("text").lines().count(), 2);
    assert_eq!(entries(&sandbox.run(["log", "--json"])).len(), many + 2);
}
