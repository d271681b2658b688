//! `tokctl add`: a profile comes into the configuration file by flags or by answers, tried before it is
//! kept.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;
use support::issuer::{behave, metadata};
use support::sandbox::files;
use support::{Desk, Reply, Sandbox, Server, Terminal};

const SECRET: &str = "typed-secret-canary";

/// An issuer whose client credentials are only granted to `id` with [`SECRET`].
fn issuer() -> Server {
    Server::start(|request| {
        if request.path.ends_with("/.well-known/openid-configuration") {
            let mut value = metadata(request, "");
            value["scopes_supported"] = serde_json::json!(["openid", "read", "write"]);
            return Reply::json(200, value.to_string());
        }
        let form = request.form();
        let own = form
            .get("grant_type")
            .is_some_and(|grant| grant == "client_credentials");
        // "id:typed-secret-canary"
        let basic = "Basic aWQ6dHlwZWQtc2VjcmV0LWNhbmFyeQ==";
        if own && request.header("authorization") != Some(basic) {
            return Reply::json(401, r#"{"error":"invalid_client"}"#);
        }
        behave(request).unwrap_or_else(|| Reply::json(404, "{}"))
    })
}

fn text(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).unwrap_or_default()
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

/// The flags of a profile for client credentials at this server.
fn client<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = [
        "--issuer",
        url,
        "--client-id",
        "id",
        "--grant",
        "client_credentials",
    ];
    [&base[..], more].concat()
}

