//! `tokctl get`: its flags and formats, its exit codes, and what it writes where.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, symlink};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::sandbox::files;
use support::{Reply, Running, Sandbox, Server};

/// Every call is a request.
const NOTHING_KEPT: &str = "store = \"none\"";

#[test]
fn each_format_is_what_its_reader_wants() {
    let reply = r#"{"access_token":"a\"b\\c","token_type":"bearer","expires_in":3600}"#;
    let server = Server::granting(reply);
    let sandbox = Sandbox::with_client(&server, "");
    for (format, stdout) in [
        ("token", r#"a"b\c"#),
        ("bearer", r#"Bearer a"b\c"#),
        ("header", r#"Authorization: Bearer a"b\c"#),
        ("headers-json", r#"{"Authorization":"Bearer a\"b\\c"}"#),
        ("curl", r#"header = "Authorization: Bearer a\"b\\c""#),
    ] {
        let run = sandbox.run(["get", "p", "--format", format]);
        run.ok(&format!("{stdout}\n"));
        let run = sandbox.run(["get", "--no-newline", "--format", format, "p"]);
        run.ok(stdout);
    }
    sandbox.run(["get", "p"]).ok("a\"b\\c\n");
    let run = sandbox.run(["get", "p", "--format", "yaml"]);
    run.fails(2, "yaml");
}

#[test]
fn a_service_s_own_headers_go_with_the_token() {
    let server = Server::granting(r#"{"access_token":"at","expires_in":3600}"#);
    let more =
        "api_headers = { Client-Id = \"{client_id}/{region}\" }\nvars = { region = \"eu\" }\n";
    let sandbox = Sandbox::with_client(&server, more);
    let client = "id/eu";
    for (format, stdout) in [
        (
            "header",
            format!("Authorization: Bearer at\nClient-Id: {client}"),
        ),
        (
            "headers-json",
            format!(r#"{{"Authorization":"Bearer at","Client-Id":"{client}"}}"#),
        ),
        (
            "curl",
            format!("header = \"Authorization: Bearer at\"\nheader = \"Client-Id: {client}\""),
        ),
        ("bearer", "Bearer at".to_owned()),
    ] {
        let run = sandbox.run(["get", "p", "--format", format]);
        run.ok(&format!("{stdout}\n"));
    }
    let own = Sandbox::with_client(&server, "api_header = \"X-Shop-Token\"");
    own.run(["get", "p", "--format", "header"])
        .ok("X-Shop-Token: at\n");
    let word = Sandbox::with_client(&server, "api_scheme = \"token\"");
    word.run(["get", "p", "--format", "header"])
        .ok("Authorization: token at\n");
    let bad = Sandbox::with_client(&server, "api_headers = { A = \"{nobody}\" }");
    bad.run(["get", "p"]).fails(3, "vars does not set");
}

#[test]
fn a_token_of_the_environment_goes_in_the_service_s_own_headers() {
    let mut sandbox = Sandbox::new();
    sandbox.env("TOKCTL_TOKEN_P", "at-env");
    let get = ["get", "p", "--format", "header"];
    sandbox.run(get).ok("Authorization: Bearer at-env\n");
    sandbox.config(
        "[profile.p]\ntoken_endpoint = \"https://a.example/t\"\nclient_id = \"c\"\n\
         api_header = \"X-Token\"\napi_headers = { Client-Id = \"{client_id}\" }\n",
    );
    sandbox.run(get).ok("X-Token: at-env\nClient-Id: c\n");
    sandbox.run(["get", "p"]).ok("at-env\n");
}

#[test]
fn less_than_was_asked_for_is_told_beside_the_token() {
    let reply = r#"{"access_token":"at","expires_in":3600,"scope":"read"}"#;
    let server = Server::granting(reply);
    let sandbox = Sandbox::with_client(&server, "scope = \"read write\"");
    sandbox.run(["get", "p"]).ok_with(
        "at\n",
        "the server granted less than was asked for: without write",
    );
    let run = sandbox.run(["get", "p", "--min-ttl", "2h"]);
    run.ok_with(
        "at\n",
        "the server's tokens live for 1h, which is less than min_ttl",
    );
    // By other names they may be the same ones.
    let other = Sandbox::with_client(&server, "scope = \"r w\"");
    other.run(["get", "p"]).ok("at\n");
    let run = other.run(["get", "p", "--scope", "read"]);
    assert_eq!(run.stderr, "", "{run:?}");
}

#[test]
fn json_holds_the_token_with_its_type_expiry_and_scope() {
    let reply = r#"{"access_token":"at","token_type":"bEaReR","expires_in":3600,"scope":"r w"}"#;
    let server = Server::granting(reply);
    let sandbox = Sandbox::with_client(&server, "");
    for flags in [&["--json"][..], &["--format", "json"]] {
        let run = sandbox.run([&["get", "p"], flags].concat());
        assert!(run.stdout.ends_with("}\n") && run.stdout.matches('\n').count() == 1);
        let answer = run.json();
        assert_eq!(
            (&answer["access_token"], &answer["token_type"]),
            (&json!("at"), &json!("bEaReR"))
        );
        assert_eq!(
            (&answer["scope"], &answer["profile"]),
            (&json!("r w"), &json!("p"))
        );
        let left = answer["expires_in"].as_i64();
        assert!(
            left.is_some_and(|left| (3590..=3600).contains(&left)),
            "{answer}"
        );
        let at = answer["expires_at"].as_str().unwrap_or_default();
        let date = Command::new("date").args(["+%s", "-d", at]).output();
        let date = String::from_utf8(date.expect("date is installed").stdout);
        let at: u64 = date.expect("digits").trim().parse().expect("a date");
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        assert!((3590..=3600).contains(&(at - now.as_secs())), "{answer}");
    }
    let unsaid = Server::granting(r#"{"access_token":"at"}"#);
    let sandbox = Sandbox::with_client(&unsaid, NOTHING_KEPT);
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert_eq!(
        (&answer["token_type"], &answer["scope"]),
        (&json!("Bearer"), &Value::Null)
    );
}

#[test]
fn flags_that_exclude_each_other_are_wrong_usage() {
    let sandbox = Sandbox::new();
    for args in [
        &["get"][..],
        &["get", "p", "q"],
        &["get", "p", "--json", "--format", "token"],
        &["get", "p", "--force", "--offline"],
        &["get", "p", "--token", "refresh"],
        &["get", "p", "--timeout=-1s"],
        &["get", "p", "--timeout", "soon"],
        &["get", "p", "--out"],
        &["get", "p", "--client-secret", "x"],
        &["-v", "get", "p", "--force", "--offline"],
    ] {
        let run = sandbox.run(args);
        // Who names no profile is told how to come to one.
        let hint = if args == ["get"] {
            "run: tokctl add"
        } else {
            "for help, run: tokctl"
        };
        run.fails(2, hint);
        let lines = 2 - usize::from(args.contains(&"--json"));
        assert_eq!(run.stderr.lines().count(), lines, "{}", run.stderr);
    }
}

#[test]
fn what_the_command_line_asks_for_is_sent_instead_of_the_profile_s() {
    let server = Server::tokens(60);
    let more = "scope = [\"x\"]\naudience = \"aud\"\nresource = \"https://r\"";
    let sandbox = Sandbox::with_client(&server, more);
    let forms = |args: &[&str]| {
        sandbox.run([&["get", "p"], args].concat());
        let last = server.requests().pop().expect("a request");
        String::from_utf8(last.body).expect("a form")
    };
    let grant = "grant_type=client_credentials";
    let plain = format!("{grant}&scope=x&audience=aud&resource=https%3A%2F%2Fr");
    assert_eq!(forms(&[]), plain);
    let given = "--scope=a --scope=b:w --audience=q --resource=urn:1 --resource=urn:2";
    let words: Vec<_> = given.split(' ').collect();
    let sent = format!("{grant}&scope=a%20b%3Aw&audience=q&resource=urn%3A1&resource=urn%3A2");
    assert_eq!(forms(&words), sent);
    assert_eq!(
        forms(&["--scope", "", "--audience=q"]),
        format!("{grant}&audience=q&resource=https%3A%2F%2Fr")
    );
    assert_eq!(
        server.hits(),
        3,
        "each is another token, and each is kept apart"
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox
        .run(["get", "p", "--scope", "b:w a", "--audience=q"])
        .ok("at-4\n");
    sandbox
        .run([&["get", "p"], &words[..]].concat())
        .ok("at-2\n");
}

#[test]
fn the_id_token_is_printed_where_it_is_asked_for() {
    let claims = r#"{"aud":"id","iat":1,"exp":9999999999,"sub":"s"}"#;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    let id = format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let reply = format!(r#"{{"access_token":"at","id_token":"{id}","expires_in":60}}"#);
    let server = Server::granting(&reply);
    let id = format!("{id}\n");
    let sandbox = Sandbox::with_client(&server, "scope = \"openid\"");
    sandbox.run(["get", "p", "--token", "id"]).ok(&id);
    sandbox.run(["get", "p", "--token=access"]).ok("at\n");
    let by_profile = Sandbox::with_client(&server, "token = \"id\"");
    by_profile.run(["get", "p"]).ok(&id);
    by_profile.run(["get", "p", "--token=access"]).ok("at\n");
    let without = Server::tokens(60);
    let sandbox = Sandbox::with_client(&without, "");
    sandbox.run(["get", "p", "--token=id"]).fails(5, "id_token");
}

#[test]
fn out_is_a_private_file_without_a_newline() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    let file = sandbox.home().join("token");
    let old = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o666)
        .open(&file);
    fs::write(&file, "old, and longer than the token").expect("the file can be written");
    let old = old.and_then(|old| old.metadata()).expect("it is there");
    let mut reader = File::open(&file).expect("it can be read");

    let script = "umask 000; exec \"$0\" get p --out token";
    let run = sandbox.program("sh", ["-c", script, support::tokctl()]);
    Running::start(run, None).wait().ok("");
    assert_eq!(fs::read_to_string(&file).expect("the token"), "at-1");
    let new = fs::metadata(&file).expect("it is there");
    assert_eq!(new.mode() & 0o7777, 0o600);
    assert_ne!(new.ino(), old.ino(), "replaced, not written over");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).expect("it can be read");
    assert_eq!(seen, "old, and longer than the token");

    let absolute = file.to_str().expect("a plain path");
    sandbox
        .run(["get", "p", "--json", "--out", absolute])
        .ok("");
    let json: Value = serde_json::from_slice(&fs::read(&file).expect("json")).expect("json");
    assert_eq!(json["access_token"], "at-1");
    let beside: Vec<_> = fs::read_dir(sandbox.home()).expect("a home").collect();
    assert_eq!(beside.len(), 4, "nothing is left beside it: {beside:?}");
}

#[test]
fn out_writes_to_a_device_or_a_pipe_and_does_not_replace_it() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    sandbox.run(["get", "p", "--out", "-"]).ok("at-1\n");
    sandbox.run(["get", "p", "--out", "/dev/stdout"]).ok("at-1");
    let pipe = sandbox.home().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a pipe");
    let name = pipe.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(name));
    sandbox.run(["get", "p", "--out", "pipe"]).ok("");
    let read = reader.join().expect("it ends");
    assert_eq!(read.expect("it can be read"), "at-1");
    assert!(fs::metadata(&pipe).is_ok_and(|there| there.file_type().is_fifo()));
    // Without a reader it is waited for, and not without end.
    let started = std::time::Instant::now();
    let run = sandbox.run(["get", "p", "--out", "pipe", "--timeout", "1s"]);
    run.fails(1, "pipe: nobody reads it");
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    // Root could replace the real one.
    let device = "/proc/self/fd/2";
    let mut run = sandbox.program(support::tokctl(), ["get", "p", "--out", device]);
    run.stderr(
        OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("it is there"),
    );
    let ended = run
        .stdout(std::process::Stdio::piped())
        .output()
        .expect("it runs");
    assert_eq!(
        (ended.status.code(), ended.stdout.as_slice()),
        (Some(1), &b""[..])
    );
}

#[test]
fn out_refuses_what_it_cannot_replace_and_leaves_it_as_it_was() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    let target = sandbox.write("target", "kept");
    symlink(&target, sandbox.home().join("link")).expect("a link can be made");
    for (out, why) in [
        ("link", "symbolic link"),
        ("no/such/directory", "no/such/directory"),
        ("config", "config"),
        ("", ""),
    ] {
        let run = sandbox.run(["get", "p", "--out", out]);
        assert!(run.code == 1 || run.code == 2, "{run:?}");
        run.fails(run.code, why);
    }
    assert_eq!(fs::read_to_string(&target).expect("it is there"), "kept");
    let run = sandbox.run(["get", "nobody", "--out", "target"]);
    run.fails(3, "nobody");
    assert_eq!(fs::read_to_string(&target).expect("it is there"), "kept");
    assert!(!files(sandbox.home()).iter().any(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with(".tmp")
    }));
}

#[test]
fn global_flags_may_stand_before_and_after_the_command() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    let elsewhere = sandbox.write("other.toml", fs::read(sandbox.config_file()).unwrap());
    let elsewhere = elsewhere.to_str().expect("a plain path");
    sandbox.config("broken");
    for args in [
        ["--config", elsewhere, "get", "p"],
        ["get", "--config", elsewhere, "p"],
        ["get", "p", "--config", elsewhere],
    ] {
        sandbox.run(args).ok("at-1\n");
    }
    sandbox.run(["get", "p"]).fails(3, "config.toml:1");
    sandbox
        .run(["get", "--config", elsewhere, "--", "p"])
        .ok("at-1\n");
}

#[test]
#[ignore = "needs curl: tests/run installs it"]
fn curl_takes_the_header_without_seeing_it_in_its_arguments() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::json(200, r#"{"access_token":"a\"b\\c","expires_in":60}"#),
        _ => Reply::json(200, request.header("authorization").unwrap_or_default()),
    });
    let sandbox = Sandbox::with_client(&server, "");
    for (format, flag) in [("header", "-H @-"), ("curl", "--config -")] {
        let script = format!("\"$0\" get p --format {format} | curl -s {flag} \"$1\"");
        let url = server.url("/me");
        let args = ["-c", &script, support::tokctl(), &url];
        let run = Running::start(sandbox.program("sh", args), None).wait();
        run.ok("Bearer a\"b\\c");
    }
}
