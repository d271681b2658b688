//! An authorization server's description of itself (RFC 8414, OpenID Connect Discovery 1.0).

use super::lenient;
use super::refused::{FOREIGN, is_foreign};
use crate::clock::Deadline;
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::{self, Endpoint, Http, Verdict};
use crate::profile::{ClientAuth, EndpointKind, Endpoints, Profile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Discovery must leave time for the request that it is for.
const LIMIT: Duration = Duration::from_secs(10);

/// What is used of a server's metadata, under its registered names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub issuer: Option<String>,
    #[serde(flatten)]
    pub endpoints: Endpoints<String>,
    pub require_pushed_authorization_requests: bool,
    /// Whether the redirect carries `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The same endpoints where certificates are asked for (RFC 8705 section 5).
    pub mtls_endpoint_aliases: BTreeMap<String, String>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    pub id_token_signing_alg_values_supported: Option<Vec<String>>,
    /// Where a person ends the session (OpenID Connect RP-Initiated Logout 1.0).
    pub end_session_endpoint: Option<String>,
    /// Scopes to choose from; a server need not name all.
    pub scopes_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Takes what is there; a member of an odd kind costs only itself.
    fn read(document: &Value) -> Self {
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let flag = |name: &str| document[name] == Value::Bool(true) || document[name] == "true";
        let words = |name: &str| {
            let all = document[name].as_array()?;
            Some(
                all.iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            )
        };
        let aliases = document["mtls_endpoint_aliases"].as_object();
        let aliases = aliases.into_iter().flatten();
        let aliases = aliases
            .filter_map(|(name, url)| Some((name.clone(), url.as_str()?.to_owned())))
            .collect();
        Self {
            issuer: text("issuer"),
            endpoints: Endpoints::of(|kind| text(kind.name())),
            require_pushed_authorization_requests: flag("require_pushed_authorization_requests"),
            authorization_response_iss_parameter_supported: flag(
                "authorization_response_iss_parameter_supported",
            ),
            token_endpoint_auth_methods_supported: words("token_endpoint_auth_methods_supported"),
            code_challenge_methods_supported: words("code_challenge_methods_supported"),
            jwks_uri: text("jwks_uri"),
            end_session_endpoint: text("end_session_endpoint"),
            id_token_signing_alg_values_supported: words("id_token_signing_alg_values_supported"),
            scopes_supported: words("scopes_supported"),
            mtls_endpoint_aliases: aliases,
        }
    }

    /// The endpoints for a client with a certificate.
    pub fn for_certificate(mut self) -> Self {
        let aliases = std::mem::take(&mut self.mtls_endpoint_aliases);
        // A browser shows none at the authorization endpoint.
        let others = |kind: &EndpointKind| *kind != EndpointKind::Authorization;
        for kind in EndpointKind::ALL.into_iter().filter(others) {
            if let Some(alias) = aliases.get(kind.name()) {
                self.endpoints.set(kind, alias.clone());
            }
        }
        self
    }

    /// The profile with the client authentication that the server takes, where the configuration
    /// leaves it open. What is set is never overruled.
    ///
    /// # Errors
    /// [`Kind::Config`] where the server takes nothing but what is signed or shown in TLS: the secret is not for it.
    pub fn suited<'p>(&self, profile: &'p Profile) -> Result<Cow<'p, Profile>> {
        let methods = self.token_endpoint_auth_methods_supported.as_deref();
        let takes = |method: &str| methods.into_iter().flatten().any(|known| known == method);
        let is_open = !profile.client.auth_is_set && profile.client.auth == ClientAuth::Basic;
        if !is_open || methods.is_none() || takes("client_secret_basic") {
            return Ok(Cow::Borrowed(profile));
        }
        let auth = if takes("client_secret_post") {
            ClientAuth::Post
        } else if takes("client_secret_jwt") {
            ClientAuth::ClientSecretJwt
        } else if let Some(other) = NO_SECRET.into_iter().find(|method| takes(method)) {
            let what = "the server's metadata takes no client secret, so that it is not sent";
            return Err(profile.error(Kind::Config, what).hint(format!(
                "set client_auth = {other:?} in the profile, with client_key; if the server takes the secret all the \
                 same, set client_auth = \"client_secret_basic\""
            )));
        } else {
            return Ok(Cow::Borrowed(profile));
        };
        let mut suited = profile.clone();
        suited.client.auth = auth;
        Ok(Cow::Owned(suited))
    }

    /// Whether a challenge made with SHA-256 is refused (RFC 7636 section 4.2), as far as the server says it: many that
    /// take it say nothing, or name no method at all.
    pub fn refuses_s256(&self) -> bool {
        let methods = self.code_challenge_methods_supported.as_deref();
        methods.is_some_and(|methods| {
            !methods.is_empty() && !methods.iter().any(|method| method == "S256")
        })
    }
}

/// Ways in which a client proves itself without a secret (OpenID Connect Core section 9, RFC 8705 section 2).
const NO_SECRET: [&str; 3] = [
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
];

/// Asks the issuer, in the place that RFC 8414 names and then in OpenID's.
pub fn fetch(profile: &Profile, issuer: &str, deadline: Deadline) -> Result<Metadata> {
    let mut told: Option<Error> = None;
    for url in places(issuer) {
        match fetch_from(profile, issuer, &url, deadline) {
            Ok(metadata) => return Ok(metadata),
            Err(Trouble::Wrong(error)) => return Err(error),
            // Most servers have nothing in one of the places: what is worth another try is told rather.
            Err(Trouble::Absent(error)) => {
                told = told
                    .filter(|told| told.kind == Kind::Temporary || error.kind != Kind::Temporary)
                    .or(Some(error));
            }
        }
    }
    Err(told.unwrap_or_else(|| profile.error(Kind::Config, "the issuer cannot be asked")))
}

