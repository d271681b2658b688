//! A git host on loopback: git's own `http-backend` as a CGI program, behind a check of the token.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::run::{Run, Running};
use super::sandbox::Sandbox;
use super::server::{Reply, Request, Server};
use super::tokens::Tokens;

/// What git can be asked for here: before 2.46 it sends no `Bearer` (`authtype` in gitcredentials(7)).
pub fn schemes() -> &'static [&'static str] {
    let version = Command::new("git").arg("version").output();
    let version = String::from_utf8(version.expect("git is installed").stdout).expect("text");
    let mut numbers = version
        .split([' ', '.'])
        .filter_map(|word| word.parse().ok());
    let version: (u32, u32) = (
        numbers.next().expect("a version"),
        numbers.next().expect("a version"),
    );
    if version >= (2, 46) {
        &["Bearer", "Basic"]
    } else {
        &["Basic"]
    }
}

/// Serves `x.git`, which has one commit, to who brings a token; `POST /token` issues them.
pub struct GitHost {
    pub server: Server,
    pub tokens: Arc<Tokens>,
    revoked: Arc<Mutex<BTreeSet<String>>>,
    root: PathBuf,
}

impl GitHost {
    /// A host that wants `Bearer` or `Basic`, with its repositories below the sandbox's home.
    pub fn start(sandbox: &Sandbox, scheme: &'static str) -> Self {
        let tokens = Arc::new(Tokens::new(3600));
        let judge = Arc::clone(&tokens);
        Self::with(sandbox, scheme, tokens, move |token| is_good(&judge, token))
    }

    /// One that takes another server's tokens, which `judge` knows.
    pub fn trusting(
        sandbox: &Sandbox,
        scheme: &'static str,
        judge: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::with(sandbox, scheme, Arc::new(Tokens::new(3600)), judge)
    }

    fn with(
        sandbox: &Sandbox,
        scheme: &'static str,
        tokens: Arc<Tokens>,
        judge: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let root = sandbox.home().join("repositories");
        let script = "git init -q --bare -b main x.git && git -C x.git config http.receivepack true \
            && git init -q -b main w && cd w && git -c user.name=t -c user.email=t@t.example commit -q --allow-empty \
            -m first && git push -q ../x.git main";
        std::fs::create_dir(&root).expect("it can be made");
        let mut command = sandbox.program("sh", ["-c", script]);
        let made = command.current_dir(&root).status().expect("sh runs");
        assert!(made.success());
        let revoked = Arc::new(Mutex::new(BTreeSet::new()));
        let server = Server::start({
            let (tokens, revoked, root) = (Arc::clone(&tokens), Arc::clone(&revoked), root.clone());
            move |request| {
                if request.path == "/token" {
                    return tokens.answer(request);
                }
                let token = token_of(request, scheme);
                let is_revoked =
                    |token: &String| revoked.lock().expect("whole").contains(token.as_str());
                match token {
                    Some(token) if !is_revoked(&token) && judge(&token) => {
                        lfs::answer(&root, request).unwrap_or_else(|| backend(&root, request))
                    }
                    _ => Reply::new(401, "text/plain", "no")
                        .header("www-authenticate", &format!("{scheme} realm=\"git\"")),
                }
            }
        });
        Self {
            server,
            tokens,
            revoked,
            root,
        }
    }

    /// From now on one access token is refused; nobody is told.
    pub fn revoke(&self, access_token: &str) {
        let mut revoked = self.revoked.lock().expect("whole");
        revoked.insert(access_token.to_owned());
    }

    pub fn url(&self) -> String {
        self.server.url("/x.git")
    }

    pub fn origin(&self) -> String {
        self.server.url("")
    }

    pub fn repository(&self) -> PathBuf {
        self.root.join("x.git")
    }

    /// The tokens that have been presented, in order, each once in a row.
    pub fn presented(&self) -> Vec<String> {
        let requests = self.server.requests();
        let mut all: Vec<_> = requests
            .iter()
            .filter_map(|request| token_of(request, "Bearer").or(token_of(request, "Basic")))
            .collect();
        all.dedup();
        all
    }
}

/// git-lfs's batch API and its objects, which are files beside the repositories.
mod lfs {
    use super::{Path, Reply, Request};
    use serde_json::{Value, json};

    const JSON: &str = "application/vnd.git-lfs+json";

    pub fn answer(root: &Path, request: &Request) -> Option<Reply> {
        if request.path.ends_with("/info/lfs/objects/batch") {
            return Some(batch(root, request));
        }
        if request.path.contains("/info/lfs/") {
            return Some(Reply::new(404, JSON, "{}"));
        }
        let file = root.join("lfs").join(request.path.strip_prefix("/lfs/")?);
        Some(match request.method.as_str() {
            "PUT" => {
                std::fs::create_dir_all(root.join("lfs")).expect("it can be made");
                std::fs::write(file, &request.body).expect("it can be written");
                Reply::json(200, "")
            }
            _ => match std::fs::read(file) {
                Ok(bytes) => Reply::new(200, "application/octet-stream", bytes),
                Err(_) => Reply::json(404, ""),
            },
        })
    }

    fn batch(root: &Path, request: &Request) -> Reply {
        let asked: Value = serde_json::from_slice(&request.body).expect("JSON");
        let operation = asked["operation"].as_str().expect("a word");
        let host = request.header("host").expect("it is HTTP/1.1");
        let objects = asked["objects"].as_array().expect("a list").iter();
        let answered = objects.map(|object| {
            let mut answer = object.clone();
            let oid = object["oid"].as_str().expect("a hash");
            // What is there is not uploaded again.
            if operation == "download" || !root.join("lfs").join(oid).exists() {
                let href = format!("http://{host}/lfs/{oid}");
                answer["actions"] = json!({ operation: { "href": href } });
            }
            answer
        });
        let answered: Vec<Value> = answered.collect();
        let reply = json!({ "transfer": "basic", "objects": answered });
        Reply::new(200, JSON, reply.to_string())
    }
}

fn token_of(request: &Request, scheme: &str) -> Option<String> {
    let value = request.header("authorization")?.strip_prefix(scheme)?;
    let value = value.trim();
    if scheme == "Bearer" {
        return Some(value.to_owned());
    }
    let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

fn is_good(tokens: &Tokens, token: &str) -> bool {
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    let request = Request {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: Vec::new(),
    };
    tokens.answer(&request).status == 200
}

fn backend(root: &Path, request: &Request) -> Reply {
    let header = |name| request.header(name).unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "tester")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let body = request.body.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output().expect("git can be waited for");
    let _ = writer.join();
    let split = output
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    let split = split.expect("a CGI program's head");
    let head = String::from_utf8_lossy(&output.stdout[..split]).into_owned();
    let mut reply = Reply::json(200, &output.stdout[split + 4..]);
    reply.headers.clear();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name == "Status" {
            reply.status = value[..3].parse().expect("a status");
        } else {
            reply = reply.header(name, value);
        }
    }
    reply
}

impl Sandbox {
    /// git in this home with `tokctl helper git p`, which neither a system's nor a user's settings
    /// change; it cannot prompt.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> Run {
        let helper = format!(
            "credential.helper=!{} helper git p",
            crate::support::tokctl()
        );
        self.git_with(&[&["-c", helper.as_str()], words].concat())
    }

    /// git with other helpers.
    #[track_caller]
    pub fn git_with(&self, words: &[&str]) -> Run {
        let mut command = self.program("git", words);
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env("no_proxy", "*");
        Running::start(command, None).wait()
    }
}
