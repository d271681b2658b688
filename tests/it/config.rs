//! The configuration: where it is found, what it says, and what is said of its errors.
#![cfg(unix)]

use crate::support;

use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use support::profiles::{client_at, grant_at};
use support::raw::read_head;
use support::{RawServer, Reply, Running, Sandbox, Server};

#[test]
fn the_configuration_is_never_that_of_the_current_directory() {
    let server = Server::tokens(60);
    let text = client_at(&server.url("/token"), "store = \"none\"");
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", "s");
    for name in [
        "config.toml",
        "tokctl.toml",
        ".tokctl.toml",
        "tokctl/config.toml",
    ] {
        sandbox.write(name, &text);
    }
    sandbox.run(["get", "p"]).fails(3, "does not exist");
    sandbox.env("XDG_CONFIG_HOME", ".");
    sandbox.run(["get", "p"]).fails(3, "does not exist");
    sandbox.write(".config/tokctl/config.toml", &text);
    sandbox.run(["get", "p"]).ok("at-1\n");
    for (name, at) in [
        ("ca_file", "ca.pem"),
        ("client_secret", "{ file = \"secret\" }"),
    ] {
        sandbox.write("secret", "from the current directory");
        sandbox.write("ca.pem", "from the current directory");
        let at = if name == "ca_file" {
            format!("\"{at}\"")
        } else {
            at.to_owned()
        };
        let secret = "client_secret = { env = \"P_SECRET\" }\n";
        let text = text.replace(secret, "") + &format!("{name} = {at}\n");
        sandbox.write(
            ".config/tokctl/config.toml",
            text.replace("http:", "https:"),
        );
        let run = sandbox.run(["get", "p", "--timeout", "2s"]);
        run.fails(3, "");
        assert!(!run.stderr.contains("PEM"), "it was read: {}", run.stderr);
    }
}

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let mut sandbox = Sandbox::new();
    sandbox.config("[profile.other]\n");
    sandbox.write("latin1", b"# \xe9\n");
    sandbox.write("huge", vec![b'\n'; 17 << 20]);
    for (file, why) in [
        ("nowhere", "no such file"),
        ("config", "a directory"),
        ("latin1", "not UTF-8"),
        ("huge", "larger than"),
    ] {
        sandbox
            .run(["get", "p", "--config", file])
            .fails(3, file)
            .fails(3, why);
        sandbox.env("TOKCTL_CONFIG", file);
        sandbox.run(["get", "p"]).fails(3, file).fails(3, why);
    }
    sandbox.env("TOKCTL_CONFIG", "");
    sandbox.run(["get", "q"]).fails(3, "no profile \"q\"");
}

#[test]
fn defaults_and_parameters_are_merged_and_sent() {
    let server = Server::tokens(60);
    let sandbox = Sandbox::with_client(
        &server,
        "store = \"none\"\nscope = [\"b\", \"a\"]\nscope_separator = \",\"\nheaders = { X-Api = 7 }\n\
         [profile.p.token_params]\none = 1\nboth = \"own\"\nclient_credentials = { three = true }\n\
         refresh_token = { never = 1 }\n[defaults]\nscope = \"z\"\naudience = \"aud\"\n\
         token_params = { both = \"default\", two = \"ü&\" }",
    );
    sandbox.run(["get", "p"]).ok("at-1\n");
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    let form = request.form();
    let pairs: Vec<_> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let sent =
        "audience=aud both=own grant_type=client_credentials one=1 scope=b,a three=true two=ü&";
    assert_eq!(pairs.join(" "), sent);
    assert_eq!(request.header("x-api"), Some("7"));
    assert_eq!(request.header("accept"), Some("application/json"));
    let agent = request.header("user-agent").unwrap_or_default();
    assert!(agent.starts_with("tokctl/"), "{agent}");
}

#[test]
fn each_key_that_shapes_a_token_makes_another_token_when_it_changes() {
    // Short-lived, so that nothing of it stays in the kernel's keyring for long.
    let (server, other) = (Server::tokens(120), Server::tokens(120));
    for kept in [
        "store = \"auto\"",
        "store = \"plaintext\"\naccess_cache = \"none\"",
    ] {
        let plain = client_at(&server.url("/token"), kept);
        for changed in [
            plain.replace("\"id\"", "\"id2\""),
            client_at(&other.url("/token"), kept),
            client_at(&server.url("/token2"), kept),
            format!("{plain}scope = \"a\"\n"),
            format!("{plain}audience = \"a\"\n"),
            format!("{plain}resource = \"https://a\"\n"),
            format!("{plain}token_params = {{ a = 1 }}\n"),
            format!("{plain}token_params = {{ client_credentials = {{ a = 1 }} }}\n"),
        ] {
            let sandbox = Sandbox::with_client(&server, kept);
            let hits = || server.hits() + other.hits();
            let before = hits();
            for (config, requests) in [(&plain, 1), (&plain, 1), (&changed, 2), (&changed, 2)] {
                sandbox.config(config);
                let run = sandbox.run(["get", "p"]);
                assert_eq!((run.code, hits() - before), (0, requests), "{config}");
            }
        }
    }
}

