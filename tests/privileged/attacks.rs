//! Another user of the machine, who does what such a one can: user 2001 against user 2002. Each script is the attack
//! itself, and would succeed were the claim of SECURITY.md not true.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::grants::renewable;
use support::login::redirect;
use support::profiles::client_at;
use support::sandbox::files;
use support::{Canaries, Login, Namespace, Run, Running, Sandbox, Server};
use tempfile::TempDir;

const ATTACKER: u32 = 2001;
const VICTIM: u32 = 2002;

/// The same command as another user.
fn as_user(uid: u32, command: &Command) -> Command {
    let uid = uid.to_string();
    let mut other = Command::new("setpriv");
    other.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]);
    other.args(["--pdeathsig", "KILL"]);
    other.arg(command.get_program()).args(command.get_args());
    other.env_clear().current_dir("/");
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    other.envs(set);
    other
}

/// The victim's home, and a `tokctl` that he can run.
struct Victim {
    sandbox: Sandbox,
    programs: TempDir,
}

impl Victim {
    #[track_caller]
    fn new(config: &str) -> Self {
        let mut builder = tempfile::Builder::new();
        builder.permissions(Permissions::from_mode(0o755));
        let programs = builder.tempdir().expect("a directory");
        fs::copy(support::tokctl(), programs.path().join("tokctl")).expect("copied");
        let sandbox = Sandbox::new();
        sandbox.config(config);
        let victim = Self { sandbox, programs };
        victim.owns_his_home();
        victim
    }

    fn owns_his_home(&self) {
        let home = self.sandbox.home();
        let own = Command::new("chown")
            .arg("-R")
            .arg(VICTIM.to_string())
            .arg(home)
            .status();
        assert!(own.expect("chown is there").success());
    }

    fn command(&self, line: &str) -> Command {
        let program = self.programs.path().join("tokctl");
        let command = self.sandbox.program(program, line.split(' '));
        as_user(VICTIM, &command)
    }

    #[track_caller]
    fn run(&self, line: &str, stdin: &str) -> Run {
        Running::start(self.command(line), Some(stdin.into())).wait()
    }
}

/// A script of the attacker's, which says `ready` once it is at work.
struct Attack(Child);

impl Attack {
    #[track_caller]
    fn start(script: &str, args: &[&str]) -> Self {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", script]).args(args);
        let mut python = as_user(ATTACKER, &python);
        let child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("python3 is installed");
        let mut ready = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        // One byte at a time: what comes later is for `said`.
        let mut stdout = BufReader::with_capacity(1, stdout);
        stdout.read_line(&mut ready).expect("its output");
        assert_eq!(ready, "ready\n", "the attack has begun");
        Self(child)
    }

    /// Ends it; what it has to say.
    #[track_caller]
    fn said(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        let mut stdout = self.0.stdout.take().expect("stdout is piped");
        stdout.read_to_string(&mut said).expect("its output");
        said
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory in which all users make files of their own, as `/tmp`.
fn shared() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o1777));
    let shared = builder.tempdir().expect("a directory");
    set_mode(shared.path(), 0o1777);
    shared
}

/// Whatever the umask is.
#[expect(clippy::disallowed_methods, reason = "open to others on purpose")]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("as root");
}

fn owned(path: &Path, uid: u32, mode: u32) -> PathBuf {
    if !path.exists() {
        fs::create_dir(path).expect("as root");
    }
    set_mode(path, mode);
    chown(path, Some(uid), Some(uid)).expect("as root");
    path.to_owned()
}

/// Serves a socket and writes down what it is told; puts its own and the victim's in the bus's place in turn.
const SWAPPED_BUS: &str = r#"
import os, socket, sys, threading
place, own, evil, listen = sys.argv[1:5]
heard, count = bytearray(), 0
server = socket.socket(socket.AF_UNIX)
server.bind("\0" + place[1:] if place[0] == "@" else listen); server.listen(64)
if place[0] != "@": os.chmod(listen, 0o777)
def serve(peer):
    peer.settimeout(5)
    try:
        while True:
            part = peer.recv(4096)
            if not part: break
            heard.extend(part)
            peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
    except OSError: pass
def accept():
    global count
    while True:
        peer, _ = server.accept(); count += 1
        threading.Thread(target=serve, args=(peer,), daemon=True).start()
def swap():
    at = 0
    while True:
        os.symlink([own, evil][at % 2], place + ".new"); os.rename(place + ".new", place); at += 1
