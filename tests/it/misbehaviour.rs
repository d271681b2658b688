//! A server that misbehaves, at each of its endpoints: exit code, words, requests, what is stored
//! afterwards, time and memory.
#![cfg(unix)]

use crate::support;

use std::io::Write;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use nix::sys::resource::{UsageWho, getrusage};
use support::login::{parameter, place};
use support::misbehaving::Step::{Flood, Hang, Reset, Say, Trickle};
use support::misbehaving::{DEVICE, METADATA, Misbehaving, PUSHED, REVOCATION, Step, TOKEN};
use support::{Login, Run, Running, Sandbox, Server};

/// What a behaviour comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// As good as a right answer.
    Right,
    /// No whole answer: the server may have acted.
    NoAnswer,
    /// An answer that no limit allows.
    TooMuch,
    /// It leads elsewhere.
    Redirect,
    /// A no for good.
    Refusal,
    /// A no for now.
    Busy,
    /// A yes with nothing in it.
    Empty,
    /// Somebody else's answer: a portal's, a firewall's.
    Foreign,
}
use Means::{Busy, Empty, Foreign, NoAnswer, Redirect, Refusal, Right, TooMuch};

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const BEHAVIOURS: &[(Means, &[Step])] = &[
    // Right, in each framing.
    (Right, &[Say("HTTP/1.1 200 OK|content-length: LEN||BODY")]),
    (Right, &[Say("HTTP/1.0 200 OK||BODY")]),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|transfer-encoding: chunked||HEX|BODY|0||",
        )],
    ),
    (
        Right,
        &[Say(
            "HTTP/1.1 103 Early Hints|link: x||HTTP/1.1 200 OK|content-length: LEN||BODY",
        )],
    ),
    (
        Right,
        &[Say("HTTP/1.1 200 OK|content-length: LEN||BODY"), Hang],
    ),
    (
        Right,
        &[
            Say("HTTP/1.1 200 OK|content-length: LEN||BODY"),
            Flood(ZEROS),
        ],
    ),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|content-type: text/html|content-length: LEN||BODY",
        )],
    ),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|location: EVIL|refresh: 0; url=EVIL|content-length: LEN||BODY",
        )],
    ),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|set-cookie: a=b|retry-after: 9999|content-length: LEN||BODY",
        )],
    ),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|www-authenticate: Basic realm=x|content-length: LEN||BODY",
        )],
    ),
    (
        Right,
        &[Say("HTTP/1.1 200 OK|content-length: LEN||BODY"), Reset],
    ),
    // Ends and resets at every point.
    (NoAnswer, &[]),
    (NoAnswer, &[Reset]),
    (NoAnswer, &[Say("H"), Reset]),
    (NoAnswer, &[Say("HTTP/1.1 200 OK|"), Reset]),
    (
        NoAnswer,
        &[Say("HTTP/1.1 200 OK|content-length: LEN||"), Reset],
    ),
    (
        Right,
        &[Say("HTTP/1.1 200 OK|content-length: 999||BODY"), Reset],
    ),
    (Right, &[Say("HTTP/1.1 200 OK|content-length: 999||BODY")]),
    (
        Right,
        &[Say("HTTP/1.1 200 OK|transfer-encoding: chunked||HEX|BODY|")],
    ),
    (
        NoAnswer,
        &[Say(
            "HTTP/1.1 200 OK|transfer-encoding: chunked||fff|BODY|0||",
        )],
    ),
    (NoAnswer, &[Say("HTTP/1.1 100 Continue||")]),
    // No HTTP, or two readings of it.
    (NoAnswer, &[Say("SSH-2.0-x|"), Hang]),
    (NoAnswer, &[Say("\u{15}\u{3}\u{3}")]),
    (NoAnswer, &[Say("BODY")]),
    (
        Right,
        &[Say(
            "HTTP/1.1 200 OK|content-length: LEN|content-length: 3||BODY",
        )],
    ),
    (Right, &[Say("HTTP/1.1 200 OK|content-length: -1||BODY")]),
    (
        Right,
        &[Say("HTTP/1.1 200 OK|a b: c|content-length: LEN||BODY")],
    ),
    // One byte now and then, and none.
    (NoAnswer, &[Hang]),
    (NoAnswer, &[Trickle("x")]),
    (NoAnswer, &[Say("HTTP/1.1 200 OK|x: "), Trickle("y")]),
    (
        NoAnswer,
        &[Say("HTTP/1.1 200 OK|content-length: 9999||"), Trickle(" ")],
    ),
    (NoAnswer, &[Say("HTTP/1.1 200 OK||{"), Trickle(" ")]),
    (NoAnswer, &[Say("HTTP/1.1 200 OK|x: "), Flood(ZEROS)]),
    // Without end.
    (
        TooMuch,
        &[
            Say("HTTP/1.1 200 OK|content-length: 100000000||"),
            Flood(ZEROS),
        ],
    ),
    (TooMuch, &[Say("HTTP/1.1 200 OK||[["), Flood("[[[[[[[[")]),
    (TooMuch, &[Say("HTTP/1.1 503 Busy||"), Flood(ZEROS)]),
    // Elsewhere.
    (
        Redirect,
        &[Say(
            "HTTP/1.1 301 Moved|location: EVIL|content-length: LEN||BODY",
        )],
    ),
    (
        Redirect,
        &[Say(
            "HTTP/1.1 302 Found|location: EVIL|content-length: LEN||BODY",
        )],
    ),
    (
        Redirect,
        &[Say("HTTP/1.1 303 See|location: EVIL|content-length: 0||")],
    ),
    (
        Redirect,
        &[Say(
            "HTTP/1.1 307 Temporary|location: EVIL|content-length: LEN||BODY",
        )],
    ),
    (
        Redirect,
        &[Say(
            "HTTP/1.1 308 Permanent|location: EVIL|content-length: LEN||BODY",
        )],
    ),
    (
        Redirect,
        &[Say(
            "HTTP/1.1 307 Temporary|location: file:///etc/passwd|content-length: 0||",
        )],
    ),
    (
        Redirect,
        &[Say("HTTP/1.1 300 Choices|content-length: LEN||BODY")],
    ),
    (Redirect, &[Say("HTTP/1.1 304 Not Modified||")]),
    // No.
    (
        Refusal,
        &[Say("HTTP/1.1 400 Bad|content-length: LEN||BODY")],
    ),
    (
        Refusal,
        &[Say(
            "HTTP/1.1 401 No|www-authenticate: Negotiate|content-length: 0||",
        )],
    ),
    (
        Foreign,
        &[Say(
            "HTTP/1.1 403 No|content-type: text/html|content-length: 13||<h1>\u{1b}[31m</h1",
        )],
    ),
    (
        Refusal,
        &[Say("HTTP/1.1 404 Gone|content-length: LEN||BODY")],
    ),
    (
        Refusal,
        &[Say(
            "HTTP/1.1 407 Proxy|proxy-authenticate: Basic|content-length: 0||",
        )],
    ),
    (
        Refusal,
        &[Say("HTTP/1.1 451 Law|content-length: LEN||BODY")],
    ),
    (Busy, &[Say("HTTP/1.1 408 Slow|content-length: LEN||BODY")]),
    (Busy, &[Say("HTTP/1.1 429 Many|content-length: LEN||BODY")]),
    (
        Busy,
        &[Say(
            "HTTP/1.1 500 Oops|content-type: text/html|content-length: 4||Oops",
        )],
    ),
    (Busy, &[Say("HTTP/1.1 503 Busy|content-length: LEN||BODY")]),
    (Foreign, &[Say("HTTP/1.1 511 Log in|content-length: 0||")]),
    // Yes, and nothing.
    (Empty, &[Say("HTTP/1.1 204 None||")]),
    (Empty, &[Say("HTTP/1.1 200 OK|content-length: 0||")]),
    (
        Foreign,
        &[Say(
            "HTTP/1.1 200 OK|content-type: text/html|content-length: 5||<p>ok",
        )],
    ),
    (Empty, &[Say("HTTP/1.1 200 OK|content-length: 2||[]")]),
    (
        Empty,
        &[Say(
            "HTTP/1.1 200 OK|content-encoding: gzip|content-length: 4||\u{1f}\u{7f}..",
        )],
    ),
];

