//! The way to the server: certificates and proxies.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use support::profiles::client_at;
use support::{OidcProvider, RawServer, Run, Running, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";

/// A profile for the provider's client `cc-basic`.
fn at(token_endpoint: &str, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let text = client_at(token_endpoint, &format!("{NOTHING_KEPT}\n{more}"));
    sandbox
        .env("P_SECRET", "cc-basic-secret")
        .config(&text.replace("\"id\"", "\"cc-basic\""));
    sandbox
}

fn provider(certificate: &str) -> (OidcProvider, String) {
    let provider = OidcProvider::start_tls(certificate, &[]);
    let endpoint = format!("{}/token", provider.url());
    (provider, endpoint)
}

fn trusting() -> String {
    format!("ca_file = \"{}\"", OidcProvider::ca_file().display())
}

fn got_a_token(run: &Run) {
    run.ok(&run.stdout);
    assert!(run.stdout.len() > 20, "{run:?}");
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_private_authority_is_trusted_where_it_is_named_and_else_not() {
    let (provider, endpoint) = provider("server");
    let sandbox = at(&endpoint, "");
    let run = sandbox.run(["get", "p"]);
    run.fails(6, "profile \"p\"")
        .fails(6, "\"tokctl tests CA\", which is not trusted");
    run.fails(6, "tokctl: hint: ")
        .fails(6, "run: tokctl add p --change --ca-file FILE");
    assert_eq!(provider.token_hits(), 0);
    assert!(
        run.elapsed < Duration::from_secs(2),
        "asking again does not help"
    );

    let ca = fs::read(OidcProvider::ca_file()).expect("a certificate");
    got_a_token(&at(&endpoint, &trusting()).run(["get", "p"]));
    let in_home = at(&endpoint, "ca_file = \"~/own/ca.pem\"");
    in_home.write("own/ca.pem", &ca);
    got_a_token(&in_home.run(["get", "p"]));
    let beside = at(&endpoint, "ca_file = \"ca.pem\"");
    beside.write("config/tokctl/ca.pem", &ca);
    got_a_token(&beside.run(["get", "p"]));

    let mut by_file = at(&endpoint, "");
    by_file.env("SSL_CERT_FILE", OidcProvider::ca_file());
    got_a_token(&by_file.run(["get", "p"]));
    let mut by_directory = at(&endpoint, "");
    let own = by_directory.write("own/ca.pem", &ca);
    by_directory.env("SSL_CERT_DIR", own.parent().expect("a directory"));
    got_a_token(&by_directory.run(["get", "p"]));

    let stranger = OidcProvider::directory().join("certs/selfsigned.pem");
    let mut both = at(&endpoint, &format!("ca_file = \"{}\"", stranger.display()));
    both.run(["get", "p"]).fails(6, "not trusted");
    both.env("SSL_CERT_FILE", OidcProvider::ca_file());
    got_a_token(&both.run(["get", "p"]));
    let many = at(&endpoint, "ca_file = \"many.pem\"");
    let two = [fs::read(stranger).expect("a certificate"), ca].concat();
    many.write("config/tokctl/many.pem", two);
    got_a_token(&many.run(["get", "p"]));
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_bad_certificate_is_refused_for_its_own_reason() {
    for (certificate, why) in [
        ("expired", "its certificate has expired"),
        ("wrongname", "its certificate is for another host name"),
        ("selfsigned", "an authority's own, not a server's"),
    ] {
        let (provider, endpoint) = provider(certificate);
        let run = at(&endpoint, &trusting()).run(["get", "p", "-vv"]);
        run.fails(6, why)
            .fails(6, "profile \"p\": no secure connection to 127.0.0.1:");
        assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
        assert_eq!(provider.token_hits(), 0);
    }
}

#[test]
#[ignore = "needs npm's oidc-provider and openssl: tests/run installs them"]
fn a_self_signed_certificate_that_is_made_as_the_hint_says_is_trusted() {
    let sandbox = Sandbox::new();
    let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
                -addext basicConstraints=critical,CA:FALSE -keyout own.key -out own.pem 2>/dev/null";
    Running::start(sandbox.program("sh", ["-c", make]), None)
        .wait()
        .ok("");
    let own = |name: &str| sandbox.home().join(name).display().to_string();
    let (certificate, key) = (own("own.pem"), own("own.key"));
    let provider = OidcProvider::start(&["--cert", &certificate, "--key", &key]);
    let endpoint = format!("{}/token", provider.url());
    at(&endpoint, &trusting())
        .run(["get", "p"])
        .fails(6, "not trusted");
    let trusting_it = at(&endpoint, &format!("ca_file = \"{certificate}\""));
    got_a_token(&trusting_it.run(["get", "p"]));
}

#[test]
fn a_ca_file_that_is_none_is_a_fault_of_the_configuration() {
    for (file, why) in [
        ("nowhere.pem", "no such file"),
        ("text", ""),
        ("fifo", ""),
        ("", ""),
    ] {
        let sandbox = at("https://127.0.0.1:1/", &format!("ca_file = \"{file}\""));
        sandbox.write("config/tokctl/text", "hello");
        let fifo = sandbox.program("mkfifo", ["config/tokctl/fifo"]);
        Running::start(fifo, None).wait();
        let run = sandbox.run(["get", "p", "--timeout=3s"]);
        run.fails(3, "ca_file")
            .fails(3, "profile \"p\"")
            .fails(3, why);
    }
}

#[test]
fn what_is_no_tls_is_told_within_the_time_budget() {
    let plain = Server::tokens(60);
    let trickle = RawServer::start(|mut stream| {
        // The head of a handshake record of 16 KB, which then comes a byte at a time.
        let mut sent = stream.write_all(&[22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc]);
        while sent.is_ok() {
            thread::sleep(Duration::from_millis(100));
            sent = stream.write_all(&[0]);
        }
    });
    let alert = RawServer::start(|mut stream| {
        drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40]));
    });
    let garbage = RawServer::start(|mut stream| drop(stream.write_all(&vec![b'x'; 100_000])));
    let silent = RawServer::silent();
    for (port, within) in [
        (plain.address().port(), 5),
        (alert.port(), 5),
        (garbage.port(), 5),
        (silent.port(), 2),
        (trickle.port(), 2),
    ] {
        let sandbox = at(&format!("https://127.0.0.1:{port}/token"), "");
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(6, &format!("127.0.0.1:{port}"))
            .fails(6, "profile \"p\": no ");
        assert!(
            run.elapsed < Duration::from_secs(within),
            "{:?}",
            run.elapsed
        );
    }
    assert_eq!(plain.hits(), 0);
}

