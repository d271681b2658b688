//! terraform: a link in its plugin directory, and the one `credentials_helper` block that its
//! configuration may have.

use super::change::Change;
use super::text::{self, Text, with_block, without_block};
use super::{Job, Plan, taken};
use crate::env::programs;
use crate::error::{Error, Kind, Result};
use std::path::PathBuf;

/// Adds the link and the block.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::terraform_config())?;
    let mut plan = Plan::default();
    plan.changes.extend(job.own.link_at(&link()?)?);
    let block = block(job.profile);
    let bare = without_comments(text.text());
    let (mut old, mut lines) = (text.text().to_owned(), Vec::new());
    if let Some(there) = helper_in(&bare) {
        let ours = blocks_of_ours(text.text());
        match &ours[..] {
            [same] if *same == block => return Ok(warned(plan, job, &bare)),
            [other] => {
                plan.taken.extend(whose(job, other));
                lines = signed('-', other);
                old = without_block(&old, other).unwrap_or(old);
            }
            _ => return Err(occupied(&text, &there)),
        }
    }
    if bare.trim_start().starts_with('{') {
        return Err(text.error("it is JSON, which is not edited here"));
    }
    lines.extend(signed('+', &block));
    plan.changes
        .extend(Change::of(&text, with_block(&old, &block), None, lines));
    Ok(warned(plan, job, &bare))
}

/// Takes the block of this profile and the link away.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::terraform_config())?;
    let mut plan = Plan::default();
    let block = block(job.profile);
    if let Some(new) = without_block(text.text(), &block) {
        plan.changes
            .extend(Change::of(&text, new, None, signed('-', &block)));
    } else if helper_in(&without_comments(text.text())).is_some() {
        // Somebody's, or another profile's, which still needs the link if it is ours.
        return Ok(plan);
    }
    plan.changes.extend(job.own.unlink_at(&link()?));
    Ok(plan)
}

/// The link by which terraform starts us, where its configuration names us.
pub fn starts() -> Vec<String> {
    let text = programs::terraform_config().and_then(|path| text::content(&path));
    let named = text.and_then(|text| helper_in(&without_comments(&text)));
    let link = named.filter(|name| name == "tokctl").and(link().ok());
    link.map(|link| link.to_string_lossy().into_owned())
        .into_iter()
        .collect()
}

/// terraform looks nowhere else for it, and not on the PATH.
fn link() -> Result<PathBuf> {
    let dir = programs::terraform_plugins();
    let dir = dir.ok_or_else(|| Error::new(Kind::Io, "there is no home directory"))?;
    Ok(dir.join("terraform-credentials-tokctl"))
}

fn block(profile: Option<&str>) -> String {
    let args = profile.map_or_else(String::new, |name| format!("\"{name}\""));
    format!("credentials_helper \"tokctl\" {{\n  args = [{args}]\n}}")
}

/// The blocks that we have written, whichever profile they name.
fn blocks_of_ours(text: &str) -> Vec<String> {
    let begin = "credentials_helper \"tokctl\" {\n  args = [";
    let starts = text.match_indices(begin).map(|(at, _)| at);
    starts
        .filter_map(|at| {
            let (inner, _) = text[at + begin.len()..].split_once("]\n}")?;
            (!inner.contains('\n')).then(|| format!("{begin}{inner}]\n}}"))
        })
        .collect()
}

/// Who gives way to a profile: terraform has one helper for all hosts.
fn whose(job: &Job<'_>, block: &str) -> Option<String> {
    let named = block.split('"').nth(3).filter(|name| !name.is_empty());
    match (named, job.profile) {
        (Some(other), _) if job.is_another(other) => Some(format!("{other} for every host")),
        (None, Some(_)) => Some("every other one for its hosts".to_owned()),
        _ => None,
    }
}

/// The name of the helper that the configuration has, as it is written there.
fn helper_in(bare: &str) -> Option<String> {
    let word = "credentials_helper";
    let starts_statement = |before: &str| {
        let before = before.trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with(['\n', '}'])
    };
    let (_, rest) = bare
        .match_indices(word)
        .map(|(at, _)| (&bare[..at], &bare[at + word.len()..]))
        .find(|(before, _)| starts_statement(before))?;
    let label = rest.split('{').next().unwrap_or_default();
    Some(label.trim().trim_matches('"').to_owned())
}

/// The configuration without its comments.
fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with('#') || rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            let end = end_of_string(rest);
            bare.push_str(&rest[..end]);
            end
        } else {
            bare.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    bare
}

/// Where a quoted string ends, the quotes included.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            '\n' => return at,
            _ => {}
        }
    }
    text.len()
}

fn signed(sign: char, block: &str) -> Vec<String> {
    block.lines().map(|line| format!("{sign} {line}")).collect()
}

fn occupied(text: &Text, there: &str) -> Error {
    let what = format!(
        "{}: it has a credentials_helper already ({there:?}), and terraform takes only one",
        text.path.display()
    );
    taken(&what, "take that block out, and run this again")
}

/// A token that is written down for a host comes before any helper's.
fn warned(mut plan: Plan, job: &Job<'_>, bare: &str) -> Plan {
    for host in &job.hosts {
        let name = host.authority();
        if bare.contains(&format!("credentials \"{name}\"")) {
            plan.warnings.push(format!(
                "a credentials block for {name} comes before any helper: take it out"
            ));
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::{block, blocks_of_ours, helper_in, without_comments};

    #[test]
    fn a_helper_is_seen_wherever_it_is_written_and_not_in_comments() {
        let read = |text: &str| helper_in(&without_comments(text));
        assert_eq!(read("credentials_helper \"x\" {}").as_deref(), Some("x"));
        assert_eq!(
            read("a = 1\n  credentials_helper y {\n}").as_deref(),
            Some("y")
        );
        for none in [
            "",
            "# credentials_helper \"x\" {}",
            "// credentials_helper \"x\" {}\n",
            "/* \n credentials_helper \"x\" {} */ a = \"# \\\" credentials_helpers\"",
            "my_credentials_helper \"x\" {}",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn our_own_block_is_known_again() {
        for profile in [None, Some("corp")] {
            let text = format!("a = 1\n{}\nb = 2\n", block(profile));
            assert_eq!(blocks_of_ours(&text), [block(profile)]);
        }
        assert!(blocks_of_ours("credentials_helper \"tokctl\" { args = [] }").is_empty());
    }
}
