//! What tells one profile's tokens from another's: by whom they were issued, and for what.

use super::{EndpointKind, Grant, Profile, SecretSource, TokenKind};
use crate::hash::hash;
use crate::http::Endpoint;

impl Profile {
    /// A hash of the keys that a stored token must not outlive: what it was issued by and to whom.
    pub fn binding(&self) -> String {
        let server = self.server.url(EndpointKind::Token);
        let server = server.or_else(|| self.server.issuer()).unwrap_or_default();
        let mut parts = vec!["binding-1", server, &self.client.id, self.grant.name()];
        // A refresh token must not go to another place than the one it was for.
        parts.extend(self.quirks.refresh_endpoint.as_ref().map(Endpoint::as_str));
        // Tokens may be bound to the certificate (RFC 8705 section 3).
        let certificate = self.client.certificate.as_ref();
        let certificate = certificate.map(|file| file.display().to_string());
        if let Some(certificate) = &certificate {
            parts.extend(["certificate", certificate]);
        }
        // What else a token of these grants depends on: who signs and for whom, or whose token is given.
        let more = match self.grant {
            Grant::JwtBearer => {
                let key = self.client.key.as_ref().map(SecretSource::stable_name);
                let claims = serde_json::json!(self.assertion).to_string();
                vec!["assertion".to_owned(), claims, key.unwrap_or_default()]
            }
            Grant::TokenExchange => self.exchange.stable_name().to_vec(),
            Grant::ClientCredentials | Grant::Login(_) => Vec::new(),
        };
        parts.extend(more.iter().map(String::as_str));
        hash(&parts)
    }

    /// A hash of what is asked for: tokens of one profile for other scopes, audiences or resources
    /// are kept apart.
    pub fn variant(&self) -> String {
        self.variant_of(self.request.kind)
    }

    /// Whether a caller asks for more than another kind of the profile's own token: for another scope,
    /// audience or resource.
    pub fn asks_beyond(&self) -> bool {
        let kinds = [TokenKind::Access, TokenKind::Id];
        let own = self.own_variant.as_ref();
        own.is_some_and(|own| kinds.iter().all(|kind| self.variant_of(*kind) != *own))
    }

    /// The same for either of the grant's tokens.
    pub fn variant_of(&self, kind: TokenKind) -> String {
        let mut scope = self.request.scope.clone();
        scope.sort();
        scope.dedup();
        let kind = if kind == TokenKind::Id {
            "id"
        } else {
            "access"
        };
        let mut parts = vec![
            "variant-1",
            kind,
            self.request.audience.as_deref().unwrap_or_default(),
            "scope",
        ];
        parts.extend(scope.iter().map(String::as_str));
        parts.push("resource");
        parts.extend(self.request.resource.iter().map(String::as_str));
        let always = self
            .request
            .token_params
            .always
            .iter()
            .map(|(key, value)| ("", key, value));
        let by_grant = self
            .request
            .token_params
            .by_grant
            .iter()
            .flat_map(|(grant, params)| {
                params
                    .iter()
                    .map(move |(key, value)| (grant.as_str(), key, value))
            });
        for (grant, key, value) in always.chain(by_grant) {
            parts.extend(["param", grant, key, value]);
        }
        hash(&parts)
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{BASE, profile};

    #[test]
    fn each_key_that_shapes_a_token_gives_another_variant() {
        let plain = profile(BASE).variant();
        for more in [
            "scope = \"a\"",
            "audience = \"a\"",
            "resource = \"https://a\"",
            "token_params = { a = 1 }",
            "token_params = { client_credentials = { a = 1 } }",
            "token = \"id\"",
        ] {
            assert_ne!(profile(&format!("{BASE}{more}")).variant(), plain, "{more}");
        }
        let (one, two) = ("scope = [\"a\", \"b\"]", "scope = \"b a\"");
        assert_eq!(
            profile(&format!("{BASE}{one}")).variant(),
            profile(&format!("{BASE}{two}")).variant()
        );
    }

    #[test]
    fn another_server_client_or_grant_gives_another_binding() {
        let plain = profile(BASE).binding();
        for (from, to) in [("https://s/t", "https://s/u"), ("\"c\"", "\"d\"")] {
            assert_ne!(profile(&BASE.replace(from, to)).binding(), plain, "{to}");
        }
        assert_ne!(
            profile(&format!("{BASE}grant = \"device_code\"")).binding(),
            plain
        );
    }
}
