//! Where the server's addresses come from: its metadata, with doubt.
#![cfg(unix)]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::issuer::{behave, metadata, origin, tokens};
use support::login::{arrive, parameter, profile, redirect};
use support::sandbox::files;
use support::{Login, Reply, Request, Sandbox, Server};

const RFC_8414: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// A server with this metadata at the first place.
fn server_with(change: impl Fn(&Request, &mut Value) + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        if request.path == RFC_8414 {
            let mut value = metadata(request, "");
            change(request, &mut value);
            return Reply::json(200, value.to_string());
        }
        behave(request).unwrap_or_else(|| Reply::json(404, "{}"))
    })
}

fn sandbox_for(server: &Server, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", more));
    sandbox
}

#[track_caller]
fn log_in(sandbox: &Sandbox) {
    let mut login = Login::start(sandbox, &[]);
    let url = login.address();
    arrive(&redirect(&url, ""));
    login.wait().ok_with("", "logged in to p");
}

#[test]
fn the_path_of_an_issuer_is_put_in_where_each_standard_says() {
    let server = Server::start(|request| match request.path.as_str() {
        "/realms/x/.well-known/openid-configuration" => {
            Reply::json(200, metadata(request, "/realms/x").to_string())
        }
        "/token" => tokens(&Value::Null),
        _ => Reply::new(404, "text/html", "<h1>not here</h1>"),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url("/realms/x"), "c", ""));
    log_in(&sandbox);
    let asked: Vec<_> = server.requests().into_iter().map(|r| r.path).collect();
    let first = format!("{RFC_8414}/realms/x");
    assert_eq!(
        asked,
        [
            &first,
            "/realms/x/.well-known/openid-configuration",
            "/token"
        ]
    );
}

#[test]
fn metadata_is_remembered() {
    let server = server_with(|_, _| {});
    let sandbox = sandbox_for(&server, "");
    log_in(&sandbox);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    assert_eq!((server.hits_of(RFC_8414), server.hits_of(OPENID)), (1, 0));
    // A login asks each time.
    log_in(&sandbox);
    assert_eq!((server.hits_of(RFC_8414), server.hits_of(OPENID)), (2, 0));
    let folder = sandbox.state_dir().join("tokctl/metadata");
    assert_eq!(files(&folder).len(), 1);
}

#[test]
fn what_is_remembered_has_an_age_and_serves_while_the_server_is_away() {
    let away = Arc::new(AtomicBool::new(false));
    let server = Server::start({
        let away = Arc::clone(&away);
        move |request| match request.path.as_str() {
            "/token" => tokens(&Value::Null),
            _ if away.load(Ordering::SeqCst) => Reply::json(503, "{}"),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        }
    });
    let sandbox = sandbox_for(&server, "");
    log_in(&sandbox);
    let [file] = &files(&sandbox.state_dir().join("tokctl/metadata"))[..] else {
        panic!("one file")
    };
    let age = |seconds: i64| {
        let text = std::fs::read_to_string(file).expect("it is there");
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        value["at"] = json!(value["at"].as_i64().expect("a time") - seconds);
        std::fs::write(file, value.to_string()).expect("it can be changed");
    };
    age(2 * 24 * 3600);
    log_in(&sandbox);
    assert_eq!(server.hits_of(OPENID), 2, "asked anew after a day");
    age(2 * 24 * 3600);
    away.store(true, Ordering::SeqCst);
    log_in(&sandbox);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
    // A clock that was wrong once: what is from the future is asked for anew.
    away.store(false, Ordering::SeqCst);
    age(-30 * 24 * 3600);
    let hits = server.hits_of(OPENID);
    log_in(&sandbox);
    assert_eq!(server.hits_of(OPENID), hits + 1);
}

#[test]
fn metadata_of_another_issuer_is_refused() {
    for other in ["https://evil.example", "SELF/", "SELF/realms/x", ""] {
        let server = server_with(move |request, value| {
            value["issuer"] = json!(other.replace("SELF", &origin(request)));
        });
        let sandbox = sandbox_for(&server, "");
        let run = sandbox.run(["login", "p", "--no-browser"]);
        run.fails(5, "the server's metadata");
        assert!(!run.stderr.contains("to log in to"), "{run:?}");
        assert_eq!(server.hits_of("/token"), 0);
    }
}

#[test]
fn addresses_that_are_not_plain_https_are_refused() {
    for key in [
        "token_endpoint",
        "authorization_endpoint",
        "device_authorization_endpoint",
    ] {
        for bad in [
            "http://login.example/x",
            "ftp://login.example/",
            "javascript:alert(1)",
            // What would turn the direction of a terminal's line.
            "https://login.example/\u{202e}gpj",
            "https://login.example:1[]:2/",
        ] {
            let server = server_with(move |_, value| value[key] = json!(bad));
            let sandbox = sandbox_for(&server, "");
            let way = if key.starts_with("device") {
                "--device"
            } else {
                "--no-browser"
            };
            let run = sandbox.run(["login", "p", way]);
            run.fails(5, &format!("the server's metadata: {key} "));
            assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{run:?}");
        }
    }
}

