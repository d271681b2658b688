//! A browser in small: requests with a cookie jar, to loopback only.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The first header of this name, whatever the case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in a reply {}: {}", self.status, self.body))
    }

    /// What one reads from a connection that ends with its reply.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let headers = headers.lines().filter_map(|line| line.split_once(':'));
        Some(Self {
            status: first.split(' ').nth(1)?.parse().ok()?,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body: body.to_owned(),
        })
    }
}

/// A GET without cookies.
#[track_caller]
pub fn get(url: &str) -> Response {
    Browser::default().get(url)
}

/// A POST of a form, without cookies.
#[track_caller]
pub fn post_form(url: &str, form: &[(&str, &str)]) -> Response {
    Browser::default().post_form(url, form)
}

/// Encodes `application/x-www-form-urlencoded`, with `%20` for a space.
pub fn encode_form(form: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(encoded).collect::<String>();
    let pairs = form
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[derive(Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    #[track_caller]
    pub fn get(&mut self, url: &str) -> Response {
        self.request("GET", url, &[], "")
    }

    #[track_caller]
    pub fn post_form(&mut self, url: &str, form: &[(&str, &str)]) -> Response {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.request("POST", url, &headers, &encode_form(form))
    }

    /// Follows redirects up to, and without, the first to `redirect_uri`, which it returns.
    ///
    /// Cookie paths do not matter: one server, one login.
    #[track_caller]
    pub fn follow(&mut self, url: &str, redirect_uri: &str) -> String {
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let mut url = url.to_owned();
        for _ in 0..15 {
            let response = self.get(&url);
            let Some(location) = response.header("location") else {
                panic!(
                    "{url} does not redirect: {} {}",
                    response.status, response.body
                );
            };
            url = if location.starts_with('/') {
                format!("{origin}{location}")
            } else {
                location.to_owned()
            };
            if url.starts_with(redirect_uri) {
                return url;
            }
        }
        panic!("too many redirects, the last to {url}");
    }

    #[track_caller]
    pub fn request(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut headers = headers.to_vec();
        headers.extend([("cookie", cookies.as_str()), ("connection", "close")]);
        let text = if url.starts_with("https:") {
            through_curl(method, url, &headers, body)
        } else {
            through_socket(method, url, &headers, body)
        };
        let response = Response::parse(&text)
            .unwrap_or_else(|| panic!("{method} {url}: not an HTTP reply: {text:?}"));
        for (name, value) in &response.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                self.keep(value);
            }
        }
        response
    }

    fn keep(&mut self, cookie: &str) {
        let cookie = cookie.split(';').next().unwrap_or_default();
        let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// HTTP/1.0, so that the reply is never chunked and ends with the connection.
#[track_caller]
fn through_socket(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let address = url
        .strip_prefix("http://")
        .unwrap_or_else(|| panic!("not an http URL: {url}"));
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let mut request = format!("{method} /{path} HTTP/1.0\r\nhost: {host}\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.extend([
        "content-length: ",
        &body.len().to_string(),
        "\r\n\r\n",
        body,
    ]);
    let mut text = Vec::new();
    TcpStream::connect(host)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut text)
        })
        .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    String::from_utf8_lossy(&text).into_owned()
}

/// TLS without a look at the certificate: the tests' own requests, also to servers whose
/// certificate is bad on purpose.
#[track_caller]
fn through_curl(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "-q",
        "--silent",
        "--show-error",
        "--insecure",
        "--include",
        "--http1.0",
        "--no-alpn",
    ])
    .args([
        "--noproxy",
        "*",
        "--max-time",
        &TIMEOUT.as_secs().to_string(),
    ])
    .args(["--request", method, "--data-binary", "@-"])
    .args(
        headers
            .iter()
            .flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")]),
    )
    .arg(url)
    .stdin(Stdio::piped())
    .stdout(Stdio::piped());
    let mut child = curl.spawn().expect("curl is installed");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(body.as_bytes())
        .expect("curl reads the body");
    drop(stdin);
    let output = child.wait_with_output().expect("curl can be waited for");
    assert!(
        output.status.success(),
        "curl {method} {url}: {}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
