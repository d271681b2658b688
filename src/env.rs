//! Every environment variable and default path, and no other file reads them.

mod caller;
pub mod programs;

use crate::error::{Error, Result, shell_word};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use caller::caller;

/// A variable that is set and not empty. `None` also for a value that is not UTF-8.
pub fn var(name: &str) -> Option<String> {
    let lent = LENT.get().and_then(|lent| lent.get(name));
    lent.map(|value| value.expose().to_owned())
        .or_else(|| std::env::var(name).ok())
        .filter(|value| !value.is_empty())
}

/// Variables that a process of ours was given another way than in its environment, where others could read them.
static LENT: OnceLock<BTreeMap<String, Secret>> = OnceLock::new();

/// Takes them.
#[cfg(unix)]
pub fn borrow(lent: BTreeMap<String, Secret>) {
    // Once in a process's life.
    drop(LENT.set(lent));
}

/// Those of these names that are set, and the store's key: to be lent.
pub fn lend(names: Vec<String>) -> BTreeMap<String, Secret> {
    let names = names.into_iter().chain(["TOKCTL_STORE_KEY".to_owned()]);
    let set = names.filter_map(|name| Some((var(&name).map(Secret::new)?, name)));
    set.map(|(value, name)| (name, value)).collect()
}

/// A variable that names a path.
fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// An XDG base directory: absolute, as the specification demands, else its default below HOME.
fn base(name: &str, below_home: &str) -> Option<PathBuf> {
    path(name)
        .filter(|dir| dir.is_absolute())
        .or_else(|| Some(home()?.join(below_home)))
}

/// The home directory: `$HOME`, else what the user database says.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// A path from a configuration file in `dir`: a leading `~/` stands for the home directory, and what
/// is relative begins at the file's directory, never at the current one.
pub fn configured_path(path: &Path, dir: &Path) -> PathBuf {
    match (path.strip_prefix("~"), home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => dir.join(path),
    }
}

/// The directory of the configuration file and of the encrypted file's key.
pub fn config_dir() -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(path("APPDATA")?.join("tokctl"));
    }
    if cfg!(target_os = "macos") && path("XDG_CONFIG_HOME").is_none() {
        return Some(home()?.join("Library/Application Support/tokctl"));
    }
    Some(base("XDG_CONFIG_HOME", ".config")?.join("tokctl"))
}

/// The configuration file: `$TOKCTL_CONFIG`, else `config.toml` in the configuration directory.
pub fn config_file() -> Option<PathBuf> {
    path("TOKCTL_CONFIG").or_else(|| Some(config_dir()?.join("config.toml")))
}

/// Where locks, notes and encrypted records live: below HOME and never in `$XDG_RUNTIME_DIR`, so
/// that cron and the desktop share them.
///
/// # Errors
/// [`Kind::Io`](crate::error::Kind::Io) where neither a variable nor the user database names a place, and
/// [`Kind::Config`](crate::error::Kind::Config) of a relative one: each directory would have its own locks.
pub fn state_dir() -> Result<PathBuf> {
    let set = path("TOKCTL_STATE_DIR");
    if let Some(dir) = set.as_ref().filter(|dir| !dir.is_absolute()) {
        let what = format!(
            "TOKCTL_STATE_DIR is not an absolute path: {}",
            dir.display()
        );
        return Err(Error::config(what));
    }
    let platform = || {
        if cfg!(windows) {
            return Some(path("LOCALAPPDATA")?.join("tokctl"));
        }
        if cfg!(target_os = "macos") && path("XDG_STATE_HOME").is_none() {
            return Some(home()?.join("Library/Application Support/tokctl/state"));
        }
        Some(base("XDG_STATE_HOME", ".local/state")?.join("tokctl"))
    };
    set.or_else(platform).ok_or_else(|| {
        Error::new(
            crate::error::Kind::Io,
            "there is no home directory to keep state in",
        )
        .hint("set HOME or TOKCTL_STATE_DIR")
    })
}

