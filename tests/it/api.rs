//! `tokctl api`: requests with the profile's token, to the profile's hosts only.

use crate::support;

use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::raw::read_head;
use support::{RawServer, Reply, Request, Running, Sandbox, Server, TlsServer, Tokens};

/// A server of tokens whose own API answers with `api`.
fn service(api: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let tokens = Tokens::new(3600);
    Server::start(move |request| match request.path.as_str() {
        "/token" => tokens.answer(request),
        "/revoke-all" => {
            tokens.revoke();
            Reply::json(200, "{}")
        }
        _ => api(request).unwrap_or_else(|| tokens.answer(request)),
    })
}

/// Profile `p` with client credentials, and `server` as its API.
fn client(server: &Server, more: &str) -> Sandbox {
    let base = server.url("/v1/");
    Sandbox::with_client(server, &format!("api_url = \"{base}\"\n{more}"))
}

fn last(server: &Server) -> Request {
    server.requests().pop().expect("there was a request")
}

#[test]
fn a_relative_url_is_on_the_profile_s_api_base() {
    let server = service(|request| Some(Reply::json(200, request.path.clone())));
    let sandbox = client(&server, "");
    for (url, path) in [
        ("/search", "/v1/search"),
        ("search?q=a b&x=é#top", "/v1/search"),
        ("//evil.example/x", "/v1/evil.example/x"),
        ("a/../b", "/v1/a/../b"),
        ("?q=https://evil.example/", "/v1"),
    ] {
        sandbox.run(["api", "p", url]).ok(path);
    }
    let found = server.requests();
    let search = found.iter().find(|request| !request.query.is_empty());
    assert_eq!(
        search.map(|request| request.query.as_str()),
        Some("q=a%20b&x=%C3%A9")
    );
    let request = last(&server);
    assert_eq!(request.header("authorization"), Some("Bearer at-1"));
    assert_eq!(request.header("accept"), Some("*/*"));
    assert!(
        request
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("tokctl/"))
    );
}

#[test]
fn the_token_goes_to_the_profile_s_hosts_only() {
    let server = service(|_| Some(Reply::json(200, "mine")));
    let other = Server::always(Reply::json(200, "theirs"));
    let sandbox = client(&server, "");
    sandbox.run(["api", "p", &server.url("/x")]).ok("mine");
    let run = sandbox.run(["api", "p", &other.url("/x")]);
    run.fails(3, "is none of its hosts, so it gets no token");
    assert!(
        run.stderr
            .contains(&format!("hosts = [\"{}\"]", other.url("")))
    );
    for url in [
        "http://evil.example/",
        "ftp://evil.example/",
        "https://user@evil.example/",
        "https://evil.example\\@127.0.0.1/",
        "https:///x",
        "http://127.0.0.1:80\n/",
    ] {
        sandbox.run(["api", "p", url]).fails(2, "the URL");
    }
    assert_eq!(other.hits(), 0);
    let hosts = format!("hosts = [\"{}\"]", other.url(""));
    let sandbox = client(&server, &hosts);
    sandbox.run(["api", "p", &other.url("/x")]).ok("theirs");
    assert_eq!(last(&other).header("authorization"), Some("Bearer at-2"));
    let bare = Sandbox::with_client(&server, "");
    bare.run(["api", "p", "/x"])
        .fails(3, "the profile has no api_url");
}

/// Flags, and the method, content type and body that they make.
type Row<'a> = (&'a [&'a str], &'a str, Option<&'a str>, &'a str);

