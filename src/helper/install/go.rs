//! go: our command at the head of the list in `GOAUTH`, in go's own environment file, written by go
//! itself.

use super::change::Change;
use super::text::Text;
use super::tool::{Copy, Tool};
use super::{Job, Plan};
use crate::env;
use crate::error::{Error, Result};
use crate::helper::goauth::{entries, fault, setting};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What go does where nothing is set (`go help goauth`).
const USUAL: &str = "netrc";

/// Puts us first: go takes the first that has something for a URL.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    if !job.hosts.iter().any(|host| host.origin.is_https()) {
        let what = "go gives a token to https servers only, and the profile's hosts have none";
        return Err(Error::config(what));
    }
    let text = file()?;
    let ours = command(job)?;
    let mut plan = Plan::default();
    plan.warnings.extend(overridden());
    let there = setting(text.text()).filter(|list| !list.trim().is_empty());
    let rest = match there {
        Some(list) if entries(list).any(|entry| entry == "off") => return Err(off(&text)),
        Some(list) if fault(list).is_none() && entries(list).any(|entry| entry == ours) => {
            return Ok(plan);
        }
        Some(list) => {
            let old = |entry: &str| is_ours(job, entry) && profile_of(entry) == job.profile;
            // go ends at an empty one.
            let kept = list
                .split(';')
                .filter(|entry| !entry.trim().is_empty() && !old(entry.trim()));
            // Without a space: so `remove` knows it from the usual one, which nobody had written.
            kept.fold(String::new(), |all, entry| format!("{all};{entry}"))
        }
        None => format!("; {USUAL}"),
    };
    let copy = Copy::of(&text)?;
    set(&copy, Some(&format!("{ours}{rest}")))?;
    plan.changes.extend(shown(&text, &copy)?);
    Ok(plan)
}

/// Somebody has said that go is to ask nobody, and go takes nothing beside that word.
fn off(text: &Text) -> Error {
    let what = format!(
        "{}: GOAUTH is off, so that go asks nobody",
        text.path.display()
    );
    Error::config(what).hint("if it need not be, run: go env -u GOAUTH, and then this again")
}

/// Takes this profile's command out of the list.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = file()?;
    let mut plan = Plan::default();
    let Some(list) = setting(text.text()) else {
        return Ok(plan);
    };
    let is_meant = |entry: &str| is_ours(job, entry) && profile_of(entry) == job.profile;
    if !entries(list).any(is_meant) {
        return Ok(plan);
    }
    let kept: Vec<&str> = list
        .split(';')
        .filter(|entry| !entry.trim().is_empty() && !is_meant(entry.trim()))
        .collect();
    let kept = kept.join(";");
    let copy = Copy::of(&text)?;
    let is_usual = kept == format!(" {USUAL}");
    set(
        &copy,
        Some(kept.as_str()).filter(|kept| !is_usual && !kept.is_empty()),
    )?;
    plan.changes.extend(shown(&text, &copy)?);
    Ok(plan)
}

/// go's environment file, wherever it keeps it.
fn file() -> Result<Text> {
    let tool = Tool {
        program: "go",
        // A module here may ask for a newer go, which would be fetched.
        env: vec![("GOTOOLCHAIN", OsString::from("local"))],
        copy: None,
    };
    let path = tool.run(&["env", "GOENV"].map(OsStr::new))?;
    match path.trim_end() {
        "off" | "" => Err(Error::config("go reads no file of settings: GOENV is off")
            .hint("unset GOENV, and run this again")),
        path => Text::read(Some(PathBuf::from(path))),
    }
}

/// Our command as go splits it: at semicolons first, whatever is around them, then at spaces.
fn command(job: &Job<'_>) -> Result<String> {
    let word = &job.own.word;
    let quote = ["", "'", "\""].into_iter().find(|quote| match *quote {
        "" => !word.contains(|c: char| c.is_whitespace() || "'\"".contains(c)),
        quote => !word.contains(quote),
    });
    let quote = quote.filter(|_| !word.contains([';', '\n'])).ok_or_else(|| {
        let what = format!("go cannot start a program by the path {word:?}: it has ; or both kinds of quotes in it");
        Error::config(what).hint("put a link to tokctl into another directory of the PATH, and run this by it")
    })?;
    let profile = job.profile.unwrap_or_default();
    Ok(format!("{quote}{word}{quote} helper go {profile}"))
}

fn is_ours(job: &Job<'_>, entry: &str) -> bool {
    entry
        .split_once(" helper go ")
        .is_some_and(|(word, _)| job.own.is_us(word.trim_matches(['\'', '"'])))
}

fn profile_of(entry: &str) -> Option<&str> {
    entry.split_once(" helper go ").map(|(_, profile)| profile)
}

/// Has go write the setting, or take it out.
fn set(copy: &Copy, list: Option<&str>) -> Result<()> {
    let tool = Tool {
        program: "go",
        env: vec![
            ("GOENV", OsString::from(copy.path())),
            ("GOTOOLCHAIN", OsString::from("local")),
            // With one in the environment, go refuses to write another.
            ("GOAUTH", OsString::new()),
        ],
        copy: Some(copy),
    };
    let words = match list {
        Some(list) => ["env".to_owned(), "-w".to_owned(), format!("GOAUTH={list}")],
        None => ["env".to_owned(), "-u".to_owned(), "GOAUTH".to_owned()],
    };
    tool.run(&words.each_ref().map(OsStr::new)).map(drop)
}

fn shown(text: &Text, copy: &Copy) -> Result<Option<super::Change>> {
    let new = copy.text()?;
    let line = |sign: char, text: &str| setting(text).map(|list| format!("{sign} GOAUTH={list}"));
    let lines = line('-', text.text()).into_iter().chain(line('+', &new));
    let lines = lines.collect();
    Ok(Change::of(text, new, None, lines))
}

fn overridden() -> Option<String> {
    let set = env::var("GOAUTH")?;
    Some(format!(
        "the variable GOAUTH ({set}) is set here, and go takes it instead of its file"
    ))
}
