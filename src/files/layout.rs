//! Every path below the state directory, by name: a name that changes loses what is stored under it.

use crate::hash::hash;
use std::path::{Path, PathBuf};

/// Where the notes are.
pub fn notes(state: &Path) -> PathBuf {
    state.join("profiles")
}

/// What is under way while a profile is renamed or removed.
pub fn journal(state: &Path) -> PathBuf {
    state.join("moving.json")
}

/// A profile's note.
pub fn note(state: &Path, profile: &str) -> PathBuf {
    file(state, "profiles", hash(&["profile-1", profile]), "json")
}

/// The failures of helpers that a profile's owner has not been told of.
pub fn helper_failures(state: &Path, profile: &str) -> PathBuf {
    file(state, "helpers", hash(&["profile-1", profile]), "json")
}

/// What hosts have refused of a profile's tokens.
pub fn refusals(state: &Path, profile: &str) -> PathBuf {
    file(state, "refusals", hash(&["profile-1", profile]), "json")
}

/// The room in which a renewal keeps what its store does not take.
pub fn spool(state: &Path, profile: &str) -> PathBuf {
    file(state, "spool", hash(&["profile-1", profile]), "sealed")
}

/// Where the locks are.
pub fn locks(state: &Path) -> PathBuf {
    state.join("locks")
}

/// A profile's lock for a purpose, which its ending tells: `lock`, `login.lock`, `config.lock`.
pub fn lock(state: &Path, profile: &str, ending: &str) -> PathBuf {
    file(state, "locks", hash(&["profile-1", profile]), ending)
}

/// The lease beside a lock.
pub fn lease(lock: &Path) -> PathBuf {
    lock.with_extension("lease")
}

/// What a server publishes: of such a kind, and by such a name.
pub fn published(state: &Path, kind: &str, name: &str) -> PathBuf {
    file(state, "metadata", hash(&[kind, name]), "json")
}

/// Where the encrypted file's records are.
pub fn sealed_records(state: &Path) -> PathBuf {
    state.join("records")
}

/// The encrypted file's record of an account: a profile, or what stands beside one.
pub fn sealed_record(state: &Path, account: &str) -> PathBuf {
    file(state, "records", hash(&["account-1", account]), SEALED)
}

/// Whether a file's name is that of a sealed record.
pub fn is_sealed_record(name: &Path) -> bool {
    name.extension().is_some_and(|ending| ending == SEALED)
}

/// Where the plain file's records are.
pub fn plain_records(state: &Path) -> PathBuf {
    state.join("plaintext")
}

/// The plain file's record of an account.
pub fn plain_record(state: &Path, account: &str) -> PathBuf {
    file(state, "plaintext", hash(&["account-1", account]), "json")
}

/// Where a record that could not be read is kept.
pub fn set_aside(record: &Path) -> PathBuf {
    let mut name = record.as_os_str().to_owned();
    name.push(".corrupt");
    PathBuf::from(name)
}

/// Is there once the encrypted file has been used with a key file.
pub fn key_made(state: &Path) -> PathBuf {
    state.join("store.made")
}

/// The salt of the first versions' passphrases, which also tells that one is in use.
pub fn salt(state: &Path) -> PathBuf {
    state.join("store.salt")
}

/// The half of what `tokctl unlock` keeps that is not in the kernel.
pub fn unlocked(state: &Path) -> PathBuf {
    state.join("store.unlocked")
}

/// By what a right passphrase is told from a wrong one: that of `tokctl unlock`, or a configured source's.
pub fn key_check(state: &Path, source: Option<&str>) -> PathBuf {
    match source {
        None => state.join("store.check"),
        Some(source) => state.join(format!("store-{}.check", hash(&["check-1", source]))),
    }
}

/// The account of hand-outs, and the one before it.
pub fn audit(state: &Path) -> PathBuf {
    state.join("audit.log")
}

/// The account that was full.
pub fn older_audit(state: &Path) -> PathBuf {
    state.join("audit.log.1")
}

/// Whether there is still such a file of any source.
pub fn has_key_checks(state: &Path) -> bool {
    let is_check = |file: &Path| file.extension().is_some_and(|ending| ending == "check");
    std::fs::read_dir(state)
        .is_ok_and(|mut all| all.any(|entry| entry.is_ok_and(|entry| is_check(&entry.path()))))
}

/// What a passphrase opens: that of `tokctl unlock`, or a configured source's.
pub fn passphrase(state: &Path, source: Option<&str>) -> PathBuf {
    match source {
        None => state.join("store.passphrase"),
        Some(source) => state.join(format!("store-{}.passphrase", hash(&["check-1", source]))),
    }
}

const SEALED: &str = "sealed";

fn file(state: &Path, folder: &str, mut name: String, ending: &str) -> PathBuf {
    name.push('.');
    name.push_str(ending);
    state.join(folder).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_store_s_key_and_of_the_account_is_what_it_was() {
        let state = Path::new("/s");
        let names = [
            (key_made(state), "store.made"),
            (salt(state), "store.salt"),
            (unlocked(state), "store.unlocked"),
            (key_check(state, None), "store.check"),
            (
                key_check(state, Some("variable KEY")),
                "store-52c112f368d1f071cbc44bcedb4eb005.check",
            ),
            (audit(state), "audit.log"),
            (older_audit(state), "audit.log.1"),
            (passphrase(state, None), "store.passphrase"),
            (
                passphrase(state, Some("variable KEY")),
                "store-52c112f368d1f071cbc44bcedb4eb005.passphrase",
            ),
        ];
        for (path, name) in names {
            assert_eq!(path, state.join(name));
        }
    }

    #[test]
    fn what_came_later_has_its_name_too() {
        let state = Path::new("/s");
        assert_eq!(notes(state), state.join("profiles"));
        assert_eq!(journal(state), state.join("moving.json"));
    }

    /// The names of the first version. They are not to be changed: what is stored under them would be lost.
    #[test]
    fn every_name_is_that_of_the_first_version() {
        let state = Path::new("/s");
        let lock = lock(state, "corp", "lock");
        let record = sealed_record(state, "corp");
        let names = [
            (
                note(state, "corp"),
                "profiles/554214d3e5680b37a591998fa8a339ad.json",
            ),
            (
                helper_failures(state, "corp"),
                "helpers/554214d3e5680b37a591998fa8a339ad.json",
            ),
            (
                refusals(state, "corp"),
                "refusals/554214d3e5680b37a591998fa8a339ad.json",
            ),
            (
                spool(state, "corp"),
                "spool/554214d3e5680b37a591998fa8a339ad.sealed",
            ),
            (locks(state), "locks"),
            (lease(&lock), "locks/554214d3e5680b37a591998fa8a339ad.lease"),
            (lock, "locks/554214d3e5680b37a591998fa8a339ad.lock"),
            (
                published(state, "issuer-2", "https://a.example"),
                "metadata/065e26d1da4560fe4f003896b44bc21b.json",
            ),
            (sealed_records(state), "records"),
            (
                set_aside(&record),
                "records/f8935a957eb16e97c0f5c3a8a2acd860.sealed.corrupt",
            ),
            (record, "records/f8935a957eb16e97c0f5c3a8a2acd860.sealed"),
            (plain_records(state), "plaintext"),
            (
                plain_record(state, "corp"),
                "plaintext/f8935a957eb16e97c0f5c3a8a2acd860.json",
            ),
        ];
        for (path, name) in names {
            assert_eq!(path, state.join(name));
        }
        assert!(
            is_sealed_record(Path::new("x.sealed"))
                && !is_sealed_record(Path::new("x.sealed.corrupt"))
        );
    }
}
