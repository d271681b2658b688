//! What a person is told who has gone wrong, and that the command which is named mends it.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use std::fs;
use support::issuer::{behave, metadata, tokens};
use support::profiles::client_at;
use support::{Login, Reply, Sandbox, Server, Terminal, TlsServer};

#[test]
fn a_wrong_call_is_told_what_was_most_likely_meant() {
    let sandbox = Sandbox::new();
    for (call, words) in [
        ("stauts", "; did you mean \"status\"?"),
        ("lgoin p", "; did you mean \"login\"?"),
        ("get p --forse", "; did you mean \"--force\"?"),
        ("get p --format hedaer", "; did you mean \"header\"?"),
        ("helper gti", "; did you mean \"git\"?"),
    ] {
        sandbox.run(call.split(' ')).fails(2, words);
    }
    // No slip of the fingers leads there.
    for call in ["xyzzy", "get p --xyzzy", "get p --format xyzzy"] {
        let run = sandbox.run(call.split(' '));
        run.fails(2, "xyzzy");
        assert!(!run.stderr.contains("did you mean"), "{}", run.stderr);
    }
}

#[test]
fn a_call_without_its_profile_names_those_that_there_are() {
    let sandbox = Sandbox::new();
    let none = "hint: no profile is set up yet; to set one up, run: tokctl add\n";
    sandbox.run(["get"]).fails(2, none);
    sandbox.config("[profile.corp]\nclient_id = \"c\"\n");
    for (call, hint) in [
        ("get", "hint: run: tokctl get corp\n"),
        ("login", "hint: run: tokctl login corp\n"),
        ("secret set", "hint: run: tokctl secret set corp\n"),
        ("logout", "hint: run: tokctl logout corp\n"),
    ] {
        sandbox.run(call.split(' ')).fails(2, hint);
    }
    let other = sandbox.write("other.toml", "[profile.one]\n[profile.two]\n");
    let flag = format!("--config={}", other.display());
    let two = "hint: name one of the profiles: one, two\n";
    sandbox.run([flag.as_str(), "login"]).fails(2, two);
    let all = "hint: name a profile (one, two), or all of them: tokctl refresh --all\n";
    sandbox.run([flag.as_str(), "refresh"]).fails(2, all);
    let many: String = (0..11).map(|n| format!("[profile.p{n}]\n")).collect();
    sandbox.config(&many);
    sandbox.run(["get"]).fails(2, "p6, p7 and 3 more\n");
    sandbox
        .run(["get", "p99"])
        .fails(3, "hint: run: tokctl get p9\n");
    sandbox
        .run(["get", "nothing-like-it"])
        .fails(3, "to list the profiles, run: tokctl status");
    // The command alone.
    let run = sandbox.run([] as [&str; 0]);
    run.fails(2, "tokctl: profiles: p0, p1")
        .fails(2, "tokctl doctor NAME");
    Sandbox::new()
        .run([] as [&str; 0])
        .fails(2, "No profile is set up yet; begin with");
}

#[test]
fn a_configuration_with_a_thing_in_the_wrong_place_is_told_the_right_one() {
    let sandbox = Sandbox::new();
    for (config, words) in [
        (
            "store = \"none\"\n[profile.p]\n",
            "config.toml:1: store stands before any table: below [defaults] it is for all profiles, below \
             [profile.NAME] for one\n",
        ),
        (
            "[corp]\nclient_id = \"x\"\n",
            "config.toml:1: unknown table [corp]; a profile's table is [profile.corp]\n",
        ),
        ("[\"a b\"]\n", "a profile's table is [profile.NAME]\n"),
        (
            "[profiles.p]\n",
            "unknown key \"profiles\"; did you mean \"profile\"?\n",
        ),
        (
            "[profile.p]\nclient_id = \"a\"\nclient_id = \"b\"\n",
            "config.toml:3: duplicate key client_id: keep one of the two\n",
        ),
        ("[profile.p]\n[profile.p]\n", "config.toml:2: "),
        (
            "[profile.p]\nscpe = 1\nmin_ttl = true\nx1 = 1\n",
            "config.toml:2: profile \"p\": unknown key \"scpe\"; did you mean \"scope\"?; line 3: min_ttl: must be a string",
        ),
        (
            "[profile.p]\nx1 = 1\nx2 = 1\nx3 = 1\nx4 = 1\nx5 = 1\n",
            "; line 5: unknown key \"x4\"; and more\n",
        ),
    ] {
        sandbox.config(config).run(["get", "p"]).fails(3, words);
    }
}

