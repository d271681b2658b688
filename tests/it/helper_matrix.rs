//! What each of the seven helpers answers in each case: one table, and the names they go by.
#![cfg(unix)]

use crate::support;

use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::{Value, json};
use support::helpers::{MODES, cargo_get, exec_info, question};
use support::{Reply, Run, Running, Sandbox, Server};

const HOST: &str = "git.corp.example";
const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://git.corp.example\"]";

/// What a mode answers in one case; `*` in stdout stands for the words to the person.
type Answer = (&'static str, usize, i32);

const NOT_FOUND: &str = "credentials not found in native keychain\n";
const DOCKER_WHY: &str = "credentials not found in native keychain: *\n";
const NOT_OURS_CARGO: &str = "{\"v\":[1]}\n{\"Err\":{\"kind\":\"url-not-supported\"}}\n";
const OTHER_CARGO: &str =
    "{\"v\":[1]}\n{\"Err\":{\"caused-by\":[],\"kind\":\"other\",\"message\":\"*\"}}\n";

/// Not our host, login needed, temporary.
const MATRIX: [(&str, [Answer; 3]); 7] = [
    ("git", [("", 0, 0), ("quit=1\n", 1, 0), ("quit=1\n", 1, 0)]),
    ("kubectl", [("", 1, 3), ("", 1, 4), ("", 1, 6)]),
    // docker-py wants the same words in the line that tells why.
    (
        "docker",
        [(NOT_FOUND, 0, 1), (DOCKER_WHY, 1, 1), (DOCKER_WHY, 1, 1)],
    ),
    (
        "cargo",
        [
            (NOT_OURS_CARGO, 0, 0),
            (OTHER_CARGO, 0, 0),
            (OTHER_CARGO, 0, 0),
        ],
    ),
    (
        "bazel",
        [("{\"headers\":{}}\n", 0, 0), ("", 1, 1), ("", 1, 1)],
    ),
    ("go", [("", 0, 0), ("", 1, 1), ("", 1, 1)]),
    ("terraform", [("{}\n", 0, 0), ("", 1, 1), ("", 1, 1)]),
];

/// Compares a run with its place in the matrix; `words` are in every message.
#[track_caller]
fn compare(run: &Run, (stdout, lines, code): Answer, words: &str) {
    let said = match stdout.split_once('*') {
        None => (run.stdout == stdout).then(String::new),
        Some((head, tail)) => {
            let rest = run.stdout.strip_prefix(head);
            let message = rest.and_then(|rest| rest.strip_suffix(tail));
            message.map(str::to_owned)
        }
    };
    let one_line = |text: &str| text.contains(words) && !text.contains('\n');
    let told = said
        .as_deref()
        .is_some_and(|said| !stdout.contains('*') || one_line(said));
    let stderr = run.stderr.lines().collect::<Vec<_>>();
    let heard = stderr.len() == lines
        && stderr
            .iter()
            .all(|line| line.starts_with("tokctl: ") && line.contains(words));
    assert!(
        told && heard && run.code == code,
        "wanted {stdout:?}, {lines} lines with {words:?}, exit {code}: {run:?}"
    );
}

/// The cell of a mode and a case.
fn cell(mode: &str, case: usize) -> Answer {
    let row = MATRIX.iter().find(|(name, _)| *name == mode);
    row.expect("every mode is in the matrix").1[case]
}

/// All modes at once, for profile `p` and a host.
#[track_caller]
fn all(sandbox: &Sandbox, host: &str, case: usize, words: &str) {
    let running = MODES.map(|mode| sandbox.start_helper(mode, &["p"], host));
    for (mode, run) in MODES.into_iter().zip(running) {
        compare(&run.wait(), cell(mode, case), words);
    }
}

#[test]
fn a_host_that_is_not_the_profile_s_own_gets_nothing_also_when_the_profile_is_named() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for host in [
        "evil.example",
        "git.corp.example.evil.example",
        "git.corp.example:8443",
        "sub.git.corp.example",
        "xgit.corp.example",
        "git.corp.example.",
    ] {
        all(&sandbox, host, 0, "");
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn without_a_profile_for_it_a_host_gets_nothing() {
    let sandbox = Sandbox::new();
    for config in [
        "",
        "[profile.p]\ntoken_endpoint = \"https://x.example/t\"\nclient_id = \"c\"\n",
    ] {
        sandbox.config(config);
        for mode in MODES.into_iter().filter(|mode| *mode != "kubectl") {
            let run = sandbox.start_helper(mode, &[], HOST).wait();
            compare(&run, cell(mode, 0), "");
        }
    }
    // kubectl names no host: it needs the profile.
    let run = sandbox.start_helper("kubectl", &["nosuch"], HOST).wait();
    compare(&run, cell("kubectl", 0), "nosuch");
}

#[test]
fn where_the_configuration_cannot_be_read_a_host_gets_nothing_and_stderr_says_why() {
    let sandbox = Sandbox::new();
    // One that is in a preset, ours, and nobody's.
    for host in ["github.com", HOST, "evil.example"] {
        sandbox.config("[broken # git.corp.example");
        for (mode, answer) in [
            ("git", ("", 1, 0)),
            ("kubectl", ("", 1, 3)),
            ("docker", ("*\n", 1, 3)),
            ("cargo", OTHER_CARGO_CELL),
            ("bazel", ("", 1, 3)),
            ("go", ("", 1, 3)),
            ("terraform", ("", 1, 3)),
        ] {
            for profile in [&["p"][..], &[]] {
                if mode == "kubectl" && profile.is_empty() {
                    continue;
                }
                let run = sandbox.start_helper(mode, profile, host).wait();
                compare(&run, answer, "config.toml:1:");
            }
        }
    }
}

const OTHER_CARGO_CELL: Answer = (OTHER_CARGO, 0, 0);

#[test]
fn a_mistyped_profile_is_not_passed_over_in_silence() {
    let sandbox = Sandbox::new();
    sandbox.config("");
    for mode in MODES.into_iter().filter(|mode| *mode != "kubectl") {
        let run = sandbox.start_helper(mode, &["nosuch"], HOST).wait();
        compare(&run, cell(mode, 2), "nosuch");
    }
}

#[test]
fn where_a_person_must_log_in_each_says_so_in_one_line_and_asks_nothing() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    sandbox.config(&support::profiles::grant_at(&server.url("/token"), HOSTS));
    all(&sandbox, HOST, 1, "run: tokctl login p");
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_grant_that_has_ended_is_a_login_too() {
    let server = Server::always(Reply::error("invalid_grant"));
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    all(&sandbox, HOST, 1, "tokctl login p");
    assert_eq!(server.hits(), 1);
}

#[test]
fn trouble_that_may_pass_is_said_in_one_line_within_the_budget() {
    let server = Server::always(Reply::json(503, "{}"));
    let sandbox = Sandbox::with_grant(&server, &format!("timeout = \"1s\"\n{HOSTS}"));
    for mode in MODES {
        let run = sandbox.helper(mode, HOST);
        compare(&run, cell(mode, 2), "503");
        assert!(run.elapsed < Duration::from_secs(4), "{run:?}");
    }
}

#[test]
fn what_is_refused_for_good_is_told_as_such_and_no_program_is_left_waiting() {
    let server = Server::always(Reply::error("invalid_client"));
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for mode in MODES {
        let (stdout, lines, code) = cell(mode, 2);
        let code = if mode == "kubectl" { 5 } else { code };
        compare(
            &sandbox.helper(mode, HOST),
            (stdout, lines, code),
            "invalid_client",
        );
    }
}

#[test]
fn two_profiles_that_claim_one_host_are_an_error_that_names_both() {
    let sandbox = Sandbox::new();
    let profile = |name: &str| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"https://x.example/t\"\nclient_id = \"c\"\n{HOSTS}\n"
        )
    };
    sandbox.config(&format!("{}{}", profile("a"), profile("b")));
    for mode in MODES.into_iter().filter(|mode| *mode != "kubectl") {
        let run = sandbox.start_helper(mode, &[], HOST).wait();
        compare(&run, cell(mode, 2), "both claim https://git.corp.example");
    }
}

