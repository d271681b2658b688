//! A strict server behind something that breaks each answer in one of twenty ways: no login is lost that
//! curl's reading of the same answer would have kept. `TOKCTL_RENEWALS=2000` for a long one.
#![cfg(unix)]

use crate::support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use support::profiles::grant_at;
use support::raw::read_head;
use support::{RawServer, Sandbox};

const KEPT: &str = "store = \"plaintext\"\naccess_cache = \"none\"\ntimeout = \"20s\"";

/// What is done to an answer. The last three lose it for every client.
const WAYS: [&str; 20] = [
    "whole",
    "folded header",
    "blank before the colon",
    "control character in a value",
    "long header",
    "many headers",
    "no last chunk",
    "NULs around",
    "a guard before it",
    "more than a megabyte",
    "gzip",
    "deflate",
    "a length that is too long",
    "two lengths",
    "bare line feeds",
    "early hints before it",
    "no length",
    "cut in the middle",
    "no answer",
    "a page in its place",
];
const LOST: usize = 17;

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }
}

fn compressed(code: &str, body: &[u8]) -> Vec<u8> {
    let code =
        format!("import sys,gzip,zlib; b=sys.stdin.buffer.read(); sys.stdout.buffer.write({code})");
    let mut child = Command::new("python3")
        .args(["-c", &code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(body).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends").stdout
}

/// The answer in that way, as bytes.
fn broken(way: &str, json: &str) -> Vec<u8> {
    let answer = |headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}\r\n");
        [head.as_bytes(), body].concat()
    };
    let length = |body: &[u8]| format!("content-length: {}\r\n", body.len());
    let plain = |headers: &str| {
        answer(
            &format!("{headers}{}", length(json.as_bytes())),
            json.as_bytes(),
        )
    };
    let with_body =
        |headers: &str, body: &[u8]| answer(&format!("{headers}{}", length(body)), body);
    match way {
        "folded header" => plain("x-a: b\r\n c\r\n\td\r\n"),
        "blank before the colon" => plain("x-a : b\r\n"),
        "control character in a value" => plain("x-a: \u{1}\u{7f}\r\n"),
        "long header" => plain(&format!("x-a: {}\r\n", "y".repeat(40_000))),
        "many headers" => plain(&"x-a: b\r\n".repeat(200)),
        "no last chunk" => answer(
            "transfer-encoding: chunked\r\n",
            format!("{:x}\r\n{json}\r\n", json.len()).as_bytes(),
        ),
        "NULs around" => with_body("", format!("\0\0{json}\0").as_bytes()),
        "a guard before it" => with_body("", format!(")]}}'\n{json}").as_bytes()),
        "more than a megabyte" => {
            with_body("", (json.to_owned() + &" ".repeat(1_500_000)).as_bytes())
        }
        "gzip" => with_body(
            "content-encoding: gzip\r\n",
            &compressed("gzip.compress(b)", json.as_bytes()),
        ),
        "deflate" => with_body(
            "content-encoding: deflate\r\n",
            &compressed("zlib.compress(b)", json.as_bytes()),
        ),
        "a length that is too long" => answer("content-length: 9999\r\n", json.as_bytes()),
        "two lengths" => plain(&length(json.as_bytes())),
        "bare line feeds" => String::from_utf8_lossy(&plain(""))
            .replace("\r\n", "\n")
            .into_bytes(),
        "early hints before it" => [
            &b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"[..],
            &plain(""),
        ]
        .concat(),
        "no length" => answer("", json.as_bytes()),
        "cut in the middle" => answer(
            "content-length: 9999\r\n",
            &json.as_bytes()[..json.len() / 2],
        ),
        "no answer" => Vec::new(),
        "a page in its place" => {
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 7\r\n\r\n<p>hi</"
                .to_vec()
        }
        _ => plain(""),
    }
}

/// The one refresh token that is good, and the last answer to it.
#[derive(Default)]
struct Strict {
    good: u64,
    last: Vec<u8>,
    way: usize,
}

fn serve(mut stream: TcpStream, strict: &Mutex<Strict>, dice: &Mutex<Dice>) {
    let head = read_head(&mut stream).to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mut form = vec![
        0;
        length
            .and_then(|length| length.trim().parse().ok())
            .unwrap_or(0)
    ];
    let _ = stream.read_exact(&mut form);
    let form = String::from_utf8_lossy(&form).into_owned();
    let mut strict = strict.lock().expect("no panic");
    if !form.contains(&format!("refresh_token=refresh-{}-", strict.good)) {
        let error = r#"{"error":"invalid_grant"}"#;
        let answer = format!(
            "HTTP/1.1 400 No\r\ncontent-length: {}\r\n\r\n{error}",
            error.len()
        );
        let _ = stream.write_all(answer.as_bytes());
        return;
    }
    strict.good += 1;
    let n = strict.good;
    let json = format!(
        r#"{{"access_token":"access-{n}-","refresh_token":"refresh-{n}-","expires_in":3600}}"#
    );
    let mut dice = dice.lock().expect("no panic");
    // Those that lose it for everybody cost seconds each: one in ten of them is enough.
    strict.way = match dice.next(WAYS.len()) {
        way if way >= LOST && dice.next(10) > 0 => dice.next(LOST),
        way => way,
    };
    strict.last = broken(WAYS[strict.way], &json);
    let _ = stream.write_all(&strict.last);
}

/// Whether curl gets a token from these bytes.
fn curl_keeps(bytes: &[u8]) -> bool {
    let bytes = bytes.to_vec();
    let server = RawServer::start(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&bytes);
    });
    let url = server.url("/");
    let curl = Command::new("curl")
        .args(["-s", "-m", "5", "--compressed", &url])
        .output();
    let text = curl.expect("curl is installed").stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    text.contains("\"refresh_token\":\"refresh-") && text.contains('}')
}

/// So many renewals one after the other; how many logins were lost, and which of them curl would have kept.
fn renew(times: usize, seed: u64) -> (usize, Vec<&'static str>) {
    let strict = Arc::new(Mutex::new(Strict::default()));
    let (shared, dice) = (Arc::clone(&strict), Mutex::new(Dice(seed)));
    let server = RawServer::start(move |stream| serve(stream, &shared, &dice));
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at(&server.url("/token"), KEPT));
    sandbox.import("refresh-0-");
    let (mut lost, mut wrong) = (0, Vec::new());
    for _ in 0..times {
        let before = strict.lock().expect("no panic").good;
        let run = sandbox.run(["get", "p", "--force"]);
        let strict = strict.lock().expect("no panic");
        if run.code == 0
            && run.stdout == format!("access-{}-\n", strict.good)
            && strict.good == before + 1
        {
            continue;
        }
        lost += 1;
        if strict.way < LOST || curl_keeps(&strict.last) {
            wrong.push(WAYS[strict.way]);
        }
        sandbox.import(&format!("refresh-{}-", strict.good));
    }
    (lost, wrong)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of a long run")]
#[ignore = "needs curl and python3: tests/run installs them"]
fn no_login_is_lost_that_curl_s_reading_would_have_kept() {
    let times = std::env::var("TOKCTL_RENEWALS").ok();
    let times: usize = times.and_then(|times| times.parse().ok()).unwrap_or(160);
    let results: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|seed| scope.spawn(move || renew(times / 4, seed + 1)))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("no panic"))
            .collect()
    });
    let lost: usize = results.iter().map(|(lost, _)| lost).sum();
    let wrong: Vec<_> = results.into_iter().flat_map(|(_, wrong)| wrong).collect();
    println!(
        "{times} renewals, {lost} lost for every client, {} that curl would have kept",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:?}");
}
