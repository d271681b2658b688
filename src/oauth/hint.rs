//! What to do about a server's refusal.

use super::TokenRequest;
use crate::profile::{ClientAuth, Profile};

/// A hint for an error's code, or for the status where there is none.
pub fn of(
    profile: &Profile,
    what: Option<TokenRequest<'_>>,
    code: &str,
    status: u16,
) -> Option<String> {
    let hint = match (code, status) {
        ("invalid_client", _) | ("", 401 | 403) => client(profile.client_auth),
        ("invalid_scope", _) => {
            "check scope: the server does not know or allow one of them for this client"
        }
        ("unauthorized_client", _) => {
            "the server does not allow this grant for this client: check grant, and the client's settings at the server"
        }
        ("unsupported_grant_type", _) => {
            "the server does not have this grant: check grant and token_endpoint"
        }
        ("redirect_uri_mismatch", _) => {
            "register the redirect URI exactly as sent: scheme, host, port and slash; tokctl providers shows it"
        }
        ("invalid_grant", _) => grant(what),
        ("access_denied", _) => {
            "the person at the browser, or the server, said no: log in again to be asked anew"
        }
        ("invalid_target", _) => {
            "check audience and resource: the server does not know one of them"
        }
        ("invalid_dpop_proof" | "use_dpop_nonce", _) => {
            "the server wants tokens bound to a key (DPoP, RFC 9449), which tokctl does not have: \
             switch that off for this client"
        }
        ("", 404 | 405) => "check token_endpoint",
        ("", 300..=399) => "set token_endpoint to the address that the server really has",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The server does not know the client, or does not believe that it is the one.
fn client(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::PrivateKeyJwt => {
            "check client_id, client_key and client_key_id, that the server has the public key, and this machine's \
             clock; or client_assertion_audience: some servers want the token endpoint's URL, others the issuer"
        }
        ClientAuth::ClientSecretJwt => {
            "check client_id and client_secret, and this machine's clock; or client_assertion_audience: some servers \
             want the token endpoint's URL, others the issuer"
        }
        _ => {
            "check client_id and client_secret; some servers want another client_auth: \
             client_secret_basic, client_secret_basic_raw or client_secret_post"
        }
    }
}

/// What was given for the token is not good.
fn grant(_: Option<TokenRequest<'_>>) -> &'static str {
    "the code was used or has expired: start the login again"
}
