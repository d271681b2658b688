//! git's credential protocol (gitcredentials(7), git-credential(1)).

use super::{Answer, Core, Fit};
use crate::hash::hash;
use crate::profile::{GitAuth, Profile};
use std::fmt::Write;

/// What git says of the credential it wants.
#[derive(Default)]
struct Request<'a> {
    protocol: &'a str,
    host: &'a str,
    username: Option<&'a str>,
    password: Option<&'a str>,
    credential: Option<&'a str>,
    can_authtype: bool,
    can_state: bool,
    offers_bearer: bool,
    state: Option<&'a str>,
}

/// Answers `get`; hears `erase`; leaves everything else to others.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    let operation = arguments.first().map_or("", String::as_str);
    if operation == "capability" {
        let stdout = "version 0\ncapability authtype\ncapability state\n".to_owned();
        return Answer {
            stdout: stdout.into(),
            ..Answer::default()
        };
    }
    let Some(request) = parse(input) else {
        // A value with a line end in it means another host than it seems to (CVE-2024-52006).
        return Answer::default();
    };
    if request.host.is_empty() || request.protocol.is_empty() {
        return Answer::default();
    }
    let origin = format!("{}://{}", request.protocol, request.host);
    match operation {
        "get" => get(core, &request, &origin),
        "erase" => erase(core, &request, &origin),
        _ => Answer::default(),
    }
}

/// Reads `key=value` lines up to the first empty one; nothing in a value may end a line anywhere.
fn parse(input: &[u8]) -> Option<Request<'_>> {
    let mut request = Request::default();
    for line in input.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            break;
        }
        if line.iter().any(u8::is_ascii_control) {
            return None;
        }
        let at = line.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&line[..at], &line[at + 1..]);
        // A path may be in any encoding; it decides nothing here.
        let Ok(value) = std::str::from_utf8(value) else {
            match key {
                b"protocol" | b"host" | b"username" | b"password" | b"credential" => return None,
                _ => continue,
            }
        };
        if value.chars().any(char::is_control) {
            return None;
        }
        match key {
            // git sends each once, and no URL to helpers: more is smuggled.
            b"protocol" if request.protocol.is_empty() => request.protocol = value,
            b"host" if request.host.is_empty() => request.host = value,
            b"protocol" | b"host" | b"url" => return None,
            b"username" if value.is_empty() => {}
            b"username" => request.username = Some(value),
            b"password" => request.password = Some(value),
            b"credential" => request.credential = Some(value),
            b"capability[]" => {
                request.can_authtype |= value == "authtype";
                request.can_state |= value == "state";
            }
            b"wwwauth[]" => {
                let scheme = value.split(' ').next().unwrap_or_default();
                request.offers_bearer |= scheme.eq_ignore_ascii_case("bearer");
            }
            b"state[]" => request.state = value.strip_prefix("tokctl:").or(request.state),
            _ => {}
        }
    }
    Some(request)
}

fn get(core: &Core<'_>, request: &Request<'_>, origin: &str) -> Answer {
    // With our own state in the request, the token that it names has just been refused: renew, once.
    let again = request.state.is_some();
    let first = match core.for_origin(origin, false) {
        Ok(fit) => fit,
        Err(answer) => return answer,
    };
    let fit = if again && request.state == Some(mark(&first).as_str()) {
        match core.for_origin(origin, true) {
            Ok(fit) => fit,
            Err(answer) => return answer,
        }
    } else {
        first
    };
    Answer {
        stdout: render(request, &fit, again).into(),
        ..Answer::default()
    }
}

/// A token's mark in git's state: enough to tell it from its successor.
fn mark(fit: &Fit) -> String {
    hash(&["git-state-1", fit.text()])
}

fn render(request: &Request<'_>, fit: &Fit, again: bool) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        writeln!(out, "{key}={value}").expect("writing to a String cannot fail");
    };
    // Capabilities come before what depends on them. A cached token may have been revoked: `continue`
    // lets git come back with the server's refusal in the same command.
    let doubtful = request.can_state && !fit.is_new && !again;
    let bearer = is_bearer(request, &fit.profile);
    if bearer {
        line("capability[]", "authtype");
    }
    if doubtful {
        line("capability[]", "state");
    }
    if bearer {
        line("authtype", "Bearer");
        line("credential", fit.text());
        // Not to be written down by other helpers.
        line("ephemeral", "1");
    } else {
        line("username", request.username.unwrap_or(fit.username()));
        line("password", fit.text());
    }
    if let Some(end) = fit.expires() {
        line("password_expiry_utc", &end.to_string());
    }
    if doubtful {
        line("state[]", &format!("tokctl:{}", mark(fit)));
        line("continue", "1");
    }
    out
}

/// Bearer where git can send it and the server or the profile wants it.
fn is_bearer(request: &Request<'_>, profile: &Profile) -> bool {
    request.can_authtype
        && match profile.hosts.git_auth {
            GitAuth::Bearer => true,
            GitAuth::Basic => false,
            GitAuth::Auto => request.offers_bearer,
        }
}

/// Forgets the access token that the server has refused, and only that one.
fn erase(core: &Core<'_>, request: &Request<'_>, origin: &str) -> Answer {
    let presented = request.credential.or(request.password);
    if let (Ok(Some(profile)), Some(presented)) = (core.owner(origin), presented)
        && let Err(error) = Core::forget(&profile, Some(presented))
    {
        return Answer {
            stderr: vec![error.to_string()],
            ..Answer::default()
        };
    }
    Answer::default()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_value_with_a_line_end_in_it_is_refused() {
        for bad in [
            "protocol=https\nhost=a\rhost=b\n\n",
            "host=a\0b\n\n",
            "host\n\n",
            "a=b\x1b\n",
            "host=a\nhost=b\n",
            "host=a\nurl=https://b/\n",
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
        let request = parse(b"protocol=https\nhost=a:8443\npath=\xe9\nnew=x\n\nhost=b\n");
        let request = request.expect("it is plain");
        assert_eq!((request.protocol, request.host), ("https", "a:8443"));
    }
}
