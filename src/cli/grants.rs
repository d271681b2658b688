//! What the commands take that get, keep, show and end grants.

use super::duration;
use clap::{Args, Subcommand};
use std::time::Duration;

/// Log in, in a browser or on another device, and store the grant
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl login corp
  tokctl login corp --device
  tokctl login corp --scope +git"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Login {
    /// The profile
    pub profile: String,
    /// Show a code to enter on any device with a browser (RFC 8628)
    #[arg(long)]
    pub device: bool,
    /// Show an address to open anywhere, and take the address that the browser ends at from stdin
    #[arg(long, conflicts_with = "device")]
    pub paste: bool,
    /// Wait for the browser's redirect, but open none
    #[arg(long, conflicts_with_all = ["device", "paste"])]
    pub no_browser: bool,
    /// How long to wait for the browser to come back [default: 3m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Revoke the grant before this login, once the new one is stored; some servers (Google, Keycloak) end both then
    #[arg(long)]
    pub replace: bool,
    /// Scopes instead of the profile's; +SCOPE adds to those that are granted and configured
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
}

/// Store a token response (JSON) or a bare refresh token from stdin
///
/// A refresh token is tried first: what the server gives for it is stored, and where the server refuses it or is away
/// nothing changes. An access token alone is stored as it is.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl import corp < token.json
  pass show corp/refresh-token | tokctl import corp
  ssh laptop 'cat token.json' | tokctl import corp"))]
pub struct Import {
    /// The profile it belongs to
    pub profile: String,
    /// Replace a grant that is in use; its server is not told
    #[arg(long)]
    pub force: bool,
    /// Store a refresh token as it is, without trying it at the server first
    #[arg(long)]
    pub no_try: bool,
}

/// Renew now, so that grants which die of disuse do not; for cron
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl refresh corp
  tokctl refresh --all
  tokctl refresh --all --older-than 7d"))]
pub struct Refresh {
    /// The profiles; or --all
    #[arg(value_name = "PROFILE", required_unless_present = "all")]
    pub profiles: Vec<String>,
    /// Every profile that has a refresh token
    #[arg(long, conflicts_with = "profiles")]
    pub all: bool,
    /// Only grants that were not renewed for this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub older_than: Option<Duration>,
}

/// Revoke a profile's grant at the server, and erase what is stored
///
/// What cannot be revoked now is kept, sealed and out of reach, and tried again by tokctl refresh --all and by the next
/// logout.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl logout corp
  tokctl logout corp --no-revoke
  tokctl logout --all"))]
pub struct Logout {
    /// The profile; or --all
    #[arg(required_unless_present = "all")]
    pub profile: Option<String>,
    /// Every profile of the configuration, and what is kept for names that are in it no more
    #[arg(long, conflicts_with = "profile")]
    pub all: bool,
    /// Erase only, also what was kept to be revoked, and leave the grant at the server as it is
    #[arg(long)]
    pub no_revoke: bool,
}

/// Remove a profile, with its grant and all that is kept for it
///
/// The grant is revoked, the table goes out of the configuration file, and what is kept is erased. What cannot be revoked now keeps the profile where it is. Programs that name it ask no more, and profiles and
/// variables that name it are told of.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl remove corp
  tokctl remove corp --no-revoke
  tokctl remove corp -q || echo 'not revoked yet'"))]
pub struct Remove {
    /// The profile, or a name for which something is kept that is in no file any more
    #[arg(value_name = "PROFILE")]
    pub name: String,
    /// Leave the grant at the server as it is
    #[arg(long)]
    pub no_revoke: bool,
}

/// Rename a profile, with all that is kept for it
///
/// Profiles and programs that name it get the new name, and variables that have the old one in theirs are told of.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl rename corp work
  tokctl rename github github-private
  tokctl rename corp corp.old"))]
pub struct Rename {
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub old: String,
    /// Its new name
    pub new: String,
}

/// Show the profiles: what is stored where, and for how long it is good; never a token
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl status
  tokctl status corp --json
  tokctl status --check || mail -s 'a login is needed' me"))]
pub struct Status {
    /// One profile only
    pub profile: Option<String>,
    /// Also look into the stores, and exit with what a script has to know: 0 good or renewable without a person as
    /// far as is known, 4 ended or never there, 6 the server asked to wait, 7 the store; of several 7 before 4 before 6
    #[arg(long)]
    pub check: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Show to which programs tokens were given, where audit is set in the configuration
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl log
  tokctl log corp --since 1d
  tokctl log --json | jq -r 'select(.new) | .parent_name'"))]
pub struct Log {
    /// One profile only
    pub profile: Option<String>,
    /// Only what was so long ago at most
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// As JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// Keep a profile's client secret in its store
#[derive(Debug, Subcommand)]
#[command(after_help = examples!("  tokctl secret set corp
  tokctl secret set corp < key.pem
  tokctl secret rm corp"))]
pub enum Secret {
    /// Take it from the terminal without echo, or from stdin
    Set {
        /// The profile, whose configuration has client_secret = { keyring = true }
        profile: String,
    },
    /// Remove it
    Rm {
        /// The profile
        profile: String,
    },
}

/// Open the encrypted file for a while, or the keyring that a profile's tokens are in
///
/// Asks for the encrypted file's passphrase and keeps the key in the kernel keyring. With a profile whose
/// tokens are in the desktop's keyring, has that ask for its own password.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl unlock
  tokctl unlock --for 30m
  tokctl unlock corp"))]
pub struct Unlock {
    /// Whose store is to be opened; without it the encrypted file
    pub profile: Option<String>,
    /// Set another passphrase for the encrypted file, and seal what is in it anew
    #[arg(long, conflicts_with = "profile")]
    pub change: bool,
    /// How long the key is kept
    #[arg(long = "for", value_name = "DURATION", default_value = "8h", value_parser = duration)]
    pub for_: Duration,
}

/// For tokctl itself: renew in the background
#[derive(Debug, Args)]
pub struct Renewal {
    /// The profile, for who looks at the processes
    pub profile: String,
}