#[test]
fn the_body_makes_the_method_and_the_content_type() {
    let server = service(|_| Some(Reply::json(200, "ok")));
    let sandbox = client(&server, "");
    let file = sandbox.write("body", "a=1\r\nb=2\n");
    let at = format!("@{}", file.display());
    let file = file.display().to_string();
    let form = Some("application/x-www-form-urlencoded");
    let json = Some("application/json");
    let rows: [Row; 13] = [
        (&[], "GET", None, ""),
        (&["-X", "DELETE"], "DELETE", None, ""),
        (&["--method", "POST"], "POST", None, ""),
        (&["-d", "a=1", "-d", "b=2"], "POST", form, "a=1&b=2"),
        (&["-d", "{\"a\": 1}"], "POST", json, "{\"a\": 1}"),
        (&["-d", "[1]", "-X", "PATCH"], "PATCH", json, "[1]"),
        (&["-d", "{a}"], "POST", form, "{a}"),
        (&["--data", &at], "POST", form, "a=1b=2"),
        (&["--data-binary", &at], "POST", form, "a=1\r\nb=2\n"),
        (&["--input", &file], "POST", json, "a=1\r\nb=2\n"),
        (&["--input", "-"], "POST", json, "from stdin"),
        (&["-d", "@-", "-X", "PUT"], "PUT", form, "from stdin"),
        (
            &["-d", "x", "-H", "content-type: text/plain"],
            "POST",
            Some("text/plain"),
            "x",
        ),
    ];
    for (flags, method, content_type, body) in rows {
        let args = [&["api", "p", "/x"], flags].concat();
        sandbox.run_with_stdin(args, "from stdin").ok("ok");
        let request = last(&server);
        let got = (
            request.method.as_str(),
            request.header("content-type"),
            String::from_utf8_lossy(&request.body).into_owned(),
        );
        assert_eq!(got, (method, content_type, body.to_owned()), "{flags:?}");
        let length = request.header("content-length");
        let wanted = body.len().to_string();
        let wanted = ["POST", "PUT", "PATCH"].contains(&method).then_some(wanted);
        assert_eq!(length, wanted.as_deref(), "{flags:?}");
    }
}

#[test]
fn headers_are_the_user_s_but_for_the_one_that_holds_the_token() {
    let server = service(|_| Some(Reply::json(200, "ok")));
    let more = "api_headers = { Accept = \"application/vnd.x+json\", Client-Id = \"{client_id}\" }";
    let sandbox = client(&server, more);
    sandbox
        .run(["api", "p", "/x", "-H", "X-One: a", "-H", "client-id: mine"])
        .ok("ok");
    let request = last(&server);
    assert_eq!(request.header("accept"), Some("application/vnd.x+json"));
    assert_eq!(request.header("x-one"), Some("a"));
    assert_eq!(request.header("client-id"), Some("mine"));
    for (header, why) in [
        (
            "Authorization: Bearer x",
            "Authorization is set by the request itself",
        ),
        ("Host: evil.example", "Host is set by the request itself"),
        ("Content-Length: 5", "is set by the request itself"),
        ("nonsense", "must be \"Name: value\""),
        ("a b: c", "no header's name"),
        ("X: a\r\nY: b", "cannot have"),
    ] {
        sandbox.run(["api", "p", "/x", "-H", header]).fails(2, why);
    }
    // As with curl, nothing behind the colon leaves it out.
    let left_out = ["-d", "{}", "-H", "Content-Type:", "-H", "X-Two:"];
    sandbox
        .run([&["api", "p", "/x"], &left_out[..]].concat())
        .ok("ok");
    assert_eq!(last(&server).header("content-type"), None);
    assert_eq!(last(&server).header("x-two"), None);
    sandbox
        .run(["api", "p", "/x", "-d", "@"])
        .fails(2, "no file is named");
    let own = client(&server, "api_header = \"X-Token\"");
    own.run(["api", "p", "/x"]).ok("ok");
    assert_eq!(last(&server).header("x-token"), Some("at-2"));
    assert_eq!(last(&server).header("authorization"), None);
    own.run(["api", "p", "/x", "-H", "x-token: a"])
        .fails(2, "X-Token holds the profile's token");
}

