//! Other git credential helpers, which would write a token down that git hands to all of them.

use super::{Report, short_path};
use crate::clock::{Deadline, budget};
use crate::error::shell_word;
use crate::helper::git_config::{self, Line};
use crate::http::Origin;
use crate::profile::Profile;
use crate::program;

/// A configuration is a few kilobytes, also with includes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Looks at what git would run for the profiles' hosts.
pub fn check(report: &mut Report, profiles: &[Profile]) {
    let hosts: Vec<(&str, &Origin)> = profiles
        .iter()
        .flat_map(|profile| {
            let origins = profile.hosts.origins.iter();
            origins.map(|host| (profile.name.as_str(), host))
        })
        .collect();
    if hosts.is_empty() {
        return report.ok("git", "not looked at: no profile has hosts");
    }
    let words = ["git", "config", "--null", "--show-origin", "--list"].map(str::to_owned);
    let lines = match program::quiet_output(&words, MAX_BYTES, Deadline::after(budget::CHECK_GIT)) {
        Ok(output) => Line::read_all(&String::from_utf8_lossy(&output)),
        Err(why) => return report.ok("git", format!("not looked at: {why}")),
    };
    let mut programs: Vec<&str> = lines.iter().filter_map(Line::our_program).collect();
    programs.sort_unstable();
    programs.dedup();
    for program in programs {
        short_path::check(
            report,
            "git",
            program,
            "write its path down: tokctl helper install git PROFILE",
        );
    }
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

/// Goes through the helpers that git runs for one host.
fn judge(report: &mut Report, profile: &str, host: &Origin, lines: &[Line]) {
    let asked = git_config::asked(lines, host);
    // Who does not use git with this host is not to be troubled with its helpers.
    if !asked.iter().any(|line| line.keeps().is_none()) {
        return;
    }
    let word = shell_word(profile);
    for line in asked {
        let Some((name, what)) = line.keeps() else {
            continue;
        };
        report.warn(
            "git",
            format!("{host}: the helper {name} ({}) {what}", line.file),
            format!(
                "keep it away from this host: git config --global credential.{host}.helper '' and then git config \
                 --global --add credential.{host}.helper '!tokctl helper git {word}'"
            ),
        );
    }
}
