//! Set-ups that are broken as they break: the message names a command, and a person who runs it, and answers what it asks,
//! has mended it.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::unistd::{Uid, chown, getuid};
use serde_json::json;
use support::issuer::{behave, metadata, tokens};
use support::{OidcProvider, Reply, Run, Running, Sandbox, Server, TlsServer};

/// Somebody, where the tests run as root, who may read everything.
const NOBODY: u32 = 65534;

/// A person with a home, a shell, and the secret that the provider knows.
struct Person {
    sandbox: Sandbox,
    /// What was run so far that a shell keeps: variables.
    kept: Vec<String>,
    /// What is put in where a command has a word in capitals, or an address that is to be another.
    words: Vec<(&'static str, String)>,
    /// What is typed where something is asked.
    types: String,
}

impl Person {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let bin = sandbox.home().join("bin");
        fs::create_dir(&bin).expect("it can be made");
        symlink(support::tokctl(), bin.join("tokctl")).expect("linked");
        Self {
            sandbox,
            kept: Vec::new(),
            words: Vec::new(),
            types: "cc-basic-secret\n".to_owned(),
        }
    }

    /// Who has added `corp` at the provider, with what is usual and this.
    #[track_caller]
    fn with_corp(issuer: &str, more: &str) -> Self {
        let person = Self::new();
        let call = format!(
            "tokctl add corp --issuer {issuer} --client-id cc-basic --grant client_credentials --store encrypted-file \
             --no-try --client-secret-stdin {more}"
        );
        let run = person.shell(&call, "cc-basic-secret\n");
        assert_eq!(run.code, 0, "{run:?}");
        person
    }

    fn config(self, text: &str) -> Self {
        self.sandbox.config(text);
        self
    }

    fn answers(mut self, word: &'static str, value: impl Into<String>) -> Self {
        self.words.push((word, value.into()));
        self
    }

    /// A line in a shell of the person's.
    fn shell(&self, line: &str, types: &str) -> Run {
        let words = ["--norc", "--noprofile", "-c", line];
        let mut command = if getuid().is_root() {
            self.own();
            let user = [
                format!("--reuid={NOBODY}"),
                format!("--regid={NOBODY}"),
                "--clear-groups".to_owned(),
                "bash".to_owned(),
            ];
            let mut command = self.sandbox.program("setpriv", user);
            command.args(words);
            command
        } else {
            self.sandbox.program("bash", words)
        };
        let path = std::env::var("PATH").expect("there is one");
        let bin = self.sandbox.home().join("bin");
        command.env("PATH", format!("{}:{path}", bin.display()));
        Running::start(command, Some(types.into())).wait()
    }

    /// What root has made is the person's.
    fn own(&self) {
        let user = Some(Uid::from_raw(NOBODY));
        let mut below = vec![self.sandbox.home().to_owned()];
        while let Some(path) = below.pop() {
            chown(&path, user, None).expect("it is ours");
            if path.is_dir() {
                let entries = fs::read_dir(&path).expect("a directory");
                let entries = entries.map(|entry| entry.expect("an entry").path());
                below.extend(entries.filter(|path| !path.is_symlink()));
            }
        }
    }

    /// The commands that a message names, with the person's words in them.
    #[track_caller]
    fn named(&self, run: &Run) -> Vec<String> {
        let hint = run.stderr.split("hint: ").nth(1);
        let hint = hint.unwrap_or_else(|| panic!("no hint: {run:?}"));
        let ends = ["; ", " (", ", or ", "\n"];
        let commands = hint.split("run: ").skip(1).map(|rest| {
            let end = ends.iter().filter_map(|end| rest.find(end)).min();
            let command = &rest[..end.unwrap_or(rest.len())];
            self.words
                .iter()
                .fold(command.to_owned(), |command, (word, value)| {
                    command.replace(word, value)
                })
        });
        commands.collect()
    }

    /// The call fails in this way; the first command that begins so is run, and then the call works. A message may come
    /// to the next thing that is missing, whose command is run then.
    #[track_caller]
    fn mends(&mut self, call: &str, (code, begins): (i32, &[&str])) -> Run {
        let again = |person: &Self, command: &str| {
            let line = [person.kept.as_slice(), &[command.to_owned()]].concat();
            person.shell(&line.join("\n"), "")
        };
        let mut run = again(self, call);
        run.fails(code, "hint: ");
        for begin in begins {
            let named = self.named(&run);
            let command = named.iter().find(|command| command.starts_with(begin));
            let command = command.unwrap_or_else(|| panic!("{named:?} in {run:?}"));
            if ["export ", "unset ", "IFS= "]
                .iter()
                .any(|own| command.starts_with(own))
            {
                let types = self.types.clone();
                let typed = format!("{{ {command}; }} <<'END'\n{types}END\n");
                self.kept.push(if command.starts_with("IFS") {
                    typed
                } else {
                    command.clone()
                });
            } else {
                let done = self.shell(command, &self.types);
                assert_eq!(done.code, 0, "{command}: {done:?}");
            }
            run = again(self, call);
        }
        assert_eq!(run.code, 0, "{run:?}");
        run
    }

