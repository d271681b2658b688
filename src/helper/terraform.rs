//! Terraform's and `OpenTofu`'s credentials helper protocol.

use super::{Answer, Core, managed};
use crate::error::Error;
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
    let origin = format!("https://{host}");
    match operation {
        "get" => match core.for_origin(&origin, false) {
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
            let name = core.profile.unwrap_or("PROFILE");
            core.unfit(None, &origin, &Error::usage(managed(name)))
        }
    }
}