#[test]
fn a_token_of_the_environment_that_is_none_is_refused_and_the_stored_one_not_taken_instead() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::with_grant(&server, HOSTS);
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.env("TOKCTL_TOKEN_P", "a b");
    let words = "TOKCTL_TOKEN_P holds characters that no token may have";
    sandbox.run(["get", "p"]).fails(3, words);
    sandbox.run(["exec", "p", "--", "true"]).fails(3, words);
    let url = format!("https://{HOST}/x");
    sandbox.run(["api", "p", &url]).fails(3, words);
    for mode in MODES {
        let run = sandbox.start_helper(mode, &["p"], HOST).wait();
        let (stdout, lines, code) = cell(mode, 2);
        // It is the configuration that is wrong.
        let code = if mode == "kubectl" { 3 } else { code };
        compare(&run, (stdout, lines, code), words);
    }
}

#[test]
fn on_success_each_hands_the_token_over_and_stderr_is_silent() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for profile in [&["p"][..], &[]] {
        for mode in MODES {
            if mode == "kubectl" && profile.is_empty() {
                continue;
            }
            let run = sandbox.start_helper(mode, profile, HOST).wait();
            let held = run.stdout.matches("at-1").count();
            assert_eq!(
                (held, run.stderr.as_str(), run.code),
                (1, "", 0),
                "{mode}: {run:?}"
            );
        }
    }
    assert_eq!(server.hits(), 1);
}

