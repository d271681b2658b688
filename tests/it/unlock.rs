//! `tokctl unlock`: a passphrase is set once, without a slip, and only where it counts.
#![cfg(unix)]

use crate::support;

use support::grants::renewable;
use support::{Sandbox, Terminal};

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
