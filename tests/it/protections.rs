//! What a server says of how logins and clients are protected there, and a client that heeds it.
#![cfg(unix)]

use crate::support;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::issuer::{behave, metadata, origin, tokens};
use support::login::{arrive, parameter, profile, redirect};
use support::profiles::{SECRET, client_at, grant_at};
use support::{Login, OidcProvider, Reply, Request, Sandbox, Server, TlsServer};

/// An issuer with these members in its metadata, in which `AT` stands for its own origin.
fn issuer(
    more: Value,
    answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    Server::start(move |request| {
        if request.path != "/.well-known/openid-configuration" {
            let own = answer(request).or_else(|| behave(request));
            return own.unwrap_or_else(|| Reply::json(404, "{}"));
        }
        let mut all = metadata(request, "");
        for (name, value) in more.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        Reply::json(
            200,
            all.to_string()
                .replace("AT/", &format!("{}/", origin(request))),
        )
    })
}

fn at(server: &Server, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", SECRET);
    sandbox.config(&profile(&server.url(""), "c", more));
    sandbox
}

const PUSHES: &str = "pushed_authorization_request_endpoint";

#[test]
fn a_request_that_cannot_be_pushed_ends_the_login_or_is_told_and_goes_in_the_address() {
    let secret = "client_secret = { env = \"P_SECRET\" }";
    for (status, refusal, more, ends) in [
        (401, "{\"error\":\"invalid_client\"}", secret, Some(5)),
        (400, "{\"error\":\"invalid_client\"}", "", Some(5)),
        (503, "{}", secret, Some(6)),
        (500, "<html>", "", Some(6)),
        (429, "{}", "", Some(6)),
        (400, "{\"error\":\"unauthorized_client\"}", secret, None),
        (404, "<html>", "", None),
        (405, "", "", None),
    ] {
        let par = move |request: &Request| {
            (request.path == "/par").then(|| Reply::new(status, "application/json", refusal))
        };
        let server = issuer(json!({ PUSHES: "AT/par" }), par);
        let sandbox = at(&server, more);
        let mut login = Login::start(&sandbox, &["--timeout=30s"]);
        if let Some(code) = ends {
            let run = login.wait();
            run.fails(code, "tokctl: profile \"p\": ");
            assert!(run.elapsed < Duration::from_secs(15), "{run:?}");
            assert!(!run.stderr.contains("open this address"), "{run:?}");
        } else {
            assert!(login.address().contains("code_challenge"), "{status}");
            let told = "the login's request goes in the address instead";
            let said = login.stderr();
            assert!(said.contains(told), "{status}: {said}");
        }
    }
    // Nobody is there.
    let server = issuer(json!({ PUSHES: "http://127.0.0.1:9/par" }), |_| None);
    let sandbox = at(&server, "");
    let run = Login::start(&sandbox, &["--timeout=30s"]).wait();
    run.fails(6, "127.0.0.1:9");
    assert!(run.elapsed < Duration::from_secs(15), "{run:?}");
}

#[test]
fn a_login_does_not_begin_at_a_server_that_refuses_the_challenge_of_its_code() {
    let refuses = json!({ "code_challenge_methods_supported": ["plain"] });
    let server = issuer(refuses, |_| None);
    let sandbox = at(&server, "");
    for words in [
        &["login", "p", "--no-browser"][..],
        &["login", "p", "--paste"],
    ] {
        sandbox
            .run(words)
            .fails(3, "does not name S256")
            .fails(3, "pkce = false");
    }
    // Who has said that it is to be so does without.
    let sandbox = at(&server, "pkce = false");
    let mut login = Login::start(&sandbox, &[]);
    assert_eq!(parameter(&login.address(), "code_challenge"), "");
    for takes in [json!(["plain", "S256"]), Value::Null] {
        let server = issuer(json!({ "code_challenge_methods_supported": takes }), |_| {
            None
        });
        let sandbox = at(&server, "");
        let mut login = Login::start(&sandbox, &[]);
        assert_eq!(parameter(&login.address(), "code_challenge_method"), "S256");
    }
}

