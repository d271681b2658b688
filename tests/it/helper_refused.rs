//! A refused token costs one renewal, whatever a program makes of it.
#![cfg(unix)]

use crate::support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use support::grants::crowd;
use support::helpers::MODES;
use support::{Run, Sandbox, Server};

const HOST: &str = "git.corp.example";
const HOSTS: &str =
    "store = \"plaintext\"\nhosts = [\"https://git.corp.example\", \"https://b.example\"]";

fn sandbox(server: &Server) -> Sandbox {
    Sandbox::with_grant(server, HOSTS)
}

#[track_caller]
fn git(sandbox: &Sandbox, operation: &str, more: &str) -> Run {
    sandbox.git_asks(operation, &format!("protocol=https\nhost={HOST}\n{more}\n"))
}

/// What `git credential fill` gets.
#[track_caller]
fn password(run: &Run) -> Option<&str> {
    assert_eq!(run.code, 0, "{run:?}");
    run.stdout
        .lines()
        .find_map(|line| line.strip_prefix("password="))
}

#[track_caller]
fn stopped(run: &Run) {
    assert_eq!((run.stdout.as_str(), run.code), ("quit=1\n", 0), "{run:?}");
    let told = ["https://git.corp.example has refused", "tokctl refresh p"];
    let line = run.stderr.lines().collect::<Vec<_>>();
    assert!(
        line.len() == 1 && told.iter().all(|words| line[0].contains(words)),
        "{run:?}"
    );
}

/// Two refusals, as git-lfs makes them: fill, 401, reject, fill, 401, reject.
#[track_caller]
fn refuse_twice(sandbox: &Sandbox) {
    assert_eq!(password(&git(sandbox, "get", "")), Some("at-1"));
    git(sandbox, "erase", "username=oauth2\npassword=at-1\n").ok("");
    assert_eq!(password(&git(sandbox, "get", "")), Some("at-2"));
    git(sandbox, "erase", "username=oauth2\npassword=at-2\n").ok("");
}

#[test]
fn a_program_that_asks_and_is_refused_without_end_is_stopped_after_one_renewal() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    refuse_twice(&sandbox);
    for _ in 0..20 {
        stopped(&git(&sandbox, "get", ""));
        git(&sandbox, "erase", "username=oauth2\npassword=at-2\n").ok("");
    }
    assert_eq!(server.hits(), 2);
    // The token itself is as good as it was: for the profile's other host, and by hand.
    let b = sandbox.git_asks("get", "protocol=https\nhost=b.example\n\n");
    assert_eq!(password(&b), Some("at-2"));
    sandbox.run(["get", "p"]).ok("at-2\n");
    let status = sandbox.run(["status", "p", "--json"]).json();
    assert!(status.to_string().contains("has refused"), "{status}");
}

#[test]
fn refresh_force_and_a_new_login_end_that() {
    for way in ["refresh", "force", "import"] {
        let server = Server::tokens(3600);
        let sandbox = sandbox(&server);
        refuse_twice(&sandbox);
        stopped(&git(&sandbox, "get", ""));
        match way {
            "refresh" => assert_eq!(sandbox.run(["refresh", "p"]).code, 0),
            "force" => {
                sandbox.run(["get", "p", "--force"]).ok("at-3\n");
            }
            _ => sandbox
                .import(r#"{"access_token":"at-3","refresh_token":"rt-3","expires_in":3600}"#),
        }
        assert_eq!(password(&git(&sandbox, "get", "")), Some("at-3"), "{way}");
    }
}

#[test]
fn after_five_minutes_it_is_renewed_again() {
    for hosts in [HOSTS, HOSTS.split(", ").next().expect("the first half")] {
        let server = Server::tokens(36_000);
        let hosts = format!("{}]", hosts.trim_end_matches(']'));
        let sandbox = Sandbox::with_grant(&server, &hosts);
        refuse_twice(&sandbox);
        let later = |offset: &str, operation: &str, more: &str| {
            let question = format!("protocol=https\nhost={HOST}\n{more}\n");
            let tokctl = support::tokctl();
            let words = ["-f", offset, tokctl, "helper", "git", "p", operation];
            let command = sandbox.program("faketime", words);
            support::Running::start(command, Some(question.into_bytes())).wait()
        };
        stopped(&later("+2m", "get", ""));
        later("+2m", "erase", "password=at-2\n").ok("");
        stopped(&later("+4m", "get", ""));
        assert_eq!(server.hits(), 2);
        assert_eq!(password(&later("+6m", "get", "")), Some("at-3"));
        assert_eq!(server.hits(), 3);
    }
}

#[test]
fn a_token_that_somebody_else_has_renewed_is_handed_out_meanwhile() {
    let server = Server::tokens(3600);
    let hosts = "store = \"plaintext\"\nhosts = [\"https://git.corp.example\"]";
    let sandbox = Sandbox::with_grant(&server, hosts);
    refuse_twice(&sandbox);
    stopped(&git(&sandbox, "get", ""));
    // Nobody else has use for the refused one.
    sandbox.run(["get", "p"]).ok("at-3\n");
    assert_eq!(password(&git(&sandbox, "get", "")), Some("at-3"));
    git(&sandbox, "erase", "password=at-3\n").ok("");
    stopped(&git(&sandbox, "get", ""));
    assert_eq!(server.hits(), 3);
}

#[test]
fn what_was_refused_a_moment_ago_is_handed_to_no_program() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    refuse_twice(&sandbox);
    for mode in MODES {
        let run = sandbox.helper(mode, HOST);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            !said.contains("at-2") && said.contains("has refused"),
            "{run:?}"
        );
        let code = match mode {
            "git" | "cargo" => 0,
            "kubectl" => 5,
            _ => 1,
        };
        assert_eq!(run.code, code, "{run:?}");
    }
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_hundred_refusals_of_one_token_at_once_cost_one_renewal() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let url = format!("https://{HOST}/mod/@v/list");
    let ask = |n: usize| {
        let host = ["git.corp.example", "b.example"][n % 2];
        let url = url.replace(HOST, host);
        let command = sandbox.command(["helper", "go", "p", &url]);
        support::Running::start(command, Some(b"HTTP/1.1 401 Unauthorized\r\n\r\n".to_vec()))
    };
    for run in crowd(100, ask) {
        assert!(
            run.code == 0 && run.stdout.contains("Bearer at-2"),
            "{run:?}"
        );
    }
    assert_eq!(server.hits(), 2);
}