/// A way to come to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Client credentials at the token endpoint.
    Client,
    /// A refresh token at the token endpoint.
    Refresh,
    /// The code of a login at the token endpoint.
    Code,
    /// The device authorization endpoint.
    Device,
    /// A device's polls at the token endpoint.
    Poll,
    Revocation,
    Metadata,
    /// The pushed authorization request endpoint (RFC 9126).
    Pushed,
}

impl Way {
    const ALL: [Self; 8] = [
        Self::Client,
        Self::Refresh,
        Self::Code,
        Self::Device,
        Self::Poll,
        Self::Revocation,
        Self::Metadata,
        Self::Pushed,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Client | Self::Refresh | Self::Code | Self::Poll => TOKEN,
            Self::Device => DEVICE,
            Self::Revocation => REVOCATION,
            Self::Metadata => METADATA,
            Self::Pushed => PUSHED,
        }
    }

    /// The exit code that a behaviour comes to.
    fn code(self, means: Means) -> i32 {
        match (self, means) {
            // Whatever a 2xx says, it is done (RFC 7009 section 2.2).
            (_, Right) | (Self::Revocation, Empty) => 0,
            // A server that is away for a moment does not end a device's login; its code's end does.
            (Self::Poll, NoAnswer | Busy | Foreign) => 4,
            (_, NoAnswer | Busy | Foreign) => 6,
            (_, TooMuch | Redirect | Refusal | Empty) => 5,
        }
    }

    /// The most requests that may be made to the endpoint.
    fn tries(self, means: Means) -> usize {
        match (self, means) {
            // Each of the tokens; and the lost answer of a refresh is asked for once more.
            (Self::Revocation, _) | (Self::Refresh, NoAnswer) => 2,
            (Self::Client | Self::Metadata, NoAnswer | Busy)
            | (Self::Metadata, Foreign)
            | (Self::Refresh | Self::Code, Busy) => 5,
            (Self::Poll, NoAnswer | Busy | Foreign) => 3,
            // A code is used once; the rest is told at once.
            _ => 1,
        }
    }

    /// The time budget, of which each has its own.
    fn budget(self) -> Duration {
        Duration::from_secs(match self {
            Self::Client | Self::Refresh | Self::Metadata | Self::Poll => 5,
            Self::Code | Self::Device | Self::Pushed => 30,
            Self::Revocation => 10,
        })
    }

    fn config(self, server: &Misbehaving) -> String {
        let at = |path: &str| server.server.url(path);
        let common =
            "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\naccess_cache = \"none\"\n";
        let by_hand = format!(
            "token_endpoint = \"{}\"\nauthorization_endpoint = \"{}\"\nrevocation_endpoint = \"{}\"\n\
             device_authorization_endpoint = \"{}\"\n",
            at(TOKEN),
            at("/authorize"),
            at(REVOCATION),
            at(DEVICE)
        );
        let own = match self {
            Self::Client => format!("grant = \"client_credentials\"\n{by_hand}"),
            Self::Metadata => format!("grant = \"client_credentials\"\nissuer = \"{}\"\n", at("")),
            Self::Pushed => format!(
                "{by_hand}require_pushed_authorization_requests = true\n\
                 pushed_authorization_request_endpoint = \"{}\"\n",
                at(PUSHED)
            ),
            _ => by_hand,
        };
        format!("{common}{own}")
    }
}

