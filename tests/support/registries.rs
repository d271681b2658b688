//! Registries of other programs on loopback, which want a token.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA512, digest};
use serde_json::json;

use super::server::{Reply, Request};
use super::tokens::Tokens;

pub const CONFIG: &str =
    r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
/// Its config is the one above.
pub const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":78,"digest":"sha256:b091a0ad63d887bde24bcdaa9c46fb026b000b0d35c2ef80a8637b0b906ae3b8"},"layers":[]}"#;

/// A registry that wants Basic, with a manifest at x:1.
pub fn docker(tokens: &Tokens, request: &Request) -> Reply {
    if request.path == "/token" {
        return tokens.answer(request);
    }
    let value = request.header("authorization").unwrap_or_default();
    let pair = value
        .strip_prefix("Basic ")
        .and_then(|text| STANDARD.decode(text).ok());
    if pair.as_deref() != Some(b"oauth2:at-1") {
        return Reply::json(
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}"#,
        )
        .header("www-authenticate", "Basic realm=\"registry\"")
        .header("docker-distribution-api-version", "registry/2.0");
    }
    let answer = match request.path.as_str() {
        "/v2/" => Reply::json(200, "{}"),
        "/v2/x/manifests/1" => Reply::new(
            200,
            "application/vnd.docker.distribution.manifest.v2+json",
            MANIFEST,
        ),
        path if path.starts_with("/v2/x/blobs/") => Reply::json(200, CONFIG),
        _ => Reply::json(404, "{}"),
    };
    answer.header("docker-distribution-api-version", "registry/2.0")
}

/// A registry whose index has `demo` 1.0.0, for who brings this header with a good token.
pub fn cargo(tokens: &Tokens, prefix: &str, request: &Request) -> Reply {
    if request.path == "/token" {
        return tokens.answer(request);
    }
    let value = request.header("authorization").unwrap_or_default();
    let mut checked = request.clone();
    let token = value.strip_prefix(prefix).unwrap_or_default();
    checked.headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    if tokens.answer(&checked).status != 200 {
        return Reply::json(401, "{}").header("www-authenticate", "Bearer");
    }
    match request.path.as_str() {
        "/index/config.json" => {
            Reply::json(200, r#"{"dl":"http://127.0.0.1:1/","auth-required":true}"#)
        }
        "/index/de/mo/demo" => {
            let cksum = "0".repeat(64);
            let line = json!({ "name": "demo", "vers": "1.0.0", "deps": [], "cksum": cksum, "features": {}, "yanked": false });
            Reply::new(200, "text/plain", format!("{line}\n"))
        }
        _ => Reply::json(404, "{}"),
    }
}

/// A module proxy's answer for `corp.example/demo`, for who is let in.
pub fn go(path: &str) -> Reply {
    match path {
        "/corp.example/demo/@v/list" => Reply::new(200, "text/plain", "v1.0.0\nv1.1.0\n"),
        "/corp.example/demo/@v/v1.1.0.info" => {
            Reply::json(200, r#"{"Version":"v1.1.0","Time":"2026-01-01T00:00:00Z"}"#)
        }
        "/corp.example/demo/@v/v1.1.0.mod" => {
            Reply::new(200, "text/plain", "module corp.example/demo\n")
        }
        _ => Reply::new(404, "text/plain", "not found"),
    }
}

/// A go that knows GOAUTH: the one that tests/run has installed, or the machine's.
pub fn go_program() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/go/bin/go");
    if ours.exists() { ours } else { "go".into() }
}

/// A kubectl that can write its configuration: the one that tests/run has installed, or the machine's.
pub fn kubectl_program() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/kube/bin/kubectl");
    if ours.exists() {
        ours
    } else {
        "kubectl".into()
    }
}

/// npm's registry with `@corp/demo` 1.0.0, which is this archive, for who brings a good token.
pub fn npm(tokens: &Tokens, archive: &[u8], request: &Request) -> Reply {
    let reply = tokens.answer(request);
    match (request.path.to_ascii_lowercase().as_str(), reply.status) {
        ("/token", _) | (_, 401) => reply,
        ("/@corp%2fdemo" | "/@corp/demo", _) => {
            let host = request.header("host").unwrap_or_default();
            let tarball = format!("http://{host}/@corp/demo/-/demo-1.0.0.tgz");
            let hash = digest(&SHA512, archive);
            let integrity = format!("sha512-{}", STANDARD.encode(hash));
            let dist = json!({ "tarball": tarball, "integrity": integrity });
            let version = json!({ "name": "@corp/demo", "version": "1.0.0", "dist": dist });
            let package = json!({ "name": "@corp/demo", "dist-tags": { "latest": "1.0.0" }, "versions": { "1.0.0": version },
                // yarn takes nothing that is new.
                "time": { "1.0.0": "2020-01-01T00:00:00.000Z" } });
            Reply::json(200, package.to_string())
        }
        (path, _) if path.ends_with("/-/demo-1.0.0.tgz") => {
            Reply::new(200, "application/octet-stream", archive)
        }
        _ => Reply::json(404, "{}"),
    }
}

