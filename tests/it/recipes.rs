//! The recipes of tokctl-recipes(7): each is run as the page has it, by the program itself, against a
//! server on loopback. Only hosts and places are put in.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use support::git::{GitHost, schemes};
use support::registries::{self, MANIFEST};
use support::smtp::MailServer;
use support::{Reply, Run, Running, Sandbox, Server, TlsServer, Tokens};

/// Every recipe, in the order of the page.
const RECIPES: &[&str] = &[
    "curl",
    "git",
    "git-lfs",
    "docker",
    "skopeo",
    "helm",
    "oras",
    "crane",
    "kubectl",
    "cargo",
    "go",
    "go, straight from git",
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "Maven",
    "uv",
    "terraform",
    "bazel",
    "msmtp",
    "crontab",
    "systemd timer",
];

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/tokctl-recipes.7");
    fs::read_to_string(path).expect("the page is there")
}

/// The literal blocks of a recipe, as a reader of the page sees them.
#[track_caller]
fn recipe(name: &str) -> Vec<String> {
    let page = page();
    let title = format!("\n.SS {}\n", name.replace('-', "\\-"));
    let (_, rest) = page.split_once(&title).expect("the page has it");
    let end = [rest.find("\n.SS "), rest.find("\n.SH ")];
    let end = end.into_iter().flatten().min().unwrap_or(rest.len());
    let text = format!("\n{}", &rest[..end]);
    let blocks = text.split("\n.nf\n").skip(1);
    blocks
        .map(|block| shown(block.split("\n.fi").next().expect("it ends")))
        .collect()
}

/// What a formatter makes of a literal block.
fn shown(source: &str) -> String {
    let plain = source.replace("\\-", "-").replace("\\(dq", "\"");
    assert!(
        !plain.replace("\\e", "").contains('\\'),
        "an escape that no test knows: {source}"
    );
    plain.replace("\\e", "\\") + "\n"
}

#[test]
fn each_recipe_of_the_page_is_run_here() {
    let page = page();
    let titles = page.lines().filter_map(|line| line.strip_prefix(".SS "));
    let titles: Vec<String> = titles.map(|title| title.replace("\\-", "-")).collect();
    assert_eq!(titles, RECIPES);
    for name in RECIPES {
        assert!(!recipe(name).is_empty(), "{name}");
    }
}

/// A home in which `tokctl` is found by its name, and `corp` gets tokens here for these hosts.
fn home(token_endpoint: &str, hosts: &[&str]) -> Sandbox {
    let mut sandbox = Sandbox::new();
    configure(&sandbox, "config/tokctl", token_endpoint, hosts);
    fs::create_dir(sandbox.home().join("bin")).expect("it can be made");
    symlink(support::tokctl(), sandbox.home().join("bin/tokctl")).expect("linked");
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools");
    let mut path = vec![sandbox.home().join("bin")];
    path.extend(["bin", "go/bin", "uv/bin", "pnpm/node_modules/.bin"].map(|dir| tools.join(dir)));
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").expect("there is one"),
    ));
    sandbox.env("PATH", std::env::join_paths(path).expect("no colons"));
    sandbox.env("no_proxy", "*");
    // npm and terraform ask home whether there is a newer one.
    sandbox.env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
    sandbox.env("CHECKPOINT_DISABLE", "1");
    sandbox
}

fn configure(sandbox: &Sandbox, dir: &str, token_endpoint: &str, hosts: &[&str]) {
    let config = format!(
        "[profile.corp]\ntoken_endpoint = \"{token_endpoint}\"\nclient_id = \"id\"\n\
         client_secret = {{ file = \"secret\" }}\nstore = \"plaintext\"\naccess_cache = \"none\"\nhosts = {}\n",
        json!(hosts)
    );
    sandbox.write(format!("{dir}/config.toml"), config);
    sandbox.write(format!("{dir}/secret"), "canary\n");
}

/// A recipe's text with our places in it, each of which must be there.
#[track_caller]
fn with(text: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(text.to_owned(), |text, (there, here)| {
        assert!(text.contains(there), "no {there} in {text}");
        text.replace(there, here)
    })
}

