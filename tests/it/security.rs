//! What SECURITY.md promises and no other test looks at: hostile directories, environments, words and
//! users of the same machine.
#![cfg(unix)]

use crate::support;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::grants::{files_with, wait_for};
use support::login::{arrive, redirect};
use support::profiles::{SECRET, client_at, grant_at};
use support::run::send;
use support::sandbox::files;
use support::{Login, Reply, Running, Sandbox, Server};

/// A file that can be run.
fn program(path: &Path, script: &str) {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(path)
        .and_then(|mut file| file.write_all(format!("#!/bin/sh\n{script}\n").as_bytes()))
        .expect("it can be written");
}

fn directory(path: PathBuf) -> PathBuf {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.expect("it can be made");
    path
}

#[test]
fn no_program_is_taken_from_the_current_directory() {
    let server = Server::tokens(3600);
    let text = client_at(&server.url("/token"), "store = \"none\"");
    let command = |program: &str| {
        text.replace(
            "{ env = \"P_SECRET\" }",
            &format!("{{ command = [\"{program}\"] }}"),
        )
    };
    let sandbox = Sandbox::new();
    let hostile = directory(sandbox.home().join("hostile"));
    program(&hostile.join("give-secret"), ": > ran; echo stolen");
    let own = directory(sandbox.home().join("own"));
    program(&own.join("give-secret"), "echo kept");
    let start = |path: &str| {
        let mut command = sandbox.command(["get", "p"]);
        command.current_dir(&hostile).env("PATH", path);
        Running::start(command, None).wait()
    };
    sandbox.config(&command("give-secret"));
    for path in [".", "", "::", "../hostile", "/nowhere:."] {
        start(path).fails(3, "command \"give-secret\": no such file or directory");
    }
    start(&format!(".:{}", own.display())).ok("at-1\n");
    // One that is named by a path is the one beside the configuration.
    sandbox.config(&command("./give-secret"));
    start(".").fails(3, "no such file or directory");
    program(
        &sandbox.config_dir().join("tokctl/give-secret"),
        "echo kept",
    );
    start(".").ok("at-2\n");
    for name in ["git", "go", "kubectl"] {
        program(&hostile.join(name), ": > ran");
    }
    for args in [
        &["helper", "install", "git", "p"][..],
        &["helper", "install", "go", "p"],
        &["helper", "install", "kubectl", "p"],
        &["doctor"],
    ] {
        sandbox.config(&format!("{text}\nhosts = [\"https://git.example\"]"));
        let mut command = sandbox.command(args);
        command.current_dir(&hostile).env("PATH", ".");
        let run = Running::start(command, None).wait();
        assert!(!hostile.join("ran").exists(), "{run:?}");
    }
    assert!(!hostile.join("ran").exists());
    assert_eq!(files_with(&hostile, "kept"), Vec::<PathBuf>::new());
}

#[test]
fn no_directory_or_file_of_the_state_is_followed_out_of_it() {
    let server = Server::tokens(1);
    for folder in ["locks", "records", "plaintext", "profiles", "spool"] {
        let store = if folder == "plaintext" {
            "plaintext"
        } else {
            "encrypted-file"
        };
        let sandbox = Sandbox::new();
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"");
        sandbox.config(&grant_at(&server.url("/token"), &more));
        let elsewhere = directory(sandbox.home().join("elsewhere"));
        let state = directory(sandbox.state_dir().join("tokctl"));
        symlink(&elsewhere, state.join(folder)).expect("a link");
        let run = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
        assert_eq!(
            files(&elsewhere),
            Vec::<PathBuf>::new(),
            "{folder}: {run:?}"
        );
        let run = sandbox.run(["get", "p"]);
        assert_eq!(
            files(&elsewhere),
            Vec::<PathBuf>::new(),
            "{folder}: {run:?}"
        );
    }
    // The same for the files in it.
    let sandbox = Sandbox::with_grant(&server, "");
    let target = sandbox.write("target", "untouched");
    for file in files(&sandbox.state_dir()) {
        fs::remove_file(&file).expect("ours");
        symlink(&target, &file).expect("a link");
    }
    let run = sandbox.run(["get", "p"]);
    assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    assert_eq!(fs::read_to_string(&target).expect("ours"), "untouched");
}

