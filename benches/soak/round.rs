//! One round: a command is killed at some moment, and what is left is compared with the model.

use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::chance::Chance;
use super::families::Families;
use super::home::Home;
use super::support::login::redirect;
use super::support::{Run, Running, Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Login,
    Refresh,
    Get,
    Import,
    Logout,
}

/// What a round has come to. Of what is amiss there is a word on stderr.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is counted by itself")]
pub struct Outcome {
    /// The command was still at work when the signal came.
    pub killed: bool,
    /// It was, and the server had its request.
    pub sent: bool,
    /// Somebody who was logged in has to log in again.
    pub lost: bool,
    /// Something that is stored cannot be read.
    pub torn: bool,
    /// Neither the state before nor the one after, or not the one after although the command had ended.
    pub mixed: bool,
    /// A grant that the server has and nobody here: of a login whose caller was killed while it was
    /// answered, of a logout that was killed before it had said so.
    pub orphaned: bool,
}

/// What a home gives out: nothing, or tokens of a family.
type Held = Option<usize>;

/// A command and a store.
pub struct Case<'a> {
    pub verb: Verb,
    pub home: Home,
    server: Server,
    families: Arc<Families>,
    chance: &'a Chance,
    held: Held,
    /// Where the login that was begun last is to be ended.
    address: String,
}

/// The command of a round, and the state that it leads to where that is known before.
struct Plan {
    args: &'static [&'static str],
    stdin: String,
    after: Held,
}

/// The answer is under way for so long: who is killed in that time has spent a refresh token.
const ANSWERING: Duration = Duration::from_millis(20);

impl<'a> Case<'a> {
    pub fn new(verb: Verb, store: &str, chance: &'a Chance) -> Self {
        let families = Arc::new(Families::new(Duration::from_secs(1800)));
        let model = Arc::clone(&families);
        let server = Server::start(move |request| model.answer(request).after(ANSWERING));
        Self {
            verb,
            home: Home::new(&server, store),
            server,
            families,
            chance,
            held: None,
            address: String::new(),
        }
    }

    /// Runs the command; kills it before `within` has passed, if given.
    pub fn round(&mut self, within: Option<Duration>) -> (Outcome, Duration) {
        let mut plan = self.plan();
        let (before, families) = (self.held, self.families.count());
        let hits = self.server.hits();
        let run = self.run(&plan, within);
        self.home.settle();
        if self.verb == Verb::Login {
            plan.after = Some(families).filter(|new| *new < self.families.count());
        }
        let mut outcome = Outcome {
            killed: run.code == -9,
            sent: run.code == -9 && self.server.hits() > hits,
            ..Outcome::default()
        };
        self.judge(&run, before, plan.after, &mut outcome);
        (outcome, run.elapsed)
    }

    /// The state before, and the command.
    fn plan(&mut self) -> Plan {
        match self.verb {
            Verb::Login if self.chance.below(2) == 0 => self.log_out(),
            Verb::Import => {}
            _ => self.hold(),
        }
        let plan = |args, after| Plan {
            args,
            stdin: String::new(),
            after,
        };
        match self.verb {
            Verb::Refresh => plan(&["refresh", "p"], self.held),
            Verb::Get => plan(&["get", "p"], self.held),
            Verb::Logout => plan(&["logout", "p"], None),
            Verb::Import => {
                let (family, stdin) = self.families.begin();
                Plan {
                    stdin,
                    ..plan(&["import", "p", "--no-try", "--force"], Some(family))
                }
            }
            Verb::Login => {
                let begun = self.home.sandbox.run(["login", "p", "--paste"]);
                // One that is begun and not ended is ended by its own address.
                let mut lines = begun.stderr.lines().map(str::trim);
                if let Some(address) = lines.find(|line| line.starts_with("http")) {
                    address.clone_into(&mut self.address);
                }
                Plan {
                    stdin: redirect(&self.address, "") + "\n",
                    ..plan(&["login", "p", "--paste"], None)
                }
            }
        }
    }

    /// Makes sure that there is a grant.
    fn hold(&mut self) {
        if self.held.is_none() {
            let (family, response) = self.families.begin();
            let run = self
                .home
                .sandbox
                .run_with_stdin(["import", "p", "--no-try", "--force"], response);
            assert_eq!(run.code, 0, "{run:?}");
            self.held = Some(family);
        }
    }

