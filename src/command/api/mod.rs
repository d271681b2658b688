//! `tokctl api`: a request to a service's API with the profile's token, which goes to the profile's own
//! hosts and nowhere else.

mod answer;
pub mod challenge;
mod request;
mod target;

use super::over;
use crate::cli::{self, Global};
use crate::clock::{self, Deadline};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::http::{Http, Incoming};
use crate::oauth::pkce;
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::secret::Secret;
use crate::state::audit::{self, HandOut};
use crate::text;
use crate::token::selected::budget;
use crate::token::{self, Ask};
use crate::ui;
use challenge::Challenge;
use request::Request;
use std::time::Duration;
use target::Target;

/// As many as curl and browsers follow at least; more is a loop.
const MAX_REDIRECTS: u32 = 10;

/// Makes the request and writes its answer.
pub fn run(global: &Global, api: &cli::Api) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let profile = over(&api.wanted).select(&config, &api.profile)?;
    let target = Target::typed(&profile, &api.url)?;
    let call = Call {
        profile: &profile,
        config: &config,
        deadline: api.timeout.map(Deadline::after),
        host: target.endpoint.origin().to_string(),
    };
    let request = Request::read(api)?;
    if request.has_header(profile.api.holder()) {
        let what = format!(
            "--header: {} holds the profile's token",
            profile.api.holder()
        );
        return Err(Error::usage(what));
    }
    let again = request.again();
    let token = call.token()?;
    let first = call.follow(request, target.clone(), &token)?;
    let (mut answered, token) = call.again_where_refused(first, (again, target), token)?;
    finish(api, &call, &mut answered, &token)
}

/// Writes the answer, and says what is wrong with it.
fn finish(api: &cli::Api, call: &Call<'_>, answered: &mut Answered, token: &Secret) -> Result<()> {
    let incoming = &mut answered.incoming;
    let good = incoming.head.status < 400 && answered.not_followed.is_none();
    let start = if good {
        Vec::new()
    } else {
        answer::start_of(call.profile, incoming)?
    };
    if good || !api.fail {
        answer::write(call.profile, incoming, &start, api)?;
    }
    if let Some(error) = answered.not_followed.take() {
        return Err(error);
    }
    if good {
        return Ok(());
    }
    if let Some(error) = answered.not_renewed.take() {
        return Err(error);
    }
    let refusal = answer::Refusal {
        method: &answered.method,
        target: &answered.target,
        incoming: &answered.incoming,
        start: &start,
    };
    Err(answer::refusal(call.profile, &refusal, token))
}

/// What all requests of one call share.
struct Call<'a> {
    profile: &'a Profile,
    config: &'a Config,
    deadline: Option<Deadline>,
    /// The server that it begins at.
    host: String,
}

/// An answer, and where it came from.
struct Answered {
    incoming: Incoming,
    method: String,
    target: Target,
    /// Why a redirect was not followed.
    not_followed: Option<Error>,
    /// Why the token that was refused could not be renewed.
    not_renewed: Option<Error>,
    /// The redirects so far.
    hops: u32,
}

