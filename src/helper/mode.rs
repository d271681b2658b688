//! Whom a helper speaks to: the mode's names, its words, and the time it has.

pub use crate::cli::Program as Mode;
use crate::clock::budget;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

impl Mode {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Kubectl => "kubectl",
            Self::Docker => "docker",
            Self::Cargo => "cargo",
            Self::Bazel => "bazel",
            Self::Go => "go",
            Self::Terraform => "terraform",
        }
    }

    /// The mode that the program's own name asks for, with the profile that a suffix names: docker
    /// and bazel allow no arguments.
    pub fn from_program(program: &OsStr) -> Option<(Self, Option<String>)> {
        let name = Path::new(program).file_name()?.to_str()?;
        let name = name.strip_suffix(".exe").unwrap_or(name);
        let names = [
            ("git-credential-tokctl", Self::Git),
            ("docker-credential-tokctl", Self::Docker),
            ("cargo-credential-tokctl", Self::Cargo),
            ("terraform-credentials-tokctl", Self::Terraform),
            ("tokctl-bazel", Self::Bazel),
        ];
        names
            .into_iter()
            .find_map(|(program, mode)| match name.strip_prefix(program)? {
                "" => Some((mode, None)),
                suffix => Some((mode, Some(suffix.strip_prefix('-')?.to_owned()))),
            })
    }

    /// What the program itself can ask for, so that it is not taken for a profile.
    fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Git => &["get", "store", "erase", "capability"],
            Self::Docker => &["get", "store", "erase", "list", "version"],
            Self::Bazel => &["get"],
            Self::Terraform => &["get", "store", "forget"],
            Self::Kubectl | Self::Cargo | Self::Go => &[],
        }
    }

    /// The time for an answer.
    pub fn budget(self) -> Duration {
        if self == Self::Bazel {
            budget::BAZEL
        } else {
            budget::HELPER
        }
    }

    /// The profile that the arguments begin with, if any, and the rest.
    pub fn split(self, arguments: &[String]) -> (Option<&str>, &[String]) {
        let is_ours =
            |word: &String| !self.operations().contains(&word.as_str()) && !word.contains("://");
        // A profile may be called `get` where the operation follows it.
        let named = self.operations().is_empty()
            || arguments.len() > 1
            || arguments.first().is_some_and(is_ours);
        match arguments.split_first() {
            Some((first, rest))
                if named && (is_ours(first) || rest.first().is_some_and(|word| !is_ours(word))) =>
            {
                (Some(first), rest)
            }
            _ => (None, arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_program_s_name_says_its_mode() {
        let read = |name: &str| Mode::from_program(OsStr::new(name));
        assert_eq!(
            read("/usr/bin/git-credential-tokctl"),
            Some((Mode::Git, None))
        );
        assert_eq!(
            read("docker-credential-tokctl-corp"),
            Some((Mode::Docker, Some("corp".into())))
        );
        assert_eq!(read("tokctl-bazel"), Some((Mode::Bazel, None)));
        for other in ["tokctl", "docker-credential-tokctlx", "git"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_profile_is_told_from_an_operation() {
        let cases = [
            (Mode::Git, "get", None, "get"),
            (Mode::Git, "corp get", Some("corp"), "get"),
            (Mode::Git, "get get", Some("get"), "get"),
            (Mode::Terraform, "get app.example", None, "get app.example"),
            (
                Mode::Terraform,
                "corp get app.example",
                Some("corp"),
                "get app.example",
            ),
            (
                Mode::Go,
                "corp https://x.example/",
                Some("corp"),
                "https://x.example/",
            ),
            (Mode::Go, "https://x.example/", None, "https://x.example/"),
            (Mode::Kubectl, "corp", Some("corp"), ""),
        ];
        for (mode, arguments, profile, rest) in cases {
            let arguments = words(arguments);
            assert_eq!(
                mode.split(&arguments),
                (profile, words(rest).as_slice()),
                "{arguments:?}"
            );
        }
    }
}
