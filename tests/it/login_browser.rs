//! `tokctl login` and programs that open browsers, or none; and a login in two steps without either.
#![cfg(unix)]

use crate::support;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use support::login::{arrive, listens, parameter, place, redirect};
use support::{Login, Reply, Running, Sandbox, Server};

/// A profile `p` with addresses that are set by hand.
fn set_up(more: &str) -> (Server, Sandbox) {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let (authorize, token) = (server.url("/authorize"), server.url("/token"));
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n{more}\n"
    ));
    (server, sandbox)
}

/// An executable shell script below the home.
fn script(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let path = sandbox.write(name, format!("#!/bin/sh\n{text}\n"));
    let mode = [OsStr::new("700"), path.as_os_str()];
    Running::start(sandbox.program("chmod", mode), None)
        .wait()
        .ok("");
    path
}

/// `$BROWSER` is this script.
fn browser(sandbox: &mut Sandbox, text: &str) {
    let path = script(sandbox, "browser", text);
    sandbox.env("BROWSER", path);
}

/// What the browser has left in a file; it takes its time.
#[track_caller]
fn written(sandbox: &Sandbox, name: &str) -> String {
    for _ in 0..1000 {
        if let Ok(text) = fs::read_to_string(sandbox.home().join(name)) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the browser has not written {name}");
}

/// The login without `--no-browser`.
fn start(sandbox: &Sandbox) -> Login {
    Login::of(sandbox.command(["login", "p"]))
}

#[track_caller]
fn finish(login: Login, url: &str) -> support::Run {
    let page = arrive(&redirect(url, ""));
    assert!(page.body.contains("is logged in"), "{}", page.body);
    let run = login.wait();
    run.ok_with("", "logged in to p");
    run
}

#[test]
fn the_browser_gets_the_address_as_one_word_without_a_shell() {
    let (_server, mut sandbox) = set_up("scope = \"a b\"");
    browser(
        &mut sandbox,
        "printf '%s\\n' $# \"$@\" >got.new; mv got.new got",
    );
    let mut login = start(&sandbox);
    let url = login.address();
    finish(login, &url);
    let got = written(&sandbox, "got");
    assert_eq!(got, format!("1\n{url}\n"));
}

#[test]
fn a_placeholder_in_browser_takes_the_address_and_words_are_kept_apart() {
    let (_server, mut sandbox) = set_up("");
    let path = script(
        &sandbox,
        "browser",
        "printf '%s\\n' \"$@\" >got.new; mv got.new got",
    );
    let words = format!(
        "/nonexistent/x:{} --url=%s $(touch${{IFS}}bad);",
        path.display()
    );
    sandbox.env("BROWSER", words);
    let mut login = start(&sandbox);
    let url = login.address();
    finish(login, &url);
    let got = written(&sandbox, "got");
    assert_eq!(got, format!("--url={url}\n$(touch${{IFS}}bad);\n"));
    assert!(!sandbox.home().join("bad").exists());
}

#[test]
fn the_address_is_on_stderr_before_a_browser_is_opened() {
    let (_server, mut sandbox) = set_up("");
    browser(
        &mut sandbox,
        "grep -c 'http://.*/authorize?' err >seen.new; mv seen.new seen",
    );
    let script = format!("exec {} login p 2>err", support::tokctl());
    let _login = Running::start(sandbox.program("sh", ["-c", &script]), None);
    assert_eq!(written(&sandbox, "seen"), "1\n");
}

#[test]
fn a_browser_that_prints_and_stays_does_not_disturb_a_pipeline() {
    let (_server, mut sandbox) = set_up("");
    browser(
        &mut sandbox,
        "echo noise; echo noise >&2; cat; echo \"$1\" >url.new; mv url.new url; sleep 30",
    );
    let script = format!("out=$({} login p); echo \"<$out> $?\"", support::tokctl());
    let mut login = Login::of(sandbox.program("sh", ["-c", &script]));
    let url = login.address();
    arrive(&redirect(&url, ""));
    let run = login.wait();
    run.ok_with("<> 0\n", "logged in to p");
    assert!(!run.stderr.contains("noise"), "{run:?}");
    assert!(run.elapsed < Duration::from_secs(20), "{run:?}");
    // The browser is still there, and holds neither the lock nor the port.
    assert!(!listens(&place(&url)));
    let mut again = Login::start(&sandbox, &[]);
    let url = again.address();
    let run = finish(again, &url);
    assert!(!run.stderr.contains("waiting"), "{run:?}");
}

#[test]
fn a_redirect_is_answered_while_the_program_that_brings_it_still_runs() {
    let (_server, mut sandbox) = set_up("");
    browser(&mut sandbox, "sleep 30");
    let mut login = start(&sandbox);
    let url = login.address();
    let run = finish(login, &url);
    assert!(run.elapsed < Duration::from_millis(2500), "{run:?}");
}

#[test]
fn a_browser_that_fails_leaves_the_address_to_the_person() {
    for text in ["exit 3", "kill -9 $$"] {
        let (_server, mut sandbox) = set_up("");
        browser(&mut sandbox, text);
        sandbox.env("PATH", "/nonexistent");
        let mut login = start(&sandbox);
        let url = login.address();
        login.says("that", |line| {
            line.contains("no browser could").then_some(())
        });
        finish(login, &url);
    }
}

#[test]
fn the_address_is_shown_with_quiet_too() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &["-q"]);
    let url = login.address();
    arrive(&redirect(&url, ""));
    assert_eq!(login.wait().code, 0);
}

