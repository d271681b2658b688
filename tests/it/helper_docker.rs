//! docker's protocol, and the real docker and skopeo against a registry on loopback.
#![cfg(unix)]

use crate::support;

use std::os::unix::fs::symlink;
use std::sync::Arc;

use serde_json::json;
use support::profiles::grant_at;
use support::registries::{self, CONFIG, MANIFEST};
use support::{Reply, Request, Run, Running, Sandbox, Server, TlsServer, Tokens};

const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://registry.corp.example:5000\", \"https://ghcr.example\"]";
const NOT_FOUND: &str = "credentials not found in native keychain\n";
#[track_caller]
fn docker(sandbox: &Sandbox, operation: &str, stdin: &str) -> Run {
    sandbox.run_with_stdin(["helper", "docker", operation], stdin)
}

#[test]
fn the_answer_repeats_the_server_as_docker_spelt_it() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for spelt in [
        "registry.corp.example:5000",
        "registry.corp.example:5000/",
        "https://registry.corp.example:5000",
        "https://registry.corp.example:5000/v2/",
        "Registry.Corp.example:5000",
        "ghcr.example",
        "ghcr.example:443",
        "https://ghcr.example/v1/",
    ] {
        for stdin in [spelt.to_owned(), format!("{spelt}\n")] {
            let run = docker(&sandbox, "get", &stdin).json();
            let answer = json!({ "ServerURL": spelt, "Username": "oauth2", "Secret": "at-1" });
            assert_eq!(run, answer);
        }
    }
    for foreign in [
        "registry.corp.example",
        "http://registry.corp.example:5000",
        "ghcr.example.evil.example",
        "ghcr.example@evil.example",
        "evil.example/ghcr.example",
        "https://index.docker.io/v1/",
    ] {
        let run = docker(&sandbox, "get", foreign);
        let got = (run.stdout.as_str(), run.stderr.as_str(), run.code);
        assert_eq!(got, (NOT_FOUND, "", 1), "{foreign}");
    }
    let run = docker(&sandbox, "get", "\n");
    assert_eq!(
        (run.stdout.as_str(), run.code),
        ("no credentials server URL\n", 1)
    );
    docker(&sandbox, "list", "unused")
        .ok("{\"ghcr.example\":\"oauth2\",\"registry.corp.example:5000\":\"oauth2\"}\n");
    assert!(
        docker(&sandbox, "version", "")
            .stdout
            .starts_with("tokctl ")
    );
}

#[test]
fn the_user_name_is_the_profile_s() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(
        &server,
        &format!("{HOSTS}\nusername = \"oauth2accesstoken\""),
    );
    let answer = docker(&sandbox, "get", "ghcr.example").json();
    assert_eq!(answer["Username"], "oauth2accesstoken");
}

#[test]
fn an_identity_token_is_the_access_token_and_only_where_the_profile_says_so() {
    let server = Server::tokens(3600);
    let said = format!("{HOSTS}\nusername = \"u\"\ndocker_auth = \"identity_token\"");
    let sandbox = Sandbox::with_grant(&server, &said);
    let answer = docker(&sandbox, "get", "ghcr.example").json();
    let wanted = json!({ "ServerURL": "ghcr.example", "Username": "<token>", "Secret": "at-1" });
    assert_eq!(answer, wanted);
    let sandbox = Sandbox::with_grant(&server, &said.replace("identity_token", "password"));
    sandbox.import("rt-2");
    let answer = docker(&sandbox, "get", "ghcr.example").json();
    assert_eq!(answer["Username"], "u");
}

#[test]
fn store_takes_back_what_was_given_and_says_that_it_keeps_nothing_else() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let store = |url: &str, secret: &str| {
        let given = json!({ "ServerURL": url, "Username": "oauth2", "Secret": secret });
        docker(&sandbox, "store", &given.to_string())
    };
    docker(&sandbox, "get", "ghcr.example");
    store("ghcr.example", "at-1").ok("");
    for (url, secret, words) in [
        ("ghcr.example", "pasted-canary", "tokctl login p"),
        ("evil.example", "pasted-canary", "keeps no passwords"),
        ("ghcr.example", "", "tokctl login p"),
    ] {
        let run = store(url, secret);
        let told = run.stdout.contains(words) && run.stderr.contains(words);
        assert!(told && run.code == 1, "{run:?}");
        assert!(!format!("{run:?}").contains("canary"));
    }
    let run = store("https://a\u{1b}[31m\ntokctl: all is well", "x");
    assert!(
        !run.stderr.contains('\u{1b}') && run.stderr.lines().count() == 1,
        "{run:?}"
    );
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(sandbox.files_with("pasted-canary").is_empty());
    sandbox.run(["get", "p"]).ok("at-1\n");
}

