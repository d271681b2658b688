//! Who has called this program, as far as the system says it.

/// This process and the one that has started it.
pub struct Caller {
    /// The name by which this program was called.
    pub argv0: String,
    pub pid: u32,
    pub uid: Option<u32>,
    pub parent: Option<u32>,
    /// The parent's name: its program's, without arguments, which may hold secrets.
    pub parent_name: Option<String>,
    /// The terminal that stdin, stdout or stderr is.
    pub tty: Option<String>,
}

/// What is known of it now.
pub fn caller() -> Caller {
    let argv0 = std::env::args_os().next().unwrap_or_default();
    let parent = parent();
    Caller {
        argv0: argv0.to_string_lossy().into_owned(),
        pid: std::process::id(),
        uid: uid(),
        parent_name: parent.and_then(name),
        parent,
        tty: tty(),
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn uid() -> Option<u32> {
    Some(nix::unistd::getuid().as_raw())
}

#[cfg(unix)]
fn parent() -> Option<u32> {
    u32::try_from(nix::unistd::getppid().as_raw()).ok()
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}

#[cfg(not(unix))]
fn parent() -> Option<u32> {
    None
}

/// A process's name (`proc_pid_comm(5)`); none where there is no such file.
fn name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The first that is a terminal (`proc_pid_fd(5)`).
fn tty() -> Option<String> {
    let names = (0..3).filter_map(|number| {
        let file = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some(file.to_string_lossy().into_owned())
    });
    let is_terminal = |name: &String| {
        let begins = ["/dev/pts/", "/dev/tty", "/dev/console"];
        begins.iter().any(|begin| name.starts_with(begin))
    };
    names.into_iter().find(is_terminal)
}