#[test]
fn the_failure_is_shown_by_status_for_programs_that_swallow_it() {
    let server = Server::always(Reply::error("invalid_grant"));
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for mode in MODES {
        sandbox.helper(mode, HOST);
    }
    let status = sandbox.run(["status", "p", "--json"]).json();
    let failures = &status["helper_failures"];
    let failures = if failures.is_null() {
        &status[0]["helper_failures"]
    } else {
        failures
    };
    for mode in MODES {
        let failure = &failures[mode];
        let message = failure["message"].as_str().unwrap_or_default();
        assert!(message.contains("tokctl login p"), "{mode}: {status}");
        if mode != "kubectl" {
            assert_eq!(failure["host"], json!("https://git.corp.example"), "{mode}");
        }
        assert!(!status.to_string().contains("rt-1"));
    }
    let text = sandbox.run(["status", "p"]);
    assert!(text.stdout.contains("docker"), "{text:?}");
}

/// tokctl by another name, with these arguments.
fn as_program(sandbox: &Sandbox, name: &str, arguments: &[&str], stdin: &str) -> Run {
    let link = sandbox.home().join(name);
    let _ = symlink(support::tokctl(), &link);
    let mut command = sandbox.program(link, arguments);
    command.env("KUBERNETES_EXEC_INFO", exec_info("v1", HOST));
    Running::start(command, Some(stdin.as_bytes().to_vec())).wait()
}

#[test]
fn the_program_s_name_chooses_the_mode_and_a_suffix_the_profile() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for (name, mode) in [
        ("git-credential-tokctl", "git"),
        ("docker-credential-tokctl", "docker"),
        ("tokctl-bazel", "bazel"),
        ("terraform-credentials-tokctl", "terraform"),
    ] {
        let (arguments, stdin) = question(mode, HOST);
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        let by_command = sandbox.start_helper(mode, &["p"], HOST).wait();
        as_program(&sandbox, name, &arguments, &stdin).ok(&by_command.stdout);
        as_program(&sandbox, &format!("{name}-p"), &arguments, &stdin).ok(&by_command.stdout);
        // The suffix does not widen what the profile owns.
        let (arguments, stdin) = question(mode, "evil.example");
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        let run = as_program(&sandbox, &format!("{name}-p"), &arguments, &stdin);
        compare(&run, cell(mode, 0), "");
        let run = as_program(&sandbox, &format!("{name}-nosuch"), &arguments, &stdin);
        compare(&run, cell(mode, 2), "nosuch");
    }
}

