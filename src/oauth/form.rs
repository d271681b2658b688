//! The parameters of a request, as a form or as JSON.

use crate::profile::{ClientAuth, Profile};
use crate::secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What form encoding leaves alone (WHATWG URL, "application/x-www-form-urlencoded").
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

/// Form-encodes with `%20` for a space, which every server reads; some refuse `+`.
pub fn form_encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(utf8_percent_encode(text, FORM).to_string())
}

/// The parameters of a request as they are collected, secrets among them.
#[derive(Default)]
pub struct Form {
    pairs: Vec<(String, Zeroizing<String>)>,
    /// What a server must not get printed by repeating it.
    secrets: Vec<Secret>,
}

impl Form {
    /// Adds a parameter.
    pub fn push(&mut self, name: &str, value: &str) {
        let value = Zeroizing::new(value.to_owned());
        self.pairs.push((name.to_owned(), value));
    }

    /// Adds a parameter that is a secret.
    pub fn push_secret(&mut self, name: &str, value: &Secret) {
        self.push(name, value.expose());
        self.secrets.push(value.clone());
    }

    /// The same for an endpoint where the client is named in the body beside its authentication (RFC
    /// 8628 section 3.1, RFC 9126 section 2.1).
    pub fn with_id(mut self, profile: &Profile) -> Self {
        if matches!(
            profile.client.auth,
            ClientAuth::Basic | ClientAuth::BasicRaw
        ) {
            self.push("client_id", &profile.client.id);
        }
        self
    }

    /// The parameters under the names that a server has for them.
    pub fn renamed(mut self, names: &BTreeMap<String, String>) -> Self {
        for (name, _) in &mut self.pairs {
            if let Some(other) = names.get(name) {
                name.clone_from(other);
            }
        }
        self
    }

    /// The body to send, or the query of an address.
    pub fn into_body(self) -> Secret {
        let mut body = String::new();
        for (name, value) in &self.pairs {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(&form_encode(name));
            body.push('=');
            body.push_str(&form_encode(value));
        }
        Secret::new(body)
    }

    /// The same as a JSON object of strings; a name that comes more than once has a list of them.
    pub fn into_json(self) -> Secret {
        let quoted = |text: &str| {
            let text = serde_json::to_string(text).expect("a string always serializes");
            Zeroizing::new(text)
        };
        let mut members: BTreeMap<&str, Vec<Zeroizing<String>>> = BTreeMap::new();
        for (name, value) in &self.pairs {
            members.entry(name).or_default().push(quoted(value));
        }
        let mut body = String::from("{");
        for (name, values) in members {
            if body.len() > 1 {
                body.push(',');
            }
            body.push_str(&quoted(name));
            body.push(':');
            match &values[..] {
                [one] => body.push_str(one),
                many => {
                    let all: Vec<&str> = many.iter().map(|value| value.as_str()).collect();
                    body.push_str(&format!("[{}]", all.join(",")));
                }
            }
        }
        body.push('}');
        Secret::new(body)
    }

    /// Keeps a secret that goes in a header out of what a server repeats.
    pub fn keep_out(&mut self, secret: &Secret) {
        self.secrets.push(secret.clone());
    }

    /// The secrets among the parameters.
    pub fn secrets(&self) -> Vec<Secret> {
        self.secrets.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_encodes_what_servers_would_misread() {
        let mut form = Form::default();
        form.push("a b", "p@:ss%41+w rd&x=y/?#\"'\\~é");
        let body = form.into_body();
        assert_eq!(
            body.expose(),
            "a%20b=p%40%3Ass%2541%2Bw%20rd%26x%3Dy%2F%3F%23%22%27%5C%7E%C3%A9"
        );
    }

    #[test]
    fn a_json_body_has_a_list_for_a_name_that_comes_twice() {
        let mut form = Form::default();
        for (name, value) in [("b", "1"), ("a", "q\"\n"), ("b", "2")] {
            form.push(name, value);
        }
        let body = form.into_json();
        assert_eq!(body.expose(), r#"{"a":"q\"\n","b":["1","2"]}"#);
    }
}
