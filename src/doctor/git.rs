//! Other git credential helpers, which would write a token down that git hands to all of them.

use super::Report;
use crate::clock::Deadline;
use crate::profile::Profile;
use crate::program;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(3);

/// A configuration is a few kilobytes, also with includes.
const MAX_BYTES: u64 = 1024 * 1024;

/// One `credential.helper` line of git's configuration.
#[derive(Debug)]
struct Line {
    /// As git names its file.
    origin: String,
    /// The URL of its section; none for every server.
    scope: Option<String>,
    helper: String,
}

/// Looks at what git would run for the profiles' hosts.
pub fn check(report: &mut Report, profiles: &[Profile]) {
    let hosts: Vec<(&str, &str)> = profiles
        .iter()
        .flat_map(|profile| {
            profile
                .hosts
                .origins
                .iter()
                .map(|host| (profile.name.as_str(), host.as_str()))
        })
        .collect();
    if hosts.is_empty() {
        return report.ok("git", "not looked at: no profile has hosts");
    }
    let words = ["git", "config", "--null", "--show-origin", "--list"].map(str::to_owned);
    let secret: Vec<String> = profiles
        .iter()
        .flat_map(Profile::secret_variables)
        .collect();
    let lines = match program::quiet_output(&words, &secret, MAX_BYTES, Deadline::after(LIMIT)) {
        Ok(output) => read(&String::from_utf8_lossy(&output)),
        Err(why) => return report.ok("git", format!("not looked at: {why}")),
    };
    let before = report.count("warning");
    for (profile, host) in &hosts {
        judge(report, profile, host, &lines);
    }
    if report.count("warning") == before {
        report.ok(
            "git",
            "no other helper would keep a token of the profiles' hosts",
        );
    }
}

/// git's list: origin, NUL, `key LF value`, NUL.
fn read(output: &str) -> Vec<Line> {
    let mut parts = output.split('\0');
    let mut lines = Vec::new();
    while let (Some(origin), Some(entry)) = (parts.next(), parts.next()) {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
        let Some(rest) = key.strip_prefix("credential.") else {
            continue;
        };
        let Some(scope) = rest.strip_suffix("helper") else {
            continue;
        };
        lines.push(Line {
            origin: origin.strip_prefix("file:").unwrap_or(origin).to_owned(),
            scope: scope.strip_suffix('.').map(str::to_owned),
            helper: value.to_owned(),
        });
    }
    lines
}

/// Goes through the helpers for one host in git's order; an empty one takes those before it away.
fn judge(report: &mut Report, profile: &str, host: &str, lines: &[Line]) {
    let mut chain: Vec<&Line> = Vec::new();
    for line in lines
        .iter()
        .filter(|line| line.scope.as_ref().is_none_or(|scope| covers(scope, host)))
    {
        if line.helper.is_empty() {
            chain.clear();
        } else {
            chain.push(line);
        }
    }
    // Who does not use git with this host is not to be troubled with its helpers.
    if !chain.iter().any(|line| line.helper.contains("tokctl")) {
        return;
    }
    for line in chain {
        let Some((name, what)) = keeps(&line.helper) else {
            continue;
        };
        report.warn(
            "git",
            format!("{host}: the helper {name} ({}) {what}", line.origin),
            format!(
                "keep it away from this host: git config --global credential.{host}.helper '' and then git config \
                 --global --add credential.{host}.helper '!tokctl helper git {profile}'"
            ),
        );
    }
}

/// Whether the URL of a section is about a host (gitcredentials(7)); its user and path do not matter.
fn covers(scope: &str, host: &str) -> bool {
    let parts = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit('@').next()?.to_ascii_lowercase();
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority
            .strip_suffix(usual)
            .unwrap_or(&authority)
            .to_owned();
        Some((scheme.to_ascii_lowercase(), authority))
    };
    let (Some((scheme, pattern)), Some((wanted, host))) = (parts(scope), parts(host)) else {
        return false;
    };
    let labels = |host: &str| host.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, host) = (labels(&pattern), labels(&host));
    let same = |(pattern, label): (&String, &String)| pattern == "*" || pattern == label;
    scheme == wanted && pattern.len() == host.len() && pattern.iter().zip(&host).all(same)
}

/// What a helper does with a token that git hands it. Its command line is never shown: it may hold a
/// password.
fn keeps(helper: &str) -> Option<(String, &'static str)> {
    let word = helper
        .trim_start_matches('!')
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let name = word.rsplit('/').next().unwrap_or_default();
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
    let shown = !name.is_empty() && name.chars().all(plain);
    Some((
        if shown {
            name.to_owned()
        } else {
            "that is a shell command".to_owned()
        },
        what,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_covers_its_scheme_host_and_port() {
        let host = "https://git.example";
        for scope in [
            "https://git.example",
            "https://u:p@git.example:443/x",
            "https://*.example",
        ] {
            assert!(covers(scope, host), "{scope}");
        }
        for scope in [
            "http://git.example",
            "https://git.example:8443",
            "https://a.git.example",
            "git.example",
        ] {
            assert!(!covers(scope, host), "{scope}");
        }
    }

    #[test]
    fn a_helper_s_command_line_is_not_shown() {
        for (helper, name) in [
            ("store --file ~/x", Some("store")),
            ("/usr/bin/git-credential-cache", Some("cache")),
            ("!tokctl helper git corp", None),
            ("!/opt/bin/tokctl helper git", None),
            (
                "!f() { echo password=x; }; f",
                Some("that is a shell command"),
            ),
            ("!PASSWORD=x y", Some("that is a shell command")),
        ] {
            assert_eq!(
                keeps(helper).map(|(name, _)| name).as_deref(),
                name,
                "{helper}"
            );
        }
    }

    #[test]
    fn git_s_list_is_read_whatever_is_in_it() {
        let lines = read(
            "file:/a\0credential.helper\nstore\0file:/b\0credential.https://h.helper\n\0file:/b\0user.name\nx\0odd",
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0].origin.as_str(), lines[0].helper.as_str()),
            ("/a", "store")
        );
        assert_eq!(
            (lines[1].scope.as_deref(), lines[1].helper.as_str()),
            (Some("https://h"), "")
        );
    }
}
