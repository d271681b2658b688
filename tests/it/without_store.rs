//! Client credentials where no store keeps records: the choice stays, costs requests and no refusals, and
//! is told for what it is.
#![cfg(target_os = "linux")]

use crate::support;

use std::process::Command;

use support::desk::kernel_keys_with;
use support::grants::{credentials, renewable, wait_for};
use support::sandbox::files;
use support::{Reply, Sandbox, Server};

/// A server whose access tokens cannot be taken for another test's.
fn server(name: &str) -> Server {
    let body = format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":600}}"#);
    Server::start(move |_| Reply::json(200, body.clone()))
}

fn tag(what: &str) -> String {
    format!("{what}-{}", std::process::id())
}

/// Sets a passphrase, and waits until its time is over.
#[track_caller]
fn unlock_for_a_moment(sandbox: &Sandbox) {
    let run = sandbox.run_with_stdin(["unlock", "--for", "1s"], "a passphrase");
    run.ok_with("", "the encrypted file is unlocked");
    wait_for("the end of its time", || {
        sandbox
            .run(["get", "f", "--offline"])
            .stderr
            .contains("is locked")
    });
}

/// `p` with client credentials, `f` with the encrypted file.
fn both(url: &str) -> String {
    let file = renewable(url, "store = \"encrypted-file\"").replace("profile.p", "profile.f");
    credentials(url, "") + &file
}

#[test]
#[ignore = "needs a kernel keyring"]
fn a_passphrase_that_somebody_sets_changes_no_choice_and_refuses_nothing() {
    let name = tag("chosen");
    let server = server(&name);
    let token = format!("{name}\n");
    let sandbox = Sandbox::new();
    sandbox.config(&both(&server.url("/token")));
    // Before the first token, and after it.
    for _ in 0..2 {
        unlock_for_a_moment(&sandbox);
        sandbox.run(["get", "p", "--force"]).ok(&token);
        sandbox.run(["get", "p"]).ok(&token);
        let status = sandbox.run(["status", "p", "--json"]).json();
        let known = (&status["store"], &status["state"]);
        assert_eq!(known, (&"kernel".into(), &"good".into()));
    }
    assert_eq!(server.hits(), 2);
    // While it is open too.
    let run = sandbox.run_with_stdin(["unlock", "--for", "1m"], "a passphrase");
    run.ok_with("", "unlocked");
    sandbox.run(["get", "p", "--force"]).ok(&token);
    assert_eq!(files(&sandbox.state_dir().join("tokctl/records")).len(), 0);
    sandbox.run(["logout", "p"]).ok_with("", "erased");
}

#[test]
#[ignore = "needs a kernel keyring"]
fn an_encrypted_file_that_auto_has_chosen_costs_requests_while_it_is_locked() {
    let name = tag("ended");
    let server = server(&name);
    let token = format!("{name}\n");
    let sandbox = Sandbox::new();
    sandbox.config(&both(&server.url("/token")));
    let run = sandbox.run_with_stdin(["unlock", "--for", "3s"], "a passphrase");
    run.ok_with("", "unlocked");
    sandbox.run(["get", "p"]).ok(&token);
    assert_eq!(files(&sandbox.state_dir().join("tokctl/records")).len(), 1);
    wait_for("the end of its time", || {
        sandbox
            .run(["get", "f", "--offline"])
            .stderr
            .contains("is locked")
    });
    sandbox.run(["get", "p", "--force"]).ok(&token);
    sandbox.run(["get", "p"]).ok(&token);
    // What cannot be had again is locked as before.
    sandbox
        .run(["get", "f"])
        .fails(7, "hint: run: tokctl unlock");
    sandbox.config(
        &both(&server.url("/token")).replace("client_id", "access_cache = \"none\"\nclient_id"),
    );
    let run = sandbox.run(["get", "p", "--force"]);
    run.ok_with(
        &token,
        "(the encrypted file is locked; access_cache is \"none\")",
    );
}

#[test]
#[ignore = "needs keyctl, and a kernel keyring: tests/run installs it"]
fn a_token_that_was_in_the_kernel_alone_and_is_gone_is_not_called_good() {
    let name = tag("gone");
    let server = server(&name);
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), ""));
    sandbox.run(["get", "p"]).ok(&format!("{name}\n"));
    let state = |sandbox: &Sandbox| sandbox.run(["status", "p", "--json"]).json()["state"].clone();
    assert_eq!(state(&sandbox), "good");
    // As a restart of the machine takes it away.
    for id in kernel_keys_with(&name) {
        let unlink = Command::new("keyctl").args(["unlink", &id, "@u"]).output();
        assert!(unlink.expect("keyctl is installed").status.success());
    }
    assert_eq!(state(&sandbox), "renewed when asked for");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn why_a_token_is_not_kept_is_told_as_it_is() {
    let server = server("at");
    let config = credentials(&server.url("/token"), "access_cache = \"none\"");
    let mut desk = support::Desk::open(&config);
    desk.lock();
    let run = desk.sandbox.run(["get", "p"]);
    run.ok_with("at\n", "(the keyring is locked; access_cache is \"none\")");
    let alone = Sandbox::new();
    alone.config(&config);
    let run = alone.run(["get", "p"]);
    run.ok_with("at\n", "(no session bus: ");
}

#[test]
fn an_unlock_of_nobody_s_store_makes_no_file() {
    for store in ["keyring", "plaintext", "none"] {
        let sandbox = Sandbox::new();
        let more = format!("store = \"{store}\"");
        sandbox.config(&credentials("http://127.0.0.1:9/token", &more));
        let run = sandbox.run_with_stdin(["unlock"], "a passphrase");
        let words = "nothing to unlock: no profile keeps its tokens in the encrypted file";
        run.ok_with("", words);
        assert_eq!(files(&sandbox.state_dir()).len(), 0, "{store}");
    }
}

#[test]
fn an_unlock_of_a_profile_s_store_that_is_open_by_itself_says_so() {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(
        "http://127.0.0.1:9/token",
        "store = \"plaintext\"",
    ));
    sandbox
        .run(["unlock", "p"])
        .ok_with("", "p: nothing to unlock: ");
    sandbox.run(["unlock", "q"]).fails(3, "q");
    assert_eq!(files(&sandbox.state_dir()).len(), 0);
}
