//! Logins whose server says whose account it is.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::issuer::{behave, jwt, tokens};
use super::login::{Login, arrive, parameter, profile, redirect};
use super::run::Run;
use super::sandbox::Sandbox;
use super::server::{Reply, Server};

/// The time by this machine's clock, in seconds.
pub fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("a clock");
    i64::try_from(since.as_secs()).expect("a time")
}

/// Profile `p`, which asks for an id token.
pub fn sandbox_for(server: &Server, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let more = format!("scope = \"openid\"\n{more}");
    sandbox.config(&profile(&server.url(""), "c", &more));
    sandbox
}

/// A server whose replies hold `members`, and a profile `p` that logs in at it.
pub struct Account {
    pub server: Server,
    pub sandbox: Sandbox,
    pub members: Arc<Mutex<Value>>,
}

impl Account {
    /// Nobody has logged in.
    pub fn new() -> Self {
        let members = Arc::new(Mutex::new(Value::Null));
        let answer = Arc::clone(&members);
        let server = Server::start(move |request| match request.path.as_str() {
            "/token" => tokens(&answer.lock().expect("no panic")),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        });
        let sandbox = sandbox_for(&server, "");
        Self {
            server,
            sandbox,
            members,
        }
    }

    /// Somebody with this e-mail address has logged in.
    #[track_caller]
    pub fn of(email: &str) -> Self {
        let account = Self::new();
        let run = account.log_in(&json!({ "email": email }));
        run.ok_with("", &format!("logged in to p as {email}"));
        account
    }

    /// Logs in with an id token whose good claims are changed; `null` takes one away.
    pub fn log_in(&self, changes: &Value) -> Run {
        let mut login = Login::start(&self.sandbox, &[]);
        let url = login.address();
        let mut claims = json!({
            "iss": self.server.url(""), "aud": "c", "sub": "s-1", "email": "a@b.example",
            "exp": now() + 600, "iat": now(), "nonce": parameter(&url, "nonce"),
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().map(|claims| claims.remove(name));
            }
        }
        *self.members.lock().expect("no panic") = json!({ "id_token": jwt(&claims) });
        let page = arrive(&redirect(&url, ""));
        let run = login.wait();
        assert_eq!(page.body.contains("is logged in"), run.code == 0, "{run:?}");
        run
    }
}
