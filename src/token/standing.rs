//! What a profile's tokens are good for: one judgement for `get`, `status`, `doctor` and the helpers, and
//! what it means for a script. A pure function of what is kept and of the time.

use crate::clock::{self, Epoch};
use crate::error::{Error, Kind};
use crate::profile::{Profile, TokenKind};
use crate::state::note::Note;
use crate::state::record::{CLOCK_STEP, Record};
use crate::state::remembered::Remembered;

/// How long the profile's own token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// There is none.
    #[default]
    Absent,
    /// It is over, or the clock went back and nobody knows.
    Over,
    Until(Epoch),
    /// Its end was never said.
    Unknown,
}

impl Life {
    fn of(end: Option<Epoch>) -> Self {
        end.map_or(Self::Unknown, Self::Until)
    }

    fn is_alive(self, now: Epoch) -> bool {
        match self {
            Self::Absent | Self::Over => false,
            Self::Until(end) => end > now,
            Self::Unknown => true,
        }
    }
}

/// What is kept, as far as the judgement hangs on it: of the note alone, or of the record too.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts<'a> {
    /// The environment has the token.
    pub overridden: bool,
    /// A token can be asked for anew without a person.
    pub repeatable: bool,
    pub kind: Option<TokenKind>,
    /// What is stored belongs to another client or server.
    pub foreign: bool,
    /// The profile's own token.
    pub token: Life,
    /// A refresh token is stored.
    pub refreshable: bool,
    /// The server has declared the grant's end.
    pub ended: Option<&'a Remembered>,
}

impl<'a> Facts<'a> {
    /// As the note has them, which costs no store and no secret.
    pub fn noted(profile: &Profile, note: &'a Note, now: Epoch) -> Self {
        // Of what was written after now, the clock has gone back: it does not tell the time left.
        let ahead = note.updated.is_some_and(|at| at - CLOCK_STEP > now);
        let binding = note.binding.as_ref();
        Self {
            repeatable: profile.is_repeatable(),
            kind: Some(profile.request.kind),
            foreign: binding.is_some_and(|binding| *binding != profile.binding()),
            token: match note.has_token {
                false => Life::Absent,
                true if ahead => Life::Over,
                true => Life::of(note.expires),
            },
            refreshable: note.refreshable,
            ended: note.ended.as_ref().map(|ended| &ended.said),
            overridden: false,
        }
    }

    /// As the record has them.
    pub fn stored(profile: &Profile, note: &'a Note, record: Option<&Record>, now: Epoch) -> Self {
        let record = record.filter(|record| !record.is_spent());
        let ours = record.filter(|record| record.binding == profile.binding());
        let token = ours.and_then(|record| record.tokens.get(&profile.variant()));
        let refresh = ours.and_then(|record| record.refresh.as_ref());
        Self {
            repeatable: profile.is_repeatable(),
            kind: Some(profile.request.kind),
            foreign: record.is_some() && ours.is_none(),
            token: match token.filter(|token| token.is_alive(now)) {
                Some(token) => Life::of(token.expires),
                None if ours.is_some() => Life::Over,
                None => Life::Absent,
            },
            refreshable: refresh.is_some(),
            ended: refresh.and_then(|refresh| note.end_of(refresh)),
            overridden: false,
        }
    }
}

/// How a profile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The environment has the token.
    FromEnvironment,
    /// There is a token with time left, and another one after it.
    Good,
    /// There is a token with time left, and none after it without a person.
    Last,
    /// A refresh token brings the next one.
    Renewable,
    /// The next one is asked for without a person.
    Fetchable,
    /// A person must log in.
    Login(Why),
}

/// Why a person must log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The server has declared the grant's end; perhaps the last token has time left.
    Ended,
    /// What is stored belongs to another client or server.
    Foreign,
    /// The token has ended, and nothing renews it.
    Expired,
    /// Nothing is stored.
    Nothing,
}

/// The judgement.
pub fn judge(facts: &Facts<'_>, now: Epoch) -> Standing {
    let alive = facts.token.is_alive(now);
    let absent = facts.token == Life::Absent;
    match facts {
        _ if facts.overridden => Standing::FromEnvironment,
        Facts { foreign: true, .. } if facts.repeatable => Standing::Fetchable,
        Facts { foreign: true, .. } => Standing::Login(Why::Foreign),
        _ if facts.ended.is_some() => Standing::Login(Why::Ended),
        _ if alive && (facts.repeatable || facts.refreshable) => Standing::Good,
        _ if alive => Standing::Last,
        _ if facts.repeatable && absent => Standing::Fetchable,
        _ if facts.repeatable || facts.refreshable => Standing::Renewable,
        _ if absent => Standing::Login(Why::Nothing),
        _ => Standing::Login(Why::Expired),
    }
}

