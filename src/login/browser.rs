//! Opening a browser: without a shell, without our streams, and without waiting for it.

use crate::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that opens a browser says within this whether it could.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why no browser can be opened here, if that is known before trying.
pub fn absent() -> Option<&'static str> {
    if env::var("BROWSER").is_some() || cfg!(any(target_os = "macos", windows)) {
        return None;
    }
    if env::is_wsl() {
        return None;
    }
    match () {
        () if env::has_display() => None,
        () if env::var("SSH_CONNECTION")
            .or_else(|| env::var("SSH_TTY"))
            .is_some() =>
        {
            Some("this is a session over ssh")
        }
        () if env::is_container() => Some("this is a container"),
        () => Some("there is no display"),
    }
}

/// Opens a URL with the first program that can, which gets none of the secret variables. False if none
/// could.
pub fn open(url: &str) -> bool {
    // Only what the caller has made can be here; a program must not take it for an option anyway.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return false;
    }
    candidates(url).iter().any(|words| start(words))
}

fn candidates(url: &str) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for browser in env::var("BROWSER")
        .unwrap_or_default()
        .split(':')
        .filter(|word| !word.is_empty())
    {
        let mut words: Vec<String> = browser.split_whitespace().map(str::to_owned).collect();
        if words.iter().any(|word| word.contains("%s")) {
            words = words.iter().map(|word| word.replace("%s", url)).collect();
        } else {
            words.push(url.to_owned());
        }
        all.push(words);
    }
    let usual: &[&[&str]] = match () {
        () if cfg!(target_os = "macos") => &[&["open"]],
        () if cfg!(windows) => &[&["rundll32", "url.dll,FileProtocolHandler"]],
        // Never cmd: it would read the URL as a command line.
        () if env::is_wsl() => &[
            &["wslview"],
            &["rundll32.exe", "url.dll,FileProtocolHandler"],
        ],
        () => &[&["xdg-open"]],
    };
    all.extend(usual.iter().map(|words| {
        words
            .iter()
            .copied()
            .chain([url])
            .map(str::to_owned)
            .collect()
    }));
    all
}

/// Starts a program of its own session. One that still runs after a while is the browser itself.
fn start(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let Some(program) = env::program(program) else {
        return false;
    };
    let mut command = Command::new(program);
    // It lives long, talks to everybody, and has no use for them.
    for variable in env::secret_variables() {
        command.env_remove(variable);
    }
    command.envs(env::proxies_without_password());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            _ => return true,
        }
    }
}
