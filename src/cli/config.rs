//! What `config` takes: the configuration file and its keys.

use clap::{Args, Subcommand};

/// Read, check and change the configuration file
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl config check
  tokctl config set corp scope read write
  tokctl config get corp token_endpoint"))]
pub struct Config {
    #[command(subcommand)]
    pub what: What,
}

/// What is done with the file.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Print the path of the configuration file, whether it is there or not
    Path,
    /// Say everything that is wrong in the file, each with its line
    Check(Check),
    /// Open the file in $VISUAL or $EDITOR; what is wrong then does not take its place
    Edit,
    /// Print the value of a key as it counts for a profile; a secret is not printed
    Get(Key),
    /// Set a key of a profile; all else in the file stays as it is written
    Set(Set),
    /// Take a key out of a profile
    Unset(Key),
    /// Print the JSON schema of the file, for editors
    Schema,
}

/// A check of the whole file.
#[derive(Debug, Args)]
pub struct Check {
    /// Print JSON: an array of what is wrong
    #[arg(long)]
    pub json: bool,
}

/// One key of one table.
#[derive(Debug, Args)]
pub struct Key {
    /// The profile, or "defaults" for the keys that all profiles start with
    pub profile: String,
    /// The key, such as min_ttl; a member of a table after a dot, as in vars.tenant
    pub key: String,
}

/// A key and its new value.
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    pub key: Key,
    /// The value; several make an array. A table is written as in the file: '{ env = "NAME" }'
    #[arg(required = true, num_args = 1.., allow_hyphen_values = true)]
    pub value: Vec<String>,
}