threading.Thread(target=accept, daemon=True).start()
if place[0] != "@": threading.Thread(target=swap, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
print(count, bytes(heard))
"#;

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn another_user_s_bus_in_the_place_of_one_s_own_is_told_nothing() {
    for kind in ["path", "abstract", "runtime directory", "user namespace"] {
        let mut victim = Victim::new(&renewable(
            "http://127.0.0.1:9/token",
            "store = \"keyring\"",
        ));
        let shared = shared();
        let theirs = owned(&shared.path().join("theirs"), ATTACKER, 0o755);
        let in_theirs = |name: &str| theirs.join(name).to_string_lossy().into_owned();
        let (mut own, mut evil) = (in_theirs("own"), in_theirs("evil"));
        let mut listen = evil.clone();
        let place = match kind {
            "abstract" | "user namespace" => format!("@tokctl-test-{}", std::process::id()),
            _ => in_theirs("place"),
        };
        match kind {
            // The victim's until a moment ago, and a directory whose name is anybody's now.
            "runtime directory" => {
                owned(Path::new(&own), VICTIM, 0o700);
                owned(Path::new(&evil), ATTACKER, 0o755);
                listen = format!("{evil}/bus");
                victim.sandbox.env("XDG_RUNTIME_DIR", &place);
            }
            "abstract" | "user namespace" => {
                let address = format!("unix:abstract={}", &place[1..]);
                victim.sandbox.env("DBUS_SESSION_BUS_ADDRESS", address);
                (own, evil) = (String::new(), String::new());
            }
            _ => {
                drop(std::os::unix::net::UnixListener::bind(&own).expect("bound"));
                chown(&own, Some(VICTIM), None).expect("as root");
                victim
                    .sandbox
                    .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={place}"));
            }
        }
        let attack = Attack::start(SWAPPED_BUS, &[&place, &own, &evil, &listen]);
        let mut refused = 0;
        for _ in 0..400 {
            let mut import = victim.command("import p");
            let mut told = format!("belongs to user {ATTACKER}");
            if kind == "user namespace" {
                // Without a map, in which all users have one number.
                let program = import
                    .get_args()
                    .position(|word| word == "KILL")
                    .expect("set");
                let words: Vec<_> = import.get_args().map(ToOwned::to_owned).collect();
                let (by, own) = words.split_at(program + 1);
                let mut inside = Command::new("setpriv");
                inside
                    .args(by)
                    .args(["unshare", "--user"])
                    .args(own)
                    .env_clear()
                    .current_dir("/");
                inside.envs(
                    import
                        .get_envs()
                        .filter_map(|(name, value)| Some((name, value?))),
                );
                import = inside;
                told = "who is anybody here".to_owned();
            }
            let run = Running::start(import, Some("rt-of-the-victim".into())).wait();
            assert!(run.code == 7 && run.stdout.is_empty(), "{run:?}");
            refused += usize::from(run.stderr.contains(&told));
            if refused == 5 {
                break;
            }
        }
        let said = attack.said();
        let (count, heard) = said.trim().split_once(' ').expect("two words");
        assert_eq!(heard, "b''", "{kind}: {count} connections");
        assert!(refused > 0, "{kind}: the attack has come to no connection");
    }
}

/// `/dev/shm` of a test's own.
fn with_own_memory() -> Namespace {
    Namespace::start("mount -t tmpfs -o mode=1777 tmpfs /dev/shm")
}

fn in_namespace(namespace: &Namespace, uid: u32, command: &Command, stdin: &str) -> Run {
    let uid = uid.to_string();
    let by = [
        "setpriv",
        "--reuid",
        &uid,
        "--regid",
        &uid,
        "--clear-groups",
    ];
    Running::start(namespace.enter_as(command, &by), Some(stdin.into())).wait()
}

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn another_user_s_pipe_link_or_directory_in_shared_memory_neither_stops_nor_leads_exec() {
    let server = Server::tokens(600);
    let mut victim = Victim::new(&client_at(
        &server.url("/token"),
        "store = \"none\"\naccess_cache = \"none\"",
    ));
    victim
        .sandbox
        .env("P_SECRET", "s")
        .env("XDG_RUNTIME_DIR", "/nowhere");
    let namespace = with_own_memory();
    let target = victim.sandbox.write("target", "untouched");
    let shm = namespace.path(Path::new("/dev/shm"));
    let made = |name: &str| owned(&shm.join(name), ATTACKER, 0o777);
    let pipe = made("tokctl-exec-pipe").join("lock");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("made");
    symlink(&target, made("tokctl-exec-link").join("lock")).expect("linked");
    symlink(victim.sandbox.home(), shm.join("tokctl-exec-home")).expect("linked");
    drop(fs::write(made("tokctl-exec-free").join("lock"), ""));
    let before = files(&shm);
    let program = victim.programs.path().join("tokctl");
    let mut command = victim
        .sandbox
        .program(program, "exec p --refresh -- true".split(' '));
    command.current_dir("/");
    let shared = shared();
    for user in [VICTIM, 0] {
        command.env("TOKCTL_STATE_DIR", shared.path().join(user.to_string()));
        let run = in_namespace(&namespace, user, &command, "");
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
        assert!(run.elapsed < Duration::from_secs(20), "{run:?}");
    }
    assert_eq!(files(&shm), before);
    assert!(shm.join("tokctl-exec-free").exists());
    assert_eq!(fs::read_to_string(target).expect("there"), "untouched");
}

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn another_user_s_link_or_pipe_gets_no_answer_and_no_token() {
    let server = Server::tokens(600);
    let url = server.url("/api/");
    let more = format!("store = \"none\"\naccess_cache = \"none\"\napi_url = \"{url}\"");
    let mut victim = Victim::new(&client_at(&server.url("/token"), &more));
    victim.sandbox.env("P_SECRET", "s");
    let shared = shared();
    let target = victim.sandbox.write("target", "untouched");
    victim.owns_his_home();
    let link = shared.path().join("link");
    symlink(&target, &link).expect("linked");
    std::os::unix::fs::lchown(&link, Some(ATTACKER), None).expect("as root");
    let pipe = shared.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("made");
    set_mode(&pipe, 0o666);
    chown(&pipe, Some(ATTACKER), None).expect("as root");
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&pipe);
    let mut reader = open.expect("a pipe");
    let (link, pipe) = (link.display(), pipe.display());
    for (line, why) in [
        (
            format!("api p ok -o {link}"),
            "it is a symbolic link of another user",
        ),
        (format!("get p --out {link}"), "it is a symbolic link"),
        (
            format!("api p ok -o {pipe}"),
            "it is a pipe of another user",
        ),
        (
            format!("get p --out {pipe}"),
            "it is a pipe of another user",
        ),
    ] {
        victim.run(&line, "").fails(1, why);
    }
    let mut heard = Vec::new();
    let _ = reader.read_to_end(&mut heard);
    assert_eq!(heard, b"");
    assert_eq!(fs::read_to_string(target).expect("there"), "untouched");
    // A pipe without a name is whoever's that has started both.
    let line = format!(
        "{} get p --out /dev/stdout",
        victim.programs.path().join("tokctl").display()
    );
    let shell = victim
        .sandbox
        .program("sh", ["-c", &format!("{line} | cat")]);
    let run = Running::start(as_user(VICTIM, &shell), None).wait();
    assert!(
        run.code == 0 && run.stdout.starts_with("at-") && run.stderr.is_empty(),
        "{run:?}"
    );
}

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn a_state_directory_of_another_user_is_refused() {
    let server = Server::tokens(600);
    for store in ["plaintext", "encrypted-file"] {
        let more = format!("store = \"{store}\"");
        let mut victim = Victim::new(&renewable(&server.url("/token"), &more));
        let shared = shared();
        let state = owned(&shared.path().join("state"), ATTACKER, 0o777);
        let link = shared.path().join("link");
        symlink(victim.sandbox.state_dir(), &link).expect("linked");
        std::os::unix::fs::lchown(&link, Some(ATTACKER), None).expect("as root");
        for (place, why) in [
            (&state, "belongs to another user"),
            (&link, "a symbolic link of another user"),
        ] {
            victim.sandbox.env("TOKCTL_STATE_DIR", place);
            victim.run("import p", "rt-1").fails(7, why);
            let run = victim.run("get p", "");
            assert!(run.code == 7 && run.stdout.is_empty(), "{run:?}");
            run.fails(7, why);
        }
        assert_eq!(files(&state), Vec::<PathBuf>::new());
        assert_eq!(files(&victim.sandbox.state_dir()), Vec::<PathBuf>::new());
    }
    assert_eq!(server.hits(), 0);
}