#[test]
fn a_browser_gets_no_secret_from_the_environment() {
    let (proxy, left) = (
        format!("http://u:{SECRET}@proxy.example:1"),
        "http_proxy=http://proxy.example:1\n",
    );
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    let script = sandbox.home().join("browser");
    program(&script, "env > seen.tmp && mv seen.tmp seen");
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nauthorization_endpoint = \"{0}\"\n\
         token_endpoint = \"{0}\"\nclient_secret = {{ env = \"BY_ANOTHER_NAME\" }}\n\
         [profile.q]\nclient_id = \"c\"\nstore_key.env = 'OF_ANOTHER_PROFILE'\n",
        server.url("/x")
    ));
    sandbox.env("BROWSER", &script).env("HARMLESS", "yes");
    sandbox.env("http_proxy", proxy);
    for name in [
        "TOKCTL_STORE_KEY",
        "TOKCTL_TOKEN_Q",
        "P_CLIENT_SECRET",
        "SPOTIFY_CLIENT_SECRET",
        "BY_ANOTHER_NAME",
        "OF_ANOTHER_PROFILE",
        "TOKCTL_TOKEN",
    ] {
        sandbox.env(name, SECRET);
    }
    let mut login = Login::of(sandbox.command(["login", "p"]));
    let url = login.address();
    let seen = sandbox.home().join("seen");
    wait_for("the browser", || seen.exists());
    let seen = fs::read_to_string(seen).expect("ours");
    assert!(
        seen.contains("HARMLESS=yes") && seen.contains(left) && !seen.contains(SECRET),
        "{seen}"
    );
    arrive(&redirect(&url, ""));
    login.wait().ok_with("", "logged in to p");
}

#[test]
fn a_program_that_gives_a_secret_gets_none_from_the_environment() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    let script = sandbox.home().join("give-secret");
    program(&script, "env > \"$HOME/seen\"; echo given");
    let text = client_at(&server.url("/token"), "store = \"none\"");
    let source = format!("{{ command = [{:?}] }}", script.display().to_string());
    let other =
        "[profile.q]\nclient_id = \"c\"\nclient_secret = { env = \"OF_ANOTHER_PROFILE\" }\n";
    sandbox.config(&format!(
        "{}\n{other}",
        text.replace("{ env = \"P_SECRET\" }", &source)
    ));
    for name in [
        "TOKCTL_STORE_KEY",
        "TOKCTL_TOKEN",
        "TOKCTL_TOKEN_Q",
        "SPOTIFY_CLIENT_SECRET",
        "OF_ANOTHER_PROFILE",
    ] {
        sandbox.env(name, SECRET);
    }
    // What it logs in with itself is its own.
    sandbox
        .env("BW_SESSION", "its own")
        .env("https_proxy", "http://u:p@127.0.0.1:1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    let seen = fs::read_to_string(sandbox.home().join("seen")).expect("it ran");
    assert!(!seen.contains(SECRET), "{seen}");
    assert!(
        seen.contains("BW_SESSION=its own") && seen.contains("u:p@"),
        "{seen}"
    );
}

#[test]
fn a_command_gets_tokens_in_the_place_of_what_they_were_got_with_and_keeps_the_rest() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    let other =
        "[profile.q]\nclient_id = \"c\"\nclient_secret = { env = \"OF_ANOTHER_PROFILE\" }\n";
    sandbox.config(&format!(
        "{}\n{other}",
        client_at(&server.url("/token"), "store = \"none\"")
    ));
    for name in [
        "P_SECRET",
        "OF_ANOTHER_PROFILE",
        "TOKCTL_STORE_KEY",
        "TOKCTL_TOKEN_Q",
        "UNKNOWN_CLIENT_SECRET",
    ] {
        sandbox.env(name, SECRET);
    }
    for more in [&[][..], &["--file"], &["--refresh"]] {
        let run = sandbox.run([&["exec", "p"][..], more, &["--", "env"]].concat());
        assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
        assert!(!run.stdout.contains("P_SECRET"), "{run:?}");
        assert_eq!(run.stdout.matches(SECRET).count(), 4, "{run:?}");
    }
}

