//! Canaries in the place of every secret, and the search for them after every command: on both streams,
//! in arguments and environments of what was started, and in files.
#![cfg(target_os = "linux")]

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::scene::{Allowed, Scene, Seen};
use support::traced::under_strace;
use support::{Canaries, Namespace, Running};
use tempfile::NamedTempFile;

const NOTHING: &[&str] = &[];
const TOKEN: &[&str] = &["access token"];

/// A command line without `tokctl`, what it reads (GRANT is a token response), and what its answer holds.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("get p", "", TOKEN),
    ("get p --format bearer", "", TOKEN),
    ("get p --format header", "", TOKEN),
    ("get p --format headers-json", "", TOKEN),
    ("get p --format curl", "", TOKEN),
    ("get p --json", "", TOKEN),
    ("get p --json --force", "", TOKEN),
    ("get p --token id", "", &["id token"]),
    ("get p --offline --min-ttl 2h", "", TOKEN),
    ("get p --force", "", TOKEN),
    ("get p --out out --force", "", TOKEN),
    ("get post", "", TOKEN),
    ("get signed", "", TOKEN),
    ("get bearer", "", TOKEN),
    ("get exchange", "", TOKEN),
    ("get kept", "", NOTHING),
    ("get nobody", "", NOTHING),
    ("api p ok", "", NOTHING),
    ("api p -i refused", "", NOTHING),
    ("api p away", "", NOTHING),
    ("api p https://elsewhere.example/", "", NOTHING),
    ("exec p -- true", "", NOTHING),
    ("exec p --env A -- true", "", NOTHING),
    ("exec p --file -- true", "", NOTHING),
    ("exec p --refresh -- true", "", NOTHING),
    ("exec p -- ./nothing", "", NOTHING),
    ("status", "", NOTHING),
    ("status p --json", "", NOTHING),
    ("refresh p", "", NOTHING),
    ("refresh --all", "", NOTHING),
    ("import p", "GRANT", NOTHING),
    ("import p", "{\"refresh_token\":GRANT", NOTHING),
    ("import post", "GRANT", NOTHING),
    ("import p --force --no-try", "GRANT", NOTHING),
    ("login p --paste", "http://127.0.0.1/callback?code=CODE&state=x", NOTHING),
    ("login p --device", "", NOTHING),
    ("secret set kept", "SECRET", NOTHING),
    ("secret set p", "SECRET", NOTHING),
    ("secret rm kept", "", NOTHING),
    ("man get", "", NOTHING),
    ("providers", "", NOTHING),
    ("providers github --toml", "", NOTHING),
    ("config path", "", NOTHING),
    ("config check", "", NOTHING),
    ("config check --json", "", NOTHING),
    ("config get p client_secret", "", NOTHING),
    ("config set p client_secret SECRET", "", NOTHING),
    ("config set p min_ttl 60", "", NOTHING),
    ("config unset p min_ttl", "", NOTHING),
    ("config schema", "", NOTHING),
    ("doctor", "", NOTHING),
    ("doctor p", "", NOTHING),
    ("doctor signed --json", "", NOTHING),
    ("doctor exchange", "", NOTHING),
    ("helper git p get", "protocol=https\nhost=git.example\n\n", TOKEN),
    ("helper git p erase", "protocol=https\nhost=git.example\npassword=SECRET\n\n", NOTHING),
    ("helper git p store", "protocol=https\nhost=git.example\npassword=SECRET\n\n", NOTHING),
    ("helper kubectl p", "", TOKEN),
    ("helper docker p get", "git.example", TOKEN),
    ("helper docker p store", "{\"ServerURL\":\"git.example\",\"Secret\":\"SECRET\"", NOTHING),
    ("helper cargo p", "SECRET", NOTHING),
    ("helper bazel p get", "{\"uri\":\"https://git.example/x\"}", TOKEN),
    ("helper go p https://git.example/mod/@v/list", "", TOKEN),
    ("helper terraform p get git.example", "", TOKEN),
    ("helper git p get", "SECRET", NOTHING),
    ("helper install git p", "", NOTHING),
    ("helper install docker p", "", NOTHING),
    ("helper install cargo p --dry-run", "", NOTHING),
    ("completions bash", "", NOTHING),
    ("complete --current= -- get", "", NOTHING),
    ("add q --grant client_credentials --client-id i --token-endpoint BASE/token --client-secret-stdin", "SECRET", NOTHING),
    ("add r --client-id i --token-endpoint BASE/token --store bad --client-secret-stdin", "SECRET", NOTHING),
    ("renewal -- p", "GRANT", NOTHING),
    ("logout exchange", "", NOTHING),
    ("logout p", "", NOTHING),
    ("rename kept renamed", "", NOTHING),
    ("remove renamed", "", NOTHING),
    ("remove p --no-revoke", "", NOTHING),
    ("unlock --for 1s", "SECRET", NOTHING),
    ("log", "", NOTHING),
];

