//! The first question: which service, in any of the ways in which people name one.

use super::answers::{until, yes};
use super::draft::Draft;
use super::wizard::{Step, Wizard};
use crate::clock::{Deadline, budget};
use crate::error::{Error, Result};
use crate::http::Endpoint;
use crate::oauth::metadata::{self, Metadata};
use crate::profile::config::Config;
use crate::profile::edit::There;
use crate::profile::{EndpointKind, preset};
use crate::state::server;
use crate::ui;
use std::path::PathBuf;

/// Which service: one that is known, an issuer, or addresses.
pub fn ask(wizard: &mut Wizard<'_>) -> Result<Step> {
    if wizard.given.has_server() {
        if let Some(issuer) = wizard
            .draft
            .issuer
            .clone()
            .filter(|_| wizard.found.is_none())
        {
            wizard.found = Some(discover(wizard.draft, wizard.config, &issuer)?);
        }
        return Ok(Step::Skipped);
    }
    let names: Vec<&str> = preset::names().collect();
    let list = list(&names);
    ui::show(&format!("which service is the token for?\n{list}"));
    loop {
        let Some(answer) = one(wizard)? else {
            return Ok(Step::Back);
        };
        if answer == "-" {
            clear(wizard);
            return endpoints(wizard);
        }
        if let Some(step) = take_answer(wizard, &answer, &names)? {
            return Ok(step);
        }
    }
}

/// One answer, which may be the one of before.
fn one(wizard: &Wizard<'_>) -> Result<Option<String>> {
    let usual = usual(wizard.draft);
    let end = usual
        .as_ref()
        .map_or_else(String::new, |usual| format!(" [{usual}]"));
    let prompt = format!("number, name or issuer (https://…; - to give single endpoints){end}: ");
    until(&prompt, |text| match (text, &usual) {
        ("", Some(usual)) => Ok(usual.clone()),
        ("", None) => Err(
            "a name or number of the list, or the address of the server that you log in to"
                .to_owned(),
        ),
        (text, _) => Ok(text.to_owned()),
    })
}

/// Takes what an answer means; nothing where another one is needed.
fn take_answer(wizard: &mut Wizard<'_>, answer: &str, names: &[&str]) -> Result<Option<Step>> {
    match known(answer, names) {
        Known::Preset(name) => {
            if wizard.draft.preset.as_deref() != Some(name) {
                clear(wizard);
                wizard.draft.preset = Some(name.to_owned());
            }
            return Ok(Some(Step::On));
        }
        Known::Address => return Ok(issuer(wizard, answer)?.then_some(Step::On)),
        Known::Several(several) => {
            ui::show(&format!("  which of them: {}?\n", several.join(", ")));
        }
        Known::Nothing => ui::show(&format!(
            "  there is no {answer:?} in the list{}\n",
            preset::meant(answer)
        )),
    }
    Ok(None)
}

/// What was answered before.
fn usual(draft: &Draft) -> Option<String> {
    let endpoint = draft
        .endpoints
        .get(EndpointKind::Token)
        .map(|_| "-".to_owned());
    draft
        .preset
        .clone()
        .or_else(|| draft.issuer.clone())
        .or(endpoint)
}

/// Another service has nothing of the one before.
fn clear(wizard: &mut Wizard<'_>) {
    let draft = &mut *wizard.draft;
    draft.preset = None;
    draft.issuer = None;
    draft.endpoints = wizard.given.endpoints.clone();
    draft.vars.clone_from(&wizard.given.vars);
    draft.scope.clone_from(&wizard.given.scope);
    draft.grant.clone_from(&wizard.given.grant);
    wizard.found = None;
}

