//! The question that is open on the terminal: Ctrl-C leaves the echo as it was, and who comes back after Ctrl-Z sees the
//! question again.

use crate::signals;
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static OPEN: Mutex<Option<Open>> = Mutex::new(None);

/// Whether this process was stopped since somebody last asked.
static CAME_BACK: AtomicBool = AtomicBool::new(false);

struct Open {
    prompt: String,
    hidden: Option<Hidden>,
}

/// A terminal without its echo.
pub struct Hidden {
    pub terminal: File,
    pub before: Termios,
    pub during: Termios,
}

impl Hidden {
    /// With what was typed ahead gone, which would have been seen.
    fn begin(&self) -> nix::Result<()> {
        tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.during)
    }

    /// A terminal that is gone has no echo to bring back.
    fn end(&self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// A question that is open until this is dropped.
pub struct Question(());

impl Question {
    /// Puts it on stderr.
    pub fn shown(prompt: &str) -> Self {
        watch();
        super::write_stderr(prompt);
        put(prompt, None);
        Self(())
    }

    /// Puts it on the terminal, which echoes nothing from now on.
    pub fn hidden(prompt: &str, hidden: Hidden) -> std::io::Result<Self> {
        watch();
        hidden.begin()?;
        let mut terminal = &hidden.terminal;
        let written = terminal.write_all(prompt.as_bytes());
        put(prompt, Some(hidden));
        let open = Self(());
        written.map(|()| open)
    }
}

/// Whether the process was stopped since this was last asked: then what was half typed is gone.
pub fn was_put_again() -> bool {
    CAME_BACK.swap(false, Ordering::SeqCst)
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(hidden) = open().take().and_then(|open| open.hidden) {
            hidden.end();
        }
    }
}

fn open() -> MutexGuard<'static, Option<Open>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(prompt: &str, hidden: Option<Hidden>) {
    CAME_BACK.store(false, Ordering::SeqCst);
    *open() = Some(Open {
        prompt: prompt.to_owned(),
        hidden,
    });
}

/// The handlers stay as long as the process: taken away, they would leave the signals without any effect.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let heard = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT];
        let watched = Signals::new(signals::heard(&heard)).and_then(|mut signals| {
            std::thread::Builder::new().spawn(move || signals.forever().for_each(hear))
        });
        if let Err(cause) = watched {
            super::step(&format!("the terminal's echo is not watched: {cause}"));
        }
    });
}

fn hear(signal: i32) {
    if signal == SIGCONT {
        return put_again();
    }
    if let Some(hidden) = open().as_ref().and_then(|open| open.hidden.as_ref()) {
        hidden.end();
        if signal != SIGTSTP {
            // What follows does not stand behind the question.
            let mut terminal = &hidden.terminal;
            let _ = terminal.write_all(b"\n");
        }
    }
    // Comes back only after a stop.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Another program had the terminal: what was half typed is gone, and the echo may be there again.
fn put_again() {
    let open = open();
    let Some(Open { prompt, hidden }) = open.as_ref() else {
        return;
    };
    CAME_BACK.store(true, Ordering::SeqCst);
    match hidden {
        Some(hidden) => {
            // Nobody can be told here that it is gone, and who reads from it is told.
            let _ = hidden.begin();
            let mut terminal = &hidden.terminal;
            let _ = terminal.write_all(prompt.as_bytes());
        }
        None => super::write_stderr(prompt),
    }
}
