//! What can happen to a token request on its way: redirects, broken and endless answers.
#![cfg(unix)]

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::socket::{Backlog, listen};
use support::profiles::client_at;
use support::raw::read_head;
use support::{RawServer, Reply, Running, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";
const TOKEN: &str = r#"{"access_token":"at","expires_in":60}"#;

#[test]
fn a_redirect_is_an_error_that_names_its_host_and_is_never_followed() {
    let evil = Server::granting(r#"{"access_token":"evil","expires_in":60}"#);
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        for (location, words) in [
            (Some(evil.url("/token?code=canary")), "127.0.0.1"),
            (
                Some("https://user:canary@evil.example/x?t=canary".to_owned()),
                "evil.example",
            ),
            (Some("/elsewhere?t=canary".to_owned()), "redirect"),
            (Some("https://a\u{202e}b/".to_owned()), "HTTP 3"),
            (Some(String::new()), "HTTP 3"),
            (None, "HTTP 3"),
        ] {
            let mut reply = Reply::json(status, TOKEN);
            if let Some(location) = &location {
                reply = reply.header("location", location);
            }
            let server = Server::always(reply);
            let run = Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p", "-v"]);
            // To another host: a portal, perhaps, which is temporary.
            let code = if words == "evil.example" { 6 } else { 5 };
            run.fails(code, words)
                .fails(code, &format!("HTTP {status}"));
            assert_eq!(server.hits(), 1);
            let ugly = ["canary", "\u{202e}"]
                .iter()
                .any(|part| run.stderr.contains(part));
            assert!(!ugly, "{:?}", run.stderr);
        }
    }
    assert_eq!(evil.hits(), 0);
}

/// An answer in bytes, `|` standing for CR LF, and whether it holds a whole token reply.
const ANSWERS: &[(&str, bool)] = &[
    ("HTTP/1.1 200 OK|content-length: 37||TOKEN", true),
    (
        "HTTP/1.1 200 OK|content-length: 37|connection: keep-alive||TOKEN",
        true,
    ),
    ("HTTP/1.1 200 OK||TOKEN", true),
    ("HTTP/1.0 200 OK||TOKEN", true),
    ("HTTP/1.1 200|content-length: 37||TOKEN", true),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||25|TOKEN|0||",
        true,
    ),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||25;a=b|TOKEN|0|x: y||",
        true,
    ),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||1|{|24|NEKOT|0||",
        true,
    ),
    (
        "HTTP/1.1 100 Continue||HTTP/1.1 200 OK|content-length: 37||TOKEN",
        true,
    ),
    (
        "HTTP/1.1 200 OK|content-length: 37||TOKENtrailing bytes",
        true,
    ),
    // Whole JSON is whole, whatever its framing says.
    ("HTTP/1.1 200 OK|content-length: 500||TOKEN", true),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||25|TOKEN|",
        true,
    ),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||ff|TOKEN|",
        true,
    ),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||25|TOKEN|zz|",
        true,
    ),
    // Only one answer comes on a connection: a length that says nothing costs nothing.
    (
        "HTTP/1.1 200 OK|content-length: 37|content-length: 5||TOKEN",
        true,
    ),
    ("HTTP/1.1 200 OK|content-length: -1||TOKEN", true),
    ("HTTP/1.1 200 OK|content-length: x||TOKEN", true),
    // As curl takes it.
    (
        "HTTP/1.1 200 OK|x: a| b|\tc: d|content-length: 37||TOKEN",
        true,
    ),
    ("HTTP/1.1 200 OK|content-length : 37||TOKEN", true),
    (
        "HTTP/1.1 200 OK|x: \u{1}\u{7f}|content-length: 37||TOKEN",
        true,
    ),
    ("HTTP/1.1 200 OK|a: \u{0}|content-length: 37||TOKEN", true),
    ("HTTP/1.1 200 OK|no colon here||TOKEN", true),
    (
        "HTTP/1.1 200 OK|\u{fc}: \u{fc}|content-length: 37||TOKEN",
        true,
    ),
    ("HTTP/1.1 200 OK|MANY|content-length: 37||TOKEN", true),
    ("HTTP/1.1 200 OK|x: LONG|content-length: 37||TOKEN", true),
    ("HTTP/1.1 200 OK|content-length: 39||TOKEN\u{0}\u{0}", true),
    ("HTTP/1.1 200 OK|content-length: 43||)]}',\nTOKEN", true),
    ("HTTP/9.9 200 OK||TOKEN", true),
    ("||HTTP/1.1 200 OK|content-length: 37||TOKEN", true),
    // Truncated, in each way.
    ("HTTP/1.1 200 OK|content-length: 30||TOKEN", false),
    ("HTTP/1.1 200 OK|content-length: 37||", false),
    ("HTTP/1.1 200 OK|content-len", false),
    ("", false),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||zz|TOKEN|0||",
        false,
    ),
    (
        "HTTP/1.1 200 OK|transfer-encoding: chunked||ffffffffffffffffff|TOKEN|0||",
        false,
    ),
    ("HTTP/1.1 999999 OK||TOKEN", false),
    ("TOKEN", false),
    ("SSH-2.0-OpenSSH_9.2||", false),
    ("\u{16}\u{3}\u{1}", false),
    (
        "HTTP/1.1 200 OK|content-encoding: gzip|content-length: 37||\u{1f}\u{8b}",
        false,
    ),
];

