//! git's credential protocol word for word: whose host it is, what is refused, what is forgotten.
#![cfg(unix)]

use crate::support;

use support::{Sandbox, Server};

const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://git.corp.example\", \"https://git.corp.example:8443\", \
     \"http://127.0.0.1:8080\", \"https://[::1]:8443\"]";

/// git's question with these lines beside the capabilities that git 2.46 has.
fn question(lines: &str) -> String {
    format!("capability[]=authtype\ncapability[]=state\n{lines}\nwwwauth[]=Bearer realm=\"x\"\n\n")
}

/// Whether a question gets the token; it gets nothing at all otherwise, and never a word on stderr.
#[track_caller]
fn answered(sandbox: &Sandbox, lines: &str) -> bool {
    let run = sandbox.git_asks("get", &question(lines));
    let held = run.stdout.contains("\ncredential=at-1\n");
    let rest = held || run.stdout.is_empty();
    assert!(
        rest && run.stderr.is_empty() && run.code == 0,
        "{lines:?}: {run:?}"
    );
    held
}

#[test]
fn only_the_profile_s_own_scheme_host_and_port_are_answered() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for ours in [
        "protocol=https\nhost=git.corp.example",
        "protocol=https\nhost=git.corp.example:443",
        "protocol=https\nhost=GIT.Corp.EXAMPLE",
        "protocol=https\nhost=git.corp.example:8443",
        "protocol=https\nhost=[::1]:8443",
        "protocol=http\nhost=127.0.0.1:8080",
        "protocol=https\nhost=git.corp.example\npath=a/b.git\nusername=alice",
        "host=git.corp.example\nfuture[]=x\nprotocol=https\nquit=0",
    ] {
        assert!(answered(&sandbox, ours), "{ours:?}");
    }
    for not_ours in [
        "protocol=http\nhost=git.corp.example",
        "protocol=http\nhost=git.corp.example:443",
        "protocol=https\nhost=git.corp.example:80",
        "protocol=https\nhost=git.corp.example:8080",
        "protocol=https\nhost=127.0.0.1:8080",
        "protocol=http\nhost=localhost:8080",
        "protocol=http\nhost=127.0.0.1",
        "protocol=https\nhost=git.corp.example.evil.example",
        "protocol=https\nhost=evil-git.corp.example",
        "protocol=https\nhost=corp.example",
        "protocol=https\nhost=git.corp.example.",
        "protocol=https\nhost=git.corp.example@evil.example",
        "protocol=https\nhost=alice@git.corp.example",
        "protocol=https\nhost=evil.example#@git.corp.example",
        "protocol=https\nhost=git.corp.example/evil",
        "protocol=https\nhost=git.corp.example:1[]x:8443",
        "protocol=https\nhost=git.corp.example:+8443",
        "protocol=https\nhost=git.corp.example:[evil.example]:8443",
        "protocol=https\nhost=git.corp.example?evil",
        "protocol=https\nhost=git.corp.example\\evil",
        "protocol=https\nhost= git.corp.example",
        "protocol=https\nhost=git.corp.example ",
        "protocol=https\nhost=*",
        "protocol=https\nhost=",
        "protocol=\nhost=git.corp.example",
        "protocol=https",
        "host=git.corp.example",
        "protocol=ssh\nhost=git.corp.example",
        "protocol=https://git.corp.example\nhost=x",
        "protocol=cert\nhost=",
        "url=https://git.corp.example/",
        "Protocol=https\nHost=git.corp.example",
    ] {
        assert!(!answered(&sandbox, not_ours), "{not_ours:?}");
    }
    assert_eq!(server.hits(), 1);
}

#[test]
fn what_git_never_sends_is_refused_whole() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let ours = "protocol=https\nhost=git.corp.example";
    assert!(answered(&sandbox, ours));
    for more in [
        "\nhost=evil.example",
        "\nprotocol=http",
        "\nurl=https://evil.example/",
        "\nno equals sign",
        "\npath=x\rhost=evil.example",
        "\npath=x\r",
        "\npath=x\0y",
        "\nusername=x\x1b[31m",
        "\nusername=x\x7f",
        "\nusername=x\u{85}y",
    ] {
        assert!(!answered(&sandbox, &format!("{ours}{more}")), "{more:?}");
    }
    for before in ["host=evil.example\n", "protocol=http\n"] {
        assert!(!answered(&sandbox, &format!("{before}{ours}")), "{before}");
    }
    let crlf = question(ours).replace('\n', "\r\n");
    sandbox.git_asks("get", &crlf).ok("");
    let bytes = [question(ours).as_bytes(), b"\xff\xfe"].concat();
    let run = sandbox.run_with_stdin(["helper", "git", "p", "get"], bytes);
    assert_eq!((run.stderr.as_str(), run.code), ("", 0), "{run:?}");
    for noise in ["", "\n", "=", "=\n\n", "\0", "\n\nhost=git.corp.example\n"] {
        sandbox.git_asks("get", noise).ok("");
    }
    let long = "x".repeat(2_000_000);
    let run = sandbox.git_asks("get", &question(&format!("path={long}\n{ours}")));
    let said = "tokctl: git's request: it is larger than 1 MiB\n";
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("quit=1\n", said)
    );
}

