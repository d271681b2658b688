//! git: a reset and a helper for each host, in the user's configuration, written by git itself.
//!
//! The empty line before ours takes the helpers away that were named so far: git hands a password
//! that worked to all of them, and `store` writes it down.

use super::change::Change;
use super::hosts::Host;
use super::text::Text;
use super::tool::{Copy, Tool};
use super::{Job, Plan};
use crate::env::programs;
use crate::error::{Result, shell_word};
use crate::helper::git_config::{self, Line};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::ffi::{OsStr, OsString};

/// What has another meaning in the user name of a URL (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Adds the two lines for every host.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::git_config())?;
    let copy = Copy::of(&text)?;
    let ours = value(job);
    let mut plan = Plan::default();
    let mut lines = Vec::new();
    for host in &job.hosts {
        let (section, there) = section(job, &copy, host)?;
        let key = format!("credential.{section}.helper");
        if there
            .windows(2)
            .any(|two| two[0].is_empty() && two[1] == ours)
        {
            continue;
        }
        lines.push(format!("  [credential \"{section}\"]"));
        for old in there.iter().filter(|old| is_ours(job, old)) {
            plan.taken
                .extend(other_profile(job, old).map(|other| format!("{other} for {section}")));
            lines.extend(take_out(&copy, &key, old)?);
        }
        for line in ["", &ours] {
            edit(&copy, &["--add", &key, line])?;
            lines.push(format!("+ helper = {line}").trim_end().to_owned());
        }
    }
    plan.warnings = others(job, &copy)?;
    plan.advice = advice(job, &lines);
    plan.changes
        .extend(Change::of(&text, copy.text()?, None, lines));
    Ok(plan)
}

/// The URL of the section for a host, and the helpers that are in it: one of the account's own where the
/// host's is another profile's that has the host too.
fn section(job: &Job<'_>, copy: &Copy, host: &Host) -> Result<(String, Vec<String>)> {
    let plain = host.origin.to_string();
    let there = values(copy, &format!("credential.{plain}.helper"))?;
    let is_others = |line: &String| is_ours(job, line) && other_profile(job, line).is_some();
    match &host.user {
        Some(user) if there.iter().any(is_others) => {
            let (scheme, server) = (host.origin.scheme(), host.origin.authority());
            let user = utf8_percent_encode(user, RESERVED);
            let own = format!("{scheme}://{user}@{server}");
            let there = values(copy, &format!("credential.{own}.helper"))?;
            Ok((own, there))
        }
        _ => Ok((plain, there)),
    }
}

/// Another profile that a line of ours names.
fn other_profile(job: &Job<'_>, line: &str) -> Option<String> {
    let named = profile_of(line)?;
    let own = job.profile.map(shell_word);
    (own.is_some() && own.as_ref() != Some(&named)).then_some(named)
}

/// What is left for the person to do.
fn advice(job: &Job<'_>, lines: &[String]) -> Vec<String> {
    let mut advice = Vec::new();
    for host in &job.hosts {
        let (scheme, server) = (host.origin.scheme(), host.origin.authority());
        let own = host
            .user
            .as_ref()
            .map(|user| format!("{scheme}://{user}@{server}"));
        let is_written = |own: &String| lines.iter().any(|line| line.contains(own.as_str()));
        if let Some(own) = own.filter(is_written) {
            advice.push(format!(
                "another profile has the host too: this one is asked for {own}/..."
            ));
        }
    }
    advice
}

/// Takes the lines of this profile away, whatever the host.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::git_config())?;
    let mut plan = Plan::default();
    if !text.exists() {
        return Ok(plan);
    }
    let copy = Copy::of(&text)?;
    let mut lines = Vec::new();
    for (key, value) in all(&tool(&copy), &["--file".as_ref(), copy.path()])? {
        if is_ours(job, &value) && profile_of(&value) == job.profile.map(shell_word) {
            let url = key
                .trim_start_matches("credential.")
                .trim_end_matches(".helper");
            lines.push(format!("  [credential \"{url}\"]"));
            lines.extend(take_out(&copy, &key, &value)?);
        }
    }
    plan.changes
        .extend(Change::of(&text, copy.text()?, None, lines));
    Ok(plan)
}

/// What git is to run.
fn value(job: &Job<'_>) -> String {
    let profile = job
        .profile
        .map_or_else(String::new, |name| format!(" {}", shell_word(name)));
    format!("!{} helper git{profile}", shell_word(&job.own.word))
}

fn is_ours(job: &Job<'_>, value: &str) -> bool {
    let program = value
        .strip_prefix('!')
        .and_then(|value| value.split_once(" helper git"))
        .map(|(program, _)| program.trim_matches('\''));
    program.is_some_and(|program| job.own.is_us(program))
}

