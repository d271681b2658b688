//! The first question: which service.

use super::answers::{one, until};
use super::draft::Draft;
use crate::clock::{Deadline, budget};
use crate::error::Result;
use crate::http::Endpoint;
use crate::oauth::metadata::Metadata;
use crate::profile::config::Config;
use crate::profile::{EndpointKind, preset};
use crate::state::server;
use crate::ui;

/// Which service: one that is known, an issuer, or addresses.
pub fn ask(draft: &mut Draft, config: &Config) -> Result<Option<Metadata>> {
    let names: Vec<&str> = preset::names().collect();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let list = names.iter().zip(1..).map(|(name, number)| {
        let title = preset::fact(name, "title").unwrap_or_default();
        format!("  {number:>3}  {name:<width$}  {title}\n")
    });
    let list: String = list.collect();
    ui::show(&format!(
        "which service? For one that is not here, type its issuer (https://…), or - to give its endpoints.\n{list}"
    ));
    let prompt = "number, name or issuer: ";
    loop {
        let answer = one(prompt)?;
        if answer == "-" {
            return endpoints(draft).map(|()| None);
        }
        let number = answer
            .parse()
            .ok()
            .and_then(|number: usize| names.get(number.checked_sub(1)?));
        if let Some(name) = number.or_else(|| names.iter().find(|name| **name == answer)) {
            draft.preset = Some((*name).to_owned());
            return Ok(None);
        }
        if answer.contains(['.', ':', '/'])
            && let Some(found) = issuer(draft, config, &answer)
        {
            return Ok(Some(found));
        }
        if !answer.is_empty() && !answer.contains(['.', ':', '/']) {
            let near = preset::nearest(&answer)
                .map_or_else(String::new, |near| format!("; the nearest is {near}"));
            ui::show(&format!("there is no {answer:?} in the list{near}\n"));
        }
    }
}

/// Asks the issuer for its addresses; `None` if there is nothing to be had.
fn issuer(draft: &mut Draft, config: &Config, answer: &str) -> Option<Metadata> {
    let whole = if answer.contains("://") {
        answer.to_owned()
    } else {
        format!("https://{answer}")
    };
    // The issuer is compared to the last slash (RFC 8414 section 3.3), which people leave out or add.
    let other = match whole.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{whole}/"),
    };
    ui::show(&format!("asking {whole} for its addresses …\n"));
    let mut first = None;
    for url in [whole, other] {
        match discover(draft, config, &url) {
            Ok(found) => {
                draft.issuer = Some(url);
                return Some(found);
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    if let Some(error) = first {
        ui::show(&format!("that is no issuer: {}\n", error.message));
    }
    None
}

pub fn discover(draft: &Draft, config: &Config, url: &str) -> Result<Metadata> {
    let asking = Draft {
        name: "new".to_owned(),
        issuer: Some(url.to_owned()),
        client_id: Some("none yet".to_owned()),
        ca_file: draft.ca_file.clone(),
        ..Draft::default()
    };
    let profile = super::checked(&asking, config, true)?;
    server::for_login(&profile, Deadline::after(budget::ADD_METADATA))
}

fn endpoints(draft: &mut Draft) -> Result<()> {
    let url = |text: String| {
        let wrong = Endpoint::parse(&text).err();
        if let Some(why) = &wrong {
            ui::show(&format!("{text:?} {why}\n"));
        }
        wrong.is_none().then_some(text)
    };
    let token = until("token endpoint: ", url)?;
    draft.endpoints.set(EndpointKind::Token, token);
    let optional = |text: String| {
        if text.is_empty() {
            return Some(None);
        }
        url(text).map(Some)
    };
    for (kind, question) in [
        (
            EndpointKind::Authorization,
            "authorization endpoint, for a login in a browser (empty: none): ",
        ),
        (
            EndpointKind::DeviceAuthorization,
            "device authorization endpoint (empty: none): ",
        ),
    ] {
        if let Some(url) = until(question, optional)? {
            draft.endpoints.set(kind, url);
        }
    }
    Ok(())
}