#[test]
fn an_answer_is_whole_or_it_is_no_answer() {
    let mut wrong = Vec::new();
    for (answer, whole) in ANSWERS {
        let many = "x: y|".repeat(300);
        let bytes = answer
            .replace("MANY|", &many)
            .replace("LONG", &"y".repeat(100_000));
        let bytes = bytes.replace('|', "\r\n").replace("TOKEN", TOKEN);
        let server = Server::always(Reply::raw(bytes.replace("NEKOT", &TOKEN[1..])));
        let run = Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p", "--timeout=400ms"]);
        let as_meant = if *whole {
            (run.code, run.stdout.as_str(), run.stderr.as_str()) == (0, "at\n", "")
        } else {
            let words = run.stderr.starts_with("tokctl: profile \"p\": ");
            [5, 6].contains(&run.code) && run.stdout.is_empty() && words
        };
        let clean = !run.stderr.contains(|c: char| c.is_control() && c != '\n');
        if !as_meant || !clean || run.stderr.contains("access_token") {
            wrong.push(format!(
                "{answer:?}: exit {}, {:?}{}",
                run.code, run.stdout, run.stderr
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_compressed_answer_that_nobody_asked_for_is_named() {
    let server = Server::always(
        Reply::json(200, b"\x1f\x8b\x08\x00".to_vec()).header("content-encoding", "gzip"),
    );
    let run = Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p"]);
    run.fails(5, "gzip");
    let asked = server.requests()[0]
        .header("accept-encoding")
        .map(str::to_owned);
    assert!(asked.is_none_or(|asked| asked == "identity"));
}

/// Sends `head`, then zeros as fast as the client takes them, at most 100 MB; how many it took.
fn endless(head: &'static str, chunk: &'static [u8]) -> (RawServer, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let server = RawServer::start(move |mut stream| {
        read_head(&mut stream);
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() && counted.load(Ordering::SeqCst) < 100_000_000 {
            sent = stream.write_all(chunk);
            counted.fetch_add(chunk.len(), Ordering::SeqCst);
        }
    });
    (server, taken)
}

#[test]
fn an_endless_answer_costs_neither_memory_nor_time() {
    const ZEROS: &[u8] = &[b'0'; 65536];
    // A chunk of 0x10000 bytes with its size line and its end.
    let chunk: &'static [u8] = [b"10000\r\n", ZEROS, b"\r\n"].concat().leak();
    for (head, part) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n",
            ZEROS,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", ZEROS),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            chunk,
        ),
        ("HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"", ZEROS),
        ("HTTP/1.1 200 OK\r\nx: ", ZEROS),
        ("", ZEROS),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            ZEROS,
        ),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    ] {
        let (server, taken) = endless(head, part);
        let mut sandbox = Sandbox::new();
        sandbox
            .env("P_SECRET", "s")
            .config(&client_at(&server.url("/token"), NOTHING_KEPT));
        // 64 MB of memory of its own, stacks included, and not a byte more.
        let script = "ulimit -d 65536; exec \"$0\" get p --timeout 2s";
        let run = sandbox.program("sh", ["-c", script, support::tokctl()]);
        let run = Running::start(run, None).wait();
        assert!([5, 6].contains(&run.code), "{head:?}: {run:?}");
        run.fails(run.code, "tokctl: profile \"p\": ");
        assert!(
            run.elapsed < Duration::from_secs(3),
            "{head:?}: {:?}",
            run.elapsed
        );
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken < 100_000_000, "{head:?}: it took {taken} bytes");
    }
}

/// What never has to be waited for; some of it is never too long for a limit of size.
const FLOODS: [(&str, &[u8]); 3] = [
    ("HTTP/1.1 200 OK\r\n\r\n{", b" "),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1;aaaaaaa\n \n",
    ),
    ("HTTP/1.1 200 OK\r\n\r\n", &[b'a'; 65_536]),
];

/// A body in chunks of which no data comes: the size of a chunk, what stands behind it, fields after the last one.
const NO_DATA: [(&str, &[u8]); 3] = [
    ("", &[b'0'; 16_384]),
    ("1;", &[b'a'; 16_384]),
    ("1\r\n{\r\n0\r\n", b"a: b\r\n"),
];

/// A server that sends a head, and a part again and again.
fn flood(head: String, part: &'static [u8]) -> RawServer {
    RawServer::start(move |mut stream| {
        stream.set_nodelay(true).expect("a socket");
        read_head(&mut stream);
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(part);
        }
    })
}

