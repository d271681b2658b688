//! 500 processes at a time ask for tokens of ten profiles, of a server that fails or is late every third time.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::chance::Chance;
use super::families::Families;
use super::support::{Reply, Request, Sandbox, Server};

const PROCESSES: usize = 500;
const PROFILES: usize = 10;

/// How long a token lives: ended tokens are the rule.
const LIVES: Duration = Duration::from_secs(3);

/// At least this lies between two renewals: rounding to whole seconds is taken off.
const BETWEEN: Duration = Duration::from_secs(2);

/// Every call's own, and what starting and ending 500 at a time on a busy machine may add.
const BUDGET: Duration = Duration::from_secs(30);
const STARTING: Duration = Duration::from_secs(5);

/// The server: the model behind a door that does not always open.
struct Door {
    families: Families,
    chance: Chance,
    /// From the end of the crowd on.
    open: AtomicUsize,
    under_way: [AtomicUsize; PROFILES],
    figures: Asked,
}

#[derive(Default)]
struct Asked {
    requests: AtomicUsize,
    refused: AtomicUsize,
    dropped: AtomicUsize,
    slow: AtomicUsize,
    /// Requests for one profile at a time, the most.
    at_once: AtomicUsize,
}

impl Door {
    fn answer(&self, request: &Request) -> Reply {
        let add = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::SeqCst) + 1;
        add(&self.figures.requests);
        let family = self.families.asked_for(request).unwrap_or_default();
        let under_way = &self.under_way[family];
        self.figures
            .at_once
            .fetch_max(add(under_way), Ordering::SeqCst);
        let chance = if self.open.load(Ordering::SeqCst) > 0 {
            100
        } else {
            self.chance.below(100)
        };
        // Failures come before a refresh token is spent: what a lost answer costs is another measurement.
        let reply = match chance {
            0..15 => {
                add(&self.figures.refused);
                let down = Reply::json(503, r#"{"error":"down"}"#);
                if chance < 5 {
                    down.header("retry-after", "1")
                } else {
                    down
                }
            }
            15..22 => {
                add(&self.figures.dropped);
                Reply::none()
            }
            22..34 => {
                add(&self.figures.slow);
                thread::sleep(self.chance.moment(Duration::from_millis(1500)));
                self.families.answer(request)
            }
            _ => self.families.answer(request),
        };
        under_way.fetch_sub(1, Ordering::SeqCst);
        reply
    }
}

/// How the calls ended.
#[derive(Default)]
struct Ends {
    codes: BTreeMap<i32, usize>,
    took: Vec<Duration>,
    /// Each with its words.
    wrong: Vec<String>,
}

/// Keeps 500 processes going for this long; how often something was not as the model has it.
pub fn run(time: Duration, seed: u64) -> u32 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it is known");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("one's own limit");
    let door = Arc::new(Door {
        families: Families::new(LIVES),
        chance: Chance::new(seed),
        open: AtomicUsize::default(),
        under_way: Default::default(),
        figures: Asked::default(),
    });
    let behind = Arc::clone(&door);
    let server = Server::start(move |request| behind.answer(request));
    let sandbox = set_up(&server, &door);
    let started = Instant::now();
    let ends = crowd(&sandbox, &door, started + time);
    let elapsed = started.elapsed();
    door.open.store(1, Ordering::SeqCst);
    let lost = lost(&sandbox, &door);
    show(&door, ends, elapsed, lost)
}

/// Ten profiles, half of them with a copy of the token in the kernel's keyring.
fn set_up(server: &Server, door: &Door) -> Sandbox {
    let sandbox = Sandbox::new();
    let endpoint = server.url("/token");
    let profile = |n: usize| {
        let cache = ["kernel", "none"][n % 2];
        format!(
            "[profile.p{n}]\ngrant = \"refresh_token\"\ntoken_endpoint = \"{endpoint}\"\nclient_id = \"c\"\n\
             store = \"encrypted-file\"\naccess_cache = \"{cache}\"\n"
        )
    };
    sandbox.config(&(0..PROFILES).map(profile).collect::<String>());
    for n in 0..PROFILES {
        let (family, response) = door.families.begin();
        assert_eq!(family, n);
        let run = sandbox.run_with_stdin(
            ["import", &format!("p{n}"), "--no-try", "--force"],
            response,
        );
        assert_eq!(run.code, 0, "{run:?}");
    }
    sandbox
}

