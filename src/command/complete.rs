//! `tokctl complete`: what the end of a command line can be, for the shells' scripts.
//!
//! The first line of the answer is `words`, `files` or `commands`; after `words` come the candidates, each
//! with a tab and what it is. Names of files and programs are the shell's own affair, which knows how they
//! are quoted. A candidate never holds a character that a shell would act upon.

use crate::cli::{self, Cli, Complete};
use crate::env;
use crate::error::Result;
use crate::profile::config::{self, Config};
use crate::profile::{KEYS, choices, help, preset};
use crate::secret::Secret;
use crate::ui;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::path::{Path, PathBuf};

/// Prints the candidates. Whatever is wrong, nothing is said: a person is typing.
pub fn run(complete: &Complete) -> Result<()> {
    let mut whole = Cli::command();
    whole.build();
    let words: Vec<String> = complete
        .words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let cursor = Cursor::after(&whole, &words);
    let text = match cursor.end(&complete.current.to_string_lossy()) {
        End::Files => "files\n".to_owned(),
        End::Commands => "commands\n".to_owned(),
        End::Words(all) => {
            let lines = all.iter().map(|(word, about)| format!("{word}\t{about}\n"));
            format!("words\n{}", lines.collect::<String>())
        }
    };
    ui::answer(&Secret::new(text))
}

/// What can come.
enum End {
    Files,
    Commands,
    /// Each with what it is.
    Words(Vec<(String, String)>),
}

/// Where on the command line we are.
struct Cursor<'c> {
    command: &'c Command,
    /// A flag that waits for its value.
    flag: Option<&'c Arg>,
    positionals: usize,
    /// After `--`, and how many words ago.
    flags_ended: bool,
    since: usize,
    config: Option<PathBuf>,
}

impl<'c> Cursor<'c> {
    fn after(whole: &'c Command, words: &[String]) -> Self {
        let mut cursor = Self {
            command: whole,
            flag: None,
            positionals: 0,
            flags_ended: false,
            since: 0,
            config: None,
        };
        for word in words {
            cursor.pass(word);
        }
        cursor
    }

    /// Goes on over one word.
    fn pass(&mut self, word: &str) {
        if let Some(flag) = self.flag.take() {
            return self.note(flag, word);
        }
        if !self.flags_ended && word == "--" {
            self.flags_ended = true;
        } else if let Some(long) = word.strip_prefix("--").filter(|_| !self.flags_ended) {
            let (name, value) = long
                .split_once('=')
                .map_or((long, None), |(name, value)| (name, Some(value)));
            let flag = self.flags().find(|arg| {
                arg.get_long_and_visible_aliases()
                    .is_some_and(|all| all.contains(&name))
            });
            match (flag, value) {
                (Some(flag), Some(value)) => self.note(flag, value),
                (Some(flag), None) => self.flag = Some(flag).filter(|flag| takes_value(flag)),
                (None, _) => {}
            }
        } else if let Some(shorts) = word
            .strip_prefix('-')
            .filter(|shorts| !self.flags_ended && !shorts.is_empty())
        {
            self.pass_shorts(shorts);
        } else if let Some(below) = self.subcommand(word) {
            self.command = below;
        } else {
            self.positionals += 1;
            self.since += usize::from(self.flags_ended);
        }
    }

    /// Several short flags in one word; the first that takes a value has the rest of it, or the next word.
    fn pass_shorts(&mut self, shorts: &str) {
        for (at, short) in shorts.char_indices() {
            let flag = self.flags().find(|arg| arg.get_short() == Some(short));
            if let Some(flag) = flag.filter(|flag| takes_value(flag)) {
                let rest = &shorts[at + short.len_utf8()..];
                if rest.is_empty() {
                    self.flag = Some(flag);
                }
                return;
            }
        }
    }

