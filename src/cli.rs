//! The command line as it is typed, with every help text; acts on nothing.
#![expect(
    clippy::doc_markdown,
    reason = "the comments are help texts, which show no backticks"
)]

use clap::{Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// OAuth 2.0 tokens for shell scripts, git and cron
///
/// Obtains tokens, keeps them in the system's keyring with their expiry, renews them once for
/// everybody who asks, and prints just a token (or JSON) on stdout.
#[derive(Debug, Parser)]
#[command(name = "tokctl", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 the answer is on stdout; 1 I/O or internal error; 2 wrong usage; 3 configuration wrong or no such
profile; 4 a person must log in; 5 refused by the server; 6 temporary, try again later; 7 the store is locked
or cannot be used.";

const GLOBAL: &str = "Options of every command";

const SERVER: &str = "The server";
const CLIENT: &str = "The client";
const TOKEN: &str = "The token";

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Say on stderr what is being done; never a secret
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,
    /// Errors only
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = GLOBAL)]
    pub color: Color,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    Always,
    Never,
}

/// The subcommands' names, for a hint at the right help.
pub const COMMANDS: &[&str] = &[
    "add",
    "helper",
    "get",
    "api",
    "exec",
    "login",
    "status",
    "refresh",
    "import",
    "logout",
    "secret",
    "unlock",
    "providers",
    "doctor",
    "completions",
];

#[derive(Debug, Subcommand)]
pub enum Command {
    Add(Box<Add>),
    Get(Get),
    Api(Api),
    Exec(Exec),
    Login(Login),
    Status(Status),
    Refresh(Refresh),
    Import(Import),
    Logout(Logout),
    #[command(subcommand)]
    Secret(Secret),
    Unlock(Unlock),
    Providers(Providers),
    Doctor(Doctor),
    Helper(Helper),
    Completions(Completions),
    #[command(hide = true)]
    Complete(Complete),
    #[command(hide = true)]
    Renewal(Renewal),
}

/// Add a profile to the configuration file: asks on a terminal, takes flags without one
#[derive(Debug, Args)]
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
    /// A server (https://HOST or https://HOST:PORT) that may be given this token by git, docker and others; may be repeated
    #[arg(long = "host", value_name = "URL", help_heading = TOKEN)]
    pub hosts: Vec<String>,
    /// Where tokens are kept: auto, keyring, encrypted-file, plaintext or none
    #[arg(long, value_name = "STORE", help_heading = TOKEN)]
    pub store: Option<String>,
    /// Replace a profile of this name
    #[arg(long)]
    pub force: bool,
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

/// Print an access token, renewed or fetched when needed; never asks anything
#[derive(Debug, Args)]
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
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub min_ttl: Option<Duration>,
    /// Renew even if the stored token is good
    #[arg(long, conflicts_with = "offline")]
    pub force: bool,
    /// Only what is stored: make no request
    #[arg(long)]
    pub offline: bool,
    /// The time for everything together: lock, store and network [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Write to a file (mode 0600, replaced in one step, without a newline) instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print no newline at the end
    #[arg(long)]
    pub no_newline: bool,
}

/// Make a request to a service's API with the profile's token, as curl would
///
/// The token goes to the hosts of the profile's `api_url` and `hosts`, and nowhere else: a redirect to another host
/// is followed without it. A token that the service refuses is renewed once, and the request repeated once where its
/// body can be sent twice. An answer of 400 or more is printed too, unless --fail is given, and ends with exit code
/// 4 where a person must log in, 6 where it is temporary (408, 429, 5xx), and else 5.
#[derive(Debug, Args)]
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
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
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
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub min_ttl: Option<Duration>,
    /// The time for each token: lock, store and network [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
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

/// Show the profiles: what is stored where, and for how long it is good; never a token
#[derive(Debug, Args)]
pub struct Status {
    /// One profile only
    pub profile: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Store a token response (JSON) or a bare refresh token from stdin
#[derive(Debug, Args)]
pub struct Import {
    /// The profile it belongs to
    pub profile: String,
}

/// Log in, in a browser or on another device, and store the grant
#[derive(Debug, Args)]
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
    /// Scopes instead of the profile's; +SCOPE adds to those that are granted and configured
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
}