#[test]
fn lines_after_the_empty_one_are_not_read() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let after = "protocol=https\n\nhost=git.corp.example\n\n";
    sandbox.git_asks("get", after).ok("");
}

/// The answer's lines without the changing ones: `state[]` and the end of the token.
#[track_caller]
fn words(sandbox: &Sandbox, question: &str) -> Vec<String> {
    let run = sandbox.git_asks("get", question);
    assert!(run.stderr.is_empty() && run.code == 0, "{run:?}");
    let end = |line: &str| line.starts_with("password_expiry_utc=");
    assert_eq!(run.stdout.lines().filter(|line| end(line)).count(), 1);
    let lines = run.stdout.lines().filter(|line| !end(line));
    lines
        .map(|line| match line.split_once(':') {
            Some((key, _)) if line.starts_with("state[]") => format!("{key}:"),
            _ => line.to_owned(),
        })
        .collect()
}

#[test]
fn bearer_is_said_only_to_a_git_that_knows_it_and_for_a_server_that_wants_it() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.age(60, 3540);
    let ask = |capabilities: &str, challenge: &str| {
        let question =
            format!("{capabilities}protocol=https\nhost=git.corp.example\n{challenge}\n");
        words(&sandbox, &question)
    };
    let basic = ["username=oauth2", "password=at-1"];
    let state = ["state[]=tokctl:", "continue=1"];
    let bearer = ["authtype=Bearer", "credential=at-1", "ephemeral=1"];
    let authtype = "capability[]=authtype\n";
    let both = "capability[]=authtype\ncapability[]=state\n";
    assert_eq!(ask("", ""), basic);
    assert_eq!(ask("", "wwwauth[]=Bearer\n"), basic);
    assert_eq!(ask(authtype, ""), basic);
    assert_eq!(ask(authtype, "wwwauth[]=Basic realm=\"Bearer\"\n"), basic);
    assert_eq!(
        ask(authtype, "wwwauth[]=Basic realm=\"x\"\nwwwauth[]=bearer\n"),
        [&["capability[]=authtype"], &bearer[..]].concat()
    );
    assert_eq!(
        ask(both, "wwwauth[]=Bearer\n"),
        [
            &["capability[]=authtype", "capability[]=state"],
            &bearer[..],
            &state
        ]
        .concat()
    );
    assert_eq!(
        ask(both, "wwwauth[]=Basic\n"),
        [&["capability[]=state"], &basic[..], &state].concat()
    );
}

#[test]
fn the_end_that_git_is_told_is_a_minute_before_the_token_s() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let end = sandbox.run(["get", "p", "--json"]).json()["expires_at"].clone();
    let end = end.as_str().expect("a time").to_owned();
    let date = sandbox
        .program("date", ["-u", "-d", end.as_str(), "+%s"])
        .output();
    let end = String::from_utf8(date.expect("date runs").stdout).expect("a number");
    let end: i64 = end.trim().parse().expect("a number");
    let run = sandbox.git_asks("get", "protocol=https\nhost=git.corp.example\n\n");
    run.ok(&format!(
        "username=oauth2\npassword=at-1\npassword_expiry_utc={}\n",
        end - 60
    ));
}

#[test]
fn erase_drops_the_refused_access_token_alone_and_the_grant_stays() {
    for cache in ["", "access_cache = \"kernel\"\n"] {
        let server = Server::tokens(3600);
        let sandbox = Sandbox::new();
        let config = support::profiles::grant_at(&server.url("/token"), HOSTS);
        let config = match cache {
            "" => config,
            _ => config.replace("access_cache = \"none\"\n", cache),
        };
        sandbox.config(&config).import("rt-1");
        sandbox.run(["get", "p"]).ok("at-1\n");
        let erase = |lines: &str| {
            let refused = format!("protocol=https\nhost=git.corp.example\n{lines}\n\n");
            sandbox.git_asks("erase", &refused).ok("");
        };
        erase("username=oauth2\npassword=at-");
        erase("username=oauth2\npassword=at-11");
        erase("username=oauth2\npassword=rt-2");
        erase("password=at-1\nhost=evil.example");
        sandbox
            .git_asks(
                "erase",
                "protocol=http\nhost=git.corp.example\npassword=at-1\n\n",
            )
            .ok("");
        sandbox
            .git_asks(
                "store",
                "protocol=https\nhost=git.corp.example\npassword=at-9\n\n",
            )
            .ok("");
        sandbox.run(["get", "p"]).ok("at-1\n");
        erase("username=oauth2\npassword=at-1");
        sandbox.run(["get", "p"]).ok("at-2\n");
        assert_eq!(server.hits(), 2, "{cache}");
        let logout = sandbox.run(["logout", "p", "--no-revoke"]);
        assert_eq!(logout.code, 0, "{logout:?}");
    }
}

#[test]
fn erase_of_a_token_from_the_environment_touches_nothing() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::with_grant(&server, HOSTS);
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.env("TOKCTL_TOKEN_P", "from-env");
    let run = sandbox.git_asks("get", "protocol=https\nhost=git.corp.example\n\n");
    run.ok("username=oauth2\npassword=from-env\n");
    let refused = "protocol=https\nhost=git.corp.example\npassword=from-env\n\n";
    sandbox.git_asks("erase", refused).ok("");
    sandbox.env("TOKCTL_TOKEN_P", "");
    sandbox.run(["get", "p"]).ok("at-1\n");
}