#[test]
fn a_profile_is_added_with_its_secret_and_works_at_once() {
    let server = issuer();
    let url = server.url("");
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.config_dir()).expect("it was empty");
    let more = [
        "--client-secret-stdin",
        "--store",
        "encrypted-file",
        "--scope",
        "read write",
    ];
    let args = [&["add", "corp"], &client(&url, &more)[..]].concat();
    let run = sandbox.run_with_stdin(&args, format!("{SECRET}\n"));
    run.ok_with(
        "",
        "tokctl: tried: the server gave a token, good for 60 min\n",
    );
    assert!(
        run.stderr
            .ends_with("tokctl: use it with: tokctl get corp\n"),
        "{}",
        run.stderr
    );
    assert_eq!(
        text(&sandbox),
        format!(
            "[profile.corp]\nissuer = \"{url}\"\nclient_id = \"id\"\nclient_secret = {{ keyring = true }}\n\
             grant = \"client_credentials\"\nscope = [\"read\", \"write\"]\nstore = \"encrypted-file\"\n"
        )
    );
    let file = sandbox.config_file();
    assert_eq!(
        (mode(&file), mode(file.parent().expect("a directory"))),
        (0o600, 0o700)
    );
    sandbox.run(["get", "corp"]).ok("access-1\n");
    assert_eq!(
        server.requests().last().expect("a request").form()["scope"],
        "read write"
    );
    for path in files(sandbox.home()) {
        let bytes = fs::read(&path).expect("it can be read");
        assert!(
            !String::from_utf8_lossy(&bytes).contains(SECRET),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_flag_becomes_its_key() {
    let sandbox = Sandbox::new();
    sandbox.write("ca.pem", "");
    sandbox
        .run([
            "add",
            "x",
            "--preset",
            "gitlab",
            "--var",
            "host=git.corp.example",
            "--client-id",
            "id",
            "--client-secret-env",
            "X_SECRET",
            "--client-auth",
            "client_secret_basic",
            "--grant",
            "device_code",
            "--redirect-uri",
            "http://127.0.0.1:8400/cb",
            "--scope",
            "a",
            "--scope",
            "b",
            "--audience",
            "aud",
            "--host",
            "https://git.corp.example",
            "--store",
            "plaintext",
            "--ca-file",
            "ca.pem",
            "--no-try",
        ])
        .ok_with("", "log in with: tokctl login x");
    sandbox
        .run([
            "add",
            "y",
            "--token-endpoint",
            "https://a.example/t",
            "--authorization-endpoint",
            "https://a.example/a",
            "--device-authorization-endpoint",
            "https://a.example/d",
            "--revocation-endpoint",
            "https://a.example/r",
            "--client-id",
            "i\"d",
            "--client-secret-file",
            "s",
            "--no-try",
        ])
        .ok_with("", "added profile y");
    sandbox
        .run([
            "add",
            "spotify",
            "--client-id",
            "id",
            "--client-secret-credential",
            "c",
            "--no-try",
        ])
        .ok_with("", "use it with: tokctl get spotify");
    let home = sandbox.home().display();
    assert_eq!(
        text(&sandbox),
        format!(
            r#"[profile.x]
preset = "gitlab"
vars = {{ host = "git.corp.example" }}
client_id = "id"
client_secret = {{ env = "X_SECRET" }}
client_auth = "client_secret_basic"
grant = "device_code"
redirect_uri = "http://127.0.0.1:8400/cb"
scope = ["a", "b"]
audience = "aud"
hosts = ["https://git.corp.example"]
store = "plaintext"
ca_file = "{home}/ca.pem"

[profile.y]
token_endpoint = "https://a.example/t"
authorization_endpoint = "https://a.example/a"
device_authorization_endpoint = "https://a.example/d"
revocation_endpoint = "https://a.example/r"
client_id = 'i"d'
client_secret = {{ file = "{home}/s" }}

[profile.spotify]
client_id = "id"
client_secret = {{ systemd_credential = "c" }}
"#
        )
    );
}

/// What is said without a terminal: arguments, and words of the message.
const MISSING: &[(&[&str], &str)] = &[
    (&[], "NAME is missing"),
    (
        &["p"],
        "profile \"p\": --preset, --issuer or --token-endpoint is missing",
    ),
    (&["github"], "--client-id is missing"),
    (
        &["spotify", "--client-id", "i"],
        "--client-secret-stdin, --client-secret-env or",
    ),
    (
        &["github", "--issuer", "https://a.example"],
        "the name of a preset",
    ),
    (
        &["p", "--preset", "githubb", "--client-id", "i"],
        "\"github\"",
    ),
    (
        &["a b", "--preset", "github", "--client-id", "i"],
        "a profile's name is made of",
    ),
    (
        &[
            "p",
            "--token-endpoint",
            "http://a.example",
            "--client-id",
            "i",
        ],
        "must be https",
    ),
    (
        &[
            "p",
            "--preset",
            "github",
            "--client-id",
            "i",
            "--grant",
            "x",
        ],
        "\"x\" is none of",
    ),
    (
        &["p", "--preset", "github", "--client-id", ""],
        "client_id: must not be empty",
    ),
    (
        &["p", "--preset", "github", "--client-id", "i\u{1b}[31m"],
        "control characters",
    ),
    (
        &[
            "p",
            "--preset",
            "gitlab",
            "--client-id",
            "i",
            "--var",
            "host=a/b",
        ],
        "vars.host",
    ),
    (
        &["there", "--preset", "github", "--client-id", "i"],
        "there is a profile \"there\" already",
    ),
    (&["p", "--var", "x"], "--var"),
    (
        &["p", "--preset", "githubb", "--client-id", "i"],
        "there is no preset \"githubb\"; did you mean \"github\"?",
    ),
    (
        &["github", "--client-id", "i", "--var", "host=x"],
        "the preset \"github\" has no variable \"host\"",
    ),
    (
        &["p", "--client-secret-stdin", "--client-secret-env", "X"],
        "cannot be used with",
    ),
];

#[test]
fn without_a_terminal_what_is_missing_or_wrong_is_exit_2_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    sandbox.config("[profile.there]\n");
    for (args, words) in MISSING {
        let run = sandbox.run([&["add"], *args].concat());
        run.fails(2, words);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
        assert_eq!(text(&sandbox), "[profile.there]\n");
    }
}

#[test]
fn comments_order_mode_and_a_linked_file_stay() {
    let sandbox = Sandbox::new();
    let before =
        "# mine\n\n[profile.b]   # first\nclient_id  =  'x'\n\n\t# the end, without a newline";
    let elsewhere = sandbox.write("dotfiles/tokctl.toml", before);
    let file = fs::File::open(&elsewhere).expect("it is there");
    file.set_permissions(PermissionsExt::from_mode(0o644))
        .expect("it is ours");
    fs::create_dir(sandbox.config_dir().join("tokctl")).expect("a directory can be made");
    symlink("../../dotfiles/tokctl.toml", sandbox.config_file()).expect("a link can be made");
    let args = ["--preset", "github", "--client-id", "id", "--no-try"];
    sandbox
        .run([&["add", "a"], &args[..]].concat())
        .ok_with("", "added profile a");
    assert!(sandbox.config_file().is_symlink());
    let after = fs::read_to_string(&elsewhere).expect("it is there");
    assert_eq!(
        after,
        format!("{before}\n\n[profile.a]\npreset = \"github\"\nclient_id = \"id\"\n")
    );
    assert_eq!(mode(&elsewhere), 0o644);
    sandbox
        .run([&["add", "b", "--force"], &args[..]].concat())
        .ok_with("", "added profile b");
    let after = fs::read_to_string(&elsewhere).expect("it is there");
    assert!(
        after.starts_with(
            "# mine\n\n[profile.b]   # first\npreset = \"github\"\nclient_id = \"id\"\n\n"
        ),
        "{after}"
    );
    assert_eq!(after.matches("[profile.").count(), 2, "{after}");
    // A link to a file that is not there yet.
    fs::remove_file(&elsewhere).expect("it is ours");
    sandbox
        .run([&["add", "a"], &args[..]].concat())
        .ok_with("", "added profile a");
    assert!(sandbox.config_file().is_symlink() && elsewhere.is_file());
    assert_eq!(mode(&elsewhere), 0o600, "a new one is private");
    // Who has made it read-only does not mean it to be changed, by whomever.
    let file = fs::File::open(&elsewhere).expect("it is there");
    file.set_permissions(PermissionsExt::from_mode(0o400))
        .expect("it is ours");
    sandbox
        .run([&["add", "c"], &args[..]].concat())
        .fails(1, "it is read-only; nothing is added");
}

#[test]
fn a_named_file_is_made_and_one_that_is_broken_is_left() {
    let sandbox = Sandbox::new();
    let args = ["add", "github", "--client-id", "id", "--no-try", "--config"];
    sandbox
        .run([&args[..], &["new/dir/mine.toml"]].concat())
        .ok_with("", "to new/dir/mine.toml");
    assert_eq!(mode(&sandbox.home().join("new/dir")), 0o700);
    for broken in [
        "[profile.x\n",
        "profile = 1\n",
        "[profile.x]\nclient_id = \u{1}\n",
    ] {
        sandbox.config(broken);
        sandbox.run(&args[..5]).fails(3, "config.toml:");
        assert_eq!(text(&sandbox), broken);
    }
    sandbox.config("profile = {}\n");
    sandbox.run(&args[..5]).ok_with("", "added");
    assert_eq!(
        text(&sandbox),
        "profile = { github = { client_id = \"id\" } }\n"
    );
    sandbox
        .run([&args[..], &["/dev/null"]].concat())
        .fails(1, "not a regular file");
    sandbox
        .run([&args[..], &["/proc/self/none"]].concat())
        .fails(1, "nothing is added");
}

#[test]
#[ignore = "needs gnome-keyring and dbus-daemon: tests/run installs them"]
fn a_failed_trial_says_why_and_leaves_neither_profile_nor_secret() {
    let server = issuer();
    let url = server.url("");
    let desk = Desk::open("# untouched\n");
    let sandbox = &desk.sandbox;
    let args = [&["add", "p"], &client(&url, &["--client-secret-stdin"])[..]].concat();
    let run = sandbox.run_with_stdin(&args, "wrong");
    run.fails(5, "invalid_client (HTTP 401); nothing is added");
    assert!(
        run.stderr
            .contains("hint: compare client_id and client_secret"),
        "{}",
        run.stderr
    );
    assert_eq!(text(sandbox), "# untouched\n");
    assert_eq!(
        desk.items("client-secret/p"),
        0,
        "a secret was left in the keyring"
    );
    let unwritable = [&args[..], &["--config", "/proc/self/none"]].concat();
    let run = sandbox.run_with_stdin(&unwritable, SECRET);
    run.fails(1, "/proc/self/none: ");
    assert_eq!(
        desk.items("client-secret/p"),
        0,
        "a secret without its profile"
    );
    let away = [
        "add",
        "q",
        "--issuer",
        "http://127.0.0.1:1",
        "--client-id",
        "id",
    ];
    sandbox.run(away).fails(6, "nothing is added");
    let unset = [
        &["add", "p"],
        &client(&url, &["--client-secret-env", "UNSET"])[..],
    ]
    .concat();
    sandbox
        .run(&unset)
        .fails(3, "UNSET: it is not set; nothing is added");
    assert_eq!(text(sandbox), "# untouched\n");
    sandbox
        .run([&unset[..], &["--no-try"]].concat())
        .ok_with("", "added profile p");
    sandbox
        .run_with_stdin([&args[..], &["--force"]].concat(), SECRET)
        .ok_with("", "added profile p");
    assert_eq!(desk.secret("client-secret/p").as_deref(), Some(SECRET));
    assert_eq!(text(sandbox).matches("[profile.p]").count(), 1);
}

#[test]
fn without_a_keyring_a_secret_from_stdin_is_exit_7_before_it_is_read() {
    let server = issuer();
    let sandbox = Sandbox::new();
    let url = server.url("");
    let args = [&["add", "p"], &client(&url, &["--client-secret-stdin"])[..]].concat();
    sandbox
        .run_with_stdin(&args, SECRET)
        .fails(7, "--store encrypted-file");
    assert!(text(&sandbox).is_empty() && server.hits() == 0);
}

#[test]
fn many_at_once_all_come_into_the_file() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let runs: Vec<_> = names
        .iter()
        .map(|name| {
            sandbox.start([
                "add",
                name,
                "--preset",
                "github",
                "--client-id",
                "id",
                "--no-try",
            ])
        })
        .collect();
    for run in runs {
        run.wait().ok_with("", "added profile p");
    }
    let all = sandbox.run(["status", "--json"]).json();
    let mut found: Vec<_> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["profile"].clone())
        .collect();
    found.sort_by_key(|name| name.as_str().and_then(|name| name[1..].parse::<u32>().ok()));
    let names: Vec<Value> = names.into_iter().map(Value::from).collect();
    assert_eq!(found, names);
}

