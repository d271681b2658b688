//! The command line itself: help, version, and words it does not know.

use crate::support;

use std::collections::BTreeSet;

use assert_cmd::Command;
use support::Sandbox;

fn tokctl() -> Command {
    let mut command = Command::new(support::tokctl());
    command.env_clear();
    command
}

/// What a call prints that must succeed without a word on stderr.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let done = tokctl().args(args).assert().success().stderr("");
    String::from_utf8(done.get_output().stdout.clone()).expect("UTF-8")
}

/// The names in a section of a help text, with what is said of each.
fn entries(help: &str, section: &str) -> Vec<(String, String)> {
    let lines = help.lines().skip_while(|line| *line != section).skip(1);
    let mut found: Vec<(String, String)> = Vec::new();
    for line in lines.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let text = line.trim();
        let begins = line.starts_with("  ") && !line.starts_with("       ") && !text.is_empty();
        if begins {
            let (name, about) = text.split_once("  ").unwrap_or((text, ""));
            found.push((name.to_owned(), about.trim().to_owned()));
        } else if let Some((_, about)) = found.last_mut() {
            about.push_str(text);
        }
    }
    found
}

/// Every command, as the words that lead to it.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![vec![]];
    let mut at = 0;
    while let Some(words) = found.get(at).cloned() {
        at += 1;
        for (name, _) in entries(&help_of(&words), "Commands:") {
            if name != "help" {
                found.push([&words[..], &[name]].concat());
            }
        }
    }
    found
}

fn help_of(words: &[String]) -> String {
    let args = words.iter().map(String::as_str).chain(["--help"]);
    printed(&args.collect::<Vec<_>>())
}

#[test]
fn every_command_and_every_flag_has_a_help_text() {
    let commands = commands();
    let names: BTreeSet<_> = commands.iter().filter_map(|words| words.first()).collect();
    for name in ["get", "status", "import", "logout", "secret", "unlock"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    for words in &commands {
        let help = help_of(words);
        let about = help.lines().next().unwrap_or_default();
        assert!(
            about.len() > 8 && !about.starts_with("Usage"),
            "{words:?}: {help}"
        );
        assert!(
            help.contains(&format!("Usage: tokctl {}", words.join(" "))),
            "{help}"
        );
        for section in [
            "Commands:",
            "Arguments:",
            "Options:",
            "The server:",
            "The client:",
            "The token:",
            "With every command:",
        ] {
            for (name, about) in entries(&help, section) {
                assert!(about.len() > 5, "{words:?} {name}: no help text\n{help}");
            }
        }
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_none_or(|widest| widest <= 120), "{help}");
    }
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    for words in commands().iter().filter(|words| !words.is_empty()) {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let help = printed(&[&words[..], &["--help"]].concat());
        assert_eq!(
            printed(&[&["help"], &words[..]].concat()),
            help,
            "help {words:?}"
        );
        assert_eq!(printed(&[&["-v"], &words[..], &["--help"]].concat()), help);
    }
    let all = printed(&["--help"]);
    let topics = printed(&["help"]);
    assert!(
        topics.starts_with(all.trim_end()) && topics.contains("\nTopics (tokctl help TOPIC): "),
        "{topics}"
    );
    assert!(
        all.contains("Exit codes:\n  0  the answer is on stdout "),
        "{all}"
    );
}

#[test]
fn every_command_tells_the_same_version() {
    let version = concat!("tokctl ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed(&["--version"]), version);
    assert_eq!(printed(&["-V"]), version);
    for words in [
        &["get", "--version"][..],
        &["-q", "get", "--version"],
        &["status", "-V"],
    ] {
        let told = printed(words);
        assert!(
            told.starts_with("tokctl") && told.ends_with(&version["tokctl".len()..]),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1);
    }
    assert_eq!(printed(&["get", "--version"]), version);
}

#[test]
fn a_bug_report_s_version_says_what_is_in_the_program() {
    let told = printed(&["--version", "-v"]);
    for words in [
        &["-v", "--version"][..],
        &["-Vv"],
        &["-vV"],
        &["--verbose", "-V"],
        &["get", "-V", "-v"],
    ] {
        assert_eq!(printed(words), told, "{words:?}");
    }
    let (first, rest) = told.split_once('\n').expect("several lines");
    assert_eq!(first, concat!("tokctl ", env!("CARGO_PKG_VERSION")));
    let lines = rest.lines().map(|line| line.split_once(": ").expect(line));
    let lines: Vec<(&str, &str)> = lines.collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "commit", "target", "features", "helpers", "stores", "lookups"
        ]
    );
    assert!(lines.iter().all(|(_, value)| !value.is_empty()), "{told}");
    assert!(lines[1].1.starts_with(std::env::consts::ARCH), "{told}");
    let help = printed(&["helper", "--help"]);
    let possible = help.split_once("possible values: ").expect("clap's list").1;
    let programs = possible.split_once(']').expect("its end").0;
    assert_eq!(lines[3].1, programs.replace(',', ""));
}

