//! `tokctl login` with a browser as people have it: Chromium, which chromedriver clicks for them.
#![cfg(unix)]

use crate::support;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::login::{arrive, profile};
use support::{Login, OidcProvider, Running, Sandbox};

/// Chromium on a busy machine takes this long at most to start, or to show a page.
const SOON: Duration = Duration::from_secs(60);

/// As root it needs --no-sandbox; it must not look for updates, or at the person's own profile.
const BROWSER: &str = "#!/bin/sh
# Once: xdg-open would start it again when it is killed.
[ ! -e pid ] || exit 1
echo $$ >pid
exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \\
  --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir=\"$PWD/chromium\" \\
  --remote-debugging-port=0 \"$1\"
";

fn set_up() -> (OidcProvider, Sandbox) {
    let provider = OidcProvider::start(&[]);
    let mut sandbox = Sandbox::new();
    let more = "scope = \"openid api:read\"";
    sandbox.config(&profile(provider.url(), "pkce-html", more));
    let path = sandbox.write("browser", BROWSER);
    let mode = [OsStr::new("700"), path.as_os_str()];
    Running::start(sandbox.program("chmod", mode), None)
        .wait()
        .ok("");
    sandbox.env("BROWSER", path);
    (provider, sandbox)
}

/// The Chromium that a login has started, and the driver that clicks in it.
struct Driven<'s> {
    sandbox: &'s Sandbox,
    driver: Child,
    session: String,
}

impl<'s> Driven<'s> {
    #[track_caller]
    fn attach(sandbox: &'s Sandbox) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let stdout = BufReader::new(driver.stdout.take().expect("stdout is piped"));
        let (ready, port) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let port = line
                    .split_once("successfully on port ")
                    .map(|(_, port)| port.trim_end_matches('.').to_owned());
                port.map(|port| ready.send(port));
            }
        });
        let mut driven = Self {
            sandbox,
            driver,
            session: String::new(),
        };
        let port = port.recv_timeout(SOON).expect("chromedriver starts");
        let file = sandbox.home().join("chromium/DevToolsActivePort");
        let debugger = wait("Chromium starts", || {
            let text = fs::read_to_string(&file).ok()?;
            Some(text.lines().next()?.to_owned()).filter(|_| text.lines().count() > 1)
        });
        let options = json!({ "debuggerAddress": format!("127.0.0.1:{debugger}") });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let id = drive("POST", &base, &wanted)["sessionId"].clone();
        driven.session = format!("{base}/{}", id.as_str().expect("a session"));
        driven
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        drive("POST", &format!("{}{path}", self.session), body)
    }

    fn title(&self) -> String {
        let title = drive("GET", &format!("{}/title", self.session), &Value::Null);
        title.as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn shows(&self, title: &str) {
        wait(title, || self.title().starts_with(title).then_some(()));
    }

    /// Clicks the button of this name on the page of this title.
    #[track_caller]
    fn click(&self, title: &str, button: &str) {
        self.shows(title);
        let by = json!({ "using": "css selector", "value": format!("button[name={button}]") });
        let element = wait(button, || {
            let element = self.post("/element", &by);
            let mut ids = element.as_object()?.iter();
            let (_, id) = ids.find(|(name, _)| name.starts_with("element-"))?;
            Some(id.as_str()?.to_owned())
        });
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    fn text(&self) -> String {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        let value = self.post("/execute/sync", &script);
        value.as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // It was started in a group of its own, and outlives the login.
        let pid = fs::read_to_string(self.sandbox.home().join("pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// A command for chromedriver, which wants HTTP/1.1, and its value.
#[track_caller]
fn drive(method: &str, url: &str, body: &Value) -> Value {
    let (host, path) = url["http://".len()..].split_once('/').expect("a path");
    let body = if method == "GET" {
        String::new()
    } else {
        body.to_string()
    };
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).expect("chromedriver listens");
    stream.set_read_timeout(Some(SOON)).expect("a time limit");
    stream.write_all(request.as_bytes()).expect("it reads");
    // It leaves the connection open all the same.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("it answers");
        match line
            .trim_end()
            .to_ascii_lowercase()
            .split_once("content-length:")
        {
            Some((_, found)) => length = found.trim().parse().expect("a length"),
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).expect("it answers");
    let value: Value = serde_json::from_slice(&answer).expect("JSON");
    value["value"].clone()
}

#[track_caller]
fn wait<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "waited {SOON:?} for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn from_the_first_click_to_the_token() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.click("login", "go");
    chromium.click("consent", "go");
    chromium.shows("Logged in");
    let text = chromium.text();
    assert!(text.contains("p is logged in as alice"), "{text}");
    let run = login.wait();
    run.ok_with("", "logged in to p as alice");
    let token = sandbox.run(["get", "p"]).stdout;
    assert_eq!(provider.echo(token.trim_end()).status, 200);
    // Chromium is still there: it holds neither the terminal nor the lock.
    assert!(chromium.title().starts_with("Logged in"));
    let mut again = Login::start(&sandbox, &[]);
    again.address();
    assert!(!again.stderr().contains("another login"));
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn a_person_who_clicks_deny_is_told_so_in_both_places() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.click("login", "go");
    chromium.click("consent", "abort");
    chromium.shows("Not logged in");
    let text = chromium.text();
    assert!(text.contains("access_denied"), "{text}");
    login.wait().fails(5, "access_denied");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(provider.token_hits(), 0);
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn a_page_that_knows_the_port_cannot_end_the_login() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.shows("login");
    let pushed = provider.log(100);
    let entries = pushed.as_array().into_iter().flatten();
    let body = entries
        .filter_map(|entry| entry["body"].as_str())
        .find(|body| body.contains("redirect_uri="))
        .expect("a pushed request");
    let uri = support::server::decode_form(body)["redirect_uri"].clone();
    let forge = json!({
        "args": [uri],
        "script": "for (const q of ['?error=access_denied', '?code=x&state=y', '', '/../favicon.ico'])
                     for (const how of [{}, {method: 'POST', body: 'x'}, {mode: 'no-cors'}])
                       fetch(arguments[0] + q, how).catch(() => 0);
                   const i = document.createElement('img'); i.src = arguments[0] + '?code=z'; document.body.append(i);
                   return 1",
    });
    chromium.post("/execute/sync", &forge);
    thread::sleep(Duration::from_millis(500));
    assert!(login.is_running());
    assert_eq!(arrive(&format!("{uri}?code=x&state=y")).status, 400);
    chromium.click("login", "go");
    chromium.click("consent", "go");
    chromium.shows("Logged in");
    login.wait().ok_with("", "logged in to p as alice");
}