/// Takes the names of the locks that others use where a file system has none.
const LOCKS_TAKEN: &str = r#"
import os, socket, sys
name, shm = sys.argv[1:3]
held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); held.bind("\0" + name)
for made in ["tokctl-locks-", "tokctl-locks-a", "tokctl-locks-2002"]:
    os.mkdir(os.path.join(shm, made)); os.chmod(os.path.join(shm, made), 0o777)
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
#[ignore = "needs root to be two users, and strace: tests/run as root"]
fn nobody_else_holds_the_lock_of_a_file_system_without_locks() {
    let server = Server::tokens(600);
    let victim = Victim::new(&renewable(
        &server.url("/token"),
        "store = \"plaintext\"\naccess_cache = \"none\"",
    ));
    victim.run("import p", "rt-1").ok_with("", "stored");
    let locks = victim.sandbox.state_dir().join("tokctl/locks");
    let lock = files(&locks)
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with(".lock"));
    let lock = lock.expect("it was locked").metadata().expect("there");
    let name = format!("tokctl-lock-{:x}-{:x}", lock.dev(), lock.ino());
    let attack = Attack::start(LOCKS_TAKEN, &[&name, "/dev/shm"]);
    let strace = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "--trace=flock",
        "--inject=flock:error=ENOLCK",
    ];
    let program = victim.programs.path().join("tokctl");
    let program = program.to_string_lossy();
    let words = [&strace[..], &[&*program, "get", "p", "--timeout=5s"]].concat();
    let run = Running::start(
        as_user(VICTIM, &victim.sandbox.program("strace", words)),
        None,
    )
    .wait();
    drop(attack);
    for made in ["tokctl-locks-", "tokctl-locks-a", "tokctl-locks-2002"] {
        fs::remove_dir(Path::new("/dev/shm").join(made)).expect("nothing is in it");
    }
    let own = |entry: &fs::DirEntry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("tokctl-locks-")
            && entry.metadata().is_ok_and(|found| found.uid() == VICTIM)
    };
    let made = fs::read_dir("/dev/shm")
        .expect("there")
        .flatten()
        .filter(own);
    for entry in made {
        fs::remove_dir_all(entry.path()).expect("as root");
    }
    assert_eq!((run.code, run.stdout.as_str()), (0, "at-1\n"), "{run:?}");
}