#[test]
fn what_is_no_chunk_ends_after_a_mebibyte() {
    for (begin, part) in NO_DATA {
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{begin}");
        let server = flood(head, part);
        let mut sandbox = Sandbox::new();
        sandbox
            .env("P_SECRET", "s")
            .config(&client_at(&server.url("/token"), NOTHING_KEPT));
        let run = sandbox.run(["get", "p"]);
        run.fails(6, "more than 1 MiB that is no chunk");
    }
}

#[test]
fn a_flood_is_ended_by_the_time_budget() {
    for (at, row) in FLOODS.into_iter().enumerate() {
        let server = flood(row.0.to_owned(), row.1);
        let mut sandbox = Sandbox::new();
        sandbox
            .env("P_SECRET", "s")
            .config(&client_at(&server.url("/token"), NOTHING_KEPT));
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        let large = at == FLOODS.len() - 1;
        let words = if large {
            "larger than 4 MiB"
        } else {
            "no answer from 127.0.0.1"
        };
        run.fails(run.code, words);
        assert!(
            run.elapsed < Duration::from_secs(3),
            "{row:.80?}: {:?}",
            run.elapsed
        );
        // Here no size is too large.
        let more = format!("{NOTHING_KEPT}\nhosts = [\"{}\"]", server.url(""));
        let mut sandbox = Sandbox::new();
        let config = client_at("http://127.0.0.1:1/token", &more);
        sandbox.env("TOKCTL_TOKEN_P", "at").config(&config);
        let api = sandbox.command([
            "api",
            "p",
            &server.url("/x"),
            "--timeout=1s",
            "-o",
            "/dev/null",
        ]);
        let run = Running::start(api, None).wait();
        run.fails(6, "no answer from 127.0.0.1");
        assert!(
            run.elapsed < Duration::from_secs(3),
            "{row:.80?}: {:?}",
            run.elapsed
        );
    }
}

