//! What is said of the command line itself: where to begin, and what is wrong with a call.

use super::man::{self, roff};
use super::version;
use crate::cli::{self, Help};
use crate::error::{Error, Kind, Result, shell_word};
use crate::profile::config::Config;
use crate::profile::{key_names, nearest};
use crate::secret::Secret;
use crate::text;
use crate::ui;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a person sees who gives no command. On stderr and with exit code 2, as every call without an answer: a
/// script must not take it for a token.
const BEGIN: &str = "\
tokctl keeps OAuth 2.0 tokens and hands them to programs. No profile is set up yet; begin with
  tokctl add             asks which service and which client, and tries it
  tokctl get NAME        prints a token: curl -H \"Authorization: Bearer $(tokctl get NAME)\" ...
  tokctl providers       lists the services that are known by name
  tokctl --help          shows every command; the manual is tokctl(1)
";

/// The same for who has profiles.
const GO_ON: &str = "
  tokctl get NAME        prints a token
  tokctl status          shows what is stored, and for how long it is good
  tokctl doctor NAME     tries a profile, and says what to do where it fails
  tokctl add             sets up another profile
  tokctl --help          shows every command; the manual is tokctl(1)
";

/// So many profiles are named in one line.
const MOST_NAMES: usize = 8;

/// Help and version go to stdout and are no error; a wrong call is an error like any other.
pub fn report(usage: &clap::Error, args: &[OsString]) -> ExitCode {
    ui::set_color(cli::color(args));
    if !usage.use_stderr() {
        let version = usage.kind() == ErrorKind::DisplayVersion;
        let printed = if version && version::is_wanted(args) {
            ui::output().write_all(version::text().as_bytes())
        } else {
            usage.print()
        };
        return match printed {
            Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
                ui::error(&Error::io("writing to stdout", &cause), false);
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        };
    }
    if usage.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        if args.len() == 1 {
            ui::show(&begin(&names(args).unwrap_or_default()));
            return ExitCode::from(Kind::Usage.exit_code());
        }
        let error = Error::usage("a command is missing");
        let error = error.hint(format!("for help, run: {} --help", usage_of(args)));
        ui::error(&error, false);
        return ExitCode::from(error.kind.exit_code());
    }
    let error = wrong(usage, args);
    ui::error(&error, args.iter().any(|word| word == "--json"));
    ExitCode::from(error.kind.exit_code())
}

fn begin(names: &[String]) -> String {
    match names {
        [] => BEGIN.to_owned(),
        names => format!("tokctl: profiles: {}{GO_ON}", some(names)),
    }
}

/// What is wrong with a call, and what was most likely meant.
fn wrong(usage: &clap::Error, args: &[OsString]) -> Error {
    let whole = usage.to_string();
    // The library's first paragraph says what is wrong; the rest repeats the usage.
    let what = whole.split("\n\n").next().unwrap_or_default();
    // It quotes the command line, which another program may have put together from anything.
    let what = text::clean(what, 500, &[]);
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    Error::usage(format!("{what}{}", meant(usage))).hint(
        remedy(usage, args).unwrap_or_else(|| format!("for help, run: {} --help", usage_of(args))),
    )
}

