//! `tokctl add` on a terminal, for who answers in another way than was meant: no answer ends it.
#![cfg(unix)]

use crate::support;

use serde_json::json;
use std::fs;
use support::issuer::{metadata, tokens};
use support::{Reply, Sandbox, Server, Terminal};

/// An issuer below `/realms/x` that lists scopes, and knows the secret `right` alone.
fn issuer() -> Server {
    Server::start(|request| {
        if request
            .path
            .ends_with("/realms/x/.well-known/openid-configuration")
        {
            let mut all = metadata(request, "/realms/x");
            all["scopes_supported"] = json!(["openid", "offline_access", "git"]);
            return Reply::json(200, all.to_string());
        }
        match request.path.as_str() {
            // "id:right"
            "/token" if request.header("authorization") == Some("Basic aWQ6cmlnaHQ=") => {
                tokens(&json!({}))
            }
            "/token" => Reply::json(401, r#"{"error":"invalid_client"}"#),
            _ => Reply::json(404, "{}"),
        }
    })
}

/// Answers each question, which must stand on the screen; the screen at the end.
#[track_caller]
fn answered(terminal: &Terminal<'_>, answers: &[(&str, &str)]) -> String {
    for (question, answer) in answers {
        terminal.shows_words(question);
        terminal.types(answer);
    }
    terminal.shows("exit=")
}

fn text(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).unwrap_or_default()
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn the_first_question_fits_into_a_small_terminal_and_takes_a_service_as_people_name_it() {
    let sandbox = Sandbox::new();
    for columns in [60, 80, 100] {
        let terminal = Terminal::with_shell(&sandbox, columns, "env PS1='$ ' sh");
        terminal.tokctl("add --no-try --store encrypted-file");
        let screen = terminal.shows("number, name or issuer");
        assert!(
            screen.trim_end().lines().count() <= 21,
            "{columns}: {screen}"
        );
        let screen = answered(
            &terminal,
            &[
                ("number, name or issuer", "git"),
                (
                    "which of them: github, github-enterprise, gitlab, gitea?",
                    "Keycloak",
                ),
                (
                    "base, host and path of the server, such as sso.example.com",
                    "sso.example/a b",
                ),
                (
                    "base must be a host name and path",
                    "https://sso.example/auth/",
                ),
                ("realm, the realm:", "main"),
                ("a name for the profile [keycloak]:", "<"),
                (
                    "base, host and path of the server, such as sso.example.com or sso.example.com/auth [sso.example/auth]:",
                    "",
                ),
                ("realm, the realm [main]:", ""),
                ("a name for the profile [keycloak]:", "work"),
                ("client id:", "my id"),
                ("a client id has no blanks in it", "id"),
                ("empty if there is none):", ""),
                ("scopes, by number or name", "99"),
                ("there is no number 99 in the list", ""),
            ],
        );
        assert!(screen.contains("exit=0"), "{screen}");
        let keys = "preset = \"keycloak\"\nvars = { base = \"sso.example/auth\", realm = \"main\" }\nclient_id = \"id\"\n";
        assert!(text(&sandbox).contains(keys), "{}", text(&sandbox));
        fs::remove_file(sandbox.config_file()).expect("it is there");
    }
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn an_issuer_is_taken_as_it_is_pasted_and_its_own_spelling_offered() {
    let server = issuer();
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("add --no-try --store encrypted-file");
    let wellknown = server.url("/realms/x/.well-known/openid-configuration");
    let screen = answered(
        &terminal,
        &[
            ("number, name or issuer", &server.url("/nothing")),
            (
                "type another address, or - to give its endpoints",
                &wellknown,
            ),
            ("a name for the profile:", "corp"),
            ("number [1]:", "3"),
            ("1 or 2", "1"),
            ("client id:", "id"),
            ("empty if there is none):", ""),
            ("offline_access  a refresh token: the login lasts", ""),
            (
                "get this token for (https://HOST; empty: none):",
                "git.example",
            ),
            (
                "let git ask for the token of https://git.example? [y/N]:",
                "n",
            ),
        ],
    );
    assert!(
        screen.contains("(- for the server's choice) [openid offline_access]: "),
        "{screen}"
    );
    let keys = format!(
        "issuer = \"{}\"\nclient_id = \"id\"\nscope = [\"openid\", \"offline_access\"]\nhosts = [\"https://git.example\"]\n",
        server.url("/realms/x")
    );
    // In the order of the file, with nothing beside.
    let text = text(&sandbox);
    for line in keys.lines() {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_server_that_calls_itself_otherwise_is_taken_at_its_word() {
    let server = Server::start(|request| {
        let mut all = metadata(request, "");
        all["issuer"] = json!(format!("{}/realms/x", support::issuer::origin(request)));
        if request.path.contains(".well-known") {
            Reply::json(200, all.to_string())
        } else {
            Reply::json(404, "{}")
        }
    });
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("add --no-try --store encrypted-file");
    let screen = answered(
        &terminal,
        &[
            ("number, name or issuer", &server.url("")),
            ("/realms/x; take that? [Y/n]:", ""),
            ("a name for the profile:", "corp"),
            ("number [1]:", ""),
            ("client id:", "id"),
            ("empty if there is none):", ""),
            ("server's choice):", ""),
            ("get this token for", ""),
        ],
    );
    assert!(screen.contains("exit=0"), "{screen}");
    let issuer = format!("issuer = \"{}\"\n", server.url("/realms/x"));
    assert!(text(&sandbox).contains(&issuer), "{}", text(&sandbox));
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn after_a_trial_that_fails_one_answer_is_changed_and_the_others_stay() {
    let server = issuer();
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl(&format!(
        "add corp --store encrypted-file --issuer {}",
        server.url("/realms/x")
    ));
    let screen = answered(
        &terminal,
        &[
            ("number [1]:", "2"),
            ("client id:", "id"),
            ("client secret (not shown):", ""),
            (
                "a client that acts for itself proves itself with its secret",
                "wrong",
            ),
            ("server's choice):", ""),
            ("get this token for", ""),
            (
                "c to change an answer, k to keep the profile all the same, q to end without it [c]:",
                "",
            ),
            ("number [2]:", ""),
            ("client id [id]:", ""),
            (
                "client secret (not shown; empty: the one from before):",
                "right",
            ),
            ("before): \n", ""),
            ("get this token for", ""),
        ],
    );
    drop(screen);
    let screen = terminal.shows("tried: the server gave a token");
    assert!(screen.contains("use it with: tokctl get corp"), "{screen}");
    assert!(
        !screen.contains("right") && !screen.contains("wrong"),
        "{screen}"
    );
    sandbox.run(["get", "corp"]).ok("access-1\n");
}