/// Runs a recipe's commands, in this directory of the home.
#[track_caller]
fn run_in(sandbox: &Sandbox, dir: &str, script: &str) -> Run {
    let mut command = sandbox.program("sh", ["-euc", script]);
    command
        .current_dir(sandbox.home().join(dir))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    Running::start(command, None).wait()
}

#[track_caller]
fn run(sandbox: &Sandbox, script: &str) -> Run {
    run_in(sandbox, "", script)
}

/// The commands have ended well, and the last has printed this.
#[track_caller]
fn printed(run: &Run, last: &str) {
    assert!(
        run.code == 0 && run.stdout.ends_with(last),
        "wanted {last:?}: {run:?}"
    );
}

/// An API that answers who brings a good token.
fn api() -> Server {
    Server::tokens(3600)
}

/// Requests that somebody has made without a token, or with a bad one.
fn strangers(server: &Server) -> usize {
    let requests = server.requests();
    let bad = |request: &&support::Request| {
        request.path != "/token"
            && !request
                .header("authorization")
                .is_some_and(|value| value.contains("at-"))
    };
    requests.iter().filter(bad).count()
}

#[test]
fn curl() {
    let server = api();
    let sandbox = home(&server.url("/token"), &[&server.url("")]);
    let places = [("https://api.corp.example", &server.url("") as &str)];
    let recipes = recipe("curl");
    assert_eq!(recipes.len(), 2);
    for text in &recipes {
        run(&sandbox, &with(text, &places)).ok("{\"ok\":true}");
    }
    // Without a token no request is made.
    let broken = home(&server.url("/token"), &[]);
    fs::remove_file(broken.home().join("config/tokctl/secret")).expect("it was there");
    for text in &recipes {
        run(&broken, &with(text, &places)).fails(3, "corp");
    }
    assert_eq!(strangers(&server), 0);
}

/// A git host that wants Basic, as git-lfs before 3.6 does, and a home for it.
fn git_host(scheme: &'static str) -> (Sandbox, GitHost) {
    let sandbox = home("http://127.0.0.1:1/token", &[]);
    let host = GitHost::start(&sandbox, scheme);
    configure(
        &sandbox,
        "config/tokctl",
        &host.server.url("/token"),
        &[&host.origin()],
    );
    (sandbox, host)
}

/// The access tokens that the host has been given; the client's own secret went to the token endpoint.
fn given(host: &GitHost) -> Vec<String> {
    let mut given = host.presented();
    given.retain(|token| token.starts_with("at-"));
    given.dedup();
    given
}

#[test]
fn git() {
    for scheme in schemes() {
        let (sandbox, host) = git_host(scheme);
        // A helper that writes passwords down, before ours: it is taken away for this host.
        sandbox.write(".gitconfig", "[credential]\n\thelper = store\n");
        let [text] = &recipe("git")[..] else {
            panic!("one block")
        };
        printed(
            &run(
                &sandbox,
                &with(text, &[("https://git.corp.example", &host.origin())]),
            ),
            "",
        );
        assert!(sandbox.home().join("x/.git").is_dir());
        assert!(
            !sandbox.home().join(".git-credentials").exists(),
            "{scheme}"
        );
        assert_eq!(given(&host), ["at-1"]);
        // And back, after which nobody has a token to give.
        let back = "tokctl helper install git corp --remove && cat .gitconfig && ! git ls-remote";
        let run = run(&sandbox, &format!("{back} {}", host.url()));
        printed(&run, "[credential]\n\thelper = store\n");
    }
}