/// The command, flag or word that is nearest to a mistyped one.
fn meant(usage: &clap::Error) -> String {
    let text = |kind| match usage.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let known = |kind| match usage.get(kind) {
        Some(ContextValue::String(word)) => vec![word.as_str()],
        Some(ContextValue::Strings(words)) => words.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let commands = cli::names();
    let near = match usage.kind() {
        ErrorKind::InvalidSubcommand => text(ContextKind::InvalidSubcommand).and_then(|word| {
            let found = nearest(word, commands.iter().map(String::as_str));
            found.or_else(|| {
                known(ContextKind::SuggestedSubcommand)
                    .first()
                    .map(|one| (*one).to_owned())
            })
        }),
        ErrorKind::UnknownArgument => {
            let said = text(ContextKind::InvalidArg).unwrap_or_default();
            nearest(said, known(ContextKind::SuggestedArg).into_iter())
        }
        ErrorKind::InvalidValue => {
            let said = text(ContextKind::InvalidValue).unwrap_or_default();
            nearest(said, known(ContextKind::ValidValue).into_iter())
        }
        _ => None,
    };
    near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

/// What to do about a wrong call, where more is known than where its help is.
fn remedy(usage: &clap::Error, args: &[OsString]) -> Option<String> {
    let command = usage_of(args);
    if command == "tokctl exec" && !args.iter().any(|word| word == "--") {
        return Some("-- comes before the command: tokctl exec PROFILE -- COMMAND".to_owned());
    }
    if usage.kind() != ErrorKind::MissingRequiredArgument || command == "tokctl" {
        return None;
    }
    let all = ["tokctl refresh", "tokctl logout"].contains(&command.as_str());
    let missing = usage.get(ContextKind::InvalidArg).map(ToString::to_string);
    if !all && !missing?.contains("<PROFILE>") {
        return None;
    }
    let call = match args
        .iter()
        .skip(2)
        .find(|word| *word == "set" || *word == "rm")
    {
        Some(below) if command == "tokctl secret" => {
            format!("{command} {}", below.to_string_lossy())
        }
        _ => command,
    };
    let names = names(args)?;
    Some(match (names.as_slice(), all) {
        ([], _) => "no profile is set up yet; to set one up, run: tokctl add".to_owned(),
        ([only], _) => format!("run: {call} {}", shell_word(only)),
        (many, true) => format!(
            "name a profile ({}), or all of them: {call} --all",
            some(many)
        ),
        (many, false) => format!("name one of the profiles: {}", some(many)),
    })
}

/// Says more of a command, a topic or a key.
pub fn run(help: &Help) -> Result<ExitCode> {
    let topic = help.words.join(" ");
    if topic.is_empty() {
        let whole = text_of(&["--help"]).unwrap_or_default();
        let end = format!("\nTopics (tokctl help TOPIC): {}\n", topics().join(", "));
        return said(&format!("{}\n{end}", whole.trim_end_matches('\n')));
    }
    let first = help.words[0].as_str();
    if cli::is_command(first.as_ref()) && first != "help" {
        let words: Vec<&str> = help
            .words
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        if let Some(text) = text_of(&words) {
            return said(&text);
        }
    }
    let part = about(&topic).ok_or_else(|| {
        let topics = topics();
        let commands = cli::names();
        let mut all: Vec<&str> = topics.iter().map(String::as_str).collect();
        all.extend(commands.iter().map(String::as_str));
        all.extend(key_names().map(|name| -> &str { name }));
        let near = nearest(&topic, all.into_iter());
        let meant = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        let error = Error::usage(format!("there is no help about {topic:?}{meant}"));
        error.hint(format!("topics: {}", topics.join(", ")))
    })?;
    let columns = ui::look().columns.unwrap_or(80);
    said(&roff::text(&part, columns))
}

fn said(text: &str) -> Result<ExitCode> {
    ui::answer(&Secret::new(text.to_owned()))?;
    Ok(ExitCode::SUCCESS)
}

/// What `--help` says.
fn text_of(words: &[&str]) -> Option<String> {
    let args: Vec<OsString> = ["tokctl"].iter().chain(words).map(OsString::from).collect();
    match cli::parse(&args) {
        Err(help) if !help.use_stderr() => Some(help.to_string()),
        _ => None,
    }
}

/// The sections of the manual that are topics of their own, and the pages that are no command's.
fn topics() -> Vec<String> {
    const OTHERS: &[&str] = &["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "SEE ALSO"];
    let source = man::find("").map_or_else(String::new, |(_, source)| source);
    let sections = roff::titles(&source).filter(|title| !OTHERS.contains(title));
    let sections = sections.map(|title| title.to_lowercase().replace(' ', "-"));
    sections
        .chain(["configuration", "recipes"].map(str::to_owned))
        .collect()
}

/// The part of the manual about a topic: a section, a page, or a key of the configuration.
fn about(topic: &str) -> Option<String> {
    let (_, whole) = man::find("")?;
    let wanted = topic.to_lowercase().replace(' ', "-");
    let title = roff::titles(&whole).find(|title| title.to_lowercase().replace(' ', "-") == wanted);
    if let Some(section) = title.and_then(|title| roff::section(&whole, title)) {
        return Some(section.to_owned());
    }
    let page = match wanted.as_str() {
        "configuration" => Some("config.5"),
        "recipes" => Some("recipes"),
        _ => None,
    };
    if let Some(page) = page {
        return man::find(page).map(|(_, source)| source);
    }
    let (_, keys) = man::find("config.5")?;
    roff::entry(&keys, topic)
}

/// The profiles' names; nothing where the configuration cannot be read, which is not what is asked about.
fn names(args: &[OsString]) -> Option<Vec<String>> {
    let words: Vec<&str> = args.iter().filter_map(|word| word.to_str()).collect();
    let in_one = words.iter().find_map(|word| word.strip_prefix("--config="));
    let in_two = || {
        let at = words.iter().position(|word| *word == "--config")?;
        words.get(at + 1).copied()
    };
    let named = in_one.or_else(in_two).map(PathBuf::from);
    Config::load(named.as_deref()).ok()?.names().ok()
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let rest = names.len().saturating_sub(MOST_NAMES);
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

/// The command whose help a wrong call needs.
fn usage_of(args: &[OsString]) -> String {
    match args.iter().skip(1).find(|word| cli::is_command(word)) {
        Some(word) => format!("tokctl {}", word.to_string_lossy()),
        None => "tokctl".to_owned(),
    }
}
