//! The terminal's echo, which comes back when a signal ends or stops a process that has switched it off.

use crate::signals;
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::sync::{Mutex, Once, PoisonError};

/// The question that is open.
static ASKED: Mutex<String> = Mutex::new(String::new());

/// Sees to it from now on, as far as there is a terminal; `prompt` is the question. The handlers stay as long as the process: taken
/// away, they would leave the signals without any effect.
pub fn keep(prompt: &str) {
    static ONCE: Once = Once::new();
    prompt.clone_into(&mut ASKED.lock().unwrap_or_else(PoisonError::into_inner));
    ONCE.call_once(|| {
        if let Err(cause) = watch() {
            super::step(&format!("the terminal's echo is not watched: {cause}"));
        }
    });
}

fn watch() -> std::io::Result<()> {
    let terminal = File::open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let heard = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];
    let mut signals = Signals::new(signals::heard(&heard))?;
    let thread = std::thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            let during = tcgetattr(&terminal);
            // A terminal that is gone has no echo to bring back.
            let _ = tcsetattr(&terminal, SetArg::TCSANOW, &before);
            // Comes back only after a stop, and then what was half typed is gone and the question is put again.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            if let Ok(during) = during {
                let _ = tcsetattr(&terminal, SetArg::TCSAFLUSH, &during);
                super::write_stderr(&ASKED.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
    });
    thread.map(drop)
}
