//! Grants that are left: none of them is alive at its server and unknown here.
#![cfg(unix)]

use crate::support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::grants::{renewable, wait_for};
use support::issuer::{behave, jwt, metadata, origin};
use support::login::{arrive, parameter, profile, redirect};
use support::{Gate, Login, Reply, Request, Run, Sandbox, Server};

/// A server that gives each login a grant of its own, `rt-N` and `at-N`, and ends what it is told to end unless it is
/// broken.
#[derive(Default)]
struct Grants {
    given: Mutex<usize>,
    revoked: Mutex<Vec<String>>,
    broken: AtomicBool,
    /// What a token response has besides.
    more: Mutex<Value>,
}

impl Grants {
    fn answer(&self, request: &Request) -> Reply {
        match request.path.as_str() {
            "/.well-known/openid-configuration" => {
                Reply::json(200, metadata(request, "").to_string())
            }
            "/token" => {
                let mut given = self.given.lock().expect("no panic");
                *given += 1;
                let mut body = json!({
                    "access_token": format!("at-{given}"), "refresh_token": format!("rt-{given}"),
                    "token_type": "Bearer", "expires_in": 3600,
                });
                let more = self.more.lock().expect("no panic");
                for (name, value) in more.as_object().into_iter().flatten() {
                    body[name] = value.clone();
                }
                Reply::json(200, body.to_string())
            }
            "/revoke" if self.broken.load(Ordering::SeqCst) => Reply::json(503, "{}"),
            "/revoke" => {
                let token = request.form().remove("token").unwrap_or_default();
                self.revoked.lock().expect("no panic").push(token);
                Reply::json(200, "")
            }
            _ => Reply::json(404, "{}"),
        }
    }

    fn revoked(&self) -> Vec<String> {
        self.revoked.lock().expect("no panic").clone()
    }

    fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

fn start() -> (Arc<Grants>, Server) {
    let grants = Arc::new(Grants::default());
    let model = Arc::clone(&grants);
    (grants, Server::start(move |request| model.answer(request)))
}

fn log_in(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut login = Login::start(sandbox, args);
    arrive(&redirect(&login.address(), ""));
    login.wait()
}

fn logged_in(server: &Server) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    log_in(&sandbox, &[]).ok_with("", "logged in to p");
    sandbox
}

fn unrevoked(sandbox: &Sandbox) -> Value {
    let run = sandbox.run(["status", "p", "--json"]);
    run.json()["unrevoked"].clone()
}

#[test]
fn what_could_not_be_revoked_is_revoked_by_the_next_refresh_all_or_logout() {
    for way in [
        &["refresh", "--all"][..],
        &["logout", "p"],
        &["logout", "--all"],
    ] {
        let (grants, server) = start();
        let sandbox = logged_in(&server);
        grants.breaks(true);
        sandbox
            .run(["logout", "p"])
            .fails(6, "not revoked at the server");
        sandbox
            .run(["get", "p"])
            .fails(4, "nothing is stored: nobody has logged in");
        sandbox.run(["get", "p", "--offline"]).fails(6, "");
        assert!(sandbox.files_with("rt-1").is_empty(), "it is sealed");
        sandbox
            .run(["refresh", "--all"])
            .fails(6, "what a logout had left is still not revoked");
        assert_eq!(unrevoked(&sandbox), 1);
        grants.breaks(false);
        let run = sandbox.run(way);
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(grants.revoked(), ["rt-1", "at-1"], "{way:?}");
        assert_eq!(unrevoked(&sandbox), Value::Null);
        sandbox
            .run(["logout", "p"])
            .ok_with("", "nothing was stored");
    }
}