#[test]
#[ignore = "needs git-lfs: tests/run installs it"]
fn git_lfs() {
    let (sandbox, host) = git_host("Basic");
    let [text] = &recipe("git-lfs")[..] else {
        panic!("one block")
    };
    let text = with(text, &[("https://git.corp.example", &host.origin())]);
    printed(&run(&sandbox, &text), "");
    let push = "cd x && git lfs track '*.bin' && head -c 100000 /dev/urandom > a.bin && \
        git add . && git -c user.name=t -c user.email=t@t.example commit -q -m lfs && git push -q && git lfs ls-files";
    let pushed = run(&sandbox, push);
    assert!(
        pushed.code == 0 && pushed.stdout.contains("a.bin"),
        "{pushed:?}"
    );
    let object = support::sandbox::files(&host.repository().with_file_name("lfs"));
    assert_eq!(object.len(), 1, "it is not in the repository itself");
    // Renewed for git-lfs too.
    host.revoke("at-1");
    fs::rename(sandbox.home().join("x"), sandbox.home().join("first")).expect("renamed");
    fs::remove_dir_all(sandbox.home().join("state")).expect("it was there");
    printed(&run(&sandbox, &text), "");
    let same = "cmp x/a.bin first/a.bin && wc -c < x/a.bin";
    run(&sandbox, same).ok("100000\n");
    assert_eq!(given(&host), ["at-1", "at-2"]);
    let asked = host.server.requests();
    let of_lfs = asked
        .iter()
        .filter(|request| request.path.starts_with("/lfs/"));
    assert!(of_lfs.clone().any(|request| request.method == "PUT"));
    assert!(of_lfs.clone().any(|request| request.method == "GET"));
}

#[test]
#[ignore = "needs docker's client, and openssl: tests/run installs them"]
fn docker() {
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| registries::docker(&tokens, request));
    let mut sandbox = home(&server.server.url("/token"), &[&server.url("")]);
    sandbox.env("SSL_CERT_FILE", server.ca_file());
    let [text] = &recipe("docker")[..] else {
        panic!("one block")
    };
    let place = server.address().to_string();
    let run = run(&sandbox, &with(text, &[("registry.corp.example", &place)]));
    let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    assert!(run.code == 0 && shown["schemaVersion"] == 2, "{run:?}");
}

#[test]
#[ignore = "needs skopeo: tests/run installs it"]
fn skopeo() {
    let tokens = Arc::new(Tokens::new(3600));
    let server = Server::start(move |request| registries::docker(&tokens, request));
    let sandbox = home(&server.url("/token"), &[&server.url("")]);
    let place = server.address().to_string();
    let insecure = format!("[[registry]]\nlocation = \"{place}\"\ninsecure = true\n");
    sandbox.write(".config/containers/registries.conf", insecure);
    let [text] = &recipe("skopeo")[..] else {
        panic!("one block")
    };
    printed(
        &run(&sandbox, &with(text, &[("registry.corp.example", &place)])),
        MANIFEST,
    );
    let back = run(
        &sandbox,
        "tokctl helper install docker corp --remove; ls -A .docker",
    );
    printed(&back, "");
}

/// An archive of one directory of the home.
fn archive(sandbox: &Sandbox, dir: &str) -> Vec<u8> {
    let words = ["-czf", "archive.tgz", dir];
    let made = sandbox.program("tar", words).status().expect("tar runs");
    assert!(made.success());
    fs::read(sandbox.home().join("archive.tgz")).expect("it is there")
}

/// A registry with one chart, and a home for it.
fn charts() -> (Sandbox, Server, Arc<Tokens>) {
    let sandbox = home("http://127.0.0.1:1/token", &[]);
    let chart = "apiVersion: v2\nname: demo\nversion: 1.0.0\n";
    sandbox.write("demo/Chart.yaml", chart);
    let chart = archive(&sandbox, "demo");
    let tokens = Arc::new(Tokens::new(3600));
    let server = Server::start({
        let tokens = Arc::clone(&tokens);
        move |request| registries::charts(&tokens, &chart, request)
    });
    let (token, host) = (server.url("/token"), server.url(""));
    configure(&sandbox, "config/tokctl", &token, &[&host]);
    (sandbox, server, tokens)
}

