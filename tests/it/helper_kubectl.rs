//! The exec credential protocol, and the real kubectl against an API server on loopback.
#![cfg(unix)]

use crate::support;

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::helpers::{EXEC, exec_info};
use support::profiles::grant_at;
use support::registries;
use support::{Reply, Run, Running, Sandbox, Server, TlsServer, Tokens};

/// What the API server says of itself.
const VERSION: &str = r#"{"major":"1","minor":"35","gitVersion":"v1.35.0","gitCommit":"x","gitTreeState":"clean","buildDate":"2026-01-01T00:00:00Z","goVersion":"go1.25","compiler":"gc","platform":"linux/amd64"}"#;

const HOST: &str = "k8s.corp.example";
const HOSTS: &str = "store = \"plaintext\"\nhosts = [\"https://k8s.corp.example\"]";

#[track_caller]
fn asked(sandbox: &Sandbox, words: &[&str], info: &str) -> Run {
    let mut command = sandbox.command([&["helper", "kubectl"], words].concat());
    command.env("KUBERNETES_EXEC_INFO", info);
    Running::start(command, None).wait()
}

/// A time as the protocol writes it, in so many seconds.
fn in_seconds(sandbox: &Sandbox, text: &Value) -> i64 {
    let text = text.as_str().expect("a string");
    let well_made = text.len() == 20 && text.ends_with('Z');
    assert!(well_made, "{text}");
    let date = sandbox.program("date", ["-u", "-d", text, "+%s"]).output();
    let date = String::from_utf8(date.expect("date runs").stdout).expect("text");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_secs()).expect("it fits");
    date.trim().parse::<i64>().expect("a number") - now
}

#[test]
fn the_answer_is_of_the_version_that_was_asked_for() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for version in ["v1", "v1beta1"] {
        let mut answer = asked(&sandbox, &["p"], &exec_info(version, HOST)).json();
        let end = answer["status"]["expirationTimestamp"].take();
        let left = in_seconds(&sandbox, &end);
        assert!((3530..=3540).contains(&left), "{left}");
        let wanted = json!({ "apiVersion": format!("{EXEC}/{version}"), "kind": "ExecCredential",
            "status": { "token": "at-1", "expirationTimestamp": null } });
        assert_eq!(answer, wanted);
    }
    for version in ["v1alpha1", "v2", "", "v1 ", "V1"] {
        let run = asked(&sandbox, &["p"], &exec_info(version, HOST));
        run.fails(2, &format!("{EXEC}/v1 and {EXEC}/v1beta1"));
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
    let other = exec_info("v1", HOST).replace(EXEC, "evil.example");
    asked(&sandbox, &["p"], &other).fails(2, "apiVersion");
}

#[test]
fn where_no_version_is_asked_for_the_newest_is_answered() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let run = sandbox.run(["helper", "kubectl", "p"]);
    // Some clients take stderr for a part of the answer.
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let answer = run.json();
    assert_eq!(answer["apiVersion"], json!(format!("{EXEC}/v1")));
    assert_eq!(answer["status"]["token"], json!("at-1"));
    let mut command = sandbox.command(["helper", "kubectl", "p"]);
    command.env("KUBERNETES_EXEC_INFO", "");
    let run = support::Running::start(command, None).wait();
    assert_eq!(run.json()["status"]["token"], json!("at-1"));
}

