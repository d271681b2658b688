//! `tokctl --version -v`: what this program is, and what is in it, in lines of a name and a value.

use std::ffi::OsString;

/// How names of hosts and users are looked up: a static program loads no module of nsswitch.conf(5).
const NAMES: &str = if cfg!(target_env = "musl") {
    "/etc/hosts, DNS, /etc/passwd"
} else {
    "the system's"
};

/// Where secrets can be kept, beside nowhere.
const STORES: &str = if cfg!(target_os = "linux") {
    "keyring (Secret Service), encrypted-file, plaintext; cache: kernel"
} else if cfg!(target_os = "macos") {
    "keyring (Keychain), encrypted-file, plaintext"
} else {
    "keyring (Credential Manager), encrypted-file, plaintext"
};

/// What `--version` says where `-v` stands beside it.
pub fn text() -> String {
    let lines = [
        ("commit", env!("TOKCTL_COMMIT")),
        ("target", env!("TOKCTL_TARGET")),
        ("features", "http/1.1 tls1.2 tls1.3 gzip deflate"),
        ("helpers", "git kubectl docker cargo bazel go terraform"),
        ("stores", STORES),
        ("lookups", NAMES),
    ];
    let mut text = format!("tokctl {}\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in lines {
        text += &format!("{name}: {value}\n");
    }
    text
}

/// Whether a command line that asks for the version wants all of it.
pub fn is_wanted(args: &[OsString]) -> bool {
    args.iter().any(|word| {
        let word = word.to_string_lossy();
        let letters = word.strip_prefix('-').unwrap_or_default();
        word == "--verbose" || !letters.starts_with('-') && letters.contains('v')
    })
}
