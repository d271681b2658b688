//! `tokctl add` on a terminal: which questions a service has, and what becomes of the answers.
#![cfg(unix)]

use crate::support;

use std::fs;

use support::{Sandbox, Terminal};

/// Runs `tokctl add` with `flags` and answers each question, which must stand on the screen; the
/// screen at the end.
#[track_caller]
fn added(sandbox: &Sandbox, flags: &str, answers: &[(&str, &str)]) -> String {
    let terminal = Terminal::start(sandbox);
    terminal.tokctl(&format!("add --no-try --store encrypted-file {flags}"));
    for (question, answer) in answers {
        terminal.shows(question);
        terminal.types(answer);
    }
    terminal.shows("exit=0")
}

/// The profile's table in the configuration.
#[track_caller]
fn table(sandbox: &Sandbox, name: &str) -> String {
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    let head = format!("[profile.{name}]\n");
    let (_, table) = text.split_once(&head).expect(&text);
    let end = "store = \"encrypted-file\"\n";
    let (table, _) = table.split_once(end).expect(&text);
    table.to_owned()
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_preset_asks_for_its_variables_and_says_where_to_register() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(["providers"]).stdout;
    let number = list.lines().position(|line| line.starts_with("gitea "));
    let number = (number.expect("it is there") + 1).to_string();
    let screen = added(
        &sandbox,
        "",
        &[
            ("number, name or issuer", number.as_str()),
            ("host, the instance, such as codeberg.org:", ""),
            ("there is no usual one", "https://git.example/"),
            ("a name for the profile [gitea]:", ""),
            ("client id:", "id"),
            ("client secret (not shown; empty if there is none):", ""),
            ("server's choice):", "a,b c"),
        ],
    );
    for line in [
        "register your application at  https://git.example/user/settings/applications\n",
        "  with the redirect URI       http://127.0.0.1/callback\n",
        "log in with: tokctl login gitea, and then use it with: tokctl get gitea\n",
    ] {
        assert!(screen.contains(line), "{line}: {screen}");
    }
    assert!(!screen.contains("a port of its own") && !screen.contains("who is the token for?"));
    assert_eq!(
        table(&sandbox, "gitea"),
        "vars = { host = \"git.example\" }\nclient_id = \"id\"\nscope = [\"a\", \"b\", \"c\"]\n"
    );
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_service_for_programs_and_for_persons_asks_for_whom_the_token_is() {
    let sandbox = Sandbox::new();
    sandbox.config("[profile.spotify]\n");
    for (answer, name, grant) in [
        ("", "own", ""),
        ("1", "person", "grant = \"authorization_code\"\n"),
    ] {
        let secret = match answer {
            "1" => ("client secret (not shown; empty if there is none):", ""),
            _ => ("client secret (not shown):", "s"),
        };
        let scope = match answer {
            "1" => "scope = [\"playlist-modify-private\"]\n",
            _ => "",
        };
        let kept = match answer {
            "1" => "",
            _ => "client_secret = { keyring = true }\n",
        };
        let screen = added(
            &sandbox,
            "--preset spotify",
            &[
                ("a name for the profile:", "spotify"),
                ("there is a profile of this name already", name),
                ("number [2]:", answer),
                ("client id:", "id"),
                secret,
                ("server's choice):", answer),
            ],
        );
        assert_eq!(
            screen.contains("    1  playlist-modify-private  "),
            answer == "1",
            "a person's scopes are a person's to grant: {screen}"
        );
        assert_eq!(
            table(&sandbox, name),
            format!("preset = \"spotify\"\nclient_id = \"id\"\n{kept}{grant}{scope}")
        );
    }
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn what_is_known_is_not_asked_and_what_is_usual_is_not_written() {
    let sandbox = Sandbox::new();
    let flags = "--preset gitlab --client-auth none";
    let rest = [("client id:", "id"), ("server's choice):", "")];
    let usual = [
        &[("host, the instance [gitlab.com]:", "gitlab.com")],
        &rest[..],
    ]
    .concat();
    added(&sandbox, &format!("x {flags}"), &usual);
    let known = "preset = \"gitlab\"\n";
    let client = "client_id = \"id\"\nclient_auth = \"none\"\n";
    assert_eq!(table(&sandbox, "x"), format!("{known}{client}"));
    let screen = added(
        &sandbox,
        &format!("y {flags} --var host=git.example"),
        &rest,
    );
    assert!(
        !screen.contains("host, the instance") && !screen.contains("client secret"),
        "{screen}"
    );
    let vars = "vars = { host = \"git.example\" }\n";
    assert_eq!(table(&sandbox, "y"), format!("{known}{vars}{client}"));
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_server_without_metadata_is_described_by_its_endpoints() {
    let sandbox = Sandbox::new();
    let screen = added(
        &sandbox,
        "",
        &[
            ("number, name or issuer", "127.0.0.1:1/x"),
            ("that is no issuer: ", "-"),
            ("token endpoint:", "http://a.example/t"),
            (
                "\"http://a.example/t\" must be https",
                "https://a.example/t",
            ),
            ("(empty: none):", ""),
            ("device authorization endpoint", "https://a.example/d"),
            ("a name for the profile:", "tv"),
            ("number [1]:", "1"),
            ("client id:", "id"),
            ("empty if there is none):", ""),
            ("server's choice):", ""),
            ("get this token for", ""),
        ],
    );
    assert!(screen.contains("asking https://127.0.0.1:1/x for its addresses"));
    assert!(screen.contains("register your application at the server\n"));
    let endpoints = "token_endpoint = \"https://a.example/t\"\n\
                     device_authorization_endpoint = \"https://a.example/d\"\nclient_id = \"id\"\n";
    let device = format!("{endpoints}grant = \"device_code\"\n");
    assert_eq!(table(&sandbox, "tv"), device);
    // With a browser there is no need to say so.
    let flags =
        "web --token-endpoint https://a.example/t --authorization-endpoint https://a.example/a";
    let screen = added(
        &sandbox,
        flags,
        &[
            ("number [1]:", ""),
            ("client id:", "id"),
            ("empty if there is none):", ""),
            ("server's choice):", ""),
            ("get this token for", ""),
        ],
    );
    assert!(
        screen.contains("(each login adds a port of its own; "),
        "{screen}"
    );
    assert!(!table(&sandbox, "web").contains("grant"));
}
