//! A person gives consent: in a browser on this machine, on another device, or by pasting an address.

pub mod browser;
pub mod listener;
mod page;
mod paste;
mod peer;

use crate::clock::{Deadline, Epoch};
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Endpoint;
use crate::oauth::authorization_code::Attempt;
use crate::oauth::device_code::{self, Device};
use crate::oauth::hint;
use crate::oauth::metadata::Metadata;
use crate::oauth::reply::Granted;
use crate::oauth::{Client, Credentials, Refused};
use crate::profile::{EndpointKind, Profile};
use crate::secret::Secret;
use crate::state::server;
use crate::state::unrevoked::Provenance;
use crate::token::job::Code;
use crate::token::{code, leave};
use crate::ui;
use listener::{Arrival, Listener};
use peer::Peer;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::time::Duration;

/// After this a person is not busy with consent any more, but with a page that says something else.
const EARLY: Duration = Duration::from_secs(20);

/// A person who carries an address to a browser by hand has done so within this.
const BY_HAND: Duration = Duration::from_secs(60);

/// When the address is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    AtOnce,
    ByHand,
    /// By a later call's reader.
    Later,
}

/// Requests to the server on the way.
const LIMIT: Duration = Duration::from_secs(30);

/// The redirect URI where nothing listens.
pub const NOWHERE: &str = "http://127.0.0.1/callback";

/// Whether a redirect can come back to this machine, and nobody else listens there.
///
/// # Errors
/// What is wrong with the redirect URI, or who else uses its port.
pub fn redirect_is_free(profile: &str, redirect_uri: &str) -> Result<()> {
    Listener::start(profile, Some(redirect_uri)).map(drop)
}

/// Who logs in where, and as which client.
pub struct Login<'a> {
    pub profile: &'a Profile,
    pub server: &'a Metadata,
    pub credentials: &'a Credentials,
    /// How long the browser is waited for.
    pub patience: Duration,
}

/// What a login brought.
pub struct Outcome {
    pub granted: Granted,
    pub sent_at: Epoch,
    /// What the id token must repeat.
    pub nonce: Option<Secret>,
    browser: Option<Arrival>,
}

impl Outcome {
    /// Tells the person at the browser how it ended.
    pub fn show(&mut self, profile: &str, result: Result<Option<&str>, &Error>) {
        let Some(browser) = self.browser.take() else {
            return;
        };
        match result {
            Ok(account) => browser.answer("200 OK", &page::done(profile, account)),
            Err(error) => {
                browser.answer("500 Internal Server Error", &page::failed(profile, error));
            }
        }
    }
}

