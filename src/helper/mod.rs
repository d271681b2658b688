//! Credential helpers: one protocol, one file, over one core from host or profile to token.
//!
//! What each says in which case is one table, [`Mode::unfit`]. A profile answers only for its own
//! `hosts`, also when the command line names it. No helper prompts, and none hands out a token with
//! less than a minute to go.

mod bazel;
mod cargo;
mod docker;
mod git;
mod go;
mod kubectl;
mod terraform;

use crate::acquire::{self, Ask};
use crate::clock::{self, Deadline, Epoch};
use crate::env;
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Endpoint;
use crate::note::{self, HelperFailure};
use crate::profile::config::Config;
use crate::profile::{Profile, TokenKind, preset};
use crate::renewal::Again;
use crate::secret::Secret;
use crate::token::Token;
use crate::ui;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// No token is handed out with less than this to go, and its end is told that much earlier: programs
/// use a token until the very second.
const MARGIN: Duration = Duration::from_secs(60);

/// Callers wait 10 seconds (bazel) or without end (git); an answer later than this helps nobody.
const BUDGET: Duration = Duration::from_secs(10);

/// Bazel ends a helper after 10 seconds, and then shows nothing of what it says.
const BAZEL_BUDGET: Duration = Duration::from_secs(8);

/// A request of any of the protocols is smaller.
const MAX_INPUT: u64 = 1024 * 1024;

/// Whom the helper speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Git,
    Kubectl,
    Docker,
    Cargo,
    Bazel,
    Go,
    Terraform,
}

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
}

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
    fn budget(self) -> Duration {
        if self == Self::Bazel {
            BAZEL_BUDGET
        } else {
            BUDGET
        }
    }

    /// The profile that the arguments begin with, if any, and the rest.
    fn split(self, arguments: &[String]) -> (Option<&str>, &[String]) {
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

    /// The matrix: what a mode answers where there is no token.
    fn unfit(self, case: Case, error: &Error) -> Answer {
        let line = || vec![one_line(error)];
        let answer = |stdout: &str, stderr: Vec<String>, code: u8| Answer {
            stdout: zeroize::Zeroizing::new(stdout.to_owned()),
            stderr,
            code,
        };
        match (self, case) {
            (Self::Git | Self::Go, Case::NotOurs) => answer("", Vec::new(), 0),
            (Self::Git, _) => answer("quit=1\n", line(), 0),
            (Self::Kubectl, Case::NotOurs) => answer("", line(), 3),
            (Self::Kubectl, _) => answer("", line(), error.kind.exit_code()),
            (Self::Docker, Case::NotOurs) => {
                answer("credentials not found in native keychain\n", Vec::new(), 1)
            }
            // docker shows one of the two, skopeo the other.
            (Self::Docker, _) => answer(&format!("{}\n", one_line(error)), line(), 1),
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
            (Self::Bazel | Self::Go | Self::Terraform, _) => answer("", line(), 1),
        }
    }
}

/// What happened and what to do, in the one line that most programs show.
fn one_line(error: &Error) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// The core that every helper asks.
#[derive(Clone, Copy)]
pub struct Core<'a> {
    mode: Mode,
    config: &'a Config,
    profile: Option<&'a str>,
    token: Option<TokenKind>,
}

/// A token that fits, with what a protocol wants beside it.
pub struct Fit {
    pub profile: Profile,
    pub token: Token,
    /// Whether this call has fetched or renewed it.
    pub is_new: bool,
}

impl Fit {
    /// The token's end as the programs are told it, if it has one.
    pub fn expires(&self) -> Option<Epoch> {
        self.token
            .expires
            .map(|end| end - Epoch::try_from(MARGIN.as_secs()).unwrap_or(0))
    }

    /// The token itself.
    pub fn text(&self) -> &str {
        self.token.text.expose()
    }

    /// The user name beside the token.
    pub fn username(&self) -> &str {
        self.profile.username.as_deref().unwrap_or("oauth2")
    }
}

