//! What is said of errors in the configuration, and whom they concern.
#![cfg(unix)]

use crate::support;

use support::profiles::client_at;
use support::{Sandbox, Server};

const HEAD: &str = "[profile.p]\ntoken_endpoint = \"https://a.example/t\"\nclient_id = \"id\"\n";

/// A line in a profile's table, and the words of the error about it.
const ERRORS: &str = r#"
client_secrt = 'x'                                 => client_secrt | "client_secret"
token_url = 'https://x'                            => token_url | "token_endpoint"
scopes = []                                        => scopes | "scope"
Store = 'none'                                     => Store | "store"
min_tll = '5m'                                     => min_tll | "min_ttl"
zzz = 1                                            => unknown key "zzz"
min_ttl = '5 bananas'                              => min_ttl | duration | bananas
min_ttl = true                                     => min_ttl | true or false
min_ttl = -5                                       => min_ttl | duration
min_ttl = 1.5                                      => min_ttl | a fraction
timeout = []                                       => timeout | an array
scope = 5                                          => scope | a number
scope = ['a', 5]                                   => scope | a number
grant = 'client_credential'                        => grant | "client_credentials"
subject_token_type = 'weird'                       => subject_token_type | none of access_token | no URI
actor_token_type = 'acess_token'                   => actor_token_type | did you mean "access_token"?
requested_token_type = 'urn:'                      => requested_token_type | no URI
client_auth = 'secret_basic'                       => client_auth | "client_secret_basic"
store = 'file'                                     => store | none of auto, keyring, encrypted-file
access_cache = 'kernal'                            => access_cache | "kernel"
token = 'acess'                                    => token | "access"
git_auth = 'Bearer'                                => git_auth | "bearer"
docker_auth = 'token'                              => docker_auth | none of password, identity_token
hosts = 'https://git.example/x'                    => hosts | without a path
issuer = 'http://a.example'                        => issuer | https
revocation_endpoint = 'ftp://a'                    => revocation_endpoint | https
authorization_endpoint = 'https://u:pw@a'          => authorization_endpoint | password
device_authorization_endpoint = ''                 => device_authorization_endpoint | empty
audience = 5                                       => audience | a number
resource = { a = 1 }                               => resource | a table
headers = 'x'                                      => headers | a table
token_params = { grant_type = 'x' }                => token_params | grant_type
token_params = { refresh_token = { client_id = 1 } } => token_params | client_id
token_params = { a = [1] }                         => token_params | an array
response = { acces_token = '/x' }                  => response | "access_token"
response = { access_token = 'no.pointer' }         => response | access_token
client_secret = { envv = 'X' }                     => client_secret | envv | "env"
client_secret = {}                                 => client_secret | exactly one of
client_secret = { env = 'A', file = 'b' }          => client_secret | exactly one of
client_secret = { env_file = 'A', file = 'b' }     => client_secret | env_file
client_secret = 5                                  => client_secret | a number
client_secret = ''                                 => client_secret | empty
client_secret = { command = 'pass show x' }        => client_secret | command | array
client_secret = { command = [] }                   => client_secret | command | program
client_secret = { keyring = false }                => client_secret | keyring | true
client_secret = { systemd_credential = '../x' }    => client_secret | plain name
expires = 'yes'                                    => expires | true or false | a string
username = "a\nb"                                  => username | control
hosts = ['https://*.example']                      => hosts | one host
hosts = ['git.example']                            => hosts | whole URL
api_url = 'https://a.example/?k=1'                 => api_url | query
preset = 'spotfy'                                  => preset | "spotify"
client_id = 'again'                                => duplicate key
scope = [ # not closed                             => array
"#;

#[test]
fn every_error_names_file_line_profile_key_and_the_nearest_key() {
    let sandbox = Sandbox::new();
    let file = sandbox.config_file();
    let mut wrong = Vec::new();
    for (line, words) in ERRORS.lines().filter_map(|row| row.split_once(" => ")) {
        let text = format!("{HEAD}{}\n", line.trim());
        for (config, at) in [
            (text.clone(), 4),
            (
                format!("# π\n\n[profile.other]\nclient_id = \"o\"\n{text}"),
                8,
            ),
            (text.replace('\n', "\r\n"), 4),
        ] {
            let run = sandbox.config(&config).run(["get", "p", "--offline"]);
            let mut wanted = vec![format!("{}:{at}: ", file.display())];
            wanted.extend(words.split(" | ").map(str::to_owned));
            // Of TOML's own errors only the place is known.
            if !["again", "not closed"]
                .iter()
                .any(|part| line.contains(part))
            {
                wanted.push("profile \"p\": ".to_owned());
            }
            let told = wanted.iter().all(|word| run.stderr.contains(word));
            let one_line = run.stderr.lines().count() == 2 && !run.stderr.contains("pw");
            if (run.code, run.stdout.as_str()) != (3, "") || !told || !one_line {
                wrong.push(format!("{} => {words}: {}", line.trim(), run.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_outside_the_profile_s_table_name_their_place_too() {
    let sandbox = Sandbox::new();
    for (config, words) in [
        (
            "[defaults]\nmin_tll = 1\n",
            &[":2: ", "[defaults]", "\"min_ttl\""][..],
        ),
        (
            "[default]\nmin_ttl = 1\n",
            &[":1: ", "default", "\"defaults\""],
        ),
        (
            "\n[profiles.p]\nclient_id = 'x'\n",
            &[":2: ", "profiles", "\"profile\""],
        ),
        ("profile = 5\n", &[":1: ", "profile", "a table"]),
        ("profile.p = 5\n", &[":1: ", "profile \"p\"", "a table"]),
        (
            "[profile.p]\nclient_id = 'x'\n",
            &["profile \"p\"", "neither token_endpoint nor issuer"],
        ),
        (
            "[profile.p]\ntoken_endpoint = 'https://x'\n",
            &["\"p\"", "client_id", "P_CLIENT_ID"],
        ),
    ] {
        let run = sandbox.config(config).run(["get", "p"]);
        for word in words {
            run.fails(3, word);
        }
        run.fails(3, &sandbox.config_file().display().to_string());
    }
}

#[test]
fn an_unknown_profile_is_told_the_nearest_name() {
    let sandbox = Sandbox::new();
    sandbox.config(&format!("{HEAD}[profile.production]\n[profile.staging]\n"));
    for (name, near) in [("prodution", "production"), ("stagin", "staging")] {
        let run = sandbox.run(["get", "--force", name]);
        run.fails(3, &format!("; did you mean {near:?}?\n"));
        run.fails(
            3,
            &format!("tokctl: hint: run: tokctl get --force {near}\n"),
        );
    }
    // What a person has written himself is not said again.
    let call = ["api", "prodution", "https://a.example/?token=x"];
    let listed = "tokctl: hint: to list the profiles, run: tokctl status\n";
    sandbox.run(call).fails(3, listed);
    let hint = listed;
    for (name, near) in [
        ("spotifi", "did you mean \"spotify\"?"),
        ("zzzzzz", "no profile \"zzzzzz\""),
        ("../../etc/passwd", "no profile"),
        ("a\n\u{1b}[31mb", "a\\n\\u{1b}[31mb"),
        ("", "no profile \"\""),
    ] {
        let run = sandbox.run(["get", "--", name]);
        run.fails(3, near).fails(3, hint);
        run.fails(3, &sandbox.config_file().display().to_string());
        assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    }
    Sandbox::new().run(["get", "p"]).fails(3, "does not exist");
}

#[test]
fn an_error_in_another_profile_does_no_harm() {
    let server = Server::tokens(60);
    let good = client_at(&server.url("/token"), "store = \"none\"");
    let sandbox = Sandbox::with_client(&server, "");
    for (n, broken) in [
        "[profile.q]\nno_such_key = 1\n",
        "[profile.q]\ntoken_endpoint = \"http://a.example\"\n",
        "[profile.q]\nclient_id = \"not closed\nscope = [\n",
        "[profile.q]\n[profile.q]\n",
        "[profile.q]\na = 1\na = 2\n",
        "[profile.q.headers]\na = {}\n",
        "[profile.\"q.r\"]\nclient_id = 5\n",
        "[profile.pp]\nclient_id = 5\n",
        "[profile.p-p]\n???\n",
        // Forms that make the whole text be read.
        "[profile.q]\nno_such_key = \"\"\"\n[profile.p]\n\"\"\"\n",
        "  [profile.q]\n  client_id = 5\n",
        "[ profile . q ]\nclient_id = 5\n",
        "[profile.q]\nscope = [\n[\"a\"],\n]\n",
    ]
    .iter()
    .enumerate()
    {
        sandbox.config(&format!("{broken}{good}"));
        sandbox.run(["get", "p"]).ok(&format!("at-{}\n", 2 * n + 1));
        sandbox.config(&format!("{good}{broken}"));
        sandbox.run(["get", "p"]).ok(&format!("at-{}\n", 2 * n + 2));
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_a_fault_of_the_configuration() {
    let server = Server::tokens(60);
    for headers in ["{ \"a b\" = 1 }", "{ \"\" = 1 }", "{ a = \"é\\u0085\" }"] {
        let sandbox = Sandbox::with_client(&server, &format!("headers = {headers}"));
        sandbox.run(["get", "p", "--timeout=3s"]).fails(3, "header");
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_profile_s_name_is_plain() {
    let server = Server::tokens(60);
    let text = client_at(&server.url("/token"), "store = \"none\"");
    let sandbox = Sandbox::with_client(&server, "");
    let named = |name: &str| {
        sandbox.config(&text.replace("[profile.p]", &format!("[profile.\"{name}\"]")));
        sandbox.run(["get", "--", name])
    };
    for name in ["git.corp-1", "A_b@c:d+e", "ümlaut", &"x".repeat(128)] {
        assert_eq!(named(name).code, 0, "{name}");
    }
    for name in ["a b", "-x", ".x", "a/b", "..", "a'b", &"x".repeat(129)] {
        let run = named(name);
        run.fails(3, "config.toml:1: profile ")
            .fails(3, "a profile's name is made of");
        run.fails(3, &format!("{name:?}"));
    }
}
