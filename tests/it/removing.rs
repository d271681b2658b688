//! `tokctl remove` and `tokctl rename`: nothing of a profile stays behind, whoever is killed at whatever step.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::login::{log_in, profile};
use support::sandbox::files;
use support::{OidcProvider, Reply, Run, Running, Sandbox, Server, http};

/// A server that renews `rt-N` into `rt-N+1` once, and ends what it is told to end unless it is broken.
struct Model {
    good: Mutex<u32>,
    revoked: Mutex<Vec<String>>,
    broken: AtomicBool,
}

fn start() -> (Arc<Model>, Server) {
    let model = Arc::new(Model {
        good: Mutex::new(1),
        revoked: Mutex::default(),
        broken: AtomicBool::new(false),
    });
    let own = Arc::clone(&model);
    let server = Server::start(move |request| {
        let form = request.form();
        if request.path == "/revoke" {
            if own.broken.load(Ordering::SeqCst) {
                return Reply::json(503, "{}");
            }
            own.revoked
                .lock()
                .expect("no panic")
                .push(form["token"].clone());
            return Reply::json(200, "");
        }
        let mut good = own.good.lock().expect("no panic");
        if form.get("refresh_token") != Some(&format!("rt-{good}")) {
            return Reply::error("invalid_grant");
        }
        *good += 1;
        Reply::json(
            200,
            format!(
                r#"{{"access_token":"at-{good}","refresh_token":"rt-{good}","expires_in":3600}}"#
            ),
        )
    });
    (model, server)
}

impl Model {
    fn revoked(&self) -> Vec<String> {
        self.revoked.lock().expect("no panic").clone()
    }
}

/// The keys of a profile at this server.
fn keys(server: &Server, more: &str) -> String {
    format!(
        "client_id = \"c\"\ngrant = \"refresh_token\"\ntoken_endpoint = \"{}\"\nrevocation_endpoint = \"{}\"\n\
         access_cache = \"none\"\n{more}\n",
        server.url("/token"),
        server.url("/revoke")
    )
}

const ENCRYPTED: &str = "store = \"encrypted-file\"";

fn with(server: &Server, around: (&str, &str)) -> Sandbox {
    let sandbox = Sandbox::new();
    let (before, after) = around;
    let own = keys(server, ENCRYPTED);
    sandbox.config(&format!("{before}[profile.p]\n{own}{after}"));
    sandbox.import("rt-1");
    sandbox
}

fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).expect("the configuration can be read")
}

/// What is kept below the state directory, but for locks and servers' metadata, which hold nothing of a profile.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    let state = sandbox.state_dir().join("tokctl");
    let all = files(&state).into_iter().map(|file| {
        let name = file.strip_prefix(&state).expect("below it");
        name.to_string_lossy().into_owned()
    });
    all.filter(|name| {
        let of_all = ["locks/", "metadata/", "store."];
        !of_all.iter().any(|of_all| name.starts_with(of_all))
    })
    .collect()
}

const AROUND: (&str, &str) = (
    "# all of it\n\n[defaults] # mine\nmin_ttl   = '1m'\n\n# about another\n\n# about p\n",
    "\n# about q\n[profile.q] # q\nclient_id='x' # why\nissuer = \"https://q.example\"\n# the end\n",
);

#[test]
fn a_profile_that_is_removed_is_revoked_and_gone_and_its_neighbours_keep_their_comments() {
    let (model, server) = start();
    let sandbox = with(&server, AROUND);
    sandbox
        .run_with_stdin(["secret", "set", "p"], "s3cret")
        .ok_with("", "stored");
    let run = sandbox.run(["remove", "p"]);
    run.ok_with("", "p: revoked at the server")
        .ok_with("", "removed profile p");
    assert_eq!(model.revoked(), ["rt-1"]);
    let expected = format!(
        "{}{}",
        AROUND.0.strip_suffix("# about p\n").expect("it is there"),
        AROUND.1.trim_start()
    );
    assert_eq!(config(&sandbox), expected);
    assert_eq!(kept(&sandbox), [""; 0]);
    sandbox.run(["get", "p"]).fails(3, "no profile \"p\"");
    sandbox.run(["remove", "p"]).fails(3, "no profile \"p\"");
}

