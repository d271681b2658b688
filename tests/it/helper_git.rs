//! git with us as its helper, against git's own server.
#![cfg(unix)]

use crate::support;

use std::fs;

use support::git::{GitHost, schemes};
use support::profiles::grant_at;
use support::{Reply, Run, Sandbox, Server};

const STORE: &str = "store = \"plaintext\"\n";

/// A host that wants one scheme, and a sandbox whose profile `p` owns it.
#[track_caller]
fn host(scheme: &'static str, more: &str) -> (Sandbox, GitHost) {
    let sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, scheme);
    let hosts = format!("{STORE}hosts = [\"{}\"]\n{more}", host.origin());
    let config = grant_at(&host.server.url("/token"), &hosts);
    sandbox.config(&config).import("rt-1");
    (sandbox, host)
}

/// A git command that has done what it should; git itself may say something on stderr.
#[track_caller]
fn done(run: &Run) {
    let quiet = !run.stderr.contains("tokctl") && !run.stderr.contains("warning");
    assert!(run.code == 0 && quiet, "{run:?}");
}

/// A git command that has failed, and said this.
#[track_caller]
fn failed(run: &Run, words: &[&str]) {
    let told = words.iter().all(|word| run.stderr.contains(word));
    assert!(
        run.code == 128 && run.stdout.is_empty() && told,
        "wanted {words:?}: {run:?}"
    );
}

fn clone(sandbox: &Sandbox, host: &GitHost) -> Run {
    let _ = fs::remove_dir_all(sandbox.home().join("clone"));
    sandbox.git(&["clone", "-q", &host.url(), "clone"])
}

#[test]
fn git_clones_and_pushes_where_the_server_wants_bearer_and_where_it_wants_basic() {
    for scheme in schemes() {
        let (sandbox, host) = host(scheme, "");
        done(&clone(&sandbox, &host));
        let commit = ["-c", "user.name=t", "-c", "user.email=t@t.example"];
        let commit = [
            &["-C", "clone"],
            &commit[..],
            &["commit", "-q", "--allow-empty", "-m", "second"],
        ];
        done(&sandbox.git(&commit.concat()));
        done(&sandbox.git(&["-C", "clone", "push", "-q"]));
        let log = sandbox.git_with(&[
            "--git-dir",
            host.repository().to_str().expect("text"),
            "log",
            "--format=%s",
        ]);
        log.ok("second\nfirst\n");
        assert_eq!(host.presented(), ["at-1"]);
        assert_eq!(host.server.hits_of("/token"), 1, "{scheme}");
    }
}

#[test]
fn a_token_with_less_than_a_minute_left_is_renewed_before_git_gets_it() {
    for scheme in schemes() {
        let (sandbox, host) = host(scheme, "");
        done(&clone(&sandbox, &host));
        sandbox.age(3540, 58);
        done(&clone(&sandbox, &host));
        sandbox.age(4000, -400);
        done(&clone(&sandbox, &host));
        assert_eq!(host.presented(), ["at-1", "at-2", "at-3"]);
    }
}

#[test]
fn a_token_that_the_server_has_revoked_is_renewed_within_the_same_git_command() {
    for scheme in schemes() {
        let (sandbox, host) = host(scheme, "");
        done(&clone(&sandbox, &host));
        sandbox.age(60, 3540);
        host.revoke("at-1");
        done(&clone(&sandbox, &host));
        assert_eq!(host.presented(), ["at-1", "at-2"], "{scheme}");
        assert_eq!(host.server.hits_of("/token"), 2, "{scheme}");
    }
}

#[test]
fn a_server_that_refuses_every_token_costs_one_renewal_and_no_loop() {
    for scheme in schemes() {
        let (sandbox, host) = host(scheme, "");
        done(&clone(&sandbox, &host));
        sandbox.age(60, 3540);
        for token in 1..9 {
            host.revoke(&format!("at-{token}"));
        }
        failed(&clone(&sandbox, &host), &[]);
        assert_eq!(host.server.hits_of("/token"), 2, "{scheme}");
        // The grant itself is as good as it was.
        sandbox.run(["get", "p"]).ok("at-3\n");
    }
}

#[test]
fn a_chained_store_helper_learns_no_bearer_token() {
    let (sandbox, host) = host("Bearer", "");
    let credentials = sandbox.home().join("chained");
    let store = format!("credential.helper=store --file={}", credentials.display());
    done(&sandbox.git(&["-c", &store, "clone", "-q", &host.url(), "clone"]));
    assert!(!credentials.exists() || fs::read(&credentials).expect("readable").is_empty());
    assert_eq!(host.presented(), ["at-1"]);
}

