//! What programs really send: stdin left open, a failure asked for again and again, a server by its other
//! names, an account beside it, several challenges in one line.
#![cfg(unix)]

use crate::support;

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::helpers::{MODES, question};
use support::{RawServer, Reply, Run, Sandbox, Server};

const HOST: &str = "git.corp.example";
const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://git.corp.example\"]";

/// A helper's stdout with its stdin open until it has ended.
#[track_caller]
fn with_stdin_open(sandbox: &Sandbox, words: &[&str], request: &str) -> String {
    let mut command = sandbox.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(request.as_bytes()).expect("it listens");
    let mut text = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    stdout.read_to_string(&mut text).expect("text");
    child.wait().expect("it ends");
    drop(stdin);
    assert!(started.elapsed() < Duration::from_secs(4), "{words:?}");
    text
}

#[test]
fn a_whole_request_is_answered_with_stdin_left_open() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for mode in ["git", "docker", "bazel", "go", "terraform"] {
        let (arguments, request) = question(mode, HOST);
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        let words = [&["helper", mode, "p"], &arguments[..]].concat();
        let request = match mode {
            "docker" => format!("{request}\n"),
            _ => request,
        };
        let answer = with_stdin_open(&sandbox, &words, &request);
        assert!(answer.contains("at-1"), "{mode}: {answer:?}");
    }
    let quiet: &[(&[&str], &str)] = &[
        (&["git", "capability"], "version 0"),
        (&["git", "later"], ""),
        (&["docker", "version"], "tokctl "),
        (&["docker", "list"], "git.corp.example"),
        (&["go", "p"], "at-1"),
        (&["kubectl", "p"], "at-1"),
        (&["bazel", "later"], ""),
    ];
    for (words, expected) in quiet {
        let answer = with_stdin_open(&sandbox, &[&["helper"], *words].concat(), "");
        assert!(answer.contains(expected), "{words:?}: {answer:?}");
    }
    let erased = with_stdin_open(
        &sandbox,
        &["helper", "docker", "erase"],
        "git.corp.example\n",
    );
    assert_eq!(erased, "");
}