#[test]
fn what_cannot_be_revoked_keeps_its_profile_until_it_can_be() {
    let (model, server) = start();
    let sandbox = with(&server, AROUND);
    let before = config(&sandbox);
    model.broken.store(true, Ordering::SeqCst);
    let run = sandbox.run(["remove", "p", "-q"]);
    run.fails(
        6,
        "the profile stays, with what is to be revoked sealed in its store",
    );
    assert_eq!(config(&sandbox), before);
    sandbox.run(["get", "p"]).fails(4, "nobody has logged in");
    model.broken.store(false, Ordering::SeqCst);
    sandbox
        .run(["remove", "p"])
        .ok_with("", "removed profile p");
    assert_eq!(model.revoked(), ["rt-1"]);
    assert_eq!(kept(&sandbox), [""; 0]);
}

#[test]
fn what_is_not_to_be_revoked_goes_all_the_same() {
    let (model, server) = start();
    let sandbox = with(&server, ("", ""));
    model.broken.store(true, Ordering::SeqCst);
    sandbox.run(["remove", "p"]).fails(6, "--no-revoke");
    sandbox
        .run(["remove", "p", "--no-revoke"])
        .ok_with("", "removed profile p");
    assert_eq!((config(&sandbox).as_str(), model.revoked()), ("", vec![]));
    assert_eq!(kept(&sandbox), [""; 0]);
}

#[test]
fn a_renamed_profile_has_all_that_it_had() {
    let (model, server) = start();
    let sandbox = with(&server, AROUND);
    let before = config(&sandbox);
    sandbox.run(["get", "p"]).ok("at-2\n");
    sandbox
        .run_with_stdin(["secret", "set", "p"], "s3cret")
        .ok_with("", "stored");
    let files = kept(&sandbox).len();
    sandbox
        .run(["rename", "p", "new"])
        .ok_with("", "renamed profile p to new");
    assert_eq!(
        config(&sandbox),
        before.replace("[profile.p]", "[profile.new]")
    );
    assert_eq!(kept(&sandbox).len(), files);
    sandbox.run(["get", "new"]).ok("at-2\n");
    sandbox.run(["get", "new", "--force"]).ok("at-3\n");
    sandbox.run(["get", "p"]).fails(3, "no profile \"p\"");
    sandbox
        .run(["secret", "rm", "new"])
        .ok_with("", "removed from");
    assert_eq!(model.revoked(), [""; 0]);
    sandbox
        .run(["logout", "new"])
        .ok_with("", "revoked at the server");
    assert!(model.revoked().contains(&"rt-3".to_owned()));
}

#[test]
fn what_is_kept_to_be_revoked_goes_with_the_name() {
    let (model, server) = start();
    let sandbox = with(&server, ("", ""));
    model.broken.store(true, Ordering::SeqCst);
    sandbox.run(["logout", "p"]).fails(6, "not revoked");
    sandbox.run(["rename", "p", "new"]).ok_with("", "renamed");
    model.broken.store(false, Ordering::SeqCst);
    sandbox
        .run(["refresh", "--all"])
        .ok_with("", "new: what a logout had left was revoked");
    assert_eq!(model.revoked(), ["rt-1"]);
}

#[test]
fn another_profile_s_token_is_exchanged_under_the_new_name() {
    let (_, server) = start();
    let other = "\n[profile.x]\ngrant = \"token_exchange\"\nclient_id = \"c\"\ntoken_endpoint = \"https://x.example/t\"\n\
                 subject_token = { profile = \"p\" } # whose\n";
    let sandbox = with(&server, ("", other));
    let before = config(&sandbox);
    sandbox.run(["rename", "p", "new"]).ok_with("", "renamed");
    let renamed = before.replace("[profile.p]", "[profile.new]");
    assert_eq!(
        config(&sandbox),
        renamed.replace("\"p\" } # whose", "\"new\" } # whose")
    );
    let run = sandbox.run(["remove", "new", "--no-revoke"]);
    run.ok_with(
        "",
        "profile \"x\": its subject_token or actor_token names new, which is gone",
    );
}

#[test]
fn a_name_that_is_taken_a_preset_s_or_none_is_refused_and_nothing_changes() {
    let (_, server) = start();
    let sandbox = with(&server, AROUND);
    let before = config(&sandbox);
    for (to, code, why) in [
        ("q", 2, "there is a profile \"q\" already"),
        ("github", 2, "is the name of a preset"),
        ("a/b", 2, "a profile's name is made of"),
        ("-", 2, "a profile's name is made of"),
    ] {
        sandbox.run(["rename", "--", "p", to]).fails(code, why);
        assert_eq!(config(&sandbox), before, "{to}");
    }
    sandbox
        .run(["rename", "nobody", "new"])
        .fails(3, "no profile \"nobody\"");
    sandbox.run(["get", "p"]).ok("at-2\n");
}

