//! `tokctl login` at a terminal: a real one, tmux's.
#![cfg(unix)]

use crate::support;

use std::time::Duration;

use serde_json::{Value, json};
use support::issuer::{behave, metadata, origin, tokens};
use support::login::{arrive, listens, place, profile, redirect};
use support::{Reply, Sandbox, Server, Terminal};

fn set_up(more: &str) -> (Server, Sandbox) {
    let server = Server::start(|request| {
        match request.path.as_str() {
        "/device" => Reply::json(
            200,
            json!({
                "device_code": "dc", "user_code": "ABCD-EFGH", "interval": 1, "expires_in": 60,
                "verification_uri": format!("{}/activate", origin(request)),
                "verification_uri_complete": format!("{}/activate?user_code=ABCD-EFGH", origin(request)),
            })
            .to_string(),
        ),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    }
    });
    let mut sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", more));
    sandbox.env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22");
    (server, sandbox)
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn over_ssh_another_device_is_chosen_with_a_picture_of_its_address() {
    let (_server, sandbox) = set_up("");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("login p");
    let screen = terminal.shows("exit=");
    for said in [
        "profile \"p\": this is a session over ssh, so the login goes by another device",
        "/activate",
        "ABCD-EFGH",
        "logged in to p",
        "exit=0",
    ] {
        assert!(screen.contains(said), "{said:?} is not there:\n{screen}");
    }
    let picture = screen
        .lines()
        .filter(|line| line.contains(['\u{2580}', '\u{2584}', '\u{2588}']));
    assert!(picture.count() > 10, "{screen}");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn an_address_is_pasted_where_no_redirect_can_arrive() {
    let (server, sandbox) = set_up("");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("login p --paste");
    let url = terminal.address();
    terminal.shows("paste that address here:");
    terminal.types("http://127.0.0.1/callback?code=x&state=forged");
    terminal.shows("this is not the address");
    terminal.types("");
    terminal.types(&format!("'{}'", redirect(&url, "")));
    let screen = terminal.shows("exit=");
    assert!(
        screen.contains("logged in to p") && screen.contains("exit=0"),
        "{screen}"
    );
    assert_eq!(server.hits_of("/token"), 1);
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_long_code_can_be_pasted() {
    let (server, sandbox) = set_up("");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("login p --paste");
    let url = terminal.address();
    terminal.shows("paste that address here:");
    let code = "x".repeat(3000);
    terminal.types(&redirect(&url, "").replace("code=c-1", &format!("code={code}")));
    terminal.shows("exit=0");
    let request = server.requests().pop().expect("a token request");
    assert_eq!(request.form()["code"], code);
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn without_a_device_endpoint_the_address_is_pasted_and_the_reason_said() {
    let server = Server::start(|request| {
        if request.path == "/token" {
            return tokens(&Value::Null);
        }

        let mut value = metadata(request, "");
        value["device_authorization_endpoint"] = Value::Null;
        Reply::json(200, value.to_string())
    });
    let mut sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    sandbox.env("SSH_TTY", "/dev/pts/1");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("login p");
    terminal.shows("this is a session over ssh, so the login goes by pasting an address");
    let url = terminal.address();
    terminal.types(&redirect(&url, ""));
    terminal.shows("exit=0");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn ctrl_c_at_the_terminal_ends_every_kind_of_wait() {
    let (_server, sandbox) = set_up("");
    let terminal = Terminal::start(&sandbox);
    for way in ["--no-browser", "--paste"] {
        terminal.types("clear");
        terminal.tmux(&["clear-history"]);
        terminal.tokctl(&format!("login p {way}"));
        let url = terminal.address();
        terminal.tmux(&["send-keys", "C-c"]);
        std::thread::sleep(Duration::from_millis(500));
        terminal.types("echo back");
        terminal.shows("\nback");
        assert!(way == "--paste" || !listens(&place(&url)), "{way}");
    }
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn ctrl_c_while_a_secret_is_typed_gives_the_echo_back() {
    let (_server, sandbox) =
        set_up("client_secret = { keyring = true }\nstore = \"encrypted-file\"");
    let terminal = Terminal::start(&sandbox);
    let tokctl = support::tokctl();
    // A shell that does not put its terminal right itself.
    let script = format!(
        "sh -c \"trap : INT; {tokctl} secret set p; stty -a | grep -o -- '-*echo '\"; echo end"
    );
    terminal.types(&script);
    terminal.shows("client secret of p");
    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.shows("\nend");
    let said: Vec<&str> = screen
        .lines()
        .map(str::trim_end)
        .filter(|line| line.ends_with("echo"))
        .collect();
    assert_eq!(said, ["echo"], "{screen}");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_browser_at_a_terminal_leaves_stdout_to_the_pipeline() {
    let (_server, mut sandbox) = set_up("");
    sandbox.env("BROWSER", "echo noise");
    let terminal = Terminal::start(&sandbox);
    terminal.types(&format!(
        "out=$({} login p); echo \"<$out>\"",
        support::tokctl()
    ));
    let url = terminal.address();
    arrive(&redirect(&url, ""));
    let screen = terminal.shows("<>");
    assert!(!screen.contains("noise"), "{screen}");
}
