//! `tokctl login` with a browser as people have it: Chromium, which chromedriver clicks for them.
#![cfg(unix)]

use crate::support;

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use support::login::{arrive, profile};
use support::webdriver::{FLAGS, WebDriver, wait};
use support::{Login, OidcProvider, Running, Sandbox};

/// What the login starts as the browser, with its flags.
const BROWSER: &str = "#!/bin/sh
# Once: xdg-open would start it again when it is killed.
[ ! -e pid ] || exit 1
echo $$ >pid
exec chromium FLAGS --user-data-dir=\"$PWD/chromium\" --remote-debugging-port=0 \"$1\"
";

fn set_up() -> (OidcProvider, Sandbox) {
    let provider = OidcProvider::start(&[]);
    let mut sandbox = Sandbox::new();
    let more = "scope = \"openid api:read\"";
    sandbox.config(&profile(provider.url(), "pkce-html", more));
    let path = sandbox.write("browser", BROWSER.replace("FLAGS", &FLAGS.join(" ")));
    let mode = [OsStr::new("700"), path.as_os_str()];
    Running::start(sandbox.program("chmod", mode), None)
        .wait()
        .ok("");
    sandbox.env("BROWSER", path);
    (provider, sandbox)
}

/// The Chromium that a login has started, and the driver that clicks in it.
struct Driven<'s> {
    sandbox: &'s Sandbox,
    driver: Option<WebDriver>,
}

impl<'s> Driven<'s> {
    #[track_caller]
    fn attach(sandbox: &'s Sandbox) -> Self {
        let file = sandbox.home().join("chromium/DevToolsActivePort");
        let debugger = wait("Chromium starts", || {
            let text = fs::read_to_string(&file).ok()?;
            Some(text.lines().next()?.to_owned()).filter(|_| text.lines().count() > 1)
        });
        Self {
            sandbox,
            driver: Some(WebDriver::attach(&debugger)),
        }
    }
}

impl Deref for Driven<'_> {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        self.driver.as_ref().expect("it is there until the end")
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.driver = None;
        // It was started in a group of its own, and outlives the login.
        let pid = fs::read_to_string(self.sandbox.home().join("pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn from_the_first_click_to_the_token() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.click("login", "go");
    chromium.click("consent", "go");
    chromium.shows("Logged in");
    let text = chromium.text();
    assert!(text.contains("p is logged in as alice"), "{text}");
    let run = login.wait();
    run.ok_with("", "logged in to p as alice");
    let token = sandbox.run(["get", "p"]).stdout;
    assert_eq!(provider.echo(token.trim_end()).status, 200);
    // Chromium is still there: it holds neither the terminal nor the lock.
    assert!(chromium.title().starts_with("Logged in"));
    let mut again = Login::start(&sandbox, &[]);
    again.address();
    assert!(!again.stderr().contains("another login"));
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn a_person_who_clicks_deny_is_told_so_in_both_places() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.click("login", "go");
    chromium.click("consent", "abort");
    chromium.shows("Not logged in");
    let text = chromium.text();
    assert!(text.contains("access_denied"), "{text}");
    login.wait().fails(5, "access_denied");
    sandbox.run(["get", "p"]).fails(4, "tokctl login p");
    assert_eq!(provider.token_hits(), 0);
}

#[test]
#[ignore = "needs chromium, chromium-driver, node and npm packages: tests/run installs them"]
fn a_page_that_knows_the_port_cannot_end_the_login() {
    let (provider, sandbox) = set_up();
    let mut login = Login::of(sandbox.command(["login", "p"]));
    login.address();
    let chromium = Driven::attach(&sandbox);
    chromium.shows("login");
    let pushed = provider.log(100);
    let entries = pushed.as_array().into_iter().flatten();
    let body = entries
        .filter_map(|entry| entry["body"].as_str())
        .find(|body| body.contains("redirect_uri="))
        .expect("a pushed request");
    let uri = support::server::decode_form(body)["redirect_uri"].clone();
    let forge = json!({
        "args": [uri],
        "script": "for (const q of ['?error=access_denied', '?code=x&state=y', '', '/../favicon.ico'])
                     for (const how of [{}, {method: 'POST', body: 'x'}, {mode: 'no-cors'}])
                       fetch(arguments[0] + q, how).catch(() => 0);
                   const i = document.createElement('img'); i.src = arguments[0] + '?code=z'; document.body.append(i);
                   return 1",
    });
    chromium.post("/execute/sync", &forge);
    thread::sleep(Duration::from_millis(500));
    assert!(login.is_running());
    assert_eq!(arrive(&format!("{uri}?code=x&state=y")).status, 400);
    chromium.click("login", "go");
    chromium.click("consent", "go");
    chromium.shows("Logged in");
    login.wait().ok_with("", "logged in to p as alice");
}