#[test]
fn a_preset_that_the_name_has_chosen_is_written_out() {
    let sandbox = Sandbox::new();
    sandbox.config("[profile.github]\nclient_id = \"c\"\n");
    sandbox
        .run(["rename", "github", "work"])
        .ok_with("", "renamed");
    assert_eq!(
        config(&sandbox),
        "[profile.work]\nclient_id = \"c\"\npreset = \"github\"\n"
    );
}

#[test]
fn variables_of_the_old_name_are_told() {
    let (_, server) = start();
    let mut sandbox = with(&server, ("", ""));
    sandbox
        .env("TOKCTL_TOKEN_P", "t")
        .env("P_CLIENT_SECRET", "s")
        .env("NEW_CLIENT_SECRET", "s");
    let run = sandbox.run(["rename", "p", "new"]);
    run.ok_with(
        "",
        "TOKCTL_TOKEN_P is not read any more: call it TOKCTL_TOKEN_NEW",
    );
    run.ok_with(
        "",
        "P_CLIENT_SECRET is not read any more: call it NEW_CLIENT_SECRET",
    );
    sandbox.env("TOKCTL_TOKEN_NEW", "t");
    let run = sandbox.run(["remove", "new", "--no-revoke"]);
    run.ok_with("", "TOKCTL_TOKEN_NEW is of no use any more: unset it");
}

#[test]
fn programs_that_name_the_profile_name_the_new_one_and_then_none() {
    let (_, server) = start();
    let sandbox = with(&server, ("", "hosts = [\"https://registry.example\"]\n"));
    sandbox.write(".docker/config.json", "{}");
    sandbox
        .run(["helper", "install", "docker", "p"])
        .ok_with("", "done");
    let docker =
        || fs::read_to_string(sandbox.home().join(".docker/config.json")).unwrap_or_default();
    assert!(docker().contains("tokctl-p\""), "{}", docker());
    sandbox.run(["rename", "p", "new"]).ok_with("", "renamed");
    assert!(
        docker().contains("tokctl-new\"") && !docker().contains("tokctl-p\""),
        "{}",
        docker()
    );
    sandbox
        .run(["remove", "new", "--no-revoke"])
        .ok_with("", "removed");
    assert!(!docker().contains("tokctl-"), "{}", docker());
}

#[test]
fn a_profile_that_is_in_no_file_any_more_is_shown_and_ended() {
    let (model, server) = start();
    let sandbox = with(&server, ("", ""));
    sandbox.config("");
    let run = sandbox.run(["status"]);
    assert!(run.stdout.contains("no profile"), "{run:?}");
    assert!(
        run.stderr
            .contains("p is kept, and no profile of the file any more"),
        "{run:?}"
    );
    let rows = sandbox.run(["status", "--json"]);
    assert!(rows.stdout.contains("no profile"), "{rows:?}");
    let report = sandbox.run(["doctor"]);
    assert!(report.stdout.contains("tokctl remove p"), "{report:?}");
    model.broken.store(true, Ordering::SeqCst);
    sandbox
        .run(["logout", "--all"])
        .fails(6, "p (no profile any more): not revoked");
    model.broken.store(false, Ordering::SeqCst);
    sandbox.run(["logout", "--all"]).ok_with(
        "",
        "p (no profile any more): revoked at the server, and erased here",
    );
    assert_eq!(model.revoked(), ["rt-1"]);
    assert_eq!(kept(&sandbox), [""; 0]);
    sandbox.run(["logout", "--all"]).ok("");
}

#[test]
fn what_another_file_s_profile_has_is_no_stranger_s() {
    let (model, server) = start();
    let sandbox = with(&server, ("", ""));
    let other = sandbox.write("other.toml", "");
    let other = other.to_str().expect("a path");
    sandbox.run(["--config", other, "logout", "--all"]).ok("");
    assert_eq!(
        sandbox.run(["--config", other, "status", "--json"]).stdout,
        "[]\n"
    );
    assert_eq!(model.revoked(), [""; 0]);
    sandbox.run(["get", "p"]).ok("at-2\n");
}

/// What writes, renames and erases.
const CHANGES: [&str; 6] = [
    "write",
    "fsync",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
];

fn killed_at(sandbox: &Sandbox, (call, n): (&str, usize), args: &[&str]) -> Run {
    let inject = format!("inject={call}:signal=KILL:when={n}");
    let mut command = sandbox.program("strace", ["-qq", "-o", "/dev/null", "-e", &inject]);
    command.arg(support::tokctl()).args(args);
    Running::start(command, None).wait()
}

