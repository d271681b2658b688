//! The programs in `examples/`, each run as its users run it, against servers of the same shape on
//! loopback.
#![cfg(unix)]

use crate::support;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::{Reply, Request, Run, Running, Sandbox, Server};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// The search path with this build's tokctl on it.
fn path() -> String {
    let own = Path::new(support::tokctl()).parent();
    let own = own.expect("a program is in a directory").display();
    format!("{own}:/usr/bin:/bin")
}

/// Runs a program with this build's tokctl on its path.
fn run(sandbox: &Sandbox, program: &Path, args: &[&str]) -> Run {
    let mut command = sandbox.program(program, args);
    command.env("PATH", path());
    Running::start(command, None).wait()
}

/// GitHub in small: it answers an error with 200, tokens as a form unless JSON is asked for, and lists
/// pull requests among the issues.
fn hub() -> Server {
    let asked_in_vain = AtomicBool::new(false);
    Server::start(move |request| match request.path.as_str() {
        "/login/oauth/authorize" => {
            let asked = request.parameters();
            let back = format!(
                "{}?code=c-1&state={}",
                asked["redirect_uri"], asked["state"]
            );
            Reply::json(302, "").header("location", &back)
        }
        "/login/oauth/access_token" if !asked_in_vain.swap(true, Ordering::SeqCst) => Reply::json(
            200,
            r#"{"error":"bad_verification_code","error_description":"The code is incorrect or expired."}"#,
        ),
        "/login/oauth/access_token"
            if request.form().get("code").is_some_and(|code| code == "c-1") =>
        {
            let json = request
                .header("accept")
                .is_some_and(|accept| accept.contains("json"));
            if json {
                Reply::json(
                    200,
                    r#"{"access_token":"gho_1","token_type":"bearer","scope":"read:user"}"#,
                )
            } else {
                Reply::new(
                    200,
                    "application/x-www-form-urlencoded",
                    "access_token=gho_1",
                )
            }
        }
        path if path.starts_with("/api") => api(request, path.trim_start_matches("/api")),
        _ => Reply::json(404, "{}"),
    })
}

