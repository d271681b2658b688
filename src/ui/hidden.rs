//! A line that is typed without an echo, of any length: a terminal's own lines end at 4,095 bytes, and tokens do not.

use super::MAX_INPUT;
use super::question::{self, Hidden, Question};
use crate::bounded;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{LocalFlags, SpecialCharacterIndices, tcgetattr};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use zeroize::Zeroizing;

/// A line from the terminal, without its end; `None` where the input has ended, as by Ctrl-D.
pub fn line(prompt: &str) -> Result<Option<String>> {
    // The terminal itself, wherever the words go.
    let terminal = open(
        "/dev/tty",
        OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let mut terminal = File::from(terminal);
    let before = tcgetattr(&terminal)?;
    let mut during = before.clone();
    // Each key as it comes, but for those that make signals.
    during.local_flags &= !(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON);
    during.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    during.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    let hidden = Hidden {
        terminal: terminal.try_clone()?,
        before,
        during,
    };
    let question = Question::hidden(prompt, hidden)?;
    let typed = typed(&mut terminal);
    // The echo is back before anything follows.
    drop(question);
    terminal.write_all(b"\n")?;
    typed
}

fn typed(terminal: &mut File) -> Result<Option<String>> {
    let mut line = Line::default();
    let mut byte = Zeroizing::new([0]);
    loop {
        let read = match terminal.read(byte.as_mut_slice()) {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if question::was_put_again() {
            line = Line::default();
        }
        match (read, line.take(byte[0])) {
            (0, _) | (_, Key::EndOfInput) => return Ok(None),
            (_, Key::EndOfLine) => return line.text().map(Some),
            (_, Key::Other) => bounded::check(line.bytes.len(), MAX_INPUT)?,
        }
    }
}

/// What has been typed so far.
#[derive(Default)]
struct Line {
    bytes: Zeroizing<Vec<u8>>,
    escape: Escape,
}

/// How far a key is read that sends several bytes, as arrows do: `ESC [` or `ESC O`, to the first letter or `~`.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    Within,
}

#[derive(Debug, PartialEq, Eq)]
enum Key {
    EndOfLine,
    EndOfInput,
    Other,
}

const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_W: u8 = 0x17;
const ESC: u8 = 0x1b;
const DELETE: u8 = 0x7f;

impl Line {
    fn take(&mut self, byte: u8) -> Key {
        match (self.escape, byte) {
            (_, b'\r' | b'\n') => return Key::EndOfLine,
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Within,
            (Escape::Within, b'@'..=b'~') | (Escape::Begun, _) => self.escape = Escape::None,
            (Escape::Within, _) => {}
            (Escape::None, ESC) => self.escape = Escape::Begun,
            (Escape::None, CTRL_D) if self.bytes.is_empty() => return Key::EndOfInput,
            (Escape::None, BACKSPACE | DELETE) => self.without_last(),
            (Escape::None, CTRL_U) => self.bytes.clear(),
            (Escape::None, CTRL_W) => self.without_last_word(),
            (Escape::None, byte) if byte.is_ascii_control() => {}
            (Escape::None, byte) => self.bytes.push(byte),
        }
        Key::Other
    }

    /// A character of UTF-8 ends with bytes that go on from the one before.
    fn without_last(&mut self) {
        while self.bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
    }

    fn without_last_word(&mut self) {
        let is_blank = |byte: &mut u8| *byte == b' ';
        while self.bytes.pop_if(is_blank).is_some() {}
        while self.bytes.pop_if(|byte| *byte != b' ').is_some() {}
    }

    fn text(mut self) -> Result<String> {
        String::from_utf8(std::mem::take(&mut *self.bytes)).map_err(|cause| {
            drop(Zeroizing::new(cause.into_bytes()));
            Error::new(ErrorKind::InvalidData, bounded::NO_TEXT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line that these keys make, if they end one.
    fn made(keys: &str) -> Option<String> {
        let mut line = Line::default();
        for byte in keys.bytes() {
            match line.take(byte) {
                Key::EndOfLine => return line.text().ok(),
                Key::EndOfInput => return None,
                Key::Other => {}
            }
        }
        panic!("{keys:?} ends nothing")
    }

    #[test]
    fn keys_make_a_line() {
        for (keys, text) in [
            ("secret\r", "secret"),
            ("a b\n", "a b"),
            ("\n", ""),
            ("sex\u{7f}cret\n", "secret"),
            ("é\u{8}x\n", "x"),
            ("\u{7f}x\n", "x"),
            ("wrong\u{15}right\n", "right"),
            ("one two  \u{17}x\n", "one x"),
            ("a\u{1b}[Ab\u{1b}[15~c\u{1b}OPd\n", "abcd"),
            ("a\u{1b}\n", "a"),
            ("a\u{4}b\n", "ab"),
            ("a\u{1}\tb\n", "ab"),
        ] {
            assert_eq!(made(keys).as_deref(), Some(text), "{keys:?}");
        }
        assert_eq!(made("\u{4}"), None);
        assert_eq!(made("x\u{7f}\u{4}"), None);
    }
}
