//! A mail server in small, which takes mail from who brings a token as OAUTHBEARER (RFC 7628).

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Serves until the test's process ends.
pub struct MailServer {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// Lets in who says this in place of a password.
    pub fn start(token: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let server = Self {
            address,
            taken: Arc::clone(&taken),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that breaks off has brought no mail.
                if let Ok(mail) = converse(&stream, token) {
                    taken.lock().expect("whole").extend(mail);
                }
            }
        });
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mail so far.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("whole").clone()
    }
}

fn converse(stream: &TcpStream, token: &str) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut say = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes());
    say("220 mail")?;
    let (mut is_in, mut mail) = (false, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(mail);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first().copied().unwrap_or_default() {
            "EHLO" => say("250-mail\r\n250 AUTH OAUTHBEARER XOAUTH2")?,
            "AUTH" => {
                let said = STANDARD
                    .decode(words.last().unwrap_or(&""))
                    .unwrap_or_default();
                let said = String::from_utf8_lossy(&said).into_owned();
                is_in = said
                    .split('\u{1}')
                    .any(|part| part == format!("auth=Bearer {token}"));
                say(if is_in { "235 welcome" } else { "535 no" })?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Ok(mail);
            }
            _ if !is_in => say("530 who are you?")?,
            "DATA" => {
                say("354 go on")?;
                mail = Some(body(&mut reader)?);
                say("250 taken")?;
            }
            _ => say("250 fine")?,
        }
    }
}

/// Up to the line with a dot alone.
fn body(reader: &mut impl BufRead) -> io::Result<String> {
    let mut body = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == ".\r\n" {
            return Ok(body);
        }
        body.push_str(&line);
    }
}
