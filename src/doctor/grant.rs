//! What is stored for a profile, and whether it can still bring a token.

use super::Report;
use super::keyring::Tried;
use crate::clock;
use crate::env;
use crate::error::shell_word;
use crate::profile::Profile;
use crate::state::note::Note;
use crate::state::record::Record;
use crate::state::storage::Found;

/// Looks at the record, whose tokens are kept out of the report, and at the note beside it.
pub fn check(report: &mut Report, profile: &Profile, store: &mut Tried) {
    if env::token_override(&profile.name).is_some() {
        return report.ok("grant", "not needed: the token comes from the environment");
    }
    let (note, record) = match store {
        Tried::Broken => return,
        Tried::New => (Note::default(), None),
        Tried::Open(storage) => match report.of("grant", storage.find(profile)) {
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
    let ours = record.filter(|record| record.binding == profile.binding());
    if profile.is_repeatable() {
        let grant = profile.grant.name();
        let kept = ours.and_then(|record| record.tokens.get(&profile.variant()));
        return Ok(match kept.filter(|token| token.is_alive(now)) {
            Some(token) => format!("{grant}, {}", lives(token.expires)),
            None => format!("{grant}: a token is fetched when asked for"),
        });
    }
    let Some(ours) = ours else {
        return Err(match record {
            Some(_) => "what is stored belongs to another client_id, token_endpoint or grant",
            None => "nothing is stored: nobody has logged in",
        }
        .to_owned());
    };
    let account = note.account.as_ref();
    let account = account.map_or_else(String::new, |account| format!(" of {account}"));
    let alive = ours
        .tokens
        .values()
        .filter(|token| token.is_alive(now))
        .max_by_key(|t| t.expires);
    let token = alive.map(|token| format!("an access token, {}", lives(token.expires)));
    match (&ours.refresh, token) {
        (Some(refresh), _) if note.end_of(refresh).is_some() => {
            Err("the server has ended it (revoked or expired)".to_owned())
        }
        (Some(_), Some(token)) => Ok(format!("a refresh token{account}, and {token}")),
        (Some(_), None) => Ok(format!(
            "a refresh token{account}; the access token is renewed when asked for"
        )),
        (None, Some(token)) => Ok(format!(
            "{token}{account}, and no refresh token to renew it"
        )),
        (None, None) => {
            Err("the access token has expired, and there is no refresh token".to_owned())
        }
    }
}

fn lives(expires: Option<clock::Epoch>) -> String {
    let left = expires.map(|end| clock::words((end - clock::now()).max(0)));
    left.map_or_else(
        || "whose end nobody knows".to_owned(),
        |left| format!("good for {left}"),
    )
}

/// What the last requests have left behind.
fn waiting(report: &mut Report, note: &Note) {
    let now = clock::now();
    if let Some(at) = note.not_before.filter(|at| *at > now) {
        let what = format!(
            "the server asked not to be called before {}",
            clock::rfc3339(at)
        );
        let hint = format!("wait for {}", clock::words(at - now));
        report.warn("last request", what, hint);
    } else if let Some(failure) = &note.failure {
        let hint = failure.error.hint.clone();
        let hint =
            hint.unwrap_or_else(|| format!("try again: tokctl get {}", shell_word(&note.profile)));
        report.warn("last request", failure.error.to_string(), hint);
    }
}
