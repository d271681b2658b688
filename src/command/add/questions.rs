//! What a person is asked, in the order in which the answers are known.

use super::answers::{one, until, yes};
use super::draft::{Draft, Origin};
use super::facts::Facts;
use super::{service, usable_store};
use crate::error::Result;
use crate::profile::config::{self, Config};
use crate::profile::{EndpointKind, preset};
use crate::ui;

/// Where the redirect goes if nothing else is known.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Asks for what the flags have not said.
pub fn ask(draft: &mut Draft, config: &Config, force: bool) -> Result<()> {
    let found = match &draft.issuer {
        _ if !draft.has_server() => service::ask(draft, config)?,
        Some(issuer) => Some(service::discover(draft, config, issuer)?),
        None => None,
    };
    let facts = Facts::of(draft, found);
    vars(draft, &facts)?;
    name(draft, config, force)?;
    if draft.grant.is_none() {
        purpose(draft, &facts)?;
    }
    if draft.client_id.is_none() {
        registration(draft, &facts);
        draft.client_id = Some(until("client id: ", |text| {
            (!text.is_empty()).then_some(text)
        })?);
    }
    if matches!(draft.secret, Origin::None) && draft.client_auth.as_deref() != Some("none") {
        secret(draft, config, &facts)?;
    }
    if draft.scope.is_empty() {
        scopes(draft, &facts)?;
    }
    Ok(())
}

/// A value for each variable of a preset's addresses.
fn vars(draft: &mut Draft, facts: &Facts) -> Result<()> {
    let Some(preset) = &facts.preset else {
        return Ok(());
    };
    for (name, usual) in preset::vars(preset) {
        if draft.vars.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let prompt = match &usual {
            Some(usual) => format!("{name} [{usual}]: "),
            None => format!("{name}: "),
        };
        let value = until(&prompt, |text| {
            (!text.is_empty() || usual.is_some()).then_some(text)
        })?;
        if !value.is_empty() && Some(&value) != usual.as_ref() {
            draft.vars.push((name, value));
        }
    }
    Ok(())
}

/// Whether a person logs in, or the client acts for itself: asked only where both can be.
fn purpose(draft: &mut Draft, facts: &Facts) -> Result<()> {
    let own = "client_credentials";
    let usual = facts.fact(draft, "grant");
    // What a preset says first is what the service is for; only some can do the other too.
    let both = match (&facts.preset, &usual) {
        (Some(_), Some(grant)) => grant == own && facts.can_log_in(draft),
        (Some(_), None) => false,
        (None, _) => facts.can_log_in(draft),
    };
    if !both {
        return Ok(());
    }
    let (first, second) = (
        "a person, who logs in once",
        "the client itself, with its id and secret (client credentials)",
    );
    let person = usual.as_deref() != Some(own);
    let default = if person { 1 } else { 2 };
    ui::show(&format!(
        "who is the token for?\n    1  {first}\n    2  {second}\n"
    ));
    let number = until(&format!("number [{default}]: "), |text| {
        match text.as_str() {
            "" => Some(default),
            "1" => Some(1),
            "2" => Some(2),
            _ => None,
        }
    })?;
    let browser = facts.has(draft, EndpointKind::Authorization);
    draft.grant = match (number, person) {
        (1, true) if browser => None,
        (1, _) if browser => Some("authorization_code".to_owned()),
        (1, _) => Some("device_code".to_owned()),
        (_, true) => Some(own.to_owned()),
        _ => None,
    };
    Ok(())
}

