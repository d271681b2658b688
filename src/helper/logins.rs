//! Registry logins in the files of docker's kin: a token that helm or skopeo was once given comes before docker's
//! helpers, also when it has ended.

use crate::bounded;
use crate::env::programs;
use crate::error::io_cause;
use crate::files;
use serde_json::Value;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file with many logins is some kilobytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A login for a registry of ours, which a program keeps for itself.
pub struct Login {
    pub file: PathBuf,
    pub server: String,
    program: &'static str,
    logout: &'static str,
}

impl Login {
    /// What is wrong with it.
    pub fn what(&self) -> String {
        format!(
            "{} holds a login for {}, which {} takes before it asks tokctl, also when it has ended",
            self.file.display(),
            self.server,
            self.program
        )
    }

    /// The command that takes it away.
    pub fn remedy(&self) -> String {
        format!("run: {} {}", self.logout, self.server)
    }
}

/// The logins that docker's kin keep for these servers.
pub fn of_kin(servers: &[String]) -> Vec<Login> {
    let files = [
        (programs::helm_logins(), "helm", "helm registry logout"),
        (
            programs::containers_logins(),
            "skopeo, podman and buildah",
            "skopeo logout",
        ),
    ];
    let mut found = Vec::new();
    for (file, program, logout) in files {
        let Some((file, config)) =
            file.and_then(|file| read(&file).ok().map(|config| (file, config)))
        else {
            continue;
        };
        let kept = servers
            .iter()
            .filter(|server| is_kept(&config["auths"][*server]));
        found.extend(kept.map(|server| Login {
            file: file.clone(),
            server: server.clone(),
            program,
            logout,
        }));
    }
    found
}

/// Such a file, or why there is none that can be used. It may hold passwords.
pub fn read(file: &Path) -> Result<Value, String> {
    let text = files::open_regular(file).and_then(|file| bounded::text(file, MAX_BYTES));
    let text = text.map_err(|cause| io_cause(&cause))?;
    match serde_json::from_str(&Zeroizing::new(text)) {
        Ok(config @ Value::Object(_)) => Ok(config),
        _ => Err("it is no JSON object".to_owned()),
    }
}

/// Whether an entry of `auths` holds something secret; docker leaves empty ones behind.
pub fn is_kept(entry: &Value) -> bool {
    let secret = |key: &str| entry[key].as_str().is_some_and(|text| !text.is_empty());
    ["auth", "password", "identitytoken", "registrytoken"]
        .into_iter()
        .any(secret)
}
