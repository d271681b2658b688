//! `tokctl add` by flags: what it says of what is missing or fails, and what it puts back.
#![cfg(unix)]

use crate::support;

use support::{Reply, Request, Run, Sandbox, Server, Terminal};

/// `add p` with an issuer's worth of flags, and these.
fn add(sandbox: &Sandbox, server: &Server, more: &[&str], stdin: &str) -> Run {
    let token = server.url("/token");
    let base = ["add", "p", "--token-endpoint", &token, "--client-id", "id"];
    let store = ["--store", "encrypted-file"];
    sandbox.run_with_stdin([&base[..], &store, more].concat(), stdin)
}

const OWN: [&str; 2] = ["--grant", "client_credentials"];
const STDIN: &str = "--client-secret-stdin";

#[test]
fn a_client_without_a_secret_says_so_and_an_empty_one_is_none() {
    let server = Server::tokens(60);
    let sandbox = Sandbox::new();
    add(&sandbox, &server, &OWN, "").fails(2, "say --client-auth none");
    add(&sandbox, &server, &[&OWN[..], &[STDIN]].concat(), "\n").fails(
        2,
        "tokctl: profile \"p\": the client secret on stdin is empty\n",
    );
    assert!(!sandbox.config_file().exists() && server.hits() == 0);
    let none = [&OWN[..], &["--client-auth", "none"]].concat();
    add(&sandbox, &server, &none, "").ok_with("", "tokctl: added profile p to ");
    sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
fn a_failed_trial_without_a_remedy_names_the_way_around_it() {
    let server = Server::always(Reply::json(200, "{}"));
    let sandbox = Sandbox::new();
    let run = add(&sandbox, &server, &[&OWN[..], &[STDIN]].concat(), "s");
    run.fails(5, "; nothing is added\n")
        .fails(5, "\ntokctl: hint: --no-try adds it without trying it\n");
    // A login needs an address that no trial of the token endpoint would miss.
    for (grant, key) in [
        ("authorization_code", "authorization_endpoint"),
        ("device_code", "device_authorization_endpoint"),
    ] {
        let run = add(&sandbox, &server, &["--grant", grant], "");
        run.fails(3, &format!("has no {key}; nothing is added\n"))
            .fails(3, &format!("hint: set {key} in the profile"));
    }
    assert!(!sandbox.config_file().exists());
}

#[test]
fn a_secret_that_was_there_is_put_back_where_the_file_cannot_be_written() {
    let server = Server::start(|request: &Request| {
        let form = request.form();
        let secret = form.get("client_secret").map_or("none", String::as_str);
        let body = format!(r#"{{"access_token":"for-{secret}"}}"#);
        Reply::json(200, body)
    });
    let sandbox = Sandbox::new();
    let post = ["--client-auth", "client_secret_post", STDIN];
    let args = [&OWN[..], &post].concat();
    add(&sandbox, &server, &args, "first").ok_with("", "added profile p");
    let elsewhere = [&args[..], &["--config", "/proc/self/none"]].concat();
    add(&sandbox, &server, &elsewhere, "second").fails(1, "nothing is added");
    sandbox.run(["get", "p"]).ok("for-first\n");
    add(&sandbox, &server, &args, "second")
        .fails(2, "hint: choose another name, or replace it with --force");
    let force = [&args[..], &["--force"]].concat();
    add(&sandbox, &server, &force, "third").ok_with("", "added profile p");
    sandbox.run(["get", "p", "--force"]).ok("for-third\n");
}

#[test]
fn a_variable_that_is_missing_or_unknown_is_told_as_a_flag() {
    let sandbox = Sandbox::new();
    let base = ["add", "p", "--client-id", "i", "--no-try", "--preset"];
    for (more, words, hint) in [
        (
            &["gitea"][..],
            "tokctl: profile \"p\": token_endpoint: needs vars = { host = ",
            "tokctl: hint: say --var host=VALUE\n",
        ),
        (
            &["gitea", "--var", "hots=x"],
            "tokctl: --var: the preset \"gitea\" has no variable \"hots\"\n",
            "tokctl: hint: its variables: host\n",
        ),
        (
            &["github", "--var", "host=x"],
            "\"github\" has no variable \"host\"\n",
            "tokctl: hint: its variables: none\n",
        ),
        (
            &["gitea", "--var", "host=a b"],
            "tokctl: profile \"p\": token_endpoint: vars.host must be a host name",
            "",
        ),
    ] {
        let run = sandbox.run([&base[..], more].concat());
        run.fails(2, words).fails(2, hint);
    }
    let refresh = ["github", "--grant", "refresh_token"];
    sandbox.run([&base[..], &refresh].concat()).ok_with(
        "",
        "tokctl: store its refresh token with: tokctl import p\n",
    );
}

#[test]
fn a_profile_that_is_replaced_says_what_goes_with_it() {
    let sandbox = Sandbox::new();
    let old = "[profile.p]\nclient_id = \"old\"\nscope = \"a\"\nmin_ttl = \"1m\"\ntoken_endpoint = \"https://x.example/t\"\n";
    sandbox.config(old);
    let args = [
        "add",
        "p",
        "--force",
        "--no-try",
        "--client-id",
        "new",
        "--token-endpoint",
        "https://x.example/t",
        "--store",
        "plaintext",
        "--grant",
        "refresh_token",
    ];
    let told = "profile \"p\": what is not named here goes: scope, min_ttl; --change would keep it";
    let dry = sandbox.run([&args[..], &["--dry-run"]].concat());
    dry.ok_with("", told);
    assert_eq!(
        std::fs::read_to_string(sandbox.config_file()).expect("it is there"),
        old
    );
    sandbox.run(args).ok_with("", told);
    let text = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
    assert!(
        text.contains("\"new\"") && !text.contains("min_ttl"),
        "{text}"
    );
    sandbox.run(args).ok_with("", "added profile p");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_person_is_asked_before_keys_that_are_not_named_go() {
    let sandbox = Sandbox::new();
    let old = "[profile.p]\nclient_id = \"old\"\nscope = \"a\"\ntoken_endpoint = \"https://x.example/t\"\n";
    sandbox.config(old);
    let add = "add p --force --no-try --client-id new --token-endpoint https://x.example/t --store plaintext --grant refresh_token";
    for (answer, end) in [("", "exit=2"), ("y", "exit=0")] {
        let terminal = Terminal::start(&sandbox);
        terminal.tokctl(add);
        terminal.shows("what is not named here goes: scope; go on? [y/N]");
        terminal.types(answer);
        terminal.shows(end);
        let text = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
        assert_eq!(text == old, answer.is_empty(), "{text}");
    }
}