#[test]
fn a_login_after_a_logout_that_failed_leaves_both_in_order() {
    let (grants, server) = start();
    let sandbox = logged_in(&server);
    grants.breaks(true);
    sandbox.run(["logout", "p"]).fails(6, "not revoked");
    grants.breaks(false);
    log_in(&sandbox, &[]).ok_with("", "logged in to p");
    sandbox.run(["get", "p"]).ok("at-2\n");
    sandbox
        .run(["refresh", "--all", "--older-than", "1d"])
        .ok_with("", "what a logout had left was revoked");
    assert_eq!(grants.revoked(), ["rt-1", "at-1"]);
    sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
fn a_server_that_says_until_when_it_is_busy_is_asked_once_more() {
    for (busy, code, asked) in [(1, 0, 3), (9, 6, 2)] {
        let left = Mutex::new(busy);
        let server = Server::start(move |request| {
            if request.path != "/revoke" {
                return behave(request).unwrap_or(Reply::json(404, "{}"));
            }
            let mut left = left.lock().expect("no panic");
            *left -= 1;
            if *left >= 0 {
                Reply::json(503, "{}").header("retry-after", "0")
            } else {
                Reply::json(200, "")
            }
        });
        let sandbox = logged_in(&server);
        let run = sandbox.run(["logout", "p"]);
        assert_eq!(run.code, code, "{run:?}");
        assert_eq!(server.hits_of("/revoke"), asked);
    }
}

#[test]
fn an_id_token_is_never_sent_as_an_access_token() {
    let (grants, server) = start();
    let sandbox = Sandbox::new();
    let more = "scope = \"openid\"\ncheck_id_token_signature = false";
    sandbox.config(&profile(&server.url(""), "c", more));
    let mut login = Login::start(&sandbox, &[]);
    let address = login.address();
    let now = support::golden::now();
    let claims = json!({
        "iss": server.url(""), "sub": "alice", "aud": "c", "exp": now + 600, "iat": now,
        "nonce": parameter(&address, "nonce"),
    });
    *grants.more.lock().expect("no panic") = json!({ "id_token": jwt(&claims) });
    arrive(&redirect(&address, ""));
    login.wait().ok_with("", "logged in to p as alice");
    assert_eq!(sandbox.run(["get", "p", "--token", "id"]).code, 0);
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revoked at the server");
    assert_eq!(grants.revoked(), ["rt-1", "at-1"]);
}

#[test]
fn a_revocation_endpoint_that_was_changed_alone_is_not_sent_the_grant() {
    let (grants, server) = start();
    let (others, other) = start();
    let sandbox = logged_in(&server);
    let more = format!("revocation_endpoint = \"{}\"", other.url("/revoke"));
    sandbox.config(&profile(&server.url(""), "c", &more));
    sandbox
        .run(["logout", "p"])
        .ok_with("", "revocation_endpoint was changed since the login");
    assert_eq!(others.revoked(), [""; 0]);
    assert_eq!(other.hits(), 0);
    assert_eq!(grants.revoked(), ["rt-1", "at-1"]);
}

#[test]
fn a_revocation_endpoint_of_another_server_is_not_sent_a_grant_that_came_before_it() {
    let (_, other) = start();
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, "");
    let config = std::fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&format!(
        "{config}revocation_endpoint = \"{}\"\n",
        other.url("/revoke")
    ));
    let run = sandbox.run(["logout", "p"]);
    run.fails(3, "is of another server than token_endpoint");
    assert_eq!(other.hits(), 0);
    assert_eq!(unrevoked(&sandbox), 1);
    // One of the same server is as good as it.
    sandbox.config(&format!(
        "{config}revocation_endpoint = \"{}\"\n",
        server.url("/revoke")
    ));
    sandbox.run(["logout", "p"]);
    assert_eq!(server.requests().pop().expect("a request").path, "/revoke");
}

#[test]
fn a_login_over_a_grant_revokes_nothing_and_a_logout_ends_both() {
    let (grants, server) = start();
    let sandbox = logged_in(&server);
    let run = log_in(&sandbox, &["-q"]);
    assert!(
        run.stderr
            .contains("p: the grant before this one lives on at the server"),
        "{run:?}"
    );
    assert_eq!(grants.revoked(), [""; 0]);
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(unrevoked(&sandbox), 1);
    // Nobody but a person ends it: at some servers that ends the new one too.
    sandbox
        .run(["refresh", "--all", "--older-than", "1d"])
        .ok("");
    assert_eq!(grants.revoked(), [""; 0]);
    sandbox
        .run(["logout", "p"])
        .ok_with("", "p: revoked at the server");
    let mut revoked = grants.revoked();
    revoked.sort();
    assert_eq!(revoked, ["at-1", "at-2", "rt-1", "rt-2"]);
}

#[test]
fn a_login_that_replaces_revokes_the_grant_before_it_once_the_new_one_is_stored() {
    let (grants, server) = start();
    let sandbox = logged_in(&server);
    log_in(&sandbox, &["--replace"])
        .ok_with("", "p: the grant before this one was revoked at the server");
    assert_eq!(grants.revoked(), ["rt-1", "at-1"]);
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    let last = |path: &str| paths.iter().rposition(|found| found == path);
    assert!(last("/revoke") > last("/token"), "{paths:?}");
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(unrevoked(&sandbox), Value::Null);
    grants.breaks(true);
    log_in(&sandbox, &["--replace"])
        .fails(6, "logged in, and the grant before this one is not revoked");
    sandbox.run(["get", "p"]).ok("at-3\n");
    assert_eq!(unrevoked(&sandbox), 1);
}

