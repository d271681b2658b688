//! `tokctl helper install`: what it writes, what it leaves alone, and how it takes it back. That the
//! programs then work is tested with the recipes.
#![cfg(unix)]

use crate::support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use support::sandbox::files;
use support::{Run, Running, Sandbox};

const CONFIG: &str = r#"
[profile.corp]
token_endpoint = "https://sso.corp.example/token"
client_id = "id"
hosts = ["https://git.corp.example", "HTTPS://Registry.corp.example:5000", "https://git.corp.example:443"]
[profile.other]
token_endpoint = "https://sso.corp.example/token"
client_id = "id"
hosts = ["https://other.example"]
[profile.bare]
token_endpoint = "https://sso.corp.example/token"
client_id = "id"
"#;

/// A home with those profiles, where `tokctl` is found by its name as the first of two directories of
/// links.
fn home() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.config(CONFIG);
    fs::create_dir(sandbox.home().join("bin")).expect("it can be made");
    symlink(support::tokctl(), sandbox.home().join("bin/tokctl")).expect("linked");
    let path = std::env::var("PATH").expect("there is one");
    let bin = sandbox.home().join("bin");
    sandbox.env("PATH", format!("{}:{path}", bin.display()));
    sandbox
}

#[track_caller]
fn install(sandbox: &Sandbox, words: &[&str]) -> Run {
    let mut run = sandbox.run([&["helper", "install"], words].concat());
    assert_eq!(run.stdout, "", "{run:?}");
    run.stderr = by_name(sandbox, &run.stderr);
    run
}

/// Lines that start us, with our name in the place of the path that differs from home to home.
fn by_name(sandbox: &Sandbox, text: &str) -> String {
    let path = sandbox.home().join("bin/tokctl").display().to_string();
    let mut text = text.to_owned();
    for (before, after) in [
        ("", " helper"),
        ("[\"", "\", \"corp\"]"),
        ("command: ", "\n"),
        ("=", "-bazel"),
    ] {
        let named = format!("{before}tokctl{after}");
        text = text.replace(&format!("{before}{path}{after}"), &named);
    }
    text
}

/// Done, with these lines about it, in this order.
#[track_caller]
fn done(run: &Run, lines: &[&str]) {
    let mut rest = run.stderr.as_str();
    for line in lines {
        let found = rest.split_once(&format!("{line}\n"));
        rest = found.unwrap_or_else(|| panic!("no {line:?} in {run:?}")).1;
    }
    assert_eq!(run.code, 0, "{run:?}");
}

#[track_caller]
fn text(sandbox: &Sandbox, path: &str) -> String {
    let text = fs::read_to_string(sandbox.home().join(path));
    let text = text.unwrap_or_else(|cause| panic!("{path}: {cause}"));
    by_name(sandbox, &text)
}

fn change_mode(path: &Path, mode: u32) {
    let file = fs::File::open(path).expect("readable");
    let mode = fs::Permissions::from_mode(mode);
    file.set_permissions(mode).expect("changed");
}

/// Everything below the home but our own state: what `tokctl` may have changed.
fn snapshot(sandbox: &Sandbox) -> Vec<(PathBuf, String)> {
    let state = sandbox.state_dir();
    let read = |path: PathBuf| {
        let content = match fs::read_link(&path) {
            Ok(target) => target.to_string_lossy().into_owned(),
            Err(_) => fs::read_to_string(&path).expect("text"),
        };
        (path, content)
    };
    let files = files(sandbox.home());
    let files = files.into_iter().filter(|path| !path.starts_with(&state));
    files.map(read).collect()
}

/// What programs have in their files before, and what of ours is in there then.
const PROGRAMS: &[(&str, &str, &str, &[&str])] = &[
    (
        "git",
        ".gitconfig",
        "[user]\n\tname = x\n[credential]\n\thelper = store\n[credential \"https://git.corp.example\"]\n\t# why\n\
         \thelper =\n\thelper = manager\n[credential \"https://else.example\"]\n\thelper = cache\n",
        &[
            "\thelper = manager\n\thelper = \n\thelper = !tokctl helper git corp\n[credential \"https://else.example\"]\n",
            "[credential \"https://registry.corp.example:5000\"]\n\thelper = \n\thelper = !tokctl helper git corp\n",
        ],
    ),
    (
        "docker",
        ".docker/config.json",
        "{\n\t\"auths\": {\n\t\t\"x.example\": {\n\t\t\t\"auth\": \"password-canary\"\n\t\t}\n\t},\n\
         \t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcloud\"\n\t},\n\t\"n\": 1.0e3, \"s\": \"\\u00e9\\/\"\n}",
        &[
            "\"gcr.io\": \"gcloud\",\n\t\t\"git.corp.example\": \"tokctl-corp\",\n\
             \t\t\"registry.corp.example:5000\": \"tokctl-corp\"\n\t},\n\t\"n\": 1.0e3, \"s\": \"\\u00e9\\/\"\n}",
        ],
    ),
    (
        "cargo",
        ".cargo/config.toml",
        "# mine\n[registries.corp] # ours\nindex = \"sparse+https://registry.corp.example:5000/index/\" # here\n\
         # and on\n[registries]\na.index = \"https://git.corp.example/a.git\"\nfar.index = \"https://far.example\"\n\
         [net]\nretry = 3",
        &[
            "# here\ncredential-provider = [\"tokctl\", \"corp\"]\n# and on\n",
            "a.index = \"https://git.corp.example/a.git\"\na.credential-provider = [\"tokctl\", \"corp\"]\nfar.",
        ],
    ),
    (
        "cargo",
        ".cargo/config.toml",
        "# mine\r\n[registries.corp]\r\nindex = \"https://git.corp.example/i\"\r\n",
        &["/i\"\r\ncredential-provider = [\"tokctl\", \"corp\"]\r\n"],
    ),
    (
        "bazel",
        ".bazelrc",
        "# mine\nbuild --jobs=2",
        &[
            "build --jobs=2\ncommon --credential_helper=git.corp.example=tokctl-bazel-corp\n\
             common --credential_helper=registry.corp.example=tokctl-bazel-corp",
        ],
    ),
    (
        "terraform",
        ".terraformrc",
        "# credentials_helper \"old\" {}\nplugin_cache_dir = \"/x\"\n",
        &["\"/x\"\ncredentials_helper \"tokctl\" {\n  args = [\"corp\"]\n}\n"],
    ),
];