impl Standing {
    /// As `status` names it.
    pub fn words(self) -> &'static str {
        match self {
            Self::FromEnvironment => "from the environment",
            Self::Good | Self::Last => "good",
            Self::Renewable => "renewed when asked for",
            Self::Fetchable => "fetched when asked for",
            Self::Login(_) => "login needed",
        }
    }
}

impl Why {
    /// In words, without those of the server.
    pub fn words(self, kind: Option<TokenKind>) -> &'static str {
        match (self, kind) {
            (Self::Ended, _) => "the server has ended it (revoked or expired)",
            (Self::Foreign, _) => {
                "what is stored belongs to another client_id, token_endpoint or grant"
            }
            (Self::Expired, Some(TokenKind::Id)) => {
                "the id token has expired, and there is no refresh token"
            }
            (Self::Expired, _) => "the access token has expired, and there is no refresh token",
            (Self::Nothing, _) => "nothing is stored: nobody has logged in",
        }
    }
}

/// What a script has to know of a profile, as `get` would find it without a request: none where it is good
/// or renewed without a person.
pub fn trouble(profile: &Profile, facts: &Facts<'_>, note: &Note, now: Epoch) -> Option<Error> {
    let standing = judge(facts, now);
    if let Standing::Login(why) = standing {
        let error = match facts.ended.filter(|_| why == Why::Ended) {
            Some(said) => said.error.clone(),
            None => profile.login_required(why.words(facts.kind)),
        };
        let remedy = profile.login_required("").hint;
        return Some(Error {
            hint: error.hint.clone().or(remedy),
            ..error.of(&profile.name)
        });
    }
    let at = note.not_before.filter(|at| *at > now)?;
    if matches!(standing, Standing::Renewable | Standing::Fetchable) {
        let what = "the server has asked not to be called for a while";
        let wait = format!("try again in {}", clock::words(at - now));
        return Some(profile.error(Kind::Temporary, what).hint(wait));
    }
    None
}

