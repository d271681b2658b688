//! An authorization server that misbehaves at one of its endpoints until it is healed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::raw::{RawServer, read_head};

/// What a misbehaving endpoint does with a connection, in turn; then it closes it.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// `|` stands for CR LF, `BODY` for what a right answer would have, `LEN` for its length, `HEX` for
    /// that in hexadecimal, `EVIL` for the address of another server.
    Say(&'static str),
    /// Nothing more comes.
    Hang,
    /// This again and again, ten times a second.
    Trickle(&'static str),
    /// This as fast as it is taken, at most 100 MB.
    Flood(&'static str),
    /// What was sent is cut off by a reset instead of an end.
    Reset,
}

/// The endpoints' paths.
pub const TOKEN: &str = "/token";
pub const DEVICE: &str = "/device";
pub const REVOCATION: &str = "/revoke";
pub const PUSHED: &str = "/push";
pub const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Serves until the test's process ends.
pub struct Misbehaving {
    pub server: RawServer,
    state: Arc<State>,
}

struct State {
    path: &'static str,
    steps: &'static [Step],
    evil: String,
    healed: AtomicBool,
    asked: Mutex<Vec<(String, String)>>,
    tokens: AtomicUsize,
    flooded: AtomicUsize,
}

impl Misbehaving {
    /// Behaves, but for `path`; `evil` is another server, to which it would lead.
    pub fn start(path: &'static str, steps: &'static [Step], evil: &str) -> Self {
        let state = Arc::new(State {
            path,
            steps,
            evil: evil.to_owned(),
            healed: AtomicBool::new(false),
            asked: Mutex::default(),
            tokens: AtomicUsize::new(0),
            flooded: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let server = RawServer::start(move |stream| shared.talk(stream));
        Self { server, state }
    }

    /// From now on it behaves, also on connections that hang.
    pub fn heal(&self) {
        self.state.healed.store(true, Ordering::SeqCst);
    }

    /// The requests so far to the misbehaving path.
    pub fn requests(&self) -> usize {
        let asked = self.state.asked.lock().expect("no panic");
        asked
            .iter()
            .filter(|(path, _)| path == self.state.path)
            .count()
    }

    /// How many bytes of a flood were taken.
    pub fn flooded(&self) -> usize {
        self.state.flooded.load(Ordering::SeqCst)
    }

    /// The bodies of all requests.
    pub fn bodies(&self) -> Vec<String> {
        let asked = self.state.asked.lock().expect("no panic");
        asked.iter().map(|(_, body)| body.clone()).collect()
    }
}

impl State {
    fn talk(&self, mut stream: TcpStream) {
        let head = read_head(&mut stream);
        let Some(path) = head.split(' ').nth(1).map(str::to_owned) else {
            return;
        };
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned())
        };
        let length = field("content-length").and_then(|length| length.parse().ok());
        let mut form = vec![0; length.unwrap_or(0)];
        let _ = stream.read_exact(&mut form);
        let form = String::from_utf8_lossy(&form).into_owned();
        self.asked
            .lock()
            .expect("no panic")
            .push((path.clone(), form));
        let body = self.body(&path, &field("host").unwrap_or_default());
        let misbehaves = path == self.path && !self.healed.load(Ordering::SeqCst);
        let right = match body.as_str() {
            "" => &[Step::Say("HTTP/1.1 404 Not Found|content-length: 0||")][..],
            _ => &[Step::Say("HTTP/1.1 200 OK|content-length: LEN||BODY")][..],
        };
        let steps = if misbehaves { self.steps } else { right };
        for step in steps {
            self.take(*step, &mut stream, &body);
        }
    }

    fn take(&self, step: Step, stream: &mut TcpStream, body: &str) {
        let healed = || self.healed.load(Ordering::SeqCst);
        match step {
            Step::Say(text) => {
                let text = text.replace('|', "\r\n").replace("EVIL", &self.evil);
                let text = text.replace("LEN", &body.len().to_string());
                let text = text.replace("HEX", &format!("{:x}", body.len()));
                let _ = stream.write_all(text.replace("BODY", body).as_bytes());
            }
            Step::Hang => {
                while !healed() && is_open(stream) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            Step::Trickle(text) => {
                while !healed() && stream.write_all(text.as_bytes()).is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Step::Flood(text) => {
                let much = text.replace('|', "\r\n").repeat(65_536 / text.len());
                while self.flooded.load(Ordering::SeqCst) < 100_000_000
                    && stream.write_all(much.as_bytes()).is_ok()
                {
                    self.flooded.fetch_add(much.len(), Ordering::SeqCst);
                }
            }
            Step::Reset => {
                // What was sent is read first; then zero linger makes the close a reset.
                thread::sleep(Duration::from_millis(20));
                let linger = nix::libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                };
                let _ = nix::sys::socket::setsockopt(
                    stream,
                    nix::sys::socket::sockopt::Linger,
                    &linger,
                );
            }
        }
    }

    /// What a right answer says; nothing where there is no such page.
    fn body(&self, path: &str, host: &str) -> String {
        let n = self.tokens.fetch_add(1, Ordering::SeqCst);
        match path {
            TOKEN => format!(
                r#"{{"access_token":"at-{n}","refresh_token":"rt-{n}","token_type":"Bearer","expires_in":3600}}"#
            ),
            DEVICE => format!(
                r#"{{"device_code":"dc","user_code":"ABCD","verification_uri":"http://{host}/activate","expires_in":3,"interval":1}}"#
            ),
            PUSHED => r#"{"request_uri":"urn:example:1","expires_in":60}"#.to_owned(),
            METADATA => metadata(host),
            REVOCATION => "{}".to_owned(),
            _ => String::new(),
        }
    }
}

fn metadata(host: &str) -> String {
    let at = |path: &str| format!("http://{host}{path}");
    serde_json::json!({
        "issuer": at(""),
        "token_endpoint": at(TOKEN),
        "authorization_endpoint": at("/authorize"),
        "device_authorization_endpoint": at(DEVICE),
        "revocation_endpoint": at(REVOCATION),
    })
    .to_string()
}

/// Whether the other side is still there.
fn is_open(stream: &mut TcpStream) -> bool {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    !matches!(stream.read(&mut [0]), Ok(0))
}