    fn config_file(&self) -> PathBuf {
        self.sandbox.config_file()
    }
}

/// The provider's client, kept in a file that was written by hand.
fn by_hand(issuer: &str, more: &str) -> Person {
    Person::new().config(&format!(
        "[profile.corp]\nissuer = \"{issuer}\"\nclient_id = \"cc-basic\"\ngrant = \"client_credentials\"\n{more}\n"
    ))
}

const FILE: &str = "store = \"encrypted-file\"\nclient_secret = { keyring = true }";
const GET: &str = "tokctl get corp";

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_client_that_is_not_believed() {
    let provider = OidcProvider::start(&[]);
    let mut person = Person::with_corp(provider.url(), "");
    person
        .shell("tokctl secret set corp", "wrong")
        .ok_with("", "stored");
    person.mends(GET, (5, &["tokctl secret set corp"]));
    // Its secret elsewhere, and wrong or not there.
    let file = "store = \"encrypted-file\"\nclient_secret = { file = \"secret\" }";
    let env = "store = \"encrypted-file\"\nclient_secret = { env = \"CORP_SECRET\" }";
    by_hand(provider.url(), file).mends(GET, (3, &["(umask 077 && cat > "]));
    let mut person = by_hand(provider.url(), file);
    person.sandbox.write("config/tokctl/secret", "wrong");
    person.mends(GET, (5, &["(umask 077 && cat > "]));
    by_hand(provider.url(), env).mends(GET, (3, &["IFS= read -rs CORP_SECRET"]));
    let mut person = by_hand(provider.url(), env);
    person.kept.push("export CORP_SECRET=wrong".to_owned());
    person.mends(GET, (5, &["IFS= read -rs CORP_SECRET"]));
    by_hand(provider.url(), FILE).mends(GET, (3, &["tokctl secret set corp"]));
    // Another client's id.
    let mut person = Person::with_corp(provider.url(), "").answers("ID", "cc-basic");
    person
        .shell("tokctl config set corp client_id nobody", "")
        .ok("");
    person.mends(GET, (5, &["tokctl add corp --change --client-id"]));
    // None at all.
    let mut person = by_hand(provider.url(), FILE).answers("ID", "cc-basic");
    let text = fs::read_to_string(person.config_file()).expect("it is there");
    person
        .sandbox
        .config(&text.replace("client_id = \"cc-basic\"\n", ""));
    person.mends(
        GET,
        (
            3,
            &["tokctl config set corp client_id", "tokctl secret set corp"],
        ),
    );
}

#[test]
#[ignore = "needs npm's oidc-provider and openssl: tests/run installs them"]
fn an_address_that_is_not_the_server_s() {
    let provider = OidcProvider::start(&[]);
    let right = provider.url().to_owned();
    for (wrong, code) in [
        // Nobody listens; no issuer is there; no such host; no TLS there.
        ("http://127.0.0.1:9".to_owned(), 6),
        (format!("{right}/realms/other"), 5),
        ("https://sso.corp.invalid".to_owned(), 6),
        (right.replace("http:", "https:"), 6),
    ] {
        let mut person = Person::with_corp(&wrong, "")
            .answers("https://...", &right)
            .answers("https://…", &right);
        person.mends(GET, (code, &["tokctl add corp --change --issuer"]));
    }
    // The token endpoint alone.
    let token = format!("{right}/token");
    let mut person = by_hand(&right, FILE).answers("https://...", &token);
    person
        .shell("tokctl secret set corp", "cc-basic-secret")
        .ok_with("", "stored");
    let text = fs::read_to_string(person.config_file()).expect("it is there");
    let wrong = format!("token_endpoint = \"{right}/nothing\"");
    person
        .sandbox
        .config(&text.replace(&format!("issuer = \"{right}\""), &wrong));
    person.mends(GET, (5, &["tokctl add corp --change --token-endpoint"]));
}

/// An issuer whose addresses are https.
fn tls() -> TlsServer {
    TlsServer::start(|request| match request.path.as_str() {
        "/.well-known/openid-configuration" => {
            let all = metadata(request, "").to_string();
            Reply::json(200, all.replace("http://", "https://"))
        }
        "/token" => tokens(&json!({})),
        _ => Reply::json(404, "{}"),
    })
}