impl Login<'_> {
    /// With a browser that comes back to this machine; `open` to start one.
    pub fn in_browser(&self, open: bool) -> Result<Outcome> {
        let profile = self.profile;
        let listener = Listener::start(&profile.name, profile.request.redirect_uri.as_deref())?;
        let attempt = Attempt::new(profile, listener.redirect_uri().to_owned());
        let url = self.url(&attempt, Opening::AtOnce)?;
        ui::say(&format!(
            "to log in to {}, open this address in a browser:\n\n  {url}\n",
            profile.name
        ));
        if open {
            // A browser that stays in the foreground must not keep its own redirect waiting.
            let none = || {
                ui::warn(
                    "no browser could be started here: open the address yourself, or use --device or --paste",
                );
            };
            let thread = std::thread::Builder::new().spawn(move || {
                if !browser::open(&url) {
                    none();
                }
            });
            if thread.is_err() {
                none();
            }
        }
        self.redirected(&listener, &attempt, open)
    }

    /// Waits for the redirect of this login, among others; `opened` if a browser of ours was started with the address.
    fn redirected(&self, listener: &Listener, attempt: &Attempt, opened: bool) -> Result<Outcome> {
        let profile = self.profile;
        let deadline = Deadline::after(self.patience);
        let mut strangers = 0;
        let _waiting = ui::waiting("waiting for the browser to come back");
        while let Some(arrival) = self.next(listener, attempt, deadline) {
            let answer = attempt.answer(profile, self.server, &arrival.parameters);
            // What a browser was started with, other users can read.
            let is_fit = answer.is_none() || !opened || is_fit(&arrival);
            match answer {
                // Another login's redirect, or a forged one: the real one may still come.
                None => {
                    strangers += 1;
                    arrival.turn_away("400 Bad Request", page::plain("Not this login"));
                }
                Some(_) if !is_fit => {
                    strangers += 1;
                    arrival.turn_away("403 Forbidden", page::plain("Not this user"));
                }
                Some(Err(error)) => {
                    arrival.answer("200 OK", &page::failed(&profile.name, &error));
                    return Err(error);
                }
                Some(Ok(code)) => {
                    arrival.keep();
                    return self.finish(attempt, &code, Some(arrival));
                }
            }
        }
        Err(self.nobody_came(strangers))
    }

    /// The next redirect. Who waits for long is told what the server's own page may complain of.
    fn next(&self, listener: &Listener, attempt: &Attempt, end: Deadline) -> Option<Arrival> {
        let waited = self.patience.saturating_sub(end.left());
        let early = EARLY.min(self.patience / 2);
        if let Some(early) = early.checked_sub(waited).filter(|left| !left.is_zero()) {
            if let Some(arrival) = listener.next(Deadline::after(early)) {
                return Some(arrival);
            }
            ui::notice(&format!(
                "still waiting for the browser; if the server's page complains of the redirect URI: {}",
                hint::redirect(self.profile, &attempt.redirect_uri)
            ));
        }
        listener.next(end)
    }

    fn nobody_came(&self, strangers: usize) -> Error {
        let name = &self.profile.name;
        let patience = self.patience.as_secs();
        let others = match strangers {
            0 => String::new(),
            _ => {
                format!("; answers that are not this login's: {strangers} (old tabs, or forgeries)")
            }
        };
        let what = format!("nobody came back from the browser within {patience} s{others}");
        let name_word = shell_word(name);
        Error::about(name, Kind::LoginRequired, what).hint(format!(
            "to try again, run: tokctl login {name_word}; on another device: tokctl login {name_word} --device; to carry the \
             address by hand: tokctl login {name_word} --paste"
        ))
    }

    /// On a device with a browser of its own.
    pub fn on_device(&self) -> Result<Outcome> {
        self.wait_for_device(&self.device()?)
    }

    /// A code for the person; the server may not give one to this client.
    pub fn device(&self) -> Result<Device> {
        let profile = self.profile;
        let kind = EndpointKind::DeviceAuthorization;
        let endpoint = server::endpoint(profile, self.server, kind)?;
        let suited = self.server.suited(profile)?;
        let client = Client::new(&suited, self.credentials);
        device_code::start(client, &endpoint, LIMIT).map_err(|refused| refused.error)
    }

    /// Shows the code, and waits until it has been used.
    pub fn wait_for_device(&self, device: &Device) -> Result<Outcome> {
        let profile = self.profile;
        let token = server::endpoint(profile, self.server, EndpointKind::Token)?;
        // The code is what must be on the screen at the end.
        let complete = device.verification_uri_complete.as_deref();
        let is_drawn = complete.and_then(picture).is_some_and(|picture| {
            let what = format!(
                "to log in to {}, scan this, and compare the code:",
                profile.name
            );
            ui::draw(&what, &picture, BELOW_PICTURE)
        });
        let or = if is_drawn { "or" } else { "to log in to" };
        let who = if is_drawn {
            String::new()
        } else {
            format!(" {},", profile.name)
        };
        ui::say(&format!(
            "{or}{who} open this address on any device:\n\n  {}\n\nand enter the code\n\n  {}\n",
            device.verification_uri, device.user_code
        ));
        if let Some(complete) = complete.filter(|_| !is_drawn) {
            ui::say(&format!(
                "or open this, and compare the code:\n\n  {complete}\n"
            ));
        }
        let suited = self.server.suited(profile)?;
        let connection = Client::new(&suited, self.credentials).connect(&token)?;
        let _waiting = ui::waiting("waiting until the code has been used");
        let (granted, sent_at) = device_code::poll(&connection, device)?;
        let from = Provenance::of(profile, self.server);
        leave::remember(profile, (&granted, sent_at), &from);
        Ok(Outcome {
            granted,
            sent_at,
            nonce: None,
            browser: None,
        })
    }

    /// A login that needs no listener.
    pub fn new_attempt(&self) -> Attempt {
        let uri = self
            .profile
            .request
            .redirect_uri
            .clone()
            .unwrap_or_else(|| NOWHERE.to_owned());
        Attempt::new(self.profile, uri)
    }

    /// Asks the server to take the login's request beforehand, which nobody then opens; nothing where it takes none.
    pub fn try_push(&self) -> Option<Result<()>> {
        let (profile, server) = (self.profile, self.server);
        let kind = EndpointKind::PushedAuthorizationRequest;
        server.endpoints.get(kind)?;
        let attempt = self.new_attempt();
        let pushed =
            server::endpoint(profile, server, EndpointKind::Authorization).and_then(|endpoint| {
                self.check_challenge()?;
                let push_to = server::endpoint(profile, server, kind)?;
                let suited = server.suited(profile)?;
                let connection = Client::new(&suited, self.credentials).connect(&push_to)?;
                let pushed = attempt.pushed_url(&connection, &endpoint, LIMIT);
                pushed.map(drop).map_err(|refused| refused.error)
            });
        Some(match pushed {
            // Without it the request goes in the address, as a login's does.
            Err(error) if !self.ends_here(&error) => return None,
            pushed => pushed,
        })
    }

    /// The address to open: short where the server takes the request beforehand (RFC 9126), which is good for a minute
    /// or so.
    fn url(&self, attempt: &Attempt, opening: Opening) -> Result<String> {
        let (profile, server) = (self.profile, self.server);
        let endpoint = server::endpoint(profile, server, EndpointKind::Authorization)?;
        self.check_challenge()?;
        let required = server.require_pushed_authorization_requests;
        let kind = EndpointKind::PushedAuthorizationRequest;
        let url = server.endpoints.get(kind);
        let is_good = url.is_some_and(|url| Endpoint::parse(url).is_ok());
        if !required && (!is_good || opening == Opening::Later) {
            return Ok(attempt.url(profile, &endpoint));
        }
        // Used wherever it is offered: some servers demand it of single clients without saying so.
        let push_to = server::endpoint(profile, server, kind)?;
        let suited = server.suited(profile)?;
        let connection = Client::new(&suited, self.credentials).connect(&push_to);
        let pushed = connection
            .map_err(Refused::unsent)
            .and_then(|push_to| attempt.pushed_url(&push_to, &endpoint, LIMIT));
        match pushed {
            Ok((_, life)) if !required && opening == Opening::ByHand && life < BY_HAND => {
                Ok(attempt.url(profile, &endpoint))
            }
            Ok((url, _)) => Ok(url),
            Err(refused) if self.ends_here(&refused.error) => Err(refused.error),
            Err(refused) => {
                ui::warn(&format!(
                    "{}; the login's request goes in the address instead",
                    refused.error
                ));
                Ok(attempt.url(profile, &endpoint))
            }
        }
    }

    /// Whether a login ends with this failure to push its request. A client that is not believed there will not be
    /// believed with the code either, and a server that cannot be reached has no page for a person.
    fn ends_here(&self, error: &Error) -> bool {
        let is_unknown = error.oauth_code.as_deref() == Some("invalid_client");
        let required = self.server.require_pushed_authorization_requests;
        // A page in the place of an answer is that of an address which is not it.
        let is_there = matches!(error.http_status, Some(status) if status != 429 && status < 500);
        let is_out = error.kind != Kind::Refused && !is_there;
        required || is_unknown || is_out || self.is_final(error)
    }

    /// That the server takes the challenge that a code is protected with, as far as it says it.
    fn check_challenge(&self) -> Result<()> {
        let profile = self.profile;
        if !profile.quirks.pkce || !self.server.refuses_s256() {
            return Ok(());
        }
        let what = "the server's metadata (code_challenge_methods_supported) does not name S256, with which a login's \
                    code is protected";
        Err(profile.error(Kind::Config, what).hint(
            "who runs the server must switch on PKCE with S256; to log in without that protection, set pkce = false in \
             the profile",
        ))
    }

    /// Whether a refusal would meet the person at the browser, or the code after that: the client itself is not
    /// believed, or what it asks for is not allowed.
    fn is_final(&self, error: &Error) -> bool {
        let code = error.oauth_code.as_deref().unwrap_or_default();
        let about_redirect = || error.message.contains("redirect_uri");
        match code {
            "invalid_client" => self.proves_itself(),
            "unauthorized_client" => self.proves_itself() && error.http_status == Some(401),
            "invalid_redirect_uri" | "redirect_uri_mismatch" | "invalid_scope" => true,
            "invalid_request" => about_redirect(),
            _ => false,
        }
    }

    fn proves_itself(&self) -> bool {
        let credentials = self.credentials;
        credentials.secret.is_some() || credentials.key.is_some()
    }

    /// Whether another way than a device code is worth trying after this refusal.
    pub fn may_go_another_way(&self, error: &Error) -> bool {
        error.kind == Kind::Refused && !self.is_final(error)
    }

    fn finish(
        &self,
        attempt: &Attempt,
        code: &Secret,
        browser: Option<Arrival>,
    ) -> Result<Outcome> {
        let code = Code {
            text: code.clone(),
            verifier: attempt.verifier.clone(),
            redirect_uri: attempt.redirect_uri.clone(),
            from: Provenance::of(self.profile, self.server),
        };
        match code::exchange(self.profile, self.credentials, code) {
            Ok((granted, sent_at)) => Ok(Outcome {
                granted,
                sent_at,
                nonce: attempt.nonce.clone(),
                browser,
            }),
            Err(error) => {
                if let Some(browser) = browser {
                    browser.answer("200 OK", &page::failed(&self.profile.name, &error));
                }
                Err(error)
            }
        }
    }
}

/// Whether a redirect with this login's state was brought by a program of the user's, as far as that is known.
fn is_fit(arrival: &Arrival) -> bool {
    match arrival.peer() {
        Peer::Fit => true,
        Peer::Gone => false,
        Peer::Of(uid) => {
            ui::warn(&format!(
                "the browser's answer came from a program of user {uid} and is not taken; if that is your own browser, \
                 log in with --no-browser"
            ));
            false
        }
    }
}

/// Lines that come below a picture: the address and the code.
const BELOW_PICTURE: usize = 10;

/// A QR code, two rows in a line, of which what is dark is to be drawn dark.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    Some(code.render::<Dense1x2>().build())
}
