//! Answers as servers, and what is on the way to them, really write them: what curl takes is taken, and what
//! cannot be read is not asked for again with what is good for one use.
#![cfg(unix)]

use crate::support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Reply, Request, Sandbox, Server};

const GRANT: &str =
    r#"{"access_token":"new","refresh_token":"refresh-canary-2","expires_in":3600}"#;

/// A grant whose refresh token is good once: the first request gets `answer`, whatever comes later is
/// theft.
fn once(answer: Reply) -> (Server, Sandbox) {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| {
        let token = request.form()["refresh_token"].clone();
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => answer.clone(),
            _ if token == "refresh-canary-2" => {
                Reply::json(200, r#"{"access_token":"newer","expires_in":3600}"#)
            }
            _ => Reply::error("invalid_grant"),
        }
    });
    let sandbox = Sandbox::with_grant(&server, "store = \"plaintext\"");
    sandbox.import("refresh-canary-1");
    (server, sandbox)
}

/// What a program makes of a text.
fn through(program: &str, args: &[&str], text: &str) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is installed");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends").stdout
}

#[test]
fn a_compressed_answer_keeps_its_rotated_refresh_token() {
    let python = |code: &str| through("python3", &["-c", code], GRANT);
    let zlib = "import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))";
    let raw = "import sys,zlib; c=zlib.compressobj(wbits=-15); sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())";
    let gzip = through("gzip", &["-c"], GRANT);
    for (body, coding) in [
        (gzip.clone(), "gzip"),
        (gzip.clone(), "x-gzip"),
        (gzip, ""),
        (python(zlib), "deflate"),
        (python(raw), "deflate"),
        (GRANT.into(), "gzip"),
    ] {
        let mut answer = Reply::json(200, body);
        if !coding.is_empty() {
            answer = answer.header("content-encoding", coding);
        }
        let (server, sandbox) = once(answer);
        sandbox.run(["get", "p"]).ok("new\n");
        sandbox.run(["get", "p", "--force"]).ok("newer\n");
        assert_eq!(server.hits(), 2, "{coding}");
    }
}

#[test]
fn what_cannot_be_read_is_not_asked_for_again_and_is_told_when_the_grant_has_ended() {
    let raw = |text: String| Reply::raw(text.replace('|', "\r\n"));
    let bomb = through("sh", &["-c", "head -c 8000000 /dev/zero | gzip -c"], "");
    for (answer, words) in [
        (
            raw(format!("HTTP/1.1 200 OK|x: {}|", "y".repeat(400_000))),
            "a header of more than 300 kB",
        ),
        (raw(format!("200 OK||{GRANT}")), "did not answer in HTTP"),
        (
            Reply::json(200, GRANT.to_owned() + &" ".repeat(5_000_000)),
            "larger than 4 MiB",
        ),
        (
            Reply::json(200, bomb).header("content-encoding", "gzip"),
            "larger than 4 MiB",
        ),
        (
            Reply::json(200, "\u{1}\u{2}").header("content-encoding", "br"),
            "compressed as br",
        ),
        // In its place.
        (
            Reply::new(200, "text/html", "<title>Welcome</title>"),
            "HTTP 200 without a token (text/html",
        ),
        (
            Reply::json(200, "<title>Welcome</title>"),
            "HTTP 200 without a token",
        ),
        (
            Reply::json(200, "{\"access_token\":\"ne"),
            "without a token",
        ),
    ] {
        let (server, sandbox) = once(answer);
        let run = sandbox.run(["get", "p", "--timeout=5s"]);
        run.fails(run.code, words);
        assert!([5, 6].contains(&run.code), "{run:?}");
        assert_eq!(server.hits(), 1, "{words}");
        // The next call has no other: what was wrong then is said with what came of it.
        let run = sandbox.run(["get", "p", "--force"]);
        run.fails(4, "could not be read").fails(4, words);
        assert_eq!(server.hits(), 2, "{words}");
    }
}

#[test]
fn a_body_that_is_refused_early_does_not_cost_the_answer() {
    let answers = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&answers);
    // Reads the head and nothing of the body, answers and closes, as nginx does.
    let server = support::RawServer::start(move |mut stream| {
        let head = support::raw::read_head(&mut stream);
        let answer = match counted.fetch_add(1, Ordering::SeqCst) {
            0 => {
                "HTTP/1.1 401 No|www-authenticate: Bearer error=\"invalid_token\"|content-length: 2||{}"
            }
            _ => {
                "HTTP/1.1 413 Too much|content-type: application/json|content-length: 20||{\"message\":\"big it\"}"
            }
        };
        assert!(head.starts_with("POST"), "{head}");
        let _ = stream.write_all(answer.replace('|', "\r\n").as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(300));
    });
    let tokens = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&tokens, &format!("hosts = [\"{}\"]", server.url("")));
    let body = sandbox.write("body", vec![b'x'; 8_000_000]);
    let data = format!("@{}", body.display());
    let run = sandbox.run(["api", "p", &server.url("/x"), "-X", "POST", "--data", &data]);
    run.ends(
        5,
        "{\"message\":\"big it\"}",
        "413 Payload Too Large: big it",
    );
    assert_eq!(
        (answers.load(Ordering::SeqCst), tokens.hits()),
        (2, 2),
        "renewed once"
    );
}

/// A file that has no end in sight is not sent for nothing.
#[test]
fn a_large_body_that_is_refused_early_costs_no_time() {
    let server = support::RawServer::start(|mut stream| {
        support::raw::read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 413 Too much\r\ncontent-length: 2\r\n\r\n{}");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut sandbox = Sandbox::new();
    let more = format!("hosts = [\"{}\"]", server.url(""));
    let config = support::profiles::client_at("http://127.0.0.1:1/token", &more);
    sandbox.env("TOKCTL_TOKEN_P", "at").config(&config);
    let body = sandbox.write("body", "");
    let file = std::fs::OpenOptions::new().write(true).open(&body);
    file.expect("there").set_len(1 << 30).expect("a hole");
    let body = body.display().to_string();
    let run = sandbox.run(["api", "p", &server.url("/x"), "--input", &body]);
    run.ends(5, "{}", "413 Payload Too Large");
    assert!(
        run.elapsed < std::time::Duration::from_secs(20),
        "{:?}",
        run.elapsed
    );
}
