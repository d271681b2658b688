//! cargo's credential provider protocol, and the real cargo against a sparse registry on loopback.
#![cfg(unix)]

use crate::support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::profiles::grant_at;
use support::registries;
use support::{Reply, Run, Running, Sandbox, Server, Tokens};

const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://cargo.corp.example\"]";

/// The answers to these requests, one a line, after the hello.
#[track_caller]
fn answers(sandbox: &Sandbox, requests: &[Value]) -> Vec<Value> {
    let lines = requests.iter().map(|request| format!("{request}\n"));
    let run = sandbox.run_with_stdin(["--cargo-plugin"], lines.collect::<String>());
    let mut lines = run.stdout.lines();
    let hello = lines.next().unwrap_or_default();
    let got = (hello, run.stderr.as_str(), run.code);
    assert_eq!(got, ("{\"v\":[1]}", "", 0), "{run:?}");
    let answers = lines.map(|line| serde_json::from_str(line).expect("JSON"));
    let answers = answers.collect::<Vec<_>>();
    assert_eq!(answers.len(), requests.len(), "{run:?}");
    answers
}

fn request(kind: &str, index: &str, more: &Value) -> Value {
    let mut request = json!({ "v": 1, "registry": { "index-url": index, "headers": ["Www-Authenticate: Bearer"] },
        "kind": kind, "args": ["p"] });
    for (key, value) in more.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

const INDEX: &str = "sparse+https://cargo.corp.example/index/";

#[test]
fn the_answer_has_all_that_cargo_demands_and_ends_a_minute_early() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_secs()).expect("it fits");
    for (operation, index) in [
        ("read", INDEX),
        ("publish", "sparse+https://CARGO.corp.example:443/index/"),
        ("yank", "https://cargo.corp.example/index"),
        ("owners", "registry+https://cargo.corp.example/index"),
        ("later", INDEX),
    ] {
        let asked = request(
            "get",
            index,
            &json!({ "operation": operation, "name": "demo" }),
        );
        let [mut answer] = <[Value; 1]>::try_from(answers(&sandbox, &[asked])).expect("one");
        let end = answer["Ok"]["expiration"].take().as_i64().expect("a time");
        assert!((now + 3530..=now + 3560).contains(&end), "{end} {now}");
        let wanted = json!({ "Ok": { "kind": "get", "token": "at-1", "cache": "expires", "expiration": null,
            "operation_independent": true } });
        assert_eq!(answer, wanted, "{operation}");
    }
}

