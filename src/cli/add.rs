//! What `add` takes.

use super::Program;
use clap::Args;
use std::path::PathBuf;

const SERVER: &str = "The server";
const CLIENT: &str = "The client";
const TOKEN: &str = "The token";
const PROGRAMS: &str = "Programs that ask for it";

/// Add a profile to the configuration file: asks on a terminal, takes flags without one
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl add
  tokctl add corp --issuer https://sso.corp.example --client-id cli --host https://git.corp.example --install git
  tokctl add corp --change --scope 'read write'"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Add {
    /// The profile's name [default on a terminal: the preset's]
    pub name: Option<String>,
    /// The service's preset (tokctl providers) [default: the one that has the profile's name]
    #[arg(long, value_name = "PRESET", help_heading = SERVER)]
    pub preset: Option<String>,
    /// A value for {NAME} in the preset's addresses; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment, help_heading = SERVER)]
    pub vars: Vec<(String, String)>,
    /// The server's issuer, at which its addresses are found
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub issuer: Option<String>,
    /// The token endpoint, where there is neither preset nor issuer
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub token_endpoint: Option<String>,
    /// The authorization endpoint, for a login in a browser
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub authorization_endpoint: Option<String>,
    /// The device authorization endpoint, for a login on another device
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub device_authorization_endpoint: Option<String>,
    /// The revocation endpoint, for tokctl logout
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    pub revocation_endpoint: Option<String>,
    /// Certificate authorities of this server, as PEM
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub ca_file: Option<PathBuf>,
    /// The client id that the service gave to your application
    #[arg(long, value_name = "ID", help_heading = CLIENT)]
    pub client_id: Option<String>,
    /// Take the client secret from stdin, without echo on a terminal, and keep it in the profile's store
    #[arg(long, group = "secret", help_heading = CLIENT)]
    pub client_secret_stdin: bool,
    /// The environment variable that will hold the client secret
    #[arg(long, value_name = "NAME", group = "secret", help_heading = CLIENT)]
    pub client_secret_env: Option<String>,
    /// The file that holds the client secret
    #[arg(long, value_name = "FILE", group = "secret", help_heading = CLIENT)]
    pub client_secret_file: Option<PathBuf>,
    /// The systemd credential that will hold the client secret
    #[arg(long, value_name = "NAME", group = "secret", help_heading = CLIENT)]
    pub client_secret_credential: Option<String>,
    /// How the client proves itself: client_secret_basic, client_secret_post, none, ...
    #[arg(long, value_name = "METHOD", help_heading = CLIENT)]
    pub client_auth: Option<String>,
    /// The redirect URI as it is registered
    #[arg(long, value_name = "URI", help_heading = CLIENT)]
    pub redirect_uri: Option<String>,
    /// How the first token comes: authorization_code, device_code, client_credentials, refresh_token
    #[arg(long, value_name = "GRANT", help_heading = TOKEN)]
    pub grant: Option<String>,
    /// Scopes to ask for, separated by spaces; may be repeated
    #[arg(long, value_name = "SCOPE", help_heading = TOKEN)]
    pub scope: Vec<String>,
    /// The audience to ask for
    #[arg(long, value_name = "AUDIENCE", help_heading = TOKEN)]
    pub audience: Option<String>,
    /// A server (https://HOST or https://HOST:PORT) that may be given this token by git, docker and others, beside the
    /// preset's; may be repeated
    #[arg(long = "host", value_name = "URL", help_heading = TOKEN)]
    pub hosts: Vec<String>,
    /// Where tokens are kept: auto, keyring, encrypted-file, plaintext or none
    #[arg(long, value_name = "STORE", help_heading = TOKEN)]
    pub store: Option<String>,
    /// Let a program ask tokctl for this token, as tokctl helper install does; may be repeated
    #[arg(long, value_enum, value_name = "PROGRAM", help_heading = PROGRAMS)]
    pub install: Vec<Program>,
    /// Take back what --install has done; the profile stays
    #[arg(long, help_heading = PROGRAMS)]
    pub remove: bool,
    /// Show what would be added and changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace a profile of this name
    #[arg(long)]
    pub force: bool,
    /// Change the profile of this name: what is said here takes the place of what is there, and all else stays
    #[arg(long, conflicts_with = "force", requires = "name")]
    pub change: bool,
    /// Write the profile without trying it
    #[arg(long)]
    pub no_try: bool,
}

/// Reads `NAME=VALUE`.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is not NAME=VALUE".to_owned()),
    }
}
