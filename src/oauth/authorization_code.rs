//! The authorization code grant: the address to which a person is sent (RFC 6749 section 4.1.1), and
//! what comes back in the redirect.

use super::form::{Form, form_encode};
use super::hint::{self, Sent};
use super::metadata::Metadata;
use super::{Connection, Refused, pkce};
use crate::error::{Error, Kind, Result, shell_word};
use crate::http::Endpoint;
use crate::profile::{EndpointKind, Profile};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a login has to remember until the redirect comes.
#[derive(Serialize, Deserialize)]
pub struct Attempt {
    pub state: Secret,
    pub verifier: Secret,
    /// Sent where an id token is asked for.
    pub nonce: Option<Secret>,
    pub redirect_uri: String,
}

impl Attempt {
    /// New values for one login.
    pub fn new(profile: &Profile, redirect_uri: String) -> Self {
        let openid = profile.request.scope.iter().any(|scope| scope == "openid");
        Self {
            state: pkce::random(),
            verifier: pkce::random(),
            nonce: openid.then(pkce::random),
            redirect_uri,
        }
    }

    /// The parameters of the authorization request.
    fn parameters(&self, profile: &Profile, mut form: Form) -> Form {
        form.push("response_type", "code");
        form.push("redirect_uri", &self.redirect_uri);
        let scope = profile.login_scope();
        if !scope.is_empty() {
            form.push(&profile.quirks.scope_param, &scope);
        }
        form.push_secret("state", &self.state);
        if profile.quirks.pkce {
            form.push("code_challenge", &pkce::challenge(&self.verifier));
            form.push("code_challenge_method", "S256");
        }
        if let Some(nonce) = &self.nonce {
            form.push_secret("nonce", nonce);
        }
        if let Some(audience) = &profile.request.audience {
            form.push("audience", audience);
        }
        for resource in &profile.request.resource {
            form.push("resource", resource);
        }
        for (name, value) in profile
            .request
            .authorization_params
            .of("authorization_code")
        {
            form.push(name, value);
        }
        form
    }

    /// The address to open, with the parameters in it.
    pub fn url(&self, profile: &Profile, endpoint: &Endpoint) -> String {
        let mut form = Form::default();
        form.push("client_id", &profile.client.id);
        let form = self.parameters(profile, form);
        let query = form.renamed(&profile.quirks.rename).into_body();
        join(endpoint, query.expose())
    }

    /// The address to open after the parameters were pushed to the server (RFC 9126), and how long it can be opened.
    pub fn pushed_url(
        &self,
        push_to: &Connection<'_>,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<(String, Duration), Refused> {
        let profile = push_to.client.profile;
        let form = self.parameters(profile, Form::default().with_id(profile));
        let answer = push_to.post(form, limit)?;
        let body = &answer.reply.body;
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let uri = value["request_uri"]
            .as_str()
            .filter(|_| (200..300).contains(&answer.reply.status));
        let Some(uri) = uri else {
            return Err(answer.refusal(push_to, Some(&self.redirect_uri), &value));
        };
        let id = form_encode(&profile.client.id);
        let query = format!("client_id={}&request_uri={}", *id, *form_encode(uri));
        let life = value["expires_in"].as_u64().unwrap_or_default();
        Ok((join(endpoint, &query), Duration::from_secs(life)))
    }

    /// Takes the code out of the redirect's parameters: `None` where they are not this login's,
    /// which a stranger's request is not.
    pub fn answer(
        &self,
        profile: &Profile,
        server: &Metadata,
        parameters: &BTreeMap<String, String>,
    ) -> Option<Result<Secret>> {
        let get = |name: &str| {
            parameters
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        if !get("state").is_some_and(|state| pkce::same(state, self.state.expose())) {
            return None;
        }
        Some(self.code(profile, server, get))
    }

    fn code<'p>(
        &self,
        profile: &Profile,
        server: &Metadata,
        get: impl Fn(&str) -> Option<&'p str>,
    ) -> Result<Secret> {
        let name = &profile.name;
        let refuse = |what: String| Error::about(name, Kind::Refused, what);
        let secrets = [&self.state, &self.verifier];
        // Before anything else in it is believed (RFC 9207 section 2.4).
        let issuer = profile.server.issuer().or(server.issuer.as_deref());
        match (get("iss"), issuer) {
            (Some(iss), Some(issuer)) if iss != issuer => {
                let iss = crate::text::clean(iss, 200, &secrets);
                return Err(refuse(format!(
                    "the redirect came from {iss:?} instead of {issuer:?}; not used"
                )));
            }
            // Without a name to compare it with, it is at least of the server that the person was sent to.
            (Some(iss), None) if !is_at(iss, server) => {
                let iss = crate::text::clean(iss, 200, &secrets);
                let what = format!(
                    "the redirect came from {iss:?}, which is not where the login began; not used"
                );
                return Err(refuse(what).hint(profile.addressed(&format!(
                    "if that is the server that is meant, run: tokctl add PROFILE --change --issuer {}",
                    shell_word(&iss)
                ))));
            }
            (None, _) if server.authorization_response_iss_parameter_supported => {
                return Err(refuse(
                    "the redirect does not say which server it is from (iss); not used".to_owned(),
                ));
            }
            _ => {}
        }
        if let Some(error) = get("error") {
            let code = crate::text::clean(error, 200, &secrets);
            let words =
                get("error_description").map(|words| crate::text::clean(words, 1000, &secrets));
            let words = words.map_or_else(String::new, |words| format!(": {words}"));
            let sent = Sent {
                what: None,
                redirect_uri: Some(&self.redirect_uri),
            };
            let mut refused = refuse(format!("the login was refused: {code}{words}"));
            refused.hint = hint::of(profile, sent, &code, 200);
            refused.oauth_code = Some(code);
            return Err(refused);
        }
        match get("code") {
            Some(code) if code.len() <= 8192 => Ok(Secret::new(code.to_owned())),
            _ => Err(refuse(
                "the redirect has neither a code nor an error".to_owned(),
            )),
        }
    }
}

/// Whether an issuer has the origin of the address at which a login begins.
fn is_at(issuer: &str, server: &Metadata) -> bool {
    let begins_at = server.endpoints.get(EndpointKind::Authorization);
    let origin = |url: &str| Endpoint::parse(url).ok().map(|url| url.origin());
    let of_issuer = origin(issuer);
    of_issuer.is_some() && of_issuer == begins_at.and_then(|url| origin(url))
}

fn join(endpoint: &Endpoint, query: &str) -> String {
    let url = endpoint.url();
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{query}")
}
