//! Names as every version so far has made them, made here a second time.

use ring::digest::{Context, SHA256};
use std::time::{SystemTime, UNIX_EPOCH};

/// The first 16 bytes of SHA-256 over the parts, each with its length in eight bytes before it, in hexadecimal.
pub fn hash(parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        let length = u64::try_from(part.len()).expect("a length fits");
        context.update(&length.to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let bytes = digest.as_ref().iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The clock, in seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_secs()).expect("before 2100")
}
