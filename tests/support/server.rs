//! A scripted HTTP/1.1 server on loopback: a closure answers, everything asked is recorded.
//!
//! Nothing but the standard library, and no other file of the tests: an example includes it too.
#![allow(dead_code, reason = "each includer takes what it needs")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// An idle connection is closed after this: longer than any test keeps one.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name, whatever the case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as a form; of a repeated name the last value.
    pub fn form(&self) -> BTreeMap<String, String> {
        decode_form(&String::from_utf8_lossy(&self.body))
    }

    /// The query as a form.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        decode_form(&self.query)
    }
}

/// What an answer waits for where a time would be a guess: the test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
    }

    /// No longer than a connection lives.
    fn wait(&self) {
        let (is_open, opened) = &*self.0;
        let held = is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(opened.wait_timeout_while(held, IDLE, |is_open| !*is_open));
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Waited before a single byte is sent.
    pub delay: Duration,
    /// The same until this is open.
    pub gate: Option<Gate>,
    /// Sent instead of all else, then the connection is closed.
    pub raw: Option<Vec<u8>>,
    /// The connection is closed without a byte: the reply is lost.
    pub close_without_answer: bool,
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
            gate: None,
            raw: None,
            close_without_answer: false,
        }
    }

    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// RFC 6749 section 5.2.
    pub fn error(error: &str) -> Self {
        Self::json(400, format!(r#"{{"error":"{error}"}}"#))
    }

    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: Some(bytes.into()),
            ..Self::json(200, "")
        }
    }

    pub fn none() -> Self {
        Self {
            close_without_answer: true,
            ..Self::json(200, "")
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    #[must_use]
    pub fn once_open(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn bytes(&self, method: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        let length = ("content-length".to_owned(), self.body.len().to_string());
        for (name, value) in self.headers.iter().chain([&length]) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        let body = if method == "HEAD" {
            &[]
        } else {
            &self.body[..]
        };
        [head.as_bytes(), body].concat()
    }
}

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Request) -> Reply + Send + Sync>,
    record: Mutex<Record>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Record {
    requests: Vec<Request>,
    in_flight: usize,
    max_in_flight: usize,
}

impl Server {
    /// Serves on a free port of 127.0.0.1.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on(0, answer)
    }

    /// Serves on this port of 127.0.0.1.
    pub fn start_on(port: u16, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            record: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record().requests.clone()
    }

    pub fn hits(&self) -> usize {
        self.shared.record().requests.len()
    }

    pub fn hits_of(&self, path: &str) -> usize {
        self.shared
            .record()
            .requests
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// The most requests that were being answered at one time.
    pub fn max_in_flight(&self) -> usize {
        self.shared.record().max_in_flight
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor; connections still open end with their client or with the process.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    /// A test that panicked in its closure has failed already; the record is whole nevertheless.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, request: &Request, stream: &mut TcpStream) -> io::Result<bool> {
        {
            let mut record = self.record();
            record.requests.push(request.clone());
            record.in_flight += 1;
            record.max_in_flight = record.max_in_flight.max(record.in_flight);
        }
        let reply = (self.answer)(request);
        thread::sleep(reply.delay);
        if let Some(gate) = &reply.gate {
            gate.wait();
        }
        // Before the last byte: who has the reply may look at the record.
        self.record().in_flight -= 1;
        if reply.close_without_answer {
            return Ok(false);
        }
        if let Some(raw) = &reply.raw {
            stream.write_all(raw)?;
            return Ok(false);
        }
        stream.write_all(&reply.bytes(&request.method))?;
        Ok(!request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close")))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A client that breaks off is a client's right, not an error of the server.
        thread::spawn(move || serve(stream, &shared));
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader, &mut stream)? {
        if !shared.answered(&request, &mut stream)? {
            break;
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead, stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let line = read_line(reader)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        request
            .headers
            .push((name.to_owned(), value.trim().to_owned()));
    }
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = read_body(reader, &request)?;
    Ok(Some(request))
}

fn read_body(reader: &mut impl BufRead, request: &Request) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_none() {
        let length = request
            .header("content-length")
            .and_then(|length| length.parse().ok());
        body.resize(length.unwrap_or(0), 0);
        reader.read_exact(&mut body)?;
        return Ok(body);
    }
    loop {
        let size = read_line(reader)?;
        let size = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
        reader.take(size).read_to_end(&mut body)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// Decodes `application/x-www-form-urlencoded`.
pub fn decode_form(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        decoded.push(match (byte, hex(tail)) {
            (b'%', Some(escaped)) => {
                rest = &tail[2..];
                escaped
            }
            (b'+', _) => b' ',
            _ => *byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(text: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(text.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}
