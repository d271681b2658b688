//! A terminal: a real one, tmux's.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::sandbox::Sandbox;

/// A terminal of 220 columns with a shell in the sandbox; closed when it is dropped.
pub struct Terminal<'s> {
    sandbox: &'s Sandbox,
    socket: String,
}

impl<'s> Terminal<'s> {
    #[track_caller]
    pub fn start(sandbox: &'s Sandbox) -> Self {
        Self::with_shell(sandbox, 220, "env PS1='$ ' sh")
    }

    /// The same with this shell, and so many columns.
    #[track_caller]
    pub fn with_shell(sandbox: &'s Sandbox, columns: u16, shell: &str) -> Self {
        // One that ends may still have its socket when the next one begins.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let socket = sandbox.home().join(format!("tmux-{number}"));
        let socket = socket.display().to_string();
        let terminal = Self { sandbox, socket };
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns.to_string(),
            "-y",
            "90",
            shell,
        ]);
        terminal
    }

    #[track_caller]
    pub fn tmux(&self, args: &[&str]) -> String {
        let socket = ["-u", "-S", self.socket.as_str()];
        let mut command: Command = self.sandbox.program("tmux", socket);
        let output = command
            .args(args)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux is installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tmux {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a line.
    pub fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// `tokctl` with these arguments, and its exit code after it.
    pub fn tokctl(&self, args: &str) {
        self.types(&format!(
            "{} {args}; echo exit\"=$?\"",
            crate::support::tokctl()
        ));
    }

    /// What has been on the screen, with lines that were wrapped made whole.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-300"])
    }

    /// Waits until the screen holds it.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.waits_for(text, |screen| screen.contains(text))
    }

    /// The same, wherever the terminal's width has broken the lines.
    #[track_caller]
    pub fn shows_words(&self, text: &str) -> String {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = words(text);
        self.waits_for(text, |screen| words(screen).contains(&wanted))
    }

    /// Waits until the shell takes a line again.
    #[track_caller]
    pub fn is_ready(&self) -> String {
        self.waits_for("the shell's prompt", |screen| {
            screen.trim_end().ends_with("\n$")
        })
    }

    #[track_caller]
    fn waits_for(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(
                Instant::now() < until,
                "{what:?} is not on the screen:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The address to open.
    #[track_caller]
    pub fn address(&self) -> String {
        let screen = self.shows("  http");
        let mut lines = screen
            .lines()
            .filter_map(|line| line.strip_prefix("  http"));
        format!("http{}", lines.next().unwrap_or_default().trim_end())
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let socket = ["-S", self.socket.as_str(), "kill-server"];
        let _ = self.sandbox.program("tmux", socket).output();
    }
}
