//! Go's GOAUTH command (go help goauth).

use super::{Answer, Core, Fit, challenge};
use crate::clock;
use crate::env;
use crate::http::Origin;
use crate::profile::{GitAuth, Profile};
use crate::state::refusals::Refusals;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Without a URL: all of the profile's hosts, which go asks for once, before its first request. With one,
/// go has been refused there, and hands over the reply's head.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    match arguments.last() {
        None => first(core),
        Some(url) => match Origin::of_url(url).filter(Origin::is_https) {
            Some(origin) => {
                after_refusal(core, &origin, url, input).unwrap_or_else(|answer| answer)
            }
            None => core.not_ours(url),
        },
    }
}

fn first(core: &Core<'_>) -> Answer {
    let fit = match core.for_named(None) {
        Ok(fit) => fit,
        Err(answer) => return answer,
    };
    let known = Known::of(&fit.profile);
    if known.refusals.came_of_one(&fit.token, clock::now()) {
        known.change(|refusals| refusals.hand(&fit.token));
    }
    let mut out = Zeroizing::new(String::new());
    let https = fit.profile.hosts.origins.iter();
    for origin in https.filter(|origin| origin.is_https()) {
        let is_basic = known.is_basic(&fit.profile, origin);
        push(&mut out, &[origin.to_string()], &fit, is_basic);
    }
    Answer {
        stdout: out,
        ..Answer::default()
    }
}

/// go comes back after every 4xx: the token is renewed only where it is what was refused. Which one that
/// was is not said: one that has just been renewed has come for another of go's many requests at once.
fn after_refusal(
    core: &Core<'_>,
    origin: &Origin,
    url: &str,
    reply: &[u8],
) -> Result<Answer, Answer> {
    let mut fit = core.for_origin(origin)?;
    let known = Known::of(&fit.profile);
    let mut is_basic = known.is_basic(&fit.profile, origin);
    let offers = offers(reply);
    let has = |scheme: &str| offers.iter().any(|offered| offered == scheme);
    if status(reply) == Some("401") {
        let has_come = known.refusals.came_of_one(&fit.token, clock::now());
        let is_untried = has_come && !known.refusals.was_handed(&fit.token);
        let wants_basic = fit.profile.hosts.go_auth == GitAuth::Auto && !is_basic;
        if wants_basic && has("basic") && !has("bearer") {
            known.change(|refusals| refusals.note_basic(origin.as_str()));
            is_basic = true;
        } else if !is_untried {
            fit = core.renewed(&fit, origin)?;
        }
    }
    let mut urls = vec![origin.to_string()];
    // go compares texts: a port that is written has to be there too.
    let written = url
        .split(['/', '?', '#'])
        .take(3)
        .collect::<Vec<_>>()
        .join("/");
    if !urls.contains(&written) {
        urls.push(written);
    }
    let mut stdout = Zeroizing::new(String::new());
    push(&mut stdout, &urls, &fit, is_basic);
    Ok(Answer {
        stdout,
        ..Answer::default()
    })
}

/// What is known of a profile's refusals, and where.
struct Known {
    state: Option<PathBuf>,
    name: String,
    refusals: Refusals,
}

impl Known {
    fn of(profile: &Profile) -> Self {
        let state = env::state_dir().ok();
        let refusals = state
            .as_ref()
            .map(|state| Refusals::load(state, &profile.name));
        Self {
            state,
            name: profile.name.clone(),
            refusals: refusals.unwrap_or_default(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Refusals)) {
        if let Some(state) = &self.state {
            Refusals::change(state, &self.name, change);
        }
    }

    /// Whether the token goes to a host as a password.
    fn is_basic(&self, profile: &Profile, origin: &Origin) -> bool {
        match profile.hosts.go_auth {
            GitAuth::Bearer => false,
            GitAuth::Basic => true,
            GitAuth::Auto => self.refusals.wants_basic(origin.as_str()),
        }
    }
}

/// Adds one block. The empty line at its end is not for show: without it go drops everything.
fn push(out: &mut String, urls: &[String], fit: &Fit, is_basic: bool) {
    let value = if is_basic {
        let pair = Zeroizing::new(format!("{}:{}", fit.username(), fit.text()));
        format!("Basic {}", STANDARD.encode(pair.as_bytes()))
    } else {
        format!("Bearer {}", fit.text())
    };
    let urls = urls.join("\n");
    write!(out, "{urls}\n\nAuthorization: {value}\n\n").expect("writing to a String cannot fail");
}

fn status(reply: &[u8]) -> Option<&str> {
    let line = reply.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line)
        .ok()?
        .split(' ')
        .nth(1)
        .map(str::trim)
}

/// The schemes that a reply's head offers.
fn offers(reply: &[u8]) -> Vec<String> {
    let fields = reply
        .split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let is_it = line[..at].eq_ignore_ascii_case(b"www-authenticate");
            is_it.then(|| challenge::schemes(&line[at + 1..]))
        });
    fields.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_s_head_is_read_as_it_comes() {
        let reply = b"HTTP/1.1 401 Unauthorized\r\nX: Bearer\r\nWww-Authenticate: Basic realm=\"\xe9\"\r\nwww-authenticate: Bearer\r\n\r\n";
        assert_eq!(status(reply), Some("401"));
        assert_eq!(offers(reply), ["basic", "bearer"]);
        assert_eq!(status(b"HTTP/2 404\n"), Some("404"));
        assert_eq!(status(b""), None);
    }
}
