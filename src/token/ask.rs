//! What a caller wants of a profile's token.

use crate::clock::{self, Deadline, Epoch};
use crate::error::{Error, Kind};
use crate::profile::Profile;
use crate::profile::config::Config;
use crate::state::note;
use crate::state::record::Token;
use crate::state::remembered::Remembered;
use std::path::Path;
use std::time::Duration;

/// What a caller wants.
pub struct Ask<'a> {
    pub profile: &'a Profile,
    /// Where other profiles are found, whose tokens this one exchanges.
    pub config: &'a Config,
    /// How long the token must still live; without it the profile's or the usual margin.
    pub min_ttl: Option<Duration>,
    /// Renew even if the stored token looks good.
    pub force: bool,
    pub insist: Insist,
    /// No request, whatever happens.
    pub offline: bool,
    /// How long a stored token must live to do while the server or the store is away; none will do
    /// without.
    pub stale: Option<Duration>,
    pub deadline: Deadline,
    pub caller: Caller<'a>,
    /// When the call began, in milliseconds.
    pub started: u128,
}

/// What a person has asked for by naming the renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Insist {
    /// Nothing: it is a call like any other.
    Not,
    /// What was refused for now is asked about once more.
    Again,
    /// The same, and the login goes on from what is stored also where that is older than what was stored last.
    FromOlder,
}

/// Who takes the token.
#[derive(Clone, Copy)]
pub enum Caller<'a> {
    /// A person or a script.
    Person,
    /// A program, which uses the token until its last second, and asks again at once where it got none.
    Program {
        /// The one that the program's server has just refused: another one is wanted.
        refused: Option<&'a Token>,
        /// Why none is to be renewed for it.
        barred: Option<&'a Error>,
    },
}

impl Caller<'_> {
    /// A program of which nothing else is known.
    pub fn program() -> Self {
        Self::Program {
            refused: None,
            barred: None,
        }
    }

    /// Whether a token is one that the caller can be given, as far as its end is concerned not more
    /// than that.
    pub fn takes(self, token: &Token, now: Epoch) -> bool {
        match self {
            Self::Person => true,
            Self::Program { refused, .. } => {
                token.is_fresh(now, Some(token.program_margin()))
                    && refused.is_none_or(|refused| !refused.text.is_same(&token.text))
            }
        }
    }
}

impl<'a> Ask<'a> {
    /// A token that is good, or anything that lives while there is no other.
    pub fn new(config: &'a Config, profile: &'a Profile, deadline: Deadline) -> Self {
        Self {
            profile,
            config,
            min_ttl: None,
            force: false,
            insist: Insist::Not,
            offline: false,
            stale: Some(Duration::ZERO),
            deadline,
            caller: Caller::Person,
            started: clock::now_millis(),
        }
    }

    fn min_ttl(&self) -> Option<Duration> {
        self.min_ttl.or(self.profile.min_ttl)
    }

    /// Whether a token that is found after waiting will do: with `--force` only one that was obtained
    /// since the call began.
    pub fn is_news(&self, token: &Token) -> bool {
        let since = u128::try_from(token.obtained).unwrap_or(0) * 1000 > self.started;
        if self.force {
            since && token.is_alive(clock::now())
        } else {
            self.is_fresh(token)
        }
    }

    /// Whether a stored token will do as it is.
    pub fn is_good(&self, token: &Token) -> bool {
        !self.force && self.is_fresh(token)
    }

    /// Whether a token lives as long as the caller wants it to.
    pub fn is_fresh(&self, token: &Token) -> bool {
        let now = clock::now();
        token.is_fresh(now, self.min_ttl()) && self.caller.takes(token, now)
    }

    /// Whether a remembered refusal is asked about: when its time has come, or once for who insists.
    pub fn is_about(&self, said: &Remembered) -> bool {
        !said.is_news(self.started) && (self.insist != Insist::Not || said.is_due(clock::now()))
    }

    /// Whether a stored token will do while the server or the store is away.
    pub fn is_better_than_none(&self, token: &Token) -> bool {
        let now = clock::now();
        let enough = |least| token.is_fresh(now, Some(least));
        self.stale.is_some_and(enough) && self.caller.takes(token, now)
    }

    /// Why a program is to have no renewal: its server refuses what is renewed, or it is told again what it
    /// was told a moment ago. It asks many times for one command of its user, who waits for each.
    pub fn not_now(&self, state: &Path) -> Option<Error> {
        let Caller::Program { barred, .. } = self.caller else {
            return None;
        };
        let failed = || note::recent_helper_failure(state, &self.profile.name);
        let again = || failed().map(|failure| Error::new(Kind::Temporary, failure.message));
        barred.cloned().or_else(again)
    }
}
