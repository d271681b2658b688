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
    /// What else is wrong in the same table.
    pub also: Vec<(Range<usize>, String)>,
}

impl Fault {
    /// A fault at a place of the text.
    pub fn new(at: Range<usize>, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            hint: None,
            also: Vec::new(),
        }
    }
}

/// "unknown key", with the valid key that is nearest to it.
pub fn unknown<'n>(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    valid: impl Iterator<Item = &'n str>,
) -> Fault {
    let name = key.get_ref().as_ref();
    Fault::new(
        key.span(),
        format!("unknown key {name:?}{}", meant(name, valid)),
    )
}

/// What a message about a mistyped word ends with; nothing where nothing is near.
pub fn meant<'n>(word: &str, candidates: impl Iterator<Item = &'n str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
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

/// The candidate that a mistyped word most likely stands for: what other tools call it, a slip of the fingers (in
/// three letters one, and never more than three), or a part that was left out at its beginning or end.
pub fn nearest<'n>(word: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
    let word = word.to_lowercase();
    let elsewhere = |candidate: &str| {
        ELSEWHERE
            .iter()
            .any(|(other, ours)| *other == word && *ours == candidate)
    };
    let most = (word.chars().count() / 3).min(3);
    let apart = |candidate: &str| {
        if elsewhere(candidate) {
            return Some(0);
        }
        let slips = strsim::osa_distance(&word, &candidate.to_lowercase());
        let is_part = word.len() > 3
            && (candidate.starts_with(word.as_str()) || candidate.ends_with(word.as_str()));
        (slips <= most)
            .then_some(slips)
            .or(is_part.then_some(most + 1))
    };
    candidates
        .filter_map(|candidate| Some((apart(candidate)?, candidate)))
        .min_by_key(|(apart, _)| *apart)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_is_suggested_is_what_was_meant() {
        let words = [
            "client_secret",
            "client_secret_basic",
            "store",
            "store_key",
            "scope",
            "google",
            "github",
            "git",
            "token_endpoint",
        ];
        for (word, meant) in [
            ("client_secrt", Some("client_secret")),
            ("secret_basic", Some("client_secret_basic")),
            ("Store", Some("store")),
            ("scopes", Some("scope")),
            ("stoer", Some("store")),
            ("token_url", Some("token_endpoint")),
            ("GitHub", Some("github")),
            ("gitub", Some("github")),
            // No slip of the fingers leads from one to the other.
            ("nope", None),
            ("corp", None),
            ("gut", Some("git")),
            ("gh", None),
            ("x", None),
            ("", None),
            ("stage", None),
        ] {
            assert_eq!(nearest(word, words.into_iter()).as_deref(), meant, "{word}");
        }
    }
}