/// `tokctl` with 64 MB of memory of its own, stacks included, and not a byte more.
fn limited(sandbox: &Sandbox, args: &[&str]) -> Command {
    let script = "ulimit -d 65536; exec \"$0\" \"$@\"";
    sandbox.program("sh", [&["-c", script, support::tokctl()], args].concat())
}

fn run(sandbox: &Sandbox, args: &[&str]) -> Run {
    Running::start(limited(sandbox, args), None).wait()
}

/// Goes the way once, as far as it leads.
fn go(way: Way, means: Means, sandbox: &Sandbox) -> Run {
    match way {
        Way::Client | Way::Refresh | Way::Metadata => run(sandbox, &["get", "p", "--timeout=5s"]),
        Way::Device | Way::Poll => run(sandbox, &["login", "p", "--device"]),
        Way::Revocation => run(sandbox, &["logout", "p"]),
        Way::Pushed if means != Right => run(sandbox, &["login", "p", "--no-browser"]),
        Way::Code | Way::Pushed => {
            let mut login = Login::of(limited(sandbox, &["login", "p", "--no-browser"]));
            let url = login.address();
            let pushed = url.contains("request_uri=");
            assert_eq!(pushed, way == Way::Pushed, "{url}");
            let (place, state) = if pushed {
                return Run {
                    code: 0,
                    ..end(login)
                };
            } else {
                (place(&url), parameter(&url, "state"))
            };
            let mut browser = TcpStream::connect(&place).expect("it listens");
            let redirect =
                format!("GET /callback?code=c-1&state={state} HTTP/1.1\r\nhost: {place}\r\n\r\n");
            browser.write_all(redirect.as_bytes()).expect("it reads");
            while login.is_running() {
                thread::sleep(Duration::from_millis(10));
            }
            login.wait()
        }
    }
}

