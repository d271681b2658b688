//! Where no thread and no process can be made, and where no more files can be opened: what can be had is had, and
//! the words name the limit.
#![cfg(target_os = "linux")]

use crate::support;

use serde_json::json;
use support::grants::{credentials, renewable};
use support::issuer::{behave, origin};
use support::login::profile;
use support::{Reply, Run, Running, Sandbox, Server};

/// Puts a seccomp filter on itself, sees that no thread can be made, and becomes the program.
const SEALED: &str = r#"
import ctypes, os, platform, struct, sys, threading
arch, clone, forks = {"x86_64": (0xC000003E, 56, [57, 58]), "aarch64": (0xC00000B7, 220, [])}[platform.machine()]
rule = sys.argv[1]
EPERM, EAGAIN, ENOSYS, CLONE3, THREAD = 1, 11, 38, 435, 0x10000
allow = [(0x06, 0, 0, 0x7fff0000)]
number, flags = (0x20, 0, 0, 0), (0x20, 0, 0, 16)
refuse = lambda error: (0x06, 0, 0, 0x50000 | error)
only = lambda nr, error: [number, (0x15, 0, 1, nr), refuse(error)]
threads = lambda error: [number, (0x15, 0, 3, clone), flags, (0x45, 0, 1, THREAD), refuse(error)]
rules = {
    "old docker": only(CLONE3, EPERM),
    "no threads": only(CLONE3, ENOSYS) + threads(EPERM),
    "no threads for now": only(CLONE3, EAGAIN) + threads(EAGAIN),
    "no processes": [one for nr in [CLONE3, clone, *forks] for one in only(nr, EPERM)],
}
program = [(0x20, 0, 0, 4), (0x15, 1, 0, arch)] + allow + rules[rule] + allow
code = b"".join(struct.pack("HBBI", *one) for one in program)
memory = ctypes.create_string_buffer(code)
libc = ctypes.CDLL(None, use_errno=True)
filter = struct.pack("HxxxxxxP", len(program), ctypes.addressof(memory))
for call in [(38, 1, 0, 0, 0), (22, 2, ctypes.create_string_buffer(filter), 0, 0)]:
    if libc.prctl(*call):
        sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
try:
    threading.Thread(target=int).start()
    sys.exit("a thread was made")
except RuntimeError:
    os.execv(sys.argv[2], sys.argv[2:])
"#;

/// What a container, a sandbox or a limit of the moment refuses. Docker's profile of before 20.10.10 answered what it did
/// not know with EPERM: glibc asks clone3 for threads and processes, and something older only after ENOSYS.
const RULES: [&str; 4] = [
    "old docker",
    "no threads",
    "no threads for now",
    "no processes",
];

/// `tokctl` behind one of them.
fn sealed(sandbox: &Sandbox, rule: &str, args: &[&str], stdin: &str) -> Run {
    let first = ["-c", SEALED, rule, support::tokctl()];
    let command = sandbox.program("/usr/bin/python3", [&first[..], args].concat());
    let run = Running::start(command, Some(stdin.into())).wait();
    assert!(!run.stderr.contains("panicked"), "{rule}: {run:?}");
    run
}