#[test]
fn a_refresh_token_is_never_sent_for_another_client_or_to_another_server() {
    let (server, other) = (Server::tokens(3600), Server::tokens(3600));
    let plain = grant_at(&server.url("/token"), "");
    for changed in [
        plain.replace("\"id\"", "\"id2\""),
        grant_at(&other.url("/token"), ""),
        plain.replace(
            "grant = \"refresh_token\"",
            "grant = \"authorization_code\"",
        ),
    ] {
        let sandbox = Sandbox::with_grant(&server, "");
        sandbox
            .config(&changed)
            .run(["get", "p"])
            .fails(4, "tokctl login p");
    }
    assert_eq!((server.hits(), other.hits()), (0, 0));
}

#[test]
fn no_command_sends_a_grant_for_another_client_or_to_another_server() {
    let all =
        |_: &support::Request| Reply::json(200, "{\"access_token\":\"at-9\",\"expires_in\":60}");
    let (server, other) = (Server::start(all), Server::start(all));
    let at = |server: &Server, client: &str| {
        format!(
            "[profile.p]\ngrant = \"refresh_token\"\nclient_id = \"{client}\"\ntoken_endpoint = \"{0}\"\n\
             revocation_endpoint = \"{1}\"\nhosts = [\"https://git.corp.example\"]\nstore = \"plaintext\"\n",
            server.url("/token"),
            server.url("/revoke")
        )
    };
    for changed in [at(&server, "id2"), at(&other, "id")] {
        let sandbox = Sandbox::new();
        sandbox.config(&at(&server, "id"));
        sandbox.import("rt-1");
        sandbox.config(&changed);
        for words in [
            &["get", "p", "--force"][..],
            &["refresh", "p"],
            &["refresh", "--all"],
            &["exec", "p", "--", "true"],
            &["api", "p", "https://git.corp.example/"],
            &["helper", "kubectl", "p"],
            &["doctor", "p"],
            &["logout", "p"],
        ] {
            sandbox.run(words);
        }
        for server in [&server, &other] {
            let sent = server.requests();
            let sent = sent.iter().filter(|request| request.method != "GET");
            let sent: Vec<_> = sent.map(|request| &request.path).collect();
            assert!(sent.is_empty(), "{sent:?}");
        }
    }
}

#[test]
fn two_profiles_of_one_client_share_nothing() {
    let server = Server::tokens(3600);
    let text = client_at(&server.url("/token"), "");
    let sandbox = Sandbox::with_client(&server, "");
    sandbox.config(&format!("{text}{}", text.replace("profile.p", "profile.q")));
    for (profile, token) in [("p", "at-1"), ("q", "at-2"), ("p", "at-1"), ("q", "at-2")] {
        sandbox.run(["get", profile]).ok(&format!("{token}\n"));
    }
}

#[test]
fn a_thousand_profiles_are_no_burden() {
    let server = Server::tokens(3600);
    let text = client_at(&server.url("/token"), "scope = \"a b c\"\nmin_ttl = \"1m\"");
    let sandbox = Sandbox::with_client(&server, "");
    let all = (0..1000).map(|n| text.replace("profile.p", &format!("profile.p{n}")));
    sandbox.config(&all.collect::<String>());
    for (profile, token) in [
        ("p0", "at-1"),
        ("p500", "at-2"),
        ("p999", "at-3"),
        ("p500", "at-2"),
    ] {
        let run = sandbox.run(["get", profile]);
        run.ok(&format!("{token}\n"));
        assert!(run.elapsed < Duration::from_secs(2), "{:?}", run.elapsed);
    }
    sandbox
        .run(["get", "p1000"])
        .fails(3, "no profile \"p1000\"");
}

#[test]
fn a_preset_works_from_the_environment_alone() {
    let proxy = RawServer::start(|mut stream| {
        let head = read_head(&mut stream);
        let refusal: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        assert!(
            head.starts_with("CONNECT accounts.spotify.com:443 "),
            "{head}"
        );
        drop(std::io::Write::write_all(&mut stream, refusal));
    });
    let mut sandbox = Sandbox::new();
    sandbox.env("https_proxy", format!("http://127.0.0.1:{}", proxy.port()));
    sandbox
        .run(["get", "spotify"])
        .fails(3, "SPOTIFY_CLIENT_ID");
    sandbox
        .env("SPOTIFY_CLIENT_ID", "id:1")
        .env("SPOTIFY_CLIENT_SECRET", "s");
    let run = sandbox.run(["get", "spotify", "--timeout=1s"]);
    run.fails(6, "accounts.spotify.com");
    assert!(proxy.connections() > 0);

    let server = Server::tokens(60);
    let endpoint = server.url("/token");
    sandbox.config(&format!(
        "[profile.spotify]\ntoken_endpoint = \"{endpoint}\""
    ));
    sandbox.run(["get", "spotify"]).ok("at-1\n");
    let sent = server.requests().pop().expect("a request");
    assert_eq!(sent.header("authorization"), Some("Basic aWQlM0ExOnM="));
}