impl Call<'_> {
    /// The token that is there, renewed where its time is over.
    fn token(&self) -> Result<Secret> {
        self.acquire(false)
    }

    fn acquire(&self, force: bool) -> Result<Secret> {
        let usual = budget(self.profile, None);
        let budget = self
            .deadline
            .map_or(usual, |deadline| deadline.left().min(usual));
        let since = clock::now();
        let token = token::token(&Ask {
            force,
            // A token that the service has just refused is none to fall back on.
            stale: (!force).then_some(Duration::ZERO),
            ..Ask::new(self.config, self.profile, Deadline::after(budget))
        })?;
        audit::note(&HandOut {
            profile: self.profile,
            command: "api",
            host: Some(&self.host),
            is_new: token.obtained >= since,
        });
        Ok(token.text)
    }

    /// Renews a token that the service has refused, and repeats the request, once; not where the body
    /// is gone.
    fn again_where_refused(
        &self,
        mut first: Answered,
        (again, target): (Option<Request>, Target),
        token: Secret,
    ) -> Result<(Answered, Secret)> {
        let refused = first.incoming.head.status == 401
            && first.target.owned
            && Challenge::of(&first.incoming).refuses_token();
        if !refused {
            return Ok((first, token));
        }
        if env::token_override(&self.profile.name).is_some() {
            let variable = env::token_variable(&self.profile.name);
            let host = first.target.endpoint.host();
            let what = format!("{host} refuses the token of {variable} (401)");
            first.not_renewed = Some(refused_token(self.profile, &what));
            return Ok((first, token));
        }
        let renewed = match self.renewed(&token) {
            Ok(renewed) => renewed,
            Err(mut error) => {
                let host = first.target.endpoint.host();
                error.message = format!("{host} refuses the token (401); {}", error.message);
                first.not_renewed = Some(error);
                return Ok((first, token));
            }
        };
        let Some(request) = again else {
            let what = "the token was refused and has been renewed, but stdin cannot be sent twice";
            let error = self
                .profile
                .error(Kind::Config, what)
                .hint("run the same once more");
            first.not_renewed = Some(Error {
                kind: Kind::Temporary,
                ..error
            });
            return Ok((first, token));
        };
        ui::step("401: the token is renewed, and the request made once more");
        let again = self.follow(request, target, &renewed)?;
        Ok((again, renewed))
    }

    /// A token that is not the refused one: another process's, else a new one.
    fn renewed(&self, refused: &Secret) -> Result<Secret> {
        let stored = self.acquire(false)?;
        if pkce::same(stored.expose(), refused.expose()) {
            self.acquire(true)
        } else {
            Ok(stored)
        }
    }

    /// Sends the request, and follows its redirects.
    fn follow(&self, mut request: Request, mut target: Target, token: &Secret) -> Result<Answered> {
        let mut hops = 0;
        loop {
            let incoming = self.send(&mut request, &target, token)?;
            let mut answered = Answered {
                incoming,
                method: request.method.clone(),
                target,
                not_followed: None,
                not_renewed: None,
                hops,
            };
            match self.next(&mut request, &answered, token) {
                Ok(Some(next)) => {
                    ui::step(&format!("redirected to {}", next.endpoint.host()));
                    target = next;
                    hops += 1;
                }
                Ok(None) => return Ok(answered),
                Err(error) => {
                    answered.not_followed = Some(error);
                    return Ok(answered);
                }
            }
        }
    }

    fn send(&self, request: &mut Request, target: &Target, token: &Secret) -> Result<Incoming> {
        let endpoint = &target.endpoint;
        let mut headers = Vec::new();
        if target.owned {
            let own = self.profile.api.headers(token).into_iter();
            headers.extend(own.filter(|(name, _)| !request.has_header(name)));
        }
        // What the user sends along may be as secret as the token: a foreign host learns none of it but
        // what it needs to answer.
        let shown = ["accept", "accept-language", "user-agent", "range"];
        let own = request.headers.iter().filter(|(name, _)| {
            target.owned || shown.contains(&name.to_ascii_lowercase().as_str())
        });
        headers.extend(own.map(|(name, value)| (name.clone(), Secret::new(value.clone()))));
        let limit = self
            .deadline
            .map(|deadline| deadline.left().max(Duration::from_millis(1)));
        ui::step(&format!("{} {}", request.method, endpoint.host()));
        let http = Http::new(endpoint, self.profile.server.ca_file.as_deref())?;
        let method = request.method.clone();
        let sent = http.send(endpoint, (&method, &headers, request.payload()?), limit);
        sent.map_err(|failure| answer::temporary(self.profile, failure))
    }

    /// Where a redirect leads; the request becomes what it is to be there.
    fn next(
        &self,
        request: &mut Request,
        answered: &Answered,
        token: &Secret,
    ) -> Result<Option<Target>> {
        let incoming = &answered.incoming;
        let Some(location) = incoming.head.header("location") else {
            return Ok(None);
        };
        let become_get = match incoming.head.status {
            301 | 302 => request.method == "POST",
            303 => request.method != "HEAD",
            307 | 308 => false,
            _ => return Ok(None),
        };
        let host = answered.target.endpoint.host();
        let refuse = |why: &str| {
            let error = self
                .profile
                .error(Kind::Config, format!("{host} redirects {why}"));
            Error {
                kind: Kind::Refused,
                http_status: Some(incoming.head.status),
                ..error
            }
        };
        if answered.hops >= MAX_REDIRECTS {
            return Err(refuse("more than 10 times"));
        }
        let next = answered
            .target
            .redirected(self.profile, location)
            .map_err(|why| refuse(&why))?;
        // A name is shown here, and looked up at servers that have no part in this.
        if text::clean(next.endpoint.host(), usize::MAX, &[token]) == text::REPEATS {
            return Err(refuse("to a host whose name repeats the token"));
        }
        if become_get {
            request.become_get();
        }
        let safe = ["GET", "HEAD"].contains(&request.method.as_str());
        if !next.owned && (request.has_body() || !safe) {
            let origin = next.endpoint.origin();
            let what = format!(
                "{} to {origin}, which is none of the profile's hosts",
                request.method
            );
            let hint =
                format!("where it may be sent there, add to the profile: hosts = [\"{origin}\"]");
            return Err(refuse(&what).hint(hint));
        }
        if request.is_spent() {
            return Err(refuse("a body that cannot be sent twice"));
        }
        Ok(Some(next))
    }
}

/// A refused token that is not ours to renew.
fn refused_token(profile: &Profile, what: &str) -> Error {
    let error = profile.error(Kind::Config, what);
    Error {
        kind: Kind::LoginRequired,
        http_status: Some(401),
        ..error
    }
    .hint("set the variable to a token that is good, or unset it")
}
