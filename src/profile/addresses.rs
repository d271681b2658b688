//! A profile's addresses, with its variables in them: each safe to send secrets to.

use super::fields::Fields;
use super::vars::Vars;
use crate::http::Endpoint;

/// Where a profile's server and service are, as far as the profile says it.
pub struct Addresses {
    pub issuer: Option<String>,
    pub token: Option<String>,
    pub authorization: Option<String>,
    pub device_authorization: Option<String>,
    pub refresh: Option<String>,
    pub revocation: Option<String>,
    pub pushed_authorization_request: Option<String>,
    pub api: Option<String>,
    pub hosts: Vec<String>,
}

impl Addresses {
    /// Takes the keys out. The error names the key.
    pub fn take(values: &mut Fields, vars: &Vars) -> Result<Self, String> {
        let mut endpoint = |key: &str| -> Result<Option<String>, String> {
            let Some(text) = values.text(key) else {
                return Ok(None);
            };
            let url = vars.fill(&text);
            let url = url.and_then(|url| Endpoint::parse(&url).map(|_| url));
            url.map(Some).map_err(|why| format!("{key}: {why}"))
        };
        let addresses = Self {
            issuer: endpoint("issuer")?,
            token: endpoint("token_endpoint")?,
            authorization: endpoint("authorization_endpoint")?,
            device_authorization: endpoint("device_authorization_endpoint")?,
            refresh: endpoint("refresh_endpoint")?,
            revocation: endpoint("revocation_endpoint")?,
            pushed_authorization_request: endpoint("pushed_authorization_request_endpoint")?,
            api: endpoint("api_url")?,
            hosts: hosts(values, vars)?,
        };
        if addresses.token.is_none() && addresses.issuer.is_none() {
            return Err("has neither token_endpoint nor issuer".to_owned());
        }
        Ok(addresses)
    }
}

fn hosts(values: &mut Fields, vars: &Vars) -> Result<Vec<String>, String> {
    let hosts = values.texts("hosts");
    let filled = hosts.iter().map(|host| {
        let host = vars.fill(host)?;
        Endpoint::parse_origin(&host).map(|_| host)
    });
    let filled: Result<_, String> = filled.collect();
    filled.map_err(|why| format!("hosts: {why}"))
}
