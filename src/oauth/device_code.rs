//! The device grant (RFC 8628): a code for the person, and patience until it is used.

use super::form::Form;
use super::{Cause, Client, Connection, Refused, TokenRequest, reply};
use crate::clock::{Deadline, Epoch};
use crate::error::Error;
use crate::http::Endpoint;
use crate::profile::Profile;
use crate::secret::Secret;
use reply::Granted;
use serde_json::Value;
use std::time::Duration;

/// Without an interval this one counts (RFC 8628 section 3.2), and `slow_down` adds as much.
const INTERVAL: Duration = Duration::from_secs(5);

/// A server that asks for longer pauses would let the code expire.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// A code lives this long where the server does not say it, and no longer than a day.
const USUAL_LIFE: u64 = 600;
const LONGEST_LIFE: u64 = 24 * 3600;

/// One poll may take this long.
const LIMIT: Duration = Duration::from_secs(30);

/// What the server gave for the person and for us.
pub struct Device {
    code: Secret,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: Option<String>,
    interval: Duration,
    pub expires_in: Duration,
}

/// Asks for a device code.
pub fn start(client: Client<'_>, endpoint: &Endpoint, limit: Duration) -> Result<Device, Refused> {
    let connection = client.connect(endpoint).map_err(Refused::unsent)?;
    let answer = connection.post(parameters(client.profile), limit)?;
    let secrets = answer.secrets();
    let value = reply::parse(&answer.reply.content_type, &answer.reply.body);
    let said_no = reply::refusal(&value, &secrets).error.is_some();
    match Device::read(&value, &secrets) {
        Some(device) if (200..300).contains(&answer.reply.status) && !said_no => Ok(device),
        _ => Err(answer.refusal(&connection, None, &value)),
    }
}

impl Device {
    /// Takes what the server gave; `None` where the person or the polling would lack something.
    pub fn read(value: &Value, secrets: &[&Secret]) -> Option<Self> {
        let text = |name: &str| {
            let found = crate::text::clean(value[name].as_str()?, 2000, secrets);
            Some(found).filter(|text| !text.is_empty())
        };
        let url = |name: &str| {
            text(name)
                .filter(|url| Endpoint::parse(url.split('#').next().unwrap_or_default()).is_ok())
        };
        let code = value["device_code"].as_str();
        Some(Self {
            code: Secret::new(code.filter(|code| !code.is_empty())?.to_owned()),
            user_code: text("user_code")?,
            // Google wrote it the other way before the RFC.
            verification_uri: url("verification_uri").or_else(|| url("verification_url"))?,
            verification_uri_complete: url("verification_uri_complete"),
            interval: seconds(&value["interval"])
                .filter(|s| (1..=3600).contains(s))
                .map_or(INTERVAL, Duration::from_secs),
            expires_in: Duration::from_secs(
                seconds(&value["expires_in"])
                    .filter(|s| *s > 0)
                    .unwrap_or(USUAL_LIFE)
                    .min(LONGEST_LIFE),
            ),
        })
    }
}

/// A number of seconds in any shape that means one.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in bounds"
        )]
        number => number
            .as_f64()
            .filter(|n| (0.0..1e9).contains(n))
            .map(|n| n as u64),
    }
}

/// What is asked for (RFC 8628 section 3.1).
fn parameters(profile: &Profile) -> Form {
    let mut form = Form::default();
    let scope = profile.login_scope();
    if !scope.is_empty() {
        let name = profile.quirks.device_scope_param.as_deref();
        form.push(name.unwrap_or("scope"), &scope);
    }
    if let Some(audience) = &profile.request.audience {
        form.push("audience", audience);
    }
    for resource in &profile.request.resource {
        form.push("resource", resource);
    }
    for (name, value) in profile.request.authorization_params.of("device_code") {
        form.push(name, value);
    }
    form.with_id(profile)
}

/// Asks until the person has decided, or the code has expired.
pub fn poll(connection: &Connection<'_>, device: &Device) -> Result<(Granted, Epoch), Error> {
    let profile = connection.client.profile;
    let deadline = Deadline::after(device.expires_in);
    let mut interval = device.interval;
    loop {
        std::thread::sleep(interval.min(deadline.left()));
        if deadline.passed() {
            return Err(expired(profile));
        }
        let limit = LIMIT.min(deadline.left().max(Duration::from_secs(1)));
        let what = TokenRequest::DeviceCode(&device.code);
        let refused = match connection.ask(what, limit) {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        match refused.error.oauth_code.as_deref() {
            Some("authorization_pending") => continue,
            // For good, not for once; some servers say the new interval (GitHub).
            Some("slow_down") => {
                let said = match refused.cause {
                    Cause::Busy { retry_after } => retry_after.unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                interval = (interval + INTERVAL).max(said.min(LONGEST_INTERVAL));
                continue;
            }
            Some("expired_token") => return Err(expired(profile)),
            _ => {}
        }
        match refused.cause {
            // A server that is away for a moment does not end a login (RFC 8628 section 3.5).
            Cause::Busy { retry_after } => {
                interval = (interval * 2)
                    .max(retry_after.unwrap_or_default())
                    .min(LONGEST_INTERVAL);
            }
            Cause::NoAnswer { retry: true, .. }
            | Cause::Unreadable { retry: true }
            | Cause::NotOauth => {
                interval = (interval * 2).min(LONGEST_INTERVAL);
            }
            _ => return Err(refused.error),
        }
    }
}

fn expired(profile: &Profile) -> Error {
    profile
        .login_required("the code expired before it was used")
        .of(&profile.name)
}
