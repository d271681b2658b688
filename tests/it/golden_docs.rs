//! Every word that the program shows by itself: help, providers, status and doctor, as they stand in `tests/golden/`.
//!
//! Words that are meant to change: `INSTA_UPDATE=always cargo test --test it -- --include-ignored golden_docs`, and look
//! at what git says of `tests/golden/`.

use crate::support::golden::{hash, is_as_it_was, now};
use crate::support::{Run, Sandbox, Server, Terminal, tokctl};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    // What goes on in the next line is indented further.
    let first = listed.filter_map(|line| {
        line.strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))
    });
    let names = first.filter_map(|line| line.split(' ').next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// A command's short and long help with those of its subcommands.
fn help(sandbox: &Sandbox, words: &[String], out: &mut String) {
    let said = |flag: &str| {
        let run = sandbox.run(words.iter().map(String::as_str).chain([flag]));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
        run.stdout
    };
    let (short, long) = (said("-h"), said("--help"));
    for (flag, text) in [("-h", &short), ("--help", &long)] {
        let command = words
            .iter()
            .map(|word| format!(" {word}"))
            .collect::<String>();
        write!(out, "$ tokctl{command} {flag}\n{text}\n").expect("a string takes it");
    }
    for name in subcommands(&long).into_iter().filter(|_| !words.is_empty()) {
        help(sandbox, &[words, &[name]].concat(), out);
    }
}

#[test]
fn every_command_says_the_same_of_the_options_of_every_command() {
    let sandbox = Sandbox::new();
    let top = sandbox.run(["--help"]).stdout;
    for option in [
        "--config <FILE>",
        "-v, --verbose",
        "-q, --quiet",
        "--color <WHEN>",
    ] {
        assert!(top.contains(option), "{option}: {top}");
    }
    let line = "\nWith every command: --config FILE, -v, -q, --color WHEN (see tokctl --help)\n";
    for name in subcommands(&top) {
        let own = sandbox.run([name.as_str(), "--help"]).stdout;
        assert!(
            own.ends_with(line) && !own.contains("--config <FILE>"),
            "{name}: {own}"
        );
    }
}

#[test]
fn every_help_text_is_as_it_was() {
    let sandbox = Sandbox::new();
    let mut whole = String::new();
    help(&sandbox, &[], &mut whole);
    is_as_it_was("help", &whole);
    let top = sandbox.run(["--help"]).stdout;
    let names = subcommands(&top);
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        let mut text = String::new();
        help(&sandbox, std::slice::from_ref(name), &mut text);
        is_as_it_was(&format!("help-{name}"), &text);
    }
    all_are_used("help-", names);
}

#[test]
fn every_provider_is_as_it_was() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(["providers"]);
    is_as_it_was("providers", &shown(&sandbox, &[&list]));
    let all = sandbox.run(["providers", "--json"]).json();
    let names = all.as_array().expect("a list").iter();
    let names: Vec<String> = names
        .map(|one| one["name"].as_str().expect("each has a name").to_owned())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        let text = sandbox.run(["providers", name]);
        let facts = sandbox.run(["providers", name, "--json"]);
        is_as_it_was(
            &format!("provider-{name}"),
            &shown(&sandbox, &[&text, &facts]),
        );
    }
    all_are_used("provider-", names);
}

/// One profile for each way in which a profile can stand.
const PROFILES: &str = r#"
[defaults]
token_endpoint = "https://sso.example/token"
client_id = "ci"

[profile.bot]
grant = "client_credentials"
client_secret = { env = "BOT_SECRET" }
scope = ["read", "write"]
store = "encrypted-file"

[profile.ended]
grant = "device_code"
device_authorization_endpoint = "https://sso.example/device"
store = "keyring"

[profile.fetched]
grant = "client_credentials"
client_secret = { command = ["no-such-program"] }
store = "none"

[profile.from-environment]
grant = "refresh_token"
store = "plaintext"

[profile.new]
issuer = "https://sso.example/realms/main"
grant = "authorization_code"

[profile.paused]
grant = "refresh_token"
store = "plaintext"
access_cache = "none"

[profile.person]
authorization_endpoint = "https://sso.example/authorize"
revocation_endpoint = "https://sso.example/revoke"
grant = "authorization_code"
hosts = ["https://git.example"]

[profile.wrong]
grant = "token_exchange"
subject_token = { file = "subject" }
min_ttl = "soon"
"#;

/// The profiles of [`PROFILES`] with what is noted of them.
fn profiles() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.config(PROFILES);
    sandbox.env("TOKCTL_TOKEN_FROM_ENVIRONMENT", "t");
    // Half a minute from the next word.
    let good = json!({
        "generation": 3,
        "has_token": true,
        "expires": now() + 9030,
        "updated": now() - 1000,
        "refreshable": true,
        "scope": "read write",
        "account": "someone@corp.example",
    });
    let with = |name: &str, more: Value| {
        let mut note = good.clone();
        note["profile"] = json!(name);
        for (key, value) in more.as_object().into_iter().flatten() {
            note[key] = value.clone();
        }
        let path = format!("state/tokctl/profiles/{}.json", hash(&["profile-1", name]));
        sandbox.write(path, note.to_string());
    };
    with("bot", json!({ "refreshable": false, "account": null }));
    with(
        "ended",
        json!({ "ended": "0123456789abcdef0123456789abcdef", "expires": now() - 9030 }),
    );
    with(
        "paused",
        json!({ "not_before": now() + 5430, "expires": now() - 200_000 }),
    );
    with("person", json!({ "store": "encrypted-file" }));
    let failure =
        json!({ "git": { "at": 1_700_000_000, "host": "https://git.example", "message": "no" } });
    let path = format!(
        "state/tokctl/helpers/{}.json",
        hash(&["profile-1", "person"])
    );
    sandbox.write(path, failure.to_string());
    sandbox
}