#[test]
fn a_wrong_call_is_exit_2_with_one_hint_and_an_empty_stdout() {
    for (args, words) in [
        (&["-v"][..], "tokctl --help"),
        (&["gett"], "'gett'"),
        (&["gett"], "tokctl --help"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["get"], "run: tokctl add"),
        (&["get", "--no-such-flag"], "--no-such-flag"),
        (&["-v", "get", "--no-such-flag", "p"], "--no-such-flag"),
        (&["secret"], "tokctl secret --help"),
        (&["secret", "set"], "run: tokctl add"),
        (&["logout"], "run: tokctl add"),
        (&["refresh"], "run: tokctl add"),
        (&["logout", "--all", "p"], "--all"),
        (&["status", "p", "q"], "'q'"),
        (&["unlock", "--for", "x"], "--for"),
        (&["renewal"], "tokctl add"),
        (&["--config", "x", "get"], "tokctl get --help"),
        (&["exec", "p", "env"], "tokctl exec PROFILE -- COMMAND"),
        (
            &["exec", "p", "sh", "-c", "x"],
            "tokctl exec PROFILE -- COMMAND",
        ),
        (&["exec", "p", "--"], "tokctl exec --help"),
        (&["\u{1b}[31m"], "--help"),
    ] {
        let done = tokctl().args(args).assert().code(2).stdout("");
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(
            stderr.starts_with("tokctl: ") && stderr.contains(words),
            "{args:?}: {stderr}"
        );
        assert_eq!(stderr.matches("tokctl: hint: ").count(), 1, "{stderr}");
        assert!(
            stderr.lines().count() == 2 && !stderr.contains('\u{1b}'),
            "{stderr:?}"
        );
    }
}

#[test]
fn no_flag_takes_a_secret() {
    for words in commands() {
        let help = help_of(&words);
        let flags = help.lines().map(str::trim);
        for name in flags.filter(|line| line.starts_with('-')) {
            let name = name.split("  ").next().unwrap_or_default();
            let secret = ["secret", "password", "passphrase", "refresh"];
            // What names a place that holds a secret.
            let place = [
                "-stdin",
                "-env <NAME>",
                "-file <FILE>",
                "-credential <NAME>",
            ];
            // A flag without a value takes nothing.
            assert!(
                !name.contains('<')
                    || !secret.iter().any(|part| name.contains(part))
                    || place.iter().any(|place| name.ends_with(place)),
                "{words:?} {name}"
            );
        }
    }
}

/// As man does it: a page that goes into a pipe is text, and the source is for who asks for it.
#[test]
fn the_manual_is_text_in_a_pipe_and_troff_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    for (page, file) in [("get", "tokctl-get.1"), ("config.5", "tokctl-config.5")] {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/man/");
        let source = std::fs::read_to_string(format!("{source}{file}")).expect("a page");
        sandbox.run(["man", page, "--troff"]).ok(&source);
        let text = sandbox.run(["man", page]);
        text.ok(&text.stdout);
        assert!(text.stdout.starts_with("NAME\n"), "{}", text.stdout);
        for line in text.stdout.lines() {
            let is_source = line.starts_with('.') || line.contains("\\f") || line.contains('\u{8}');
            assert!(!is_source, "{line}");
        }
        // Only what must not be broken is longer: addresses, commands.
        let long = text.stdout.lines().filter(|line| line.chars().count() > 80);
        assert!(long.count() < 12, "{}", text.stdout);
    }
    sandbox
        .run(["man", "--troff", "--install", "x"])
        .fails(2, "cannot be used with");
}