/// The token that `TOKCTL_TOKEN_<PROFILE>` holds for a profile: letters in upper case, everything
/// else but digits as `_`.
pub fn token_override(profile: &str) -> Option<Secret> {
    // What is not UTF-8 is kept too, to be refused by whoever looks at it.
    let value = std::env::var_os(token_variable(profile))?;
    let token = Secret::new(value.to_string_lossy().trim().to_owned());
    Some(token).filter(|token| !token.is_empty())
}

/// The name of that variable.
pub fn token_variable(profile: &str) -> String {
    format!("TOKCTL_TOKEN_{}", variable_part(profile))
}

/// The name of a profile's client secret where no other is given.
pub fn usual_secret_variable(profile: &str) -> String {
    format!("{}_CLIENT_SECRET", variable_part(profile))
}

/// A profile's name as part of a variable's name.
pub fn variable_part(profile: &str) -> String {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    profile.chars().map(fold).collect()
}

/// The D-Bus addresses at which the user's session bus may be, best first: also without an
/// environment, as under cron. An address that was not set by somebody is trusted only if the
/// socket belongs to the user, which the store checks.
pub fn session_bus() -> Vec<String> {
    let set = var("DBUS_SESSION_BUS_ADDRESS");
    let usual = usual_bus().filter(|usual| set.as_ref() != Some(usual));
    set.into_iter().chain(usual).collect()
}

/// The session bus in the runtime directory.
#[cfg(unix)]
fn usual_bus() -> Option<String> {
    let dir = runtime_dir();
    // D-Bus specification, "Server Addresses": anything else is escaped as %XX.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/\\*.".contains(&byte);
    let escape = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02x}")
        }
    };
    let path: String = dir.to_str()?.bytes().map(escape).collect();
    Some(format!("unix:path={path}/bus"))
}

#[cfg(not(unix))]
fn usual_bus() -> Option<String> {
    None
}

/// The user's directory for what lives as long as the session: the one that is set, if it is the
/// user's, for `su` and `sudo` may leave behind that of whoever called them.
#[cfg(unix)]
fn runtime_dir() -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    let user = nix::unistd::geteuid();
    let is_ours = |dir: &PathBuf| {
        let about = std::fs::metadata(dir);
        dir.is_absolute() && about.is_ok_and(|about| about.uid() == user.as_raw())
    };
    path("XDG_RUNTIME_DIR")
        .filter(is_ours)
        .unwrap_or_else(|| PathBuf::from(format!("/run/user/{user}")))
}

/// Whether the locale has more characters than ASCII (POSIX: `LC_ALL` before `LC_CTYPE` before `LANG`).
pub fn speaks_utf8() -> bool {
    if cfg!(any(target_os = "macos", windows)) {
        return true;
    }
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var);
    set.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Whether a window would be seen, as far as variables tell.
pub fn has_display() -> bool {
    var("DISPLAY").or_else(|| var("WAYLAND_DISPLAY")).is_some()
}

/// Directories that may be in memory, best first.
#[cfg(unix)]
pub fn memory_dirs() -> [PathBuf; 2] {
    [runtime_dir(), PathBuf::from("/dev/shm")]
}

/// Directories that all users of the machine share, best first.
#[cfg(target_os = "linux")]
pub fn shared_memory_dirs() -> [PathBuf; 2] {
    ["/dev/shm", "/tmp"].map(PathBuf::from)
}

/// systemd's directory of credentials for this unit.
pub fn credentials_directory() -> Option<PathBuf> {
    path("CREDENTIALS_DIRECTORY")
}

/// The encrypted file's passphrase or key, the last of its sources.
pub fn store_key() -> Option<Secret> {
    var("TOKCTL_STORE_KEY").map(Secret::from_line)
}

/// `SSL_CERT_FILE` and the directories of `SSL_CERT_DIR`, which add to the system's certificate
/// authorities.
pub fn extra_roots() -> (Option<PathBuf>, Vec<PathBuf>) {
    let directories = path("SSL_CERT_DIR").unwrap_or_default();
    let directories = std::env::split_paths(&directories);
    let directories = directories.filter(|directory| !directory.as_os_str().is_empty());
    (path("SSL_CERT_FILE"), directories.collect())
}

