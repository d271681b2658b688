//! A token that is there: by store, helper, number of profiles and size, and what others take for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ROUNDS;
use super::support::grants::credentials;
use super::support::{Kind, Sandbox, Seat, SessionBus};
use super::table::{Make, compare, heading};

/// In bytes. A key of the kernel's keyring has room for 32 KB.
const SIZES: [usize; 4] = [100, 1_000, 4_000, 16_000];

pub fn stores(sandbox: &Sandbox, empty: &Path, static_c: &Path) {
    for profile in ["kernel", "keyring", "file", "plain"] {
        sandbox.run(["get", profile]);
    }
    heading("cached get, against an empty Rust program");
    compare(
        ROUNDS,
        &[
            ("empty program", &|| Command::new(empty)),
            ("empty static C program", &|| Command::new(static_c)),
            ("keyring, kernel cache in front", &|| {
                sandbox.command(["get", "kernel"])
            }),
            ("encrypted file alone", &|| sandbox.command(["get", "file"])),
            ("plain file alone", &|| sandbox.command(["get", "plain"])),
            ("Secret Service alone", &|| {
                sandbox.command(["get", "keyring"])
            }),
        ],
    );
}

/// The same token in each program that keeps secrets, against gnome-keyring.
pub fn keyrings(token: &str) {
    let keys = "client_secret = \"cc-post-secret\"\nclient_auth = \"client_secret_post\"\nclient_id = \"cc-post\"";
    let more = format!("{keys}\nstore = \"keyring\"\naccess_cache = \"none\"");
    let config = credentials(token, &more);
    let [gnome, kwallet, keepassxc, oo7] = [
        Kind::GnomeKeyring,
        Kind::KWallet,
        Kind::KeePassXC,
        Kind::Oo7,
    ]
    .map(|kind| {
        let seat = Seat::open(kind, &config);
        seat.sandbox.run(["get", "p"]);
        seat
    });
    let get = |seat: &Seat| seat.sandbox.command(["get", "p"]);
    heading("a token from the Secret Service alone, against gnome-keyring");
    compare(
        ROUNDS,
        &[
            ("gnome-keyring", &|| get(&gnome)),
            ("KWallet", &|| get(&kwallet)),
            ("KeePassXC", &|| get(&keepassxc)),
            ("oo7", &|| get(&oo7)),
        ],
    );
}

/// What people have instead: a token in a password store, another program of this kind where it is
/// installed, a new token for each call.
pub fn others(sandbox: &Sandbox, bus: &SessionBus, token: &str) {
    heading("a token for a script, against a cached get");
    let curl = format!(
        "curl -sS -d grant_type=client_credentials -d client_id=cc-post -d client_secret=\"$SECRET\" {token} | \
         jq -er .access_token"
    );
    let secret_tool = || {
        let mut command = bus.command("secret-tool");
        command.args(["lookup", "service", "tokctl", "account", "keyring"]);
        command
    };
    let pass = PasswordStore::new(sandbox);
    let get = || sandbox.command(["get", "kernel"]);
    let show = || pass.command("pass", &["show", "token"]);
    let anew = || sandbox.program("sh", ["-c", &curl]);
    let other = || sandbox.program("ortie", ["token", "show", "-a", "bench"]);
    let mut commands: Vec<(&str, Make<'_>)> = vec![("get", &get)];
    if has_ortie(sandbox, token) {
        commands.push(("ortie token show, from a plain file", &other));
    }
    commands.push(("secret-tool lookup", &secret_tool));
    commands.push(("pass show", &show));
    commands.push(("curl | jq, a new token on loopback", &anew));
    compare(ROUNDS / 3, &commands);
}

/// ortie has its tokens read and written by commands of one's own; `cargo install ortie` brings it.
fn has_ortie(sandbox: &Sandbox, token: &str) -> bool {
    let file = sandbox.home().join("ortie.json");
    let file = file.display();
    let config = format!(
        "[accounts.bench]\ngrant = \"client-credentials\"\nclient-id = \"cc-basic\"\n\
         client-secret.raw = \"cc-basic-secret\"\nendpoints.token = \"{token}\"\nscopes = []\n\
         storage.read.command = [\"cat\", \"{file}\"]\nstorage.write.command = \"cat > {file}\"\n"
    );
    sandbox.write("config/ortie/config.toml", config);
    let got = sandbox
        .program("ortie", ["auth", "get", "-a", "bench"])
        .output();
    let Ok(got) = got else {
        return false;
    };
    assert!(got.status.success(), "{got:?}");
    true
}

/// A token in pass, whose key has no passphrase.
struct PasswordStore<'a> {
    sandbox: &'a Sandbox,
    keys: PathBuf,
}

