//! All words to the person: notices on stderr, and a secret asked for on the terminal.

#[cfg(unix)]
mod hidden;
#[cfg(unix)]
mod question;
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
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use unicode_width::UnicodeWidthStr;

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

/// Whether the terminal shows more characters than ASCII.
static UNICODE: AtomicBool = AtomicBool::new(false);

/// Says whether the terminal shows more characters than ASCII.
pub fn set_unicode(unicode: bool) {
    UNICODE.store(unicode, Ordering::Relaxed);
}

fn speaks_utf8() -> bool {
    UNICODE.load(Ordering::Relaxed)
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

/// Whether that is so now.
pub fn is_collecting() -> bool {
    COLLECTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Words on stderr. Nobody can be told that stderr is gone, so that is not an error. A path or a name
/// in them may come from anywhere, and must not repaint the terminal.
fn line(kind: Tag, text: &str) {
    let mut text: String = text.chars().filter(|c| text::is_shown(*c)).collect();
    text = fit_for_locale(&text);
    let word = kind.word();
    let mut whole = format!("tokctl: {word}{text}");
    let stderr = std::io::stderr();
    // What is written below one another stays so.
    if !text.contains('\n') && !text.starts_with(' ') {
        whole = wrapped(&whole, columns(&stderr), 0);
    }
    if !word.is_empty() && is_colored(&stderr) {
        let styled = format!("{}{word}{:#}", kind.style(), kind.style());
        whole = whole.replacen(word, &styled, 1);
    }
    write_stderr(&format!("{whole}\n"));
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

impl Look {
    /// As in a pipe.
    #[cfg(test)]
    pub const PLAIN: Self = Self {
        color: false,
        columns: None,
    };
}

/// Words in lines of so many columns, those after the first `indent` columns to the right. A word that is longer, an
/// address or a path, stays whole, and so does the command after "run:", which is to be copied.
pub fn wrapped(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(room) = columns
        .map(|columns| columns.saturating_sub(indent))
        .filter(|room| *room >= 20)
    else {
        return text.to_owned();
    };
    if text.width() <= room {
        return text.to_owned();
    }
    let (mut lines, mut used) = (String::new(), 0);
    for word in words(text) {
        let width = word.width();
        if used > 0 && used + 1 + width > room {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += width;
    }
    lines
}

/// The words of a text; a command is one.
fn words(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((before, command)) = rest.split_once("run: ").zip(crate::error::command(rest)) {
        let at = before.0.len() + "run: ".len();
        all.extend(rest[..at].split(' ').filter(|word| !word.is_empty()));
        // With the mark that ends it.
        let after = &rest[at + command.len()..];
        let end = at + command.len() + after.find(' ').unwrap_or(after.len());
        all.push(&rest[at..end]);
        rest = rest[end..].trim_start();
    }
    all.extend(rest.split(' ').filter(|word| !word.is_empty()));
    all
}

/// How an answer on stdout is to look.
pub fn look() -> Look {
    let stdout = std::io::stdout();
    Look {
        color: is_colored(&stdout),
        columns: columns(&stdout),
    }
}

/// Shows a picture in black on white, whatever the terminal's own colours are, with room for so many lines `below` it.
/// False where it would not be seen as it is: no terminal, no colours, a locale without its characters, too small.
pub fn draw(what: &str, picture: &str, below: usize) -> bool {
    let stderr = std::io::stderr();
    let lines = picture.lines().count();
    let wide = picture.lines().map(|line| line.chars().count()).max();
    let fits = terminal_size::terminal_size_of(&stderr).is_some_and(|(width, height)| {
        wide.unwrap_or(0) <= usize::from(width.0) && lines + below <= usize::from(height.0)
    });
    if !stderr.is_terminal() || !fits || !is_colored(&stderr) || !speaks_utf8() {
        return false;
    }
    say(&format!("{what}\n"));
    let style = Style::new()
        .fg_color(Some(AnsiColor::Black.into()))
        .bg_color(Some(AnsiColor::BrightWhite.into()));
    let drawn: String = picture
        .lines()
        .map(|line| format!("  {style}{line}{style:#}\n"))
        .collect();
    write_stderr(&format!("{drawn}\n"));
    true
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

/// The columns that a person has who is asked.
pub fn width() -> usize {
    columns(&std::io::stderr()).unwrap_or(80)
}

/// As much of a line as there is room for.
pub fn fitting(line: &str) -> String {
    let room = width().saturating_sub(1);
    if line.chars().count() <= room {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(room.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

/// Whether there is somebody to be asked, and who sees the question.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A line from the terminal, without what surrounds it; `None` where the input has ended.
pub fn ask(prompt: &str) -> Result<Option<String>> {
    let line = {
        let _open = put(prompt);
        bounded::line(&mut std::io::stdin().lock(), MAX_INPUT)
    };
    let line = line.map_err(|cause| Error::io("reading from the terminal", &cause))?;
    if line.is_none() {
        // The question stands on the line still.
        write_stderr("\n");
    }
    Ok(line.map(|line| String::from_utf8_lossy(&line).trim().to_owned()))
}

/// Puts a question, which is put again after Ctrl-Z as long as the value lives.
#[cfg(unix)]
pub fn put(prompt: &str) -> question::Question {
    question::Question::shown(&laid_out(prompt))
}

/// A question that has been put.
#[cfg(not(unix))]
pub struct Question(());

/// Puts a question.
#[cfg(not(unix))]
pub fn put(prompt: &str) -> Question {
    write_stderr(&laid_out(prompt));
    Question(())
}

/// Lines for the person who is being asked.
pub fn show(text: &str) {
    write_stderr(&laid_out(text));
}

/// What is shown to who is asked, in the width of the terminal, broken at words, and with characters that it has.
fn laid_out(text: &str) -> String {
    let text = fit_for_locale(text);
    let columns = columns(&std::io::stderr());
    let line = |line: &str| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let lines = wrapped(line[indent..].trim_end(), columns, indent);
        // The cursor stands behind a blank.
        let end = &line[line.trim_end_matches(' ').len()..];
        format!("{}{lines}{end}", " ".repeat(indent))
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}

fn fit_for_locale(text: &str) -> String {
    if speaks_utf8() {
        text.to_owned()
    } else {
        text.replace('…', "...")
    }
}

/// A secret from the terminal without echo, else the whole of stdin.
pub fn read_secret(prompt: &str) -> Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return read_stdin();
    }
    ask_secret(prompt)?.ok_or_else(|| Error::usage("nothing was typed, so nothing is changed"))
}

/// A secret from the terminal without echo; `None` where the input has ended.
pub fn ask_secret(prompt: &str) -> Result<Option<Secret>> {
    hidden_line(&laid_out(&format!("{prompt}: ")))
        .map(|line| line.map(Secret::from_line))
        .map_err(|cause| Error::io("reading from the terminal", &cause))
}

#[cfg(unix)]
fn hidden_line(prompt: &str) -> std::io::Result<Option<String>> {
    hidden::line(prompt)
}

#[cfg(not(unix))]
fn hidden_line(prompt: &str) -> std::io::Result<Option<String>> {
    match rpassword::prompt_password(prompt) {
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(None),
        line => line.map(Some),
    }
}

/// The same, and what stands in the lines after it where nobody types it.
pub fn read_secret_and_next(prompt: &str) -> Result<(Secret, Option<Secret>)> {
    let all = read_secret(prompt)?;
    let parts = all.expose().split_once('\n');
    let parts =
        parts.map(|(first, next)| [first, next].map(|part| Secret::from_line(part.to_owned())));
    Ok(match parts {
        Some([first, next]) => (first, Some(next)),
        None => (all, None),
    })
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
