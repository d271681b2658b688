//! Completions: what the program says can come, and what real shells make of it.
#![cfg(unix)]

use crate::support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::{Sandbox, Terminal};

const PROFILES: &str = "\
[profile.corp]
[profile.\"git.corp:8443@x+y\"]
[profile.\"über\"]
[profile.\"$(touch pwned)\"]
[profile.\"-x\"]
[profile.\"a b\"]
[profile.\"`touch pwned`\"]
[profile.\"*\"]
";

/// A sandbox that finds `tokctl` as a user does.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let dir = Path::new(support::tokctl())
        .parent()
        .expect("it is in a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    sandbox.env("PATH", format!("{}:{path}", dir.display()));
    sandbox.env("LC_ALL", "C.UTF-8").config(PROFILES);
    sandbox
}

/// The kind of what comes, and the candidates.
#[track_caller]
fn ends(sandbox: &Sandbox, line: &str) -> (String, Vec<String>) {
    let (before, current) = line.rsplit_once(' ').unwrap_or(("", line));
    let current = format!("--current={current}");
    let words = before.split_whitespace();
    let run = sandbox.run(["complete", &current, "--"].into_iter().chain(words));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line}");
    let mut lines = run.stdout.lines();
    let kind = lines.next().unwrap_or_default().to_owned();
    let words = lines.map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    (kind, words.collect())
}

/// What can come after these lines: all of it, or with `…` some of it.
const LINES: &[(&str, &str)] = &[
    ("ge", "get"),
    ("logi", "login"),
    ("help ge", "get"),
    ("secret ", "set rm"),
    ("get ", "corp git.corp:8443@x+y über"),
    ("get g", "git.corp:8443@x+y"),
    ("get corp ", ""),
    ("get -- ", "corp git.corp:8443@x+y über"),
    ("get -- -- ", ""),
    ("get -- --format=he", ""),
    ("get -- -x ", ""),
    ("get -- --x ", ""),
    ("get - ", ""),
    ("get --format json ", "corp git.corp:8443@x+y über"),
    ("get --format=json c", "corp"),
    ("-v get -q c", "corp"),
    ("get --scope ", ""),
    ("get --scope x c", "corp"),
    ("refresh corp g", "git.corp:8443@x+y"),
    ("logout --al", "--all"),
    ("secret set c", "corp"),
    (
        "helper ",
        "git kubectl docker cargo bazel go terraform install",
    ),
    ("helper ins", "install"),
    ("helper install ku", "kubectl"),
    ("helper install git c", "corp"),
    ("helper install git corp --dr", "--dry-run"),
    ("helper ku", "kubectl"),
    ("helper git c", "corp"),
    ("helper git corp c", "corp"),
    ("helper git install --dr", ""),
    ("providers gith", "github github-enterprise"),
    ("add spot", "spotify"),
    ("add x --preset disc", "discord"),
    ("add x --grant dev", "device_code"),
    ("add x --store=enc", "--store=encrypted-file"),
    ("completions ", "bash zsh fish powershell"),
    (
        "get --format ",
        "token bearer header headers-json curl json",
    ),
    ("get --format=he", "--format=header --format=headers-json"),
    ("get --form", "--format"),
    ("get --no-such-flag=x", ""),
    ("get --no-such-flag c", "corp"),
    ("no-such-command c", ""),
    ("api -X GET c", "corp"),
    ("api -XGET c", "corp"),
    ("api -iX GET c", "corp"),
    ("api corp x ", ""),
    ("exec c", "corp"),
    ("exec corp g", "git.corp:8443@x+y"),
    ("exec corp --fi", "--file"),
    ("exec --env X=co", ""),
    ("rene", ""),
    ("compl", "completions"),
    ("status \u{1b}", ""),
];

#[test]
fn the_program_knows_what_can_come() {
    let sandbox = sandbox();
    for (line, words) in LINES {
        let (kind, found) = ends(&sandbox, line);
        assert_eq!(
            (kind.as_str(), found.join(" ").as_str()),
            ("words", *words),
            "{line}"
        );
    }
    for line in ["get --config ", "get --out ", "get --config=", "--config x"] {
        assert_eq!(
            ends(&sandbox, line),
            ("files".to_owned(), Vec::new()),
            "{line}"
        );
    }
    for line in [
        "exec corp -- cat ",
        "exec corp -- cat --f",
        "exec -- x -- y ",
    ] {
        let files = ("files".to_owned(), Vec::new());
        assert_eq!(ends(&sandbox, line), files, "{line}");
    }
    for line in ["exec corp -- ", "exec corp git -- ca"] {
        let commands = ("commands".to_owned(), Vec::new());
        assert_eq!(ends(&sandbox, line), commands, "{line}");
    }
    let (_, flags) = ends(&sandbox, "status -");
    for flag in ["--json", "--config", "-v", "--quiet", "--help", "-V"] {
        assert!(flags.contains(&flag.to_owned()), "{flag}: {flags:?}");
    }
}

#[test]
fn each_candidate_is_told_with_what_it_is() {
    let sandbox = sandbox();
    for (words, line) in [
        (&["--current=get", "--"][..], "get\tPrint "),
        (&["--current=spot", "--", "add"], "spotify\tSpotify\n"),
        (&["--current=--js", "--", "status"], "--json\t"),
        (
            &["--current=enc", "--", "add", "--store"],
            "encrypted-file\t",
        ),
    ] {
        let run = sandbox.run([&["complete"], words].concat());
        run.ok(&run.stdout);
        let found = run.stdout.strip_prefix("words\n");
        assert!(found.is_some_and(|all| all.starts_with(line)), "{run:?}");
        let about = run
            .stdout
            .lines()
            .nth(1)
            .and_then(|line| line.split('\t').nth(1));
        let named = !line.starts_with("encrypted");
        assert_eq!(
            about.is_some_and(|about| !about.is_empty()),
            named,
            "{run:?}"
        );
    }
}

#[test]
fn names_come_from_the_configuration_of_the_command_line() {
    let mut sandbox = sandbox();
    sandbox.write("~/odd.toml", "[profile.tilde-as-it-is]\n");
    sandbox.write("other.toml", "[profile.other]\n");
    for line in [
        "--config other.toml get ",
        "get --config=other.toml ",
        "get --config ~/other.toml ",
    ] {
        assert_eq!(ends(&sandbox, line).1, ["other"], "{line}");
    }
    sandbox.env("TOKCTL_CONFIG", "other.toml");
    assert_eq!(ends(&sandbox, "get ").1, ["other"]);
    assert_eq!(ends(&sandbox, "get --config none.toml ").1, [""; 0]);
}

#[test]
fn a_broken_configuration_completes_nothing_and_says_nothing() {
    let sandbox = sandbox();
    for broken in ["[profile.x\n", "profile = 1\n", "\0"] {
        sandbox.config(broken);
        assert_eq!(ends(&sandbox, "get ").1, [""; 0], "{broken:?}");
    }
}

#[test]
fn a_thousand_profiles_are_listed_while_a_finger_is_on_the_key() {
    let sandbox = sandbox();
    let all: String = (0..1000)
        .map(|number| format!("[profile.p{number}]\nclient_id = \"x\"\nscope = [\"a\", \"b\"]\n"))
        .collect();
    sandbox.config(&all);
    let best = (0..5).map(|_| {
        let started = Instant::now();
        assert_eq!(ends(&sandbox, "get p").1.len(), 1000);
        started.elapsed()
    });
    // A few milliseconds when it is optimized, which tests are not.
    assert!(
        best.min()
            .is_some_and(|best| best < Duration::from_millis(400))
    );
}

#[test]
fn each_shell_s_script_is_printed() {
    let sandbox = sandbox();
    for (shell, file) in [
        ("bash", "tokctl.bash"),
        ("zsh", "_tokctl"),
        ("fish", "tokctl.fish"),
        ("powershell", "_tokctl.ps1"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("completions")
            .join(file);
        let text = std::fs::read_to_string(path).expect("it is in the tree");
        sandbox.run(["completions", shell]).ok(&text);
    }
    sandbox.run(["completions", "tcsh"]).fails(2, "'tcsh'");
}

/// What is typed before the tabulator, and what stands there after it.
const TYPED: &[(&str, &str)] = &[
    ("tokctl unl", "tokctl unlock"),
    ("tokctl get co", "tokctl get corp"),
    ("tokctl get ü", "tokctl get über"),
    // An empty word, for which there is one that can come.
    (
        "tokctl --config one.toml get ",
        "tokctl --config one.toml get solo",
    ),
    ("tokctl get gi", "tokctl get git.corp:8443@x+y"),
    ("tokctl get git.corp:8", "tokctl get git.corp:8443@x+y"),
    ("tokctl get git.corp:8443@", "tokctl get git.corp:8443@x+y"),
    (
        "tokctl helper git gi",
        "tokctl helper git git.corp:8443@x+y",
    ),
    ("tokctl helper ku", "tokctl helper kubectl"),
    ("tokctl providers disc", "tokctl providers discord"),
    ("tokctl get corp --form", "tokctl get corp --format"),
    (
        "tokctl get corp --format=cu",
        "tokctl get corp --format=curl",
    ),
    (
        "tokctl -v get --format json co",
        "tokctl -v get --format json corp",
    ),
    ("tokctl exec co", "tokctl exec corp"),
    ("tokctl exec corp gi", "tokctl exec corp git.corp:8443@x+y"),
    ("tokctl exec corp -- tokc", "tokctl exec corp -- tokctl"),
    (
        "tokctl exec corp -- cat ot",
        "tokctl exec corp -- cat other\\ file.toml",
    ),
    ("tokctl helper ins", "tokctl helper install"),
    ("tokctl helper install ku", "tokctl helper install kubectl"),
    (
        "tokctl helper install git co",
        "tokctl helper install git corp",
    ),
    (
        "tokctl add x --preset spot",
        "tokctl add x --preset spotify",
    ),
    (
        "tokctl add x --preset=spot",
        "tokctl add x --preset=spotify",
    ),
    ("tokctl api co", "tokctl api corp"),
    ("tokctl api -X GET co", "tokctl api -X GET corp"),
    (
        "tokctl api corp x --input ot",
        "tokctl api corp x --input other\\ file.toml",
    ),
    ("tokctl --config ot", "tokctl --config other\\ file.toml"),
    ("tokctl --config=ot", "tokctl --config=other\\ file.toml"),
    ("tokctl get \\$", "tokctl get \\$"),
    ("tokctl get a", "tokctl get a"),
    ("true; tokctl get co", "true; tokctl get corp"),
];

/// An empty screen but for a word and the prompt; what is typed earlier would be echoed twice.
#[track_caller]
fn clean(terminal: &Terminal<'_>, number: usize) {
    terminal.types(&format!("clear; echo c'lea'n-{number}"));
    terminal.shows(&format!("clean-{number}\n$"));
}

#[track_caller]
fn completes(shell: &str, set_up: &str) {
    let sandbox = sandbox();
    sandbox.write("other file.toml", "");
    sandbox.write("one.toml", "[profile.solo]\n");
    let terminal = Terminal::with_shell(&sandbox, 150, shell);
    for line in set_up.lines() {
        terminal.types(line);
    }
    terminal.types("echo set'-'up");
    terminal.shows("set-up");
    let expected = TYPED
        .iter()
        .map(|(typed, wanted)| (*typed, (*wanted).to_owned()));
    for (number, (typed, wanted)) in expected.enumerate() {
        clean(&terminal, number);
        terminal.tmux(&["send-keys", "-l", typed]);
        terminal.tmux(&["send-keys", "Tab"]);
        terminal.shows(&wanted);
        // Enough for a wrong one to come, and for words on stderr.
        std::thread::sleep(Duration::from_millis(100));
        let screen = terminal.screen();
        let lines: Vec<_> = screen
            .lines()
            .filter(|line| line.contains("tokctl"))
            .collect();
        assert!(
            lines.len() == 1 && lines[0].trim_end().ends_with(&wanted),
            "{shell}: {typed:?} became, instead of {wanted:?}:\n{screen}"
        );
        terminal.tmux(&["send-keys", "C-e", "C-u"]);
    }
    // bash sorts them itself.
    if !shell.contains("bash") {
        clean(&terminal, TYPED.len());
        terminal.tmux(&["send-keys", "-l", "tokctl completions "]);
        terminal.tmux(&["send-keys", "Tab"]);
        let screen = terminal.shows("powershell");
        assert!(screen.find("zsh") < screen.find("powershell"), "{screen}");
        terminal.tmux(&["send-keys", "C-c"]);
    }
    sandbox.config("[profile.corp\n");
    clean(&terminal, TYPED.len() + 1);
    terminal.tmux(&["send-keys", "-l", "tokctl get co"]);
    terminal.tmux(&["send-keys", "Tab"]);
    std::thread::sleep(Duration::from_millis(500));
    let screen = terminal.screen();
    assert!(screen.trim_end().ends_with("tokctl get co"), "{screen}");
    assert!(!sandbox.home().join("pwned").exists());
}

#[test]
#[ignore = "needs tmux: tests/run installs it"]
fn bash_completes() {
    completes(
        "env PS1='$ ' bash --norc --noprofile",
        "source <(tokctl completions bash)",
    );
}

#[test]
#[ignore = "needs tmux and zsh: tests/run installs them"]
fn zsh_completes() {
    let set_up =
        "PS1='$ '\nautoload -Uz compinit && compinit -u -D\nsource <(tokctl completions zsh)";
    completes("zsh -f", set_up);
}

#[test]
#[ignore = "needs tmux and zsh: tests/run installs them"]
fn zsh_completes_with_the_script_in_its_path() {
    let set_up = "PS1='$ '\nmkdir f; tokctl completions zsh >f/_tokctl; fpath=($PWD/f $fpath)\n\
                  autoload -Uz compinit && compinit -u -D";
    completes("zsh -f", set_up);
}

#[test]
#[ignore = "needs tmux and fish: tests/run installs them"]
fn fish_completes() {
    let set_up = "function fish_prompt; echo '$ '; end\nset -g fish_autosuggestion_enabled 0\ntokctl completions fish | source";
    completes("fish --no-config", set_up);
}
