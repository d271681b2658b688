//! What a grant brought, merged with what was stored, and how long it lives.

use crate::clock::{self, Epoch};
use crate::error::{Kind, Result, about, shell_word};
use crate::oauth::expiry::Expiry;
use crate::oauth::id_token::{self as jwt, IdToken};
use crate::oauth::reply::Granted;
use crate::profile::scope::{difference, split_scope};
use crate::profile::{AssumedLife, ISSUED, Profile, TokenKind, missing_scope};
use crate::secret::Secret;
use crate::state::record::{Record, Token};
use crate::state::storage::new_spool_key;
use crate::token::id_token_check::withheld;
use crate::ui;

/// A token of which nobody says when it ends is renewed after this, where it can be.
const USUAL_LIFE: Epoch = 3600;

/// What a grant brought, merged with what was there.
pub struct Merged {
    pub record: Record,
    /// The token asked for, or why there is none.
    access: Result<Token, String>,
    id: Id,
    /// Whether there is anything to store.
    pub kept: bool,
    /// Variants whose tokens the record has no place for any more.
    pub evicted: Vec<String>,
}

/// What became of a reply's id token.
enum Id {
    /// None came.
    None,
    Token(Token),
    /// It is not used, for this reason.
    LeftOut(String),
    /// It cannot be handed out yet, for this reason.
    Waits(String),
    /// Nothing of the reply is used, for this reason.
    Refused(String),
}

impl Id {
    fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            _ => None,
        }
    }
}

impl Merged {
    /// Of a renewal: no refresh token in the reply keeps the old one, and other tokens stay.
    pub fn renewed(
        profile: &Profile,
        old: Option<&Record>,
        granted: Granted,
        sent_at: Epoch,
    ) -> Self {
        let mut merging = Merging::now(profile, sent_at);
        let merged = merging.renewed(old, granted);
        merging.tell();
        merged
    }

    /// Of a new grant, perhaps another person's: nothing of the old one stays but the count.
    pub fn new_grant(
        profile: &Profile,
        old: Option<&Record>,
        granted: Granted,
        sent_at: Epoch,
    ) -> Self {
        let mut merging = Merging::now(profile, sent_at);
        let merged = merging.new_grant(old, granted);
        merging.tell();
        merged
    }

    /// Whether nothing of the reply is used.
    pub fn is_refused(&self) -> bool {
        matches!(self.id, Id::Refused(_))
    }

    /// Whether the server has sent no id token at all, good or not.
    pub fn has_no_id_token(&self) -> bool {
        matches!(self.id, Id::None)
    }

    /// The token that the caller asked for.
    pub fn wanted(&self, profile: &Profile) -> Result<Token> {
        let refuse = |why: &str| {
            profile.error(
                Kind::Refused,
                format!("the server's token cannot be used: {why}"),
            )
        };
        match (profile.request.kind, &self.id) {
            (_, Id::Refused(why)) => {
                let what = format!(
                    "the server's reply is not used: the id token in it is not good: {why}"
                );
                let error = profile.error(Kind::Refused, what);
                let name = shell_word(&profile.name);
                Err(error.hint(format!("log in again: tokctl login {name}")))
            }
            (TokenKind::Access, _) => self.access.clone().map_err(|why| refuse(&why)),
            (TokenKind::Id, Id::Token(token)) => Ok(token.clone()),
            (TokenKind::Id, Id::Waits(why)) => Err(withheld(profile, why)),
            (TokenKind::Id, Id::None | Id::LeftOut(_)) => {
                let stored = self.record.tokens.get(&profile.variant_of(TokenKind::Id));
                stored.cloned().ok_or_else(|| match &self.id {
                    Id::LeftOut(why) => refuse(&format!("the id_token is not good: {why}")),
                    _ => refuse("it sent no id_token").hint("ask for scope openid when logging in"),
                })
            }
        }
    }
}

/// What is merged, and when. Nothing here looks at the clock, and what is to be told is collected.
struct Merging<'a> {
    profile: &'a Profile,
    /// The clock at the start of the request that brought the reply.
    sent_at: Epoch,
    now: Epoch,
    notices: Vec<Notice>,
}

/// What is said about a reply.
#[derive(Debug, PartialEq, Eq)]
enum Notice {
    Warning(String),
    /// For who wants to know each step.
    Step(String),
}

impl<'a> Merging<'a> {
    fn now(profile: &'a Profile, sent_at: Epoch) -> Self {
        Self {
            profile,
            sent_at,
            now: clock::now(),
            notices: Vec::new(),
        }
    }

    /// A mutant that says nothing is seen only by the tests that read stderr: `variants`, `get`, `login_redirect`.
    fn tell(&self) {
        for notice in &self.notices {
            match notice {
                Notice::Warning(what) => ui::warn(&about(&self.profile.name, what)),
                Notice::Step(what) => ui::step(&about(&self.profile.name, what)),
            }
        }
    }

