//! A server's words, made fit to be shown: one line that can neither repaint a terminal nor give a
//! secret away.

use crate::secret::Secret;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

/// What stands for words that would give a secret away.
pub const REPEATS: &str = "[not shown: it repeats a secret of the request]";

/// A server's text as one line without what could repaint a terminal or turn its direction, cut
/// at `limit` characters; none of it where it repeats one of `secrets`.
pub fn clean(text: &str, limit: usize, secrets: &[&Secret]) -> String {
    if secrets
        .iter()
        .any(|secret| !secret.is_empty() && repeats(text, secret.expose()))
    {
        return REPEATS.to_owned();
    }
    // Most are one plain word, which `status` shows by the thousand.
    if text.len() <= limit && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    for word in words {
        let word: String = word.chars().filter(|c| !is_invisible(*c)).collect();
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    if line.chars().count() > limit {
        line = line.chars().take(limit).chain(['…']).collect();
    }
    line
}

/// Whether a text holds a secret: as it is, percent-encoded in any spelling, or in base64.
fn repeats(text: &str, secret: &str) -> bool {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let plain = [
        text.to_owned(),
        decoded(text),
        decoded(&text.replace('+', " ")),
    ];
    if plain.iter().any(|text| text.contains(secret)) {
        return true;
    }
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, PAD);
    plain[1]
        .split(|c| !base64(c))
        .filter(|run| run.len() >= 4)
        .any(|run| {
            let bytes = engine
                .decode(run.replace('-', "+").replace('_', "/"))
                .unwrap_or_default();
            let inner = String::from_utf8_lossy(&bytes);
            inner.contains(secret) || decoded(&inner).contains(secret)
        })
}

/// Servers quote base64 with and without its padding, and cut anywhere.
const PAD: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Whether a character shows something, or ends a line, and does nothing else to a terminal.
pub fn is_shown(c: char) -> bool {
    c == '\n' || !c.is_control() && !is_invisible(c)
}

/// Characters that show nothing themselves but change what is shown: zero-width, bidirectional
/// controls (UAX 9), variation selectors, tags and private use.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e01ef}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_s_words_cannot_repaint_the_terminal() {
        let dirty = "a\u{1b}[31mb\r\nc\u{202e}d\u{200b}e\u{9b}f\tg";
        assert_eq!(clean(dirty, 99, &[]), "a [31mb cde f g");
        assert_eq!(clean("abcdef", 3, &[]), "abc…");
        let secret = Secret::new("s/3".into());
        for echo in [
            "bad s/3",
            "s%2F3",
            "s%2f3",
            "Basic aWQ6cy8z",
            "aWQ6cyUyRjM=",
        ] {
            assert!(
                clean(echo, 99, &[&secret]).starts_with("[not shown"),
                "{echo}"
            );
        }
        let secret = Secret::new("s3 cr+t".into());
        for echo in ["s3+cr%2Bt", "s3%20cr%2bt", "aWQ6czMlMjBjciUyQnQ"] {
            assert!(
                clean(echo, 99, &[&secret]).starts_with("[not shown"),
                "{echo}"
            );
        }
        let words = "the client is not known";
        assert_eq!(clean(words, 99, &[&secret]), words);
    }
}
