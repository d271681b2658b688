//! Records that are damaged, keys that are lost, and files that are open to others.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::grants::{credentials, renewable};
use support::sandbox::files;
use support::{Run, Sandbox, Server};

const PLAIN: &str = "store = \"plaintext\"\naccess_cache = \"none\"";
const SEALED: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";

/// The one record's file.
#[track_caller]
fn record(sandbox: &Sandbox) -> PathBuf {
    let all = files(&sandbox.state_dir().join("tokctl"));
    let mut records = all.into_iter().filter(|path| {
        let folder = path.parent().expect("a folder");
        let in_store = folder.ends_with("records") || folder.ends_with("plaintext");
        in_store && path.extension().is_some_and(|end| end != "corrupt")
    });
    records.next().expect("there is a record")
}

fn aside(record: &Path) -> PathBuf {
    PathBuf::from(format!("{}.corrupt", record.display()))
}

fn mode(path: &Path) -> u32 {
    let metadata = path.metadata().expect("it is there");
    metadata.permissions().mode() & 0o777
}

fn open_up(path: &Path, mode: u32) {
    let file = File::open(path).expect("ours");
    file.set_permissions(Permissions::from_mode(mode))
        .expect("ours");
}

/// Ways in which a record of either store comes to be unreadable.
fn damages(record: &Path) -> Vec<Vec<u8>> {
    let whole = fs::read(record).expect("a record");
    let mut damages = vec![
        Vec::new(),
        whole[..whole.len() / 2].to_vec(),
        whole[..10].to_vec(),
        b"garbage".to_vec(),
    ];
    if record.extension().is_some_and(|end| end == "json") {
        let text = String::from_utf8(whole).expect("JSON");
        damages.push(text.replace("\"version\":1", "\"version\":2").into_bytes());
    }
    damages
}

#[test]
fn a_damaged_record_costs_a_repeatable_grant_one_request_and_is_kept_aside() {
    for more in [PLAIN, SEALED] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), more));
        sandbox.run(["get", "p"]).ok("at-1\n");
        let record = record(&sandbox);
        for (n, damage) in (2..).zip(damages(&record)) {
            fs::write(&record, &damage).expect("written");
            let run = sandbox.run(["get", "p"]);
            let token = format!("at-{n}\n");
            run.ok_with(&token, "warning: ")
                .ok_with(&token, "the next token replaces it")
                .ok_with(&token, &aside(&record).display().to_string());
            assert_eq!(run.stderr.matches("replaces it").count(), 1, "{run:?}");
            assert_eq!(fs::read(aside(&record)).expect("kept"), damage);
            assert_eq!(mode(&aside(&record)), 0o600);
            sandbox.run(["get", "p"]).ok(&token);
        }
        sandbox.run(["logout", "p"]).ok_with("", "erased");
        assert!(!aside(&record).exists(), "{more}");
    }
}

#[test]
fn a_damaged_login_is_exit_7_with_the_way_out_and_is_kept_when_it_is_replaced() {
    for more in [PLAIN, SEALED] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), more));
        sandbox.import("rt-1");
        let record = record(&sandbox);
        for damage in damages(&record) {
            fs::write(&record, &damage).expect("written");
            for args in [&["get", "p"][..], &["get", "p", "--force"]] {
                let run = sandbox.run(args);
                let what = if damage.starts_with(b"{\"version\":2") {
                    "cannot be read: another version of tokctl has written it"
                } else if more == PLAIN {
                    "cannot be read: it is damaged"
                } else {
                    "it was not written with this key, or it is damaged"
                };
                run.fails(7, what)
                    .fails(7, "hint: ")
                    .fails(7, "replace it: tokctl import p");
            }
            assert_eq!(fs::read(&record).expect("still there"), damage);
            let import = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], "rt-1");
            import.ok_with("", "is kept in /");
            assert_eq!(fs::read(aside(&record)).expect("kept"), damage);
        }
        assert_eq!(server.hits(), 0);
        sandbox.run(["get", "p"]).ok("at-1\n");
    }
}