/// Whether a good token is the password of a request, beside tokctl's usual user name.
fn has_password(tokens: &Tokens, request: &Request) -> bool {
    let value = request.header("authorization").unwrap_or_default();
    let pair = value.strip_prefix("Basic ");
    let pair = pair.and_then(|text| STANDARD.decode(text).ok());
    let pair = String::from_utf8(pair.unwrap_or_default()).unwrap_or_default();
    let token = pair.strip_prefix("oauth2:").unwrap_or_default();
    let mut checked = request.clone();
    checked.headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    "GET".clone_into(&mut checked.method);
    tokens.answer(&checked).status == 200
}

fn wants_password() -> Reply {
    Reply::new(401, "text/plain", "").header("www-authenticate", "Basic realm=\"x\"")
}

/// A registry with this chart as `charts/demo` 1.0.0, for who brings a good token as a password.
pub fn charts(tokens: &Tokens, chart: &[u8], request: &Request) -> Reply {
    const META: &str = r#"{"name":"demo","version":"1.0.0","apiVersion":"v2"}"#;
    if request.path == "/token" {
        return tokens.answer(request);
    }
    if !has_password(tokens, request) {
        return wants_password();
    }
    let hash = |bytes: &[u8]| {
        let hash = digest(&SHA256, bytes);
        let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        format!("sha256:{hex}")
    };
    let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": format!("application/vnd.cncf.helm.{kind}"), "digest": hash(bytes), "size": bytes.len() });
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": part("config.v1+json", META.as_bytes()),
        "layers": [part("chart.content.v1.tar+gzip", chart)] });
    let manifest = manifest.to_string();
    match request
        .path
        .split_once("/charts/demo/")
        .map(|(_, what)| what)
    {
        None => Reply::json(200, "{}"),
        Some("manifests/1.0.0") => Reply::new(200, kind, manifest.clone())
            .header("docker-content-digest", &hash(manifest.as_bytes())),
        Some(blob) if blob.ends_with(&hash(chart)) => {
            Reply::new(200, "application/octet-stream", chart)
        }
        Some(blob) if blob.ends_with(&hash(META.as_bytes())) => {
            Reply::new(200, "application/octet-stream", META)
        }
        Some(_) => Reply::json(404, "{}"),
    }
}

/// A repository of Maven's with the parent `example.corp:demo` 1.0, for who brings a good token: as a password, or
/// as `Bearer`.
pub fn maven(tokens: &Tokens, request: &Request) -> Reply {
    let reply = tokens.answer(request);
    if request.path == "/token" {
        return reply;
    }
    if reply.status != 200 && !has_password(tokens, request) {
        return wants_password();
    }
    match request.path.as_str() {
        "/maven/example/corp/demo/1.0/demo-1.0.pom" => Reply::new(
            200,
            "text/xml",
            "<project><modelVersion>4.0.0</modelVersion><groupId>example.corp</groupId><artifactId>demo</artifactId>\
             <version>1.0</version><packaging>pom</packaging></project>",
        ),
        _ => Reply::new(404, "text/plain", ""),
    }
}

/// Python's simple index with this wheel of `demo` 1.0, for who brings a good token as a password.
pub fn pypi(tokens: &Tokens, wheel: &[u8], request: &Request) -> Reply {
    if request.path == "/token" {
        return tokens.answer(request);
    }
    if !has_password(tokens, request) {
        return wants_password();
    }
    let link = "<a href=\"/demo-1.0-py3-none-any.whl\">demo-1.0-py3-none-any.whl</a>";
    match request.path.as_str() {
        "/simple/demo/" => Reply::new(200, "text/html", link),
        "/demo-1.0-py3-none-any.whl" => Reply::new(200, "application/octet-stream", wheel),
        _ => Reply::new(404, "text/plain", ""),
    }
}

/// Terraform's module registry with `corp/demo/null` 1.0.0, whose module is a directory here, for who
/// brings a good token.
pub fn terraform(tokens: &Tokens, module: &Path, request: &Request) -> Reply {
    if request.path == "/.well-known/terraform.json" {
        return Reply::json(200, r#"{"modules.v1":"/modules/"}"#);
    }
    let reply = tokens.answer(request);
    match (request.path.as_str(), reply.status) {
        ("/token", _) | (_, 401) => reply,
        ("/modules/corp/demo/null/versions", _) => {
            Reply::json(200, r#"{"modules":[{"versions":[{"version":"1.0.0"}]}]}"#)
        }
        ("/modules/corp/demo/null/1.0.0/download", _) => {
            let place = format!("file://{}", module.display());
            Reply::json(204, "").header("x-terraform-get", &place)
        }
        _ => Reply::json(404, "{}"),
    }
}

/// What a cargo in a home of its own needs to find its compiler.
pub fn rust_environment() -> Vec<(&'static str, OsString)> {
    let given = |name: &'static str| std::env::var_os(name).map(|value| (name, value));
    let mut all: Vec<_> = ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTUP_HOME"]
        .into_iter()
        .filter_map(given)
        .collect();
    if given("RUSTUP_HOME").is_none() {
        let home = std::env::var_os("HOME").expect("there is one");
        all.push(("RUSTUP_HOME", Path::new(&home).join(".rustup").into()));
    }
    all
}