/// Keycloak's word for a wrong secret, and a scope that no client asked for.
#[test]
fn a_refusal_names_what_can_be_done_here() {
    let wrong = json!({"error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials"});
    let server = Server::always(Reply::json(401, wrong.to_string()));
    let sandbox = Sandbox::with_client(&server, "");
    let id = "; for another client_id, run: tokctl add p --change --client-id ID\n";
    let anew = "to enter the secret anew, run: IFS= read -rs P_SECRET && export P_SECRET";
    let anew = &format!("{anew}{id}");
    sandbox.run(["get", "p"]).fails(5, anew);
    let kept = client_at(&server.url("/token"), "")
        .replace("{ env = \"P_SECRET\" }", "{ keyring = true }");
    sandbox.config(&kept);
    sandbox
        .run_with_stdin(["secret", "set", "p"], "s")
        .ok_with("", "");
    let anew = &format!("to enter the secret anew, run: tokctl secret set p{id}");
    sandbox.run(["get", "p"]).fails(5, anew);

    let server = Server::always(Reply::error("invalid_scope"));
    let sandbox = Sandbox::with_client(&server, "");
    let none = "hint: the profile asks for no scope, and this server wants one; run: tokctl add p --change --scope SCOPE\n";
    sandbox.run(["get", "p"]).fails(5, none);
    let sandbox = Sandbox::with_client(&server, "scope = \"a b\"");
    sandbox
        .run(["get", "p"])
        .fails(5, "does not know one of \"a b\", or does not allow it");
}

#[test]
fn a_refresh_token_that_was_used_elsewhere_is_told_as_that() {
    let said =
        json!({"error": "invalid_grant", "error_description": "Refresh token reuse exceeded"});
    let server = Server::always(Reply::json(400, said.to_string()));
    let sandbox = Sandbox::with_grant(&server, "");
    let run = sandbox.run(["get", "p"]);
    run.fails(4, "Refresh token reuse exceeded");
    run.fails(
        4,
        "hint: a second copy of this login (another machine, a backup, another program)",
    );
    run.fails(4, "; here, run: tokctl login p\n");
}

#[test]
fn a_server_s_words_are_told_to_their_cause() {
    let cause = format!(
        "{} the cause",
        "Some words about the request that come first. ".repeat(9)
    );
    let said = json!({"error": "invalid_request", "error_description": cause});
    let server = Server::always(Reply::json(400, said.to_string()));
    Sandbox::with_client(&server, "")
        .run(["get", "p"])
        .fails(5, "the cause (HTTP 400)");
}

#[test]
fn who_has_never_logged_in_is_told_that() {
    let server = Server::tokens(60);
    let sandbox = Sandbox::new();
    sandbox.config(&support::profiles::grant_at(&server.url("/token"), ""));
    sandbox
        .run(["get", "p"])
        .fails(4, "nothing is stored: nobody has logged in");
}

/// An issuer that takes requests beforehand, and refuses them with this.
fn pushing(status: u16, refusal: Value) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/par" => Reply::json(status, refusal.to_string()),
        "/.well-known/openid-configuration" => {
            let mut all = metadata(request, "");
            all["pushed_authorization_request_endpoint"] =
                json!(format!("{}/par", support::issuer::origin(request)));
            Reply::json(200, all.to_string())
        }
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    })
}

#[test]
fn a_client_that_the_server_does_not_believe_is_not_sent_to_a_browser() {
    let secret = "client_secret = { env = \"P_SECRET\" }";
    for (status, refusal, more, ends) in [
        (401, json!({"error": "invalid_client"}), secret, true),
        (401, json!({"error": "unauthorized_client"}), secret, true),
        (400, json!({"error": "invalid_scope"}), "", true),
        (
            400,
            json!({"error": "invalid_request", "error_description": "redirect_uri did not match"}),
            "",
            true,
        ),
        (401, json!({"error": "invalid_client"}), "", true),
        // It may be one that may not push.
        (400, json!({"error": "unauthorized_client"}), secret, false),
    ] {
        let server = pushing(status, refusal.clone());
        let mut sandbox = Sandbox::new();
        sandbox.env("P_SECRET", "s");
        sandbox.config(&support::login::profile(&server.url(""), "c", more));
        let mut login = Login::start(&sandbox, &["--timeout=10s"]);
        if ends {
            let run = login.wait();
            run.fails(5, refusal["error"].as_str().expect("a code"));
            assert!(!run.stderr.contains("open this address"), "{}", run.stderr);
        } else {
            assert!(login.address().contains("code_challenge"), "{refusal}");
        }
    }
}

#[test]
fn who_does_not_come_back_is_told_of_the_redirect_once() {
    let server = Server::start(|request| behave(request).unwrap_or_else(|| Reply::json(404, "{}")));
    let sandbox = Sandbox::new();
    sandbox.config(&support::login::profile(&server.url(""), "c", ""));
    let run = sandbox.run(["login", "p", "--no-browser", "--timeout=1s"]);
    run.fails(4, "nobody came back from the browser within 1 s");
    run.fails(
        4,
        "to try again, run: tokctl login p; on another device: tokctl login p --device;",
    );
    assert_eq!(
        run.stderr.matches("redirect URI").count(),
        2,
        "{}",
        run.stderr
    );
    assert!(run.elapsed.as_secs() < 5, "{run:?}");
}

