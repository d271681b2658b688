//! `tokctl config`: found, checked, changed key by key or in an editor, and described to editors.
#![cfg(unix)]

use crate::support::Sandbox;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn text(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).expect("the configuration")
}

#[test]
fn the_path_is_said_whether_the_file_is_there_or_not() {
    let mut sandbox = Sandbox::new();
    let usual = format!("{}\n", sandbox.config_file().display());
    sandbox.run(["config", "path"]).ok(&usual);
    sandbox
        .run(["--config", "/x/y.toml", "config", "path"])
        .ok("/x/y.toml\n");
    sandbox.env("TOKCTL_CONFIG", "/z.toml");
    sandbox.run(["config", "path"]).ok("/z.toml\n");
}

const BROKEN: &str = "[defaults]\nmin_ttl = \"soon\"\n\n[profil.a]\n\n[profile.b]\nclient_secret = 5\nscpe = \"x\"\n\n\
                      [profile.c]\ntoken_endpoint = \"https://c.example/t\"\n";

#[test]
fn a_check_tells_everything_that_is_wrong_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.run(["config", "check"]).ok("");
    sandbox.config(BROKEN);
    let run = sandbox.run(["config", "check"]);
    let at =
        |line: &str, what: &str| format!("{}:{line}: {what}\n", sandbox.config_file().display());
    let wanted = [
        at(
            "2:11",
            "[defaults]: min_ttl: must be a duration such as \"5m\" or \"1h 30m\": expected number at 0",
        ),
        "    min_ttl = \"soon\"\n              ^^^^^^\n".to_owned(),
        at("4:2", "unknown key \"profil\"; did you mean \"profile\"?"),
        "    [profil.a]\n     ^^^^^^\n".to_owned(),
        at(
            "7:17",
            "profile \"b\": client_secret: must be a table such as { env = \"NAME\" }, not a number",
        ),
        "    client_secret = ...\n                    ^\n".to_owned(),
        at(
            "8:1",
            "profile \"b\": unknown key \"scpe\"; did you mean \"scope\"?",
        ),
        "    scpe = ...\n    ^^^^\n".to_owned(),
        at(
            "10:10",
            "profile \"c\": has no client_id, and C_CLIENT_ID is not set",
        ),
        "    [profile.c]\n             ^\n  run: tokctl config set c client_id ID\n".to_owned(),
        "tokctl: 5 things are wrong in the configuration\n".to_owned(),
    ];
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{run:?}");
    assert_eq!(run.stderr, wanted.concat());
}

#[test]
fn a_check_is_json_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.run(["config", "check", "--json"]).ok("[]\n");
    sandbox.config("[profile.b]\nscpe = 1\n");
    let run = sandbox.run(["config", "check", "--json"]);
    assert_eq!(
        run.stdout,
        "[{\"column\":1,\"hint\":null,\"line\":2,\"message\":\"unknown key \\\"scpe\\\"; did you mean \
         \\\"scope\\\"?\",\"table\":\"profile \\\"b\\\"\"}]\n"
    );
    let error: serde_json::Value = serde_json::from_str(&run.stderr).expect("an error as JSON");
    assert_eq!((run.code, error["exit_code"].as_u64()), (3, Some(3)));
}

