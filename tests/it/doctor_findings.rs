//! `tokctl doctor`: what it says of a grant, of a server and of programs that come to a token.
#![cfg(unix)]

use crate::support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use support::issuer::{jwt, metadata};
use support::keys::EcKey;
use support::profiles::{SECRET, client_at, grant_at};
use support::report::{about, finds, no_problem};
use support::sandbox::files;
use support::{Reply, Request, Sandbox, Server};

/// `doctor p`.
const P: [&str; 2] = ["doctor", "p"];

#[test]
fn what_is_stored_is_told_as_it_stands() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::error("invalid_grant"),
        _ => Reply::json(404, "{}"),
    });
    let mut sandbox = Sandbox::with_grant(&server, "");
    let good = "a refresh token; the access token is renewed when asked for";
    finds(&sandbox.run(P), "grant", good, "", 0);
    sandbox.run(["get", "p"]).fails(4, "invalid_grant");
    let ended = "the server has ended it (revoked or expired)";
    finds(&sandbox.run(P), "grant", ended, "run: tokctl login p", 4);
    sandbox.import(&format!(
        r#"{{"access_token":"a","refresh_token":"r","expires_in":600,"id_token":"{}"}}"#,
        jwt(&json!({"email": "ann@a.example"}))
    ));
    let found = about(&sandbox.run(P), "grant");
    let told = "a refresh token of ann@a.example, and an access token, good for ";
    assert!(found.contains(told), "{found}");
    let text = fs::read_to_string(sandbox.config_file()).expect("it is there");
    sandbox.config(&text.replace("\"id\"", "\"another\""));
    let other = "what is stored belongs to another client_id, token_endpoint or grant";
    finds(&sandbox.run(P), "grant", other, "run: tokctl login p", 4);
    sandbox.env("TOKCTL_TOKEN_P", "t");
    let unneeded = "not needed: the token comes from the environment";
    finds(&sandbox.run(P), "grant", unneeded, "", 0);
}

#[test]
fn what_the_last_request_has_left_is_told() {
    let server = Server::start(|request| {
        if request.form().contains_key("scope") {
            return Reply::json(429, "{}").header("retry-after", "3000");
        }
        Reply::error("invalid_client")
    });
    let sandbox = Sandbox::with_grant(&server, "client_secret = { env = \"HOME\" }");
    sandbox.run(["get", "p"]).fails(5, "invalid_client");
    let run = sandbox.run(P);
    let found = about(&run, "last request");
    assert!(
        found.contains("answered invalid_client (HTTP 400)")
            && found.contains("hint: compare client_id"),
        "{found}"
    );
    let more = "client_secret = { env = \"HOME\" }\nscope = \"a\"\nsend_scope_on_refresh = true";
    sandbox.config(&grant_at(&server.url("/token"), more));
    sandbox.run(["get", "p"]).fails(6, "429");
    let run = sandbox.run(P);
    let found = about(&run, "last request");
    assert!(
        found.contains("asked not to be called for a while") && found.contains("wait for "),
        "{found}"
    );
}

/// A profile `p` at an issuer whose metadata is changed like this.
fn issued(change: impl Fn(&Request, &mut Value) + Send + Sync + 'static, more: &str) -> Sandbox {
    let server = Server::start(move |request| {
        if !request.path.starts_with("/.well-known") {
            return Reply::json(404, "{}");
        }
        let mut all = metadata(request, "");
        change(request, &mut all);
        Reply::json(200, all.to_string())
    });
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", SECRET).config(&format!(
        "[profile.p]\nissuer = \"{}\"\nclient_id = \"c\"\nstore = \"none\"\n{more}\n",
        server.url("")
    ));
    // It serves as long as the test runs.
    std::mem::forget(server);
    sandbox
}

