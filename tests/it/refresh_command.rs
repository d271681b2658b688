//! `tokctl refresh`: renews now, and tells of each profile.
#![cfg(unix)]

use crate::support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Reply, Request, Sandbox, Server, Tokens};

/// A profile for a refresh token.
fn profile(name: &str, server: &Server, path: &str) -> String {
    format!(
        "[profile.{name}]\nclient_id = \"{name}\"\ngrant = \"refresh_token\"\nstore = \"encrypted-file\"\n\
         token_endpoint = \"{}\"\n",
        server.url(path)
    )
}

#[track_caller]
fn import(sandbox: &Sandbox, name: &str, token: &str) {
    let run = sandbox.run_with_stdin(["import", name, "--no-try", "--force"], token);
    run.ok_with("", "stored");
}

/// `/NAME` answers in the manner of its name.
fn answer(request: &Request) -> Reply {
    match request.path.as_str() {
        "/good" => Reply::json(200, r#"{"access_token":"at","expires_in":3600}"#),
        "/ended" => Reply::error("invalid_grant"),
        "/refused" => Reply::json(401, r#"{"error":"invalid_client"}"#),
        _ => Reply::json(503, "{}").header("retry-after", "3600"),
    }
}

#[test]
fn a_refresh_renews_though_the_token_is_good() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    sandbox.config(&profile("p", &server, "/token"));
    import(&sandbox, "p", "rt-1");
    sandbox
        .run(["refresh", "p"])
        .ok_with("", "p: renewed, good for ");
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(server.hits(), 2);
    sandbox.run(["refresh", "p", "-q"]).ok("");
}

#[test]
fn each_profile_has_its_result_and_the_worst_exit_code_wins() {
    let server = Server::start(answer);
    let sandbox = Sandbox::new();
    let names = ["busy", "ended", "good", "refused"];
    let profiles: String = names
        .iter()
        .map(|name| profile(name, &server, &format!("/{name}")))
        .collect();
    let nothing = profile("nothing", &server, "/good");
    sandbox.config(&format!("{profiles}{nothing}"));
    for name in names {
        import(&sandbox, name, "rt-old");
    }
    let run = sandbox.run(["refresh", "--all"]);
    for said in [
        "good: renewed",
        "profile \"busy\"",
        "grant for ended ended",
        "invalid_client",
    ] {
        run.fails(6, said);
    }
    assert!(!run.stderr.contains("nothing"), "{run:?}");
    // In whatever order they are named.
    for (words, code) in [
        (&["refresh", "ended", "good"][..], 4),
        (&["refresh", "refused", "ended", "good"], 5),
        (&["refresh", "good", "ended", "refused"], 5),
        (&["refresh", "nobody", "good"], 3),
    ] {
        let run = sandbox.run(words);
        run.fails(code, "good: renewed");
    }
    sandbox.run(["refresh", "nothing"]).fails(4, "nothing");
}

#[test]
fn one_wrong_profile_does_not_keep_the_others_from_being_renewed() {
    let server = Server::start(answer);
    let sandbox = Sandbox::new();
    let good = profile("good", &server, "/good");
    sandbox.config(&good);
    import(&sandbox, "good", "rt-old");
    for wrong in [
        "grant = \"nonsense\"",
        "no_such_key = 1",
        "min_ttl = \"soon\"",
    ] {
        sandbox.config(&format!("[profile.a]\nclient_id = \"c\"\n{wrong}\n{good}"));
        let run = sandbox.run(["refresh", "--all"]);
        run.fails(3, "good: renewed").fails(3, "profile \"a\"");
        let run = sandbox.run(["status"]);
        assert!(run.code == 0 && run.stdout.contains("good"), "{run:?}");
    }
}

#[test]
fn only_grants_of_an_age_are_renewed() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::new();
    sandbox.config(&profile("p", &server, "/token"));
    import(&sandbox, "p", "rt-1");
    sandbox
        .run(["refresh", "--all", "--older-than", "7d"])
        .ok("");
    let run = sandbox.run(["refresh", "p", "--older-than", "7d", "-v"]);
    run.ok_with("", "p: renewed");
    assert_eq!(server.hits(), 0);
    sandbox.notes_age(3);
    let run = sandbox.run(["refresh", "--all", "--older-than", "2s"]);
    run.ok_with("", "p: renewed, good for ");
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox
        .run(["refresh", "--all", "--older-than", "2s"])
        .ok("");
    assert_eq!(server.hits(), 1);
    sandbox
        .run(["refresh", "--all", "--older-than", "x"])
        .fails(2, "--older-than");
    sandbox.run(["refresh"]).fails(2, "PROFILE");
    sandbox.run(["refresh", "p", "--all"]).fails(2, "--all");
}