#[test]
fn no_word_of_the_command_line_repaints_a_terminal() {
    let sandbox = Sandbox::new();
    for word in [
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "a\u{202e}b",
        "a\nb\rc",
    ] {
        for args in [
            &[word][..],
            &["get", word],
            &["get", "p", word],
            &["get", "p", &format!("--format={word}")],
            &["status", word],
            &["login", word],
            &["logout", word],
            &["refresh", word],
            &["import", word],
            &["secret", "set", word],
            &["providers", word],
            &["doctor", word],
            &["helper", word],
            &["helper", "kubectl", word],
            &["--config", word, "status"],
        ] {
            let run = sandbox.run(args);
            let shown = format!("{}{}", run.stdout, run.stderr);
            let ugly = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!shown.contains(ugly), "{args:?}: {shown:?}");
            let lines = run.stderr.lines();
            assert!(
                lines.clone().all(|line| line.starts_with("tokctl: ")),
                "{args:?}: {shown:?}"
            );
        }
    }
}

#[test]
fn a_crash_leaves_no_core_dump() {
    let server = Server::always(Reply::json(200, "{}").after(Duration::from_secs(20)));
    let sandbox = Sandbox::with_client(&server, "store = \"none\"");
    let dumps = |mut command: Command, wait: &dyn Fn()| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        wait();
        send(child.id(), Signal::SIGABRT);
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(Signal::SIGABRT as i32));
        status.core_dumped()
    };
    let unlimited = |words: &[&str]| {
        let script = "ulimit -c unlimited; exec \"$@\"";
        sandbox.program("sh", [&["-c", script, "sh"], words].concat())
    };
    // What the test is worth, where the machine writes core dumps at all.
    let others = dumps(unlimited(&["sleep", "20"]), &|| {
        thread::sleep(Duration::from_millis(300));
    });
    assert!(others, "this machine writes no core dumps at all");
    let tokctl = unlimited(&[support::tokctl(), "get", "p"]);
    let asked = || wait_for("the request", || server.hits() > 0);
    assert!(!dumps(tokctl, &asked));
}

/// A uid without an entry in the user database.
const STRANGER: u32 = 54323;

#[test]
#[ignore = "needs root to be another user: tests/run as root"]
fn other_programs_of_the_same_user_cannot_look_into_a_running_tokctl() {
    let server = Server::always(Reply::json(200, "{}").after(Duration::from_secs(3)));
    let mut sandbox = Sandbox::new();
    sandbox.config(&client_at(&server.url("/token"), "store = \"none\""));
    sandbox.env("P_SECRET", SECRET);
    let tokctl = sandbox.home().join("tokctl");
    fs::copy(support::tokctl(), &tokctl).expect("copied");
    for path in [
        "",
        "config",
        "config/tokctl",
        "config/tokctl/config.toml",
        "state",
        "run",
    ] {
        chown(sandbox.home().join(path), Some(STRANGER), None).expect("as root");
    }
    let uid = STRANGER.to_string();
    let by = ["--reuid", &uid, "--regid", &uid, "--clear-groups"];
    let tokctl = tokctl.to_string_lossy().into_owned();
    let running = Running::start(
        sandbox.program("setpriv", [&by[..], &[&tokctl, "get", "p"]].concat()),
        None,
    );
    wait_for("the request", || server.hits() > 0);
    let process = PathBuf::from(format!("/proc/{}", running.pid()));
    for file in ["environ", "mem", "maps"] {
        let owner = process.join(file).metadata().expect("it runs").uid();
        assert_eq!(owner, 0, "{file} belongs to the user");
        let path = process.join(file).to_string_lossy().into_owned();
        let look = sandbox.program("setpriv", [&by[..], &["head", "-c", "1", &path]].concat());
        let run = Running::start(look, None).wait();
        assert!(run.code != 0 && run.stdout.is_empty(), "{run:?}");
    }
    running.wait();
}

#[test]
fn every_test_that_security_md_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).expect("it is there");
    let named = text.split('`').skip(1).step_by(2);
    let mut seen = 0;
    for (file, name) in named.filter_map(|word| word.split_once("::")) {
        let source = ["it", "privileged"].iter().find_map(|binary| {
            let path = root.join("tests").join(binary).join(file);
            fs::read_to_string(path.with_extension("rs")).ok()
        });
        let source = source.unwrap_or_else(|| panic!("no file of tests is called {file}"));
        assert!(
            source.contains(&format!("\nfn {name}() {{")),
            "{file}::{name}"
        );
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