#[test]
fn an_address_that_nobody_needs_does_not_cost_the_token() {
    for key in [
        "authorization_endpoint",
        "device_authorization_endpoint",
        "revocation_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        let server = server_with(move |_, value| value[key] = json!("http://login.example/x"));
        let sandbox = sandbox_for(&server, "grant = \"client_credentials\"");
        let run = sandbox.run(["get", "p"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{key}: {run:?}");
    }
}

#[test]
fn odd_optional_members_do_not_cost_the_metadata() {
    let odd = [
        json!({"require_pushed_authorization_requests": null}),
        json!({"require_pushed_authorization_requests": "false"}),
        json!({"authorization_response_iss_parameter_supported": null}),
        json!({"token_endpoint_auth_methods_supported": "client_secret_post"}),
        json!({"token_endpoint_auth_methods_supported": [1, null]}),
        json!({"token_endpoint_auth_methods_supported": null}),
        json!({"revocation_endpoint": false}),
        json!({"device_authorization_endpoint": {}}),
        json!({"pushed_authorization_request_endpoint": []}),
        json!({"grant_types_supported": ["implicit"], "code_challenge_methods_supported": []}),
    ];
    for members in odd {
        let shown = members.clone();
        let server = server_with(move |_, value| {
            for (name, member) in members.as_object().into_iter().flatten() {
                value[name] = member.clone();
            }
        });
        let sandbox = sandbox_for(&server, "");
        let mut login = Login::start(&sandbox, &[]);
        for _ in 0..500 {
            if login.stderr().contains("tokctl:") {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(
            login.stderr().contains("to log in to p"),
            "{shown}: {}",
            login.stderr()
        );
        assert!(login.is_running());
    }
}

#[test]
fn garbage_is_no_metadata_and_names_the_keys_to_set() {
    for body in ["<html>Sign in</html>", "{", "[]", "null", "\"x\"", ""] {
        let server = Server::start(move |_| Reply::json(200, body));
        let sandbox = sandbox_for(&server, "");
        let run = sandbox.run(["login", "p", "--no-browser"]);
        run.fails(run.code, "metadata");
        assert!([5, 6].contains(&run.code), "{body}: {run:?}");
    }
    let server = Server::start(|_| Reply::json(404, "{}"));
    let run = sandbox_for(&server, "").run(["login", "p", "--no-browser"]);
    run.fails(5, "HTTP 404").fails(5, "hint: check issuer");
    let server = Server::start(|_| Reply::json(503, "{}"));
    let run = sandbox_for(&server, "").run(["login", "p", "--no-browser"]);
    run.fails(6, "HTTP 503");
}

#[test]
fn a_server_that_is_away_is_temporary_whichever_place_it_has() {
    for (first, second) in [(404, 503), (503, 404)] {
        let server = Server::start(move |request| match request.path.as_str() {
            RFC_8414 => Reply::json(first, "{}"),
            _ => Reply::json(second, "{}"),
        });
        let run = sandbox_for(&server, "").run(["login", "p", "--no-browser"]);
        run.fails(6, "HTTP 503");
    }
}

#[test]
fn metadata_is_read_as_leniently_as_a_token_reply() {
    for change in [
        |text: &str| format!("\u{feff}{text}\n"),
        |text: &str| text.replacen('{', "{\"x\":\"\\ud800\",\"y\":1e999,", 1),
        |text: &str| {
            text.replacen(
                '{',
                &format!("{{\"x\":{},", "[".repeat(500) + &"]".repeat(500)),
                1,
            )
        },
    ] {
        let server = Server::start(move |request| match request.path.as_str() {
            OPENID => Reply::json(200, change(&metadata(request, "").to_string())),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        });
        log_in(&sandbox_for(&server, ""));
    }
}

#[test]
fn a_redirect_in_place_of_metadata_is_not_followed() {
    let other = Server::start(|request| Reply::json(200, metadata(request, "").to_string()));
    let to = other.url("/x");
    let server = Server::start(move |_| Reply::json(302, "{}").header("location", &to));
    sandbox_for(&server, "")
        .run(["login", "p", "--no-browser"])
        .fails(5, "HTTP 302");
    assert_eq!(other.hits(), 0);
}

#[test]
fn failing_discovery_never_blocks_a_stored_token() {
    let server = Server::start(|_| Reply::json(500, "{}"));
    let sandbox = sandbox_for(&server, "grant = \"refresh_token\"");
    let token = r#"{"access_token":"stored","refresh_token":"r","expires_in":3600}"#;
    sandbox.import(token);
    sandbox.run(["get", "p"]).ok("stored\n");
    assert_eq!(server.hits(), 0);
    let run = sandbox.run(["get", "p", "--min-ttl", "2h", "--timeout", "2s"]);
    run.ok_with("stored\n", "metadata");
}

#[test]
fn an_endpoint_that_is_set_by_hand_wins() {
    let server = server_with(|_, value| {
        value["token_endpoint"] = json!("https://wrong.example/token");
        value["authorization_endpoint"] = json!("https://wrong.example/authorize");
    });
    let (token, authorize) = (server.url("/token"), server.url("/mine?x=y"));
    let more = format!("token_endpoint = \"{token}\"\nauthorization_endpoint = \"{authorize}\"");
    let sandbox = sandbox_for(&server, &more);
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert!(url.starts_with(&format!("{authorize}&")), "{url}");
    arrive(&redirect(&url, ""));
    login.wait().ok_with("", "logged in to p");
}

#[test]
fn endpoints_by_hand_are_enough_when_discovery_fails() {
    let server = Server::start(|request| match request.path.as_str() {
        "/token" => tokens(&Value::Null),
        _ => Reply::json(500, "{}"),
    });
    let (token, authorize) = (server.url("/token"), server.url("/authorize"));
    let more = format!("token_endpoint = \"{token}\"\nauthorization_endpoint = \"{authorize}\"");
    log_in(&sandbox_for(&server, &more));
}

#[test]
fn discovery_vetoes_neither_grant_nor_client_authentication() {
    let server = server_with(|_, value| {
        value["grant_types_supported"] = json!(["implicit"]);
        value["response_types_supported"] = json!(["token"]);
        value["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
    });
    let mut sandbox = sandbox_for(&server, "client_auth = \"client_secret_post\"");
    sandbox.env("P_CLIENT_SECRET", "s");
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    arrive(&redirect(&url, ""));
    login.wait().ok_with("", "logged in to p");
    let request = server.requests().pop().expect("a token request");
    assert_eq!(request.form()["client_secret"], "s");
}

#[test]
fn an_open_client_authentication_follows_the_metadata() {
    let server = server_with(|_, value| {
        value["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    });
    let mut sandbox = sandbox_for(&server, "");
    sandbox.env("P_CLIENT_SECRET", "s");
    log_in(&sandbox);
    let request = server.requests().pop().expect("a token request");
    assert_eq!(request.form()["client_secret"], "s");
    assert!(request.header("authorization").is_none());
}

#[test]
fn a_server_that_hangs_does_not_hold_up_for_long() {
    let server = Server::start(|_| Reply::json(200, "{}").after(Duration::from_secs(50)));
    let run = sandbox_for(&server, "").run(["login", "p", "--no-browser"]);
    run.fails(6, "metadata");
    assert!(run.elapsed < Duration::from_secs(25), "{run:?}");
}

#[test]
fn discovery_and_the_request_after_it_have_one_budget() {
    // Metadata after a second, and no token at all.
    let server = Server::start(|request| match request.path.as_str() {
        OPENID => Reply::json(200, metadata(request, "").to_string())
            .after(std::time::Duration::from_secs(1)),
        "/token" => Reply::json(200, "{}").after(std::time::Duration::from_secs(20)),
        _ => Reply::json(404, "{}"),
    });
    let mut sandbox = sandbox_for(
        &server,
        "grant = \"client_credentials\"\nclient_secret = { env = \"S\" }",
    );
    let run = sandbox.env("S", "s").run(["get", "p", "--timeout=1500ms"]);
    run.fails(6, "in time");
    assert!(
        run.elapsed < std::time::Duration::from_millis(2400),
        "{:?}",
        run.elapsed
    );
}

/// Makes the one remembered description so many seconds older.
fn make_older(sandbox: &Sandbox, seconds: u64) {
    let folder = sandbox.state_dir().join("tokctl/metadata");
    let all = files(&folder);
    let [path] = &all[..] else {
        panic!("not one: {all:?}")
    };
    let text = std::fs::read(path).expect("it can be read");
    let mut known: Value = serde_json::from_slice(&text).expect("JSON");
    let at = known["at"].as_u64().expect("a time");
    known["at"] = json!(at - seconds);
    std::fs::write(path, known.to_string()).expect("it can be written");
}

/// A server whose token endpoint moves from `/token` to `/moved`, where the old one gives this.
fn moving(old: Reply) -> (Server, Arc<AtomicBool>) {
    let has_moved = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_moved);
    let server = Server::start(move |request| {
        let moved = flag.load(Ordering::SeqCst);
        match request.path.as_str() {
            RFC_8414 => {
                let mut value = metadata(request, "");
                if moved {
                    value["token_endpoint"] = json!(format!("{}/moved", origin(request)));
                }
                Reply::json(200, value.to_string())
            }
            "/token" if moved => old.clone(),
            "/token" | "/moved" => tokens(&Value::Null),
            _ => Reply::json(404, "{}"),
        }
    });
    (server, has_moved)
}

#[test]
fn a_token_endpoint_that_has_moved_is_asked_for_once() {
    for old in [
        Reply::new(404, "text/html", "<h1>not here</h1>"),
        Reply::json(405, "{}"),
        Reply::json(410, ""),
        Reply::json(308, "").header("location", "/moved"),
    ] {
        let (server, has_moved) = moving(old);
        let sandbox = sandbox_for(&server, "");
        log_in(&sandbox);
        has_moved.store(true, Ordering::SeqCst);
        // What was said just now would be said again.
        sandbox.run(["refresh", "p"]).fails(5, "HTTP");
        assert_eq!(server.hits_of(RFC_8414), 1);
        make_older(&sandbox, 120);
        sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
        sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
        assert_eq!((server.hits_of(RFC_8414), server.hits_of("/moved")), (2, 2));
    }
}

#[test]
fn a_token_endpoint_that_nobody_serves_any_more_is_asked_for_once() {
    let (server, _) = moving(Reply::json(404, ""));
    let sandbox = sandbox_for(&server, "");
    log_in(&sandbox);
    let folder = sandbox.state_dir().join("tokctl/metadata");
    let path = &files(&folder)[0];
    let text = std::fs::read_to_string(path).expect("it can be read");
    let gone = text.replace(&server.url("/token"), "http://127.0.0.1:1/token");
    std::fs::write(path, gone).expect("it can be written");
    make_older(&sandbox, 120);
    let run = sandbox.run(["refresh", "p"]);
    run.ok_with("", "p: renewed");
    assert!(run.elapsed < Duration::from_secs(1), "at once: {run:?}");
}

#[test]
fn a_refusal_in_oauth_s_words_is_no_reason_to_look_for_another_address() {
    let (server, has_moved) = moving(Reply::json(404, r#"{"error":"invalid_client"}"#));
    let sandbox = sandbox_for(&server, "");
    log_in(&sandbox);
    has_moved.store(true, Ordering::SeqCst);
    make_older(&sandbox, 120);
    sandbox.run(["refresh", "p"]).fails(5, "invalid_client");
    assert_eq!(server.hits_of(RFC_8414), 1);
}

#[test]
fn a_login_hears_of_what_is_demanded_since_and_doctor_learns_it() {
    let demands = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&demands);
    let server = server_with(move |request, value| {
        let demanded = flag.load(Ordering::SeqCst);
        value["require_pushed_authorization_requests"] = json!(demanded);
        value["pushed_authorization_request_endpoint"] = json!(format!("{}/par", origin(request)));
    });
    let sandbox = sandbox_for(&server, "");
    log_in(&sandbox);
    demands.store(true, Ordering::SeqCst);
    let folder = sandbox.state_dir().join("tokctl/metadata");
    let known = || std::fs::read_to_string(&files(&folder)[0]).expect("it can be read");
    assert!(!known().contains(r#""require_pushed_authorization_requests":true"#));
    sandbox.run(["doctor", "p"]);
    assert!(known().contains(r#""require_pushed_authorization_requests":true"#));
    // The scripted server has no such endpoint: that it is asked is enough.
    let before = server.hits_of("/par");
    let run = sandbox.run(["login", "p", "--no-browser"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert_eq!(server.hits_of("/par"), before + 1);
}

#[test]
fn what_was_known_stays_in_force_while_discovery_is_down() {
    let down = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&down);
    let server = Server::start(move |request| match request.path.as_str() {
        path if path.starts_with("/.well-known") && flag.load(Ordering::SeqCst) => {
            Reply::json(503, "{}")
        }
        RFC_8414 => {
            let mut value = metadata(request, "");
            value["authorization_response_iss_parameter_supported"] = json!(true);
            Reply::json(200, value.to_string())
        }
        "/token" => tokens(&Value::Null),
        _ => Reply::json(404, "{}"),
    });
    let sandbox = sandbox_for(
        &server,
        &format!("token_endpoint = \"{}\"", server.url("/token")),
    );
    let without_iss = || {
        let mut login = Login::start(&sandbox, &[]);
        let url = login.address();
        arrive(&redirect(&url, ""));
        login.wait()
    };
    without_iss().fails(5, "iss");
    down.store(true, Ordering::SeqCst);
    make_older(&sandbox, 48 * 3600);
    without_iss().fails(5, "iss");
    assert_eq!(server.hits_of("/token"), 0, "no code is sent");
}
