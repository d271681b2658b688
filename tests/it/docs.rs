//! The texts that must agree with the program: manual pages, the README and the keys of a
//! profile.
//!
//! `TOKCTL_UPDATE_DOCS=1 cargo test --test it docs::` writes the generated ones anew.

#[path = "../../src/cli/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only the command tree is of use here"
)]
mod cli;

use clap::{CommandFactory, Parser, ValueEnum};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The date on the pages: of the last change to what they say.
const DATE: &str = "2026-11-26";

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
        "{} is not what the program says; run: TOKCTL_UPDATE_DOCS=1 cargo test --test it docs::",
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
        // Those of `helper` have pages.
        let below = visible_of(&command);
        let below = if words == "helper" { Vec::new() } else { below };
        let page = command
            .name(name)
            .bin_name(usage)
            // Help has the options of every command in one line.
            .mut_args(|arg| arg.hide_short_help(false).hide_long_help(false))
            .disable_help_subcommand(true);
        let mut text = Vec::new();
        let man = clap_mangen::Man::new(page)
            .date(DATE)
            .manual("tokctl")
            .source("tokctl");
        man.render(&mut text).expect("a page in memory");
        // The generator leaves an empty line between two breaks, which mandoc minds.
        let text = String::from_utf8(text).expect("a page is text");
        let text = corrected(name, &below, &text.replace(".br\n\n.br\n", ".br\n"));
        check(Path::new(&format!("man/{name}.1")), text.as_bytes());
    }
}

/// What the generator does not know: lines that stand by themselves, what comes after `--`, and commands
/// below commands that have no page.
fn corrected(name: &str, below: &[clap::Command], text: &str) -> String {
    let mut text = text.replace(
        "[\\fIPROFILE\\fR] <\\fICOMMAND\\fR> ",
        "[\\fIPROFILE\\fR]... \\-\\- \\fICOMMAND\\fR...",
    );
    let command = name.replace('-', "\\-");
    for below in below {
        let page = format!("{command}\\-{}(1)", below.get_name());
        let mut call = format!("\\fB{} {}\\fR", name.replace('-', " "), below.get_name());
        for argument in below.get_positionals() {
            let names = argument.get_value_names().unwrap_or_default();
            let names: Vec<_> = names
                .iter()
                .map(|name| format!(" \\fI{name}\\fR"))
                .collect();
            call += &names.concat();
        }
        text = text.replace(&page, &call);
    }
    if let Some(at) = text.find(&format!(".TP\n{command}\\-help(1)\n")) {
        let rest = &text[at + 1..];
        let end = rest.find("\n.SH ").expect("the version follows");
        text.replace_range(at..=at + 1 + end, "");
    }
    if let Some((before, lines)) = text.split_once(".SH EXTRA\n") {
        let (lines, after) = lines.split_once(".SH ").expect("the version follows");
        let lines = lines
            .trim_start_matches("Examples:")
            .trim_start_matches(['\n']);
        let lines = lines
            .split("\nWith every command:")
            .next()
            .unwrap_or_default();
        let lines = lines.replace(".PP\n", "");
        text = format!(
            "{before}.SH EXAMPLES\n.nf\n{}\n.fi\n.SH {after}",
            lines.trim_end()
        );
    }
    text.push_str(
        ".SH SEE ALSO\n.BR tokctl (1),\n.BR tokctl\\-config (5),\n.BR tokctl\\-recipes (7)\n",
    );
    text
}

/// The calls of tokctl in a text: each from its name to what the shell does with it next.
fn calls(text: &str) -> Vec<Vec<String>> {
    let lines = text
        .lines()
        .flat_map(|line| line.split(['|', ';', '&', '\n']));
    let mut found = Vec::new();
    for part in lines {
        let part = part.split(" #").next().unwrap_or_default();
        let call = part.split("$(").last().unwrap_or_default();
        let call = call.split("<(").last().unwrap_or_default().trim();
        let Some(rest) = call.strip_prefix("tokctl ") else {
            continue;
        };
        let rest = rest.split([')', '<', '>']).next().unwrap_or_default();
        let rest = rest.split("   ").next().unwrap_or_default();
        found.push(words(rest));
    }
    found
}

