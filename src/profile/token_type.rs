//! The types of tokens, by which an exchange names what it gives and wants (RFC 8693 section 3).

/// The member of a reply that says what kind of token was issued.
pub const ISSUED: &str = "issued_token_type";

/// An access token's type (RFC 8693 section 3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The values of `token_type` that mean a bearer token (RFC 6750): its own, in any case, and Apigee's.
const BEARER: [&str; 2] = ["Bearer", "BearerToken"];

/// What an exchange says of a token that is not for access (RFC 8693 section 2.2.1).
pub const NO_ACCESS_TOKEN: &str = "N_A";

/// The types whose tokens are used with a proof of their own: `DPoP` (RFC 9449), MAC, and proof of possession.
const BOUND: [&str; 3] = ["DPoP", "mac", "pop"];

/// Why a token of a type cannot be used, where it cannot: a client must not use one whose type it does not understand
/// (RFC 6749 section 7.1). `also` are those that the profile says are a bearer's.
pub fn unusable(token_type: &str, also: &[String]) -> Option<String> {
    let is = |known: &&str| known.eq_ignore_ascii_case(token_type);
    if BEARER.iter().any(is) || also.iter().map(String::as_str).any(|known| is(&known)) {
        return None;
    }
    Some(if BOUND.iter().any(is) {
        format!(
            "it is of the type {token_type}, which needs a proof with each request that tokctl does not make"
        )
    } else {
        format!(
            "it is of the type {token_type}, which tokctl does not know; where its service takes it as a bearer's, set \
             bearer_token_types = [{token_type:?}] in the profile"
        )
    })
}

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

#[cfg(test)]
mod tests {
    use super::unusable;

    #[test]
    fn a_type_is_a_bearer_s_by_its_name_or_by_the_profile_s_word_alone() {
        let also = ["bot".to_owned()];
        for good in ["Bearer", "bearer", "BEARER", "BearerToken", "bot", "Bot"] {
            assert_eq!(unusable(good, &also), None, "{good}");
        }
        for bad in ["bearer ", "user", "MAC", "dpop", "N_A", "example"] {
            assert!(unusable(bad, &also).is_some(), "{bad}");
        }
        assert!(unusable("dpop", &[]).is_some_and(|why| why.contains("proof")));
        assert!(
            unusable("bot", &[]).is_some_and(|why| why.contains("bearer_token_types = [\"bot\"]"))
        );
    }
}