#[test]
fn a_request_that_is_never_whole_is_given_up() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let mut command = sandbox.command(["helper", "git", "p", "get"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"protocol=https\n").expect("it listens");
    let mut said = String::new();
    let stderr = child.stderr.as_mut().expect("piped");
    stderr.read_to_string(&mut said).expect("text");
    child.wait().expect("it ends");
    assert!(said.contains("git has sent no whole request"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(9));
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_temporary_failure_is_said_again_at_once_and_get_goes_on_trying() {
    let server = Server::always(Reply::json(503, "{}"));
    let sandbox = Sandbox::with_grant(&server, &format!("timeout = \"1s\"\n{HOSTS}"));
    let first = sandbox.helper("docker", HOST);
    let hits = server.hits();
    assert!(hits > 0 && first.stdout.contains("503"), "{first:?}");
    for mode in MODES.into_iter().cycle().take(21) {
        let run = sandbox.helper(mode, HOST);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("503"), "{run:?}");
        assert!(run.elapsed < Duration::from_millis(900), "{run:?}");
    }
    assert_eq!(server.hits(), hits);
    assert_eq!(sandbox.run(["get", "p"]).code, 6);
    assert!(server.hits() > hits);
    // It is forgotten, also where it has been said many times since.
    let hits = server.hits();
    let tokctl = support::tokctl();
    let command = sandbox.program(
        "faketime",
        ["-f", "+14s", tokctl, "helper", "docker", "get"],
    );
    let run = support::Running::start(command, Some(HOST.into())).wait();
    assert!(run.code == 1 && server.hits() > hits, "{run:?}");
}

#[test]
fn a_server_that_never_answers_is_waited_for_once() {
    let silent = RawServer::silent();
    let sandbox = Sandbox::new();
    let config = support::profiles::client_at(&silent.url("/token"), HOSTS);
    sandbox.config(
        &format!("{config}timeout = \"1s\"\n")
            .replace("client_secret = { env = \"P_SECRET\" }\n", ""),
    );
    let started = Instant::now();
    for _ in 0..10 {
        sandbox.helper("terraform", HOST).fails(1, "profile \"p\"");
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

/// Profiles `a` and `b` on one host, and what git is told of an account.
fn two(more_a: &str, more_b: &str) -> (Sandbox, Server) {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let profile = |name: &str, more: &str| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"{}\"\nclient_id = \"{name}\"\ngrant = \"client_credentials\"\n\
             client_auth = \"none\"\naccess_cache = \"none\"\n{HOSTS}\n{more}\n",
            server.url("/token")
        )
    };
    sandbox.config(&format!("{}{}", profile("a", more_a), profile("b", more_b)));
    (sandbox, server)
}

fn asked(sandbox: &Sandbox, question: &str) -> Run {
    let question = format!("protocol=https\nhost={HOST}\n{question}\n");
    sandbox.run_with_stdin(["helper", "git", "get"], question)
}

#[test]
fn of_two_profiles_on_a_host_the_user_name_chooses() {
    let (sandbox, server) = two("username = \"alice\"", "username = \"bob\"");
    let client = |n: usize| server.requests()[n].form()["client_id"].clone();
    let run = asked(&sandbox, "username=bob\n");
    assert!(
        run.stdout.starts_with("username=bob\npassword=at-1\n"),
        "{run:?}"
    );
    let run = asked(&sandbox, "username=alice\n");
    assert!(
        run.stdout.starts_with("username=alice\npassword=at-2\n"),
        "{run:?}"
    );
    // By the profile's own name.
    let run = asked(&sandbox, "username=a\n");
    assert!(
        run.stdout.starts_with("username=alice\npassword=at-2\n"),
        "{run:?}"
    );
    assert_eq!((client(0), client(1)), ("b".into(), "a".into()));
    for nobody in ["username=carol\n", ""] {
        let run = asked(&sandbox, nobody);
        assert_eq!(run.stdout, "quit=1\n");
        let told = ["\"a\" and \"b\" both claim", "https://a@git.corp.example"];
        assert!(
            told.iter().all(|words| run.stderr.contains(words)),
            "{run:?}"
        );
    }
    let erase = format!("protocol=https\nhost={HOST}\nusername=bob\npassword=at-1\n\n");
    sandbox
        .run_with_stdin(["helper", "git", "erase"], erase)
        .ok("");
    let run = asked(&sandbox, "username=bob\n");
    assert!(run.stdout.contains("password=at-3\n"), "{run:?}");
}

#[test]
fn a_host_has_one_form_in_hosts_and_in_requests() {
    let server = Server::tokens(3600);
    for (configured, asked) in [
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "bücher.example"),
        ("https://XN--BCHER-KVA.example:443", "BÜCHER.example"),
        ("https://Git.Corp.Example:443", "git.corp.example"),
        ("https://git.corp.example", "GIT.corp.example:443"),
    ] {
        let sandbox = Sandbox::with_grant(
            &server,
            &format!("store = \"plaintext\"\nhosts = [\"{configured}\"]"),
        );
        sandbox.import(r#"{"access_token":"at-9","refresh_token":"rt-9","expires_in":3600}"#);
        for profile in [&["p"][..], &[]] {
            for mode in ["git", "docker", "cargo", "bazel", "terraform", "go"] {
                let run = sandbox.start_helper(mode, profile, asked).wait();
                assert!(run.stdout.contains("at-9"), "{configured}: {run:?}");
            }
        }
    }
}

#[test]
fn go_is_told_the_form_in_which_it_compares() {
    let server = Server::tokens(3600);
    let hosts = "store = \"plaintext\"\nhosts = [\"https://Go.Corp.Example:443\"]";
    let sandbox = Sandbox::with_grant(&server, hosts);
    sandbox
        .run(["helper", "go", "p"])
        .ok("https://go.corp.example\n\nAuthorization: Bearer at-1\n\n");
    let url = "https://go.corp.example:443/x";
    sandbox
        .run_with_stdin(["helper", "go", "p", url], "HTTP/1.1 404 Not Found\r\n\r\n")
        .ok("https://go.corp.example\nhttps://go.corp.example:443\n\nAuthorization: Bearer at-1\n\n");
}

#[test]
fn go_sends_the_same_token_as_a_password_where_that_is_what_is_offered() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    // oauth2:at-1 and oauth2:at-2
    let basic = |token: &str| format!("https://{HOST}\n\nAuthorization: Basic {token}\n\n");
    let (first, second) = ("b2F1dGgyOmF0LTE=", "b2F1dGgyOmF0LTI=");
    let reply = "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Basic realm=\"GitLab\"\r\n\r\n";
    let url = format!("https://{HOST}/x?go-get=1");
    let refused = || sandbox.run_with_stdin(["helper", "go", "p", &url], reply);
    assert!(
        sandbox
            .run(["helper", "go", "p"])
            .stdout
            .contains("Bearer at-1")
    );
    refused().ok(&basic(first));
    assert_eq!(server.hits(), 1);
    // It is remembered: what is refused as a password is renewed.
    sandbox.run(["helper", "go", "p"]).ok(&basic(first));
    refused().ok(&basic(second));
    assert_eq!(server.hits(), 2);
    let sandbox = Sandbox::with_client(
        &server,
        &format!("{HOSTS}\ngo_auth = \"basic\"\nusername = \"u\""),
    );
    let run = sandbox.run(["helper", "go", "p"]);
    assert!(
        run.stdout.contains("Authorization: Basic dTphdC0"),
        "{run:?}"
    );
    let sandbox = Sandbox::with_client(&server, &format!("{HOSTS}\ngo_auth = \"bearer\""));
    let run = sandbox.run_with_stdin(["helper", "go", "p", &url], reply);
    assert!(run.stdout.contains("Authorization: Bearer at-"), "{run:?}");
}

