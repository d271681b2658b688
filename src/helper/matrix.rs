//! The matrix: what each helper answers where there is no token.

use super::Mode;
use crate::error::{Error, Kind};

/// docker's words for a server that nobody has credentials for (docker-credential-helpers,
/// `credentials/error.go`).
pub const NOT_FOUND: &str = "credentials not found in native keychain";

/// A helper's answer: what goes where, and the exit code.
#[derive(Debug, Default)]
pub struct Answer {
    pub stdout: zeroize::Zeroizing<String>,
    pub stderr: Vec<String>,
    pub code: u8,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Not our host, or no profile for it.
    NotOurs,
    /// A person must log in.
    Login,
    /// Everything else: temporary, refused, locked, misconfigured.
    Trouble,
    /// The configuration cannot be read at all, so that nobody knows whose the host is.
    Unreadable,
}

impl Mode {
    /// The matrix: what a mode answers where there is no token.
    pub fn unfit(self, case: Case, error: &Error) -> Answer {
        let line = || vec![one_line(error)];
        // Each of these programs takes any code but 0 for an error.
        let code = match case {
            Case::Unreadable => Kind::Config.exit_code(),
            _ => 1,
        };
        let answer = |stdout: &str, stderr: Vec<String>, code: u8| Answer {
            stdout: zeroize::Zeroizing::new(stdout.to_owned()),
            stderr,
            code,
        };
        match (self, case) {
            (Self::Git | Self::Go, Case::NotOurs) => answer("", Vec::new(), 0),
            // Another helper may have something for the host.
            (Self::Git, Case::Unreadable) => answer("", line(), 0),
            (Self::Git, _) => answer("quit=1\n", line(), 0),
            (Self::Kubectl, Case::NotOurs) => answer("", line(), 3),
            (Self::Kubectl, _) => answer("", line(), error.kind.exit_code()),
            (Self::Docker, Case::NotOurs) => answer(&format!("{NOT_FOUND}\n"), Vec::new(), 1),
            // docker shows one of the two, skopeo the other.
            (Self::Docker, _) => answer(&format!("{}\n", one_line(error)), line(), code),
            (Self::Cargo, Case::NotOurs) => answer(
                "{\"Err\":{\"kind\":\"url-not-supported\"}}\n",
                Vec::new(),
                0,
            ),
            (Self::Cargo, _) => {
                let reply = serde_json::json!({ "Err": { "kind": "other", "message": one_line(error), "caused-by": [] } });
                answer(&format!("{reply}\n"), Vec::new(), 0)
            }
            (Self::Bazel, Case::NotOurs) => answer("{\"headers\":{}}\n", Vec::new(), 0),
            (Self::Terraform, Case::NotOurs) => answer("{}\n", Vec::new(), 0),
            (Self::Bazel | Self::Go | Self::Terraform, _) => answer("", line(), code),
        }
    }
}

/// What happened and what to do, in the one line that most programs show: what a request has brought
/// cannot begin another.
pub fn one_line(error: &Error) -> String {
    let line = match &error.hint {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    line.replace(char::is_control, " ")
}
