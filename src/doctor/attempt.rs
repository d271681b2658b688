//! Whether the server gives what the profile asks for: tried for real where that needs no person and spends no grant.

use super::Report;
use crate::clock::{self, Deadline, budget};
use crate::login::Login;
use crate::oauth::Credentials;
use crate::oauth::metadata::Metadata;
use crate::profile::config::Config;
use crate::profile::{Grant, LoginGrant, Profile};
use crate::token::credentials::LITERAL;
use crate::token::{self, Ask, Insist};
use crate::ui;

/// Asks for a token where no person is needed, and keeps it as `get` would.
pub fn token(report: &mut Report, profile: &Profile, config: &Config) {
    if profile.exchange.takes_from_a_profile() {
        // Its subject may be one that a refresh token has to bring.
        let what = "not tried: it exchanges another profile's token";
        return report.ok("token", what);
    }
    let deadline = Deadline::after(
        profile
            .timeout
            .map_or(budget::CHECK_TOKEN, |set| set.min(budget::CHECK_TOKEN)),
    );
    let was_collecting = ui::is_collecting();
    ui::collect();
    let found = token::kept(&Ask {
        force: true,
        insist: Insist::Again,
        stale: None,
        ..Ask::new(config, profile, deadline)
    });
    for warning in ui::collected() {
        // What stands in the file has been told with that.
        if !warning.contains(LITERAL) {
            report.warn(
                "token",
                warning,
                "see tokctl help when-something-does-not-work",
            );
        }
    }
    if was_collecting {
        ui::collect();
    }
    let Some(token) = report.of("token", found) else {
        return;
    };
    report.keep_out(&token.text);
    let life = token.life().map_or_else(String::new, |life| {
        let seconds = clock::Epoch::try_from(life.as_secs()).unwrap_or(clock::Epoch::MAX);
        format!(", good for {}", clock::about(seconds))
    });
    report.ok("token", format!("the server gave one{life}"));
}

/// Asks the server to take a login's request, which no person sees: pushed beforehand (RFC 9126), or for a device's
/// code (RFC 8628), which nobody uses. Nothing where the server has neither.
pub fn login(report: &mut Report, profile: &Profile, server: &Metadata, credentials: &Credentials) {
    let Grant::Login(grant) = profile.grant else {
        return;
    };
    let login = Login {
        profile,
        server,
        credentials,
        patience: budget::BROWSER,
    };
    let asked = match grant {
        LoginGrant::AuthorizationCode => login.try_push(),
        LoginGrant::DeviceCode => Some(login.device().map(drop)),
        LoginGrant::RefreshToken => None,
    };
    let Some(asked) = asked else {
        let what = "not tried: the server tells only a browser what it thinks of this client";
        return report.ok("login request", what);
    };
    if report.of("login request", asked).is_some() {
        report.ok("login request", "the server takes it from this client");
    }
}