enum Trouble {
    /// Nothing of use there.
    Absent(Error),
    /// An answer that must not be used.
    Wrong(Error),
}

fn fetch_from(
    profile: &Profile,
    issuer: &str,
    url: &str,
    deadline: Deadline,
) -> Result<Metadata, Trouble> {
    let name = &profile.name;
    let endpoint = Endpoint::parse(url)
        .map_err(|why| Trouble::Wrong(profile.error(Kind::Config, format!("issuer: {why}"))))?;
    let http = Http::new(&endpoint, profile.server.ca_file.as_deref())
        .map_err(|error| Trouble::Wrong(profile.error(Kind::Config, error.message)))?;
    let limit = deadline.left().min(LIMIT).max(Duration::from_millis(1));
    let error = |kind: Kind, what: String| {
        let message = format!("the server's metadata at {}: {what}", endpoint.host());
        Error::about(name, kind, message)
    };
    let absent = |kind: Kind, what: String| {
        let error = error(kind, what);
        Trouble::Absent(match kind {
            Kind::Temporary => error,
            _ => error.hint(profile.addressed(
                "check issuer, and run: tokctl add PROFILE --change --issuer https://…; for a server without metadata set the \
                 endpoints by hand: token_endpoint, authorization_endpoint",
            )),
        })
    };
    let reply = http.get(&endpoint, limit).map_err(|failure| {
        // An answer that was too large would be so again.
        let again = failure.retry || failure.verdict == Verdict::NothingSent;
        let kind = if again {
            Kind::Temporary
        } else {
            Kind::Refused
        };
        match failure.hint {
            Some(hint) => Trouble::Absent(error(kind, failure.what).hint(profile.addressed(&hint))),
            None => absent(kind, failure.what),
        }
    })?;
    if is_foreign(&reply, &endpoint) {
        let what = format!("HTTP {} with what is no JSON", reply.status);
        return Err(Trouble::Absent(error(Kind::Temporary, what).hint(FOREIGN)));
    }
    if reply.status != 200 {
        let kind = match reply.status {
            408 | 429 | 500..=599 => Kind::Temporary,
            _ => Kind::Refused,
        };
        return Err(absent(kind, format!("HTTP {}", reply.status)));
    }
    match read(profile, issuer, &reply.body) {
        Some(read) => read.map_err(Trouble::Wrong),
        None => Err(absent(
            Kind::Refused,
            "it is not the JSON that it should be".to_owned(),
        )),
    }
}

/// Reads a description of the issuer and refuses one that must not be used; `None` for what is no
/// description at all.
pub fn read(profile: &Profile, issuer: &str, body: &[u8]) -> Option<Result<Metadata>> {
    let document = lenient::object(&String::from_utf8_lossy(http::bare(body)))?;
    Some(check(profile, issuer, Metadata::read(&document)))
}

/// The two places where an issuer's metadata can be. A path in the issuer comes after the well-known
/// part in RFC 8414 section 3.1, and before it in OpenID Connect Discovery section 4.
fn places(issuer: &str) -> [String; 2] {
    let issuer = issuer.trim_end_matches('/');
    let after_scheme = issuer.find("://").map_or(0, |at| at + 3);
    let path = issuer[after_scheme..]
        .find('/')
        .map_or(issuer.len(), |at| after_scheme + at);
    let (origin, path) = issuer.split_at(path);
    [
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{issuer}/.well-known/openid-configuration"),
    ]
}

/// The issuer that a server calls itself, from the refusal to take it for another.
pub fn rightful(error: &Error) -> Option<&str> {
    let (_, rest) = error.message.split_once("it is \"")?;
    rest.split_once("\"'s, not ").map(|(named, _)| named)
}

/// How the issuer that the server names itself is taken, where it could be one.
fn right_issuer(profile: &Profile, named: &str) -> String {
    match Endpoint::parse(named) {
        Ok(_) => profile.addressed(&format!(
            "if that is the server that is meant, run: tokctl add PROFILE --change --issuer {}",
            shell_word(named)
        )),
        Err(_) => {
            "the issuer must be exactly what the server calls itself, to the last slash".to_owned()
        }
    }
}

/// Refuses a description of another issuer (RFC 8414 section 3.3). Most of its addresses are looked at when
/// they are used: a bad one costs only itself.
fn check(profile: &Profile, issuer: &str, metadata: Metadata) -> Result<Metadata> {
    let name = &profile.name;
    let refuse = |what: String| {
        Error::about(
            name,
            Kind::Refused,
            format!("the server's metadata: {what}"),
        )
    };
    let named = metadata.issuer.as_deref().unwrap_or_default();
    if named != issuer {
        let named = crate::text::clean(named, 200, &[]);
        return Err(refuse(format!("it is {named:?}'s, not {issuer:?}'s"))
            .hint(right_issuer(profile, &named)));
    }
    // Without this one there is nothing to use.
    if let Some(url) = metadata.endpoints.get(EndpointKind::Token)
        && let Err(why) = Endpoint::parse(url)
    {
        let shown = crate::text::clean(url, 200, &[]);
        return Err(refuse(format!("token_endpoint {shown:?} {why}")));
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn the_issuer_s_path_is_inserted_and_appended() {
        assert_eq!(
            places("https://a.example/realms/x"),
            [
                "https://a.example/.well-known/oauth-authorization-server/realms/x",
                "https://a.example/realms/x/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            places("https://a.example/"),
            [
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
    }
}
