//! Helpers as their programs call them, all seven for one host.

use serde_json::json;

use super::run::{Run, Running};
use super::sandbox::Sandbox;

pub const MODES: [&str; 7] = [
    "git",
    "kubectl",
    "docker",
    "cargo",
    "bazel",
    "go",
    "terraform",
];

/// The group of kubectl's versions.
pub const EXEC: &str = "client.authentication.k8s.io";

/// What a mode is asked for a host's token: the arguments after the profile, and stdin.
pub fn question(mode: &str, host: &str) -> (Vec<String>, String) {
    let (arguments, stdin) = match mode {
        "git" => (
            vec!["get".into()],
            format!("protocol=https\nhost={host}\n\n"),
        ),
        "kubectl" => (vec![], String::new()),
        "docker" => (vec!["get".into()], host.to_owned()),
        "cargo" => (vec![], cargo_get(host)),
        "bazel" => (
            vec!["get".into()],
            json!({ "uri": format!("https://{host}/x") }).to_string(),
        ),
        "go" => (
            vec![format!("https://{host}/mod/@v/list")],
            "HTTP/1.1 404 Not Found\r\n\r\n".to_owned(),
        ),
        "terraform" => (vec!["get".into(), host.to_owned()], String::new()),
        other => panic!("no such mode: {other}"),
    };
    (arguments, stdin)
}

/// cargo's question for a sparse registry on a host.
pub fn cargo_get(host: &str) -> String {
    let index = format!("sparse+https://{host}/index/");
    let request = json!({ "v": 1, "registry": { "index-url": index, "name": "corp" }, "kind": "get", "operation": "read", "args": [] });
    format!("{request}\n")
}

/// `KUBERNETES_EXEC_INFO` for a cluster on a host.
pub fn exec_info(version: &str, host: &str) -> String {
    let spec =
        json!({ "interactive": false, "cluster": { "server": format!("https://{host}:443") } });
    let info = json!({ "kind": "ExecCredential", "apiVersion": format!("{EXEC}/{version}"), "spec": spec });
    format!("{info}\n")
}

impl Sandbox {
    /// A helper for profile `p`, asked for a host's token.
    #[track_caller]
    pub fn helper(&self, mode: &str, host: &str) -> Run {
        self.start_helper(mode, &["p"], host).wait()
    }

    /// The same under way, with these words in the place of the profile.
    pub fn start_helper(&self, mode: &str, profile: &[&str], host: &str) -> Running {
        let (arguments, stdin) = question(mode, host);
        let mut command = self.command(["helper", mode]);
        command.args(profile).args(arguments);
        if mode == "kubectl" {
            command.env("KUBERNETES_EXEC_INFO", exec_info("v1", host));
        }
        Running::start(command, Some(stdin.into_bytes()))
    }

    /// git's question in full, to `helper git p`.
    #[track_caller]
    pub fn git_asks(&self, operation: &str, question: &str) -> Run {
        self.run_with_stdin(["helper", "git", "p", operation], question)
    }
}
