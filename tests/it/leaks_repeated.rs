//! A server that repeats the secrets it was sent, wherever a server has words: none of them is said again.
#![cfg(target_os = "linux")]

use crate::support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use support::login::redirect;
use support::scene::{Allowed, Echo, Place, Scene};

const TOKEN: &[&str] = &["access token"];

/// What is sent by which command: each is repeated by the server in every place.
#[rustfmt::skip]
const SENT: &[(&str, &[&str])] = &[
    ("get p --force", &["refresh_token", "authorization", "secret"]),
    ("get p --json --force", &["refresh_token"]),
    ("get post", &["client_secret"]),
    ("get signed", &["client_assertion"]),
    ("get bearer", &["assertion"]),
    ("get exchange", &["subject_token"]),
    ("refresh p", &["refresh_token", "secret"]),
    ("exec p --min-ttl 2h -- true", &["refresh_token"]),
    ("helper git p get", &["refresh_token"]),
    ("login p --paste", &["code", "code_verifier", "secret"]),
    ("login p --device", &["device_code", "secret"]),
    ("logout p", &["token", "secret"]),
    ("api p ok", &["authorization"]),
    ("add q --grant client_credentials --client-id i --token-endpoint BASE/token --client-secret-stdin", &["secret"]),
];

const PLACES: [Place; 11] = [
    Place::Description(400),
    Place::Description(401),
    Place::Description(500),
    Place::Error,
    Place::Message,
    Place::Page,
    Place::Truncated,
    Place::Location,
    Place::ContentType,
    Place::Challenge,
    Place::Scope,
];

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_server_that_repeats_what_it_was_sent_has_it_repeated_nowhere() {
    let sent = SENT
        .iter()
        .flat_map(|(line, fields)| fields.iter().map(move |field| (*line, *field)));
    let places = PLACES
        .iter()
        .flat_map(|place| [(*place, false), (*place, true)]);
    let all: Vec<_> = sent
        .flat_map(|sent| places.clone().map(move |place| (sent, place)))
        .collect();
    let next = AtomicUsize::new(0);
    let leaks = Mutex::new(Vec::new());
    thread::scope(|scope| {
        // Most of it waits for the next try, or poll.
        for _ in 0..20 {
            scope.spawn(|| {
                while let Some(((line, field), place)) =
                    all.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    let found = repeated(line, field, *place);
                    leaks.lock().expect("no panic").extend(found);
                }
            });
        }
    });
    assert_eq!(leaks.into_inner().expect("no panic"), Vec::<String>::new());
}

/// A field of what a command sends, repeated in one place, perhaps encoded.
fn repeated(line: &str, field: &'static str, (place, encoded): (Place, bool)) -> Vec<String> {
    let mut scene = Scene::new(None);
    let stdin = stdin_for(&mut scene, line);
    scene.repeats(Some(Echo {
        field,
        place,
        encoded,
    }));
    let line = line.replace("BASE", &scene.server.url(""));
    let mut words: Vec<&str> = line.split(' ').collect();
    words.insert(1, "-vv");
    // An API's answer is handed on as it came, also where it repeats a token.
    let api: &[_] = &["access token", "refresh token", "id token"];
    let answer = if words[0] == "api" { api } else { TOKEN };
    let allowed = Allowed {
        answer,
        command: words[0] == "exec",
    };
    let seen = scene.watch(&words, &stdin, allowed, None);
    let at = format!("{line}: {field} {place:?} {encoded}");
    assert!(scene.has_repeated() > 0, "{at}: {:?}", seen.run);
    let leaks = seen.leaks.into_iter();
    leaks
        .map(|leak| format!("{at}: {leak}\n{}", seen.run.stderr))
        .collect()
}

/// What a command reads; a login that is ended by it is begun here.
fn stdin_for(scene: &mut Scene, line: &str) -> String {
    match line {
        "login p --paste" => {
            let run = scene.sandbox.run(["login", "p", "--paste"]);
            let address = run
                .stderr
                .lines()
                .find_map(|line| line.strip_prefix("  http"));
            let address = redirect(&format!("http{}", address.expect("an address")), "");
            address.replace("code=c-1", &format!("code={}", scene.canaries.make("code")))
        }
        "helper git p get" => {
            // Only with a token that has ended is there anything to ask.
            let grant: serde_json::Value = serde_json::from_str(&scene.grant).expect("JSON");
            scene
                .sandbox
                .import(grant["refresh_token"].as_str().expect("a token"));
            "protocol=https\nhost=git.example\n\n".to_owned()
        }
        line if line.starts_with("add") => scene.canaries.make("what is typed"),
        _ => String::new(),
    }
}
