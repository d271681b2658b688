//! Where a bus listens: the addresses of the D-Bus specification, section "Server Addresses".

use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::socket::UnixAddr;
use nix::unistd::Uid;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    Path(PathBuf),
    Abstract(Vec<u8>),
}

/// The addresses in a `;` list, each other kind of address as the reason for which it is left out.
pub fn parse(list: &str) -> Vec<Result<Address, String>> {
    list.split(';')
        .filter(|address| !address.is_empty())
        .map(one)
        .collect()
}

fn one(address: &str) -> Result<Address, String> {
    let (transport, pairs) = address
        .split_once(':')
        .ok_or_else(|| format!("`{}` is not a bus address", shown(address)))?;
    if transport != "unix" {
        return Err(format!("`{}:` is not a local socket", shown(transport)));
    }
    for pair in pairs.split(',') {
        match pair.split_once('=') {
            Some(("path", value)) => {
                return Ok(Address::Path(PathBuf::from(os_string(unescape(value)?))));
            }
            Some(("abstract", value)) => return Ok(Address::Abstract(unescape(value)?)),
            _ => {}
        }
    }
    Err(format!("`{}` names no path", shown(address)))
}

fn os_string(bytes: Vec<u8>) -> std::ffi::OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

/// Undoes `%xx`.
fn unescape(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = rest
            .get(..2)
            .and_then(|d| str::from_utf8(d).ok())
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(byte.ok_or_else(|| format!("`{}` has a wrong escape", shown(value)))?);
        rest = &rest[2..];
    }
    Ok(bytes)
}

/// An environment variable's text, fit for one line of an error message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

impl Address {
    /// The socket's address. Whose it is, its peer tells once it is connected; see [`trusted`].
    pub fn socket(&self) -> Result<UnixAddr, Errno> {
        match self {
            Self::Path(path) => UnixAddr::new(path),
            Self::Abstract(name) => UnixAddr::new_abstract(name),
        }
    }
}

/// Whether a user may serve the bus to which we would hand a secret.
pub fn trusted(uid: u32) -> Result<(), String> {
    if uid == 0 || uid == Uid::effective().as_raw() {
        Ok(())
    } else {
        Err(format!("belongs to user {uid}"))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.write_str(&shown(&path.to_string_lossy())),
            Self::Abstract(name) => write!(f, "@{}", shown(&String::from_utf8_lossy(name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_addresses_is_taken_apart() {
        let addresses = parse(
            "unix:path=/run/user/1000/bus,guid=0a;tcp:host=localhost;unix:abstract=/tmp/dbus-%58y;",
        );
        assert_eq!(addresses.len(), 3);
        assert_eq!(addresses[0], Ok(Address::Path("/run/user/1000/bus".into())));
        assert_eq!(addresses[1], Err("`tcp:` is not a local socket".into()));
        assert_eq!(
            addresses[2],
            Ok(Address::Abstract(b"/tmp/dbus-Xy".to_vec()))
        );
        assert_eq!(
            parse("unix:guid=1,path=/a%2cb%20c"),
            [Ok(Address::Path("/a,b c".into()))]
        );
    }

    #[test]
    fn nonsense_gives_a_reason() {
        for text in [
            "disabled:",
            "unix:",
            "unix:path=%",
            "unix:path=%4",
            "unix:path=%+1",
            "unix:tmpdir=/tmp",
            "\u{1b}[31m",
        ] {
            let addresses = parse(text);
            assert!(
                matches!(&addresses[..], [Err(reason)] if !reason.contains('\u{1b}')),
                "{text}: {addresses:?}"
            );
        }
        assert!(parse("").is_empty());
    }

    #[test]
    fn another_users_socket_is_refused() {
        assert!(trusted(Uid::effective().as_raw()).is_ok());
        assert!(trusted(0).is_ok());
        assert!(trusted(Uid::effective().as_raw() + 1).is_err());
    }
}
