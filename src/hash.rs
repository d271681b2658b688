//! Stable names made of hashes. What goes into one is an identifier, never words for people.

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The first 16 bytes of SHA-256 over length-prefixed parts, in hexadecimal.
pub fn hash(parts: &[&str]) -> String {
    let length = parts.iter().map(|part| 8 + part.len()).sum();
    // A refresh token may be among them. In one piece they cost half of what they cost one by one.
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
        whole.extend_from_slice(part.as_bytes());
    }
    let digest = digest(&SHA256, &whole);
    let mut text = String::with_capacity(32);
    for byte in &digest.as_ref()[..16] {
        // A formatter would cost a cached answer more than the hash itself.
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A name in quotes, as it has always stood in what is hashed.
pub fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_name_is_quoted_as_the_first_versions_did() {
        for name in ["pass", "a b", "it's", "q\"\\", "tab\tand\nline", "é"] {
            assert_eq!(quoted(name), format!("{name:?}"));
        }
    }
}
