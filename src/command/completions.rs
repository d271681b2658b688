//! `tokctl completions`: the script that a shell reads to complete our command lines.

use crate::cli::{Completions, Shell};
use crate::error::Result;
use crate::secret::Secret;
use crate::ui;

/// Prints the shell's script.
pub fn run(completions: &Completions) -> Result<()> {
    let script = match completions.shell {
        Shell::Bash => include_str!("../../completions/tokctl.bash"),
        Shell::Zsh => include_str!("../../completions/_tokctl"),
        Shell::Fish => include_str!("../../completions/tokctl.fish"),
        Shell::Powershell => include_str!("../../completions/_tokctl.ps1"),
    };
    ui::answer(&Secret::new(script.to_owned()))
}
