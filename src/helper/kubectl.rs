//! Kubernetes' exec credential protocol (client.authentication.k8s.io, v1 and v1beta1).

use super::{Answer, Core, origin_of};
use crate::clock;
use crate::error::{Error, Result};
use serde_json::{Value, json};

const GROUP: &str = "client.authentication.k8s.io";

/// Answers with an `ExecCredential` of the version that was asked for. Reads no stdin: that is the
/// user's own.
pub fn answer(core: &Core<'_>, info: Option<&str>) -> Answer {
    match credential(core, info) {
        Ok(Ok(text)) => Answer {
            stdout: text.into(),
            ..Answer::default()
        },
        Ok(Err(answer)) => answer,
        Err(error) => core.unfit(None, "", &error),
    }
}

fn credential(core: &Core<'_>, info: Option<&str>) -> Result<std::result::Result<String, Answer>> {
    let info = info.ok_or_else(|| {
        Error::usage("KUBERNETES_EXEC_INFO is not set: this command is for kubectl's exec plugin")
    })?;
    let info: Value =
        serde_json::from_str(info).map_err(|_| Error::usage("KUBERNETES_EXEC_INFO is not JSON"))?;
    let version = info["apiVersion"].as_str().unwrap_or_default();
    if ![format!("{GROUP}/v1"), format!("{GROUP}/v1beta1")].contains(&version.to_owned()) {
        let what =
            format!("apiVersion {version:?} is not known; {GROUP}/v1 and {GROUP}/v1beta1 are");
        return Err(Error::usage(what));
    }
    let profile = core.named()?;
    let server = info["spec"]["cluster"]["server"].as_str();
    // One that cannot be compared is nobody's.
    if let Some(server) = server.filter(|_| !profile.hosts.origins.is_empty())
        && origin_of(server)
            .map(|origin| core.owner(&origin))
            .transpose()?
            .flatten()
            .is_none()
    {
        return Ok(Err(core.not_ours(server)));
    }
    let fit = core.token(profile, false)?;
    let mut status = json!({ "token": fit.text() });
    if let Some(end) = fit.expires() {
        status["expirationTimestamp"] = clock::rfc3339(end).into();
    }
    let credential = json!({ "apiVersion": version, "kind": "ExecCredential", "status": status });
    Ok(Ok(format!("{credential}\n")))
}