/// Holds a port of `[::1]`.
const PORT_TAKEN: &str = r#"
import socket, sys
server = socket.socket(socket.AF_INET6); server.bind(("::1", int(sys.argv[1]))); server.listen(8)
print("ready", flush=True)
sys.stdin.read()
"#;

fn login_config(server: &Server, more: &str) -> String {
    format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nauthorization_endpoint = \"{}\"\n\
         token_endpoint = \"{}\"\n{more}\n",
        server.url("/authorize"),
        server.url("/token")
    )
}

#[test]
#[ignore = "needs root to be two users, and a network namespace: tests/run as root"]
fn a_login_does_not_begin_where_another_user_has_the_other_localhost() {
    let server = Server::tokens(600);
    let more = "redirect_uri = \"http://localhost:18791/\"";
    let victim = Victim::new(&login_config(&server, more));
    let attack = Attack::start(PORT_TAKEN, &["18791"]);
    let run = victim.run("login p --no-browser --timeout 5s", "");
    run.fails(1, "cannot listen on [::1]:18791 for the redirect");
    drop(attack);
    // Where there is no such address, there is nobody at it.
    let network = Namespace::network("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    let program = victim.programs.path().join("tokctl");
    let command = victim
        .sandbox
        .program(program, "login p --no-browser --timeout 1s".split(' '));
    let run = in_namespace(&network, VICTIM, &command, "");
    run.fails(4, "nobody came back from the browser within 1 s");
}

/// Finds the state in the browser's arguments, and brings a code of its own with it: as a browser does, or so that
/// it is gone when it is looked for. Says the answers' status lines.
const FORGED_REDIRECT: &str = r#"
import glob, re, socket, struct, sys, time, urllib.parse
found = None
end = time.monotonic() + 20
while not found and time.monotonic() < end:
    for file in glob.glob("/proc/[0-9]*/cmdline"):
        try: words = open(file, "rb").read().decode(errors="replace").split("\0")
        except OSError: continue
        for word in words:
            if word.startswith("http") and "state=" in word: found = word
query = urllib.parse.parse_qs(urllib.parse.urlsplit(found).query)
uri = urllib.parse.urlsplit(query["redirect_uri"][0])
request = f"GET {uri.path}?code=of-the-attacker&state={query['state'][0]} HTTP/1.1\r\nHost: {uri.netloc}\r\n\r\n".encode()
print("ready", flush=True)
for way in ["browser", "half", "closed", "reset"]:
    peer = socket.create_connection((uri.hostname, uri.port)); peer.settimeout(10)
    peer.sendall(request)
    if way == "half": peer.shutdown(socket.SHUT_WR)
    if way == "reset": peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if way in ["closed", "reset"]: peer.close(); continue
    print(peer.recv(4096).split(b"\r\n")[0].decode(), flush=True)
sys.stdin.read()
"#;

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn a_login_is_not_ended_by_another_user_who_reads_its_state_in_the_browser_s_arguments() {
    let server = Server::tokens(600);
    let mut victim = Victim::new(&login_config(&server, ""));
    let browser = victim.programs.path().join("browser");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(&browser)
        .expect("made");
    // The address stays in its arguments.
    file.write_all(b"#!/bin/sh\nsleep 30\n").expect("written");
    drop(file);
    victim.sandbox.env("BROWSER", &browser);
    let mut login = Login::of(victim.command("login p"));
    let url = login.address();
    let attack = Attack::start(FORGED_REDIRECT, &[]);
    let said = attack.said();
    assert_eq!(said.matches("HTTP/1.1 403").count(), 2, "{said}");
    assert!(!said.contains("HTTP/1.1 200"), "{said}");
    assert_eq!(
        server.hits(),
        0,
        "no code of the attacker's has come to the server"
    );
    // The victim's own browser.
    let fetch = format!(
        "import sys, urllib.request; print(urllib.request.urlopen({:?}).status)",
        redirect(&url, "")
    );
    let own = victim.sandbox.program("/usr/bin/python3", ["-c", &fetch]);
    Running::start(as_user(VICTIM, &own), None)
        .wait()
        .ok("200\n");
    let run = login.wait();
    run.ok_with("", "logged in to p");
    run.ok_with(
        "",
        &format!("came from a program of user {ATTACKER} and is not taken"),
    );
    assert_eq!(server.requests()[0].form()["code"], "c-1");
}

#[test]
#[ignore = "needs root to be two users: tests/run as root"]
fn a_login_by_hand_is_ended_by_whoever_was_given_its_address() {
    // As under `sudo -u`, with the browser of who has called it.
    let server = Server::tokens(600);
    let victim = Victim::new(&login_config(&server, ""));
    let mut login = Login::of(victim.command("login p --no-browser"));
    let fetch = format!(
        "import sys, urllib.request; print(urllib.request.urlopen({:?}).status)",
        redirect(&login.address(), "")
    );
    let mut other = Command::new("/usr/bin/python3");
    other.args(["-c", &fetch]);
    Running::start(as_user(ATTACKER, &other), None)
        .wait()
        .ok("200\n");
    login.wait().ok_with("", "logged in to p");
}

/// A token endpoint at 127.0.0.1, and somebody at the address that the resolver has for `localhost`.
const TWO_SERVERS: &str = r#"
import socket, threading, sys
def serve(address, token):
    server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, 8081)); server.listen(8)
    body = b'{"access_token":"%s","expires_in":60}' % token
    def loop():
        while True:
            peer, _ = server.accept(); peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            peer.close()
    threading.Thread(target=loop, daemon=True).start()
