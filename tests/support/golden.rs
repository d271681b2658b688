//! Names as every version so far has made them, made here a second time.

use ring::digest::{Context, SHA256};
use std::io::Write;
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

/// Compares with the file of that name in `tests/golden/`.
#[track_caller]
pub fn is_as_it_was(name: &str, text: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Shown where the test fails.
    let remedy = "if these words are meant to change, look at: git diff tests/golden, after: \
                  INSTA_UPDATE=always cargo test --test it -- --include-ignored golden_docs";
    let _ = writeln!(std::io::stderr(), "{remedy}");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