/// The proxy for a URL of `scheme`, and the hosts that go without: curl's rules. `HTTP_PROXY` in
/// capitals is not read, since a CGI script gets a request's `Proxy:` header under that name.
pub fn proxy(scheme: &str) -> (Option<String>, Option<String>) {
    let proxy = proxy_variable(scheme).and_then(var);
    (proxy, var("no_proxy").or_else(|| var("NO_PROXY")))
}

/// The variable that names that proxy.
pub fn proxy_variable(scheme: &str) -> Option<&'static str> {
    let names: &[&str] = match scheme {
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    names.iter().copied().find(|name| var(name).is_some())
}

/// The proxies' variables whose value holds a user name or password, each with what is left without: a browser asks
/// for it itself, and lives long.
pub fn proxies_without_password() -> Vec<(&'static str, String)> {
    let all = PROXIES.iter().chain(&["HTTP_PROXY"]);
    all.filter_map(|name| Some((*name, without_password(&var(name)?)?)))
        .collect()
}

fn without_password(proxy: &str) -> Option<String> {
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("", proxy));
    let (_, host) = rest.rsplit_once('@')?;
    Some(match scheme {
        "" => host.to_owned(),
        _ => format!("{scheme}://{host}"),
    })
}

/// docker's configuration file.
pub fn docker_config() -> Option<PathBuf> {
    let dir = path("DOCKER_CONFIG").or_else(|| Some(home()?.join(".docker")));
    Some(dir?.join("config.json"))
}

/// Variables that say where something is, and hold nothing that must not be shown.
const PLACES: [&str; 13] = [
    "HOME",
    "TOKCTL_CONFIG",
    "TOKCTL_STATE_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "CREDENTIALS_DIRECTORY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DOCKER_CONFIG",
    "no_proxy",
    "NO_PROXY",
];

/// Variables of which only their being set is to be told.
const UNTOLD: [&str; 9] = [
    "TOKCTL_STORE_KEY",
    "BROWSER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "SSH_CONNECTION",
    "SSH_TTY",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "container",
];

/// The proxies' variables, whose values may hold a password.
pub const PROXIES: [&str; 5] = [
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "all_proxy",
    "ALL_PROXY",
];

/// The variables that are set and change what this program does, with the values that may be shown.
pub fn in_force(profile: Option<&str>) -> Vec<(String, Option<String>)> {
    let places = PLACES.iter().map(|name| ((*name).to_owned(), true));
    let untold = UNTOLD.iter().map(|name| (*name).to_owned());
    let own = profile.into_iter().flat_map(|profile| {
        let part = variable_part(profile);
        let of_client = ["CLIENT_ID", "CLIENT_SECRET"].map(|end| format!("{part}_{end}"));
        of_client.into_iter().chain([token_variable(profile)])
    });
    let untold = untold.chain(own).map(|name| (name, false));
    let set = places
        .chain(untold)
        .filter(|(name, _)| path(name).is_some());
    set.map(|(name, shown)| {
        let value = path(&name).filter(|_| shown);
        (
            name,
            value.map(|value| value.to_string_lossy().into_owned()),
        )
    })
    .collect()
}

/// The operating system and machine that this program was made for.
pub fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The user who has called sudo, and whose browser it is then.
#[cfg(target_os = "linux")]
pub fn sudo_user() -> Option<u32> {
    var("SUDO_UID")?.parse().ok()
}

/// Whether a user id stands for users of another user namespace, who all look the same in this one
/// (`user_namespaces(7)`).
#[cfg(target_os = "linux")]
pub fn is_foreign_here(uid: u32) -> bool {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let overflow = read("/proc/sys/kernel/overflowuid");
    let map = read("/proc/self/uid_map");
    // All of them, in a machine's first namespace.
    let all = ["0", "0", "4294967295"];
    overflow.trim() == uid.to_string() && !map.split_whitespace().eq(all)
}

/// Whether this is Linux inside Windows.
pub fn is_wsl() -> bool {
    var("WSL_DISTRO_NAME").is_some() || var("WSL_INTEROP").is_some()
}

/// Whether this is a container, where a browser of its own is unlikely.
pub fn is_container() -> bool {
    var("container").is_some()
        || ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|file| Path::new(file).exists())
}

