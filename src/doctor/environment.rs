//! Versions, and the environment variables in force.

use super::Report;
use crate::bounded;
use crate::env;
use crate::error::io_cause;
use crate::files;
use crate::profile::config::Config;
use crate::secret::Secret;
use percent_encoding::percent_decode_str;

/// What a system says of itself is some lines.
const MAX_BYTES: u64 = 64 * 1024;

/// This program, and what it runs on.
pub fn versions(report: &mut Report) {
    let line = |path: &str, key: &str| {
        let file = std::fs::File::open(path).ok()?;
        let text = bounded::text(file, MAX_BYTES).ok()?;
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found.map(|value| value.trim_matches('"').to_owned())
    };
    let system = line("/etc/os-release", "PRETTY_NAME=");
    let kernel = line("/proc/sys/kernel/osrelease", "").map(|release| format!("kernel {release}"));
    let built = env::platform();
    let place = env::is_container().then(|| "in a container".to_owned());
    let wsl = env::is_wsl().then(|| "in WSL".to_owned());
    let known = [Some(built), system, kernel, place, wsl];
    let known: Vec<String> = known.into_iter().flatten().collect();
    let version = env!("CARGO_PKG_VERSION");
    report.ok("tokctl", format!("{version}, {}", known.join(", ")));
}

/// The variables that change what this program does.
pub fn check(report: &mut Report, config: Option<&Config>, profile: Option<&str>) {
    let mut set: Vec<String> = Vec::new();
    for (name, value) in env::in_force(profile) {
        set.push(match value {
            Some(value) => format!("{name}={value}"),
            None => format!("{name} is set"),
        });
    }
    for name in env::PROXIES {
        let Some(value) = env::var(name) else {
            continue;
        };
        let (shown, secrets) = without_userinfo(&value);
        for secret in &secrets {
            report.keep_out(secret);
        }
        set.push(format!("{name}={shown}"));
    }
    if set.is_empty() {
        set.push("nothing that matters is set".to_owned());
    }
    report.ok("environment", set.join(", "));
    authorities(report);
    if let Some(profile) = profile.filter(|name| env::token_override(name).is_some()) {
        let variable = env::token_variable(profile);
        let remedy = format!("run: unset {variable}");
        let alone = config.map(|config| config.alone_with(&variable, profile, &remedy));
        if let Some(Err(error)) = alone {
            return report.problem("environment", &error);
        }
        let what = format!("{variable} is set, so that its token is used and nothing else");
        report.warn(
            "environment",
            what,
            format!("to use what is stored, unset {variable}"),
        );
    }
}

/// A file of authorities that cannot be read is passed over by requests, and missed only here.
fn authorities(report: &mut Report) {
    let (file, directories) = env::extra_roots();
    if let Some(Err(cause)) = file.as_ref().map(|file| files::open_regular(file)) {
        let file = file.unwrap_or_default();
        let what = format!("SSL_CERT_FILE {}: {}", file.display(), io_cause(&cause));
        let hint = "name a file in PEM form there, or unset it";
        report.warn("environment", what, hint);
    }
    for directory in directories {
        if let Err(cause) = std::fs::read_dir(&directory) {
            let what = format!("SSL_CERT_DIR {}: {}", directory.display(), io_cause(&cause));
            let hint =
                "name directories of files in PEM form there, with : between them, or unset it";
            report.warn("environment", what, hint);
        }
    }
}

/// A proxy's address without user name and password, and these as secrets.
pub fn without_userinfo(url: &str) -> (String, Vec<Secret>) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let Some((userinfo, host)) = rest.rsplit_once('@') else {
        return (url.to_owned(), Vec::new());
    };
    let password = userinfo
        .split_once(':')
        .map_or(userinfo, |(_, password)| password);
    let decoded = percent_decode_str(password)
        .decode_utf8_lossy()
        .into_owned();
    let secrets = [userinfo.to_owned(), password.to_owned(), decoded].map(Secret::new);
    let sign = if scheme.is_empty() { "" } else { "://" };
    let shown = format!("{scheme}{sign}{host} (with a user name that is not shown)");
    (shown, secrets.into())
}

#[cfg(test)]
mod tests {
    use super::without_userinfo;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for url in [
            "http://u:pass%2Fword@p:1",
            "u:pass%2Fword@p:1",
            "socks5://u:a@pass%2Fword@p:1",
        ] {
            let (shown, secrets) = without_userinfo(url);
            assert!(!shown.contains("pass") && shown.contains("p:1"), "{shown}");
            assert_eq!(secrets.len(), 3);
        }
        assert_eq!(without_userinfo("http://p:1").0, "http://p:1");
    }
}