#[test]
fn a_handshake_that_is_refused_without_a_reason_has_the_usual_ones_as_a_hint() {
    // As OpenSSL does in TLS 1.2 where no certificate comes (RFC 5246 section 7.4.6).
    let server = RawServer::start(|mut stream| {
        drop(stream.read(&mut [0; 4096]));
        drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40]));
    });
    let sandbox = Sandbox::new();
    let url = server.url("/token").replace("http:", "https:");
    sandbox.config(&client_at(&url, "").replace("P_SECRET", "HOME"));
    sandbox
        .run(["get", "p"])
        .fails(6, "it refuses the handshake\n")
        .fails(6, "hint: if it asks for a client certificate, set client_c");
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn what_the_environment_adds_is_trusted_as_curl_has_it_and_what_cannot_be_read_is_said() {
    let (_provider, endpoint) = provider("server");
    let ca = fs::read(OidcProvider::ca_file()).expect("a certificate");
    let stranger = OidcProvider::directory().join("certs/selfsigned.pem");
    let stranger = fs::read(stranger).expect("a certificate");
    let scene = || {
        let sandbox = at(&endpoint, "");
        sandbox.write("with/ca.pem", &ca);
        sandbox.write("without/other.pem", &stranger);
        sandbox.write("empty/text", "no certificate");
        sandbox
    };
    let trusts = |file: &str, directories: &[&str], warning: &str| {
        let mut sandbox = scene();
        let home = sandbox.home().to_owned();
        if !file.is_empty() {
            sandbox.env("SSL_CERT_FILE", home.join(file));
        }
        let directories: Vec<String> = directories
            .iter()
            .map(|name| home.join(name).display().to_string())
            .collect();
        sandbox.env("SSL_CERT_DIR", directories.join(":"));
        let run = sandbox.run(["get", "p"]);
        assert!(run.stderr.contains(warning), "{run:?}");
        let warnings = usize::from(!warning.is_empty());
        assert_eq!(run.stderr.matches("warning").count(), warnings, "{run:?}");
        (run.code, run.stdout.len() > 20)
    };
    let yes = (0, true);
    assert_eq!(trusts("without/other.pem", &["with"], ""), yes);
    assert_eq!(trusts("", &["without", "with"], ""), yes);
    assert_eq!(trusts("with/ca.pem", &["without"], ""), yes);
    let told = "warning: SSL_CERT_FILE ";
    assert_eq!(trusts("nowhere", &["with"], told), yes);
    let told = "it holds no certificate";
    assert_eq!(trusts("empty/text", &["with"], told), yes);
    let told = "warning: SSL_CERT_DIR ";
    assert_eq!(trusts("", &["nowhere", "with"], told), yes);
    let mut none = scene();
    let run = none.env("SSL_CERT_FILE", "/nowhere").run(["get", "p"]);
    run.fails(6, "SSL_CERT_FILE /nowhere: no such file");
    run.fails(6, "not trusted");
}