#[test]
fn a_token_in_the_environment_wins_and_nothing_else_is_touched() {
    let server = Server::tokens(60);
    let mut sandbox = Sandbox::with_client(&server, "");
    sandbox
        .env("TOKCTL_TOKEN_P", " \t tok\n")
        .env("TOKCTL_TOKEN_GIT_CORP_1", "other");
    sandbox.run(["get", "p"]).ok("tok\n");
    sandbox.config("broken [");
    sandbox
        .env("HOME", "/nonexistent")
        .env("TOKCTL_STATE_DIR", "/proc/x");
    sandbox.run(["get", "p"]).ok("tok\n");
    sandbox.run(["get", "p", "--force"]).ok("tok\n");
    sandbox
        .run(["get", "p", "--format=header"])
        .ok("Authorization: Bearer tok\n");
    sandbox.run(["get", "git.corp-1"]).ok("other\n");
    sandbox
        .run(["get", "p", "--config", "/nowhere"])
        .ok("tok\n");
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert_eq!(
        (&answer["access_token"], &answer["source"]),
        (&"tok".into(), &"environment".into())
    );
    assert_eq!(server.hits(), 0);
    assert!(!sandbox.state_dir().join("tokctl").exists());
}

#[test]
fn a_token_in_the_environment_with_control_characters_is_refused() {
    let server = Server::always(Reply::error("invalid_client"));
    let mut sandbox = Sandbox::with_client(&server, "");
    for bad in [
        &b"a\nb"[..],
        b"a b",
        b"a\x1bb",
        b"a\x7f",
        b"\xc3\xa9",
        b"a\xff",
        b"a\tb",
    ] {
        let value = std::ffi::OsString::from_vec(bad.to_vec());
        let mut command = sandbox.command(["get", "p"]);
        command.env("TOKCTL_TOKEN_P", value);
        let run = Running::start(command, None).wait();
        run.fails(3, "TOKCTL_TOKEN_P");
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
    assert_eq!(server.hits(), 0);
    sandbox.env("TOKCTL_TOKEN_P", "");
    sandbox.run(["get", "p"]).fails(5, "invalid_client");
}

#[test]
fn a_variable_whose_name_means_two_profiles_is_nobody_s() {
    let server = Server::tokens(60);
    let profiles: String = ["corp-prod", "corp.prod"]
        .iter()
        .map(|name| {
            let more = "store = \"none\"\nhosts = [\"https://a.example\"]";
            let text = client_at(&server.url("/token"), more);
            let text = text.replace("[profile.p]", &format!("[profile.\"{name}\"]"));
            text.replace("client_secret = { env = \"P_SECRET\" }\n", "")
        })
        .collect();
    let alike = "is set, and means profile";
    for name in ["corp-prod", "corp.prod"] {
        let other = if name == "corp-prod" {
            "corp.prod"
        } else {
            "corp-prod"
        };
        let both = format!("means profile {name:?} and profile {other:?} alike");
        for variable in ["TOKCTL_TOKEN_CORP_PROD", "CORP_PROD_CLIENT_SECRET"] {
            let mut sandbox = Sandbox::new();
            sandbox.env(variable, "s").config(&profiles);
            for words in [
                &["get", name][..],
                &["exec", name, "--", "true"],
                &["api", name, "https://a.example/"],
            ] {
                let run = sandbox.run(words);
                run.fails(3, &format!("{variable} is set")).fails(3, &both);
                run.fails(3, "tokctl: hint: ");
            }
            let doctor = sandbox.run(["doctor", name, "--offline"]);
            assert!(
                doctor.code == 3 && doctor.stdout.contains("alike"),
                "{doctor:?}"
            );
        }
        // What says itself which one it takes takes it.
        let named = profiles.replace(
            "client_id = \"id\"\n",
            "client_id = \"id\"\nclient_secret = { env = \"CORP_PROD_CLIENT_SECRET\" }\n",
        );
        let mut sandbox = Sandbox::new();
        sandbox.env("CORP_PROD_CLIENT_SECRET", "s").config(&named);
        let run = sandbox.run(["get", name]);
        assert!(run.code == 0 && !run.stderr.contains(alike), "{run:?}");
    }
    // One of them alone has its variable, and where nobody can look, what is set is meant.
    let alone = profiles.replace("corp.prod", "other");
    for config in [alone.as_str(), "", "no [configuration"] {
        let mut sandbox = Sandbox::new();
        sandbox.env("TOKCTL_TOKEN_CORP_PROD", "t").config(config);
        sandbox.run(["get", "corp-prod"]).ok("t\n");
    }
}