impl Core<'_> {
    /// The profile that owns an origin such as `https://git.example:8443`: the named one if it does,
    /// else the only one that does. `None` where nobody does.
    pub fn owner(&self, origin: &str) -> Result<Option<Profile>> {
        let Ok(origin) = Endpoint::parse_origin(origin).map(|origin| origin.origin()) else {
            return Ok(None);
        };
        let owns = |profile: &Profile| {
            let hosts = profile
                .hosts
                .iter()
                .filter_map(|host| Endpoint::parse_origin(host).ok());
            hosts.into_iter().any(|host| host.origin() == origin)
        };
        if let Some(name) = self.profile {
            return Ok(Some(Profile::load(self.config, name)?).filter(owns));
        }
        // A file of a thousand profiles is parsed only where one of them can be meant.
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !self.config.mentions(host) && !preset::mentions(host) {
            return Ok(None);
        }
        let mut owner: Option<Profile> = None;
        let mut broken = None;
        for name in self.config.names()? {
            let profile = match Profile::load(self.config, &name) {
                Ok(profile) => profile,
                // It may be the one that is meant.
                Err(error) => {
                    if self
                        .config
                        .excerpt(&name)
                        .1
                        .to_ascii_lowercase()
                        .contains(host)
                    {
                        broken = Some(error);
                    }
                    continue;
                }
            };
            if !owns(&profile) {
                continue;
            }
            if let Some(first) = &owner {
                let what = format!(
                    "profiles {:?} and {:?} both claim {origin} in hosts",
                    first.name, profile.name
                );
                return Err(
                    Error::config(what).hint("let one of them have it, or name the profile")
                );
            }
            owner = Some(profile);
        }
        match broken {
            Some(error) if owner.is_none() => Err(error),
            _ => Ok(owner),
        }
    }

    /// The named profile, for a protocol that names no host.
    pub fn named(&self) -> Result<Profile> {
        let name = self.profile.ok_or_else(|| {
            Error::usage(format!(
                "tokctl helper {} needs a profile",
                self.mode.name()
            ))
        })?;
        Profile::load(self.config, name)
    }

    /// A token of a profile that is good for a minute at least.
    pub fn token(&self, mut profile: Profile, force: bool) -> Result<Fit> {
        let start = clock::now();
        profile.kind = self.token.unwrap_or(profile.kind);
        let overrides: &[String] = match profile.kind {
            TokenKind::Access => &[],
            TokenKind::Id => &["--token=id".to_owned()],
        };
        let least = profile.min_ttl.unwrap_or_default().max(MARGIN);
        let token = match env::token_override(&profile.name) {
            Some(text) if text.is_token_text() => Token {
                text,
                token_type: None,
                scope: None,
                obtained: start,
                expires: None,
            },
            _ => acquire::token(&Ask {
                profile: &profile,
                min_ttl: Some(least),
                force,
                offline: false,
                deadline: Deadline::after(
                    profile.timeout.unwrap_or(BUDGET).min(self.mode.budget()),
                ),
                // A token that the server has just refused is none to fall back on.
                stale: (!force).then_some(MARGIN),
                again: Again {
                    config: self.config,
                    overrides,
                },
            })?,
        };
        if !token.is_fresh(clock::now(), Some(MARGIN)) {
            let what = format!(
                "profile {:?}: the server's tokens live for less than a minute, which no helper can hand out",
                profile.name
            );
            return Err(Error::new(Kind::Temporary, what));
        }
        let is_new = token.obtained >= start;
        Ok(Fit {
            profile,
            token,
            is_new,
        })
    }

    /// Forgets a profile's access token: the one that a server has refused, or whichever is stored. The
    /// grant stays.
    pub fn forget(profile: &Profile, presented: Option<&str>) -> Result<bool> {
        acquire::forget(profile, presented, Deadline::after(BUDGET))
    }

    /// The same for the profile that owns an origin, as an answer: nobody's is nothing to forget.
    pub fn forget_at(&self, origin: &str) -> Option<Answer> {
        match self.owner(origin) {
            Ok(Some(profile)) => {
                let error = Self::forget(&profile, None).err()?;
                Some(self.unfit(Some(&profile.name), origin, &error))
            }
            Ok(None) => None,
            Err(error) => Some(self.unfit(None, origin, &error)),
        }
    }

    /// What to answer where there is no token; remembers it for `tokctl status`.
    pub fn unfit(&self, profile: Option<&str>, host: &str, error: &Error) -> Answer {
        if let (Some(name), Ok(state)) = (profile.or(self.profile), env::state_dir()) {
            let failure = HelperFailure {
                at: clock::now(),
                host: host.to_owned(),
                message: one_line(error),
            };
            let noted = note::add_helper_failure(&state, name, self.mode.name(), failure);
            if let Err(cause) = noted {
                ui::step(&format!("the failure cannot be noted: {cause}"));
            }
        }
        let case = match error.kind {
            Kind::LoginRequired => Case::Login,
            _ => Case::Trouble,
        };
        self.mode.unfit(case, error)
    }

    /// What to answer for a host that is nobody's.
    pub fn not_ours(&self, host: &str) -> Answer {
        let what = match self.profile {
            Some(name) => format!("profile {name:?} has no hosts entry for {host}"),
            None => format!("no profile has {host} in its hosts"),
        };
        self.mode.unfit(Case::NotOurs, &Error::config(what))
    }

    /// The token for an origin, or what to answer instead.
    pub fn for_origin(&self, origin: &str, force: bool) -> std::result::Result<Fit, Answer> {
        let profile = match self.owner(origin) {
            Ok(Some(profile)) => profile,
            Ok(None) => return Err(self.not_ours(origin)),
            Err(error) => return Err(self.unfit(None, origin, &error)),
        };
        let name = profile.name.clone();
        self.token(profile, force)
            .map_err(|error| self.unfit(Some(&name), origin, &error))
    }
}

