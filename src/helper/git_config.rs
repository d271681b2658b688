//! Which credential helpers git runs for a server, by git's own rules (gitcredentials(7)): the one reader
//! of its `credential.*.helper` lines.

use crate::http::Origin;

/// One `credential.helper` line of git's configuration.
#[derive(Debug)]
pub struct Line {
    /// As git names its file.
    pub file: String,
    /// The URL of its section; none for every server.
    pub scope: Option<String>,
    pub helper: String,
}

impl Line {
    /// Reads `git config --null --show-origin --list`: origin, NUL, `key LF value`, NUL.
    pub fn read_all(output: &str) -> Vec<Self> {
        let mut parts = output.split('\0');
        let mut lines = Vec::new();
        while let (Some(file), Some(entry)) = (parts.next(), parts.next()) {
            let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
            let scope = key
                .strip_prefix("credential.")
                .and_then(|rest| rest.strip_suffix("helper"));
            let Some(scope) = scope.filter(|scope| scope.is_empty() || scope.ends_with('.')) else {
                continue;
            };
            lines.push(Self {
                file: file.strip_prefix("file:").unwrap_or(file).to_owned(),
                scope: scope.strip_suffix('.').map(str::to_owned),
                helper: value.to_owned(),
            });
        }
        lines
    }

    /// The word that starts us, where the helper is a command of ours.
    pub fn our_program(&self) -> Option<&str> {
        let word = self.helper.strip_prefix('!')?;
        let word = match word.strip_prefix('\'') {
            Some(rest) => rest.split('\'').next()?,
            None => word.split_whitespace().next()?,
        };
        self.keeps().is_none().then_some(word)
    }

    /// What the helper does with a token that git hands it; none where it is us. Its command line is never
    /// shown: it may hold a password.
    pub fn keeps(&self) -> Option<(String, &'static str)> {
        let word = self.helper.trim_start_matches('!');
        let word = match word.strip_prefix(['\'', '"']) {
            Some(rest) => rest.split(['\'', '"']).next(),
            None => word.split_whitespace().next(),
        };
        let name = word.unwrap_or_default();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.strip_prefix("git-credential-").unwrap_or(name);
        let name = name.strip_suffix(".exe").unwrap_or(name);
        if name == "tokctl" {
            return None;
        }
        let what = match name {
            "store" => "writes every token to a file in clear text",
            "cache" => "keeps every token in its memory, and gives out old ones",
            _ => "may keep every token that git gets from tokctl",
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_shown = !name.is_empty() && name.chars().all(plain);
        let shown = if is_shown {
            name
        } else {
            "that is a shell command"
        };
        Some((shown.to_owned(), what))
    }
}

/// The helpers that git runs for a server, in its order; an empty one takes those before it away.
pub fn asked<'l>(lines: &'l [Line], origin: &Origin) -> Vec<&'l Line> {
    let mut asked: Vec<&Line> = Vec::new();
    for line in lines {
        let covers = line
            .scope
            .as_ref()
            .map_or(Covers::Always, |scope| covers(scope, origin));
        match (covers, line.helper.is_empty()) {
            (Covers::Always, true) => asked.clear(),
            (Covers::Always | Covers::Sometimes, false) => asked.push(line),
            _ => {}
        }
    }
    asked
}

/// Whether a section is about a server.
#[derive(Debug, PartialEq, Eq)]
enum Covers {
    No,
    /// For some of its paths or users.
    Sometimes,
    Always,
}

fn covers(scope: &str, origin: &Origin) -> Covers {
    // A part of a URL will do: its scheme alone, its host alone, and nothing at all.
    let (scheme, rest) = match scope.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, scope),
    };
    let (authority, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let is_scheme = |scheme: &str| scheme.eq_ignore_ascii_case(origin.scheme());
    if !scheme.is_none_or(is_scheme) || !(host.is_empty() || is_host(scheme, host, origin)) {
        return Covers::No;
    }
    if path.is_empty() && user.is_none() {
        Covers::Always
    } else {
        Covers::Sometimes
    }
}

