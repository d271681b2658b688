//! The scopes: what is known of them with what each is for, by number or name.

use super::answers::until;
use super::wizard::{Step, Wizard};
use crate::error::Result;
use crate::profile::preset;
use crate::ui;

/// OpenID Connect Core sections 5.4 and 11.
const STANDARD: &[(&str, &str)] = &[
    ("openid", "an id token: who has logged in"),
    ("offline_access", "a refresh token: the login lasts"),
    ("profile", "name and picture"),
    ("email", "the mail address"),
    ("address", "the postal address"),
    ("phone", "the telephone number"),
];

/// So many of a server's scopes are listed; some servers name hundreds.
const MOST: usize = 15;

/// Which scopes to ask for.
pub fn ask(wizard: &mut Wizard<'_>) -> Result<Step> {
    if !wizard.given.scope.is_empty() {
        return Ok(Step::Skipped);
    }
    let known = known(wizard);
    let usual = usual(wizard, &known);
    let how = if known.is_empty() {
        "scopes, separated by spaces"
    } else {
        ui::show(&format!("scopes that are known:\n{}", list(&known)));
        "scopes, by number or name, separated by spaces"
    };
    let prompt = match usual.as_slice() {
        [] => format!("{how} (empty: the server's choice): "),
        usual => format!("{how} (- for the server's choice) [{}]: ", usual.join(" ")),
    };
    let scope = until(&prompt, |text| match text {
        "" => Ok(usual.clone()),
        "-" => Ok(Vec::new()),
        text => read(text, &known),
    })?;
    let Some(scope) = scope else {
        return Ok(Step::Back);
    };
    wizard.draft.scope = scope;
    Ok(Step::On)
}

/// Those of a preset, or what the server lists. They are a person's to grant, not a client's that acts for itself.
fn known(wizard: &Wizard<'_>) -> Vec<(String, String)> {
    let can_log_in = wizard.facts().can_log_in(wizard.draft);
    if wizard.is_for_itself() && (can_log_in || wizard.draft.preset.is_none()) {
        return Vec::new();
    }
    if let Some(preset) = &wizard.draft.preset {
        return preset::scopes(preset);
    }
    let listed = wizard.facts().server.scopes_supported.unwrap_or_default();
    let about = |scope: &str| {
        let found = STANDARD.iter().find(|(name, _)| *name == scope);
        found.map_or_else(String::new, |(_, about)| (*about).to_owned())
    };
    let with_words = listed
        .into_iter()
        .map(|scope| (scope.clone(), about(&scope)));
    with_words.collect()
}

/// What was answered before; else, where a person logs in, what lets the login last.
fn usual(wizard: &Wizard<'_>, known: &[(String, String)]) -> Vec<String> {
    if !wizard.draft.scope.is_empty() || wizard.draft.preset.is_some() || wizard.is_for_itself() {
        return wizard.draft.scope.clone();
    }
    let lasting = ["openid", "offline_access"].into_iter();
    let lists = |word: &&str| known.iter().any(|(scope, _)| scope == word);
    lasting.filter(lists).map(str::to_owned).collect()
}

fn list(known: &[(String, String)]) -> String {
    let shown = &known[..known.len().min(MOST)];
    let width = shown
        .iter()
        .map(|(scope, _)| scope.len())
        .max()
        .unwrap_or(0);
    let line = |(number, (scope, about)): (usize, &(String, String))| {
        let line = format!("  {number:>3}  {scope:<width$}  {about}");
        format!("{}\n", ui::fitting(line.trim_end()))
    };
    let mut text: String = (1..).zip(shown).map(line).collect();
    if known.len() > MOST {
        let rest: Vec<&str> = known[MOST..]
            .iter()
            .map(|(scope, _)| scope.as_str())
            .collect();
        text.push_str(&format!("       and {} more, by name\n", rest.len()));
    }
    text
}

/// Numbers of the list, and names of any scope (RFC 6749 section 3.3).
fn read(text: &str, known: &[(String, String)]) -> Result<Vec<String>, String> {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    let one = |word: &str| match word.parse::<usize>() {
        Ok(number) if !known.is_empty() && number < 1000 => {
            match number.checked_sub(1).and_then(|at| known.get(at)) {
                Some((scope, _)) => Ok(scope.clone()),
                None => Err(format!("there is no number {number} in the list")),
            }
        }
        _ if word.chars().all(is_plain) => Ok(word.to_owned()),
        _ => Err(format!(
            "{word:?} is no scope: it has characters that none may have"
        )),
    };
    text.split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(one)
        .collect()
}