/// `openssl s_server` with these arguments.
struct Openssl(std::process::Child, u16);

impl Openssl {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let accept = format!("127.0.0.1:{port}");
        let all = [&["s_server", "-quiet", "-www", "-accept", &accept], args].concat();
        let mut command = sandbox.program("openssl", all);
        let null = std::process::Stdio::null;
        let child = command.stdin(null()).stdout(null()).stderr(null());
        let child = child.spawn().expect("openssl is installed");
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Self(child, port)
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A root, an authority in between and a server's certificate, each in its file.
fn chain(sandbox: &Sandbox) {
    let make = "set -e; key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -subj '/CN=Far root' -keyout root.key -out root.pem
        openssl req $key -subj '/CN=In between' -keyout mid.key -out mid.csr
        printf 'basicConstraints=critical,CA:TRUE' > ca.ext
        openssl x509 -req -in mid.csr -CA root.pem -CAkey root.key -extfile ca.ext -out mid.pem
        openssl req $key -subj /CN=127.0.0.1 -keyout leaf.key -out leaf.csr
        printf 'subjectAltName=IP:127.0.0.1' > leaf.ext
        openssl x509 -req -in leaf.csr -CA mid.pem -CAkey mid.key -extfile leaf.ext -out leaf.pem";
    let made = sandbox.program("sh", ["-c", &format!("{{ {make}\n}} 2>/dev/null")]);
    Running::start(made, None).wait().ok("");
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn an_old_server_a_chain_with_a_gap_and_a_port_without_tls_are_told_as_what_they_are() {
    let sandbox = Sandbox::new();
    chain(&sandbox);
    let of_leaf = ["-cert", "leaf.pem", "-key", "leaf.key"];
    let trusting = |name: &str| {
        let file = sandbox.home().join(name);
        format!("ca_file = \"{}\"", file.display())
    };
    let get = |port: u16, more: &str| {
        let own = at(&format!("https://127.0.0.1:{port}/"), more);
        own.run(["get", "p", "--timeout=3s"])
    };
    let server = Openssl::start(&sandbox, &of_leaf);
    let run = get(server.1, &trusting("root.pem"));
    run.fails(6, "issued by \"In between\", which is not trusted here");
    run.fails(6, "the server leaves out the certificate in between");
    let run = get(server.1, &trusting("mid.pem"));
    assert!(!run.stderr.contains("secure connection"), "{run:?}");

    let old = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
    let server = Openssl::start(&sandbox, &[&of_leaf[..], &old].concat());
    let run = get(server.1, &trusting("root.pem"));
    run.fails(6, "no TLS 1.2 or 1.3");
    run.fails(6, "switch on TLS 1.2");

    // As nginx does on a port that is not for TLS.
    let plain = RawServer::start(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let run = get(plain.port(), &trusting("root.pem"));
    run.fails(6, "what it answers is no TLS");
    run.fails(6, "check scheme and port");
}
