//! The texts that must agree with the program: manual pages, the README and the keys of a
//! profile.
//!
//! `TOKCTL_UPDATE_DOCS=1 cargo test --test docs` writes the generated ones anew.

#[path = "../../src/cli/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only the command tree is of use here"
)]
mod cli;

use clap::CommandFactory;
use std::fs;
use std::path::{Path, PathBuf};

/// The date on the pages: of the last change to what they say.
const DATE: &str = "2026-11-21";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// Compares a generated file with the one in the tree, or writes it.
fn check(path: &Path, generated: &[u8]) {
    if std::env::var_os("TOKCTL_UPDATE_DOCS").is_some() {
        fs::write(root().join(path), generated).expect("the tree can be written");
    }
    let there = fs::read(root().join(path)).unwrap_or_default();
    assert!(
        there == generated,
        "{} is not what the program says; run: TOKCTL_UPDATE_DOCS=1 cargo test --test docs",
        path.display()
    );
}

/// The visible subcommands.
fn commands() -> Vec<clap::Command> {
    let mut whole = cli::Cli::command();
    whole.build();
    visible_of(&whole)
}

fn visible_of(command: &clap::Command) -> Vec<clap::Command> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .cloned()
        .collect()
}

/// Those that have a page of their own: each subcommand, and what is below the one that is a program's
/// protocol itself.
fn pages() -> Vec<(String, clap::Command)> {
    let mut pages = Vec::new();
    for command in commands() {
        let name = command.get_name().to_owned();
        if name == "helper" {
            let below = visible_of(&command).into_iter();
            pages.extend(below.map(|below| (format!("{name} {}", below.get_name()), below)));
        }
        pages.push((name, command));
    }
    pages
}

#[test]
fn each_command_has_its_manual_page() {
    for (words, command) in pages() {
        // clap's names live as long as the program.
        let name: &'static str = format!("tokctl-{}", words.replace(' ', "-")).leak();
        let usage = format!("tokctl {words}");
        let page = command
            .name(name)
            .bin_name(usage)
            .disable_help_subcommand(true);
        let mut text = Vec::new();
        let man = clap_mangen::Man::new(page)
            .date(DATE)
            .manual("tokctl")
            .source("tokctl");
        man.render(&mut text).expect("a page in memory");
        // The generator leaves an empty line between two breaks, which mandoc minds.
        let text = String::from_utf8(text).expect("a page is text");
        let text = corrected(&text.replace(".br\n\n.br\n", ".br\n"));
        check(Path::new(&format!("man/{name}.1")), text.as_bytes());
    }
}

/// What the generator does not know: lines that stand by themselves, what comes after `--`, and commands
/// below commands that have no page.
fn corrected(text: &str) -> String {
    let mut text = text
        .replace(
            "[\\fIPROFILE\\fR] <\\fICOMMAND\\fR> ",
            "[\\fIPROFILE\\fR]... \\-\\- \\fICOMMAND\\fR...",
        )
        .replace(
            "tokctl\\-secret\\-set(1)",
            "\\fBtokctl secret set\\fR \\fIPROFILE\\fR",
        )
        .replace(
            "tokctl\\-secret\\-rm(1)",
            "\\fBtokctl secret rm\\fR \\fIPROFILE\\fR",
        );
    if let Some(at) = text.find(".TP\ntokctl\\-secret\\-help(1)\n") {
        let rest = &text[at + 1..];
        let end = rest.find("\n.SH ").expect("the version follows");
        text.replace_range(at..=at + 1 + end, "");
    }
    if let Some((before, lines)) = text.split_once(".SH EXTRA\n") {
        let (lines, after) = lines.split_once(".SH ").expect("the version follows");
        text = format!("{before}.SH EXAMPLES\n.nf\n{lines}.fi\n.SH {after}");
    }
    text
}

#[test]
fn the_manual_names_every_command_exit_code_and_variable() {
    let page = read("man/tokctl.1").replace("\\-", "-");
    for (words, _) in pages() {
        let name = format!("tokctl-{} (1)", words.replace(' ', "-"));
        assert!(page.contains(&name), "{name}");
    }
    for code in 0..=7 {
        assert!(page.contains(&format!(".B {code}\n")), "exit code {code}");
    }
    for variable in variables() {
        assert!(page.contains(&variable), "{variable}");
    }
}

/// The environment variables that the program reads, from the files that do.
fn variables() -> Vec<String> {
    let source = read("src/env/programs.rs") + &read("src/env.rs");
    let source = source
        .split("#[cfg(test)]")
        .next()
        .expect("there is source");
    let words = source.split('"').skip(1).step_by(2);
    let named = |word: &&str| {
        word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            || word.ends_with("_proxy")
    };
    let on_windows = ["APPDATA", "LOCALAPPDATA"];
    words
        .filter(named)
        .filter(|word| !on_windows.contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manual_of_the_configuration_has_every_key_and_choice() {
    let page = read("man/tokctl-config.5").replace("\\-", "-");
    let source = read("src/profile/keys.rs");
    let table = source
        .split("pub const KEYS")
        .nth(1)
        .and_then(|rest| rest.split("];").next())
        .expect("the table of keys");
    let words: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    assert!(words.len() > 40, "{words:?}");
    for word in words {
        assert!(page.contains(word), "{word}");
    }
    for source in [
        "env",
        "env_file",
        "file",
        "command",
        "systemd_credential",
        "keyring",
    ] {
        assert!(page.contains(&format!("{{ {source} = ")), "{source}");
    }
}

#[test]
fn the_readme_s_commands_exist() {
    let readme = read("README.md");
    for command in ["examples/demo", "tests/run"] {
        assert!(
            readme.contains(command) && root().join(command).exists(),
            "{command}"
        );
    }
    for line in readme.lines().filter(|line| line.contains("tokctl ")) {
        let Some((_, rest)) = line.split_once("tokctl ") else {
            continue;
        };
        let word: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        let known = commands().iter().any(|command| command.get_name() == word);
        let is_call = line.trim_start().starts_with("tokctl ") || line.contains("$(tokctl ");
        assert!(known || !is_call, "{line}");
    }
}

#[test]
fn the_readme_names_the_oldest_rust_and_installs_what_is_locked() {
    let readme = read("README.md");
    let manifest = read("Cargo.toml");
    let oldest = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let oldest = oldest.expect("it is declared").trim_matches('"');
    assert!(readme.contains(&format!("Rust {oldest}")), "{oldest}");
    let installs: Vec<&str> = readme.split("cargo install").skip(1).collect();
    assert!(!installs.is_empty());
    for words in installs {
        assert!(words.starts_with(" --locked "), "cargo install{words:.60}");
    }
}
