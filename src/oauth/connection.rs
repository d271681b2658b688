//! A client's way to one of its server's endpoints, and what it asks there.

use super::form::Form;
use super::refused::{Answer, no_answer};
use super::reply::{self, Granted, Reading};
use super::{Credentials, Refused, TokenRequest, ask_for, client_auth, jwt_bearer, token_exchange};
use crate::clock::Epoch;
use crate::error::{Kind, Result};
use crate::http::{Endpoint, Http, Posted};
use crate::profile::{ClientAuth, Profile};
use crate::secret::Secret;
use std::time::Duration;

/// A profile's client, with what it proves itself with.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub profile: &'a Profile,
    pub credentials: &'a Credentials,
}

impl<'a> Client<'a> {
    /// The client of a profile.
    pub fn new(profile: &'a Profile, credentials: &'a Credentials) -> Self {
        Self {
            profile,
            credentials,
        }
    }

    /// A way to one of the server's endpoints.
    pub fn connect(self, endpoint: &'a Endpoint) -> Result<Connection<'a>> {
        let profile = self.profile;
        let certificate = self.credentials.client_certificate(profile)?;
        if profile.client.auth == ClientAuth::Tls && !endpoint.is_https() {
            let what = "tls_client_auth needs an endpoint with https";
            return Err(profile.error(Kind::Config, what));
        }
        let ca_file = profile.server.ca_file.as_deref();
        let http = Http::with_certificate(endpoint, ca_file, certificate.as_ref());
        Ok(Connection {
            client: self,
            endpoint,
            http: http.map_err(|error| profile.error(Kind::Config, error.message))?,
        })
    }
}

/// A way to an endpoint.
pub struct Connection<'a> {
    pub client: Client<'a>,
    pub endpoint: &'a Endpoint,
    pub http: Http,
}

impl Connection<'_> {
    /// Makes one token request.
    pub fn ask(
        &self,
        what: TokenRequest<'_>,
        limit: Duration,
    ) -> Result<(Granted, Epoch), Refused> {
        let answer = self.post(self.token_form(what).map_err(Refused::unsent)?, limit)?;
        let profile = self.client.profile;
        let reply = &answer.reply;
        let body = (reply.status, reply.content_type.as_str(), &reply.body[..]);
        match reply::read(body, profile, &answer.secrets()) {
            Reading::Granted(granted) => Ok((granted, reply.sent_at)),
            Reading::Refused(refusal) => Err(answer.refused(self, what, &refusal)),
        }
    }

    fn token_form(&self, what: TokenRequest<'_>) -> Result<Form> {
        let Client {
            profile,
            credentials,
        } = self.client;
        let mut form = Form::default();
        let (grant_type, grant) = what.names();
        let own = profile.quirks.grant_type.as_deref();
        match own.filter(|_| grant == profile.grant.name()) {
            Some("") => {}
            own => form.push("grant_type", own.unwrap_or(grant_type)),
        }
        match what {
            TokenRequest::ClientCredentials => {}
            TokenRequest::JwtBearer => jwt_bearer::push(profile, credentials, &mut form)?,
            TokenRequest::TokenExchange => token_exchange::push(profile, credentials, &mut form)?,
            TokenRequest::RefreshToken(token) => form.push_secret("refresh_token", token),
            TokenRequest::AuthorizationCode {
                code,
                verifier,
                redirect_uri,
            } => {
                form.push_secret("code", code);
                form.push("redirect_uri", redirect_uri);
                if profile.quirks.pkce {
                    form.push_secret("code_verifier", verifier);
                }
            }
            TokenRequest::DeviceCode(code) => form.push_secret("device_code", code),
        }
        ask_for(profile, grant, &mut form);
        Ok(form)
    }

    /// Posts a form as the client.
    pub(super) fn post(&self, mut form: Form, limit: Duration) -> Result<Answer, Refused> {
        let Client {
            profile,
            credentials,
        } = self.client;
        let header =
            client_auth::apply(profile, credentials, &mut form).map_err(Refused::unsent)?;
        let extra = profile.request.headers.iter();
        let mut headers: Vec<(String, Secret)> = extra
            .map(|(name, value)| (name.clone(), Secret::new(value.clone())))
            .collect();
        headers.extend(header);
        let sent = form.secrets();
        let form = form.renamed(&profile.quirks.rename);
        let (content_type, body) = if profile.quirks.json_body {
            ("application/json", form.into_json())
        } else {
            ("application/x-www-form-urlencoded", form.into_body())
        };
        let posted = Posted {
            headers: &headers,
            content_type,
            body: &body,
        };
        let answered = self.http.post(self.endpoint, posted, limit);
        answered
            .map(|reply| Answer { reply, sent })
            .map_err(|failure| no_answer(profile, failure))
    }
}
