//! bazel, go and terraform: their protocols, and the real go against a module proxy on loopback.
#![cfg(unix)]

use crate::support;

use std::sync::{Arc, Mutex};

use serde_json::json;
use support::profiles::grant_at;
use support::registries;
use support::{Reply, Run, Running, Sandbox, Server, TlsServer, Tokens};

const HOSTS: &str =
    "store = \"plaintext\"\nhosts = [\"https://x.corp.example\", \"https://y.corp.example:8443\"]";
const BEARER: &str = "Authorization: Bearer at-1\n\n";

#[track_caller]
fn bazel(sandbox: &Sandbox, stdin: &str) -> Run {
    sandbox.run_with_stdin(["helper", "bazel", "get"], stdin)
}

fn uri(uri: &str) -> String {
    json!({ "uri": uri }).to_string()
}

#[test]
fn bazel_gets_headers_and_an_end_that_its_parser_reads() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for ours in [
        "https://x.corp.example/cache/x?y#z",
        "https://x.corp.example",
        "https://X.corp.example:443/",
        "grpcs://x.corp.example/",
        "grpcs://y.corp.example:8443",
        "https://y.corp.example:8443/a@b",
    ] {
        let mut answer = bazel(&sandbox, &uri(ours)).json();
        let end = answer["expires"].take();
        let end = end.as_str().expect("a time");
        assert!(end.len() == 20 && end.ends_with('Z'), "{end}");
        let wanted = json!({ "headers": { "Authorization": ["Bearer at-1"] }, "expires": null });
        assert_eq!(answer, wanted, "{ours}");
    }
    let nothing = "{\"headers\":{}}\n";
    for foreign in [
        "https://evil.example/x.corp.example",
        "https://x.corp.example.evil.example/",
        "https://x.corp.example@evil.example/",
        "https://evil.example\\@x.corp.example/",
        "https://evil.example#@x.corp.example/",
        "https://evil.example?@x.corp.example/",
        "http://x.corp.example/",
        "grpc://x.corp.example/",
        "https://x.corp.example:8443/",
        "x.corp.example",
        "",
    ] {
        bazel(&sandbox, &uri(foreign)).ok(nothing);
    }
    for noise in [
        "",
        "nonsense",
        "[]",
        "{\"uri\":7}",
        "{\"url\":\"https://x.corp.example/\"}",
    ] {
        bazel(&sandbox, noise).ok(nothing);
    }
    assert_eq!(server.hits(), 1);
}

#[test]
fn bazel_is_told_no_end_where_the_profile_says_so() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, &format!("{HOSTS}\nexpires = false"));
    bazel(&sandbox, &uri("https://x.corp.example/"))
        .ok("{\"headers\":{\"Authorization\":[\"Bearer at-1\"]}}\n");
}

#[track_caller]
fn terraform(sandbox: &Sandbox, words: &[&str]) -> Run {
    sandbox.run([&["helper", "terraform"], words].concat())
}

#[test]
fn terraform_gets_forgets_and_stores_nothing() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    terraform(&sandbox, &["p", "forget", "x.corp.example"]).ok("");
    assert_eq!(server.hits(), 0, "there was nothing to forget");
    for ours in [
        "x.corp.example",
        "X.corp.example:443",
        "y.corp.example:8443",
    ] {
        terraform(&sandbox, &["p", "get", ours]).ok("{\"token\":\"at-1\"}\n");
        terraform(&sandbox, &["get", ours]).ok("{\"token\":\"at-1\"}\n");
    }
    for foreign in [
        "x.corp.example:8443",
        "y.corp.example",
        "x.corp.example.evil.example",
        "x.corp.example@evil.example",
        "evil.example/@x.corp.example",
        "evil.example\\@x.corp.example",
        "x.corp.example/y",
        "",
    ] {
        terraform(&sandbox, &["p", "get", foreign]).ok("{}\n");
    }
    let stored = json!({ "token": "pasted-canary" }).to_string();
    let store = ["helper", "terraform", "p", "store", "x.corp.example"];
    let run = sandbox.run_with_stdin(store, stored);
    run.fails(1, "tokctl login p");
    assert!(sandbox.files_with("canary").is_empty());
    terraform(&sandbox, &["p", "forget", "evil.example"]).ok("");
    terraform(&sandbox, &["p", "get", "x.corp.example"]).ok("{\"token\":\"at-1\"}\n");
    terraform(&sandbox, &["p", "forget", "x.corp.example"]).ok("");
    terraform(&sandbox, &["p", "get", "x.corp.example"]).ok("{\"token\":\"at-2\"}\n");
    terraform(&sandbox, &["p", "get"]).fails(1, "get HOST");
    terraform(&sandbox, &[]).fails(1, "get HOST");
}