fn crowd(sandbox: &Sandbox, door: &Door, until: Instant) -> Ends {
    let calls = |n: usize| {
        let profile = n % PROFILES;
        let mut ends = Ends::default();
        while Instant::now() < until {
            let command = sandbox.command(["get", &format!("p{profile}")]);
            call(command, profile, door, &mut ends);
        }
        ends
    };
    thread::scope(|scope| {
        let start = |n| {
            let small = thread::Builder::new().stack_size(256 * 1024);
            let thread = small.spawn_scoped(scope, move || calls(n));
            thread.expect("a thread can be started")
        };
        let threads: Vec<_> = (0..PROCESSES).map(start).collect();
        let mut all = Ends::default();
        for thread in threads {
            let ends = thread.join().expect("no panic");
            for (code, count) in ends.codes {
                *all.codes.entry(code).or_default() += count;
            }
            all.took.extend(ends.took);
            all.wrong.extend(ends.wrong);
        }
        all
    })
}

/// One call, and whether its end is one that the model has: a token of its profile that was good in its
/// time, or a temporary failure, both within the budget.
fn call(mut command: Command, profile: usize, door: &Door, ends: &mut Ends) {
    let started = Instant::now();
    let output = command.output().expect("the program starts");
    let took = started.elapsed();
    let code = output.status.code().unwrap_or(-1);
    let token = String::from_utf8_lossy(&output.stdout);
    let fits = match code {
        0 => door.families.good_since(token.trim_end(), started) == Some(profile),
        6 => token.is_empty() && !output.stderr.is_empty(),
        _ => false,
    };
    if !fits || took > BUDGET + STARTING {
        ends.wrong.push(format!("p{profile}: {took:?}, {output:?}"));
    }
    *ends.codes.entry(code).or_default() += 1;
    ends.took.push(took);
}

/// The profiles that need a person now.
fn lost(sandbox: &Sandbox, door: &Door) -> usize {
    let works = |n: usize| {
        let started = Instant::now();
        let run = sandbox.run(["get", &format!("p{n}"), "--force"]);
        run.code == 0 && door.families.good_since(run.stdout.trim_end(), started) == Some(n)
    };
    (0..PROFILES).filter(|n| !works(*n)).count()
}

/// Prints the figures; how often something was not as the model has it.
#[expect(clippy::print_stderr, reason = "stdout has the figures")]
fn show(door: &Door, mut ends: Ends, elapsed: Duration, lost: usize) -> u32 {
    for what in &ends.wrong {
        eprintln!("{what}");
    }
    println!(
        "\n{PROCESSES} processes at a time on {PROFILES} profiles with tokens of {LIVES:?}, for {elapsed:.0?}\n"
    );
    ends.took.sort_unstable();
    let (median, worst) = (
        ends.took[ends.took.len() / 2],
        ends.took[ends.took.len() - 1],
    );
    row("processes", &ends.took.len());
    for (code, count) in &ends.codes {
        row(&format!("  exit {code}"), count);
    }
    row(
        "median and worst time",
        &format!("{median:.2?} {worst:.2?}"),
    );
    let excess = show_requests(door, elapsed);
    row("wrong tokens, exit codes or times", &ends.wrong.len());
    row("logins lost", &lost);
    u32::try_from(excess + ends.wrong.len() + lost).expect("few")
}

/// What the server has seen; how much of it is too much.
fn show_requests(door: &Door, elapsed: Duration) -> usize {
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let asked = &door.figures;
    row("token requests", &count(&asked.requests));
    row("  answered 503", &count(&asked.refused));
    row("  dropped without an answer", &count(&asked.dropped));
    row("  answered up to 1.5 s late", &count(&asked.slow));
    // One with which each begins, and the one after the end.
    let most = elapsed.as_secs() / BETWEEN.as_secs() + 3;
    let most = usize::try_from(most).expect("few");
    let grants: Vec<usize> = (0..PROFILES).map(|n| door.families.grants(n)).collect();
    let renewals = grants.iter().max().unwrap_or(&0);
    row(
        "most renewals of one profile, and what expiry allows",
        &format!("{renewals} {most}"),
    );
    let at_once = count(&asked.at_once);
    row("most requests for one profile at a time", &at_once);
    let reused = door.families.reused();
    row("refresh tokens used twice", &reused);
    let excess: usize = grants.iter().map(|had| had.saturating_sub(most)).sum();
    excess + at_once.saturating_sub(1) + reused
}

fn row(name: &str, value: &dyn Display) {
    println!("{name:<58}{value:>20}");
}
