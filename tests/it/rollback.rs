//! What is stored is brought back from a backup: a refresh token that has been used is not used again unasked.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};

use support::grants::renewable;
use support::helpers::{MODES, question};
use support::{Reply, Run, Running, Sandbox, Server};

/// What a server says of a refresh token that comes a second time.
const REUSED: &str = r#"{"error":"invalid_grant","error_description":"token reuse"}"#;

/// A server that gives another refresh token with each renewal, and takes each once.
fn strict() -> Server {
    let used = std::sync::Mutex::new(Vec::new());
    Server::start(move |request| {
        let form = request.form();
        let token = form.get("refresh_token").cloned().unwrap_or_default();
        let mut used = used.lock().expect("no panic");
        if used.contains(&token) {
            return Reply::json(400, REUSED);
        }
        used.push(token);
        let next = used.len() + 1;
        let reply = serde_json::json!({ "access_token": format!("at-{next}"), "expires_in": 3600,
            "token_type": "Bearer", "refresh_token": format!("rt-{next}") });
        Reply::json(200, reply.to_string())
    })
}

fn sent(server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests
        .map(|request| request.form()["refresh_token"].clone())
        .collect()
}

/// A login that was renewed once after a copy of its state was made: the copy.
fn renewed(server: &Server, more: &str) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let more = format!("hosts = [\"https://git.corp.example\"]\naccess_cache = \"none\"\n{more}");
    sandbox.config(&renewable(&server.url("/token"), &more));
    sandbox.import("rt-1");
    let copy = sandbox.home().join("copy");
    copied(&sandbox.state_dir().join("tokctl"), &copy);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    (sandbox, copy)
}

fn copied(from: &Path, to: &Path) {
    let copy = std::process::Command::new("cp")
        .args(["-a", "-T"])
        .args([from, to])
        .status();
    assert!(copy.is_ok_and(|status| status.success()));
}

/// Brings the records back, and nothing else.
fn restore_records(sandbox: &Sandbox, copy: &Path) {
    let state = sandbox.state_dir().join("tokctl");
    for folder in ["records", "plaintext"] {
        if copy.join(folder).exists() {
            copied(&copy.join(folder), &state.join(folder));
        }
    }
}

/// Brings everything back.
fn restore_all(sandbox: &Sandbox, copy: &Path) {
    let state = sandbox.state_dir().join("tokctl");
    fs::remove_dir_all(&state).expect("the state");
    copied(copy, &state);
}

#[track_caller]
fn is_told(run: &Run) {
    run.fails(7, "what is stored is older than what was stored last")
        .fails(7, "run: tokctl refresh p");
}

#[test]
fn a_restored_record_is_not_renewed_from_unasked_and_a_person_goes_on_from_it() {
    for store in ["plaintext", "encrypted-file"] {
        let server = strict();
        let (sandbox, copy) = renewed(&server, &format!("store = \"{store}\""));
        restore_records(&sandbox, &copy);
        for words in [
            &["get", "p"][..],
            &["get", "p", "--force"],
            &["exec", "p", "--", "true"],
            &["refresh", "--all"],
        ] {
            is_told(&sandbox.run(words));
        }
        let doctor = sandbox.run(["doctor", "p", "--offline"]);
        assert!(
            doctor.code == 7 && doctor.stdout.contains("is older than"),
            "{doctor:?}"
        );
        for mode in MODES {
            let (arguments, stdin) = question(mode, "git.corp.example");
            let words = ["helper", mode, "p"].map(str::to_owned);
            let command = sandbox.command(words.into_iter().chain(arguments));
            let run = Running::start(command, Some(stdin.into_bytes())).wait();
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(
                said.contains("is older than what was stored last"),
                "{mode}: {run:?}"
            );
            assert!(!said.contains("at-"), "{mode}: {run:?}");
        }
        assert_eq!(sent(&server), ["rt-1"], "{store}: it is not sent again");
        // A person says so, and is told what the server says.
        sandbox
            .run(["refresh", "p"])
            .fails(4, "token reuse")
            .fails(4, "its refresh token is used all the same");
        assert_eq!(sent(&server), ["rt-1", "rt-1"]);
        sandbox.import("rt-9");
        sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
        sandbox.run(["get", "p"]).ok("at-3\n");
    }
}

#[test]
fn after_a_person_has_gone_on_from_it_the_login_is_as_any_other() {
    // A server that takes an older one: the answer was lost on the way to the disk that was restored.
    let server = Server::start(|request| {
        let old = &request.form()["refresh_token"];
        let reply = serde_json::json!({ "access_token": format!("after-{old}"), "expires_in": 1,
            "token_type": "Bearer", "refresh_token": format!("{old}+") });
        Reply::json(200, reply.to_string())
    });
    let (sandbox, copy) = renewed(&server, "store = \"encrypted-file\"");
    restore_records(&sandbox, &copy);
    is_told(&sandbox.run(["get", "p"]));
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    sandbox.run(["refresh", "--all"]).ok_with("", "p: renewed");
    assert_eq!(sent(&server), ["rt-1", "rt-1", "rt-1+"]);
}

#[test]
#[ignore = "needs a kernel keyring: tests/run says whether there is one"]
fn a_home_that_is_restored_whole_is_known_by_what_the_kernel_remembers() {
    let server = strict();
    let (sandbox, copy) = renewed(&server, "store = \"encrypted-file\"");
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    restore_all(&sandbox, &copy);
    is_told(&sandbox.run(["get", "p"]));
    assert_eq!(sent(&server), ["rt-1", "rt-2"]);
    // Another login under the same path is not taken for a copy of it.
    fs::remove_dir_all(sandbox.state_dir().join("tokctl")).expect("the state");
    sandbox.import("rt-7");
    sandbox.run(["get", "p"]).ok("at-4\n");
    assert_eq!(sent(&server), ["rt-1", "rt-2", "rt-7"]);
}

#[test]
fn a_token_of_the_restored_record_that_has_time_left_is_given_without_a_request() {
    let server = strict();
    let (sandbox, _) = renewed(&server, "store = \"plaintext\"");
    let copy = sandbox.home().join("copy-2");
    copied(&sandbox.state_dir().join("tokctl"), &copy);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    restore_records(&sandbox, &copy);
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(sent(&server), ["rt-1", "rt-2"]);
}
