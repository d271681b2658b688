//! What is being waited for: shown on the terminal after a second, and gone when it has come.

use super::{LEVEL, columns, is_collecting};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is over sooner needs no word, and the seconds are counted in it.
const TICK: Duration = Duration::from_secs(1);

/// Whether anything is shown at all: not by a helper, whose terminal is another program's.
static WANTED: AtomicBool = AtomicBool::new(false);

/// There is one line for it: who waits inside of another wait shows nothing.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// How many columns of the line are in use.
static DRAWN: Mutex<usize> = Mutex::new(0);

/// From now on what is waited for is shown.
pub fn show_waiting() {
    WANTED.store(true, Ordering::Relaxed);
}

/// A wait, until it is dropped.
pub struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

/// Begins a wait for `what`, which is shown where there is a terminal.
pub fn waiting(what: impl Into<String>) -> Waiting {
    let quiet = LEVEL.load(Ordering::Relaxed) == 0 || is_collecting();
    let wanted = WANTED.load(Ordering::Relaxed) && !quiet && std::io::stderr().is_terminal();
    if !wanted || TAKEN.swap(true, Ordering::Relaxed) {
        return Waiting(None);
    }
    let what = what.into();
    let (over, ended) = mpsc::channel();
    let ticking = std::thread::Builder::new().spawn(move || tick(&what, &ended));
    let Ok(ticking) = ticking else {
        // Where no thread can be made nothing is shown, and all the rest goes on.
        TAKEN.store(false, Ordering::Relaxed);
        return Waiting(None);
    };
    Waiting(Some((over, ticking)))
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((over, thread)) = self.0.take() {
            drop(over);
            // It has nothing else to do than to wipe its line.
            drop(thread.join());
            TAKEN.store(false, Ordering::Relaxed);
        }
    }
}

fn tick(what: &str, ended: &Receiver<()>) {
    let started = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
        draw(&format!(
            "tokctl: {what} ({} s)",
            started.elapsed().as_secs()
        ));
    }
    draw("");
}

/// Makes room for a line of another kind.
pub fn make_room() {
    draw("");
}

/// Replaces the line by this one. Without escapes, which not every terminal knows.
fn draw(line: &str) {
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    if line.is_empty() && *drawn == 0 {
        return;
    }
    // In the last column the cursor would go on to the next line.
    let room = columns(&std::io::stderr()).unwrap_or(80).saturating_sub(1);
    let line: String = line.chars().take(room).collect();
    let length = line.chars().count();
    let rest = " ".repeat(drawn.saturating_sub(length));
    let end = if line.is_empty() { "\r" } else { "" };
    *drawn = length;
    drop(std::io::stderr().write_all(format!("\r{line}{rest}{end}").as_bytes()));
}