#[test]
fn erase_drops_the_access_token_without_a_request_and_keeps_the_grant() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    docker(&sandbox, "erase", "ghcr.example").ok("");
    docker(&sandbox, "erase", "evil.example").ok("");
    assert_eq!(server.hits(), 0, "there was nothing to forget");
    sandbox.run(["get", "p"]).ok("at-1\n");
    docker(&sandbox, "erase", "evil.example").ok("");
    sandbox.run(["get", "p"]).ok("at-1\n");
    docker(&sandbox, "erase", "https://ghcr.example/v1/").ok("");
    docker(&sandbox, "erase", "ghcr.example").ok("");
    assert_eq!(server.hits(), 1);
    sandbox.run(["get", "p"]).ok("at-2\n");
}

/// A home in which docker finds our link on the path, for this registry.
fn home(origin: &str, registry: &str, import: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    let config = format!("store = \"plaintext\"\nhosts = [\"{origin}\"]");
    sandbox.config(&grant_at(&format!("{origin}/token"), &config));
    if import {
        sandbox.import("rt-1");
    }
    let helpers = json!({ "credHelpers": { registry: "tokctl" } });
    sandbox.write(".docker/config.json", helpers.to_string());
    sandbox.write("bin/.keep", "");
    let link = sandbox.home().join("bin/docker-credential-tokctl");
    symlink(support::tokctl(), link).expect("it can be made");
    sandbox
}

#[track_caller]
fn client(sandbox: &Sandbox, program: &str, words: &[&str]) -> Run {
    let path = std::env::var("PATH").expect("there is one");
    let mut command = sandbox.program(program, words);
    command
        .env("PATH", format!("{}/bin:{path}", sandbox.home().display()))
        .env("no_proxy", "*");
    Running::start(command, None).wait()
}

#[test]
#[ignore = "needs skopeo: tests/run installs it"]
fn skopeo_reads_a_manifest_with_the_token_and_shows_why_there_is_none() {
    let tokens = Arc::new(Tokens::new(3600));
    let server = Server::start({
        let tokens = Arc::clone(&tokens);
        move |request| registries::docker(&tokens, request)
    });
    let place = server.address().to_string();
    let image = format!("docker://{place}/x:1");
    let words = ["inspect", "--tls-verify=false", "--raw", image.as_str()];
    let sandbox = home(&server.url(""), &place, true);
    client(&sandbox, "skopeo", &words).ok(MANIFEST);
    client(&sandbox, "skopeo", &words).ok(MANIFEST);
    assert_eq!(server.hits_of("/token"), 1);

    let without = home(&server.url(""), &place, false);
    client(&without, "skopeo", &words).fails(1, "tokctl login p");
    // Not our host: anonymous, which is this registry's refusal and not the helper's.
    let other = home("https://other.example", &place, false);
    let run = client(&other, "skopeo", &words);
    run.fails(1, "");
    assert!(!run.stderr.contains("tokctl"), "{run:?}");
}

