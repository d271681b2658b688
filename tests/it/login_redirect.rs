//! What comes to the port where `tokctl login` waits: strangers, forgeries, and the one redirect.
#![cfg(unix)]

use crate::support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::login::{arrive, listens, parameter, place, redirect};
use support::{GnomeKeyring, Login, Reply, Running, Sandbox, Server, SessionBus, http};

/// A profile with addresses that are set by hand.
fn sandbox_for(server: &Server, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let (authorize, token) = (server.url("/authorize"), server.url("/token"));
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\nscope = \"a b\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n{more}\n"
    ));
    sandbox
}

fn set_up(more: &str) -> (Server, Sandbox) {
    let server = Server::tokens(3600);
    let sandbox = sandbox_for(&server, more);
    (server, sandbox)
}

/// Ends the login, which must still be waiting, with its real redirect.
#[track_caller]
fn finish(login: Login, url: &str, sandbox: &Sandbox) {
    let page = arrive(&redirect(url, ""));
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("is logged in"), "{}", page.body);
    login.wait().ok_with("", "logged in to p");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

/// Sends these bytes as they are and returns what comes.
fn say(place: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(place).expect("somebody listens");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("a time limit");
    stream.write_all(bytes.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn strangers_are_answered_with_4xx_and_the_wait_goes_on() {
    let (server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let (place, state) = (place(&url), parameter(&url, "state"));
    let at = |path: &str| format!("http://{place}{path}");
    for (path, status) in [
        ("/favicon.ico", 404),
        ("/", 404),
        (&format!("/other?code=c&state={state}"), 404),
        (&format!("/callback/?code=c&state={state}"), 404),
        ("/callback", 400),
        ("/callback?code=forged", 400),
        ("/callback?code=forged&state=", 400),
        ("/callback?code=forged&state=forged", 400),
        (&format!("/callback?code=forged&state={state}x"), 400),
        (&format!("/callback?code=x&state=x&state={state}"), 400),
        ("/callback?error=access_denied", 400),
        ("/callback?error=access_denied&state=forged", 400),
    ] {
        let page = http::get(&at(path));
        assert_eq!(page.status, status, "{path}: {}", page.body);
        assert!(!page.body.contains("is logged in"), "{path}");
    }
    let real = format!("/callback?code=c&state={state}");
    let ask = |request: &str| say(&place, request);
    let local = format!("host: {place}\r\n\r\n");
    for (request, status) in [
        (format!("POST {real} HTTP/1.1\r\n{local}"), "405"),
        (format!("HEAD {real} HTTP/1.1\r\n{local}"), "405"),
        (
            format!("GET {real} HTTP/1.1\r\nhost: evil.example\r\n\r\n"),
            "400",
        ),
        (format!("GET {real} HTTP/1.1\r\n\r\n"), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(), "400"),
        (
            format!("GET /{} HTTP/1.1\r\n{local}", "a".repeat(40_000)),
            "4",
        ),
    ] {
        let answer = ask(&request);
        let begin = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&begin), "{request:.60}: {answer}");
    }
    assert_eq!(server.hits(), 0, "nothing forged reaches the server");
    finish(login, &url, &sandbox);
    let request = &server.requests()[0].form();
    assert_eq!(request["code"], "c-1");
    assert_eq!(request["redirect_uri"], parameter(&url, "redirect_uri"));
    assert_eq!(request["code_verifier"].len(), 43);
}

#[test]
fn idle_and_slow_connections_do_not_hold_up_the_redirect() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let mut strangers: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(place(&url)).expect("it listens"))
        .collect();
    strangers[0].write_all(b"GET /call").expect("it reads");
    let started = Instant::now();
    finish(login, &url, &sandbox);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_crowd_of_idle_connections_does_not_keep_the_redirect_out() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    // More than are served at a time, and more than would fit beside the files that a process may have open.
    let _crowd: Vec<_> = (0..600)
        .map(|_| TcpStream::connect(place(&url)).expect("it listens"))
        .collect();
    let started = Instant::now();
    finish(login, &url, &sandbox);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn forged_redirects_do_not_keep_the_real_one_waiting() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let place = place(&url);
    let forged = format!("GET /callback?code=c&state=forged HTTP/1.1\r\nhost: {place}\r\n\r\n");
    // Whose senders neither read nor close.
    let _crowd: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&place).expect("it listens");
            stream.write_all(forged.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    let started = Instant::now();
    finish(login, &url, &sandbox);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_idle_connection_is_answered_with_408() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let answer = say(&place(&url), "GET /callback HTTP/1.1\r\n");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    finish(login, &url, &sandbox);
}

