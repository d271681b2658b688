//! `tokctl login --device`: a code for the person, and patience.
#![cfg(unix)]

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::grants::wait_for;
use support::issuer::{metadata, origin, tokens};
use support::login::profile;
use support::run::at_once;
use support::{Login, OidcProvider, Reply, Request, Sandbox, Server};

const SCOPE: &str = "scope = \"openid api:read\"\ngrant = \"device_code\"";

fn start(sandbox: &Sandbox) -> Login {
    Login::of(sandbox.command(["login", "p", "--device"]))
}

fn set_up(client: &str, more: &str) -> (OidcProvider, Sandbox) {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    sandbox.config(&profile(
        provider.url(),
        client,
        &format!("{SCOPE}\n{more}"),
    ));
    (provider, sandbox)
}

/// A scripted server: what it says to the device and, counted from 0, to each poll.
fn scripted(
    device: Value,
    poll: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Server, Sandbox) {
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| match request.path.as_str() {
        "/.well-known/openid-configuration" => Reply::json(200, metadata(request, "").to_string()),
        "/device" => {
            let text = device.to_string().replace("SELF", &origin(request));
            Reply::json(200, text)
        }
        "/token" => poll(polls.fetch_add(1, Ordering::SeqCst)),
        _ => Reply::json(404, "{}"),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    (server, sandbox)
}

fn device() -> Value {
    json!({
        "device_code": "dc", "user_code": "ABCD-EFGH", "verification_uri": "SELF/activate",
        "expires_in": 60, "interval": 1,
    })
}

fn granted() -> Reply {
    tokens(&Value::Null)
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_code_entered_on_another_device_leads_to_a_token() {
    let (provider, sandbox) = set_up("device-fast", "");
    let mut login = start(&sandbox);
    let (url, code) = (login.address(), login.user_code());
    assert_eq!(url, provider.at("/device"));
    provider.device("approve", &code);
    let run = login.wait();
    run.ok_with("", "logged in to p as alice");
    // Not on a terminal: the address with the code in it instead of a picture.
    assert!(run.stderr.contains(&format!("user_code={code}")), "{run:?}");
    assert!(!run.stderr.contains(['\u{2580}', '\u{2588}']), "{run:?}");
    let run = sandbox.run(["get", "p"]);
    assert_eq!(provider.echo(run.stdout.trim_end()).status, 200);
    sandbox.run(["refresh", "p"]).ok_with("", "p: renewed");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_client_with_a_secret_can_use_another_device() {
    let (provider, mut sandbox) = set_up("device-basic", "");
    sandbox.env("P_CLIENT_SECRET", "device-basic-secret");
    let mut login = start(&sandbox);
    let code = login.user_code();
    provider.device("approve", &code);
    login.wait().ok_with("", "logged in to p");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_person_who_says_no_ends_it_with_5() {
    let (provider, sandbox) = set_up("device-fast", "");
    let mut login = start(&sandbox);
    let code = login.user_code();
    provider.device("deny", &code);
    login.wait().fails(5, "access_denied");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_code_that_expires_ends_it_with_4() {
    let (provider, sandbox) = set_up("device-expires3s", "");
    let run = start(&sandbox).wait();
    run.fails(4, "expired before it was used");
    assert!(run.elapsed < Duration::from_secs(10), "{run:?}");
    assert!(provider.token_hits() >= 1);
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn a_server_that_enforces_slow_down_is_obeyed() {
    let (provider, sandbox) = set_up("device-slow", "");
    let mut login = start(&sandbox);
    let code = login.user_code();
    wait_for("a second poll", || provider.token_hits() > 1);
    provider.device("approve", &code);
    login.wait().ok_with("", "logged in to p");
    let errors = &provider.stats()["clients"]["device-slow"];
    let all = errors.to_string();
    let slow: u64 = all.matches("slow_down").count() as u64;
    assert!(slow <= 1 && provider.token_hits() <= 6, "{all}");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn without_an_interval_it_asks_every_five_seconds() {
    let (provider, sandbox) = set_up("device", "");
    let started = Instant::now();
    let mut login = start(&sandbox);
    let code = login.user_code();
    provider.device("approve", &code);
    login.wait().ok_with("", "logged in to p");
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert_eq!(provider.token_hits(), 1);
}

#[test]
fn slow_down_holds_for_the_rest_of_the_login() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let (_server, sandbox) = scripted(device(), move |poll| {
        seen.lock().expect("no panic").push(Instant::now());
        match poll {
            0 => Reply::error("slow_down"),
            1 => Reply::error("authorization_pending"),
            _ => granted(),
        }
    });
    start(&sandbox).wait().ok_with("", "logged in to p");
    let times = times.lock().expect("no panic");
    for pair in times.windows(2) {
        let pause = pair[1] - pair[0];
        assert!(
            pause >= Duration::from_secs(6),
            "1 and 5 seconds: {pause:?}"
        );
        assert!(
            pause < Duration::from_secs(8),
            "not more and more: {pause:?}"
        );
    }
}

#[test]
fn odd_shapes_of_the_answer_are_understood() {
    let cases = [
        json!({"interval": "1"}),
        json!({"interval": 1.0}),
        json!({"expires_in": "60"}),
        json!({"verification_uri": null, "verification_url": "SELF/activate"}),
        json!({"verification_uri_complete": 7, "message": "hello"}),
        json!({"verification_uri_complete": "javascript:alert(1)"}),
    ];
    at_once(cases, |change| {
        let mut answer = device();
        for (name, value) in change.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        let (server, sandbox) = scripted(answer, |_| granted());
        let run = start(&sandbox).wait();
        run.ok_with("", "logged in to p");
        run.ok_with("", &server.url("/activate"));
        run.ok_with("", "ABCD-EFGH");
        assert!(!run.stderr.contains("javascript"), "{run:?}");
        assert!(run.elapsed < Duration::from_secs(4), "{change}: {run:?}");
    });
}

#[test]
fn an_answer_without_what_a_person_needs_is_refused() {
    for gone in ["device_code", "user_code", "verification_uri"] {
        let mut answer = device();
        answer[gone] = Value::Null;
        let (server, sandbox) = scripted(answer, |_| granted());
        let run = start(&sandbox).wait();
        run.fails(5, "127.0.0.1");
        assert_eq!(server.hits_of("/token"), 0);
    }
    // A whole answer under an error's status, or beside an error.
    let whole = device().to_string().replace("SELF", "https://a.example");
    let (refused, beside) = (whole.clone(), whole.replacen('{', r#"{"error":"x","#, 1));
    for answer in [Reply::json(400, refused), Reply::json(200, beside)] {
        let server = Server::start(move |request| match request.path.as_str() {
            "/device" => answer.clone(),
            _ => Reply::json(200, metadata(request, "").to_string()),
        });
        let sandbox = Sandbox::new();
        sandbox.config(&profile(&server.url(""), "c", ""));
        start(&sandbox).wait().fails(5, "127.0.0.1");
        assert_eq!(server.hits_of("/token"), 0);
    }
    let mut answer = device();
    answer["verification_uri"] = json!("http://login.example/\u{1b}[31m");
    let (_server, sandbox) = scripted(answer, |_| granted());
    let run = start(&sandbox).wait();
    assert!(run.code == 5 && !run.stderr.contains('\u{1b}'), "{run:?}");
}

#[test]
fn a_server_that_fails_for_a_moment_does_not_end_the_login() {
    let failures = [
        vec![Reply::json(500, "{}"), Reply::none()],
        vec![
            Reply::new(502, "text/html", "<h1>Bad gateway</h1>"),
            Reply::new(200, "text/html", "<h1>The network's login</h1>"),
        ],
        vec![Reply::new(302, "text/html", "").header("location", "https://portal.example/")],
        vec![Reply::json(429, "{}").header("retry-after", "2")],
    ];
    at_once(failures, |failures| {
        let polls = failures.len() + 1;
        let (server, sandbox) = scripted(device(), move |poll| {
            failures.get(poll).cloned().unwrap_or_else(granted)
        });
        start(&sandbox).wait().ok_with("", "logged in to p");
        assert_eq!(server.hits_of("/token"), polls);
    });
}

#[test]
fn a_refusal_for_good_ends_the_login() {
    let cases = [
        ("access_denied", 5),
        ("expired_token", 4),
        ("invalid_client", 5),
        ("unauthorized_client", 5),
    ];
    at_once(cases, |(error, code)| {
        let (server, sandbox) = scripted(device(), move |_| Reply::error(error));
        let run = start(&sandbox).wait();
        run.fails(
            code,
            if error == "expired_token" {
                "expired"
            } else {
                error
            },
        );
        assert_eq!(server.hits_of("/token"), 1, "{error}");
    });
}

#[test]
fn the_code_s_end_is_the_end_also_without_the_server_saying_so() {
    let mut answer = device();
    answer["expires_in"] = json!(2);
    let (_server, sandbox) = scripted(answer, |_| Reply::error("authorization_pending"));
    let run = start(&sandbox).wait();
    run.fails(4, "expired before it was used");
    assert!(run.elapsed < Duration::from_secs(5), "{run:?}");
}

#[test]
fn the_device_code_is_never_shown() {
    let mut answer = device();
    answer["device_code"] = json!("very-secret-code");
    let (_server, sandbox) = scripted(answer, |_| {
        Reply::json(
            400,
            r#"{"error":"invalid_client","error_description":"very-secret-code"}"#,
        )
    });
    let run = Login::of(sandbox.command(["login", "p", "--device", "-v"])).wait();
    run.fails(5, "invalid_client");
    assert!(!run.stderr.contains("very-secret-code"), "{run:?}");
}

#[test]
fn a_server_without_the_grant_is_told_by_its_key() {
    let server = Server::start(|request| {
        let mut value = metadata(request, "");
        value["device_authorization_endpoint"] = Value::Null;
        Reply::json(200, value.to_string())
    });
    let sandbox = Sandbox::new();
    sandbox.config(&profile(&server.url(""), "c", ""));
    start(&sandbox)
        .wait()
        .fails(3, "device_authorization_endpoint");
}
