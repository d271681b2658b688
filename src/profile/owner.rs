//! Who could have written the configuration file.

/// Whoever can write the file can have a client secret sent to a server of his own, so that a file which
/// everybody can write is not read at all.
#[cfg(unix)]
pub fn anybodys(metadata: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o777;
    (metadata.is_file() && mode & 0o002 != 0)
        .then(|| format!("it can be written by everybody (mode {mode:04o})"))
}

#[cfg(not(unix))]
pub fn anybodys(_: &std::fs::Metadata) -> Option<String> {
    None
}

/// Why a file's programs must not be run: it belongs to somebody else, or others can write it.
#[cfg(unix)]
pub fn untrusted(metadata: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let owner = metadata.uid();
    if owner != 0 && owner != nix::unistd::getuid().as_raw() {
        return Some(format!("belongs to user {owner}"));
    }
    let mode = metadata.mode() & 0o777;
    (mode & 0o022 != 0).then(|| format!("can be written by others (mode {mode:04o})"))
}

#[cfg(not(unix))]
pub fn untrusted(_: &std::fs::Metadata) -> Option<String> {
    None
}