#[test]
fn a_key_is_set_and_all_else_stays_as_it_is_written() {
    let sandbox = Sandbox::new();
    let before = "# mine\n[profile.corp]   # the company\ntoken_endpoint = 'https://sso.example/t' # why\nclient_id=\"ci\"\n";
    sandbox.config(before);
    for words in [
        &["corp", "token_endpoint", "https://sso.example/new"][..],
        &["corp", "scope", "read", "write"],
        &["corp", "min_ttl", "90"],
        &["corp", "vars.tenant", "x"],
        &["corp", "client_secret", "{ env = \"CORP\" }"],
        &["defaults", "pkce", "false"],
    ] {
        let run = sandbox.run([&["config", "set"], words].concat());
        run.ok("");
        assert_eq!(run.stderr, "", "{words:?}");
    }
    let after = before.replace("'https://sso.example/t'", "\"https://sso.example/new\"");
    let wanted = format!(
        "[defaults]\npkce = false\n\n{after}scope = [\"read\", \"write\"]\nmin_ttl = 90\nvars = {{ tenant = \"x\" }}\n\
         client_secret = {{ env = \"CORP\" }}\n"
    );
    assert_eq!(text(&sandbox), wanted);
    for (key, value) in [
        ("scope", "read\nwrite\n"),
        ("min_ttl", "90\n"),
        ("vars.tenant", "x\n"),
        ("client_secret", "{ env = \"CORP\" }\n"),
        ("pkce", "false\n"),
    ] {
        sandbox.run(["config", "get", "corp", key]).ok(value);
    }
    sandbox.run(["config", "unset", "corp", "vars"]).ok("");
    sandbox
        .run(["config", "get", "corp", "vars"])
        .fails(3, "profile \"corp\": vars is not set");
    assert_eq!(
        text(&sandbox),
        wanted.replace("vars = { tenant = \"x\" }\n", "")
    );
}

#[test]
fn what_would_be_wrong_is_refused_and_nothing_changes() {
    let sandbox = Sandbox::new();
    let before = "[profile.corp]\ntoken_endpoint = \"https://sso.example/t\"\nclient_id = \"ci\"\nclient_secret = 's3cret'\n";
    sandbox.config(before);
    for (words, said) in [
        (
            &["corp", "min_ttl", "soon"][..],
            "min_ttl: must be a duration",
        ),
        (
            &["corp", "scpe", "x"],
            "there is no key \"scpe\"; did you mean \"scope\"?",
        ),
        (
            &["corp", "client_id", "a", "b"],
            "client_id: takes one value",
        ),
        (&["corp", "client_id.x", "a"], "client_id has no members"),
        (
            &["corp", "git_auth", "digest"],
            "none of auto, bearer, basic",
        ),
        (
            &["corp", "client_secret", "hunter2"],
            "is not typed on a command line",
        ),
        (&["../x", "pkce", "true"], "a profile's name is made of"),
        (
            &["defaults", "preset", "github"],
            "preset belongs into a profile",
        ),
    ] {
        let run = sandbox.run([&["config", "set"], words].concat());
        run.fails(2, said);
        assert!(!run.stderr.contains("hunter2"), "{run:?}");
        assert_eq!(text(&sandbox), before, "{words:?}");
    }
    let run = sandbox.run(["config", "get", "corp", "client_secret"]);
    run.fails(
        3,
        "client_secret is the secret itself, which is not printed",
    );
    assert!(!run.stderr.contains("s3cret"), "{run:?}");
    sandbox
        .run(["config", "get", "nope", "scope"])
        .fails(3, "no profile \"nope\"");
    sandbox
        .run(["config", "unset", "nope", "scope"])
        .fails(3, "no profile \"nope\"");
    // What was wrong before does not keep the rest from being mended.
    sandbox.config(&format!("{before}min_ttl = \"soon\"\n"));
    let run = sandbox.run(["config", "set", "corp", "timeout", "5s"]);
    assert_eq!(run.code, 0, "{run:?}");
    sandbox
        .run(["config", "set", "corp", "min_ttl", "5m"])
        .ok("");
    assert_eq!(
        text(&sandbox),
        format!("{before}min_ttl = \"5m\"\ntimeout = \"5s\"\n")
    );
}

#[test]
fn a_profile_can_be_built_up_key_by_key() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["config", "set", "corp", "issuer", "https://sso.example"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    assert!(run.stderr.contains("has no client_id"), "{run:?}");
    let next = "to set what is missing, run: tokctl config set corp KEY VALUE";
    assert!(run.stderr.contains(next), "{run:?}");
    let run = sandbox.run(["config", "set", "corp", "client_id", "ci"]);
    run.ok("");
    assert_eq!(run.stderr, "");
    assert_eq!(
        text(&sandbox),
        "[profile.corp]\nissuer = \"https://sso.example\"\nclient_id = \"ci\"\n"
    );
}

