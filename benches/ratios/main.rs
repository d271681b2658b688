//! What a call costs, as ratios in one run: `benches/run`.
//!
//! Every row's commands are run in turn, round after round, so that a busy machine slows all of them;
//! each row gives the median and its ratio to the first command of the row.

#![allow(clippy::too_many_arguments, reason = "the rows of a table are wide")]
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod cached;
mod counts;
mod table;

use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{GnomeKeyring, OidcProvider, Reply, Sandbox, Server, SessionBus};
use table::{compare, heading, millis};

const ROUNDS: usize = 300;
/// The profiles that are measured here.
const SEVEN: usize = 7;

const SERVER_TAKES: Duration = Duration::from_millis(500);

fn main() {
    // `cargo bench` says --bench; `cargo test --benches` runs this too and wants no figures.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let programs = std::env::var("TOKCTL_BENCH_PROGRAMS").expect("run by benches/run");
    let programs = Path::new(&programs);
    let empty = programs.join("empty");
    let minimal = programs.join("minimal");
    let provider = OidcProvider::start(&[]);
    let tls = OidcProvider::start_tls("server", &[]);

    let (token, tls_token) = (provider.at("/token"), tls.at("/token"));

    let mut sandbox = home(&config(&token, &tls_token, SEVEN));
    resident_memory(&sandbox);
    let bus = SessionBus::start(&sandbox.runtime_dir());
    let _keyring = GnomeKeyring::start(&bus, sandbox.home(), Some("password"));
    sandbox.env("DBUS_SESSION_BUS_ADDRESS", bus.address());
    let with_profiles = |n| home(&config(&token, &tls_token, n));
    let (one, many) = (with_profiles(1), with_profiles(SEVEN + 1000));
    cached::stores(&sandbox, &empty, &programs.join("static-c"));
    cached::keyrings(&token);
    cached::others(&sandbox, &bus, &token);
    cached::helpers(&sandbox);
    let rows = [
        ("1 profile", &one),
        ("7 profiles", &sandbox),
        ("1,007 profiles", &many),
    ];
    cached::profiles(&rows, &empty);
    cached::sizes(&empty);
    counts::show(&sandbox, &many, &empty);
    cold(&sandbox, &minimal, &token, &tls_token);
    let tokens = provider.login("pkce").to_string();
    sandbox.run_with_stdin(
        ["import", "refresh", "--no-try", "--force"],
        tokens.as_bytes(),
    );
    refresh(&sandbox, &minimal, &token);
    crowds(&sandbox);

    heading("size");
    let binary = Path::new(crate::support::tokctl());
    let bytes = binary.metadata().expect("the binary is there").len();
    println!("{:<40}{:>9} KB", "binary", bytes / 1000);
}

fn refresh(sandbox: &Sandbox, minimal: &Path, token: &str) {
    heading("refresh with rotation, against a minimal ureq program's POST");
    compare(
        ROUNDS / 3,
        &[
            ("minimal program, http", &|| call(minimal, &[token])),
            ("tokctl get --force", &|| {
                sandbox.command(["get", "refresh", "--force"])
            }),
        ],
    );
}

fn home(config: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env("SECRET", "cc-post-secret");
    sandbox.config(config);
    sandbox
}

/// The largest resident set of the children so far: measured before anything larger has run.
fn resident_memory(sandbox: &Sandbox) {
    heading("resident memory");
    let row = |name: &str| {
        let most = getrusage(UsageWho::RUSAGE_CHILDREN)
            .expect("it is counted")
            .max_rss();
        println!("{name:<40}{most:>9} KB");
    };
    sandbox.run(["status"]);
    row("status");
    sandbox.run(["get", "file"]);
    sandbox.run(["get", "file"]);
    row("get over http, then from the store");
    sandbox.run(["get", "tls"]);
    row("get over https");
}