/// How a helper was called.
pub struct Call {
    pub mode: Mode,
    /// From the program's own name.
    pub profile: Option<String>,
    pub arguments: Vec<String>,
    pub token: Option<TokenKind>,
}

impl Call {
    /// A call by another name than `tokctl`, or by cargo, which allows no other argument.
    pub fn from_args(args: &[OsString]) -> Option<Self> {
        let text = |args: &[OsString]| {
            args.iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        let (program, rest) = args.split_first()?;
        let call = |mode, profile, arguments| Self {
            mode,
            profile,
            arguments,
            token: None,
        };
        if let Some((mode, profile)) = Mode::from_program(program) {
            let ours = rest
                .iter()
                .filter(|word| *word != "--cargo-plugin")
                .cloned();
            return Some(call(mode, profile, text(&ours.collect::<Vec<_>>())));
        }
        (rest.first()? == "--cargo-plugin").then(|| call(Mode::Cargo, None, Vec::new()))
    }
}

/// Runs a helper on this process's streams.
pub fn run(call: &Call, config: Option<&Path>) -> ExitCode {
    // A helper's stderr is shown, or taken for a failure: one line, and only when something is wrong.
    ui::set_level(true, 0);
    let mode = call.mode;
    let (profile, arguments) = match &call.profile {
        Some(profile) => (Some(profile.as_str()), call.arguments.as_slice()),
        None => mode.split(&call.arguments),
    };
    if mode == Mode::Cargo && cargo::hello().is_err() {
        return ExitCode::FAILURE;
    }
    let config = Config::load(config);
    let core = config.as_ref().map(|config| Core {
        mode,
        config,
        profile,
        token: call.token,
    });
    let answer = match &core {
        _ if mode == Mode::Cargo => return cargo::converse(core.as_ref().map_err(|error| *error)),
        Err(error) => mode.unfit(Case::Trouble, error),
        Ok(core) => match mode {
            Mode::Git => git::answer(core, arguments, &input()),
            Mode::Kubectl => kubectl::answer(core, env::var("KUBERNETES_EXEC_INFO").as_deref()),
            Mode::Docker => docker::answer(core, arguments, &input()),
            Mode::Bazel => bazel::answer(core, arguments, &input()),
            Mode::Go => go::answer(core, arguments, &input()),
            Mode::Terraform | Mode::Cargo => terraform::answer(core, arguments),
        },
    };
    write(&answer)
}

/// Writes the whole answer at once: some programs use what they have got, whatever the exit code.
fn write(answer: &Answer) -> ExitCode {
    for line in &answer.stderr {
        ui::say(line);
    }
    match ui::answer(&Secret::new(answer.stdout.to_string())) {
        Ok(()) => ExitCode::from(answer.code),
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the protocol hands over on stdin. An unreadable one is an empty one, which nobody owns.
fn input() -> Vec<u8> {
    let mut bytes = Vec::new();
    match std::io::stdin().take(MAX_INPUT).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Says that a profile's tokens are not stored by hand.
fn managed(profile: &str) -> String {
    format!(
        "managed by tokctl: use tokctl login {}",
        shell_word(profile)
    )
}

/// The origin of a URL: its scheme, host and port. None of one that two programs could read in two
/// ways: with a user name, a backslash, a space or a control character in it.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let odd = |c: char| c == '\\' || c == '@' || c.is_whitespace() || c.is_control();
    if authority.is_empty() || url.contains('\\') || authority.contains(odd) {
        return None;
    }
    Some(format!("{}://{authority}", scheme.to_ascii_lowercase()))
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

    #[test]
    fn a_url_that_can_be_read_in_two_ways_has_no_origin() {
        let origin = origin_of("https://b.example:8/x@y");
        assert_eq!(origin.as_deref(), Some("https://b.example:8"));
        for odd in [
            "https://a@b.example/",
            "https://evil.example\\@b.example/",
            "https:///x",
            "https://a b/",
            "b.example",
        ] {
            assert_eq!(origin_of(odd), None, "{odd}");
        }
    }
}
