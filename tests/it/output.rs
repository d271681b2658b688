//! What `tokctl get` writes where, and its exit codes.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use support::profiles::client_at;
use support::{Reply, Sandbox, Server};

/// Every call is a request.
const NOTHING_KEPT: &str = "store = \"none\"";

/// A port that nobody listens on.
const CLOSED: &str = "http://127.0.0.1:1/token";

fn ended(mut command: Command) -> Output {
    let started = command.stderr(Stdio::piped()).spawn();
    let child = started.expect("the program starts");
    child.wait_with_output().expect("it can be waited for")
}

fn said(output: &Output) -> (Option<i32>, String) {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}

#[test]
fn a_closed_pipe_is_a_quiet_success_and_a_full_disk_a_failure() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    for flags in [&[][..], &["--json"], &["--no-newline"]] {
        let args = [&["get", "p"], flags].concat();
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let mut command = sandbox.command(&args);
        command.stdout(writer);
        assert_eq!(said(&ended(command)), (Some(0), String::new()));

        let full = OpenOptions::new().write(true).open("/dev/full");
        let mut command = sandbox.command(&args);
        command.stdout(full.expect("linux has it"));
        let (code, stderr) = said(&ended(command));
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("no space left on device"), "{stderr}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let mut command = sandbox.command(["get", "--help"]);
    command.stdout(writer);
    assert_eq!(said(&ended(command)), (Some(0), String::new()));
}

/// The configuration, flags, the exit code, the code in JSON, and words of the message.
type Row<'a> = (&'a str, &'a [&'a str], i32, &'a str, &'a [&'a str]);

#[test]
fn every_failure_has_its_exit_code_one_message_and_one_hint_at_most() {
    let refusing = Server::always(Reply::json(
        401,
        r#"{"error":"invalid_client","error_description":"no"}"#,
    ));
    let client = |more: &str| client_at(&refusing.url("/token"), more);
    let keyring = client("").replace("{ env = \"P_SECRET\" }", "{ keyring = true }");
    let plaintext = keyring.replace("encrypted-file", "plaintext");
    let unset = client("").replace("P_SECRET", "UNSET");
    let grant = client("grant = \"refresh_token\"");
    let rows: [Row<'_>; 11] = [
        (
            &client(""),
            &["--out", "no/dir"],
            5,
            "refused",
            &["127.0.0.1", "401", "invalid_client: no"],
        ),
        (&client(""), &["--min-ttl", "x"], 2, "usage", &["min-ttl"]),
        (&client("scop = 1"), &[], 3, "config", &["scop", "scope"]),
        ("", &[], 3, "unknown_profile", &["no profile \"p\""]),
        (&unset, &[], 3, "no_secret", &["UNSET"]),
        (
            &plaintext,
            &[],
            3,
            "no_secret",
            &["run: tokctl secret set p"],
        ),
        (&grant, &[], 4, "login_required", &["run: tokctl login p"]),
        (&client(""), &["--force"], 5, "refused", &["invalid_client"]),
        (&client(""), &["--offline"], 6, "temporary", &["--offline"]),
        (
            &client_at(CLOSED, ""),
            &["--timeout=100ms"],
            6,
            "temporary",
            &["127.0.0.1:1", "refused"],
        ),
        (
            &client("store = \"keyring\""),
            &[],
            7,
            "store_unavailable",
            &["p"],
        ),
    ];
    for (config, flags, exit, code, words) in rows {
        let mut sandbox = Sandbox::new();
        sandbox.env("P_SECRET", "s").config(config);
        let args = [&["get", "p"], flags].concat();
        let run = sandbox.run(&args);
        for word in words {
            run.fails(exit, word);
        }
        let lines: Vec<_> = run.stderr.lines().collect();
        let hints = lines
            .iter()
            .filter(|line| line.starts_with("tokctl: hint: "));
        let hints = hints.count();
        assert!(hints <= 1 && lines.len() == 1 + hints, "{}", run.stderr);
        assert!(lines[0].starts_with("tokctl: "), "{}", run.stderr);
        let named = ["\"p\"", " for p ", " p:"]
            .iter()
            .any(|name| lines[0].contains(name));
        assert!(
            named || exit == 2,
            "it does not name the profile: {}",
            run.stderr
        );

        let run = sandbox.run([&args[..], &["--json"]].concat());
        run.fails(exit, "");
        let error: Value = serde_json::from_str(&run.stderr)
            .unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
        assert_eq!(
            (&error["code"], &error["exit_code"]),
            (&json!(code), &json!(exit))
        );
        assert_eq!(error["message"], lines[0]["tokctl: ".len()..]);
        assert_eq!(error["hint"].is_string(), hints == 1, "{error}");
        if code == "refused" {
            let told = (&error["oauth_error"], &error["http_status"]);
            assert_eq!(told, (&json!("invalid_client"), &json!(401)));
        }
    }
}

#[test]
fn a_json_error_is_alone_on_stderr_whatever_else_could_be_said() {
    let server = Server::always(Reply::error("invalid_client"));
    let literal = client_at(&server.url("/token"), "").replace("{ env = \"P_SECRET\" }", "\"s\"");
    let sandbox = Sandbox::new();
    sandbox.config(&literal);
    let run = sandbox.run(["get", "p", "--json"]);
    run.fails(5, "invalid_client");
    let error: Result<Value, _> = serde_json::from_str(&run.stderr);
    assert!(error.is_ok(), "not one JSON object: {}", run.stderr);
}

#[test]
fn verbose_words_go_to_stderr_and_quiet_takes_warnings_away() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    for args in [&["get", "p", "-v"][..], &["-vv", "get", "p"]] {
        sandbox.run(args).ok_with("at-1\n", "tokctl: ");
    }
    let literal = client_at(&server.url("/token"), NOTHING_KEPT);
    sandbox.config(&literal.replace("{ env = \"P_SECRET\" }", "\"s\""));
    let run = sandbox.run(["get", "p"]);
    run.ok_with("at-2\n", "tokctl: warning: ");
    sandbox.run(["get", "p", "-q"]).ok("at-3\n");
}

#[test]
fn a_name_from_elsewhere_neither_repaints_the_terminal_nor_speaks_in_our_name() {
    let sandbox = Sandbox::new();
    let evil = "x\u{1b}[2J\ntokctl: hint: run: evil";
    let path = sandbox.write(evil, "[profile.p]\nclient_id = 1\n");
    let run = sandbox.run(["get", "p", "--config", evil]);
    run.fails(3, "client_id");
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(
        matches!(lines[..], [_, hint] if hint.starts_with("tokctl: hint: to change the file, run: tokctl --config '")),
        "{run:?}"
    );
    // Its hint names the file.
    fs::write(
        &path,
        "[profile.p]\nclient_secret = { command = [\"x\"] }\n",
    )
    .expect("ours");
    let file = File::open(&path).expect("it is there");
    file.set_permissions(Permissions::from_mode(0o666))
        .expect("ours");
    let run = sandbox.run(["get", "p", "--config", evil]);
    run.fails(3, "\ntokctl: hint: run: chmod ");
    assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
    assert!(!run.stderr.contains('\u{1b}'), "{run:?}");
}