/// Has come as far as the address: that is all there is to see of a pushed request.
fn end(login: Login) -> Run {
    login.signal(nix::sys::signal::Signal::SIGTERM);
    login.wait()
}

/// Everything that is not as it should be in one way with one behaviour.
fn wrongs(way: Way, means: Means, steps: &'static [Step]) -> Vec<String> {
    let evil = Server::granting(r#"{"access_token":"evil","expires_in":3600}"#);
    let server = Misbehaving::start(way.path(), steps, &evil.url("/evil"));
    let sandbox = Sandbox::new();
    sandbox.config(&way.config(&server));
    if matches!(way, Way::Refresh | Way::Revocation) {
        let stored = match way {
            Way::Refresh => "rt-first",
            _ => r#"{"access_token":"at-first","refresh_token":"rt-first","expires_in":3600}"#,
        };
        sandbox.import(stored);
    }
    let started = Instant::now();
    let run = go(way, means, &sandbox);
    let elapsed = started.elapsed();
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let code = way.code(means);
    check(
        run.code == code,
        format!("exit {} instead of {code}", run.code),
    );
    let token = code == 0 && matches!(way, Way::Client | Way::Refresh | Way::Metadata);
    check(
        run.stdout.starts_with("at-") == token,
        format!("stdout {:?}", run.stdout),
    );
    check(
        token || run.stdout.is_empty(),
        format!("stdout {:?}", run.stdout),
    );
    let words = run.stderr.lines().all(|line| line.starts_with("tokctl: "));
    let login = matches!(way, Way::Code | Way::Device | Way::Poll | Way::Pushed);
    check(words || login, "a line that is not tokctl's".to_owned());
    let ugly = |c: char| c.is_control() && c != '\n';
    check(
        !run.stderr.contains(ugly),
        "control characters on stderr".to_owned(),
    );
    check(!run.stderr.contains("panicked"), "a panic".to_owned());
    let named = run
        .stderr
        .contains(&format!("127.0.0.1:{}", server.server.port()));
    // A caller that did not wait to the end does not know whom its renewal asks.
    let told = [0, 4].contains(&code) || named || run.stderr.contains("goes on by itself");
    check(told, "the host is not named".to_owned());
    if way == Way::Revocation {
        let done = matches!(means, Right | Empty);
        let said = run
            .stderr
            .contains("logged out here, and not revoked at the server: ")
            != done;
        check(said, "what was revoked is not what is said".to_owned());
    }
    let requests = server.requests();
    let most = way.tries(means);
    check(
        (1..=most).contains(&requests),
        format!("{requests} requests, {most} at most"),
    );
    check(
        evil.hits() == 0,
        format!("{} requests elsewhere", evil.hits()),
    );
    check(
        server.flooded() < 100_000_000,
        "100 MB were taken".to_owned(),
    );
    // The machine has other work too.
    let most = way.budget() + Duration::from_secs(5);
    check(elapsed < most, format!("{elapsed:?}"));
    server.heal();
    if let Err(what) = afterwards(way, code, &sandbox) {
        check(false, what);
    }
    check(
        sandbox.files_with("evil").is_empty(),
        "evil is stored".to_owned(),
    );
    if !wrong.is_empty() {
        wrong.push(format!("  {}", run.stderr.trim_end()));
    }
    wrong
}

/// What is stored, and whether all goes on once the server is well.
fn afterwards(way: Way, code: i32, sandbox: &Sandbox) -> Result<(), String> {
    let mut get = sandbox.run(["get", "p"]);
    if way == Way::Refresh && get.code != 0 {
        // The renewal that its caller did not wait for shares its failure with who comes meanwhile.
        get = sandbox.run(["get", "p"]);
    }
    let logged_in = match way {
        Way::Client | Way::Refresh | Way::Metadata => true,
        Way::Code | Way::Poll | Way::Device => code == 0,
        Way::Revocation | Way::Pushed => false,
    };
    match get.code {
        0 if logged_in && get.stdout.starts_with("at-") => {}
        4 if !logged_in && get.stdout.is_empty() => {}
        _ => return Err(format!("afterwards: {get:?}")),
    }
    let kept = sandbox.files_with("at-").len();
    let unrevoked = way == Way::Revocation && code != 0;
    if kept != usize::from(logged_in || unrevoked) {
        return Err(format!("afterwards {kept} files with a token"));
    }
    if unrevoked {
        let again = sandbox.run(["logout", "p"]);
        if again.code != 0 || !sandbox.files_with("at-").is_empty() {
            return Err(format!("revoked later: {again:?}"));
        }
    }
    if way == Way::Refresh {
        let record = fs::read_to_string(sandbox.record()).unwrap_or_default();
        if !record.contains("\"refresh\":\"rt-") {
            return Err(format!("the refresh token is lost: {record}"));
        }
    }
    Ok(())
}

/// A way with a behaviour.
type Row = (Way, &'static (Means, &'static [Step]));

