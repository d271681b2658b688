//! `tokctl unlock`: a passphrase is set once, without a slip, and only where it counts.
#![cfg(unix)]

use crate::golden_states;
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
        assert!(!sandbox.state_dir().join("tokctl/store.passphrase").exists());
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
    let check = sandbox.state_dir().join("tokctl/store.passphrase");
    let new = "new passphrase for the encrypted file: ";
    let screen = typed(
        &sandbox,
        &[(new, "one two three"), ("once more: ", "one two thre")],
        "exit=2",
    );
    assert!(
        screen.contains("the two passphrases are not the same"),
        "{screen}"
    );
    assert!(!check.exists());
    let screen = typed(
        &sandbox,
        &[(new, "one two three"), ("once more: ", "one two three")],
        "exit=0",
    );
    assert!(
        screen.contains("passphrase set; the encrypted file is unlocked"),
        "{screen}"
    );
    assert!(check.exists());
    let screen = typed(&sandbox, &[("\npassphrase: ", "one two three")], "exit=0");
    assert!(!screen.contains("once more"), "{screen}");
    assert!(!screen.contains("one two"), "{screen}");
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

/// Does away with what the kernel keeps of an unlocked store.
fn lock(sandbox: &Sandbox) {
    let state = sandbox.state_dir().join("tokctl");
    let state = state.to_str().expect("UTF-8");
    let name = format!("tokctl:store-key:{}", hash(&["store-key-1", state]));
    let purged = Command::new("keyctl")
        .args(["purge", "user", &name])
        .output();
    assert!(purged.expect("keyctl is installed").status.success());
}

#[test]
fn a_new_passphrase_that_is_found_out_soon_is_refused() {
    let short = "elevenchars";
    let sandbox = sandbox();
    sandbox
        .run_with_stdin(["unlock"], short)
        .fails(2, "a passphrase has at least 12 characters");
    let mut by_variable = Sandbox::new();
    by_variable.config(&renewable("http://127.0.0.1:9/token", FILE));
    by_variable.env("TOKCTL_STORE_KEY", short);
    let run = by_variable.run_with_stdin(["import", "p"], "rt-1");
    run.fails(3, "a passphrase has at least 12 characters");
    for sandbox in [&sandbox, &by_variable] {
        let state = sandbox.state_dir().join("tokctl");
        assert!(!state.join("store.passphrase").exists());
        assert!(support::sandbox::files(&state.join("records")).is_empty());
    }
}

#[test]
#[ignore = "needs keyctl and a kernel keyring: tests/run installs it"]
fn another_passphrase_takes_the_place_of_the_first_and_everything_is_sealed_anew() {
    let (server, another) = (Server::tokens(600), Server::tokens(600));
    let sandbox = Sandbox::new();
    let more = format!("{FILE}\nclient_secret = {{ keyring = true }}");
    let own = renewable(&server.url("/token"), &more);
    let other = renewable(&another.url("/token"), FILE).replace("profile.p", "profile.q");
    sandbox.config(&format!("{own}{other}"));
    let (first, second) = ("the first passphrase", "the second passphrase");
    sandbox
        .run_with_stdin(["unlock", "--change"], first)
        .fails(2, "there is no passphrase yet");
    sandbox
        .run_with_stdin(["unlock", "--for", "1h"], first)
        .ok_with("", "passphrase set");
    sandbox
        .run_with_stdin(["secret", "set", "p"], "s")
        .ok_with("", "");
    sandbox
        .run_with_stdin(["import", "p"], "rt-1")
        .ok_with("", "");
    sandbox
        .run_with_stdin(["import", "q"], "rt-1")
        .ok_with("", "");
    let state = sandbox.state_dir().join("tokctl");
    let copy = sandbox.home().join("copy");
    let copied = Command::new("cp").arg("-aT").args([&state, &copy]).status();
    assert!(copied.expect("cp is there").success());
    let records = || support::sandbox::files(&state.join("records"));
    let before: Vec<_> = records()
        .iter()
        .map(std::fs::read)
        .map(Result::ok)
        .collect();
    let change = |both: &str| sandbox.run_with_stdin(["unlock", "--change", "--for", "1h"], both);
    change("wrong, and more\nthe second passphrase\n").fails(7, "this is not the passphrase");
    change("the first passphrase\nshort\n").fails(2, "at least 12 characters");
    change(&format!("{first}\n{second}\n"))
        .ok_with("", "passphrase changed, 3 records sealed anew");
    let after: Vec<_> = records()
        .iter()
        .map(std::fs::read)
        .map(Result::ok)
        .collect();
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after)
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    lock(&sandbox);
    sandbox
        .run(["get", "p", "--force"])
        .fails(7, "tokctl unlock");
    sandbox
        .run_with_stdin(["unlock"], first)
        .fails(7, "this is not the passphrase");
    sandbox
        .run_with_stdin(["unlock", "--for", "1h"], second)
        .ok_with("", "is unlocked");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    // Who has the old files and the old passphrase opens nothing that is sealed now.
    let mut stolen = Sandbox::new();
    stolen.config(&renewable(&server.url("/token"), FILE));
    let theirs = stolen.state_dir().join("tokctl");
    let copied = Command::new("cp")
        .arg("-aT")
        .args([&copy, &theirs])
        .status();
    assert!(copied.expect("cp is there").success());
    let new = Command::new("cp")
        .arg("-aT")
        .args([state.join("records"), theirs.join("records")])
        .status();
    assert!(new.expect("cp is there").success());
    stolen.env("TOKCTL_STORE_KEY", first);
    stolen
        .run(["get", "p"])
        .fails(7, "it was not written with this key");
    lock(&sandbox);
}

#[test]
#[ignore = "needs keyctl and a kernel keyring: tests/run installs it"]
fn what_an_older_version_has_sealed_is_opened_and_told_and_sealed_anew() {
    let sandbox = Sandbox::new();
    golden_states::put_old_passphrase(&sandbox);
    let (old, new) = ("correct horse", "correct horse battery");
    sandbox
        .run_with_stdin(["unlock", "--for", "1h"], old)
        .ok_with("", "an older version has set the passphrase")
        .ok_with("", "run: tokctl unlock --change");
    sandbox.run(["get", "typed"]).ok("at-typed\n");
    let state = sandbox.state_dir().join("tokctl");
    let change = ["unlock", "--change", "--for", "1h"];
    sandbox
        .run_with_stdin(change, format!("{old}\n{new}\n"))
        .ok_with("", "passphrase changed, 1 record sealed anew");
    for gone in ["store.check", "store.salt"] {
        assert!(!state.join(gone).exists(), "{gone}");
    }
    sandbox.run(["get", "typed"]).ok("at-typed\n");
    lock(&sandbox);
    sandbox
        .run_with_stdin(["unlock", "--for", "1h"], old)
        .fails(7, "this is not the passphrase");
    let run = sandbox.run_with_stdin(["unlock", "--for", "1h"], new);
    run.ok_with("", "is unlocked");
    assert!(!run.stderr.contains("older version"), "{run:?}");
    sandbox.run(["get", "typed"]).ok("at-typed\n");
    lock(&sandbox);
}
