//! Raw answers of named servers that refuse a token request, each with its source, and what the real
//! binary makes of them: whether a login has ended, what is remembered, and when it is asked about again.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::support::{Reply, Request, Run, Sandbox, Server};

const TABLE: &str = include_str!("refusal_table.txt");

/// Fewer would leave out a branch.
const LEAST: usize = 90;

#[derive(Debug, Clone)]
struct Row {
    server: String,
    asked: String,
    preset: Option<String>,
    reply: Reply,
    outcome: String,
    why: String,
    source: String,
}

fn rows() -> Vec<Row> {
    let entries = TABLE.split("\n\n").filter(|entry| !entry.starts_with('#'));
    entries.map(row).collect()
}

fn row(entry: &str) -> Row {
    let lines: Vec<&str> = entry.lines().collect();
    let [head, body, source] = lines[..] else {
        panic!("not three lines: {entry}")
    };
    let parts: Vec<&str> = head.split(" | ").collect();
    let [server, asked, status, outcome, why] = parts[..] else {
        panic!("not five parts: {head}")
    };
    let (asked, preset) = asked.split_once(' ').unwrap_or((asked, ""));
    let mut words = status.split(' ');
    let status = words.next().and_then(|status| status.parse().ok());
    let mut reply = Reply::json(status.expect("a status"), body);
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => reply = reply.header(name, value),
            None => word.clone_into(&mut reply.headers[0].1),
        }
    }
    Row {
        server: server.to_owned(),
        asked: asked.to_owned(),
        preset: Some(preset.to_owned()).filter(|preset| !preset.is_empty()),
        reply,
        outcome: outcome.to_owned(),
        why: why.to_owned(),
        source: source.to_owned(),
    }
}