#[test]
fn the_first_call_of_all_says_how_to_begin() {
    let sandbox = Sandbox::new();
    let run = sandbox.run([""; 0]);
    run.fails(2, "  tokctl add  ");
    assert_eq!(run.stderr.lines().count(), 5, "{}", run.stderr);
    let hint = "tokctl: hint: to be asked for it, run: tokctl add spotify\n";
    sandbox.run(["get", "spotify"]).fails(3, hint);
    let hint = "tokctl: hint: to set one up, run: tokctl add\n";
    sandbox.run(["get", "corp"]).fails(3, hint);
    sandbox
        .run(["status"])
        .ok_with("", "to set one up, run: tokctl add\n");
    sandbox.config("");
    sandbox.run([""; 0]).fails(2, "No profile is set up yet");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn at_a_terminal_it_asks_what_it_needs_and_shows_no_secret() {
    let server = issuer();
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl("add");
    terminal.shows("  github ");
    terminal.shows("number, name or issuer");
    terminal.types("githb");
    terminal.shows("did you mean \"github\"?");
    // The issuer has no slash at its end.
    terminal.types(&server.url("/"));
    terminal.shows("a name for the profile:");
    terminal.types("github");
    terminal.shows("another service's preset");
    terminal.types("corp");
    terminal.shows("number [1]:");
    terminal.types("2");
    terminal.shows("client id:");
    terminal.types("id");
    terminal.shows("encrypted file instead? [Y/n]:");
    terminal.types("");
    terminal.shows("client secret (not shown):");
    terminal.types(SECRET);
    // What a person could grant is not offered to a client that acts for itself.
    terminal.shows("server's choice):");
    terminal.types("read other");
    terminal.shows("get this token for (https://HOST; empty: none):");
    terminal.types("");
    let screen = terminal.shows("exit=0");
    assert!(screen.contains("use it with: tokctl get corp"), "{screen}");
    assert!(!screen.contains(SECRET), "{screen}");
    let text = text(&sandbox);
    assert!(
        text.contains("scope = [\"read\", \"other\"]\nstore = \"encrypted-file\"\n"),
        "{text}"
    );
    sandbox.run(["get", "corp"]).ok("access-1\n");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn at_a_terminal_a_login_follows_and_a_failed_trial_asks_what_to_keep() {
    let server = issuer();
    let mut sandbox = Sandbox::new();
    sandbox.env("BROWSER", "true");
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl(&format!("add corp --issuer {}", server.url("")));
    terminal.shows("number [1]:");
    terminal.types("");
    let screen = terminal.shows("client id:");
    assert!(screen.contains("http://127.0.0.1/callback"), "{screen}");
    terminal.types("id");
    terminal.shows("[Y/n]:");
    terminal.types("y");
    terminal.shows("empty if there is none):");
    terminal.types("");
    terminal.shows("scopes, by number or name");
    terminal.types("1");
    terminal.shows("get this token for");
    terminal.types("");
    terminal.shows("log in now? [Y/n]:");
    terminal.types("");
    terminal.shows("to log in to corp, open this address");
    let url = terminal.address();
    support::login::arrive(&support::login::redirect(&url, ""));
    terminal.shows("logged in to corp");
    terminal.shows("exit=0");
    sandbox.run(["get", "corp"]).ok("access-1\n");

    terminal.types("clear");
    terminal.tmux(&["clear-history"]);
    let closed = "--token-endpoint http://127.0.0.1:1/t --store encrypted-file";
    for (answer, code, kept) in [("q", "exit=6", false), ("k", "exit=0", true)] {
        terminal.tokctl(&format!("add away {closed}"));
        terminal.shows("client id:");
        terminal.types("id");
        terminal.shows("not shown):");
        terminal.types(SECRET);
        terminal.shows("server's choice):");
        terminal.types("");
        terminal.shows("get this token for");
        terminal.types("");
        terminal.shows("k to keep the profile all the same, q to end without it [c]:");
        terminal.types(answer);
        terminal.shows(code);
        assert_eq!(text(&sandbox).contains("[profile.away]"), kept);
        terminal.types("clear");
        terminal.tmux(&["clear-history"]);
    }
    terminal.tokctl("add");
    terminal.shows("number, name or issuer");
    terminal.tmux(&["send-keys", "C-d"]);
    terminal.shows("the answers ended, so nothing is added");
    terminal.shows("exit=2");
}
