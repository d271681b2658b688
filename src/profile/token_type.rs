//! The types of tokens, by which an exchange names what it gives and wants (RFC 8693 section 3).

/// The member of a reply that says what kind of token was issued.
pub const ISSUED: &str = "issued_token_type";

/// An access token's type (RFC 8693 section 3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The types that RFC 8693 section 3 names, by the ends of their names.
pub const TYPES: &[&str] = &[
    "access_token",
    "refresh_token",
    "id_token",
    "jwt",
    "saml1",
    "saml2",
];

/// Whether it is a type's whole name (RFC 3986 section 3).
pub fn is_uri(name: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let rest = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
    name.split_once(':')
        .is_some_and(|(scheme, after)| is_scheme(scheme) && rest(after))
}

/// A token type's whole name.
pub fn full(name: &str) -> String {
    if TYPES.contains(&name) {
        format!("urn:ietf:params:oauth:token-type:{name}")
    } else {
        name.to_owned()
    }
}