#[test]
fn each_host_of_the_server_is_asked_once() {
    let elsewhere = Server::always(Reply::json(500, "{}"));
    let device = elsewhere.url("/device");
    let sandbox = issued(
        move |_, all| all["device_authorization_endpoint"] = json!(device),
        "grant = \"authorization_code\"",
    );
    let run = sandbox.run(P);
    for name in ["proxy: 127.0.0.1:", "server 127.0.0.1:"] {
        let lines = run.stdout.lines();
        let hosts = lines.filter(|line| line.get(9..).is_some_and(|rest| rest.starts_with(name)));
        assert_eq!(hosts.count(), 2, "{name} {run:?}");
    }
    let name = format!("server {}", elsewhere.address());
    let found = about(&run, &name);
    let trouble = "the server has trouble: try again later";
    assert!(
        found.starts_with("warning ") && found.contains(trouble),
        "{found}"
    );
    assert_eq!(elsewhere.hits(), 1);
}

#[test]
fn a_redirect_of_the_server_is_told_and_a_proxy_that_is_passed_by() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => support::issuer::tokens(&Value::Null),
        _ => Reply::json(302, "{}").header("location", "https://b.example/x"),
    });
    let mut sandbox = Sandbox::with_client(&server, "");
    sandbox.env("http_proxy", "http://proxy.example:1");
    let run = sandbox.run(P);
    let name = format!("server {}", server.address());
    let words = "with a redirect to b.example, which is not followed";
    finds(
        &run,
        &name,
        words,
        "set the endpoint to the server's real",
        0,
    );
    let found = about(&run, "proxy");
    assert!(
        found.contains("is reached directly: it is this machine"),
        "{found}"
    );
}

