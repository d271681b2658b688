//! How a profile's token is sent to the service's own API: the base of its URLs, the header that holds
//! the token, and headers that the service wants beside it.

use super::fields::Fields;
use super::vars::Vars;
use crate::http::Endpoint;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of a service's API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Api {
    /// What a URL without a host begins with.
    pub url: Option<Endpoint>,
    header: String,
    scheme: Option<String>,
    extra: BTreeMap<String, String>,
}

impl Api {
    /// From the keys `api_header`, `api_scheme` and `api_headers`, whose values may name the client and
    /// the profile's variables in braces.
    pub(super) fn take(values: &mut Fields, vars: &Vars, client_id: &str) -> Result<Self, String> {
        let header = values.text("api_header");
        // Another header than Authorization holds the bare token, unless a scheme is set (RFC 9110
        // section 11.4 gives a scheme to Authorization only).
        let usual = header
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case("authorization"))
            .then(|| "Bearer".to_owned());
        let mut extra = BTreeMap::new();
        for (name, value) in values.params("api_headers").always {
            let value = filled(&value, &vars.set, client_id)
                .map_err(|why| format!("api_headers: {why}"))?;
            extra.insert(name, value);
        }
        Ok(Self {
            url: values.endpoint("api_url", vars)?,
            header: header.unwrap_or_else(|| "Authorization".to_owned()),
            scheme: values.text("api_scheme").or(usual),
            extra,
        })
    }

    /// The name of the header that holds the token.
    pub fn holder(&self) -> &str {
        &self.header
    }

    /// The headers of a request with this token, the one that holds it first.
    pub fn headers(&self, token: &Secret) -> Vec<(String, Secret)> {
        let value = match &self.scheme {
            Some(scheme) => Secret::new(format!("{scheme} {}", token.expose())),
            None => token.clone(),
        };
        let extra = self
            .extra
            .iter()
            .map(|(name, value)| (name.clone(), Secret::new(value.clone())));
        [(self.header.clone(), value)]
            .into_iter()
            .chain(extra)
            .collect()
    }
}

impl Default for Api {
    /// RFC 6750 section 2.1.
    fn default() -> Self {
        Self {
            url: None,
            header: "Authorization".to_owned(),
            scheme: Some("Bearer".to_owned()),
            extra: BTreeMap::new(),
        }
    }
}

/// A header's value with `{client_id}` and variables filled in.
fn filled(text: &str, vars: &BTreeMap<String, String>, client_id: &str) -> Result<String, String> {
    let mut value = text.replace("{client_id}", client_id);
    for (name, with) in vars {
        value = value.replace(&format!("{{{name}}}"), with);
    }
    if value.contains('{') {
        return Err(format!("{value:?} has a variable that vars does not set"));
    }
    if value.chars().any(|c| c != ' ' && !c.is_ascii_graphic()) {
        return Err(format!(
            "{value:?} has characters that a header cannot have"
        ));
    }
    Ok(value)
}