#[test]
fn go_that_begins_with_the_renewed_token_and_is_refused_is_told_once() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    let url = format!("https://{HOST}/mod/@v/list");
    let first = || sandbox.run(["helper", "go", "p"]);
    let refused = || {
        let reply = "HTTP/1.1 401 Unauthorized\r\n\r\n";
        sandbox.run_with_stdin(["helper", "go", "p", &url], reply)
    };
    assert!(first().stdout.contains("at-1"));
    assert!(refused().stdout.contains("at-2"));
    // Another module of the same command had begun with the old one.
    assert!(refused().stdout.contains("at-2"));
    assert!(first().stdout.contains("at-2"));
    refused().fails(1, "has refused");
    assert_eq!(server.hits(), 2);
    // Public modules are not waited for, and other hosts have their token.
    assert!(first().stdout.contains("at-2"));
}

#[test]
fn a_refusal_without_a_token_in_it_is_one_of_the_stored_token() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    sandbox.run(["get", "p"]).ok("at-1\n");
    git(&sandbox, "erase", "").ok("");
    assert_eq!(password(&git(&sandbox, "get", "")), Some("at-2"));
    // gitoxide's.
    let url = format!("https://oauth2@{HOST}/x.git");
    git(
        &sandbox,
        "erase",
        &format!("url={url}\nusername=oauth2\npassword=at-2\n"),
    )
    .ok("");
    stopped(&git(&sandbox, "get", ""));
    for odd in [
        "https://evil.example/",
        "https://git.corp.example@evil.example/",
        "x",
    ] {
        git(&sandbox, "get", &format!("url={odd}\n")).ok("");
    }
    let whole = git(&sandbox, "get", "url=https://b.example/\n");
    whole.ok("");
}

#[test]
fn docker_s_erase_is_a_refusal_too() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    let docker = |operation: &str| sandbox.run_with_stdin(["helper", "docker", operation], HOST);
    assert_eq!(docker("get").json()["Secret"], json!("at-1"));
    docker("erase").ok("");
    assert_eq!(docker("get").json()["Secret"], json!("at-2"));
    docker("erase").ok("");
    let run = docker("get");
    assert!(
        run.code == 1 && run.stdout.contains("has refused"),
        "{run:?}"
    );
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_proactive_git_gets_the_same_token_as_bearer_before_another_one() {
    let server = Server::tokens(3600);
    let sandbox = sandbox(&server);
    let both = "capability[]=authtype\ncapability[]=state\n";
    let state = |run: &Run| {
        let line = run.stdout.lines().find(|line| line.starts_with("state[]="));
        line.unwrap_or_else(|| panic!("no state: {run:?}"))
            .to_owned()
    };
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.age(60, 3540);
    let first = git(&sandbox, "get", both);
    assert_eq!(password(&first), Some("at-1"));
    let challenged = format!("{both}wwwauth[]=Bearer\n{}\n", state(&first));
    let second = git(&sandbox, "get", &challenged);
    assert!(
        second.stdout.contains("authtype=Bearer\ncredential=at-1\n"),
        "{second:?}"
    );
    let challenged = format!("{both}wwwauth[]=Bearer\n{}\n", state(&second));
    let third = git(&sandbox, "get", &challenged);
    assert!(third.stdout.contains("credential=at-2\n"), "{third:?}");
    assert!(!third.stdout.contains("continue"), "{third:?}");
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_git_that_sends_no_bearer_is_told_the_way_that_works() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, &format!("{HOSTS}\ngit_auth = \"bearer\""));
    let run = git(&sandbox, "get", "");
    assert_eq!(run.stdout, "quit=1\n", "{run:?}");
    assert!(
        run.stderr.contains("2.46") && run.stderr.contains("http.extraHeader"),
        "{run:?}"
    );
    assert_eq!(run.stderr.lines().count(), 1);
}

#[test]
fn a_refused_id_token_is_renewed_as_an_access_token_is() {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let server = Server::start({
        let issued = std::sync::atomic::AtomicU64::new(0);
        move |_| {
            let number = issued.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.expect("after 1970").as_secs();
            let claims = json!({ "iss": "https://x.example", "sub": "a", "aud": "id", "iat": now, "exp": now + 3600, "n": number });
            let id = [
                part(json!({ "alg": "RS256" })),
                part(claims),
                "c2ln".to_owned(),
            ]
            .join(".");
            let reply = json!({ "access_token": format!("at-{number}"), "expires_in": 3600, "refresh_token": format!("r-{number}"), "id_token": id });
            support::Reply::json(200, reply.to_string())
        }
    });
    let sandbox = sandbox(&server);
    let docker = |operation: &str| {
        let words = ["helper", "docker", "--token", "id", "p", operation];
        sandbox.run_with_stdin(words, HOST)
    };
    let first = docker("get").json()["Secret"].clone();
    assert_eq!(docker("get").json()["Secret"], first);
    docker("erase").ok("");
    assert_ne!(docker("get").json()["Secret"], first);
    assert_eq!(server.hits(), 2);
}
