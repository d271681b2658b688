//! The core that every helper asks: from a host or a profile to a token that fits.

use super::matrix::one_line;
use super::{Answer, Case, Mode};
use crate::clock::{self, Deadline, Epoch, budget};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Origin;
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind};
use crate::state::audit::{self, HandOut};
use crate::state::note::{self, HelperFailure};
use crate::state::record::Token;
use crate::state::refusals::{Refusals, Verdict};
use crate::text;
use crate::token::selected::Wanted;
use crate::token::{self, Ask, Caller};
use crate::ui;

/// The core that every helper asks.
#[derive(Clone, Copy)]
pub struct Core<'a> {
    pub mode: Mode,
    pub config: &'a Config,
    /// The one that the call names.
    pub profile: Option<&'a str>,
    /// The kind that the call names.
    pub token: Option<TokenKind>,
    /// The account that the request names.
    pub username: Option<&'a str>,
}

/// A token that fits, with what a protocol wants beside it.
#[derive(Debug)]
pub struct Fit {
    pub profile: Profile,
    pub token: Token,
    /// Whether this call has fetched or renewed it.
    pub is_new: bool,
}

impl Fit {
    /// The token's end as the programs are told it, if it has one.
    pub fn expires(&self) -> Option<Epoch> {
        let margin = Epoch::try_from(self.token.program_margin().as_secs()).unwrap_or(0);
        self.token.expires.map(|end| end - margin)
    }

    /// The token itself.
    pub fn text(&self) -> &str {
        self.token.text.expose()
    }

    /// The user name beside the token.
    pub fn username(&self) -> &str {
        self.profile.hosts.username.as_deref().unwrap_or("oauth2")
    }
}

