//! Terraform's and `OpenTofu`'s credentials helper protocol.

use super::{Answer, Core, managed};
use crate::error::Error;
use crate::http::Origin;
use serde_json::json;

/// Answers `get HOST`; `store` and `forget` are not ours to do.
pub fn answer(core: &Core<'_>, arguments: &[String]) -> Answer {
    let operation = arguments.first().map_or("", String::as_str);
    let Some(host) = arguments.get(1) else {
        return core.unfit(
            None,
            "",
            &Error::usage("an operation and a host are needed: get HOST"),
        );
    };
    let Some(origin) = Origin::from_parts("https", host) else {
        return core.not_ours(host);
    };
    match operation {
        "get" => match core.for_origin(&origin) {
            Ok(fit) => {
                let reply = json!({ "token": fit.text() });
                Answer {
                    stdout: format!("{reply}\n").into(),
                    ..Answer::default()
                }
            }
            Err(answer) => answer,
        },
        "forget" => core.forget_at(&origin).unwrap_or_default(),
        _ => {
            let owner = core.owner(&origin).ok().flatten();
            let error = owner.as_ref().map_or_else(
                || {
                    Error::usage(format!(
                        "no profile has {origin} in its hosts, and tokctl keeps no tokens of others"
                    ))
                },
                managed,
            );
            core.unfit(
                owner.as_ref().map(|owner| owner.name.as_str()),
                origin.as_str(),
                &error,
            )
        }
    }
}
