//! `{name}` in addresses and parameters, filled in from a profile's `vars`.

use std::collections::BTreeMap;

/// What a variable of a preset may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// A host name, with a port if need be.
    Host,
    /// The same, and a path behind it.
    Base,
    /// One word: a tenant, a number.
    Word,
}

impl Pattern {
    /// By its name in a preset.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "host" => Some(Self::Host),
            "base" => Some(Self::Base),
            "word" => Some(Self::Word),
            _ => None,
        }
    }

    /// Refuses what could make an address another host's: `@`, `/`, `#` and their like.
    pub(super) fn check(self, value: &str) -> Result<(), &'static str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let word = |text: &str| !text.is_empty() && text.chars().all(plain);
        match self {
            Self::Word if word(value) => Ok(()),
            Self::Word => Err("must be one word of letters, digits and -._"),
            Self::Host if is_host(value) => Ok(()),
            Self::Host => Err("must be a host name such as git.example.com, without https://"),
            Self::Base => {
                let (host, path) = value.split_once('/').unwrap_or((value, "x"));
                let steps = |step: &str| word(step) && step != "." && step != "..";
                if is_host(host) && path.split('/').all(steps) {
                    return Ok(());
                }
                Err("must be a host name and path such as sso.example.com/auth, without https://")
            }
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._:".contains(c)
}

/// Names between dots, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.chars().all(plain)
    };
    name.split('.').all(label) && port.parse().is_ok_and(|port: u16| port > 0)
}

/// A profile's variables, and what its preset says they may be.
#[derive(Debug, Clone, Default)]
pub struct Vars {
    pub set: BTreeMap<String, String>,
    pub patterns: BTreeMap<String, Pattern>,
}

impl Vars {
    /// An address with every `{name}` filled in.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("has a { without a }")?;
            filled.push_str(before);
            filled.push_str(self.checked(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A parameter's value with the variables filled in that there are: braces may also be JSON.
    pub fn fill_known(&self, text: &str) -> Result<String, String> {
        let mut filled = text.to_owned();
        for name in self.set.keys().chain(self.patterns.keys()) {
            let place = format!("{{{name}}}");
            if filled.contains(&place) {
                filled = filled.replace(&place, self.checked(name)?);
            }
        }
        Ok(filled)
    }

    fn checked(&self, name: &str) -> Result<&str, String> {
        let value = self
            .set
            .get(name)
            .ok_or_else(|| format!("needs vars = {{ {name} = \"…\" }}"))?;
        let checked = match self.patterns.get(name) {
            Some(pattern) => pattern.check(value),
            // A host, a tenant, a number: nothing that could make it another host's URL.
            None if value.is_empty() || !value.chars().all(is_plain) => {
                Err("must be made of letters, digits and -._:")
            }
            None => Ok(()),
        };
        checked.map_err(|why| format!("vars.{name} {why}"))?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(pattern: Pattern, value: &str) -> bool {
        pattern.check(value).is_ok()
    }

    #[test]
    fn a_variable_cannot_lead_an_address_elsewhere() {
        for evil in [
            "",
            "a@b",
            "a#b",
            "a?b",
            "a b",
            "a\\b",
            "a%2fb",
            "https://a",
            "a/../b",
            "a//b",
            "a/",
            "ä",
            "a..b",
            ".a",
            "a:",
            "a:0",
            "a:99999",
            "a:b",
            "a\n",
            "{a}",
            "/a",
        ] {
            for pattern in [Pattern::Host, Pattern::Base] {
                assert!(!good(pattern, evil), "{pattern:?} {evil:?}");
            }
        }
        for evil in ["", "a/b", "a:b", "a@b", "a b", "ä", "a#b"] {
            assert!(!good(Pattern::Word, evil), "{evil:?}");
        }
        assert!(good(Pattern::Host, "git.example.com") && good(Pattern::Host, "localhost:8443"));
        assert!(!good(Pattern::Host, "a/b"));
        assert!(good(Pattern::Base, "sso.example.com:8443/a/b") && good(Pattern::Base, "sso"));
        assert!(good(Pattern::Word, "0abc-DEF_1.2"));
    }

    #[test]
    fn braces_that_are_no_variable_stay_in_a_parameter() {
        let mut vars = Vars::default();
        vars.set.insert("id".to_owned(), "7".to_owned());
        vars.patterns.insert("host".to_owned(), Pattern::Host);
        let json = r#"{"claims":{"x":null},"id":"{id}"}"#;
        let filled = vars.fill_known(json);
        assert_eq!(filled.as_deref(), Ok(r#"{"claims":{"x":null},"id":"7"}"#));
        assert!(
            vars.fill_known("{host}")
                .is_err_and(|why| why.contains("vars = { host"))
        );
        assert!(vars.fill("https://{id").is_err() && vars.fill("{nobody}").is_err());
    }

    #[test]
    fn a_variable_without_a_pattern_is_one_word_too() {
        let filled = |value: &str| {
            let mut vars = Vars::default();
            vars.set.insert("v".to_owned(), value.to_owned());
            vars.fill("https://{v}/x")
        };
        assert_eq!(filled("a-b_c.d:8").as_deref(), Ok("https://a-b_c.d:8/x"));
        for evil in ["", "a/b", "a@b", "a b", "a#b", "{v}", "\u{e4}"] {
            let refused = filled(evil).expect_err("it is refused");
            assert!(refused.starts_with("vars.v must be made of"), "{refused}");
        }
    }

    #[test]
    fn a_pattern_is_known_by_its_name() {
        for (name, pattern) in [
            ("host", Some(Pattern::Host)),
            ("base", Some(Pattern::Base)),
            ("word", Some(Pattern::Word)),
            ("", None),
            ("other", None),
        ] {
            assert_eq!(Pattern::named(name), pattern, "{name}");
        }
        assert!(good(Pattern::Host, "a_b.c-d.example"));
    }
}
