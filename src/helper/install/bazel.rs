//! bazel: a link by whose name it starts us, and a line for each host in the user's `.bazelrc`.

use super::change::Change;
use super::text::{self, Text, with_block, without_block};
use super::{Job, Plan};
use crate::env;
use crate::error::Result;

/// The option, for every command that knows it.
const OPTION: &str = "common --credential_helper=";

const LINK: &str = "tokctl-bazel";

/// Adds the link and the lines.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(rc())?;
    let mut plan = Plan::default();
    let link = job.own.link(&name(job))?;
    plan.changes.extend(link.change);
    let word = escaped(&link.file.to_string_lossy());
    let mut new = text.text().to_owned();
    let mut lines = Vec::new();
    for host in &job.hosts {
        // bazel compares the host's name alone, whatever the port.
        let name = host
            .authority()
            .rsplit_once(':')
            .map_or(host.authority(), |(name, _)| name);
        let line = format!("{OPTION}{name}={word}");
        if new.lines().any(|there| there == line) {
            continue;
        }
        let of_host = format!("{OPTION}{name}=");
        for old in text.text().lines() {
            match old.strip_prefix(&of_host) {
                Some(word) if is_ours(word) => {
                    let other = profile_of(word).filter(|other| job.is_another(other));
                    plan.taken
                        .extend(other.map(|other| format!("{other} for {name}")));
                    new = without_block(&new, old).unwrap_or(new);
                    lines.push(format!("- {old}"));
                }
                Some(word) => plan.warnings.push(format!(
                    "{}: an earlier line names {word} for {name}",
                    text.path.display()
                )),
                None => {}
            }
        }
        new = with_block(&new, &line);
        lines.push(format!("+ {line}"));
    }
    plan.changes.extend(Change::of(&text, new, None, lines));
    Ok(plan)
}

/// Takes the lines of this link and the link away.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(rc())?;
    let mut plan = Plan::default();
    let mut new = text.text().to_owned();
    let mut lines = Vec::new();
    let is_meant = |line: &str| {
        let value = line
            .strip_prefix(OPTION)
            .and_then(|rest| rest.split_once('='));
        value.is_some_and(|(_, word)| link_of(word) == name(job))
    };
    // From the end, as they came: the last newline is the first that was added.
    for line in text.text().lines().rev().filter(|line| is_meant(line)) {
        new = without_block(&new, line).unwrap_or(new);
        lines.insert(0, format!("- {line}"));
    }
    plan.changes.extend(Change::of(&text, new, None, lines));
    plan.changes.extend(job.own.unlink(&name(job)));
    Ok(plan)
}

/// The words by which the user's `.bazelrc` starts us.
pub fn starts() -> Vec<String> {
    let text = rc()
        .and_then(|path| text::content(&path))
        .unwrap_or_default();
    let words = text.lines().filter_map(|line| {
        let (_, word) = line.trim().strip_prefix(OPTION)?.split_once('=')?;
        is_ours(word).then(|| word.replace('\\', ""))
    });
    words.collect()
}

/// A word as bazel reads it from the file: split at blanks, with comments and quotes as a shell has them.
fn escaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for c in word.chars() {
        if c.is_whitespace() || "#'\"\\".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Whether a helper's path is one of our links, whichever profile it names.
fn is_ours(word: &str) -> bool {
    link_of(word) == LINK || profile_of(word).is_some()
}

/// The profile that such a link names.
fn profile_of(word: &str) -> Option<&str> {
    link_of(word).strip_prefix(LINK)?.strip_prefix('-')
}

fn link_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

fn name(job: &Job<'_>) -> String {
    job.profile
        .map_or_else(|| LINK.to_owned(), |name| format!("{LINK}-{name}"))
}

fn rc() -> Option<std::path::PathBuf> {
    env::home().map(|home| home.join(".bazelrc"))
}