/// A program's file, looked for in those directories of `PATH` that are written in full: with `.` or
/// nothing among them, a program would be run that somebody has put into the current directory.
#[cfg(unix)]
pub fn program(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let runs = |file: &PathBuf| {
        let metadata = file.metadata();
        metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let whole = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    whole.map(|dir| dir.join(name)).find(runs)
}

/// The standard library does not look into the current directory there.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
pub fn program(name: &str) -> Option<PathBuf> {
    Some(PathBuf::from(name))
}

/// What tells the variables that a configuration names as the sources of secrets.
type Names = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// That of this process's configuration.
static NAMED: OnceLock<Names> = OnceLock::new();

/// Has the configuration asked for its names when a program is started, and not before: most calls start none.
pub fn name_secrets(names: impl Fn() -> Vec<String> + Send + Sync + 'static) {
    // There is one configuration in a process's life.
    drop(NAMED.set(Box::new(names)));
}

/// The variables that hold a secret of ours, for programs that have no use for one.
pub fn secret_variables() -> Vec<OsString> {
    let named = NAMED.get().map(|names| names()).unwrap_or_default();
    let is_secret = |variable: &OsString| {
        let name = variable.to_string_lossy();
        name == "TOKCTL_STORE_KEY"
            || name.starts_with("TOKCTL_TOKEN")
            || name.ends_with("_CLIENT_SECRET")
            || named.iter().any(|other| *other == name)
    };
    let all = std::env::vars_os().map(|(name, _)| name);
    all.filter(is_secret).collect()
}

/// The person's editor, a command line: by git's order of variables without its own.
pub fn editor() -> String {
    let named = var("VISUAL").or_else(|| var("EDITOR"));
    named.unwrap_or_else(|| if cfg!(windows) { "notepad" } else { "vi" }.to_owned())
}

/// The command line as the program got it, its own name included.
pub fn args() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The command of this process with another word in the place of one of its own, to be typed into a shell. None where it
/// has no such word, or is called by a program or under another name, or has words of the person's own, which are not
/// repeated.
pub fn call_with(word: &str, other: &str) -> Option<String> {
    let args = args();
    let mut words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    if ["api", "exec", "helper"]
        .iter()
        .any(|own| words.contains(own))
    {
        return None;
    }
    let at = words.iter().skip(1).position(|own| *own == word)? + 1;
    words[at] = other;
    called(&words)
}

/// The command of this process with more at its end, to be typed into a shell.
pub fn call_and(more: &[&str]) -> Option<String> {
    let args = args();
    let own = args.iter().filter_map(|arg| arg.to_str());
    called(&own.chain(more.iter().copied()).collect::<Vec<_>>())
}

fn called(words: &[&str]) -> Option<String> {
    let (program, rest) = words.split_first()?;
    let is_own = Path::new(program).file_stem()? == "tokctl";
    let rest: Vec<String> = rest.iter().map(|word| shell_word(word)).collect();
    is_own.then(|| format!("tokctl {}", rest.join(" ")))
}

/// The running program, to be started again as the child that renews.
#[cfg(unix)]
#[cfg_attr(target_os = "linux", allow(clippy::unnecessary_wraps))]
pub fn this_program() -> std::io::Result<PathBuf> {
    // By this name it is found even after an upgrade has replaced the file.
    #[cfg(target_os = "linux")]
    return Ok(PathBuf::from("/proc/self/exe"));
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_proxy_is_named_without_its_password() {
        for (proxy, left) in [
            ("http://u:p@proxy:8080", Some("http://proxy:8080")),
            ("u:p%40@x@proxy:8080", Some("proxy:8080")),
            ("http://u@proxy", Some("http://proxy")),
            ("http://proxy:8080", None),
        ] {
            assert_eq!(super::without_password(proxy).as_deref(), left, "{proxy}");
        }
    }

    #[test]
    fn a_profile_names_its_variable() {
        assert_eq!(
            super::token_variable("git.corp-1"),
            "TOKCTL_TOKEN_GIT_CORP_1"
        );
    }
}
