//! `tokctl status` in a pipe: how a profile stands, and until when.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::{Reply, Run, Sandbox, Server};

/// The columns of a profile's row.
#[track_caller]
fn row(run: &Run, profile: &str) -> Vec<String> {
    let line = run.stdout.lines().find(|line| line.starts_with(profile));
    let cells = line.unwrap_or_else(|| panic!("{run:?}")).split("  ");
    let cells = cells.map(|cell| cell.trim().to_owned());
    cells.filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn a_token_s_end_is_told_in_two_units_and_then_that_it_has_ended() {
    let server = Server::start(|request| {
        let left = if request.form().contains_key("audience") {
            1
        } else {
            9030
        };
        let body = json!({"access_token": "a", "refresh_token": "r", "expires_in": left});
        Reply::json(200, body.to_string())
    });
    let long = Sandbox::with_grant(&server, "");
    long.run(["get", "p"]).ok("a\n");
    let run = long.run(["status"]);
    let found = row(&run, "p ");
    assert_eq!(found[1], "good");
    assert_eq!(found[2], "in 2h 30m");
    let short = Sandbox::with_grant(&server, "audience = \"x\"");
    short.run(["get", "p"]).ok("a\n");
    short.notes_age(2);
    let run = short.run(["status"]);
    let found = row(&run, "p ");
    assert_eq!(found[1..3], ["renewed when asked for", "ended"]);
    let known = short.run(["status", "p", "--json"]).json();
    assert_eq!(
        (&known["expires_in"], &known["refreshable"]),
        (&json!(0), &json!(true))
    );
}

#[test]
fn a_grant_that_has_ended_needs_a_login_whatever_is_stored() {
    let server = Server::always(Reply::error("invalid_grant"));
    let sandbox = Sandbox::with_grant(&server, "");
    assert_eq!(
        row(&sandbox.run(["status"]), "p ")[1],
        "renewed when asked for"
    );
    sandbox.run(["get", "p"]).fails(4, "invalid_grant");
    assert_eq!(row(&sandbox.run(["status"]), "p ")[1], "login needed");
}

#[test]
fn a_token_of_the_environment_is_told_as_such() {
    let mut sandbox = Sandbox::with_grant(&Server::tokens(60), "");
    for (state, source) in [
        ("renewed when asked for", "store"),
        ("from the environment", "environment"),
    ] {
        let known = sandbox.run(["status", "p", "--json"]).json();
        assert_eq!(
            (&known["state"], &known["source"]),
            (&json!(state), &json!(source))
        );
        sandbox.env("TOKCTL_TOKEN_P", "t");
    }
}

#[test]
fn a_server_s_pause_is_told_until_it_is_over() {
    let server = Server::always(Reply::json(429, "{}").header("retry-after", "3"));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p", "--timeout", "100ms"]);
    let pause = || sandbox.run(["status", "p", "--json"]).json()["not_before"].clone();
    assert!(pause().is_string());
    sandbox.notes_age(4);
    assert_eq!(pause(), Value::Null);
}

/// This exit code, and these words among the answer and beside it.
#[track_caller]
fn checked(run: &Run, code: i32, shown: &str, said: &str) {
    let is_it = run.code == code && run.stdout.contains(shown) && run.stderr.contains(said);
    assert!(is_it, "wanted {code}, {shown:?}, {said:?}: {run:?}");
}

/// Three profiles with a grant each, at servers that answer in the manner of their names.
fn three() -> (Sandbox, Vec<Server>) {
    let servers = vec![
        Server::granting(r#"{"access_token":"a","expires_in":3600}"#),
        Server::always(Reply::error("invalid_grant")),
        Server::always(Reply::json(503, "{}").header("retry-after", "3000")),
    ];
    let sandbox = Sandbox::new();
    let names = ["good", "ended", "paused"];
    let all = names.iter().zip(&servers).map(|(name, server)| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"{}\"\nclient_id = \"id\"\ngrant = \"refresh_token\"\n\
             store = \"encrypted-file\"\naccess_cache = \"none\"\n",
            server.url("/token")
        )
    });
    sandbox.config(&all.collect::<String>());
    for name in names {
        let run = sandbox.run_with_stdin(["import", name, "--no-try", "--force"], "rt-1");
        assert_eq!(run.code, 0, "{run:?}");
    }
    (sandbox, servers)
}