#[test]
#[ignore = "needs helm: tests/run installs it"]
fn helm() {
    let (sandbox, server, tokens) = charts();
    let [text, logout] = &recipe("helm")[..] else {
        panic!("two blocks")
    };
    let place = server.address().to_string();
    let registry = ("registry.corp.example", place.as_str());
    let plain = ("--version 1.0.0", "--version 1.0.0 --plain-http");
    let text = with(text, &[registry, plain]);
    let got = "test -s demo-1.0.0.tgz && rm demo-1.0.0.tgz && echo got";
    printed(&run(&sandbox, &format!("{text}{got}")), "got\n");
    // The trap: what helm was once given comes first, and nobody renews it.
    let login = format!(
        "tokctl get corp | helm registry login {place} --plain-http -u oauth2 --password-stdin"
    );
    assert_eq!(run(&sandbox, &login).code, 0);
    tokens.revoke();
    fs::remove_dir_all(sandbox.home().join("state")).expect("it was there");
    let stale = run(&sandbox, &text);
    assert!(stale.code == 1 && stale.stderr.contains("401"), "{stale:?}");
    let told = "holds a login for";
    assert!(stale.stderr.contains(told), "by helper install: {stale:?}");
    let doctor = run(&sandbox, "tokctl doctor || true");
    let remedy = with(logout, &[registry]);
    let remedy = format!("run: {}", remedy.trim_end());
    for words in [told, "which helm takes before it asks tokctl", &remedy] {
        assert!(doctor.stdout.contains(words), "{words}: {doctor:?}");
    }
    let mended = format!("{}{text}{got}", with(logout, &[registry]));
    printed(&run(&sandbox, &mended), "got\n");
    let doctor = run(&sandbox, "tokctl doctor || true");
    assert!(!doctor.stdout.contains(told), "{doctor:?}");
}

#[test]
#[ignore = "needs oras' library for Python: tests/run installs it"]
fn oras() {
    let (sandbox, server, _) = charts();
    let [text] = &recipe("oras")[..] else {
        panic!("one block")
    };
    let place = server.address().to_string();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/oci/bin/python");
    let asks = format!(
        "{} -c 'import oras.client; client = oras.client.OrasClient(insecure=True, auth_backend=\"basic\"); \
         print(client.get_manifest(\"{place}/charts/demo:1.0.0\")[\"schemaVersion\"])'",
        python.display()
    );
    let places = [(
        "oras manifest fetch registry.corp.example/x:1",
        asks.as_str(),
    )];
    printed(&run(&sandbox, &with(text, &places)), "2\n");
}

#[test]
fn crane() {
    let server = api();
    let sandbox = home(&server.url("/token"), &["https://registry.corp.example"]);
    let [text] = &recipe("crane")[..] else {
        panic!("one block")
    };
    // What crane does for each registry.
    let asks = "echo registry.corp.example | docker-credential-$(jq -r \
        '.credHelpers[\"registry.corp.example\"]' .docker/config.json) get";
    let places = [("crane manifest registry.corp.example/x:1", asks)];
    let run = run(&sandbox, &with(text, &places));
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    assert!(run.code == 0 && answer["Secret"] == "at-1", "{run:?}");
}

#[test]
#[ignore = "needs kubectl and openssl: tests/run installs them"]
fn kubectl_itself() {
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| {
        let reply = tokens.answer(request);
        match (request.path.as_str(), reply.status) {
            ("/token", _) | (_, 401) => reply,
            _ => Reply::json(200, "{\"major\":\"1\"}"),
        }
    });
    let sandbox = home(&server.server.url("/token"), &[&server.url("")]);
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": server.url(""), "certificate-authority": server.ca_file() } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    sandbox.write(".kube/config", config.to_string());
    let [text] = &recipe("kubectl")[..] else {
        panic!("one block")
    };
    printed(&run(&sandbox, text), "{\"major\":\"1\"}");
}

#[test]
fn cargo() {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registries::cargo(&tokens, "", request));
    let mut sandbox = home(&server.url("/token"), &[&server.url("")]);
    let [config, commands] = &recipe("cargo")[..] else {
        panic!("two blocks")
    };
    let places = [("https://cargo.corp.example", &server.url("") as &str)];
    sandbox.write(".cargo/config.toml", with(config, &places));
    sandbox.write("crate/src/lib.rs", "");
    sandbox.write(
        "crate/Cargo.toml",
        "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n\
         demo = { version = \"1\", registry = \"corp\" }\n",
    );
    for (name, value) in registries::rust_environment() {
        sandbox.env(name, value);
    }
    let run = run_in(&sandbox, "crate", commands);
    assert_eq!(run.code, 0, "{run:?}");
    let lock = fs::read_to_string(sandbox.home().join("crate/Cargo.lock")).expect("it is there");
    assert!(lock.contains("name = \"demo\""), "{lock}");
}

