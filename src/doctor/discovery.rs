//! What the server says of itself, and whether it fits what the profile asks.

use super::Report;
use crate::clock::{Deadline, budget};
use crate::error::{Error, Kind};
use crate::oauth::metadata::{self, Metadata};
use crate::profile::{ClientAuth, EndpointKind, Profile};
use crate::state::server::{learn, with_hand_set};

/// The server's addresses, asked for anew; `None` where nothing is known of it.
pub fn check(report: &mut Report, profile: &Profile, has_secret: bool) -> Option<Metadata> {
    let Some(issuer) = profile.server.issuer() else {
        let what = "none: the endpoints are set by hand or by a preset";
        report.ok("discovery", what);
        return Some(with_hand_set(profile, Metadata::default()));
    };
    match metadata::fetch(profile, issuer, Deadline::after(budget::CHECK_METADATA)) {
        Ok(found) => {
            learn(issuer, &found);
            let server = with_hand_set(profile, found);
            described(report, issuer, &server);
            client_auth(report, profile, &server, has_secret);
            scopes(report, profile, &server);
            Some(server)
        }
        Err(error) if profile.server.endpoints.has(EndpointKind::Token) => {
            let hint = "the endpoints that are set by hand are used; without them, check issuer";
            report.warn("discovery", error.to_string(), hint);
            Some(with_hand_set(profile, Metadata::default()))
        }
        Err(mut error) => {
            let hint = "check issuer, the network and the proxy";
            error.hint.get_or_insert_with(|| hint.to_owned());
            report.problem("discovery", &error);
            None
        }
    }
}

fn described(report: &mut Report, issuer: &str, server: &Metadata) {
    let known = server.endpoints.known().map(|(kind, _)| match kind {
        EndpointKind::Token => "token",
        EndpointKind::Authorization => "authorization",
        EndpointKind::DeviceAuthorization => "device",
        EndpointKind::Revocation => "revocation",
        EndpointKind::PushedAuthorizationRequest => "PAR",
    });
    let names: Vec<&str> = known.collect();
    let what = format!("{issuer} is who it says; endpoints: {}", names.join(", "));
    if server.endpoints.has(EndpointKind::Token) {
        return report.ok("discovery", what);
    }
    let error = Error::new(Kind::Config, format!("{what}; there is no token_endpoint"));
    let error = error.hint("set token_endpoint in the profile");
    report.problem("discovery", &error);
}

/// Whether the server says that it takes the way in which this client proves itself.
fn client_auth(report: &mut Report, profile: &Profile, server: &Metadata, has_secret: bool) {
    if !has_secret {
        return;
    }
    let suited = match server.suited(profile) {
        Ok(suited) => suited,
        Err(error) => return report.problem("client_auth", &error),
    };
    let method = match suited.client.auth {
        ClientAuth::Basic | ClientAuth::BasicRaw => "client_secret_basic",
        ClientAuth::Post => "client_secret_post",
        ClientAuth::PrivateKeyJwt => "private_key_jwt",
        ClientAuth::ClientSecretJwt => "client_secret_jwt",
        // A public client is one by its registration, and few servers list "none".
        ClientAuth::None | ClientAuth::Tls => return,
    };
    let Some(takes) = &server.token_endpoint_auth_methods_supported else {
        return;
    };
    if takes.iter().any(|known| known == method) {
        return;
    }
    let what = format!("{method} is used, and the server lists {}", takes.join(" "));
    let hint = "where it answers invalid_client, set client_auth to one of these";
    report.warn("client_auth", what, hint);
}

/// Scopes that the server does not list: misspelled, or left out of its list.
fn scopes(report: &mut Report, profile: &Profile, server: &Metadata) {
    let Some(listed) = &server.scopes_supported else {
        return;
    };
    let unknown = profile
        .request
        .scope
        .iter()
        .filter(|scope| !listed.contains(scope));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if unknown.is_empty() {
        return;
    }
    let what = format!("the server does not list {}", unknown.join(" "));
    let hint = "where it answers invalid_scope, check the spelling; many servers do not list all";
    report.warn("scope", what, hint);
}