/// Where the client is made known to the service, and what has to be told there.
fn registration(draft: &Draft, facts: &Facts) {
    let mut text = String::new();
    match (facts.fact(draft, "register"), facts.fact(draft, "docs")) {
        (Some(url), _) => text.push_str(&format!("register your application at  {url}\n")),
        (None, Some(url)) => text.push_str(&format!("how to register your application:  {url}\n")),
        (None, None) => text.push_str("register your application at the server\n"),
    }
    let grant = draft.grant.clone().or_else(|| facts.fact(draft, "grant"));
    if grant.is_none_or(|grant| grant == "authorization_code") && facts.can_log_in(draft) {
        let uri = draft
            .redirect_uri
            .clone()
            .or_else(|| facts.fact(draft, "redirect_uri"));
        let uri = uri.as_deref().unwrap_or(REDIRECT_URI);
        text.push_str(&format!("  with the redirect URI       {uri}\n"));
        if facts.preset.is_none() && draft.redirect_uri.is_none() {
            text.push_str("  (each login adds a port of its own; if the server wants a fixed one, use --redirect-uri)\n");
        }
    }
    ui::show(&text);
}

/// Without echo, once it is clear that it can be kept.
fn secret(draft: &mut Draft, config: &Config, facts: &Facts) -> Result<()> {
    let grant = draft.grant.clone().or_else(|| facts.fact(draft, "grant"));
    let needed = grant.as_deref() == Some("client_credentials") || !facts.can_log_in(draft);
    if let Some(store) = keeping(draft, config)? {
        draft.store = Some(store);
    }
    let note = if needed {
        ""
    } else {
        "; empty if there is none"
    };
    loop {
        let secret = ui::read_secret(&format!("client secret (not shown{note})"))?;
        if !secret.is_empty() {
            draft.secret = Origin::Given(secret);
            return Ok(());
        }
        if !needed {
            return Ok(());
        }
    }
}

/// The store to be written into the profile, where the usual one cannot keep a secret here.
fn keeping(draft: &Draft, config: &Config) -> Result<Option<String>> {
    let profile = super::checked(draft, config, true)?;
    let Err(error) = usable_store(&profile) else {
        return Ok(None);
    };
    if draft.store.is_some() {
        return Err(error);
    }
    ui::show(&format!("{error}\n"));
    let question = "keep secrets and tokens in an encrypted file instead? [Y/n]: ";
    if !yes(question, true)? {
        return Err(error);
    }
    Ok(Some("encrypted-file".to_owned()))
}

fn scopes(draft: &mut Draft, facts: &Facts) -> Result<()> {
    let known = facts.scopes();
    let width = known.iter().map(String::len).max().unwrap_or(0);
    let lines = known
        .iter()
        .zip(1..)
        .map(|(scope, number)| format!("  {number:>3}  {scope:<width$}\n"));
    let lines: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    let prompt = if known.is_empty() {
        "scopes, separated by spaces (empty: the server's choice): "
    } else {
        ui::show(&format!("scopes that are known:\n{lines}"));
        "scopes, by number or name, separated by spaces (empty: the server's choice): "
    };
    let answer = one(prompt)?;
    let scope = answer
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let number = word
                .parse()
                .ok()
                .and_then(|number: usize| known.get(number.checked_sub(1)?));
            number.cloned().unwrap_or_else(|| word.to_owned())
        });
    draft.scope = scope.collect();
    Ok(())
}

fn name(draft: &mut Draft, config: &Config, force: bool) -> Result<()> {
    if !draft.name.is_empty() {
        return Ok(());
    }
    let taken = config.names()?;
    let usual = draft
        .preset
        .clone()
        .filter(|name| force || !taken.contains(name));
    let prompt = match &usual {
        Some(usual) => format!("a name for the profile [{usual}]: "),
        None => "a name for the profile: ".to_owned(),
    };
    draft.name = until(&prompt, |text| {
        let name = if text.is_empty() {
            usual.clone()?
        } else {
            text
        };
        let why = if !config::is_name(&name) {
            config::NAMES
        } else if taken.contains(&name) && !force {
            "there is a profile of this name already"
        } else if draft.preset.as_deref() != Some(&name)
            && preset::names().any(|known| known == name)
        {
            "this is the name of another service's preset"
        } else {
            return Some(name);
        };
        ui::show(&format!("{why}\n"));
        None
    })?;
    Ok(())
}
