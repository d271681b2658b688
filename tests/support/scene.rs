//! Everything that tokctl has secrets for, at once: profiles of each kind, a server that can repeat what
//! it was sent, and a canary in the place of each secret.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tempfile::NamedTempFile;

use super::canaries::Canaries;
use super::issuer::jwt;
use super::keys::EcKey;
use super::namespace::Namespace;
use super::run::{Run, Running};
use super::sandbox::Sandbox;
use super::server::{Reply, Request, Server};
use super::traced::{STARTS, Started, started, under_strace};

/// What the server repeats, and where it says it.
#[derive(Clone, Copy, Debug)]
pub struct Echo {
    /// A field of the form; `authorization` for that header, `secret` for the client secret in it.
    pub field: &'static str,
    pub place: Place,
    /// In base64 instead of as it came.
    pub encoded: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Place {
    Description(u16),
    Error,
    Message,
    Page,
    Truncated,
    Location,
    ContentType,
    Challenge,
    /// Of a token that is granted.
    Scope,
}

type Made = Arc<Mutex<Vec<(&'static str, String)>>>;

pub struct Scene {
    pub sandbox: Sandbox,
    pub server: Server,
    pub canaries: Canaries,
    /// A token response with the canaries in it.
    pub grant: String,
    /// Secrets that tokctl makes, as they reach the server.
    made: Made,
    echo: Arc<Mutex<Option<Echo>>>,
    repeated: Arc<AtomicUsize>,
}

/// What is where on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// In the answer: stdout, and a file called `out`.
    pub answer: &'static [&'static str],
    /// In the environment of the command that `exec` runs.
    pub command: bool,
}

/// A run, what it has started, and what was found where it must not be.
pub struct Seen {
    pub run: Run,
    pub started: Vec<Started>,
    pub leaks: Vec<String>,
}

const CONFIG: &str = r#"
[defaults]
store = "encrypted-file"
access_cache = "none"
audit = "file"
timeout = "BUDGET"
client_id = "id"
token_endpoint = "BASE/token"
[profile.p]
authorization_endpoint = "BASE/authorize"
device_authorization_endpoint = "BASE/device"
revocation_endpoint = "BASE/revoke"
api_url = "BASE/api/"
client_secret = { env = "P_CLIENT_SECRET" }
grant = "authorization_code"
hosts = ["https://git.example"]
[profile.post]
client_auth = "client_secret_post"
client_secret = { file = "~/given/secret" }
grant = "client_credentials"
[profile.signed]
client_key = { file = "~/given/key" }
grant = "client_credentials"
[profile.bearer]
client_key = { file = "~/given/key" }
grant = "jwt_bearer"
[profile.exchange]
subject_token = { command = ["cat", "HOME/given/subject"] }
grant = "token_exchange"
[profile.kept]
client_secret = { keyring = true }
grant = "client_credentials"
"#;

impl Scene {
    /// A server, and profiles for it at `base`, or else at its own address; `p` has a grant.
    #[track_caller]
    pub fn new(base: Option<&str>) -> Self {
        let mut canaries = Canaries::default();
        let mut make = |name| canaries.make(name);
        let id_token = jwt(&json!({"sub": "alice", "aud": "id", "exp": 4_000_000_000_u64}));
        let id_token = id_token.replace(".c2ln", &format!(".{}", make("id token")));
        let grant = json!({ "access_token": make("access token"), "refresh_token": make("refresh token"),
            "id_token": id_token, "token_type": "Bearer", "expires_in": 3600, "scope": "s" });
        let (made, echo): (Made, _) = (Arc::default(), Arc::new(Mutex::new(None)));
        let (device, repeated) = (make("device code"), Arc::new(AtomicUsize::new(0)));
        let server = Server::start({
            let (grant, made, echo) = (grant.clone(), Arc::clone(&made), Arc::clone(&echo));
            let count = Arc::clone(&repeated);
            move |request| {
                take_note(request, &made);
                let echo = *echo.lock().expect("no panic");
                let Some(reply) = echo.and_then(|echo| repeat(request, echo, &grant)) else {
                    return answer(request, &grant, &device);
                };
                count.fetch_add(1, Ordering::SeqCst);
                reply
            }
        });
        // Where no answer can come, none is waited for.
        let budget = if base.is_some() { "1s" } else { "3s" };
        let base = base.map_or_else(|| server.url(""), str::to_owned);
        let sandbox = furnished(&mut canaries, &base, budget);
        let grant = grant.to_string();
        sandbox.import(&grant);
        Self {
            sandbox,
            server,
            canaries,
            grant,
            made,
            echo,
            repeated,
        }
    }

