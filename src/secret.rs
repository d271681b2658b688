//! A secret that cannot print itself and is wiped from memory when dropped.

use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// Text that must not reach a log, an error message or a terminal.
///
/// The only way to the text is [`Secret::expose`]; where that may be called is checked by
/// `tests/it/doors.rs`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Takes a secret as editors and `echo` write it: without the CR and LF at its end, and the byte order
    /// mark that some put before it.
    pub fn from_line(text: String) -> Self {
        let text = Zeroizing::new(text);
        let line = text.trim_start_matches('\u{feff}');
        Self::new(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The text itself, for the one place that has to send, store or print it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same text.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }

    /// Whether it is one of these words, in whatever case.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.0.eq_ignore_ascii_case(word))
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What tells a text that was copied badly, without telling the text.
    pub fn copied_badly(&self) -> Option<&'static str> {
        let text = self.0.as_str();
        let ends = |mark: char| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
        match () {
            () if text.trim() != text => Some("it begins or ends with a blank"),
            () if text.contains(['\r', '\n']) => Some("it has several lines"),
            () if ends('"') || ends('\'') => Some("it stands in quotes"),
            () if text.starts_with('<') && text.ends_with('>') => Some("it is a placeholder"),
            () => None,
        }
    }

    /// Whether the text may be a refresh token or a code, which are only ever sent in a body: a space is allowed
    /// too (VSCHAR, RFC 6749 appendix A).
    pub fn is_grant_text(&self) -> bool {
        !self.is_empty() && self.0.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }

    /// Whether the text may be an access token: visible ASCII only, so that it can neither end a header
    /// line nor add a line to a credential protocol (RFC 6750 section 2.1 allows less).
    pub fn is_token_text(&self) -> bool {
        !self.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn the_debug_form_hides_the_text() {
        assert_eq!(format!("{:?}", Secret::new("canary".into())), "Secret(…)");
    }

    #[test]
    fn only_the_line_end_and_a_byte_order_mark_are_stripped() {
        assert_eq!(Secret::from_line(" a b \r\n".into()).expose(), " a b ");
        assert_eq!(Secret::from_line("\u{feff}a\n".into()).expose(), "a");
    }

    #[test]
    fn token_text_is_visible_ascii() {
        for bad in ["", "a b", "a\nb", "a\u{7f}", "é", "a\tb"] {
            assert!(!Secret::new(bad.into()).is_token_text(), "{bad:?}");
        }
        assert!(Secret::new("eyJ.a-b_c~+/=".into()).is_token_text());
        assert!(Secret::new(" a b~".into()).is_grant_text());
        for bad in ["", "a\nb", "a\u{7f}", "é", "a\tb"] {
            assert!(!Secret::new(bad.into()).is_grant_text(), "{bad:?}");
        }
    }
}