#[test]
fn docker_hub_is_one_host_by_all_its_names() {
    let server = Server::tokens(3600);
    for configured in ["index.docker.io", "docker.io", "registry-1.docker.io"] {
        let hosts = format!("store = \"plaintext\"\nhosts = [\"https://{configured}\"]");
        let sandbox = Sandbox::with_client(&server, &hosts);
        for asked in [
            "https://index.docker.io/v1/",
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "https://registry-1.docker.io",
        ] {
            for profile in [&["p"][..], &[]] {
                let words = [&["helper", "docker"], profile, &["get"]].concat();
                let answer = sandbox.run_with_stdin(words, asked).json();
                assert_eq!(answer["ServerURL"], json!(asked));
            }
        }
        let list: Value = sandbox.run(["helper", "docker", "list"]).json();
        let names = json!({ "https://index.docker.io/v1/": "oauth2", "docker.io": "oauth2" });
        assert_eq!(list, names);
        // It is docker's to know these names.
        let run = sandbox.helper("bazel", "auth.docker.io");
        run.ok("{\"headers\":{}}\n");
    }
}

#[test]
fn list_names_those_who_have_a_token_or_can_get_one() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let profile = |name: &str, grant: &str| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"{}\"\nclient_id = \"c\"\nclient_auth = \"none\"\ngrant = \"{grant}\"\n\
             store = \"plaintext\"\nhosts = [\"https://{name}.example\"]\n",
            server.url("/token")
        )
    };
    sandbox.config(
        &[
            profile("p", "refresh_token"),
            profile("nobody", "refresh_token"),
            profile("ci", "client_credentials"),
            "[profile.broken]\nhosts = 3\n".to_owned(),
        ]
        .concat(),
    );
    sandbox.import("rt-1");
    sandbox
        .run(["helper", "docker", "list"])
        .ok("{\"ci.example\":\"oauth2\",\"p.example\":\"oauth2\"}\n");
    let run = sandbox.run_with_stdin(["helper", "docker", "get"], "ci.example");
    assert_eq!(run.code, 0, "{run:?}");
    let run = sandbox.run_with_stdin(["helper", "docker", "get"], "nobody.example");
    assert!(
        run.code == 1 && run.stdout.contains("tokctl login nobody"),
        "{run:?}"
    );
}

#[test]
fn hints_fit_the_grant() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, HOSTS);
    let store = json!({ "ServerURL": HOST, "Username": "u", "Secret": "other" });
    let run = sandbox.run_with_stdin(["helper", "docker", "store"], store.to_string());
    assert!(run.code == 1 && !run.stdout.contains("login"), "{run:?}");
    assert!(run.stdout.contains("tokctl get p"), "{run:?}");
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let run = sandbox.run_with_stdin(["helper", "docker", "store"], store.to_string());
    assert!(run.stdout.contains("tokctl import p"), "{run:?}");
}

#[test]
fn a_challenge_is_read_wherever_it_stands_in_its_line() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let ask = |challenge: &[u8]| {
        let mut question =
            format!("capability[]=authtype\nprotocol=https\nhost={HOST}\n").into_bytes();
        question.extend_from_slice(challenge);
        question.extend_from_slice(b"\n\n");
        let command = sandbox.command(["helper", "git", "p", "get"]);
        support::Running::start(command, Some(question)).wait()
    };
    for bearer in [
        &b"wwwauth[]=Basic realm=\"x\", Bearer realm=\"y\""[..],
        b"wwwauth[]=Basic realm=\"x\",Bearer",
        b"wwwauth[]=Basic realm=\"caf\xe9\"\nwwwauth[]=bearer realm=\"\xe9\"",
        b"wwwauth[]=Bearer\trealm=x",
        b"path=a\tb\nwwwauth[]=Bearer",
    ] {
        let run = ask(bearer);
        assert!(
            run.stdout.contains("authtype=Bearer"),
            "{}: {run:?}",
            bearer.escape_ascii()
        );
    }
    let run = ask(b"wwwauth[]=Basic realm=\"Bearer, Bearer\"");
    assert!(run.stdout.contains("username=oauth2"), "{run:?}");
}

#[test]
fn git_s_mail_protocols_have_hosts_too() {
    let server = Server::tokens(3600);
    let hosts = "store = \"plaintext\"\nhosts = [\"https://git.corp.example\", \"smtp://mail.corp.example:587\"]";
    let sandbox = Sandbox::with_grant(&server, hosts);
    let ask = |protocol: &str, host: &str| {
        sandbox.git_asks("get", &format!("protocol={protocol}\nhost={host}\n\n"))
    };
    assert!(
        ask("smtp", "mail.corp.example:587")
            .stdout
            .contains("password=at-1")
    );
    ask("smtp", "mail.corp.example").ok("");
    ask("https", "mail.corp.example:587").ok("");
    assert!(ask("https", HOST).stdout.contains("password=at-1"));
    sandbox.helper("terraform", "mail.corp.example").ok("{}\n");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_person_at_a_terminal_is_told_what_is_waited_for() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let terminal = support::Terminal::start(&sandbox);
    terminal.tokctl("helper git p get");
    terminal.shows("waiting for what git sends: protocol=https, host=HOST and an empty line");
    terminal.types("protocol=https");
    terminal.types(&format!("host={HOST}"));
    terminal.types("");
    terminal.shows("password=at-1");
}