#[test]
fn each_program_s_file_gets_our_lines_once_and_is_byte_for_byte_what_it_was_without_them() {
    for (program, file, before, ours) in PROGRAMS {
        for before in [Some(*before), None] {
            let sandbox = home();
            // A registry must be there to be given a provider.
            let Some(before) = before.or((*program == "cargo").then_some("")) else {
                round_trip(&sandbox, program, file, &[]);
                continue;
            };
            if !before.is_empty() {
                sandbox.write(file, before);
                round_trip(&sandbox, program, file, ours);
            }
        }
    }
}

#[track_caller]
fn round_trip(sandbox: &Sandbox, program: &str, file: &str, ours: &[&str]) {
    let before = snapshot(sandbox);
    let words = [program, "corp"];
    done(
        &install(sandbox, &[program, "corp", "--dry-run"]),
        &["tokctl: nothing is changed: this was a dry run"],
    );
    assert_eq!(snapshot(sandbox), before, "{program}: dry");
    let run = install(sandbox, &words);
    done(
        &run,
        &[&format!(
            "tokctl: done: {program} asks tokctl for the token of profile \"corp\""
        )],
    );
    assert!(!run.stderr.contains("canary"), "{run:?}");
    let installed = snapshot(sandbox);
    for lines in ours {
        let text = text(sandbox, file);
        assert!(text.contains(lines), "{program}: {lines:?} in {text}");
    }
    let again = install(sandbox, &words);
    done(
        &again,
        &[&format!(
            "tokctl: nothing to do: {program} asks tokctl for the token of profile \"corp\""
        )],
    );
    assert_eq!(snapshot(sandbox), installed, "{program}: twice");
    // Another profile's lines are not these.
    install(sandbox, &[program, "other", "--remove"]).ends(0, "", "nothing to do");
    assert_eq!(snapshot(sandbox), installed, "{program}");
    done(
        &install(sandbox, &[program, "corp", "--remove"]),
        &[&format!(
            "tokctl: done: {program} does not ask tokctl for profile \"corp\""
        )],
    );
    assert_eq!(snapshot(sandbox), before, "{program}: removed");
    install(sandbox, &[program, "corp", "--remove"]).ends(0, "", "nothing to do");
}

#[test]
fn what_will_be_different_is_shown_line_by_line() {
    let sandbox = home();
    let git = sandbox.home().join(".gitconfig");
    let run = install(&sandbox, &["git", "corp"]);
    let wanted = format!(
        "tokctl: {}:\n\
         tokctl:     [credential \"https://git.corp.example\"]\n\
         tokctl:   + helper =\n\
         tokctl:   + helper = !tokctl helper git corp\n\
         tokctl:     [credential \"https://registry.corp.example:5000\"]\n\
         tokctl:   + helper =\n\
         tokctl:   + helper = !tokctl helper git corp\n\
         tokctl: done: git asks tokctl for the token of profile \"corp\"\n",
        git.display()
    );
    assert_eq!((run.stderr.as_str(), run.code), (wanted.as_str(), 0));
    // Without a profile's name, for all of them.
    let run = install(&sandbox, &["git", "--dry-run"]);
    let lines = [
        "tokctl:     [credential \"https://git.corp.example\"]",
        "tokctl:   - helper =",
        "tokctl:   - helper = !tokctl helper git corp",
        "tokctl:   + helper =",
        "tokctl:   + helper = !tokctl helper git",
        "tokctl:     [credential \"https://other.example\"]",
        "tokctl:   + helper =",
        "tokctl:   + helper = !tokctl helper git",
    ];
    done(&run, &lines);
    let link = sandbox.home().join("bin/docker-credential-tokctl-corp");
    let run = install(&sandbox, &["docker", "corp"]);
    let lines = [
        &format!("tokctl: {}:", link.display()),
        &format!(
            "tokctl:   + link to {}",
            sandbox.home().join("bin/tokctl").display()
        ),
        "tokctl:     credHelpers",
        "tokctl:   + \"git.corp.example\": \"tokctl-corp\"",
    ];
    done(&run, &lines.map(|line| line as &str));
    let run = sandbox.run(["-q", "helper", "install", "docker", "corp", "--remove"]);
    run.ok("");
}

#[test]
fn one_profile_takes_the_other_s_place_and_leaves_the_other_hosts() {
    let sandbox = home();
    for program in ["git", "docker", "bazel", "terraform"] {
        done(&install(&sandbox, &[program, "corp"]), &[]);
        done(&install(&sandbox, &[program]), &[]);
        if program == "terraform" {
            // Its one helper was for the hosts of all profiles.
            let run = install(&sandbox, &[program, "corp"]);
            run.fails(3, "another profile: every other one for its hosts");
            done(&install(&sandbox, &[program, "--remove"]), &[]);
        }
        done(&install(&sandbox, &[program, "corp"]), &[]);
    }
    let git = text(&sandbox, ".gitconfig");
    assert_eq!(git.matches("!tokctl helper git corp\n").count(), 2, "{git}");
    assert_eq!(git.matches("!tokctl helper git\n").count(), 1, "{git}");
    assert_eq!(git.matches("helper = \n").count(), 3, "{git}");
    let docker = text(&sandbox, ".docker/config.json");
    assert_eq!(docker.matches("\"tokctl-corp\"").count(), 2, "{docker}");
    assert_eq!(
        docker.matches("\"other.example\": \"tokctl\"").count(),
        1,
        "{docker}"
    );
    let terraform = text(&sandbox, ".terraformrc");
    assert_eq!(
        terraform,
        "credentials_helper \"tokctl\" {\n  args = [\"corp\"]\n}\n"
    );
    let bazel = text(&sandbox, ".bazelrc");
    assert_eq!(bazel.lines().count(), 3, "{bazel}");
}