    /// From now on the server repeats this, or nothing.
    pub fn repeats(&self, echo: Option<Echo>) {
        *self.echo.lock().expect("no panic") = echo;
    }

    /// How often it has.
    pub fn has_repeated(&self) -> usize {
        self.repeated.load(Ordering::SeqCst)
    }

    /// Runs a command under strace, in a namespace if there is one, and searches everything that it leaves.
    #[track_caller]
    pub fn watch(
        &mut self,
        args: &[&str],
        stdin: &str,
        allowed: Allowed,
        inside: Option<&Namespace>,
    ) -> Seen {
        let log = NamedTempFile::new().expect("a log");
        let traced = under_strace(&self.sandbox.command(args), &log, &STARTS);
        let traced = inside.map(|inside| inside.enter(&traced)).unwrap_or(traced);
        let run = Running::start(traced, Some(stdin.into())).wait();
        let started = started(&log);
        let leaks = self.leaks(&run, &started, allowed);
        Seen {
            run,
            started,
            leaks,
        }
    }

    /// Everything that was found where it must not be.
    pub fn leaks(&mut self, run: &Run, started: &[Started], allowed: Allowed) -> Vec<String> {
        for (name, secret) in self.made.lock().expect("no panic").drain(..) {
            self.canaries.add(name, &secret);
        }
        let mut leaks = Vec::new();
        let mut search = |place: &str, text: &[u8], but: &[&str]| {
            let found = self.canaries.found_in(text).into_iter();
            leaks.extend(
                found
                    .filter(|name| !but.contains(name))
                    .map(|name| format!("{name} in {place}")),
            );
        };
        search("stdout", run.stdout.as_bytes(), allowed.answer);
        search("stderr", run.stderr.as_bytes(), &[]);
        for start in started {
            search(
                &format!("arguments of {}", start.program),
                start.arguments.as_bytes(),
                &[],
            );
            // Of what we start, our own renewals and look-ups among it, each may need the way through a proxy.
            if start.program != crate::support::tokctl() && !allowed.command {
                search(
                    &format!("environment of {}", start.program),
                    start.environment.as_bytes(),
                    &["proxy password"],
                );
            }
        }
        let given = self.sandbox.home().join("given");
        for file in super::sandbox::files(self.sandbox.home()) {
            let but = if file.ends_with("out") {
                allowed.answer
            } else {
                &[]
            };
            // A link that was made leads to what is searched here too, or to the program itself.
            if !file.starts_with(&given) && !file.is_symlink() {
                search(
                    &file.display().to_string(),
                    &fs::read(&file).unwrap_or_default(),
                    but,
                );
            }
        }
        leaks
    }
}

