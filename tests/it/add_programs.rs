//! `tokctl add --host --install`: from nothing to a program that asks, in one command.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use support::git::{GitHost, schemes};
use support::login::{arrive, consent};
use support::{Login, OidcProvider, Run, Sandbox};

const CORP: &[&str] = &[
    "add",
    "corp",
    "--token-endpoint",
    "https://sso.corp.example/t",
    "--authorization-endpoint",
    "https://sso.corp.example/a",
    "--client-id",
    "id",
    "--no-try",
    "--host",
    "https://git.corp.example",
];

fn add(sandbox: &Sandbox, more: &[&str]) -> Run {
    sandbox.run([CORP, more].concat())
}

fn read(sandbox: &Sandbox, file: &str) -> String {
    fs::read_to_string(sandbox.home().join(file)).unwrap_or_default()
}

#[test]
fn from_nothing_to_git_clone_in_three_commands() {
    let mut sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, "Basic");
    sandbox.env("GIT_CONFIG_NOSYSTEM", "1").env("no_proxy", "*");
    let run = sandbox.run([
        "add",
        "corp",
        "--token-endpoint",
        &host.server.url("/token"),
        "--client-id",
        "id",
        "--client-auth",
        "none",
        "--grant",
        "client_credentials",
        "--store",
        "plaintext",
        "--host",
        &host.origin(),
        "--install",
        "git",
    ]);
    assert!(
        run.code == 0 && run.stderr.contains("git asks tokctl"),
        "{run:?}"
    );
    let clone = sandbox.git_with(&["clone", "-q", &host.url(), "x"]);
    assert_eq!(clone.code, 0, "{clone:?}");
    assert!(sandbox.home().join("x/.git").is_dir());
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn from_nothing_to_git_clone_with_a_login_and_back() {
    let provider = Arc::new(OidcProvider::start(&[]));
    for scheme in schemes() {
        let mut sandbox = Sandbox::new();
        let judge = Arc::clone(&provider);
        let host = GitHost::trusting(&sandbox, scheme, move |token| {
            judge.echo(token).status == 200
        });
        // The store is the one choice that is the test's own: no keyring is here.
        sandbox.env("GIT_CONFIG_NOSYSTEM", "1").env("no_proxy", "*");
        sandbox.write(
            "config/tokctl/config.toml",
            "[defaults]\nstore = \"encrypted-file\"\n",
        );
        let before = [
            read(&sandbox, "config/tokctl/config.toml"),
            read(&sandbox, ".gitconfig"),
        ];
        let (issuer, origin) = (provider.url().to_owned(), host.origin());
        let add = |more: &[&str]| {
            let words = [
                "add",
                "corp",
                "--issuer",
                &issuer,
                "--client-id",
                "pkce",
                "--scope",
                "openid offline_access api:read",
                "--host",
                &origin,
            ];
            sandbox.run([&words[..], &["--install", "git"], more].concat())
        };
        let clone = |to: &str| sandbox.git_with(&["clone", "-q", &host.url(), to]);

        let dry = add(&["--dry-run"]);
        let promised = [
            "[profile.corp]",
            &format!("+ issuer = \"{issuer}\""),
            &format!("[credential \"{origin}\"]"),
            "nothing is changed",
        ];
        assert_eq!((dry.code, dry.stdout.as_str()), (0, ""), "{dry:?}");
        for line in promised {
            assert!(dry.stderr.contains(line), "{line}: {dry:?}");
        }
        let after = [
            read(&sandbox, "config/tokctl/config.toml"),
            read(&sandbox, ".gitconfig"),
        ];
        assert_eq!(after, before);

        let added = add(&[]);
        assert_eq!((added.code, added.stdout.as_str()), (0, ""), "{added:?}");
        assert!(
            added.stderr.contains("log in with: tokctl login corp"),
            "{added:?}"
        );
        // Whoever forgets that is told by git.
        let early = clone("early");
        assert_ne!(early.code, 0);
        assert!(early.stderr.contains("tokctl login corp"), "{early:?}");

        let mut login = Login::of(sandbox.command(["login", "corp", "--no-browser"]));
        let page = arrive(&consent(&login.address()));
        assert_eq!(page.status, 200, "{}", page.body);
        login.wait().ok_with("", "logged in to corp");
        let cloned = clone("x");
        assert_eq!((cloned.code, cloned.stderr.as_str()), (0, ""), "{cloned:?}");
        assert!(sandbox.home().join("x/.git").is_dir());
        // And with another token, when the first is good no more; one of this very second counts as new, and is not
        // asked for again in the same command.
        let second = || {
            SystemTime::UNIX_EPOCH
                .elapsed()
                .expect("after 1970")
                .as_secs()
        };
        let obtained_by = second();
        while second() == obtained_by {
            thread::sleep(Duration::from_millis(20));
        }
        host.revoke(sandbox.run(["get", "corp"]).stdout.trim_end());
        let again = clone("y");
        assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{again:?}");

        let back = sandbox.run(["add", "corp", "--install", "git", "--remove"]);
        assert_eq!((back.code, back.stdout.as_str()), (0, ""), "{back:?}");
        assert_eq!(read(&sandbox, ".gitconfig"), "");
        let late = clone("z");
        assert!(
            late.code != 0 && !late.stderr.contains("tokctl"),
            "{late:?}"
        );
        sandbox
            .run(["get", "corp", "--offline"])
            .ok(&sandbox.run(["get", "corp"]).stdout);
    }
}

