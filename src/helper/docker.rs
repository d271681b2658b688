//! docker's credential helper protocol (docker-credential-helpers), which podman, skopeo and helm
//! speak too.

use super::{Answer, Core, managed};
use crate::error::Error;
use serde_json::{Value, json};

/// Answers `get`, `store`, `erase`, `list` and `version`.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let say = |stdout: String, code: u8| Answer {
        stdout: stdout.into(),
        stderr: Vec::new(),
        code,
    };
    match arguments.first().map_or("", String::as_str) {
        "get" => match server(&text) {
            Some(_) => get(core, text.trim()),
            None if text.trim().is_empty() => say("no credentials server URL\n".to_owned(), 1),
            None => core.not_ours(text.trim()),
        },
        "store" => store(core, &text),
        "erase" => erase(core, text.trim()),
        // With `credsStore`, docker asks for each of them: there is nothing to tell.
        "list" => say("{}\n".to_owned(), 0),
        "version" => say(format!("tokctl {}\n", env!("CARGO_PKG_VERSION")), 0),
        other => {
            let error = Error::usage(format!(
                "unknown operation {other:?}; docker knows get, store, erase, list and version"
            ));
            core.unfit(None, "", &error)
        }
    }
}

/// The registry's origins that a server string can mean: with its scheme, else https, else http where
/// a profile says so. Paths such as Docker Hub's `/v1/` do not count.
fn server(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let (schemes, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (vec![scheme], rest),
        None => (vec!["https", "http"], text),
    };
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    super::origin_of(&format!("https://{host}"))?;
    Some(
        schemes
            .into_iter()
            .map(|scheme| format!("{scheme}://{host}"))
            .collect(),
    )
}

fn get(core: &Core<'_>, server_url: &str) -> Answer {
    let origins = server(server_url).unwrap_or_default();
    let owned = |origin: &&String| matches!(core.owner(origin), Ok(Some(_)) | Err(_));
    let Some(origin) = origins.iter().find(owned) else {
        return core.not_ours(server_url);
    };
    match core.for_origin(origin, false) {
        Ok(fit) => {
            // Under this name docker sends the secret as a refresh token to the server that the registry
            // names, which is only sound where the profile says so. It is an access token also then.
            let username = if fit.profile.hosts.docker_identity {
                "<token>"
            } else {
                fit.username()
            };
            let reply =
                json!({ "ServerURL": server_url, "Username": username, "Secret": fit.text() });
            Answer {
                stdout: format!("{reply}\n").into(),
                ..Answer::default()
            }
        }
        Err(answer) => answer,
    }
}

/// `docker login` hands back what it has just been given: that is fine, and nothing else is kept.
fn store(core: &Core<'_>, text: &str) -> Answer {
    let request: Value = serde_json::from_str(text).unwrap_or_default();
    let url = request["ServerURL"].as_str().unwrap_or_default();
    let secret = request["Secret"].as_str().unwrap_or_default();
    for origin in server(url).unwrap_or_default() {
        if let Ok(Some(profile)) = core.owner(&origin) {
            let name = profile.name.clone();
            return match core.token(profile, false) {
                Ok(fit) if fit.text() == secret => Answer::default(),
                _ => core.unfit(Some(&name), url, &Error::usage(managed(&name))),
            };
        }
    }
    core.unfit(
        None,
        url,
        &Error::usage(format!(
            "no profile has {url} in its hosts, and tokctl keeps no passwords"
        )),
    )
}

/// `docker logout`: the access token goes, the grant stays.
fn erase(core: &Core<'_>, url: &str) -> Answer {
    let origins = server(url).unwrap_or_default();
    origins
        .iter()
        .find_map(|origin| core.forget_at(origin))
        .unwrap_or_default()
}