/// Whether a section's host is the server's. In a whole URL `*` stands for one label.
fn is_host(scheme: Option<&str>, pattern: &str, origin: &Origin) -> bool {
    let Some(scheme) = scheme else {
        return pattern == origin.authority();
    };
    let wild = "tokctl-any-label";
    let Some(pattern) = Origin::from_parts(scheme, &pattern.replace('*', wild)) else {
        return false;
    };
    let labels = |origin: &Origin| -> Vec<String> {
        let host = origin.host().trim_end_matches('.');
        host.split('.').map(str::to_owned).collect()
    };
    let same = |(pattern, label): (&String, &String)| pattern == wild || pattern == label;
    let (patterns, own) = (labels(&pattern), labels(origin));
    pattern.port() == origin.port()
        && patterns.len() == own.len()
        && patterns.iter().zip(&own).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_covers_what_git_says_it_does() {
        let origin = Origin::parse("https://git.corp.example").expect("an origin");
        // As tried with git 2.39 and 2.47.
        for (scope, expected) in [
            ("https://git.corp.example", Covers::Always),
            ("HTTPS://GIT.corp.example:443/", Covers::Always),
            ("https://git.corp.example.", Covers::Always),
            ("https://*.corp.example", Covers::Always),
            ("https://*.*.example", Covers::Always),
            ("https://git.*.example:443", Covers::Always),
            ("git.corp.example", Covers::Always),
            ("https://", Covers::Always),
            ("", Covers::Always),
            ("https://git.corp.example/x", Covers::Sometimes),
            ("https://alice@git.corp.example", Covers::Sometimes),
            ("alice@git.corp.example", Covers::Sometimes),
            ("https://*.example", Covers::No),
            ("https://*", Covers::No),
            ("https://g*.corp.example", Covers::No),
            ("*.corp.example", Covers::No),
            ("corp.example", Covers::No),
            ("http://git.corp.example", Covers::No),
            ("https://git.corp.example:8443", Covers::No),
            ("https:", Covers::No),
        ] {
            assert_eq!(covers(scope, &origin), expected, "{scope}");
        }
        let origin = Origin::parse("https://git.corp.example:8443").expect("an origin");
        for (scope, expected) in [
            ("https://*.corp.example:8443", Covers::Always),
            ("git.corp.example:8443", Covers::Always),
            ("https://git.corp.example", Covers::No),
            ("git.corp.example", Covers::No),
        ] {
            assert_eq!(covers(scope, &origin), expected, "{scope}");
        }
    }

    fn line(scope: Option<&str>, helper: &str) -> Line {
        Line {
            file: "f".to_owned(),
            scope: scope.map(str::to_owned),
            helper: helper.to_owned(),
        }
    }

    #[test]
    fn an_empty_line_takes_those_before_it_away_where_it_surely_holds() {
        let origin = Origin::parse("https://git.corp.example").expect("an origin");
        let lines = [
            line(None, "store"),
            line(Some("https://alice@git.corp.example"), ""),
            line(Some("https://git.corp.example"), "!tokctl helper git"),
            line(Some("https://*.corp.example"), "cache"),
            line(Some("https://other.example"), "x"),
        ];
        let names: Vec<&str> = asked(&lines, &origin)
            .iter()
            .map(|line| line.helper.as_str())
            .collect();
        assert_eq!(names, ["store", "!tokctl helper git", "cache"]);
        let lines = [
            line(None, "store"),
            line(Some("https://"), ""),
            line(None, "x"),
        ];
        assert_eq!(asked(&lines, &origin).len(), 1);
    }

    #[test]
    fn a_helper_s_command_line_is_not_shown() {
        for (helper, name) in [
            ("store --file ~/x", Some("store")),
            ("/usr/bin/git-credential-cache", Some("cache")),
            ("!tokctl helper git corp", None),
            ("!/opt/bin/tokctl helper git", None),
            ("!'/opt/my bin/tokctl' helper git", None),
            (
                "!f() { echo password=x; }; f",
                Some("that is a shell command"),
            ),
            ("!PASSWORD=x y", Some("that is a shell command")),
        ] {
            let keeps = line(None, helper).keeps();
            assert_eq!(keeps.map(|(name, _)| name).as_deref(), name, "{helper}");
        }
    }

    #[test]
    fn git_s_list_is_read_whatever_is_in_it() {
        let lines = Line::read_all(
            "file:/a\0credential.helper\nstore\0file:/b\0credential.https://h.helper\n\0file:/b\0user.name\nx\0file:/b\0credential.nohelper\nx\0odd",
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0].file.as_str(), lines[0].helper.as_str()),
            ("/a", "store")
        );
        assert_eq!(
            (lines[1].scope.as_deref(), lines[1].helper.as_str()),
            (Some("https://h"), "")
        );
    }
}