/// The profile that such a line names, as it is quoted there.
fn profile_of(value: &str) -> Option<String> {
    let (_, rest) = value.split_once(" helper git")?;
    Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty())
}

fn tool(copy: &Copy) -> Tool<'_> {
    Tool {
        program: "git",
        env: Vec::new(),
        copy: Some(copy),
    }
}

fn edit(copy: &Copy, words: &[&str]) -> Result<String> {
    let mut all: Vec<&OsStr> = vec!["config".as_ref(), "--file".as_ref(), copy.path()];
    all.extend(words.iter().map(OsStr::new));
    tool(copy).run(&all)
}

/// All values of a key, in their order.
fn values(copy: &Copy, key: &str) -> Result<Vec<String>> {
    let all = all(&tool(copy), &["--file".as_ref(), copy.path()])?;
    let same = |name: &String| name.eq_ignore_ascii_case(key);
    Ok(all
        .into_iter()
        .filter(|(name, _)| same(name))
        .map(|(_, value)| value)
        .collect())
}

/// Every helper of a configuration, with its key.
fn all(tool: &Tool<'_>, place: &[&OsStr]) -> Result<Vec<(String, String)>> {
    let mut words: Vec<&OsStr> = vec!["config".as_ref(), "-z".as_ref()];
    words.extend(place);
    words.extend(["--get-regexp", r"^credential\.(.*\.)?helper$"].map(OsStr::new));
    let output = tool.output(&words)?;
    // 1: there is none (git-config(1)).
    if output.status.code() == Some(1) {
        return Ok(Vec::new());
    }
    if !output.status.success() {
        tool.run(&words)?;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let read = |entry: &str| match entry.split_once('\n') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (entry.to_owned(), String::new()),
    };
    Ok(text.split_terminator('\0').map(read).collect())
}

/// Takes one of our lines out, with the reset before it, and says what went.
fn take_out(copy: &Copy, key: &str, value: &str) -> Result<Vec<String>> {
    let mut went = vec![format!("- helper = {value}")];
    match without_pair(&copy.text()?, value) {
        Some(text) => {
            copy.set(&text)?;
            went.insert(0, "- helper =".to_owned());
        }
        // Written by hand: without a reset, or with comments in between.
        None => {
            edit(copy, &["--fixed-value", "--unset-all", key, value])?;
        }
    }
    Ok(went)
}

/// A configuration without the first such pair of lines, and without their section if nothing else
/// is in it. git itself cannot say which of several empty lines is meant.
fn without_pair(text: &str, value: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let read = |line: &str| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "helper").then(|| value.trim().replace("\\\\", "\\").replace("\\\"", "\""))
    };
    let is = |line: &str, wanted: &str| {
        read(line).is_some_and(|value| value.trim_matches('"') == wanted || value == wanted)
    };
    let at = lines
        .windows(2)
        .position(|two| is(two[0], "") && is(two[1], value))?;
    let is_header = |line: &&str| line.trim_start().starts_with('[');
    let is_last = lines.get(at + 2).is_none_or(is_header);
    let begins = at
        .checked_sub(1)
        .filter(|before| is_header(&lines[*before]) && is_last);
    let begin = begins.unwrap_or(at);
    Some([lines[..begin].concat(), lines[at + 2..].concat()].concat())
}

/// Whom git would hand the token too: helpers that come after ours.
fn others(job: &Job<'_>, copy: &Copy) -> Result<Vec<String>> {
    // As this directory's git would see it once the copy is in place.
    let tool = Tool {
        program: "git",
        env: vec![("GIT_CONFIG_GLOBAL", OsString::from(copy.path()))],
        copy: None,
    };
    let words = ["config", "--null", "--show-origin", "--list"].map(OsStr::new);
    let lines = Line::read_all(&tool.run(&words)?);
    let mut warnings = Vec::new();
    for host in &job.hosts {
        let asked = git_config::asked(&lines, &host.origin);
        // Before git 2.32 the copy is not seen.
        if !asked.iter().any(|line| is_ours(job, &line.helper)) {
            continue;
        }
        for line in asked {
            let Some((name, _)) = line.keeps() else {
                continue;
            };
            // The command line of one that is not git's own may hold a password.
            let (shown, keeps) = match name.as_str() {
                "store" => (&line.helper, "which writes it to a file in clear text"),
                "cache" => (&line.helper, "which keeps it in a process"),
                _ => (&name, "which may keep it"),
            };
            warnings.push(format!(
                "git hands a password for {} to the helper {shown:?} too, {keeps}: see git config --show-origin --get-regexp 'credential.*helper'",
                host.origin
            ));
        }
    }
    Ok(warnings)
}