#[test]
fn a_script_is_told_what_needs_a_person_a_pause_or_the_store() {
    let (sandbox, servers) = three();
    assert_eq!(sandbox.run(["status", "--check"]).code, 0);
    for name in ["good", "ended", "paused"] {
        sandbox.run(["get", name, "--timeout=1s"]);
    }
    let hits = |servers: &[Server]| servers.iter().map(Server::hits).sum::<usize>();
    let before = hits(&servers);
    let check = |args: &[&str]| sandbox.run([&["status", "--check"], args].concat());
    let run = check(&["good"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    checked(&check(&["ended"]), 4, "login needed", "tokctl login ended");
    checked(
        &check(&["paused"]),
        6,
        "renewed when asked for",
        "not to be called for a while",
    );
    // The one that counts most comes last, and the others are told.
    let run = check(&[]);
    checked(&run, 4, "PROFILE", "profile \"paused\"");
    checked(&run, 4, "paused", "tokctl: profile \"ended\"");
    let run = check(&["--json"]);
    let error: Value = serde_json::from_str(&run.stderr).expect("one object");
    assert_eq!((run.code, &error["code"]), (4, &json!("login_required")));
    let known: Value = serde_json::from_str(&run.stdout).expect("the answer all the same");
    assert_eq!(known[1]["profile"], "ended", "{known}");
    std::fs::remove_file(sandbox.config_dir().join("tokctl/store.key")).expect("there is a key");
    checked(&check(&[]), 7, "PROFILE", "paused");
    checked(&check(&["good"]), 7, "good", "key");
    assert_eq!(hits(&servers), before, "no request is made");
}

#[test]
fn what_was_never_there_needs_a_login_and_what_needs_no_person_is_good() {
    let server = Server::tokens(3600);
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", "s").config(&format!(
        "[profile.new]\ntoken_endpoint = \"{0}\"\nauthorization_endpoint = \"{0}\"\nclient_id = \"c\"\n\
         store = \"plaintext\"\n[profile.bot]\ntoken_endpoint = \"{0}\"\nclient_id = \"c\"\n\
         client_secret = {{ env = \"P_SECRET\" }}\ngrant = \"client_credentials\"\nstore = \"plaintext\"\n",
        server.url("/token")
    ));
    let run = sandbox.run(["status", "--check", "new"]);
    checked(
        &run,
        4,
        "login needed",
        "nothing is stored: nobody has logged in",
    );
    checked(&run, 4, "login needed", "tokctl login new");
    let run = sandbox.run(["status", "--check", "bot"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    sandbox.env("TOKCTL_TOKEN_NEW", "t");
    let run = sandbox.run(["status", "--check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(server.hits(), 0);
}

#[test]
fn why_a_grant_is_of_no_use_is_told_with_its_time() {
    let server = Server::always(Reply::json(
        400,
        r#"{"error":"invalid_grant","error_description":"User disabled"}"#,
    ));
    let sandbox = Sandbox::with_grant(&server, "store = \"plaintext\"");
    sandbox.import(r#"{"access_token":"old","refresh_token":"rt-1","expires_in":3600}"#);
    let status = || sandbox.run(["status", "p", "--json"]).json();
    assert_eq!(status()["state"], "good");
    sandbox.run(["refresh", "p"]).fails(4, "User disabled");
    let known = status();
    assert_eq!(known["state"], "login needed", "{known}");
    let text = |name: &str| known[name].as_str().unwrap_or_default().to_owned();
    assert!(text("reason").contains("User disabled"), "{known}");
    assert!(text("ended_at").starts_with("20"), "{known}");
    // The access token is good all the same, and `get` says what comes after it.
    assert_eq!(text("ends_for_good_at"), text("expires_at"), "{known}");
    let run = sandbox.run(["get", "p"]);
    run.ok_with("old\n", "User disabled");
    run.ok_with("old\n", "this token ends in ");
    run.ok_with("old\n", ", then run: tokctl login p");
    checked(
        &sandbox.run(["status", "p", "--check"]),
        4,
        "p",
        "User disabled",
    );
    // It belongs to the client that it was for.
    let config = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&config.replace("\"id\"", "\"another\""));
    let known = status();
    assert_eq!(known["state"], "login needed", "{known}");
    let foreign = "what is stored belongs to another client_id, token_endpoint or grant";
    assert_eq!(known["reason"], foreign, "{known}");
    checked(&sandbox.run(["status", "p", "--check"]), 4, "p", foreign);
}

#[test]
fn a_refusal_that_ended_nothing_is_told() {
    let server = Server::always(Reply::json(401, r#"{"error":"invalid_client"}"#));
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.run(["get", "p"]).fails(5, "invalid_client");
    let known = sandbox.run(["status", "p", "--json"]).json();
    let last = &known["last_failure"];
    assert_eq!(last["oauth_error"], "invalid_client", "{known}");
    assert_eq!(
        (&last["code"], &last["http_status"]),
        (&json!("refused"), &json!(401))
    );
    assert!(
        last["at"].as_str().is_some_and(|at| at.starts_with("20")),
        "{known}"
    );
    // As far as is known the grant itself is good.
    assert_eq!(sandbox.run(["status", "p", "--check"]).code, 0);
}