fn api(request: &Request, path: &str) -> Reply {
    if request.header("authorization") != Some("Bearer gho_1") {
        return Reply::json(401, r#"{"message":"Bad credentials"}"#);
    }
    if request.header("accept") != Some("application/vnd.github+json") {
        return Reply::json(415, r#"{"message":"Unsupported 'Accept' header"}"#);
    }
    let issue = |number: u32, title: &str, labels: &[&str]| {
        let labels: Vec<Value> = labels
            .iter()
            .map(|label| json!({ "name": label }))
            .collect();
        json!({ "number": number, "title": title, "labels": labels })
    };
    let mut pull = issue(8, "a pull request among the issues", &[]);
    pull["pull_request"] = json!({});
    let body = match (path, request.query.as_str()) {
        ("/user", "") => json!({
            "login": "octo", "name": "Octo \u{1b}[31mCat", "public_repos": 8, "followers": 20,
        }),
        ("/user/repos", "sort=updated&per_page=5") => json!([
            { "full_name": "octo/one", "stargazers_count": 3, "private": false, "language": "Rust",
              "description": "the first" },
            { "full_name": "octo/two", "stargazers_count": 0, "private": true, "language": null,
              "description": null },
        ]),
        ("/repos/octo/one/issues", "state=open&per_page=50") => {
            let mut all: Vec<Value> = (1..=6).map(|at| issue(at, "an issue", &[])).collect();
            all[0] = issue(1, "it is broken", &["bug", "help wanted"]);
            all.insert(0, pull);
            json!(all)
        }
        ("/repos/octo/one/pulls", "state=open&per_page=5") => json!([
            { "number": 8, "title": "mend it", "user": { "login": "hubot" },
              "head": { "ref": "mend" }, "base": { "ref": "main" } },
        ]),
        ("/repos/octo/two/issues" | "/repos/octo/two/pulls", _) => json!([]),
        _ => return Reply::json(404, r#"{"message":"Not Found"}"#),
    };
    Reply::json(200, body.to_string())
}

/// Profile `github` at a server of that shape.
fn hub_profile(server: &Server) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox
        .env("GITHUB_CLIENT_ID", "id")
        .env("GITHUB_CLIENT_SECRET", "client-secret")
        .config(&format!(
            "[profile.github]\ntoken_endpoint = \"{0}/login/oauth/access_token\"\n\
             authorization_endpoint = \"{0}/login/oauth/authorize\"\n\
             scope = \"read:user\"\napi_url = \"{0}/api\"\n\
             api_headers = {{ Accept = \"application/vnd.github+json\" }}\n\
             store = \"encrypted-file\"\naccess_cache = \"none\"\n",
            server.url("")
        ));
    // A browser in small: it follows redirects, to this machine too.
    let browser = sandbox.home().join("browser");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(&browser)
        .expect("a new file");
    file.write_all(b"#!/bin/sh\ncurl -sS -L -o /dev/null \"$1\"\n")
        .expect("there is room");
    drop(file);
    sandbox.env("BROWSER", browser);
    sandbox
}

#[test]
#[ignore = "needs jq and curl"]
fn dev_github_logs_in_and_shows_what_is_open() {
    let server = hub();
    let sandbox = hub_profile(&server);
    // The first code is refused with 200, as GitHub does.
    let first = run(&sandbox, &example("dev-github"), &["octo/one"]);
    first.fails(5, "bad_verification_code");
    let shown = run(&sandbox, &example("dev-github"), &["octo/one"]);
    let text = "octo (Octo  [31mCat)\n  8 public repositories, 20 followers\n\
        \nChanged last:\n  octo/one  3 stars, public, Rust\n    the first\n  octo/two  0 stars, private\n\
        \nOpen issues of octo/one:\n  #1 it is broken [bug, help wanted]\n  #2 an issue\n  #3 an issue\n\
        \x20 #4 an issue\n  #5 an issue\n\
        \nOpen pull requests:\n  #8 mend it by hubot: mend -> main\n";
    shown.ok_with(text, "logged in");
    // Logged in: nothing more is said, and the first repository is taken where nobody can be asked.
    let again = run(&sandbox, &example("dev-github"), &[]);
    again.ok(text);
    let empty = run(&sandbox, &example("dev-github"), &["octo/two"]);
    assert!(
        empty
            .stdout
            .ends_with("octo/two:\n  none\n\nOpen pull requests:\n  none\n")
    );
    for odd in ["octo", "../x", "a/b/c", "octo/one?x", "/octo", "octo/"] {
        let refused = run(&sandbox, &example("dev-github"), &[odd]);
        assert!(
            refused.stderr.ends_with("is not OWNER/REPOSITORY\n"),
            "{odd}: {}",
            refused.stderr
        );
        assert_eq!(refused.code, 2, "{odd}");
    }
    let missing = run(&sandbox, &example("dev-github"), &["octo/three"]);
    assert!(
        missing.stderr.contains("404 Not Found: Not Found"),
        "{}",
        missing.stderr
    );
}

#[test]
#[ignore = "needs jq"]
fn spotify_finds_tracks_and_artists() {
    let server = Server::start(|request| {
        match (request.path.as_str(), request.header("authorization")) {
            ("/token", Some("Basic aWQ6c2VjcmV0")) => Reply::json(
                200,
                r#"{"access_token":"sp-1","token_type":"Bearer","expires_in":3600}"#,
            ),
            ("/v1/search", Some("Bearer sp-1")) if request.parameters()["q"] == "blue & green" => {
                Reply::json(
                    200,
                    r#"{"tracks":{"items":[{"name":"Blue in Green","artists":[{"name":"Miles","id":"a1"},{"name":"Bill"}],"album":{"name":"Kind"}}]}}"#,
                )
            }
            ("/v1/artists/a1", Some("Bearer sp-1")) => Reply::json(
                200,
                r#"{"name":"Miles","followers":{"total":5},"genres":["jazz","cool jazz"]}"#,
            ),
            _ => Reply::json(
                404,
                r#"{"error":{"status":404,"message":"Resource not found"}}"#,
            ),
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox
        .env("SPOTIFY_CLIENT_ID", "id")
        .env("SPOTIFY_CLIENT_SECRET", "secret")
        .config(&format!(
            "[profile.spotify]\ntoken_endpoint = \"{0}/token\"\napi_url = \"{0}/v1\"\n\
             store = \"encrypted-file\"\naccess_cache = \"none\"\n",
            server.url("")
        ));
    let spotify = example("spotify");
    run(&sandbox, &spotify, &["track", "blue", "&", "green"])
        .ok("Blue in Green by Miles, Bill (Kind)\n  artist a1\n");
    run(&sandbox, &spotify, &["artist", "a1"]).ok("Miles, 5 followers\n  jazz, cool jazz\n");
    assert_eq!(server.hits_of("/token"), 1);
    run(&sandbox, &spotify, &["artist", "nobody/x"]).fails(5, "404 Not Found: Resource not found");
    run(&sandbox, &spotify, &["album", "x"]).fails(2, "usage");
    run(&sandbox, &spotify, &[]).fails(2, "usage");
}

/// Profile `corp` whose API has a report.
fn corp() -> (Server, Sandbox) {
    let server =
        Server::start(
            |request| match (request.path.as_str(), request.header("authorization")) {
                ("/token", _) => Reply::json(200, r#"{"access_token":"at-1","expires_in":3600}"#),
                ("/reports/nightly", Some("Bearer at-1")) => Reply::json(200, r#"{"report":1}"#),
                _ => Reply::json(404, "{}"),
            },
        );
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.corp]\ntoken_endpoint = \"{0}/token\"\nclient_id = \"nightly\"\n\
         client_secret = {{ systemd_credential = \"corp\" }}\napi_url = \"{0}\"\nstore = \"none\"\n\
         access_cache = \"none\"\n",
        server.url("")
    ));
    sandbox.write("credentials/corp", "client-secret\n");
    (server, sandbox)
}

#[test]
fn each_line_of_the_crontab_works_without_a_session() {
    let (server, sandbox) = corp();
    let table = fs::read_to_string(example("cron")).expect("it is there");
    let lines: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        // Five fields of time, and the command, which sh runs with hardly an environment.
        let command = line.splitn(6, ' ').nth(5).expect("a command").trim_start();
        let home = sandbox.home().display().to_string();
        let home = format!("HOME={home}");
        let credentials = format!(
            "CREDENTIALS_DIRECTORY={}",
            sandbox.home().join("credentials").display()
        );
        let config = format!("TOKCTL_CONFIG={}", sandbox.config_file().display());
        let search = format!("PATH={}", path());
        let args = [
            "-i",
            &home,
            &credentials,
            &config,
            &search,
            "LOGNAME=nobody",
            "/bin/sh",
            "-c",
            command,
        ];
        Running::start(sandbox.program("env", args), None)
            .wait()
            .ok("");
    }
    let report = fs::read_to_string(sandbox.home().join("nightly.json")).expect("it was fetched");
    assert_eq!(report, r#"{"report":1}"#);
    assert!(sandbox.home().join("ran").exists());
    assert_eq!(server.hits_of("/reports/nightly"), 1);
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_units_are_valid_and_their_commands_work() {
    let directory = example("systemd");
    let units = fs::read_dir(&directory).expect("it is there");
    let mut units: Vec<String> = units
        .map(|unit| unit.expect("it can be read").path().display().to_string())
        .collect();
    units.sort();
    assert_eq!(units.len(), 4);
    let sandbox = Sandbox::new();
    let args = ["verify".to_owned(), "--man=no".to_owned()]
        .into_iter()
        .chain(units.clone());
    Running::start(sandbox.program("systemd-analyze", args), None)
        .wait()
        .ok("");
    let (server, sandbox) = corp();
    let state = sandbox.home().join("state-directory");
    fs::create_dir(&state).expect("a new directory");
    for unit in units.iter().filter(|unit| unit.ends_with(".service")) {
        let text = fs::read_to_string(unit).expect("it is there");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let mut command = sandbox.program("sh", ["-c", line.expect("a command")]);
        command
            .env("PATH", path())
            .env("CREDENTIALS_DIRECTORY", sandbox.home().join("credentials"))
            .env("STATE_DIRECTORY", &state);
        Running::start(command, None).wait().ok("");
    }
    let report = fs::read_to_string(state.join("nightly.json")).expect("it was fetched");
    assert_eq!(report, r#"{"report":1}"#);
    assert_eq!(server.hits_of("/reports/nightly"), 1);
}