#[test]
fn a_value_may_be_the_preset_s() {
    let sandbox = Sandbox::new();
    let endpoint = "https://github.com/login/oauth/access_token\n";
    sandbox
        .run(["config", "get", "github", "token_endpoint"])
        .ok(endpoint);
    sandbox.config(
        "[defaults]\nmin_ttl = \"7m\"\n[profile.x]\npreset = \"github\"\nclient_id = \"c\"\n",
    );
    sandbox
        .run(["config", "get", "x", "token_endpoint"])
        .ok(endpoint);
    sandbox.run(["config", "get", "x", "min_ttl"]).ok("7m\n");
}

/// An editor that is a script of ours, in the words of `sed`.
fn editor(sandbox: &mut Sandbox, script: &str) {
    sandbox.env("EDITOR", format!("sed -i -e '{script}'"));
}

#[test]
fn an_editor_s_text_counts_once_nothing_is_wrong_in_it() {
    let mut sandbox = Sandbox::new();
    let before = "# mine\n[profile.x]\npreset = \"github\"\nclient_id = \"c\"\n";
    sandbox.config(before);
    editor(&mut sandbox, "s/\"c\"/\"d\"/");
    let run = sandbox.run(["config", "edit"]);
    run.ok("");
    assert_eq!(
        (run.stderr.as_str(), text(&sandbox)),
        ("", before.replace("\"c\"", "\"d\""))
    );
    editor(&mut sandbox, "s/^preset/prset/");
    let run = sandbox.run(["config", "edit"]);
    run.fails(
        3,
        ":3:1: profile \"x\": unknown key \"prset\"; did you mean \"preset\"?",
    );
    assert!(
        run.stderr
            .ends_with("tokctl: hint: the file is as it was before\n"),
        "{run:?}"
    );
    editor(&mut sandbox, "s/none/none/");
    let run = sandbox.run(["config", "edit"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "tokctl: nothing is changed\n")
    );
    sandbox.env("VISUAL", "false");
    sandbox.run(["config", "edit"]).fails(
        1,
        "the editor \"false\": exit status: 1; nothing is changed",
    );
    sandbox.env("VISUAL", "/no/such/editor");
    sandbox
        .run(["config", "edit"])
        .fails(1, "the editor \"/no/such/editor\": exit status: 127");
    assert_eq!(text(&sandbox), before.replace("\"c\"", "\"d\""));
    let left: Vec<_> = fs::read_dir(sandbox.config_file().parent().expect("a directory"))
        .expect("it is there")
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_edit_does_not_undo_another_s() {
    let mut sandbox = Sandbox::new();
    sandbox.config("[defaults]\nmin_ttl = 1\n");
    let other = format!(
        "sed -i s/1/2/ {}; sed -i s/1/3/",
        sandbox.config_file().display()
    );
    sandbox.env("EDITOR", other);
    let run = sandbox.run(["config", "edit"]);
    run.fails(1, "has been changed meanwhile");
    assert_eq!(text(&sandbox), "[defaults]\nmin_ttl = 2\n");
    let (_, kept) = run
        .stderr
        .split_once("what you have written is in ")
        .expect("the copy's place");
    let kept = fs::read_to_string(kept.trim_end()).expect("the copy is kept");
    assert_eq!(kept, "[defaults]\nmin_ttl = 3\n");
}

#[test]
fn an_editor_gets_no_secret_from_the_environment() {
    let mut sandbox = Sandbox::new();
    sandbox.config("[defaults]\n");
    let seen = sandbox.home().join("seen");
    sandbox.env("EDITOR", format!("env > {}; true", seen.display()));
    sandbox
        .env("TOKCTL_STORE_KEY", "s3cret")
        .env("TOKCTL_TOKEN_X", "s3cret");
    let run = sandbox.run(["config", "edit"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "tokctl: nothing is changed\n")
    );
    let seen = fs::read_to_string(seen).expect("the editor ran");
    assert!(seen.contains("HOME=") && !seen.contains("s3cret"), "{seen}");
}

fn taplo() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/taplo/node_modules/.bin/taplo")
}

