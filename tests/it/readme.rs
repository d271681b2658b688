//! README.md, as its readers use it: each block is run in a fresh home, from the first to the last, and the recording at its
//! top is made here. `TOKCTL_UPDATE_DOCS=1` writes the recording anew.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use support::git::{GitHost, schemes};
use support::http::Browser;
use support::issuer::metadata;
use support::{Desk, OidcProvider, Reply, Run, Running, Sandbox, Server, Terminal};

/// Each block by its first line, in the order of the page, and what becomes of it here.
const BLOCKS: &[(&str, Fate)] = &[
    ("$ tokctl add", Fate::Made),
    (
        "cargo install --locked --path .",
        Fate::Not("it builds the program for ten minutes; .ci/package builds it from its crate"),
    ),
    ("tokctl add corp --issuer", Fate::Run),
    ("tokctl add sso --issuer", Fate::Run),
    ("tokctl api corp https://api.corp.example/v1/me", Fate::Run),
    ("T=$(tokctl get corp) || exit", Fate::Run),
    ("0 3 * * *", Fate::Run),
    ("[profile.corp]", Fate::Run),
];

enum Fate {
    /// Its output is what stands there.
    Made,
    Run,
    /// Why not.
    Not(&'static str),
}

fn readme() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    fs::read_to_string(path).expect("it is there")
}

/// The literal blocks of the page, without their fences.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("\n```").collect::<Vec<_>>();
    let inside = parts.iter().skip(1).step_by(2);
    inside
        .map(|block| {
            let (_language, block) = block.split_once('\n').expect("a line of its own");
            format!("{block}\n")
        })
        .collect()
}

/// The block that begins so.
#[track_caller]
fn block(begins: &str) -> String {
    let found = blocks(&readme())
        .into_iter()
        .find(|block| block.starts_with(begins));
    found.unwrap_or_else(|| panic!("no block begins with {begins}"))
}

#[test]
fn the_page_is_short_and_each_of_its_blocks_is_run_or_has_a_reason() {
    let page = readme();
    assert!(page.lines().count() <= 170, "{}", page.lines().count());
    let found = blocks(&page);
    assert_eq!(found.len(), BLOCKS.len(), "{found:#?}");
    for (block, (begins, fate)) in found.iter().zip(BLOCKS) {
        assert!(block.starts_with(begins), "{begins}: {block}");
        if let Fate::Not(why) = fate {
            assert!(!why.is_empty(), "{begins}");
        }
    }
}

/// A new user's home, with `tokctl` where cargo installs it, and a provider that has never heard of him.
struct Newcomer {
    sandbox: Sandbox,
    provider: OidcProvider,
    api: Server,
    git: GitHost,
}

/// What a person does in a browser, whose programs all know a home and a path and no more.
const BROWSER: &str = "#!/bin/sh\nexec curl -sS --noproxy '*' -L -c jar -b jar -o page \"$1\"\n";

impl Newcomer {
    fn arrives() -> Self {
        let provider = OidcProvider::start(&[]);
        let sandbox = Sandbox::new();
        let bin = sandbox.home().join(".cargo/bin");
        fs::create_dir_all(&bin).expect("it can be made");
        symlink(support::tokctl(), bin.join("tokctl")).expect("linked");
        let browser = sandbox.write("browser", BROWSER);
        let chmod = sandbox.program("chmod", ["700".as_ref(), browser.as_os_str()]);
        Running::start(chmod, None).wait().ok("");
        sandbox.write("secret", "cc-basic-secret\n");
        let judge = |echo: String| {
            move |token: &str| {
                let value = format!("Bearer {token}");
                let headers = [("authorization", value.as_str())];
                let reply = Browser::default().request("GET", &echo, &headers, "");
                reply.status == 200
            }
        };
        let is_good = judge(provider.at("/api/echo"));
        let api = Server::start(move |request| {
            let value = request.header("authorization").unwrap_or_default();
            match value.strip_prefix("Bearer ") {
                Some(token) if is_good(token) => Reply::json(200, "{\"ok\":true}\n"),
                _ => Reply::json(401, "{}"),
            }
        });
        let git = GitHost::trusting(&sandbox, schemes()[0], judge(provider.at("/api/echo")));
        Self {
            sandbox,
            provider,
            api,
            git,
        }
    }

