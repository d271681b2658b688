//! Two logins of one profile at a time.
#![cfg(unix)]

use crate::support;

use nix::sys::signal::Signal;
use support::login::{arrive, listens, parameter, place, redirect};
use support::{Login, Sandbox, Server};

fn set_up() -> (Server, Sandbox) {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    let (authorize, token) = (server.url("/authorize"), server.url("/token"));
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\nscope = \"a\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n\
         [profile.q]\nclient_id = \"c\"\nstore = \"encrypted-file\"\nscope = \"a\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n"
    ));
    (server, sandbox)
}

/// Starts a login that finds another one under way.
#[track_caller]
fn second(sandbox: &Sandbox, args: &[&str]) -> Login {
    let mut second = Login::start(sandbox, args);
    second.says("that it waits", |line| {
        line.contains("another login").then_some(())
    });
    second
}

#[test]
fn the_second_login_waits_and_uses_the_first_one_s_result() {
    let (server, sandbox) = set_up();
    let mut first = Login::start(&sandbox, &[]);
    let url = first.address();
    let mut waiting = second(&sandbox, &[]);
    assert!(waiting.is_running());
    arrive(&redirect(&url, ""));
    first.wait().ok_with("", "logged in to p");
    let run = waiting.wait();
    run.ok_with("", "logged in by the other login");
    assert!(!run.stderr.contains("to log in to"), "{run:?}");
    assert_eq!(server.hits(), 1);
}

#[test]
fn the_second_login_has_its_turn_when_the_first_one_is_given_up() {
    let (_server, sandbox) = set_up();
    let mut first = Login::start(&sandbox, &[]);
    let old = first.address();
    let mut waiting = second(&sandbox, &[]);
    first.signal(Signal::SIGINT);
    let url = waiting.address();
    assert!(!listens(&place(&old)));
    arrive(&redirect(&url, ""));
    waiting.wait().ok_with("", "logged in to p");
}

#[test]
fn the_second_login_has_its_turn_when_the_first_one_is_refused() {
    let (_server, sandbox) = set_up();
    let mut first = Login::start(&sandbox, &[]);
    let denied = redirect(&first.address(), "").replace("code=c-1", "error=access_denied");
    let mut waiting = second(&sandbox, &[]);
    arrive(&denied);
    first.wait().fails(5, "access_denied");
    let url = waiting.address();
    arrive(&redirect(&url, ""));
    waiting.wait().ok_with("", "logged in to p");
}

#[test]
fn a_second_login_for_more_does_not_take_a_result_with_less() {
    let (_server, sandbox) = set_up();
    let mut first = Login::start(&sandbox, &[]);
    let url = first.address();
    let mut waiting = second(&sandbox, &["--scope", "+b"]);
    arrive(&redirect(&url, ""));
    first.wait().ok_with("", "logged in to p");
    let url = waiting.address();
    assert_eq!(parameter(&url, "scope"), "a b");
    arrive(&redirect(&url, ""));
    waiting.wait().ok_with("", "logged in to p");
}

#[test]
fn logins_of_two_profiles_do_not_wait_for_each_other() {
    let (_server, sandbox) = set_up();
    let mut one = Login::start(&sandbox, &[]);
    let mut other = Login::of(sandbox.command(["login", "q", "--no-browser"]));
    let (url, others) = (one.address(), other.address());
    assert_ne!(place(&url), place(&others));
    // Each takes only its own redirect.
    let state = parameter(&url, "state");
    let crossed = format!("http://{}/callback?code=c&state={state}", place(&others));
    assert_eq!(arrive(&crossed).status, 400);
    for (login, url) in [(other, others), (one, url)] {
        assert_eq!(arrive(&redirect(&url, "")).status, 200);
        login.wait().ok_with("", "logged in to");
    }
}

#[test]
fn a_login_does_not_keep_get_from_printing_what_is_stored() {
    let (_server, sandbox) = set_up();
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().ok_with("", "logged in to p");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    arrive(&redirect(&url, ""));
    login.wait().ok_with("", "logged in to p");
    sandbox.run(["get", "p"]).ok("at-3\n");
}
