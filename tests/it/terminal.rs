//! What a person sees on a terminal and a program does not: tables in the terminal's width, colours, and
//! what is being waited for.
#![cfg(unix)]

use crate::support;

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::profiles::client_at;
use support::sandbox::files;
use support::{Gate, Reply, Sandbox, Server, Terminal, Tokens};

/// Three profiles: a good token with a hostile scope, no login, and a mistake.
fn set_up() -> (Server, Sandbox) {
    let server = Server::granting(
        r#"{"access_token":"t","expires_in":9000,"scope":"a\u001b[2Jb a-scope-with-a-rather-long-name"}"#,
    );
    let client =
        client_at(&server.url("/token"), "").replace("env = \"P_SECRET\"", "env = \"HOME\"");
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "{client}\n[profile.sso]\nissuer = \"https://sso.example\"\nclient_id = \"c\"\nstore = \"keyring\"\n\
         hosts = [\"https://git.example\"]\n\
         [profile.wrong]\nclient_id = \"c\"\nno_such_key = 1\n"
    ));
    sandbox.run(["get", "p"]).ok("t\n");
    (server, sandbox)
}

#[test]
fn in_a_pipe_the_columns_are_whole_and_without_colour() {
    let (_server, mut sandbox) = set_up();
    let run = sandbox.run(["status"]);
    let lines: Vec<_> = run.stdout.lines().collect();
    let columns = |line: &str| {
        line.split("  ")
            .filter(|cell| !cell.is_empty())
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        columns(lines[0]),
        ["PROFILE", "STATE", "EXPIRES", "GRANT", "STORE", "SCOPE"]
    );
    let mut good = columns(lines[1]);
    assert!(good.remove(2).starts_with("in 2h "), "{}", run.stdout);
    let rest = [
        "p",
        "good",
        "client_credentials",
        "encrypted-file",
        "a [2Jb a-scope-with-a-rather-long-name",
    ];
    assert_eq!(good, rest);
    assert!(
        lines[3].starts_with("wrong    error: ") && lines[3].contains("no_such_key"),
        "{}",
        run.stdout
    );
    // What is wrong with one makes no column wider.
    let (head, wrong) = (lines[0].len(), lines[3].len());
    assert!(head < 90 && wrong > 100, "{}", run.stdout);
    run.ok(&run.stdout);
    sandbox.run(["status", "--color", "never"]).ok(&run.stdout);
    let one = sandbox.run(["status", "p"]);
    assert!(
        one.stdout.contains("\nexpires_in      ") && !one.stdout.contains('\u{1b}'),
        "{one:?}"
    );
    // Asked for, colour comes also where nobody looks.
    let hint = sandbox.run(["get", "none", "--color=always"]);
    hint.fails(3, "\u{1b}[36mhint: \u{1b}[0m");
    sandbox.env("CLICOLOR_FORCE", "1");
    sandbox.run(["get", "none"]).fails(3, "\u{1b}[36mhint: ");
    let run = sandbox.run(["get", "none", "--color", "never"]);
    assert!(!run.stderr.contains('\u{1b}'), "{run:?}");
    sandbox.env("NO_COLOR", "1");
    let run = sandbox.run(["get", "none"]);
    assert!(!run.stderr.contains('\u{1b}'), "{run:?}");
    sandbox
        .run(["status", "--color", "sometimes"])
        .fails(2, "--color");
}