#[test]
#[ignore = "needs go 1.24 and openssl: tests/run installs them"]
fn go() {
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| {
        let reply = tokens.answer(request);
        match (request.path.as_str(), reply.status) {
            ("/token", _) | (_, 401) => reply,
            (path, _) => registries::go(path),
        }
    });
    let mut sandbox = home(&server.server.url("/token"), &[&server.url("")]);
    sandbox.env("SSL_CERT_FILE", server.ca_file());
    for (name, value) in [
        ("GOSUMDB", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOFLAGS", "-modcacherw"),
    ] {
        sandbox.env(name, value);
    }
    let [text] = &recipe("go")[..] else {
        panic!("one block")
    };
    let run = run(
        &sandbox,
        &with(text, &[("https://go.corp.example", &server.url(""))]),
    );
    printed(&run, "corp.example/demo v1.0.0 v1.1.0\n");
}

#[test]
#[ignore = "needs go 1.24: tests/run installs it"]
fn go_straight_from_git() {
    let (mut sandbox, host) = git_host("Basic");
    let tag = [
        "-C",
        &host.repository().display().to_string(),
        "tag",
        "v1.2.3",
        "main",
    ]
    .map(str::to_owned);
    let tagged = sandbox.program("git", tag).status().expect("git runs");
    assert!(tagged.success());
    // A module's path has no port.
    let real = format!(
        "[url \"{}/\"]\n\tinsteadOf = https://git.corp.example/\n",
        host.origin()
    );
    sandbox.write(".gitconfig", real);
    for (name, value) in [("GOTOOLCHAIN", "local"), ("GOFLAGS", "-modcacherw")] {
        sandbox.env(name, value);
    }
    let [text] = &recipe("go, straight from git")[..] else {
        panic!("one block")
    };
    printed(&run(&sandbox, text), "git.corp.example/x.git v1.2.3\n");
    assert_eq!(given(&host), ["at-1"]);
}

/// A registry with `@corp/demo`, and a home with a project that needs it.
fn packages() -> (Sandbox, Server) {
    let mut sandbox = home("http://127.0.0.1:1/token", &[]);
    sandbox.write(
        "package/package.json",
        r#"{"name":"@corp/demo","version":"1.0.0"}"#,
    );
    let archive = archive(&sandbox, "package");
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registries::npm(&tokens, &archive, request));
    configure(&sandbox, "config/tokctl", &server.url("/token"), &[]);
    let project = r#"{"name":"x","version":"1.0.0","dependencies":{"@corp/demo":"1.0.0"}}"#;
    sandbox.write("project/package.json", project);
    sandbox.write("project/yarn.lock", "");
    sandbox.env("YARN_ENABLE_TELEMETRY", "0");
    // Root's is not below the home.
    let cache = sandbox.home().join("yarn-cache");
    sandbox.env("YARN_CACHE_FOLDER", cache);
    // Whatever is looked for elsewhere is not there.
    for name in ["NPM_CONFIG_REGISTRY", "YARN_NPM_REGISTRY_SERVER"] {
        sandbox.env(name, "http://127.0.0.1:1/");
    }
    (sandbox, server)
}

/// Without a token the program is not even started: there is no request.
#[track_caller]
fn nothing_runs_without_a_token(sandbox: &Sandbox, server: &Server, commands: &str) {
    let before = server.hits();
    fs::remove_file(sandbox.home().join("config/tokctl/secret")).expect("it was there");
    fs::remove_dir_all(sandbox.home().join("state")).expect("it was there");
    let run = run_in(sandbox, "project", commands);
    run.fails(3, "corp");
    assert_eq!(server.hits(), before, "{run:?}");
}

#[test]
#[ignore = "needs npm: tests/run installs it"]
fn npm() {
    let (sandbox, server) = packages();
    let [config, commands] = &recipe("npm")[..] else {
        panic!("two blocks")
    };
    sandbox.write(".npmrc", with(config, &npm_places(&server)));
    run_in(&sandbox, "project", commands).ok("1.0.0\n");
    assert_eq!(strangers(&server), 0);
    nothing_runs_without_a_token(&sandbox, &server, commands);
}

