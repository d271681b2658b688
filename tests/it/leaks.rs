//! Where secrets never go: messages, arguments, files in clear.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::profiles::SECRET;
use support::sandbox::files;
use support::{Reply, Run, Sandbox, Server};

/// Every spelling of the secrets of a run that could be recognised.
fn leaked(run: &Run, canaries: &[&str]) -> Option<String> {
    let found = canaries.iter().find(|canary| run.stderr.contains(**canary));
    found.map(|canary| format!("{canary} in {}", run.stderr))
}

#[test]
fn no_secret_is_said_at_any_verbosity_whatever_happens() {
    let grant = r#"{"access_token":"access-canary","refresh_token":"refresh-new-canary",
                    "id_token":"id-canary","expires_in":1,"scope":"s"}"#;
    let canaries = [
        SECRET,
        "access-canary",
        "refresh-canary",
        "refresh-new-canary",
        "id-canary",
    ];
    let replies = [
        Reply::json(200, grant),
        Reply::json(200, grant.replace("access-canary", "access-canary\\n")),
        Reply::json(200, &grant[..90]),
        Reply::json(400, grant),
        Reply::json(503, grant),
        Reply::json(200, grant.replace('{', "{\"error\":\"invalid_grant\",")),
        Reply::new(200, "text/html", grant),
        Reply::json(302, grant).header("location", "https://x/?t=access-canary"),
        Reply::none(),
        Reply::raw(grant),
    ];
    thread::scope(|scope| {
        for reply in replies {
            scope.spawn(move || says_none_of(&canaries, reply));
        }
    });
}

/// Runs of both kinds of grant against a server that answers with this.
fn says_none_of(canaries: &[&str], reply: Reply) {
    let server = Server::always(reply);
    let client = Sandbox::with_client(&server, "");
    let mut grant = Sandbox::with_grant(&server, "client_secret = { env = 'X' }");
    grant.env("X", SECRET).import("refresh-canary");
    for sandbox in [&client, &grant] {
        for flags in [&["-vv"][..], &["--json"], &["-v", "--force", "--token=id"]] {
            let args = [&["get", "p", "--timeout=700ms"], flags].concat();
            let run = sandbox.run(&args);
            assert_eq!(leaked(&run, canaries), None);
        }
        for file in files(&sandbox.state_dir()) {
            let bytes = fs::read(&file).expect("it is ours");
            let text = String::from_utf8_lossy(&bytes);
            let found = canaries.iter().find(|canary| text.contains(**canary));
            assert_eq!(found, None, "in {}", file.display());
        }
    }
}

#[test]
fn a_server_that_echoes_secrets_does_not_get_them_printed() {
    let secret = "s3cr+t /%";
    let id_and = |secret: &str| STANDARD.encode(format!("id:{secret}"));
    let (form, plus) = ("s3cr%2Bt%20%2F%25", "s3cr%2Bt+%2F%25");
    let spellings = [
        secret.to_owned(),
        form.to_owned(),
        plus.to_owned(),
        form.to_lowercase(),
        id_and(secret),
        id_and(form),
        id_and(form).trim_end_matches('=').to_owned(),
    ];
    for spelling in &spellings {
        for body in [
            format!(r#"{{"error":"invalid_client","error_description":"got {spelling} here"}}"#),
            format!(r#"{{"error":"invalid_client","error_description":"got({spelling})"}}"#),
            format!(r#"{{"error":"{spelling}"}}"#),
            format!(r#"{{"message":"{spelling}"}}"#),
            format!(r#"{{"error":{{"message":"Basic {spelling}"}}}}"#),
        ] {
            let server = Server::always(Reply::json(400, body));
            let mut sandbox = Sandbox::with_client(&server, "");
            sandbox.env("P_SECRET", secret);
            for flags in ["-vv", "--json"] {
                let run = sandbox.run(["get", "p", flags]);
                run.fails(5, "127.0.0.1");
                assert_eq!(leaked(&run, &[spelling]), None);
            }
        }
        let server = Server::always(Reply::new(400, spelling, "x"));
        let mut sandbox = Sandbox::with_client(&server, "");
        let run = sandbox.env("P_SECRET", secret).run(["get", "p", "-vv"]);
        assert_eq!(leaked(&run, &[spelling]), None, "as a content type");
    }
    let server = Server::start(|request| {
        let token = request.form()["refresh_token"].clone();
        let body = format!(r#"{{"error":"invalid_grant","error_description":"{token}"}}"#);
        Reply::json(400, body)
    });
    let sandbox = Sandbox::with_grant(&server, "");
    sandbox.import("refresh/canary+");
    let run = sandbox.run(["get", "p", "-vv"]);
    run.fails(4, "invalid_grant");
    assert_eq!(leaked(&run, &["refresh/canary+"]), None);
}

#[test]
fn no_process_shows_a_secret_in_its_arguments() {
    let reply = r#"{"access_token":"access-canary","refresh_token":"refresh-2-canary"}"#;
    let server = Server::always(Reply::json(200, reply).after(Duration::from_secs(1)));
    let client = Sandbox::with_client(&server, "store = \"none\"");
    let mut grant = Sandbox::with_grant(&server, "client_secret = { env = \"P_SECRET\" }");
    grant.env("P_SECRET", SECRET).import("refresh-canary");
    for (sandbox, requests) in [(&client, 1), (&grant, 2)] {
        let running = sandbox.start(["get", "p"]);
        while server.hits() < requests {
            thread::sleep(Duration::from_millis(1));
        }
        let mut seen = 0;
        for process in fs::read_dir("/proc").expect("linux has it").flatten() {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            seen += usize::from(line.contains("tokctl"));
            assert!(!line.contains("canary"), "{line}");
        }
        assert!(seen >= requests, "the run and its child are among {seen}");
        running.wait().ok("access-canary\n");
    }
}

#[test]
fn a_browser_s_arguments_hold_the_login_s_state_and_no_other_secret() {
    let server = Server::start(|request| {
        support::issuer::behave(request).unwrap_or_else(|| Reply::json(404, "{}"))
    });
    let mut sandbox = Sandbox::new();
    let more = "scope = \"openid\"\nclient_secret = { env = \"P_SECRET\" }";
    sandbox.config(&support::login::profile(&server.url(""), "c", more));
    // What everybody can read of it, as it has it.
    let seen = sandbox.write("seen", "");
    let script = format!(
        "#!/bin/sh\ntr '\\0' ' ' </proc/$$/cmdline >{0}.new && mv {0}.new {0}\n",
        seen.display()
    );
    let browser = sandbox.write("browser", script);
    let made = std::process::Command::new("chmod")
        .arg("755")
        .arg(&browser)
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    sandbox.env("P_SECRET", SECRET).env("BROWSER", browser);
    let mut login = support::Login::of(sandbox.command(["login", "p"]));
    let url = login.address();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    let line = loop {
        let line = fs::read_to_string(&seen).expect("text");
        if !line.is_empty() || std::time::Instant::now() > until {
            break line;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert!(
        line.contains(&support::login::parameter(&url, "state")),
        "{line}"
    );
    support::login::arrive(&support::login::redirect(&url, ""));
    login.wait();
    let request = server
        .requests()
        .into_iter()
        .find(|request| request.path == "/token");
    let form = request.expect("the code was sent").form();
    let verifier = &form["code_verifier"];
    assert!(verifier.len() >= 43);
    for secret in [verifier.as_str(), SECRET, &form["code"]] {
        assert!(!line.contains(secret), "{line}");
    }
}