#[test]
fn a_submodule_on_a_foreign_host_draws_no_token() {
    let (sandbox, host) = host(schemes()[0], "");
    let thief = Server::always(
        Reply::new(401, "text/plain", "give")
            .header("www-authenticate", "Bearer")
            .header("www-authenticate", "Basic realm=\"x\""),
    );
    let script = format!(
        "cd repositories/w && git config -f .gitmodules submodule.s.path s && \
         git config -f .gitmodules submodule.s.url {} && git add .gitmodules && \
         git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s && \
         git -c user.name=t -c user.email=t@t.example commit -q -m sub && git push -q ../x.git main",
        thief.url("/s.git")
    );
    let made = sandbox.program("sh", ["-c", &script]).status();
    assert!(made.expect("sh runs").success());
    let run = sandbox.git(&["clone", "-q", "--recurse-submodules", &host.url(), "clone"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("terminal prompts disabled"), "{run:?}");
    assert!(thief.hits() > 0);
    for request in thief.requests() {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
    assert_eq!(host.presented(), ["at-1"]);
}

#[test]
fn a_redirect_to_a_foreign_host_draws_no_token() {
    let thief = Server::always(
        Reply::new(401, "text/plain", "give").header("www-authenticate", "Basic realm=\"x\""),
    );
    let target = thief.url("/x.git/info/refs?service=git-upload-pack");
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => Reply::json(200, r#"{"access_token":"at-1","expires_in":3600}"#),
        _ => Reply::new(302, "text/plain", "").header("location", &target),
    });
    let hosts = format!("{STORE}hosts = [\"{}\"]", server.url(""));
    let sandbox = Sandbox::with_grant(&server, &hosts);
    let run = sandbox.git(&["clone", "-q", &server.url("/x.git"), "clone"]);
    assert_eq!(run.code, 128, "{run:?}");
    assert!(thief.hits() > 0);
    let authorized = |request: &support::Request| request.header("authorization").is_some();
    assert!(!thief.requests().iter().any(authorized));
}

#[test]
fn where_a_login_is_needed_git_quits_with_our_words_and_does_not_prompt() {
    let sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, schemes()[0]);
    let hosts = format!("{STORE}hosts = [\"{}\"]", host.origin());
    sandbox.config(&grant_at(&host.server.url("/token"), &hosts));
    let run = clone(&sandbox, &host);
    failed(&run, &["tokctl: ", "tokctl login p", "told us to quit"]);
    assert!(!run.stderr.contains("Username"), "{run:?}");
    assert_eq!(host.server.hits_of("/token"), 0);
}

#[test]
fn the_profile_s_user_name_goes_before_the_url_s_and_that_before_the_usual_one() {
    for (more, user) in [
        // x-access-token:at-1
        (
            "username = \"x-access-token\"",
            "eC1hY2Nlc3MtdG9rZW46YXQtMQ==",
        ),
        // alice:at-1
        ("", "YWxpY2U6YXQtMQ=="),
    ] {
        user_name_goes(more, user);
    }
}

fn user_name_goes(more: &str, user: &str) {
    let (sandbox, host) = host("Basic", more);
    let users = || {
        let requests = host.server.requests();
        let value = requests
            .iter()
            .filter_map(|request| request.header("authorization"));
        value.map(str::to_owned).collect::<Vec<_>>().pop()
    };
    let url = host.url().replace("://", "://alice@");
    done(&sandbox.git(&["ls-remote", "-q", &url, "refs/heads/none"]));
    assert_eq!(users(), Some(format!("Basic {user}")));
}

#[test]
fn git_auth_settles_the_scheme_where_the_server_offers_both() {
    for scheme in schemes() {
        let setting = scheme.to_lowercase();
        let server = Server::start(|request| match request.path.as_str() {
            "/token" => Reply::json(200, r#"{"access_token":"at-1","expires_in":3600}"#),
            _ => Reply::new(401, "text/plain", "")
                .header("www-authenticate", "Bearer")
                .header("www-authenticate", "Basic realm=\"x\""),
        });
        let more = format!(
            "{STORE}hosts = [\"{}\"]\ngit_auth = \"{setting}\"",
            server.url("")
        );
        let sandbox = Sandbox::with_grant(&server, &more);
        failed(&sandbox.git(&["ls-remote", &server.url("/x.git")]), &[]);
        let sent = server.requests();
        let mut sent = sent
            .iter()
            .filter_map(|request| request.header("authorization"));
        assert!(sent.next().is_some_and(|value| value.starts_with(scheme)));
    }
}
