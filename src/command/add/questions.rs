//! What a person is asked, in the order in which the answers are known. Each question offers what is known already, so
//! that who goes through them again changes only what was wrong.

use super::answers::{hidden, until, yes};
use super::draft::{Draft, Origin};
use super::wizard::{Step, Wizard};
use super::{scopes, service, usable_store};
use crate::error::Result;
use crate::http::Origin as Server;
use crate::profile::config::{self, Config};
use crate::profile::edit::There;
use crate::profile::{EndpointKind, preset};
use crate::ui;

/// Where the redirect goes if nothing else is known.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

type Question = fn(&mut Wizard<'_>) -> Result<Step>;

const QUESTIONS: [Question; 8] = [
    service::ask,
    vars,
    name,
    purpose,
    client_id,
    secret,
    scopes::ask,
    hosts,
];

/// Asks for what the flags have not said.
pub fn ask(draft: &mut Draft, given: &Draft, config: &Config) -> Result<()> {
    ui::show("an empty line takes what stands in [ ], < goes back to the question before\n");
    let mut wizard = Wizard {
        draft,
        given,
        config,
        found: None,
    };
    let (mut asked, mut at) = (Vec::new(), 0);
    while let Some(question) = QUESTIONS.get(at) {
        match question(&mut wizard)? {
            Step::On => {
                asked.push(at);
                at += 1;
            }
            Step::Skipped => at += 1,
            Step::Back => at = asked.pop().unwrap_or(at),
        }
    }
    Ok(())
}

/// A value for each variable of a preset's addresses.
fn vars(wizard: &mut Wizard<'_>) -> Result<Step> {
    let Some(preset) = wizard.draft.preset.clone() else {
        return Ok(Step::Skipped);
    };
    let mut step = Step::Skipped;
    for (name, usual) in preset::vars(&preset) {
        if wizard.given.vars.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let known = wizard.draft.vars.iter().find(|(known, _)| *known == name);
        let usual = known.map(|(_, value)| value.clone()).or(usual);
        let about = preset::about_var(&preset, &name);
        let about = about.map_or_else(String::new, |about| format!(", {about}"));
        let prompt = match &usual {
            Some(usual) => format!("{name}{about} [{usual}]: "),
            None => format!("{name}{about}: "),
        };
        let value = until(&prompt, |text| {
            let text = match (text, &usual) {
                ("", Some(usual)) => usual.as_str(),
                ("", None) => {
                    return Err(format!(
                        "{preset} has a server for each {name}, so there is no usual one"
                    ));
                }
                // People copy the whole address.
                (text, _) => text
                    .split_once("://")
                    .map_or(text, |(_, rest)| rest)
                    .trim_end_matches('/'),
            };
            preset::check_var(&preset, &name, text)?;
            Ok(text.to_owned())
        })?;
        let Some(value) = value else {
            return Ok(Step::Back);
        };
        wizard.draft.vars.retain(|(known, _)| *known != name);
        let is_usual = preset::vars(&preset).contains(&(name.clone(), Some(value.clone())));
        if !is_usual {
            wizard.draft.vars.push((name, value));
        }
        step = Step::On;
    }
    Ok(step)
}

fn name(wizard: &mut Wizard<'_>) -> Result<Step> {
    if !wizard.given.name.is_empty() {
        return Ok(Step::Skipped);
    }
    let taken = wizard.config.names()?;
    let replaces = wizard.draft.there == There::Replaced;
    let is_free = |name: &String| replaces || !taken.contains(name);
    let draft = &*wizard.draft;
    let wrong = |name: &String| {
        let is_preset = preset::names().any(|known| known == name);
        if !config::is_name(name) {
            Some(config::NAMES)
        } else if !is_free(name) {
            Some("there is a profile of this name already")
        } else if is_preset && draft.preset.as_ref() != Some(name) {
            Some("this is the name of another service's preset")
        } else {
            None
        }
    };
    let answered = Some(draft.name.clone()).filter(|name| !name.is_empty());
    let usual = answered.or_else(|| draft.preset.clone());
    let usual = usual.or_else(|| draft.issuer.as_deref().and_then(of_host));
    let usual = usual.filter(|name| wrong(name).is_none());
    let prompt = match &usual {
        Some(usual) => format!("a name for the profile [{usual}]: "),
        None => "a name for the profile: ".to_owned(),
    };
    let name = until(&prompt, |text| {
        let name = match (text, &usual) {
            ("", Some(usual)) => usual.clone(),
            ("", None) => return Err("it is what you say to tokctl get: one short word".to_owned()),
            (text, _) => text.to_owned(),
        };
        wrong(&name).map_or(Ok(name), |why| Err(why.to_owned()))
    })?;
    let Some(name) = name else {
        return Ok(Step::Back);
    };
    wizard.draft.name = name;
    Ok(Step::On)
}

/// The word of a server's host that is most likely the organization's.
fn of_host(url: &str) -> Option<String> {
    const GENERIC: &[&str] = &[
        "sso", "login", "auth", "id", "idp", "oauth", "accounts", "account", "www", "keycloak",
        "identity", "oidc",
    ];
    let rest = url.split_once("://")?.1;
    let host = rest.split(['/', ':']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let is_address =
        host.starts_with('[') || labels.iter().all(|label| label.parse::<u8>().is_ok());
    if is_address {
        return None;
    }
    let own = labels.iter().find(|label| !GENERIC.contains(label));
    own.map(|label| (*label).to_owned())
}

/// Whether a person logs in, or the client acts for itself: asked only where both can be.
fn purpose(wizard: &mut Wizard<'_>) -> Result<Step> {
    if wizard.given.grant.is_some() {
        return Ok(Step::Skipped);
    }
    let (facts, draft) = (wizard.facts(), &mut *wizard.draft);
    let own = "client_credentials";
    let usual = facts.fact(draft, "grant");
    // What a preset says first is what the service is for; only some can do the other too.
    let both = match (&facts.preset, &usual) {
        (Some(_), Some(grant)) => grant == own && facts.can_log_in(draft),
        (Some(_), None) => false,
        (None, _) => facts.can_log_in(draft),
    };
    if !both {
        return Ok(Step::Skipped);
    }
    let person = usual.as_deref() != Some(own);
    let default = match draft.grant.as_deref() {
        Some(grant) if grant == own => 2,
        Some(_) => 1,
        None if person => 1,
        None => 2,
    };
    ui::show(
        "who is the token for?\n    1  a person, who logs in once\n    2  the client itself, with its id and secret \
         (client credentials)\n",
    );
    let number = until(&format!("number [{default}]: "), |text| match text {
        "" => Ok(default),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err("1 or 2".to_owned()),
    })?;
    let Some(number) = number else {
        return Ok(Step::Back);
    };
    let browser = facts.has(draft, EndpointKind::Authorization);
    draft.grant = match (number, person) {
        (1, true) if browser => None,
        (1, _) if browser => Some("authorization_code".to_owned()),
        (1, _) => Some("device_code".to_owned()),
        (_, true) => Some(own.to_owned()),
        _ => None,
    };
    Ok(Step::On)
}

fn client_id(wizard: &mut Wizard<'_>) -> Result<Step> {
    if wizard.given.client_id.is_some() {
        return Ok(Step::Skipped);
    }
    registration(wizard);
    let usual = wizard.draft.client_id.clone();
    let prompt = match &usual {
        Some(usual) => format!("client id [{usual}]: "),
        None => "client id: ".to_owned(),
    };
    let id = until(&prompt, |text| match (text, &usual) {
        ("", Some(usual)) => Ok(usual.clone()),
        ("", None) => Err("the service shows it where your application is registered".to_owned()),
        (text, _) if text.contains(char::is_whitespace) => {
            Err("a client id has no blanks in it: copy it alone".to_owned())
        }
        (text, _) => Ok(text.to_owned()),
    })?;
    let Some(id) = id else {
        return Ok(Step::Back);
    };
    wizard.draft.client_id = Some(id);
    Ok(Step::On)
}

/// Where the client is made known to the service, and what has to be told there.
fn registration(wizard: &Wizard<'_>) {
    let (facts, draft) = (wizard.facts(), &*wizard.draft);
    let mut text = String::new();
    match (facts.fact(draft, "register"), facts.fact(draft, "docs")) {
        (Some(url), _) => text.push_str(&format!("register your application at  {url}\n")),
        (None, Some(url)) => text.push_str(&format!("how to register your application:  {url}\n")),
        (None, None) => text.push_str("register your application at the server\n"),
    }
    let by_code = wizard
        .grant()
        .is_none_or(|grant| grant == "authorization_code");
    if by_code && facts.can_log_in(draft) {
        let uri = draft.redirect_uri.clone();
        let uri = uri.or_else(|| facts.fact(draft, "redirect_uri"));
        let uri = uri.as_deref().unwrap_or(REDIRECT_URI);
        text.push_str(&format!("  with the redirect URI       {uri}\n"));
        if facts.preset.is_none() && draft.redirect_uri.is_none() {
            text.push_str(
                "  (each login adds a port of its own; if the server wants a fixed one, use --redirect-uri)\n",
            );
        }
    }
    ui::show(&text);
}

/// Without echo, once it is clear that it can be kept.
fn secret(wizard: &mut Wizard<'_>) -> Result<Step> {
    let no_need = wizard.draft.client_auth.as_deref() == Some("none");
    if no_need || !matches!(wizard.given.secret, Origin::None) {
        return Ok(Step::Skipped);
    }
    let needed = wizard.is_for_itself();
    if let Some(store) = keeping(wizard)? {
        wizard.draft.store = Some(store);
    }
    let before = matches!(wizard.draft.secret, Origin::Given(_));
    let note = match (before, needed) {
        (true, _) => "; empty: the one from before",
        (false, true) => "",
        (false, false) => "; empty if there is none",
    };
    let said = hidden(&format!("client secret (not shown{note})"), |secret| {
        if secret.is_empty() && needed && !before {
            return Err("a client that acts for itself proves itself with its secret".to_owned());
        }
        if let Some(odd) = secret.copied_badly() {
            ui::show(&format!("  taken, though {odd}\n"));
        }
        Ok(secret)
    })?;
    let Some(said) = said else {
        return Ok(Step::Back);
    };
    if !said.is_empty() {
        wizard.draft.secret = Origin::Given(said);
    }
    Ok(Step::On)
}

/// The store to be written into the profile, where the usual one cannot keep a secret here.
fn keeping(wizard: &Wizard<'_>) -> Result<Option<String>> {
    let profile = super::checked(wizard.draft, wizard.config)?;
    let Err(error) = usable_store(&profile) else {
        return Ok(None);
    };
    if wizard.draft.store.is_some() {
        return Err(error);
    }
    ui::show(&format!("{error}\n"));
    let question = "keep secrets and tokens in an encrypted file instead? [Y/n]: ";
    if !yes(question, true)? {
        return Err(error);
    }
    Ok(Some("encrypted-file".to_owned()))
}

/// The servers that programs ask for. Of a preset it is known whether there are some.
fn hosts(wizard: &mut Wizard<'_>) -> Result<Step> {
    if wizard.draft.preset.is_some() || !wizard.given.hosts.is_empty() {
        return Ok(Step::Skipped);
    }
    let usual = wizard.draft.hosts.clone();
    let shown = match usual.as_slice() {
        [] => "empty: none".to_owned(),
        usual => format!("- for none) [{}", usual.join(" ")),
    };
    let end = if usual.is_empty() { ")" } else { "]" };
    let prompt = format!(
        "servers that git, docker and others get this token for (https://HOST; {shown}{end}: "
    );
    let hosts = until(&prompt, |text| match text {
        "" => Ok(usual.clone()),
        "-" => Ok(Vec::new()),
        text => text
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(|word| {
                let whole = super::draft::whole_host(word);
                Server::parse(&whole)
                    .map(|_| whole)
                    .map_err(|why| format!("{word}: {why}"))
            })
            .collect(),
    })?;
    let Some(hosts) = hosts else {
        return Ok(Step::Back);
    };
    wizard.draft.hosts = hosts;
    Ok(Step::On)
}