#[track_caller]
fn go(sandbox: &Sandbox, words: &[&str], stdin: &str) -> Run {
    sandbox.run_with_stdin([&["helper", "go"], words].concat(), stdin)
}

#[test]
fn go_is_told_all_hosts_first_and_the_asked_one_later_each_with_its_last_empty_line() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let both = format!("https://x.corp.example\n\n{BEARER}https://y.corp.example:8443\n\n{BEARER}");
    go(&sandbox, &["p"], "").ok(&both);
    let x = format!("https://x.corp.example\n\n{BEARER}");
    let url = "https://x.corp.example/mod/@v/list";
    for status in ["404 Not Found", "403 Forbidden", "410 Gone", "429 Slow"] {
        let head = format!("HTTP/1.1 {status}\r\nX: 401\r\n\r\n");
        go(&sandbox, &["p", url], &head).ok(&x);
        go(&sandbox, &[url], &head).ok(&x);
    }
    for foreign in [
        "https://evil.example/x.corp.example",
        "https://x.corp.example:8443/",
        "https://x.corp.example@evil.example/",
        "https://evil.example\\@x.corp.example/",
    ] {
        let head = "HTTP/1.1 401 Unauthorized\r\n\r\n";
        go(&sandbox, &["p", foreign], head).ok("");
    }
    assert_eq!(server.hits(), 1);
    go(&sandbox, &["p", url], "HTTP/2.0 401 Unauthorized\r\n\r\n").ok(&x.replace("at-1", "at-2"));
    assert_eq!(server.hits(), 2);
    go(&sandbox, &[], "").fails(1, "needs a profile");
}

#[track_caller]
fn versions(sandbox: &Sandbox, proxy: &TlsServer) -> Run {
    let words = ["list", "-m", "-versions", "corp.example/demo"];
    let mut command = sandbox.program(registries::go_program(), words);
    command
        .env("SSL_CERT_FILE", proxy.ca_file())
        .env("GOPROXY", proxy.url(""))
        .env("GOAUTH", format!("{} helper go p", support::tokctl()))
        .env("GOSUMDB", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-modcacherw")
        .env("GOENV", "off")
        .env("no_proxy", "*");
    Running::start(command, None).wait()
}

#[test]
#[ignore = "needs go 1.24 and openssl: tests/run installs them"]
fn go_reads_a_module_proxy_with_the_token_also_after_it_was_revoked() {
    let tokens = Tokens::new(3600);
    let revoked: Arc<Mutex<Option<&str>>> = Arc::default();
    let proxy = TlsServer::start({
        let revoked = Arc::clone(&revoked);
        move |request| {
            let value = request.header("authorization").unwrap_or_default();
            let is_revoked = revoked
                .lock()
                .expect("whole")
                .is_some_and(|token| value.ends_with(token));
            let reply = tokens.answer(request);
            match (request.path.as_str(), reply.status) {
                ("/token", _) => reply,
                (_, 200) if is_revoked => Reply::json(401, "{}"),
                (path, 200) => registries::go(path),
                _ => reply,
            }
        }
    });
    let sandbox = Sandbox::new();
    let hosts = format!("store = \"plaintext\"\nhosts = [\"{}\"]", proxy.url(""));
    sandbox.config(&grant_at(&proxy.server.url("/token"), &hosts));
    let run = versions(&sandbox, &proxy);
    assert_ne!(run.code, 0, "{run:?}");

    sandbox.import("rt-1");
    let line = "corp.example/demo v1.0.0 v1.1.0\n";
    let listed = |run: Run| assert!(run.code == 0 && run.stdout == line, "{run:?}");
    listed(versions(&sandbox, &proxy));
    assert_eq!(proxy.server.hits_of("/token"), 1);
    *revoked.lock().expect("whole") = Some("at-1");
    listed(versions(&sandbox, &proxy));
    assert_eq!(proxy.server.hits_of("/token"), 2);
    sandbox.run(["get", "p"]).ok("at-2\n");
}
