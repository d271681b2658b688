//! The list in `GOAUTH`, as go reads it (go help goauth).

/// What go's own file of settings says of it.
pub fn setting(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("GOAUTH="))
}

pub fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(';').map(str::trim)
}

/// Why every go command that needs the network ends with this list, if it does.
pub fn fault(list: &str) -> Option<&'static str> {
    if list.trim().is_empty() {
        return None;
    }
    let all: Vec<&str> = entries(list).collect();
    if all.contains(&"") {
        return Some("has an empty command in it");
    }
    let is_off = |entry: &&str| entry.split_whitespace().next() == Some("off");
    (all.len() > 1 && all.iter().any(is_off)).then_some("has off in it beside others")
}

/// Whether a command is `helper go` of tokctl's, wherever that is.
pub fn is_ours(entry: &str) -> bool {
    program(entry).is_some_and(|word| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
        name == "tokctl" || name == "tokctl.exe"
    })
}

/// The program of such a command.
pub fn program(entry: &str) -> Option<&str> {
    let (word, _) = entry.split_once(" helper go")?;
    Some(word.trim().trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_ends_at_is_seen() {
        for sound in [
            "",
            " ",
            "off",
            "netrc",
            "/x/tokctl helper go p; netrc;git /d",
        ] {
            assert_eq!(fault(sound), None, "{sound}");
        }
        for bad in ["netrc;", ";netrc", "a;;b", "off;netrc", "a; off"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert!(is_ours("'/my bin/tokctl' helper go corp") && is_ours("tokctl helper go p"));
        assert!(!is_ours("git /tokctl") && !is_ours("netrc"));
    }
}
