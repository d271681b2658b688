//! A login whose redirect cannot arrive here: a person brings the address that the browser ended at.

use super::{Login, Opening, Outcome};
use crate::bounded;
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, shell_word};
use crate::oauth::authorization_code::Attempt;
use crate::ui;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// No address is longer.
const MAX_LINE: u64 = 1024 * 1024;

/// A code is good for ten minutes at most (RFC 6749 section 4.1.2): who waits longer waits for nothing.
const CODE_LIFE: Duration = Duration::from_secs(600);

impl Login<'_> {
    /// Where the redirect cannot arrive: the person brings its address, now or in a later call.
    /// `pending` is a login that was begun in an earlier one; `read` if the address is to come on a
    /// stdin that is no terminal.
    pub fn by_pasting(
        &self,
        pending: Option<&Attempt>,
        attempt: &Attempt,
        read: bool,
    ) -> Result<Outcome> {
        let profile = self.profile;
        let terminal = std::io::stdin().is_terminal();
        let mut told = false;
        // What is piped in may end an earlier login, which needs no new address.
        if terminal || pending.is_none() || !read {
            self.show_address(attempt, terminal)?;
            told = true;
        }
        let _open = terminal.then(|| ui::put("then paste that address here:\n"));
        // Without a terminal nobody answers, unless the caller has said so.
        let lines = (terminal || read).then(typed);
        let end = Deadline::after(CODE_LIFE);
        let mut next = || next_line(lines.as_ref()?, end, &mut told, &profile.name);
        while let Some(line) = next() {
            let line = line.map_err(|cause| Error::io("reading the address", &cause))?;
            if line.trim().is_empty() {
                continue;
            }
            let parameters = parameters(&line);
            for attempt in pending.into_iter().chain([attempt]) {
                if let Some(code) = attempt.answer(profile, self.server, &parameters) {
                    return self.finish(attempt, &code?, None);
                }
            }
            let what = another_address(&parameters);
            if !terminal {
                let name = shell_word(&profile.name);
                let hint = format!("begin again, and give the newest address: tokctl login {name}");
                return Err(Error::new(Kind::Refused, what).hint(hint));
            }
            ui::warn(&format!("{what}; it begins with {}", attempt.redirect_uri));
        }
        Err(nothing_pasted(&profile.name, terminal))
    }

    /// Says where the person logs in, and what to do with the address that the browser ends at.
    fn show_address(&self, attempt: &Attempt, terminal: bool) -> Result<()> {
        let opening = if terminal {
            Opening::ByHand
        } else {
            Opening::Later
        };
        let url = self.url(attempt, opening)?;
        ui::say(&self.instructions(&url, terminal));
        Ok(())
    }

    /// What is to be done with the address; on a terminal the question for the other one follows.
    fn instructions(&self, url: &str, terminal: bool) -> String {
        let name = &self.profile.name;
        let then = if terminal {
            String::new()
        } else {
            let name = shell_word(name);
            format!(
                "\nthen, within ten minutes, give that address to: tokctl login {name} --paste\n"
            )
        };
        format!(
            "to log in to {name}, open this address in a browser:\n\n  {url}\n\nThe browser ends at an address that it \
             cannot open, which is right;{then}"
        )
    }
}

/// That an address is not this login's. RFC 6749 section 10.12: a state that differs is another login's, or a
/// forgery.
fn another_address(parameters: &BTreeMap<String, String>) -> String {
    let why = match parameters.get("state") {
        Some(_) => "its state is another login's",
        None => "it has no state",
    };
    format!("this is not the address that this login ended at: {why}")
}

/// That nobody has brought an address.
fn nothing_pasted(profile: &str, terminal: bool) -> Error {
    let name = shell_word(profile);
    let remedy = if terminal {
        format!("run: tokctl login {name}")
    } else {
        format!(
            "run: tokctl login {name} --paste, with that address on stdin; for a new one: tokctl login {name}"
        )
    };
    let what = "a person must log in; no address was given yet";
    Error::new(Kind::LoginRequired, what).hint(remedy)
}

/// The next line before the end. Who has been told nothing is told after a moment what is waited for.
fn next_line(
    lines: &Receiver<std::io::Result<String>>,
    end: Deadline,
    told: &mut bool,
    profile: &str,
) -> Option<std::io::Result<String>> {
    if !*told {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Err(RecvTimeoutError::Timeout) => {}
            ended => return ended.ok(),
        }
        *told = true;
        ui::say(&format!(
            "waiting on stdin for the address that the login to {profile} ended at, which was shown before"
        ));
    }
    lines.recv_timeout(end.left()).ok()
}

/// The lines of stdin as they come; the end closes the channel.
fn typed() -> Receiver<std::io::Result<String>> {
    let (send, lines) = mpsc::channel();
    let failed = send.clone();
    let thread = std::thread::Builder::new().spawn(move || {
        let mut stdin = std::io::stdin().lock();
        while let Some(line) = bounded::line(&mut stdin, MAX_LINE).transpose() {
            let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
            let failed = line.is_err();
            if send.send(line).is_err() || failed {
                return;
            }
        }
    });
    if let Err(cause) = thread {
        // Who waits for a line is told.
        drop(failed.send(Err(cause)));
    }
    lines
}

/// The parameters of a pasted address, or of its query alone.
fn parameters(line: &str) -> BTreeMap<String, String> {
    let line = line.trim().trim_matches(['"', '\'']);
    let query = line.split_once('?').map_or(line, |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}