#[test]
#[ignore = "needs yarn: tests/run installs both kinds"]
fn yarn() {
    let (sandbox, server) = packages();
    let [config, commands] = &recipe("yarn")[..] else {
        panic!("two blocks")
    };
    let config = with(config, &npm_places(&server)[..1]);
    // It sends nothing without TLS, but where it is told to.
    let config = format!("{config}unsafeHttpWhitelist: [\"127.0.0.1\"]\n");
    sandbox.write(".yarnrc.yml", config);
    let run = run_in(&sandbox, "project", commands);
    assert_eq!(run.code, 0, "{run:?}");
    let lock = fs::read_to_string(sandbox.home().join("project/yarn.lock")).expect("it is there");
    assert!(lock.contains("@corp/demo@npm:1.0.0"), "{lock}");
    assert!(server.hits() > 1 && strangers(&server) == 0);
    nothing_runs_without_a_token(&sandbox, &server, commands);
}

#[test]
#[ignore = "needs yarn: tests/run installs both kinds"]
fn yarn_1_with_the_file_of_npm() {
    let (sandbox, server) = packages();
    let config = &recipe("npm")[0];
    sandbox.write(".npmrc", with(config, &npm_places(&server)));
    let commands = with(&recipe("yarn")[1], &[("yarn install", "yarn-1 install")]);
    installs(&sandbox, &server, &commands);
}

#[test]
#[ignore = "needs bun: tests/run installs it"]
fn bun() {
    let (sandbox, server) = packages();
    let config = &recipe("npm")[0];
    sandbox.write(".npmrc", with(config, &npm_places(&server)));
    installs(&sandbox, &server, &recipe("bun")[0]);
}

/// The package comes, each request has the token, and nothing runs without one.
#[track_caller]
fn installs(sandbox: &Sandbox, server: &Server, commands: &str) {
    let run = run_in(sandbox, "project", commands);
    assert_eq!(run.code, 0, "{run:?}");
    let package = sandbox.home().join("project/node_modules/@corp/demo");
    assert!(package.join("package.json").is_file(), "{run:?}");
    assert!(server.hits() > 1 && strangers(server) == 0);
    nothing_runs_without_a_token(sandbox, server, commands);
}

#[test]
#[ignore = "needs Maven: tests/run installs it"]
fn maven() {
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registries::maven(&tokens, request));
    let mut sandbox = home(&server.url("/token"), &[]);
    // Java looks a home up in the user database.
    let home = format!("-Duser.home={}", sandbox.home().display());
    sandbox.env("MAVEN_OPTS", home);
    sandbox.write(
        "project/pom.xml",
        "<project><modelVersion>4.0.0</modelVersion><parent><groupId>example.corp</groupId><artifactId>demo</artifactId>\
         <version>1.0</version><relativePath/></parent><artifactId>x</artifactId><packaging>pom</packaging></project>",
    );
    let [settings, bearer, commands] = &recipe("Maven")[..] else {
        panic!("three blocks")
    };
    let settings = with(settings, &[("https://maven.corp.example", &server.url(""))]);
    let (head, rest) = settings
        .split_once("      <username>")
        .expect("it is there");
    let (_, tail) = rest.split_once("</password>\n").expect("it is there");
    for settings in [settings.clone(), format!("{head}{bearer}{tail}")] {
        sandbox.write(".m2/settings.xml", &settings);
        let run = run_in(&sandbox, "project", commands);
        assert!(
            run.code == 0 && run.stdout.contains("BUILD SUCCESS"),
            "{run:?}"
        );
        // It is fetched again.
        fs::remove_dir_all(sandbox.home().join(".m2/repository")).expect("it was there");
    }
    let values = server.requests();
    let values = values
        .iter()
        .filter_map(|request| request.header("authorization"));
    let schemes: Vec<_> = values.filter_map(|value| value.split(' ').next()).collect();
    assert!(
        schemes.contains(&"Basic") && schemes.contains(&"Bearer"),
        "{schemes:?}"
    );
    nothing_runs_without_a_token(&sandbox, &server, commands);
}

/// Where npm and pnpm find the registry, with its scheme and without.
fn npm_places(server: &Server) -> [(&'static str, &'static str); 2] {
    let url: &'static str = server.url("").leak();
    [
        ("https://npm.corp.example", url),
        (
            "//npm.corp.example",
            url.strip_prefix("http:").expect("http"),
        ),
    ]
}

