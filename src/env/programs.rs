//! Where other programs are, and where they keep their configuration.

use super::{base, home, path};
use std::path::PathBuf;

/// The file of the running program, as others can start it.
pub fn this_file() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The directories in which programs are looked for.
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|value| std::env::split_paths(&value).collect())
        .unwrap_or_default()
}

/// Where programs are looked for that no shell has started.
pub const SHORT_PATH: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"];

/// go's own file of settings (go help environment).
pub fn go_env() -> Option<PathBuf> {
    if let Some(file) = path("GOENV") {
        return Some(file).filter(|file| file.as_os_str() != "off");
    }
    if cfg!(windows) {
        return Some(path("APPDATA")?.join("go/env"));
    }
    if cfg!(target_os = "macos") {
        return Some(home()?.join("Library/Application Support/go/env"));
    }
    Some(base("XDG_CONFIG_HOME", ".config")?.join("go/env"))
}

/// git's configuration of the user, by git's own rule (git-config(1), FILES): the file of
/// `$GIT_CONFIG_GLOBAL`, else `~/.gitconfig`, else the one in `$XDG_CONFIG_HOME` if only that is there.
pub fn git_config() -> Option<PathBuf> {
    if let Some(file) = path("GIT_CONFIG_GLOBAL") {
        return Some(file);
    }
    let usual = home()?.join(".gitconfig");
    match base("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("git/config")) {
        Some(other) if !usual.exists() && other.exists() => Some(other),
        _ => Some(usual),
    }
}

/// cargo's directory.
pub fn cargo_home() -> Option<PathBuf> {
    path("CARGO_HOME").or_else(|| Some(home()?.join(".cargo")))
}

/// The kubeconfig that kubectl writes a new user to: of several the first that is there, else the last.
pub fn kubeconfig() -> Option<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let there = listed.iter().find(|path| path.exists()).cloned();
    there
        .or_else(|| listed.last().cloned())
        .or_else(|| Some(home()?.join(".kube/config")))
}

/// terraform's configuration file for its command line.
pub fn terraform_config() -> Option<PathBuf> {
    path("TF_CLI_CONFIG_FILE").or_else(|| {
        if cfg!(windows) {
            return Some(path("APPDATA")?.join("terraform.rc"));
        }
        Some(home()?.join(".terraformrc"))
    })
}

/// Where terraform looks for helpers.
pub fn terraform_plugins() -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(path("APPDATA")?.join("terraform.d/plugins"));
    }
    Some(home()?.join(".terraform.d/plugins"))
}