#[test]
#[ignore = "needs openssl and faketime: tests/run installs them"]
fn a_certificate_that_is_not_trusted() {
    // Of an authority that nobody knows here.
    let server = tls();
    let authority = server.ca_file().display().to_string();
    let kept = "store = \"none\"\nclient_secret = { file = \"secret\" }";
    let mut person = by_hand(&server.url(""), kept);
    person.sandbox.write("config/tokctl/secret", "s");
    let given = person
        .sandbox
        .write("ca.pem", fs::read(&authority).expect("it is there"));
    person = person.answers("FILE", given.display().to_string());
    person.mends(GET, (6, &["tokctl add corp --change --ca-file"]));

    // One that has expired, which who runs the server renews.
    server.shows("expired");
    let run = person.shell("tokctl get corp", "");
    run.fails(6, "its certificate has expired");
    run.fails(6, "who runs the server must renew its certificate");
    server.shows("server");
    let run = person.shell(GET, "");
    assert_eq!(run.code, 0, "{run:?}");

    // A clock that is a day behind, at a certificate of today. Where a clock is set is put in its place here.
    let clock = person.sandbox.write("clock", "-1d");
    let script = "#!/bin/sh\n[ \"$*\" = 'set-ntp true' ] && echo +0d >\"$HOME/clock\"\n";
    let set = person.sandbox.write("bin/timedatectl", script);
    let mode = person
        .sandbox
        .program("chmod", ["700".as_ref(), set.as_os_str()]);
    Running::start(mode, None).wait().ok("");
    let library = person.sandbox.libfaketime();
    person.kept.push(format!(
        "export LD_PRELOAD='{library}' FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1",
        clock.display()
    ));
    person.mends(
        "tokctl get corp --force",
        (6, &["timedatectl set-ntp true"]),
    );
}

#[test]
#[ignore = "needs npm's oidc-provider and openssl: tests/run installs them"]
fn a_proxy_that_is_down() {
    // Its certificate is for the name other.invalid, which only the second proxy can find.
    let provider = OidcProvider::start_tls("wrongname", &[]);
    let port = provider
        .url()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let port: u16 = port.expect("the issuer ends with its port");
    let proxy =
        support::raw::RawServer::start(move |stream| drop(super::proxies::through(stream, port)));
    let mut person = Person::new();
    let authority = fs::read(OidcProvider::ca_file()).expect("it is there");
    let authority = person.sandbox.write("ca.pem", authority);
    person.sandbox.config(&format!(
        "[profile.corp]\ntoken_endpoint = \"https://other.invalid:{port}/token\"\nclient_id = \"cc-basic\"\n\
         client_secret = {{ file = \"secret\" }}\nstore = \"none\"\nca_file = \"{}\"\n",
        authority.display()
    ));
    person
        .sandbox
        .write("config/tokctl/secret", "cc-basic-secret");
    for down in ["http://127.0.0.1:9", "http://proxy.corp.invalid:3128"] {
        person.kept = vec![format!(
            "export https_proxy={down} all_proxy=http://127.0.0.1:{}",
            proxy.port()
        )];
        person.mends(GET, (6, &["unset https_proxy"]));
    }
}