serve("127.0.0.1", b"good"); serve("10.9.9.9", b"stolen")
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn localhost_is_this_machine_whatever_the_resolver_says() {
    let victim = Victim::new(&client_at(
        "http://localhost:8081/token",
        "store = \"none\"\naccess_cache = \"none\"",
    ));
    let hosts = victim.sandbox.write("hosts", "10.9.9.9 localhost\n");
    let script = format!(
        "ip addr add 10.9.9.9/32 dev lo\nmount --bind {} /etc/hosts",
        hosts.display()
    );
    let network = Namespace::network(&script);
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", TWO_SERVERS]).env_clear();
    let mut servers = network.enter(&python);
    let servers = servers.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut servers = servers.expect("nsenter is installed");
    let mut ready = String::new();
    let stdout = servers.stdout.take().expect("stdout is piped");
    let _ = BufReader::new(stdout).read_line(&mut ready);
    let mut command = victim
        .sandbox
        .program(victim.programs.path().join("tokctl"), ["get", "p"]);
    command.env("P_SECRET", Canaries::default().make("client secret"));
    // The resolver does say so.
    let asked = in_namespace(
        &network,
        0,
        &victim.sandbox.program("getent", ["ahosts", "localhost"]),
        "",
    );
    let run = in_namespace(&network, 0, &command, "");
    let _ = servers.kill();
    let _ = servers.wait();
    assert!(asked.stdout.starts_with("10.9.9.9"), "{asked:?}");
    assert_eq!((run.code, run.stdout.as_str()), (0, "good\n"), "{run:?}");
}

