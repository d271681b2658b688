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
    let mut files = kubeconfigs();
    match files.iter().position(|path| path.exists()) {
        Some(there) => Some(files.swap_remove(there)),
        None => files.pop(),
    }
}

/// All that kubectl reads.
pub fn kubeconfigs() -> Vec<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if listed.is_empty() {
        return home()
            .map(|home| home.join(".kube/config"))
            .into_iter()
            .collect();
    }
    listed
}

/// Where helm keeps what `helm registry login` was given.
pub fn helm_logins() -> Option<PathBuf> {
    let dir = || {
        let own = path("HELM_CONFIG_HOME");
        own.or_else(|| match () {
            () if cfg!(windows) => Some(path("APPDATA")?.join("helm")),
            () if cfg!(target_os = "macos") && path("XDG_CONFIG_HOME").is_none() => {
                Some(home()?.join("Library/Preferences/helm"))
            }
            () => Some(base("XDG_CONFIG_HOME", ".config")?.join("helm")),
        })
    };
    path("HELM_REGISTRY_CONFIG").or_else(|| Some(dir()?.join("registry/config.json")))
}

/// Where podman, buildah and skopeo keep theirs (containers-auth.json(5)).
pub fn containers_logins() -> Option<PathBuf> {
    path("REGISTRY_AUTH_FILE")
        .or_else(|| Some(path("XDG_RUNTIME_DIR")?.join("containers/auth.json")))
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