#[test]
fn an_issuer_in_the_redirect_is_compared_also_where_the_profile_has_none() {
    let server = Server::start(|request| behave(request).unwrap_or_else(|| Reply::json(404, "")));
    let sandbox = Sandbox::new();
    let by_hand = format!(
        "[profile.p]\ntoken_endpoint = \"{0}/token\"\nauthorization_endpoint = \"{0}/a/authorize\"\n\
         client_id = \"c\"\nstore = \"encrypted-file\"\n",
        server.url("")
    );
    sandbox.config(&by_hand);
    for foreign in [
        "https%3A%2F%2Fevil.example",
        "nonsense",
        "http%3A%2F%2F127.0.0.1%3A1",
    ] {
        let mut login = Login::start(&sandbox, &[]);
        arrive(&redirect(&login.address(), &format!("&iss={foreign}")));
        login
            .wait()
            .fails(5, "not where the login began")
            .fails(5, "--issuer");
    }
    assert_eq!(server.hits_of("/token"), 0, "the code is not sent");
    for own in [server.url("/realms/x"), server.url("")] {
        let mut login = Login::start(&sandbox, &[]);
        arrive(&redirect(&login.address(), &format!("&iss={own}")));
        login.wait().ok_with("", "logged in to p");
    }
}

#[test]
fn a_token_of_a_type_that_is_not_known_is_not_used_unless_the_profile_says_what_it_is() {
    let reply = |kind: &str| {
        let kind = json!({ "access_token": "at-1", "expires_in": 60, "token_type": kind });
        kind.to_string()
    };
    for (kind, more, good) in [
        ("bEARER", "", true),
        ("BearerToken", "", true),
        ("bot", "", false),
        ("example", "bearer_token_types = [\"bot\"]", false),
        ("bot", "bearer_token_types = [\"bot\"]", true),
        ("N_A", "", false),
        ("DPoP", "", false),
    ] {
        let server = Server::granting(&reply(kind));
        let run = Sandbox::with_client(&server, more).run(["get", "p"]);
        if good {
            run.ok("at-1\n");
        } else {
            run.fails(5, &format!("it is of the type {kind}, which"));
        }
    }
    // A refresh token that has come beside it is kept: it is the only one that is still good.
    let both = json!({ "access_token": "at-1", "expires_in": 60, "token_type": "bot", "refresh_token": "rt-2" });
    let server = Server::granting(&both.to_string());
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox
        .run(["get", "p"])
        .fails(5, "bearer_token_types = [\"bot\"]");
    sandbox.run(["get", "p"]).fails(5, "bearer_token_types");
    assert_eq!(
        server.requests().pop().expect("a request").form()["refresh_token"],
        "rt-2"
    );
    // A login says so too, and the preset of the service that is known for it takes it.
    let server = Server::granting(&both.to_string());
    let sandbox = Sandbox::new();
    let slack = grant_at(
        &server.url("/token"),
        "preset = \"slack\"\nassume_expires_in = \"1h\"",
    );
    sandbox.config(&slack);
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn a_client_secret_is_not_sent_where_the_server_takes_only_what_is_signed() {
    let own = "client_secret = { env = \"P_SECRET\" }\ngrant = \"client_credentials\"\n";
    for (takes, more, wanted) in [
        (
            json!(["private_key_jwt"]),
            "",
            Err("client_auth = \"private_key_jwt\""),
        ),
        (
            json!(["tls_client_auth"]),
            "",
            Err("client_auth = \"tls_client_auth\""),
        ),
        (
            json!(["private_key_jwt", "client_secret_jwt"]),
            "",
            Ok("client_assertion"),
        ),
        (
            json!(["private_key_jwt", "client_secret_post"]),
            "",
            Ok("client_secret"),
        ),
        (
            json!(["private_key_jwt"]),
            "client_auth = \"client_secret_post\"\n",
            Ok("client_secret"),
        ),
        (json!([]), "", Ok("")),
    ] {
        let told = json!({ "token_endpoint_auth_methods_supported": takes });
        let server = issuer(told, |_| None);
        let run = at(&server, &format!("{own}{more}")).run(["get", "p"]);
        let request = server
            .requests()
            .into_iter()
            .find(|request| request.path == "/token");
        match wanted {
            Err(hint) => {
                run.fails(3, "takes no client secret, so that it is not sent")
                    .fails(3, hint);
                assert!(request.is_none(), "{takes}");
            }
            Ok(how) => {
                run.ok("access-1\n");
                let request = request.expect("a request");
                assert!(
                    how.is_empty() || request.form().contains_key(how),
                    "{takes}"
                );
                let is_sent = how != "client_assertion";
                let basic = request.header("authorization").is_some();
                let all = String::from_utf8_lossy(&request.body).contains(SECRET);
                assert_eq!(basic || all, is_sent, "{takes}");
            }
        }
    }
}

#[test]
fn a_client_s_assertion_has_a_type_of_its_own_and_another_one_where_it_is_set() {
    let server = Server::tokens(60);
    for (more, typ) in [
        ("", "client-authentication+jwt"),
        ("client_assertion_typ = \"JWT\"\n", "JWT"),
    ] {
        let more = format!("client_auth = \"client_secret_jwt\"\n{more}");
        Sandbox::with_client(&server, &more)
            .run(["get", "p"])
            .ok(&format!("at-{}\n", server.hits()));
        let form = server.requests().pop().expect("a request").form();
        let head = form["client_assertion"]
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let head = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, head);
        let head: Value = serde_json::from_slice(&head.expect("base64url")).expect("JSON");
        assert_eq!(head["typ"], typ);
    }
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_certified_provider_takes_what_a_client_signs_and_what_it_pushes() {
    let provider = OidcProvider::start(&[]);
    let key = OidcProvider::directory().join("keys/client-ec.jwk.json");
    let more = format!(
        "scope = \"openid api:read\"\nclient_auth = \"private_key_jwt\"\nclient_key = {{ file = \"{}\" }}",
        key.display()
    );
    let sandbox = Sandbox::new();
    sandbox.config(&profile(provider.url(), "pkce-pkjwt", &more));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert_ne!(parameter(&url, "request_uri"), "", "{url}");
    let back = support::login::consent(&url);
    assert!(back.contains("iss="), "{back}");
    arrive(&back);
    login.wait().ok_with("", "logged in to p as alice");
    // Another client's key is not taken: no browser is opened for what would be refused after it.
    sandbox.config(&profile(
        provider.url(),
        "pkce-pkjwt",
        &more.replace("client-ec", "client-rsa"),
    ));
    let run = Login::start(&sandbox, &[]).wait();
    run.fails(5, "invalid_client");
    assert!(!run.stderr.contains("open this address"), "{run:?}");
}

/// Serves HTTP in OpenSSL's TLS, with this certificate, to who shows one that this authority has issued.
const OPENSSL_PEER: &str = r#"
import http.server, json, ssl, sys
chain, key, authority = sys.argv[1:4]
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        peer = self.connection.getpeercert() or {}
        token = "shown-" + str(peer.get("version", 0))
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 60}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("DEFAULT@SECLEVEL=0")
context.load_cert_chain(chain, key)
if authority:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A server of Python's, which speaks TLS by OpenSSL; ended when it is dropped.
struct OpenSsl {
    child: std::process::Child,
    port: u16,
}

