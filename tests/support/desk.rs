//! A desktop's part: a sandbox with a session bus and its keyring.

use std::process::{Command, Output};

use super::{GnomeKeyring, Sandbox, SessionBus};

pub const PASSWORD: &str = "password";

/// The fields are dropped in this order: the daemon before its bus, the bus before its directory.
pub struct Desk {
    pub keyring: Option<GnomeKeyring>,
    pub bus: SessionBus,
    pub sandbox: Sandbox,
}

impl Desk {
    /// An unlocked keyring, and this configuration.
    #[track_caller]
    pub fn open(config: &str) -> Self {
        Self::start(config, Some(PASSWORD))
    }

    /// A keyring as [`GnomeKeyring::start`] makes it.
    #[track_caller]
    pub fn start(config: &str, password: Option<&str>) -> Self {
        let mut desk = Self::without_keyring(config);
        desk.keyring = Some(GnomeKeyring::start(
            &desk.bus,
            desk.sandbox.home(),
            password,
        ));
        desk
    }

    /// A bus on which nobody keeps secrets.
    #[track_caller]
    pub fn without_keyring(config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.config(config);
        Self {
            keyring: None,
            bus: SessionBus::start(&sandbox.runtime_dir()),
            sandbox,
        }
    }

    #[track_caller]
    pub fn lock(&mut self) {
        let keyring = self.keyring.as_mut().expect("there is a keyring");
        keyring.lock(&self.bus);
    }

    /// Opens a locked keyring, or starts one that has ended: no call can, a new daemon does.
    #[track_caller]
    pub fn unlock(&mut self) {
        self.keyring = None;
        self.keyring = Some(GnomeKeyring::start(
            &self.bus,
            self.sandbox.home(),
            Some(PASSWORD),
        ));
    }

    pub fn keyring(&self) -> &GnomeKeyring {
        self.keyring.as_ref().expect("there is a keyring")
    }

    /// The secret of an account, as another program sees it.
    pub fn secret(&self, account: &str) -> Option<String> {
        let attributes = ["lookup", "service", "tokctl", "account", account];
        self.bus.secret_tool(&attributes, "")
    }

    /// How many items an account has.
    pub fn items(&self, account: &str) -> usize {
        let attributes = ["search", "--all", "service", "tokctl", "account", account];
        let found = self.bus.secret_tool(&attributes, "").unwrap_or_default();
        found.lines().filter(|line| line.starts_with("[/")).count()
    }
}

/// The ids of the user keyring's keys whose payload has this text in it.
pub fn kernel_keys_with(text: &str) -> Vec<String> {
    let ids = String::from_utf8(keyctl(&["rlist", "@u"]).stdout).expect("numbers");
    let holds = |id: &&str| {
        let payload = keyctl(&["pipe", id]).stdout;
        payload
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    ids.split_whitespace()
        .filter(holds)
        .map(str::to_owned)
        .collect()
}

fn keyctl(args: &[&str]) -> Output {
    let keyctl = Command::new("keyctl").args(args).output();
    keyctl.expect("keyctl is installed")
}
