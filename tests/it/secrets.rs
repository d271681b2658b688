//! Where secrets come from, and where they never go.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, Instant};

use support::grants::credentials;
use support::profiles::{SECRET, client_at};
use support::{Running, Sandbox, Server};

const ODD: &str = "p@:ss%41+w rd&x=y/?#\"'\\~é";

/// A profile with this source, whose every call is a request that sends the secret in the body.
fn with_source(server: &Server, source: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let more = "client_auth = \"client_secret_post\"\nstore = \"none\"";
    let text = client_at(&server.url("/token"), more);
    sandbox.config(&text.replace("{ env = \"P_SECRET\" }", source));
    sandbox
}

fn sent(server: &Server) -> String {
    let last = server.requests().pop().expect("a request");
    last.form()["client_secret"].clone()
}

#[test]
fn every_source_gives_the_secret_without_its_line_end_and_byte_order_mark() {
    let server = Server::tokens(60);
    let ends = ["", "\n", "\r\n", "\n\r\n\n"].map(|end| ("", end));
    for (mark, end) in ends.into_iter().chain([("\u{feff}", "\r\n")]) {
        for source in [
            "{ env = \"OTHER\" }",
            "{ file = \"~/secret\" }",
            "{ command = [\"cat\", \"secret\"] }",
            "{ systemd_credential = \"secret\" }",
        ] {
            let mut sandbox = with_source(&server, source);
            let text = format!("{mark}{ODD}{end}");
            let home = sandbox.home().to_owned();
            sandbox.write("secret", &text);
            sandbox
                .env("OTHER", &text)
                .env("CREDENTIALS_DIRECTORY", home);
            let run = sandbox.run(["get", "p"]);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{source}");
            assert_eq!(sent(&server), ODD, "{source}");
        }
    }
}

