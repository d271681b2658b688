//! Many at once: one request, one token for all, and nobody fails.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::grants::{credentials, crowd, renewable, wait_for};
use support::{Desk, OidcProvider, Reply, Run, Running, Sandbox, Server, Tokens};

const CROWD: usize = 200;
const FILE: &str = "store = \"encrypted-file\"";
const FILE_ALONE: &str = "store = \"encrypted-file\"\naccess_cache = \"none\"";
const KEYRING_ALONE: &str = "access_cache = \"none\"";

/// A server that takes its time, as real ones do.
fn slow(expires_in: u64, delay: Duration) -> Server {
    let tokens = Tokens::new(expires_in);
    Server::start(move |request| tokens.answer(request).after(delay))
}

/// Everybody has a token; the different ones, each without its newline.
#[track_caller]
fn tokens(runs: &[Run]) -> BTreeSet<&str> {
    for run in runs {
        let waited = "waiting for another tokctl";
        let said = run.stderr.lines().all(|line| line.contains(waited));
        assert!(
            run.code == 0 && said && run.stdout.ends_with('\n'),
            "{run:?}"
        );
    }
    runs.iter().map(|run| run.stdout.trim_end()).collect()
}

/// Runs the crowd in a sandbox and says how long it took.
#[track_caller]
fn crowd_in(sandbox: &Sandbox, args: &[&str]) -> Vec<Run> {
    let started = Instant::now();
    let runs = crowd(CROWD, |_| sandbox.start(args));
    report(args, started.elapsed(), &runs);
    runs
}

#[expect(clippy::print_stderr, reason = "the figures, with --nocapture")]
fn report(args: &[&str], elapsed: Duration, runs: &[Run]) {
    let slowest = runs.iter().map(|run| run.elapsed).max().unwrap_or_default();
    let failed = runs.iter().filter(|run| run.code != 0).count();
    let (args, size) = (args.join(" "), runs.len());
    eprintln!("{size} x tokctl {args}: {elapsed:?}, the slowest {slowest:?}, {failed} failed");
}

/// A profile with a token that has ended.
fn with_expired_token(sandbox: &Sandbox, refresh: &str) {
    sandbox.import(&format!(
        r#"{{"access_token":"ended","refresh_token":"{refresh}","expires_in":1}}"#
    ));
    let deadline = Instant::now() + Duration::from_secs(5);
    while sandbox.run(["get", "p", "--offline"]).code == 0 {
        assert!(Instant::now() < deadline, "the token never ends");
    }
}

#[test]
fn two_hundred_on_an_expired_token_make_one_request() {
    for more in [FILE, FILE_ALONE] {
        let server = slow(600, Duration::from_millis(500));
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), more));
        with_expired_token(&sandbox, "rt-1");
        let runs = crowd_in(&sandbox, &["get", "p"]);
        assert_eq!(tokens(&runs), ["at-1"].into(), "{more}");
        assert_eq!(server.hits(), 1, "{more}");
        sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    }
}

#[test]
#[ignore = "needs gnome-keyring and secret-tool: tests/run installs them"]
fn two_hundred_with_the_keyring_make_one_request() {
    for more in ["", KEYRING_ALONE] {
        let server = slow(600, Duration::from_millis(500));
        let desk = Desk::open(&renewable(&server.url("/token"), more));
        with_expired_token(&desk.sandbox, "rt-1");
        let runs = crowd_in(&desk.sandbox, &["get", "p"]);
        assert_eq!(tokens(&runs), ["at-1"].into(), "{more:?}");
        assert_eq!((server.hits(), desk.items("p")), (1, 1), "{more:?}");
        desk.sandbox.run(["get", "p", "--force"]).ok("at-2\n");
    }
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn two_hundred_against_a_strict_provider_make_one_request() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce-60s\"\n{FILE_ALONE}");
    sandbox.config(&renewable(&format!("{}/token", provider.url()), &more));
    with_expired_token(&sandbox, &provider.refresh_token("pkce-60s"));
    provider.reset_stats();
    let runs = crowd_in(&sandbox, &["get", "p"]);
    let tokens = tokens(&runs);
    assert_eq!((tokens.len(), provider.token_hits()), (1, 1));
    let token = tokens.first().expect("one token");
    assert_eq!(provider.echo(token).status, 200);
}

/// Every token lives 1 to 2 s, and 20 callers ask without a pause: renewals follow one another in the
/// middle of a crowd.
#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_crowd_through_five_renewals_loses_no_login() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = format!("client_id = \"pkce-2s\"\n{FILE_ALONE}");
    sandbox.config(&renewable(&format!("{}/token", provider.url()), &more));
    sandbox.import(&provider.refresh_token("pkce-2s"));
    provider.reset_stats();
    let started = Instant::now();
    let callers = 0..20;
    let call = || {
        let calls = std::iter::repeat_with(|| sandbox.run(["get", "p"]));
        calls
            .take_while(|_| provider.token_hits() < 6)
            .collect::<Vec<_>>()
    };
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers.map(|_| scope.spawn(call)).collect();
        let runs = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        runs.flat_map(|runs| runs.expect("no panic")).collect()
    });
    report(&["get", "p"], started.elapsed(), &runs);
    let different = tokens(&runs).len() as u64;
    let stats = provider.stats();
    let requests = provider.token_hits();
    assert!((5..=requests).contains(&different), "{different} tokens");
    assert!(requests <= started.elapsed().as_secs() + 1, "{requests}");
    assert_eq!(
        (&stats["family_revoked"], &stats["max_in_flight"]),
        (&0.into(), &1.into())
    );
    assert_eq!(sandbox.run(["get", "p", "--force"]).code, 0);
}

