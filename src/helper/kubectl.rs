//! Kubernetes' exec credential protocol (client.authentication.k8s.io, v1 and v1beta1).

use super::{Answer, Core, Fit};
use crate::clock;
use crate::error::{Error, Result};
use serde_json::{Value, json};

const GROUP: &str = "client.authentication.k8s.io";

/// Answers with an `ExecCredential` of the version that was asked for. Reads no stdin: that is the
/// user's own. Nothing goes to stderr beside an answer: some clients take it for a part of that.
pub fn answer(core: &Core<'_>, info: Option<&str>) -> Answer {
    let asked = match read(info) {
        Ok(asked) => asked,
        Err(error) => return core.unfit(None, "", &error),
    };
    // A cluster's name alone does not say whose token it is to have.
    if core.profile.is_none() {
        return core.unfit(None, "", &core.unnamed());
    }
    match core.for_named(asked.server.as_deref()) {
        Ok(fit) => Answer {
            stdout: format!("{}\n", credential(&asked.version, &fit)).into(),
            ..Answer::default()
        },
        Err(answer) => answer,
    }
}

struct Asked {
    version: String,
    /// The cluster's address as the client gives it, also what is none.
    server: Option<String>,
}

/// Reads `KUBERNETES_EXEC_INFO`. Clients other than kubectl's own (Python's, Java's, JavaScript's) set none,
/// and take the newest version.
fn read(info: Option<&str>) -> Result<Asked> {
    let Some(info) = info.filter(|info| !info.trim().is_empty()) else {
        return Ok(Asked {
            version: format!("{GROUP}/v1"),
            server: None,
        });
    };
    let info: Value =
        serde_json::from_str(info).map_err(|_| Error::usage("KUBERNETES_EXEC_INFO is not JSON"))?;
    let version = info["apiVersion"].as_str().unwrap_or_default();
    if ![format!("{GROUP}/v1"), format!("{GROUP}/v1beta1")].contains(&version.to_owned()) {
        let what =
            format!("apiVersion {version:?} is not known; {GROUP}/v1 and {GROUP}/v1beta1 are");
        return Err(Error::usage(what));
    }
    Ok(Asked {
        version: version.to_owned(),
        server: server(&info["spec"]),
    })
}

/// What names the cluster; nothing does only where there is no `spec.cluster` at all.
fn server(spec: &Value) -> Option<String> {
    match (spec, &spec["cluster"]) {
        (Value::Object(_) | Value::Null, Value::Null) => None,
        (Value::Object(_), cluster) => Some(match &cluster["server"] {
            Value::String(server) => server.clone(),
            Value::Null => cluster.to_string(),
            other => other.to_string(),
        }),
        (other, _) => Some(other.to_string()),
    }
}

fn credential(version: &str, fit: &Fit) -> Value {
    let mut status = json!({ "token": fit.text() });
    if let Some(end) = fit.expires() {
        status["expirationTimestamp"] = clock::rfc3339(end).into();
    }
    json!({ "apiVersion": version, "kind": "ExecCredential", "status": status })
}
