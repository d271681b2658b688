//! What `tokctl(1)` promises to later versions: the members of what is printed as JSON, with their types, and a
//! configuration with every key, which is read. A member may be added here; none is to be taken out or changed.

use crate::support::Sandbox;
use crate::support::golden::now;
use serde_json::Value;
use std::collections::BTreeSet;

/// Members of the answers, as the first version had them; `T?` may be null.
const GET: &str = "access_token string, expires_at string?, expires_in number?, profile string, scope string?, \
                   source string, token_type string";
const STATUS: &str = "access_cache string, account string?, client_id string, ended_at string?, ends_for_good_at string?, \
                      expires_at string?, expires_in number?, grant string, helper_failures object?, issuer string?, \
                      last_failure object?, not_before string?, profile string, reason string?, refreshable boolean, \
                      scope string?, source string, state string, store string, store_path string, \
                      token_endpoint string?, updated_at string?";
const ERROR: &str = "code string, exit_code number, hint string?, http_status number?, message string, \
                     oauth_error string?, warnings array";
const CHECK: &str = "code string?, detail string, hint string?, name string, status string";

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Each member that is promised is there, and of its type.
#[track_caller]
fn has(value: &Value, promised: &str) {
    for member in promised.split(", ") {
        let (name, wanted) = member.split_once(' ').expect("a name and a type");
        let found = value.get(name).map(kind);
        let fits = match wanted.strip_suffix('?') {
            Some(wanted) => found == Some(wanted) || found == Some("null"),
            None => found == Some(wanted),
        };
        assert!(fits, "{name} is {found:?}, not {wanted}, in {value:#}");
    }
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|cause| panic!("{cause}: {text}"))
}

const PROFILE: &str = "[profile.p]\ngrant = \"refresh_token\"\ntoken_endpoint = \"http://127.0.0.1:9/token\"\n\
                       client_id = \"c\"\nstore = \"plaintext\"\nkeep = [\"instance_url\"]\n";

fn with_token() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(PROFILE);
    let end = now() + 3600;
    let response = format!(
        r#"{{"access_token":"a","token_type":"Bearer","scope":"read","refresh_token":"r","instance_url":"https://x.example","expires_at":{end}}}"#
    );
    let run = sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], response);
    assert_eq!(run.code, 0, "{run:?}");
    sandbox
}

#[test]
fn the_members_of_every_answer_in_json_keep_their_names_and_types() {
    let sandbox = with_token();
    let printed = |args: &[&str]| {
        let run = sandbox.run(args.iter().copied());
        assert_eq!(run.code, 0, "{run:?}");
        json(&run.stdout)
    };
    let got = printed(&["get", "p", "--json"]);
    has(&got, GET);
    assert_eq!(got["instance_url"], "https://x.example");
    assert_eq!(got["source"], "store");
    has(&printed(&["status", "p", "--json"]), STATUS);
    let all = printed(&["status", "--json"]);
    has(&all[0], STATUS);
    assert_eq!(all[0]["state"], "good");
    has(&printed(&["doctor", "--json"])["checks"][0], CHECK);
    has(
        &printed(&["providers", "github", "--json"]),
        "checked string, docs string, grants array, keys object",
    );
}

#[test]
fn the_members_of_an_error_in_json_keep_their_names_and_types() {
    let sandbox = with_token();
    for (args, code, exit_code) in [
        (&["get", "q", "--json"][..], "unknown_profile", 3),
        (&["get", "--json"], "usage", 2),
    ] {
        let run = sandbox.run(args.iter().copied());
        let error = json(&run.stderr);
        has(&error, ERROR);
        assert_eq!(
            (&error["code"], run.code),
            (&code.into(), exit_code),
            "{error}"
        );
        assert_eq!(
            (&error["exit_code"], run.stdout.as_str()),
            (&exit_code.into(), "")
        );
    }
}

#[test]
fn a_configuration_of_the_first_version_is_read() {
    let text = include_str!("../golden/config-0.1.toml");
    let sandbox = Sandbox::new();
    sandbox.config(text);
    let run = sandbox.run(["status", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let all = json(&run.stdout);
    let names: Vec<&str> = all
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["profile"].as_str())
        .collect();
    let heads = text
        .lines()
        .filter_map(|line| line.strip_prefix("[profile.")?.strip_suffix(']'));
    let heads: Vec<&str> = heads.filter(|name| !name.contains('.')).collect();
    assert_eq!(names, heads);
}

/// So that a key which is new is promised too.
#[test]
fn that_configuration_has_every_key() {
    let text = include_str!("../golden/config-0.1.toml");
    let set: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0.split('.').next()?.trim()))
        .chain(text.lines().filter_map(|line| {
            line.strip_prefix("[profile.")?
                .strip_suffix(']')?
                .split('.')
                .nth(1)
        }))
        .collect();
    let keys = include_str!("../../src/profile/keys.rs");
    let (_, table) = keys.split_once("\nkeys! {\n").expect("the table of keys");
    let (table, _) = table.split_once("\n}\n").expect("its end");
    let rows = table.lines().filter_map(|line| line.strip_prefix("    "));
    let names: Vec<&str> = rows
        .filter_map(|row| Some(row.split_once(": ")?.0))
        .collect();
    assert!(names.len() > 60, "{names:?}");
    let missing: Vec<&&str> = names.iter().filter(|name| !set.contains(*name)).collect();
    assert!(
        missing.is_empty(),
        "in no profile of tests/golden/config-0.1.toml: {missing:?}"
    );
}