#[test]
fn one_conversation_answers_many_requests_each_at_once() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let mut child = sandbox
        .command(["--cargo-plugin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    // The hello comes before anything is asked.
    assert_eq!(line(), "{\"v\":[1]}");
    for _ in 0..3 {
        let asked = request("get", INDEX, &json!({ "operation": "read" }));
        writeln!(stdin, "{asked}").expect("it reads");
        assert!(line().contains("\"token\":\"at-1\""));
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_foreign_index_is_left_to_other_providers() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for index in [
        "sparse+http://cargo.corp.example/index/",
        "sparse+https://cargo.corp.example:8443/index/",
        "sparse+https://cargo.corp.example.evil.example/index/",
        "sparse+https://cargo.corp.example@evil.example/index/",
        "sparse+https://evil.example/cargo.corp.example/",
        "sparse+https://evil.example\\@cargo.corp.example/",
        "https://github.com/rust-lang/crates.io-index",
        "",
    ] {
        for kind in ["get", "login", "logout"] {
            let asked = request(kind, index, &json!({ "operation": "read" }));
            let wanted = json!({ "Err": { "kind": "url-not-supported" } });
            assert_eq!(answers(&sandbox, &[asked]), [wanted], "{kind} {index}");
        }
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn what_is_no_request_is_answered_and_the_next_one_too() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let asked = request("get", INDEX, &json!({ "operation": "read" }));
    let noise = ["[]", "\"x\"", "{\"registry\":7}", "nonsense", "{}"];
    for noise in noise {
        let stdin = format!("{noise}\n{asked}\n");
        let run = sandbox.run_with_stdin(["--cargo-plugin"], stdin);
        let lines = run.stdout.lines().collect::<Vec<_>>();
        assert!(
            lines.len() == 3 && lines[1].starts_with("{\"Err\":"),
            "{run:?}"
        );
        assert!(lines[2].contains("at-1") && run.code == 0, "{run:?}");
    }
}

#[test]
fn login_keeps_no_token_and_does_not_pretend_to() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let pasted = request("login", INDEX, &json!({ "token": "pasted-canary" }));
    let [answer] = <[Value; 1]>::try_from(answers(&sandbox, &[pasted])).expect("one");
    let message = answer["Err"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("tokctl login p"), "{answer}");
    assert!(!answer.to_string().contains("canary"));
    assert!(sandbox.files_with("canary").is_empty());
}

#[test]
fn logout_forgets_the_access_token_without_a_request_and_the_grant_stays() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let ok = json!({ "Ok": { "kind": "logout" } });
    let logout = || answers(&sandbox, &[request("logout", INDEX, &json!({}))]);
    assert_eq!(logout(), std::slice::from_ref(&ok));
    assert_eq!(server.hits(), 0, "there was nothing to forget");
    sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(logout(), [ok]);
    sandbox.run(["get", "p"]).ok("at-2\n");
}

/// A crate that depends on `demo`, and cargo's answer when it looks for it.
#[track_caller]
fn resolve(sandbox: &Sandbox, index: &str) -> Run {
    let program = support::tokctl();
    sandbox.write("crate/src/lib.rs", "");
    sandbox.write(
        "crate/Cargo.toml",
        "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n\
         demo = { version = \"1\", registry = \"corp\" }\n",
    );
    sandbox.write(
        "crate/.cargo/config.toml",
        format!(
            "[registries.corp]\nindex = \"sparse+{index}\"\ncredential-provider = [\"{program}\", \"p\"]\n"
        ),
    );
    let _ = std::fs::remove_file(sandbox.home().join("crate/Cargo.lock"));
    let cargo = std::env::var_os("CARGO").expect("the tests are run by cargo");
    let mut command: Command = sandbox.program(cargo, ["generate-lockfile", "-q"]);
    command
        .current_dir(sandbox.home().join("crate"))
        .env("CARGO_HOME", sandbox.home().join("cargo"))
        .env("no_proxy", "*");
    command.envs(registries::rust_environment());
    Running::start(command, None).wait()
}

/// A sandbox for a registry that wants this before the token.
fn corp(prefix: &'static str, more: &str) -> (Sandbox, Server) {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registries::cargo(&tokens, prefix, request));
    let sandbox = Sandbox::new();
    let hosts = format!(
        "store = \"plaintext\"\nhosts = [\"{}\"]\n{more}",
        server.url("")
    );
    sandbox.config(&grant_at(&server.url("/token"), &hosts));
    (sandbox, server)
}

#[test]
fn cargo_reads_a_registry_with_the_token_raw_or_as_bearer() {
    for (prefix, more) in [("", ""), ("Bearer ", "authorization = \"bearer\"")] {
        let (sandbox, server) = corp(prefix, more);
        sandbox.import("rt-1");
        let index = server.url("/index/");
        resolve(&sandbox, &index).ok("");
        // Nearly at its end, it is renewed before cargo gets it.
        sandbox.age(3550, 50);
        resolve(&sandbox, &index).ok("");
        assert_eq!(server.hits_of("/token"), 2, "{prefix}");
        let requests = server.requests();
        let last = requests
            .last()
            .and_then(|request| request.header("authorization"));
        assert_eq!(last, Some(format!("{prefix}at-2").as_str()));
    }
}

#[test]
fn cargo_shows_why_there_is_no_token() {
    let (sandbox, server) = corp("", "");
    resolve(&sandbox, &server.url("/index/")).fails(101, "tokctl login p");
    assert_eq!(server.hits_of("/token"), 0);
}

#[test]
fn cargo_does_not_bring_the_token_to_a_registry_on_another_port() {
    let (sandbox, server) = corp("", "");
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let foreign = Server::always(Reply::json(401, "{}"));
    let run = resolve(&sandbox, &foreign.url("/index/"));
    run.fails(101, "no credential providers could handle the request");
    assert!(foreign.hits() > 0 && server.hits() == 1);
    let authorized = |request: &support::Request| request.header("authorization").is_some();
    assert!(!foreign.requests().iter().any(authorized));
}
