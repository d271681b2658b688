//! What is wrong in a configuration's text, and what was most likely meant.

use std::ops::Range;
use toml::Spanned;

/// What is wrong, and where in the text.
#[derive(Debug)]
pub struct Fault {
    pub at: Range<usize>,
    pub what: String,
    /// What to do about it, where that is not plain from the words.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at a place of the text.
    pub fn new(at: Range<usize>, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            hint: None,
        }
    }
}

/// "unknown key", with the valid key that is nearest to it.
pub fn unknown<'n>(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    valid: impl Iterator<Item = &'n str>,
) -> Fault {
    let name = key.get_ref().as_ref();
    let what = match nearest(name, valid) {
        Some(near) => format!("unknown key {name:?}; the nearest valid key is {near:?}"),
        None => format!("unknown key {name:?}"),
    };
    Fault::new(key.span(), what)
}

/// What other tools call some of the keys.
const ELSEWHERE: &[(&str, &str)] = &[
    ("token_url", "token_endpoint"),
    ("token_uri", "token_endpoint"),
    ("auth_url", "authorization_endpoint"),
    ("auth_uri", "authorization_endpoint"),
    ("authorize_url", "authorization_endpoint"),
    ("authorization_url", "authorization_endpoint"),
    ("device_url", "device_authorization_endpoint"),
    ("revoke_url", "revocation_endpoint"),
    ("redirect_url", "redirect_uri"),
    ("id", "client_id"),
    ("secret", "client_secret"),
    ("scopes", "scope"),
    ("grant_type", "grant"),
    ("token_endpoint_auth_method", "client_auth"),
    ("token_endpoint_auth_signing_alg", "signing_alg"),
    ("private_key", "client_key"),
    ("kid", "client_key_id"),
];

/// The candidate that a mistyped word most likely stands for.
pub fn nearest<'n>(word: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
    let meant = ELSEWHERE
        .iter()
        .find(|(other, _)| *other == word)
        .map(|(_, ours)| *ours);
    let score = |candidate: &&str| match meant {
        Some(ours) if *candidate == ours => 2.0,
        _ => strsim::jaro_winkler(word, candidate),
    };
    let best = candidates.max_by(|one, two| score(one).total_cmp(&score(two)))?;
    // "secret_basic" and "client_secret_basic" have 0.7 in common, "nope" and "google" 0.61.
    (score(&best) >= 0.65).then(|| best.to_owned())
}
