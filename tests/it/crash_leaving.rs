//! kill -9 of whatever leaves a grant, at a strict server: nothing is alive there that is not known here.
//!
//! `TOKCTL_TEST_KILLS=300` says how many kills there are, over `remove`, `rename`, `import`, `login --replace` and a
//! `logout` that fails.
#![cfg(target_os = "linux")]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use support::login::redirect;
use support::sandbox::files;
use support::{Reply, Request, Run, Running, Sandbox, Server};

/// The answer is under way for so long.
const ANSWERING: Duration = Duration::from_millis(15);

/// So many kills where nobody says it.
const FEW: u32 = 25;

/// A server whose families of refresh tokens end by a second use, and by revocation.
#[derive(Default)]
struct Families {
    state: Mutex<State>,
    broken: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The last number of each family that is alive.
    alive: BTreeMap<u32, u32>,
    begun: u32,
    reused: u32,
}

impl Families {
    fn begin(&self) -> String {
        let mut state = self.state.lock().expect("no panic");
        state.begun += 1;
        let family = state.begun;
        state.alive.insert(family, 1);
        format!("rt-{family}-1")
    }

    fn answer(&self, request: &Request) -> Reply {
        let form = request.form();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        if request.path == "/revoke" && self.broken.load(Ordering::SeqCst) {
            return Reply::json(503, "{}");
        }
        if field("grant_type") == "authorization_code" {
            return response(&self.begin());
        }
        let token = if request.path == "/revoke" {
            field("token")
        } else {
            field("refresh_token")
        };
        let mut parts = token
            .split('-')
            .skip(1)
            .filter_map(|part| part.parse().ok());
        let (Some(family), Some(number)) = (parts.next(), parts.next()) else {
            return Reply::error("invalid_grant");
        };
        let mut state = self.state.lock().expect("no panic");
        if request.path == "/revoke" {
            state.alive.remove(&family);
            return Reply::json(200, "");
        }
        match state.alive.get_mut(&family) {
            Some(last) if *last == number => {
                *last += 1;
                let next = format!("rt-{family}-{last}");
                response(&next)
            }
            Some(_) => {
                state.alive.remove(&family);
                state.reused += 1;
                Reply::error("invalid_grant")
            }
            None => Reply::error("invalid_grant"),
        }
    }

    fn alive(&self) -> BTreeSet<u32> {
        self.state
            .lock()
            .expect("no panic")
            .alive
            .keys()
            .copied()
            .collect()
    }
}

