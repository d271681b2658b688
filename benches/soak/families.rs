//! The model: an authorization server that knows each family of refresh tokens, and is strict.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::support::profiles::just_come;
use super::support::{Reply, Request};

/// Families of refresh tokens, counted from 0. In each the last one is good; one that comes a second time
/// revokes its family (RFC 9700 section 4.14.2).
pub struct Families {
    lives: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    families: Vec<Family>,
    /// When each access token was made, and for which family.
    made: HashMap<String, (usize, Instant)>,
    reused: usize,
}

#[derive(Default)]
struct Family {
    /// The number of the refresh token that is good.
    last: u64,
    grants: usize,
    revoked: bool,
}

impl Families {
    pub fn new(lives: Duration) -> Self {
        Self {
            lives,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Starts a family: its number and its token response.
    pub fn begin(&self) -> (usize, String) {
        let mut state = self.state();
        state.families.push(Family::default());
        let family = state.families.len() - 1;
        (family, just_come(&state.grant(family, self.lives)))
    }

    /// A token endpoint, and at `/revoke` a revocation endpoint.
    pub fn answer(&self, request: &Request) -> Reply {
        let form = request.form();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        if request.path == "/revoke" {
            let revoked = self.state().family_of(field("token"));
            if let Some(family) = revoked {
                self.state().families[family].revoked = true;
            }
            return Reply::json(200, "");
        }
        if field("grant_type") == "authorization_code" {
            return Reply::json(200, self.begin().1);
        }
        let mut state = self.state();
        let token = field("refresh_token");
        let Some(family) = state.family_of(token) else {
            return Reply::error("invalid_grant");
        };
        let good = token == refresh_token(family, state.families[family].last);
        if !good {
            state.reused += 1;
            state.families[family].revoked = true;
        }
        if state.families[family].revoked {
            return Reply::error("invalid_grant");
        }
        Reply::json(200, state.grant(family, self.lives))
    }

    /// The family that a request is about.
    pub fn asked_for(&self, request: &Request) -> Option<usize> {
        let token = request.form().remove("refresh_token")?;
        self.state().family_of(&token)
    }

    /// The family of an access token that was good at this time or later.
    pub fn good_since(&self, token: &str, since: Instant) -> Option<usize> {
        let state = self.state();
        let (family, made) = *state.made.get(token)?;
        (!state.families[family].revoked && made + self.lives > since).then_some(family)
    }

    pub fn is_revoked(&self, family: usize) -> bool {
        self.state().families[family].revoked
    }

    /// How many families there are.
    pub fn count(&self) -> usize {
        self.state().families.len()
    }

    /// How many token responses a family has had.
    pub fn grants(&self, family: usize) -> usize {
        self.state().families[family].grants
    }

    /// How often a refresh token came that was spent.
    pub fn reused(&self) -> usize {
        self.state().reused
    }
}

impl State {
    /// The next tokens of a family.
    fn grant(&mut self, family: usize, lives: Duration) -> String {
        let entry = &mut self.families[family];
        entry.last += 1;
        entry.grants += 1;
        let access = format!("at-{family}-{}", entry.last);
        let refresh = refresh_token(family, entry.last);
        self.made.insert(access.clone(), (family, Instant::now()));
        let expires_in = lives.as_secs();
        format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{expires_in},"refresh_token":"{refresh}"}}"#
        )
    }

    /// Whose token this is, good or spent.
    fn family_of(&self, token: &str) -> Option<usize> {
        let family = token.split('-').nth(1)?.parse().ok()?;
        (family < self.families.len()).then_some(family)
    }
}

fn refresh_token(family: usize, number: u64) -> String {
    format!("rt-{family}-{number}")
}
