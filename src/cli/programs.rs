//! What `helper` and `completions` take: other programs that ask.

use super::Kind;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;

/// Speak a program's credential protocol: git, kubectl, docker, cargo, bazel, go or terraform
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = examples!("  tokctl helper install git
  echo url=https://git.corp.example | tokctl helper git get
  tokctl helper kubectl corp")
)]
pub struct Helper {
    #[command(subcommand)]
    pub setup: Option<Setup>,
    /// The program
    #[arg(value_enum, required = true)]
    pub program: Option<Program>,
    /// The profile, and what the program adds; without a profile the one that has the host in `hosts`
    #[arg(value_name = "PROFILE")]
    pub arguments: Vec<String>,
    /// Which of the grant's tokens [default: the profile's `token`, else access]
    #[arg(long, value_enum, value_name = "KIND")]
    pub token: Option<Kind>,
}

impl Helper {
    /// Of a call without options; none where the first word is no program.
    pub fn plain(program: &str, arguments: &[&str]) -> Option<Self> {
        Some(Self {
            setup: None,
            program: Some(Program::from_str(program, false).ok()?),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            token: None,
        })
    }
}

/// What is done about a helper, beside being one.
#[derive(Debug, Subcommand)]
pub enum Setup {
    Install(Install),
}

/// Let a program ask tokctl: makes the link, or writes the line in the program's own file
///
/// Shows on stderr what it changes, changes nothing that is there already, and leaves what others have written as it
/// is. Only the hosts that the profile owns are written down.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl helper install git
  tokctl helper install docker corp --dry-run
  tokctl helper install git --remove"))]
pub struct Install {
    /// The program
    #[arg(value_enum)]
    pub program: Program,
    /// The profile; without one, for every profile that has hosts (not for kubectl and go)
    pub profile: Option<String>,
    /// Take back what the same command has done
    #[arg(long)]
    pub remove: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The programs that have a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    Git,
    Kubectl,
    Docker,
    Cargo,
    Bazel,
    Go,
    Terraform,
}

/// Print the completions of a shell, for it to read when it starts
#[derive(Debug, Args)]
#[command(after_help = examples!("  source <(tokctl completions bash)         in ~/.bashrc
  source <(tokctl completions zsh)          in ~/.zshrc, after compinit
  tokctl completions fish | source          in ~/.config/fish/config.fish
  tokctl completions powershell | Out-String | Invoke-Expression          in $PROFILE"))]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that can be completed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// For the shells' completions: what the end of a command line can be
#[derive(Debug, Args)]
pub struct Complete {
    /// The word that is being typed
    #[arg(long, require_equals = true, default_value = "")]
    pub current: OsString,
    /// The words before it, without the program's name
    #[arg(last = true)]
    pub words: Vec<OsString>,
}
