//! The configuration file: there, whole, and in nobody else's hands.

use super::{Report, own_files};
use crate::error::{Kind, io_cause, shell_word};
use crate::http::Origin;
use crate::profile::config::Config;
use crate::profile::{Profile, SecretSource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Reads every profile, or the one that is asked for. Those that can be used.
pub fn check(report: &mut Report, config: Option<&Config>, name: Option<&str>) -> Vec<Profile> {
    let Some(config) = config else {
        return Vec::new();
    };
    let all = Profile::all(config).map(Iterator::collect::<Vec<_>>);
    match &all {
        Ok(all) => describe(report, config, all.len()),
        Err(error) => report.problem("configuration", error),
    }
    let told = all.as_ref().err().map(ToString::to_string);
    let asked = match name {
        Some(name) => vec![(name.to_owned(), Profile::load(config, name))],
        None => all.unwrap_or_default(),
    };
    let mut profiles = Vec::new();
    for (name, profile) in asked {
        match profile {
            Ok(profile) => {
                literal(report, config, &profile);
                own_files::check(report, &profile);
                profiles.push(profile);
            }
            // The same fault of the file.
            Err(error) if told.as_ref() == Some(&error.to_string()) => {}
            Err(error) if error.kind == Kind::UnknownProfile => {
                report.problem("profile", &error);
            }
            Err(error) => report.problem(format!("profile {name}"), &error),
        }
    }
    claims(report, &profiles);
    profiles
}

/// A host of which two profiles say that it is theirs, so that no helper knows whose token to give.
fn claims(report: &mut Report, profiles: &[Profile]) {
    let mut owners: BTreeMap<&Origin, Vec<&str>> = BTreeMap::new();
    for profile in profiles {
        let origins: BTreeSet<&Origin> = profile.hosts.origins.iter().collect();
        for origin in origins {
            owners.entry(origin).or_default().push(&profile.name);
        }
    }
    for (origin, names) in owners.iter().filter(|(_, names)| names.len() > 1) {
        let what = format!("{origin} is in hosts of the profiles {}", names.join(", "));
        report.warn(
            "hosts",
            what,
            "git tells them apart by the user name in the URL; for other programs let one of them have it, or name the \
             profile in the helper's call",
        );
    }
}

fn describe(report: &mut Report, config: &Config, profiles: usize) {
    let Some(path) = config.path() else {
        let hint = "set HOME, XDG_CONFIG_HOME or TOKCTL_CONFIG";
        return report.warn("configuration", "there is no place for one", hint);
    };
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(cause) => {
            let what = format!("{shown}: {}", io_cause(&cause));
            let hint = "only presets can be used so far; to set up a profile, run: tokctl add";
            return report.warn("configuration", what, hint);
        }
    };
    let many = if profiles == 1 { "profile" } else { "profiles" };
    let what = format!("{shown}, {profiles} {many}, {}", access(&metadata));
    match config.untrusted() {
        Some(found) => report.warn(
            "configuration",
            format!("{what}: {}, so that no program it names is run", found.why),
            format!("run: {}", found.remedy),
        ),
        None => report.ok("configuration", what),
    }
    // Who can write the directory can put another file in this one's place.
    if let Some(found) = config.untrusted_dir() {
        let what = format!(
            "{}, so that no program is run that the file names",
            found.why
        );
        report.warn("configuration", what, format!("run: {}", found.remedy));
    }
}

/// A client secret in a file that others can read.
fn literal(report: &mut Report, config: &Config, profile: &Profile) {
    let Some(SecretSource::Literal(secret)) = &profile.client.secret else {
        return;
    };
    report.keep_out(secret);
    let readable = config.path().is_some_and(others_can_read);
    let also = if readable {
        ", which others can read"
    } else {
        ""
    };
    let name = shell_word(&profile.name);
    report.warn(
        format!("profile {}", profile.name),
        format!("its client secret stands in the configuration file{also}"),
        format!("set client_secret = {{ keyring = true }} and run: tokctl secret set {name}"),
    );
}

#[cfg(unix)]
fn access(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let owner = match metadata.uid() {
        uid if uid == nix::unistd::getuid().as_raw() => "yours".to_owned(),
        0 => "root's".to_owned(),
        uid => format!("of user {uid}"),
    };
    format!("{owner}, mode {:04o}", metadata.mode() & 0o7777)
}

#[cfg(not(unix))]
fn access(metadata: &std::fs::Metadata) -> String {
    format!("{} bytes", metadata.len())
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}