fn furnished(canaries: &mut Canaries, base: &str, budget: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let key = EcKey::new();
    for line in key.lines().into_iter().filter(|line| line.len() > 16) {
        canaries.add("private key", line);
    }
    sandbox.write("given/key", &key.pem);
    sandbox.write("given/secret", canaries.make("secret in a file"));
    sandbox.write("given/subject", canaries.make("subject token"));
    let store_key =
        STANDARD.encode(canaries.make("bytes of the store key").as_bytes()[..16].repeat(2));
    canaries.add("store key", &store_key);
    let home = sandbox.home().to_owned();
    let proxy = format!("http://u:{}@127.0.0.1:9", canaries.make("proxy password"));
    sandbox
        .env("P_CLIENT_SECRET", canaries.make("client secret"))
        .env("TOKCTL_STORE_KEY", store_key)
        .env("TOKCTL_TOKEN_UNUSED", canaries.make("token in a variable"))
        .env("https_proxy", proxy)
        .env("TMPDIR", home.join("run"));
    sandbox.config(
        &CONFIG
            .replace("BASE", base)
            .replace("BUDGET", budget)
            .replace("HOME", &home.to_string_lossy()),
    );
    sandbox
}

/// Takes note of secrets that tokctl has made itself.
fn take_note(request: &Request, made: &Made) {
    let fields = [
        ("code_verifier", "code verifier"),
        ("client_assertion", "client assertion"),
        ("assertion", "assertion"),
    ];
    let form = request.form();
    for (field, name) in fields {
        if let Some(value) = form.get(field) {
            made.lock().expect("no panic").push((name, value.clone()));
        }
    }
}

/// What a server says that behaves.
fn answer(request: &Request, grant: &serde_json::Value, device: &str) -> Reply {
    match request.path.as_str() {
        "/token" => Reply::json(200, grant.to_string()),
        "/device" => Reply::json(
            200,
            json!({ "device_code": device, "user_code": "ABCD", "interval": 1, "expires_in": 2,
                "verification_uri": "http://127.0.0.1/activate" })
            .to_string(),
        ),
        "/api/refused" => {
            Reply::json(401, "{}").header("www-authenticate", "Bearer error=\"invalid_token\"")
        }
        "/api/away" => {
            let host = request
                .header("host")
                .unwrap_or_default()
                .replace("127.0.0.1", "localhost");
            Reply::json(302, "").header("location", &format!("http://{host}/elsewhere"))
        }
        _ => Reply::json(200, "{}"),
    }
}

/// What it says that repeats what it was sent, if it was.
fn repeat(request: &Request, echo: Echo, grant: &serde_json::Value) -> Option<Reply> {
    let header = request.header("authorization").map(str::to_owned);
    let sent = match echo.field {
        "authorization" => header?,
        "secret" => {
            let text = STANDARD.decode(header?.strip_prefix("Basic ")?).ok()?;
            let text = String::from_utf8(text).ok()?;
            percent_decode_str(text.split_once(':')?.1)
                .decode_utf8()
                .ok()?
                .into_owned()
        }
        field => request.form().get(field)?.clone(),
    };
    let sent = if echo.encoded {
        STANDARD.encode(sent)
    } else {
        sent
    };
    let error = |status, description: &str| {
        Reply::json(
            status,
            json!({ "error": "invalid_request", "error_description": description }).to_string(),
        )
    };
    Some(match echo.place {
        Place::Description(status) => error(status, &format!("what is {sent} for")),
        Place::Error => Reply::error(&sent),
        Place::Message => Reply::json(400, json!({ "message": sent }).to_string()),
        Place::Page => Reply::new(400, "text/html", format!("<p>{sent}</p>")),
        Place::Truncated => Reply::json(200, format!(r#"{{"error_description":"{sent}"#)),
        Place::Location => {
            Reply::json(302, "").header("location", &format!("https://{sent}.example/{sent}"))
        }
        Place::ContentType => Reply::new(400, &sent, "x"),
        Place::Challenge => error(401, "no").header(
            "www-authenticate",
            &format!("Bearer error=\"invalid_token\", error_description=\"{sent}\""),
        ),
        Place::Scope => {
            let mut grant = grant.clone();
            grant["scope"] = json!(sent);
            grant["token_type"] = json!(sent);
            Reply::json(200, grant.to_string())
        }
    })
}
