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
    pub fn is_news(&self, token: &Token, now: Epoch) -> bool {
        let since = u128::try_from(token.obtained).unwrap_or(0) * 1000 > self.started;
        if self.force {
            since && token.is_alive(now)
        } else {
            self.is_fresh(token, now)
        }
    }

    /// Whether a stored token will do as it is.
    pub fn is_good(&self, token: &Token, now: Epoch) -> bool {
        !self.force && self.is_fresh(token, now)
    }

    /// Whether a token lives as long as the caller wants it to.
    pub fn is_fresh(&self, token: &Token, now: Epoch) -> bool {
        token.is_fresh(now, self.min_ttl()) && self.caller.takes(token, now)
    }

    /// Whether a token will do that somebody else has stored while this call waited for its turn: it is as fresh as
    /// one from the server can be, also for `--force` and for a `--min-ttl` that the server's tokens never reach.
    pub fn is_good_after_waiting(&self, token: &Token, now: Epoch) -> bool {
        token.is_alive(now) && self.caller.takes(token, now)
    }

    /// Whether a remembered refusal is asked about: when its time has come, or once for who insists.
    pub fn is_about(&self, said: &Remembered, now: Epoch) -> bool {
        !said.is_news(self.started) && (self.insist != Insist::Not || said.is_due(now))
    }

    /// Whether a failure leaves a token with time left as good as it was: where the server has not refused for good.
    /// Who wants it renewed all the same has to know that the store is locked.
    pub fn may_do_with_the_old(&self, failure: Kind) -> bool {
        match failure {
            Kind::Temporary => true,
            Kind::StoreLocked | Kind::StoreUnavailable => !self.force,
            _ => false,
        }
    }

    /// Whether a stored token will do while the server or the store is away.
    pub fn is_better_than_none(&self, token: &Token, now: Epoch) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::state::note::HelperFailure;

    const NOW: Epoch = 1_700_000_000;

    /// The call began ten seconds ago.
    const STARTED: u128 = 1_699_999_990_000;

    fn config(more: &str) -> Config {
        Config::from_text(format!(
            "[profile.p]\nissuer = \"https://s.example\"\nclient_id = \"c\"\n{more}"
        ))
    }

    fn profile(config: &Config) -> Profile {
        Profile::load(config, "p").expect("a good profile")
    }

    fn token(text: &str, obtained: Epoch, expires: Option<Epoch>) -> Token {
        let mut token = Token::bare(Secret::new(text.into()), obtained);
        token.expires = expires;
        token
    }

    /// When the token was obtained and when it ends (`-`: nobody knows), in seconds from now, and what the call wants:
    /// `force`, `ttl=` of the call, `own=` of the profile, `stale=` (`stale=no` for none), a `program`, whose server has
    /// refused `this` or `that` token. Then whether the token is Good as it is, Fresh, News, good after Waiting, better
    /// than nOne.
    const TABLE: &str = "
        -3300 300                => G F N W O
        -3301 299                => W O
        -3599 1                  => W O
        -3600 0                  =>
        -3601 -1                 =>
        -54 6                    => G F N W O
        -55 5                    => W O
        -10 -                    => G F N W O
        -99999999 -              => G F N W O
        60 3600                  => G F N W O
        61 3600                  =>
        61 -                     =>
        -3300 300  force         => F W O
        -10 3590   force         => F W O
        -9 3591    force         => F N W O
        -9 -       force         => F N W O
        -9 1       force         => F N W O
        -1000 1    force         => W O
        -9 0       force         =>
        -3301 299  force         => W O
        -3000 600  ttl=600       => G F N W O
        -3001 599  ttl=600       => W O
        -3599 1    ttl=0         => G F N W O
        -3599 1    ttl=1         => G F N W O
        -3599 1    ttl=2         => W O
        -3600 0    ttl=0         =>
        -10 -      ttl=99999     => G F N W O
        -3000 600  own=600       => G F N W O
        -3001 599  own=600       => W O
        -3001 599  own=600 ttl=5 => G F N W O
        -3001 599  own=5 ttl=600 => W O
        -3540 60   stale=60      => W O
        -3541 59   stale=60      => W
        -10 3590   stale=no      => G F N W
        -3541 59   stale=no      => W
        -10 -      stale=9999    => G F N W O
        -3600 0    stale=0       =>
        -3300 300  program       => G F N W O
        -3301 299  program       => W O
        -3540 60   program       => W O
        -3541 59   program       =>
        -45 15     program       => G F N W O
        -46 14     program       =>
        -10 -      program       => G F N W O
        -3000 600  program ttl=9 => G F N W O
        -3550 50   program ttl=9 =>
        -10 3590   this          =>
        -10 3590   that          => G F N W O
        -9 3591    this force    => N
        -9 3591    that force    => F N W O
        -3541 59   that          =>
        -10 -      this          =>
        -9 3591    that stale=no => G F N W
    ";

    #[test]
    fn a_token_will_do_or_not_by_its_times_and_by_what_is_wanted() {
        for row in TABLE.lines().filter(|row| row.contains("=>")) {
            let (given, expected) = row.split_once("=>").expect("a row");
            let words: Vec<&str> = given.split_whitespace().collect();
            let wants = |word: &str| words.contains(&word);
            let set = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
            let own = set("own=").map_or(String::new(), |own| format!("min_ttl = \"{own}s\""));
            let config = config(&own);
            let profile = profile(&config);
            let at = |word: &str| word.parse::<Epoch>().ok().map(|seconds| NOW + seconds);
            let found = token("this", at(words[0]).expect("a time"), at(words[1]));
            let that = token("that", NOW, None);
            let refused = match (wants("this"), wants("that")) {
                (true, _) => Some(&found),
                (_, true) => Some(&that),
                _ => None,
            };
            let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
            let mut ask = Ask::new(&config, &profile, Deadline::after(Duration::ZERO));
            ask.started = STARTED;
            ask.force = wants("force");
            ask.min_ttl = set("ttl=").and_then(seconds);
            ask.stale = set("stale=").map_or(ask.stale, seconds);
            if wants("program") || refused.is_some() {
                ask.caller = Caller::Program {
                    refused,
                    barred: None,
                };
            }
            let answers = [
                ("G", ask.is_good(&found, NOW)),
                ("F", ask.is_fresh(&found, NOW)),
                ("N", ask.is_news(&found, NOW)),
                ("W", ask.is_good_after_waiting(&found, NOW)),
                ("O", ask.is_better_than_none(&found, NOW)),
            ];
            let answers = answers.iter().filter(|(_, yes)| *yes);
            let answers: Vec<&str> = answers.map(|(letter, _)| *letter).collect();
            assert_eq!(answers.join(" "), expected.trim(), "{row}");
        }
    }

    #[test]
    fn a_program_of_which_nothing_else_is_known_is_a_program() {
        let token = token("t", NOW - 3541, Some(NOW + 59));
        assert!(!Caller::program().takes(&token, NOW) && Caller::Person.takes(&token, NOW));
    }

    /// When it was refused last, in milliseconds from the call's start; the time now, in seconds from then; `insist`,
    /// `for_good`; and whether it is asked about.
    const ABOUT: &str = "
        1     9999          => no
        1     9999 insist   => no
        0     3599          => no
        0     3600          => yes
        0     0    insist   => yes
        -5000 3599          => no
        -5000 3600          => yes
        -5000 3600 for_good => no
        -5000 1    insist for_good => yes
    ";

    #[test]
    fn a_remembered_refusal_is_asked_about_in_its_time_or_by_who_insists() {
        for row in ABOUT.lines().filter(|row| row.contains("=>")) {
            let (given, expected) = row.split_once("=>").expect("a row");
            let words: Vec<&str> = given.split_whitespace().collect();
            let from_start: i64 = words[0].parse().expect("milliseconds");
            let asked_ms = STARTED.saturating_add_signed(from_start.into());
            let asked = Epoch::try_from(asked_ms / 1000).expect("a time");
            let later: Epoch = words[1].parse().expect("seconds");
            let error = Error::new(Kind::LoginRequired, "ended");
            let said = Remembered::new(None, error, words.contains(&"for_good"), asked_ms);
            let config = config("");
            let profile = profile(&config);
            let mut ask = Ask::new(&config, &profile, Deadline::after(Duration::ZERO));
            ask.started = STARTED;
            if words.contains(&"insist") {
                ask.insist = Insist::Again;
            }
            let is_about = ask.is_about(&said, asked + later);
            assert_eq!(is_about, expected.trim() == "yes", "{row}");
        }
    }

    #[test]
    fn what_the_server_has_refused_for_good_leaves_no_token_good() {
        let config = config("");
        let profile = profile(&config);
        let mut ask = Ask::new(&config, &profile, Deadline::after(Duration::ZERO));
        for (kind, usually, with_force) in [
            (Kind::Temporary, true, true),
            (Kind::StoreLocked, true, false),
            (Kind::StoreUnavailable, true, false),
            (Kind::LoginRequired, false, false),
            (Kind::Refused, false, false),
            (Kind::NoSecret, false, false),
            (Kind::Config, false, false),
            (Kind::Io, false, false),
        ] {
            for (force, expected) in [(false, usually), (true, with_force)] {
                ask.force = force;
                assert_eq!(ask.may_do_with_the_old(kind), expected, "{kind:?} {force}");
            }
        }
    }

    #[test]
    fn a_program_is_told_again_what_it_was_told_a_moment_ago() {
        let state = tempfile::tempdir().expect("a directory");
        let config = config("");
        let profile = profile(&config);
        let mut ask = Ask::new(&config, &profile, Deadline::after(Duration::ZERO));
        let failure = HelperFailure {
            at: clock::now(),
            host: "h".into(),
            message: "away".into(),
            temporary: true,
        };
        ask.caller = Caller::program();
        assert!(ask.not_now(state.path()).is_none());
        note::add_helper_failure(state.path(), "p", "git", failure).expect("it is written");
        let told = ask.not_now(state.path()).expect("the failure");
        assert_eq!(
            (told.kind, told.message.as_str()),
            (Kind::Temporary, "away")
        );
        let barred = Error::new(Kind::Refused, "barred");
        ask.caller = Caller::Program {
            refused: None,
            barred: Some(&barred),
        };
        assert_eq!(ask.not_now(state.path()).expect("barred").message, "barred");
        ask.caller = Caller::Person;
        assert!(ask.not_now(state.path()).is_none());
    }
}
