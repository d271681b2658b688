//! docker's own store, which would keep a token of ours in clear text.

use super::Report;
use crate::env;
use crate::files;
use crate::helper::registry;
use crate::http::Origin;
use crate::profile::Profile;
use serde_json::Value;
use std::io::Read;
use zeroize::Zeroizing;

/// A configuration with many logins is some kilobytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Looks at docker's configuration for the profiles' hosts.
pub fn check(report: &mut Report, profiles: &[Profile]) {
    let hosts: Vec<&Origin> = profiles
        .iter()
        .flat_map(|profile| profile.hosts.origins.iter())
        .collect();
    let Some(path) = env::docker_config().filter(|path| path.exists() && !hosts.is_empty()) else {
        return;
    };
    let mut text = Zeroizing::new(Vec::new());
    let read =
        files::open_regular(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
    let config: Value = read
        .ok()
        .and_then(|_| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let shown = path.display();
    if !config.is_object() {
        return report.ok("docker", format!("not looked at: {shown} cannot be read"));
    }
    let mut ours = 0;
    for host in hosts {
        let names = registry::names(host);
        let helper = |name: &String| {
            let own = config["credHelpers"][name].as_str();
            own.or(config["credsStore"].as_str())
        };
        let is_asked = |name: &String| helper(name).is_some_and(registry::is_ours);
        ours += usize::from(registry::keys(host).iter().any(is_asked));
        for name in names
            .iter()
            .filter(|name| has_login(&config["auths"][*name]))
        {
            report.warn(
                "docker",
                format!("{shown} holds a login for {name} in clear text"),
                format!(
                    "run: docker logout {name}; and set credHelpers to {{\"{name}\": \"tokctl\"}}"
                ),
            );
        }
    }
    report.ok(
        "docker",
        format!("{shown} asks tokctl for {ours} of the profiles' hosts"),
    );
}

fn has_login(entry: &Value) -> bool {
    let secret = |key: &str| entry[key].as_str().is_some_and(|text| !text.is_empty());
    ["auth", "password", "identitytoken", "registrytoken"]
        .into_iter()
        .any(secret)
}
