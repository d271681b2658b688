//! docker's credential helper protocol (docker-credential-helpers), which podman, skopeo and helm
//! speak too.

use super::matrix::NOT_FOUND;
use super::{Answer, Core, managed, registry};
use crate::env;
use crate::error::Error;
use crate::profile::Profile;
use crate::state::note::Note;
use crate::token::Caller;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Answers `get`, `store`, `erase`, `list` and `version`.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let say = |stdout: String, code: u8| Answer {
        stdout: stdout.into(),
        stderr: Vec::new(),
        code,
    };
    match arguments.first().map_or("", String::as_str) {
        "get" if text.trim().is_empty() => say("no credentials server URL\n".to_owned(), 1),
        "get" => get(core, text.trim()),
        "store" => store(core, &text),
        "erase" => erase(core, text.trim()),
        "list" => list(core),
        "version" => say(format!("tokctl {}\n", env!("CARGO_PKG_VERSION")), 0),
        other => {
            let error = Error::usage(format!(
                "unknown operation {other:?}; docker knows get, store, erase, list and version"
            ));
            core.unfit(None, "", &error)
        }
    }
}

fn get(core: &Core<'_>, server: &str) -> Answer {
    match core.for_first(&registry::origins(server), server) {
        Ok(fit) => {
            let username = username(&fit.profile);
            let reply = json!({ "ServerURL": server, "Username": username, "Secret": fit.text() });
            Answer {
                stdout: format!("{reply}\n").into(),
                ..Answer::default()
            }
        }
        Err(answer) => for_docker_py(answer),
    }
}

/// docker takes these words for "nothing kept" only where they stand alone, and else shows all that it got.
/// docker-py (7.1) looks for them anywhere, and where they are missing asks for no other registry either.
fn for_docker_py(mut answer: Answer) -> Answer {
    let is_trouble = !answer.stderr.is_empty() && answer.code == 1;
    if is_trouble {
        let why = std::mem::take(&mut answer.stdout);
        answer.stdout = format!("{NOT_FOUND}: {}", *why).into();
    }
    answer
}

/// The name beside the token. Under `<token>` docker sends the secret as a refresh token to the server that
/// the registry names, which is only sound where the profile says so. It is an access token also then.
fn username(profile: &Profile) -> &str {
    if profile.hosts.docker_identity {
        return "<token>";
    }
    profile.hosts.username.as_deref().unwrap_or("oauth2")
}

/// The servers of the profiles that have a token or can get one: a program that asks for each of them
/// gives up at the first that it does not get.
fn list(core: &Core<'_>) -> Answer {
    let profiles = match core.profile {
        Some(name) => Profile::load(core.config, name).map(|profile| vec![profile]),
        None => Profile::all(core.config).map(|all| {
            all.into_iter()
                .filter_map(|(_, profile)| profile.ok())
                .collect()
        }),
    };
    let profiles = match profiles {
        Ok(profiles) => profiles,
        Err(error) => return core.unfit(None, "", &error),
    };
    let mut servers = Map::new();
    for profile in profiles.into_iter().filter(has_token) {
        for key in profile.hosts.origins.iter().flat_map(registry::keys) {
            servers
                .entry(key)
                .or_insert_with(|| username(&profile).into());
        }
    }
    Answer {
        stdout: format!("{}\n", Value::Object(servers)).into(),
        ..Answer::default()
    }
}

/// Whether a profile has a token, or can get one without a person, as far as is known.
fn has_token(profile: &Profile) -> bool {
    let note = |state: PathBuf| Note::load(&state, &profile.name);
    let is_kept = |note: &Note| note.has_token || (note.refreshable && note.ended.is_none());
    profile.is_repeatable()
        || env::token_override(&profile.name).is_some()
        || env::state_dir().is_ok_and(|state| is_kept(&note(state)))
}

/// `docker login` hands back what it has just been given: that is fine, and nothing else is kept.
fn store(core: &Core<'_>, text: &str) -> Answer {
    let request: Value = serde_json::from_str(text).unwrap_or_default();
    let url = request["ServerURL"].as_str().unwrap_or_default();
    let secret = request["Secret"].as_str().unwrap_or_default();
    for origin in registry::origins(url) {
        if let Ok(Some(profile)) = core.owner(&origin) {
            let (name, managed) = (profile.name.clone(), managed(&profile));
            return match core.token(profile, Caller::program()) {
                Ok(fit) if fit.text() == secret => Answer::default(),
                _ => core.unfit(Some(&name), url, &managed),
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

/// `docker logout`, and programs that were refused: the access token goes, the grant stays.
fn erase(core: &Core<'_>, url: &str) -> Answer {
    let origins = registry::origins(url);
    let said = origins.iter().find_map(|origin| core.refused(origin, None));
    said.unwrap_or_default()
}