#[test]
fn two_hundred_that_force_make_few_requests_and_none_fails() {
    let server = slow(600, Duration::from_millis(500));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), FILE_ALONE));
    sandbox.import("rt-1");
    let started = Instant::now();
    let runs = crowd_in(&sandbox, &["get", "p", "--force"]);
    // Who starts during a request takes its token: so one after the other, half a second each.
    let most = started.elapsed().as_millis() / 500 + 1;
    let different = tokens(&runs).len();
    assert_eq!(different, server.hits());
    assert!(server.hits() as u128 <= most, "{} requests", server.hits());
    assert_eq!(server.max_in_flight(), 1);
}

#[test]
fn a_server_that_is_down_is_not_stormed() {
    for (grant, refresh) in [
        (renewable as fn(&str, &str) -> String, true),
        (credentials, false),
    ] {
        let server = Server::start(|_| Reply::json(503, r#"{"error":"down"}"#));
        let sandbox = Sandbox::new();
        sandbox.config(&grant(&server.url("/token"), FILE_ALONE));
        if refresh {
            sandbox.import("rt-1");
        }
        let runs = crowd_in(&sandbox, &["get", "p"]);
        for run in &runs {
            run.fails(6, "HTTP 503");
        }
        // Five tries of one process; a second process that started after they ended.
        assert!(server.hits() <= 10, "{} requests", server.hits());
        assert_eq!(server.max_in_flight(), 1);
    }
}

#[test]
fn client_credentials_make_one_request_wherever_tokens_are_kept() {
    // "" is `auto` without a keyring: the kernel's cache alone.
    for more in [FILE_ALONE, FILE, "store = \"plaintext\"", ""] {
        let server = slow(600, Duration::from_millis(200));
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), more));
        let runs = crowd_in(&sandbox, &["get", "p"]);
        if more != "store = \"plaintext\"" {
            assert_eq!(tokens(&runs), ["at-1"].into(), "{more:?}");
        }
        assert_eq!(server.hits(), 1, "{more:?}");
    }
}

#[test]
fn two_variants_at_once_are_not_mixed_up() {
    for more in [FILE, FILE_ALONE] {
        let tokens = Tokens::new(600);
        let server = Server::start(move |request| {
            let scope = request.form().get("scope").cloned().unwrap_or_default();
            let mut reply = tokens.answer(request).after(Duration::from_millis(100));
            let body = String::from_utf8(reply.body).expect("UTF-8");
            reply.body = body.replace("at-", &format!("{scope}-at-")).into();
            reply
        });
        let sandbox = Sandbox::new();
        sandbox.config(&renewable(&server.url("/token"), more));
        sandbox.import("rt-1");
        let scopes = ["one", "two"];
        let runs = crowd(60, |n| {
            sandbox.start(["get", "p", "--scope", scopes[n % 2]])
        });
        for (n, run) in runs.iter().enumerate() {
            let start = format!("{}-at-", scopes[n % 2]);
            assert!(run.code == 0 && run.stdout.starts_with(&start), "{run:?}");
        }
        assert_eq!((server.hits(), server.max_in_flight()), (2, 1), "{more}");
    }
}

/// The lock's holder is stopped in its request by a server that never answers, and killed.
#[test]
fn a_killed_lock_holder_holds_nobody_up() {
    let tokens = Tokens::new(600);
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Server::start(move |request| {
        let never = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        let delay = Duration::from_secs(if never { 50 } else { 0 });
        tokens.answer(request).after(delay)
    });
    let sandbox = Sandbox::new();
    sandbox.config(&credentials(&server.url("/token"), FILE_ALONE));
    let holder = sandbox.start(["get", "p"]);
    wait_for("the request", || server.hits() == 1);
    holder.signal(Signal::SIGKILL);
    holder.wait().ends_by_signal(9);
    let next = sandbox.run(["get", "p"]);
    next.ok("at-2\n");
    assert!(next.elapsed < Duration::from_secs(2), "{:?}", next.elapsed);
}

#[test]
fn a_logout_during_a_renewal_waits_for_it_and_stays() {
    let server = slow(600, Duration::from_millis(700));
    let sandbox = Sandbox::new();
    sandbox.config(&renewable(&server.url("/token"), FILE));
    sandbox.import("rt-1");
    let renewal = sandbox.start(["get", "p"]);
    wait_for("the request", || server.hits() == 1);
    let waiting = sandbox.start(["get", "p"]);
    let logout = sandbox.run(["logout", "p"]);
    logout.ok_with("", "erased here");
    assert!(logout.elapsed > Duration::from_millis(300), "{logout:?}");
    renewal.wait().ok("at-1\n");
    // Who waited got the token that there was, or comes too late.
    let waiting = waiting.wait();
    assert!([0, 4].contains(&waiting.code), "{waiting:?}");
    sandbox
        .run(["get", "p", "--offline"])
        .fails(6, "no stored token");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(server.hits(), 1);
}

#[test]
fn the_first_calls_of_a_new_home_agree_on_one_key() {
    for key in [None, Some("a passphrase")] {
        let server = slow(600, Duration::from_millis(100));
        let mut sandbox = Sandbox::new();
        sandbox.config(&credentials(&server.url("/token"), FILE_ALONE));
        if let Some(key) = key {
            sandbox.env("TOKCTL_STORE_KEY", key);
        }
        let runs: Vec<Run> = crowd(12, |_| Running::start(sandbox.command(["get", "p"]), None));
        assert_eq!(tokens(&runs), ["at-1"].into(), "{key:?}");
        sandbox.run(["get", "p"]).ok("at-1\n");
        assert_eq!(server.hits(), 1);
    }
}
