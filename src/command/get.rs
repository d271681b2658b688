//! `tokctl get`: a token on stdout, and nothing else.

use super::load_from;
use crate::acquire::{self, Ask};
use crate::cli::{Format, Get, Global};
use crate::clock::{self, Deadline};
use crate::env;
use crate::error::{Error, Kind, Result, io_cause};
use crate::profile::config::Config;
use crate::renewal::Again;
use crate::secret::Secret;
use crate::store::files;
use crate::token::Token;
use crate::ui;
use std::path::Path;
use std::time::Duration;

/// The time budget where neither the command line nor the profile sets one.
const BUDGET: Duration = Duration::from_secs(30);

/// Prints the token in the form that was asked for.
pub fn run(global: &Global, get: &Get) -> Result<()> {
    let (token, from_env) = find(global, get)?;
    let format = if get.json { Format::Json } else { get.format };
    let text = render(&get.profile, &token, format, from_env);
    if let Some(file) = &get.out {
        return write_file(file, &text);
    }
    let end = if get.no_newline { "" } else { "\n" };
    ui::answer(&Secret::new(format!("{}{end}", text.expose())))
}

/// The environment's token before anything else is touched, else the policy's.
fn find(global: &Global, get: &Get) -> Result<(Token, bool)> {
    if let Some(text) = env::token_override(&get.profile) {
        if !text.is_token_text() {
            let what = format!(
                "{} holds characters that no token may have",
                env::token_variable(&get.profile)
            );
            return Err(Error::config(what));
        }
        let now = clock::now();
        return Ok((
            Token {
                text,
                token_type: None,
                scope: None,
                obtained: now,
                expires: None,
            },
            true,
        ));
    }
    let config = Config::load(global.config.as_deref())?;
    let profile = load_from(&config, &get.profile, &get.wanted)?;
    let budget = get.timeout.or(profile.timeout).unwrap_or(BUDGET);
    let overrides = get.wanted.to_args();
    let token = acquire::token(&Ask {
        profile: &profile,
        min_ttl: get.min_ttl,
        force: get.force,
        offline: get.offline,
        stale: Some(Duration::ZERO),
        deadline: Deadline::after(budget),
        again: Again {
            config: &config,
            overrides: &overrides,
        },
    })?;
    Ok((token, false))
}

fn render(profile: &str, token: &Token, format: Format, from_env: bool) -> Secret {
    let text = token.text.expose();
    Secret::new(match format {
        Format::Token => text.to_owned(),
        Format::Bearer => format!("Bearer {text}"),
        Format::Header => format!("Authorization: Bearer {text}"),
        Format::HeadersJson => {
            serde_json::json!({ "Authorization": format!("Bearer {text}") }).to_string()
        }
        // curl's configuration: quotes and backslashes are escaped within double quotes.
        Format::Curl => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("header = \"Authorization: Bearer {escaped}\"")
        }
        Format::Json => serde_json::json!({
            "profile": profile,
            "access_token": text,
            "token_type": token.token_type.as_deref().unwrap_or("Bearer"),
            "expires_at": token.expires.map(clock::rfc3339),
            "expires_in": token.expires.map(|end| (end - clock::now()).max(0)),
            "scope": token.scope,
            "source": if from_env { "environment" } else { "store" },
        })
        .to_string(),
    })
}

/// Writes the answer to a file that only the user can read.
fn write_file(file: &Path, text: &Secret) -> Result<()> {
    let failed = |why: String| Error::new(Kind::Io, format!("{}: {why}", file.display()));
    if file.is_symlink() {
        return Err(failed(
            "it is a symbolic link, which would not be replaced but followed".to_owned(),
        ));
    }
    files::replace(file, text.expose().as_bytes()).map_err(|cause| failed(io_cause(&cause)))
}
