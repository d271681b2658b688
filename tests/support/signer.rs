//! Keys and signatures of npm's `jose`, which this project did not write: one node process per test.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::oidc::OidcProvider;

/// It ends when its stdin does, which the child's handle keeps open: so it cannot outlive the test's process.
pub struct Signer {
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
}

/// A key pair of the signer's.
#[derive(Clone, Debug)]
pub struct SigningKey {
    number: u64,
    /// The public half, as a server publishes it.
    pub public: Value,
}

impl Signer {
    #[track_caller]
    pub fn start() -> Self {
        let directory = OidcProvider::directory();
        assert!(
            directory.join("node_modules/jose").is_dir(),
            "{} is not set up: run tests/run, or its setup.sh",
            directory.display()
        );
        let mut child = Command::new("node")
            .arg("signer.mjs")
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        Self {
            pipes: Mutex::new((stdin, BufReader::new(stdout))),
            child,
        }
    }

    /// A new key for an algorithm, with these members in its public half.
    #[track_caller]
    pub fn key(&self, algorithm: &str, members: &Value) -> SigningKey {
        let answer = self.ask(&json!({ "make": algorithm, "jwk": members }));
        SigningKey {
            number: answer["key"].as_u64().expect("a number"),
            public: answer["public"].clone(),
        }
    }

    /// A token with this header and these claims.
    #[track_caller]
    pub fn sign(&self, key: &SigningKey, header: &Value, claims: &Value) -> String {
        self.token(&json!({ "sign": key.number, "header": header, "claims": claims }))
    }

    /// The same with a secret.
    #[track_caller]
    pub fn sign_with_secret(&self, secret: &str, algorithm: &str, claims: &Value) -> String {
        self.token(&json!({ "secret": secret, "header": { "alg": algorithm }, "claims": claims }))
    }

    /// An encrypted token for a key of RSA-OAEP-256.
    #[track_caller]
    pub fn encrypt(&self, key: &SigningKey, claims: &Value) -> String {
        self.token(&json!({ "encrypt": key.number, "claims": claims }))
    }

    #[track_caller]
    fn token(&self, ask: &Value) -> String {
        let answer = self.ask(ask);
        let token = answer["token"].as_str();
        token
            .unwrap_or_else(|| panic!("{ask}: {answer}"))
            .to_owned()
    }

    #[track_caller]
    fn ask(&self, ask: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipes.0, "{ask}").expect("the signer listens");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the signer answers");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{ask}: {line:?}"))
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
