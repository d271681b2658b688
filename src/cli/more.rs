//! What the commands take that tell: of presets, of this machine, of tokctl itself.

use clap::Args;
use std::path::PathBuf;

/// Show the built-in presets, or what is known of one and where each key comes from
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl providers
  tokctl providers gitlab
  tokctl providers gitlab --toml"))]
pub struct Providers {
    /// The preset
    #[arg(value_name = "PRESET")]
    pub name: Option<String>,
    /// Print it as a profile, to be put into a configuration and changed there
    #[arg(long, requires = "name", conflicts_with = "json")]
    pub toml: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Say what works here and what does not, with what to do about it; shows no secret
///
/// Without a profile it makes no request and looks at what all profiles share. With one it also tries the profile's
/// store, client secret, proxy and server, and asks the server for what the profile needs where that takes no person: a
/// token, which is kept as by tokctl get, or its word that it would take a login. No refresh token is spent. The last line
/// is the verdict, with the command that mends what is wrong. The report can be pasted into a bug report.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl doctor
  tokctl doctor corp
  tokctl doctor corp --offline"))]
pub struct Doctor {
    /// One profile, down to its server
    pub profile: Option<String>,
    /// Make no request
    #[arg(long)]
    pub offline: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Show the manual, which is inside of the program
///
/// On a terminal the system's man shows the page, with its pager; in a pipe, and where there is no man, it is printed as text.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl man
  tokctl man config.5
  tokctl man --install ~/.local/share/man"))]
pub struct Man {
    /// A command (get, helper install), config or recipes [default: tokctl itself]
    #[arg(value_name = "PAGE")]
    pub page: Vec<String>,
    /// Print the page's source in troff, for man -l - and other programs that read it
    #[arg(long)]
    pub troff: bool,
    /// Write all pages below this directory, for man to find them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["page", "troff"])]
    pub install: Option<PathBuf>,
}

/// Say more of a command, of a topic, or of a key of the configuration
#[derive(Debug, Args)]
pub struct Help {
    /// A command, a topic (exit-status, recipes, ...) or a key (client_auth, ...); without one, all topics
    #[arg(value_name = "TOPIC")]
    pub words: Vec<String>,
}
