//! The way through a proxy, by curl's rules.
#![cfg(unix)]

use crate::support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use support::profiles::client_at;
use support::raw::read_head;
use support::{OidcProvider, RawServer, Run, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";

/// A profile for the provider's client `cc-basic`.
fn at(token_endpoint: &str, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let text = client_at(token_endpoint, &format!("{NOTHING_KEPT}\n{more}"));
    sandbox
        .env("P_SECRET", "cc-basic-secret")
        .config(&text.replace("\"id\"", "\"cc-basic\""));
    sandbox
}

fn provider(certificate: &str) -> (OidcProvider, String) {
    let provider = OidcProvider::start_tls(certificate, &[]);
    let endpoint = format!("{}/token", provider.url());
    (provider, endpoint)
}

fn trusting() -> String {
    format!("ca_file = \"{}\"", OidcProvider::ca_file().display())
}

fn got_a_token(run: &Run) {
    run.ok(&run.stdout);
    assert!(run.stdout.len() > 20, "{run:?}");
}

/// Copies both ways until both sides have ended.
fn tunnel(client: &TcpStream, port: u16) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Write));
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
}

/// Sends the head of what it is asked, and connects to this port whatever the name.
fn http_proxy(port: u16) -> (RawServer, std::sync::mpsc::Receiver<String>) {
    let (heads, seen) = std::sync::mpsc::channel();
    let heads = std::sync::Mutex::new(heads);
    let proxy = RawServer::start(move |stream| {
        let head = through(stream, port);
        drop(heads.lock().expect("no panic").send(head));
    });
    (proxy, seen)
}