#[test]
fn a_client_secret_under_another_key_is_exit_7_with_the_way_out() {
    let server = Server::tokens(600);
    let mut sandbox = Sandbox::new();
    let more = format!("{SEALED}\nclient_secret = {{ keyring = true }}");
    sandbox.config(&credentials(&server.url("/token"), &more));
    sandbox.env("TOKCTL_STORE_KEY", "a passphrase of this test");
    let set = |sandbox: &Sandbox| sandbox.run_with_stdin(["secret", "set", "p"], "s3cret");
    set(&sandbox).ok_with("", "client secret stored");
    let records = sandbox.state_dir().join("tokctl/records");
    for sealed in files(&records) {
        fs::write(sealed, "tokctl1\ncut").expect("written");
    }
    let run = sandbox.run(["get", "p"]);
    run.fails(7, "it was not written with this key, or it is damaged")
        .fails(7, "replace it: tokctl secret set p");
    assert_eq!(server.hits(), 0);
    set(&sandbox).ok_with("", "client secret stored");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn an_examination_tells_of_damage_and_mends_nothing() {
    let server = Server::tokens(600);
    for (repeatable, status) in [(true, "warning  grant: "), (false, "problem  grant: ")] {
        let sandbox = Sandbox::new();
        if repeatable {
            sandbox.config(&credentials(&server.url("/token"), PLAIN));
            let run = sandbox.run(["get", "p"]);
            assert_eq!(run.code, 0, "{run:?}");
        } else {
            sandbox.config(&renewable(&server.url("/token"), PLAIN));
            sandbox.import("rt-1");
        }
        let record = record(&sandbox);
        fs::write(&record, "garbage").expect("written");
        open_up(&record, 0o600);
        let run = sandbox.run(["doctor", "p", "--offline"]);
        assert_eq!(run.code, if repeatable { 0 } else { 7 }, "{run:?}");
        assert!(run.stdout.contains(status), "{run:?}");
        assert_eq!(run.stderr.is_empty(), repeatable, "{run:?}");
        assert_eq!(fs::read(&record).expect("still there"), b"garbage");
    }
}

#[track_caller]
fn key_is_missing(run: &Run) {
    run.fails(7, "the encrypted file's key is missing: there is no /")
        .fails(7, "hint: put the key back; if it is lost, remove /");
}

#[test]
fn a_lost_key_is_not_replaced_while_something_is_sealed_with_it() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let p = renewable(&server.url("/token"), SEALED);
    let others = p.replace("profile.p", "profile.q");
    let repeatable = credentials(&server.url("/token"), SEALED).replace("profile.p", "profile.r");
    sandbox.config(&format!("{p}{others}{repeatable}"));
    sandbox.import("rt-1");
    let key = sandbox.config_dir().join("tokctl/store.key");
    let saved = fs::read(&key).expect("the key");
    fs::remove_file(&key).expect("removed");
    for args in [&["get", "p"][..], &["get", "p", "--force"], &["get", "q"]] {
        key_is_missing(&sandbox.run(args));
    }
    key_is_missing(&sandbox.run_with_stdin(["import", "q", "--no-try", "--force"], "rt-1"));
    let run = sandbox.run(["doctor", "p"]);
    assert_eq!(run.code, 7, "{run:?}");
    assert!(
        run.stdout
            .contains("problem  store: the encrypted file's key is missing")
    );
    let unlock = sandbox.run_with_stdin(["unlock"], "a passphrase instead");
    unlock.fails(7, "tokctl: the encrypted file's key is missing");
    // A token that can be had without it is not withheld.
    let run = sandbox.run(["get", "r"]);
    run.ok_with(
        "at-1\n",
        "the token is not stored: profile \"r\": the encrypted file's key",
    );
    assert!(!key.exists());
    sandbox.write("config/tokctl/store.key", &saved);
    sandbox.run(["get", "p"]).ok("at-2\n");
    // Lost for good.
    fs::remove_file(&key).expect("removed");
    sandbox
        .run(["logout", "p"])
        .fails(7, "to erase it unseen, run: tokctl logout p --no-revoke");
    sandbox
        .run(["logout", "p", "--no-revoke"])
        .ok_with("", "p: erased here");
    assert!(!key.exists());
    sandbox.import("rt-2");
    sandbox.run(["get", "p"]).ok("at-3\n");
}

#[test]
fn a_logout_makes_no_key() {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", SEALED));
    sandbox
        .run(["logout", "p"])
        .ok_with("", "p: nothing was stored");
    assert!(!sandbox.config_dir().join("tokctl/store.key").exists());
}

#[test]
fn what_is_open_to_others_is_closed_with_a_notice_when_it_is_read() {
    for more in [PLAIN, SEALED] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), more));
        sandbox.import("rt-1");
        sandbox.run(["get", "p"]).ok("at-1\n");
        let (record, state) = (record(&sandbox), sandbox.state_dir().join("tokctl"));
        for (path, open, closed) in [
            (&record, 0o644, 0o600),
            (&state, 0o755, 0o700),
            (&state, 0o777, 0o700),
        ] {
            open_up(path, open);
            let words = format!("{} was open to others (mode {open:04o})", path.display());
            sandbox.run(["get", "p"]).ok_with("at-1\n", &words);
            assert_eq!(mode(path), closed);
            sandbox.run(["get", "p"]).ok("at-1\n");
        }
        // Others may have written it.
        open_up(&record, 0o622);
        sandbox.run(["get", "p"]).fails(7, "others can write it");
        assert_eq!(mode(&record), 0o622);
    }
}

#[test]
fn an_examination_closes_no_directory() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), PLAIN));
    sandbox.import("rt-1");
    let state = sandbox.state_dir().join("tokctl");
    open_up(&state, 0o755);
    let run = sandbox.run(["doctor", "p"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(mode(&state), 0o755);
}