/// The last lines that a command shows on a terminal of this width, with their colours.
fn shown(sandbox: &Sandbox, columns: u16, command: &str) -> (String, String) {
    let terminal = Terminal::with_shell(sandbox, columns, "env PS1='$ ' sh");
    terminal.types(&format!(
        "t() {{ {} \"$@\"; }}; clear; echo c'lear'ed",
        support::tokctl()
    ));
    terminal.shows("cleared\n$");
    terminal.types(&format!("{command}; echo e'nd'ed"));
    terminal.shows("ended");
    let plain = terminal.tmux(&["capture-pane", "-p"]);
    (plain, terminal.tmux(&["capture-pane", "-p", "-e"]))
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn on_a_terminal_the_table_fits_and_times_are_words() {
    let (_server, mut sandbox) = set_up();
    let (wide, colored) = shown(&sandbox, 120, "t status");
    let lines: Vec<_> = wide
        .lines()
        .skip_while(|line| !line.starts_with("PROFILE"))
        .collect();
    assert_eq!(
        lines[0],
        "PROFILE  STATE         EXPIRES  GRANT               STORE           SCOPE"
    );
    assert_eq!(
        lines[1],
        "p        good          in 2 h   client_credentials  encrypted-file  a [2Jb a-scope-with-a-rather-long-name"
    );
    assert_eq!(
        lines[2],
        "sso      login needed  -        authorization_code  keyring         -"
    );
    assert!(
        lines[3].starts_with("wrong    error: ")
            && lines[4] == "tokctl: profile \"sso\": run: tokctl login sso"
            && lines[5].starts_with("ended"),
        "{wide}"
    );
    assert!(
        colored.contains("\u{1b}[32mgood") && colored.contains("\u{1b}[31merror: "),
        "{colored:?}"
    );
    assert!(colored.contains("\u{1b}[33mlogin needed"), "{colored:?}");

    // Of the next column there would be no more than the mark.
    let (narrow, _) = shown(&sandbox, 55, "t status");
    let lines: Vec<_> = narrow
        .lines()
        .skip_while(|line| !line.starts_with("PROFILE"))
        .collect();
    assert_eq!(
        lines[1],
        "p        good          in 2 h   client_credentials"
    );
    assert!(
        lines[3].ends_with('…')
            && lines[4] == "tokctl: profile \"sso\": run: tokctl login sso"
            && lines[5].starts_with("ended"),
        "{narrow}"
    );

    let (one, _) = shown(&sandbox, 120, "t status p");
    assert!(
        one.contains("\nexpires at      in 2 h (20") && one.contains("\nrefreshable     yes"),
        "{one}"
    );
    assert!(!one.contains("expires in"), "{one}");
    sandbox.run_with_stdin(
        ["helper", "git", "get"],
        "protocol=https\nhost=git.example\n\n",
    );
    let (other, _) = shown(&sandbox, 120, "t status sso");
    assert!(other.contains("\nfailed git      20"), "{other}");
    sandbox.env("NO_COLOR", "1");
    let (_, colored) = shown(&sandbox, 120, "t status");
    assert!(!colored.contains("\u{1b}[32m"), "{colored:?}");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn what_takes_longer_than_a_second_is_shown_and_wiped_again() {
    let tokens = Tokens::new(3600);
    let (asked, gate) = (AtomicUsize::new(0), Gate::default());
    let held = gate.clone();
    let server = Server::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => tokens.answer(request).once_open(&held),
        _ => tokens.answer(request),
    });
    let mut sandbox = Sandbox::with_client(&server, "");
    sandbox.env("TERM", "xterm");
    let terminal = Terminal::start(&sandbox);
    terminal.types(&format!("{} get p", support::tokctl()));
    terminal.shows("tokctl: profile \"p\": asking for a token (1 s)");
    terminal.shows("(2 s)");
    gate.open();
    let screen = terminal.shows("\nat-1");
    assert!(!screen.contains("asking"), "{screen}");
    terminal.types("clear");
    terminal.tmux(&["clear-history"]);

    // As if another one renewed: who waits for it says so, but not where it is quiet or nobody looks.
    let locks = files(&sandbox.state_dir().join("tokctl/locks"));
    let lock = File::open(&locks[0]).expect("there is a lock");
    for (flags, waits) in [("", true), ("-q", false), ("2>err", false)] {
        terminal.types("clear; echo c'lear'ed");
        terminal.shows("cleared\n$");
        lock.lock().expect("nobody has it");
        terminal.types(&format!(
            "{} get p --force {flags}; echo exit\"=$?\"",
            support::tokctl()
        ));
        let words = "waiting for another tokctl that renews the token (";
        if waits {
            terminal.shows(words);
        } else {
            std::thread::sleep(Duration::from_millis(1500));
            assert!(!terminal.screen().contains(words), "{flags}");
        }
        lock.unlock().expect("it is ours");
        let screen = terminal.shows("exit=0");
        assert!(!screen.contains("waiting for"), "{screen}");
    }
    let silent = std::fs::read_to_string(sandbox.home().join("err")).expect("it was written");
    assert_eq!(silent, "");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn polling_for_a_device_shows_that_it_goes_on() {
    let server = Server::start(|request| match request.path.as_str() {
        "/device" => Reply::json(
            200,
            r#"{"device_code":"device-code-1","user_code":"AB-CD","verification_uri":"https://a.example/d","interval":1}"#,
        ),
        _ => Reply::error("authorization_pending"),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\ntoken_endpoint = \"{}\"\n\
         device_authorization_endpoint = \"{}\"\n",
        server.url("/token"),
        server.url("/device")
    ));
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("login p --device");
    terminal.shows("tokctl: waiting until the code has been used (3 s)");
    terminal.tmux(&["send-keys", "C-c"]);
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_line_that_comes_while_something_is_waited_for_stands_by_itself() {
    let (asked, gate) = (AtomicUsize::new(0), Gate::default());
    let held = gate.clone();
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(503, "{}").once_open(&held),
        _ => Reply::json(200, r#"{"access_token":"at"}"#),
    });
    let sandbox = Sandbox::with_client(&server, "");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("get p -v");
    terminal.shows("asking for a token (1 s)");
    gate.open();
    let screen = terminal.shows("exit=0");
    let told = screen.lines().find(|line| line.contains("HTTP 503"));
    assert!(
        told.is_some_and(|line| line.starts_with("tokctl: profile \"p\": 127")),
        "{screen}"
    );
    assert!(!screen.contains("asking for a token ("), "{screen}");
}