/// Tries to open everything below some directories, and to read some keys; says what it could.
const OPENER: &str = r#"
import os, subprocess, sys
keys, places = sys.argv[1].split(), sys.argv[2:]
print("ready", flush=True)
sys.stdin.read()
seen = 0
for place in places:
    for top, folders, names in os.walk(place):
        for name in names:
            seen += 1
            try: os.close(os.open(os.path.join(top, name), os.O_RDONLY | os.O_NONBLOCK)); print("opened", top, name)
            except OSError: pass
for key in keys:
    got = subprocess.run(["keyctl", "pipe", key], capture_output=True)
    if got.returncode == 0: print("read", key)
print("looked at", len(keys), "keys")
"#;

#[test]
#[ignore = "needs root to be two users, and keyctl: tests/run as root"]
fn another_user_opens_no_file_and_no_key_that_any_command_has_made() {
    let server = Server::tokens(600);
    let config = renewable(
        &server.url("/token"),
        "store = \"encrypted-file\"\naudit = \"file\"\nhosts = [\"https://git.corp.example\"]",
    );
    let victim = Victim::new(&config);
    // He can come in, as in many homes.
    let home = victim.sandbox.home().to_owned();
    for open in [
        home.clone(),
        victim.sandbox.config_dir(),
        victim.sandbox.state_dir(),
    ] {
        if !open.exists() {
            owned(&open, VICTIM, 0o755);
        }
        set_mode(&open, 0o755);
    }
    set_mode(&victim.sandbox.config_file(), 0o600);
    let passphrase = format!("a passphrase of {}", std::process::id());
    let umask = |line: &str| {
        let program = victim.programs.path().join("tokctl");
        let script = format!("umask 0; exec {} {line}", program.display());
        as_user(VICTIM, &victim.sandbox.program("sh", ["-c", &script]))
    };
    let run = |line: &str, stdin: &str| Running::start(umask(line), Some(stdin.into())).wait();
    run("unlock --for 5m", &passphrase).ok_with("", "is unlocked");
    run("import p", "rt-1").ok_with("", "stored");
    run("get p", "").ok("at-1\n");
    run(&format!("get p --out {}", home.join("token").display()), "").ok("");
    run(
        "helper git p get",
        "protocol=https\nhost=git.corp.example\n\n",
    );
    run(
        "add q --token-endpoint https://x.example/t --client-id c --grant client_credentials --no-check",
        "",
    );
    let marker = home.join("runs");
    let line = format!(
        "exec --refresh p -- sh -c 'umask 077; > {}; exec sleep 60'",
        marker.display()
    );
    let waiting = umask(&line).stdin(Stdio::null()).spawn();
    let mut waiting = waiting.expect("it starts");
    support::grants::wait_for("the command runs", || marker.exists());
    let own = as_user(
        VICTIM,
        &victim.sandbox.program("keyctl", ["rdescribe", "@u"]),
    );
    drop(Running::start(own, None).wait());
    let list = as_user(VICTIM, &victim.sandbox.program("cat", ["/proc/keys"]));
    let list = Running::start(list, None).wait();
    let keys: Vec<String> = list
        .stdout
        .lines()
        .filter(|line| line.contains("tokctl:"))
        .filter_map(|line| u64::from_str_radix(line.split(' ').next()?, 16).ok())
        .map(|id| id.to_string())
        .collect();
    assert!(
        keys.len() >= 3,
        "a token, the store's key and the marks: {list:?}"
    );
    let home = home.display().to_string();
    let runtime = victim.sandbox.runtime_dir().display().to_string();
    let attack = Attack::start(OPENER, &[&keys.join(" "), &home, &runtime, "/dev/shm"]);
    let said = attack.said();
    let _ = waiting.kill();
    let _ = waiting.wait();
    let looked = format!("looked at {} keys", keys.len());
    assert!(said.contains(&looked), "{said}");
    let opened: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("read") || line.contains("tokctl"))
        .filter(|line| !line.contains("opened /dev/shm ") || line.contains("tokctl-exec"))
        .collect();
    assert!(opened.is_empty(), "{opened:?}");
    run("logout p --no-revoke", "");
}
