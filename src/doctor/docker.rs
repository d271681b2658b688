//! docker's own store, which would keep a token of ours in clear text, and those of its kin, which come before
//! tokctl.

use super::{Report, short_path};
use crate::env;
use crate::helper::{logins, registry};
use crate::http::Origin;
use crate::profile::Profile;
use serde_json::Value;
use std::collections::BTreeSet;

/// Looks at docker's configuration for the profiles' hosts.
pub fn check(report: &mut Report, profiles: &[Profile]) {
    let hosts: Vec<&Origin> = profiles
        .iter()
        .flat_map(|profile| profile.hosts.origins.iter())
        .collect();
    let Some(path) = env::docker_config().filter(|path| path.exists() && !hosts.is_empty()) else {
        return;
    };
    let shown = path.display();
    let config = match logins::read(&path) {
        Ok(config) => config,
        Err(why) => return report.ok("docker", format!("not looked at: {shown}: {why}")),
    };
    for suffix in helpers_of_ours(&config) {
        let word = format!("docker-credential-{suffix}");
        let remedy = format!(
            "docker takes no path there; put a link where they look: ln -s \"$(command -v tokctl)\" /usr/local/bin/{word}"
        );
        short_path::check(report, "docker", &word, &remedy);
    }
    let mut ours = 0;
    for host in hosts {
        let names = registry::names(host);
        let helper = |name: &String| {
            let own = config["credHelpers"][name].as_str();
            own.or(config["credsStore"].as_str())
        };
        let is_asked = |name: &String| helper(name).is_some_and(registry::is_ours);
        if registry::keys(host).iter().any(is_asked) {
            ours += 1;
            for login in logins::of_kin(&names) {
                report.warn("docker", login.what(), login.remedy());
            }
        }
        for name in names
            .iter()
            .filter(|name| logins::is_kept(&config["auths"][*name]))
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

/// By what docker would start us.
fn helpers_of_ours(config: &Value) -> BTreeSet<&str> {
    let own = config["credHelpers"].as_object();
    let own = own.into_iter().flat_map(|own| own.values());
    own.chain([&config["credsStore"]])
        .filter_map(Value::as_str)
        .filter(|name| registry::is_ours(name))
        .collect()
}
