//! A token with its times, and the record in which a profile's tokens are kept together.

use crate::clock::Epoch;
use crate::oauth::id_token::Identity;
use crate::profile::Profile;
use crate::secret::Secret;
use crate::state::unrevoked::{Provenance, Unrevoked};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// The clock may go back this far before a token counts as from the future, in seconds.
pub const CLOCK_STEP: Epoch = 60;

/// A token is renewed ahead of its end by at most this, in seconds (5 minutes).
const MIN_TTL: Epoch = 300;

/// A program is told a token's end this much earlier, and gets none with less to go.
const PROGRAM_MARGIN: Duration = Duration::from_secs(60);

/// Tokens kept for other scopes, audiences or resources of one profile; the oldest go first.
/// A record must fit into a keyring item, and callers rarely ask for more than a handful.
const MAX_VARIANTS: usize = 8;

/// Refresh tokens that are kept only to be revoked.
const MAX_UNUSED: usize = 8;

/// An access token (or id token) and what is known of it.
#[expect(
    clippy::struct_field_names,
    reason = "token_type is the name in RFC 6749"
)]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// The token itself.
    #[serde(rename = "access")]
    pub text: Secret,
    /// `token_type` as the server wrote it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// The granted scope, as the server gave it or as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The clock at the start of the request that brought it.
    pub obtained: Epoch,
    /// When it ends; absent when nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Epoch>,
    /// Members of the reply that the profile keeps (`instance_url`), by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, Value>,
    /// Whether it is an id token, which no revocation endpoint is to see.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_id: bool,
}

impl Token {
    /// A token of which nothing is known but that it is there at `now`.
    pub fn bare(text: Secret, now: Epoch) -> Self {
        Self {
            text,
            token_type: None,
            scope: None,
            obtained: now,
            expires: None,
            kept: BTreeMap::new(),
            is_id: false,
        }
    }

    /// What is known of it, without itself, for who only waits for its end.
    #[cfg(unix)]
    pub fn without_text(self) -> Self {
        Self {
            text: Secret::new(String::new()),
            kept: BTreeMap::new(),
            ..self
        }
    }

    /// From its request to its end, where that is known.
    pub fn life(&self) -> Option<Duration> {
        let seconds = self.expires?.saturating_sub(self.obtained);
        seconds.try_into().ok().map(Duration::from_secs)
    }

    /// Whether the token can be handed out at `now` with at least `min_ttl` to go; without
    /// `min_ttl`, the smaller of 5 minutes and 10 % of its lifetime.
    pub fn is_fresh(&self, now: Epoch, min_ttl: Option<Duration>) -> bool {
        let Some(expires) = self.expires else {
            return self.is_alive(now);
        };
        let margin = match min_ttl {
            Some(asked) => Epoch::try_from(asked.as_secs()).unwrap_or(Epoch::MAX),
            None => MIN_TTL.min(expires.saturating_sub(self.obtained) / 10),
        };
        self.is_alive(now) && expires.saturating_sub(now) >= margin
    }

    /// What must be left of it where a program is given it, which uses it until its last second: a
    /// minute, or a quarter of a life that is too short for that.
    pub fn program_margin(&self) -> Duration {
        self.life()
            .map_or(PROGRAM_MARGIN, |life| PROGRAM_MARGIN.min(life / 4))
    }

    /// Whether the token has any time left at `now`.
    pub fn is_alive(&self, now: Epoch) -> bool {
        // A clock that went back by more than a minute says nothing about the time left.
        now >= self.obtained.saturating_sub(CLOCK_STEP) && self.expires.is_none_or(|end| end > now)
    }
}

/// Everything that is kept for one profile, in one item, written at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The form of the record, for a later version to tell.
    pub version: u8,
    /// Grows by one with each write; of two records the higher one is the newer.
    pub generation: u64,
    /// The hash of the keys that the tokens belong to (`Profile::binding`).
    pub binding: String,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Secret>,
    /// Refresh tokens that came with a grant which needs none: never used, and revoked with the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<Secret>,
    /// Tokens by variant (`Profile::variant`).
    #[serde(default)]
    pub tokens: BTreeMap<String, Token>,
    /// Whom the grant is about, as its first id token said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Id tokens by variant whose signatures could not be checked yet: nobody gets them before that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unchecked: BTreeMap<String, Token>,
    /// Encrypts the spool file of this profile, so that a token which cannot be stored is never
    /// written in clear text.
    pub spool_key: Secret,
    /// Where the grant came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Provenance>,
    /// Grants that are not used any more, and that their servers have not ended yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrevoked: Vec<Unrevoked>,
}