fn response(refresh: &str) -> Reply {
    let access = refresh.replace("rt-", "at-");
    Reply::json(
        200,
        format!(r#"{{"access_token":"{access}","expires_in":3600,"refresh_token":"{refresh}"}}"#),
    )
}

/// Moments in no order, the same in each run.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

struct Soak {
    families: Arc<Families>,
    server: Server,
    sandbox: Sandbox,
    moments: Moments,
    names: [String; 2],
    /// Where the login that was begun last is to be ended.
    address: String,
    /// The grants that a person has on paper: what was piped into an import.
    told: BTreeSet<u32>,
}

impl Soak {
    fn new() -> Self {
        let families = Arc::new(Families::default());
        let model = Arc::clone(&families);
        Self {
            families,
            server: Server::start(move |request| model.answer(request).after(ANSWERING)),
            sandbox: Sandbox::new(),
            moments: Moments(1),
            names: ["a", "b"].map(|name| format!("{name}-{}", std::process::id())),
            address: String::new(),
            told: BTreeSet::new(),
        }
    }

    fn profile(&self, name: &str) -> String {
        let at = |path: &str| self.server.url(path);
        format!(
            "[profile.{name}]\nclient_id = \"c\"\nauthorization_endpoint = \"{}\"\ntoken_endpoint = \"{}\"\n\
             revocation_endpoint = \"{}\"\nstore = \"plaintext\"\naccess_cache = \"none\"\n",
            at("/authorize"),
            at("/token"),
            at("/revoke")
        )
    }

    /// The name that the file has, with a profile again where it has none.
    fn name(&self) -> String {
        let text = fs::read_to_string(self.sandbox.config_file()).unwrap_or_default();
        let is_there = |name: &&String| text.contains(&format!("[profile.{name}]"));
        if let Some(name) = self.names.iter().find(is_there) {
            return name.clone();
        }
        self.sandbox.config(&self.profile(&self.names[0]));
        self.names[0].clone()
    }

    /// Sees to it that the profile has a grant.
    fn hold(&mut self, name: &str) {
        if self.sandbox.run(["get", name, "--offline"]).code == 0 {
            return;
        }
        let (begun, stdin) = self.begun(name);
        assert_eq!(begun.code, 4, "{begun:?}");
        let run = self
            .sandbox
            .run_with_stdin(["login", name, "--paste"], stdin);
        assert_eq!(run.code, 0, "{run:?}");
    }

    /// A login that has been begun, and what ends it.
    fn begun(&mut self, name: &str) -> (Run, String) {
        let begun = self.sandbox.run(["login", name, "--paste"]);
        let mut lines = begun.stderr.lines().map(str::trim);
        // One that is begun and not ended is ended by its own address.
        if let Some(address) = lines.find(|line| line.starts_with("http")) {
            address.clone_into(&mut self.address);
        }
        let stdin = redirect(&self.address, "") + "\n";
        (begun, stdin)
    }

    /// Runs a command and kills it, or its process group, within so many milliseconds.
    fn killed(&mut self, args: &[&str], stdin: &str, within: u64) -> Run {
        let mut command = self.sandbox.command(args);
        command.process_group(0);
        let running = Running::start(command, Some(stdin.into()));
        std::thread::sleep(Duration::from_micros(self.moments.next(within * 1000)));
        let group = Pid::from_raw(running.pid().try_into().expect("a pid"));
        // It may have ended by itself.
        let _ = killpg(group, Signal::SIGKILL);
        let run = running.wait();
        self.settle();
        run
    }

    /// Waits until nobody works any more.
    fn settle(&self) {
        support::grants::wait_for("the last process", || !self.is_at_work());
    }

    /// Whether a process names one of the profiles, whose names nobody else has: also one that nobody waits for.
    fn is_at_work(&self) -> bool {
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let line = |process: fs::DirEntry| fs::read(process.path().join("cmdline")).ok();
        processes.filter_map(line).any(|line| {
            let line = String::from_utf8_lossy(&line).into_owned();
            self.names.iter().any(|name| line.contains(name))
        })
    }

    /// The families of which anything is stored here.
    fn known(&self) -> BTreeSet<u32> {
        let mut known = BTreeSet::new();
        for file in files(&self.sandbox.state_dir().join("tokctl/plaintext")) {
            let record: Value = serde_json::from_slice(&fs::read(&file).expect("it can be read"))
                .unwrap_or_default();
            let before = record["unrevoked"].as_array().cloned().unwrap_or_default();
            let kept = before
                .iter()
                .flat_map(|grant| grant["refresh"].as_array().cloned().unwrap_or_default());
            let all = kept.chain([record["refresh"].clone()]);
            let family = |token: Value| token.as_str()?.split('-').nth(1)?.parse::<u32>().ok();
            known.extend(all.filter_map(family));
        }
        known
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn nothing_is_alive_at_the_server_that_is_not_known_here() {
    let kills = std::env::var("TOKCTL_TEST_KILLS").ok();
    let kills = kills.map_or(FEW, |kills| kills.parse().expect("a number"));
    let mut soak = Soak::new();
    let (mut killed, mut orphaned, mut rounds) = (BTreeMap::<&str, u32>::new(), 0, 0);
    while killed.values().sum::<u32>() < kills {
        rounds += 1;
        let name = soak.name();
        let other = soak.names.iter().find(|other| **other != name);
        let other = other.expect("there are two").clone();
        let verbs = ["remove", "rename", "import", "login", "logout"];
        let verb = verbs[rounds % verbs.len()];
        soak.hold(&name);
        let run = match verb {
            "remove" => soak.killed(&["remove", &name], "", 120),
            "rename" => soak.killed(&["rename", &name, &other], "", 60),
            "import" => {
                let token = soak.families.begin();
                let family = soak.families.state.lock().expect("no panic").begun;
                soak.told.insert(family);
                soak.killed(&["import", &name, "--force"], &token, 60)
            }
            "login" => {
                let (_, stdin) = soak.begun(&name);
                soak.killed(&["login", &name, "--paste", "--replace"], &stdin, 140)
            }
            _ => {
                soak.families.broken.store(true, Ordering::SeqCst);
                let run = soak.killed(&["logout", &name], "", 60);
                soak.families.broken.store(false, Ordering::SeqCst);
                run
            }
        };
        *killed.entry(verb).or_default() += u32::from(run.code == -9);
        let known = soak.known();
        let alive = soak.families.alive();
        let unknown: Vec<u32> = alive
            .iter()
            .filter(|family| !known.contains(family) && !soak.told.contains(family))
            .copied()
            .collect();
        orphaned += unknown.len();
        assert!(
            unknown.is_empty(),
            "{verb}: {unknown:?} alive, {known:?} known; {run:?}"
        );
        // Whatever was killed: the profile is there whole, or gone, and can be used.
        let run = soak.sandbox.run(["status", "--json"]);
        assert_eq!(run.code, 0, "{verb}: {run:?}");
        if rounds % 10 == 0 {
            for _ in 0..2 {
                let name = soak.name();
                let run = soak.sandbox.run(["logout", "--all"]);
                assert_eq!(run.code, 0, "{name}: {run:?}");
            }
            let mut left = soak.families.alive();
            left.retain(|family| !soak.told.contains(family));
            assert_eq!(left, BTreeSet::new(), "a logout of all ends all: {known:?}");
        }
    }
    let reused = soak.families.state.lock().expect("no panic").reused;
    eprintln!(
        "{rounds} rounds, {killed:?} kills, {orphaned} grants alive and unknown, {reused} reused"
    );
    assert_eq!(reused, 0);
}