#[test]
fn a_question_that_cannot_be_read_or_without_a_profile_is_wrong() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    asked(&sandbox, &["p"], "not json").fails(2, "KUBERNETES_EXEC_INFO");
    asked(&sandbox, &[], &exec_info("v1", HOST)).fails(2, "needs a profile");
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_cluster_that_is_not_the_profile_s_gets_no_token() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    for foreign in [
        "https://evil.example",
        "http://k8s.corp.example",
        "https://k8s.corp.example:6443",
        "https://k8s.corp.example@evil.example",
        "k8s.corp.example",
        "//k8s.corp.example",
        "https://",
        "",
    ] {
        let mut info: Value = serde_json::from_str(&exec_info("v1", HOST)).expect("JSON");
        info["spec"]["cluster"]["server"] = json!(foreign);
        let run = asked(&sandbox, &["p"], &info.to_string());
        run.fails(3, "profile \"p\"");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
    // What is there and cannot be read names a server too.
    for unreadable in [
        json!({ "server": 5 }),
        json!({ "server": null }),
        json!({ "server": ["https://k8s.corp.example"] }),
        json!({}),
        json!([]),
        json!("https://k8s.corp.example"),
        json!(false),
    ] {
        let mut info: Value = serde_json::from_str(&exec_info("v1", HOST)).expect("JSON");
        info["spec"]["cluster"] = unreadable;
        let run = asked(&sandbox, &["p"], &info.to_string());
        run.fails(3, "profile \"p\"");
        info["spec"] = json!("cluster");
        asked(&sandbox, &["p"], &info.to_string()).fails(3, "profile \"p\"");
    }
    let bare = Sandbox::with_grant(&server, "store = \"plaintext\"");
    let hint = format!("run: tokctl add p --change --host https://{HOST}");
    asked(&bare, &["p"], &exec_info("v1", HOST)).fails(3, &hint);
    // Without provideClusterInfo there is nothing to compare with.
    let plain = format!(
        "{{\"apiVersion\":\"{EXEC}/v1\",\"kind\":\"ExecCredential\",\"spec\":{{\"interactive\":false}}}}"
    );
    assert_eq!(
        asked(&sandbox, &["p"], &plain).json()["status"]["token"],
        "at-1"
    );
}

#[test]
fn the_id_token_is_given_where_it_is_wanted_with_its_own_end() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    let end = now + 1800;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let id = format!(
        "{}.{}.c2ln",
        part(json!({ "alg": "RS256" })),
        part(
            json!({ "iss": "https://x.example", "sub": "a", "aud": "id", "iat": now, "exp": end })
        )
    );
    let reply = json!({ "access_token": "at-1", "expires_in": 3600, "refresh_token": "rt-2", "id_token": id });
    let server = Server::granting(&reply.to_string());
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let info = exec_info("v1", HOST);
    for words in [["p", "--token", "id"], ["--token", "id", "p"]] {
        let answer = asked(&sandbox, &words, &info).json();
        assert_eq!(answer["status"]["token"], json!(id));
        let left = in_seconds(&sandbox, &answer["status"]["expirationTimestamp"]);
        assert!((1720..=1740).contains(&left), "{left}");
    }
    let answer = asked(&sandbox, &["p"], &info).json();
    assert_eq!(answer["status"]["token"], "at-1");
    let config = std::fs::read_to_string(sandbox.config_file()).expect("readable");
    sandbox.config(&format!("{config}token = \"id\"\n"));
    let answer = asked(&sandbox, &["p"], &info).json();
    assert_eq!(answer["status"]["token"], json!(id));
    let answer = asked(&sandbox, &["p", "--token", "access"], &info).json();
    assert_eq!(answer["status"]["token"], "at-1");
    assert_eq!(server.hits(), 1, "one grant, two tokens");
}

#[test]
fn the_user_s_stdin_is_left_to_kubectl() {
    let server = Server::tokens(3600);
    let sandbox = Sandbox::with_grant(&server, HOSTS);
    let script = "printf 'kind: X\\n' | (\"$0\" helper kubectl p >/dev/null; cat)";
    let mut command = sandbox.program("sh", ["-c", script, support::tokctl()]);
    command.env("KUBERNETES_EXEC_INFO", exec_info("v1", HOST));
    Running::start(command, None).wait().ok("kind: X\n");
    // One that never ends is not waited for.
    let mut command = sandbox.command(["helper", "kubectl", "p"]);
    command
        .env("KUBERNETES_EXEC_INFO", exec_info("v1", HOST))
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let open = child.stdin.take();
    assert!(child.wait().expect("it ends").success());
    assert!(started.elapsed() < Duration::from_secs(10));
    drop(open);
}

/// An API server that tells its version to who brings a good token, and a home for kubectl.
fn cluster(import: bool) -> (Sandbox, TlsServer) {
    let tokens = Tokens::new(3600);
    let server = TlsServer::start(move |request| {
        let reply = tokens.answer(request);
        match (request.path.as_str(), reply.status) {
            ("/token", _) | (_, 401) => reply,
            ("/api/v1/namespaces/x", _) => {
                let metadata = json!({ "name": "1" });
                let namespace =
                    json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": metadata });
                Reply::json(200, namespace.to_string())
            }
            _ => Reply::json(200, VERSION),
        }
    });
    let sandbox = Sandbox::new();
    let hosts = format!("store = \"plaintext\"\nhosts = [\"{}\"]", server.url(""));
    sandbox.config(&grant_at(&server.server.url("/token"), &hosts));
    if import {
        sandbox.import("rt-1");
    }
    (sandbox, server)
}