impl Record {
    /// The token for what the profile asks, if the record belongs to the same client and server.
    pub fn token_for(&self, profile: &Profile) -> Option<Token> {
        let is_ours = self.binding == profile.binding();
        is_ours.then(|| self.tokens.get(&profile.variant()).cloned())?
    }

    /// An empty record of the present form.
    pub fn new(binding: String, spool_key: Secret) -> Self {
        Self {
            version: 1,
            generation: 0,
            binding,
            refresh: None,
            unused: Vec::new(),
            tokens: BTreeMap::new(),
            identity: None,
            unchecked: BTreeMap::new(),
            from: None,
            unrevoked: Vec::new(),
            spool_key,
        }
    }

    /// Keeps a refresh token that is of no use, to be revoked with the rest.
    pub fn keep_unused(&mut self, refresh: &Secret) {
        self.unused.push(refresh.clone());
        if self.unused.len() > MAX_UNUSED {
            self.unused.remove(0);
        }
    }

    /// Puts a token in, and drops what is expired or too much; gives the variants that went.
    pub fn put(&mut self, variant: &str, token: Token, now: Epoch) -> Vec<String> {
        let before: Vec<String> = self.tokens.keys().cloned().collect();
        self.tokens.retain(|_, kept| kept.is_alive(now));
        self.tokens.insert(variant.to_owned(), token);
        while self.tokens.len() > MAX_VARIANTS {
            let oldest = self
                .tokens
                .iter()
                .filter(|(name, _)| name.as_str() != variant)
                .min_by_key(|(_, kept)| kept.obtained)
                .map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { break };
            self.tokens.remove(&oldest);
        }
        before
            .into_iter()
            .filter(|name| !self.tokens.contains_key(name))
            .collect()
    }

