//! What the commands that give a token away take: `get`, `api` and `exec`.

use super::duration;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Print an access token, renewed or fetched when needed; never asks anything
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl get corp
  tokctl get corp --format header | curl -H @- https://api.corp.example/v1/me
  T=$(tokctl get corp --min-ttl 10m) || exit"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Get {
    /// The profile in the configuration, or the name of a preset
    pub profile: String,
    #[command(flatten)]
    pub wanted: Wanted,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Short for --format json; errors are JSON on stderr too
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How long the token must still be good [default: the smaller of 5 minutes and a tenth of its life]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub min_ttl: Option<Duration>,
    /// Renew even if the stored token is good
    #[arg(long, conflicts_with = "offline")]
    pub force: bool,
    /// Only what is stored: make no request
    #[arg(long)]
    pub offline: bool,
    /// The time for everything together: lock, store and network [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Write to a file (mode 0600, replaced in one step, without a newline) instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print no newline at the end
    #[arg(long)]
    pub no_newline: bool,
}

impl Get {
    /// The form of the answer.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Of a call with nothing but the profile.
    pub fn plain(profile: &str) -> Self {
        Self {
            profile: profile.to_owned(),
            wanted: Wanted::default(),
            format: Format::default(),
            json: false,
            min_ttl: None,
            force: false,
            offline: false,
            timeout: None,
            out: None,
            no_newline: false,
        }
    }
}

/// Make a request to a service's API with the profile's token, as curl would
///
/// The token goes to the hosts of the profile's `api_url` and `hosts`, and nowhere else: a redirect to another host
/// is followed without it. A token that the service refuses is renewed once, and the request repeated once where its
/// body can be sent twice. An answer of 400 or more is printed too, unless --fail is given, and ends with exit code
/// 4 where a person must log in, 6 where it is temporary (408, 429, 5xx), and else 5.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl api github user
  tokctl api github /repos/me/x/issues -d '{\"title\":\"it does not start\"}'
  tokctl api corp https://api.corp.example/v1/report -o report.json --fail"))]
pub struct Api {
    /// The profile in the configuration, or the name of a preset
    pub profile: String,
    /// A whole URL, or one relative to the profile's `api_url`
    pub url: String,
    /// The method [default: GET, or POST where there is a body]
    #[arg(short = 'X', long, visible_alias = "method", value_name = "METHOD")]
    pub request: Option<String>,
    /// A header; may be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body: text, or @FILE without its line ends, or @- for stdin; several are joined by &
    #[arg(short, long, value_name = "TEXT")]
    pub data: Vec<String>,
    /// The same with a file as it is
    #[arg(long, value_name = "TEXT")]
    pub data_binary: Vec<String>,
    /// A file of any size as the body, or - for stdin; JSON unless -H says otherwise
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "data_binary"])]
    pub input: Option<PathBuf>,
    /// Print the status line and the header too
    #[arg(short, long)]
    pub include: bool,
    /// Write to a file (mode 0600, replaced when the answer is whole) instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print nothing of an answer of 400 or more
    #[arg(short, long)]
    pub fail: bool,
    /// The time for everything together [default: no limit, but a minute of silence ends it]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub wanted: Wanted,
}

/// Run a command with tokens in its environment
///
/// The command takes the place of tokctl, so its exit code and signals are its own. One profile's token is in
/// TOKCTL_TOKEN; those of several are in TOKCTL_TOKEN_PROFILE each (the profile's name in capitals, all but letters and
/// digits as _), where a tokctl that the command calls finds them too. The exit code is 127 where there is no such
/// command, 126 where it cannot be run, and tokctl's own where there is no token; then nothing is run.
#[derive(Debug, Args)]
#[command(after_help = examples!("  tokctl exec corp -- ./deploy
  tokctl exec github --env GH_TOKEN -- gh pr list
  tokctl exec corp --refresh --env TOKEN_FILE -- ./all-night"))]
pub struct Exec {
    /// The profiles
    #[arg(value_name = "PROFILE")]
    pub profiles: Vec<String>,
    /// The variable for the token [default: TOKCTL_TOKEN]; with =PROFILE one of several
    #[arg(short, long, value_name = "NAME[=PROFILE]")]
    pub env: Vec<String>,
    /// Put the path of a file in memory that holds the token into the variable [default: TOKCTL_FILE]
    #[arg(long)]
    pub file: bool,
    /// The same with a file that is kept fresh as long as the command runs
    #[arg(long)]
    pub refresh: bool,
    /// How long the token must still be good [default: the smaller of 5 minutes and a tenth of its life]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub min_ttl: Option<Duration>,
    /// The time for each token: lock, store and network [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub wanted: Wanted,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// What shapes the token, over the profile's own settings.
#[derive(Debug, Clone, Default, Args)]
pub struct Wanted {
    /// Which of the grant's tokens [default: the profile's `token`, else access]
    #[arg(long, value_enum, value_name = "KIND")]
    pub token: Option<Kind>,
    /// Scopes instead of the profile's, separated by spaces; may be repeated
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// Audience instead of the profile's
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Option<String>,
    /// Resource (RFC 8707) instead of the profile's; may be repeated
    #[arg(long, value_name = "URI")]
    pub resource: Vec<String>,
}

/// The tokens of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The access token
    Access,
    /// OpenID Connect's id token
    Id,
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The token alone
    #[default]
    Token,
    /// Bearer TOKEN
    Bearer,
    /// Authorization: Bearer TOKEN, for curl -H @-
    Header,
    /// {"Authorization":"Bearer TOKEN"}
    HeadersJson,
    /// header = "Authorization: Bearer TOKEN", for curl --config -
    Curl,
    /// The token with its type, expiry and scope
    Json,
}

impl Format {
    /// Whether the answer is a request's header, which a token that is not for access has no place in, and which a
    /// profile may name otherwise.
    pub fn is_header(self) -> bool {
        match self {
            Self::Bearer | Self::Header | Self::HeadersJson | Self::Curl => true,
            Self::Token | Self::Json => false,
        }
    }
}