/// A registry whose own token server takes an identity token, as a refresh token.
fn registry_with_identity(tokens: &Tokens, request: &Request) -> Reply {
    let bearer = request.header("authorization") == Some("Bearer registry-1");
    let form = request.form();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    match request.path.as_str() {
        "/token" => tokens.answer(request),
        "/auth" if field("grant_type") == "refresh_token" && field("refresh_token") == "at-1" => {
            Reply::json(200, r#"{"access_token":"registry-1","token":"registry-1"}"#)
        }
        "/auth" => Reply::json(401, "{}"),
        "/v2/x/manifests/1" if bearer => Reply::new(
            200,
            "application/vnd.docker.distribution.manifest.v2+json",
            MANIFEST,
        ),
        path if path.starts_with("/v2/x/blobs/") && bearer => Reply::json(200, CONFIG),
        _ => {
            let host = request.header("host").unwrap_or_default();
            let challenge = format!("Bearer realm=\"http://{host}/auth\",service=\"r\"");
            Reply::json(401, "{}").header("www-authenticate", &challenge)
        }
    }
}

#[test]
#[ignore = "needs skopeo: tests/run installs it"]
fn skopeo_hands_an_identity_token_to_the_registry_s_token_server() {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registry_with_identity(&tokens, request));
    let place = server.address().to_string();
    let image = format!("docker://{place}/x:1");
    let words = ["inspect", "--tls-verify=false", "--raw", image.as_str()];
    let sandbox = home(&server.url(""), &place, true);
    // As a password it is not taken there.
    let run = client(&sandbox, "skopeo", &words);
    assert!(run.code == 1 && run.stdout.is_empty(), "{run:?}");
    let config = std::fs::read_to_string(sandbox.config_file()).expect("readable");
    sandbox.config(&format!("{config}\ndocker_auth = \"identity_token\"\n"));
    client(&sandbox, "skopeo", &words).ok(MANIFEST);
    assert_eq!(server.hits_of("/token"), 1);
}

#[test]
#[ignore = "needs docker's client, and openssl: tests/run installs them"]
fn docker_reads_a_manifest_with_the_token() {
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| registries::docker(&tokens, request));
    let place = server.address().to_string();
    let mut sandbox = home(&server.url(""), &place, false);
    sandbox.env("SSL_CERT_FILE", server.ca_file());
    sandbox.import("rt-1");
    let image = format!("{place}/x:1");
    let run = client(
        &sandbox,
        "docker",
        &["manifest", "inspect", "--insecure", &image],
    );
    let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    assert!(run.code == 0 && shown["schemaVersion"] == 2, "{run:?}");
    sandbox.run(["get", "p"]).ok("at-1\n");

    // `docker logout` erases: the access token goes, the grant stays.
    let run = client(&sandbox, "docker", &["logout", &place]);
    assert_eq!(run.code, 0, "{run:?}");
    sandbox.run(["get", "p"]).ok("at-2\n");
}

/// docker-py, which asks for every registry of the configuration before it builds an image.
#[test]
#[ignore = "needs docker's library for Python: tests/run installs it"]
fn docker_py_has_the_other_registries_where_one_needs_a_login() {
    let server = Server::tokens(3600);
    let down = Server::always(Reply::json(503, "{}"));
    let sandbox = home("http://127.0.0.1:1", "good.example", false);
    let profile = |name: &str, token_endpoint: &str| {
        grant_at(
            token_endpoint,
            &format!(
                "store = \"plaintext\"\ntimeout = \"1s\"\nhosts = [\"https://{name}.example\"]"
            ),
        )
        .replace("[profile.p]", &format!("[profile.{name}]"))
    };
    sandbox.config(
        &[
            profile("good", &server.url("/token")),
            profile("login", &server.url("/token")),
            profile("down", &down.url("/token")),
        ]
        .concat(),
    );
    for name in ["good", "down"] {
        let run = sandbox.run_with_stdin(["import", name, "--no-try", "--force"], "rt-1\n");
        assert_eq!(run.code, 0, "{run:?}");
    }
    let helpers =
        ["login", "down", "good", "other"].map(|name| (format!("{name}.example"), "tokctl"));
    let helpers: std::collections::BTreeMap<_, _> = helpers.into_iter().collect();
    let config = json!({ "credHelpers": helpers });
    sandbox.write(".docker/config.json", config.to_string());
    let python =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/oci/bin/python");
    let script = "import json\nfrom docker import auth\nprint(json.dumps(auth.load_config().get_all_credentials()))";
    let run = client(&sandbox, &python.display().to_string(), &["-c", script]);
    let all: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    assert_eq!(all["good.example"]["Password"], "at-1", "{run:?}");
    for name in ["login.example", "down.example", "other.example"] {
        assert_eq!(all[name], serde_json::Value::Null, "{run:?}");
    }
    // Why, for the person: each in a line.
    for words in ["tokctl login login", "503"] {
        assert!(run.stderr.contains(words), "{words}: {run:?}");
    }
    assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
}