/// The presets in as many columns as there is room for.
fn list(names: &[&str]) -> String {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let cell = width + "  123  ".len();
    let columns = (ui::width() / cell).clamp(1, 4);
    let rows = names.len().div_ceil(columns);
    let line = |row: usize| {
        let cells = (0..columns).filter_map(|column| {
            let at = column * rows + row;
            let name = names.get(at)?;
            Some(format!("  {:>3}  {name:<width$}", at + 1))
        });
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    (0..rows).map(line).collect()
}

/// What an answer means.
enum Known<'n> {
    Preset(&'n str),
    Several(Vec<&'n str>),
    Address,
    Nothing,
}

/// A number or a name of the list, in any case, by its title or by its beginning; else an address.
fn known<'n>(answer: &str, names: &[&'n str]) -> Known<'n> {
    let number: Option<usize> = answer.parse().ok();
    if let Some(name) = number.and_then(|number| names.get(number.checked_sub(1)?)) {
        return Known::Preset(name);
    }
    let word = answer.to_lowercase();
    let is_title =
        |name: &str| preset::fact(name, "title").is_some_and(|title| title.to_lowercase() == word);
    if let Some(name) = names.iter().find(|name| **name == word || is_title(name)) {
        return Known::Preset(name);
    }
    if answer.contains(['.', ':', '/']) {
        return Known::Address;
    }
    let begin: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| word.len() > 1 && name.starts_with(&word))
        .collect();
    match begin.as_slice() {
        [] => Known::Nothing,
        [one] => Known::Preset(one),
        _ => Known::Several(begin),
    }
}

/// The issuers that an answer may mean: with and without a slash at its end (RFC 8414 section 3.3 compares to the
/// last), from the address of its metadata, and on this machine without TLS.
fn issuers(answer: &str) -> Vec<String> {
    let answer = answer.trim_matches(['"', '\'', '<', '>']);
    let whole = if answer.contains("://") {
        answer.to_owned()
    } else {
        format!("https://{answer}")
    };
    let whole = whole
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_owned();
    let whole = match whole.split_once("/.well-known/") {
        // Before the path in RFC 8414, after it in OpenID Connect Discovery.
        Some((before, after)) => match after.split_once('/') {
            Some((_, path)) => format!("{before}/{path}"),
            None => before.to_owned(),
        },
        None => whole,
    };
    let other = match whole.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{whole}/"),
    };
    let mut all = vec![whole.clone(), other];
    let local = ["localhost", "127.0.0.1", "[::1]"];
    let rest = whole.strip_prefix("https://").unwrap_or_default();
    if !answer.contains("://") && local.iter().any(|host| rest.starts_with(host)) {
        all.push(format!("http://{rest}"));
    }
    all
}

/// Asks the issuer for its addresses; false if there is nothing to be had.
fn issuer(wizard: &mut Wizard<'_>, answer: &str) -> Result<bool> {
    let urls = issuers(answer);
    ui::show(&format!("asking {} for its addresses …\n", urls[0]));
    loop {
        let mut told: Option<Error> = None;
        for url in &urls {
            match discover(wizard.draft, wizard.config, url) {
                Ok(found) => return Ok(take(wizard, url, found)),
                Err(error) => told = told.or(Some(error)),
            }
        }
        let Some(error) = told else {
            return Ok(false);
        };
        if let Some(rightful) =
            metadata::rightful(&error).filter(|url| Endpoint::parse(url).is_ok())
        {
            let question = format!("the server calls itself {rightful}; take that? [Y/n]: ");
            if !yes(&question, true)? {
                return Ok(false);
            }
            match discover(wizard.draft, wizard.config, rightful) {
                Ok(found) => return Ok(take(wizard, rightful, found)),
                Err(error) => ui::show(&format!("  that is no issuer: {}\n", error.message)),
            }
            return Ok(false);
        }
        ui::show(&format!("  that is no issuer: {}\n", error.message));
        let is_unknown = error.hint.is_some_and(|hint| hint.contains("--ca-file"));
        if !is_unknown || !trust(wizard)? {
            ui::show("  type another address, or - to give its endpoints\n");
            return Ok(false);
        }
    }
}

fn take(wizard: &mut Wizard<'_>, url: &str, found: Metadata) -> bool {
    if wizard.draft.issuer.as_deref() != Some(url) {
        clear(wizard);
    }
    wizard.draft.issuer = Some(url.to_owned());
    wizard.found = Some(found);
    true
}