/// Renew now, so that grants which die of disuse do not; for cron
#[derive(Debug, Args)]
pub struct Refresh {
    /// The profiles
    #[arg(value_name = "PROFILE", required_unless_present = "all")]
    pub profiles: Vec<String>,
    /// Every profile that has a refresh token
    #[arg(long, conflicts_with = "profiles")]
    pub all: bool,
    /// Only grants that were not renewed for this long
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,
}

/// Show the built-in presets, or what is known of one and where each key comes from
#[derive(Debug, Args)]
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
/// Without a profile it makes no request and looks at what all profiles share. With one it also tries the
/// profile's store, client secret, proxy and server. The report is made to be pasted into a bug report.
#[derive(Debug, Args)]
pub struct Doctor {
    /// One profile, down to its server
    pub profile: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Revoke a profile's grant at the server, and erase what is stored
#[derive(Debug, Args)]
pub struct Logout {
    /// The profile
    #[arg(required_unless_present = "all")]
    pub profile: Option<String>,
    /// Every profile of the configuration
    #[arg(long, conflicts_with = "profile")]
    pub all: bool,
    /// Erase only, and leave the grant at the server as it is
    #[arg(long)]
    pub no_revoke: bool,
}

/// Keep a profile's client secret in its store
#[derive(Debug, Subcommand)]
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

/// Open the encrypted file for a while: asks for its passphrase and keeps the key in the kernel keyring
#[derive(Debug, Args)]
pub struct Unlock {
    /// How long the key is kept
    #[arg(long = "for", value_name = "DURATION", default_value = "8h", value_parser = humantime::parse_duration)]
    pub for_: Duration,
}

/// Speak a program's credential protocol: git, kubectl, docker, cargo, bazel, go or terraform
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
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
#[command(after_help = COMPLETIONS)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const COMPLETIONS: &str = "\
bash:        source <(tokctl completions bash)                        in ~/.bashrc
zsh:         source <(tokctl completions zsh)                         in ~/.zshrc, after compinit
fish:        tokctl completions fish | source                         in ~/.config/fish/config.fish
PowerShell:  tokctl completions powershell | Out-String | Invoke-Expression   in $PROFILE";

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

/// For tokctl itself: renew in the background
#[derive(Debug, Args)]
pub struct Renewal {
    #[command(flatten)]
    pub wanted: Wanted,
    pub profile: String,
}

impl Wanted {
    /// The same as arguments, for the renewal's child.
    pub fn to_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut flag = |name: &str, value: &str| args.push(format!("--{name}={value}"));
        if let Some(kind) = self.token {
            flag("token", if kind == Kind::Id { "id" } else { "access" });
        }
        self.scope.iter().for_each(|scope| flag("scope", scope));
        self.audience
            .iter()
            .for_each(|audience| flag("audience", audience));
        self.resource
            .iter()
            .for_each(|resource| flag("resource", resource));
        args
    }
}

/// Reads the command line. What programs call is read with its own arguments alone: building the whole
/// tree of commands would cost a fifth of what an empty process costs.
pub fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let word = args.get(1).and_then(|word| word.to_str());
    match word {
        Some("get") => parse_alone::<Get>(args, "tokctl get", Command::Get),
        Some("helper") => parse_alone::<Helper>(args, "tokctl helper", Command::Helper),
        _ => Cli::try_parse_from(args),
    }
}

fn parse_alone<A: Args>(
    args: &[OsString],
    name: &'static str,
    command: impl Fn(A) -> Command,
) -> Result<Cli, clap::Error> {
    let alone = A::augment_args(Global::augment_args(clap::Command::new("tokctl")))
        .bin_name(name)
        .propagate_version(true)
        .version(env!("CARGO_PKG_VERSION"));
    let matches = alone.try_get_matches_from(&args[1..])?;
    Ok(Cli {
        global: Global::from_arg_matches(&matches)?,
        command: command(A::from_arg_matches(&matches)?),
    })
}

/// What `--color` says on a command line that could not be read, or that asks for help.
pub fn color(args: &[OsString]) -> Color {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let said = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix("--color") {
            Some("") => words.get(at + 1).map(AsRef::as_ref),
            Some(value) => value.strip_prefix('='),
            None => None,
        });
    said.and_then(|when| Color::from_str(when, false).ok())
        .unwrap_or_default()
}

impl Cli {
    /// Whether errors are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match &self.command {
            Command::Get(get) => get.json || get.format == Format::Json,
            Command::Status(status) => status.json,
            Command::Doctor(doctor) => doctor.json,
            _ => false,
        }
    }
}
