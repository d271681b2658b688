//! Programs that are refused again and again, as they really are: git, git-lfs and go.
#![cfg(unix)]

use crate::support;

use std::fs;

use support::git::{GitHost, schemes};
use support::profiles::grant_at;
use support::registries;
use support::{Reply, Run, Running, Sandbox, TlsServer, Tokens};

/// A host that wants one scheme, and a sandbox whose profile `p` owns it and has a token of a minute ago.
#[track_caller]
fn host(scheme: &'static str, more: &str) -> (Sandbox, GitHost) {
    let sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, scheme);
    let hosts = format!(
        "store = \"plaintext\"\nhosts = [\"{}\"]\n{more}",
        host.origin()
    );
    let config = grant_at(&host.server.url("/token"), &hosts);
    sandbox.config(&config).import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.age(60, 3540);
    (sandbox, host)
}

fn refuse_all(host: &GitHost) {
    for token in 1..99 {
        host.revoke(&format!("at-{token}"));
    }
}

#[test]
fn plain_git_without_a_right_costs_one_renewal_however_often_it_is_run() {
    for scheme in schemes() {
        let (sandbox, host) = host(scheme, "");
        refuse_all(&host);
        let runs: Vec<Run> = (0..6)
            .map(|_| sandbox.git(&["ls-remote", &host.url()]))
            .collect();
        assert!(runs.iter().all(|run| run.code == 128), "{runs:?}");
        let last = runs.last().expect("six");
        assert!(
            last.stderr
                .contains("has refused the token that was renewed"),
            "{last:?}"
        );
        assert_eq!(host.server.hits_of("/token"), 2, "{scheme}");
    }
}

#[test]
#[ignore = "needs git-lfs: tests/run installs it"]
fn git_lfs_that_is_refused_without_end_is_stopped() {
    let (sandbox, host) = host("Basic", "");
    let clone = ["-c", "filter.lfs.smudge=", "clone", "-q", &host.url(), "x"];
    assert_eq!(sandbox.git(&clone).code, 0);
    fs::write(
        sandbox.home().join("x/.gitattributes"),
        "*.bin filter=lfs -text\n",
    )
    .expect("written");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 3\n",
        "a".repeat(64)
    );
    fs::write(sandbox.home().join("x/a.bin"), pointer).expect("written");
    let commit = [
        "-C",
        "x",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@t.example",
        "-c",
        "filter.lfs.clean=cat",
        "commit",
        "-q",
        "-m",
        "lfs",
    ];
    let add = ["-C", "x", "-c", "filter.lfs.clean=cat", "add", "."];
    assert_eq!(sandbox.git(&add).code, 0);
    assert_eq!(sandbox.git(&commit).code, 0);
    refuse_all(&host);
    let before = host.server.hits_of("/token");
    let url = format!("lfs.url={}/info/lfs", host.url());
    let run = sandbox.git(&["-C", "x", "-c", &url, "lfs", "fetch"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(
        run.stderr
            .contains("has refused the token that was renewed"),
        "{run:?}"
    );
    assert_eq!(host.server.hits_of("/token"), before + 1);
    let batches = host.server.hits_of("/x.git/info/lfs/objects/batch");
    assert!(batches < 9, "{batches}");
}

#[test]
fn a_proactive_git_costs_no_renewal_where_the_server_wants_bearer() {
    if !schemes().contains(&"Bearer") {
        return;
    }
    let (sandbox, host) = host("Bearer", "");
    let auto = ["-c", "http.proactiveAuth=auto", "ls-remote", &host.url()];
    for _ in 0..3 {
        let run = sandbox.git(&auto);
        assert_eq!(run.code, 0, "{run:?}");
    }
    assert_eq!(host.server.hits_of("/token"), 1);
    // And where it was revoked, one.
    host.revoke("at-1");
    let run = sandbox.git(&auto);
    assert_eq!((run.code, host.server.hits_of("/token")), (0, 2), "{run:?}");
}

#[test]
fn two_accounts_of_one_host_are_told_apart_by_the_name_in_the_url() {
    let sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, "Basic");
    let profile = |name: &str| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"{}\"\nclient_id = \"{name}\"\ngrant = \"client_credentials\"\n\
             client_auth = \"none\"\nstore = \"plaintext\"\nhosts = [\"{}\"]\nusername = \"{name}-bot\"\n",
            host.server.url("/token"),
            host.origin()
        )
    };
    sandbox.config(&[profile("a"), profile("b")].concat());
    let helper = format!("credential.helper=!{} helper git", support::tokctl());
    for (user, client) in [("b-bot", "b"), ("a", "a")] {
        let url = host.url().replace("://", &format!("://{user}@"));
        let run = sandbox.git_with(&["-c", &helper, "ls-remote", &url]);
        assert_eq!(run.code, 0, "{run:?}");
        let tokens = host.server.requests();
        let mut tokens = tokens.iter().filter(|request| request.path == "/token");
        assert_eq!(tokens.next_back().expect("one").form()["client_id"], client);
    }
    let run = sandbox.git_with(&["-c", &helper, "ls-remote", &host.url()]);
    assert!(
        run.code == 128 && run.stderr.contains("both claim"),
        "{run:?}"
    );
}