impl Core<'_> {
    /// The named profile, for a protocol that names no host.
    pub fn named(&self) -> Result<Profile> {
        let name = self.profile.ok_or_else(|| self.unnamed())?;
        Profile::load(self.config, name)
    }

    /// That the call names no profile, and has to.
    pub fn unnamed(&self) -> Error {
        let mode = self.mode.name();
        Error::usage(format!("tokctl helper {mode} needs a profile"))
    }

    /// The rule of all helpers: the profile that the call names is answered where its program names nothing, and what
    /// names something that is foreign or cannot be read gets nothing.
    pub fn for_named(&self, server: Option<&str>) -> Result<Fit, Answer> {
        if let Some(server) = server {
            return match Origin::of_url(server) {
                Some(origin) => self.for_origin(&origin),
                None => Err(self.not_ours(server)),
            };
        }
        let profile = self.named().map_err(|error| self.unfit(None, "", &error))?;
        let name = profile.name.clone();
        self.token(profile, Caller::program())
            .inspect(|fit| self.note(fit, None))
            .map_err(|error| self.unfit(Some(&name), "", &error))
    }

    /// Writes down that a token is given.
    fn note(&self, fit: &Fit, origin: Option<&Origin>) {
        audit::note(&HandOut {
            profile: &fit.profile,
            command: self.mode.name(),
            host: origin.map(Origin::as_str),
            is_new: fit.is_new,
        });
    }

    /// The token for an origin, or what to answer instead.
    pub fn for_origin(&self, origin: &Origin) -> Result<Fit, Answer> {
        self.for_first(std::slice::from_ref(origin), origin.as_str())
    }

    /// The token for the first of these origins that is a profile's own; `asked` is what the program calls them.
    pub fn for_first(&self, origins: &[Origin], asked: &str) -> Result<Fit, Answer> {
        for origin in origins {
            let profile = match self.owner(origin) {
                Ok(Some(profile)) => profile,
                Ok(None) => continue,
                Err(error) => return Err(self.unfit(None, origin.as_str(), &error)),
            };
            let name = profile.name.clone();
            let fit = self
                .for_owner(profile, origin)
                .inspect(|fit| self.note(fit, Some(origin)));
            return fit.map_err(|error| self.unfit(Some(&name), origin.as_str(), &error));
        }
        Err(self.not_ours(asked))
    }

    /// A profile's token, unless the host has refused what was renewed for it.
    fn for_owner(&self, profile: Profile, origin: &Origin) -> Result<Fit> {
        let Ok(state) = env::state_dir() else {
            return self.token(profile, Caller::program());
        };
        let refusals = Refusals::load(&state, &profile.name);
        let until = refusals.barred_until(origin.as_str(), clock::now());
        let barred = until.map(|until| barred(&profile.name, origin, until));
        let caller = Caller::Program {
            refused: None,
            barred: barred.as_ref(),
        };
        let fit = self.token(profile, caller)?;
        match barred {
            _ if !refusals.has_refused(origin.as_str(), &fit.token) => Ok(fit),
            Some(error) => Err(error),
            // That is a while ago.
            None => self.another(&fit, origin),
        }
    }

    /// Another token after a host has refused one, where a renewal is worth it.
    pub fn renewed(&self, fit: &Fit, origin: &Origin) -> Result<Fit, Answer> {
        self.another(fit, origin)
            .inspect(|fit| self.note(fit, Some(origin)))
            .map_err(|error| self.unfit(Some(&fit.profile.name), origin.as_str(), &error))
    }

    fn another(&self, fit: &Fit, origin: &Origin) -> Result<Fit> {
        let (name, host) = (&fit.profile.name, origin.as_str());
        if let Ok(state) = env::state_dir()
            && Refusals::heard(&state, name, host, &fit.token) == Verdict::Barred
        {
            return self.for_owner(fit.profile.clone(), origin);
        }
        let caller = Caller::Program {
            refused: Some(&fit.token),
            barred: None,
        };
        self.token(fit.profile.clone(), caller)
    }

    /// Hears that a host has refused a token: the one that is `presented`, or whichever is stored. As an
    /// answer, where there is something to say.
    pub fn refused(&self, origin: &Origin, presented: Option<&str>) -> Option<Answer> {
        self.at_owner(origin, |profile| {
            let deadline = Deadline::after(budget::HELPER);
            token::forget::refuse(profile, origin.as_str(), presented, deadline).map(drop)
        })
    }

    /// Forgets the access token of the profile that owns an origin; the grant stays. As an answer, where
    /// there is something to say.
    pub fn forget_at(&self, origin: &Origin) -> Option<Answer> {
        self.at_owner(origin, |profile| {
            token::forget::forget(profile, Deadline::after(budget::HELPER)).map(drop)
        })
    }

    fn at_owner(
        &self,
        origin: &Origin,
        act: impl FnOnce(&Profile) -> Result<()>,
    ) -> Option<Answer> {
        let mut profile = match self.owner(origin) {
            Ok(profile) => profile?,
            Err(error) => return Some(self.unfit(None, origin.as_str(), &error)),
        };
        if let Some(kind) = self.token {
            profile.own_variant = Some(profile.variant());
            profile.request.kind = kind;
        }
        let error = act(&profile).err()?;
        Some(self.unfit(Some(&profile.name), origin.as_str(), &error))
    }

    /// A token of a profile that a program can be given.
    pub fn token(&self, mut profile: Profile, caller: Caller<'_>) -> Result<Fit> {
        let start = clock::now();
        if self.token.is_some() {
            let wanted = Wanted {
                kind: self.token,
                ..Wanted::default()
            };
            profile = wanted.over(profile);
        }
        let budget = profile
            .timeout
            .unwrap_or(budget::HELPER)
            .min(self.mode.budget());
        let token = token::token(&Ask {
            min_ttl: Some(profile.min_ttl.unwrap_or_default()),
            caller,
            ..Ask::new(self.config, &profile, Deadline::after(budget))
        })?;
        let is_new = token.obtained >= start;
        Ok(Fit {
            profile,
            token,
            is_new,
        })
    }

    /// What to answer where there is no token; remembers it for `tokctl status`.
    pub fn unfit(&self, profile: Option<&str>, host: &str, error: &Error) -> Answer {
        if let (Some(name), Ok(state)) = (profile.or(self.profile), env::state_dir()) {
            let temporary = error.kind == Kind::Temporary;
            let message = one_line(error);
            // What is only said again has happened when it was said first.
            let first = note::recent_helper_failure(&state, name)
                .filter(|first| temporary && first.message == message);
            let failure = HelperFailure {
                at: first.map_or_else(clock::now, |first| first.at),
                host: host.to_owned(),
                message,
                temporary,
            };
            let noted = note::add_helper_failure(&state, name, self.mode.name(), failure);
            if let Err(cause) = noted {
                ui::step(&format!("the failure cannot be noted: {cause}"));
            }
        }
        let case = match error.kind {
            Kind::LoginRequired => Case::Login,
            Kind::Config if self.config.names().is_err() => Case::Unreadable,
            _ => Case::Trouble,
        };
        self.mode.unfit(case, error)
    }

    /// What to answer for a host that is nobody's.
    pub fn not_ours(&self, host: &str) -> Answer {
        // It might have been ours, if the file could be read.
        let host = text::clean(host, 200, &[]);
        let error = match (self.profile, self.config.names()) {
            (Some(name), _) => {
                let what = format!("profile {name:?} has no hosts entry for {host}");
                let error = Error::config(what);
                match Origin::of_url(&host) {
                    Some(origin) => error.hint(format!(
                        "if the server may have the token, run: tokctl add {} --change --host {}",
                        shell_word(name),
                        shell_word(origin.as_str())
                    )),
                    None => error,
                }
            }
            (None, Ok(_)) => Error::config(format!("no profile has {host} in its hosts")),
            (None, Err(error)) => return self.mode.unfit(Case::Unreadable, &error),
        };
        self.mode.unfit(Case::NotOurs, &error)
    }
}

/// Why nothing is renewed for a host.
fn barred(name: &str, origin: &Origin, until: Epoch) -> Error {
    let what = format!(
        "{origin} has refused the token that was renewed for it too, so that none is renewed for another {}",
        clock::about(until - clock::now())
    );
    Error::about(name, Kind::Refused, what).hint(format!(
        "see whether this account may do there what is asked; to renew all the same, run: tokctl refresh {}",
        shell_word(name)
    ))
}
