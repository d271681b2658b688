//! Where a request may go: a URL as it was typed on the profile's API base, the hosts that the profile
//! owns, and where a redirect leads.

use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Endpoint;
use crate::profile::Profile;
use fluent_uri::{Uri, UriRef};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a person types into a URL and RFC 3986 wants encoded.
const TYPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL that a request goes to.
#[derive(Debug, Clone)]
pub struct Target {
    pub endpoint: Endpoint,
    /// Whether the profile's token may be sent there.
    pub owned: bool,
}

impl Target {
    /// The URL as it was typed: whole, or relative to the profile's `api_url`.
    pub fn typed(profile: &Profile, url: &str) -> Result<Self> {
        if url.contains(char::is_control) {
            return Err(Error::usage("the URL holds control characters"));
        }
        let url = if whole(url) {
            url.to_owned()
        } else {
            on_base(profile, url)?
        };
        let endpoint = Endpoint::parse(&encoded(&url))
            .map_err(|what| Error::usage(format!("the URL {what}")))?;
        let target = Self {
            owned: profile.owns(&endpoint.origin()),
            endpoint,
        };
        if target.owned {
            return Ok(target);
        }
        let origin = target.endpoint.origin();
        let error = profile.error(
            Kind::Config,
            format!("{origin} is none of its hosts, so it gets no token"),
        );
        Err(error.hint(format!(
            "where it may have it, add to the profile: hosts = [\"{origin}\"]"
        )))
    }

    /// Where a `Location` leads from here. The token comes along only from one of the profile's hosts
    /// to another.
    pub fn redirected(&self, profile: &Profile, location: &str) -> Result<Self, String> {
        let url = encoded(location);
        let reference = UriRef::parse(url.as_str()).map_err(|_| "to what is no URL".to_owned())?;
        let base = self.endpoint.url();
        let base = Uri::parse(base.as_str()).map_err(|_| "from what is no URL".to_owned())?;
        let url = reference
            .resolve_against(&base)
            .map_err(|_| "to what is no URL".to_owned())?;
        let endpoint = Endpoint::parse(&without_fragment(url.as_str()))
            .map_err(|what| format!("to a URL that {what}"))?;
        // Whoever holds that port of this machine is not the server that TLS has proven.
        if self.endpoint.is_https() && !endpoint.is_https() {
            return Err("from https to http".to_owned());
        }
        Ok(Self {
            owned: self.owned && profile.owns(&endpoint.origin()),
            endpoint,
        })
    }
}

/// Whether a URL has a scheme: "://" before its path, query and fragment.
fn whole(url: &str) -> bool {
    let scheme = url.split(['/', '?', '#']).next().unwrap_or_default();
    scheme.ends_with(':') && url[scheme.len()..].starts_with("//")
}

fn on_base(profile: &Profile, url: &str) -> Result<String> {
    let Some(base) = &profile.api.url else {
        let what = format!(
            "{} has no host, and the profile has no api_url",
            shell_word(url)
        );
        return Err(profile
            .error(Kind::Config, what)
            .hint("give the whole URL with https://"));
    };
    let base = base.as_str().trim_end_matches('/');
    if url.starts_with('?') {
        return Ok(format!("{base}{url}"));
    }
    Ok(format!("{base}/{}", url.trim_start_matches('/')))
}

/// The URL without its fragment, and with what was typed as it is encoded after the host.
fn encoded(url: &str) -> String {
    let url = without_fragment(url);
    let host = if whole(&url) {
        url.find("://").map_or(0, |at| at + 3)
    } else {
        0
    };
    let path = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    format!(
        "{}{}",
        &url[..path],
        utf8_percent_encode(&url[path..], TYPED)
    )
}

fn without_fragment(url: &str) -> String {
    url.split('#').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{encoded, whole};

    #[test]
    fn only_a_scheme_makes_a_url_whole() {
        for (url, is_whole) in [
            ("https://a.example/x", true),
            ("/repos/a", false),
            ("repos?u=https://b.example", false),
            ("x/https://b.example", false),
            ("//b.example/x", false),
            ("mailto:a", false),
        ] {
            assert_eq!(whole(url), is_whole, "{url}");
        }
    }

    #[test]
    fn what_was_typed_is_encoded_after_the_host_only() {
        for (typed, url) in [
            ("https://a.example/q?x=a b", "https://a.example/q?x=a%20b"),
            ("https://a.example/%20/é#f", "https://a.example/%20/%C3%A9"),
            (r"https://e\@a.example/\", r"https://e\@a.example/%5C"),
            ("https://a.example?a|b", "https://a.example?a%7Cb"),
            ("../a b", "../a%20b"),
        ] {
            assert_eq!(encoded(typed), url);
        }
    }
}
