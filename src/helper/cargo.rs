//! cargo's credential provider protocol: a hello, then a line for a line.

use super::{Answer, Case, Core, Mode, managed};
use crate::bounded;
use crate::error::Error;
use crate::http::Origin;
use crate::secret::Secret;
use crate::token::Caller;
use crate::ui;
use serde_json::{Value, json};
use std::process::ExitCode;

/// A request is a hundred bytes.
const MAX_LINE: u64 = 1024 * 1024;

/// Says hello: first, and at once, since cargo waits for it without end.
pub fn hello() -> crate::error::Result<()> {
    ui::answer(&Secret::new("{\"v\":[1]}\n".to_owned()))
}

/// Answers each line until cargo hangs up. The exit code is 0 also after an error, which is in the
/// answer.
pub fn converse(core: Result<&Core<'_>, &Error>) -> ExitCode {
    let mut stdin = std::io::stdin().lock();
    while let Ok(Some(line)) = bounded::line(&mut stdin, MAX_LINE) {
        let reply = match core {
            Ok(core) => answer(core, &line),
            Err(error) => Mode::Cargo.unfit(Case::Unreadable, error),
        };
        if ui::answer(&Secret::new(reply.stdout.to_string())).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Answers one line.
pub fn answer(core: &Core<'_>, line: &[u8]) -> Answer {
    Answer {
        stdout: format!("{}\n", reply(core, line)).into(),
        ..Answer::default()
    }
}

fn reply(core: &Core<'_>, line: &[u8]) -> String {
    let request: Value = serde_json::from_slice(line).unwrap_or_default();
    let argument = request["args"][0].as_str();
    let core = Core {
        profile: argument.or(core.profile),
        ..*core
    };
    let url = request["registry"]["index-url"]
        .as_str()
        .unwrap_or_default();
    let url = url
        .strip_prefix("sparse+")
        .or_else(|| url.strip_prefix("registry+"))
        .unwrap_or(url);
    let Some(origin) = Origin::of_url(url) else {
        return said(&core.not_ours(url));
    };
    match request["kind"].as_str() {
        Some("get") => get(&core, &origin),
        Some("login") => login(&core, &origin, request["token"].as_str()),
        Some("logout") => logout(&core, &origin),
        _ => json!({ "Err": { "kind": "operation-not-supported" } }).to_string(),
    }
}

fn get(core: &Core<'_>, origin: &Origin) -> String {
    let fit = match core.for_origin(origin) {
        Ok(fit) => fit,
        Err(answer) => return said(&answer),
    };
    // cargo adds no scheme of its own.
    let text = if fit.profile.hosts.cargo_bearer {
        format!("Bearer {}", fit.text())
    } else {
        fit.text().to_owned()
    };
    let mut reply =
        json!({ "kind": "get", "token": text, "cache": "session", "operation_independent": true });
    if let Some(end) = fit.expires() {
        reply["cache"] = "expires".into();
        reply["expiration"] = end.into();
    }
    json!({ "Ok": reply }).to_string()
}

/// A token that cargo hands over is not kept: it must not seem so.
fn login(core: &Core<'_>, origin: &Origin, given: Option<&str>) -> String {
    match core.owner(origin) {
        Ok(Some(profile)) => match core.token(profile.clone(), Caller::program()) {
            Ok(fit) if given.is_none_or(|given| given == fit.text()) => {
                json!({ "Ok": { "kind": "login" } }).to_string()
            }
            _ => said(&core.unfit(Some(&profile.name), origin.as_str(), &managed(&profile))),
        },
        Ok(None) => said(&core.not_ours(origin.as_str())),
        Err(error) => said(&core.unfit(None, origin.as_str(), &error)),
    }
}

/// The access token goes, the grant stays: `tokctl logout` ends it.
fn logout(core: &Core<'_>, origin: &Origin) -> String {
    match core.owner(origin) {
        Ok(None) => said(&core.not_ours(origin.as_str())),
        _ => match core.forget_at(origin) {
            Some(answer) => said(&answer),
            None => json!({ "Ok": { "kind": "logout" } }).to_string(),
        },
    }
}

/// The line of an answer that is no token.
fn said(answer: &Answer) -> String {
    answer.stdout.trim_end().to_owned()
}