/// Tells the process in which this is the only test.
const ALONE: &str = "TOKCTL_TEST_ALONE";

#[test]
fn each_misbehaviour_at_each_endpoint_has_its_outcome() {
    if env::var_os(ALONE).is_some() {
        return all_rows();
    }
    // The memory of children is counted for all tests of a process together.
    let name = "misbehaviour::each_misbehaviour_at_each_endpoint_has_its_outcome";
    let mut alone = Command::new(env::current_exe().expect("it has a path"));
    let alone = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1");
    let output = alone.output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn all_rows() {
    let rows = BEHAVIOURS
        .iter()
        .flat_map(|row| Way::ALL.map(|way| (way, row)));
    // What waits to the end of its budget costs nothing meanwhile, so all of that waits at once.
    let waits = |steps: &[Step]| steps.iter().any(|step| matches!(step, Hang | Trickle(_)));
    let (slow, fast): (Vec<_>, Vec<_>) = rows.partition(|(_, (_, steps))| waits(steps));
    let (waiting, total) = (slow.len(), slow.len() + fast.len());
    let (slow, fast) = (Mutex::new(slow), Mutex::new(fast));
    let wrong = Mutex::new(Vec::new());
    let work = |rows: &Mutex<Vec<Row>>| {
        loop {
            let Some((way, (means, steps))) = rows.lock().expect("no panic").pop() else {
                return;
            };
            let found = catch_unwind(AssertUnwindSafe(|| wrongs(way, *means, steps)));
            let found =
                found.unwrap_or_else(|panic| vec![format!("a panic of the test: {panic:?}")]);
            if !found.is_empty() {
                let row = format!(
                    "{way:?}, {means:?}, {steps:?}:\n    {}",
                    found.join("\n    ")
                );
                wrong.lock().expect("no panic").push(row);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..waiting {
            scope.spawn(|| work(&slow));
        }
        for _ in 0..8 {
            scope.spawn(|| work(&fast));
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(
        wrong.is_empty(),
        "{} of {total} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)
        .expect("it is counted")
        .max_rss();
    assert!(
        peak < 64 * 1024,
        "{peak} KB at most, of files and of memory"
    );
    report(total, peak);
}

#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn report(total: usize, peak: i64) {
    eprintln!("{total} rows, none wrong; the largest process had {peak} KB");
}
