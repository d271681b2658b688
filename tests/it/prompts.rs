//! Ctrl-C, Ctrl-D and Ctrl-Z wherever a person is asked, on a real terminal: tmux's.
#![cfg(unix)]

use crate::support;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::issuer::behave;
use support::{Reply, Sandbox, Server, Terminal};

const FILE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"\n";

/// A question: how one comes to it, and what the end of the input is answered there.
struct Asked {
    config: String,
    /// Runs before, without a terminal.
    first: &'static [&'static str],
    call: String,
    answers: &'static [(&'static str, &'static str)],
    question: &'static str,
    ended: &'static str,
}

impl Asked {
    fn new(config: String, call: String, question: &'static str, ended: &'static str) -> Self {
        Self {
            config,
            first: &[],
            call,
            answers: &[],
            question,
            ended,
        }
    }

    fn after(mut self, answers: &'static [(&'static str, &'static str)]) -> Self {
        self.answers = answers;
        self
    }

    fn once(mut self, first: &'static [&'static str]) -> Self {
        self.first = first;
        self
    }
}

fn questions(server: &Server) -> Vec<Asked> {
    let nothing = "the answers ended, so nothing is added";
    let unchanged = "nothing was typed, so nothing is changed";
    let own = format!(
        "add corp --store encrypted-file --token-endpoint {} --client-id id --grant client_credentials",
        server.url("/refuse")
    );
    let kept = format!(
        "[profile.p]\ntoken_endpoint = \"{}\"\nclient_id = \"id\"\nclient_secret = {{ keyring = true }}\n{FILE}",
        server.url("/token")
    );
    let login = support::login::profile(&server.url(""), "c", "access_cache = \"none\"\n");
    let grant = format!("{login}grant = \"refresh_token\"\n");
    let host = "hosts = [\"https://bazel.example\"]\n";
    let two = format!(
        "{login}{host}\n{}{host}",
        login.replace("[profile.p]", "[profile.q]")
    );
    vec![
        Asked::new(
            String::new(),
            "add --store encrypted-file".into(),
            "number, name or issuer",
            nothing,
        ),
        Asked::new(
            String::new(),
            own.clone(),
            "client secret (not shown): ",
            nothing,
        ),
        Asked::new(
            String::new(),
            own,
            "c to change an answer, k to keep the profile",
            nothing,
        )
        .after(&[
            ("client secret (not shown): ", "wrong"),
            ("server's choice): ", ""),
            ("get this token for", ""),
        ]),
        Asked::new(
            String::new(),
            format!(
                "add sso --store encrypted-file --issuer {} --force",
                server.url("")
            ),
            "log in now? [Y/n]: ",
            "log in with: tokctl login sso",
        )
        .after(&[
            ("number [1]: ", "1"),
            ("client id: ", "c"),
            ("empty if there is none): ", ""),
            ("server's choice): ", ""),
            ("get this token for", ""),
        ]),
        Asked::new(
            kept.clone(),
            "secret set p".into(),
            "client secret of p: ",
            unchanged,
        ),
        Asked::new(
            kept.clone(),
            "unlock".into(),
            "new passphrase for the encrypted file: ",
            unchanged,
        ),
        Asked::new(
            kept.clone(),
            "unlock".into(),
            "the same once more: ",
            unchanged,
        )
        .after(&[("new passphrase", "of more than twelve letters")]),
        Asked::new(
            grant,
            "import p".into(),
            "token response or refresh token: ",
            unchanged,
        ),
        Asked::new(
            login,
            "login p --paste".into(),
            "then paste that address here:",
            "no address was given yet",
        ),
        Asked::new(
            kept,
            "config edit".into(),
            "edit again? [Y/n]: ",
            "the file is as it was before",
        ),
        Asked::new(
            two,
            "helper install bazel q".into(),
            "take the place of another profile",
            "nothing is changed",
        )
        .once(&["helper", "install", "bazel", "p"]),
    ]
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn each_question_can_be_left_and_come_back_to() {
    let server = Server::start(|request| match request.path.as_str() {
        "/refuse" => Reply::json(401, r#"{"error":"invalid_client"}"#),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    for asked in questions(&server) {
        let mut sandbox = Sandbox::new();
        sandbox.env("VISUAL", "sh -c 'echo no toml >>\"$0\"'");
        if !asked.config.is_empty() {
            sandbox.config(&asked.config);
        }
        if !asked.first.is_empty() {
            sandbox.run(asked.first).ok_with("", "done: ");
        }
        let terminal = Terminal::start(&sandbox);
        come_to(&terminal, &asked);
        terminal.tmux(&["send-keys", "C-z"]);
        terminal.shows("Stopped");
        wipe(&terminal);
        terminal.types("fg; echo c'ode'=$?");
        // The shell itself says the command, in a line of its own.
        terminal.shows(&format!("\n{}", asked.question));
        terminal.tmux(&["send-keys", "C-d"]);
        let screen = terminal.shows("\ncode=");
        assert!(
            screen.contains(&format!("tokctl: {}", asked.ended))
                || screen.contains(&format!("; {}", asked.ended))
                || screen.contains(&format!(": {}", asked.ended)),
            "{}: {screen}",
            asked.question
        );

        wipe(&terminal);
        come_to(&terminal, &asked);
        terminal.tmux(&["send-keys", "C-c"]);
        terminal.is_ready();
        terminal.types("stty -a | grep -o -- '-*echo '; echo b'ac'k");
        let screen = terminal.shows("\nback");
        let echo = screen.lines().map(str::trim_end);
        let echo: Vec<&str> = echo.filter(|line| line.ends_with("echo")).collect();
        assert_eq!(echo, ["echo"], "{}: {screen}", asked.question);
    }
}

fn wipe(terminal: &Terminal<'_>) {
    terminal.types("clear; echo c'lear'ed");
    terminal.shows("cleared\n$");
    terminal.tmux(&["clear-history"]);
}

#[track_caller]
fn come_to(terminal: &Terminal<'_>, asked: &Asked) {
    terminal.types(&format!("{} {}", support::tokctl(), asked.call));
    for (question, answer) in asked.answers {
        terminal.shows(question);
        terminal.types(answer);
    }
    terminal.shows(asked.question);
}

/// Each shell leaves the terminal in its own way to who is brought back.
#[test]
#[ignore = "needs tmux, bash and zsh: tests/run installs them"]
fn after_ctrl_z_a_secret_is_hidden_still_and_what_was_half_typed_is_gone() {
    for shell in [
        "env PS1='$ ' sh",
        "env PS1='$ ' bash --norc --noprofile",
        "env PS1='$ ' zsh -f",
    ] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let secret = format!("s-{}", now.expect("after 1970").as_nanos());
        let basic = format!("Basic {}", STANDARD.encode(format!("id:{secret}")));
        let server = Server::start(move |request| {
            if request.header("authorization") == Some(&basic) {
                Reply::json(200, r#"{"access_token":"at","expires_in":60}"#)
            } else {
                Reply::json(401, r#"{"error":"invalid_client"}"#)
            }
        });
        let sandbox = Sandbox::new();
        sandbox.config(&format!(
            "[profile.p]\ntoken_endpoint = \"{}\"\nclient_id = \"id\"\nclient_secret = {{ keyring = true }}\n{FILE}",
            server.url("/token")
        ));
        let terminal = Terminal::with_shell(&sandbox, 200, shell);
        terminal.tokctl("secret set p");
        terminal.shows("client secret of p: ");
        terminal.tmux(&["send-keys", "-l", "half-typed"]);
        terminal.tmux(&["send-keys", "C-z"]);
        let until_stopped = if shell.contains("zsh") {
            "suspended"
        } else {
            "Stopped"
        };
        terminal.shows(until_stopped);
        // Who types in between sees it.
        wipe(&terminal);
        terminal.types("fg");
        terminal.shows("\nclient secret of p: ");
        terminal.types(&secret);
        let screen = terminal.shows("p: client secret stored");
        assert!(
            !screen.contains(&secret) && !screen.contains("half-typed"),
            "{shell}: {screen}"
        );
        sandbox.run(["get", "p"]).ok("at\n");
        let out = sandbox.run(["doctor", "p"]);
        assert!(!out.stdout.contains(&secret), "{out:?}");
    }
}

/// A terminal gives lines of 4,095 bytes at most to who reads lines, and cuts off the rest.
#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_long_token_is_typed_whole_and_edited_on_its_way() {
    let server = Server::start(|request| behave(request).expect("it knows the path"));
    let sandbox = Sandbox::new();
    sandbox.config(&support::profiles::grant_at(&server.url("/token"), ""));
    let terminal = Terminal::start(&sandbox);
    let token = format!("{}END", "x".repeat(9000));
    terminal.tokctl("import p");
    terminal.shows("token response or refresh token: ");
    // Taken back: a letter, then the line.
    terminal.tmux(&["send-keys", "-l", "wrong"]);
    terminal.tmux(&["send-keys", "BSpace", "C-u"]);
    for part in token.as_bytes().chunks(1000) {
        let part = str::from_utf8(part).expect("ASCII");
        terminal.tmux(&["send-keys", "-l", part]);
    }
    terminal.tmux(&["send-keys", "Enter"]);
    terminal.shows("exit=0");
    sandbox.run(["get", "p"]).ok("access-1\n");
    let sent = server.requests();
    let mut sent = sent.iter().map(support::Request::form);
    assert!(sent.any(|form| form.get("refresh_token") == Some(&token)));
}
