//! The pages at the end of a login, for who sees little, or in the dark, or on a small screen: axe-core finds nothing in
//! them.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::http::{Browser, Response};
use support::issuer::{behave, tokens};
use support::login::{arrive, consent, redirect};
use support::webdriver::WebDriver;
use support::{Login, OidcProvider, Reply, Sandbox, Server};

/// As long as names may be, and without a place to break.
const NAME: &str = "a-profile-with-a-name-that-is-as-long-as-anybody-would-ever-type";

fn configuration(issuer: &str, client: &str) -> String {
    support::login::profile(issuer, client, "scope = \"openid api:read\"")
        .replace("[profile.p]", &format!("[profile.{NAME}]"))
}

/// A server whose token endpoint answers by the code that is brought.
fn server() -> Server {
    Server::start(|request| {
        if request.path != "/token" {
            return behave(request).unwrap_or_else(|| Reply::json(404, "{}"));
        }
        let form = request.form();
        match form.get("code").map(String::as_str) {
            Some("grant") => Reply::error("invalid_grant"),
            Some("client") => Reply::json(
                401,
                r#"{"error":"invalid_client","error_description":"<b>Client</b> https://sso.example/a-long-address-without-any-blank-in-it?and=a&query=that_goes_on_and_on_and_on"}"#,
            ),
            Some("page") => Reply::new(502, "text/html", "<h1>Bad Gateway</h1>"),
            Some("torn") => Reply::json(200, r#"{"access_token":"at""#),
            Some("id") => tokens(&json!({ "id_token": "no.jwt.here" })),
            _ => tokens(&Value::Null),
        }
    })
}

/// The page for each redirect that a server can make, with what it shows.
fn pages() -> Vec<(&'static str, Response)> {
    let server = server();
    let mut sandbox = Sandbox::new();
    sandbox.env("SECRET", "s");
    sandbox.config(&configuration(&server.url(""), "c"));
    let begin = || {
        let mut login = Login::of(sandbox.command(["login", NAME, "--no-browser"]));
        let url = login.address();
        (login, url)
    };
    let mut all = Vec::new();
    for (how, title) in [
        ("code=good", "Logged in"),
        ("code=grant", "Not logged in"),
        ("code=client", "Not logged in"),
        ("code=page", "Not logged in"),
        ("code=torn", "Not logged in"),
        ("code=id", "Not logged in"),
        ("error=access_denied", "Not logged in"),
        (
            "error=invalid_scope&error_description=no+such+scope",
            "Not logged in",
        ),
        ("error=server_error", "Not logged in"),
        ("error=something_else", "Not logged in"),
    ] {
        let (_login, url) = begin();
        let address = redirect(&url, "").replace("code=c-1", how);
        all.push((title, arrive(&address)));
    }
    // What has nothing to do with it, while it waits.
    let (login, url) = begin();
    let address = redirect(&url, "");
    let (place, _) = address.split_once('?').expect("a query");
    all.push((
        "Not this login",
        arrive(&format!("{place}?code=x&state=forged")),
    ));
    all.push(("404 Not Found", arrive(&format!("{place}/else"))));
    all.push(("400 Bad Request", arrive(&format!("{address}&state=twice"))));
    let posted = Browser::default().post_form(place, &[("code", "x")]);
    all.push(("405 Method Not Allowed", posted));
    drop(login);
    // With an account's name in it.
    let provider = OidcProvider::start(&[]);
    sandbox.config(&configuration(provider.url(), "pkce"));
    let (_login, url) = begin();
    let page = arrive(&consent(&url));
    assert!(page.body.contains("as <b>alice</b>"), "{}", page.body);
    all.push(("Logged in", page));
    all
}

/// All that axe-core knows to look for, and what it cannot decide by itself about colours.
const AXE: &str = "
const done = arguments[arguments.length - 1];
axe.run(document, { preload: false }).then(found => done({
  passes: found.passes.length,
  wrong: found.violations.concat(found.incomplete).map(rule =>
    rule.id + ': ' + rule.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')),
}), why => done(String(why)));
";

fn axe() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/.tools/axe/node_modules/axe-core/axe.min.js");
    fs::read_to_string(path).expect("axe-core is installed: run tests/run")
}

/// What is wrong with the page that is shown.
#[track_caller]
fn looked_at(chromium: &WebDriver, axe: &str) -> Vec<String> {
    let script = json!({ "script": format!("{axe}{AXE}"), "args": [] });
    let found = chromium.post("/execute/async", &script);
    // It has looked.
    assert!(found["passes"].as_u64() > Some(5), "{found}");
    let wrong = found["wrong"].as_array().expect("a list");
    wrong.iter().map(Value::to_string).collect()
}

/// Wide and narrow, light and dark: colours do not depend on the width.
const WAYS: [(u16, &str); 2] = [(1280, "light"), (320, "dark")];

fn emulate(chromium: &WebDriver, (width, scheme): (u16, &str)) {
    let size =
        json!({ "width": width, "height": 640, "deviceScaleFactor": 1, "mobile": width < 600 });
    chromium.chrome("Emulation.setDeviceMetricsOverride", &size);
    let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    chromium.chrome("Emulation.setEmulatedMedia", &scheme);
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn axe_finds_nothing_in_any_page_light_or_dark_wide_or_narrow() {
    let pages = pages();
    let served: Vec<Reply> = pages.iter().map(|(_, page)| again(page)).collect();
    let count = served.len();
    let server = Server::start(move |request| {
        let at = request.path.trim_start_matches('/').parse::<usize>();
        let page = at.ok().and_then(|at| served.get(at).cloned());
        page.unwrap_or_else(|| Reply::new(200, "text/html", FAULTY))
    });
    let (axe, chromium) = (axe(), WebDriver::start());
    let mut wrong = Vec::new();
    for way in WAYS {
        emulate(&chromium, way);
        for (at, (title, page)) in pages.iter().enumerate() {
            chromium.open(&server.url(&format!("/{at}")));
            assert_eq!(
                chromium.title(),
                format!("{title} - tokctl"),
                "{}",
                page.body
            );
            for found in looked_at(&chromium, &axe) {
                wrong.push(format!("{way:?} {title}: {found}"));
            }
            let wide = "return document.documentElement.scrollWidth - window.innerWidth";
            let wide = chromium.run(wide).as_i64();
            assert!(
                wide <= Some(0),
                "{way:?} {title} is wider by {wide:?}: {}",
                page.body
            );
            let dark = "return getComputedStyle(document.body).backgroundColor";
            let is_dark = chromium.run(dark) != "rgb(255, 255, 255)";
            assert_eq!(is_dark, way.1 == "dark", "{way:?} {title}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It finds what is wrong elsewhere.
    chromium.open(&server.url(&format!("/{count}")));
    let found = looked_at(&chromium, &axe).join("\n");
    for rule in ["color-contrast", "image-alt", "html-has-lang"] {
        assert!(found.contains(rule), "{rule}: {found}");
    }
}

/// What nobody can read.
const FAULTY: &str = "<!DOCTYPE html><title>x</title><main><h1>x</h1><p style='color:#ccc;background:#fff'>pale</p>\
    <img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='></main>";

/// The page as the login has sent it, with its headers.
fn again(page: &Response) -> Reply {
    let header = |name: &str| page.header(name).unwrap_or_else(|| panic!("no {name}"));
    let reply = Reply::new(page.status, header("content-type"), page.body.clone());
    let policy = "content-security-policy";
    reply.header(policy, header(policy))
}
