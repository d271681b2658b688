//! Where no thread and no process can be made, and where no more files can be opened: what can be had is had, and
//! the words name the limit.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::process::Command;

use serde_json::json;
use support::grants::{credentials, renewable};
use support::issuer::{behave, origin};
use support::login::profile;
use support::traced::under_strace;
use support::{Reply, Run, Running, Sandbox, Server};
use tempfile::NamedTempFile;

/// Docker's seccomp profile of before 20.10.10 answered what it did not know with EPERM. glibc asks clone3 for
/// threads and processes, and something older only after ENOSYS.
fn in_old_docker(command: &Command, stdin: &str) -> Run {
    let log = NamedTempFile::new().expect("a log");
    let options = ["--trace=clone3", "--inject=clone3:error=EPERM"];
    let traced = under_strace(command, &log, &options);
    let run = Running::start(traced, Some(stdin.into())).wait();
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    let log = fs::read_to_string(log.path()).expect("strace's own");
    let refused = log
        .lines()
        .filter(|line| line.contains("clone3("))
        .all(|line| line.contains("EPERM") && line.contains("(INJECTED)"));
    assert!(refused, "{log}");
    run
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn in_a_container_of_an_old_docker_tokens_are_had_and_the_rest_is_told() {
    let server = Server::start(|request| match request.path.as_str() {
        "/device" => Reply::json(
            200,
            json!({
                "device_code": "dc", "user_code": "ABCD-EFGH", "interval": 1, "expires_in": 60,
                "verification_uri": format!("{}/activate", origin(request)),
            })
            .to_string(),
        ),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    let kept = "store = \"plaintext\"\naccess_cache = \"none\"\nhosts = [\"https://git.example\"]";
    let endpoint = server.url("/token").replace("127.0.0.1", "localhost");
    for (grant, imported) in [
        (credentials as fn(&str, &str) -> String, false),
        (renewable, true),
    ] {
        let sandbox = Sandbox::new();
        sandbox.config(&grant(&endpoint, kept));
        if imported {
            sandbox.import("rt-1");
        }
        let run = |args: &[&str], stdin: &str| in_old_docker(&sandbox.command(args), stdin);
        run(&["get", "p", "--force"], "").ok("access-1\n");
        run(&["get", "p"], "").ok("access-1\n");
        let asked = run(
            &["helper", "git", "get"],
            "protocol=https\nhost=git.example\n\n",
        );
        assert!(
            asked.code == 0 && asked.stdout.contains("password=access-1"),
            "{asked:?}"
        );
        run(&["exec", "p", "--", "echo", "begun"], "").ok("begun\n");
        // Nothing is begun that could not be ended.
        let asked = run(&["exec", "p", "--refresh", "--", "echo", "begun"], "");
        assert!(asked.code != 0 && asked.stdout.is_empty(), "{asked:?}");
        asked
            .fails(1, "the command was not started")
            .fails(1, "a Docker before 20.10.10");
    }
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", kept));
    let run = in_old_docker(&sandbox.command(["login", "p", "--device"]), "");
    run.ok_with("", "logged in to p");
    sandbox.run(["get", "p"]).ok("access-1\n");
}

/// One after another each file is the one too many.
#[test]
fn whichever_file_is_one_too_many_the_limit_is_named_and_nothing_is_lost() {
    let mut failures = 0;
    for store in ["encrypted-file", "plaintext"] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"");
        sandbox.config(&renewable(&server.url("/token"), &more));
        sandbox.import("rt-1");
        for limit in 4..10 {
            let script = format!("ulimit -n {limit}; exec \"$0\" get p --force");
            let command = sandbox.program("sh", ["-c", &script, support::tokctl()]);
            let run = Running::start(command, None).wait();
            if run.code != 0 {
                failures += 1;
                let words = "too many open files: raise the limit (ulimit -n, LimitNOFILE=)";
                run.fails(run.code, words);
            }
        }
        let run = sandbox.run(["get", "p", "--force"]);
        assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    }
    assert!(failures > 1, "{failures} of 12: the limits are too high");
}