impl OpenSsl {
    #[track_caller]
    fn start(files: &TlsServer, name: &str, authority: &str) -> Self {
        use std::io::BufRead;
        let path = |name: &str| files.file(name).display().to_string();
        let authority = if authority.is_empty() {
            String::new()
        } else {
            path(authority)
        };
        let (chain, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        let child = Command::new("python3")
            .args(["-c", OPENSSL_PEER, &chain, &key, &authority])
            .stdout(std::process::Stdio::piped())
            .spawn();
        let mut child = child.expect("python3 is installed");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        std::io::BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its port");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }

    fn sandbox(&self, authority: &std::path::Path, more: &str) -> Sandbox {
        let mut sandbox = Sandbox::new();
        let endpoint = format!("https://127.0.0.1:{}/token", self.port);
        let ca_file = format!(
            "ca_file = \"{}\"\nstore = \"none\"\n{more}",
            authority.display()
        );
        sandbox
            .env("P_SECRET", SECRET)
            .config(&client_at(&endpoint, &ca_file));
        sandbox
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a certificate as plain `openssl x509 -req` has made it for twenty years, or with these extensions.
#[track_caller]
fn issue(files: &TlsServer, name: &str, (extensions, more): (&str, &str)) {
    let script = format!(
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -keyout {name}.key \
         -out {name}.csr && printf '{extensions}' >{name}.ext && \
         openssl x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 {more} \
         $(test -s {name}.ext && echo -extfile {name}.ext) -out {name}.pem"
    );
    let made = Command::new("sh")
        .args(["-c", &script])
        .current_dir(files.file(""))
        .stderr(std::process::Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "{name}");
}

#[test]
#[ignore = "needs openssl and python3: tests/run installs them"]
fn a_client_certificate_of_version_1_is_shown_and_taken() {
    let files = TlsServer::start(|_| tokens(&Value::Null));
    issue(&files, "v1", ("", ""));
    let text = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(files.file("v1.pem"))
        .output();
    let text = String::from_utf8(text.expect("openssl runs").stdout).expect("text");
    // From 3.2 on openssl adds extensions where nobody asks for some.
    assert!(text.contains("Version: 1"), "another certificate: {text}");
    let peer = OpenSsl::start(&files, "server", "ca.pem");
    let keys = |certificate: &str, key: &str| {
        format!(
            "client_auth = \"tls_client_auth\"\nclient_certificate = \"{}\"\nclient_key = {{ file = \"{}\" }}",
            files.file(certificate).display(),
            files.file(key).display()
        )
    };
    peer.sandbox(&files.ca_file(), &keys("v1.pem", "v1.key"))
        .run(["get", "p"])
        .ok("shown-1\n");
    peer.sandbox(&files.ca_file(), &keys("client.pem", "client.key"))
        .run(["get", "p"])
        .ok("shown-3\n");
    peer.sandbox(&files.ca_file(), &keys("v1.pem", "client.key"))
        .run(["get", "p"])
        .fails(3, "client_key does not belong to client_certificate");
}

#[test]
#[ignore = "needs openssl and python3: tests/run installs them"]
fn a_server_s_bad_certificate_is_told_in_plain_words_with_what_ends_it() {
    let files = TlsServer::start(|_| tokens(&Value::Null));
    let named = "subjectAltName=IP:127.0.0.1\\n";
    for (name, extensions, more, words, hint) in [
        (
            "v1",
            String::new(),
            "",
            "of X.509 version 1",
            "with extensions, as in: openssl x509 -req",
        ),
        (
            "client",
            format!("{named}extendedKeyUsage=clientAuth\\n"),
            "",
            "its certificate is not for a server",
            "extendedKeyUsage=serverAuth",
        ),
        (
            "critical",
            format!("{named}1.2.3.4=critical,ASN1:NULL\\n"),
            "",
            "its certificate demands something that is not known here",
            "make its certificate anew",
        ),
        (
            "sha1",
            named.to_owned(),
            "-sha1",
            "signed in a way that is not taken any more",
            "make its certificate anew",
        ),
        (
            "other",
            "subjectAltName=DNS:a.example,DNS:b.example\\n".to_owned(),
            "",
            "its certificate is for another host name: ",
            "check the host in the address",
        ),
        (
            "nameless",
            "keyUsage=digitalSignature\\n".to_owned(),
            "",
            "its certificate is for no host name (it has no subjectAltName)",
            "check the host in the address",
        ),
    ] {
        let name = format!("bad-{name}");
        issue(&files, &name, (&extensions, more));
        let peer = OpenSsl::start(&files, &name, "");
        let run = peer.sandbox(&files.ca_file(), "").run(["get", "p"]);
        run.fails(6, words)
            .fails(6, "tokctl: hint: ")
            .fails(6, hint);
        for debug in ["webpki", "OtherError", "Error(", "peer certificate"] {
            assert!(!run.stderr.contains(debug), "{run:?}");
        }
    }
}
