//! Scopes: as they are written, and compared with what a server has granted.

/// Scopes as separate words, whether they were written as an array or as one string.
pub fn split_scope(words: &[String]) -> Vec<String> {
    words
        .iter()
        .flat_map(|text| text.split(' '))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The scopes that were asked for and not granted. None where the server names others, which may be the
/// same ones by other names (Google).
pub fn missing_scope<'s>(asked: &'s [String], granted: Option<&str>) -> Vec<&'s str> {
    let granted: Vec<&str> = granted.unwrap_or_default().split_whitespace().collect();
    let by_our_names = granted
        .iter()
        .all(|word| asked.iter().any(|own| own == word));
    if granted.is_empty() || !by_our_names {
        return Vec::new();
    }
    let asked = asked.iter().map(String::as_str);
    asked.filter(|word| !granted.contains(word)).collect()
}

/// What a caller asked for and did not get, and what came beside it.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub less: Vec<String>,
    pub more: Vec<String>,
}

/// Asks for what was agreed to before, whatever that is (Entra).
const ALL: &str = "/.default";

/// About the grant and not about what a token can do: many servers do not repeat them.
const SILENT: &[&str] = &["offline_access", "offline", "openid"];

/// Compares both ways what a caller asked for with what a server has granted; nothing said is nothing else
/// granted (RFC 6749 section 5.1).
pub fn difference(asked: &[String], granted: Option<&str>) -> Difference {
    let granted: Vec<&str> = granted.unwrap_or_default().split_whitespace().collect();
    let open = asked.is_empty() || asked.iter().any(|word| word.ends_with(ALL));
    if granted.is_empty() || open {
        return Difference {
            less: Vec::new(),
            more: Vec::new(),
        };
    }
    let rest = |of: Vec<&str>, without: &[&str]| {
        of.into_iter()
            .filter(|word| !SILENT.contains(word))
            .filter(|word| !without.iter().any(|other| is_same(word, other)))
            .map(str::to_owned)
            .collect()
    };
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    Difference {
        less: rest(asked.clone(), &granted),
        more: rest(granted, &asked),
    }
}

/// Whether two names are one scope's: `email` is Google's `https://www.googleapis.com/auth/userinfo.email`, and
/// Entra's `https://graph.microsoft.com/User.Read` is `User.Read`.
fn is_same(one: &str, other: &str) -> bool {
    let ends = |long: &str, short: &str| {
        let before = long.strip_suffix(short).unwrap_or_default();
        before.contains("://") && before.ends_with(['/', '.'])
    };
    one.eq_ignore_ascii_case(other) || ends(one, other) || ends(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_compared_both_ways_with_what_was_asked_for() {
        for (asked, granted, less, more) in [
            ("admin", "offline read", "admin", "read"),
            ("read", "read", "", ""),
            ("read", "read write", "", "write"),
            ("read write", "read", "write", ""),
            ("read", "", "", ""),
            ("", "read", "", ""),
            ("openid email offline_access", "email", "", ""),
            (
                "email",
                "https://www.googleapis.com/auth/userinfo.email openid",
                "",
                "",
            ),
            ("https://graph.microsoft.com/User.Read", "User.Read", "", ""),
            (
                "User.Read",
                "https://graph.microsoft.com/user.read",
                "User.Read",
                "https://graph.microsoft.com/user.read",
            ),
            ("api://x/.default", "a b c", "", ""),
            ("read", "Read", "", ""),
            ("ad", "read", "ad", "read"),
        ] {
            let found = difference(&split_scope(&[asked.to_owned()]), Some(granted));
            let words = |words: &[String]| words.join(" ");
            let found = (words(&found.less), words(&found.more));
            assert_eq!(
                found,
                (less.to_owned(), more.to_owned()),
                "{asked} / {granted}"
            );
        }
        assert!(difference(&["a".to_owned()], None).less.is_empty());
    }
}