impl<'a> PasswordStore<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let marker = sandbox.write("gnupg/common.conf", "");
        let keys = marker.parent().expect("it has one").to_owned();
        let store = Self { sandbox, keys };
        let make = [
            "--batch",
            "--passphrase",
            "",
            "--quick-gen-key",
            "bench",
            "default",
            "default",
            "never",
        ];
        store.run("gpg", &make);
        store.run("pass", &["init", "bench"]);
        store.run("sh", &["-c", "echo a-token | pass insert -e token"]);
        store
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.sandbox.program(program, args);
        command.env("GNUPGHOME", &self.keys);
        command
    }

    fn run(&self, program: &str, args: &[&str]) {
        let output = self.command(program, args).stdin(Stdio::null()).output();
        let output = output.expect("pass and gpg are installed");
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for PasswordStore<'_> {
    fn drop(&mut self) {
        self.run("gpgconf", &["--kill", "gpg-agent"]);
    }
}

pub fn helpers(sandbox: &Sandbox) {
    heading("a helper's cached answer, against a cached get");
    let kubectl = || {
        let mut command = sandbox.command(["helper", "kubectl", "kernel"]);
        let info = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}"#;
        command.env("KUBERNETES_EXEC_INFO", info);
        command
    };
    compare(
        ROUNDS,
        &[
            ("get", &|| sandbox.command(["get", "kernel"])),
            ("helper kubectl PROFILE", &kubectl),
            ("helper terraform PROFILE get HOST", &|| {
                sandbox.command(["helper", "terraform", "kernel", "get", "app.example"])
            }),
            ("helper terraform get HOST", &|| {
                sandbox.command(["helper", "terraform", "get", "app.example"])
            }),
        ],
    );
}

/// Each sandbox has so many profiles, of which `kernel` is the first.
pub fn profiles(rows: &[(&str, &Sandbox)], empty: &Path) {
    heading("cached get, by the number of profiles in the configuration");
    for (_, sandbox) in rows {
        sandbox.run(["get", "kernel"]);
    }
    let makes: Vec<_> = rows
        .iter()
        .map(|(name, sandbox)| (*name, || sandbox.command(["get", "kernel"])))
        .collect();
    let program = || Command::new(empty);
    let mut commands: Vec<(&str, Make<'_>)> = vec![("empty program", &program)];
    for (name, make) in &makes {
        commands.push((name, make));
    }
    compare(ROUNDS, &commands);
}

/// From the kernel and from the encrypted file.
pub fn sizes(empty: &Path) {
    heading("cached get, by the size of the token in bytes");
    let sandbox = Sandbox::new();
    let mut config = String::new();
    let mut names = Vec::new();
    for size in SIZES {
        for (short, name, keys) in [
            ("kernel", "kernel", ""),
            ("file", "encrypted file", "access_cache = \"none\"\n"),
        ] {
            config += &format!(
                "[profile.{short}-{size}]\ntoken_endpoint = \"http://127.0.0.1:9/\"\nclient_id = \"c\"\n\
                 grant = \"refresh_token\"\nstore = \"encrypted-file\"\n{keys}"
            );
            names.push((format!("{name}, {size}"), format!("{short}-{size}"), size));
        }
    }
    sandbox.config(&config);
    for (_, profile, size) in &names {
        let token = "t".repeat(*size);
        let response =
            format!(r#"{{"access_token":"{token}","refresh_token":"r","expires_in":3600}}"#);
        let run = sandbox.run_with_stdin(["import", profile, "--no-try", "--force"], response);
        assert_eq!(run.code, 0, "{run:?}");
    }
    let makes: Vec<_> = names
        .iter()
        .map(|(name, profile, _)| (name, || sandbox.command(["get", profile])))
        .collect();
    let program = || Command::new(empty);
    let mut commands: Vec<(&str, Make<'_>)> = vec![("empty program", &program)];
    for (name, make) in &makes {
        commands.push((name, make));
    }
    compare(ROUNDS, &commands);
}
