//! The core that every helper asks: from host or profile to a token that fits.

use super::matrix::one_line;
use super::mode::BUDGET;
use super::{Answer, Case, Mode};
use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::http::Origin;
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind, preset};
use crate::state::note::{self, HelperFailure};
use crate::state::record::Token;
use crate::token::background::Again;
use crate::token::{self, Ask};
use crate::ui;
use std::time::Duration;

/// No token is handed out with less than this to go, and its end is told that much earlier: programs
/// use a token until the very second.
const MARGIN: Duration = Duration::from_secs(60);

/// The core that every helper asks.
#[derive(Clone, Copy)]
pub struct Core<'a> {
    pub mode: Mode,
    pub config: &'a Config,
    /// The one that the call names.
    pub profile: Option<&'a str>,
    /// The kind that the call names.
    pub token: Option<TokenKind>,
}

/// A token that fits, with what a protocol wants beside it.
pub struct Fit {
    pub profile: Profile,
    pub token: Token,
    /// Whether this call has fetched or renewed it.
    pub is_new: bool,
}

impl Fit {
    /// The token's end as the programs are told it, if it has one.
    pub fn expires(&self) -> Option<Epoch> {
        self.token
            .expires
            .map(|end| end - Epoch::try_from(MARGIN.as_secs()).unwrap_or(0))
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
    /// The profile that owns an origin such as `https://git.example:8443`: the named one if it does,
    /// else the only one that does. `None` where nobody does.
    pub fn owner(&self, origin: &str) -> Result<Option<Profile>> {
        let Ok(origin) = Origin::parse(origin) else {
            return Ok(None);
        };
        let owns = |profile: &Profile| profile.hosts.origins.contains(&origin);
        if let Some(name) = self.profile {
            return Ok(Some(Profile::load(self.config, name)?).filter(owns));
        }
        // A file of a thousand profiles is parsed only where one of them can be meant.
        let host = origin.authority();
        if !self.config.mentions(host) && !preset::mentions(host) {
            return Ok(None);
        }
        let mut owner: Option<Profile> = None;
        let mut broken = None;
        for (name, profile) in Profile::all(self.config)? {
            let profile = match profile {
                Ok(profile) => profile,
                // It may be the one that is meant.
                Err(error) => {
                    if self
                        .config
                        .excerpt(&name)
                        .1
                        .to_ascii_lowercase()
                        .contains(host)
                    {
                        broken = Some(error);
                    }
                    continue;
                }
            };
            if !owns(&profile) {
                continue;
            }
            if let Some(first) = &owner {
                let what = format!(
                    "profiles {:?} and {:?} both claim {origin} in hosts",
                    first.name, profile.name
                );
                return Err(
                    Error::config(what).hint("let one of them have it, or name the profile")
                );
            }
            owner = Some(profile);
        }
        match broken {
            Some(error) if owner.is_none() => Err(error),
            _ => Ok(owner),
        }
    }

    /// The named profile, for a protocol that names no host.
    pub fn named(&self) -> Result<Profile> {
        let name = self.profile.ok_or_else(|| {
            Error::usage(format!(
                "tokctl helper {} needs a profile",
                self.mode.name()
            ))
        })?;
        Profile::load(self.config, name)
    }

    /// A token of a profile that is good for a minute at least.
    pub fn token(&self, mut profile: Profile, force: bool) -> Result<Fit> {
        let start = clock::now();
        if let Some(kind) = self.token {
            profile.own_variant = Some(profile.variant());
            profile.request.kind = kind;
        }
        let overrides: &[String] = match profile.request.kind {
            TokenKind::Access => &[],
            TokenKind::Id => &["--token=id".to_owned()],
        };
        let least = profile.min_ttl.unwrap_or_default().max(MARGIN);
        let token = match env::token_override(&profile.name) {
            Some(text) if text.is_token_text() => Token::bare(text, start),
            _ => token::token(&Ask {
                profile: &profile,
                min_ttl: Some(least),
                force,
                insist: false,
                offline: false,
                deadline: Deadline::after(
                    profile.timeout.unwrap_or(BUDGET).min(self.mode.budget()),
                ),
                // A token that the server has just refused is none to fall back on.
                stale: (!force).then_some(MARGIN),
                again: Again {
                    config: self.config,
                    overrides,
                },
            })?,
        };
        if !token.is_fresh(clock::now(), Some(MARGIN)) {
            let what =
                "the server's tokens live for less than a minute, which no helper can hand out";
            return Err(profile.error(Kind::Temporary, what));
        }
        let is_new = token.obtained >= start;
        Ok(Fit {
            profile,
            token,
            is_new,
        })
    }

    /// Forgets a profile's access token: the one that a server has refused, or whichever is stored. The
    /// grant stays.
    pub fn forget(profile: &Profile, presented: Option<&str>) -> Result<bool> {
        token::forget(profile, presented, Deadline::after(BUDGET))
    }

    /// The same for the profile that owns an origin, as an answer: nobody's is nothing to forget.
    pub fn forget_at(&self, origin: &str) -> Option<Answer> {
        match self.owner(origin) {
            Ok(Some(profile)) => {
                let error = Self::forget(&profile, None).err()?;
                Some(self.unfit(Some(&profile.name), origin, &error))
            }
            Ok(None) => None,
            Err(error) => Some(self.unfit(None, origin, &error)),
        }
    }

    /// What to answer where there is no token; remembers it for `tokctl status`.
    pub fn unfit(&self, profile: Option<&str>, host: &str, error: &Error) -> Answer {
        if let (Some(name), Ok(state)) = (profile.or(self.profile), env::state_dir()) {
            let failure = HelperFailure {
                at: clock::now(),
                host: host.to_owned(),
                message: one_line(error),
            };
            let noted = note::add_helper_failure(&state, name, self.mode.name(), failure);
            if let Err(cause) = noted {
                ui::step(&format!("the failure cannot be noted: {cause}"));
            }
        }
        let case = match error.kind {
            Kind::LoginRequired => Case::Login,
            _ => Case::Trouble,
        };
        self.mode.unfit(case, error)
    }

    /// What to answer for a host that is nobody's.
    pub fn not_ours(&self, host: &str) -> Answer {
        let what = match self.profile {
            Some(name) => format!("profile {name:?} has no hosts entry for {host}"),
            None => format!("no profile has {host} in its hosts"),
        };
        self.mode.unfit(Case::NotOurs, &Error::config(what))
    }

    /// The token for an origin, or what to answer instead.
    pub fn for_origin(&self, origin: &str, force: bool) -> std::result::Result<Fit, Answer> {
        let profile = match self.owner(origin) {
            Ok(Some(profile)) => profile,
            Ok(None) => {
                let mut answer = self.not_ours(origin);
                // It might have been ours, if the file could be read.
                answer
                    .stderr
                    .extend(self.config.names().err().map(|error| one_line(&error)));
                return Err(answer);
            }
            Err(error) => return Err(self.unfit(None, origin, &error)),
        };
        let name = profile.name.clone();
        self.token(profile, force)
            .map_err(|error| self.unfit(Some(&name), origin, &error))
    }
}