#[test]
fn each_entry_names_its_server_and_source_and_no_two_have_the_same_reason() {
    let rows = rows();
    assert!(rows.len() >= LEAST, "{} rows", rows.len());
    let mut reasons = BTreeSet::new();
    for row in &rows {
        assert!(!row.server.is_empty(), "{row:?}");
        assert!(row.source.contains(['.', ' ']), "{row:?}");
        assert!(reasons.insert(row.why.clone()), "twice: {}", row.why);
    }
    let outcomes: BTreeSet<_> = rows.iter().map(|row| row.outcome.as_str()).collect();
    let all = ["busy", "ended", "gone", "refused", "request"];
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn each_answer_of_a_named_server_means_what_it_says() {
    let rest = Mutex::new(rows());
    let wrong: Mutex<Vec<String>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().expect("no panic").pop();
                    let Some(row) = next else { return };
                    let faults = Trial::of(&row).faults();
                    let faults = faults
                        .into_iter()
                        .map(|fault| format!("{} ({}): {fault}", row.server, row.why));
                    wrong.lock().expect("no panic").extend(faults);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A server that gives this answer, and a profile that meets it.
struct Trial<'r> {
    row: &'r Row,
    server: Server,
    sandbox: Sandbox,
}

impl<'r> Trial<'r> {
    fn of(row: &'r Row) -> Self {
        let (reply, asked) = (row.reply.clone(), row.asked.clone());
        let server = Server::start(move |request| {
            if is_asked(request, &asked) {
                reply.clone()
            } else {
                Reply::json(200, r#"{"access_token":"own","expires_in":3600}"#)
            }
        });
        let mut sandbox = Sandbox::new();
        sandbox.env("P_SECRET", "made-up");
        sandbox.config(&config(row, &server));
        if row.asked != "client" {
            sandbox.import(r#"{"access_token":"old","refresh_token":"rt-1","expires_in":3600}"#);
            sandbox.age(3500, 100);
        }
        Self {
            row,
            server,
            sandbox,
        }
    }

    fn get(&self, more: &[&str]) -> Run {
        let beyond: &[&str] = match self.row.asked.as_str() {
            "scope" => &["--scope=admin"],
            "audience" => &["--audience=https://other.example"],
            "resource" => &["--resource=https://api.example"],
            _ => &[],
        };
        let args = ["get", "p", "--timeout=1s"];
        self.sandbox.run([&args, beyond, more].concat())
    }

    /// Everything that is not as the outcome has it.
    fn faults(&self) -> Vec<String> {
        match self.row.outcome.as_str() {
            "ended" => self.ended(true),
            "gone" => self.ended(false),
            "request" => self.request(),
            "busy" => self.busy(),
            _ => self.refused(),
        }
    }

    /// The login is named, no request is made for it again, but by itself after an hour or two and for
    /// who says `refresh`.
    fn ended(&self, comes_back: bool) -> Vec<String> {
        let mut faults = Faults::default();
        faults.run("first", &self.get(&[]), 4, "tokctl login p");
        faults.run("second", &self.get(&[]), 4, "as the server said ");
        faults.hits("remembered", self, 1);
        let refresh = self.sandbox.run(["refresh", "p"]);
        faults.run("refresh", &refresh, 4, "tokctl login p");
        faults.hits("refresh", self, 2);
        make_older(&self.sandbox, 4 * 3600);
        faults.run("later", &self.get(&[]), 4, "tokctl login p");
        faults.hits("later", self, if comes_back { 3 } else { 2 });
        faults.0
    }

    /// What was asked for is refused and remembered, and the grant lives.
    fn request(&self) -> Vec<String> {
        let mut faults = Faults::default();
        let remedy = if self.row.asked == "scope" {
            "tokctl login p --scope +admin"
        } else {
            "tokctl login p"
        };
        faults.run("first", &self.get(&[]), 4, remedy);
        faults.run("first", &self.get(&[]), 4, "the grant lives");
        faults.hits("remembered", self, 1);
        let own = self.sandbox.run(["get", "p"]);
        faults.answer("own", &own, "own\n", "");
        faults.hits("own", self, 2);
        faults.0
    }

    /// A token with time left is printed, and then the exit code is 6; nothing is remembered but the
    /// server's own wish.
    fn busy(&self) -> Vec<String> {
        let mut faults = Faults::default();
        let waits = self.row.why.contains("a time to come again") || self.row.why.contains("limit");
        if self.row.asked != "client" {
            faults.answer(
                "alive",
                &self.get(&[]),
                "old\n",
                "not renewed, here is the stored token",
            );
            self.sandbox.age(3600, -1);
        }
        faults.run("first", &self.get(&[]), 6, "profile \"p\"");
        let before = self.server.hits();
        faults.run("second", &self.get(&[]), 6, "profile \"p\"");
        if !waits && self.server.hits() == before {
            faults.0.push("it is not asked again".to_owned());
        }
        faults.0
    }

    /// Told as it is, and asked again each time.
    fn refused(&self) -> Vec<String> {
        let mut faults = Faults::default();
        for hits in [1, 2] {
            faults.run("each", &self.get(&[]), 5, "127.0.0.1");
            faults.hits("each", self, hits);
        }
        faults.0
    }
}

fn config(row: &Row, server: &Server) -> String {
    let grant = if row.asked == "client" {
        "client_credentials"
    } else {
        "refresh_token"
    };
    let preset = row.preset.as_ref().map_or_else(String::new, |preset| {
        format!(
            "preset = \"{preset}\"\nvars = {{ host = \"h.example\", base = \"h.example\", realm = \"r\", \
             tenant = \"t\" }}\n"
        )
    });
    format!(
        "[profile.p]\n{preset}token_endpoint = \"{0}\"\nauthorization_endpoint = \"{0}\"\nclient_id = \"id\"\n\
         client_secret = {{ env = \"P_SECRET\" }}\nclient_auth = \"client_secret_post\"\ngrant = \"{grant}\"\n\
         store = \"plaintext\"\naccess_cache = \"none\"\n",
        server.url("/token")
    )
}

/// Whether a request is the one that the row is about.
fn is_asked(request: &Request, asked: &str) -> bool {
    let form = request.form();
    match asked {
        "scope" | "audience" | "resource" => form.contains_key(asked),
        _ => true,
    }
}

/// Moves what the note has of an end so many seconds into the past.
fn make_older(sandbox: &Sandbox, seconds: u64) {
    let profiles = sandbox.state_dir().join("tokctl/profiles");
    let mut files = fs::read_dir(profiles).expect("notes").flatten();
    let path = files.next().expect("a note").path();
    let mut note = read(&path);
    let Some(said) = note["ended"].get_mut("said") else {
        return;
    };
    for (member, step) in [("since", seconds), ("asked_ms", seconds * 1000)] {
        let time = said[member].as_u64().expect("a time");
        said[member] = (time - step).into();
    }
    fs::write(path, note.to_string()).expect("it can be written");
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a note")).expect("JSON")
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn run(&mut self, at: &str, run: &Run, code: i32, words: &str) {
        if run.code != code || !run.stdout.is_empty() || !run.stderr.contains(words) {
            self.0
                .push(format!("{at}: wanted exit {code} with {words:?}: {run:?}"));
        }
    }

    fn answer(&mut self, at: &str, run: &Run, stdout: &str, words: &str) {
        if run.code != 0 || run.stdout != stdout || !run.stderr.contains(words) {
            self.0
                .push(format!("{at}: wanted {stdout:?} with {words:?}: {run:?}"));
        }
    }

    fn hits(&mut self, at: &str, trial: &Trial<'_>, wanted: usize) {
        let hits = trial.server.hits();
        if hits != wanted {
            self.0.push(format!("{at}: {hits} requests, not {wanted}"));
        }
    }
}
