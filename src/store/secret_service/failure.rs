//! What a failed call means: D-Bus error names, as the daemons use them, to ours.

use super::super::dbus::Fault;
use super::super::keyring::failure::KeyringError;

// The steps which carry a secret.
pub const WRITING: &str = "writing the secret";
pub const CREATING: &str = "creating the item";

/// What `step` failed of.
pub fn failure(step: &'static str, fault: Fault) -> KeyringError {
    let (name, text) = match fault {
        Fault::NoBus(reason) => return KeyringError::NoBus(reason),
        Fault::Late => return KeyringError::Timeout(step),
        Fault::Broken(reason) => return KeyringError::Failed(format!("{step}: {reason}")),
        Fault::Refused { name, text } => (name, text),
    };
    // A peer's text about a secret we sent could quote it.
    let text = if matches!(step, WRITING | CREATING) {
        ""
    } else {
        text.as_str()
    };
    let text = text.trim_end_matches('.');
    let reason = if text.is_empty() { &name } else { text };
    match name
        .strip_prefix("org.freedesktop.DBus.Error.")
        .unwrap_or(&name)
    {
        "ServiceUnknown" | "NameHasNoOwner" => KeyringError::NoProvider(reason.to_owned()),
        spawn if spawn.starts_with("Spawn.") => KeyringError::NoProvider(reason.to_owned()),
        "AccessDenied" => KeyringError::Barred(reason.to_owned()),
        "TimedOut" | "Timeout" => KeyringError::Timeout(step),
        "org.freedesktop.Secret.Error.IsLocked" => KeyringError::Locked,
        _ if text.is_empty() => KeyringError::Failed(format!("{step}: {name}")),
        _ => KeyringError::Failed(format!("{step}: {name}: {text}")),
    }
}

/// An error reply that comes from the daemon itself, not from the bus in its place.
pub fn is_answer(name: &str) -> bool {
    let from_bus = [
        "ServiceUnknown",
        "NameHasNoOwner",
        "NoReply",
        "TimedOut",
        "Timeout",
        "AccessDenied",
        "LimitsExceeded",
        "Disconnected",
    ];
    let short = name
        .strip_prefix("org.freedesktop.DBus.Error.")
        .unwrap_or_default();
    !from_bus.contains(&short) && !short.starts_with("Spawn.")
}

/// The item, or our session, is not there any more. For a missing object `GDBus` says
/// `UnknownMethod`.
pub fn is_gone(name: &str) -> bool {
    matches!(
        name,
        "org.freedesktop.Secret.Error.NoSuchObject"
            | "org.freedesktop.Secret.Error.NoSession"
            | "org.freedesktop.DBus.Error.UnknownObject"
            | "org.freedesktop.DBus.Error.UnknownMethod"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(step: &'static str, name: &str, text: &str) -> KeyringError {
        failure(
            step,
            Fault::Refused {
                name: name.into(),
                text: text.into(),
            },
        )
    }

    #[test]
    fn errors_are_told_apart() {
        let missing = "The name org.freedesktop.secrets was not provided by any .service files";
        let no_provider = KeyringError::NoProvider(missing.into());
        assert_eq!(
            refused(
                "searching",
                "org.freedesktop.DBus.Error.ServiceUnknown",
                missing
            ),
            no_provider
        );
        assert_eq!(
            refused(
                "searching",
                "org.freedesktop.DBus.Error.Spawn.ExecFailed",
                missing
            ),
            no_provider
        );
        assert_eq!(
            refused("searching", "org.freedesktop.Secret.Error.IsLocked", ""),
            KeyringError::Locked
        );
        assert_eq!(
            refused("searching", "org.freedesktop.DBus.Error.TimedOut", ""),
            KeyringError::Timeout("searching")
        );
        assert_eq!(
            failure("searching", Fault::Late),
            KeyringError::Timeout("searching")
        );
        assert_eq!(
            refused("searching", "a.B", "odd").to_string(),
            "keyring: searching: a.B: odd"
        );
    }

    #[test]
    fn the_bus_does_not_answer_for_the_daemon() {
        assert!(is_answer("org.freedesktop.DBus.Error.UnknownMethod"));
        assert!(!is_answer("org.freedesktop.DBus.Error.ServiceUnknown"));
    }

    #[test]
    fn a_secret_quoted_by_the_daemon_is_not_repeated() {
        for step in [WRITING, CREATING] {
            assert!(
                !refused(step, "a.B", "bad secret hunter2")
                    .to_string()
                    .contains("hunter2")
            );
        }
    }
}