#[test]
fn refreshes_at_once_do_not_lose_the_rotated_token() {
    let tokens = Tokens::new(3600);
    let server =
        Server::start(move |request| tokens.answer(request).after(Duration::from_millis(50)));
    let sandbox = Sandbox::new();
    sandbox.config(&profile("p", &server, "/token"));
    import(&sandbox, "p", "rt-1");
    let all: Vec<_> = (0..8).map(|_| sandbox.start(["refresh", "p"])).collect();
    for run in all {
        run.wait().ok_with("", "p: renewed");
    }
    assert_eq!(server.max_in_flight(), 1);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
}

#[test]
fn a_refresh_that_is_killed_keeps_the_rotated_token() {
    let tokens = Tokens::new(3600);
    let server =
        Server::start(move |request| tokens.answer(request).after(Duration::from_millis(300)));
    let sandbox = Sandbox::new();
    sandbox.config(&profile("p", &server, "/token"));
    import(&sandbox, "p", "rt-1");
    let run = sandbox.start(["refresh", "p"]);
    while server.hits() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    run.signal(Signal::SIGKILL);
    drop(run);
    sandbox.run(["get", "p"]).ok("at-1\n");
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
}

#[test]
fn a_grant_that_ended_is_asked_for_once_with_each_refresh_and_by_no_get() {
    let server = Server::start(answer);
    let sandbox = Sandbox::new();
    sandbox.config(&profile("ended", &server, "/ended"));
    import(&sandbox, "ended", "rt-old");
    for (words, hits) in [
        (&["get", "ended"][..], 1),
        (&["get", "ended"], 1),
        (&["refresh", "ended"], 2),
        (&["refresh", "--all"], 3),
        (&["get", "ended", "--force"], 4),
        (&["get", "ended"], 4),
    ] {
        let run = sandbox.run(words);
        run.fails(4, "your grant for ended ended (revoked or expired)");
        assert_eq!(server.hits(), hits, "{words:?}");
    }
    // A new one is worth a request.
    import(&sandbox, "ended", "rt-new");
    sandbox
        .run(["get", "ended"])
        .fails(4, "your grant for ended ended");
    assert_eq!(server.hits(), 5);
}

/// Twenty profiles of a server that is silent, and two of one that is well, which wait for none of them.
#[test]
fn a_server_that_is_silent_keeps_nobody_waiting_but_its_own_profiles() {
    let silent = support::RawServer::silent();
    let good = Server::start(answer);
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..20).map(|n| format!("dead-{n}")).collect();
    let dead = names.iter().map(|name| {
        let text = profile(name, &good, "/x").replace(&good.url("/x"), &silent.url("/t"));
        text + "timeout = \"60s\"\n"
    });
    let live = ["live-1", "live-2"].map(|name| profile(name, &good, "/good"));
    sandbox.config(&dead.chain(live).collect::<String>());
    for name in names.iter().map(String::as_str).chain(["live-1", "live-2"]) {
        import(&sandbox, name, "rt-1");
    }
    let started = Instant::now();
    let run = sandbox.start(["refresh", "--all"]);
    while good.hits() < 2 {
        assert!(started.elapsed() < Duration::from_secs(30), "they wait");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(silent.connections() <= 1);
    run.signal(Signal::SIGTERM);
    let run = run.wait();
    for name in ["live-1", "live-2"] {
        sandbox.run(["get", name]).ok("at\n");
    }
    assert!(run.elapsed < Duration::from_secs(60), "{run:?}");
}

/// Accepts and says nothing: twenty profiles there cost one budget, and those of another server none.
#[test]
fn a_server_that_is_silent_costs_one_budget_and_not_one_a_profile() {
    let silent = support::RawServer::silent();
    let good = Server::start(answer);
    let sandbox = Sandbox::new();
    let dead: String = (0..6)
        .map(|n| {
            let name = format!("dead-{n}");
            profile(&name, &good, "/x").replace(&good.url("/x"), &silent.url("/t"))
                + "timeout = \"2s\"\n"
        })
        .collect();
    sandbox.config(&(dead + &profile("live", &good, "/good")));
    for n in 0..6 {
        import(&sandbox, &format!("dead-{n}"), "rt-1");
    }
    import(&sandbox, "live", "rt-1");
    let run = sandbox.run(["refresh", "--all"]);
    run.fails(6, "live: renewed")
        .fails(6, "has answered none of the profiles before it");
    assert_eq!(run.stderr.matches("not asked: ").count(), 5, "{run:?}");
    assert!(run.elapsed < Duration::from_secs(5), "{:?}", run.elapsed);
}
