//! What works here and what does not, each with its remedy: one check, one file.
//!
//! A report is made to be pasted into a bug report, so that nothing in it is a secret: secrets that
//! are met on the way are handed to the [`Report`], which keeps their text out of every line.

mod attempt;
mod clock_and_tls;
mod configuration;
mod directories;
mod discovery;
mod docker;
mod environment;
mod git;
mod go;
mod grant;
mod kernel;
mod keyring;
mod lock;
mod login;
mod own_files;
mod programs;
mod report;
mod secret;
mod server;
mod short_path;
mod strangers;

use crate::profile::Profile;
use crate::profile::config::Config;
pub use report::Report;
use std::path::Path;

/// Examines this machine, and one profile down to its server; without one, or `offline`, makes no request.
pub fn examine(named: Option<&Path>, name: Option<&str>, offline: bool) -> Report {
    let mut report = Report::about(name);
    environment::versions(&mut report);
    let config = Config::load(named);
    environment::check(&mut report, config.as_ref().ok(), name);
    let config = report.of("configuration", config);
    let profiles = configuration::check(&mut report, config.as_ref(), name);
    let state = directories::check(&mut report);
    kernel::check(&mut report);
    match (name, profiles.first(), &config) {
        (Some(_), Some(profile), Some(config)) => {
            examine_profile(&mut report, (profile, config), state.as_deref(), offline);
        }
        (Some(_), ..) => {}
        (None, ..) => {
            strangers::check(&mut report, config.as_ref(), state.as_deref());
            keyring::check(&mut report, &profiles, state.as_deref());
            let what = "not asked: that takes a profile, as in: tokctl doctor PROFILE";
            report.ok("server", what);
        }
    }
    git::check(&mut report, &profiles);
    docker::check(&mut report, &profiles);
    go::check(&mut report);
    programs::check(&mut report);
    report
}

/// What only a named profile can be asked: its store, its secret, its grant and its server.
fn examine_profile(
    report: &mut Report,
    (profile, config): (&Profile, &Config),
    state: Option<&Path>,
    offline: bool,
) {
    let is_busy = state.is_some_and(|state| lock::check(report, profile, state));
    let mut store = keyring::of_profile(report, profile);
    let credentials = secret::check(report, profile, &mut store);
    secret::check_subject(report, profile, config);
    grant::check(report, profile, &mut store);
    login::check(report, profile);
    if offline {
        return report.ok("server", "not asked: --offline");
    }
    let server = server::check(report, profile, &credentials);
    // What is wrong already would only be said again.
    if report.keeps_from_asking() || is_busy {
        return;
    }
    match server {
        Some(_) if profile.is_repeatable() => attempt::token(report, profile, config),
        Some(server) => attempt::login(report, profile, &server, &credentials),
        None => {}
    }
}