/// The file of an authority that is not known here.
fn trust(wizard: &mut Wizard<'_>) -> Result<bool> {
    let prompt = "file with that authority's certificate, as PEM (empty: none): ";
    let file = until(prompt, |text| {
        let path = std::path::absolute(PathBuf::from(text)).ok();
        match path.filter(|_| !text.is_empty()) {
            None => Ok(None),
            Some(path) if path.is_file() => Ok(Some(path)),
            Some(path) => Err(format!("there is no file {}", path.display())),
        }
    })?;
    let Some(Some(file)) = file else {
        return Ok(false);
    };
    wizard.draft.ca_file = Some(file);
    Ok(true)
}

fn discover(draft: &Draft, config: &Config, url: &str) -> Result<Metadata> {
    let asking = Draft {
        name: "new".to_owned(),
        there: There::Replaced,
        issuer: Some(url.to_owned()),
        client_id: Some("none yet".to_owned()),
        ca_file: draft.ca_file.clone(),
        ..Draft::default()
    };
    let profile = super::checked(&asking, config)?;
    server::for_login(&profile, Deadline::after(budget::ADD_METADATA))
}

/// How an answer is taken.
type Read<'r> = &'r dyn Fn(&str) -> Result<Option<String>, String>;

fn endpoints(wizard: &mut Wizard<'_>) -> Result<Step> {
    let url = |text: &str| match Endpoint::parse(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(why) => Err(format!("{text:?} {why}")),
    };
    let needed = |text: &str| match text {
        "" => Err("the address at which the server gives tokens".to_owned()),
        text => url(text),
    };
    let optional = |text: &str| match text {
        "" => Ok(None),
        text => url(text),
    };
    let asked: [(EndpointKind, &str, Read<'_>); 3] = [
        (EndpointKind::Token, "token endpoint: ", &needed),
        (
            EndpointKind::Authorization,
            "authorization endpoint, for a login in a browser (empty: none): ",
            &optional,
        ),
        (
            EndpointKind::DeviceAuthorization,
            "device authorization endpoint (empty: none): ",
            &optional,
        ),
    ];
    for (kind, question, read) in asked {
        let Some(url) = until(question, read)? else {
            return Ok(Step::Back);
        };
        if let Some(url) = url {
            wizard.draft.endpoints.set(kind, url);
        }
    }
    Ok(Step::On)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_found_in_what_people_paste() {
        for (answer, first) in [
            (
                "https://sso.example/realms/x",
                "https://sso.example/realms/x",
            ),
            ("sso.example", "https://sso.example"),
            (
                "https://sso.example/realms/x/.well-known/openid-configuration",
                "https://sso.example/realms/x",
            ),
            (
                "https://sso.example/.well-known/oauth-authorization-server/realms/x",
                "https://sso.example/realms/x",
            ),
            ("<https://sso.example/?a=b#c>", "https://sso.example/"),
        ] {
            assert_eq!(issuers(answer)[0], first, "{answer}");
        }
        assert_eq!(issuers("https://a.example/")[1], "https://a.example");
        assert_eq!(issuers("localhost:1/x")[2], "http://localhost:1/x");
    }

    #[test]
    fn a_service_is_known_by_number_name_title_and_beginning() {
        let names = [
            "github",
            "github-enterprise",
            "gitlab",
            "keycloak",
            "spotify",
        ];
        let is = |answer: &str| match known(answer, &names) {
            Known::Preset(name) => name.to_owned(),
            Known::Several(names) => names.join("|"),
            Known::Address => "address".to_owned(),
            Known::Nothing => "nothing".to_owned(),
        };
        for (answer, meant) in [
            ("2", "github-enterprise"),
            ("Keycloak", "keycloak"),
            ("key", "keycloak"),
            ("spot", "spotify"),
            ("git", "github|github-enterprise|gitlab"),
            ("github", "github"),
            ("GitHub", "github"),
            ("g", "nothing"),
            ("99", "nothing"),
            ("sso.example", "address"),
            ("localhost:8080", "address"),
            ("xyzzy", "nothing"),
        ] {
            assert_eq!(is(answer), meant, "{answer}");
        }
    }
}
