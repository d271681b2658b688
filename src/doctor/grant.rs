//! What is stored for a profile, and whether it can still bring a token.

use super::Report;
use super::keyring::Tried;
use crate::clock;
use crate::env;
use crate::error::shell_word;
use crate::profile::{Profile, TokenKind};
use crate::state::note::Note;
use crate::state::record::Record;
use crate::state::storage::Found;
use crate::token::refusal;
use crate::token::standing::{self, Facts, Life, Standing};

/// Looks at the record, whose tokens are kept out of the report, and at the note beside it.
pub fn check(report: &mut Report, profile: &Profile, store: &mut Tried) {
    if env::token_override(&profile.name).is_some() {
        return report.ok("grant", "not needed: the token comes from the environment");
    }
    let (note, record) = match store {
        Tried::Broken => return,
        Tried::New => (Note::default(), None),
        Tried::Open(storage) => match report.of("grant", storage.find(profile)) {
            Some(Found::Record(record)) if storage.newer_than(&record).is_some() => {
                return report.problem("grant", &refusal::older(profile));
            }
            Some(Found::Record(record)) => (storage.note.clone(), Some(*record)),
            Some(Found::Nothing) => (storage.note.clone(), None),
            Some(Found::Unreadable(error)) if profile.is_repeatable() => {
                let hint = "nothing: the next token replaces it";
                return report.warn("grant", error.to_string(), hint);
            }
            Some(Found::Unreadable(error)) => return report.problem("grant", &error),
            None => return,
        },
    };
    if let Some(record) = &record {
        report.keep_out(&record.spool_key);
        let tokens = record.tokens.values().map(|token| &token.text);
        for secret in tokens.chain(&record.refresh) {
            report.keep_out(secret);
        }
    }
    waiting(report, &note);
    match standing(profile, &note, record.as_ref()) {
        Ok(what) => report.ok("grant", what),
        Err(what) => report.problem("grant", &profile.login_required(what)),
    }
}

/// What there is in words, or why a person must log in.
fn standing(profile: &Profile, note: &Note, record: Option<&Record>) -> Result<String, String> {
    let now = clock::now();
    let facts = Facts::stored(profile, note, record, now);
    let kind = match profile.request.kind {
        TokenKind::Access => "access token",
        TokenKind::Id => "id token",
    };
    let account = note.account.as_ref();
    let account = account.map_or_else(String::new, |account| format!(" of {account}"));
    let grant = profile.grant.name();
    let token = lives(facts.token);
    Ok(match standing::judge(&facts, now) {
        Standing::Login(why) => return Err(why.words(facts.kind).to_owned()),
        Standing::Good if facts.repeatable => format!("{grant}, {token}"),
        Standing::Good => format!("a refresh token{account}, and an {kind}, {token}"),
        Standing::Last => format!("an {kind}, {token}{account}, and no refresh token to renew it"),
        Standing::Renewable if !facts.repeatable => {
            format!("a refresh token{account}; the {kind} is renewed when asked for")
        }
        Standing::Renewable | Standing::Fetchable | Standing::FromEnvironment => {
            format!("{grant}: a token is fetched when asked for")
        }
    })
}

fn lives(life: Life) -> String {
    match life {
        Life::Until(end) => format!("good for {}", clock::about(end - clock::now())),
        _ => "whose end nobody knows".to_owned(),
    }
}

/// What the last requests have left behind.
fn waiting(report: &mut Report, note: &Note) {
    let now = clock::now();
    if let Some(at) = note.not_before.filter(|at| *at > now) {
        let what = "the server has asked not to be called for a while";
        let hint = format!("wait for {}", clock::words(at - now));
        report.warn("last request", what, hint);
    } else if let Some(failure) = &note.failure {
        let hint = failure.error.hint.clone();
        let hint =
            hint.unwrap_or_else(|| format!("try again: tokctl get {}", shell_word(&note.profile)));
        report.warn("last request", failure.error.to_string(), hint);
    }
}