fn cold(sandbox: &Sandbox, minimal: &Path, token: &str, tls_token: &str) {
    heading("cold get of client credentials, against a minimal ureq program");
    compare(
        ROUNDS / 3,
        &[
            ("minimal program, http", &|| call(minimal, &[token])),
            ("tokctl, http", &|| sandbox.command(["get", "none"])),
        ],
    );
    let ca = OidcProvider::ca_file();
    let ca = ca.to_str().expect("a plain path");
    compare(
        ROUNDS / 3,
        &[
            ("minimal program, https", &|| {
                call(minimal, &[tls_token, ca])
            }),
            ("tokctl, https", &|| sandbox.command(["get", "tls"])),
        ],
    );
}

/// 200 calls on a cached token, and 200 on an expired one whose refresh token rotates.
fn crowds(sandbox: &Sandbox) {
    heading("200 at once");
    let cached = crowd(sandbox, &["get", "kernel"]);
    let slow = Server::start(|_| {
        Reply::json(
            200,
            r#"{"access_token":"new","refresh_token":"next","expires_in":3600}"#,
        )
        .after(SERVER_TAKES)
    });
    sandbox.config(&format!(
        "[profile.crowd]\ntoken_endpoint = \"{}\"\nclient_id = \"c\"\ngrant = \"refresh_token\"\n",
        slow.url("/token")
    ));
    // Expired from the start: a lifetime of 0 is not kept.
    let expired = br#"{"access_token":"old","refresh_token":"first","expires_in":0}"#;
    sandbox.run_with_stdin(["import", "crowd", "--no-try", "--force"], expired);
    let renewing = crowd(sandbox, &["get", "crowd"]);
    let requests = slow.hits();
    println!("{:<40}{:>9.1} ms", "cached", millis(cached));
    println!(
        "{:<40}{:>9.1} ms   requests: {requests}",
        "expired, the server takes 500 ms",
        millis(renewing)
    );
    let without = millis(renewing) - millis(SERVER_TAKES);
    println!(
        "{:<40}{:>9.2} x",
        "without the server's time, to cached",
        without / millis(cached)
    );
}

/// So many profiles, at least one.
fn config(token: &str, tls: &str, profiles: usize) -> String {
    let ca_file = OidcProvider::ca_file();
    let tls_keys = format!("store = \"none\"\nca_file = \"{}\"", ca_file.display());
    let mut all = vec![
        profile("kernel", token, "hosts = [\"https://app.example\"]"),
        profile("keyring", token, &alone("keyring")),
        profile("file", token, &alone("encrypted-file")),
        profile("plain", token, &alone("plaintext")),
        profile("none", token, "store = \"none\""),
        profile("tls", tls, &tls_keys),
        format!(
            "[profile.refresh]\ntoken_endpoint = \"{token}\"\nclient_id = \"pkce\"\ngrant = \"refresh_token\"\n"
        ),
    ];
    assert_eq!(all.len(), SEVEN);
    all.truncate(profiles);
    for n in all.len()..profiles {
        let name = format!("more-{n}");
        all.push(profile(&name, token, "scope = [\"read\", \"write\"]"));
    }
    all.concat()
}

fn profile(name: &str, endpoint: &str, keys: &str) -> String {
    format!(
        "[profile.{name}]\ntoken_endpoint = \"{endpoint}\"\nclient_id = \"cc-post\"\n\
         client_auth = \"client_secret_post\"\nclient_secret = {{ env = \"SECRET\" }}\n{keys}\n"
    )
}

/// A store with nothing in front of it.
fn alone(store: &str) -> String {
    format!("store = \"{store}\"\naccess_cache = \"none\"")
}

fn call(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Starts 200 calls and waits for all: the wall time.
fn crowd(sandbox: &Sandbox, args: &[&str]) -> Duration {
    let start = Instant::now();
    let children: Vec<_> = (0..200)
        .map(|_| {
            let mut command = sandbox.command(args);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.spawn().expect("the program starts")
        })
        .collect();
    for mut child in children {
        let status = child.wait().expect("the child ends");
        assert!(status.success(), "{status}");
    }
    start.elapsed()
}