#[test]
fn cargo_gets_its_hello_first_whatever_is_wrong() {
    let mut sandbox = Sandbox::new();
    let hello = "{\"v\":[1]}\n";
    for name in ["tokctl", "cargo-credential-tokctl"] {
        as_program(&sandbox, name, &["--cargo-plugin"], "").ok(hello);
        let run = as_program(&sandbox, name, &["--cargo-plugin"], &cargo_get(HOST));
        compare(&run, cell("cargo", 0), "");
    }
    sandbox.env("TOKCTL_CONFIG", "/nonexistent/config.toml");
    let run = as_program(&sandbox, "tokctl", &["--cargo-plugin"], &cargo_get(HOST));
    compare(&run, cell("cargo", 2), "/nonexistent/config.toml");
}

#[test]
fn unknown_operations_are_ignored_by_git_and_errors_elsewhere() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let ask = |mode: &str, operation: &str| {
        let (_, stdin) = question(mode, HOST);
        sandbox.run_with_stdin(["helper", mode, "p", operation, HOST], stdin)
    };
    ask("git", "later").ok("");
    ask("git", "store").ok("");
    compare(&ask("docker", "later"), ("*\n", 1, 1), "later");
    compare(&ask("bazel", "later"), cell("bazel", 2), "get");
    compare(&ask("terraform", "later"), cell("terraform", 2), "tokctl");
    let kind = |request: Value| {
        let run = sandbox.run_with_stdin(["helper", "cargo", "p"], format!("{request}\n"));
        let line = run.stdout.lines().nth(1).expect("an answer").to_owned();
        serde_json::from_str::<Value>(&line).expect("JSON")["Err"]["kind"].clone()
    };
    let registry = json!({ "index-url": "sparse+https://git.corp.example/i/" });
    assert_eq!(
        kind(json!({ "v": 1, "kind": "later", "registry": registry })),
        json!("operation-not-supported")
    );
    sandbox
        .run_with_stdin(["helper", "git", "p", "capability"], "")
        .ok("version 0\ncapability authtype\ncapability state\n");
}

#[test]
fn what_cannot_be_read_gets_nothing_from_any_of_them() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let ask = |words: &[&str], stdin: &[u8]| {
        let mut command = sandbox.command([&["helper"], words].concat());
        command.env("KUBERNETES_EXEC_INFO", "{\"apiVersion\":3}");
        Running::start(command, Some(stdin.to_vec())).wait()
    };
    for stdin in [
        &b""[..],
        b"\n",
        b"nonsense\n",
        b"{",
        b"\xff\xfe\n\n",
        b"protocol=https\nhost=\n\n",
        b"{\"uri\":3}\n",
        b"a b\n",
        b"{\"ServerURL\":\"git.corp.example\"",
    ] {
        for (mode, words, answer) in [
            ("git", &["git", "p", "get"][..], ("", 0, 0)),
            ("git", &["git", "get"], ("", 0, 0)),
            ("git", &["git", "p", "erase"], ("", 0, 0)),
            ("kubectl", &["kubectl", "p"], ("", 1, 2)),
            (
                "bazel",
                &["bazel", "p", "get"],
                ("{\"headers\":{}}\n", 0, 0),
            ),
            ("go", &["go", "p", "https://a b/"], ("", 0, 0)),
            (
                "terraform",
                &["terraform", "p", "get", "a b"],
                ("{}\n", 0, 0),
            ),
            ("terraform", &["terraform", "p", "get", ""], ("{}\n", 0, 0)),
        ] {
            let run = ask(words, stdin);
            assert!(!run.stdout.contains("at-"), "{mode}: {run:?}");
            compare(&run, answer, "");
        }
        let run = ask(&["docker", "p", "get"], stdin);
        assert!(
            run.code == 1
                && (run.stdout == NOT_FOUND || run.stdout == "no credentials server URL\n"),
            "{run:?}"
        );
        let run = ask(&["cargo", "p"], stdin);
        assert!(run.code == 0 && !run.stdout.contains("at-"), "{run:?}");
    }
    assert_eq!(server.hits(), 0);
}
