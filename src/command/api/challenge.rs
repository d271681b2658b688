//! What a service says against a token in `WWW-Authenticate` (RFC 6750 section 3).

use crate::http::Incoming;

/// A challenge, as far as it is about a token.
#[derive(Debug, Default)]
pub struct Challenge {
    pub error: Option<String>,
    pub scope: Option<String>,
}

impl Challenge {
    /// The first challenge that names an error, of any scheme.
    pub fn of(incoming: &Incoming) -> Self {
        incoming
            .head
            .all("www-authenticate")
            .map(Self::parse)
            .find(|challenge| challenge.error.is_some())
            .unwrap_or_default()
    }

    /// Reads one header field; what is not in the form of RFC 9110 section 11.6.1 says nothing.
    pub fn parse(field: &str) -> Self {
        for challenge in http_auth::ChallengeParser::new(field).map_while(std::result::Result::ok) {
            let find = |name: &str| {
                let found = challenge
                    .params
                    .iter()
                    .find(|(own, _)| own.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if let Some(error) = find("error") {
                return Self {
                    error: Some(error),
                    scope: find("scope"),
                };
            }
        }
        Self::default()
    }

    /// Whether the token itself is what a 401 refuses: it is where nothing else is said (section 3.1).
    pub fn refuses_token(&self) -> bool {
        !matches!(
            self.error.as_deref(),
            Some("insufficient_scope" | "invalid_request")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn a_challenge_is_found_among_others() {
        for (field, error, scope) in [
            (
                r#"Bearer error="invalid_token""#,
                Some("invalid_token"),
                None,
            ),
            (
                r#"Basic realm="a, b", Bearer realm="x", error="insufficient_scope", scope="r w""#,
                Some("insufficient_scope"),
                Some("r w"),
            ),
            ("bearer ERROR=invalid_token", Some("invalid_token"), None),
            ("Bearer", None, None),
            ("", None, None),
            (r#"Bearer error="inv"#, None, None),
        ] {
            let challenge = Challenge::parse(field);
            assert_eq!(
                (challenge.error.as_deref(), challenge.scope.as_deref()),
                (error, scope),
                "{field}"
            );
        }
    }
}
