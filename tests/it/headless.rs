//! Stores without a desktop: the encrypted file with each source of its key, the plain file, none.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::desk::kernel_keys_with;
use support::grants::{credentials, renewable};
use support::sandbox::files;
use support::{Running, Sandbox, Server};

const ALONE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";
/// 32 bytes in base64: a key and not a passphrase.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

/// A sandbox whose profile `p` renews at a server that has given out `rt-1`.
fn grant(more: &str) -> (Sandbox, Server) {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), more));
    (sandbox, server)
}

/// The command with nothing in its environment but `HOME` and `PATH`, as cron gives it.
fn bare(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command(args);
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command
}

fn mode(path: &Path) -> u32 {
    let metadata = path.symlink_metadata().expect("a file");
    metadata.mode() & 0o7777
}

/// Every directory below one, itself included.
fn directories(below: &Path) -> Vec<std::path::PathBuf> {
    let mut all = vec![below.to_owned()];
    let entries = fs::read_dir(below).expect("a directory");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && !path.is_symlink() {
            all.extend(directories(&path));
        }
    }
    all
}

#[test]
fn under_cron_home_and_path_are_enough() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let config = renewable(&server.url("/token"), ALONE);
    sandbox.write(".config/tokctl/config.toml", config);
    let import = Running::start(
        bare(&sandbox, &["import", "p", "--no-try", "--force"]),
        Some("rt-1".into()),
    )
    .wait();
    import.ok_with("", "/.config/tokctl/store.key)");
    for (args, token) in [
        (&["get", "p"][..], "at-1\n"),
        (&["get", "p"], "at-1\n"),
        (&["get", "p", "--force"], "at-2\n"),
    ] {
        Running::start(bare(&sandbox, args), None).wait().ok(token);
    }
    assert!(sandbox.home().join(".local/state/tokctl/records").is_dir());
    assert_eq!(server.hits(), 2);
}

