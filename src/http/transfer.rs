//! Requests to a service's API: any method, with bodies of any size in both directions, of which only
//! a buffer is in memory.

use super::body::Framing;
use super::connection::Patience;
use super::exchange::Inbox;
use super::failure::Way;
use super::head::Head;
use super::payload::Payload;
use super::{Endpoint, Failure, Http};
use crate::clock::Deadline;
use crate::secret::Secret;
use std::time::Duration;

/// Without a time limit for the whole, a connection on which nothing moves for this long has died: a
/// minute is what proxies and load balancers allow, too.
const SILENCE: Duration = Duration::from_secs(60);

/// What comes back: the header, and the body as it arrives.
pub struct Incoming {
    pub status: u16,
    /// The status line without the code: "HTTP/1.1" and the server's word for the code.
    pub version: &'static str,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    framing: Framing,
    inbox: Inbox,
    way: Way,
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
        let read = self.framing.read(&mut self.inbox, buffer);
        read.map_err(|cause| self.way.lost(&cause))
    }
}

impl Http {
    /// Sends a request and reads the answer's header. Without a `limit` for the whole, each minute of
    /// silence ends it.
    pub fn send(
        &self,
        endpoint: &Endpoint,
        (method, headers, payload): (&str, &[(String, Secret)], Payload<'_>),
        limit: Option<Duration>,
    ) -> Result<Incoming, Failure> {
        let patience = Patience {
            until: limit.map(Deadline::after),
            silence: limit.is_none().then_some(SILENCE),
        };
        let usual = [("accept", "*/*")];
        let (head, inbox) = self.ask(endpoint, ((method, &usual, headers), payload), patience)?;
        let framing = Framing::of(&head, method.eq_ignore_ascii_case("HEAD"));
        let Head {
            status,
            version,
            reason,
            headers,
        } = head;
        let way = self.way_to(endpoint);
        Ok(Incoming {
            status,
            version,
            reason,
            headers,
            framing,
            inbox,
            way,
        })
    }
}
