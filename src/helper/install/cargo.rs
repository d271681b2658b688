//! cargo: our name as `credential-provider` of the registries whose index is on one of the hosts.

use super::change::Change;
use super::hosts::Host;
use super::own_program::is_named;
use super::text::Text;
use super::{Job, Plan, taken};
use crate::env::programs;
use crate::error::{Error, Result};
use crate::profile::edit::with_line_ends_of;
use toml_edit::{Array, DocumentMut, Item, TableLike, value};

const PROVIDER: &str = "credential-provider";

/// Adds the line to every registry there.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let (text, mut document) = read()?;
    let ours = provider(job);
    let mut plan = Plan::default();
    let mut found = false;
    let mut lines = Vec::new();
    for (name, registry) in registries(&mut document) {
        if !job.hosts.iter().any(|host| has_index(registry, host)) {
            continue;
        }
        found = true;
        let there = registry
            .get(PROVIDER)
            .map(|item| item.to_string().trim().to_owned());
        if there.as_deref() == Some(ours.to_string().trim()) {
            continue;
        }
        lines.push(format!("  [registries.{name}]"));
        if let Some(item) = registry.get(PROVIDER) {
            if !is_ours(job, item) {
                return Err(occupied(&text, &name));
            }
            let other = profile_of(item).filter(|other| job.is_another(other));
            plan.taken
                .extend(other.map(|other| format!("{other} for registry {name:?}")));
            lines.push(format!("- {PROVIDER} = {}", item.to_string().trim()));
        }
        lines.push(format!("+ {PROVIDER} = {ours}"));
        registry.insert(PROVIDER, value(ours.clone()));
    }
    if !found {
        return Err(no_registry(&text, &job.hosts));
    }
    plan.changes
        .extend(Change::of(&text, written(&document, &text), None, lines));
    Ok(plan)
}

/// Takes the lines of this profile away, whatever the registry.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let (text, mut document) = read()?;
    let mut plan = Plan::default();
    let mut lines = Vec::new();
    for (name, registry) in registries(&mut document) {
        let is_meant = |item: &Item| is_ours(job, item) && profile_of(item) == job.profile;
        let Some(there) = registry.get(PROVIDER).filter(|item| is_meant(item)) else {
            continue;
        };
        lines.push(format!("  [registries.{name}]"));
        lines.push(format!("- {PROVIDER} = {}", there.to_string().trim()));
        registry.remove(PROVIDER);
    }
    if !lines.is_empty() {
        plan.changes
            .extend(Change::of(&text, written(&document, &text), None, lines));
    }
    Ok(plan)
}

/// cargo's configuration of the user; where both are there, cargo reads the older name.
fn read() -> Result<(Text, DocumentMut)> {
    let older = programs::cargo_home().map(|home| home.join("config"));
    let path = match older {
        Some(older) if older.is_file() => Some(older),
        _ => programs::cargo_home().map(|home| home.join("config.toml")),
    };
    let text = Text::read(path)?;
    let document = text.text().parse::<DocumentMut>();
    // The message alone: the long form quotes the line, which may hold a token.
    let document = document.map_err(|cause| {
        let line = cause
            .span()
            .map_or(0, |span| text.text()[..span.start].lines().count());
        text.error(&format!(
            "it is not TOML (line {}): {}",
            line.max(1),
            cause.message()
        ))
    })?;
    Ok((text, document))
}

/// The document as text: the library ends the last line, also where it had no end.
fn written(document: &DocumentMut, text: &Text) -> String {
    let mut new = document.to_string();
    if !text.text().ends_with('\n') && new.ends_with('\n') {
        new.pop();
    }
    with_line_ends_of(text.text(), new)
}

fn registries(document: &mut DocumentMut) -> impl Iterator<Item = (String, &mut dyn TableLike)> {
    let all = document
        .get_mut("registries")
        .and_then(Item::as_table_like_mut);
    all.into_iter().flat_map(|all| {
        all.iter_mut().filter_map(|(name, registry)| {
            let name = name.get().to_owned();
            Some((name, registry.as_table_like_mut()?))
        })
    })
}

fn has_index(registry: &dyn TableLike, host: &Host) -> bool {
    let index = registry
        .get("index")
        .and_then(Item::as_str)
        .unwrap_or_default();
    let url = ["sparse+", "registry+"]
        .iter()
        .find_map(|kind| index.strip_prefix(kind))
        .unwrap_or(index);
    host.owns(url)
}

fn provider(job: &Job<'_>) -> Array {
    let words = std::iter::once(job.own.word.as_str()).chain(job.profile);
    words.collect()
}

/// The words by which cargo's configuration starts us.
pub fn starts() -> Vec<String> {
    let Ok((_, mut document)) = read() else {
        return Vec::new();
    };
    let all = document
        .get("registry")
        .and_then(|registry| registry.get("global-credential-providers"))
        .and_then(Item::as_array);
    let mut words: Vec<String> = all
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str()?.split_whitespace().next().map(str::to_owned))
        .collect();
    let own = registries(&mut document)
        .filter_map(|(_, registry)| first_word(registry.get(PROVIDER)?).map(str::to_owned));
    words.extend(own);
    words.retain(|word| is_named(word));
    words
}

/// Whether a provider is us: `["tokctl", …]`, or the same as one string.
fn is_ours(job: &Job<'_>, item: &Item) -> bool {
    first_word(item).is_some_and(|word| job.own.is_us(word))
}

fn first_word(item: &Item) -> Option<&str> {
    match item.as_array() {
        Some(words) => words.get(0)?.as_str(),
        None => item.as_str()?.split_whitespace().next(),
    }
}

fn profile_of(item: &Item) -> Option<&str> {
    match item.as_array() {
        Some(words) => words.get(1)?.as_str(),
        None => item.as_str()?.split_whitespace().nth(1),
    }
}

fn occupied(text: &Text, name: &str) -> Error {
    let what = format!(
        "{}: registry {name:?} has another {PROVIDER} already",
        text.path.display()
    );
    taken(&what, "take that line out, and run this again")
}

fn no_registry(text: &Text, hosts: &[Host]) -> Error {
    let names: Vec<&str> = hosts.iter().map(|host| host.origin.as_str()).collect();
    let what = format!(
        "{}: no registry has its index at {}",
        text.path.display(),
        names.join(" or ")
    );
    let example = names
        .first()
        .copied()
        .unwrap_or("https://cargo.corp.example");
    Error::config(what).hint(format!(
        "name it there first: [registries.corp] with index = \"sparse+{example}/index/\""
    ))
}