#[track_caller]
fn kubectl(sandbox: &Sandbox, server: &TlsServer, version: &str) -> Run {
    kubeconfig(sandbox, server, version);
    let words = ["--kubeconfig", "kubeconfig", "get", "--raw", "/version"];
    let mut command = sandbox.program(registries::kubectl_program(), words);
    command.env("no_proxy", "*");
    Running::start(command, None).wait()
}

fn kubeconfig(sandbox: &Sandbox, server: &TlsServer, version: &str) {
    let exec = json!({ "apiVersion": format!("{EXEC}/{version}"), "command": support::tokctl(),
        "args": ["helper", "kubectl", "p"], "interactiveMode": "Never", "provideClusterInfo": true });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": server.url(""), "certificate-authority": server.ca_file() } }],
        "users": [{ "name": "u", "user": { "exec": exec } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    sandbox.write("kubeconfig", config.to_string());
}

/// Debian's is 1.20 and knows only v1beta1.
fn versions(sandbox: &Sandbox) -> Vec<&'static str> {
    let words = ["version", "--client", "-o", "json"];
    let run = Running::start(sandbox.program(registries::kubectl_program(), words), None).wait();
    let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let minor = value["clientVersion"]["minor"].as_str().expect("a number");
    let minor = minor.trim_end_matches(|c: char| !c.is_ascii_digit());
    if minor.parse::<u32>().expect("a number") >= 22 {
        vec!["v1beta1", "v1"]
    } else {
        vec!["v1beta1"]
    }
}

#[test]
#[ignore = "needs kubectl and openssl: tests/run installs them"]
fn kubectl_reaches_the_cluster_with_the_token() {
    let (sandbox, server) = cluster(true);
    for version in versions(&sandbox) {
        kubectl(&sandbox, &server, version).ok(VERSION);
    }
    sandbox.age(3550, 50);
    kubectl(&sandbox, &server, "v1beta1").ok(VERSION);
    assert_eq!(server.server.hits_of("/token"), 2);
    let last = server.server.requests();
    let last = last
        .last()
        .and_then(|request| request.header("authorization"));
    assert_eq!(last, Some("Bearer at-2"));
}

#[test]
#[ignore = "needs kubectl and openssl: tests/run installs them"]
fn kubectl_shows_that_a_login_is_needed() {
    let (sandbox, server) = cluster(false);
    for version in versions(&sandbox) {
        kubectl(&sandbox, &server, version).fails(1, "tokctl login p");
    }
    assert_eq!(server.server.hits(), 0);
}

/// Libraries that start the plugin of a kubeconfig without telling it anything, each in the words of its language.
const LIBRARIES: [(&str, &str, &str); 4] = [
    (
        "kube/bin/python",
        "kr8s",
        "import kr8s\nprint(kr8s.api(kubeconfig='kubeconfig').version()['major'])",
    ),
    (
        "kube/bin/python",
        "pykube",
        "import pykube\nprint(pykube.HTTPClient(pykube.KubeConfig.from_file('kubeconfig')).version[0])",
    ),
    (
        "kube/bin/python",
        "lightkube",
        "from lightkube import Client, KubeConfig\nfrom lightkube.resources.core_v1 import Namespace\n\
         print(Client(config=KubeConfig.from_file('kubeconfig')).get(Namespace, 'x').metadata.name)",
    ),
    (
        "node",
        "client-node",
        "const k8s = await import(process.env.CLIENT_NODE);\nconst config = new k8s.KubeConfig();\n\
         config.loadFromFile('kubeconfig');\nconst version = await config.makeApiClient(k8s.VersionApi).getCode();\n\
         console.log(version.major);",
    ),
];

#[test]
#[ignore = "needs Kubernetes' libraries for Python and node, and openssl: tests/run installs them"]
fn libraries_that_name_no_version_reach_the_cluster_with_the_token() {
    let (sandbox, server) = cluster(true);
    let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools");
    let node = tools.join("kube-node/node_modules/@kubernetes/client-node/dist/index.js");
    for (program, name, script) in LIBRARIES {
        // Two know no newer one in a kubeconfig, and do not look at the answer's.
        let is_old = ["pykube", "lightkube"].contains(&name);
        let version = if is_old { "v1beta1" } else { "v1" };
        kubeconfig(&sandbox, &server, version);
        let (program, flags) = match program {
            "node" => ("node".into(), vec!["--input-type=module", "-e", script]),
            python => (tools.join(python), vec!["-c", script]),
        };
        let mut command = sandbox.program(program, flags);
        command
            .env("no_proxy", "*")
            .env("CLIENT_NODE", &node)
            .env("SSL_CERT_FILE", server.ca_file());
        let run = Running::start(command, None).wait();
        assert!(run.code == 0 && run.stdout == "1\n", "{name}: {run:?}");
        let last = server.server.requests();
        let last = last
            .last()
            .and_then(|request| request.header("authorization"));
        assert_eq!(last, Some("Bearer at-1"), "{name}");
    }
}

/// fabric8's client, which takes what the plugin says on stderr for a part of its answer.
const FABRIC8: &str = r#"
import io.fabric8.kubernetes.client.*;
import java.nio.file.*;

public class Main {
    public static void main(String[] args) throws Exception {
        Config config = Config.fromKubeconfig(null, Files.readString(Path.of("kubeconfig")), "kubeconfig");
        config.setRequestRetryBackoffLimit(0);
        try (KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build()) {
            System.out.println(client.namespaces().withName("x").get().getMetadata().getName());
        }
    }
}
"#;

#[track_caller]
fn fabric8(sandbox: &Sandbox, server: &TlsServer) -> Run {
    kubeconfig(sandbox, server, "v1");
    sandbox.write("Main.java", FABRIC8);
    let jars = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools/fabric8/*");
    let mut command = sandbox.program("java", ["-cp", jars, "Main.java"]);
    command.env("no_proxy", "*");
    Running::start(command, None).wait()
}

#[test]
#[ignore = "needs fabric8's client for Java, a JDK and openssl: tests/run installs them"]
fn fabric8_s_client_reaches_the_cluster_with_the_token_and_shows_that_there_is_none() {
    let (sandbox, server) = cluster(true);
    let run = fabric8(&sandbox, &server);
    assert!(run.code == 0 && run.stdout == "1\n", "{run:?}");
    let presented = |server: &TlsServer| {
        let requests = server.server.requests();
        let last = requests
            .iter()
            .rev()
            .find(|request| request.path != "/token");
        last.and_then(|request| request.header("authorization").map(str::to_owned))
    };
    assert_eq!(presented(&server).as_deref(), Some("Bearer at-1"));
    // A login is needed: no request is made, and what cannot be an answer is shown.
    let (sandbox, server) = cluster(false);
    let run = fabric8(&sandbox, &server);
    assert!(
        run.code != 0 && run.stderr.contains("tokctl: profile \"p\": "),
        "{run:?}"
    );
    assert_eq!(server.server.hits(), 0);
}

#[test]
#[ignore = "needs kubectl and openssl: tests/run installs them"]
fn kubectl_waits_once_for_a_token_endpoint_that_is_down() {
    let (sandbox, server) = cluster(false);
    let down = Server::always(Reply::json(503, "{}"));
    let hosts = format!(
        "store = \"plaintext\"\ntimeout = \"1s\"\nhosts = [\"{}\"]",
        server.url("")
    );
    sandbox.config(&grant_at(&down.url("/token"), &hosts));
    sandbox.import("rt-1");
    kubeconfig(&sandbox, &server, versions(&sandbox).pop().expect("one"));
    let words = ["--kubeconfig", "kubeconfig", "get", "namespaces"];
    let mut command = sandbox.program(registries::kubectl_program(), words);
    command.env("no_proxy", "*");
    let run = Running::start(command, None).wait();
    assert!(run.code == 1 && run.stderr.contains("503"), "{run:?}");
    assert!(run.elapsed < Duration::from_secs(6), "{run:?}");
    // The tries of one request, though kubectl starts the plugin for each of its own.
    assert!(down.hits() <= 5, "{}", down.hits());
}
