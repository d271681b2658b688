//! Names to addresses, within a time. The system's look-up cannot be told when to give up, and asks
//! whatever /etc/nsswitch.conf names: it runs in a process of its own, which can be ended, needs no
//! thread, and has none of this one's secrets in its memory.

use crate::clock::Deadline;
use crate::error::io_cause;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Why a name has no address.
#[derive(Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such host, as far as is known.
    NoSuchHost,
    /// Nobody has answered in time.
    NotInTime,
    /// No name server answers.
    NoServer,
    /// The look-up did not work, in the system's words.
    Failed(String),
}

/// A host's addresses, in the system's order.
pub fn addresses(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Unknown> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // RFC 6761 section 6.3: it is this machine, whatever a name server says.
    if host.eq_ignore_ascii_case("localhost") {
        let own: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        return Ok(own.map(|own| SocketAddr::new(own, port)).to_vec());
    }
    match elsewhere::look_up(host, deadline) {
        Some(found) => found.and_then(|text| read(&text, port)),
        // Without a process for it the system's own limits have to do.
        None => read(&answer(host), port),
    }
}

/// What [`addresses`] has made its process for: looks up the name that it was started with; `None` for
/// every other call of this program.
pub fn serve(args: &[OsString]) -> Option<String> {
    match args {
        [name, host] if name == SELF => Some(answer(&host.to_string_lossy())),
        _ => None,
    }
}

/// How the process for a look-up is called.
const SELF: &str = "tokctl-lookup";

/// Asks the system: an address a line, else why there is none.
fn answer(host: &str) -> String {
    match (host, 0).to_socket_addrs() {
        Ok(found) => {
            let mut lines: Vec<String> = found.map(|found| found.ip().to_string()).collect();
            lines.dedup();
            lines.join("\n")
        }
        Err(cause) => format!("!{}", io_cause(&cause)),
    }
}

fn read(text: &str, port: u16) -> Result<Vec<SocketAddr>, Unknown> {
    if let Some(why) = text.strip_prefix('!') {
        return Err(why_not(why));
    }
    let found = text.lines().filter_map(|line| line.parse::<IpAddr>().ok());
    let found: Vec<SocketAddr> = found.map(|ip| SocketAddr::new(ip, port)).collect();
    if found.is_empty() {
        return Err(Unknown::NoSuchHost);
    }
    Ok(found)
}

/// What the words of getaddrinfo (glibc's, musl's, macOS's and Windows') come to.
fn why_not(words: &str) -> Unknown {
    let words = words.rsplit(": ").next().unwrap_or_default();
    let lower = words.to_ascii_lowercase();
    let says = |part: &str| lower.contains(part);
    if says("not known") || says("does not resolve") || says("no address") || says("no such host") {
        Unknown::NoSuchHost
    } else if says("temporary failure") || says("try again") {
        Unknown::NoServer
    } else {
        Unknown::Failed(words.to_owned())
    }
}

#[cfg(unix)]
mod elsewhere {
    use super::{Deadline, SELF, Unknown};
    use crate::env;
    use crate::http::connection::poll;
    use nix::poll::{PollFd, PollFlags};
    use std::io::{self, Read};
    use std::os::fd::AsFd;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A host has no more addresses than fit into this.
    const LONGEST: usize = 64 * 1024;

    /// What the process says; `None` where there can be none.
    pub fn look_up(host: &str, deadline: Deadline) -> Option<Result<String, Unknown>> {
        let mut child = start(host).ok()?;
        let text = hear(&mut child, deadline);
        if text.is_err() {
            // It may have ended by itself.
            drop(child.kill());
        }
        drop(child.wait());
        match text {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(Ok(text)),
            Err(cause) if cause.kind() == io::ErrorKind::TimedOut => Some(Err(Unknown::NotInTime)),
            Err(_) => None,
        }
    }

    fn start(host: &str) -> io::Result<Child> {
        let mut command = Command::new(env::this_program()?);
        command.arg0(SELF).arg(host);
        for variable in env::secret_variables() {
            command.env_remove(variable);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Reads to the end, or gives up at the deadline.
    pub fn hear(child: &mut Child, deadline: Deadline) -> io::Result<String> {
        let mut all = Vec::new();
        let mut part = [0; 4096];
        while let Some(output) = &mut child.stdout
            && all.len() < LONGEST
        {
            let mut ready = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
            if !poll(&mut ready, Some(deadline.left()))? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match output.read(&mut part)? {
                0 => break,
                length => all.extend_from_slice(&part[..length]),
            }
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}

/// Elsewhere a thread looks it up, and is left behind where it is too late.
#[cfg(not(unix))]
mod elsewhere {
    use super::{Deadline, Unknown, answer};
    use std::sync::mpsc;

    pub fn look_up(host: &str, deadline: Deadline) -> Option<Result<String, Unknown>> {
        let (send, receive) = mpsc::channel();
        let host = host.to_owned();
        std::thread::Builder::new()
            .spawn(move || drop(send.send(answer(&host))))
            .ok()?;
        let found = receive.recv_timeout(deadline.left());
        Some(found.map_err(|_| Unknown::NotInTime))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_look_up_that_stops_half_way_is_waited_for_no_longer_than_one_that_says_nothing() {
        use std::process::{Command, Stdio};
        let mut child = Command::new("sh")
            .args(["-c", "printf 127.0.0.1; exec sleep 60"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh is there");
        let soon = Deadline::after(std::time::Duration::from_secs(20));
        let heard = elsewhere::hear(
            &mut child,
            Deadline::after(std::time::Duration::from_millis(300)),
        );
        assert!(!soon.passed());
        child.kill().expect("it is ours");
        child.wait().expect("it was killed");
        let cause = heard.expect_err("there is no end");
        assert_eq!(cause.kind(), std::io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_systems_words_come_to_three_reasons() {
        for (words, reason) in [
            (
                "failed to lookup address information: name or service not known",
                Unknown::NoSuchHost,
            ),
            (
                "failed to lookup address information: Name does not resolve",
                Unknown::NoSuchHost,
            ),
            (
                "failed to lookup address information: no address associated with hostname",
                Unknown::NoSuchHost,
            ),
            (
                "failed to lookup address information: nodename nor servname provided, or not known",
                Unknown::NoSuchHost,
            ),
            (
                "failed to lookup address information: temporary failure in name resolution",
                Unknown::NoServer,
            ),
            (
                "failed to lookup address information: Try again",
                Unknown::NoServer,
            ),
            (
                "failed to lookup address information: system error",
                Unknown::Failed("system error".to_owned()),
            ),
        ] {
            assert_eq!(why_not(words), reason, "{words}");
        }
        assert_eq!(read("", 1), Err(Unknown::NoSuchHost));
        assert_eq!(read("::1\n127.0.0.1", 1).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn an_address_and_this_machine_need_no_look_up() {
        let now = Deadline::after(std::time::Duration::ZERO);
        for (host, count) in [("127.0.0.1", 1), ("::1", 1), ("LocalHost", 2)] {
            assert_eq!(
                addresses(host, 1, now).map(|found| found.len()),
                Ok(count),
                "{host}"
            );
        }
    }
}
