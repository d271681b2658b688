//! What servers do in another way than the standards say: one row of [`ROWS`] for each kind of it, with
//! the tests that show how it is met. Some of them are in other files.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::login::{arrive, parameter, redirect};
use support::profiles::grant_at;
use support::{Login, Reply, Request, Sandbox, Server};

/// What servers do, and the tests about it.
const ROWS: &[(&str, &[&str])] = &[
    (
        "the client secret in the header or in the body, and one of them only",
        &[
            "the_secret_goes_in_the_body_where_the_header_is_refused",
            "a_code_or_a_refresh_token_is_never_tried_twice_for_the_secret_s_place",
            "every_way_to_name_the_client_gets_a_token",
        ],
    ),
    (
        "id and secret in the header with and without form encoding",
        &["every_way_to_name_the_client_gets_a_token"],
    ),
    (
        "a refresh token that is good once",
        &[
            "renewals_rotate_and_a_reused_token_ends_the_grant_for_good",
            "refreshes_at_once_do_not_lose_the_rotated_token",
        ],
    ),
    (
        "a refresh reply without a refresh token",
        &["a_reply_without_a_new_refresh_token_keeps_the_old_one"],
    ),
    (
        "errors with HTTP 200, and where the body says so in its own way",
        &[
            "what_is_no_grant_prints_nothing_and_says_what_came",
            "a_refusal_is_seen_where_the_profile_says_it_stands",
        ],
    ),
    (
        "lifetimes that are missing or odd",
        &[
            "a_lifetime_is_believed_in_every_shape_that_means_one_and_never_costs_the_token",
            "without_a_lifetime_the_profile_assumes_then_the_token_itself_says",
            "a_token_without_an_end_is_kept_until_the_profile_wants_another",
        ],
    ),
    (
        "five rules for redirects to loopback",
        &[
            "the_redirect_uri_is_kept_with_its_host_and_path",
            "a_preset_says_which_redirect_uri_to_register",
        ],
    ),
    (
        "a refresh token for those who ask in the server's own way",
        &[
            "a_refresh_token_is_asked_for_in_the_server_s_own_way",
            "a_login_without_a_refresh_token_says_so",
        ],
    ),
    (
        "commas between scopes, and lists of them",
        &[
            "scopes_are_separated_as_the_server_wants_and_read_in_any_form",
            "defaults_and_parameters_are_merged_and_sent",
        ],
    ),
    (
        "a reply that is a form",
        &["a_token_is_found_in_every_form_of_a_body"],
    ),
    (
        "parameters of the server's own",
        &["defaults_and_parameters_are_merged_and_sent"],
    ),
    (
        "hosts of one customer, and the API's address in the reply",
        &["what_a_profile_keeps_of_a_reply_is_printed_with_the_token"],
    ),
    (
        "a token that is somewhere else in the reply",
        &[
            "an_unusual_reply_is_read_through_pointers",
            "the_first_root_with_a_token_is_the_one_that_is_read",
        ],
    ),
    (
        "a token type that is missing, odd or of another kind",
        &[
            "strange_optional_members_never_cost_the_token",
            "a_token_that_needs_a_proof_is_refused_and_its_refresh_token_kept",
        ],
    ),
    (
        "servers that know no PKCE",
        &["a_login_without_pkce_sends_neither_challenge_nor_verifier"],
    ),
    (
        "device logins with names, intervals and statuses of their own",
        &[
            "odd_shapes_of_the_answer_are_understood",
            "a_device_login_follows_the_server_s_own_ways",
        ],
    ),
    (
        "errors in other shapes, and other words for invalid_grant",
        &[
            "what_is_no_grant_prints_nothing_and_says_what_came",
            "an_ended_grant_is_seen_in_the_server_s_own_words",
        ],
    ),
    (
        "requests in JSON",
        &["every_request_is_json_where_the_server_wants_it"],
    ),
    (
        "a refresh at another address, with more in it",
        &[
            "a_refresh_goes_where_and_with_what_the_server_wants",
            "a_refresh_names_the_scope_only_where_it_is_asked_for",
        ],
    ),
    (
        "a public client with a secret",
        &["a_client_with_a_secret_logs_in_and_renews"],
    ),
    (
        "a user agent and a length with each request",
        &["each_request_says_who_asks_and_how_long_it_is"],
    ),
    (
        "spaces in an address as %20",
        &["an_address_has_no_plus_for_a_space"],
    ),
    (
        "grants with names of their own, or none",
        &["a_grant_is_asked_for_by_the_server_s_own_name"],
    ),
    (
        "other names for the standard's parameters",
        &["parameters_are_sent_under_the_server_s_own_names"],
    ),
    (
        "a redirect URI in both requests or in none",
        &["a_login_without_pkce_sends_neither_challenge_nor_verifier"],
    ),
    (
        "more than a code in the redirect",
        &[
            "a_redirect_of_another_issuer_is_refused",
            "what_else_a_redirect_brings_is_left_alone",
        ],
    ),
    (
        "what is out of reach, and is told so",
        &["what_is_out_of_reach_is_told_in_clear_words"],
    ),
];