/// Of several profiles' troubles, the order in which they count for a script: what keeps everything from
/// working comes before a login, and a login before a pause.
pub fn weight(kind: Kind) -> u8 {
    match kind {
        Kind::StoreLocked | Kind::StoreUnavailable => 4,
        Kind::LoginRequired => 3,
        Kind::Temporary => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Epoch = 1_700_000_000;

    /// The token's time left (`-` for none), then letters: `e` environment, `p` repeatable, `r` refresh
    /// token, `f` foreign, `x` ended; and the judgement.
    const TABLE: &str = "
        60  e    => FromEnvironment
        -   e    => FromEnvironment
        -   ex   => FromEnvironment
        60  r    => Good
        60  p    => Good
        60  .    => Last
        0   r    => Renewable
        -   r    => Renewable
        0   p    => Renewable
        -   p    => Fetchable
        -   pf   => Fetchable
        60  rf   => Login(Foreign)
        -   f    => Login(Foreign)
        60  rx   => Login(Ended)
        0   rx   => Login(Ended)
        0   .    => Login(Expired)
        -9  .    => Login(Expired)
        o   .    => Login(Expired)
        o   r    => Renewable
        o   p    => Renewable
        -   .    => Login(Nothing)
        ?   .    => Last
        ?   r    => Good
    ";

    #[test]
    fn each_state_of_what_is_kept_has_one_judgement() {
        let said = Remembered::undated("ended");
        for row in TABLE.lines().filter(|row| row.contains("=>")) {
            let words: Vec<&str> = row.split_whitespace().collect();
            let has = |letter: char| words[1].contains(letter);
            let facts = Facts {
                overridden: has('e'),
                repeatable: has('p'),
                kind: None,
                foreign: has('f'),
                token: match words[0] {
                    "-" => Life::Absent,
                    "?" => Life::Unknown,
                    "o" => Life::Over,
                    left => Life::Until(NOW + left.parse::<Epoch>().expect("seconds")),
                },
                refreshable: has('r'),
                ended: Some(&said).filter(|_| has('x')),
            };
            assert_eq!(format!("{:?}", judge(&facts, NOW)), words[3], "{row}");
        }
    }

    #[test]
    fn a_store_counts_before_a_login_and_a_login_before_a_pause() {
        let kinds = [
            Kind::StoreLocked,
            Kind::LoginRequired,
            Kind::Temporary,
            Kind::Config,
        ];
        let weights = kinds.map(weight);
        assert!(weights.is_sorted_by(|one, two| one > two), "{weights:?}");
    }

    fn profile() -> Profile {
        let text = "[profile.p]\nissuer = \"https://s.example\"\nclient_id = \"c\"";
        let config = crate::profile::config::Config::from_text(text);
        Profile::load(&config, "p").expect("a good profile")
    }

    #[test]
    fn a_note_tells_what_is_kept_without_the_store() {
        let profile = profile();
        let life = |expires: Option<Epoch>, updated: Option<Epoch>, has_token: bool| {
            let note = Note {
                expires,
                has_token,
                updated,
                ..Note::default()
            };
            Facts::noted(&profile, &note, NOW).token
        };
        for (expires, updated, has_token, expected) in [
            (Some(NOW + 9), Some(NOW), true, Life::Until(NOW + 9)),
            (Some(NOW + 9), None, true, Life::Until(NOW + 9)),
            (None, Some(NOW), true, Life::Unknown),
            (Some(NOW + 9), Some(NOW), false, Life::Absent),
            (Some(NOW + 9), Some(NOW + 60), true, Life::Until(NOW + 9)),
            (Some(NOW + 9), Some(NOW + 61), true, Life::Over),
            (Some(NOW + 9), Some(NOW + 61), false, Life::Absent),
        ] {
            assert_eq!(life(expires, updated, has_token), expected, "{updated:?}");
        }
        for (binding, foreign) in [
            (None, false),
            (Some(profile.binding()), false),
            (Some("another".to_owned()), true),
        ] {
            let note = Note {
                binding,
                refreshable: foreign,
                ..Note::default()
            };
            let facts = Facts::noted(&profile, &note, NOW);
            assert_eq!((facts.foreign, facts.refreshable), (foreign, foreign));
            assert_eq!(facts.kind, Some(TokenKind::Access));
        }
    }

    #[test]
    fn a_record_tells_what_is_kept() {
        let profile = profile();
        let note = Note::default();
        let record = |binding: String, end: Option<Epoch>| {
            let mut record = Record::new(binding, crate::secret::Secret::new("k".into()));
            if let Some(end) = end {
                let text = crate::secret::Secret::new("t".into());
                let mut token = crate::state::record::Token::bare(text, NOW - 9);
                token.expires = Some(NOW + end);
                record.tokens.insert(profile.variant(), token);
            }
            record
        };
        let ours = || profile.binding();
        for (record, foreign, token) in [
            (None, false, Life::Absent),
            (Some(record(ours(), None)), false, Life::Absent),
            (Some(record(ours(), Some(0))), false, Life::Over),
            (Some(record(ours(), Some(9))), false, Life::Until(NOW + 9)),
            (Some(record("x".into(), Some(9))), true, Life::Absent),
        ] {
            let facts = Facts::stored(&profile, &note, record.as_ref(), NOW);
            assert_eq!((facts.foreign, facts.token), (foreign, token));
            assert_eq!(facts.kind, Some(TokenKind::Access));
        }
    }

    #[test]
    fn what_is_wrong_is_told_to_a_script_with_the_command_that_mends_it() {
        let profile = profile();
        let said = Remembered::undated("it has ended");
        let facts = |token: Life, refreshable: bool| Facts {
            token,
            refreshable,
            ..Facts::default()
        };
        let paused = |at: Epoch| Note {
            not_before: Some(at),
            ..Note::default()
        };
        let kind = |facts: &Facts<'_>, note: &Note| {
            trouble(&profile, facts, note, NOW).map(|error| error.kind)
        };
        let (good, due) = (facts(Life::Until(NOW + 9), true), facts(Life::Over, true));
        for (at, of_good, of_due) in [
            (NOW - 1, None, None),
            (NOW, None, None),
            (NOW + 1, None, Some(Kind::Temporary)),
        ] {
            assert_eq!(kind(&good, &paused(at)), of_good, "{at}");
            assert_eq!(kind(&due, &paused(at)), of_due, "{at}");
        }
        let error = trouble(&profile, &facts(Life::Absent, false), &Note::default(), NOW);
        let error = error.expect("nothing is stored");
        assert_eq!(error.kind, Kind::LoginRequired);
        assert!(error.message.contains("nobody has logged in"), "{error:?}");
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("tokctl login p"), "{hint}");
        let ended = Facts {
            ended: Some(&said),
            ..good
        };
        let error = trouble(&profile, &ended, &Note::default(), NOW).expect("it has ended");
        assert_eq!(error.message, "it has ended");
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("tokctl login p"), "{hint}");
    }

    #[test]
    fn each_standing_has_its_words() {
        for (standing, words) in [
            (Standing::FromEnvironment, "from the environment"),
            (Standing::Good, "good"),
            (Standing::Last, "good"),
            (Standing::Renewable, "renewed when asked for"),
            (Standing::Fetchable, "fetched when asked for"),
            (Standing::Login(Why::Nothing), "login needed"),
        ] {
            assert_eq!(standing.words(), words);
        }
    }
}