#[test]
fn an_answer_that_came_in_time_is_read_by_a_process_that_was_stopped_meanwhile() {
    let tokens = support::Tokens::new(600);
    let (seen, asked) = std::sync::mpsc::channel();
    let seen = std::sync::Mutex::new(seen);
    let (go, gone) = std::sync::mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::start(move |request| {
        seen.lock()
            .expect("no panic")
            .send(())
            .expect("the test waits");
        gone.lock()
            .expect("no panic")
            .recv()
            .expect("the test says when");
        tokens.answer(request)
    });
    let sandbox = Sandbox::with_client(&server, NOTHING_KEPT);
    let running = sandbox.start(["get", "p", "--timeout=1s"]);
    asked.recv().expect("a request");
    running.signal(nix::sys::signal::Signal::SIGSTOP);
    go.send(()).expect("the server waits");
    // Longer than the budget.
    std::thread::sleep(Duration::from_millis(1500));
    running.signal(nix::sys::signal::Signal::SIGCONT);
    running.wait().ok("at-1\n");
}

#[test]
fn a_body_of_four_megabytes_is_read_and_a_larger_one_is_not() {
    let body = |length: usize| {
        let padding = length - TOKEN.len() - r#","x":"""#.len();
        TOKEN.replace('}', &format!(",\"x\":\"{}\"}}", "x".repeat(padding)))
    };
    for (length, whole) in [((4 << 20) - 1, true), ((4 << 20) + 1, false)] {
        let server = Server::granting(&body(length));
        let run = Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p"]);
        assert_eq!(run.code == 0, whole, "{run:?}");
        assert!(whole || run.stderr.contains("larger than 4 MiB"), "{run:?}");
        assert_eq!(server.hits(), 1, "a size does not change by asking again");
    }
}

#[test]
fn the_time_budget_holds_whatever_the_server_does() {
    let trickle = |head: &'static str| {
        RawServer::start(move |mut stream| {
            read_head(&mut stream);
            let mut sent = stream.write_all(head.as_bytes());
            while sent.is_ok() {
                std::thread::sleep(Duration::from_millis(100));
                sent = stream.write_all(b" ");
            }
        })
    };
    let never_read = RawServer::start(|mut stream| {
        drop(stream.read(&mut [0]));
        std::thread::park();
    });
    let servers = [
        RawServer::silent(),
        never_read,
        trickle("HTTP/1.1 200 "),
        trickle("HTTP/1.1 200 OK\r\nx: "),
        trickle("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
        trickle("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1"),
        trickle("HTTP/1.1 200 OK\r\n\r\n{"),
    ];
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| {
                let mut sandbox = Sandbox::new();
                sandbox
                    .env("P_SECRET", "s")
                    .config(&client_at(&server.url("/token"), NOTHING_KEPT));
                let run = sandbox.run(["get", "p", "--timeout=1s"]);
                run.fails(6, "profile \"p\": no answer from 127.0.0.1");
                assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
                let config = client_at(&server.url("/token"), "timeout = \"500ms\"");
                let run = sandbox.config(&config).run(["get", "p"]);
                run.fails(6, "in time");
                assert!(
                    run.elapsed < Duration::from_millis(1500),
                    "{:?}",
                    run.elapsed
                );
            });
        }
    });
}

/// A port whose queue is full: the machine drops what comes, as a firewall would.
fn unreachable() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    // Once more, with the shortest queue.
    listen(&listener, Backlog::new(0).expect("a length")).expect("it listens");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue is never full");
    }
    (listener, queue)
}

#[test]
fn a_host_that_drops_packets_costs_the_time_budget_and_no_more() {
    let (listener, _queue) = unreachable();
    let port = listener.local_addr().expect("it has an address").port();
    let mut sandbox = Sandbox::new();
    let endpoint = format!("http://127.0.0.1:{port}/token");
    sandbox
        .env("P_SECRET", "s")
        .config(&client_at(&endpoint, NOTHING_KEPT));
    for (budget, most) in [("1s", 2000), ("300ms", 1300), ("0s", 1000)] {
        let run = sandbox.run(["get", "p", "--timeout", budget]);
        run.fails(6, &format!("127.0.0.1:{port} in time\n"));
        assert!(
            run.elapsed < Duration::from_millis(most),
            "{:?}",
            run.elapsed
        );
    }
}
