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
        .fails(6, "ca_file")
        .fails(6, "SSL_CERT_FILE");
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