#[test]
fn an_env_file_is_read_as_its_writers_mean_it() {
    let server = Server::tokens(60);
    for (line, secret) in [
        ("P_CLIENT_SECRET=plain", "plain"),
        ("\u{feff}P_CLIENT_SECRET=plain\r\n", "plain"),
        ("P_CLIENT_SECRET=plain\r\n", "plain"),
        (
            "# a comment\n\nexport P_CLIENT_SECRET=plain\nOTHER=x\n",
            "plain",
        ),
        ("P_CLIENT_SECRET=first\nP_CLIENT_SECRET=last\n", "last"),
        ("P_CLIENT_SECRET=\"two words\"\n", "two words"),
        ("P_CLIENT_SECRET='a$b\\c\"d'\n", "a$b\\c\"d"),
        ("P_CLIENT_SECRET=pa$HOME#x\n", "pa$HOME#x"),
        ("P_CLIENT_SECRET=\"pa$HOME\"\r\n", "pa$HOME"),
        ("P_CLIENT_SECRET=a+/b==\n", "a+/b=="),
    ] {
        let sandbox = with_source(&server, "{ env_file = \"~/.env\" }");
        sandbox.write(".env", line);
        let run = sandbox.run(["get", "p"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line:?}");
        assert_eq!(sent(&server), secret, "{line:?}");
    }
    let mut sandbox = with_source(&server, "{ env_file = \"~/.env\", env = \"OTHER\" }");
    sandbox.write(".env", "P_CLIENT_SECRET=a\nOTHER=b\n");
    assert_eq!(
        (sandbox.run(["get", "p"]).code, sent(&server)),
        (0, "b".to_owned())
    );
    sandbox.env("OTHER", "c");
    assert_eq!(
        (sandbox.run(["get", "p"]).code, sent(&server)),
        (0, "c".to_owned())
    );
}

#[test]
fn a_command_is_run_without_a_shell_and_without_our_stdin() {
    let server = Server::tokens(60);
    let source = "{ command = [\"printf\", \"%s|\", \"$HOME `id` ; x\", \"*\"] }";
    with_source(&server, source).run(["get", "p"]);
    assert_eq!(sent(&server), "$HOME `id` ; x|*|");
    let sandbox = with_source(&server, "{ command = [\"cat\"] }");
    let run = sandbox.run_with_stdin(["get", "p"], "from our stdin");
    run.fails(3, "command \"cat\": it is empty");
}

#[test]
fn a_long_secret_of_a_command_comes_whole() {
    let server = Server::tokens(60);
    let sandbox = with_source(&server, "{ command = [\"cat\", \"secret\"] }");
    let secret: String = ('a'..='z').cycle().take(60_000).collect();
    sandbox.write("secret", &secret);
    for _ in 0..5 {
        assert_eq!(sandbox.run(["get", "p"]).code, 0);
        assert_eq!(sent(&server), secret);
    }
}

#[test]
fn a_source_that_gives_nothing_is_named_and_no_request_is_made() {
    let server = Server::tokens(60);
    let sh = |script: &str| format!("{{ command = [\"sh\", \"-c\", \"{script}\"] }}");
    for (source, words) in [
        (
            "{ env = \"UNSET\" }".to_owned(),
            "environment variable UNSET",
        ),
        ("{ file = \"~/nowhere\" }".to_owned(), "no such file"),
        ("{ file = \"~/empty\" }".to_owned(), "it is empty"),
        ("{ file = \"~/config\" }".to_owned(), "not a regular file"),
        ("{ file = \"~/latin1\" }".to_owned(), "not UTF-8"),
        ("{ file = \"~/huge\" }".to_owned(), "larger than 64 KiB"),
        (
            "{ env_file = \"~/env\" }".to_owned(),
            "no variable P_CLIENT_SECRET",
        ),
        ("{ env_file = \"~/bad\", env = \"X\" }".to_owned(), "X in /"),
        (
            "{ systemd_credential = \"x\" }".to_owned(),
            "CREDENTIALS_DIRECTORY",
        ),
        (
            "{ command = [\"/no/such/program\"] }".to_owned(),
            "no such file",
        ),
        (sh("echo canary; exit 3"), "exit status: 3"),
        (sh("echo canary; kill -9 $$"), "signal: 9"),
        (sh("echo"), "it is empty"),
        (
            "{ command = [\"yes\", \"canary\"] }".to_owned(),
            "larger than 64 KiB",
        ),
        ("{ keyring = true }".to_owned(), "tokctl secret set p"),
    ] {
        let sandbox = with_source(&server, &source);
        sandbox.write("empty", "\r\n");
        sandbox.write("latin1", b"canary\xe9");
        sandbox.write("huge", "canary".repeat(20_000));
        sandbox.write("env", "OTHER=canary\n");
        sandbox.write("bad", "OTHER=canary\nX canary\n");
        let run = sandbox.run(["get", "p"]);
        run.fails(3, words)
            .fails(3, "profile \"p\": no client")
            .fails(3, "secret ");
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
        let run = sandbox.run(["get", "p", "--json"]);
        run.fails(3, "\"code\":\"no_secret\"");
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_source_that_hangs_costs_the_time_budget_and_no_more() {
    let server = Server::tokens(60);
    for source in [
        "{ command = [\"sleep\", \"8\"] }",
        "{ command = [\"sh\", \"-c\", \"trap '' TERM; sleep 8\"] }",
        "{ command = [\"sh\", \"-c\", \"exec >&-; sleep 8\"] }",
        "{ file = \"~/fifo\" }",
    ] {
        let sandbox = with_source(&server, source);
        let fifo = sandbox.program("mkfifo", ["fifo"]);
        Running::start(fifo, None).wait();
        // Wait at most 5 seconds for what should take one.
        let args = ["5", support::tokctl(), "get", "p", "--timeout=1s"];
        let run = Running::start(sandbox.program("timeout", args), None).wait();
        assert!(
            run.elapsed < Duration::from_secs(2),
            "{source}: {:?}",
            run.elapsed
        );
        assert!(
            [3, 6].contains(&run.code) && run.stdout.is_empty(),
            "{source}: {run:?}"
        );
    }
}

#[test]
fn a_command_that_leaves_a_daemon_behind_is_not_waited_for() {
    let server = Server::tokens(60);
    let source = "{ command = [\"sh\", \"-c\", \"echo secret; sleep 4 2>&- & exit 0\"] }";
    let sandbox = with_source(&server, source);
    let mut command = sandbox.command(["get", "p", "--timeout=3s"]);
    let started = Instant::now();
    let output = command.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_secret_is_fetched_only_for_a_request() {
    let server = Server::tokens(3600);
    let sandbox = with_source(
        &server,
        "{ command = [\"sh\", \"-c\", \"echo run >> runs; echo secret\"] }",
    );
    let config = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&config.replace("store = \"none\"", "store = \"plaintext\""));
    for _ in 0..3 {
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
    assert_eq!(
        fs::read_to_string(sandbox.home().join("runs")).expect("it ran"),
        "run\n"
    );
}

#[test]
fn a_secret_in_the_configuration_works_with_a_warning_that_does_not_repeat_it() {
    let server = Server::tokens(60);
    let sandbox = with_source(&server, &format!("\"{SECRET}\""));
    let run = sandbox.run(["get", "p"]);
    run.ok_with(
        "at-1\n",
        "tokctl: warning: profile \"p\": the client secret stands in",
    );
    assert!(!run.stderr.contains(SECRET));
    assert_eq!(sent(&server), SECRET);
    for broken in [
        "client_id = 5",
        "scope = [",
        "\"",
        "= 5",
        "client_secret = \"again\"",
    ] {
        let config = fs::read_to_string(sandbox.config_file()).expect("it is there");
        sandbox.config(&format!("{config}{broken}\n"));
        let run = sandbox.run(["get", "p"]);
        run.fails(3, "config.toml:");
        assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
        sandbox.config(&config);
    }
    for broken in [
        "client_secret = {SECRET}",
        "client_secret = SECRET",
        "client_secret = \"SECRET",
    ] {
        let text = format!("[profile.p]\n{}\n", broken.replace("SECRET", SECRET));
        let run = sandbox.config(&text).run(["get", "p"]);
        run.fails(3, "config.toml:2");
        assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    }
}

#[test]
fn a_configuration_that_others_can_write_runs_no_program() {
    let server = Server::tokens(60);
    let program = "{ command = [\"sh\", \"-c\", \"touch ran; echo secret\"] }";
    let harmless = with_source(&server, "{ env = \"HOME\" }");
    let sandbox = with_source(&server, program);
    let as_default = with_source(&server, "{ env = \"HOME\" }");
    let text = fs::read_to_string(as_default.config_file()).expect("it is there");
    as_default.config(&format!("{text}[defaults]\nstore_key = {program}\n"));
    let mode = |sandbox: &Sandbox, mode| {
        let file = File::open(sandbox.config_file()).expect("it is there");
        file.set_permissions(Permissions::from_mode(mode))
            .expect("it is ours");
    };
    for loose in [0o620, 0o602, 0o666, 0o664] {
        for sandbox in [&sandbox, &as_default] {
            mode(sandbox, loose);
            let run = sandbox.run(["get", "p"]);
            run.fails(3, &format!("{loose:04o}"))
                .fails(3, "hint: run: chmod go-w /");
            assert!(!sandbox.home().join("ran").exists());
        }
        mode(&harmless, loose);
        let run = harmless.run(["get", "p"]);
        if loose & 0o002 == 0 {
            assert_eq!(run.code, 0, "{run:?}");
        } else {
            run.fails(
                3,
                &format!("can be written by everybody (mode {loose:04o})"),
            );
            run.fails(3, "hint: run: chmod go-w /");
        }
    }
    mode(&sandbox, 0o644);
    assert_eq!(sandbox.run(["get", "p"]).code, 0);
    // Only root can give a file away.
    if nix::unistd::getuid().is_root() {
        chown(sandbox.config_file(), Some(12345), None).expect("we are root");
        let run = sandbox.run(["get", "p"]);
        run.fails(3, "belongs to user 12345")
            .fails(3, "hint: run: sudo chown 0 /")
            .fails(3, ", or use a copy of your own");
    }
}

#[test]
fn a_directory_that_others_can_write_holds_no_configuration_that_runs_a_program() {
    let server = Server::tokens(60);
    let program = "{ command = [\"sh\", \"-c\", \"touch ran; echo secret\"] }";
    let harmless = with_source(&server, "{ env = \"HOME\" }");
    let sandbox = with_source(&server, program);
    let linked = with_source(&server, program);
    let real = linked.write(
        "dotfiles/tokctl.toml",
        fs::read(linked.config_file()).expect("it is there"),
    );
    fs::remove_file(linked.config_file()).expect("ours");
    std::os::unix::fs::symlink(&real, linked.config_file()).expect("linked");
    let mode = |dir: &std::path::Path, mode| {
        let dir = File::open(dir).expect("it is there");
        dir.set_permissions(Permissions::from_mode(mode))
            .expect("it is ours");
    };
    let dir = |sandbox: &Sandbox| sandbox.config_dir().join("tokctl");
    let dirs = [
        (&sandbox, dir(&sandbox)),
        (&linked, dir(&linked)),
        (&linked, linked.home().join("dotfiles")),
    ];
    for (sandbox, dir) in &dirs {
        for loose in [0o777, 0o702, 0o770] {
            mode(dir, loose);
            let run = sandbox.run(["get", "p"]);
            let words = format!(
                "names a program to run, but {} can be written by others (mode {loose:04o})",
                dir.display()
            );
            run.fails(3, &words).fails(3, "hint: run: chmod go-w /");
            assert!(!sandbox.home().join("ran").exists());
        }
        // Nobody can replace a file there.
        mode(dir, 0o1777);
        sandbox
            .run(["get", "p"])
            .ok(&format!("at-{}\n", server.hits()));
        mode(dir, 0o755);
        fs::remove_file(sandbox.home().join("ran")).expect("it ran");
    }
    mode(&dir(&harmless), 0o777);
    assert_eq!(harmless.run(["get", "p"]).code, 0);
}

#[test]
fn without_a_keyring_a_secret_in_it_is_out_of_reach_and_not_missing() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let auto = "store = \"auto\"\nclient_secret = { keyring = true }";
    sandbox.config(&credentials(&server.url("/token"), auto));
    let calls = [
        sandbox.run(["get", "p"]),
        sandbox.run_with_stdin(["secret", "set", "p"], "s3cret"),
    ];
    for run in calls {
        run.fails(7, "the keyring cannot be used: no session bus")
            .fails(
                7,
                "hint: start a keyring, or for an encrypted file in its place, run: tokctl config set p store encrypted-file",
            );
    }
    // One that the configuration does not say is in the store.
    sandbox.config(&credentials(&server.url("/token"), "store = \"auto\""));
    let set = sandbox.run_with_stdin(["secret", "set", "p"], "s3cret");
    set.fails(7, "there is no store that can keep a client secret")
        .fails(7, "store encrypted-file");
    assert_eq!(server.hits(), 0);
    // As the hint has it.
    let file = auto.replace("\"auto\"", "\"encrypted-file\"");
    sandbox.config(&credentials(&server.url("/token"), &file));
    let set = sandbox.run_with_stdin(["secret", "set", "p"], "s3cret");
    set.ok_with("", "p: client secret stored (/");
    sandbox.run(["get", "p"]).ok("at-1\n");
}
