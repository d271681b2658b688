//! The terminal's echo, which comes back when a signal ends a process that has switched it off.

use crate::signals;
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::sync::Once;

/// Sees to it from now on, as far as there is a terminal. The handlers stay as long as the process: taken
/// away, they would leave the signals without any effect.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(cause) = watch() {
            super::step(&format!("the terminal's echo is not watched: {cause}"));
        }
    });
}

fn watch() -> std::io::Result<()> {
    let terminal = File::open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut signals = Signals::new(signals::heard(&[SIGHUP, SIGINT, SIGQUIT, SIGTERM]))?;
    let thread = std::thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            // A terminal that is gone has no echo to bring back.
            let _ = tcsetattr(&terminal, SetArg::TCSANOW, &before);
            // Comes back only for a signal that does not end a process.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    thread.map(drop)
}
