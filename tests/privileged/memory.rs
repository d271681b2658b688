//! What is in the memory of a process that waits, as root sees it: nothing that it does not use any more.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use support::grants::wait_for;
use support::{Canaries, Reply, Request, Sandbox, Server, TlsServer};

/// How often each secret is in the memory of a process.
fn copies(pid: u32, secrets: &[(&'static str, String)]) -> Vec<(&'static str, usize)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else {
        return Vec::new();
    };
    let mut counts: Vec<_> = secrets.iter().map(|(name, _)| (*name, 0)).collect();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').expect("a range");
        let (from, to) = range.split_once('-').expect("two ends");
        let at = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let mut bytes = vec![0; usize::try_from(at(to) - at(from)).expect("it fits")];
        if memory.read_exact_at(&mut bytes, at(from)).is_err() {
            continue;
        }
        for ((_, secret), (_, count)) in secrets.iter().zip(&mut counts) {
            let found = memchr::memmem::find_iter(&bytes, secret.as_bytes());
            *count += found.count();
        }
    }
    counts.retain(|(_, count)| *count > 0);
    counts
}

/// A server that gives tokens of its own each time, the first two for two seconds; all that it has given.
struct Given {
    canaries: Mutex<Canaries>,
    secrets: Mutex<Vec<(&'static str, String)>>,
}

impl Given {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            canaries: Mutex::default(),
            secrets: Mutex::default(),
        })
    }

    fn make(&self, name: &'static str) -> String {
        let secret = self.canaries.lock().expect("no panic").make(name);
        self.secrets
            .lock()
            .expect("no panic")
            .push((name, secret.clone()));
        secret
    }

    /// A token response, not compressed and in no escape.
    fn answer(&self, request: &Request) -> Reply {
        let life = if self
            .all()
            .iter()
            .filter(|(name, _)| *name == "access token")
            .count()
            < 2
        {
            2
        } else {
            3600
        };
        let mut reply = json!({ "access_token": self.make("access token"), "expires_in": life, "token_type": "Bearer" });
        if request.form().contains_key("refresh_token") {
            reply["refresh_token"] = json!(self.make("refresh token"));
        }
        Reply::json(200, reply.to_string())
    }

    fn all(&self) -> Vec<(&'static str, String)> {
        self.secrets.lock().expect("no panic").clone()
    }
}

/// Runs `exec --refresh` over two renewals, and looks.
#[track_caller]
fn is_clean(sandbox: &Sandbox, given: &Given, more: &[(&'static str, String)]) {
    let running = sandbox.start(["exec", "p", "--refresh", "--", "sleep", "60"]);
    let tokens = || {
        given
            .all()
            .iter()
            .filter(|(name, _)| *name == "access token")
            .count()
    };
    wait_for("three tokens", || tokens() >= 3);
    let secrets = [&given.all()[..], more].concat();
    // The third is about to be written, and then there is nothing to do for an hour.
    let mut found = Vec::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while std::time::Instant::now() < deadline {
        found = copies(running.pid(), &secrets);
        if found.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(found, []);
    // The search finds what is there.
    let here = copies(std::process::id(), &secrets);
    assert_eq!(here.len(), secrets.len(), "{here:?}");
}

#[test]
#[ignore = "needs root to read another process's memory: tests/run as root"]
fn a_waiting_exec_holds_no_client_secret_and_no_token() {
    for auth in ["client_secret_basic", "client_secret_post"] {
        let given = Given::new();
        let server = TlsServer::start({
            let given = Arc::clone(&given);
            move |request| given.answer(request)
        });
        let sandbox = Sandbox::new();
        let secret = given.make("client secret");
        sandbox.write("config/tokctl/secret", &secret);
        sandbox.config(&format!(
            "[profile.p]\ngrant = \"client_credentials\"\nclient_id = \"id\"\nclient_auth = \"{auth}\"\n\
             client_secret = {{ file = \"secret\" }}\ntoken_endpoint = \"{}\"\nca_file = \"{}\"\nstore = \"plaintext\"\n",
            server.url("/token"),
            server.ca_file().display()
        ));
        let encoded = STANDARD.encode(format!("id:{secret}"));
        is_clean(&sandbox, &given, &[("client secret in base64", encoded)]);
    }
}

#[test]
#[ignore = "needs root to read another process's memory: tests/run as root"]
fn a_waiting_exec_holds_no_refresh_token() {
    for store in ["plaintext", "encrypted-file"] {
        let given = Given::new();
        let server = Server::start({
            let given = Arc::clone(&given);
            move |request| given.answer(request)
        });
        let sandbox = Sandbox::new();
        sandbox.config(&support::grants::renewable(
            &server.url("/token"),
            &format!("store = \"{store}\"\naccess_cache = \"none\""),
        ));
        let first = given.make("refresh token");
        sandbox.import(&first);
        is_clean(&sandbox, &given, &[]);
    }
}

/// The process that renews, as its parent has started it.
fn renewal(of: u32) -> Option<u32> {
    let children = fs::read_dir("/proc")
        .expect("there")
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let words = fs::read(entry.path().join("cmdline")).ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat
                .rsplit_once(") ")?
                .1
                .split(' ')
                .nth(1)?
                .parse::<u32>()
                .ok()?;
            (words.starts_with(b"tokctl\0renewal\0") && of == parent).then_some(pid)
        });
    children.last()
}

#[test]
#[ignore = "needs root to read another process's memory: tests/run as root"]
fn a_renewal_under_way_holds_what_it_sends_and_keeps_and_no_more() {
    let given = Given::new();
    let (old, refresh, secret) = (
        given.make("access token"),
        given.make("refresh token"),
        given.make("client secret"),
    );
    let reply = json!({ "access_token": "new", "refresh_token": "rt-2", "expires_in": 60 });
    let server = Server::always(Reply::json(200, reply.to_string()).after(Duration::from_secs(8)));
    let mut sandbox = Sandbox::new();
    let store_key = given.make("store key");
    sandbox
        .env("TOKCTL_STORE_KEY", &store_key)
        .env("HARMLESS", "yes");
    sandbox.write("config/tokctl/secret", &secret);
    sandbox.config(&support::grants::renewable(
        &server.url("/token"),
        "store = \"encrypted-file\"\naccess_cache = \"none\"\nclient_secret = { file = \"secret\" }\n\
         client_auth = \"client_secret_post\"",
    ));
    let grant = json!({ "access_token": old, "refresh_token": refresh, "expires_in": 3600 });
    sandbox.import(&grant.to_string());
    let running = sandbox.start(["get", "p", "--force"]);
    wait_for("the request", || server.hits() > 0);
    let child = renewal(running.pid()).expect("it renews");
    let found = copies(child, &given.all());
    // The record as it is, the form of the request that may have to be sent again, and the request itself.
    for (name, count) in &found {
        let limit = if *name == "access token" { 1 } else { 4 };
        assert!(*count <= limit, "{name}: {count} of {found:?}");
    }
    assert!(found.len() >= 2, "{found:?}");
    // It was given none in its environment, which could be read before it had forbidden that.
    let environment =
        fs::read(Path::new("/proc").join(child.to_string()).join("environ")).expect("as root");
    let environment = String::from_utf8_lossy(&environment);
    assert!(
        environment.contains("HARMLESS=yes") && !environment.contains(&store_key),
        "{environment}"
    );
    running.wait().ok("new\n");
}
