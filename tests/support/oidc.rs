//! The certified OpenID provider of `tests/oidc-provider`, one process per test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{self, Browser, Response, encode_form};
use super::server::decode_form;

/// Node starts in half a second; many starts at once on a small machine take longer.
const START: Duration = Duration::from_secs(60);

/// The pair of RFC 7636 appendix B: the provider demands S256, and the harness has no hash
/// function.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Its README lists the clients and what else can be asked of it.
pub struct OidcProvider {
    /// It ends when its stdin does, which the child's handle keeps open: so it cannot outlive the
    /// test's process.
    child: Child,
    issuer: String,
    _log: TempDir,
}

impl OidcProvider {
    /// Starts it on a free port; relative paths in the arguments are below
    /// [`OidcProvider::directory`].
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let directory = Self::directory();
        assert!(
            directory.join("node_modules").is_dir() && directory.join("certs").is_dir(),
            "{} is not set up: run tests/run, or its setup.sh",
            directory.display()
        );
        let log = tempfile::tempdir().expect("a temporary directory can be made");
        let stderr = log.path().join("stderr");
        let mut child = Command::new("node")
            .args(["server.mjs", "--port", "0", "--until-eof"])
            .args(args)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).expect("a file in a new directory can be made"))
            .spawn()
            .expect("node is installed");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (ready, issuer) = mpsc::channel();
        thread::spawn(move || {
            // To the end: it prints notices later too, and would die of a closed pipe.
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(issuer) = line.strip_prefix("READY ") {
                    drop(ready.send(issuer.to_owned()));
                }
            }
        });
        let issuer = issuer.recv_timeout(START);
        let provider = Self {
            child,
            issuer: issuer.clone().unwrap_or_default(),
            _log: log,
        };
        let said = || fs::read_to_string(stderr).unwrap_or_default();
        assert!(issuer.is_ok(), "the provider does not start: {}", said());
        provider
    }

    /// Starts it with TLS: `server` is a good certificate, `expired`, `wrongname` and `selfsigned`
    /// are bad ones.
    #[track_caller]
    pub fn start_tls(certificate: &str, args: &[&str]) -> Self {
        let (certificate, key) = (
            format!("certs/{certificate}.pem"),
            format!("certs/{certificate}.key"),
        );
        Self::start(&[&["--cert", &certificate, "--key", &key], args].concat())
    }

    pub fn directory() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc-provider"))
    }

    /// The certificate that signs the provider's and the clients'.
    pub fn ca_file() -> PathBuf {
        Self::directory().join("certs/ca.pem")
    }

    /// The issuer, with its prefix where it was started with one.
    pub fn url(&self) -> &str {
        &self.issuer
    }

    /// A resource outside the provider: `/api/echo`, `/rig/…`.
    pub fn at(&self, path: &str) -> String {
        let origin = self
            .issuer
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        format!("{origin}{path}")
    }

    pub fn stats(&self) -> Value {
        http::get(&self.at("/stats")).json()
    }

    pub fn reset_stats(&self) {
        self.post("/stats/reset", "");
    }

    /// Requests to the token endpoint so far.
    pub fn token_hits(&self) -> u64 {
        self.stats()["token_hits"]
            .as_u64()
            .expect("the statistics have token_hits")
    }

    /// Orders a fault, for the next request if it does not say more.
    pub fn fault(&self, fault: &Value) {
        self.post("/rig/fault", &fault.to_string());
    }

    /// The last `n` requests, the newest last.
    pub fn log(&self, n: usize) -> Value {
        http::get(&self.at(&format!("/log?n={n}"))).json()
    }

    /// Decides a device login.
    pub fn device(&self, decision: &str, user_code: &str) {
        let response =
            http::get(&self.at(&format!("/rig/device/{decision}?user_code={user_code}")));
        assert_eq!(
            response.status, 200,
            "{decision} {user_code}: {}",
            response.body
        );
    }

    /// Kills every token of a client, without telling anyone.
    pub fn revoke_client(&self, client: &str) {
        http::get(&self.at(&format!("/rig/revoke-client?client_id={client}")));
    }

    /// The token response of a login as alice: authorization code with PKCE, scope api:read.
    #[track_caller]
    pub fn login(&self, client: &str) -> Value {
        // Never fetched. A native client may use any port; code-web may not.
        let port = if client == "code-web" { 18765 } else { 1 };
        let redirect_uri = format!("http://127.0.0.1:{port}/callback");
        let query = encode_form(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", &redirect_uri),
            ("scope", "openid offline_access api:read"),
            ("prompt", "consent"),
            ("state", "state"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let back =
            Browser::default().follow(&format!("{}/auth?{query}", self.issuer), &redirect_uri);
        let answer = decode_form(back.split_once('?').map_or("", |(_, query)| query));
        let code = answer
            .get("code")
            .unwrap_or_else(|| panic!("no code for {client}: {answer:?}"));
        let secret = format!("{client}-secret");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("code_verifier", CODE_VERIFIER),
            ("redirect_uri", &redirect_uri),
        ];
        if ["code-web", "pkce-confidential"].contains(&client) {
            form.push(("client_secret", &secret));
        }
        let response = self.token(&form);
        assert_eq!(
            response.status, 200,
            "login with {client}: {}",
            response.body
        );
        response.json()
    }

    /// The refresh token of a new login.
    #[track_caller]
    pub fn refresh_token(&self, client: &str) -> String {
        let tokens = self.login(client);
        let token = tokens["refresh_token"].as_str();
        token
            .unwrap_or_else(|| panic!("no refresh token for {client}: {tokens}"))
            .to_owned()
    }

    /// A POST to the token endpoint.
    #[track_caller]
    pub fn token(&self, form: &[(&str, &str)]) -> Response {
        http::post_form(&format!("{}/token", self.issuer), form)
    }

    /// What the protected resource says to an access token.
    #[track_caller]
    pub fn echo(&self, access_token: &str) -> Response {
        let authorization = format!("Bearer {access_token}");
        let headers = [("authorization", authorization.as_str())];
        Browser::default().request("GET", &self.at("/api/echo"), &headers, "")
    }

    #[track_caller]
    fn post(&self, path: &str, body: &str) {
        let response = Browser::default().request("POST", &self.at(path), &[], body);
        assert_eq!(response.status, 200, "POST {path}: {}", response.body);
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary failure that costs the client its reply after the server has acted: the hardest case
/// for rotation.
pub fn lost_reply(grant: &str) -> Value {
    json!({ "grant": grant, "drop_after": true })
}
