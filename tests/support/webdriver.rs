//! Chromium, driven by chromedriver: the commands of W3C `WebDriver`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Chromium on a busy machine takes this long at most to start, or to show a page.
const SOON: Duration = Duration::from_secs(60);

/// As root it needs --no-sandbox; it must not look for updates.
pub const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A session with a browser; chromedriver ends when it is dropped, and with it a browser that it has started.
pub struct WebDriver {
    driver: Child,
    session: String,
}

impl WebDriver {
    /// A Chromium of its own, with nothing of a person's.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&json!({ "args": FLAGS }))
    }

    /// One that somebody else has started with its debugger at this port.
    #[track_caller]
    pub fn attach(debugger: &str) -> Self {
        Self::with(&json!({ "debuggerAddress": format!("127.0.0.1:{debugger}") }))
    }

    #[track_caller]
    fn with(options: &Value) -> Self {
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
            driver,
            session: String::new(),
        };
        let port = port.recv_timeout(SOON).expect("chromedriver starts");
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let begun = drive("POST", &base, &wanted);
        let id = begun["sessionId"].as_str();
        let id = id.unwrap_or_else(|| panic!("no session: {begun}"));
        driven.session = format!("{base}/{id}");
        driven
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        drive("POST", &format!("{}{path}", self.session), body)
    }

    /// A command of Chrome's own protocol for developers.
    #[track_caller]
    pub fn chrome(&self, command: &str, parameters: &Value) {
        let body = json!({ "cmd": command, "params": parameters });
        let said = self.post("/goog/cdp/execute", &body);
        assert!(said["error"].is_null(), "{command}: {said}");
    }

    #[track_caller]
    pub fn open(&self, url: &str) {
        let said = self.post("/url", &json!({ "url": url }));
        assert!(said.is_null(), "{url}: {said}");
    }

    /// What a script returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub fn title(&self) -> String {
        let title = drive("GET", &format!("{}/title", self.session), &Value::Null);
        title.as_str().unwrap_or_default().to_owned()
    }

    pub fn text(&self) -> String {
        let value = self.run("return document.body.innerText");
        value.as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn shows(&self, title: &str) {
        wait(title, || self.title().starts_with(title).then_some(()));
    }

    /// Clicks the button of this name on the page of this title.
    #[track_caller]
    pub fn click(&self, title: &str, button: &str) {
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
}

impl Drop for WebDriver {
    fn drop(&mut self) {
        // One that it has started ends with its session.
        if !thread::panicking() {
            drive("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command for chromedriver, which wants HTTP/1.1, and its value.
#[track_caller]
fn drive(method: &str, url: &str, body: &Value) -> Value {
    let (host, path) = url["http://".len()..].split_once('/').expect("a path");
    let body = if body.is_null() {
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
pub fn wait<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "waited {SOON:?} for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
