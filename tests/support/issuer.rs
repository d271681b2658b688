//! A scripted OpenID issuer: metadata, tokens and id tokens to a test's taste.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::server::{Reply, Request};

/// The server's own origin, as the request names it.
pub fn origin(request: &Request) -> String {
    format!("http://{}", request.header("host").unwrap_or_default())
}

/// Metadata with every endpoint, for an issuer on this server.
pub fn metadata(request: &Request, path: &str) -> Value {
    let at = |endpoint: &str| format!("{}/{endpoint}", origin(request));
    json!({
        "issuer": format!("{}{path}", origin(request)),
        "token_endpoint": at("token"),
        "authorization_endpoint": at("authorize"),
        "device_authorization_endpoint": at("device"),
        "revocation_endpoint": at("revoke"),
    })
}

/// Answers like an issuer that behaves: metadata at OpenID's place only, tokens at `/token`, 200 at
/// `/revoke`. `None` for other paths.
pub fn behave(request: &Request) -> Option<Reply> {
    match request.path.as_str() {
        "/.well-known/openid-configuration" => {
            Some(Reply::json(200, metadata(request, "").to_string()))
        }
        "/token" => Some(tokens(&Value::Null)),
        "/revoke" => Some(Reply::json(200, "")),
        path if path.starts_with("/.well-known") => Some(Reply::json(404, "{}")),
        _ => None,
    }
}

/// A token response `access-1`, `refresh-1` that lasts an hour, with these members too.
pub fn tokens(more: &Value) -> Reply {
    let mut body = json!({
        "access_token": "access-1", "refresh_token": "refresh-1", "token_type": "Bearer", "expires_in": 3600,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    Reply::json(200, body.to_string())
}

/// A JWT with these claims and a signature that nobody checks.
pub fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
}
