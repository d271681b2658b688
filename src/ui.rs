//! All words to the person: notices on stderr, and a secret asked for on the terminal.

#[cfg(unix)]
mod echo;
mod waiting;

use crate::bounded;
use crate::cli::Color;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a person types or pipes in: a certificate with its chain is a hundredth of it.
const MAX_INPUT: u64 = 1024 * 1024;

pub use waiting::{show_waiting, waiting};

/// 0 quiet, 1 usual, 2 verbose.
static LEVEL: AtomicU8 = AtomicU8::new(1);

/// Warnings of a process without a stderr, for the one that reads its answer.
static COLLECTED: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// From now on warnings are collected instead of written, and nothing else is said.
pub fn collect() {
    *COLLECTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
}

/// The warnings since [`collect`].
pub fn collected() -> Vec<String> {
    COLLECTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .unwrap_or_default()
}

/// Sets how much is said.
pub fn set_level(quiet: bool, verbose: u8) {
    LEVEL.store(
        if quiet { 0 } else { 1 + verbose.min(1) },
        Ordering::Relaxed,
    );
}

/// Something that did not go as it should, though the answer is there.
pub fn warn(text: &str) {
    if let Some(collected) = COLLECTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_mut()
    {
        collected.push(text.to_owned());
        return;
    }
    if LEVEL.load(Ordering::Relaxed) > 0 {
        line(Tag::Warning, text);
    }
}

/// Something a person is glad to know, and a script does not read.
pub fn notice(text: &str) {
    if is_collecting() {
        return;
    }
    if LEVEL.load(Ordering::Relaxed) > 0 {
        line(Tag::None, text);
    }
}

/// What a person must read to go on, also with `--quiet`: an address, a code.
pub fn say(text: &str) {
    line(Tag::None, text);
}

/// A step on the way, with `-v`.
pub fn step(text: &str) {
    if is_collecting() {
        return;
    }
    if LEVEL.load(Ordering::Relaxed) > 1 {
        line(Tag::None, text);
    }
}

fn is_collecting() -> bool {
    COLLECTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Words on stderr. Nobody can be told that stderr is gone, so that is not an error. A path or a name
/// in them may come from anywhere, and must not repaint the terminal.
fn line(kind: Tag, text: &str) {
    let text: String = text.chars().filter(|c| text::is_shown(*c)).collect();
    let tag = match kind {
        Tag::None => String::new(),
        _ if !is_colored(&std::io::stderr()) => kind.word().to_owned(),
        _ => format!("{}{}{:#}", kind.style(), kind.word(), kind.style()),
    };
    write_stderr(&format!("tokctl: {tag}{text}\n"));
}

fn write_stderr(text: &str) {
    waiting::make_room();
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// What a line begins with.
#[derive(Clone, Copy)]
enum Tag {
    None,
    Warning,
    Hint,
}

impl Tag {
    fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Warning => "warning: ",
            Self::Hint => "hint: ",
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::None => return Style::new(),
            Self::Warning => AnsiColor::Yellow,
            Self::Hint => AnsiColor::Cyan,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// How an answer is to look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub color: bool,
    /// The terminal's width; none where stdout is no terminal.
    pub columns: Option<usize>,
}

/// How an answer on stdout is to look.
pub fn look() -> Look {
    let stdout = std::io::stdout();
    Look {
        color: is_colored(&stdout),
        columns: columns(&stdout),
    }
}

/// Sets where colours are wanted, over what the environment says (`NO_COLOR`, `CLICOLOR`,
/// `CLICOLOR_FORCE`).
pub fn set_color(when: Color) {
    let choice = match when {
        Color::Auto => return,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
}

fn is_colored(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

#[cfg(unix)]
fn columns(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    let size = terminal_size::terminal_size_of(stream).filter(|_| stream.is_terminal());
    // A terminal that does not know its width says 0.
    size.map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
        .or_else(|| stream.is_terminal().then_some(80))
}

#[cfg(windows)]
fn columns(stream: &(impl IsTerminal + std::os::windows::io::AsHandle)) -> Option<usize> {
    let size = terminal_size::terminal_size_of(stream).filter(|_| stream.is_terminal());
    size.map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
        .or_else(|| stream.is_terminal().then_some(80))
}

/// An error, in words or as the JSON object that `--json` promises.
pub fn error(error: &Error, json: bool) {
    if json {
        let object = serde_json::json!({
            "code": error.kind.code(),
            "message": error.to_string(),
            "hint": error.hint,
            "exit_code": error.kind.exit_code(),
            "oauth_error": error.oauth_code,
            "http_status": error.http_status,
            "warnings": collected(),
        });
        write_stderr(&format!("{object}\n"));
        return;
    }
    // One line each, whatever they quote: a second could pass for words of our own.
    line(Tag::None, &error.to_string().replace('\n', " "));
    if let Some(hint) = &error.hint {
        line(Tag::Hint, &hint.replace('\n', " "));
    }
}

/// Whether there is somebody to be asked, and who sees the question.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A line from the terminal, without what surrounds it; `None` where the input has ended.
pub fn ask(prompt: &str) -> Result<Option<String>> {
    write_stderr(prompt);
    let line = bounded::line(&mut std::io::stdin().lock(), MAX_INPUT)
        .map_err(|cause| Error::io("reading from the terminal", &cause))?;
    Ok(line.map(|line| String::from_utf8_lossy(&line).trim().to_owned()))
}

/// Lines for the person who is being asked, as they are.
pub fn show(text: &str) {
    write_stderr(text);
}

/// A secret from the terminal without echo, else the whole of stdin.
pub fn read_secret(prompt: &str) -> Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return read_stdin();
    }
    #[cfg(unix)]
    echo::keep();
    let typed = rpassword::prompt_password(format!("{prompt}: "))
        .map_err(|cause| Error::io("reading from the terminal", &cause))?;
    Ok(Secret::from_line(typed))
}

/// A secret from stdin that cannot be typed: on a terminal it says `why`.
pub fn read_piped(why: &str) -> Result<Secret> {
    if std::io::stdin().is_terminal() {
        return Err(Error::usage(why).hint("redirect stdin: tokctl secret set PROFILE < key.pem"));
    }
    read_stdin()
}

/// The whole of stdin.
fn read_stdin() -> Result<Secret> {
    match bounded::text(std::io::stdin(), MAX_INPUT) {
        Ok(text) => Ok(Secret::from_line(text)),
        Err(cause)
            if matches!(
                cause.kind(),
                ErrorKind::InvalidData | ErrorKind::FileTooLarge
            ) =>
        {
            Err(Error::usage(format!("reading stdin: {cause}")))
        }
        Err(cause) => Err(Error::io("reading stdin", &cause)),
    }
}

/// Stdin, for a body of any size.
pub fn input() -> impl Read + 'static {
    std::io::stdin()
}

/// Stdout, for an answer that may be too large for memory.
pub fn output() -> std::io::StdoutLock<'static> {
    std::io::stdout().lock()
}

/// Writes the whole answer to stdout at once. A reader that has gone away is no error: it has what
/// it wanted.
pub fn answer(text: &Secret) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.expose().as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io("writing to stdout", &cause))
        }
        _ => Ok(()),
    }
}
