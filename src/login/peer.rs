//! Whose program is at the other end of a connection on loopback, by the kernel's tables of sockets
//! (`/proc/net/tcp`, proc(5)).
//!
//! A browser that we open has the login's state in its arguments, which every user of the machine can read. Where the
//! tables do not tell (another system, a sandbox with a network of its own, Windows' browser before WSL), nothing is
//! said, for that must end no login.

use std::net::SocketAddr;

/// What is known of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The user's, root's (as WSL's relay is), or nothing is known.
    Fit,
    /// Of another user.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "there is no such table")
    )]
    Of(u32),
    /// It has gone away, as no browser does before it has its answer.
    Gone,
}

/// Looks at a connection from `theirs` to `ours`.
#[cfg(target_os = "linux")]
pub fn of(ours: SocketAddr, theirs: SocketAddr) -> Peer {
    if !theirs.ip().to_canonical().is_loopback() {
        return Peer::Fit;
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let user = nix::unistd::getuid().as_raw();
    let known = [Some(user), crate::env::sudo_user()];
    match judge(&tables.concat(), ours, theirs) {
        // Who is in no way known here: a user namespace shows all users of others so.
        Peer::Of(uid) if known.contains(&Some(uid)) || crate::env::is_foreign_here(uid) => {
            Peer::Fit
        }
        peer => peer,
    }
}

#[cfg(not(target_os = "linux"))]
pub fn of(_: SocketAddr, _: SocketAddr) -> Peer {
    Peer::Fit
}

/// The states of proc(5)'s `st`, as the kernel's `tcp_states.h` numbers them.
#[cfg(target_os = "linux")]
const ESTABLISHED: &str = "01";
#[cfg(target_os = "linux")]
const LISTEN: &str = "0A";

#[cfg(target_os = "linux")]
fn judge(tables: &str, ours: SocketAddr, theirs: SocketAddr) -> Peer {
    let (ours, theirs) = (canonical(ours), canonical(theirs));
    let mut is_listed = false;
    let mut is_open = false;
    for row in tables.lines().filter_map(Row::read) {
        is_listed |= row.state == LISTEN && row.local.port() == ours.port();
        is_open |= row.local == ours && row.remote == theirs && row.state == ESTABLISHED;
        if row.local == theirs && row.remote == ours {
            return match row {
                // Closed by its program already: whose it was is not said.
                Row { inode: "0", .. } => Peer::Gone,
                Row { uid: 0, .. } => Peer::Fit,
                Row { uid, .. } => Peer::Of(uid),
            };
        }
    }
    // Where the tables have our own sockets, what has neither end any more is gone.
    if is_listed && !is_open {
        Peer::Gone
    } else {
        Peer::Fit
    }
}

#[cfg(target_os = "linux")]
struct Row<'a> {
    local: SocketAddr,
    remote: SocketAddr,
    state: &'a str,
    uid: u32,
    inode: &'a str,
}

#[cfg(target_os = "linux")]
impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
        let state = words.next()?;
        let mut words = words.skip(3);
        let uid = words.next()?.parse().ok()?;
        let inode = words.nth(1)?;
        Some(Self {
            local,
            remote,
            state,
            uid,
            inode,
        })
    }
}

/// An address as the tables write it: words of 32 bits in the machine's own order, in hexadecimal.
#[cfg(target_os = "linux")]
fn address(text: &str) -> Option<SocketAddr> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok();
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at * 8)?.to_ne_bytes());
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(canonical(SocketAddr::new(ip, port)))
}

/// IPv4 as it is, also through a socket of IPv6.
#[cfg(target_os = "linux")]
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(all(test, target_os = "linux", target_endian = "little"))]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    const LISTENER: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51 1 0 100 0 0 10 0\n";
    const OWN: &str = "   1: 0100007F:1F90 0100007F:B5CC 01 00000000:00000000 00:00000000 00000000  1000        0 52 1 0 20 4 30 10 -1\n";

    fn peer(rows: &[&str]) -> Peer {
        let [ours, theirs] =
            ["127.0.0.1:8080", "127.0.0.1:46540"].map(|text| text.parse().expect("an address"));
        judge(&rows.concat(), ours, theirs)
    }

    fn theirs(state: &str, uid: u32, inode: u32) -> String {
        format!(
            "   2: 0100007F:B5CC 0100007F:1F90 {state} 00000000:00000000 00:00000000 00000000  {uid}        0 {inode} 1 0 20 4\n"
        )
    }

    #[test]
    fn the_owner_of_the_other_end_is_told() {
        assert_eq!(
            peer(&[HEAD, LISTENER, OWN, &theirs("01", 2001, 53)]),
            Peer::Of(2001)
        );
        assert_eq!(
            peer(&[HEAD, LISTENER, OWN, &theirs("01", 0, 53)]),
            Peer::Fit
        );
        // A socket of IPv6 that has gone to an address of IPv4.
        let mapped = "   2: 0000000000000000FFFF00000100007F:B5CC 0000000000000000FFFF00000100007F:1F90 01 \
                      00000000:00000000 00:00000000 00000000  2001        0 53 1 0 20 4\n";
        assert_eq!(peer(&[HEAD, LISTENER, OWN, HEAD, mapped]), Peer::Of(2001));
    }

    #[test]
    fn one_that_hides_by_going_away_is_not_taken_for_root() {
        assert_eq!(
            peer(&[HEAD, LISTENER, OWN, &theirs("05", 0, 0)]),
            Peer::Gone
        );
        assert_eq!(peer(&[HEAD, LISTENER]), Peer::Gone);
        let half = OWN.replace(" 01 ", " 08 ");
        assert_eq!(peer(&[HEAD, LISTENER, &half]), Peer::Gone);
    }

    #[test]
    fn tables_that_do_not_tell_end_no_login() {
        assert_eq!(peer(&[]), Peer::Fit);
        assert_eq!(peer(&[HEAD, "nonsense\n"]), Peer::Fit);
        // From Windows into WSL with mirrored networking: the other end is in no table.
        assert_eq!(peer(&[HEAD, LISTENER, OWN]), Peer::Fit);
    }
}
