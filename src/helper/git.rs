//! git's credential protocol (gitcredentials(7), git-credential(1)), which git-lfs, libgit2 and gitoxide
//! speak too.

use super::{Answer, Core, Fit, challenge};
use crate::error::{Error, Kind, shell_word};
use crate::http::Origin;
use crate::profile::{GitAuth, Profile};
use crate::state::refusals::mark;
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
    /// The schemes that the server offers; none where it has not been asked yet.
    offers: Vec<String>,
    state: Option<State<'a>>,
}

/// What we have had git remember: the mark of the token that it has tried, and how.
#[derive(Clone, Copy)]
struct State<'a> {
    mark: &'a str,
    as_bearer: bool,
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
    // A value with a line end in it means another host than it seems to (CVE-2024-52006).
    let Some((request, origin)) = parse(input) else {
        return Answer::default();
    };
    let core = Core {
        username: request.username,
        ..*core
    };
    match operation {
        "get" => get(&core, &request, &origin).unwrap_or_else(|answer| answer),
        "erase" => {
            let presented = request.credential.or(request.password);
            Answer {
                stdout: String::new().into(),
                ..core.refused(&origin, presented).unwrap_or_default()
            }
        }
        _ => Answer::default(),
    }
}

/// Reads `key=value` lines up to the first empty one, and whom they are about.
fn parse(input: &[u8]) -> Option<(Request<'_>, Origin)> {
    let mut request = Request::default();
    let mut urls = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            break;
        }
        if line.contains(&b'\r') || line.contains(&0) {
            return None;
        }
        let at = line.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&line[..at], &line[at + 1..]);
        if key == b"wwwauth[]" {
            request.offers.extend(challenge::schemes(value));
            continue;
        }
        let text = std::str::from_utf8(value).ok();
        let Some(value) = text.filter(|text| !text.chars().any(char::is_control)) else {
            match key {
                b"protocol" | b"host" | b"username" | b"password" | b"credential" | b"url" => {
                    return None;
                }
                // A path may be in any encoding; it decides nothing here.
                _ => continue,
            }
        };
        match key {
            // git sends each once: more is smuggled.
            b"protocol" if request.protocol.is_empty() => request.protocol = value,
            b"host" if request.host.is_empty() => request.host = value,
            b"protocol" | b"host" => return None,
            b"url" => urls.push(value),
            _ => request.take(key, value),
        }
    }
    let origin = Origin::from_parts(request.protocol, request.host)?;
    // gitoxide sends it beside the parts: one that means another server is smuggled.
    let is_same = |url: &&str| origin_of_url(url).as_ref() == Some(&origin);
    urls.iter().all(is_same).then_some((request, origin))
}

impl<'a> Request<'a> {
    fn take(&mut self, key: &[u8], value: &'a str) {
        match key {
            b"username" => self.username = Some(value).filter(|name| !name.is_empty()),
            b"password" => self.password = Some(value),
            b"credential" => self.credential = Some(value),
            b"capability[]" => {
                self.can_authtype |= value == "authtype";
                self.can_state |= value == "state";
            }
            b"state[]" => self.state = State::read(value).or(self.state),
            _ => {}
        }
    }

    fn offers(&self, scheme: &str) -> bool {
        self.offers.iter().any(|offered| offered == scheme)
    }
}

/// The server of a URL, whose user name is git's to look at.
fn origin_of_url(url: &str) -> Option<Origin> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.split_once('@') {
        Some((_, host)) => host,
        None => authority,
    };
    Origin::of_url(&format!("{scheme}://{host}"))
}

