//! Doors of the program: what only certain files may do. A search over the text of `src/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What is searched, and where it may stand: a file, or a directory with a slash at its end.
const DOORS: &[(&str, &[&str])] = &[
    // The network.
    ("socket2", &["http/connection/connect.rs"]),
    ("rustls::", &["http/tls/"]),
    // The listener's takes only what comes from this machine.
    ("TcpStream", &["login/listener.rs", "http/connection/"]),
    ("to_socket_addrs", &["http/connection/lookup.rs"]),
    // Keyrings.
    ("keyring_core", &["store/"]),
    ("linux_keyutils", &["store/kernel.rs"]),
    ("apple_native_keyring_store", &["store/"]),
    ("windows_native_keyring_store", &["store/"]),
    ("security_framework", &["store/"]),
    (
        "UnixStream",
        &["token/background/child.rs", "store/dbus/socket.rs"],
    ),
    // The environment and the clock.
    ("std::env", &["env.rs", "env/"]),
    ("env::var_os", &["env.rs", "env/"]),
    ("SystemTime::now", &["clock.rs"]),
    // A waiter and a bus call measure their own pauses.
    (
        "Instant::now",
        &[
            "clock.rs",
            "state/lock.rs",
            "ui/waiting.rs",
            "store/dbus/",
            "store/dbus.rs",
            "store/secret_service/",
            "login/browser.rs",
            "doctor/server.rs",
        ],
    ),
    // A thread that cannot be made must be an error like others, and no panic.
    ("thread::spawn", &[]),
    // Other programs.
    (
        "process::Command",
        &[
            "token/background/child.rs",
            "http/connection/lookup.rs",
            "program.rs",
            "login/browser.rs",
            "command/exec/mod.rs",
            "command/man.rs",
            "helper/install/tool.rs",
        ],
    ),
    // Words: the one file that writes them, and the answer.
    ("println!", &[]),
    ("eprintln!", &[]),
    ("eprint!", &[]),
    ("print!(", &[]),
    ("dbg!", &[]),
    ("stderr()", &["ui.rs", "ui/", "command/login.rs"]),
    ("stdout()", &["ui.rs", "token/background/child.rs"]),
    (
        "stdin()",
        &[
            "ui.rs",
            "login/paste.rs",
            "helper/input.rs",
            "helper/cargo.rs",
        ],
    ),
    // Reading without a limit: of the kernel's files, of leases and our own child, and the start of what is streamed.
    (
        "read_to_end",
        &[
            "bounded.rs",
            "command/api/request.rs",
            "token/background/child.rs",
        ],
    ),
    (
        "read_to_string",
        &[
            "command/man/pages.rs",
            "doctor/lock.rs",
            "env.rs",
            "env/caller.rs",
            "login/peer.rs",
            "signals.rs",
            "state/lease.rs",
        ],
    ),
    ("read_line", &[]),
    ("read_until(b", &["bounded.rs"]),
    // Ends without destructors, which wipe secrets.
    ("process::exit", &[]),
    ("process::abort", &[]),
    ("unsafe {", &[]),
    // A file is made with its mode, and not protected later: these close what was found open, and keep a mode that the user
    // has given.
    ("set_permissions", &[]),
    ("fchmod", &["files/private.rs", "files/in_place.rs"]),
    ("chmod(", &[]),
    ("set_mode", &[]),
    // Each of ours is opened by one function, which follows no link and waits for nobody.
    ("OpenOptions", &["files/"]),
    ("custom_flags", &["files/"]),
];

/// Who may look into a secret, and what for.
const SEES_SECRETS: &[(&str, &str)] = &[
    ("secret.rs", "checks what a secret may be made of"),
    ("ui.rs", "writes the answer to stdout"),
    (
        "env.rs",
        "gives out a variable that was lent, as one of the environment",
    ),
    (
        "command/get.rs",
        "puts the token into the form that was asked for",
    ),
    ("command/import.rs", "reads a token response from stdin"),
    ("store/passphrase.rs", "makes a key of a passphrase"),
    ("state/marks.rs", "hashes the key that a login's record has"),
    (
        "token/credentials.rs",
        "hands the client secret or key to the store",
    ),
    (
        "command/secret.rs",
        "takes the line ends out of a client key",
    ),
    (
        "token/forget.rs",
        "compares a token with the one that a server has refused",
    ),
    ("helper/core.rs", "puts the token into a program's protocol"),
    (
        "state/note.rs",
        "hashes a refresh token to remember it as ended",
    ),
    (
        "oauth/refused.rs",
        "judges a server's words, which may repeat a secret, and shows nothing of them",
    ),
    (
        "state/refusals.rs",
        "hashes an access token to remember it as refused",
    ),
    ("http/mod.rs", "sends the form"),
    ("http/request.rs", "sends headers"),
    (
        "http/connection/tunnel.rs",
        "tells a proxy its user name and password",
    ),
    (
        "command/api/mod.rs",
        "compares a refused token with the stored one",
    ),
    ("http/tls/mod.rs", "shows a client's certificate"),
    ("oauth/credentials.rs", "hashes the client's certificate"),
    ("oauth/jwt.rs", "signs with a client secret"),
    ("oauth/key.rs", "reads a private key from its text"),
    (
        "command/exec/mod.rs",
        "puts the token into the command's environment",
    ),
    (
        "command/exec/memory.rs",
        "writes the token into a file in memory",
    ),
    (
        "command/exec/token_files.rs",
        "writes the token into a file in memory",
    ),
    (
        "oauth/client_auth.rs",
        "puts the client secret into form or header",
    ),
    ("oauth/form.rs", "puts secrets into a form"),
    (
        "text.rs",
        "takes the request's secrets out of a server's words",
    ),
    (
        "oauth/authorization_code.rs",
        "sends state and nonce, and compares the state",
    ),
    (
        "oauth/id_token.rs",
        "reads the claims, and compares the nonce",
    ),
    ("oauth/pkce.rs", "makes the challenge of a verifier"),
    ("profile/api.rs", "puts the token into its header"),
    ("profile/secret_source.rs", "cuts text read from a source"),
    ("store/cipher.rs", "reads a key from its text"),
    ("store/key_source.rs", "makes a key of a configured secret"),
];