#[test]
#[ignore = "needs pnpm 11: tests/run installs it"]
fn pnpm() {
    let (sandbox, server) = packages();
    let [config, commands] = &recipe("pnpm")[..] else {
        panic!("two blocks")
    };
    sandbox.write(".npmrc", with(config, &npm_places(&server)));
    let run = run_in(&sandbox, "project", commands);
    printed(&run, "1.0.0\n");
    assert_eq!(strangers(&server), 0);
}

#[test]
#[ignore = "needs uv and python3: tests/run installs them"]
fn uv() {
    let sandbox = home("http://127.0.0.1:1/token", &[]);
    let wheel = sandbox.home().join("demo-1.0-py3-none-any.whl");
    let made = sandbox
        .program("python3", ["-c", WHEEL])
        .status()
        .expect("python3 runs");
    assert!(made.success());
    let wheel = fs::read(wheel).expect("it is there");
    let tokens = Tokens::new(3600);
    let server = Server::start(move |request| registries::pypi(&tokens, &wheel, request));
    configure(&sandbox, "config/tokctl", &server.url("/token"), &[]);
    let [index, commands] = &recipe("uv")[..] else {
        panic!("two blocks")
    };
    let project = "[project]\nname = \"x\"\nversion = \"0.1.0\"\nrequires-python = \">=3.8\"\ndependencies = [\"demo\"]\n\n\
        [tool.uv.sources]\ndemo = { index = \"corp\" }\n\n";
    let index = with(index, &[("https://pypi.corp.example", &server.url(""))]);
    sandbox.write("project/pyproject.toml", format!("{project}{index}"));
    let commands = format!(
        "export UV_PYTHON_DOWNLOADS=never\n{commands}.venv/bin/python -c 'import demo; print(demo.word)'"
    );
    printed(&run_in(&sandbox, "project", &commands), "hello\n");
}

/// Makes a wheel with one module.
const WHEEL: &str = r#"
import zipfile
with zipfile.ZipFile("demo-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("demo.py", "word = 'hello'\n")
    wheel.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    wheel.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("demo-1.0.dist-info/RECORD", "demo.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/WHEEL,,\ndemo-1.0.dist-info/RECORD,,\n")
"#;

#[test]
#[ignore = "needs terraform and openssl: tests/run leaves it out where there is no terraform"]
fn terraform_itself() {
    let module = tempfile::tempdir().expect("it can be made");
    fs::write(
        module.path().join("main.tf"),
        "output \"x\" { value = 1 }\n",
    )
    .expect("written");
    let place: PathBuf = module.path().to_owned();
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| registries::terraform(&tokens, &place, request));
    let mut sandbox = home(&server.server.url("/token"), &[&server.url("")]);
    sandbox.env("SSL_CERT_FILE", server.ca_file());
    let source = format!("{}/corp/demo/null", server.address());
    sandbox.write(
        "infra/main.tf",
        format!("module \"demo\" {{\n  source  = \"{source}\"\n  version = \"1.0.0\"\n}}\n"),
    );
    let [text] = &recipe("terraform")[..] else {
        panic!("one block")
    };
    let run = run_in(&sandbox, "infra", text);
    assert!(
        run.code == 0 && run.stdout.contains("successfully initialized"),
        "{run:?}"
    );
    assert_eq!(strangers(&server.server), 0);
    // Taken back, it is nobody.
    let script = format!("rm -r .terraform; tokctl helper install terraform corp --remove; {text}");
    let script = script.replace("tokctl helper install terraform corp\n", "");
    let run = run_in(&sandbox, "infra", &script);
    assert_eq!(run.code, 1, "{run:?}");
}

#[test]
fn bazel() {
    let server = api();
    let sandbox = home(&server.url("/token"), &["https://git.corp.example"]);
    let [text] = &recipe("bazel")[..] else {
        panic!("one block")
    };
    // What bazel itself would do with the line.
    let asked =
        "rc=$(cat ~/.bazelrc); echo '{\"uri\":\"https://git.corp.example/x\"}' | \"${rc##*=}\" get";
    let run = run(&sandbox, &with(text, &[("bazel build //...", asked)]));
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    let wanted = json!({ "Authorization": ["Bearer at-1"] });
    assert!(run.code == 0 && answer["headers"] == wanted, "{run:?}");
}