#[test]
fn an_open_umask_opens_no_file_and_no_directory() {
    let server = Server::tokens(600);
    for more in [ALONE, "store = \"plaintext\""] {
        let sandbox = Sandbox::new();
        let config = sandbox.write("p.toml", renewable(&server.url("/token"), more));
        let (state, settings) = (sandbox.home().join("new/s"), sandbox.home().join("new/c"));
        let tokctl = support::tokctl();
        let script = "umask 0; printf rt-0 | \"$0\" import p --no-try; \"$0\" get p; exit 0";
        let mut command = sandbox.program("sh", ["-c", script, tokctl]);
        command
            .env("XDG_STATE_HOME", &state)
            .env("XDG_CONFIG_HOME", &settings)
            .env("TOKCTL_CONFIG", config);
        let run = Running::start(command, None).wait();
        assert!(run.stderr.contains("stored a refresh token"), "{run:?}");
        let new = sandbox.home().join("new");
        let written = files(&new);
        assert!(written.len() >= 3, "{written:?}");
        for file in &written {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        for directory in directories(&new) {
            assert_eq!(mode(&directory), 0o700, "{}", directory.display());
        }
    }
}

#[test]
fn no_file_holds_a_token_in_clear_but_the_one_called_plaintext() {
    for (more, in_clear) in [
        ("store = \"encrypted-file\"", 0),
        (ALONE, 0),
        ("store = \"plaintext\"", 1),
    ] {
        let (sandbox, _server) = grant(more);
        sandbox.import("rt-1");
        assert_eq!(sandbox.files_with("rt-1").len(), in_clear, "{more}");
        sandbox.run(["get", "p"]).ok("at-1\n");
        sandbox.run(["get", "p", "--force"]).ok("at-2\n");
        assert_eq!(sandbox.files_with("rt-3").len(), in_clear, "{more}");
        assert_eq!(sandbox.files_with("at-2").len(), in_clear, "{more}");
        assert!(sandbox.files_with("rt-1").is_empty(), "{more}");
        sandbox.run(["logout", "p"]).ok_with("", "erased");
        assert!(sandbox.files_with("rt-3").is_empty(), "{more}");
        sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    }
}

#[test]
fn each_source_of_the_key_opens_the_file_and_no_key_file_is_made() {
    let command = format!("store_key = {{ command = [\"echo\", \"{KEY}\"] }}");
    let sources = [
        ("systemd credential", "", "CREDENTIALS_DIRECTORY"),
        ("command \"echo\"", command.as_str(), ""),
        ("key.txt", "store_key = { file = \"~/key.txt\" }", ""),
        ("MY_KEY", "store_key = { env = \"MY_KEY\" }", "MY_KEY"),
        ("TOKCTL_STORE_KEY", "", "TOKCTL_STORE_KEY"),
    ];
    for (place, more, variable) in sources {
        for key in [KEY, "a passphrase of some words"] {
            let (mut sandbox, _server) = grant(&format!("{ALONE}\n{more}"));
            sandbox.write("key.txt", format!("{key}\n"));
            sandbox.write("credentials/tokctl-store-key", format!("{key}\n"));
            if !variable.is_empty() {
                let directory = sandbox.home().join("credentials");
                let value = match variable {
                    "CREDENTIALS_DIRECTORY" => directory.into_os_string(),
                    _ => key.into(),
                };
                sandbox.env(variable, value);
            }
            let import = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
            import.ok_with("", place);
            sandbox.run(["get", "p"]).ok("at-1\n");
            sandbox.run(["get", "p", "--force"]).ok("at-2\n");
            assert!(!sandbox.config_dir().join("tokctl/store.key").exists());
        }
    }
}

#[test]
fn another_key_opens_nothing_and_destroys_nothing() {
    let (mut sandbox, server) = grant(ALONE);
    sandbox.env("TOKCTL_STORE_KEY", KEY).import("rt-1");
    sandbox.env("TOKCTL_STORE_KEY", OTHER_KEY);
    for args in [&["get", "p"][..], &["get", "p", "--force"]] {
        sandbox
            .run(args)
            .fails(7, "it was not written with this key, or it is damaged");
    }
    assert_eq!(server.hits(), 0);
    sandbox.env("TOKCTL_STORE_KEY", KEY);
    sandbox.run(["get", "p"]).ok("at-1\n");
    // Damage: the last byte.
    let record = &files(&sandbox.state_dir().join("tokctl/records"))[0];
    let mut sealed = fs::read(record).expect("a record");
    *sealed.last_mut().expect("bytes") ^= 1;
    fs::write(record, sealed).expect("written");
    sandbox.run(["get", "p"]).fails(7, "or it is damaged");
}

#[test]
fn a_key_file_that_others_can_read_or_a_link_to_one_is_refused() {
    for more in [
        ALONE,
        &format!("{ALONE}\nstore_key = {{ file = \"~/key\" }}"),
    ] {
        let (sandbox, server) = grant(more);
        let file = match more {
            ALONE => sandbox.config_dir().join("tokctl/store.key"),
            _ => sandbox.home().join("key"),
        };
        let write_to = |file: &std::path::Path, mode: u32| {
            let _ = fs::remove_file(file);
            let mut options = File::options();
            options.write(true).create_new(true).mode(mode);
            let mut file = options.open(file).expect("made");
            std::io::Write::write_all(&mut file, KEY.as_bytes()).expect("written");
        };
        let write = |mode: u32| write_to(&file, mode);
        write(0o600);
        sandbox.import("rt-1");
        for open in [0o644, 0o640, 0o604] {
            write(open);
            let run = sandbox.run(["get", "p"]);
            run.fails(7, "others can read it")
                .fails(7, "hint: run: chmod 600 ");
        }
        fs::remove_file(&file).expect("removed");
        // Its own user's link is followed, and what it leads to is judged.
        let target = sandbox.home().join("elsewhere");
        write_to(&target, 0o644);
        symlink(target, &file).expect("linked");
        sandbox.run(["get", "p"]).fails(7, "others can read it");
        fs::remove_file(&file).expect("removed");
        symlink(sandbox.home().join("nowhere"), &file).expect("linked");
        sandbox.run(["get", "p"]).fails(7, "key");
        fs::remove_file(&file).expect("removed");
        assert_eq!(server.hits(), 0);
        write(0o600);
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
}

#[test]
#[ignore = "needs keyctl, and a kernel keyring: tests/run installs it"]
fn unlock_keeps_the_key_in_the_kernel_for_a_while() {
    let (sandbox, server) = grant(ALONE);
    let unlock = |passphrase: &str, time: &str| {
        sandbox.run_with_stdin(["unlock", "--for", time], passphrase)
    };
    let passphrase = format!("correct horse {}", std::process::id());
    unlock(&passphrase, "1h").ok_with("", "passphrase set; the encrypted file is unlocked for 1h");
    let import = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
    import.ok_with("", "unlocked in the kernel keyring");
    sandbox.run(["get", "p"]).ok("at-1\n");
    assert!(!sandbox.config_dir().join("tokctl/store.key").exists());
    assert_eq!(kernel_keys_with(&passphrase), Vec::<String>::new());
    assert!(sandbox.files_with(&passphrase).is_empty());
    // It ends by itself, and is then locked: exit 7, before anything is spent.
    unlock(&passphrase, "1s").ok_with("", "unlocked for 1s");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while sandbox.run(["get", "p", "--offline"]).code == 0 {
        assert!(std::time::Instant::now() < deadline, "never locked");
    }
    let locked = sandbox.run(["get", "p", "--force"]);
    locked.fails(7, "the encrypted file is locked");
    locked.fails(7, "hint: run: tokctl unlock");
    assert_eq!(server.hits(), 1);
    unlock("wrong", "1h").fails(7, "passphrase");
    unlock("", "1h").fails(2, "the passphrase is empty");
    sandbox.run(["get", "p"]).fails(7, "locked");
    unlock(&passphrase, "1m").ok_with("", "tokctl: the encrypted file is unlocked for 1m");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}

#[test]
fn a_wrong_passphrase_is_never_taken_for_the_right_one() {
    let (mut sandbox, server) = grant(ALONE);
    sandbox
        .env("TOKCTL_STORE_KEY", "the right one")
        .import("rt-1");
    sandbox
        .run_with_stdin(["unlock"], "wrong")
        .fails(7, "this is not the passphrase");
    sandbox.env("TOKCTL_STORE_KEY", "mistyped");
    sandbox
        .run(["get", "p"])
        .fails(7, "this is not the passphrase");
    sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-other")
        .fails(7, "this is not the passphrase");
    assert_eq!(server.hits(), 0);
    sandbox.env("TOKCTL_STORE_KEY", "the right one");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox
        .run_with_stdin(["unlock", "--for", "1m"], "the right one")
        .ok_with("", "unlocked");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn profiles_may_have_passphrases_of_their_own() {
    let server = Server::tokens(600);
    let mut sandbox = Sandbox::new();
    sandbox
        .env("KEY_P", "the first one")
        .env("KEY_Q", "the second one");
    let of = |name: &str| {
        let more = format!(
            "{ALONE}\nstore_key = {{ env = \"KEY_{}\" }}",
            name.to_uppercase()
        );
        credentials(&server.url("/token"), &more).replace("profile.p", &format!("profile.{name}"))
    };
    sandbox.config(&format!("{}{}", of("p"), of("q")));
    for _ in 0..2 {
        sandbox.run(["get", "p"]).ok("at-1\n");
        sandbox.run(["get", "q"]).ok("at-2\n");
    }
}

#[test]
fn with_no_store_every_call_is_a_request_and_a_grant_is_refused() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), "store = \"none\""));
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["get", "p"]).ok("at-2\n");
    sandbox.config(&renewable(&server.url("/token"), "store = \"none\""));
    sandbox
        .run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1")
        .fails(3, "store = \"none\" cannot keep a refresh token");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(server.hits(), 2);
    assert!(sandbox.files_with("at-").is_empty());
}

