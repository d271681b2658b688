//! The JWT bearer grant (RFC 7523 section 2.1): an assertion of the profile's own for a token.

use super::Credentials;
use super::form::Form;
use super::jwt::{self, Claims, Unsigned};
use super::key::Key;
use crate::error::{Kind, Result};
use crate::profile::Profile;
use serde_json::Value;

/// Signs an assertion and puts it into the form.
pub fn push(profile: &Profile, credentials: &Credentials, form: &mut Form) -> Result<()> {
    let key = credentials.signing_key(profile)?;
    let claims = claims(profile, &key)?;
    form.push_secret(
        "assertion",
        &jwt::signed(profile, credentials, &key, Unsigned { typ: "JWT", claims })?,
    );
    Ok(())
}

/// The claims that are set, and for the others what RFC 7523 section 3 means by them.
fn claims(profile: &Profile, key: &Key) -> Result<Claims> {
    let mut claims: Claims = profile.assertion.clone().into_iter().collect();
    let account = key.account.as_ref();
    if !claims.contains_key("iss") {
        let id = Some(&profile.client.id).filter(|id| !id.is_empty());
        let issuer = account
            .map(|account| &account.email)
            .or(id)
            .ok_or_else(|| {
                profile
                    .error(
                        Kind::Config,
                        "nobody is named as the issuer of the assertion",
                    )
                    .hint("set assertion = { iss = \"…\" } or client_id in the profile")
            })?;
        claims.insert("iss".to_owned(), issuer.as_str().into());
    }
    // Google takes a subject for the wish to act as another.
    if !claims.contains_key("sub") && account.is_none() {
        claims.insert("sub".to_owned(), claims["iss"].clone());
    }
    if !claims.contains_key("aud") {
        let named = account.and_then(|account| account.token_uri.as_deref());
        claims.insert(
            "aud".to_owned(),
            named.unwrap_or(profile.server.name()).into(),
        );
    }
    if claims.get("scope") == Some(&Value::Bool(true)) {
        claims.remove("scope");
        if !profile.request.scope.is_empty() {
            claims.insert("scope".to_owned(), profile.request.scope_text().into());
        }
    }
    Ok(claims)
}