#[test]
fn a_refresh_token_that_did_not_come_is_asked_for_once() {
    for (more, words, not) in [
        ("", "--scope +offline_access", "must allow"),
        (
            "scope = [\"offline_access\"]",
            "the client's settings at the server must allow it refresh tokens",
            "--scope",
        ),
    ] {
        let server = Server::start(|request| match request.path.as_str() {
            "/token" => tokens(&json!({"refresh_token": null})),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        });
        let sandbox = Sandbox::new();
        sandbox.config(&support::login::profile(&server.url(""), "c", more));
        let mut login = Login::start(&sandbox, &[]);
        let url = login.address();
        support::login::arrive(&support::login::redirect(&url, ""));
        let run = login.wait();
        run.ok_with("", "so this login ends with its access token in ")
            .ok_with("", words);
        assert!(!run.stderr.contains(not), "{}", run.stderr);
    }
}

#[test]
fn a_profile_is_changed_by_its_flags_alone() {
    let server = Server::tokens(60);
    let sandbox = Sandbox::with_client(&server, "scope = \"a\" # why");
    let wrong = fs::read_to_string(sandbox.config_file()).expect("it is there");
    let run = sandbox.run(["add", "p", "--change", "--scope", "b c"]);
    run.ok_with("", "changed profile p in ");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    assert_eq!(text, wrong.replace("\"a\" # why", "[\"b\", \"c\"] # why"));
    // Tried before it is kept.
    let nobody = "http://127.0.0.1:9/token";
    let run = sandbox.run(["add", "p", "--change", "--token-endpoint", nobody]);
    run.fails(6, "; nothing is changed\n");
    assert_eq!(
        fs::read_to_string(sandbox.config_file()).expect("it is there"),
        text
    );
    sandbox
        .run(["add", "q", "--change", "--scope", "b"])
        .fails(3, "no profile \"q\"");
    sandbox
        .run(["add", "p", "--change", "--force"])
        .fails(2, "cannot be used with");
    sandbox
        .run([
            "add",
            "p",
            "--scope",
            "b",
            "--client-id=x",
            "--token-endpoint",
            nobody,
        ])
        .fails(2, "or change single keys of it with --change");
}

#[test]
#[ignore = "needs openssl: tests/run installs it"]
fn an_authority_that_is_not_known_is_told_at_the_issuer_too() {
    let server = TlsServer::start(|request| {
        let mut all = metadata(request, "")
            .to_string()
            .replace("http://", "https://");
        all = all.replace("\"/", "\"");
        match request.path.as_str() {
            "/.well-known/openid-configuration" => Reply::json(200, all),
            "/token" => tokens(&Value::Null),
            _ => Reply::json(404, "{}"),
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.env("S", "s");
    sandbox.config(&format!(
        "[profile.p]\nissuer = \"{}\"\nclient_id = \"c\"\nclient_secret = {{ env = \"S\" }}\ngrant = \"client_credentials\"\n\
         store = \"none\"\n",
        server.url("")
    ));
    let remedy = "run: tokctl add p --change --ca-file FILE";
    sandbox.run(["get", "p"]).fails(6, remedy);
    let ca = server.ca_file().display().to_string();
    sandbox
        .run(["add", "p", "--change", "--ca-file", &ca])
        .ok_with("", "tried: the server gave a token");
    sandbox.run(["get", "p"]).ok("access-1\n");
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_picture_is_drawn_only_where_it_can_be_seen_and_the_code_stays_on_the_screen() {
    let server = Server::start(|request| match request.path.as_str() {
        "/device" => {
            let at = format!("{}/activate", support::issuer::origin(request));
            let device = json!({ "device_code": "dc", "user_code": "ABCD-EFGH", "interval": 1, "expires_in": 60,
                "verification_uri": at, "verification_uri_complete": format!("{at}?user_code=ABCD-EFGH") });
            Reply::json(200, device.to_string())
        }
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    let sandbox = Sandbox::new();
    sandbox.config(&support::login::profile(&server.url(""), "c", ""));
    for (shell, drawn) in [
        ("env PS1='$ ' LANG=C.UTF-8 sh", true),
        ("env PS1='$ ' LC_ALL=C sh", false),
        ("env PS1='$ ' NO_COLOR=1 sh", false),
        ("env PS1='$ ' TERM=dumb sh", false),
    ] {
        let terminal = Terminal::with_shell(&sandbox, 100, shell);
        terminal.tokctl("login p --device");
        let screen = terminal.shows("exit=0");
        let picture = screen
            .lines()
            .filter(|line| line.contains(['\u{2580}', '\u{2584}', '\u{2588}']));
        assert_eq!(picture.count() > 10, drawn, "{shell}: {screen}");
        assert!(
            screen.contains("/activate\n\nand enter the code\n\n  ABCD-EFGH\n"),
            "{screen}"
        );
        assert_eq!(screen.contains("?user_code="), !drawn, "{screen}");
    }
}
