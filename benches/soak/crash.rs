//! kill -9 of each command that writes, in each store.

use std::time::{Duration, Instant};

use super::chance::Chance;
use super::home::STORES;
use super::round::{Case, Outcome, Verb};

const VERBS: [Verb; 5] = [
    Verb::Login,
    Verb::Refresh,
    Verb::Get,
    Verb::Import,
    Verb::Logout,
];

/// The rounds of a case, or of all.
#[derive(Default)]
struct Figures {
    rounds: u32,
    killed: u32,
    sent: u32,
    lost: u32,
    torn: u32,
    mixed: u32,
    orphaned: u32,
    leftovers: usize,
    remains: usize,
    reused: usize,
}

impl Figures {
    fn count(&mut self, outcome: &Outcome) {
        self.rounds += 1;
        self.killed += u32::from(outcome.killed);
        self.sent += u32::from(outcome.sent);
        self.lost += u32::from(outcome.lost);
        self.torn += u32::from(outcome.torn);
        self.mixed += u32::from(outcome.mixed);
        self.orphaned += u32::from(outcome.orphaned);
    }

    fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.killed += other.killed;
        self.sent += other.sent;
        self.lost += other.lost;
        self.torn += other.torn;
        self.mixed += other.mixed;
        self.orphaned += other.orphaned;
        self.leftovers += other.leftovers;
        self.remains += other.remains;
        self.reused += other.reused;
    }

    fn show(&self, store: &str, verb: &str) {
        println!(
            "{store:<17} {verb:<8}{:>7}{:>7}{:>6}{:>6}{:>6}{:>7}{:>7}{:>10}{:>10}{:>9}",
            self.rounds,
            self.killed,
            self.sent,
            self.lost,
            self.torn,
            self.mixed,
            self.reused,
            self.orphaned,
            self.leftovers,
            self.remains
        );
    }

    /// What the model does not have.
    fn wrong(&self) -> u32 {
        let wrong = self.reused + self.remains;
        self.lost + self.torn + self.mixed + u32::try_from(wrong).expect("few")
    }
}

/// Runs so many rounds of every case; how often something was not as the model has it.
pub fn run(rounds: u32, seed: u64) -> u32 {
    println!("\nkill -9 at random moments, against a server that takes a refresh token once");
    println!(
        "killed: still at work; sent: and its request with the server; leftovers: files after the last kill;"
    );
    println!(
        "orphaned: a grant that the server has and nobody here; remains: what a logout then leaves\n"
    );
    println!(
        "{:<17} {:<8}{:>7}{:>7}{:>6}{:>6}{:>6}{:>7}{:>7}{:>10}{:>10}{:>9}",
        "store",
        "command",
        "rounds",
        "killed",
        "sent",
        "lost",
        "torn",
        "mixed",
        "reused",
        "orphaned",
        "leftovers",
        "remains"
    );
    let started = Instant::now();
    let chance = Chance::new(seed);
    let mut all = Figures::default();
    for (store, keys) in STORES {
        for verb in VERBS {
            let figures = rounds_of(&mut Case::new(verb, keys, &chance), rounds);
            figures.show(store, &format!("{verb:?}").to_lowercase());
            all.add(&figures);
        }
    }
    all.show("all", "");
    println!("in {:.0} s", started.elapsed().as_secs_f64());
    all.wrong()
}

fn rounds_of(case: &mut Case<'_>, rounds: u32) -> Figures {
    let mut figures = Figures::default();
    // How long it takes unless it is killed; these have to hold too.
    let mut usual = Duration::ZERO;
    for _ in 0..4 {
        let (outcome, took) = case.round(None);
        figures.count(&outcome);
        usual = usual.max(took);
    }
    for _ in 0..rounds {
        let (outcome, _) = case.round(Some(usual));
        figures.count(&outcome);
    }
    figures.leftovers = case.home.leftovers().len();
    figures.reused = case.reused();
    case.log_out();
    let remains = case.home.remains();
    if !remains.is_empty() {
        case.say(&format!("a logout leaves {remains:?}"));
    }
    figures.remains = remains.len();
    figures
}
