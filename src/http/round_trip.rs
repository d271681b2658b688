//! One request and its answer on a connection of its own: ureq speaks HTTP on it, and neither looks up
//! names, nor connects, nor follows.

use super::channel::Channel;
use super::head::Head;
use super::payload::Payload;
use super::told::Told;
use super::transport::{Line, PART};
use super::trouble::Trouble;
use std::io::{self, ErrorKind, Read};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};
use ureq::{Agent, BodyReader, Error, SendBody};

/// Sends a request and reads the head of its answer; the body comes from the inbox.
pub fn round_trip(
    channel: Channel,
    request: Request<()>,
    payload: Payload<'_>,
) -> Result<(Head, Inbox), Trouble> {
    let told = Told::default();
    let holds = matches!(payload, Payload::Bytes(bytes) if bytes.len() <= PART);
    let line = Line::new(channel, told.clone(), (length(&request), holds));
    let nothing = matches!(payload, Payload::Nothing);
    let mut source = payload.source(told.clone()).map_err(Trouble::Body)?;
    let agent = Agent::with_parts(config(), Made(Mutex::new(Some(line))), Nowhere);
    let answer = if nothing {
        agent.run(request)
    } else {
        agent.run(request.map(|()| SendBody::from_reader(&mut source)))
    };
    let head = told.state().head.take();
    match (answer, head) {
        (Ok(answer), Some(head)) => {
            let body = answer.into_body().into_reader();
            Ok((head, Inbox { body, told }))
        }
        (answer, _) => Err(told.state().trouble.take().unwrap_or_else(|| {
            let cause = answer.map_or_else(Error::into_io, |_| ErrorKind::UnexpectedEof.into());
            Trouble::Lost(cause)
        })),
    }
}

/// All that a request could do by itself is off; the connection keeps the time.
fn config() -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .timeout_await_100(Some(Duration::ZERO))
        .proxy(None)
        .build()
}

/// So many bytes at most has the head of a request.
fn length(request: &Request<()>) -> usize {
    let fields = request.headers().iter();
    let fields: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let target = request.uri().path_and_query();
    fields + target.map_or(0, |target| target.as_str().len()) + request.method().as_str().len() + 32
}

/// What comes from the server.
pub struct Inbox {
    body: BodyReader<'static>,
    told: Told,
}

impl Inbox {
    /// Ends the wait for more after such a silence.
    pub fn bear(&self, silence: Duration) {
        self.told.state().silence = Some(silence);
    }
}

impl Read for Inbox {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body
            .read(buffer)
            .map_err(|cause| match self.told.state().trouble.take() {
                Some(Trouble::Lost(lost)) => lost,
                _ => cause,
            })
    }
}

/// The connection that is there already.
#[derive(Debug)]
struct Made(Mutex<Option<Line>>);

impl Connector<()> for Made {
    type Out = Line;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Line>, Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// Names have been looked up.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}