#[test]
fn the_host_goes_into_the_profile_and_git_is_told() {
    let sandbox = Sandbox::new();
    let before = add(&sandbox, &["--install", "git", "--dry-run"]);
    assert_eq!((before.code, before.stdout.as_str()), (0, ""), "{before:?}");
    for line in [
        "+ [profile.corp]",
        "+ hosts = [\"https://git.corp.example\"]",
        "[credential \"https://git.corp.example\"]",
        "nothing is changed: this was a dry run",
    ] {
        assert!(before.stderr.contains(line), "{line}: {before:?}");
    }
    assert_eq!(read(&sandbox, "config/tokctl/config.toml"), "");
    assert_eq!(read(&sandbox, ".gitconfig"), "");

    let run = add(&sandbox, &["--install", "git", "--install", "docker"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    let config = read(&sandbox, "config/tokctl/config.toml");
    assert!(
        config.contains("hosts = [\"https://git.corp.example\"]"),
        "{config}"
    );
    assert!(read(&sandbox, ".gitconfig").contains("helper git corp"));
    assert!(read(&sandbox, ".docker/config.json").contains("tokctl-corp"));
    assert!(
        run.stderr.contains("log in with: tokctl login corp"),
        "{run:?}"
    );

    let run = sandbox.run([
        "add",
        "corp",
        "--install",
        "git",
        "--install",
        "docker",
        "--remove",
    ]);
    assert!(
        run.code == 0 && run.stderr.contains("profile corp itself stays"),
        "{run:?}"
    );
    assert_eq!(read(&sandbox, ".gitconfig"), "");
    assert_eq!(read(&sandbox, ".docker/config.json"), "");
    assert_eq!(read(&sandbox, "config/tokctl/config.toml"), config);
}

#[test]
fn what_cannot_be_installed_adds_nothing() {
    let sandbox = Sandbox::new();
    let docker = "{\"credHelpers\":{\"git.corp.example\":\"ecr-login\"}}";
    sandbox.write(".docker/config.json", docker);
    add(&sandbox, &["--install", "docker"]).fails(3, "ecr-login");
    assert_eq!(read(&sandbox, "config/tokctl/config.toml"), "");
    let other = "[credential \"https://git.corp.example\"]\n\thelper = !tokctl helper git other\n";
    sandbox.write(".gitconfig", other);
    let run = add(&sandbox, &["--install", "git"]);
    run.fails(3, "takes the place of another profile: other for");
    assert_eq!(read(&sandbox, "config/tokctl/config.toml"), "");
    assert_eq!(read(&sandbox, ".gitconfig"), other);
    let without_host = [&CORP[..CORP.len() - 2], &["--install", "git"]].concat();
    sandbox.run(without_host).fails(2, "--host is missing");
    add(&sandbox, &["--install", "svn"]).fails(2, "invalid value 'svn'");
    add(&sandbox, &["--remove"]).fails(2, "--install");
}

#[test]
fn a_host_stands_beside_the_preset_s() {
    let sandbox = Sandbox::new();
    let run = sandbox.run([
        "add",
        "github",
        "--client-id",
        "id",
        "--no-try",
        "--host",
        "git.corp.example",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let config = read(&sandbox, "config/tokctl/config.toml");
    assert!(
        config.contains("\"https://github.com\"")
            && config.contains("\"https://git.corp.example\""),
        "{config}"
    );
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_person_who_names_a_server_is_asked_about_git_alone() {
    for (answer, installed) in [("y", true), ("", false)] {
        let sandbox = Sandbox::new();
        let terminal = support::Terminal::start(&sandbox);
        terminal.tokctl(&CORP.join(" "));
        terminal.shows("let git ask for the token of https://git.corp.example? [y/N]:");
        terminal.types(answer);
        terminal.shows("exit=0");
        assert_eq!(
            read(&sandbox, ".gitconfig").contains("helper git corp"),
            installed
        );
    }
}
