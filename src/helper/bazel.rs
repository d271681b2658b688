//! Bazel's credential helper protocol (`EngFlow`'s specification).

use super::{Answer, Core};
use crate::clock;
use crate::error::Error;
use serde_json::{Value, json};

/// Answers `get` with the headers for a URI.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    if arguments.first().map(String::as_str) != Some("get") {
        return core.unfit(None, "", &Error::usage("the one operation is get"));
    }
    let request: Value = serde_json::from_slice(input).unwrap_or_default();
    let uri = request["uri"].as_str().unwrap_or_default();
    // gRPC's secure scheme means the same host.
    match core.for_named(Some(&uri.replacen("grpcs://", "https://", 1))) {
        Ok(fit) => {
            let mut reply =
                json!({ "headers": { "Authorization": [format!("Bearer {}", fit.text())] } });
            if let Some(end) = fit.expires().filter(|_| fit.profile.hosts.tell_expiry) {
                reply["expires"] = clock::rfc3339(end).into();
            }
            Answer {
                stdout: format!("{reply}\n").into(),
                ..Answer::default()
            }
        }
        Err(answer) => answer,
    }
}