    /// The text with this machine's servers, and with clients that the provider knows.
    fn here(&self, text: &str) -> String {
        let places = [
            ("https://sso.corp.example", self.provider.url().to_owned()),
            ("https://api.corp.example", self.api.url("")),
            ("https://git.corp.example", self.git.origin()),
            ("--client-id ci ", "--client-id cc-basic ".to_owned()),
            ("--client-id laptop ", "--client-id pkce ".to_owned()),
            ("= \"ci\"", "= \"cc-basic\"".to_owned()),
        ];
        let put = |text: String, (there, here): &(&str, String)| text.replace(there, here);
        let text = places.iter().fold(text.to_owned(), put);
        assert!(!text.contains(".example"), "{text}");
        text
    }

    /// A shell's lines, with a home, a path and what is given.
    fn types(&self, shell: &[&str], script: &str, path: &str) -> Run {
        let mut command = self.sandbox.program(shell[0], &shell[1..]);
        command
            .arg(self.here(script))
            .env_clear()
            .env("HOME", self.sandbox.home())
            .env("PATH", path)
            .env("BROWSER", self.sandbox.home().join("browser"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        Running::start(command, None).wait()
    }

    fn sh(&self, script: &str) -> Run {
        let own = self.sandbox.home().join(".cargo/bin");
        let path = std::env::var("PATH").expect("there is one");
        self.types(
            &["sh", "-euc"],
            script,
            &format!("{}:{path}", own.display()),
        )
    }
}

#[test]
#[ignore = "needs npm's oidc-provider, git, curl and zsh: tests/run installs them"]
fn each_block_does_what_it_says_in_a_fresh_home() {
    let new = Newcomer::arrives();
    let run = new.sh(&block("tokctl add corp --issuer"));
    run.ok_with("", "tried: the server gave a token, good for 60 min");
    run.ok_with("", "use it with: tokctl get corp\n");

    let run = new.sh(&block("tokctl add sso --issuer"));
    run.ok_with("", "logged in to sso as alice");
    assert!(run.stderr.contains("Cloning into 'x'"), "{}", run.stderr);
    let head = new.sandbox.home().join("x/.git/HEAD");
    assert!(head.is_file() && !new.git.presented().is_empty());

    let run = new.sh(&block("tokctl api corp"));
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "{\"ok\":true}\n{\"ok\":true}\n"),
        "{run:?}"
    );
    let script = block("T=$(tokctl get corp)");
    new.sh(&script).ok("{\"ok\":true}\n");
    let own = new.sandbox.home().join(".cargo/bin");
    let path = format!(
        "{}:{}",
        own.display(),
        std::env::var("PATH").expect("there is one")
    );
    new.types(&["zsh", "-fc"], &script, &path)
        .ok("{\"ok\":true}\n");
    assert!(
        new.api
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_some())
    );

    // As cron starts them: five fields, then a line for sh, in which a bare % would end it (crontab(5)).
    for line in block("0 3 * * *").lines() {
        let fields: Vec<&str> = line.splitn(6, ' ').collect();
        let is_time = |field: &&str| field.chars().all(|c| c.is_ascii_digit() || c == '*');
        assert!(
            fields[..5].iter().all(is_time) && !line.contains('%'),
            "{line}"
        );
        let run = new.types(&["sh", "-c"], fields[5].trim_start(), "/usr/bin:/bin");
        let answer = if line.contains("curl") {
            "{\"ok\":true}\n"
        } else {
            ""
        };
        run.ok(answer);
    }
}

#[test]
#[ignore = "needs npm's oidc-provider, git, curl and zsh: tests/run installs them"]
fn its_file_is_one_that_works() {
    let new = Newcomer::arrives();
    let text = new.here(&block("[profile.corp]"));
    new.sandbox.write(".config/tokctl/config.toml", &text);
    let run = new.sh("tokctl config check");
    assert_eq!(run.code, 0, "{run:?}");
    let script = "export CORP_SECRET=cc-basic-secret\n\
                  curl -sS -H \"Authorization: Bearer $(tokctl get corp)\" https://api.corp.example/";
    new.sh(script).ok("{\"ok\":true}\n");
}