    pub fn log_out(&mut self) {
        let run = self.home.sandbox.run(["logout", "p", "--no-revoke"]);
        assert_eq!(run.code, 0, "{run:?}");
        self.held = None;
    }

    /// Kills the caller alone, or its process group as a terminal or a service manager does.
    fn run(&self, plan: &Plan, within: Option<Duration>) -> Run {
        let mut command = self.home.sandbox.command(plan.args);
        command.process_group(0);
        let running = Running::start(command, Some(plan.stdin.clone().into()));
        if let Some(within) = within {
            std::thread::sleep(self.chance.moment(within));
            if self.chance.below(2) == 0 {
                running.signal(Signal::SIGKILL);
            } else {
                let group = Pid::from_raw(running.pid().try_into().expect("a pid"));
                killpg(group, Signal::SIGKILL).expect("it is not yet waited for");
            }
        }
        running.wait()
    }

    fn judge(&mut self, run: &Run, before: Held, after: Held, outcome: &mut Outcome) {
        let Some(found) = self.look(outcome) else {
            self.tell(run, before, after, "");
            self.log_out();
            return;
        };
        let ended = run.code == 0;
        let known = found == after || (!ended && found == before);
        outcome.mixed |= !known || !(ended || outcome.killed);
        // Only a logout, and a login that was not ended, may leave nothing.
        let may_be_none = after.is_none() || (before.is_none() && !ended);
        outcome.lost = found.is_none() && !may_be_none;
        outcome.lost |= self.verb == Verb::Login && before.is_some() && found.is_none();
        outcome.orphaned = !ended
            && match self.verb {
                Verb::Login => after.is_some() && found != after,
                Verb::Logout => before
                    .is_some_and(|family| found.is_none() && !self.families.is_revoked(family)),
                _ => false,
            };
        if outcome.mixed || outcome.lost || outcome.torn {
            self.tell(run, before, after, &format!("found {found:?}"));
        }
        self.held = found;
    }

    /// What the home gives out, if its parts agree.
    fn look(&self, outcome: &mut Outcome) -> Option<Held> {
        let status = self.home.sandbox.run(["status", "p", "--json"]);
        let readable = serde_json::from_str::<serde_json::Value>(&status.stdout).is_ok();
        if status.code != 0 || !readable {
            outcome.torn = true;
            self.say(&format!("{status:?}"));
            return None;
        }
        // The stored access token, then one for the stored refresh token.
        let stored = self.token(&["get", "p", "--offline", "--min-ttl", "1s"], 6, outcome)?;
        let renewed = self.token(&["get", "p"], 4, outcome)?;
        if stored != renewed {
            // A spent refresh token that was still stored has ended the grant.
            let ended = stored.is_some_and(|family| self.families.is_revoked(family));
            outcome.lost |= ended;
            outcome.mixed |= !ended;
            self.say(&format!("stored {stored:?}, renewed {renewed:?}"));
            return None;
        }
        Some(renewed)
    }

    /// Whose token a call prints; `none` is its exit code where nothing is stored.
    fn token(&self, args: &[&str], none: i32, outcome: &mut Outcome) -> Option<Held> {
        let started = Instant::now();
        let run = self.home.sandbox.run(args);
        if run.code == none || run.code == 4 {
            return Some(None);
        }
        let family = self.families.good_since(run.stdout.trim_end(), started);
        if run.code == 0 && family.is_some() {
            return Some(family);
        }
        outcome.lost |= run.code == 0;
        outcome.torn |= run.code != 0;
        self.say(&format!("{run:?}"));
        None
    }

    fn tell(&self, run: &Run, before: Held, after: Held, more: &str) {
        self.say(&format!(
            "before {before:?}, after {after:?}, {more}; {run:?}"
        ));
    }

    #[expect(clippy::print_stderr, reason = "stdout has the figures")]
    pub fn say(&self, what: &str) {
        eprintln!("{:?}: {what}", self.verb);
    }

    /// How often a refresh token was used twice.
    pub fn reused(&self) -> usize {
        self.families.reused()
    }
}