/// A way to this port, whatever name is asked for; the head of what was asked.
pub fn through(mut stream: TcpStream, port: u16) -> String {
    let head = read_head(&mut stream);
    drop(stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"));
    tunnel(&stream, port);
    head
}

/// SOCKS5 with a name to be looked up by the proxy (RFC 1928), to this port whatever the name.
fn socks_proxy(port: u16) -> RawServer {
    RawServer::start(move |mut stream| {
        let mut greeting = [0; 2];
        drop(stream.read_exact(&mut greeting));
        drop(stream.read_exact(&mut vec![0; usize::from(greeting[1])]));
        drop(stream.write_all(&[5, 0]));
        let mut request = [0; 5];
        drop(stream.read_exact(&mut request));
        assert_eq!(request[..4], [5, 1, 0, 3], "a name, not an address");
        drop(stream.read_exact(&mut vec![0; usize::from(request[4]) + 2]));
        drop(stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        tunnel(&stream, port);
    })
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_proxy_is_asked_for_the_name_and_sees_no_secret() {
    // Its certificate is for the name other.invalid, which only a proxy can find.
    let (provider, _) = provider("wrongname");
    let port = provider
        .url()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let port: u16 = port.expect("the issuer ends with its port");
    let endpoint = format!("https://other.invalid:{port}/token");
    let (proxy, heads) = http_proxy(port);
    let address = format!("127.0.0.1:{}", proxy.port());
    for (name, value) in [
        ("https_proxy", format!("http://{address}")),
        ("HTTPS_PROXY", format!("http://{address}")),
        ("all_proxy", format!("http://{address}/")),
        ("ALL_PROXY", address.clone()),
        ("https_proxy", format!("http://user:p%40ss@{address}")),
    ] {
        let mut sandbox = at(&endpoint, &trusting());
        sandbox
            .env(name, &value)
            .env("http_proxy", "http://127.0.0.1:1");
        got_a_token(&sandbox.run(["get", "p"]));
        let head = heads.recv().expect("a request");
        assert!(
            head.starts_with(&format!("CONNECT other.invalid:{port} HTTP/1.1\r\n")),
            "{head}"
        );
        let head = head.to_lowercase();
        assert!(
            !head.contains("cc-basic") && !head.contains("\r\nauthorization:"),
            "{head}"
        );
        let known = head.contains("proxy-authorization: basic dxnlcjpwqhnz");
        assert_eq!(known, value.contains('@'), "{head}");
    }
    let mut sandbox = at(&endpoint, &trusting());
    sandbox
        .env("all_proxy", "http://127.0.0.1:1")
        .env("https_proxy", format!("http://{address}"));
    got_a_token(&sandbox.run(["get", "p"]));

    assert!(heads.recv().is_ok(), "it went that way");

    let socks = socks_proxy(port);
    // By curl's rules it is socks5h that leaves the name to the proxy.
    let mut sandbox = at(&endpoint, &trusting());
    sandbox.env("all_proxy", format!("socks5h://127.0.0.1:{}", socks.port()));
    got_a_token(&sandbox.run(["get", "p"]));
    for list in ["other.invalid", ".invalid", "a,INVALID", "*"] {
        let mut sandbox = at(&endpoint, &trusting());
        sandbox
            .env("https_proxy", format!("http://{address}"))
            .env("no_proxy", list);
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(6, "other.invalid");
        assert!(heads.try_recv().is_err(), "{list}");
    }
}

#[test]
fn loopback_is_reached_without_a_proxy() {
    let server = Server::tokens(60);
    for endpoint in [
        server.url("/token"),
        server.url("/token").replace("127.0.0.1", "localhost"),
    ] {
        let mut sandbox = at(&endpoint, "");
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "all_proxy",
            "ALL_PROXY",
        ] {
            sandbox.env(name, "http://127.0.0.1:1");
        }
        got_a_short_token(&sandbox.run(["get", "p"]));
        sandbox.env("all_proxy", "nonsense://");
        got_a_short_token(&sandbox.run(["get", "p"]));
    }
}

fn got_a_short_token(run: &Run) {
    assert!(run.code == 0 && run.stdout.starts_with("at-"), "{run:?}");
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let says = |answer: &'static str| {
        RawServer::start(move |mut stream| {
            read_head(&mut stream);
            drop(stream.write_all(answer.as_bytes()));
        })
    };
    let trickle = RawServer::start(|mut stream| {
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let proxies = [
        says("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
        says("HTTP/1.1 403 Forbidden\r\n\r\n<html>proxy-canary</html>"),
        says("HTTP/1.1 200 OK\r\n\r\nno tunnel"),
        says("garbage"),
        says(""),
        RawServer::silent(),
        trickle,
    ];
    let fails_by = |scheme: &str, proxy: &RawServer| {
        let mut sandbox = at("https://other.invalid/token", "");
        let address = format!("127.0.0.1:{}", proxy.port());
        sandbox.env(
            "https_proxy",
            format!("{scheme}://user:proxy-canary@{address}"),
        );
        let run = sandbox.run(["get", "p", "-vv", "--timeout=1s"]);
        run.fails(6, "profile \"p\": ").fails(6, "other.invalid");
        run.fails(6, &address);
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
        assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
        assert!(proxy.connections() > 0);
    };
    thread::scope(|scope| {
        for proxy in &proxies {
            // The name is the proxy's to look up with either.
            scope.spawn(move || ["http", "socks5h"].map(|scheme| fails_by(scheme, proxy)));
        }
    });
    for wrong in [
        "http://user:proxy-canary@[bad",
        "ftp://user:proxy-canary@x",
        "http://",
    ] {
        let mut sandbox = at("https://other.invalid/token", "");
        let run = sandbox
            .env("https_proxy", wrong)
            .run(["get", "p", "-vv", "--timeout=1s"]);
        run.fails(3, "profile \"p\"").fails(3, "proxy");
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
}

#[test]
fn a_proxy_that_refuses_is_asked_once_and_named_with_its_variable() {
    let says = |answer: &'static str| {
        RawServer::start(move |mut stream| {
            read_head(&mut stream);
            drop(stream.write_all(answer.as_bytes()));
        })
    };
    let socks = |answers: &'static [&'static [u8]]| {
        RawServer::start(move |mut stream| {
            for answer in answers {
                let _ = stream.read(&mut [0; 512]);
                let _ = stream.write_all(answer);
            }
        })
    };
    for (scheme, proxy, words) in [
        (
            "http://user:proxy-canary@",
            says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "does not take the user name and password (407",
        ),
        (
            "http://",
            says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "wants a user name and password (407",
        ),
        (
            "http://",
            says("HTTP/1.1 403 Forbidden\r\n\r\n"),
            "answered CONNECT with 403 Forbidden",
        ),
        (
            "http://",
            says("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            "answered CONNECT with 502 Bad Gateway",
        ),
        (
            "socks5h://user:proxy-canary@",
            socks(&[&[5, 2], &[1, 1]]),
            "does not take the user name and password",
        ),
        (
            "socks5h://",
            socks(&[&[5, 255]]),
            "wants a user name and password",
        ),
        (
            "socks5h://",
            socks(&[&[5, 0], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]]),
            "is not allowed to connect there (SOCKS code 2)",
        ),
        (
            "socks4a://user@",
            socks(&[&[0, 93, 0, 0, 0, 0, 0, 0]]),
            "does not take the user name",
        ),
    ] {
        let mut sandbox = at("https://other.invalid/token", "");
        let address = format!("127.0.0.1:{}", proxy.port());
        sandbox.env("all_proxy", format!("{scheme}{address}"));
        let run = sandbox.run(["get", "p", "--timeout=5s"]);
        let place = format!(
            "the proxy {address} of all_proxy, which is on the way to other.invalid, {words}"
        );
        run.fails(6, &place);
        assert!(!run.stderr.contains("canary"), "{run:?}");
        // A wrong password that is said five times locks an account.
        assert_eq!(proxy.connections(), 1, "{run:?}");
    }
}
