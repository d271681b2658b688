//! bazel: a link by whose name it starts us, and a line for each host in the user's `.bazelrc`.

use super::change::Change;
use super::text::{Text, with_block, without_block};
use super::{Job, Plan};
use crate::env;
use crate::error::Result;

/// The option, for every command that knows it.
const OPTION: &str = "common --credential_helper=";

/// Adds the link and the lines.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(rc())?;
    let mut plan = Plan::default();
    let (link, word) = job.place.link(&name(job))?;
    plan.changes.extend(link);
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
        value.is_some_and(|(_, word)| word.rsplit('/').next() == Some(&name(job)))
    };
    // From the end, as they came: the last newline is the first that was added.
    for line in text.text().lines().rev().filter(|line| is_meant(line)) {
        new = without_block(&new, line).unwrap_or(new);
        lines.insert(0, format!("- {line}"));
    }
    plan.changes.extend(Change::of(&text, new, None, lines));
    plan.changes.extend(job.place.unlink(&name(job)));
    Ok(plan)
}

/// Whether a helper's path is one of our links, whichever profile it names.
fn is_ours(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    name == "tokctl-bazel" || name.starts_with("tokctl-bazel-")
}

fn name(job: &Job<'_>) -> String {
    job.profile.map_or_else(
        || "tokctl-bazel".to_owned(),
        |name| format!("tokctl-bazel-{name}"),
    )
}

fn rc() -> Option<std::path::PathBuf> {
    env::home().map(|home| home.join(".bazelrc"))
}
