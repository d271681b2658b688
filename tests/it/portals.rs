//! Who answers in the server's place: a network's login page, an inspecting proxy, a firewall. It is
//! temporary, and no word of the server's.
#![cfg(unix)]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Reply, Sandbox, Server};

/// What has been seen in the place of an authorization server's answer.
fn answers() -> [(Reply, &'static str); 6] {
    let page = "<html><title>Welcome to the hotel</title></html>";
    let portal = "https://portal.example/login?to=x";
    [
        (Reply::new(200, "text/html", page), "HTTP 200 without"),
        (Reply::new(200, "text/plain", page), "HTTP 200 without"),
        (
            Reply::new(302, "text/html", "").header("location", portal),
            "a redirect to portal.example",
        ),
        (
            Reply::new(307, "text/html", "").header("location", portal),
            "a redirect to portal.example",
        ),
        (
            Reply::new(403, "text/html", "<h1>Blocked by policy</h1>"),
            "HTTP 403 (text/html)",
        ),
        (Reply::new(511, "text/html", page), "HTTP 511"),
    ]
}

#[test]
fn a_portal_s_answer_is_temporary_and_names_who_answered() {
    for (answer, words) in answers() {
        let server = Server::always(answer);
        let sandbox = Sandbox::with_client(&server, "store = \"none\"");
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(6, words).fails(6, "127.0.0.1");
        assert!(!run.stderr.contains("set token_endpoint"), "{run:?}");
    }
}

#[test]
fn a_portal_s_answer_costs_neither_the_refresh_token_nor_the_token_with_time_left() {
    for (answer, words) in answers() {
        let free = Arc::new(AtomicBool::new(false));
        let shown = Arc::clone(&free);
        let server = Server::start(move |_| {
            if shown.load(Ordering::SeqCst) {
                Reply::json(200, r#"{"access_token":"new","expires_in":3600}"#)
            } else {
                answer.clone()
            }
        });
        let sandbox = Sandbox::with_grant(&server, "store = \"plaintext\"");
        sandbox
            .import(r#"{"access_token":"old","refresh_token":"refresh-canary","expires_in":3600}"#);
        sandbox.age(3500, 100);
        let run = sandbox.run(["get", "p", "--min-ttl=5m", "--timeout=1s"]);
        run.ok_with("old\n", words);
        // What is good for one use is not sent again at once.
        assert_eq!(server.hits(), 1, "{words}");
        free.store(true, Ordering::SeqCst);
        let state = sandbox.state_dir().join("tokctl/profiles");
        drop(std::fs::remove_dir_all(state));
        sandbox.run(["get", "p", "--min-ttl=5m"]).ok("new\n");
    }
}

#[test]
fn a_page_in_the_place_of_metadata_is_temporary() {
    for (answer, _) in answers() {
        let server = Server::always(answer);
        let mut sandbox = Sandbox::new();
        sandbox.env("P_SECRET", "s").config(&format!(
            "[profile.p]\nissuer = \"{}\"\nclient_id = \"id\"\ngrant = \"client_credentials\"\nclient_secret = {{ env = \"P_SECRET\" }}\n\
             store = \"none\"\n",
            server.url("")
        ));
        let run = sandbox.run(["get", "p", "--timeout=1s"]);
        run.fails(6, "the server's metadata");
    }
}
