//! Profiles of both kinds, the states that tests begin with, and what they look for afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::run::{Run, Running};
use super::sandbox::{Sandbox, files};

/// `[profile.p]` for a refresh token, of a public client.
pub fn renewable(token_endpoint: &str, more: &str) -> String {
    profile("refresh_token", token_endpoint, more)
}

/// `[profile.p]` for client credentials, for a server that asks for no secret.
pub fn credentials(token_endpoint: &str, more: &str) -> String {
    profile("client_credentials", token_endpoint, more)
}

fn profile(grant: &str, token_endpoint: &str, more: &str) -> String {
    let client = if more.contains("client_id") {
        ""
    } else {
        "client_id = \"c\"\n"
    };
    format!(
        "[profile.p]\ngrant = \"{grant}\"\ntoken_endpoint = \"{token_endpoint}\"\n{client}{more}\n"
    )
}

impl Sandbox {
    /// The files below the home that hold a text in clear.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        files_with(self.home(), text)
    }
}

pub fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    files(directory).into_iter().filter(holds).collect()
}

/// Starts many before it waits for the first.
#[track_caller]
pub fn crowd(size: usize, start: impl Fn(usize) -> Running) -> Vec<Run> {
    let running: Vec<_> = (0..size).map(start).collect();
    running.into_iter().map(Running::wait).collect()
}

/// Waits for an event, at most 20 s.
#[track_caller]
pub fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited 20 s for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
