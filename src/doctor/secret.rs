//! What the client proves itself with, and what it exchanges: their sources give them, which is not shown.

use super::Report;
use super::keyring::Tried;
use crate::clock::{Deadline, budget};
use crate::oauth::Credentials;
use crate::profile::config::Config;
use crate::profile::{Grant, Profile, SecretSource};
use crate::secret::Secret;
use crate::token::credentials;
use crate::token::given;

/// Reads what a request needs as a request does; what there is of it.
pub fn check(report: &mut Report, profile: &Profile, store: &mut Tried) -> Credentials {
    let credentials = Credentials {
        secret: check_secret(report, profile, store),
        key: check_key(report, profile, store),
        certificate: check_certificate(report, profile),
        given: None,
    };
    let has_one = credentials.secret.is_some() || credentials.key.is_some();
    let read = [
        (
            profile.client.secret.is_some(),
            credentials.secret.is_some(),
        ),
        (profile.client.key.is_some(), credentials.key.is_some()),
        (
            profile.client.certificate.is_some(),
            credentials.certificate.is_some(),
        ),
    ];
    // Why one of them could not be read has been told.
    if read.iter().any(|(is_set, is_there)| *is_set && !is_there) {
        return credentials;
    }
    match credentials::check(profile, &credentials) {
        Err(error) => report.problem("client authentication", &error),
        Ok(()) if !has_one => report.ok("client secret", "none: a public client"),
        Ok(()) => {}
    }
    credentials
}

/// The tokens of an exchange, without asking anybody for one.
pub fn check_subject(report: &mut Report, profile: &Profile, config: &Config) {
    if profile.grant != Grant::TokenExchange {
        return;
    }
    let checked = given::check(profile, config, Deadline::after(budget::CHECK_SECRET));
    let Some(tokens) = report.of("subject token", checked) else {
        return;
    };
    for token in &tokens {
        report.keep_out(token);
    }
    if let Some(subject) = &profile.exchange.subject {
        report.ok("subject token", format!("from {}", subject.describe()));
    }
}

fn check_secret(report: &mut Report, profile: &Profile, store: &mut Tried) -> Option<Secret> {
    let source = profile.client.secret.as_ref();
    let (secret, what) = read(report, profile, ("client_secret", source), store)?;
    match secret.copied_badly() {
        // What stands in the configuration is told with that.
        _ if matches!(source, Some(SecretSource::Literal(_))) => {}
        Some(odd) => report.warn(
            "client secret",
            format!("{what}: {odd}"),
            "compare it with the one that the server shows; it may have been copied badly",
        ),
        None => report.ok("client secret", what),
    }
    Some(secret)
}

fn check_key(report: &mut Report, profile: &Profile, store: &mut Tried) -> Option<Secret> {
    let source = profile.client.key.as_ref();
    let (key, what) = read(report, profile, ("client_key", source), store)?;
    let credentials = Credentials {
        key: Some(key),
        ..Credentials::default()
    };
    let parsed = report.of("client key", credentials.signing_key(profile))?;
    report.ok("client key", format!("{what}: {}", parsed.kind()));
    credentials.key
}

fn check_certificate(report: &mut Report, profile: &Profile) -> Option<Secret> {
    let file = profile.client.certificate.as_ref()?.display();
    let certificate = report.of("client certificate", credentials::certificate(profile))?;
    report.ok("client certificate", format!("from file {file}"));
    certificate
}

/// What a source gives, and the source in words.
fn read(
    report: &mut Report,
    profile: &Profile,
    (key, source): (&str, Option<&SecretSource>),
    store: &mut Tried,
) -> Option<(Secret, String)> {
    let source = source?;
    let what = &key.replace('_', " ");
    let deadline = Deadline::after(budget::CHECK_SECRET);
    let found = match (source, store) {
        // Told with the configuration already.
        (SecretSource::Literal(secret), _) => Ok(Some(secret.clone())),
        (SecretSource::Keyring, Tried::Broken) => return None,
        (SecretSource::Keyring, Tried::New) => {
            let place = "in which nothing is stored yet";
            Err(credentials::missing(profile, what, place))
        }
        (source, Tried::Open(storage)) => {
            credentials::one(profile, (key, source), Some(storage), deadline)
        }
        (source, _) => source.resolve(&profile.name, key, deadline),
    };
    let secret = report.of(what, found)??;
    report.keep_out(&secret);
    Some((secret, format!("from {}", source.describe())))
}