#[test]
fn a_link_to_a_configuration_file_stays_one_and_the_file_keeps_its_mode() {
    let sandbox = home();
    let real = sandbox.write("dotfiles/gitconfig", "[user]\n\tname = x\n");
    change_mode(&real, 0o664);
    symlink("dotfiles/gitconfig", sandbox.home().join(".gitconfig")).expect("linked");
    done(&install(&sandbox, &["git", "corp"]), &[]);
    assert!(sandbox.home().join(".gitconfig").is_symlink());
    assert!(text(&sandbox, "dotfiles/gitconfig").contains("helper git corp"));
    let is = real.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(is, 0o664);
    // Also one that ends at no file yet.
    fs::create_dir(sandbox.home().join(".docker")).expect("made");
    let link = sandbox.home().join(".docker/config.json");
    symlink("../dotfiles/docker.json", &link).expect("linked");
    done(&install(&sandbox, &["docker", "corp"]), &[]);
    assert!(link.is_symlink() && text(&sandbox, "dotfiles/docker.json").contains("tokctl-corp"));
}

#[test]
fn what_somebody_else_has_written_there_is_not_overwritten() {
    for (program, file, content, words) in [
        (
            "docker",
            ".docker/config.json",
            "{\"credHelpers\":{\"git.corp.example\":\"ecr-login\"}}",
            "ecr-login",
        ),
        (
            "cargo",
            ".cargo/config.toml",
            "[registries.c]\nindex = \"https://git.corp.example/i\"\ncredential-provider = \"cargo:token\"\n",
            "another credential-provider",
        ),
        (
            "terraform",
            ".terraformrc",
            "credentials_helper \"vault\" {\n}\n",
            "\"vault\"",
        ),
        (
            "terraform",
            ".terraformrc",
            "{\"plugin_cache_dir\":\"/x\"}",
            "JSON",
        ),
        (
            "docker",
            "bin/docker-credential-tokctl-corp",
            "#!/bin/sh\n",
            "is no link to tokctl",
        ),
        (
            "bazel",
            "bin/tokctl-bazel-corp",
            "#!/bin/sh\n",
            "is no link to tokctl",
        ),
    ] {
        let sandbox = home();
        sandbox.write(file, content);
        let before = snapshot(&sandbox);
        install(&sandbox, &[program, "corp"]).fails(3, words);
        assert_eq!(snapshot(&sandbox), before, "{program}");
        install(&sandbox, &[program, "corp", "--remove"]).ends(0, "", "nothing to do");
        assert_eq!(snapshot(&sandbox), before, "{program}");
    }
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_an_error_and_stays_as_it_is() {
    for (program, file, content, code, words) in [
        (
            "docker",
            ".docker/config.json",
            "{\"x\": \"canary\",}",
            3,
            "not JSON (line 1)",
        ),
        (
            "docker",
            ".docker/config.json",
            "{\"credHelpers\": []}",
            3,
            "not what docker writes",
        ),
        (
            "docker",
            ".docker/config.json",
            "// canary\n{}",
            3,
            "not JSON",
        ),
        (
            "cargo",
            ".cargo/config.toml",
            "a = 1\nb = \"canary",
            3,
            "not TOML (line 2)",
        ),
        (
            "cargo",
            ".cargo/config.toml",
            "",
            3,
            "no registry has its index at https://git.corp.example",
        ),
        ("git", ".gitconfig", "[x\ncanary", 1, "bad config line"),
    ] {
        let sandbox = home();
        sandbox.write(file, content);
        let before = snapshot(&sandbox);
        let run = install(&sandbox, &[program, "corp"]);
        run.fails(code, words);
        assert!(!run.stderr.contains("canary"), "{run:?}");
        assert_eq!(snapshot(&sandbox), before, "{program}");
    }
    for (program, file) in [("git", ".gitconfig"), ("docker", ".docker/config.json")] {
        let sandbox = home();
        let path = sandbox.write(file, "");
        change_mode(&path, 0o400);
        install(&sandbox, &[program, "corp"]).fails(1, "read-only");
        assert_eq!(text(&sandbox, file), "");
        fs::remove_file(&path).expect("gone");
        fs::create_dir(&path).expect("made");
        install(&sandbox, &[program, "corp"]).fails(1, "not a regular file");
    }
}

#[test]
fn without_hosts_profile_or_program_nothing_is_written() {
    let sandbox = home();
    let before = snapshot(&sandbox);
    install(&sandbox, &["git", "bare"]).fails(3, "has no hosts");
    install(&sandbox, &["git", "nobody"]).fails(3, "no profile \"nobody\"");
    install(&sandbox, &["go"]).fails(2, "a profile is needed");
    install(&sandbox, &["kubectl"]).fails(2, "a profile is needed");
    install(&sandbox, &["svn", "corp"]).fails(2, "invalid value 'svn'");
    install(&sandbox, &[]).fails(2, "not provided");
    for program in ["git", "kubectl", "go"] {
        let words = ["helper", "install", program, "corp"];
        let mut command = sandbox.command(words);
        command.env("PATH", sandbox.home().join("bin"));
        let run = Running::start(command, None).wait();
        run.fails(1, &format!("{program} is not on the PATH"));
    }
    assert_eq!(snapshot(&sandbox), before);
}

#[test]
fn a_helper_that_comes_after_ours_and_writes_passwords_down_is_told_of() {
    let sandbox = home();
    // This one comes before ours, which takes it away.
    sandbox.write(".gitconfig", "[credential]\n\thelper = store\n");
    let quiet = install(&sandbox, &["git", "corp", "--dry-run"]);
    assert!(!quiet.stderr.contains("warning"), "{quiet:?}");
    let script = "git init -q . && git config credential.helper 'store --file=x' && \
        git config credential.https://me@git.corp.example.helper cache && \
        git config credential.https://else.example.helper wincred";
    let made = sandbox.program("sh", ["-c", script]).status();
    assert!(made.expect("sh runs").success());
    let run = install(&sandbox, &["git", "corp"]);
    for words in [
        "\"store --file=x\" too, which writes it to a file in clear text",
        "\"cache\" too",
    ] {
        assert!(run.stderr.contains(words), "{run:?}");
    }
    assert!(!run.stderr.contains("wincred") && run.code == 0, "{run:?}");

    let auths = r#"{"auths":{"git.corp.example":{"auth":"canary"},"x.example":{}}}"#;
    sandbox.write(".docker/config.json", auths);
    let run = install(&sandbox, &["docker", "corp"]);
    run.ends(0, "", "holds a password for git.corp.example in auths");
    assert!(
        !run.stderr.contains("canary") && !run.stderr.contains("x.example"),
        "{run:?}"
    );

    sandbox.write(
        ".terraformrc",
        "credentials \"git.corp.example\" {\n  token = \"canary\"\n}\n",
    );
    let run = install(&sandbox, &["terraform", "corp"]);
    run.ends(
        0,
        "",
        "a credentials block for git.corp.example comes before any helper",
    );
    assert!(!run.stderr.contains("canary"), "{run:?}");
}

#[test]
fn off_the_path_we_are_named_by_our_whole_path() {
    let sandbox = Sandbox::new();
    sandbox.config(CONFIG);
    done(&install(&sandbox, &["git", "corp"]), &[]);
    let file = fs::canonicalize(support::tokctl()).expect("it is there");
    let wanted = format!("helper = !{} helper git corp\n", file.display());
    assert!(text(&sandbox, ".gitconfig").contains(&wanted));
    // Links go where people keep their own programs.
    let run = install(&sandbox, &["docker", "corp"]);
    run.ends(0, "", "is not there: add its directory");
    let link = sandbox
        .home()
        .join(".local/bin/docker-credential-tokctl-corp");
    assert_eq!(fs::read_link(&link).expect("a link"), file);
    done(&install(&sandbox, &["bazel", "corp"]), &[]);
    let wanted = format!(
        "=git.corp.example={}/.local/bin/tokctl-bazel-corp\n",
        sandbox.home().display()
    );
    assert!(text(&sandbox, ".bazelrc").contains(&wanted));
    for program in ["git", "docker", "bazel"] {
        done(&install(&sandbox, &[program, "corp", "--remove"]), &[]);
    }
    let left = files(sandbox.home())
        .into_iter()
        .filter(|path| !path.starts_with(sandbox.state_dir()));
    assert_eq!(left.collect::<Vec<_>>(), [sandbox.config_file()]);
}

#[test]
fn a_link_that_ends_nowhere_any_more_is_made_anew() {
    let sandbox = home();
    let link = sandbox.home().join("bin/tokctl-bazel-corp");
    symlink("/nowhere/tokctl", &link).expect("linked");
    done(
        &install(&sandbox, &["bazel", "corp"]),
        &["tokctl:   - link to /nowhere/tokctl"],
    );
    assert_eq!(
        fs::read_link(&link).expect("a link"),
        sandbox.home().join("bin/tokctl")
    );
}

#[test]
fn each_program_s_own_variable_for_its_file_is_honoured() {
    for (program, variable, value, file) in [
        ("git", "GIT_CONFIG_GLOBAL", "elsewhere/git", "elsewhere/git"),
        (
            "docker",
            "DOCKER_CONFIG",
            "elsewhere",
            "elsewhere/config.json",
        ),
        ("cargo", "CARGO_HOME", "elsewhere", "elsewhere/config.toml"),
        (
            "terraform",
            "TF_CLI_CONFIG_FILE",
            "elsewhere/rc",
            "elsewhere/rc",
        ),
    ] {
        let mut sandbox = home();
        let value = sandbox.home().join(value);
        sandbox.env(variable, value);
        let before = "[registries.c]\nindex = \"https://git.corp.example/i\"\n";
        if program == "cargo" {
            sandbox.write(file, before);
        }
        done(&install(&sandbox, &[program, "corp"]), &[]);
        assert!(text(&sandbox, file).contains("tokctl"), "{program}");
    }
    // git reads the file in XDG_CONFIG_HOME where the other is not there.
    let sandbox = home();
    sandbox.write("config/git/config", "[user]\n\tname = x\n");
    done(&install(&sandbox, &["git", "corp"]), &[]);
    assert!(text(&sandbox, "config/git/config").contains("helper git corp"));
}

#[test]
#[ignore = "needs kubectl: tests/run installs it"]
fn kubectl_s_user_comes_and_goes_and_the_others_stay() {
    let sandbox = home();
    done(
        &install(&sandbox, &["kubectl", "corp"]),
        &["tokctl: to use it, run: kubectl config set-context --current --user=tokctl-corp"],
    );
    done(
        &install(&sandbox, &["kubectl", "corp"]),
        &["tokctl: nothing to do: kubectl asks tokctl for the token of profile \"corp\""],
    );
    done(&install(&sandbox, &["kubectl", "corp", "--remove"]), &[]);
    assert!(!sandbox.home().join(".kube/config").exists());

    sandbox.write(
        ".kube/config",
        "# mine\napiVersion: v1\nkind: Config\nclusters:\n- {name: c, cluster: {server: \"https://x.example\", certificate-authority: ca.pem}}\n\
         contexts:\n- {name: c, context: {cluster: c, user: tokctl-corp}}\nusers:\n- {name: x, user: {token: canary}}\n",
    );
    let run = install(&sandbox, &["kubectl", "corp"]);
    run.ends(0, "", "its comments go");
    let kubeconfig = text(&sandbox, ".kube/config");
    for line in [
        "certificate-authority: ca.pem",
        "token: canary",
        "- name: tokctl-corp",
        "command: tokctl",
    ] {
        assert!(kubeconfig.contains(line), "{kubeconfig}");
    }
    let run = install(&sandbox, &["kubectl", "corp", "--remove"]);
    run.ends(0, "", "the context \"c\" still names the user");
    let kubeconfig = text(&sandbox, ".kube/config");
    assert!(kubeconfig.contains("canary") && !kubeconfig.contains("- name: tokctl-corp"));
    let set = ["config", "set-credentials", "tokctl-corp", "--token=canary"];
    let set = sandbox.program("kubectl", set).output().expect("it runs");
    assert!(set.status.success());
    let run = install(&sandbox, &["kubectl", "corp"]);
    run.fails(3, "which is not ours");
    assert!(!run.stderr.contains("canary"), "{run:?}");
    sandbox.write(".kube/config", "x: [");
    let config = sandbox.home().join(".kube/config");
    install(&sandbox, &["kubectl", "corp"]).fails(1, &config.display().to_string());
}

#[test]
#[ignore = "needs kubectl: tests/run installs it"]
fn kubectl_is_told_to_name_the_cluster_whatever_its_version() {
    let real = sandbox_program("kubectl");
    for is_old in [false, true] {
        let sandbox = home();
        if is_old {
            // Before 1.29 it had no flag for that.
            let script = format!(
                "#!/bin/sh\ncase \"$*\" in *--help*) {real} \"$@\" | sed /interactive-mode/d;; *) exec {real} \"$@\";; esac\n"
            );
            let path = sandbox.write("bin/kubectl", script);
            change_mode(&path, 0o755);
        }
        sandbox.write(
            ".kube/config",
            "apiVersion: v1\nkind: Config\nusers:\n- {name: a, user: {exec: {command: other, apiVersion: \
             client.authentication.k8s.io/v1beta1}}}\n- {name: z, user: {exec: {command: other, apiVersion: \
             client.authentication.k8s.io/v1beta1}}}\n",
        );
        let run = install(&sandbox, &["kubectl", "corp"]);
        assert!(
            run.code == 0 && !run.stderr.contains("which cluster"),
            "{run:?}"
        );
        let words = ["config", "view", "--raw", "--output=json"];
        let view = sandbox.program(&real, words).output().expect("it runs");
        let view: serde_json::Value = serde_json::from_slice(&view.stdout).expect("JSON");
        let users = view["users"].as_array().expect("users");
        let named: Vec<_> = users
            .iter()
            .map(|user| {
                (
                    user["name"].as_str(),
                    user["user"]["exec"]["provideClusterInfo"].as_bool(),
                )
            })
            .collect();
        let ours = (Some("tokctl-corp"), Some(true));
        assert_eq!(named.len(), 3, "{view}");
        assert!(named.contains(&ours), "{view}");
        assert!(
            named
                .iter()
                .filter(|user| **user != ours)
                .all(|user| user.1 != Some(true)),
            "{view}"
        );
        let version = if is_old { "v1beta1" } else { "v1" };
        assert!(
            view.to_string()
                .contains(&format!("client.authentication.k8s.io/{version}\"")),
            "{view}"
        );
        done(
            &install(&sandbox, &["kubectl", "corp"]),
            &["tokctl: nothing to do: kubectl asks tokctl for the token of profile \"corp\""],
        );
    }
}

/// Where a program of the machine is.
fn sandbox_program(name: &str) -> String {
    let path = std::env::var_os("PATH").expect("there is one");
    let found = std::env::split_paths(&path).map(|dir| dir.join(name));
    let mut found = found.filter(|file| file.exists());
    found.next().expect("it is installed").display().to_string()
}

#[test]
#[ignore = "needs go 1.24: tests/run installs it"]
fn go_s_list_gets_us_at_its_head_and_loses_nobody_else() {
    let mut sandbox = home();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/go/bin");
    let path = std::env::var("PATH").expect("there is one");
    let bin = sandbox.home().join("bin");
    sandbox.env(
        "PATH",
        format!("{}:{}:{path}", bin.display(), ours.display()),
    );
    let file = "config/go/env";
    for (before, with) in [
        ("", "GOAUTH=tokctl helper go corp; netrc\n"),
        (
            "GOAUTH=netrc\nGOFLAGS=-x\n",
            "GOAUTH=tokctl helper go corp;netrc\nGOFLAGS=-x\n",
        ),
        (
            "GOAUTH=git /x; netrc\n",
            "GOAUTH=tokctl helper go corp;git /x; netrc\n",
        ),
        (
            "GOAUTH=tokctl helper go other\n",
            "GOAUTH=tokctl helper go corp;tokctl helper go other\n",
        ),
    ] {
        if !before.is_empty() {
            sandbox.write(file, before);
        }
        done(&install(&sandbox, &["go", "corp"]), &[]);
        assert_eq!(text(&sandbox, file), with);
        install(&sandbox, &["go", "corp"]).ends(0, "", "nothing to do");
        done(&install(&sandbox, &["go", "corp", "--remove"]), &[]);
        let left = fs::read_to_string(sandbox.home().join(file)).unwrap_or_default();
        assert_eq!(left, before);
    }
    // go ends at an empty command: what comes back is without one.
    for (before, with, after) in [
        (
            "GOAUTH=netrc;\n",
            "GOAUTH=tokctl helper go corp;netrc\n",
            "GOAUTH=netrc\n",
        ),
        ("GOAUTH=\n", "GOAUTH=tokctl helper go corp; netrc\n", ""),
    ] {
        sandbox.write(file, before);
        done(&install(&sandbox, &["go", "corp"]), &[]);
        assert_eq!(text(&sandbox, file), with);
        let listed = sandbox
            .program("go", ["list", "-m", "-versions", "x.invalid/x"])
            .output();
        let said = String::from_utf8(listed.expect("it runs").stderr).expect("text");
        assert!(!said.contains("GOAUTH"), "{said}");
        done(&install(&sandbox, &["go", "corp", "--remove"]), &[]);
        let left = fs::read_to_string(sandbox.home().join(file)).unwrap_or_default();
        assert_eq!(left, after);
    }
    for before in ["GOAUTH=off\n", "GOAUTH=git /x; off\n"] {
        sandbox.write(file, before);
        let run = install(&sandbox, &["go", "corp"]);
        run.fails(3, "GOAUTH is off");
        assert!(run.stderr.contains("go env -u GOAUTH"), "{run:?}");
        assert_eq!(text(&sandbox, file), before);
    }
    sandbox.env("GOENV", "off");
    install(&sandbox, &["go", "corp"]).fails(3, "GOENV is off");
}

#[test]
#[ignore = "needs go 1.24: tests/run installs it"]
fn a_path_that_go_cannot_start_is_refused_and_another_is_quoted() {
    for (directory, entry) in [
        ("my bin", Some("GOAUTH='{}' helper go corp; netrc\n")),
        ("it's", Some("GOAUTH=\"{}\" helper go corp; netrc\n")),
        ("a;b", None),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.config(CONFIG);
        let bin = sandbox.home().join(directory);
        fs::create_dir(&bin).expect("made");
        symlink(support::tokctl(), bin.join("tokctl")).expect("linked");
        let go = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.tools/go/bin");
        let path = std::env::var("PATH").expect("there is one");
        sandbox.env("PATH", format!("{}:{}:{path}", bin.display(), go.display()));
        let run = install(&sandbox, &["go", "corp"]);
        let Some(entry) = entry else {
            run.fails(3, "go cannot start a program by the path");
            assert!(!sandbox.home().join("config/go/env").exists());
            continue;
        };
        let word = bin.join("tokctl").display().to_string();
        assert_eq!(text(&sandbox, "config/go/env"), entry.replace("{}", &word));
        install(&sandbox, &["go", "corp"]).ends(0, "", "nothing to do");
        done(&install(&sandbox, &["go", "corp", "--remove"]), &[]);
        assert!(!sandbox.home().join("config/go/env").exists());
    }
}

#[test]
fn the_path_is_written_as_the_path_variable_has_it_so_that_a_shorter_one_finds_it() {
    let sandbox = home();
    let path = sandbox.home().join("bin/tokctl").display().to_string();
    let registry = "[registries.c]\nindex = \"https://git.corp.example/i\"\n";
    sandbox.write(".cargo/config.toml", registry);
    for program in ["git", "cargo", "terraform"] {
        done(&install(&sandbox, &[program, "corp"]), &[]);
    }
    let read = |file: &str| fs::read_to_string(sandbox.home().join(file)).expect("readable");
    assert!(read(".gitconfig").contains(&format!("!{path} helper git corp\n")));
    assert!(read(".cargo/config.toml").contains(&format!("[\"{path}\", \"corp\"]")));
    // A line of an earlier version gives way to it.
    sandbox.write(
        ".gitconfig",
        "[credential \"https://git.corp.example\"]\n\thelper = \n\thelper = !tokctl helper git corp\n",
    );
    done(&install(&sandbox, &["git", "corp"]), &[]);
    let git = read(".gitconfig");
    assert!(
        !git.contains("!tokctl ") && git.contains(&format!("!{path} helper git corp\n")),
        "{git}"
    );
}

#[test]
fn a_helper_behind_ours_is_told_of_by_install_as_by_doctor() {
    for scope in [
        "https://*.corp.example",
        "git.corp.example",
        "https://",
        "https://alice@git.corp.example",
        "https://git.corp.example/x",
    ] {
        let sandbox = home();
        done(&install(&sandbox, &["git", "corp"]), &[]);
        let git = fs::read_to_string(sandbox.home().join(".gitconfig")).expect("readable");
        let behind = format!("{git}[credential \"{scope}\"]\n\thelper = store --file=x\n");
        sandbox.write(".gitconfig", &behind);
        for words in [&["git", "corp", "--dry-run"][..], &["git", "corp"]] {
            let run = install(&sandbox, words);
            let told = [
                "git hands a password for https://git.corp.example to the helper \"store",
                "clear text",
            ];
            assert!(
                told.iter().all(|words| run.stderr.contains(words)),
                "{scope}: {run:?}"
            );
        }
        let doctor = sandbox.run(["doctor"]);
        assert!(doctor.stdout.contains("the helper store"), "{doctor:?}");
    }
    // Of another host, and before ours, which takes it away.
    let sandbox = home();
    sandbox.write(".gitconfig", "[credential]\n\thelper = store\n");
    done(&install(&sandbox, &["git", "corp"]), &[]);
    let git = fs::read_to_string(sandbox.home().join(".gitconfig")).expect("readable");
    sandbox.write(
        ".gitconfig",
        format!("{git}[credential \"https://*.example\"]\n\thelper = store\n"),
    );
    let run = install(&sandbox, &["git", "corp"]);
    assert!(!run.stderr.contains("hands a password"), "{run:?}");
}

#[test]
fn docker_hub_is_written_and_counted_by_all_its_names() {
    for host in ["index.docker.io", "docker.io", "registry-1.docker.io"] {
        let sandbox = home();
        sandbox.config(&format!(
            "[profile.corp]\ntoken_endpoint = \"https://sso.corp.example/token\"\nclient_id = \"id\"\nhosts = [\"https://{host}\"]\n"
        ));
        done(&install(&sandbox, &["docker", "corp"]), &[]);
        let docker = text(&sandbox, ".docker/config.json");
        for key in [
            "\"https://index.docker.io/v1/\": \"tokctl-corp\"",
            "\"docker.io\": \"tokctl-corp\"",
        ] {
            assert!(docker.contains(key), "{docker}");
        }
        let doctor = sandbox.run(["doctor"]);
        assert!(
            doctor
                .stdout
                .contains("asks tokctl for 1 of the profiles' hosts"),
            "{doctor:?}"
        );
        done(&install(&sandbox, &["docker", "corp", "--remove"]), &[]);
        assert!(!sandbox.home().join(".docker/config.json").exists());
    }
}

#[test]
fn doctor_tells_of_what_go_and_a_short_path_would_end_at() {
    let sandbox = home();
    sandbox.write(
        "config/go/env",
        "GOAUTH=/nowhere/tokctl helper go corp;;netrc\n",
    );
    sandbox.write(
        ".gitconfig",
        "[credential \"https://git.corp.example\"]\n\thelper =\n\thelper = !tokctl helper git corp\n",
    );
    let doctor = sandbox.run(["doctor"]);
    for words in [
        "has an empty command in it",
        "go starts /nowhere/tokctl, which is not there",
        "git starts tokctl by its name",
        "tokctl helper install git",
    ] {
        assert!(doctor.stdout.contains(words), "{words}: {doctor:?}");
    }
    done(&install(&sandbox, &["git", "corp"]), &[]);
    let doctor = sandbox.run(["doctor"]);
    assert!(!doctor.stdout.contains("by its name"), "{doctor:?}");
}

#[test]
fn doctor_tries_a_short_path_for_every_program() {
    let sandbox = home();
    for (file, content) in [
        (
            ".docker/config.json",
            "{\"credHelpers\":{\"git.corp.example\":\"tokctl-corp\"}}",
        ),
        (
            ".cargo/config.toml",
            "[registries.c]\nindex = \"https://git.corp.example/i\"\ncredential-provider = [\"tokctl\", \"corp\"]\n",
        ),
        (
            ".bazelrc",
            "common --credential_helper=git.corp.example=tokctl-bazel-corp\n",
        ),
        (
            ".terraformrc",
            "credentials_helper \"tokctl\" {\n  args = [\"corp\"]\n}\n",
        ),
        (
            ".kube/config",
            "apiVersion: v1\nusers:\n- name: tokctl-corp\n  user:\n    exec:\n      command: tokctl\n",
        ),
    ] {
        sandbox.write(file, content);
    }
    let link = sandbox
        .home()
        .join(".terraform.d/plugins/terraform-credentials-tokctl");
    // tokctl itself is on the longer PATH, and the links are nowhere.
    let before = sandbox.run(["doctor"]);
    for (program, words, remedy) in [
        (
            "docker",
            "docker-credential-tokctl-corp by its name, which is not on the PATH",
            "/usr/local/bin/docker-credential-tokctl-corp",
        ),
        (
            "cargo",
            "tokctl by its name, which cron",
            "tokctl helper install cargo PROFILE",
        ),
        (
            "bazel",
            "tokctl-bazel-corp by its name, which is not on the PATH",
            "tokctl helper install bazel PROFILE",
        ),
        (
            "terraform",
            &format!("{}, which is not there", link.display()),
            "tokctl helper install terraform PROFILE",
        ),
        (
            "kubectl",
            "tokctl by its name, which cron",
            "tokctl helper install kubectl PROFILE",
        ),
    ] {
        let found = support::report::about(&before, program);
        let told = found.contains(&format!("{program} starts {words}"));
        assert!(told && found.contains(remedy), "{program}: {found}");
    }
    // What is advised mends it.
    for program in ["cargo", "bazel", "terraform", "docker"] {
        done(&install(&sandbox, &[program, "corp"]), &[]);
    }
    let tokctl = sandbox.home().join("bin/tokctl").display().to_string();
    let kubectl = sandbox.home().join(".kube/config");
    let text = fs::read_to_string(&kubectl).expect("it is there");
    fs::write(
        &kubectl,
        text.replace("command: tokctl", &format!("command: {tokctl}")),
    )
    .expect("written");
    let after = sandbox.run(["doctor"]);
    for program in ["cargo", "bazel", "terraform", "kubectl"] {
        let found = support::report::about(&after, program);
        assert!(found.starts_with("ok "), "{found}");
    }
    // docker takes no path, and the PATH of a shell finds its link.
    let found = support::report::about(&after, "docker");
    assert!(found.contains("by its name, which cron"), "{found}");
    // Nobody else's helpers are looked for.
    let other = home();
    other.write(".docker/config.json", "{\"credsStore\":\"desktop\"}");
    other.write(
        ".kube/config",
        "users:\n- user:\n    exec:\n      command: aws\n",
    );
    let run = other.run(["doctor"]);
    assert!(!run.stdout.contains("starts"), "{run:?}");
}

#[test]
fn bazel_is_told_the_link_s_path_with_its_blanks_escaped() {
    let sandbox = home();
    sandbox.write("with blank/.keep", "");
    let link = sandbox.home().join("with blank/tokctl");
    symlink(support::tokctl(), link).expect("linked");
    let home = sandbox.home().display().to_string();
    let mut command = sandbox.command(["helper", "install", "bazel", "other"]);
    command.env("PATH", format!("{home}/with blank:/usr/bin:/bin"));
    Running::start(command, None).wait().ends(0, "", "done");
    assert_eq!(
        text(&sandbox, ".bazelrc"),
        format!(
            "common --credential_helper=other.example={home}/with\\ blank/tokctl-bazel-other\n"
        )
    );
    let doctor = support::report::about(&sandbox.run(["doctor"]), "bazel");
    assert!(doctor.starts_with("ok "), "{doctor}");
    done(&install(&sandbox, &["bazel", "other", "--remove"]), &[]);
    assert!(!sandbox.home().join(".bazelrc").exists());
}

#[test]
fn options_may_stand_before_the_word_install() {
    let sandbox = home();
    let config = sandbox.config_file().display().to_string();
    let dry = ["install", "docker", "corp", "--dry-run"];
    for options in [
        vec!["helper", "--config", &config],
        vec!["helper", "-v", "--color", "never"],
        vec!["--config", &config, "helper"],
    ] {
        let run = sandbox.run([options.as_slice(), &dry].concat());
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
        assert!(run.stderr.contains("git.corp.example"), "{run:?}");
    }
    // Programs start tokctl without it.
    let other = sandbox.write("other.toml", CONFIG).display().to_string();
    for (config, warned) in [(&config, false), (&other, true)] {
        let run = sandbox.run([&["--config", config, "helper"], &dry[..]].concat());
        let words = "docker starts tokctl without --config: it needs TOKCTL_CONFIG";
        assert_eq!(run.stderr.contains(words), warned, "{run:?}");
    }
    sandbox
        .run(["helper", "--token", "id", "install", "docker"])
        .fails(2, "--token");
}

/// Profiles `a` and `b` of one host, each with a user name of its own.
fn two_accounts() -> Sandbox {
    let sandbox = home();
    let profile = |name: &str| {
        format!(
            "[profile.{name}]\ntoken_endpoint = \"https://sso.corp.example/token\"\nclient_id = \"id\"\n\
             hosts = [\"https://git.corp.example\"]\nusername = \"{name}-bot\"\n"
        )
    };
    sandbox.config(&[profile("a"), profile("b")].concat());
    sandbox
}

#[test]
fn the_second_profile_of_a_host_gets_a_section_for_its_account() {
    let sandbox = two_accounts();
    done(&install(&sandbox, &["git", "a"]), &[]);
    let first = text(&sandbox, ".gitconfig");
    assert!(
        first.contains("[credential \"https://git.corp.example\"]"),
        "{first}"
    );
    let run = install(&sandbox, &["git", "b"]);
    done(
        &run,
        &[
            "tokctl: another profile has the host too: this one is asked for https://b-bot@git.corp.example/...",
        ],
    );
    let both = text(&sandbox, ".gitconfig");
    assert!(both.starts_with(&first), "{both}");
    assert!(
        both.ends_with("[credential \"https://b-bot@git.corp.example\"]\n\thelper = \n\thelper = !tokctl helper git b\n"),
        "{both}"
    );
    install(&sandbox, &["git", "b"]).ends(0, "", "nothing to do");
    // What git itself makes of it.
    let helpers = |url: &str| {
        let words = ["config", "--get-urlmatch", "credential.helper", url];
        let output = sandbox.program("git", words).output().expect("git runs");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(helpers("https://b-bot@git.corp.example/x").contains("helper git b"));
    assert!(helpers("https://git.corp.example/x").contains("helper git a"));
    done(&install(&sandbox, &["git", "b", "--remove"]), &[]);
    assert_eq!(text(&sandbox, ".gitconfig"), first);
}

/// What programs have in their files where another profile was installed, and whose place that is.
const OTHERS: &[(&str, &str, &str, &str)] = &[
    (
        "git",
        ".gitconfig",
        "[credential \"https://git.corp.example\"]\n\thelper = \n\thelper = !tokctl helper git gone\n",
        "gone for https://git.corp.example",
    ),
    (
        "docker",
        ".docker/config.json",
        "{\"credHelpers\":{\"git.corp.example\":\"tokctl-gone\"}}",
        "gone for git.corp.example",
    ),
    (
        "cargo",
        ".cargo/config.toml",
        "[registries.c]\nindex = \"https://git.corp.example/i\"\ncredential-provider = [\"tokctl\", \"gone\"]\n",
        "gone for registry \"c\"",
    ),
    (
        "bazel",
        ".bazelrc",
        "common --credential_helper=git.corp.example=tokctl-bazel-gone\n",
        "gone for git.corp.example",
    ),
    (
        "terraform",
        ".terraformrc",
        "credentials_helper \"tokctl\" {\n  args = [\"gone\"]\n}\n",
        "gone for every host",
    ),
];

#[test]
fn another_profile_s_lines_are_not_taken_without_being_asked() {
    for (program, file, content, whose) in OTHERS {
        let sandbox = home();
        sandbox.write(file, content);
        let before = snapshot(&sandbox);
        let run = install(&sandbox, &[program, "corp"]);
        run.fails(3, &format!("takes the place of another profile: {whose}"));
        assert!(run.stderr.contains("--remove"), "{run:?}");
        assert_eq!(snapshot(&sandbox), before);
        done(&install(&sandbox, &[program, "corp", "--dry-run"]), &[]);
        assert_eq!(snapshot(&sandbox), before);
        done(&install(&sandbox, &[program, "gone", "--remove"]), &[]);
        done(&install(&sandbox, &[program, "corp"]), &[]);
        let now = text(&sandbox, file);
        assert!(now.contains("corp") && !now.contains("gone"), "{now}");
    }
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn a_person_is_asked_whether_another_profile_gives_way() {
    for (program, file, content, whose) in OTHERS {
        let sandbox = home();
        for (answer, code, wanted) in [("", 2, "gone"), ("y", 0, "corp")] {
            sandbox.write(file, content);
            let terminal = support::Terminal::start(&sandbox);
            terminal.tokctl(&format!("helper install {program} corp"));
            terminal.shows(&format!("another profile ({whose})? [y/N]:"));
            terminal.types(answer);
            terminal.shows(&format!("exit={code}"));
            let now = text(&sandbox, file);
            assert!(now.contains(wanted), "{program} {answer:?}: {now}");
        }
    }
}