/// Kills a command before each of its calls that changes something; `check` looks at what is found.
fn killed_everywhere(args: &[&str], check: impl Fn(&Sandbox, &Model, &str)) {
    let mut killed = 0;
    for call in CHANGES {
        for n in 1.. {
            let (model, server) = start();
            let sandbox = with(&server, AROUND);
            sandbox
                .run_with_stdin(["secret", "set", "p"], "s3cret")
                .ok_with("", "stored");
            let run = killed_at(&sandbox, (call, n), args);
            if run.code == 0 {
                break;
            }
            let place = format!("{call} {n}");
            assert_eq!(run.code, -9, "{place}: {run:?}");
            killed += 1;
            check(&sandbox, &model, &place);
        }
    }
    assert!(killed > 20, "{killed}");
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_rename_that_is_killed_anywhere_leaves_the_profile_whole_under_one_name() {
    killed_everywhere(&["rename", "p", "new"], |sandbox, model, place| {
        let text = config(sandbox);
        let (name, other) = match (text.contains("[profile.p]"), text.contains("[profile.new]")) {
            (true, false) => ("p", "new"),
            (false, true) => ("new", "p"),
            found => panic!("{place}: {found:?}"),
        };
        let number = *model.good.lock().expect("no panic") + 1;
        sandbox
            .run(["get", name, "--force"])
            .ok(&format!("at-{number}\n"));
        sandbox
            .run(["secret", "rm", name])
            .ok_with("", "removed from");
        // One that is made anew under the other name has nothing of the first.
        sandbox.config(&format!("{text}\n[profile.{other}]\n{}", text.split_once("]\n").map_or("", |_| "client_id = \"c\"\ngrant = \"refresh_token\"\ntoken_endpoint = \"https://x.example/t\"\nstore = \"encrypted-file\"\naccess_cache = \"none\"\n")));
        let run = sandbox.run(["secret", "rm", other]);
        assert!(run.stderr.contains("not found in"), "{place}: {run:?}");
        sandbox.run(["get", other]).fails(4, "nobody has logged in");
        sandbox
            .run(["get", name, "--force"])
            .ok(&format!("at-{}\n", number + 1));
        assert_eq!(model.revoked(), [""; 0], "{place}");
    });
}

#[test]
#[ignore = "needs strace: tests/run installs it"]
fn a_removal_that_is_killed_anywhere_can_be_made_again_and_leaves_nothing() {
    killed_everywhere(&["remove", "p"], |sandbox, model, place| {
        let run = sandbox.run(["remove", "p"]);
        let is_gone = run.code == 3 && !config(sandbox).contains("[profile.p]");
        assert!(run.code == 0 || is_gone, "{place}: {run:?}");
        assert!(model.revoked().contains(&"rt-1".to_owned()), "{place}");
        assert_eq!(kept(sandbox), [""; 0], "{place}");
    });
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn at_a_certified_provider_nothing_outlives_what_replaces_or_removes_it() {
    let provider = OidcProvider::start(&[]);
    let sandbox = Sandbox::new();
    let more = "store = \"plaintext\"\naccess_cache = \"none\"\nscope = \"openid offline_access api:read\"";
    sandbox.config(&profile(provider.url(), "pkce", more));
    let refresh = || {
        let record = fs::read(sandbox.record()).expect("a record");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        record["refresh"]
            .as_str()
            .expect("a refresh token")
            .to_owned()
    };
    let is_active = |token: &str| {
        let form = [("token", token), ("client_id", "pkce")];
        let url = format!("{}/token/introspection", provider.url());
        http::post_form(&url, &form).json()["active"] == true
    };
    log_in(&sandbox, &[]);
    let first = refresh();
    log_in(&sandbox, &[]);
    let second = refresh();
    assert!(is_active(&first) && is_active(&second));
    log_in(&sandbox, &["--replace"]);
    let third = refresh();
    assert!(!is_active(&first) && !is_active(&second) && is_active(&third));
    sandbox
        .run(["rename", "p", "new"])
        .ok_with("", "renamed profile p to new");
    assert_eq!(refresh(), third);
    assert_eq!(sandbox.run(["get", "new", "--force"]).code, 0);
    let fourth = refresh();
    sandbox
        .run(["remove", "new"])
        .ok_with("", "new: revoked at the server");
    assert!(!is_active(&third) && !is_active(&fourth));
    // One that is brought, and spent by the trial.
    let brought = provider.refresh_token("pkce");
    sandbox.config(&profile(provider.url(), "pkce", more));
    let run = sandbox.run_with_stdin(["import", "p"], brought.as_str());
    run.ok_with("", "tried at the server");
    assert!(refresh() != brought && is_active(&refresh()));
    let run = sandbox.run_with_stdin(["import", "p", "--force"], "oops");
    run.fails(5, "invalid_grant");
    assert!(is_active(&refresh()));
}