#[test]
fn an_error_with_the_right_state_ends_the_login_with_5() {
    let (server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let (place, state) = (place(&url), parameter(&url, "state"));
    let words = "error_description=no%1b[31m%0a<script>alert(1)</script>%e2%80%ae";
    let page = arrive(&format!(
        "http://{place}/callback?error=access_denied&state={state}&{words}"
    ));
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    assert!(!page.body.contains("<script>"), "{}", page.body);
    let run = login.wait();
    run.fails(5, "access_denied");
    let bad = ['\u{1b}', '\u{202e}'];
    assert!(!run.stderr.contains(bad), "{:?}", run.stderr);
    assert_eq!(server.hits(), 0);
    assert!(!listens(&place));
}

#[test]
fn the_redirect_uri_is_kept_with_its_host_and_path() {
    for (uri, sent) in [
        ("http://[::1]/cb", "http://[::1]:"),
        ("http://localhost/", "http://localhost:"),
        ("http://127.0.0.1/a/b?c=d", "http://127.0.0.1:"),
        ("http://127.0.0.1:18777/", "http://127.0.0.1:18777/"),
        ("http://localhost:18778/", "http://localhost:18778/"),
    ] {
        let (_server, sandbox) = set_up(&format!("redirect_uri = \"{uri}\""));
        let mut login = Login::start(&sandbox, &[]);
        let url = login.address();
        let address = parameter(&url, "redirect_uri");
        assert!(address.starts_with(sent), "{address}");
        // A redirect keeps the query that the URI has (RFC 6749 section 3.1.2).
        let more = format!("code=c-1&state={}", parameter(&url, "state"));
        let sign = if uri.contains('?') { '&' } else { '?' };
        let page = arrive(&format!("{address}{sign}{more}"));
        assert_eq!(page.status, 200, "{uri}: {}", page.body);
        login.wait().ok_with("", "logged in to p");
    }
}

#[test]
fn a_browser_leaves_out_the_port_80_that_is_the_scheme_s_own() {
    let (_server, sandbox) = set_up("redirect_uri = \"http://127.0.0.1:80/cb\"");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let state = parameter(&url, "state");
    let request = format!("GET /cb?code=c&state={state} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let answer = say("127.0.0.1:80", &request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    login.wait().ok_with("", "logged in to p");
}

#[test]
fn ctrl_c_ends_the_wait_at_once_and_closes_the_port() {
    let (_server, sandbox) = set_up("");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert!(listens(&place(&url)));
    login.signal(Signal::SIGINT);
    let run = login.wait();
    assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    assert!(run.elapsed < Duration::from_secs(20));
    assert!(!listens(&place(&url)));
    let mut again = Login::start(&sandbox, &[]);
    let url = again.address();
    finish(again, &url, &sandbox);
}

#[test]
fn a_person_who_is_late_is_told_what_may_be_wrong_and_then_that_it_is_over() {
    let (_server, sandbox) = set_up("");
    let begun = Instant::now();
    let mut login = Login::start(&sandbox, &["--timeout", "4s"]);
    let url = login.address();
    let (place, uri) = (place(&url), parameter(&url, "redirect_uri"));
    let forged = format!("{uri}?code=c&state=forged");
    assert_eq!(http::get(&forged).status, 400);
    let said = login.says("that it still waits", |line| {
        line.contains("still waiting").then(|| line.to_owned())
    });
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "half of the time"
    );
    let early = format!(
        "if the server's page complains of the redirect URI: the redirect URI was {uri}, whose"
    );
    assert!(said.contains(&early), "{said}");
    assert!(login.is_running() && listens(&place));
    let run = login.wait();
    run.fails(
        4,
        "within 4 s; answers that are not this login's: 1 (old tabs",
    );
    run.fails(
        4,
        "tokctl: hint: to try again, run: tokctl login p; on another device: tokctl login p --device;",
    );
    assert_eq!(run.stderr.matches("still waiting").count(), 1);
    assert!(!listens(&place));
}

#[test]
fn a_refused_code_is_told_in_the_browser_and_on_stderr() {
    let server = Server::start(|_| Reply::error("invalid_grant"));
    let sandbox = sandbox_for(&server, "");
    let mut login = Login::start(&sandbox, &[]);
    let page = arrive(&redirect(&login.address(), ""));
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    login.wait().fails(5, "invalid_grant");
    assert_eq!(server.hits(), 1, "a code is used once");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
}

#[test]
fn tokens_that_need_a_proof_are_no_login() {
    let server = Server::start(|_| {
        Reply::json(
            200,
            r#"{"access_token":"at","refresh_token":"rt","token_type":"DPoP"}"#,
        )
    });
    let sandbox = sandbox_for(&server, "");
    let mut login = Login::start(&sandbox, &[]);
    let page = arrive(&redirect(&login.address(), ""));
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    login
        .wait()
        .fails(5, "it is of the type DPoP, which needs a proof");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(server.hits(), 1);
}

#[test]
fn less_than_was_asked_for_is_told_at_the_login() {
    let server = Server::start(|_| {
        Reply::json(
            200,
            r#"{"access_token":"at","refresh_token":"rt","expires_in":60,"scope":"b"}"#,
        )
    });
    let sandbox = sandbox_for(&server, "");
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    let run = login.wait();
    run.ok_with("", "the server granted less than was asked for: without a");
}

#[test]
fn who_waits_for_an_address_says_so_and_what_to_do_without_one() {
    let (_server, sandbox) = set_up("");
    let run = sandbox.run(["login", "p", "--paste"]);
    run.fails(4, "run: tokctl login p --paste, with that address on stdin");
    let fifo = sandbox.home().join("stdin");
    let made = sandbox.program("mkfifo", [&fifo]);
    Running::start(made, None).wait().ok("");
    // Opened for both, nobody has to be there on the other side.
    let other_end = File::options().read(true).write(true).open(&fifo);
    let script = "exec \"$0\" login p --paste <\"$1\"";
    let fifo = fifo.to_string_lossy();
    let mut login = Login::of(sandbox.program("sh", ["-c", script, support::tokctl(), &fifo]));
    let words = "waiting on stdin for the address that the login to p ended at";
    login.says("what it waits for", |line| {
        line.contains(words).then_some(())
    });
    drop(other_end.expect("a pipe that is there"));
    login.wait().fails(4, words);
}

#[test]
fn the_page_does_not_say_logged_in_when_the_token_could_not_be_stored() {
    let (_server, sandbox) = set_up("store_key = { file = \"key\" }");
    let key = sandbox.write("config/tokctl/key", "a passphrase\n");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    let records = sandbox.state_dir().join("tokctl/records");
    std::fs::remove_file(key).expect("the key was there");
    std::fs::remove_dir_all(&records).expect("the probe has made it");
    std::fs::write(&records, "in the way").expect("the state directory can be written");
    let page = arrive(&redirect(&url, ""));
    assert!(page.body.contains("Not logged in"), "{}", page.body);
    let run = login.wait();
    assert!([1, 7].contains(&run.code), "{run:?}");
    run.fails(run.code, "cannot be written");
    assert!(!run.stderr.contains("logged in to p"), "{run:?}");
}

#[test]
fn a_store_that_cannot_keep_a_grant_is_told_before_a_person_is_sent_anywhere() {
    let server = Server::tokens(3600);
    for (store, code) in [("none", 3), ("keyring", 7)] {
        let sandbox = Sandbox::new();
        sandbox.config(&format!(
            "[profile.p]\nclient_id = \"c\"\nstore = \"{store}\"\nissuer = \"{}\"\n",
            server.url("")
        ));
        for way in ["--no-browser", "--device", "--paste"] {
            let run = sandbox.run(["login", "p", way]);
            run.fails(code, "p");
            assert!(!run.stderr.contains("to log in to"), "{run:?}");
        }
    }
    assert_eq!(server.hits(), 0);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_locked_keyring_is_told_before_a_person_is_sent_anywhere() {
    let (server, sandbox) = set_up("");
    let text = std::fs::read_to_string(sandbox.config_file()).expect("the configuration");
    sandbox.config(&text.replace("encrypted-file", "keyring"));
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let mut keyring = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    finish(login, &url, &sandbox);
    keyring.lock(&bus);
    let run = sandbox.run(["login", "p", "--no-browser"]);
    run.fails(7, "lock");
    assert!(!run.stderr.contains("to log in to"), "{run:?}");
    assert_eq!(server.hits(), 1);
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn a_keyring_that_locks_during_the_login_does_not_lose_the_grant_unsaid() {
    let (_server, sandbox) = set_up("");
    let text = std::fs::read_to_string(sandbox.config_file()).expect("the configuration");
    sandbox.config(&text.replace("encrypted-file", "keyring"));
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let mut keyring = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    keyring.lock(&bus);
    let page = arrive(&redirect(&url, ""));
    let run = login.wait();
    let said = page.body.contains("is logged in");
    assert_eq!(said, run.code == 0, "{run:?}: {}", page.body);
    assert!([0, 7].contains(&run.code), "{run:?}");
    drop(keyring);
    let _open = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    let get = sandbox.run(["get", "p"]);
    assert_eq!(get.code == 0, run.code == 0, "{run:?} {get:?}");
}
