//! Requests to a service's API: any method, with bodies of any size in both directions, of which only
//! a buffer is in memory.

use super::{Endpoint, Failure, Http, failure};
use crate::secret::Secret;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;
use ureq::http::{Method, Request, Response, Version};
use ureq::{AsSendBody, Body, SendBody};

/// Without a time limit for the whole, a connection on which nothing moves for this long has died: a
/// minute is what proxies and load balancers allow, too.
const SILENCE: Duration = Duration::from_secs(60);

/// What is sent.
pub enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// A file from its beginning, whose length the server is told where it has one.
    File(File),
    /// Of unknown length.
    Stream(Box<dyn Read>),
}

/// What comes back: the header, and the body as it arrives.
pub struct Incoming {
    pub status: u16,
    /// The status line without the code: "HTTP/1.1" and the server's or the usual word for the code.
    pub version: &'static str,
    pub reason: &'static str,
    pub headers: Vec<(String, String)>,
    body: Body,
    host: String,
}

impl Incoming {
    /// The first header of that name, in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers_named(name).next()
    }

    /// All headers of that name, in lower case.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The next part of the body; nothing at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let read = self.body.as_reader().read(buffer);
        read.map_err(|cause| broken(cause, &self.host))
    }
}

impl Http {
    /// Sends a request and reads the answer's header. Without a `limit` for the whole, each minute of
    /// silence ends it.
    pub fn send(
        &self,
        endpoint: &Endpoint,
        method: &str,
        headers: &[(String, Secret)],
        payload: Payload<'_>,
        limit: Option<Duration>,
    ) -> Result<Incoming, Failure> {
        match payload {
            Payload::Nothing => self.send_body(endpoint, method, headers, (), limit),
            Payload::Bytes(bytes) => self.send_body(endpoint, method, headers, bytes, limit),
            Payload::File(file) => self.send_body(endpoint, method, headers, file, limit),
            Payload::Stream(stream) => {
                let body = SendBody::from_owned_reader(stream);
                self.send_body(endpoint, method, headers, body, limit)
            }
        }
    }

    fn send_body(
        &self,
        endpoint: &Endpoint,
        method: &str,
        headers: &[(String, Secret)],
        body: impl AsSendBody,
        limit: Option<Duration>,
    ) -> Result<Incoming, Failure> {
        let host = self.way_to(endpoint);
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| not_sendable(&host))?;
        let mut request = Request::builder().method(method).uri(&endpoint.uri);
        for (name, value) in headers {
            request = request.header(name, value.expose());
        }
        let request = request.body(body).map_err(|_| not_sendable(&host))?;
        let silence = limit.is_none().then_some(SILENCE);
        let request = self
            .agent
            .configure_request(request)
            .accept("*/*")
            .allow_non_standard_methods(true)
            .timeout_global(limit)
            .timeout_per_read(silence)
            .timeout_per_write(silence)
            .build();
        let response = self.agent.run(request);
        let response = response.map_err(|cause| failure(&cause, &host))?;
        Ok(incoming(response, host))
    }
}

fn incoming(response: Response<Body>, host: String) -> Incoming {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    Incoming {
        status: response.status().as_u16(),
        version: if response.version() == Version::HTTP_10 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        },
        reason: response.status().canonical_reason().unwrap_or_default(),
        headers: headers.collect(),
        body: response.into_body(),
        host,
    }
}

fn not_sendable(host: &str) -> Failure {
    failure(&ureq::Error::BadUri(String::new()), host)
}

/// A failure in the middle of the body.
fn broken(cause: io::Error, host: &str) -> Failure {
    match cause.downcast::<ureq::Error>() {
        Ok(inner) => failure(&inner, host),
        Err(cause) => failure(&ureq::Error::Io(cause), host),
    }
}
