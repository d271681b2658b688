//! `tokctl exec`: a command with tokens in its environment or in files.

use crate::support;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::sandbox::files;
use support::terminal::Terminal;
use support::{Reply, Running, Sandbox, Server};

/// Two profiles, `p` and `git.corp-1`, with client credentials.
fn two(server: &Server) -> Sandbox {
    let sandbox = Sandbox::with_client(server, "");
    let text = fs::read_to_string(sandbox.config_file()).expect("it was written");
    let second = text.replace("[profile.p]", "[profile.\"git.corp-1\"]");
    sandbox.config(&format!("{text}\n{second}"));
    sandbox
}

#[test]
fn the_token_is_in_the_command_s_environment() {
    let server = Server::tokens(3600);
    let sandbox = two(&server);
    let print = ["sh", "-c", "env | grep -E '^(TOKCTL_TOKEN|A|B)' | sort"];
    for (flags, stdout) in [
        (&["p"][..], "TOKCTL_TOKEN=at-1\n"),
        (&["p", "--env", "A"], "A=at-1\n"),
        (&["p", "-e", "A", "-e", "B"], "A=at-1\nB=at-1\n"),
        (&["--env", "A=p", "-e", "B=git.corp-1"], "A=at-1\nB=at-2\n"),
        (
            &["p", "git.corp-1"],
            "TOKCTL_TOKEN_GIT_CORP_1=at-2\nTOKCTL_TOKEN_P=at-1\n",
        ),
        (&["p", "-e", "B=git.corp-1"], "B=at-2\nTOKCTL_TOKEN=at-1\n"),
    ] {
        let args = [&["exec"], flags, &["--"], &print[..]].concat();
        sandbox.run(args).ok(stdout);
    }
    assert_eq!(server.hits(), 2);
    // A tokctl that the command calls finds the token there.
    let nested = [support::tokctl(), "get", "p", "--json"];
    let args = [&["exec", "p", "git.corp-1", "--"], &nested[..]].concat();
    assert_eq!(sandbox.run(args).json()["source"], "environment");
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let server = Server::tokens(3600);
    let sandbox = two(&server);
    for (flags, why) in [
        (&["--", "true"][..], "there is no profile"),
        (&["p", "true"], "required"),
        (&["p", "--"], "required"),
        (
            &["p", "git.corp-1", "-e", "A", "--", "true"],
            "--env A=PROFILE",
        ),
        (&["-e", "A", "--", "true"], "--env A=PROFILE"),
        (
            &["p", "-e", "A=", "--", "true"],
            "there is no profile after =",
        ),
        (
            &["p", "-e", "1A", "--", "true"],
            "is no name for a variable",
        ),
        (
            &["p", "-e", "A B", "--", "true"],
            "is no name for a variable",
        ),
        (&["p", "-e", "", "--", "true"], "is no name for a variable"),
        (
            &["p", "-e", "A", "-e", "A", "--", "true"],
            "A is given twice",
        ),
        (
            &["p", "git.corp-1", "--scope", "x", "--", "true"],
            "are for one profile",
        ),
    ] {
        sandbox.run([&["exec"], flags].concat()).fails(2, why);
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn the_command_takes_the_place_of_tokctl() {
    let server = Server::tokens(3600);
    let sandbox = two(&server);
    let sh = |script: &str| sandbox.run(["exec", "p", "--", "sh", "-c", script]);
    sh("exit 7").exits(7, "");
    sh("kill -TERM $$").ends_by_signal(15);
    // The same process: its number is the one that was started.
    let run = sandbox.start(["exec", "p", "--", "sh", "-c", "echo $$"]);
    let pid = run.pid();
    run.wait().ok(&format!("{pid}\n"));
    let run = sandbox.run_with_stdin(["exec", "p", "--", "cat"], "in\0put");
    run.ok("in\0put");
    sandbox
        .run(["exec", "p", "--", "no-such-command-here"])
        .fails(127, "no-such-command-here: no such file or directory");
    let file = sandbox.write("not-a-program", "x");
    let file = file.display().to_string();
    sandbox
        .run(["exec", "p", "--", &file])
        .fails(126, "permission denied");
    // SIGPIPE ends the command as it ends any other.
    let script = format!(
        "{} exec p -- sh -c 'yes; echo $? >&2' | head -c 2",
        support::tokctl()
    );
    Running::start(sandbox.program("sh", ["-c", &script]), None)
        .wait()
        .ends(0, "y\n", "141\n");
}

#[test]
fn without_every_token_nothing_is_run() {
    let server = Server::start(|request| {
        if request.form().contains_key("audience") {
            return Reply::error("invalid_target");
        }
        Reply::json(200, r#"{"access_token":"at","expires_in":3600}"#)
    });
    let sandbox = two(&server);
    let mark = sandbox.home().join("ran");
    let touch = ["--", "touch", mark.to_str().expect("a plain name")];
    let run = |flags: &[&str]| sandbox.run([&["exec"], flags, &touch].concat());
    run(&["p", "--audience", "x"]).fails(5, "invalid_target");
    run(&["p", "nobody"]).fails(3, "nobody");
    assert!(!mark.exists());
}

#[test]
fn a_file_holds_the_token_instead_of_the_environment() {
    let server = Server::tokens(3600);
    let sandbox = two(&server);
    let run = |flags: &[&str], script: &str| {
        sandbox.run([&["exec"], flags, &["--", "sh", "-c", script]].concat())
    };
    run(
        &["p", "--file"],
        "cat $TOKCTL_FILE; cat $TOKCTL_FILE; echo ${TOKCTL_TOKEN-none}",
    )
    .ok("at-1at-1none\n");
    run(&["p", "--file", "-e", "A"], "cat $A").ok("at-1");
    run(
        &["p", "git.corp-1", "--file"],
        "cat $TOKCTL_FILE_P $TOKCTL_FILE_GIT_CORP_1",
    )
    .ok("at-1at-2");
    // A child's child can read it, nobody can write it, and it is in no directory.
    run(&["p", "--file"], "sh -c 'cat $TOKCTL_FILE'").ok("at-1");
    let run = run(&["p", "--file"], "echo x > $TOKCTL_FILE");
    assert!(
        run.stderr.contains("ermi") && run.stdout.is_empty(),
        "{}",
        run.stderr
    );
    assert!(holding(&sandbox, "at-1").is_empty());
}

/// The files of a sandbox with this text in them.
fn holding(sandbox: &Sandbox, text: &str) -> Vec<PathBuf> {
    let all = files(sandbox.home())
        .into_iter()
        .chain(files(&sandbox.runtime_dir()));
    all.filter(|file| {
        let bytes = fs::read(file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    })
    .collect()
}

/// A server whose tokens, numbered, live for four seconds.
fn short_lived() -> Server {
    let count = AtomicU32::new(0);
    Server::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(r#"{{"access_token":"at-{number}","expires_in":4}}"#);
        Reply::json(200, body)
    })
}

/// Waits for a text to be in a file.
fn seen(file: &std::path::Path, text: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if fs::read_to_string(file).is_ok_and(|found| found.contains(text)) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// `/dev/shm` is in memory here; the sandbox's runtime directory is on disk.
fn in_memory(sandbox: &mut Sandbox) -> PathBuf {
    let dir = PathBuf::from(format!("/dev/shm/tokctl-test-{}", std::process::id()));
    let dir = dir.join(sandbox.home().file_name().expect("it has a name"));
    fs::create_dir_all(&dir).expect("memory is there");
    sandbox.env("XDG_RUNTIME_DIR", &dir);
    dir
}

#[test]
fn a_long_running_command_s_file_is_kept_fresh() {
    let server = short_lived();
    let mut sandbox = Sandbox::with_client(&server, "");
    let memory = in_memory(&mut sandbox);
    let log = sandbox.home().join("log");
    let script = format!(
        "while :; do cat $TOKCTL_FILE >> {0}; echo >> {0}; sleep 0.1; done",
        log.display()
    );
    let run = sandbox.start(["exec", "p", "--refresh", "--", "sh", "-c", &script]);
    assert!(seen(&log, "at-3\n"));
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    let dir = fs::read_dir(&memory).expect("it is there").next();
    let dir = dir.expect("one directory").expect("it can be read").path();
    assert_eq!((mode(&dir), mode(&dir.join("TOKCTL_FILE"))), (0o700, 0o600));
    run.signal(Signal::SIGTERM);
    run.wait().ends_by_signal(15);
    // Never a half token, and nothing is left.
    let log = fs::read_to_string(&log).expect("it was written");
    assert!(
        log.lines()
            .all(|line| line.starts_with("at-") && line.len() == 4),
        "{log}"
    );
    assert_eq!(fs::read_dir(&memory).expect("it is there").count(), 0);
    assert!(server.hits() <= 6, "{} requests", server.hits());
    assert!(
        holding(&sandbox, "at-1")
            .iter()
            .all(|file| file.ends_with("log"))
    );
}

#[test]
fn signals_and_exit_codes_pass_through() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::with_client(&server, "");
    let memory = in_memory(&mut sandbox);
    let sh = |script: &str| sandbox.run(["exec", "p", "--refresh", "--", "sh", "-c", script]);
    sh("cat $TOKCTL_FILE; exit 7").exits(7, "at-1");
    sh("kill -KILL $$").ends_by_signal(9);
    sandbox
        .run(["exec", "p", "--refresh", "--", "no-such-command-here"])
        .fails(127, "no-such-command-here");
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGUSR1,
        Signal::SIGQUIT,
    ] {
        let ready = sandbox.home().join(format!("ready-{signal}"));
        let name = signal.as_str().trim_start_matches("SIG");
        let script = format!(
            "trap 'echo got {name}; exit 3' {name}; touch {}; while :; do sleep 0.05; done",
            ready.display()
        );
        let run = sandbox.start(["exec", "p", "--refresh", "--", "sh", "-c", &script]);
        while !ready.exists() {
            thread::sleep(Duration::from_millis(10));
        }
        run.signal(signal);
        run.wait().exits(3, &format!("got {name}\n"));
    }
    assert_eq!(fs::read_dir(&memory).expect("it is there").count(), 0);
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_client(&server, "");
    let ready = sandbox.home().join("ready");
    let script = format!("touch {}; sleep 0.3; echo done", ready.display());
    let run = [
        "--ignore-signal=HUP",
        support::tokctl(),
        "exec",
        "p",
        "--refresh",
        "--",
    ];
    let words = [&run[..], &["sh", "-c", &script]].concat();
    let run = Running::start(sandbox.program("env", words), None);
    while !ready.exists() {
        thread::sleep(Duration::from_millis(10));
    }
    run.signal(Signal::SIGHUP);
    run.wait().ok("done\n");
}

#[test]
fn what_a_killed_tokctl_left_in_memory_goes_with_the_next() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::with_client(&server, "");
    let memory = in_memory(&mut sandbox);
    let args = ["exec", "p", "--refresh", "--", "sleep", "1"];
    let count = || fs::read_dir(&memory).expect("it is there").count();
    let run = sandbox.start(args);
    while count() == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    // One that runs is left alone.
    let other = sandbox.start(args);
    while count() < 2 {
        thread::sleep(Duration::from_millis(10));
    }
    run.signal(Signal::SIGKILL);
    run.wait().ends_by_signal(9);
    other.wait().ok("");
    assert_eq!(count(), 1);
    sandbox.run(["exec", "p", "--refresh", "--", "true"]).ok("");
    assert_eq!(count(), 0);
}

#[test]
fn a_server_that_is_away_is_told_once_and_the_command_goes_on() {
    let server = short_lived();
    let mut sandbox = Sandbox::with_client(&server, "");
    in_memory(&mut sandbox);
    sandbox.run(["get", "p"]).ok("at-1\n");
    drop(server);
    let run = sandbox.run([
        "exec",
        "p",
        "--refresh",
        "--timeout",
        "1s",
        "--",
        "sleep",
        "6",
    ]);
    run.ends(0, "", "warning: the command's token is not renewed: ");
    assert_eq!(
        run.stderr.matches("is not renewed").count(),
        1,
        "{}",
        run.stderr
    );
}

#[test]
#[ignore = "needs tmux and python3"]
fn ctrl_c_reaches_the_command_once() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::with_client(&server, "");
    in_memory(&mut sandbox);
    // Each interrupt is counted as it comes: two in a row would be one for a shell.
    let script = sandbox.write(
        "count.py",
        "import signal, time\n\
         seen = []\n\
         signal.signal(signal.SIGINT, lambda *_: (seen.append(1), time.sleep(0.3)))\n\
         print('rea' + 'dy', flush=True)\n\
         end = time.time() + 2\n\
         while time.time() < end: time.sleep(0.05)\n\
         print('interrupts:', len(seen), flush=True)\n\
         raise SystemExit(4)\n",
    );
    let terminal = Terminal::start(&sandbox);
    terminal.tokctl(&format!("exec p --refresh -- python3 {}", script.display()));
    terminal.shows("ready");
    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.shows("exit=4");
    assert!(screen.contains("interrupts: 1"), "{screen}");
}
