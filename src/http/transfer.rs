//! Requests to a service's API: any method, with bodies of any size in both directions, of which only
//! a buffer is in memory.

use super::connection::Patience;
use super::failure::Way;
use super::head::Head;
use super::payload::Payload;
use super::round_trip::Inbox;
use super::{Endpoint, Failure, Http};
use crate::clock::Deadline;
use crate::secret::Secret;
use std::io::Read;
use std::time::Duration;

/// Without a time limit for the whole, a connection on which nothing moves for this long has died: a
/// minute is what proxies and load balancers allow, too.
const SILENCE: Duration = Duration::from_secs(60);

/// What comes back: the head, and the body as it arrives.
pub struct Incoming {
    pub head: Head,
    inbox: Inbox,
    way: Way,
}

impl Incoming {
    /// The next part of the body; nothing at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let read = self.inbox.read(buffer);
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
        let way = self.way_to(endpoint);
        Ok(Incoming { head, inbox, way })
    }
}