fn go(sandbox: &Sandbox, proxy: &TlsServer, modules: usize) -> Run {
    let names: Vec<String> = (0..modules)
        .map(|n| format!("corp.example/demo{n}@v1.0.0"))
        .collect();
    let words = [&["mod".to_owned(), "download".to_owned()], &names[..]].concat();
    let mut command = sandbox.program(registries::go_program(), words);
    command
        .env("SSL_CERT_FILE", proxy.ca_file())
        .env("GOPROXY", proxy.url(""))
        .env("GOAUTH", format!("{} helper go p", support::tokctl()))
        .env("GOSUMDB", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-modcacherw")
        .env("GOENV", "off")
        .env("no_proxy", "*");
    Running::start(command, None).wait()
}

#[test]
#[ignore = "needs go 1.24 and openssl: tests/run installs them"]
fn go_that_is_refused_for_sixty_modules_costs_one_renewal() {
    let tokens = Tokens::new(3600);
    let proxy = TlsServer::start(move |request| match request.path.as_str() {
        "/token" => tokens.answer(request),
        _ => Reply::new(401, "text/plain", "no"),
    });
    let sandbox = Sandbox::new();
    let hosts = format!("store = \"plaintext\"\nhosts = [\"{}\"]", proxy.url(""));
    sandbox.config(&grant_at(&proxy.server.url("/token"), &hosts));
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    for _ in 0..2 {
        assert_ne!(go(&sandbox, &proxy, 60).code, 0);
        assert_eq!(proxy.server.hits_of("/token"), 2);
    }
}

#[test]
fn git_finds_us_where_the_path_is_short() {
    let sandbox = Sandbox::new();
    let host = GitHost::start(&sandbox, "Basic");
    let hosts = format!("store = \"plaintext\"\nhosts = [\"{}\"]", host.origin());
    sandbox
        .config(&grant_at(&host.server.url("/token"), &hosts))
        .import("rt-1");
    let bin = sandbox.home().join("my bin");
    fs::create_dir(&bin).expect("made");
    std::os::unix::fs::symlink(support::tokctl(), bin.join("tokctl")).expect("linked");
    let path = std::env::var("PATH").expect("there is one");
    let mut command = sandbox.command(["helper", "install", "git", "p"]);
    command.env("PATH", format!("{}:{path}", bin.display()));
    assert_eq!(Running::start(command, None).wait().code, 0);
    let url = host.url();
    let mut command = sandbox.program("git", ["ls-remote", &url]);
    command
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("no_proxy", "*");
    let run = Running::start(command, None).wait();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(host.presented(), ["at-1"]);
}

/// A crate that needs `demo` of a git host, and what cargo makes of it.
#[track_caller]
fn resolve(sandbox: &Sandbox, url: &str, with_cli: bool) -> Run {
    sandbox.write("crate/src/lib.rs", "");
    sandbox.write(
        "crate/Cargo.toml",
        format!("[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\ndemo = {{ git = \"{url}\" }}\n"),
    );
    for old in ["crate/Cargo.lock", "cargo/git"] {
        let old = sandbox.home().join(old);
        let _ = fs::remove_file(&old).or_else(|_| fs::remove_dir_all(&old));
    }
    let cargo = std::env::var_os("CARGO").expect("the tests are run by cargo");
    let mut command = sandbox.program(cargo, ["generate-lockfile"]);
    command
        .current_dir(sandbox.home().join("crate"))
        .env("CARGO_HOME", sandbox.home().join("cargo"))
        .env("CARGO_NET_GIT_FETCH_WITH_CLI", with_cli.to_string())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("no_proxy", "*")
        .envs(registries::rust_environment());
    Running::start(command, None).wait()
}

#[test]
fn cargo_s_own_git_misses_a_helper_on_a_port_and_git_itself_does_not() {
    let (sandbox, host) = host("Basic", "");
    // libgit2 tells a helper no host that is an address.
    let origin = host.origin().replace("127.0.0.1", "localhost");
    let url = format!("{origin}/x.git");
    let config = fs::read_to_string(sandbox.config_file()).expect("readable");
    sandbox.config(&config.replace(
        &format!("hosts = [\"{}\"]", host.origin()),
        &format!("hosts = [\"{origin}\"]"),
    ));
    let repository = host.repository().display().to_string();
    sandbox.write("w/src/lib.rs", "");
    sandbox.write(
        "w/Cargo.toml",
        "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    let push = format!(
        "cd w && git init -q -b main && git add . && git -c user.name=t -c user.email=t@t.example commit -q -m x && \
         git push -q --force {repository} main"
    );
    let pushed = sandbox.program("sh", ["-c", &push]).status();
    assert!(pushed.expect("sh runs").success());
    let run = sandbox.run(["helper", "install", "git", "p"]);
    assert_eq!(run.code, 0, "{run:?}");
    resolve(&sandbox, &url, false).fails(101, "net.git-fetch-with-cli");
    assert!(host.presented().is_empty(), "{:?}", host.presented());
    let run = resolve(&sandbox, &url, true);
    assert!(run.code == 0 && host.presented() == ["at-1"], "{run:?}");
    // Where it looks: the request has the port all the same.
    let section = "credential.http://localhost.helper";
    let command = format!("!{} helper git p", support::tokctl());
    let words = ["config", "--global", section, &command];
    assert!(
        sandbox
            .program("git", words)
            .status()
            .expect("git runs")
            .success()
    );
    let run = resolve(&sandbox, &url, false);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(host.server.hits_of("/token"), 1);
}

/// What gitoxide's own `credential` makes of git's configuration.
#[track_caller]
fn gix(sandbox: &Sandbox, operation: &str, request: &str) -> Run {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools/gitoxide/bin/gix");
    let mut command = sandbox.program(program, ["credential", operation]);
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    Running::start(command, Some(request.as_bytes().to_vec())).wait()
}

#[test]
#[ignore = "needs gitoxide: tests/run installs it"]
fn gitoxide_is_given_the_token_and_its_erase_is_heard() {
    let (sandbox, host) = host("Basic", "");
    let install = sandbox.run(["helper", "install", "git", "p"]);
    assert_eq!(install.code, 0, "{install:?}");
    let request = format!("url={}\n\n", host.url());
    let filled = gix(&sandbox, "fill", &request);
    let lines: Vec<&str> = filled.stdout.lines().collect();
    for line in ["username=oauth2", "password=at-1"] {
        assert!(lines.contains(&line), "{filled:?}");
    }
    // What worked is nothing to write down, and what did not is renewed.
    assert_eq!(gix(&sandbox, "approve", &filled.stdout).code, 0);
    let again = gix(&sandbox, "fill", &request);
    assert!(again.stdout.contains("password=at-1\n"), "{again:?}");
    assert_eq!(host.server.hits_of("/token"), 1);
    assert_eq!(gix(&sandbox, "reject", &filled.stdout).code, 0);
    let renewed = gix(&sandbox, "fill", &request);
    assert!(renewed.stdout.contains("password=at-2\n"), "{renewed:?}");
    assert_eq!(host.server.hits_of("/token"), 2);
    // Where a person must log in it shows that, before it would ask for a user name.
    let other = Sandbox::new();
    other.write(
        ".gitconfig",
        "[gitoxide \"credentials\"]\n\tterminalPrompt = false\n",
    );
    let hosts = format!("store = \"plaintext\"\nhosts = [\"{}\"]", host.origin());
    other.config(&grant_at(&host.server.url("/token"), &hosts));
    let install = other.run(["helper", "install", "git", "p"]);
    assert_eq!(install.code, 0, "{install:?}");
    let without = gix(&other, "fill", &request);
    let told = without.stderr.contains("tokctl login p");
    assert!(told && without.code != 0, "{without:?}");
}