    fn warn(&mut self, what: impl Into<String>) {
        self.notices.push(Notice::Warning(what.into()));
    }

    /// Says what came and is not taken. Who needs no person has no use for the rest.
    fn say(&mut self, what: impl Into<String>) {
        self.notices.push(if self.profile.is_repeatable() {
            Notice::Step(what.into())
        } else {
            Notice::Warning(what.into())
        });
    }

    fn renewed(&mut self, old: Option<&Record>, granted: Granted) -> Merged {
        let profile = self.profile;
        let missing = missing_scope(&profile.request.scope, granted.scope.as_deref());
        // A login has been told once; who asks for another scope is told with the token.
        if profile.is_repeatable() && !profile.asks_beyond() && !missing.is_empty() {
            self.warn(format!(
                "the server granted less than was asked for: without {}",
                missing.join(" ")
            ));
        }
        let base = old.filter(|old| old.binding == profile.binding()).cloned();
        if let Some(base) = base.as_ref().filter(|_| !profile.is_repeatable()) {
            self.tell_narrowed(base, granted.scope.as_deref());
        }
        self.on(after(base, profile, old), granted)
    }

    fn new_grant(&mut self, old: Option<&Record>, granted: Granted) -> Merged {
        self.on(after(None, self.profile, old), granted)
    }

    fn on(&mut self, mut record: Record, mut granted: Granted) -> Merged {
        let (profile, sent_at) = (self.profile, self.sent_at);
        match &granted.refresh {
            Some(refresh) if profile.is_repeatable() => record.keep_unused(refresh),
            Some(refresh) => record.refresh = Some(refresh.clone()),
            None => {}
        }
        for what in &granted.left_out {
            self.say(what.clone());
        }
        let id = self.take_id_token(&mut record, &mut granted);
        let access = self.access_token(&record, granted);
        let mut kept = record.refresh.is_some();
        let mut evicted = Vec::new();
        let both = [
            (TokenKind::Access, access.as_ref().ok()),
            (TokenKind::Id, id.token()),
        ];
        for (kind, token) in both {
            // One that has ended is for who asked for it, and not kept.
            if let Some(token) = token.filter(|token| token.expires.is_none_or(|end| end > sent_at))
            {
                evicted.extend(record.put(&profile.variant_of(kind), token.clone(), self.now));
                kept = true;
            }
        }
        Merged {
            record,
            access,
            id,
            kept,
            evicted,
        }
    }

    /// Puts a reply's id token into the record as far as that may be.
    fn take_id_token(&mut self, record: &mut Record, granted: &mut Granted) -> Id {
        let variant = self.profile.variant_of(TokenKind::Id);
        let now = self.now;
        record.unchecked.retain(|_, kept| kept.is_alive(now));
        match std::mem::take(&mut granted.id_token) {
            IdToken::None => Id::None,
            IdToken::Good(text, identity) => {
                record.unchecked.remove(&variant);
                record.identity.get_or_insert(identity);
                Id::Token(id_token_of(text, self.sent_at))
            }
            IdToken::Waiting { text, why } => {
                let token = id_token_of(text, self.sent_at);
                record.unchecked.insert(variant, token);
                Id::Waits(why)
            }
            IdToken::LeftOut(why) => {
                self.say(format!("the id token is left out: {why}"));
                Id::LeftOut(why)
            }
            // Nobody has looked at it.
            IdToken::Raw(_) => Id::LeftOut("it is not checked".to_owned()),
            IdToken::Refused(why) => {
                granted.access = Err(format!("the id token beside it is not good: {why}"));
                Id::Refused(why)
            }
        }
    }

    /// Tells of a grant that covers less than it did: at some servers (Django's, osu!) a refresh for fewer scopes
    /// narrows the grant itself, and all that is renewed after it.
    fn tell_narrowed(&mut self, base: &Record, granted: Option<&str>) {
        let profile = self.profile;
        let before = base.tokens.get(&profile.variant());
        let Some(before) = before.and_then(|token| token.scope.as_deref()) else {
            return;
        };
        let less = difference(&split_scope(&[before.to_owned()]), granted).less;
        if !less.is_empty() {
            self.warn(format!(
                "the server grants less than before: without {}; to have it again, run: tokctl login {}",
                less.join(" "),
                shell_word(&profile.name)
            ));
        }
    }

