//! What is done in a process that nobody can take away from it, with all that it needs.

use crate::clock::Epoch;
use crate::error::{Error, Kind, Result};
use crate::oauth::Credentials;
use crate::oauth::reply::Granted;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::record::{Record, Token};
use crate::state::unrevoked::Provenance;
use crate::token::new_grant::{Come, Stored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A job. It goes to the process in which it is done through a socket, never through arguments.
#[derive(Serialize, Deserialize)]
pub struct Job {
    pub profile: Profile,
    pub credentials: Credentials,
    /// The caller's time budget.
    pub budget: Duration,
    /// The variables that open the profile's store.
    pub lent: BTreeMap<String, Secret>,
    pub work: Work,
}

/// What is to be done.
#[derive(Serialize, Deserialize)]
pub enum Work {
    /// A record's refresh token is spent, and what comes for it is saved.
    Renew(Box<Record>),
    /// The same with a refresh token that somebody has brought, which takes the place of what is stored once the
    /// server has taken it.
    Import(Box<Come>),
    /// An authorization code is used, and what comes for it is remembered before anybody looks at it.
    UseCode(Box<Code>),
}

// Where there is no process in the background, nobody asks.
#[cfg(unix)]
impl Work {
    /// Whether its caller hands the profile's lock over with it.
    pub fn has_lock(&self) -> bool {
        !matches!(self, Self::UseCode(_))
    }

    /// What goes on by itself where its caller does not wait any longer.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Renew(_) => "renewal",
            Self::Import(_) => "import",
            Self::UseCode(_) => "login",
        }
    }
}

/// An authorization code with what belongs to it, good for one use.
#[derive(Serialize, Deserialize)]
pub struct Code {
    pub text: Secret,
    pub verifier: Secret,
    pub redirect_uri: String,
    /// Where its grant comes from.
    pub from: Provenance,
}

/// What has come of it.
#[derive(Serialize, Deserialize)]
pub enum Done {
    Token(Box<Token>),
    Stored(Box<Stored>),
    /// What a server gave, and the clock at the start of the request.
    Granted(Box<Granted>, Epoch),
}

impl Done {
    /// The token of a job that brings one.
    pub fn token(self, profile: &Profile) -> Result<Token> {
        match self {
            Self::Token(token) => Ok(*token),
            Self::Stored(_) | Self::Granted(..) => Err(other(profile)),
        }
    }

    /// What a job has stored that stores a new grant.
    pub fn stored(self, profile: &Profile) -> Result<Stored> {
        match self {
            Self::Stored(stored) => Ok(*stored),
            Self::Token(_) | Self::Granted(..) => Err(other(profile)),
        }
    }

    /// What a server gave for a code.
    pub fn granted(self, profile: &Profile) -> Result<(Granted, Epoch)> {
        match self {
            Self::Granted(granted, sent_at) => Ok((*granted, sent_at)),
            Self::Token(_) | Self::Stored(_) => Err(other(profile)),
        }
    }
}

fn other(profile: &Profile) -> Error {
    profile.error(
        Kind::Io,
        "the process in the background has done something else",
    )
}