#[test]
fn a_refused_token_is_renewed_once_and_the_request_repeated_once() {
    let server = service(|_| None);
    let sandbox = client(&server, "");
    let ok = r#"{"ok":true}"#;
    sandbox.run(["api", "p", "/x"]).ok(ok);
    sandbox
        .run(["api", "p", &server.url("/revoke-all")])
        .ok("{}");
    sandbox.run(["api", "p", "/x"]).ok(ok);
    assert_eq!(server.hits_of("/token"), 2);
    assert_eq!(server.hits_of("/v1/x"), 3);
    // The new one is the stored one.
    sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
fn a_service_that_refuses_every_token_is_asked_twice_and_no_more() {
    let server = service(|_| {
        let reply = Reply::json(401, r#"{"message":"Bad\u001b[31m credentials"}"#);
        Some(reply.header("www-authenticate", "Bearer error=\"invalid_token\""))
    });
    let sandbox = client(&server, "");
    let body = "{\"message\":\"Bad\\u001b[31m credentials\"}";
    let run = sandbox.run(["api", "p", "/x"]);
    run.ends(
        5,
        body,
        "answered GET with 401 Unauthorized: Bad [31m credentials",
    );
    assert!(
        run.stderr
            .contains("hint: the token is not one for this API")
    );
    assert_eq!((server.hits_of("/v1/x"), server.hits_of("/token")), (2, 2));
    // With a login there is something that a person can do.
    let grant = Sandbox::with_grant(&server, &format!("api_url = \"{}\"", server.url("")));
    let run = grant.run(["api", "p", "/x", "--fail"]);
    run.fails(4, "answered GET with 401")
        .fails(4, "tokctl login p");
}

#[test]
fn a_grant_that_ended_says_so_beside_the_refused_token() {
    let server = service(|_| None);
    let sandbox = Sandbox::with_grant(&server, &format!("api_url = \"{}\"", server.url("")));
    sandbox.run(["api", "p", "/x"]).ok(r#"{"ok":true}"#);
    sandbox.run(["api", "p", "/revoke-all"]).ok("{}");
    let run = sandbox.run(["api", "p", "/x"]);
    run.ends(
        4,
        r#"{"error":"invalid_token"}"#,
        "refuses the token (401); your grant for p ended",
    );
    assert!(
        run.stderr.contains("hint: run: tokctl login p"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_token_of_the_environment_is_not_renewed() {
    let server = service(|_| None);
    let mut sandbox = client(&server, "");
    sandbox.env("TOKCTL_TOKEN_P", "at-env");
    let run = sandbox.run(["api", "p", "/x"]);
    run.ends(
        4,
        r#"{"error":"invalid_token"}"#,
        "refuses the token of TOKCTL_TOKEN_P (401)",
    );
    assert_eq!(last(&server).header("authorization"), Some("Bearer at-env"));
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_missing_scope_is_named_with_the_login_that_asks_for_it() {
    let server = service(|request| {
        Some(match request.path.as_str() {
            "/rfc" => Reply::json(403, "{}").header(
                "www-authenticate",
                "Bearer error=\"insufficient_scope\", scope=\"repo user\"",
            ),
            "/hub" => Reply::json(404, r#"{"message":"Not Found"}"#)
                .header("x-accepted-oauth-scopes", "repo, public_repo")
                .header("x-oauth-scopes", "user"),
            _ => Reply::json(403, r#"{"error":{"message":"Forbidden"}}"#),
        })
    });
    let api = format!("api_url = \"{}\"", server.url(""));
    let grant = Sandbox::with_grant(&server, &api);
    let run = grant.run(["api", "p", "/rfc"]);
    run.ends(4, "{}", "403 Forbidden");
    assert!(
        run.stderr
            .contains("tokctl login p --scope +repo --scope +user")
    );
    let run = grant.run(["api", "p", "/hub"]);
    run.ends(5, r#"{"message":"Not Found"}"#, "404 Not Found: Not Found");
    assert!(
        run.stderr.contains("tokctl login p --scope +repo\n"),
        "{}",
        run.stderr
    );
    let run = grant.run(["api", "p", "/other", "-f"]);
    run.fails(5, "403 Forbidden: Forbidden");
    assert!(!run.stderr.contains("hint"), "{}", run.stderr);
    let client = Sandbox::with_client(&server, &api);
    let run = client.run(["api", "p", "/rfc", "-f"]);
    run.fails(5, "403")
        .fails(5, "run: tokctl add p --change --scope ");
}

#[test]
fn the_exit_code_follows_the_status() {
    let server = service(|request| {
        let status = request.path.trim_start_matches("/v1/").parse().ok()?;
        Some(Reply::new(status, "text/plain", "body").header("retry-after", "90"))
    });
    let sandbox = client(&server, "");
    for (status, code) in [
        (200, 0),
        (204, 0),
        (304, 0),
        (400, 5),
        (404, 5),
        (408, 6),
        (410, 5),
        (422, 5),
        (429, 6),
        (500, 6),
        (503, 6),
    ] {
        let body = if [204, 304].contains(&status) {
            ""
        } else {
            "body"
        };
        let run = sandbox.run(["api", "p", &format!("/{status}")]);
        if code == 0 {
            run.ok(body);
        } else {
            run.ends(code, body, &format!("answered GET with {status}"));
            sandbox
                .run(["api", "p", &format!("/{status}"), "--fail"])
                .fails(code, &format!("answered GET with {status}"));
        }
    }
    let run = sandbox.run(["api", "p", "/429"]);
    assert!(run.stderr.contains("hint: try again in 1m 30s"));
}

#[test]
fn a_redirect_from_https_to_http_is_not_followed_also_not_to_this_machine() {
    let plain = Server::always(Reply::json(200, "plain"));
    let (there, by_name) = (
        plain.url("/there"),
        plain.url("/there").replace("127.0.0.1", "localhost"),
    );
    let tokens = Tokens::new(3600);
    let locations = [there.clone(), by_name];
    let server = TlsServer::start(move |request| match request.path.as_str() {
        "/token" => tokens.answer(request),
        path => {
            let at = usize::from(path == "/name");
            Reply::json(302, "moved").header("location", &locations[at])
        }
    });
    // Also where the profile names that host.
    let more = format!(
        "api_url = \"{}\"\nca_file = \"{}\"\nhosts = [\"{}\"]",
        server.url("/"),
        server.ca_file().display(),
        there.trim_end_matches("/there")
    );
    let sandbox = Sandbox::with_client(&server.server, &more);
    for path in ["/address", "/name"] {
        sandbox
            .run(["api", "p", path])
            .ends(5, "moved", "redirects from https to http");
    }
    assert_eq!(plain.hits(), 0);
}

#[test]
fn a_redirect_to_another_host_is_followed_without_the_token() {
    let foreign = Server::always(Reply::json(200, "foreign"));
    let home = Arc::new(std::sync::Mutex::new(String::new()));
    let (there, back) = (foreign.url("/there"), Arc::clone(&home));
    let server = service(move |request| {
        let to = |status, location: &str| {
            Some(Reply::json(status, "moved").header("location", location))
        };
        match request.path.as_str() {
            "/v1/out" => to(302, &there),
            "/v1/keep" => to(307, &there),
            "/v1/within" => to(301, "../v1/here?a=b"),
            "/v1/see" => to(303, "/v1/here"),
            "/v1/again" => to(308, "/v1/here"),
            "/v1/loop" => to(302, "/v1/loop"),
            "/v1/plain" => to(302, "http://plain.example/"),
            "/v1/odd" => to(302, "http://[/"),
            "/v1/back" => to(302, &back.lock().expect("no panic holds it")),
            _ => Some(Reply::json(
                200,
                format!("{} {}", request.method, request.path),
            )),
        }
    });
    *home.lock().expect("no panic holds it") = server.url("/v1/here");
    let sandbox = client(&server, "api_headers = { Client-Id = \"c\" }");
    let secret = ["-H", "X-Api-Key: k", "-H", "Accept: a/b"];
    sandbox
        .run([&["api", "p", "/out"], &secret[..]].concat())
        .ok("foreign");
    let request = last(&foreign);
    for name in ["authorization", "client-id", "x-api-key", "cookie"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(request.header("accept"), Some("a/b"));
    sandbox.run(["api", "p", "/within"]).ok("GET /v1/here");
    assert_eq!(last(&server).header("authorization"), Some("Bearer at-1"));
    sandbox
        .run(["api", "p", "/see", "-d", "x"])
        .ok("GET /v1/here");
    assert_eq!(last(&server).header("content-type"), None);
    sandbox
        .run(["api", "p", "/again", "-d", "x"])
        .ok("POST /v1/here");
    assert_eq!(last(&server).body, b"x");
    let hits = foreign.hits();
    sandbox.run(["api", "p", "/keep", "-d", "x"]).ends(
        5,
        "moved",
        "which is none of the profile's hosts",
    );
    sandbox
        .run(["api", "p", "/keep", "-X", "DELETE", "-f"])
        .fails(5, "redirects DELETE to");
    sandbox
        .run(["api", "p", "/loop", "-f"])
        .fails(5, "more than 10 times");
    sandbox
        .run(["api", "p", "/plain", "-f"])
        .fails(5, "http is for loopback only");
    sandbox
        .run(["api", "p", "/odd", "-f"])
        .fails(5, "to what is no URL");
    assert_eq!(foreign.hits(), hits);
}

#[test]
fn a_token_that_left_its_host_does_not_come_back() {
    let home = Arc::new(std::sync::Mutex::new(String::new()));
    let back = Arc::clone(&home);
    let foreign = Server::start(move |_| {
        let home = back.lock().expect("no panic holds it").clone();
        Reply::json(302, "").header("location", &home)
    });
    let out = foreign.url("/");
    let server = service(move |request| match request.path.as_str() {
        "/v1/out" => Some(Reply::json(302, "").header("location", &out)),
        _ => Some(Reply::json(200, "here")),
    });
    *home.lock().expect("no panic holds it") = server.url("/v1/delete-everything");
    let sandbox = client(&server, "");
    sandbox.run(["api", "p", "/out"]).ok("here");
    assert_eq!(last(&server).header("authorization"), None);
}

#[test]
fn the_header_and_a_file_take_the_answer() {
    let server = service(|request| {
        let status = if request.path.ends_with("gone") {
            404
        } else {
            200
        };
        Some(Reply::new(status, "text/plain", "body").header("x-page", "2"))
    });
    let sandbox = client(&server, "");
    let run = sandbox.run(["api", "p", "/x", "-i"]);
    run.ok(
        "HTTP/1.1 200 Scripted\r\ncontent-type: text/plain\r\nx-page: 2\r\ncontent-length: 4\r\n\r\nbody",
    );
    let run = sandbox.run(["api", "p", "/x", "-i", "-X", "HEAD"]);
    run.ok("HTTP/1.1 200 Scripted\r\ncontent-type: text/plain\r\nx-page: 2\r\ncontent-length: 4\r\n\r\n");
    let file = sandbox.home().join("answer");
    let name = file.to_str().expect("a plain name");
    sandbox.run(["api", "p", "/x", "-o", name]).ok("");
    assert_eq!(fs::read(&file).expect("it is there"), b"body");
    sandbox
        .run(["api", "p", "/gone", "--fail", "-o", name])
        .fails(5, "404");
    assert_eq!(fs::read(&file).expect("it is there"), b"body");
    sandbox.run(["api", "p", "/x", "-o", "/dev/null"]).ok("");
    sandbox.run(["api", "p", "/x", "-o", "-"]).ok("body");
    sandbox
        .run(["api", "p", "/x", "-o", "/no/such/dir/f"])
        .fails(1, "/no/such/dir/f: no such file or directory");
    let left = support::sandbox::files(sandbox.home());
    assert!(
        !left
            .iter()
            .any(|file| file.to_string_lossy().contains(".tmp"))
    );
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let server = service(|request| match request.path.as_str() {
        "/v1/short" => Some(Reply::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!",
        )),
        _ => Some(Reply::none()),
    });
    let sandbox = client(&server, "");
    let file = sandbox.write("answer", "old");
    let name = file.to_str().expect("a plain name");
    sandbox
        .run(["api", "p", "/short", "-o", name])
        .fails(6, "profile \"p\"");
    assert_eq!(fs::read(&file).expect("it is there"), b"old");
    sandbox.run(["api", "p", "/none"]).fails(6, "profile \"p\"");
    let silent = RawServer::silent();
    let hosts = format!("hosts = [\"{}\"]", silent.url(""));
    let sandbox = client(&server, &hosts);
    sandbox
        .run(["api", "p", &silent.url("/x"), "--timeout", "1s"])
        .fails(6, "no answer from");
}

/// The size of the bodies that only fit through: many times the memory that is allowed.
const LARGE: usize = 128 * 1024 * 1024;

/// The largest memory of a process so far, in bytes, from its status.
fn peak(run: &Running) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", run.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[test]
fn bodies_of_any_size_pass_in_constant_memory() {
    let tokens = service(|_| None);
    let received = Arc::new(AtomicUsize::new(0));
    let (counted, paused) = (Arc::clone(&received), Arc::new(AtomicUsize::new(0)));
    let pause = Arc::clone(&paused);
    let service = RawServer::start(move |mut stream| {
        let head = read_head(&mut stream);
        let block = vec![b'x'; 1024 * 1024];
        if head.starts_with("GET") {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n");
            drop(stream.write_all(head.as_bytes()));
            for _ in 0..LARGE / block.len() {
                drop(stream.write_all(&block));
            }
        } else {
            let mut buffer = vec![0; 1024 * 1024];
            let mut end = Vec::new();
            while !end.ends_with(b"\r\n0\r\n\r\n") {
                let Ok(read @ 1..) = stream.read(&mut buffer) else {
                    break;
                };
                counted.fetch_add(read, Ordering::SeqCst);
                end.extend_from_slice(&buffer[..read]);
                end.drain(..end.len().saturating_sub(16));
            }
            // The caller is looked at while it waits.
            pause.store(1, Ordering::SeqCst);
            while pause.load(Ordering::SeqCst) == 1 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
        }
    });
    let hosts = format!("hosts = [\"{}\"]", service.url(""));
    let sandbox = client(&tokens, &hosts);
    // Sent from stdin, chunked.
    let script = format!(
        "head -c {LARGE} /dev/zero | {} api p {} --input -",
        support::tokctl(),
        service.url("/up")
    );
    let run = Running::start(sandbox.program("sh", ["-c", &script]), None);
    while paused.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let used = fs::read_dir("/proc").expect("Linux").filter_map(|entry| {
        let pid = entry
            .ok()?
            .file_name()
            .to_string_lossy()
            .parse::<u32>()
            .ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let own = line.contains(&service.url("/up")) && line.contains("tokctl api");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak = peak.split_whitespace().next()?.parse::<usize>().ok()?;
        own.then_some(peak * 1024)
    });
    let used = used.max().expect("it is still running");
    paused.store(2, Ordering::SeqCst);
    run.wait().ok("ok");
    assert!(received.load(Ordering::SeqCst) >= LARGE);
    assert!(used < 32 * 1024 * 1024, "{used} bytes");
    // Received into a file.
    let file = sandbox.home().join("large");
    let name = file.to_str().expect("a plain name");
    let run = sandbox.start(["api", "p", &service.url("/down"), "-o", name]);
    let mut used = 0;
    while !file.exists() {
        used = used.max(peak(&run));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run.wait().ok("");
    assert_eq!(
        fs::metadata(&file).expect("it is there").len(),
        LARGE as u64
    );
    assert!((1..32 * 1024 * 1024).contains(&used), "{used} bytes");
}

#[test]
fn a_long_stdin_is_sent_once_only() {
    let server = service(|request| {
        let bad = request.header("authorization") == Some("Bearer at-1");
        Some(Reply::json(if bad { 401 } else { 200 }, "{}"))
    });
    let sandbox = client(&server, "");
    let short = "x".repeat(1024 * 1024 - 1);
    let run = sandbox.run_with_stdin(["api", "p", "/x", "-X", "PUT", "--input", "-"], &*short);
    run.ok("{}");
    let bodies = server
        .requests()
        .into_iter()
        .filter(|request| request.method == "PUT");
    let lengths: Vec<usize> = bodies.map(|request| request.body.len()).collect();
    assert_eq!(lengths, [short.len(), short.len()]);
    let long = "x".repeat(1024 * 1024);
    let server = service(|_| Some(Reply::json(401, "{}")));
    let sandbox = client(&server, "");
    let run = sandbox.run_with_stdin(["api", "p", "/x", "--input", "-"], &*long);
    run.ends(6, "{}", "stdin cannot be sent twice");
    assert!(run.stderr.contains("hint: run the same once more"));
    assert_eq!(server.hits_of("/v1/x"), 1);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let server = service(|_| Some(Reply::json(200, "x".repeat(1_000_000))));
    let sandbox = client(&server, "");
    let script = format!(
        "{{ {} api p /x; echo $? >&2; }} | head -c 5",
        support::tokctl()
    );
    Running::start(sandbox.program("sh", ["-c", &script]), None)
        .wait()
        .ok_with("xxxxx", "0\n");
}
