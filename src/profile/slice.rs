//! The part of a configuration text that one profile needs, so that a file with a thousand profiles
//! costs a cached `get` next to nothing.

/// The lines that matter for `profile`: what stands before the first table, `[defaults]`,
/// `[profile]` itself and the profile's own tables. `None` where the text uses a form that this
/// quick reading cannot be sure of; then the whole text has to be parsed.
///
/// A table that is left out is not checked either: an error in one profile does not take the
/// others away. `tokctl status` reads everything.
pub fn for_profile(text: &str, profile: &str, table: &str) -> Option<String> {
    // In a multi-line string a line may look like a table's head.
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut kept = String::new();
    let mut keep = true;
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.trim_start_matches([' ', '\t']).strip_prefix('[') {
            keep = match belongs(head, profile, table) {
                Belongs::Yes => true,
                Belongs::No => false,
                Belongs::Unsure => return None,
            };
        }
        if keep {
            kept.push_str(line);
        }
    }
    Some(kept)
}

enum Belongs {
    Yes,
    No,
    Unsure,
}

/// Judges the head of a table, given what follows its opening bracket.
fn belongs(head: &str, profile: &str, table: &str) -> Belongs {
    let Some((path, _)) = head.split_once(']') else {
        return Belongs::Unsure;
    };
    if path.starts_with('"') || path.contains([' ', '\t', '\\', '\'', '[', ',', '=']) {
        return Belongs::Unsure;
    }
    let Some(rest) = path.strip_prefix(table) else {
        // `[defaults]` and tables that nobody knows: the parser says what is wrong with them.
        return Belongs::Yes;
    };
    let Some(rest) = rest.strip_prefix('.') else {
        return Belongs::Yes;
    };
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => rest.split('.').next().unwrap_or_default(),
    };
    if name == profile {
        Belongs::Yes
    } else {
        Belongs::No
    }
}

#[cfg(test)]
mod tests {
    use super::for_profile;

    const TEXT: &str = "top = 1\n[defaults]\na = 1\n[profile.one]\nb = [\n  \"x\",\n]\n[profile.one.headers]\nc = 1\n\
                        [profile.\"two.x\"]\nd = 1\n[profile.onerous]\ne = 1\n";

    #[test]
    fn only_the_profile_s_own_tables_are_kept() {
        let kept = for_profile(TEXT, "one", "profile").expect("a plain text");
        assert!(
            kept.contains("top") && kept.contains("a = 1") && kept.contains("c = 1"),
            "{kept}"
        );
        assert!(!kept.contains("d = 1") && !kept.contains("e = 1"), "{kept}");
        let kept = for_profile(TEXT, "two.x", "profile").expect("a plain text");
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
            assert!(for_profile(odd, "one", "profile").is_none(), "{odd}");
        }
    }
}
