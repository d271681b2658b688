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
        let missing = missing_scope(&profile.request.scope, granted.scope.as_deref());
        // A login has been told once; who asks for another scope is told with the token.
        if profile.is_repeatable() && !profile.asks_beyond() && !missing.is_empty() {
            ui::warn(&about(
                &profile.name,
                &format!(
                    "the server granted less than was asked for: without {}",
                    missing.join(" ")
                ),
            ));
        }
        let base = old.filter(|old| old.binding == profile.binding()).cloned();
        if let Some(base) = base.as_ref().filter(|_| !profile.is_repeatable()) {
            tell_narrowed(profile, base, granted.scope.as_deref());
        }
        Self::on(after(base, profile, old), profile, granted, sent_at)
    }

    /// Of a new grant, perhaps another person's: nothing of the old one stays but the count.
    pub fn new_grant(
        profile: &Profile,
        old: Option<&Record>,
        granted: Granted,
        sent_at: Epoch,
    ) -> Self {
        Self::on(after(None, profile, old), profile, granted, sent_at)
    }

    fn on(mut record: Record, profile: &Profile, granted: Granted, sent_at: Epoch) -> Self {
        let now = clock::now();
        match &granted.refresh {
            Some(refresh) if profile.is_repeatable() => record.keep_unused(refresh),
            Some(refresh) => record.refresh = Some(refresh.clone()),
            None => {}
        }
        for what in &granted.left_out {
            say(profile, what);
        }
        let mut granted = granted;
        let id = take_id_token(profile, &mut record, &mut granted, sent_at);
        let access = access_token(profile, &record, granted, sent_at);
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
                evicted.extend(record.put(&profile.variant_of(kind), token.clone(), now));
                kept = true;
            }
        }
        Self {
            record,
            access,
            id,
            kept,
            evicted,
        }
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

/// Puts a reply's id token into the record as far as that may be.
fn take_id_token(
    profile: &Profile,
    record: &mut Record,
    granted: &mut Granted,
    sent_at: Epoch,
) -> Id {
    let variant = profile.variant_of(TokenKind::Id);
    record
        .unchecked
        .retain(|_, kept| kept.is_alive(clock::now()));
    match std::mem::take(&mut granted.id_token) {
        IdToken::None => Id::None,
        IdToken::Good(text, identity) => {
            record.unchecked.remove(&variant);
            record.identity.get_or_insert(identity);
            Id::Token(id_token_of(text, sent_at))
        }
        IdToken::Waiting { text, why } => {
            record.unchecked.insert(variant, id_token_of(text, sent_at));
            Id::Waits(why)
        }
        IdToken::LeftOut(why) => {
            say(profile, &format!("the id token is left out: {why}"));
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
fn tell_narrowed(profile: &Profile, base: &Record, granted: Option<&str>) {
    let before = base.tokens.get(&profile.variant());
    let Some(before) = before.and_then(|token| token.scope.as_deref()) else {
        return;
    };
    let less = difference(&split_scope(&[before.to_owned()]), granted).less;
    if !less.is_empty() {
        let what = format!(
            "the server grants less than before: without {}; to have it again, run: tokctl login {}",
            less.join(" "),
            shell_word(&profile.name)
        );
        ui::warn(&about(&profile.name, &what));
    }
}

/// The access token of a reply, or why it has none that can be used.
fn access_token(
    profile: &Profile,
    record: &Record,
    granted: Granted,
    sent_at: Epoch,
) -> Result<Token, String> {
    let renewable = profile.is_repeatable() || record.refresh.is_some();
    let asked = || Some(profile.request.scope.join(" ")).filter(|scope| !scope.is_empty());
    let mut kept = granted.kept;
    if let Some(issued) = kept.get(ISSUED).and_then(serde_json::Value::as_str)
        && profile.exchange.is_other(issued)
    {
        ui::warn(&about(
            &profile.name,
            &format!("the server issued another requested_token_type: {issued}"),
        ));
    }
    // A refresh need not say again what it has said with the login.
    let before = record.tokens.get(&profile.variant());
    for (name, value) in before.into_iter().flat_map(|old| &old.kept) {
        kept.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let text = granted.access?;
    Ok(Token {
        expires: expires(profile, (&granted.expiry, &text), sent_at, renewable),
        text,
        token_type: granted.token_type,
        scope: granted.scope.or_else(asked),
        obtained: sent_at,
        kept,
        is_id: false,
    })
}

/// An id token as it is kept.
fn id_token_of(text: Secret, sent_at: Epoch) -> Token {
    Token {
        expires: jwt::end(&text),
        is_id: true,
        ..Token::bare(text, sent_at)
    }
}

/// Says what came and is not taken. Who needs no person has no use for the rest.
fn say(profile: &Profile, what: &str) {
    let words = about(&profile.name, what);
    if profile.is_repeatable() {
        ui::step(&words);
    } else {
        ui::warn(&words);
    }
}

/// The record that a reply is laid on: `base`, else a new one, counted on from the old one.
fn after(base: Option<Record>, profile: &Profile, old: Option<&Record>) -> Record {
    let mut record = base.unwrap_or_else(|| Record::new(profile.binding(), new_spool_key()));
    record.generation = old.map_or(0, |old| old.generation) + 1;
    record
}

/// When a token ends: what the server said, else what the profile assumes, else what the token itself
/// says, else an hour if it can be renewed, else nobody knows.
fn expires(
    profile: &Profile,
    (expiry, token): (&Expiry, &Secret),
    sent_at: Epoch,
    renewable: bool,
) -> Option<Epoch> {
    let life = profile.quirks.assumed_life;
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
            let words = about(&profile.name, &format!("{what} in the server's reply"));
            // Who has set it knows it.
            if matches!(life, AssumedLife::Usual) {
                ui::warn(&format!(
                    "{words}; the token is good, but how long is not known (assume_expires_in can say it)"
                ));
            } else {
                ui::step(&words);
            }
            unsaid()
        }
    }
}