#[test]
#[ignore = "needs python3: tests/run installs it"]
fn behind_a_filter_that_refuses_threads_and_processes_tokens_are_had_and_the_rest_is_told() {
    let server = Server::start(|request| match request.path.as_str() {
        "/device" => Reply::json(
            200,
            json!({
                "device_code": "dc", "user_code": "ABCD-EFGH", "interval": 1, "expires_in": 60,
                "verification_uri": format!("{}/activate", origin(request)),
            })
            .to_string(),
        ),
        "/api" => Reply::json(200, r#"{"me":"you"}"#),
        _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
    });
    let kept = format!(
        "store = \"plaintext\"\naccess_cache = \"none\"\nhosts = [\"https://git.example\", \"{}\"]",
        server.url("")
    );
    let endpoint = server.url("/token").replace("127.0.0.1", "localhost");
    let grants = [
        (credentials as fn(&str, &str) -> String, false),
        (renewable, true),
    ];
    for (rule, (grant, imported)) in RULES
        .iter()
        .flat_map(|rule| grants.map(|grant| (rule, grant)))
    {
        let other = Server::tokens(600);
        let sandbox = Sandbox::new();
        // Servers are asked at once, where that can be.
        let second = renewable(&other.url("/token"), &kept).replace("[profile.p]", "[profile.q]");
        sandbox.config(&(grant(&endpoint, &kept) + &second.replace("git.", "q.")));
        sandbox
            .run_with_stdin(["import", "q"], "rt-1")
            .ok_with("", "stored");
        if imported {
            sandbox.import("rt-1");
        }
        let run = |args: &[&str], stdin: &str| sealed(&sandbox, rule, args, stdin);
        run(&["get", "p", "--force"], "").ok("access-1\n");
        run(&["get", "p"], "").ok("access-1\n");
        run(&["refresh", "--all"], "").ok_with("", "q: renewed, good for ");
        run(&["api", "p", &server.url("/api")], "").ok("{\"me\":\"you\"}");
        run(&["status", "p"], "");
        run(&["doctor", "p"], "");
        let asked = "protocol=https\nhost=git.example\n\n";
        let asked = run(&["helper", "git", "get"], asked);
        let whole = asked.code == 0 && asked.stdout.contains("password=access-1");
        assert!(whole && asked.stderr.is_empty(), "{rule}: {asked:?}");
        run(&["exec", "p", "--", "echo", "begun"], "").ok("begun\n");
        // Nothing is begun that could not be ended.
        let asked = run(&["exec", "p", "--refresh", "--", "echo", "begun"], "");
        assert!(
            asked.code != 0 && asked.stdout.is_empty(),
            "{rule}: {asked:?}"
        );
        asked.fails(1, "the command was not started");
        assert!(other.hits() > 0);
        if *rule == "old docker" {
            asked.fails(1, "a Docker before 20.10.10");
        }
        let sandbox = Sandbox::new();
        sandbox.config(&profile(&server.url(""), "c", &kept));
        let run = sealed(&sandbox, rule, &["login", "p", "--device"], "");
        run.ok_with("", "logged in to p");
        sandbox.run(["get", "p"]).ok("access-1\n");
    }
}

#[test]
#[ignore = "needs python3: tests/run installs it"]
fn a_secret_s_program_that_cannot_be_started_is_what_is_told() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let more = "store = \"none\"\nclient_secret = { command = [\"echo\", \"s3cret\"] }";
    sandbox.config(&credentials(&server.url("/token"), more));
    for rule in ["old docker", "no processes"] {
        let run = sealed(&sandbox, rule, &["get", "p"], "");
        assert!(run.stderr.contains("echo"), "{rule}: {run:?}");
        run.fails(run.code, "operation not permitted");
    }
    assert_eq!(server.hits(), 0);
}

/// One after another each file is the one too many.
#[test]
fn whichever_file_is_one_too_many_the_limit_is_named_and_nothing_is_lost() {
    let mut failures = 0;
    for store in ["encrypted-file", "plaintext"] {
        let server = Server::tokens(600);
        let sandbox = Sandbox::new();
        let more = format!("store = \"{store}\"\naccess_cache = \"none\"");
        sandbox.config(&renewable(&server.url("/token"), &more));
        sandbox.import("rt-1");
        for limit in 4..10 {
            let script = format!("ulimit -n {limit}; exec \"$0\" get p --force");
            let command = sandbox.program("sh", ["-c", &script, support::tokctl()]);
            let run = Running::start(command, None).wait();
            if run.code != 0 {
                failures += 1;
                let words = "too many open files: raise the limit (ulimit -n, LimitNOFILE=)";
                run.fails(run.code, words);
            }
        }
        let run = sandbox.run(["get", "p", "--force"]);
        assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    }
    assert!(failures > 1, "{failures} of 12: the limits are too high");
}
