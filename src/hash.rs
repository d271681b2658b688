//! Stable names made of hashes. What goes into one is an identifier, never words for people.

use ring::digest::{Context, SHA256};

/// The first 16 bytes of SHA-256 over length-prefixed parts, in hexadecimal.
pub fn hash(parts: &[&str]) -> String {
    use std::fmt::Write;
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    digest.as_ref()[..16]
        .iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}