/// The rooms of `src/`, from the top floor down. A room takes only from floors below its own, so that a token's way goes
/// in one direction; rooms of one floor know nothing of each other.
const FLOORS: &[&[&str]] = &[
    &["fuzzing"],
    &["command"],
    &["doctor"],
    &["helper", "login"],
    &["token"],
    &["state"],
    &["store", "oauth"],
    &["profile"],
    &["http"],
    &["files", "program"],
    &["env", "ui"],
    &["error", "text"],
    &["bounded", "cli", "clock", "hash", "secret", "signals"],
];

/// Every source file by its path below `src/`, without the tests at its end.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let code = text.split("\nmod tests {").next();
                let name = path.strip_prefix(root()).expect("below src");
                let name = name.to_string_lossy().replace('\\', "/");
                found.push((name, code.unwrap_or_default().to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.len() > 30, "the sources are there");
    found
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

/// The lines of code with this text, by file: comments do not count.
fn uses(sources: &[(String, String)], what: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, code) in sources {
        for line in code
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"))
        {
            let whole_word = line
                .match_indices(what)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            if whole_word {
                found.push((name.clone(), line.to_owned()));
            }
        }
    }
    found
}

#[test]
fn no_file_of_tests_is_forgotten() {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    for binary in ["it", "privileged"] {
        let main = fs::read_to_string(tests.join(binary).join("main.rs")).expect("it is there");
        let files = fs::read_dir(tests.join(binary)).expect("a directory");
        for name in files.map(|entry| entry.expect("an entry").file_name()) {
            let name = name.to_string_lossy().into_owned();
            let module = name.strip_suffix(".rs").filter(|name| *name != "main");
            let named = |module: &str| main.lines().any(|line| line == format!("mod {module};"));
            assert!(module.is_none_or(named), "{binary}/main.rs lacks {name}");
        }
    }
}

#[test]
fn each_door_is_where_it_is_said_to_be_and_nowhere_else() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (what, places) in DOORS {
        let found = uses(&sources, what);
        for (name, line) in &found {
            let allowed = places.iter().any(|place| match place.strip_suffix('/') {
                Some(_) => name.starts_with(place),
                None => name == place,
            });
            if !allowed {
                wrong.push(format!("{what} in {name}: {line}"));
            }
        }
        for place in *places {
            if !found.iter().any(|(name, _)| name.starts_with(place)) {
                wrong.push(format!(
                    "{what} is not in {place} any more: shorten the list"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_room_takes_only_from_the_floors_below_it() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    let mut wrong = Vec::new();
    let mut rooms = BTreeSet::new();
    for (name, code) in sources() {
        let room = name.split(['/', '.']).next().unwrap_or_default();
        if matches!(room, "lib" | "main") {
            continue;
        }
        rooms.insert(room.to_owned());
        let Some(own) = floor(room) else {
            wrong.push(format!("{name} is in a room without a floor"));
            continue;
        };
        for other in rooms_named_in(&code).into_iter().filter(|at| at != room) {
            if floor(&other).is_some_and(|at| at <= own) {
                wrong.push(format!("{name} takes from {other}, which is not below it"));
            }
        }
    }
    let stale = FLOORS.iter().copied().flatten();
    wrong.extend(
        stale
            .filter(|room| !rooms.contains(**room))
            .map(|room| format!("there is no {room} any more: shorten the list")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first words of all paths that begin at the crate's root.
fn rooms_named_in(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    for (at, root) in code.match_indices("crate::") {
        let rest = &code[at + root.len()..];
        let parts = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest.split(',').next().unwrap_or_default(),
        };
        let first = |part: &str| part.trim().split(|c| !is_word(c)).next().map(str::to_owned);
        found.extend(parts.split(',').filter_map(first));
    }
    found
}

#[test]
fn only_those_with_a_reason_look_into_a_secret() {
    let sources = sources();
    let found = uses(&sources, "expose()");
    let found: Vec<_> = found.into_iter().chain(exposing(&sources)).collect();
    for (name, line) in &found {
        let listed = SEES_SECRETS.iter().any(|(file, _)| file == name);
        assert!(listed, "{name} looks into a secret: {line}");
    }
    for (file, reason) in SEES_SECRETS {
        let still = found.iter().any(|(name, _)| name == file);
        assert!(
            still,
            "{file} does not look into a secret any more: {reason}"
        );
    }
}

/// The same by the function's path, as in `map(Secret::expose)`.
fn exposing(sources: &[(String, String)]) -> Vec<(String, String)> {
    let mut found = uses(sources, "Secret::expose");
    found.extend(uses(sources, "fn expose"));
    found
}

#[test]
fn a_secret_has_no_way_to_print_itself() {
    let (_, code) = sources()
        .into_iter()
        .find(|(name, _)| name == "secret.rs")
        .expect("it is there");
    assert!(
        !code.contains("Display") && !code.contains("Deref for"),
        "{code}"
    );
    let derived = code.lines().filter(|line| line.starts_with("#[derive("));
    assert!(derived.clone().count() == 1 && !derived.clone().any(|line| line.contains("Debug")));
}