#[test]
fn each_row_has_its_tests() {
    let sources: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it"))
        .expect("the tests are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| fs::read_to_string(path).expect("a source file"))
        .collect();
    assert_eq!(ROWS.len(), 27);
    for (what, tests) in ROWS {
        for test in *tests {
            let function = format!("fn {test}()");
            let there = sources.iter().any(|source| source.contains(&function));
            assert!(there, "{what}: {test}");
        }
    }
}

/// A server that grants with these replies, one after the other; the last stays.
fn granting(replies: &[&str]) -> Server {
    let replies: Vec<String> = replies.iter().map(ToString::to_string).collect();
    let asked = AtomicUsize::new(0);
    Server::start(move |_| {
        let at = asked.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1);
        Reply::json(200, replies[at].clone())
    })
}

/// What the last request of a server had.
fn last(server: &Server) -> Request {
    server.requests().pop().expect("a request")
}

/// A profile for a login, with addresses that are set by hand.
fn for_login(server: &Server, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\naccess_cache = \"none\"\n\
         authorization_endpoint = \"{}\"\ntoken_endpoint = \"{}\"\n{more}\n",
        server.url("/authorize"),
        server.url("/token")
    ));
    sandbox
}

/// Logs in, with this in the redirect too; the address that was to be opened.
#[track_caller]
fn log_in(sandbox: &Sandbox, more: &str) -> String {
    let mut login = Login::start(sandbox, &[]);
    let url = login.address();
    assert_eq!(arrive(&redirect(&url, more)).status, 200);
    login.wait().ok_with("", "logged in to p");
    url
}

const PLAIN: &str = r#"{"access_token":"at","expires_in":600}"#;

