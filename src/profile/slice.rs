//! The part of a configuration text that one profile needs, so that a file with a thousand profiles
//! costs a cached `get` next to nothing.

use memchr::{memchr, memmem};

/// The lines that matter for `profile`: what stands before the first table, `[defaults]`,
/// `[profile]` itself and the profile's own tables. `None` where the text uses a form that this
/// quick reading cannot be sure of; then the whole text has to be parsed.
///
/// A table that is left out is not checked either: an error in one profile does not take the
/// others away. `tokctl status` reads everything.
pub fn for_profile(text: &[u8], profile: &str, table: &str) -> Option<String> {
    // In a multi-line string a line may look like a table's head; an indented head is rare.
    let odd: [&[u8]; 4] = [b"\"\"\"", b"\'\'\'", b"\n [", b"\n\t["];
    if odd.iter().any(|odd| memmem::find(text, odd).is_some()) {
        return None;
    }
    let mut kept = Vec::new();
    let first = usize::from(text.first() == Some(&b'['));
    let heads = memmem::find_iter(text, b"\n[").map(|newline| newline + 1);
    let mut start = 0;
    let mut keep = first == 0 || belongs(text, 0, profile, table)?;
    for head in heads {
        if keep {
            kept.extend_from_slice(&text[start..head]);
        }
        (start, keep) = (head, belongs(text, head, profile, table)?);
    }
    if keep {
        kept.extend_from_slice(&text[start..]);
    }
    String::from_utf8(kept).ok()
}

/// Whether the table whose head begins here matters; `None` where that cannot be told quickly.
fn belongs(text: &[u8], head: usize, profile: &str, table: &str) -> Option<bool> {
    let rest = &text[head + 1..];
    let head = std::str::from_utf8(&rest[..memchr(b'\n', rest).unwrap_or(rest.len())]).ok()?;
    let (path, _) = head.split_once(']')?;
    if path.starts_with('"') || path.contains([' ', '\t', '\\', '\'', '[', ',', '=']) {
        return None;
    }
    // `[defaults]` and tables that nobody knows: the parser says what is wrong with them.
    let below = path
        .strip_prefix(table)
        .and_then(|rest| rest.strip_prefix('.'));
    let Some(below) = below else {
        return Some(true);
    };
    let name = match below.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => below.split('.').next(),
    };
    Some(name == Some(profile))
}

#[cfg(test)]
mod tests {
    use super::for_profile;

    #[test]
    fn a_text_that_begins_with_a_head_is_cut_alike() {
        let kept = for_profile(
            b"[profile.x]\na = 1\n[profile.one]\nb = 1",
            "one",
            "profile",
        );
        assert_eq!(kept.as_deref(), Some("[profile.one]\nb = 1"));
        assert_eq!(for_profile(b"", "one", "profile").as_deref(), Some(""));
    }

    const TEXT: &str = "top = 1\n[defaults]\na = 1\n[profile.one]\nb = [\n  \"x\",\n]\n[profile.one.headers]\nc = 1\n\
                        [profile.\"two.x\"]\nd = 1\n[profile.onerous]\ne = 1\n";

    #[test]
    fn only_the_profile_s_own_tables_are_kept() {
        let kept = for_profile(TEXT.as_bytes(), "one", "profile").expect("a plain text");
        assert!(
            kept.contains("top") && kept.contains("a = 1") && kept.contains("c = 1"),
            "{kept}"
        );
        assert!(!kept.contains("d = 1") && !kept.contains("e = 1"), "{kept}");
        let kept = for_profile(TEXT.as_bytes(), "two.x", "profile").expect("a plain text");
        assert!(kept.contains("d = 1") && !kept.contains("c = 1"), "{kept}");
    }

    #[test]
    fn odd_forms_are_left_to_the_parser() {
        for odd in [
            "[ profile . one ]\n",
            "['profile'.one]\n",
            "a = '''\n[profile.x]\n'''\n",
            "a = [\n[\"b\"],\n]\n",
        ] {
            assert!(
                for_profile(odd.as_bytes(), "one", "profile").is_none(),
                "{odd}"
            );
        }
    }
}