const MARKS: [&str; 2] = [
    "<!-- recording -->\n```text\n",
    "```\n<!-- end of recording -->",
];

#[test]
#[ignore = "needs tmux, gnome-keyring and dbus-daemon: tests/run installs them"]
fn its_recording_is_what_a_terminal_shows() {
    let made = recording();
    let page = readme();
    let (before, rest) = page.split_once(MARKS[0]).expect("it begins");
    let (there, after) = rest.split_once(MARKS[1]).expect("it ends");
    if std::env::var_os("TOKCTL_UPDATE_DOCS").is_some() && there != made {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = [before, MARKS[0], &made, MARKS[1], after].concat();
        fs::write(path, text).expect("the tree can be written");
        return;
    }
    assert_eq!(there, made, "TOKCTL_UPDATE_DOCS=1 writes it anew");
}

/// From nothing to a token, as a person sees it who has a keyring. Only the server's address and the home are put in.
fn recording() -> String {
    let server = Server::start(|request| match request.path.as_str() {
        "/.well-known/openid-configuration" => {
            let mut all = metadata(request, "");
            all["grant_types_supported"] = json!(["authorization_code", "client_credentials"]);
            Reply::json(200, all.to_string())
        }
        // RFC 6749 section 4.4.3, but for a second less than the hour that would be over at once.
        "/token" => Reply::json(
            200,
            r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3590,"scope":"read"}"#,
        ),
        _ => Reply::json(404, "{}"),
    });
    let desk = Desk::open("");
    let home = desk.sandbox.home();
    fs::create_dir(home.join("bin")).expect("it can be made");
    symlink(support::tokctl(), home.join("bin/tokctl")).expect("linked");
    let shell = format!(
        "env -u XDG_CONFIG_HOME -u XDG_STATE_HOME PATH={}/bin:/usr/bin:/bin PS1='$ ' sh",
        home.display()
    );
    let terminal = Terminal::with_shell(&desk.sandbox, 110, &shell);
    terminal.shows("$");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let secret = format!("s-{}", now.expect("after 1970").as_nanos());
    terminal.types("tokctl add");
    for (question, answer) in [
        ("number, name or issuer", server.url("").as_str()),
        ("a name for the profile: ", "corp"),
        ("number [1]: ", "2"),
        ("client id: ", "ci"),
        ("client secret (not shown): ", secret.as_str()),
        ("server's choice): ", "read"),
        ("get this token for", ""),
    ] {
        terminal.shows(question);
        terminal.types(answer);
    }
    terminal.shows("use it with: tokctl get corp\n$");
    terminal.types("tokctl get corp");
    terminal.shows("MWpAA\n$");
    terminal.types("tokctl status");
    let screen = terminal.shows("client_credentials");
    let text = screen
        .replace(&server.url(""), "https://sso.corp.example")
        .replace(&home.display().to_string(), "~");
    shortened(&text)
}

/// Of the list of services the first line; the last prompt waits for nothing.
fn shortened(screen: &str) -> String {
    let is_row = |line: &str| {
        let number = line.trim_start().split(' ').next().unwrap_or_default();
        line.starts_with("  ") && line.contains("  ") && number.parse::<u32>().is_ok()
    };
    let (mut text, mut rows) = (String::new(), 0);
    let begin = screen
        .lines()
        .skip_while(|line| !line.starts_with("$ tokctl add"));
    for line in begin
        .map(str::trim_end)
        .filter(|line| *line != "$" && !line.is_empty())
    {
        // The list of services has several columns.
        let in_list = is_row(line) && line.split("  ").filter(|cell| !cell.is_empty()).count() > 3;
        rows = if in_list { rows + 1 } else { 0 };
        match rows {
            0 | 1 => text.push_str(&format!("{line}\n")),
            2 => text.push_str("    …\n"),
            _ => {}
        }
    }
    text
}