    fn subcommand(&self, word: &str) -> Option<&'c Command> {
        let here = !self.flags_ended && self.positionals == 0;
        self.command.find_subcommand(word).filter(|_| here)
    }

    fn flags(&self) -> impl Iterator<Item = &'c Arg> + use<'c> {
        self.command
            .get_arguments()
            .filter(|arg| !arg.is_positional())
    }

    /// Names of profiles come from the configuration that the command line chooses.
    fn note(&mut self, flag: &Arg, value: &str) {
        if flag.get_id() == "config" {
            self.config = Some(env::configured_path(Path::new(value), Path::new("")));
        }
    }

    /// What the word can be that begins with `current`.
    fn end(&self, current: &str) -> End {
        if let Some(flag) = self.flag {
            return self.values(flag, current);
        }
        if let Some((name, value)) = current
            .split_once('=')
            .filter(|_| current.starts_with("--") && !self.flags_ended)
        {
            let Some(flag) = self
                .flags()
                .find(|arg| arg.get_long() == name.strip_prefix("--"))
            else {
                return End::Words(Vec::new());
            };
            return match self.values(flag, value) {
                End::Words(words) => End::Words(
                    words
                        .into_iter()
                        .map(|(word, about)| (format!("{name}={word}"), about))
                        .collect(),
                ),
                other => other,
            };
        }
        if current.starts_with('-') && !self.flags_ended {
            return End::Words(beginning(
                current,
                self.flags()
                    .filter(|arg| !arg.is_hide_set())
                    .flat_map(spellings),
            ));
        }
        if self.positionals == 0 && !self.flags_ended && self.command.has_subcommands() {
            let below = self
                .command
                .get_subcommands()
                .filter(|command| !command.is_hide_set());
            let mut words = beginning(
                current,
                below.map(|command| (command.get_name().to_owned(), about(command.get_about()))),
            );
            // A program that has a helper, or what is done about one.
            let first = self.positional().map(|arg| self.values(arg, current));
            if let Some(End::Words(values)) = first {
                words.splice(0..0, values);
            }
            return End::Words(words);
        }
        self.positional()
            .map_or_else(|| End::Words(Vec::new()), |arg| self.values(arg, current))
    }

    /// The argument at this place; the last one may take any number of words.
    fn positional(&self) -> Option<&'c Arg> {
        let mut all: Vec<&Arg> = self.command.get_positionals().collect();
        if self.flags_ended && all.last().is_some_and(|arg| arg.is_last_set()) {
            return all.pop();
        }
        all.retain(|arg| !arg.is_last_set());
        let repeats = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
        all.get(self.positionals)
            .or_else(|| all.last().filter(repeats))
            .copied()
    }

    /// The values of an argument that begin with `current`.
    fn values(&self, arg: &Arg, current: &str) -> End {
        // A command, and then what only that knows.
        if arg.is_last_set() {
            return if self.since == 0 {
                End::Commands
            } else {
                End::Files
            };
        }
        let name = arg
            .get_value_names()
            .and_then(|names| names.first())
            .map_or("", |name| name.as_str());
        let plain = |word: String| (word, String::new());
        let id = arg.get_id().as_str();
        match name {
            "FILE" => End::Files,
            "PROFILE" => End::Words(beginning(current, self.profiles().into_iter().map(plain))),
            "TOPIC" if self.positionals == 0 => {
                End::Words(beginning(current, cli::names().into_iter().map(plain)))
            }
            "PRESET" => End::Words(beginning(current, presets())),
            "KEY" => End::Words(beginning(current, keys())),
            _ if self.command.get_name() == "add" && id == "name" => {
                End::Words(beginning(current, presets()))
            }
            _ => {
                let listed = arg.get_possible_values();
                let listed = listed.iter().filter(|value| !value.is_hide_set());
                let listed =
                    listed.map(|value| (value.get_name().to_owned(), about(value.get_help())));
                let of_key = choices(id).iter().map(|word| plain((*word).to_owned()));
                End::Words(beginning(current, listed.chain(of_key)))
            }
        }
    }

    fn profiles(&self) -> Vec<String> {
        let config = Config::load(self.config.as_deref());
        let mut names = config.and_then(|config| config.names()).unwrap_or_default();
        // Others cannot be used, and a shell could act upon them.
        names.retain(|name| config::is_name(name));
        names
    }
}

fn takes_value(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Set | ArgAction::Append)
}

fn presets() -> impl Iterator<Item = (String, String)> {
    preset::names().map(|name| {
        let title = preset::fact(name, "title").unwrap_or_default();
        (name.to_owned(), title)
    })
}

fn keys() -> impl Iterator<Item = (String, String)> {
    KEYS.iter()
        .map(|key| (key.name.to_owned(), help(key.name).to_owned()))
}

/// How a flag can be written.
fn spellings(flag: &Arg) -> Vec<(String, String)> {
    let about = about(flag.get_help());
    let long = flag.get_long().map(|long| format!("--{long}"));
    let short = flag.get_short().map(|short| format!("-{short}"));
    let all = long.into_iter().chain(short);
    all.map(|spelling| (spelling, about.clone())).collect()
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().replace('\t', " ")
}

fn beginning(current: &str, all: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    all.filter(|(word, _)| word.starts_with(current)).collect()
}