#[test]
#[ignore = "needs msmtp: tests/run installs it"]
fn msmtp() {
    let server = api();
    let mail = MailServer::start("at-1");
    let sandbox = home(&server.url("/token"), &[]);
    let [config, commands] = &recipe("msmtp")[..] else {
        panic!("two blocks")
    };
    let port = format!("port {}", mail.address().port());
    let places = [
        ("smtp.corp.example", "127.0.0.1"),
        ("port 587", &port),
        ("tls on", "tls off"),
    ];
    sandbox.write(".msmtprc", with(config, &places));
    run(&sandbox, commands).ok("");
    // The server hears QUIT, and puts the mail down, when msmtp may have ended.
    support::grants::wait_for("the mail", || !mail.taken().is_empty());
    let [taken] = &mail.taken()[..] else {
        panic!("one mail")
    };
    assert!(
        taken.contains("Subject: hello\r\n") && taken.contains("\r\nhello\r\n"),
        "{taken}"
    );
    // The other word for it, which the page names.
    let stranger = MailServer::start("another");
    let port = format!("port {}", stranger.address().port());
    let places = [
        ("smtp.corp.example", "127.0.0.1"),
        ("port 587", &port),
        ("tls on", "tls off"),
    ];
    sandbox.write(
        ".msmtprc",
        with(config, &places).replace("oauthbearer", "xoauth2"),
    );
    let run = run(&sandbox, commands);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(stranger.taken().is_empty());
}

/// A shell's line as cron and systemd start it: nothing but a home and the system's programs.
#[track_caller]
fn bare(sandbox: &Sandbox, line: &str) -> Run {
    let mut command = sandbox.program("sh", ["-c", line]);
    command
        .env_clear()
        .env("HOME", sandbox.home())
        .env("PATH", "/usr/bin:/bin");
    Running::start(command, None).wait()
}

/// A home whose `tokctl` is asked for by its path.
fn job(server: &Server) -> (Sandbox, String) {
    let sandbox = home(&server.url("/token"), &[]);
    configure(&sandbox, ".config/tokctl", &server.url("/token"), &[]);
    let tokctl = sandbox.home().join("bin/tokctl").display().to_string();
    (sandbox, tokctl)
}

#[test]
fn crontab() {
    let server = api();
    let (sandbox, tokctl) = job(&server);
    let [request, refresh] = &recipe("crontab")[..] else {
        panic!("two lines")
    };
    let places = [
        ("/usr/local/bin/tokctl", tokctl.as_str()),
        ("https://api.corp.example", &server.url("")),
    ];
    // The sixth field is the command, in which a bare % would end it (crontab(5)).
    let command = |line: &str| {
        assert!(
            !line.contains('%') && line.trim_end().lines().count() == 1,
            "{line}"
        );
        let fields: Vec<&str> = line.splitn(6, char::is_whitespace).collect();
        assert!(
            fields[..5]
                .iter()
                .all(|field| field.chars().all(|c| c.is_ascii_digit() || c == '*'))
        );
        fields[5].trim_start().to_owned()
    };
    bare(&sandbox, &with(&command(request), &places)).ok("{\"ok\":true}");
    bare(&sandbox, &with(&command(refresh), &places[..1])).ok("");
    assert_eq!(strangers(&server), 0);
}

#[test]
#[ignore = "needs systemd-analyze: tests/run installs it"]
fn systemd_timer() {
    let server = api();
    let (sandbox, tokctl) = job(&server);
    let [service, timer, _enable] = &recipe("systemd timer")[..] else {
        panic!("three blocks")
    };
    let places = [
        ("/usr/local/bin/tokctl", tokctl.as_str()),
        ("https://api.corp.example", &server.url("")),
    ];
    let service = with(service, &places);
    sandbox.write("units/nightly.service", &service);
    sandbox.write("units/nightly.timer", timer);
    let words = [
        "verify",
        "--user",
        "units/nightly.timer",
        "units/nightly.service",
    ];
    let verified = Running::start(sandbox.program("systemd-analyze", words), None).wait();
    verified.ok("");
    // systemd.service(5): `$$` is a dollar sign, and single quotes make one word.
    let line = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a line");
    bare(&sandbox, &line.replace("$$", "$")).ok("{\"ok\":true}");
    assert_eq!(strangers(&server), 0);
}
