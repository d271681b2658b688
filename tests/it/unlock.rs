//! `tokctl unlock`: a passphrase is set once, without a slip, and only where it counts.
#![cfg(unix)]

use crate::support;

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::golden::hash;
use support::grants::renewable;
use support::{Run, Running, Sandbox, Server, Terminal};

const FILE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", FILE));
    sandbox
}

#[test]
fn where_a_key_comes_before_a_passphrase_none_is_set() {
    let with_file = sandbox();
    with_file.import("rt-1");
    let mut with_credential = sandbox();
    with_credential.write("credentials/tokctl-store-key", "a passphrase");
    let directory = with_credential.home().join("credentials");
    with_credential.env("CREDENTIALS_DIRECTORY", directory);
    for (sandbox, place) in [
        (with_file, "the key file /"),
        (with_credential, "the systemd credential tokctl-store-key"),
    ] {
        let words = format!("nothing to unlock: the encrypted file's key is {place}");
        let run = sandbox.run_with_stdin(["unlock"], "new passphrase");
        run.ok_with("", &words);
        assert!(!sandbox.state_dir().join("tokctl/store.check").exists());
    }
}

/// Types these answers to the questions of an unlock, and gives the screen after them.
fn typed(sandbox: &Sandbox, answers: &[(&str, &str)], end: &str) -> String {
    let terminal = Terminal::start(sandbox);
    terminal.tokctl("unlock --for 1m");
    for (question, answer) in answers {
        terminal.shows(question);
        terminal.types(answer);
    }
    terminal.shows(end)
}

#[test]
#[ignore = "needs tmux, and a kernel keyring: tests/run installs it"]
fn a_new_passphrase_is_asked_for_twice_and_a_known_one_once() {
    let sandbox = sandbox();
    let check = sandbox.state_dir().join("tokctl/store.check");
    let new = "new passphrase for the encrypted file: ";
    let screen = typed(&sandbox, &[(new, "one"), ("once more: ", "on")], "exit=2");
    assert!(
        screen.contains("the two passphrases are not the same"),
        "{screen}"
    );
    assert!(!check.exists());
    let screen = typed(&sandbox, &[(new, "one"), ("once more: ", "one")], "exit=0");
    assert!(
        screen.contains("passphrase set; the encrypted file is unlocked"),
        "{screen}"
    );
    assert!(check.exists());
    let screen = typed(&sandbox, &[("\npassphrase: ", "one")], "exit=0");
    assert!(!screen.contains("once more"), "{screen}");
    assert!(!screen.contains("one"), "{screen}");
}

/// What a sandbox of the same user finds under a name in the kernel's keyring, without any file of his.
fn in_a_sandbox(name: &str) -> Vec<u8> {
    let words = ["request", "user", name];
    let id = Command::new("keyctl")
        .args(words)
        .output()
        .expect("keyctl is installed");
    let id = String::from_utf8(id.stdout).expect("a number");
    // Its own namespaces, a /tmp of its own, and the session keyring that it was started with.
    let script = "mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /root && keyctl pipe \"$0\"";
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--user",
        "--map-current-user",
        "--keep-caps",
        "--mount",
        "sh",
        "-c",
        script,
        id.trim(),
    ]);
    let found = unshare.output().expect("unshare is installed");
    assert!(
        found.status.success() && !found.stdout.is_empty(),
        "{found:?}"
    );
    found.stdout
}

#[test]
#[ignore = "needs keyctl, user namespaces and a kernel keyring: tests/run installs it"]
fn what_a_sandbox_reads_of_the_unlocked_key_opens_nothing() {
    let sandbox = sandbox();
    let unlock = ["unlock", "--for", "1m"];
    sandbox
        .run_with_stdin(unlock, "a passphrase")
        .ok_with("", "is unlocked");
    sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1")
        .ok_with("", "stored");
    let state = sandbox.state_dir().join("tokctl");
    let state = state.to_str().expect("UTF-8");
    let name = format!("tokctl:store-key:{}", hash(&["store-key-1", state]));
    let payload = in_a_sandbox(&name);
    // With the records too, from a backup.
    let mut stolen = Sandbox::new();
    stolen.config(&renewable("http://127.0.0.1:9/token", FILE));
    let (from, to) = (sandbox.state_dir().join("tokctl"), stolen.state_dir());
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp is there").success());
    std::fs::remove_file(stolen.state_dir().join("tokctl/store.unlocked")).expect("it is there");
    stolen
        .run(["get", "p"])
        .fails(7, "the encrypted file is locked");
    for part in payload.windows(32) {
        stolen.env("TOKCTL_STORE_KEY", STANDARD.encode(part));
        stolen
            .run(["get", "p"])
            .fails(7, "it was not written with this key");
    }
    // The test is worth something: the whole key does open it, as far as that no server is there.
    sandbox.run(["get", "p"]).fails(6, "no connection");
    let id = Command::new("keyctl")
        .args(["purge", "user", &name])
        .output();
    assert!(id.expect("keyctl is installed").status.success());
}

/// `tokctl` in a session of its own.
fn elsewhere(sandbox: &Sandbox) -> Run {
    let words = ["session", "-", support::tokctl(), "get", "p"];
    Running::start(sandbox.program("keyctl", words), None).wait()
}

#[test]
#[ignore = "needs keyctl and a kernel keyring: tests/run installs it"]
fn a_session_s_copy_of_a_token_is_found_in_that_session_alone() {
    for cache in ["session", "kernel"] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&support::grants::credentials(
            &server.url("/token"),
            &format!("access_cache = \"{cache}\"\n"),
        ));
        // Twice in one session, and then in two others.
        let tokctl = support::tokctl();
        let script = format!("{tokctl} get p && {tokctl} get p && keyctl show @s >&2");
        let own = sandbox.program("keyctl", ["session", "-", "sh", "-c", &script]);
        let own = Running::start(own, None).wait();
        assert!(
            own.code == 0 && own.stdout == "at-1\nat-1\n",
            "{cache}: {own:?}"
        );
        let (one, two) = (elsewhere(&sandbox), elsewhere(&sandbox));
        assert!(one.code == 0 && two.code == 0, "{one:?} {two:?}");
        assert_eq!(server.hits() > 1, cache == "session", "{}", server.hits());
        assert_eq!(one.stdout != "at-1\n", cache == "session", "{one:?}");
        let status = sandbox.run(["status", "p", "--json"]);
        assert!(
            status
                .stdout
                .contains(&format!("\"access_cache\":\"{cache}\"")),
            "{status:?}"
        );
        sandbox.run(["logout", "p"]);
    }
}
