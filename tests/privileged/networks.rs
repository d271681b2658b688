//! Networks as they are: dead addresses before a good one, routes that are prohibited, name servers that say
//! nothing, no thread and no process to be had. Each in a network of its own.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Namespace, Run, Running, Sandbox};

/// A token endpoint in TLS on 10.9.9.1; on `::` a listener whose queue is full, so that each of this
/// machine's IPv6 addresses is dead: what is sent there is dropped.
const SERVER: &str = r#"
import socket, ssl, sys, threading
dead = socket.socket(socket.AF_INET6)
dead.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
dead.bind(("::", 443)); dead.listen(0)
queue = []
for _ in range(3):
    c = socket.socket(socket.AF_INET6); c.setblocking(False); c.connect_ex(("::1", 443)); queue.append(c)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
good = socket.socket(); good.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
good.bind(("10.9.9.1", 443)); good.listen(64)
print("ready", flush=True)
body = b'{"access_token":"at","expires_in":3600}'
def serve(raw):
    try:
        with context.wrap_socket(raw, server_side=True) as s:
            s.recv(65536)
            s.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(good.accept()[0],), daemon=True).start()
"#;

/// A network in which `auth.test` has these addresses, and a server on 10.9.9.1 alone.
struct Scene {
    sandbox: Sandbox,
    network: Namespace,
    server: Child,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Scene {
    fn new(script: &str, addresses: &[&str], more: &str) -> Self {
        let mut sandbox = Sandbox::new();
        let home = sandbox.home().to_owned();
        let (certificate, key) = (home.join("server.pem"), home.join("server.key"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args([
                "-days",
                "2",
                "-subj",
                "/CN=auth.test",
                "-addext",
                "subjectAltName=DNS:auth.test",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([
                &key.display().to_string(),
                "-out",
                &certificate.display().to_string(),
            ])
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{made:?}");
        let hosts: String = addresses
            .iter()
            .map(|a| format!("{a} auth.test\n"))
            .collect();
        let hosts = sandbox.write("hosts", hosts);
        let nsswitch = sandbox.write("nsswitch", "hosts: files dns\n");
        let script = format!(
            "ip addr add 10.9.9.1/32 dev lo\n{script}\nmount --bind {} /etc/hosts\nmount --bind {} /etc/nsswitch.conf",
            hosts.display(),
            nsswitch.display()
        );
        sandbox.env("P_SECRET", "s").config(&format!(
            "[profile.p]\ntoken_endpoint = \"https://auth.test/token\"\nclient_id = \"id\"\n\
             client_secret = {{ env = \"P_SECRET\" }}\nca_file = \"{}\"\naccess_cache = \"none\"\n{more}\n",
            certificate.display()
        ));
        let network = Namespace::network(&script);
        let program = sandbox.write("server.py", SERVER);
        let mut python = Command::new("/usr/bin/python3");
        python.arg(program).arg(&certificate).arg(&key).env_clear();
        let mut server = network.enter(&python);
        let mut server = server
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsenter is installed");
        let mut ready = String::new();
        let stdout = server.stdout.take().expect("stdout is piped");
        let _ = BufReader::new(stdout).read_line(&mut ready);
        assert_eq!(ready, "ready\n");
        Self {
            sandbox,
            network,
            server,
        }
    }

    fn run(&self, args: &[&str]) -> Run {
        self.program(&self.sandbox.command(args))
    }

    fn program(&self, command: &Command) -> Run {
        Running::start(self.network.enter(command), None).wait()
    }

    /// What curl gets from the same server.
    fn curl(&self) -> Run {
        let ca = self.sandbox.home().join("server.pem");
        let ca = ca.display().to_string();
        self.program(
            &self
                .sandbox
                .program("curl", ["-sS", "--cacert", &ca, "https://auth.test/token"]),
        )
    }
}

const NOT_KEPT: &str = "store = \"none\"";

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn a_dead_address_costs_no_more_than_it_costs_curl() {
    let scene = Scene::new(
        "ip -6 addr add fd00:dead::1/128 dev lo nodad",
        &["fd00:dead::1", "10.9.9.1"],
        NOT_KEPT,
    );
    // The machine has other work too: the best of five each.
    let best = |run: &dyn Fn() -> Run| {
        let times = (0..5).map(|_| {
            let run = run();
            assert_eq!(run.code, 0, "{run:?}");
            run.elapsed
        });
        times.min().expect("five of them")
    };
    let ours = best(&|| scene.run(&["get", "p"]));
    let curls = best(&|| scene.curl());
    assert!(
        ours < curls.mul_f64(1.5),
        "{ours:?} against curl's {curls:?}"
    );
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn eight_dead_addresses_cost_a_moment() {
    let dead: Vec<String> = (1..=8).map(|n| format!("fd00:dead::{n}")).collect();
    let script: String = dead
        .iter()
        .map(|address| format!("ip -6 addr add {address}/128 dev lo nodad\n"))
        .collect();
    let mut addresses: Vec<&str> = dead.iter().map(String::as_str).collect();
    addresses.push("10.9.9.1");
    let scene = Scene::new(&script, &addresses, NOT_KEPT);
    let run = scene.run(&["get", "p"]);
    run.ok("at\n");
    assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn an_address_that_is_prohibited_or_unreachable_is_passed_over() {
    for kind in ["prohibit", "unreachable", "blackhole"] {
        let script =
            format!("ip -6 route add {kind} fd00:ba::/64\nip route add {kind} 10.9.8.0/24");
        let addresses = ["fd00:ba::1", "fd00:ba::2", "10.9.8.1", "10.9.9.1"];
        let scene = Scene::new(&script, &addresses, NOT_KEPT);
        let run = scene.run(&["get", "p"]);
        run.ok("at\n");
        assert!(
            run.elapsed < Duration::from_secs(2),
            "{kind}: {:?}",
            run.elapsed
        );
        // Where there is no other, the words say what it is.
        let scene = Scene::new(&script, &["fd00:ba::1"], NOT_KEPT);
        let run = scene.run(&["get", "p", "--timeout=1s"]);
        run.fails(6, "no connection to auth.test: ");
        if kind == "prohibit" {
            run.fails(6, "something on this machine forbids the connection");
        }
    }
}

/// A python program in a scene's network, until it is dropped.
struct Beside(Child);

impl Beside {
    /// Waits for its first line, "ready".
    fn start(scene: &Scene, code: &str) -> Self {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", code]).env_clear();
        let mut python = scene.network.enter(&python);
        let mut python = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsenter is installed");
        let mut ready = String::new();
        let stdout = python.stdout.take().expect("stdout is piped");
        let _ = BufReader::new(stdout).read_line(&mut ready);
        assert_eq!(ready, "ready\n");
        Self(python)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Scene {
    /// `get p` behind a shell script, for this call alone.
    fn get_behind(&self, script: &str, more: &[&str]) -> Run {
        let script = format!("{script} && exec \"$0\" get p \"$@\"");
        let mut args = vec!["-c", &script, support::tokctl()];
        args.extend(more);
        self.program(&self.sandbox.program("sh", args))
    }
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn a_name_server_that_says_nothing_is_what_is_told_and_costs_no_more_than_the_budget() {
    let scene = Scene::new("ip addr add 10.9.9.53/32 dev lo", &[], NOT_KEPT);
    let resolv = scene.sandbox.write("resolv", "nameserver 10.9.9.53\n");
    // A socket that is never read: no port unreachable comes back.
    let silent = "import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.9.9.53',53)); \
                  print('ready',flush=True); sys.stdin.read()";
    let _silent = Beside::start(&scene, silent);
    let bind = format!("mount --bind {} /etc/resolv.conf", resolv.display());
    let run = scene.get_behind(&bind, &["--timeout=2s"]);
    run.fails(
        6,
        "the name of the host auth.test could not be looked up in time",
    );
    run.fails(6, "name servers");
    assert!(run.elapsed < Duration::from_secs(3), "{:?}", run.elapsed);
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn a_handshake_that_stands_still_after_a_dead_address_stays_in_the_one_budget() {
    let scene = Scene::new(
        "ip -6 addr add fd00:dead::1/128 dev lo nodad\nip addr add 10.9.9.2/32 dev lo",
        &["fd00:dead::1", "10.9.9.2"],
        NOT_KEPT,
    );
    let silent = "import socket,sys; s=socket.socket(); s.bind(('10.9.9.2',443)); s.listen(8); print('ready',flush=True); \
                  sys.stdin.read()";
    let _silent = Beside::start(&scene, silent);
    for seconds in [2, 12] {
        let run = scene.run(&["get", "p", &format!("--timeout={seconds}s")]);
        run.fails(6, "no connection to auth.test in time");
        let most = Duration::from_secs(seconds + 1);
        assert!(run.elapsed < most, "{seconds}: {:?}", run.elapsed);
    }
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn an_authority_that_is_only_in_the_system_s_hashed_directory_is_trusted() {
    let scene = Scene::new("", &["10.9.9.1"], NOT_KEPT);
    let text = fs::read_to_string(scene.sandbox.config_file()).expect("written");
    let lines = text.lines().filter(|line| !line.starts_with("ca_file"));
    let text: Vec<&str> = lines.collect();
    scene.sandbox.config(&text.join("\n"));
    // In place of the system's own, which has a bundle too.
    let directory = scene.sandbox.home().join("hashed");
    fs::create_dir(&directory).expect("made");
    let bind = format!("mount --bind {} /etc/ssl/certs", directory.display());
    let run = scene.get_behind(&bind, &[]);
    run.fails(6, "which is not trusted here");
    let server = scene.sandbox.home().join("server.pem");
    let hash = Command::new("openssl")
        .args(["x509", "-noout", "-hash", "-in"])
        .arg(&server)
        .output()
        .expect("openssl is installed");
    let hash = String::from_utf8(hash.stdout).expect("eight digits");
    fs::copy(&server, directory.join(format!("{}.0", hash.trim()))).expect("copied");
    scene.get_behind(&bind, &[]).ok("at\n");
}

#[test]
#[ignore = "needs root and a network namespace: tests/run as root"]
fn a_token_is_had_where_no_thread_and_no_process_can_be_made() {
    let scene = Scene::new(
        "",
        &["10.9.9.1"],
        "grant = \"client_credentials\"\nstore = \"plaintext\"",
    );
    // As many processes of this user as are allowed: this one.
    let limited = |args: &[&str]| {
        let mut all = vec![
            "--reuid=54321",
            "--clear-groups",
            "prlimit",
            "--nproc=1:1",
            support::tokctl(),
        ];
        all.extend(args);
        scene.program(&scene.sandbox.program("setpriv", all))
    };
    let home = scene.sandbox.home();
    let own = "chown -R 54321 \"$0\" && chmod 755 \"$0\"";
    let own = Command::new("sh").args(["-c", own]).arg(home).status();
    assert!(own.expect("sh is there").success());
    limited(&["get", "p"]).ok("at\n");
    limited(&["get", "p"]).ok("at\n");
    limited(&["get", "p", "--force"]).ok("at\n");
    limited(&["refresh", "--all"]).ok("");
    // Before its command has begun.
    let run = limited(&["exec", "p", "--refresh", "--", "echo", "begun"]);
    run.fails(run.code, "the command was not started");
    assert!(run.code != 0 && !run.stderr.contains("panicked"), "{run:?}");
}
