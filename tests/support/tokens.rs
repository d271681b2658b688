//! An authorization server in small, for [`Server`].
//!
//! Nothing but the standard library and `server.rs`, its sibling: an example includes both.
#![allow(dead_code, reason = "each includer takes what it needs")]

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::server::{Reply, Request, Server};

impl Server {
    /// A server that behaves: see [`Tokens`].
    pub fn tokens(expires_in: u64) -> Self {
        let tokens = Tokens::new(expires_in);
        Self::start(move |request| tokens.answer(request))
    }
}

/// Access tokens `at-1`, `at-2`…, refresh tokens `rt-1`, `rt-2`… in one family.
///
/// `POST` is a token endpoint on every path. Client credentials get an access token; an
/// authorization code or device code, whatever it is, starts a new family; `rt-1` is good from the
/// start. A refresh token is good once: one that is spent gets `invalid_grant` and revokes the
/// family with its access tokens (RFC 9700 section 4.14.2). `GET` is a protected resource on every
/// path: 200 with an access token that is good, else 401.
pub struct Tokens {
    expires_in: u64,
    state: Mutex<TokenState>,
}

struct TokenState {
    access_tokens: u64,
    refresh_tokens: u64,
    /// The one refresh token that is good.
    current: Option<String>,
    spent: BTreeSet<String>,
    good: BTreeSet<String>,
}

impl Tokens {
    pub fn new(expires_in: u64) -> Self {
        let state = TokenState {
            access_tokens: 0,
            refresh_tokens: 1,
            current: Some("rt-1".to_owned()),
            spent: BTreeSet::new(),
            good: BTreeSet::new(),
        };
        Self {
            expires_in,
            state: Mutex::new(state),
        }
    }

    pub fn answer(&self, request: &Request) -> Reply {
        let mut state = self.state();
        if request.method != "POST" {
            return state.resource(request);
        }
        let form = request.form();
        let field = |name| form.get(name).map_or("", String::as_str);
        let refresh_token = match field("grant_type") {
            "client_credentials"
            | "urn:ietf:params:oauth:grant-type:jwt-bearer"
            | "urn:ietf:params:oauth:grant-type:token-exchange" => None,
            "authorization_code" | "urn:ietf:params:oauth:grant-type:device_code" => {
                Some(state.rotated())
            }
            "refresh_token" if state.current.as_deref() == Some(field("refresh_token")) => {
                Some(state.rotated())
            }
            "refresh_token" => {
                if state.spent.contains(field("refresh_token")) {
                    state.revoke();
                }
                return Reply::error("invalid_grant");
            }
            _ => return Reply::error("unsupported_grant_type"),
        };
        state.issued(self.expires_in, refresh_token.as_deref())
    }

    /// Revokes the family with its access tokens, without telling anyone.
    pub fn revoke(&self) {
        self.state().revoke();
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenState {
    fn rotated(&mut self) -> String {
        self.refresh_tokens += 1;
        let next = format!("rt-{}", self.refresh_tokens);
        self.spent.extend(self.current.replace(next.clone()));
        next
    }

    fn revoke(&mut self) {
        self.spent.extend(self.current.take());
        self.good.clear();
    }

    fn issued(&mut self, expires_in: u64, refresh_token: Option<&str>) -> Reply {
        self.access_tokens += 1;
        let token = format!("at-{}", self.access_tokens);
        let refresh_token = refresh_token
            .map(|token| format!(r#","refresh_token":"{token}""#))
            .unwrap_or_default();
        let body = format!(
            r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in}{refresh_token}}}"#
        );
        self.good.insert(token);
        Reply::json(200, body).header("cache-control", "no-store")
    }

    fn resource(&self, request: &Request) -> Reply {
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        match token {
            Some(token) if self.good.contains(token) => Reply::json(200, r#"{"ok":true}"#),
            Some(_) => Reply::json(401, r#"{"error":"invalid_token"}"#)
                .header("www-authenticate", r#"Bearer error="invalid_token""#),
            None => Reply::json(401, "{}").header("www-authenticate", "Bearer"),
        }
    }
}