#[test]
#[ignore = "needs taplo: tests/run installs it"]
fn an_editor_s_checker_takes_the_schema_and_judges_by_it() {
    let sandbox = Sandbox::new();
    let schema = sandbox.run(["config", "schema"]);
    assert_eq!((schema.code, schema.stderr.as_str()), (0, ""));
    sandbox.write("schema.json", schema.stdout);
    // Those of the files that are not as the schema wants them, and what is said of it.
    let wrong = |files: &[String]| {
        let schema = format!("file://{}", sandbox.home().join("schema.json").display());
        let run = Command::new(taplo())
            .args(["check", "--schema", &schema])
            .args(files.iter().map(|name| sandbox.home().join(name)))
            .current_dir(sandbox.home())
            .output()
            .expect("taplo runs");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(
            said.contains(&format!("found files total={}", files.len())),
            "{said}"
        );
        let named = |name: &&String| {
            let path = sandbox.home().join(name.as_str());
            let word = format!("path=\"{}\"", path.display());
            said.lines()
                .any(|line| line.contains("invalid file") && line.contains(&word))
        };
        (
            files.iter().filter(named).cloned().collect::<Vec<_>>(),
            said.clone(),
        )
    };
    let named = |kind: &str, texts: &[String]| -> Vec<String> {
        let files = texts.iter().enumerate().map(|(at, text)| {
            let name = format!("{kind}{at}.toml");
            sandbox.write(&name, text);
            name
        });
        files.collect()
    };
    let presets = sandbox.run(["providers", "--json"]).stdout;
    let presets: serde_json::Value = serde_json::from_str(&presets).expect("JSON");
    let presets = presets.as_array().expect("the presets").iter();
    let mut good: Vec<String> = presets
        .map(|preset| {
            let name = preset["name"].as_str().expect("a name");
            sandbox.run(["providers", name, "--toml"]).stdout
        })
        .collect();
    assert!(good.len() > 20);
    good.push(
        "[defaults]\nmin_ttl = \"5m\"\n[profile.corp]\nissuer = \"https://a.example\"\nscope = [\"a\"]\ntimeout = 3\n\
         assume_expires_in = \"none\"\ntoken_params = { x = 1, refresh_token = { y = true } }\n\
         client_secret = { command = [\"pass\", \"x\"] }\nsubject_token = { profile = \"other\" }\n"
            .to_owned(),
    );
    let (refused, said) = wrong(&named("good", &good));
    assert!(refused.is_empty(), "{said}");
    let bad = [
        "[profil.corp]\n",
        "[profile.corp]\nscpe = \"a\"\n",
        "[defaults]\npreset = \"github\"\n",
        "[profile.corp]\npkce = \"yes\"\n",
        "[profile.corp]\ngit_auth = \"digest\"\n",
        "[profile.corp]\nclient_secret = { envv = \"A\" }\n",
        "[profile.corp]\nclient_secret = 7\n",
        "[profile.corp]\nmin_ttl = \"soon\"\n",
        "[profile.corp]\nissuer = \"ftp://a.example\"\n",
        "[profile.corp]\nresponse = { acess_token = \"/a\" }\n",
    ];
    let files = named("bad", &bad.map(str::to_owned));
    let (refused, said) = wrong(&files);
    assert_eq!(refused, files, "{said}");
    // And so does the program.
    for file in files {
        let file = sandbox.home().join(file).display().to_string();
        let run = sandbox.run(["config", "check", "--config", &file]);
        assert_eq!(run.code, 3, "{run:?}");
    }
}