    /// As one line of JSON: an inner newline makes a passwordless gnome keyring unreadable
    /// after its restart.
    pub fn to_line(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).expect("strings and numbers always serialize"))
    }

    /// The order of what a store gave back: the newest is the highest, and what cannot be read the lowest.
    pub fn rank(line: &[u8]) -> u64 {
        Self::from_line(line).map_or(0, |record| record.generation.saturating_add(1))
    }

    /// Whether it takes the place of another one.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.generation > other.generation
    }

    /// Whether what a store gave back is whole, but of a form that this version does not know.
    pub fn is_foreign(line: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Form {
            version: u8,
        }
        serde_json::from_slice(line).is_ok_and(|form: Form| form.version != 1)
    }

    /// From what a store gave back.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line)
            .ok()
            .filter(|record: &Self| record.version == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(obtained: Epoch, expires: Option<Epoch>) -> Token {
        Token {
            text: Secret::new("t".into()),
            token_type: None,
            scope: None,
            obtained,
            expires,
            kept: BTreeMap::new(),
            is_id: false,
        }
    }

    #[test]
    fn an_hour_long_token_is_fresh_until_five_minutes_before_its_end() {
        let token = token(1000, Some(4600));
        assert!(token.is_fresh(4300, None));
        assert!(!token.is_fresh(4301, None));
        assert!(token.is_fresh(4599, Some(Duration::from_secs(1))));
        assert!(!token.is_fresh(4600, Some(Duration::ZERO)));
    }

    #[test]
    fn a_short_token_is_fresh_for_nine_tenths_of_its_life() {
        let token = token(1000, Some(1060));
        assert!(token.is_fresh(1054, None));
        assert!(!token.is_fresh(1055, None));
    }

    #[test]
    fn a_program_is_given_a_minute_or_a_quarter_of_a_short_life() {
        for (life, margin) in [
            (3600, 60_000),
            (240, 60_000),
            (60, 15_000),
            (8, 2_000),
            (1, 250),
        ] {
            let token = token(1000, Some(1000 + life));
            assert_eq!(
                token.program_margin(),
                Duration::from_millis(margin),
                "{life}"
            );
        }
        assert_eq!(token(1000, None).program_margin(), PROGRAM_MARGIN);
    }

    #[cfg(unix)]
    #[test]
    fn a_token_without_its_text_keeps_its_times_alone() {
        let mut whole = token(1000, Some(4600));
        whole.kept.insert("url".into(), "u".into());
        let bare = whole.without_text();
        assert!(bare.text.is_empty() && bare.kept.is_empty());
        assert_eq!((bare.obtained, bare.expires), (1000, Some(4600)));
        assert_eq!(bare.life(), Some(Duration::from_secs(3600)));
    }

    #[test]
    fn a_clock_that_went_back_makes_a_token_stale() {
        let token = token(10_000, Some(13_600));
        assert!(token.is_alive(9_940));
        assert!(!token.is_alive(9_939));
    }

    #[test]
    fn a_record_keeps_the_newest_variants() {
        let mut record = Record::new("b".into(), Secret::new("k".into()));
        for n in 0..20 {
            record.put(&format!("v{n}"), token(n, Some(1000)), 30);
        }
        assert_eq!(record.tokens.len(), MAX_VARIANTS);
        assert!(record.tokens.contains_key("v19") && !record.tokens.contains_key("v0"));
        assert_eq!(
            record.put("late", token(2000, Some(3000)), 2000).len(),
            MAX_VARIANTS
        );
        assert_eq!(record.tokens.keys().collect::<Vec<_>>(), ["late"]);
    }

    #[test]
    fn a_record_survives_its_stored_form() {
        let mut record = Record::new("b".into(), Secret::new("k".into()));
        record.refresh = Some(Secret::new("r".into()));
        record.put("", token(1, None), 1);
        let line = record.to_line();
        assert!(!line.contains(&b'\n'));
        let back = Record::from_line(&line).expect("what was written can be read");
        assert_eq!(back.refresh.expect("kept").expose(), "r");
        let newer = b"{\"version\":2}";
        assert!(Record::from_line(newer).is_none() && Record::is_foreign(newer));
        assert!(!Record::is_foreign(b"{\"version\":1}") && !Record::is_foreign(&line));
    }

    #[test]
    fn of_two_records_the_one_that_was_written_later_is_the_newer() {
        let of = |generation| Record {
            generation,
            ..Record::new("b".into(), Secret::new("k".into()))
        };
        for (one, other, expected) in [(1, 2, false), (2, 2, false), (2, 1, true)] {
            assert_eq!(of(one).is_newer_than(&of(other)), expected, "{one} {other}");
        }
        assert_eq!(Record::rank(&of(0).to_line()), 1);
        assert_eq!(Record::rank(&of(7).to_line()), 8);
        assert_eq!(Record::rank(&of(u64::MAX).to_line()), u64::MAX);
        assert_eq!(Record::rank(b"{\"version\":1,\"generation\":9"), 0);
    }

    #[test]
    fn of_unused_refresh_tokens_the_newest_are_kept() {
        let mut record = Record::new("b".into(), Secret::new("k".into()));
        for n in 0..10 {
            record.keep_unused(&Secret::new(n.to_string()));
            let first = record.unused[0].expose();
            assert_eq!(
                first,
                usize::to_string(&(n + 1_usize).saturating_sub(MAX_UNUSED))
            );
        }
        assert_eq!(record.unused.len(), MAX_UNUSED);
    }

    #[test]
    fn a_token_of_another_client_is_none() {
        let text = "[profile.p]\nissuer = \"https://s.example\"\nclient_id = \"c\"";
        let config = crate::profile::config::Config::from_text(text);
        let profile = Profile::load(&config, "p").expect("a good profile");
        let mut record = Record::new(profile.binding(), Secret::new("k".into()));
        assert!(record.token_for(&profile).is_none());
        record.tokens.insert(profile.variant(), token(1, None));
        assert!(record.token_for(&profile).is_some());
        record.binding = "another".into();
        assert!(record.token_for(&profile).is_none());
    }
}
