//! A login under way: what it has said so far, and the person who does what it says.

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::http::{self, Browser, Response};
use super::run::{Run, send};
use super::sandbox::Sandbox;
use super::server::decode_form;

/// Longer than a login takes to say where to go, and to end once it has been answered.
const SOON: Duration = Duration::from_secs(20);

/// A `tokctl login`, killed when it is dropped.
pub struct Login {
    child: Child,
    name: String,
    started: Instant,
    said: [Arc<Mutex<Vec<u8>>>; 2],
    readers: Vec<JoinHandle<()>>,
}

impl Login {
    /// `tokctl login p` that waits for the redirect, with these arguments too.
    pub fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let all = [&["login", "p", "--no-browser"], args].concat();
        Self::of(sandbox.command(all))
    }

    /// Any command, with an empty stdin.
    pub fn of(mut command: Command) -> Self {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be started");
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let said = [Arc::default(), Arc::default()];
        let readers = vec![
            read(stdout.expect("stdout is piped"), &said[0]),
            read(stderr.expect("stderr is piped"), &said[1]),
        ];
        Self {
            child,
            name: words.join(" "),
            started: Instant::now(),
            said,
            readers,
        }
    }

    pub fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// What stderr holds so far.
    pub fn stderr(&self) -> String {
        self.text(1)
    }

    fn text(&self, stream: usize) -> String {
        let bytes = self.said[stream]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until stderr has a line for which there is an answer.
    #[track_caller]
    pub fn says<T>(&mut self, what: &str, answer: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + SOON;
        loop {
            let ended = self.child.try_wait().expect("a child can be waited for");
            let said = self.stderr();
            // Whole lines only.
            let lines = said.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if let Some(found) = lines.lines().find_map(&answer) {
                return found;
            }
            let waits = ended.is_none() && Instant::now() < until;
            assert!(
                waits,
                "{} ({ended:?}) has not said {what}: {said}",
                self.name
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The address to open: the first line that is one.
    #[track_caller]
    pub fn address(&mut self) -> String {
        self.says("an address", |line| {
            line.strip_prefix("  ")
                .filter(|line| line.starts_with("http"))
                .map(str::to_owned)
        })
    }

    /// The code to enter: the first word on a line of its own that is no address.
    #[track_caller]
    pub fn user_code(&mut self) -> String {
        self.says("a code", |line| {
            line.strip_prefix("  ")
                .filter(|line| !line.contains([':', ' ']))
                .map(str::to_owned)
        })
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end of the command, and of its output.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let until = Instant::now() + SOON;
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if Instant::now() > until => {
                    panic!("{} does not end: {}", self.name, self.stderr())
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        let elapsed = self.started.elapsed();
        while self.readers.iter().any(|reader| !reader.is_finished()) {
            assert!(Instant::now() < until, "{}: output still open", self.name);
            thread::sleep(Duration::from_millis(2));
        }
        Run {
            name: self.name.clone(),
            stdout: self.text(0),
            stderr: self.text(1),
            code: status
                .code()
                .unwrap_or_else(|| -status.signal().unwrap_or_default()),
            elapsed,
        }
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut stream: impl Read + Send + 'static, into: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part) {
            let mut all = into.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(&part[..length]);
        }
    })
}

/// One parameter of an address; empty if it has none of the name.
pub fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    decode_form(query).remove(name).unwrap_or_default()
}

/// The address to which the provider sends the browser after it has asked its person: the first on
/// another host or port.
#[track_caller]
pub fn consent(url: &str) -> String {
    let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let mut browser = Browser::default();
    let mut url = url.to_owned();
    while url.starts_with(&origin) {
        let reply = browser.get(&url);
        let Some(location) = reply.header("location") else {
            panic!("{url} does not redirect: {} {}", reply.status, reply.body);
        };
        url = match location {
            path if path.starts_with('/') => format!("{origin}{path}"),
            address => address.to_owned(),
        };
    }
    url
}

/// The redirect that a scripted server would make: with a code, the state of the address, and what
/// is given.
pub fn redirect(url: &str, more: &str) -> String {
    let (uri, state) = (parameter(url, "redirect_uri"), parameter(url, "state"));
    format!("{uri}?code=c-1&state={state}{more}")
}

/// Where an address that is not pushed has the redirect go, as `host:port`.
pub fn place(url: &str) -> String {
    host(&parameter(url, "redirect_uri"))
}

/// An address's `host:port`.
pub fn host(url: &str) -> String {
    url.split('/').nth(2).unwrap_or_default().to_owned()
}

/// Whether somebody listens there.
pub fn listens(place: &str) -> bool {
    TcpStream::connect(place).is_ok()
}

/// Logs in as alice at the provider, and checks that all say so.
#[track_caller]
pub fn log_in(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut login = Login::start(sandbox, args);
    let page = arrive(&consent(&login.address()));
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("is logged in"), "{}", page.body);
    let run = login.wait();
    run.ok_with("", "logged in to p");
    run
}

/// What the browser shows at the end.
#[track_caller]
pub fn arrive(url: &str) -> Response {
    http::get(url)
}

/// A profile `p` for an issuer and a client, with the file store unless more is said.
pub fn profile(issuer: &str, client: &str, more: &str) -> String {
    let store = if more.contains("store =") {
        ""
    } else {
        "store = \"encrypted-file\"\n"
    };
    format!("[profile.p]\nissuer = \"{issuer}\"\nclient_id = \"{client}\"\n{store}{more}\n")
}

/// Makes a client forget what it has read of its server.
pub fn forget_metadata(sandbox: &Sandbox) {
    let directory = sandbox.state_dir().join("tokctl/metadata");
    std::fs::remove_dir_all(&directory)
        .unwrap_or_else(|cause| panic!("{}: {cause}", directory.display()));
}