fn get(core: &Core<'_>, request: &Request<'_>, origin: &Origin) -> Result<Answer, Answer> {
    let first = core.for_origin(origin)?;
    if !request.can_authtype && first.profile.hosts.git_auth == GitAuth::Bearer {
        let error = no_bearer(&first.profile);
        return Err(core.unfit(Some(&first.profile.name), origin.as_str(), &error));
    }
    let bearer = request.can_authtype && wants_bearer(request, &first.profile);
    let tried = request
        .state
        .filter(|state| state.mark == mark(&first.token));
    // With our own state in the request, the token that it names has just been refused: it is renewed,
    // once; unless it was refused for the form in which it came.
    let (fit, is_last) = match tried {
        Some(state) if bearer && !state.as_bearer => (first, false),
        Some(_) => (core.renewed(&first, origin)?, true),
        None => (first, request.state.is_some()),
    };
    // Before the server has been asked, which form it takes is a guess.
    let is_guess = request.can_authtype && !bearer && request.offers.is_empty();
    let may_renew = !fit.is_new || (is_guess && fit.profile.hosts.git_auth == GitAuth::Auto);
    let doubtful = request.can_state && may_renew && !is_last;
    let stdout = render(request, &fit, bearer, doubtful).into();
    Ok(Answer {
        stdout,
        ..Answer::default()
    })
}

fn render(request: &Request<'_>, fit: &Fit, bearer: bool, doubtful: bool) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        writeln!(out, "{key}={value}").expect("writing to a String cannot fail");
    };
    // Capabilities come before what depends on them. A cached token may have been revoked: `continue`
    // lets git come back with the server's refusal in the same command.
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
        let configured = fit.profile.hosts.username.as_deref();
        let username = configured.or(request.username);
        line("username", username.unwrap_or(fit.username()));
        line("password", fit.text());
    }
    if let Some(end) = fit.expires() {
        line("password_expiry_utc", &end.to_string());
    }
    if doubtful {
        let scheme = if bearer { "bearer" } else { "basic" };
        line("state[]", &format!("tokctl:{}:{scheme}", mark(&fit.token)));
        line("continue", "1");
    }
    out
}

impl<'a> State<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (mark, scheme) = value.strip_prefix("tokctl:")?.split_once(':')?;
        Some(Self {
            mark,
            as_bearer: scheme == "bearer",
        })
    }
}

/// Whether the server or the profile wants Bearer.
fn wants_bearer(request: &Request<'_>, profile: &Profile) -> bool {
    match profile.hosts.git_auth {
        GitAuth::Bearer => true,
        GitAuth::Basic => false,
        GitAuth::Auto => request.offers("bearer"),
    }
}

fn no_bearer(profile: &Profile) -> Error {
    let name = &profile.name;
    let what = "git_auth is \"bearer\", and git sends Bearer from version 2.46 on only";
    profile.error(Kind::Usage, what).hint(format!(
        "update git, or run: git -c http.extraHeader=\"$(tokctl get {} --format header)\" ...",
        shell_word(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_value_with_a_line_end_in_it_is_refused() {
        for bad in [
            "protocol=https\nhost=a\rhost=b\n\n",
            "protocol=https\nhost=a\0b\n\n",
            "protocol=https\nhost=a\nhost\n\n",
            "protocol=https\nhost=a\x1b\n",
            "protocol=https\nhost=a\nhost=b\n",
            "protocol=https\nhost=a\nurl=https://b/\n",
            "protocol=https\nhost=a\nurl=https://a@b@a/\n",
            "protocol=https\nhost=a\nurl=https://a\\@b/\n",
            "url=https://a/\n",
            "host=a\n",
            "protocol=https\n",
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
        let request = parse(b"protocol=https\nhost=a:8443\npath=\xe9\t\nnew=x\n\nhost=b\n");
        let (_, origin) = request.expect("it is plain");
        assert_eq!(origin.as_str(), "https://a:8443");
        let request = parse(b"url=https://u@A:443/x\nprotocol=https\nhost=a\n");
        assert!(request.is_some());
    }

    #[test]
    fn what_cannot_be_read_costs_its_own_line() {
        let request = parse(b"protocol=https\nhost=a\nwwwauth[]=Basic realm=\"\xe9\"\nx=\x07\nwwwauth[]=Bearer\tx=1\n");
        let (request, _) = request.expect("whom it is about can be read");
        assert_eq!(request.offers, ["basic", "bearer"]);
    }
}
