//! The client secret: its source gives one, which is not shown.

use super::Report;
use super::keyring::Tried;
use crate::client_secret;
use crate::clock::Deadline;
use crate::profile::{Profile, SecretSource};
use crate::secret::Secret;
use std::time::Duration;

/// A program that asks its own agent has answered by then.
const LIMIT: Duration = Duration::from_secs(5);

/// Reads the client secret as a request would.
pub fn check(report: &mut Report, profile: &Profile, store: &mut Tried) -> Option<Secret> {
    let Some(source) = &profile.client_secret else {
        report.ok("client secret", "none: a public client");
        return None;
    };
    let found = match (source, store) {
        // Told with the configuration already.
        (SecretSource::Literal(secret), _) => return Some(secret.clone()),
        (SecretSource::Keyring, Tried::Broken) => return None,
        (SecretSource::Keyring, Tried::New) => Err(client_secret::missing(
            profile,
            "in which nothing is stored yet",
        )),
        (SecretSource::Keyring, Tried::Open(holdings)) => {
            client_secret::find(profile, holdings, Deadline::after(LIMIT))
        }
        (source, _) => source.resolve(&profile.name, Deadline::after(LIMIT)),
    };
    let secret = report.of("client secret", found)??;
    report.keep_out(&secret);
    let what = format!("from {}", source.describe());
    match secret.copied_badly() {
        Some(odd) => report.warn(
            "client secret",
            format!("{what}: {odd}"),
            "compare it with the one that the server shows; it may have been copied badly",
        ),
        None => report.ok("client secret", what),
    }
    Some(secret)
}