    /// The access token of a reply, or why it has none that can be used.
    fn access_token(&mut self, record: &Record, granted: Granted) -> Result<Token, String> {
        let profile = self.profile;
        let renewable = profile.is_repeatable() || record.refresh.is_some();
        let asked = || Some(profile.request.scope.join(" ")).filter(|scope| !scope.is_empty());
        let mut kept = granted.kept;
        if let Some(issued) = kept.get(ISSUED).and_then(serde_json::Value::as_str)
            && profile.exchange.is_other(issued)
        {
            self.warn(format!(
                "the server issued another requested_token_type: {issued}"
            ));
        }
        // A refresh need not say again what it has said with the login.
        let before = record.tokens.get(&profile.variant());
        for (name, value) in before.into_iter().flat_map(|old| &old.kept) {
            kept.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let text = granted.access?;
        Ok(Token {
            expires: self.expires((&granted.expiry, &text), renewable),
            text,
            token_type: granted.token_type,
            scope: granted.scope.or_else(asked),
            obtained: self.sent_at,
            kept,
            is_id: false,
        })
    }

    /// When a token ends: what the server said, else what the profile assumes, else what the token itself
    /// says, else an hour if it can be renewed, else nobody knows.
    fn expires(&mut self, (expiry, token): (&Expiry, &Secret), renewable: bool) -> Option<Epoch> {
        let (sent_at, life) = (self.sent_at, self.profile.quirks.assumed_life);
        let assumed = || match life {
            AssumedLife::For(life) => sent_at.checked_add(life.as_secs().try_into().ok()?),
            AssumedLife::Usual | AssumedLife::None => None,
        };
        let usual = renewable && life == AssumedLife::Usual;
        let unsaid = || {
            assumed()
                .or_else(|| jwt::end(token))
                .or(usual.then_some(sent_at + USUAL_LIFE))
        };
        match expiry {
            Expiry::In(seconds) => Some(sent_at + seconds),
            Expiry::At(at) => Some((*at).max(sent_at)),
            Expiry::Unsaid => unsaid(),
            Expiry::Wrong(what) => {
                let words = format!("{what} in the server's reply");
                // Who has set it knows it.
                self.notices.push(if life == AssumedLife::Usual {
                    Notice::Warning(format!(
                        "{words}; the token is good, but how long is not known (assume_expires_in can say it)"
                    ))
                } else {
                    Notice::Step(words)
                });
                unsaid()
            }
        }
    }
}

/// An id token as it is kept.
fn id_token_of(text: Secret, sent_at: Epoch) -> Token {
    Token {
        expires: jwt::end(&text),
        is_id: true,
        ..Token::bare(text, sent_at)
    }
}

/// The record that a reply is laid on: `base`, else a new one, counted on from the old one.
fn after(base: Option<Record>, profile: &Profile, old: Option<&Record>) -> Record {
    let mut record = base.unwrap_or_else(|| Record::new(profile.binding(), new_spool_key()));
    record.generation = old.map_or(0, |old| old.generation).saturating_add(1);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::made_up::Chance;
    use crate::oauth::reply::{self, Reading};
    use crate::profile::config::Config;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    const NOW: Epoch = 1_700_000_000;

    fn profile(name: &str, more: &str) -> Profile {
        let text = format!(
            "[profile.{name}]\nissuer = \"https://s.example\"\nclient_id = \"c\"\nkeep = [\"instance_url\"]\n{more}"
        );
        Profile::load(&Config::from_text(text), name).expect("a good profile")
    }

    fn login() -> Profile {
        profile("p", "scope = [\"a\", \"b\"]")
    }

    fn client() -> Profile {
        let more = "grant = \"client_credentials\"\nscope = [\"a\", \"b\"]";
        profile("p", &format!("{more}\nclient_secret = {{ env = \"S\" }}"))
    }

    fn granted(profile: &Profile, body: &str) -> Granted {
        match reply::read((200, "application/json", body.as_bytes()), profile, &[]) {
            Reading::Granted(granted) => granted,
            Reading::Refused(_) => panic!("{body} is refused"),
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    fn token(text: &str, end: &str) -> Token {
        let mut token = Token::bare(secret(text), NOW - 100);
        token.expires = end.parse::<Epoch>().ok().map(|left| NOW + left);
        token
    }

    /// A record in words: `gN` generation, `other` of another client, `r=` refresh token, `own=TOKEN@END` and
    /// `else=TOKEN@END` for another scope, each end in seconds from now or `?`, `url=` what was kept, `u=` unused.
    fn record(profile: &Profile, words: &str) -> Option<Record> {
        if words == "-" {
            return None;
        }
        let mut record = Record::new(profile.binding(), secret("key"));
        for word in words.split_whitespace() {
            let own = profile.variant();
            match word.split_once('=') {
                None if word == "other" => record.binding = "another".into(),
                None => record.generation = word[1..].parse().expect("a generation"),
                Some(("r", text)) => record.refresh = Some(secret(text)),
                Some(("u", text)) => record.unused.push(secret(text)),
                Some(("url", text)) => {
                    let own = record.tokens.get_mut(&own).expect("it comes before");
                    own.kept.insert("instance_url".into(), text.into());
                }
                Some((which, text)) => {
                    let variant = if which == "own" { own } else { "else".into() };
                    let (text, end) = text.split_once('@').expect("an end");
                    record.tokens.insert(variant, token(text, end));
                }
            }
        }
        Some(record)
    }

    /// The same of what was merged, with what went (`gone=`), `!` for each warning and `.` for each step, `lost` where
    /// nothing is to be stored, and `none` where there is no token.
    fn words(profile: &Profile, merged: &Merged, notices: &[Notice]) -> String {
        let record = &merged.record;
        let mut words = vec![format!("g{}", record.generation)];
        words.extend(
            record
                .refresh
                .iter()
                .map(|text| format!("r={}", text.expose())),
        );
        for (variant, name) in [(profile.variant(), "own"), ("else".into(), "else")] {
            let Some(token) = record.tokens.get(&variant) else {
                continue;
            };
            let end = token
                .expires
                .map_or("?".into(), |end| (end - NOW).to_string());
            words.push(format!("{name}={}@{end}", token.text.expose()));
            let url = token.kept.get("instance_url").and_then(|url| url.as_str());
            words.extend(url.map(|url| format!("url={url}")));
        }
        words.extend(
            record
                .unused
                .iter()
                .map(|text| format!("u={}", text.expose())),
        );
        words.extend(merged.evicted.iter().map(|variant| match variant {
            own if *own == profile.variant() => "gone=own".to_owned(),
            variant => format!("gone={variant}"),
        }));
        words.extend(notices.iter().map(|notice| match notice {
            Notice::Warning(_) => "!".to_owned(),
            Notice::Step(_) => ".".to_owned(),
        }));
        words.extend((!merged.kept).then(|| "lost".to_owned()));
        words.extend(merged.wanted(profile).is_err().then(|| "none".to_owned()));
        words.join(" ")
    }

    /// The old record, the reply, and what becomes of them: of a login's renewal, of a client's, of a new login.
    const MERGES: &str = r#"
        - | {"access_token":"n","expires_in":60}
            => g1 own=n@60 | g1 own=n@60 | g1 own=n@60
        - | {"access_token":"n","refresh_token":"s","expires_in":60}
            => g1 r=s own=n@60 | g1 own=n@60 u=s | g1 r=s own=n@60
        - | {"access_token":"n","refresh_token":"","expires_in":60}
            => g1 own=n@60 | g1 own=n@60 | g1 own=n@60
        - | {"access_token":"n","refresh_token":null,"expires_in":60}
            => g1 own=n@60 | g1 own=n@60 | g1 own=n@60
        - | {"access_token":"n","refresh_token":7,"expires_in":60}
            => g1 own=n@60 ! | g1 own=n@60 . | g1 own=n@60 !
        - | {"access_token":"n"}
            => g1 own=n@? | g1 own=n@3600 | g1 own=n@?
        - | {"access_token":"n","refresh_token":"s"}
            => g1 r=s own=n@3600 | g1 own=n@3600 u=s | g1 r=s own=n@3600
        - | {"access_token":"n","expires_in":60,"scope":"a"}
            => g1 own=n@60 | g1 own=n@60 ! | g1 own=n@60
        - | {"access_token":"n","expires_in":60,"scope":"a b"}
            => g1 own=n@60 | g1 own=n@60 | g1 own=n@60
        - | {"access_token":"n","expires_in":60,"scope":"x"}
            => g1 own=n@60 | g1 own=n@60 | g1 own=n@60
        - | {"access_token":"n","expires_in":60,"instance_url":"new"}
            => g1 own=n@60 url=new | g1 own=n@60 url=new | g1 own=n@60 url=new
        - | {"access_token":"n","expires_at":1700000000}
            => g1 lost | g1 lost | g1 lost
        - | {"access_token":"n","expires_at":1600000000}
            => g1 lost | g1 lost | g1 lost
        - | {"access_token":"n","expires_at":1700000001}
            => g1 own=n@1 | g1 own=n@1 | g1 own=n@1
        - | {"access_token":"n","refresh_token":"s","expires_at":1600000000}
            => g1 r=s | g1 u=s lost | g1 r=s
        - | {"access_token":"n","refresh_token":"s","token_type":"DPoP"}
            => g1 r=s none | g1 u=s lost none | g1 r=s none
        - | {"access_token":"","refresh_token":"s"}
            => g1 r=s none | g1 u=s lost none | g1 r=s none
        - | {"access_token":"n","expires_in":-1}
            => g1 own=n@? ! | g1 own=n@3600 ! | g1 own=n@? !
        g7 r=o own=t@9 | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 | g8 r=o own=n@60 | g8 own=n@60
        g7 r=o own=t@9 | {"access_token":"n","refresh_token":"s","expires_in":60}
            => g8 r=s own=n@60 | g8 r=o own=n@60 u=s | g8 r=s own=n@60
        g7 r=o own=t@9 | {"access_token":"n","refresh_token":"o","expires_in":60}
            => g8 r=o own=n@60 | g8 r=o own=n@60 u=o | g8 r=o own=n@60
        g7 r=o own=t@9 | {"access_token":"n","refresh_token":"","expires_in":60}
            => g8 r=o own=n@60 | g8 r=o own=n@60 | g8 own=n@60
        g7 r=o | {"access_token":"n"}
            => g8 r=o own=n@3600 | g8 r=o own=n@3600 | g8 own=n@?
        g7 r=o own=t@9 else=e@9 | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 else=e@9 | g8 r=o own=n@60 else=e@9 | g8 own=n@60
        g7 r=o own=t@9 else=e@1 | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 else=e@1 | g8 r=o own=n@60 else=e@1 | g8 own=n@60
        g7 r=o own=t@9 else=e@0 | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 gone=else | g8 r=o own=n@60 gone=else | g8 own=n@60
        g7 r=o own=t@9 else=e@? | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 else=e@? | g8 r=o own=n@60 else=e@? | g8 own=n@60
        g7 r=o own=t@9 url=old | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 url=old | g8 r=o own=n@60 url=old | g8 own=n@60
        g7 r=o own=t@9 url=old | {"access_token":"n","expires_in":60,"instance_url":"new"}
            => g8 r=o own=n@60 url=new | g8 r=o own=n@60 url=new | g8 own=n@60 url=new
        g7 r=o own=t@9 u=w | {"access_token":"n","expires_in":60}
            => g8 r=o own=n@60 u=w | g8 r=o own=n@60 u=w | g8 own=n@60
        g7 r=o own=t@9 u=w | {"access_token":"n","refresh_token":"s","expires_in":60}
            => g8 r=s own=n@60 u=w | g8 r=o own=n@60 u=w u=s | g8 r=s own=n@60
        g7 r=o own=t@9 | {"access_token":"","expires_in":60}
            => g8 r=o own=t@9 none | g8 r=o own=t@9 none | g8 lost none
        g7 r=o own=t@9 | {"access_token":"","refresh_token":"s"}
            => g8 r=s own=t@9 none | g8 r=o own=t@9 u=s none | g8 r=s none
        g7 r=o own=t@9 | {"access_token":"n","expires_at":1600000000}
            => g8 r=o own=t@9 | g8 r=o own=t@9 | g8 lost
        g7 other r=o own=t@9 | {"access_token":"n","expires_in":60}
            => g8 own=n@60 | g8 own=n@60 | g8 own=n@60
        g7 other r=o own=t@9 else=e@9 u=w | {"access_token":"n","refresh_token":"s","expires_in":60}
            => g8 r=s own=n@60 | g8 own=n@60 u=s | g8 r=s own=n@60
        g7 other r=o own=t@9 url=old | {"access_token":"n","expires_in":60}
            => g8 own=n@60 | g8 own=n@60 | g8 own=n@60
        g18446744073709551615 r=o | {"access_token":"n","expires_in":60}
            => g18446744073709551615 r=o own=n@60 | g18446744073709551615 r=o own=n@60 | g18446744073709551615 own=n@60
    "#;

    /// No revocation endpoint is to see it (`Record::retire`).
    #[test]
    fn an_id_token_is_kept_as_one() {
        let text = Secret::new("a.b.c".to_owned());
        assert!(id_token_of(text.clone(), 1).is_id && !Token::bare(text, 1).is_id);
    }

    #[test]
    fn a_reply_is_laid_over_what_was_stored() {
        let mut seen = 0;
        for row in MERGES.replace("\n            =>", " =>").lines() {
            let Some((given, expected)) = row.split_once(" => ") else {
                continue;
            };
            let (old, body) = given.split_once('|').expect("a reply");
            let (login, client) = (login(), client());
            let ways = [(&login, false), (&client, false), (&login, true)];
            for ((profile, is_new), expected) in ways.into_iter().zip(expected.split('|')) {
                let old = record(profile, old.trim());
                let mut merging = Merging::now(profile, NOW);
                merging.now = NOW;
                let granted = granted(profile, body.trim());
                let merged = if is_new {
                    merging.new_grant(old.as_ref(), granted)
                } else {
                    merging.renewed(old.as_ref(), granted)
                };
                let found = words(profile, &merged, &merging.notices);
                assert_eq!(found, expected.trim(), "{row}");
                assert_eq!(merged.record.binding, profile.binding());
                seen += 1;
            }
        }
        assert_eq!(seen, 3 * MERGES.matches(" => ").count());
    }

    /// A token that says itself when it ends.
    fn jwt(end: Epoch) -> String {
        let part = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let head = part(r#"{"alg":"RS256"}"#.to_owned());
        format!("{head}.{}.c2ln", part(format!("{{\"exp\":{end}}}")))
    }

    /// What the reply says of the end (`-`: nothing), whether the token says that it ends in 500 s, and the end that is
    /// taken where a refresh token is there and where none is: usually, with `assume_expires_in = "5m"`, with `"none"`.
    const ENDS: &str = r#"
        -                    plain => 3600 ? | 300 300 | ? ?
        -                    jwt   => 500 500 | 300 300 | 500 500
        "expires_in":60      plain => 60 60 | 60 60 | 60 60
        "expires_in":60      jwt   => 60 60 | 60 60 | 60 60
        "expires_in":"60"    plain => 60 60 | 60 60 | 60 60
        "expires_in":null    plain => 3600 ? | 300 300 | ? ?
        "expires_in":null    jwt   => 500 500 | 300 300 | 500 500
        "expires_in":0       plain => 3600! ?! | 300. 300. | ?. ?.
        "expires_in":0       jwt   => 500! 500! | 300. 300. | 500. 500.
        "expires_in":"soon"  plain => 3600! ?! | 300. 300. | ?. ?.
        "expires_at":1700000060 plain => 60 60 | 60 60 | 60 60
        "expires_at":1700000060 jwt   => 60 60 | 60 60 | 60 60
        "expires_at":1600000000 plain => 0 0 | 0 0 | 0 0
        "expires_in":60,"expires_at":1700000090 plain => 60 60 | 60 60 | 60 60
        "expires_in":-5,"expires_at":1700000090 plain => 90 90 | 90 90 | 90 90
        "expires_in_sec":70,"expires_in":70000  plain => 70 70 | 70 70 | 70 70
        "expires":80         plain => 80 80 | 80 80 | 80 80
        "expires":1700000080 plain => 80 80 | 80 80 | 80 80
    "#;

    #[test]
    fn the_end_of_a_token_is_taken_from_the_first_who_says_it() {
        let lives = [
            "",
            "assume_expires_in = \"5m\"",
            "assume_expires_in = \"none\"",
        ];
        for row in ENDS.lines().filter(|row| row.contains("=>")) {
            let (given, expected) = row.split_once("=>").expect("a row");
            let (said, form) = given.trim().rsplit_once(' ').expect("a form");
            let text = if form == "jwt" {
                jwt(NOW + 500)
            } else {
                "n".to_owned()
            };
            let said = match said.trim() {
                "-" => String::new(),
                said => format!(",{said}"),
            };
            let mut found = Vec::new();
            for life in lives {
                let profile = profile("p", life);
                for refresh in ["", ",\"refresh_token\":\"s\""].into_iter().rev() {
                    let body = format!("{{\"access_token\":\"{text}\"{said}{refresh}}}");
                    let mut merging = Merging::now(&profile, NOW);
                    merging.now = NOW;
                    let merged = merging.renewed(None, granted(&profile, &body));
                    let token = merged.wanted(&profile).expect("a token");
                    let end = token
                        .expires
                        .map_or("?".into(), |end| (end - NOW).to_string());
                    let notice = merging.notices.iter().map(|notice| match notice {
                        Notice::Warning(_) => '!',
                        Notice::Step(_) => '.',
                    });
                    found.push(format!("{end}{}", notice.collect::<String>()));
                    assert_eq!(token.obtained, NOW);
                }
            }
            let expected: Vec<&str> = expected
                .split([' ', '|'])
                .filter(|s| !s.is_empty())
                .collect();
            assert_eq!(found, expected, "{row}");
        }
    }

    fn identity() -> crate::oauth::id_token::Identity {
        crate::oauth::id_token::Identity::of(
            &serde_json::json!({"iss": "i", "sub": "s", "aud": "c"}),
        )
    }

    /// Makes what came.
    type Make<'a> = &'a dyn Fn() -> IdToken;

    /// What became of the reply's id token, and what that means: for who wants an access token and who wants the id
    /// token, whether an id token is stored, waits, and whose grant it is.
    #[test]
    fn an_id_token_is_kept_put_off_left_out_or_costs_its_whole_reply() {
        let good = || IdToken::Good(secret(&jwt(NOW + 500)), identity());
        let waiting = || IdToken::Waiting {
            text: secret(&jwt(NOW + 500)),
            why: "no keys".into(),
        };
        let out = || IdToken::LeftOut("odd".into());
        let refused = || IdToken::Refused("forged".into());
        let rows: [(Make<'_>, &str); 6] = [
            (&|| IdToken::None, "access no-id | - - -"),
            (&good, "access id | stored - known"),
            (&waiting, "access no-id | - waits -"),
            (&out, "access no-id | - - -"),
            (&|| IdToken::Raw(secret("x")), "access no-id | - - -"),
            (&refused, "no-access no-id | - - -"),
        ];
        let mut wants_id = login();
        wants_id.request.kind = TokenKind::Id;
        let access = login();
        let variant = access.variant_of(TokenKind::Id);
        for (make, expected) in rows {
            let merge = |profile: &Profile| {
                let mut granted = granted(profile, r#"{"access_token":"n","expires_in":60}"#);
                granted.id_token = make();
                let mut merging = Merging::now(profile, NOW);
                merging.now = NOW;
                merging.renewed(None, granted)
            };
            let merged = merge(&access);
            let record = &merged.record;
            let has = |yes: bool, word: &'static str, no: &'static str| if yes { word } else { no };
            let found = [
                has(merged.wanted(&access).is_ok(), "access", "no-access"),
                has(merge(&wants_id).wanted(&wants_id).is_ok(), "id", "no-id"),
                "|",
                has(record.tokens.contains_key(&variant), "stored", "-"),
                has(record.unchecked.contains_key(&variant), "waits", "-"),
                has(record.identity.is_some(), "known", "-"),
            ];
            assert_eq!(found.join(" "), expected);
            assert_eq!(merged.is_refused(), expected.starts_with("no-access"));
            assert_eq!(merged.has_no_id_token(), matches!(make(), IdToken::None));
        }
    }

    #[test]
    fn why_there_is_no_token_is_said_with_what_helps() {
        let mut profile = login();
        let why = |profile: &Profile, id_token: IdToken, body: &str| {
            let mut granted = granted(profile, body);
            granted.id_token = id_token;
            let merged = Merging::now(profile, NOW).renewed(None, granted);
            let error = merged.wanted(profile).expect_err("there is none");
            let hint = error.hint.clone().unwrap_or_default();
            (error.kind, format!("{} / {hint}", error.message))
        };
        let body = r#"{"access_token":"","expires_in":60}"#;
        let (kind, words) = why(&profile, IdToken::None, body);
        assert_eq!(kind, Kind::Refused);
        assert!(
            words.contains("cannot be used: the access_token is empty"),
            "{words}"
        );
        profile.request.kind = TokenKind::Id;
        let body = r#"{"access_token":"n","expires_in":60}"#;
        for (id_token, kind, said) in [
            (
                IdToken::None,
                Kind::Refused,
                "sent no id_token / ask for scope openid",
            ),
            (
                IdToken::LeftOut("odd".into()),
                Kind::Refused,
                "id_token is not good: odd / ",
            ),
            (
                IdToken::Refused("forged".into()),
                Kind::Refused,
                "not good: forged / log in again: tokctl login p",
            ),
            (
                IdToken::Waiting {
                    text: secret("x"),
                    why: "no keys".into(),
                },
                Kind::Temporary,
                "cannot be checked now: no keys / try again",
            ),
        ] {
            let (found, words) = why(&profile, id_token, body);
            assert!(found == kind && words.contains(said), "{found:?} {words}");
        }
    }

    /// A stored id token is handed out where the renewal brought none.
    #[test]
    fn an_id_token_stays_and_one_that_waited_goes_with_its_end() {
        let mut profile = login();
        profile.request.kind = TokenKind::Id;
        let mut old = record(&profile, "g1 r=o own=i@60").expect("a record");
        for (variant, end) in [("later", "1"), ("over", "0")] {
            old.unchecked.insert(variant.into(), token("w", end));
        }
        old.unchecked.insert(profile.variant(), token("w", "60"));
        old.identity = Some(identity());
        let body = r#"{"access_token":"n","expires_in":60}"#;
        let merge = |id_token: IdToken| {
            let mut granted = granted(&profile, body);
            granted.id_token = id_token;
            let mut merging = Merging::now(&profile, NOW);
            merging.now = NOW;
            merging.renewed(Some(&old), granted)
        };
        let merged = merge(IdToken::None);
        assert_eq!(
            merged.wanted(&profile).expect("the old one").text.expose(),
            "i"
        );
        assert!(merged.record.unchecked.contains_key("later"));
        assert!(!merged.record.unchecked.contains_key("over"));
        let merged = merge(IdToken::Good(secret(&jwt(NOW + 9)), identity()));
        assert!(!merged.record.unchecked.contains_key(&profile.variant()));
        let end = merged.wanted(&profile).expect("the new one").expires;
        assert_eq!(end, Some(NOW + 9));
    }

    #[test]
    fn what_is_told_of_a_reply_names_the_scopes() {
        let told = |profile: &Profile, old: &str, body: &str| {
            let old = record(profile, old);
            let old = old.map(|mut old| {
                for token in old.tokens.values_mut() {
                    token.scope = Some("a b".into());
                }
                old
            });
            let mut merging = Merging::now(profile, NOW);
            merging.renewed(old.as_ref(), granted(profile, body));
            merging.notices
        };
        let less = r#"{"access_token":"n","expires_in":60,"scope":"a"}"#;
        let all = r#"{"access_token":"n","expires_in":60,"scope":"a b"}"#;
        let warned = |words: &str| vec![Notice::Warning(words.to_owned())];
        let narrowed =
            "the server grants less than before: without b; to have it again, run: tokctl login p";
        assert_eq!(told(&login(), "g1 r=o own=t@9", less), warned(narrowed));
        assert_eq!(told(&login(), "g1 r=o own=t@9", all), []);
        assert_eq!(told(&login(), "g1 r=o", less), []);
        assert_eq!(told(&login(), "g1 other r=o own=t@9", less), []);
        let asked = "the server granted less than was asked for: without b";
        assert_eq!(told(&client(), "g1 own=t@9", less), warned(asked));
        assert_eq!(told(&client(), "-", all), []);
        let mut other = client();
        other.own_variant = Some("another".into());
        assert_eq!(told(&other, "-", less), []);
        let unscoped = merged_scope(&login(), r#"{"access_token":"n"}"#);
        assert_eq!(unscoped.as_deref(), Some("a b"));
        assert_eq!(merged_scope(&login(), less).as_deref(), Some("a"));
        assert_eq!(
            merged_scope(&profile("p", ""), r#"{"access_token":"n"}"#),
            None
        );
    }

    fn merged_scope(profile: &Profile, body: &str) -> Option<String> {
        let merged = Merging::now(profile, NOW).renewed(None, granted(profile, body));
        merged.wanted(profile).expect("a token").scope
    }

    /// Made-up histories of one profile: renewals and logins over hours, in which nothing is lost that must stay.
    #[test]
    fn a_history_of_replies_loses_no_refresh_token_and_no_other_scope_s_token() {
        let (login, client) = (login(), client());
        for seed in 0..300 {
            let mut chance = Chance::new(seed);
            let profile = if chance.one_in(3) { &client } else { &login };
            let mut record: Option<Record> = None;
            let mut now = NOW;
            for step in 0..20 {
                now += chance.below(2000);
                let mut body = serde_json::json!({ "access_token": "" });
                if !chance.one_in(8) {
                    body["access_token"] = format!("a{step}").into();
                }
                if chance.one_in(2) {
                    body["refresh_token"] = format!("r{step}").into();
                }
                if !chance.one_in(4) {
                    body["expires_in"] = chance.below(5000).into();
                }
                let is_new = chance.one_in(6);
                let mut asking = profile.clone();
                if chance.one_in(3) {
                    asking.request.scope = vec![format!("s{}", chance.below(12))];
                }
                if chance.one_in(15) {
                    record = record.map(|record| Record {
                        binding: "x".into(),
                        ..record
                    });
                }
                let mut merging = Merging::now(&asking, now);
                merging.now = now;
                let granted = granted(&asking, &body.to_string());
                let (refresh, access) = (granted.refresh.clone(), granted.access.is_ok());
                let merged = if is_new {
                    merging.new_grant(record.as_ref(), granted)
                } else {
                    merging.renewed(record.as_ref(), granted)
                };
                let base = record.filter(|old| !is_new && old.binding == asking.binding());
                check(
                    &asking,
                    base.as_ref(),
                    (&merged, refresh.as_ref(), access),
                    now,
                );
                if let Some(base) = &base {
                    assert_eq!(merged.record.generation, base.generation + 1);
                }
                record = Some(merged.record);
            }
        }
    }

    /// What must hold of each step of a history.
    fn check(
        profile: &Profile,
        base: Option<&Record>,
        (merged, refresh, access): (&Merged, Option<&Secret>, bool),
        now: Epoch,
    ) {
        let record = &merged.record;
        assert!(record.tokens.len() <= 8 && record.unused.len() <= 8);
        let kept = base.and_then(|base| base.refresh.as_ref());
        let expected = match refresh {
            Some(new) if !profile.is_repeatable() => Some(new),
            _ => kept,
        };
        let text = |secret: Option<&Secret>| secret.map(|secret| secret.expose().to_owned());
        assert_eq!(text(record.refresh.as_ref()), text(expected));
        let all = base.into_iter().flat_map(|base| &base.tokens);
        for (variant, token) in all.filter(|(variant, _)| **variant != profile.variant()) {
            let stays = record.tokens.contains_key(variant);
            assert!(stays || merged.evicted.contains(variant) || !access);
            let is_full = record.tokens.len() == 8;
            assert!(
                stays || !token.is_alive(now) || is_full,
                "{variant} is lost"
            );
        }
        for (variant, token) in &record.tokens {
            let known = base.is_some_and(|base| base.tokens.contains_key(variant));
            assert!(known || *variant == profile.variant(), "{token:?}");
        }
        assert_eq!(merged.wanted(profile).is_ok(), access);
    }
}