#[test]
fn what_the_issuer_lacks_is_told() {
    let lacking = |_: &Request, all: &mut Value| all["token_endpoint"] = Value::Null;
    let own = "grant = \"client_credentials\"\nclient_secret = { env = \"P_SECRET\" }";
    let run = issued(lacking, own).run(P);
    let words = "there is no token_endpoint";
    finds(
        &run,
        "discovery",
        words,
        "set token_endpoint in the profile",
        3,
    );
    // What is set by hand makes up for an issuer that says nothing.
    let server = Server::tokens(60);
    let run = issued(
        |_, all| all["issuer"] = json!("https://b.example"),
        &format!("{own}\ntoken_endpoint = \"{}\"", server.url("/token")),
    )
    .run(P);
    let hint = "the endpoints that are set by hand are used";
    finds(
        &run,
        "discovery",
        "it is \"https://b.example\"'s, not",
        hint,
        0,
    );
    // Who has no secret uses none of the ways that are listed.
    let picky = |_: &Request, all: &mut Value| {
        all["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
    };
    for more in ["grant = \"device_code\"", &own.replace("P_SECRET", "UNSET")] {
        let run = issued(picky, more).run(P);
        assert!(!run.stdout.contains(" client_auth: "), "{run:?}");
    }
}

#[test]
fn a_login_under_way_and_a_browser_are_told() {
    let server = Server::tokens(60);
    let mut sandbox = Sandbox::new();
    sandbox.env("BROWSER", "true").config(&format!(
        "[profile.p]\ntoken_endpoint = \"{0}\"\nauthorization_endpoint = \"{0}\"\nclient_id = \"c\"\n\
         store = \"encrypted-file\"\n",
        server.url("/token")
    ));
    let found = about(&sandbox.run(P), "login");
    assert!(
        found.contains("in a browser here; redirect to http://127.0.0.1"),
        "{found}"
    );
    let mut login = support::Login::start(&sandbox, &[]);
    login.address();
    let found = about(&sandbox.run(P), "lock");
    assert!(
        found.contains("warning ") && found.contains("a login is under way in process "),
        "{found}"
    );
    login.signal(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn a_secret_in_the_configuration_is_told_once_and_who_can_read_it() {
    let open = |path: &Path, mode: u32| {
        File::open(path)
            .and_then(|file| file.set_permissions(Permissions::from_mode(mode)))
            .expect("ours");
    };
    let server = Server::tokens(60);
    let mut sandbox = Sandbox::new();
    let text = client_at(&server.url("/token"), "");
    sandbox.config(&text.replace("{ env = \"P_SECRET\" }", "\" copied badly \""));
    for (mode, readable) in [(0o600, false), (0o640, true), (0o604, true)] {
        open(&sandbox.config_file(), mode);
        let run = sandbox.run(P);
        no_problem(&run);
        let found = about(&run, "profile p");
        let words = if readable {
            "stands in the configuration file, which others can read\n"
        } else {
            "stands in the configuration file\n"
        };
        assert!(found.contains(words), "{found}");
        assert!(!run.stdout.contains(" client secret: "), "{run:?}");
    }
    // Whatever else has the same text, it is shown nowhere.
    let literal = text.replace("{ env = \"P_SECRET\" }", &format!("{SECRET:?}"));
    for config in [&text, &literal] {
        let mut sandbox = Sandbox::new();
        sandbox.env("P_SECRET", SECRET).env("no_proxy", SECRET);
        let run = sandbox.config(config).run(P);
        assert!(!run.stdout.contains(SECRET), "{run:?}");
    }
    let mut other = Sandbox::new();
    let run = other
        .env("no_proxy", SECRET)
        .config(&literal)
        .run(["doctor"]);
    assert!(!run.stdout.contains(SECRET), "{run:?}");
    // As in /tmp, where nobody replaces another's file.
    let directory = sandbox.config_dir().join("tokctl");
    open(&directory, 0o1777);
    let run = sandbox.run(P);
    assert!(!run.stdout.contains("can be written by others"), "{run:?}");
    sandbox.env("TOKCTL_STORE_KEY", "store-key-canary");
    let found = about(&sandbox.run(["doctor"]), "environment");
    assert!(found.contains(", TOKCTL_STORE_KEY is set"), "{found}");
    assert!(!found.contains("canary"), "{found}");
}

#[test]
fn a_key_is_told_with_its_kind_and_a_state_directory_that_is_not_there_yet() {
    let server = Server::tokens(60);
    for (key, kind) in [
        (EcKey::new(), "an EC key on P-256"),
        (EcKey::on_p384(), "an EC key on P-384"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("key", &key.pem);
        sandbox.config(&format!(
            "[profile.p]\ntoken_endpoint = \"{}\"\nclient_id = \"c\"\nclient_key = {{ file = \"~/key\" }}\n\
             store = \"none\"\n",
            server.url("/token")
        ));
        let run = sandbox.run(["doctor", "p", "--offline"]);
        no_problem(&run);
        assert!(about(&run, "client key").ends_with(&format!("/key: {kind}\n")));
        let found = about(&run, "state directory");
        assert!(
            found.contains("/state/tokctl (made when it is needed): can be"),
            "{found}"
        );
        assert!(files(&sandbox.state_dir()).is_empty());
    }
}

#[test]
fn every_store_of_docker_s_and_git_s_is_known() {
    let server = Server::tokens(60);
    let hosts = "hosts = [\"https://hub.example\"]";
    let sandbox = Sandbox::with_client(&server, hosts);
    for key in ["auth", "password", "identitytoken", "registrytoken"] {
        let config = json!({"auths": {"hub.example": {key: "x"}}, "credsStore": "tokctl-p"});
        sandbox.write(".docker/config.json", config.to_string());
        let found = about(&sandbox.run(["doctor"]), "docker");
        assert!(
            found.contains("a login for hub.example in clear text"),
            "{key}: {found}"
        );
        assert!(found.contains("asks tokctl for 1 of"), "{found}");
    }
    sandbox.write(
        ".gitconfig",
        "[credential]\nhelper = cache\nhelper = libsecret\nhelper = !tokctl helper git p\n",
    );
    let found = about(&sandbox.run(["doctor"]), "git");
    for words in [
        "the helper cache (",
        ") keeps every token in its memory, and gives out old ones\n",
        "the helper libsecret (",
        ") may keep every token that git gets from tokctl\n",
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn a_login_that_helm_or_skopeo_keeps_before_the_helper_is_told() {
    let server = Server::tokens(60);
    let hosts = "hosts = [\"https://registry.example:5000\", \"https://git.example\"]";
    let sandbox = Sandbox::with_client(&server, hosts);
    let kept = json!({"auths": {
        "registry.example:5000": {"auth": "canary"}, "git.example": {"auth": "canary"}, "empty.example": {}
    }});
    let helm = sandbox.write("config/helm/registry/config.json", kept.to_string());
    let containers = sandbox.runtime_dir().join("containers/auth.json");
    fs::create_dir_all(containers.parent().expect("it has one")).expect("made");
    fs::write(&containers, kept.to_string()).expect("written");
    // As long as docker's file does not name us, nobody asks us.
    let run = sandbox.run(["doctor"]);
    assert!(!run.stdout.contains("holds a login"), "{run:?}");
    let config = json!({"credHelpers": {"registry.example:5000": "tokctl-p"}});
    sandbox.write(".docker/config.json", config.to_string());
    let run = sandbox.run(["doctor"]);
    let found = about(&run, "docker");
    for (file, logout) in [
        (&helm, "helm registry logout"),
        (&containers, "skopeo logout"),
    ] {
        let words = format!("{} holds a login for registry.example:5000", file.display());
        assert!(found.contains(&words), "{words}: {found}");
        let words = format!("run: {logout} registry.example:5000");
        assert!(found.contains(&words), "{words}: {found}");
    }
    assert!(
        !run.stdout.contains("git.example, which") && !run.stdout.contains("canary"),
        "{run:?}"
    );
}

#[test]
fn a_clock_that_differs_by_little_bars_no_login() {
    let server = Server::start(|_| {
        let theirs = std::time::SystemTime::now() - std::time::Duration::from_secs(200);
        Reply::json(404, "{}").header("date", &httpdate::fmt_http_date(theirs))
    });
    let found = about(&Sandbox::with_client(&server, "").run(P), "clock");
    assert!(
        found.contains(" ahead of the server's\n") && found.contains("hint: to set the clock"),
        "{found}"
    );
}

#[test]
fn a_file_that_others_can_read_or_write_is_told_with_what_closes_it() {
    let server = Server::tokens(60);
    let open = |sandbox: &Sandbox, path: &str, mode: u32| {
        let path = sandbox.home().join(path);
        change_mode(&path, mode);
    };
    for (key, hint, file) in [
        (
            "client_secret",
            "client_secret = { file = \"FILE\" }",
            "own/file",
        ),
        (
            "client_secret",
            "client_secret = { env_file = \"FILE\", env = \"P_SECRET\" }",
            "own/file",
        ),
        (
            "client_key",
            "client_auth = \"private_key_jwt\"\nclient_key = { file = \"FILE\" }",
            "own/file",
        ),
    ] {
        let sandbox = Sandbox::new();
        let path = sandbox.write(file, "P_SECRET=a secret of its own\n");
        let text = client_at(
            &server.url("/token"),
            &hint.replace("FILE", &path.display().to_string()),
        );
        let text = text.replace("client_secret = { env = \"P_SECRET\" }\n", "");
        sandbox.config(&text);
        change_mode(sandbox.home(), 0o755);
        change_mode(path.parent().expect("a directory"), 0o755);
        let run = |mode: u32| {
            open(&sandbox, file, mode);
            sandbox.run(["doctor", "p", "--offline"])
        };
        let found = run(0o644);
        let told = format!("{key}: {} can be read by other users", path.display());
        let closes = format!("run: chmod go-rwx {}", path.display());
        let said = about(&found, "profile p");
        assert!(said.contains(&told) && said.contains(&closes), "{found:?}");
        assert!(about(&run(0o622), "profile p").contains("can be written by others"));
        assert!(!run(0o600).stdout.contains("profile p: "), "{key}");
        // Nobody comes to it.
        change_mode(path.parent().expect("a directory"), 0o700);
        assert!(!run(0o644).stdout.contains("profile p: "), "{key}");
    }
    let sandbox = Sandbox::new();
    let path = sandbox.write("own/ca.pem", "");
    change_mode(&path, 0o666);
    sandbox.config(&client_at(
        &server.url("/token"),
        &format!("ca_file = \"{}\"", path.display()),
    ));
    let found = sandbox.run(["doctor", "p", "--offline"]);
    let why = "can be written by others (mode 0666), so that they can stand in for the server";
    finds(
        &found,
        "profile p",
        why,
        &format!("run: chmod go-w {}", path.display()),
        3,
    );
}

/// Whatever the umask is.
#[expect(clippy::disallowed_methods, reason = "open to others on purpose")]
fn change_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its owner");
}