/// A shell's words, with quotes and without anything else.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (c, quote) {
            (' ', None) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The list of commands stands between these.
const COMMANDS: [&str; 2] = [".SH COMMANDS\n", ".SH HOW TOKENS ARE OBTAINED\n"];

#[test]
fn the_manual_lists_every_command() {
    let path = "man/tokctl.1";
    let page = read(path);
    let mut list = String::new();
    for (words, command) in pages() {
        let about = command.get_about().expect("it says what it does");
        let name = words.replace(' ', "-");
        list += &format!(
            ".TP\n.BR tokctl-{name} (1)\n{}.\n",
            about.to_string().replace('-', "\\-")
        );
    }
    check_between(path, &page, COMMANDS, &list);
}

/// The same of a part of a page.
fn check_between(path: &str, page: &str, [head, next]: [&str; 2], part: &str) {
    let (before, rest) = page.split_once(head).expect("the section is there");
    let (_, after) = rest.split_once(next).expect("the next section is there");
    let whole = [before, head, part, next, after].concat();
    check(Path::new(path), whole.as_bytes());
}

#[test]
fn every_example_of_a_help_text_can_be_called() {
    let mut seen = 0;
    for (name, command) in pages() {
        if name == "help" {
            continue;
        }
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_else(|| panic!("{name} has no examples"));
        let calls = calls(&help);
        assert!(calls.len() > 2, "{name}: {calls:?}");
        for call in calls {
            let all = std::iter::once("tokctl").chain(call.iter().map(String::as_str));
            let parsed = cli::Cli::try_parse_from(all);
            assert!(
                parsed.is_ok(),
                "{name}: {call:?}: {}",
                parsed
                    .err()
                    .map_or_else(String::new, |error| error.to_string())
            );
            seen += 1;
        }
    }
    assert!(seen > 45, "{seen}");
}