const NAMES: [&str; 8] = [
    "bot",
    "ended",
    "fetched",
    "from-environment",
    "new",
    "paused",
    "person",
    "wrong",
];

#[test]
fn status_is_as_it_was() {
    let sandbox = profiles();
    let all = [sandbox.run(["status"]), sandbox.run(["status", "--json"])];
    let each = NAMES.map(|name| sandbox.run(["status", name]));
    let runs: Vec<&Run> = all.iter().chain(&each).collect();
    is_as_it_was("status", &shown(&sandbox, &runs));
    let none = Sandbox::new();
    is_as_it_was("status-none", &shown(&none, &[&none.run(["status"])]));
}

#[test]
#[ignore = "needs git, and a kernel keyring: tests/run installs it"]
fn doctor_is_as_it_was() {
    let server = Server::tokens(3600);
    let mut sandbox = profiles();
    sandbox.config(&PROFILES.replace("https://sso.example", &server.url("")));
    sandbox.env("BOT_SECRET", "s").env("container", "one");
    let mut runs = vec![sandbox.run(["doctor"]), sandbox.run(["doctor", "--json"])];
    for name in NAMES {
        runs.push(sandbox.run(["doctor", name]));
    }
    let runs: Vec<&Run> = runs.iter().collect();
    let text = shown(&sandbox, &runs).replace(&server.address().to_string(), "SERVER");
    is_as_it_was("doctor", &text);
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn status_on_a_terminal_is_as_it_was() {
    let sandbox = profiles();
    // Its line is as long as the home's path.
    let (right, _) = PROFILES.split_once("[profile.wrong]").unwrap_or_default();
    sandbox.config(right);
    let mut text = String::new();
    for columns in [110, 60] {
        let terminal = Terminal::with_shell(&sandbox, columns, "env PS1='$ ' sh");
        for (number, command) in ["status", "status person", "status ended"]
            .iter()
            .enumerate()
        {
            let (program, end) = (tokctl(), format!("\nend {number}\n"));
            terminal.types(&format!("clear; {program} {command}; echo e'nd' {number}"));
            let screen = terminal.shows(&end);
            let shown = screen.split(&end).next().unwrap_or_default();
            write!(text, "$ tokctl {command} # {columns} columns\n{shown}\n\n").expect("a string");
        }
    }
    is_as_it_was("status-on-a-terminal", &redacted(&sandbox, &text));
}

/// No file is left of what is not there any more.
#[track_caller]
fn all_are_used(prefix: &str, names: Vec<String>) {
    let wanted: BTreeSet<String> = names.into_iter().collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let there = fs::read_dir(folder).expect("the folder is there");
    let there = there.map(|entry| entry.expect("can be read").file_name());
    let of_them = there.filter_map(|name| {
        let name = name.to_string_lossy().into_owned();
        let name = name.strip_prefix(prefix)?.strip_suffix(".snap")?;
        Some(name.to_owned())
    });
    assert_eq!(of_them.collect::<BTreeSet<_>>(), wanted, "in tests/golden");
}

/// What runs have shown.
fn shown(sandbox: &Sandbox, runs: &[&Run]) -> String {
    let mut out = String::new();
    for run in runs {
        // The program may be another build of another name.
        let (_, words) = run.name.split_once(' ').unwrap_or_default();
        writeln!(out, "$ tokctl {words}").expect("a string takes it");
        for (stream, text) in [("", &run.stdout), ("-- stderr\n", &run.stderr)] {
            if !text.is_empty() {
                write!(out, "{stream}{}", pretty(text)).expect("a string takes it");
            }
        }
        if run.code != 0 {
            writeln!(out, "-- exit {}", run.code).expect("a string takes it");
        }
        out.push('\n');
    }
    redacted(sandbox, &out)
}

/// Without what differs from one run, or machine, to another.
fn redacted(sandbox: &Sandbox, text: &str) -> String {
    let home = sandbox.home().display().to_string();
    let digit = |byte: char| byte.is_ascii_digit();
    let in_line = |byte: char| byte != '\n' && byte != '"';
    let version = env!("CARGO_PKG_VERSION");
    let mut text = without_times(&text.replace(&home, "HOME"));
    for (before, goes, instead) in [
        ("wait for ", &in_line as &dyn Fn(char) -> bool, "SPAN"),
        ("expires_in\": 9", &digit, "SECONDS"),
        ("expires_in      9", &digit, "SECONDS"),
        ("within ", &digit, "SOME"),
        (version, &in_line, "VERSION, PLATFORM"),
    ] {
        text = replaced(&text, before, goes, instead);
    }
    text
}

/// With `instead` for as much as `goes` after each `before`, whose digits at its end go too.
fn replaced(text: &str, before: &str, goes: &dyn Fn(char) -> bool, instead: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    let kept = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    for part in parts {
        write!(out, "{kept}{instead}{}", part.trim_start_matches(goes)).expect("a string takes it");
    }
    out
}

/// JSON in lines, since nobody can compare one long line.
fn pretty(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() || value.is_array() => {
            format!("{}\n", serde_json::to_string_pretty(&value).expect("JSON"))
        }
        _ => text.to_owned(),
    }
}

/// With `TIME` for each time as RFC 3339 writes it.
fn without_times(text: &str) -> String {
    const FORM: &str = "0000-00-00T00:00:00Z";
    let is_time = |text: &str| {
        text.len() == FORM.len()
            && text.bytes().zip(FORM.bytes()).all(|(byte, form)| {
                if form == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == form
                }
            })
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.get(..FORM.len()).is_some_and(is_time) {
            out.push_str("TIME");
            rest = &rest[FORM.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}