#[test]
#[ignore = "needs npm's oidc-provider and setpriv: tests/run installs it"]
fn a_file_that_cannot_be_read() {
    let provider = OidcProvider::start(&[]);
    let mut person = Person::with_corp(provider.url(), "");
    let file = person.config_file();
    let close = |person: &Person, path: &str| {
        person.shell(&format!("chmod a-rwx {path}"), "").ok("");
    };
    close(&person, &file.display().to_string());
    person.mends(GET, (3, &["chmod u+r"]));
    close(&person, "~/state/tokctl/records/*");
    // The token's and the secret's.
    let commands = ["chmod u+r", "chmod u+r"];
    person.mends("tokctl get corp --force", (7, &commands));
    // The secret's own.
    let mut person = by_hand(
        provider.url(),
        "store = \"encrypted-file\"\nclient_secret = { file = \"secret\" }",
    );
    person
        .sandbox
        .write("config/tokctl/secret", "cc-basic-secret");
    close(&person, "~/config/tokctl/secret");
    person.mends(GET, (3, &["chmod u+r"]));
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_file_that_says_it_wrongly() {
    let provider = OidcProvider::start(&[]);
    for (right, wrong) in [
        ("[profile.corp]", "[profile.corp"),
        ("client_id", "cleint_id"),
        ("store = \"encrypted-file\"", "store = \"encrypted\""),
        ("[profile.corp]", "[corp]"),
    ] {
        let mut person = Person::with_corp(provider.url(), "");
        let text = fs::read_to_string(person.config_file()).expect("it is there");
        assert!(text.contains(right), "{right}: {text}");
        person.sandbox.config(&text.replace(right, wrong));
        // An editor in which the person puts it right.
        let script = format!("#!/bin/sh\ncat >\"$1\" <<'END'\n{text}END\n");
        let editor = person.sandbox.write("bin/editor", script);
        let mode = person
            .sandbox
            .program("chmod", ["700".as_ref(), editor.as_os_str()]);
        Running::start(mode, None).wait().ok("");
        person.sandbox.env("VISUAL", editor);
        person.mends(GET, (3, &["tokctl config edit"]));
        // Also another file than the usual one.
        let other = person
            .sandbox
            .write("other.toml", text.replace(right, wrong));
        let call = format!("tokctl --config {} get corp", other.display());
        person.mends(&call, (3, &["tokctl --config"]));
    }
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_profile_that_has_another_name_now() {
    let provider = OidcProvider::start(&[]);
    for other in ["crop", "work"] {
        let person = Person::with_corp(provider.url(), "");
        let text = fs::read_to_string(person.config_file()).expect("it is there");
        person
            .sandbox
            .config(&text.replace("[profile.corp]", &format!("[profile.{other}]")));
        let run = person.shell("tokctl get corp --format header", "");
        run.fails(3, "no profile \"corp\"");
        let named = person.named(&run);
        let call = format!("tokctl get {other} --format header");
        assert_eq!(named.first(), Some(&call), "{run:?}");
        // Under that name it has no secret yet.
        let mut person = person;
        let set = format!("tokctl secret set {other}");
        person.mends(&call, (3, &[set.as_str()]));
    }
}

#[test]
fn a_scope_that_is_missing_or_not_known() {
    let server = Server::start(|request| {
        let form = request.form();
        let scope = form.get("scope").map(String::as_str);
        match (request.path.as_str(), scope) {
            ("/token", Some("admin")) => Reply::error("invalid_scope"),
            ("/token", scope) => tokens(&json!({
                "scope": scope, "access_token": scope.unwrap_or("none").replace(' ', "-"),
            })),
            ("/write", _) if request.header("authorization") == Some("Bearer read") => {
                Reply::json(403, "{}").header(
                    "www-authenticate",
                    r#"Bearer error="insufficient_scope", scope="write""#,
                )
            }
            ("/write", _) => Reply::json(200, "{}"),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        }
    });
    let host = format!("--host {}", server.url(""));
    let call = format!("tokctl api corp {} --fail", server.url("/write"));
    let mut person = Person::with_corp(&server.url(""), &format!("{host} --scope read"));
    person.mends(&call, (5, &["tokctl add corp --change --scope"]));
    let mut person = Person::with_corp(&server.url(""), "--scope admin").answers("SCOPE", "read");
    person.mends(GET, (5, &["tokctl add corp --change --scope"]));
}

#[test]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
fn a_machine_without_a_keyring() {
    let provider = OidcProvider::start(&[]);
    for store in ["store = \"keyring\"\n", ""] {
        let mut person = by_hand(
            provider.url(),
            &format!("{store}client_secret = {{ keyring = true }}"),
        );
        let commands = [
            "tokctl config set corp store encrypted-file",
            "tokctl secret set corp",
        ];
        person.mends(GET, (7, &commands));
    }
    // As early as it can be told.
    let mut person = Person::new();
    let call = format!(
        "tokctl add corp --issuer {} --client-id cc-basic --grant client_credentials --client-secret-stdin",
        provider.url()
    );
    let run = person.shell(&call, "cc-basic-secret");
    run.fails(7, "there is no keyring here");
    let named = person.named(&run);
    let [command] = &named[..] else {
        panic!("{named:?}")
    };
    let run = person.shell(command, "cc-basic-secret");
    run.ok_with("", "use it with: tokctl get corp");
    person.kept.clear();
    assert_eq!(person.shell(GET, "").code, 0);
}

#[test]
#[ignore = "needs npm's oidc-provider and curl: tests/run installs them"]
fn a_login_that_never_was_or_has_ended() {
    let provider = OidcProvider::start(&[]);
    let mut person = Person::new();
    let browser = "#!/bin/sh\nexec curl -sS --noproxy '*' -L -c jar -b jar -o page \"$1\"\n";
    let browser = person.sandbox.write("bin/browser", browser);
    let mode = person
        .sandbox
        .program("chmod", ["700".as_ref(), browser.as_os_str()]);
    Running::start(mode, None).wait().ok("");
    person.sandbox.env("BROWSER", browser);
    person.sandbox.config(&format!(
        "[profile.corp]\nissuer = \"{}\"\nclient_id = \"pkce\"\nscope = \"openid offline_access api:read\"\n\
         store = \"encrypted-file\"\n",
        provider.url()
    ));
    person.mends(GET, (4, &["tokctl login corp"]));
    provider.revoke_client("pkce");
    person.mends("tokctl get corp --force", (4, &["tokctl login corp"]));
}
