//! What servers have refused of a profile's tokens, so that one refusal costs one renewal: a renewed
//! token that is refused in its turn is not renewed again for a while. Holds no secret.

use crate::clock::{self, Epoch};
use crate::error::io_cause;
use crate::files::{self, layout};
use crate::hash::hash;
use crate::state::record::Token;
use crate::ui;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A token that came of a refusal and is refused in its turn within this: it is not the token's age
/// that the server minds.
const YOUNG: Epoch = 60;

/// So long nothing is renewed for the same host: git-lfs asks, is refused and asks again without end.
const BARRED: Epoch = 300;

/// The refusals of one profile's tokens.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusals {
    /// The mark of the token that was refused last.
    refused: Option<String>,
    /// When: what was obtained since came of it.
    at: Epoch,
    /// The mark of a renewed token that a program has begun with.
    handed: Option<String>,
    /// Hosts that have taken a token for a password only.
    basic: BTreeSet<String>,
    /// By host: who has refused a renewed token too.
    bars: BTreeMap<String, Bar>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bar {
    /// The mark of the token that was refused.
    token: String,
    since: Epoch,
}

/// What follows of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The token is worth a renewal.
    Renew,
    /// Another one would be refused too.
    Barred,
}

impl Refusals {
    /// What is known of a profile; mostly nothing, and then there is no file.
    pub fn load(state: &Path, profile: &str) -> Self {
        let read = files::read(&layout::refusals(state, profile))
            .ok()
            .flatten();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Changes what is known of a profile. After a power cut an older one will do, and where it cannot be
    /// written the next refusal costs one renewal more.
    pub fn change<T>(state: &Path, profile: &str, change: impl FnOnce(&mut Self) -> T) -> T {
        let mut refusals = Self::load(state, profile);
        let result = change(&mut refusals);
        let bytes = serde_json::to_vec(&refusals).expect("strings and numbers always serialize");
        if let Err(cause) = files::write_unsynced(&layout::refusals(state, profile), &bytes) {
            ui::step(&format!(
                "the refusal cannot be noted: {}",
                io_cause(&cause)
            ));
        }
        result
    }

    /// Hears and keeps that a host has refused a profile's token.
    pub fn heard(state: &Path, profile: &str, host: &str, token: &Token) -> Verdict {
        Self::change(state, profile, |refusals| {
            refusals.hear(host, token, clock::now())
        })
    }

    /// Hears that a host has refused a token.
    pub fn hear(&mut self, host: &str, token: &Token, now: Epoch) -> Verdict {
        let mark = mark(token);
        if let Some(bar) = self.bars.get_mut(host).filter(|bar| bar.holds(now)) {
            bar.token = mark;
            return Verdict::Barred;
        }
        if self.refused.as_deref() == Some(&mark) {
            return Verdict::Renew;
        }
        if self.came_of_one(token, now) {
            self.bars.retain(|_, bar| bar.holds(now));
            let bar = Bar {
                token: mark,
                since: now,
            };
            self.bars.insert(host.to_owned(), bar);
            return Verdict::Barred;
        }
        self.refused = Some(mark);
        self.at = now;
        self.handed = None;
        Verdict::Renew
    }

    /// Whether a token is young and came of a refusal.
    pub fn came_of_one(&self, token: &Token, now: Epoch) -> bool {
        let is_another = |refused: &String| *refused != mark(token);
        self.refused.as_ref().is_some_and(is_another)
            && token.obtained >= self.at
            && (0..YOUNG).contains(&(now - token.obtained))
    }

    /// Remembers that a program begins with such a token.
    pub fn hand(&mut self, token: &Token) {
        self.handed = Some(mark(token));
    }

    /// Remembers that a host takes a token for a password only.
    pub fn note_basic(&mut self, host: &str) {
        self.basic.insert(host.to_owned());
    }

    /// Whether a host takes a token for a password only.
    pub fn wants_basic(&self, host: &str) -> bool {
        self.basic.contains(host)
    }

    /// Whether a program has begun with this token.
    pub fn was_handed(&self, token: &Token) -> bool {
        self.handed.as_ref() == Some(&mark(token))
    }

    /// Until when nothing is renewed for a host.
    pub fn barred_until(&self, host: &str, now: Epoch) -> Option<Epoch> {
        let bar = self.bars.get(host).filter(|bar| bar.holds(now))?;
        Some(bar.since + BARRED)
    }

    /// Whether a host has refused this very token, though it came of a refusal, now or before.
    pub fn has_refused(&self, host: &str, token: &Token) -> bool {
        self.bars
            .get(host)
            .is_some_and(|bar| bar.token == mark(token))
    }

    /// A person has seen to it: the next refusal is the first.
    pub fn forgive(state: &Path, profile: &str) {
        if layout::refusals(state, profile).exists() {
            Self::change(state, profile, |refusals| {
                *refusals = Self {
                    basic: std::mem::take(&mut refusals.basic),
                    ..Self::default()
                }
            });
        }
    }
}

impl Bar {
    fn holds(&self, now: Epoch) -> bool {
        // Ahead of the clock, which has gone back since, is no bar.
        (0..BARRED).contains(&(now - self.since))
    }
}

/// A token's mark: enough to tell it from its successor.
pub fn mark(token: &Token) -> String {
    hash(&["refused-1", token.text.expose()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn token(text: &str, obtained: Epoch) -> Token {
        Token::bare(Secret::new(text.to_owned()), obtained)
    }

    #[test]
    fn a_renewed_token_that_is_refused_too_bars_its_host_alone() {
        let mut refusals = Refusals::default();
        let (old, new) = (token("a", 100), token("b", 1000));
        assert_eq!(refusals.hear("h", &old, 1000), Verdict::Renew);
        // A second process has been refused with the same token.
        assert_eq!(refusals.hear("h", &old, 1001), Verdict::Renew);
        assert_eq!(refusals.barred_until("h", 1001), None);
        assert_eq!(refusals.hear("h", &new, 1002), Verdict::Barred);
        assert_eq!(refusals.barred_until("h", 1301), Some(1302));
        assert_eq!(refusals.barred_until("i", 1003), None);
        // Refused again, and after five minutes for another time.
        assert_eq!(refusals.hear("h", &new, 1200), Verdict::Barred);
        assert!(refusals.has_refused("h", &new) && !refusals.has_refused("i", &new));
        assert_eq!(refusals.barred_until("h", 1302), None);
        assert_eq!(refusals.hear("h", &new, 1302), Verdict::Renew);
    }

    #[test]
    fn a_token_that_was_good_for_a_minute_is_renewed_again() {
        let mut refusals = Refusals::default();
        refusals.hear("h", &token("a", 100), 1000);
        assert_eq!(refusals.hear("h", &token("b", 1000), 1060), Verdict::Renew);
    }

    #[test]
    fn another_token_is_not_refused_before_it_has_been_tried() {
        let mut refusals = Refusals::default();
        refusals.hear("h", &token("a", 100), 1000);
        refusals.hear("h", &token("b", 1000), 1001);
        let third = token("c", 1100);
        assert!(!refusals.has_refused("h", &third));
        assert_eq!(refusals.hear("h", &third, 1100), Verdict::Barred);
        assert!(refusals.has_refused("h", &third));
        assert_eq!(refusals.barred_until("h", 1100), Some(1301));
    }

    #[test]
    fn another_host_does_not_throw_the_new_token_away() {
        let mut refusals = Refusals::default();
        refusals.hear("h", &token("a", 100), 1000);
        assert_eq!(refusals.hear("i", &token("b", 1000), 1001), Verdict::Barred);
        assert_eq!(
            refusals.barred_until("h", 1001),
            None,
            "h has not refused it"
        );
    }

    #[test]
    fn a_clock_that_went_back_bars_nothing() {
        let mut refusals = Refusals::default();
        refusals.hear("h", &token("a", 100), 1000);
        refusals.hear("h", &token("b", 1000), 1001);
        assert_eq!(refusals.barred_until("h", 500), None);
    }
}
