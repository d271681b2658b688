//! `tokctl get`: a token on stdout, and nothing else.

use super::over;
use crate::cli::{Format, Get, Global};
use crate::clock::budget::TOKEN;
use crate::clock::{self, Deadline};
use crate::env;
use crate::error::{Error, Kind, Result, about, io_cause};
use crate::files;
use crate::profile::config::Config;
use crate::profile::{Api, NO_ACCESS_TOKEN};
use crate::secret::Secret;
use crate::state::audit::{self, HandOut};
use crate::state::record::Token;
use crate::state::refusals::Refusals;
use crate::token::selected::{budget, from_environment};
use crate::token::{self, Ask, Insist};
use crate::ui;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Prints the token in the form that was asked for.
pub fn run(global: &Global, get: &Get) -> Result<()> {
    let found = find(global, get)?;
    let format = get.format();
    check_use(&get.profile, &found.token, format)?;
    let text = render(&get.profile, &found, format);
    if let Some(file) = get.out.as_ref().filter(|file| *file != Path::new("-")) {
        return write_file(file, &text, get.timeout.unwrap_or(TOKEN));
    }
    let end = if get.no_newline { "" } else { "\n" };
    ui::answer(&Secret::new(format!("{}{end}", text.expose())))
}

/// A token, and how the profile's service wants it.
struct Found {
    token: Token,
    api: Api,
    from_env: bool,
}

/// The environment's token before anything else is touched, else the policy's.
fn find(global: &Global, get: &Get) -> Result<Found> {
    let config = || Config::load(global.config.as_deref());
    if let Some(token) = from_environment(&get.profile, || config().ok())? {
        let profile = || {
            let config = config().ok()?;
            over(&get.wanted).select(&config, &get.profile).ok()
        };
        return Ok(Found {
            token,
            // The service's own header, where there is a configuration that knows it.
            api: get
                .format()
                .is_header()
                .then(profile)
                .flatten()
                .map_or_else(Api::default, |found| found.api),
            from_env: true,
        });
    }
    let config = config()?;
    let profile = over(&get.wanted).select(&config, &get.profile)?;
    let deadline = Deadline::after(budget(&profile, get.timeout));
    let since = clock::now();
    let token = token::kept(&Ask {
        min_ttl: get.min_ttl,
        force: get.force,
        insist: if get.force {
            Insist::Again
        } else {
            Insist::Not
        },
        offline: get.offline,
        ..Ask::new(&config, &profile, deadline)
    })?;
    audit::note(&HandOut {
        profile: &profile,
        command: "get",
        host: None,
        is_new: token.obtained >= since,
    });
    if get.force
        && let Ok(state) = env::state_dir()
    {
        Refusals::forgive(&state, &profile.name);
    }
    let min_ttl = get.min_ttl.or(profile.min_ttl).unwrap_or_default();
    if let Some(life) = token.life().filter(|life| *life < min_ttl) {
        ui::warn(&about(
            &profile.name,
            &format!(
                "the server's tokens live for {}, which is less than min_ttl",
                humantime::format_duration(life)
            ),
        ));
    }
    Ok(Found {
        token,
        api: profile.api,
        from_env: false,
    })
}

/// A token that is not for access (`N_A` in RFC 8693 section 2.2.1) belongs into no header.
fn check_use(profile: &str, token: &Token, format: Format) -> Result<()> {
    let kind = token.token_type.as_deref().unwrap_or_default();
    if !format.is_header() || !kind.eq_ignore_ascii_case(NO_ACCESS_TOKEN) {
        return Ok(());
    }
    let what = "the token is no access token (token_type N_A), so that no header has it";
    Err(Error::about(profile, Kind::Usage, what).hint("take it as it is: --format token"))
}

fn render(profile: &str, found: &Found, format: Format) -> Secret {
    let token = &found.token;
    let text = token.text.expose();
    let headers = || found.api.headers(&token.text).into_iter();
    Secret::new(match format {
        Format::Token => text.to_owned(),
        Format::Bearer => format!("Bearer {text}"),
        Format::Header => {
            let lines = headers().map(|(name, value)| format!("{name}: {}", value.expose()));
            lines.collect::<Vec<_>>().join("\n")
        }
        Format::HeadersJson => {
            let members = headers().map(|(name, value)| (name, value.expose().into()));
            serde_json::Value::Object(members.collect()).to_string()
        }
        // curl's configuration: quotes and backslashes are escaped within double quotes.
        Format::Curl => {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let lines = headers()
                .map(|(name, value)| format!("header = \"{name}: {}\"", escape(value.expose())));
            lines.collect::<Vec<_>>().join("\n")
        }
        Format::Json => return json(profile, token, found.from_env),
    })
}

/// Everything that is known of the token; what is kept of the reply takes none of our names.
fn json(profile: &str, token: &Token, from_env: bool) -> Secret {
    let mut answer = serde_json::json!({
        "profile": profile,
        "access_token": token.text.expose(),
        "token_type": token.token_type.as_deref().unwrap_or("Bearer"),
        "expires_at": token.expires.map(clock::rfc3339),
        "expires_in": token.expires.map(|end| end.saturating_sub(clock::now()).max(0)),
        "scope": token.scope,
        "source": if from_env { "environment" } else { "store" },
    });
    if let Some(members) = answer.as_object_mut() {
        for (name, value) in &token.kept {
            members.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Secret::new(answer.to_string())
}

/// Writes the answer to a file that only the user can read; a device or a pipe, which cannot be replaced,
/// is written to.
fn write_file(file: &Path, text: &Secret, budget: Duration) -> Result<()> {
    let failed = |why: String| Error::new(Kind::Io, format!("{}: {why}", file.display()));
    if std::fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let written = files::open_device(file, budget)
            .and_then(|mut device| device.write_all(text.expose().as_bytes()));
        return written.map_err(|cause| failed(io_cause(&cause)));
    }
    if file.is_symlink() {
        return Err(failed(
            "it is a symbolic link, which would not be replaced but followed".to_owned(),
        ));
    }
    files::replace(file, text.expose().as_bytes()).map_err(|cause| failed(io_cause(&cause)))
}
