//! The files that a profile names: who else can read its secrets, or write what it trusts.

use super::Report;
use crate::error::{Error, shell_word};
use crate::profile::{Profile, SecretSource, TokenSource, others_can_read, others_can_write};
use std::path::Path;

/// Looks at each of them.
pub fn check(report: &mut Report, profile: &Profile) {
    let name = format!("profile {}", profile.name);
    for (key, file) in secrets(profile) {
        let shown = file.display();
        if others_can_read(file) {
            let what = format!("{key}: {shown} can be read by other users");
            let remedy = format!("run: chmod go-rwx {}", shell_word(&file.to_string_lossy()));
            report.warn(name.clone(), what, remedy);
        }
        if let Some(found) = others_can_write(file) {
            let what = format!("{key}: {}", found.why);
            report.warn(name.clone(), what, format!("run: {}", found.remedy));
        }
    }
    let trusted = [
        ("ca_file", &profile.server.ca_file),
        ("client_certificate", &profile.client.certificate),
    ];
    for (key, file) in trusted {
        let Some(found) = file.as_deref().and_then(others_can_write) else {
            continue;
        };
        let why = match key {
            "ca_file" => ", so that they can stand in for the server",
            _ => "",
        };
        let error = Error::config(format!("{key}: {}{why}", found.why));
        report.problem(name.clone(), &error.hint(format!("run: {}", found.remedy)));
    }
}

/// The files with a secret in them, each with its key. Of a store's key nobody takes one that is open.
fn secrets(profile: &Profile) -> Vec<(&'static str, &Path)> {
    fn given(source: Option<&TokenSource>) -> Option<&SecretSource> {
        match source {
            Some(TokenSource::Secret(source)) => Some(source),
            _ => None,
        }
    }
    let all = [
        ("client_secret", profile.client.secret.as_ref()),
        ("client_key", profile.client.key.as_ref()),
        ("subject_token", given(profile.exchange.subject.as_ref())),
        ("actor_token", given(profile.exchange.actor.as_ref())),
    ];
    let named = all.into_iter().filter_map(|(key, source)| match source? {
        SecretSource::File(file) | SecretSource::EnvFile { file, .. } => {
            Some((key, file.as_path()))
        }
        _ => None,
    });
    named.collect()
}