#[test]
fn the_secret_goes_in_the_body_where_the_header_is_refused() {
    for refusal in [
        Reply::json(401, r#"{"error":"invalid_client"}"#),
        Reply::json(400, r#"{"error":"invalid_client"}"#),
        Reply::json(401, ""),
    ] {
        let server = Server::start(move |request| match request.header("authorization") {
            Some(_) => refusal.clone(),
            None => Reply::json(200, PLAIN),
        });
        let sandbox = Sandbox::with_client(&server, "");
        sandbox.run(["get", "p"]).ok("at\n");
        assert_eq!(server.hits(), 2);
        // From then on there is nothing to find out.
        sandbox.run(["get", "p", "--force"]).ok("at\n");
        assert_eq!(server.hits(), 3);
        for request in server.requests() {
            let in_body = request.form().contains_key("client_secret");
            assert!(in_body != request.header("authorization").is_some());
        }
        // What is set is not tried in another way.
        let sandbox = Sandbox::with_client(&server, "client_auth = \"client_secret_basic\"");
        sandbox
            .run(["get", "p"])
            .fails(5, "hint: compare client_id and client_secret");
        assert_eq!(server.hits(), 4);
    }
    // Neither does: the first refusal is told, and nothing is remembered.
    let server = Server::start(|request| match request.header("authorization") {
        Some(_) => Reply::json(401, r#"{"error":"invalid_client"}"#),
        None => Reply::json(400, r#"{"error":"invalid_request"}"#),
    });
    let sandbox = Sandbox::with_client(&server, "");
    for hits in [2, 4] {
        sandbox
            .run(["get", "p"])
            .fails(5, "invalid_client (HTTP 401)");
        assert_eq!(server.hits(), hits);
    }
}

#[test]
fn a_code_or_a_refresh_token_is_never_tried_twice_for_the_secret_s_place() {
    let server = Server::always(Reply::json(401, r#"{"error":"invalid_client"}"#));
    let secret = "client_secret = \"s\"\n";
    let sandbox = Sandbox::with_grant(&server, secret);
    sandbox.run(["get", "p"]).fails(5, "invalid_client");
    assert_eq!(server.hits(), 1);
    let sandbox = for_login(&server, secret);
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().fails(5, "invalid_client");
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_refusal_is_seen_where_the_profile_says_it_stands() {
    let more = "response = { ok = \"/status\", root = \"/body\", error = \"/failure/code\", \
                error_description = [\"/nothing\", \"/failure/text\"] }";
    let good = r#"{"status":0,"body":{"access_token":"at","expires_in":600}}"#;
    let bad =
        r#"{"status":503,"body":{"access_token":"at"},"failure":{"code":"nope","text":"not you"}}"#;
    let server = granting(&[good, bad, r#"{"status":1,"body":{"access_token":"at"}}"#]);
    let sandbox = Sandbox::with_client(&server, more);
    sandbox.run(["get", "p"]).ok("at\n");
    sandbox
        .run(["refresh", "p"])
        .fails(5, "nope: not you (HTTP 200)");
    sandbox.run(["refresh", "p"]).fails(5, "HTTP 200");
    for wrong in [
        "response = { ok = \"status\" }",
        "response = { access_token = \"\" }",
        "response = { root = [\"/a\", 1] }",
        "response = { token = \"/a\" }",
    ] {
        sandbox.config(&grant_at(&server.url("/token"), wrong));
        sandbox.run(["get", "p"]).fails(3, "response");
    }
}

#[test]
fn a_token_without_an_end_is_kept_until_the_profile_wants_another() {
    let reply = r#"{"access_token":"at","refresh_token":"rt-2"}"#;
    let left = |more: &str| {
        let server = granting(&[reply]);
        let sandbox = Sandbox::with_grant(&server, more);
        let answer = sandbox.run(["get", "p", "--json"]).json();
        sandbox.run(["get", "p"]).ok("at\n");
        assert_eq!(server.hits(), 1, "{more}");
        answer["expires_in"].clone()
    };
    // Unsaid, it counts as an hour; the word is that it counts as nothing.
    assert!(left("").as_i64().is_some_and(|left| left > 3500));
    assert_eq!(left("assume_expires_in = \"none\""), Value::Null);
    let sandbox = Sandbox::new();
    sandbox.config(&grant_at("https://s/t", "assume_expires_in = \"never\""));
    sandbox.run(["get", "p"]).fails(3, "assume_expires_in");
}

#[test]
fn a_refresh_token_is_asked_for_in_the_server_s_own_way() {
    let server = Server::tokens(600);
    for (more, sent) in [
        (
            "offline_scope = \"offline_access\"",
            "scope=offline_access;",
        ),
        (
            "scope = \"a\"\noffline_scope = [\"a\", \"b\"]",
            "scope=a b;",
        ),
        (
            "scope = \"a\"\noffline_scope = []\n[defaults]\noffline_scope = \"b\"",
            "scope=a;",
        ),
        (
            "authorization_params = { duration = \"permanent\" }",
            "duration=permanent;",
        ),
        (
            "authorization_params = { authorization_code = { access_type = \"offline\" }, device_code = { no = 1 } }",
            "access_type=offline;",
        ),
    ] {
        let sandbox = for_login(&server, more);
        let url = log_in(&sandbox, "");
        for pair in sent.split_terminator(';') {
            let (name, value) = pair.split_once('=').expect("a pair");
            assert_eq!(parameter(&url, name), value, "{more}: {url}");
        }
        assert_eq!(parameter(&url, "no"), "", "{more}");
    }
    // The grant that needs no person has no use for it.
    let sandbox = Sandbox::with_client(&server, "offline_scope = \"offline_access\"");
    sandbox.run(["get", "p"]);
    assert!(!last(&server).form().contains_key("scope"));
}

#[test]
fn scopes_are_separated_as_the_server_wants_and_read_in_any_form() {
    let server = Server::tokens(600);
    let more = "scope = [\"b\", \"a\"]\nscope_separator = \",\"\nscope_param = \"user_scope\"";
    let url = log_in(&for_login(&server, more), "");
    assert!(
        url.contains("&user_scope=b%2Ca&") && !url.contains("&scope="),
        "{url}"
    );
    for (reply, read) in [
        (r#""repo,gist""#, json!("repo gist")),
        (r#""repo, gist""#, json!("repo gist")),
        (r#""repo gist""#, json!("repo gist")),
        (r#"["repo","gist"]"#, json!("repo gist")),
        (r#""""#, json!(null)),
        ("{}", json!(null)),
    ] {
        let server = granting(&[&format!(r#"{{"access_token":"at","scope":{reply}}}"#)]);
        let sandbox = Sandbox::with_client(&server, "store = \"none\"");
        let answer = sandbox.run(["get", "p", "--json"]).json();
        assert_eq!(answer["scope"], read, "{reply}");
    }
}

#[test]
fn what_a_profile_keeps_of_a_reply_is_printed_with_the_token() {
    let first = r#"{"access_token":"at-1","expires_in":600,"refresh_token":"rt-2",
        "instance_url":"https://eu1.example","scope":"s","data":{"n":7,"list":[1]},"site":"x\u001b[31my"}"#;
    let second = r#"{"access_token":"at-2","expires_in":600,"instance_url":"https://eu2.example"}"#;
    let server = granting(&[first, second]);
    let more =
        "keep = [\"instance_url\", \"/data/n\", \"/data/list\", \"absent\", \"site\", \"scope\"]";
    let sandbox = Sandbox::with_grant(&server, more);
    let answer = sandbox.run(["get", "p", "--json"]).json();
    let kept = |answer: &Value| ["instance_url", "n", "site"].map(|name| answer[name].clone());
    assert_eq!(
        kept(&answer),
        [json!("https://eu1.example"), json!(7), json!("x [31my")]
    );
    assert!(answer.get("list").is_none() && answer.get("absent").is_none());
    assert_eq!(answer["scope"], "s");
    // What a refresh does not say again stays as it was.
    sandbox.run(["refresh", "p"]);
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert_eq!(answer["access_token"], "at-2");
    assert_eq!(
        kept(&answer),
        [json!("https://eu2.example"), json!(7), json!("x [31my")]
    );
    for secret in ["refresh_token", "/data/access_token", "id_token"] {
        let more = format!("keep = \"{secret}\"");
        sandbox.config(&grant_at(&server.url("/token"), &more));
        sandbox.run(["get", "p"]).fails(3, "keep");
    }
}

#[test]
fn the_first_root_with_a_token_is_the_one_that_is_read() {
    let roots = "response = { root = [\"/authed_user\", \"\"] }\nbearer_token_types = [\"user\"]";
    let user = r#"{"ok":true,"access_token":"bot","expires_in":9,"token_type":"bot",
        "authed_user":{"id":"U1","access_token":"user","scope":"a,b","token_type":"user"}}"#;
    let flat = r#"{"ok":true,"access_token":"flat","expires_in":600,"authed_user":{"id":"U1"}}"#;
    // Nothing of one part is taken for another's: the user's token ends when nobody has said.
    for (reply, token, kind, longest) in
        [(user, "user", "user", 3600), (flat, "flat", "Bearer", 600)]
    {
        let server = granting(&[reply]);
        let sandbox = Sandbox::with_client(&server, roots);
        let answer = sandbox.run(["get", "p", "--json"]).json();
        assert_eq!(answer["access_token"], token);
        assert_eq!(answer["token_type"], kind);
        let left = answer["expires_in"].as_i64().unwrap_or_default();
        assert!((longest - 60..=longest).contains(&left), "{answer}");
    }
    let server = granting(&[r#"{"ok":true,"authed_user":{"id":"U1"}}"#]);
    Sandbox::with_client(&server, roots)
        .run(["get", "p"])
        .fails(5, "without a token");
}

#[test]
fn a_token_that_needs_a_proof_is_refused_and_its_refresh_token_kept() {
    for kind in ["DPoP", "mac", "PoP"] {
        let bound = format!(
            r#"{{"access_token":"at-1","token_type":"{kind}","expires_in":600,"refresh_token":"rt-2"}}"#
        );
        let server = granting(&[&bound, PLAIN]);
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox
            .run(["get", "p"])
            .fails(5, &format!("it is of the type {kind}"));
        sandbox.run(["get", "p"]).ok("at\n");
        assert_eq!(last(&server).form()["refresh_token"], "rt-2");
    }
}

#[test]
fn a_login_without_pkce_sends_neither_challenge_nor_verifier() {
    for (more, with) in [("", true), ("pkce = true", true), ("pkce = false", false)] {
        let server = Server::tokens(600);
        let url = log_in(&for_login(&server, more), "");
        assert_eq!(url.contains("code_challenge="), with, "{more}: {url}");
        assert_eq!(
            url.contains("code_challenge_method=S256"),
            with,
            "{more}: {url}"
        );
        let form = last(&server).form();
        assert_eq!(form.contains_key("code_verifier"), with, "{more}");
        assert_eq!(form["redirect_uri"], parameter(&url, "redirect_uri"));
    }
}

#[test]
fn a_device_login_follows_the_server_s_own_ways() {
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| {
        let pending = r#"{"error":"authorization_pending"}"#;
        if request.path == "/device" {
            let device = r#"{"device_code":"dc","user_code":"AB-CD","interval":1,"expires_in":60,
                "verification_url":"https://login.example/activate"}"#;
            return Reply::json(200, device);
        }
        match polls.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::json(200, pending),
            1 => Reply::json(403, pending),
            2 => Reply::json(400, pending),
            // GitHub says how long the pauses are from now on.
            3 => Reply::json(200, r#"{"error":"slow_down","interval":7}"#),
            _ => Reply::json(200, PLAIN),
        }
    });
    let more = format!(
        "device_authorization_endpoint = \"{}\"\nscope = \"a b\"\ndevice_scope_param = \"scopes\"\n\
         authorization_params = {{ own = 1, authorization_code = {{ never = 1 }} }}",
        server.url("/device")
    );
    let sandbox = for_login(&server, &more);
    let started = Instant::now();
    let login = Login::of(sandbox.command(["login", "p", "--device"]));
    login.wait().ok_with("", "https://login.example/activate");
    let elapsed = started.elapsed();
    assert!(
        elapsed > Duration::from_secs(11) && elapsed < Duration::from_secs(18),
        "four pauses of one second and one of seven, not of six: {elapsed:?}"
    );
    let forms: Vec<BTreeMap<_, _>> = server.requests().iter().map(Request::form).collect();
    assert_eq!(forms.len(), 6);
    for form in &forms {
        assert_eq!(form["scopes"], "a b");
        assert!(!form.contains_key("scope") && !form.contains_key("never"));
    }
    assert_eq!(forms[0]["own"], "1");
}

#[test]
fn an_ended_grant_is_seen_in_the_server_s_own_words() {
    let own = "grant_ended_errors = [\"unauthorized_client\", \"expired\"]";
    for (more, reply, code) in [
        ("", r#"{"error":"unauthorized_client"}"#, 5),
        (own, r#"{"error":"unauthorized_client"}"#, 4),
        (
            own,
            r#"{"errors":[{"errorType":"expired","message":"m"}]}"#,
            4,
        ),
        (own, r#"{"error":"invalid_client"}"#, 5),
        (
            "",
            r#"{"errors":[{"errorType":"invalid_grant","message":"m"}],"success":false}"#,
            4,
        ),
    ] {
        let server = Server::always(Reply::json(400, reply));
        let sandbox = Sandbox::with_grant(&server, more);
        for _ in 0..2 {
            let run = sandbox.run(["get", "p"]);
            run.fails(code, "p");
        }
        // An ended grant is asked about once.
        assert_eq!(
            server.hits(),
            if code == 4 { 1 } else { 2 },
            "{more} {reply}"
        );
    }
}

#[test]
fn every_request_is_json_where_the_server_wants_it() {
    let server = Server::tokens(600);
    let json = "body = \"json\"\nresource = [\"https://a\", \"https://b\"]\n\
                token_params = { note = \"q\\\"ü\" }";
    let sandbox = Sandbox::with_client(&server, json);
    // The scripted server knows forms only, and says what it misses.
    sandbox.run(["get", "p"]).fails(5, "unsupported_grant_type");
    let request = last(&server);
    assert_eq!(request.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&request.body).expect("it is JSON");
    assert_eq!(
        body,
        json!({
            "grant_type": "client_credentials", "note": "q\"ü", "resource": ["https://a", "https://b"],
        })
    );
    // A secret in the body is in that body.
    let post = format!("{json}\nclient_auth = \"client_secret_post\"");
    let server = granting(&[PLAIN]);
    Sandbox::with_client(&server, &post)
        .run(["get", "p"])
        .ok("at\n");
    let body: Value = serde_json::from_slice(&last(&server).body).expect("it is JSON");
    assert_eq!(body["client_secret"], support::profiles::SECRET);
    // A code, a refresh token and a revocation too.
    let more = format!(
        "{json}\nrevocation_endpoint = \"{}\"",
        server.url("/revoke")
    );
    let sandbox = for_login(&server, &more);
    log_in(&sandbox, "");
    sandbox.run(["logout", "p"]);
    let bodies = server.requests().split_off(1);
    let bodies: Vec<Value> = bodies
        .iter()
        .map(|request| serde_json::from_slice(&request.body).expect("it is JSON"))
        .collect();
    assert_eq!(bodies[0]["code"], "c-1");
    assert_eq!(bodies[1]["token"], "at");
}

#[test]
fn a_refresh_goes_where_and_with_what_the_server_wants() {
    let server = Server::tokens(600);
    let more = format!(
        "refresh_endpoint = \"{}\"\nsend_redirect_uri_on_refresh = true\nscope = \"a\"\n\
         offline_scope = \"offline_access\"\nsend_scope_on_refresh = true\n\
         redirect_uri = \"http://127.0.0.1/cb\"",
        server.url("/refresh")
    );
    let sandbox = Sandbox::with_grant(&server, &more);
    sandbox.run(["get", "p"]).ok("at-1\n");
    let request = last(&server);
    let form = request.form();
    assert_eq!(
        (request.path.as_str(), form["redirect_uri"].as_str()),
        ("/refresh", "http://127.0.0.1/cb")
    );
    assert_eq!(form["scope"], "a offline_access");
    // A refresh token does not follow the address to another place.
    let moved = more.replace("/refresh", "/elsewhere");
    sandbox.config(&grant_at(&server.url("/token"), &moved));
    sandbox
        .run(["get", "p", "--force"])
        .fails(4, "belongs to another");
    assert_eq!(server.hits(), 1);
    // The code still goes to the token endpoint.
    let sandbox = for_login(&server, &more);
    log_in(&sandbox, "");
    assert_eq!(last(&server).path, "/token");
    sandbox.config(&grant_at(
        &server.url("/token"),
        "refresh_endpoint = \"http://s/t\"",
    ));
    sandbox.run(["get", "p"]).fails(3, "refresh_endpoint");
}

#[test]
fn each_request_says_who_asks_and_how_long_it_is() {
    for (more, agent) in [
        ("", "tokctl/"),
        (
            "headers = { User-Agent = \"cli:own:1 (by me)\" }",
            "cli:own:1 (by me)",
        ),
    ] {
        let server = granting(&[PLAIN]);
        Sandbox::with_client(&server, more)
            .run(["get", "p"])
            .ok("at\n");
        let request = last(&server);
        let named: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("user-agent"))
            .collect();
        assert!(
            named.len() == 1 && named[0].1.starts_with(agent),
            "{named:?}"
        );
        assert!(agent.len() >= 7, "Reddit's rule");
        let length = request.body.len().to_string();
        assert_eq!(request.header("content-length"), Some(length.as_str()));
    }
}

#[test]
fn an_address_has_no_plus_for_a_space() {
    let server = Server::tokens(600);
    let more = "scope = \"tweet.read users.read\"\nauthorization_params = { note = \"a+b c\" }";
    let url = log_in(&for_login(&server, more), "");
    assert!(
        url.contains("scope=tweet.read%20users.read&")
            && url.contains("note=a%2Bb%20c")
            && !url.contains('+'),
        "{url}"
    );
}

#[test]
fn a_grant_is_asked_for_by_the_server_s_own_name() {
    let zoom = "send_grant_type = \"account_credentials\"\ntoken_params = { account_id = \"a1\" }";
    for (more, sent) in [
        (zoom, Some("account_credentials")),
        ("send_grant_type = \"\"", None),
        ("", Some("client_credentials")),
    ] {
        let server = granting(&[PLAIN]);
        Sandbox::with_client(&server, more)
            .run(["get", "p"])
            .ok("at\n");
        let form = last(&server).form();
        assert_eq!(form.get("grant_type").map(String::as_str), sent);
        assert_eq!(form.contains_key("account_id"), more == zoom);
    }
    // A refresh is a refresh.
    let server = Server::tokens(600);
    let sandbox = for_login(&server, "send_grant_type = \"own_code\"");
    let mut login = Login::start(&sandbox, &[]);
    arrive(&redirect(&login.address(), ""));
    login.wait().fails(5, "unsupported_grant_type");
    assert_eq!(last(&server).form()["grant_type"], "own_code");
    sandbox.import("rt-1");
    sandbox.run(["get", "p"]).ok("at-1\n");
    assert_eq!(last(&server).form()["grant_type"], "refresh_token");
}

#[test]
fn parameters_are_sent_under_the_server_s_own_names() {
    let server = Server::tokens(600);
    let names = "rename = { client_id = \"client_key\", redirect_uri = \"redirect_url\" }";
    let sandbox = for_login(&server, names);
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert_eq!(parameter(&url, "client_key"), "c");
    assert!(
        !url.contains("client_id=") && !url.contains("redirect_uri="),
        "{url}"
    );
    let back = parameter(&url, "redirect_url");
    arrive(&format!(
        "{back}?code=c-1&state={}",
        parameter(&url, "state")
    ));
    login.wait().ok_with("", "logged in to p");
    let form = last(&server).form();
    assert_eq!(
        (form["client_key"].as_str(), form["redirect_url"].as_str()),
        ("c", back.as_str())
    );
    assert!(!form.contains_key("client_id") && !form.contains_key("redirect_uri"));
}

#[test]
fn what_else_a_redirect_brings_is_left_alone() {
    let server = Server::tokens(600);
    let sandbox = for_login(&server, "");
    log_in(
        &sandbox,
        "&accounts-server=https%3A%2F%2Felsewhere.example&scope=x&token_endpoint=https%3A%2F%2Fevil",
    );
    assert_eq!(server.hits(), 1);
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn what_is_out_of_reach_is_told_in_clear_words() {
    let server = Server::tokens(600);
    for (more, words) in [
        (
            "authorization_params = { response_mode = \"form_post\" }",
            "response_mode: must be \"query\"",
        ),
        (
            "authorization_params = { authorization_code = { response_mode = \"jwt\" } }",
            "response_mode: must be \"query\"",
        ),
    ] {
        let run = for_login(&server, more).run(["login", "p", "--no-browser"]);
        run.fails(3, words);
    }
    assert_eq!(server.hits(), 0);
    for (reply, words) in [
        (
            Reply::json(400, r#"{"error":"use_dpop_nonce"}"#),
            "tokctl: hint: the server wants tokens bound to a key (DPoP",
        ),
        (
            Reply::json(400, r#"{"error":"invalid_dpop_proof"}"#),
            "tokctl: hint: the server wants tokens bound to a key (DPoP",
        ),
        (
            Reply::json(405, ""),
            "tokctl: hint: that is not its address; run: tokctl add p --change",
        ),
    ] {
        let server = Server::always(reply);
        Sandbox::with_client(&server, "")
            .run(["get", "p"])
            .fails(5, words);
    }
}
