//! The way to the server, and that it answers at all. No secret is sent, but a certificate shown.

use super::{Report, clock_and_tls, discovery};
use crate::clock::budget;
use crate::env;
use crate::error::{Error, Kind};
use crate::http::{self, Endpoint, Http};
use crate::oauth::metadata::Metadata;
use crate::oauth::{Client, Credentials, hint};
use crate::profile::{EndpointKind, Grant, Profile};
use std::time::{Duration, Instant};

/// Asks the issuer for its metadata, and each of the server's hosts whether it is there. What is known of the server.
pub fn check(
    report: &mut Report,
    profile: &Profile,
    credentials: &Credentials,
) -> Option<Metadata> {
    let issuer = profile.server.issuer.as_ref();
    if let Some(issuer) = issuer {
        way(report, profile, issuer);
    }
    let has_secret = credentials.secret.is_some() || credentials.key.is_some();
    let server = discovery::check(report, profile, has_secret)?;
    let told = issuer.map(Endpoint::origin);
    for endpoint in hosts(profile, &server) {
        if told.as_ref() != Some(&endpoint.origin()) {
            way(report, profile, &endpoint);
        }
        reach(report, profile, credentials, &endpoint);
    }
    Some(server)
}

/// One endpoint on each of the hosts that the profile's grant needs.
fn hosts(profile: &Profile, server: &Metadata) -> Vec<Endpoint> {
    let mut kinds = vec![EndpointKind::Token];
    if matches!(profile.grant, Grant::Login(_)) {
        kinds.push(EndpointKind::Authorization);
        kinds.push(EndpointKind::DeviceAuthorization);
    }
    let urls = kinds
        .into_iter()
        .filter_map(|kind| server.endpoints.get(kind));
    let mut hosts: Vec<Endpoint> = Vec::new();
    for endpoint in urls.map(|url| Endpoint::parse(url)) {
        let Ok(endpoint) = endpoint else { continue };
        if !hosts.iter().any(|host| host.origin() == endpoint.origin()) {
            hosts.push(endpoint);
        }
    }
    hosts
}

/// How requests get there.
fn way(report: &mut Report, profile: &Profile, endpoint: &Endpoint) {
    let scheme = if endpoint.is_https() { "https" } else { "http" };
    let http = Http::new(endpoint, profile.server.ca_file.as_deref());
    let Some(http) = report.of("proxy", http) else {
        return;
    };
    let host = endpoint.host();
    let how = match (http.proxy(), env::proxy_variable(scheme)) {
        (Some(proxy), Some(variable)) => format!("through {proxy} ({variable})"),
        (Some(proxy), None) => format!("through {proxy}"),
        (None, None) => "directly: no proxy is set".to_owned(),
        (None, Some(_)) if endpoint.is_loopback() => "directly: it is this machine".to_owned(),
        (None, Some(variable)) => format!("directly: no_proxy excepts it from {variable}"),
    };
    report.ok("proxy", format!("{host} is reached {how}"));
}

fn reach(report: &mut Report, profile: &Profile, credentials: &Credentials, endpoint: &Endpoint) {
    let name = format!("server {}", endpoint.host());
    // What is wrong with the way, or with a file, has been told.
    let lacks = profile.client.certificate.is_some()
        && (credentials.certificate.is_none() || credentials.key.is_none());
    if lacks || Http::new(endpoint, profile.server.ca_file.as_deref()).is_err() {
        return;
    }
    let connection = Client::new(profile, credentials).connect(endpoint);
    let Some(connection) = report.of("client certificate", connection) else {
        return;
    };
    let http = &connection.http;
    let started = Instant::now();
    match http.get(endpoint, budget::CHECK_SERVER) {
        Ok(reply) => {
            let took = started.elapsed();
            answered(report, profile, (&name, &reply), took);
            clock_and_tls::check(report, &connection, &reply);
        }
        Err(failure) => {
            let mut error = Error::new(Kind::Temporary, failure.what);
            let hint = "check the network, the address and the proxy";
            let known = failure.hint.map(|hint| profile.addressed(&hint));
            error.hint = known.or_else(|| Some(hint.to_owned()));
            report.problem(name, &error);
        }
    }
}

/// Any answer shows that it is there: without a request for a token it has reason to complain.
fn answered(
    report: &mut Report,
    profile: &Profile,
    (name, reply): (&str, &http::Reply),
    took: Duration,
) {
    let (status, took) = (reply.status, took.as_millis());
    let what = format!("answers (HTTP {status}) within {took} ms");
    match (status, &reply.location) {
        (300..400, Some(location)) => {
            let to = http::redirect_host(location);
            report.warn(
                name,
                format!("{what} with a redirect to {to}, which is not followed"),
                "where a token request gets the same, set the endpoint to the server's real address",
            );
        }
        // Of a repeatable grant the token request itself says more, and the server's own metadata knows its addresses.
        (404 | 410, _)
            if !profile.is_repeatable() && profile.server.endpoints.has(EndpointKind::Token) =>
        report.warn(
            name,
            format!(
                "{what}, as if there were nothing at this address (some servers say so to all but a token request)"
            ),
            hint::address(profile),
        ),
        (500..600, _) => report.warn(name, what, "the server has trouble: try again later"),
        _ => report.ok(name, what),
    }
}