#[test]
fn a_login_that_is_refused_at_the_end_gives_back_what_it_got_unless_a_grant_is_in_use() {
    let (grants, server) = start();
    let sandbox = Sandbox::new();
    let refused = json!({ "token_type": "DPoP" });
    sandbox.config(&profile(&server.url(""), "c", ""));
    *grants.more.lock().expect("no panic") = refused.clone();
    log_in(&sandbox, &[]).fails(5, "p: what the server gave was revoked again");
    assert_eq!(grants.revoked(), ["rt-1"]);
    assert_eq!(unrevoked(&sandbox), Value::Null);
    *grants.more.lock().expect("no panic") = Value::Null;
    log_in(&sandbox, &[]).ok_with("", "logged in to p");
    *grants.more.lock().expect("no panic") = refused;
    let run = log_in(&sandbox, &["-q"]);
    run.fails(
        5,
        "what the server gave now lives on there, beside the grant that is in use",
    );
    assert_eq!(grants.revoked(), ["rt-1"]);
    sandbox.run(["get", "p"]).ok("at-2\n");
    assert_eq!(unrevoked(&sandbox), 1);
}

#[test]
fn a_login_that_is_killed_while_the_server_answers_leaves_a_grant_that_is_known() {
    let gate = Gate::default();
    let grants = Arc::new(Grants::default());
    let (model, held) = (Arc::clone(&grants), gate.clone());
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => model.answer(request).once_open(&held),
        _ => model.answer(request),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    let mut login = Login::start(&sandbox, &[]);
    let address = redirect(&login.address(), "");
    std::thread::scope(|scope| {
        // The page comes with the login's end, which does not come.
        scope.spawn(|| std::panic::catch_unwind(|| arrive(&address)).is_ok());
        wait_for("the request", || server.hits_of("/token") == 1);
        login.signal(Signal::SIGKILL);
        assert_eq!(login.wait().code, -9);
    });
    gate.open();
    wait_for("the grant", || unrevoked(&sandbox) == 1);
    sandbox.run(["get", "p"]).fails(4, "nobody has logged in");
    sandbox.run(["refresh", "--all"]).ok_with("", "was revoked");
    assert_eq!(grants.revoked(), ["rt-1", "at-1"]);
}

#[test]
fn a_page_at_the_end_of_the_session_is_offered_where_there_is_no_revocation() {
    let server = Server::start(|request| match request.path.as_str() {
        "/.well-known/openid-configuration" => {
            let mut all = metadata(request, "");
            all["revocation_endpoint"] = Value::Null;
            all["end_session_endpoint"] = json!(format!("{}/end", origin(request)));
            Reply::json(200, all.to_string())
        }
        _ => behave(request).unwrap_or(Reply::json(404, "{}")),
    });
    let sandbox = logged_in(&server);
    let run = sandbox.run(["logout", "p", "-q"]);
    run.ok_with(
        "",
        "not revoked at the server: the server has no revocation_endpoint",
    );
    run.ok_with(
        "",
        &format!(
            "to end the session there, open {}?client_id=c",
            server.url("/end")
        ),
    );
    assert_eq!(unrevoked(&sandbox), Value::Null);
}

#[test]
fn a_grant_that_takes_another_s_place_by_force_is_ended_with_it() {
    let (grants, server) = start();
    let sandbox = Sandbox::new();
    let more = format!(
        "revocation_endpoint = \"{}\"\nstore = \"plaintext\"",
        server.url("/revoke")
    );
    sandbox.config(&renewable(&server.url("/token"), &more));
    sandbox.import("rt-old");
    let run = sandbox.run_with_stdin(["import", "p", "--force"], "rt-new");
    run.ok_with(
        "",
        "the grant before this one lives on at the server; tokctl logout p ends both",
    );
    sandbox.run(["logout", "p"]).ok_with("", "revoked");
    let revoked = grants.revoked();
    assert!(
        revoked.contains(&"rt-old".to_owned()) && revoked.contains(&"rt-1".to_owned()),
        "{revoked:?}"
    );
}
