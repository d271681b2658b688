//! Which programs' servers may be given a profile's token, and in which form each program gets it.

use super::choice::GitAuth;
use super::fields::Fields;
use super::vars::Vars;
use crate::http::Origin;
use serde::{Deserialize, Serialize};

/// Who may be given the token, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hosts {
    /// The servers, each by scheme, host and port.
    pub origins: Vec<Origin>,
    /// The user name beside the token where a program wants one.
    pub username: Option<String>,
    pub git_auth: GitAuth,
    /// How go sends it.
    pub go_auth: GitAuth,
    /// Whether docker gets the token as an identity token, which it hands to the registry's own token
    /// server, and not as a password.
    pub docker_identity: bool,
    /// Whether cargo gets `Bearer TOKEN` or the token alone.
    pub cargo_bearer: bool,
    /// Whether bazel is told when the token ends.
    pub tell_expiry: bool,
}

impl Hosts {
    /// Takes the keys out. The error names the key.
    pub(super) fn take(values: &mut Fields, vars: &Vars) -> Result<Self, String> {
        let hosts = values.texts("hosts");
        let mut origins: Vec<Origin> = Vec::new();
        for host in hosts {
            let filled = vars.fill(&host).and_then(|host| Origin::parse(&host));
            let origin = filled.map_err(|why| format!("hosts: {why}"))?;
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Ok(Self {
            origins,
            username: values.text("username"),
            git_auth: GitAuth::read(values.text("git_auth").as_deref()),
            go_auth: GitAuth::read(values.text("go_auth").as_deref()),
            docker_identity: values.text("docker_auth").as_deref() == Some("identity_token"),
            cargo_bearer: values.text("authorization").as_deref() == Some("bearer"),
            tell_expiry: values.flag_or("expires", true),
        })
    }
}