#[test]
fn a_daemon_that_the_keys_command_leaves_behind_holds_no_lock() {
    let script = format!("(sleep 20 >/dev/null 2>&1 &); echo {KEY}");
    let (sandbox, _server) = grant(&format!(
        "{ALONE}\nstore_key = {{ command = [\"sh\", \"-c\", \"{script}\"] }}"
    ));
    sandbox.import("rt-1");
    for token in ["at-1\n", "at-2\n"] {
        let run = sandbox.run(["get", "p", "--force"]);
        run.ok(token);
        assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
    }
}

#[test]
fn links_of_the_user_s_own_to_the_configuration_and_the_key_work() {
    // As stow has it: the directory is a link.
    let (sandbox, _server) = grant(ALONE);
    let (dir, dots) = (
        sandbox.config_dir().join("tokctl"),
        sandbox.home().join("dots"),
    );
    fs::rename(&dir, &dots).expect("moved");
    symlink(&dots, &dir).expect("linked");
    sandbox.import("rt-1");
    assert!(dots.join("store.key").exists());
    sandbox.run(["get", "p"]).ok("at-1\n");
    // As sops-nix has it: the key is.
    let secrets = sandbox.home().join("secrets");
    fs::create_dir(&secrets).expect("made");
    fs::rename(dots.join("store.key"), secrets.join("key")).expect("moved");
    symlink(secrets.join("key"), dots.join("store.key")).expect("linked");
    sandbox.run(["get", "p", "--force"]).ok("at-2\n");
}