/// Runs every row where the profiles' servers are at `base`; the last are those that erase.
#[track_caller]
fn all_rows(base: Option<&str>, ready: impl Fn(&mut Scene) -> Option<Namespace>) -> Vec<String> {
    let mut scene = Scene::new(base);
    let base = base.map_or_else(|| scene.server.url(""), str::to_owned);
    let secret = scene.canaries.make("what is typed");
    let inside = ready(&mut scene);
    let mut leaks = Vec::new();
    for (line, stdin, answer) in ROWS {
        let line = line.replace("BASE", &base);
        let mut words: Vec<&str> = line.split(' ').collect();
        if !words.contains(&"--json") {
            words.insert(
                if line.starts_with("helper install") {
                    words.len()
                } else {
                    1
                },
                "-vv",
            );
        }
        let stdin = stdin
            .replace("GRANT", &scene.grant)
            .replace("SECRET", &secret);
        let allowed = Allowed {
            answer,
            command: words[0] == "exec",
        };
        let Seen {
            run, leaks: found, ..
        } = scene.watch(&words, &stdin, allowed, inside.as_ref());
        assert!((0..8).contains(&run.code) || run.code == 127, "{run:?}");
        drop(fs::remove_file(scene.sandbox.home().join("out")));
        leaks.extend(
            found
                .into_iter()
                .map(|leak| format!("{line}: {leak}\n{}", run.stderr)),
        );
    }
    leaks
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn no_command_leaves_a_secret_anywhere_where_all_goes_well() {
    assert_eq!(all_rows(None, |_| None), Vec::<String>::new());
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn no_command_leaves_a_secret_anywhere_where_no_server_can_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let closed = format!("http://{}", closed.expect("a port"));
    // TLS that is none; a proxy that wants another password; a proxy that is not there.
    let (plain, proxy) = (
        support::Server::tokens(60),
        support::RawServer::start(|mut stream| {
            let head = support::raw::read_head(&mut stream);
            let said = format!(
                "HTTP/1.1 407 {0}\r\nproxy-authenticate: Basic realm=\"{0}\"\r\n\r\n{0}",
                head.replace("\r\n", " ")
            );
            drop(std::io::Write::write_all(&mut stream, said.as_bytes()));
        }),
    );
    let tls = plain.url("").replace("http:", "https:");
    let port = proxy.port();
    thread::scope(|scope| {
        let closed = scope.spawn(|| all_rows(Some(&closed), |_| None));
        let tls = scope.spawn(|| all_rows(Some(&tls), |_| None));
        let refused = scope.spawn(|| {
            all_rows(Some("https://auth.example"), |scene| {
                let password = scene.canaries.make("proxy password");
                scene.sandbox.env(
                    "https_proxy",
                    format!("http://u:{password}@127.0.0.1:{port}"),
                );
                None
            })
        });
        let gone = scope.spawn(|| all_rows(Some("https://auth.example"), |_| None));
        for found in [closed, tls, refused, gone] {
            assert_eq!(found.join().expect("no panic"), Vec::<String>::new());
        }
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn no_command_leaves_a_secret_anywhere_where_the_store_cannot_be_opened() {
    let another = all_rows(None, |scene| {
        let bytes = scene.canaries.make("bytes of another key").into_bytes();
        scene
            .sandbox
            .env("TOKCTL_STORE_KEY", STANDARD.encode(bytes[..16].repeat(2)));
        None
    });
    assert_eq!(another, Vec::<String>::new());
    let locked = all_rows(None, |scene| {
        scene
            .sandbox
            .write("state/tokctl/store.salt", "0123456789abcdef");
        scene.sandbox.env("TOKCTL_STORE_KEY", "");
        None
    });
    assert_eq!(locked, Vec::<String>::new());
}

#[test]
#[ignore = "needs strace, and root for a mount: tests/run as root"]
fn no_command_leaves_a_secret_anywhere_where_nothing_can_be_written() {
    let barred = all_rows(None, |scene| {
        let home = scene.sandbox.home().display();
        Some(Namespace::start(&format!(
            "mount --bind -o ro {home} {home}"
        )))
    });
    assert_eq!(barred, Vec::<String>::new());
}

/// What a command makes in a log of strace: the calls that give others a way to it.
fn open_to_others(log: &str) -> Vec<String> {
    // What of it is another program's: git and docker make files of their own.
    let mut others = BTreeSet::new();
    let mut found = Vec::new();
    for line in log.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if let Some(program) = call.strip_prefix("execve(\"") {
            let is_ours =
                program.starts_with(support::tokctl()) || program.starts_with("/proc/self/exe");
            if is_ours {
                others.remove(pid);
            } else {
                others.insert(pid.to_owned());
            }
        }
        let (name, arguments) = call.split_once('(').unwrap_or_default();
        let unfinished = arguments.trim_end_matches(" <unfinished ...>");
        let arguments = arguments
            .rsplit_once(") = ")
            .map_or(unfinished, |(all, _)| all);
        let mode = arguments.rsplit(", ").next().unwrap_or_default();
        let is_closed = match name {
            "open" | "openat"
                if arguments.contains("O_CREAT") || arguments.contains("O_TMPFILE") =>
            {
                ["0600", "0100600"].contains(&mode)
            }
            "mkdir" | "mkdirat" => mode == "0700",
            "creat" | "mknod" | "mknodat" | "chmod" | "fchmod" | "fchmodat" | "fchmodat2" => false,
            _ => true,
        };
        if !is_closed && !others.contains(pid) {
            found.push(call.to_owned());
        }
    }
    found
}

/// Whatever the umask is, and from the first moment: nothing is made open and closed later.
#[test]
#[ignore = "needs strace: tests/run installs it"]
fn no_command_makes_what_others_could_open_before_it_is_closed() {
    let mut scene = Scene::new(None);
    let secret = scene.canaries.make("what is typed");
    let calls = "--trace=execve,?open,openat,?creat,?mkdir,mkdirat,?mknod,mknodat,?chmod,fchmod,fchmodat,?fchmodat2";
    let (mut found, mut made) = (Vec::new(), 0);
    for (line, stdin, _) in ROWS {
        let log = NamedTempFile::new().expect("a log");
        let line = line.replace("BASE", &scene.server.url(""));
        let traced = under_strace(
            &scene.sandbox.command(line.split(' ')),
            &log,
            &["-s", "300", calls],
        );
        let mut open = scene
            .sandbox
            .program("sh", ["-c", "umask 0; exec \"$0\" \"$@\""]);
        open.arg(traced.get_program()).args(traced.get_args());
        let stdin = stdin
            .replace("GRANT", &scene.grant)
            .replace("SECRET", &secret);
        let run = Running::start(open, Some(stdin.into())).wait();
        assert!((0..8).contains(&run.code) || run.code == 127, "{run:?}");
        let log = fs::read_to_string(log.path()).expect("strace's own");
        made += log.matches("O_CREAT").count();
        found.extend(
            open_to_others(&log)
                .into_iter()
                .map(|call| format!("{line}: {call}")),
        );
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(made > 20, "{made}");
    let others = "1 execve(\"/bin/git\") = 0\n1 mkdir(\"a\", 0777) = 0\n";
    assert_eq!(open_to_others(others), Vec::<String>::new());
    for bad in [
        "openat(AT_FDCWD, \"a\", O_WRONLY|O_CREAT, 0666) = 3",
        "mkdir(\"a\", 0777) = 0",
        "fchmod(3, 0600) = 0",
    ] {
        assert_eq!(open_to_others(&format!("7 {bad}")), [bad]);
    }
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn the_search_finds_what_is_there() {
    let mut scene = Scene::new(None);
    let found = |line: &str, scene: &mut Scene| {
        let words: Vec<&str> = line.split('#').collect();
        scene
            .watch(&words, "", Allowed::default(), None)
            .leaks
            .join("\n")
    };
    let stdout = found("get#p", &mut scene);
    assert!(stdout.contains("access token in stdout"), "{stdout}");
    let environment = found("exec#p#--#true", &mut scene);
    assert!(
        environment.contains("access token in environment of "),
        "{environment}"
    );
    // Another profile's is not taken away, the one's for which there is a token now is.
    assert!(
        environment.contains("token in a variable in environment of "),
        "{environment}"
    );
    assert!(
        !environment.contains("client secret in environment of "),
        "{environment}"
    );
    let script = "exec#p#--#sh#-c#/bin/echo $TOKCTL_TOKEN > /dev/null; echo $TOKCTL_TOKEN | base64 >&2; echo x$TOKCTL_TOKEN | base64 > file";
    let everywhere = found(script, &mut scene);
    for place in [
        "arguments of ",
        "stderr",
        &format!("{}/file", scene.sandbox.home().display()),
    ] {
        let found = everywhere
            .lines()
            .any(|line| line.starts_with(&format!("access token in {place}")));
        assert!(found, "{place}: {everywhere}");
    }
    let mut canaries = Canaries::default();
    let secret = canaries.make("secret");
    let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for text in [&secret, &hex, &percent, &format!("a{percent}z")] {
        assert_eq!(canaries.found_in(text.as_bytes()), ["secret"], "{text}");
    }
    assert_eq!(canaries.found_in(&secret.as_bytes()[1..]), NOTHING);
}
