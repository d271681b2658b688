//! A home with the profile `p` in one of the stores, and what is left in it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::support::desk::PASSWORD;
use super::support::sandbox::files;
use super::support::{GnomeKeyring, Sandbox, Server, SessionBus};

/// A store, and the keys that choose it.
pub const STORES: [(&str, &str); 4] = [
    (
        "plaintext",
        "store = \"plaintext\"\naccess_cache = \"none\"",
    ),
    (
        "encrypted file",
        "store = \"encrypted-file\"\naccess_cache = \"none\"",
    ),
    ("keyring", "store = \"keyring\"\naccess_cache = \"none\""),
    ("keyring + kernel", "store = \"keyring\""),
];

/// The fields are dropped in this order: the daemons before their directory.
pub struct Home {
    daemons: Option<(GnomeKeyring, SessionBus)>,
    pub sandbox: Sandbox,
}

impl Home {
    /// Every `get` finds its token expired: it lives shorter than is asked for.
    pub fn new(server: &Server, store: &str) -> Self {
        let sandbox = Sandbox::new();
        let (authorize, token) = (server.url("/authorize"), server.url("/token"));
        let revoke = server.url("/revoke");
        sandbox.config(&format!(
            "[profile.p]\nclient_id = \"c\"\nauthorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n\
             revocation_endpoint = \"{revoke}\"\nmin_ttl = \"1h\"\n{store}\n"
        ));
        let daemons = store.contains("keyring").then(|| {
            let bus = SessionBus::start(&sandbox.runtime_dir());
            let keyring = GnomeKeyring::start(&bus, sandbox.home(), Some(PASSWORD));
            (keyring, bus)
        });
        Self { daemons, sandbox }
    }

    /// Waits until nobody works for `p` any more: the renewal of a killed caller goes on without it.
    pub fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(40);
        let locks = fs::read_dir(self.sandbox.state_dir().join("tokctl/locks"));
        for lock in locks.into_iter().flatten().flatten() {
            let Ok(lock) = File::open(lock.path()) else {
                continue;
            };
            while lock.try_lock().is_err() {
                assert!(Instant::now() < deadline, "a renewal that never ends");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// What killed writers have left: temporary files, and room that was taken for a record.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let left = files(&self.sandbox.state_dir()).into_iter();
        left.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(".tmp-") || path.parent().is_some_and(|dir| dir.ends_with("spool"))
        })
        .collect()
    }

    /// Where there is still something of a grant after it was logged out.
    pub fn remains(&self) -> Vec<String> {
        let left = self.leftovers().into_iter();
        let mut remains: Vec<_> = left
            // Notes have nothing of a grant in them.
            .filter(|path| !path.parent().is_some_and(|dir| dir.ends_with("profiles")))
            .map(|path| path.display().to_string())
            .collect();
        let clear = self.sandbox.files_with("rt-").into_iter();
        remains.extend(clear.map(|path| path.display().to_string()));
        if self.items() > 0 {
            remains.push("the keyring".to_owned());
        }
        remains
    }

    /// How many items the keyring has: for `p`, for a login that was begun, and for trying the keyring.
    fn items(&self) -> usize {
        let Some((_, bus)) = &self.daemons else {
            return 0;
        };
        let items = |account| {
            let attributes = ["search", "--all", "service", "tokctl", "account", account];
            let found = bus.secret_tool(&attributes, "").unwrap_or_default();
            found.lines().filter(|line| line.starts_with("[/")).count()
        };
        ["p", "login/p", "probe/p"].into_iter().map(items).sum()
    }
}