#[test]
fn a_login_without_terminal_and_browser_says_what_to_do_and_is_finished_later() {
    let (server, mut sandbox) = set_up("");
    sandbox.env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22");
    let mut login = start(&sandbox);
    let url = login.address();
    let begun = login.wait();
    begun.fails(4, "tokctl login p --paste");
    begun.fails(4, "a session over ssh");
    assert!(begun.elapsed < Duration::from_secs(10));
    assert_eq!(server.hits(), 0);
    let wrong = redirect(&url, "x");
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], wrong);
    run.fails(5, "this is not the address");
    let run = sandbox.run_with_stdin(
        ["login", "p", "--paste"],
        format!("\n {} \n", redirect(&url, "")),
    );
    run.ok_with("", "logged in to p");
    sandbox.run(["get", "p"]).ok("at-1\n");
    // The same address again is of no use.
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], redirect(&url, ""));
    run.fails(5, "this is not the address");
    assert_eq!(server.hits(), 1);
}

#[test]
fn an_address_is_remembered_also_when_paste_finds_nothing_on_stdin() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::of(sandbox.command(["login", "p", "--paste"]));
    let url = login.address();
    login.wait().fails(4, "p");
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], redirect(&url, ""));
    run.ok_with("", "logged in to p");
}

#[test]
fn a_pasted_query_is_as_good_as_the_whole_address() {
    let (_server, mut sandbox) = set_up("redirect_uri = \"https://app.example/cb\"");
    sandbox.env("SSH_CONNECTION", "x");
    let mut login = start(&sandbox);
    let url = login.address();
    assert_eq!(parameter(&url, "redirect_uri"), "https://app.example/cb");
    login.wait().fails(4, "--paste");
    let address = redirect(&url, "");
    let query = address.split_once('?').map(|(_, query)| query.to_owned());
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], query.unwrap_or_default());
    run.ok_with("", "logged in to p");
}

#[test]
fn a_pasted_refusal_ends_with_5_and_logout_forgets_a_login_that_was_begun() {
    let (_server, mut sandbox) = set_up("");
    sandbox.env("SSH_CONNECTION", "x");
    let mut login = start(&sandbox);
    let url = login.address();
    login.wait().fails(4, "--paste");
    let denied = redirect(&url, "").replace("code=c-1", "error=access_denied");
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], denied);
    run.fails(5, "access_denied");
    let mut login = start(&sandbox);
    let url = login.address();
    login.wait().fails(4, "--paste");
    sandbox.run(["logout", "p"]);
    let run = sandbox.run_with_stdin(["login", "p", "--paste"], redirect(&url, ""));
    run.fails(5, "this is not the address");
}

#[test]
fn client_credentials_need_no_login() {
    let server = Server::start(|_| Reply::error("never"));
    let sandbox = Sandbox::new();
    let token = server.url("/token");
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\ngrant = \"client_credentials\"\ntoken_endpoint = \"{token}\"\n"
    ));
    sandbox.run(["login", "p"]).fails(3, "tokctl get p");
    assert_eq!(server.hits(), 0);
}
