//! Whether a person could log in here: a browser, and a place for the redirect.

use super::Report;
use crate::login::{self, browser};
use crate::profile::{Grant, LoginGrant, Profile};

/// Looks at the redirect and for a browser; opens neither.
pub fn check(report: &mut Report, profile: &Profile) {
    let Grant::Login(grant) = profile.grant else {
        return;
    };
    if grant == LoginGrant::RefreshToken {
        return;
    }
    let way = match browser::absent() {
        None => "in a browser here".to_owned(),
        Some(why) => format!("on another device or by pasting an address: {why}"),
    };
    if grant == LoginGrant::DeviceCode {
        return report.ok("login", "with a code on any device");
    }
    let Some(redirect) = &profile.request.redirect_uri else {
        let what = format!("{way}; redirect to {}, at any free port", login::NOWHERE);
        return report.ok("login", what);
    };
    match login::redirect_is_free(&profile.name, redirect) {
        Ok(()) => report.ok("login", format!("{way}; redirect to {redirect}")),
        Err(error) => report.problem("login", &error),
    }
}