#[test]
fn the_manual_names_every_exit_code_and_variable() {
    let page = read("man/tokctl.1").replace("\\-", "-");
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

/// What the program says of each key, and the words that some have to be.
fn keys() -> Vec<(String, String, Vec<String>)> {
    let schema = Command::new(crate::support::tokctl())
        .args(["config", "schema"])
        .output()
        .expect("tokctl runs");
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("it is JSON");
    let keys = schema["definitions"]["profile"]["properties"].as_object();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |key: &Value| {
        key["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect()
    };
    keys.expect("the keys")
        .iter()
        .map(|(name, key)| (name.clone(), text(&key["description"]), words(key)))
        .collect()
}

/// The list of keys stands between these.
const LIST: [&str; 2] = [".SH KEYS\n", ".SH THE SERVER\n"];

#[test]
fn the_manual_of_the_configuration_lists_every_key() {
    let path = "man/tokctl-config.5";
    let page = read(path);
    let mut list = "Each in a sentence; the sections below say more.\n".to_owned();
    for (name, sentence, _) in keys() {
        list += &format!(
            ".TP\n.B {}\n{}\n",
            name.replace('-', "\\-"),
            sentence.replace('-', "\\-")
        );
    }
    check_between(path, &page, LIST, &list);
}

#[test]
fn the_manual_of_the_configuration_has_an_entry_for_every_key_and_each_of_its_words() {
    let page = read("man/tokctl-config.5").replace("\\-", "-");
    let (_, entries) = page
        .split_once(LIST[1])
        .expect("the entries follow the list");
    let heads: Vec<&str> = entries
        .split(".TP\n.B ")
        .skip(1)
        .filter_map(|entry| entry.lines().next())
        .flat_map(|head| head.split(", "))
        .collect();
    for (name, _, words) in keys() {
        assert!(heads.contains(&name.as_str()), "{name} has no entry");
        // The presets have a page of their own.
        for word in words.iter().filter(|_| name != "preset") {
            assert!(entries.contains(word), "{name}: {word}");
        }
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

/// The forms in which `get` prints a token.
fn formats() -> Vec<String> {
    let all = cli::Format::value_variants().iter();
    let names = all.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
    names.collect()
}

/// What is new is told to who already uses tokctl, in the words by which he finds it.
#[test]
fn the_changelog_names_every_command_format_preset_and_key() {
    let changelog = read("CHANGELOG.md");
    let named = |word: &str| {
        let word = format!("`{word}");
        changelog.match_indices(&word).any(|(at, found)| {
            !changelog[at + found.len()..]
                .starts_with(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c))
        })
    };
    let commands = pages()
        .into_iter()
        .map(|(words, _)| format!("tokctl {words}"));
    let presets = fs::read_dir(root().join("tests/golden")).expect("the golden files");
    let presets = presets.filter_map(|file| {
        let name = file
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        Some(
            name.strip_prefix("provider-")?
                .strip_suffix(".snap")?
                .to_owned(),
        )
    });
    let keys = keys().into_iter().map(|(name, _, _)| name);
    let all = commands.chain(presets).chain(keys).chain(formats());
    let missing: Vec<String> = all.filter(|word| !named(word)).collect();
    assert!(missing.is_empty(), "CHANGELOG.md does not name {missing:?}");
}

/// Each command and each form of an answer is watched for secrets in the wrong place.
#[test]
fn the_hunt_for_leaks_leaves_out_no_command_and_no_format() {
    let rows = read("tests/it/leaks_everywhere.rs");
    // It prints a script, and is given nothing.
    let commands = commands()
        .into_iter()
        .map(|command| command.get_name().to_owned());
    let commands = commands
        .filter(|name| name != "completions")
        .map(|name| format!("(\"{name} "));
    let formats = formats().into_iter().filter(|format| format != "token");
    let formats = formats.map(|format| match format.as_str() {
        "json" => "(\"get p --json".to_owned(),
        format => format!("(\"get p --format {format}"),
    });
    let missing: Vec<String> = commands
        .chain(formats)
        .filter(|row| {
            !rows.contains(row.as_str()) && !rows.contains(&format!("{}\"", row.trim_end()))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "no row of leaks_everywhere begins with {missing:?}"
    );
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

/// The files of the tree that people write, whatever their names end with.
fn written(dir: &Path, found: &mut Vec<PathBuf>) {
    const OTHERS: [&str; 8] = [
        ".git",
        ".tools",
        "Cargo.lock",
        "dist",
        "golden",
        "node_modules",
        "seeds",
        "target",
    ];
    for entry in fs::read_dir(dir).expect("the tree can be read") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        if OTHERS
            .iter()
            .any(|other| entry.file_name().to_str() == Some(other))
        {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            written(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Who reads the tree has nothing else: a document, a rule by its number or a remark that are elsewhere tell him nothing.
#[test]
fn no_text_of_the_tree_cites_what_is_not_in_it() {
    let mut files = Vec::new();
    written(&root(), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        // A picture or a certificate.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        // The part of the tree that makes packages is not in all of them, and names what is.
        for word in text.split(|c: char| !(c.is_alphanumeric() || "-_./".contains(c))) {
            let word = word.trim_matches('.');
            let is_rule = word.strip_prefix('R').is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            });
            let is_absent = Path::new(word).extension().is_some_and(|end| end == "md")
                && !["", "..", "tests", "src"]
                    .iter()
                    .any(|dir| root().join(dir).join(word.trim_start_matches('/')).exists())
                && !word.contains("usr/share/doc/");
            if is_rule || is_absent || word.starts_with(concat!("/wo", "rk/")) {
                wrong.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
